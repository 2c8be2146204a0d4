import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Address,
  AddressRegister,
  isLimitedBroadcast,
  isLinkLocal,
  isLoopback,
  isMulticast,
  isUnspecified,
  sameAddress,
  writeAddress,
} from '../../../src/wire/address.ts';

/** Text that is nearly an address: the pieces of which addresses are made, in any order. */
const nearlyAddress = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ':',
        '::',
        '.',
        '0',
        '00',
        '255',
        '256',
        '1.2.3.4',
        'ffff',
        'FFFF',
        '12345',
        'g',
        '%',
        '%eth0',
        ' ',
      ),
      fc.nat(0xffff).map((group) => group.toString(16)),
      fc.nat(300).map(String),
    ),
    { maxLength: 18 },
  )
  .map((pieces) => pieces.join(''));

describe('address text', () => {
  it('agrees with node:net on what is an address', () => {
    const check = (text: string): void => {
      expect([text, Address.tryParse(text)?.family ?? 0]).toEqual([text, isIP(text)]);
    };
    fc.assert(fc.property(nearlyAddress, check), { numRuns: 3000 });
    fc.assert(fc.property(fc.ipV4(), check));
    fc.assert(fc.property(fc.ipV6(), check));
    fc.assert(fc.property(fc.ipV4Extended(), check));
    fc.assert(fc.property(fc.string(), check));
  });

  it.each([
    ['', '1', '1.2.3', '1.2.3.4.5', '01.2.3.4', '1.2.3.256', '1.2.3.-4', '1.2.3.4 ', '0x1.2.3.4', '1..2.3', '１.2.3.4'],
    [':', ':::', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '::1:2:3:4:5:6:7:8', '1:', ':1', '12345::', 'g::'],
    ['1.2.3.4::', '::1.2.3.4:5', '::1.2.3', '::01.2.3.4', '1:2:3:4:5:6:7:1.2.3.4', 'fe80::1%', 'fe80::1%a%b', '::%/'],
    ['1.2.3.4%eth0', '[::1]', '::1/64', '10.0.0.1/24', ' ::1', `${'0'.repeat(60)}::`],
  ])('refuses what is none: %s, %s, …', (...texts) => {
    expect(texts.filter((text) => Address.tryParse(text) !== undefined)).toEqual([]);
  });

  // The examples of RFC 5952 §1, §2 and §4 and RFC 4291 §2.2.
  it.each([
    ['2001:0db8:0000:0000:0001:0000:0000:0001', '2001:db8::1:0:0:1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:DB8::1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
    ['FF01:0:0:0:0:0:0:101', 'ff01::101'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['0:0:0:0:0:FFFF:129.144.52.38', '::ffff:129.144.52.38'],
    ['::ffff:0102:0304', '::ffff:1.2.3.4'],
    ['::13.1.68.3', '::d01:4403'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['fe80::1%eth0', 'fe80::1%eth0'],
    ['255.255.255.255', '255.255.255.255'],
    ['0.0.0.0', '0.0.0.0'],
  ])('writes %s as %s', (text, canonical) => {
    expect(Address.parse(text).toString()).toBe(canonical);
    expect(`${Address.parse(canonical)}`).toBe(canonical);
  });

  it('writes the same IPv6 text as the URL parser, which implements the same rules', () => {
    const address = fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(address, (groups) => {
        fc.pre(groups[5] !== 0xffff);
        const text = groups.map((group) => group.toString(16)).join(':');
        expect(`[${Address.parse(text)}]`).toBe(new URL(`http://[${text}]/`).hostname);
      }),
      { numRuns: 500 },
    );
  });

  it('says what to do about a wrong text', () => {
    expect(() => Address.parse('10.0.0')).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARG_VALUE',
        message: "'10.0.0' is not an IP address: write it like 10.0.0.1",
      }),
    );
    expect(() => Address.parse('10.0.0.1/8')).toThrow('leave the prefix length out');
    expect(() => Reflect.apply(Address.parse, Address, [1])).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    );
  });
});

describe('address words', () => {
  it('keeps IPv4 in mapped form, told apart by its family', () => {
    const four = Address.parse('1.2.3.4');
    const mapped = Address.parse('::ffff:1.2.3.4');
    expect([four.a, four.b, four.c, four.d]).toEqual([0, 0, 0xffff, 0x01020304]);
    expect([mapped.a, mapped.b, mapped.c, mapped.d]).toEqual([0, 0, 0xffff, 0x01020304]);
    expect(four.equals(mapped)).toBe(false);
    expect(four.equals(Address.fromIpv4(0x01020304))).toBe(true);
  });

  it('takes an IPv4 number signed or unsigned', () => {
    expect(Address.fromIpv4(0xc0a80001).equals(Address.fromIpv4(0xc0a80001 | 0))).toBe(true);
    expect(Address.fromIpv4(0xc0a80001).d).toBe(0xc0a80001 | 0);
  });

  it('survives the way through bytes, registers and text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const address = Address.parse(text);
        const bytes = address.bytes();
        const view = new DataView(new ArrayBuffer(20));
        writeAddress(view, 3, address);
        expect(new Uint8Array(view.buffer, 3, bytes.byteLength)).toEqual(bytes);
        const register = new AddressRegister();
        if (address.family === 4) register.setIpv4(view.getUint32(3));
        else register.setIpv6(view, 3);
        for (const same of [Address.fromBytes(bytes), register.toAddress(), Address.parse(address.toString())]) {
          expect(sameAddress(same, address)).toBe(true);
        }
      }),
    );
  });

  it('refuses bytes of another length', () => {
    expect(() => Address.fromBytes(new Uint8Array(5))).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
    );
  });

  it('keeps what a register held when it was asked', () => {
    const register = new AddressRegister();
    register.set(Address.parse('fd00::1'));
    const kept = register.toAddress();
    register.set(Address.parse('10.0.0.1'));
    expect([`${kept}`, `${register}`]).toEqual(['fd00::1', '10.0.0.1']);
  });

  it('leaves the zone to the address it was given', () => {
    const address = Address.parse('fe80::1%eth0');
    expect(address.zone).toBe('eth0');
    expect(address.equals(Address.parse('fe80::1'))).toBe(true);
    expect(Address.fromWords(address)).toBe(address);
  });
});

describe('kinds of address', () => {
  const cases = [
    [isUnspecified, ['0.0.0.0', '::'], ['0.0.0.1', '::1', '::ffff:0.0.0.0', '1::']],
    [isLoopback, ['127.0.0.1', '127.255.255.255', '::1'], ['126.255.255.255', '128.0.0.0', '::2', '::', '1::1']],
    [isMulticast, ['224.0.0.0', '239.255.255.255', 'ff02::1'], ['223.255.255.255', '240.0.0.0', 'fe80::1']],
    [isLimitedBroadcast, ['255.255.255.255'], ['255.255.255.254', '::ffff:255.255.255.255']],
    [isLinkLocal, ['169.254.0.0', '169.254.255.255', 'fe80::', 'febf::1'], ['169.255.0.0', 'fec0::', 'fe7f::']],
  ] as const;

  it.each(cases)('%o', (kind, members, others) => {
    expect(members.filter((text) => !kind(Address.parse(text)))).toEqual([]);
    expect(others.filter((text) => kind(Address.parse(text)))).toEqual([]);
  });
});

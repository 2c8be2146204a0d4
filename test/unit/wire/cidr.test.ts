import { BlockList } from 'node:net';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Address } from '../../../src/wire/address.ts';
import { Cidr } from '../../../src/wire/cidr.ts';
import { MacAddress } from '../../../src/wire/mac.ts';

/** An address of a family, and a second one that shares some of its first bits. */
function neighbours(text: fc.Arbitrary<string>): fc.Arbitrary<[Address, Address]> {
  return fc.tuple(text, fc.nat(127), fc.boolean()).map(([one, flip, same]) => {
    const address = Address.parse(one);
    const bytes = address.bytes();
    const bit = flip % (8 * bytes.byteLength);
    if (!same) bytes[bit >> 3]! ^= 0x80 >> (bit & 7);
    return [address, Address.fromBytes(bytes)];
  });
}

describe('Cidr', () => {
  it('agrees with net.BlockList on what a network contains', () => {
    const pair = fc.oneof(neighbours(fc.ipV4()), neighbours(fc.ipV6()));
    fc.assert(
      fc.property(pair, fc.nat(128), ([address, other], length) => {
        const prefixLength = address.family === 4 ? length % 33 : length;
        const type = address.family === 4 ? 'ipv4' : 'ipv6';
        const list = new BlockList();
        list.addSubnet(`${address}`, prefixLength, type);
        const cidr = Cidr.parse(`${address}/${prefixLength}`);
        expect(cidr.contains(other)).toBe(list.check(`${other}`, type));
        expect(cidr.contains(cidr.address)).toBe(true);
        expect(cidr.contains(cidr.network)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['10.1.2.3/24', '10.1.2.0', '10.1.2.255'],
    ['10.1.2.3/0', '0.0.0.0', '255.255.255.255'],
    ['10.1.2.3/30', '10.1.2.0', '10.1.2.3'],
    ['10.1.2.3/31', '10.1.2.2', undefined],
    ['10.1.2.3/32', '10.1.2.3', undefined],
    ['fd00:1:2:3:4::5/64', 'fd00:1:2:3::', undefined],
    ['fd00::ffff/113', 'fd00::8000', undefined],
    ['::1/128', '::1', undefined],
    ['::1/0', '::', undefined],
  ])('%s is the network %s with broadcast %s', (text, network, broadcast) => {
    const cidr = Cidr.parse(text);
    expect(`${cidr}`).toBe(text);
    expect(`${cidr.network}`).toBe(network);
    expect(cidr.broadcast?.toString()).toBe(broadcast);
  });

  it('holds no address of the other family', () => {
    expect(Cidr.parse('0.0.0.0/0').contains(Address.parse('::ffff:1.2.3.4'))).toBe(false);
    expect(Cidr.parse('::/0').contains(Address.parse('1.2.3.4'))).toBe(false);
  });

  it.each(['', '/', '10.0.0.1/', '10.0.0.1/33', '10.0.0.1/-1', '10.0.0.1/08', '10.0.0.1/24/24', '::1/129', '10/8'])(
    'refuses %j',
    (text) => {
      expect(Cidr.tryParse(text)).toBeUndefined();
      expect(() => Cidr.parse(text)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
    },
  );

  it('is shown by Node as its text, and so are addresses', () => {
    const shown = inspect([
      Cidr.parse('10.0.0.2/24'),
      Address.parse('fe80::1%eth0'),
      MacAddress.parse('02:00:00:00:00:0a'),
    ]);
    expect(shown).toBe('[\n  Cidr 10.0.0.2/24,\n  Address fe80::1%eth0,\n  MacAddress 02:00:00:00:00:0a\n]');
  });

  it('says what to do about a wrong text or length', () => {
    expect(() => Cidr.parse('10.0.0.1')).toThrow('append the prefix length (/32 for this address alone)');
    expect(() => Cidr.parse('fd00::1')).toThrow('append the prefix length (/128 for this address alone)');
    expect(() => Cidr.parse('x/8')).toThrow('like 10.0.0.2/24');
    expect(() => Reflect.apply(Cidr.parse, Cidr, [24])).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    );
    expect(() => new Cidr(Address.parse('10.0.0.1'), 33)).toThrow(
      expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' }),
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Address } from '../../../src/wire/address.ts';
import { checkIpv4Options } from '../../../src/wire/ipv4-options.ts';
import * as ipv4 from '../../../src/wire/ipv4.ts';
import type { Ipv4Packet } from '../../../src/wire/ipv4.ts';
import { hex, ipv4Packet, viewOf } from '../../support/wire.ts';

const packet: Ipv4Packet = {
  trafficClass: 0xb8,
  identification: 0x1234,
  reservedFlag: false,
  dontFragment: true,
  moreFragments: false,
  fragmentOffset: 0,
  ttl: 64,
  protocol: 17,
  source: Address.parse('192.0.2.1'),
  destination: Address.parse('203.0.113.9'),
  options: new Uint8Array(0),
  payload: hex('aabbcc'),
};

/** A good datagram with one byte changed, its checksum made right again. */
function withByte(at: number, value: number): Uint8Array {
  const bytes = ipv4.formatIpv4(packet);
  bytes[at] = value;
  ipv4.writeIpv4Checksum(viewOf(bytes), 0, 20);
  return bytes;
}

describe('IPv4 header', () => {
  it('has its fields where RFC 791 §3.1 puts them', () => {
    const bytes = ipv4.formatIpv4(packet);
    expect(bytes).toEqual(hex('45b80017 12344000 4011 29df c0000201 cb007109 aabbcc'));
    expect(ipv4.parseIpv4(bytes)).toEqual(packet);
  });

  it('is written in place, at any offset, as the plain value is', () => {
    const { source, destination } = packet;
    const bytes = new Uint8Array(30).fill(0xee);
    ipv4.writeIpv4Header(viewOf(bytes), 3, source.d, destination.d, 17, 23, 64, 0xb8, 0x1234, true);
    expect(bytes.subarray(3, 23)).toEqual(ipv4.formatIpv4(packet).subarray(0, 20));
    expect([bytes[2], bytes[23]]).toEqual([0xee, 0xee]);
  });

  it('is read in place', () => {
    const bytes = ipv4.formatIpv4({ ...packet, moreFragments: true, fragmentOffset: 1480, options: hex('01010100') });
    const memory = new Uint8Array(50);
    memory.set(bytes, 5);
    const view = viewOf(memory);
    expect(ipv4.checkIpv4(view, 5, bytes.length)).toBeUndefined();
    expect(ipv4.ipv4HeaderLength(view, 5)).toBe(24);
    expect(ipv4.ipv4TotalLength(view, 5)).toBe(27);
    expect(ipv4.ipv4TrafficClass(view, 5)).toBe(0xb8);
    expect(ipv4.ipv4Identification(view, 5)).toBe(0x1234);
    expect(ipv4.ipv4DontFragment(view, 5)).toBe(true);
    expect(ipv4.ipv4MoreFragments(view, 5)).toBe(true);
    expect(ipv4.ipv4FragmentOffset(view, 5)).toBe(1480);
    expect(ipv4.ipv4IsFragment(view, 5)).toBe(true);
    expect(ipv4.ipv4Ttl(view, 5)).toBe(64);
    expect(ipv4.ipv4Protocol(view, 5)).toBe(17);
    expect(ipv4.ipv4Source(view, 5)).toBe(packet.source.d);
    expect(ipv4.ipv4Destination(view, 5)).toBe(packet.destination.d);
  });

  it('is that of a fragment when more follow or some came before', () => {
    const isFragment = (change: Partial<Ipv4Packet>): boolean =>
      ipv4.ipv4IsFragment(viewOf(ipv4.formatIpv4({ ...packet, ...change })), 0);
    expect(isFragment({ moreFragments: true })).toBe(true);
    expect(isFragment({ fragmentOffset: 8 })).toBe(true);
    expect(isFragment({ dontFragment: true, reservedFlag: true })).toBe(false);
  });

  it.each([
    ['ipv4-truncated', ipv4.formatIpv4(packet).subarray(0, 19)],
    ['ipv4-truncated', new Uint8Array(0)],
    ['ipv4-bad-version', withByte(0, 0x65)],
    ['ipv4-bad-version', withByte(0, 0x05)],
    ['ipv4-bad-header-length', withByte(0, 0x44)],
    ['ipv4-bad-header-length', withByte(0, 0x40)],
    ['ipv4-bad-header-length', withByte(0, 0x46)],
    ['ipv4-bad-total-length', withByte(3, 19)],
    ['ipv4-bad-total-length', withByte(3, 24)],
    ['ipv4-bad-total-length', withByte(2, 255)],
    ['ipv4-bad-checksum', ipv4.formatIpv4({ ...packet, checksum: 0x29de })],
  ])('[S-001] [S-004] [S-005] is refused: %s', (flaw, bytes) => {
    expect(ipv4.checkIpv4(viewOf(bytes), 0, bytes.length)).toBe(flaw);
    expect(ipv4.parseIpv4(bytes)).toBe(flaw);
  });

  it('passes with a wrong checksum when the link vouches for it', () => {
    const bytes = ipv4.formatIpv4({ ...packet, checksum: 0 });
    expect(ipv4.checkIpv4(viewOf(bytes), 0, bytes.length, false)).toBeUndefined();
  });

  it('[S-005] lets no single changed bit pass', () => {
    for (let bit = 0; bit < 160; bit++) {
      const bytes = ipv4.formatIpv4(packet);
      bytes[bit >> 3]! ^= 0x80 >> (bit & 7);
      expect(ipv4.parseIpv4(bytes), `bit ${bit}`).toBeTypeOf('string');
    }
  });

  it('ignores padding behind the total length', () => {
    const bytes = ipv4.formatIpv4(packet);
    expect(ipv4.parseIpv4(Uint8Array.from([...bytes, 1, 2, 3]))).toEqual(packet);
  });

  it('is the same after formatting and parsing, and after parsing and formatting', () => {
    fc.assert(
      fc.property(ipv4Packet, (value) => {
        const bytes = ipv4.formatIpv4(value);
        const parsed = ipv4.parseIpv4(bytes);
        expect(parsed).toEqual(value);
        if (typeof parsed !== 'string') expect(ipv4.formatIpv4(parsed)).toEqual(bytes);
      }),
    );
  });

  it.each([{ options: new Uint8Array(3) }, { options: new Uint8Array(44) }, { payload: new Uint8Array(65516) }])(
    'refuses to write what does not fit',
    (change) => {
      expect(() => ipv4.formatIpv4({ ...packet, ...change })).toThrow(
        expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' }),
      );
    },
  );
});

describe('IPv4 options', () => {
  const check = (text: string): string | undefined => {
    const bytes = hex(`ffff ${text} ffff`);
    return checkIpv4Options(viewOf(bytes), 2, bytes.length - 2);
  };

  it.each([
    ['none', ''],
    ['record route', '0707 0400 0000 0000'],
    ['timestamp', '4408 0500 0000 0000 0000 0000'],
    ['unknown ones', '9e02 df03 aa01'],
    ['end of options before anything', '0083 0003'],
    ['an empty option at the end', '0101 9e02'],
  ])('[S-002] passes %s', (_name, text) => {
    expect(check(text)).toBeUndefined();
  });

  it.each(['9e00 0000', '9e01 0000', '9e05 0000', '0101 019e', '4428 0500'])(
    '[S-002] finds the bad length of %s',
    (text) => {
      expect(check(text)).toBe('ipv4-bad-option-length');
    },
  );

  it.each([
    ['loose', '8307 0401 0203 0400'],
    ['strict', '0189 0704 0102 0304'],
  ])('[S-108] finds a %s source route', (_name, text) => {
    expect(check(text)).toBe('ipv4-source-route');
  });
});

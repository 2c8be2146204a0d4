import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Address } from '../../../src/wire/address.ts';
import { checkExtensions, ExtensionChain, skipExtensions } from '../../../src/wire/ipv6-extensions.ts';
import * as ipv6 from '../../../src/wire/ipv6.ts';
import type { Ipv6Packet } from '../../../src/wire/ipv6.ts';
import { hex, ipv6Packet, viewOf } from '../../support/wire.ts';

const NONE = new Uint8Array(0);
const packet: Ipv6Packet = {
  trafficClass: 0xb8,
  flowLabel: 0x12345,
  nextHeader: 17,
  hopLimit: 64,
  source: Address.parse('2001:db8::1'),
  destination: Address.parse('2001:db8::2'),
  extensions: NONE,
  protocol: 17,
  payload: hex('aabbcc'),
};

/** A packet with these extension headers, the first of the type given. */
function withExtensions(nextHeader: number, text: string, payload: Uint8Array = packet.payload): Uint8Array {
  return ipv6.formatIpv6({ ...packet, nextHeader, extensions: hex(text), payload });
}

/** What the walk through the extension headers says. */
function walk(bytes: Uint8Array): { flaw: string | undefined; chain: ExtensionChain } {
  const chain = new ExtensionChain();
  return { flaw: checkExtensions(viewOf(bytes), 0, bytes.length, chain), chain };
}

describe('IPv6 header', () => {
  it('has its fields where RFC 8200 §3 puts them', () => {
    const bytes = ipv6.formatIpv6(packet);
    expect(bytes).toEqual(
      hex('6b812345 0003 11 40 20010db8000000000000000000000001 20010db8000000000000000000000002 aabbcc'),
    );
    expect(ipv6.parseIpv6(bytes)).toEqual(packet);
  });

  it('is written in place and read in place, at any offset', () => {
    const memory = new Uint8Array(60).fill(0xee);
    const view = viewOf(memory);
    ipv6.writeIpv6Header(view, 5, packet.source, packet.destination, 17, 3, 64, 0xb8, 0x12345);
    expect(memory.subarray(5, 45)).toEqual(ipv6.formatIpv6(packet).subarray(0, 40));
    expect([memory[4], memory[45]]).toEqual([0xee, 0xee]);
    expect(ipv6.checkIpv6(view, 5, 43)).toBeUndefined();
    expect(ipv6.ipv6TrafficClass(view, 5)).toBe(0xb8);
    expect(ipv6.ipv6FlowLabel(view, 5)).toBe(0x12345);
    expect(ipv6.ipv6TotalLength(view, 5)).toBe(43);
    expect(ipv6.ipv6NextHeader(view, 5)).toBe(17);
    expect(ipv6.ipv6HopLimit(view, 5)).toBe(64);
    expect(Address.fromBytes(memory.subarray(ipv6.ipv6SourceAt(5), 29)).equals(packet.source)).toBe(true);
    expect(Address.fromBytes(memory.subarray(ipv6.ipv6DestinationAt(5), 45)).equals(packet.destination)).toBe(true);
  });

  it.each([
    ['ipv6-truncated', NONE],
    ['ipv6-truncated', ipv6.formatIpv6(packet).subarray(0, 39)],
    ['ipv6-bad-version', ipv6.formatIpv6(packet).map((byte, i) => (i === 0 ? 0x45 : byte))],
    ['ipv6-bad-payload-length', ipv6.formatIpv6(packet).subarray(0, 42)],
    ['ipv6-bad-payload-length', ipv6.formatIpv6(packet).map((byte, i) => (i === 4 ? 0xff : byte))],
  ])('[S-001] is refused: %s', (flaw, bytes) => {
    expect(ipv6.checkIpv6(viewOf(bytes), 0, bytes.length)).toBe(flaw);
    expect(ipv6.parseIpv6(bytes)).toBe(flaw);
  });

  it('ignores padding behind the payload length', () => {
    expect(ipv6.parseIpv6(Uint8Array.from([...ipv6.formatIpv6(packet), 1, 2, 3]))).toEqual(packet);
  });

  it('is the same after formatting and parsing, and after parsing and formatting', () => {
    fc.assert(
      fc.property(ipv6Packet, (value) => {
        const bytes = ipv6.formatIpv6(value);
        const parsed = ipv6.parseIpv6(bytes);
        expect(parsed).toEqual(value);
        if (typeof parsed !== 'string') expect(ipv6.formatIpv6(parsed)).toEqual(bytes);
      }),
    );
  });

  it('refuses to write what does not fit', () => {
    expect(() => ipv6.formatIpv6({ ...packet, payload: new Uint8Array(65_536) })).toThrow(
      expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' }),
    );
  });
});

describe('IPv6 extension headers', () => {
  it.each([
    ['none', 17, '', 6],
    ['hop-by-hop with PadN', 0, '1100 0104 00000000', 40],
    ['hop-by-hop with Pad1s', 0, '1100 000000000000', 40],
    ['hop-by-hop with an option that may be skipped', 0, '1100 0502 0000 0100', 40],
    ['destination options of 16 bytes', 60, '1101 010c 000000000000000000000000', 40],
    ['a routing header without segments left', 43, '1100 0000 00000000', 40],
    ['one of type 0 without segments left', 43, '1102 0000 00000000 20010db8000000000000000000000009', 40],
    ['an atomic fragment', 44, '1100 0000 12345678', 40],
    ['all of them in order', 0, '3c00 0104 00000000 2b00 0104 00000000 2c00 0000 00000000 1100 0000 00000001', 64],
  ])('[S-045] [S-050] reads %s', (_name, first, text, nextHeaderAt) => {
    const { flaw, chain } = walk(withExtensions(first, text));
    expect(flaw).toBeUndefined();
    expect([chain.protocol, chain.start, chain.nextHeaderAt]).toEqual([17, 40 + hex(text).length, nextHeaderAt]);
  });

  it('[S-044] tells an atomic fragment from one of several', () => {
    expect(walk(withExtensions(44, '1100 0000 12345678')).chain.atomic).toBe(true);
    for (const fragment of ['1100 0001 12345678', '1100 0008 12345678', '1100 fff8 12345678']) {
      const { flaw, chain } = walk(withExtensions(44, fragment));
      expect([flaw, chain.protocol, chain.start, chain.atomic]).toEqual([undefined, 44, 40, false]);
    }
  });

  it.each([
    ['a header that is cut off', 'ipv6-extension-truncated', 0, '1100 0104'],
    ['a header longer than the packet', 'ipv6-extension-truncated', 60, '1102 0104 00000000'],
    ['a fragment header that is cut off', 'ipv6-extension-truncated', 44, '1100'],
    ['an option longer than its header', 'ipv6-bad-option-length', 0, '1100 0105 00000000'],
    ['an option without a length', 'ipv6-bad-option-length', 0, '1100 0103 00000005'],
    ['an option that asks for silence', 'ipv6-unknown-option', 0, '1100 4504 00000000'],
    [
      'more headers than there can be',
      'ipv6-too-many-extensions',
      60,
      `${'3c00 0104 00000000'.repeat(8)} 1100 0104 00000000`,
    ],
  ])('[S-045] drops %s in silence', (_name, flaw, first, text) => {
    const found = walk(withExtensions(first, text, NONE));
    expect([found.flaw, found.chain.code]).toEqual([flaw, undefined]);
  });

  it.each([
    ['an option of type 10', 'ipv6-unknown-option', 0, '1100 000085020000', 2, 44, true],
    ['an option of type 11', 'ipv6-unknown-option', 60, '1100 0100 c5020000', 2, 44, false],
    ['the jumbo payload option', 'ipv6-unknown-option', 0, '1100 c204 00010000', 2, 42, false],
    [
      'hop-by-hop options elsewhere',
      'ipv6-hop-by-hop-misplaced',
      60,
      '0000 0104 00000000 1100 0104 00000000',
      1,
      40,
      false,
    ],
    ['segments left', 'ipv6-routing-header', 43, '1100 0401 00000000', 0, 42, false],
    [
      '[S-050] segments left in a routing header of type 0',
      'ipv6-routing-header',
      43,
      '1102 0001 00000000 20010db8000000000000000000000009',
      0,
      42,
      false,
    ],
  ])('[S-045] reports %s', (_name, flaw, first, text, code, pointer, tellGroups) => {
    const { flaw: found, chain } = walk(withExtensions(first, text));
    expect([found, chain.code, chain.pointer, chain.tellGroups]).toEqual([flaw, code, pointer, tellGroups]);
  });

  it('says nothing of the packet before', () => {
    const chain = new ExtensionChain();
    const bad = withExtensions(0, '1100 000085020000');
    const good = withExtensions(17, '');
    checkExtensions(viewOf(bad), 0, bad.length, chain);
    expect(checkExtensions(viewOf(good), 0, good.length, chain)).toBeUndefined();
    expect([chain.code, chain.tellGroups, chain.atomic]).toEqual([undefined, false, false]);
  });
});

describe('skipping extension headers', () => {
  const skipped = (bytes: Uint8Array): [protocol: number, start: number] => {
    const chain = new ExtensionChain();
    skipExtensions(viewOf(bytes), 0, bytes.length, chain);
    return [chain.protocol, chain.start];
  };

  it('passes over whatever they say', () => {
    expect(skipped(withExtensions(17, ''))).toEqual([17, 40]);
    expect(skipped(withExtensions(60, '0000 0104 00000000 2b00 c504 00000000 3a00 0001 00000000'))).toEqual([58, 64]);
    expect(skipped(withExtensions(44, '3a00 0001 00000000'))).toEqual([58, 48]);
  });

  it('finds nothing behind a later fragment, or beyond the end', () => {
    const later = withExtensions(44, '3a00 0009 00000000');
    expect(skipped(later)).toEqual([58, later.length]);
    const [protocol, start] = skipped(withExtensions(60, '3a05 0104 00000000', NONE));
    expect(protocol).toBe(58);
    expect(start).toBeGreaterThanOrEqual(48);
  });
});

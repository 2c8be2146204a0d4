import { describe, expect, it } from 'vitest';
import { Address } from '../../../src/wire/address.ts';
import {
  ethernetHeaderLength,
  EtherType,
  formatEthernet,
  FrameHeader,
  multicastMac,
  parseEthernet,
  readEthernet,
  writeEthernetHeader,
  writeTaggedHeader,
} from '../../../src/wire/ethernet.ts';
import type { EthernetFrame, VlanTag } from '../../../src/wire/ethernet.ts';
import { MacAddress } from '../../../src/wire/mac.ts';
import { viewOf } from '../../support/wire.ts';

const A = MacAddress.parse('02:00:00:00:00:0a');
const B = MacAddress.parse('02:00:00:00:00:0b');
const PAYLOAD = new Uint8Array([1, 2, 3, 4]);

function tag(id: number, changes: Partial<VlanTag> = {}): VlanTag {
  return { tpid: EtherType.VLAN, priority: 0, dropEligible: false, id, ...changes };
}

function frame(changes: Partial<EthernetFrame> = {}): EthernetFrame {
  return { destination: B, source: A, tags: [], type: EtherType.IPV4, payload: PAYLOAD, ...changes };
}

/** The bytes in hexadecimal. */
function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

describe('an Ethernet frame', () => {
  it.each([
    ['without a tag', frame(), '02000000000b02000000000a080001020304'],
    ['with a tag', frame({ tags: [tag(5)] }), '02000000000b02000000000a81000005080001020304'],
    [
      'with a priority tag',
      frame({ tags: [tag(0, { priority: 7, dropEligible: true })] }),
      '02000000000b02000000000a8100f000080001020304',
    ],
    [
      'with two tags',
      frame({ tags: [tag(4094, { tpid: EtherType.SERVICE_VLAN }), tag(1, { priority: 2 })], type: EtherType.IPV6 }),
      '02000000000b02000000000a88a80ffe8100400186dd01020304',
    ],
    ['of IEEE 802.3', frame({ type: 4 }), '02000000000b02000000000a000401020304'],
    ['without a payload', frame({ payload: new Uint8Array(0) }), '02000000000b02000000000a0800'],
  ])('%s is written and read', (_, value, bytes) => {
    expect(hex(formatEthernet(value))).toBe(bytes);
    expect(parseEthernet(formatEthernet(value))).toEqual(value);
    expect(ethernetHeaderLength(viewOf(formatEthernet(value)), 0, bytes.length / 2)).toBe(14 + 4 * value.tags.length);
  });

  it('is no frame when it is cut off in its header or a tag', () => {
    const bytes = formatEthernet(frame({ tags: [tag(1), tag(2)], payload: new Uint8Array(0) }));
    for (let length = 0; length < bytes.length; length++) {
      expect(parseEthernet(bytes.slice(0, length))).toBe('ethernet-truncated');
      expect(ethernetHeaderLength(viewOf(bytes.slice(0, length)), 0, length)).toBeLessThanOrEqual(length);
    }
    expect(parseEthernet(bytes)).toMatchObject({ type: EtherType.IPV4 });
  });

  it('has two tags at most', () => {
    expect(() => formatEthernet(frame({ tags: [tag(1), tag(2), tag(3)] }))).toThrow(RangeError);
    const inner = formatEthernet(frame({ tags: [tag(3)] })).subarray(12);
    const bytes = formatEthernet(frame({ tags: [tag(1), tag(2)], type: 0, payload: inner }));
    bytes.copyWithin(20, 22);
    expect(parseEthernet(bytes)).toBe('ethernet-too-many-tags');
  });

  it('is told by its header, at any place in memory', () => {
    const bytes = new Uint8Array(64);
    bytes.set(formatEthernet(frame({ tags: [tag(9, { tpid: EtherType.SERVICE_VLAN }), tag(3)] })), 7);
    const header = new FrameHeader();
    expect(readEthernet(viewOf(bytes), 7, 26, header)).toBeUndefined();
    expect(header).toMatchObject({
      tags: 2,
      outerVlan: 9,
      innerVlan: 3,
      type: EtherType.IPV4,
      start: 29,
      isLlc: false,
    });
    expect([String(header.destination), String(header.source)]).toEqual([B.toString(), A.toString()]);
    // Nothing of one frame stays behind for the next.
    bytes.set(formatEthernet(frame({ type: 0x05ff })), 7);
    readEthernet(viewOf(bytes), 7, 18, header);
    expect(header).toMatchObject({ tags: 0, outerVlan: 0, innerVlan: 0, type: 0x05ff, start: 21, isLlc: true });
  });

  it('gets its header in place', () => {
    const bytes = new Uint8Array(22);
    writeEthernetHeader(viewOf(bytes), 0, B, A, EtherType.ARP);
    expect(parseEthernet(bytes)).toMatchObject({ destination: B, source: A, tags: [], type: EtherType.ARP });
    writeTaggedHeader(viewOf(bytes), 0, B, A, 77, EtherType.ARP);
    expect(parseEthernet(bytes)).toMatchObject({ destination: B, source: A, tags: [tag(77)], type: EtherType.ARP });
  });
});

describe('the hardware address of a group', () => {
  it.each([
    ['224.0.0.1', '01:00:5e:00:00:01'],
    ['239.255.255.250', '01:00:5e:7f:ff:fa'],
    ['224.128.1.2', '01:00:5e:00:01:02'],
    ['ff02::1', '33:33:00:00:00:01'],
    ['ff02::1:ff28:9c5a', '33:33:ff:28:9c:5a'],
  ])('RFC 1112 §6.4, RFC 2464 §7: of %s is %s', (group, mac) => {
    expect(multicastMac(Address.parse(group)).toString()).toBe(mac);
  });
});

import { describe, expect, it } from 'vitest';
import { Address } from '../../../src/wire/address.ts';
import { ArpOperation, formatArp, parseArp } from '../../../src/wire/arp.ts';
import type { ArpMessage } from '../../../src/wire/arp.ts';
import { MacAddress, NO_MAC } from '../../../src/wire/mac.ts';

const REQUEST: ArpMessage = {
  operation: ArpOperation.REQUEST,
  senderMac: MacAddress.parse('02:00:00:00:00:0a'),
  senderAddress: Address.parse('10.0.0.1'),
  targetMac: NO_MAC,
  targetAddress: Address.parse('192.0.2.255'),
};

describe('an ARP message', () => {
  it('[S-051] RFC 826: is written field by field, and read again, with padding behind it', () => {
    const bytes = formatArp(REQUEST);
    const fields = [
      [0, 1, 8, 0, 6, 4, 0, 1],
      [2, 0, 0, 0, 0, 10, 10, 0, 0, 1],
      [0, 0, 0, 0, 0, 0, 192, 0, 2, 255],
    ];
    expect([...bytes]).toEqual(fields.flat());
    expect(parseArp(bytes)).toEqual(REQUEST);
    const padded = new Uint8Array(46);
    padded.set(formatArp({ ...REQUEST, operation: ArpOperation.REPLY }));
    expect(parseArp(padded)).toEqual({ ...REQUEST, operation: ArpOperation.REPLY });
  });

  it.each([
    ['arp-bad-hardware-type', 1, 2],
    ['arp-bad-hardware-type', 0, 1],
    ['arp-bad-protocol-type', 3, 6],
    ['arp-bad-address-length', 4, 8],
    ['arp-bad-address-length', 5, 16],
    ['arp-bad-operation', 7, 0],
    ['arp-bad-operation', 7, 3],
    ['arp-bad-operation', 6, 1],
  ])('is none: %s when byte %d is %d', (flaw, at, value) => {
    const bytes = formatArp(REQUEST);
    bytes[at] = value;
    expect(parseArp(bytes)).toBe(flaw);
  });

  it('takes the hardware type of IEEE 802 for Ethernet', () => {
    const bytes = formatArp(REQUEST);
    bytes[1] = 6;
    expect(parseArp(bytes)).toEqual(REQUEST);
  });

  it('is none when it is cut off', () => {
    for (let length = 0; length < 28; length++) {
      expect(parseArp(formatArp(REQUEST).subarray(0, length))).toBe('arp-truncated');
    }
  });
});

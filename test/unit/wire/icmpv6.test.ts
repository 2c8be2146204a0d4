import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Address } from '../../../src/wire/address.ts';
import { icmpCode, icmpIdentifier, icmpSequence, icmpType, writeIcmpHeader } from '../../../src/wire/icmp.ts';
import * as icmpv6 from '../../../src/wire/icmpv6.ts';
import { hex, icmpMessage, viewOf } from '../../support/wire.ts';

const [ONE, TWO] = [Address.parse('fe80::1'), Address.parse('fe80::2')];
const UDP_QUOTE =
  '60000000 0009 11 40 fd000000000000000000000000000001 fd000000000000000000000000000002 9c40000700090000';

describe('ICMPv6', () => {
  it('has its fields where RFC 4443 puts them, and a checksum over the pseudo header', () => {
    const echo = { type: icmpv6.Icmpv6Type.ECHO_REQUEST, code: 0, rest: 0x12340005, payload: hex('6162') };
    const bytes = icmpv6.formatIcmpv6(echo, ONE, TWO);
    // fe80 + 1 + fe80 + 2 + 10 + 58 + 8000 + 1234 + 5 + 6162, folded and complemented.
    expect(bytes).toEqual(hex('8000 0f1b 1234 0005 6162'));
    expect(icmpv6.parseIcmpv6(bytes, ONE, TWO)).toEqual(echo);
    const view = viewOf(bytes);
    expect([icmpType(view, 0), icmpCode(view, 0), icmpIdentifier(view, 0), icmpSequence(view, 0)]).toEqual([
      128, 0, 0x1234, 5,
    ]);
  });

  it('tells errors from information', () => {
    const { PACKET_TOO_BIG, ECHO_REQUEST } = icmpv6.Icmpv6Type;
    expect([0, PACKET_TOO_BIG, 127, ECHO_REQUEST, 255].map(icmpv6.isIcmpv6Error)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  it('tells the MTU of packet too big and the pointer of a parameter problem, 32 bits each', () => {
    for (const type of [icmpv6.Icmpv6Type.PACKET_TOO_BIG, icmpv6.Icmpv6Type.PARAMETER_PROBLEM]) {
      const message = { type, code: 0, rest: 0xfedcba98, payload: hex(UDP_QUOTE) };
      expect(icmpv6.icmpv6Rest(viewOf(icmpv6.formatIcmpv6(message, ONE, TWO)), 0)).toBe(0xfedcba98);
    }
  });

  it('is written in place at any offset', () => {
    const bytes = new Uint8Array(15);
    writeIcmpHeader(viewOf(bytes), 3, 129, 0, 0x12340005);
    bytes.set(hex('6162'), 11);
    icmpv6.writeIcmpv6Checksum(viewOf(bytes), 3, 10, ONE, TWO);
    const message = { type: 129, code: 0, rest: 0x12340005, payload: hex('6162') };
    expect(bytes.subarray(3, 13)).toEqual(icmpv6.formatIcmpv6(message, ONE, TWO));
  });

  it('is the same after formatting and parsing', () => {
    fc.assert(
      fc.property(icmpMessage, (message) => {
        expect(icmpv6.parseIcmpv6(icmpv6.formatIcmpv6(message, ONE, TWO), ONE, TWO)).toEqual(message);
      }),
    );
  });

  it('is refused: truncated, or with a bad checksum unless the link vouches for it', () => {
    expect(icmpv6.parseIcmpv6(new Uint8Array(7), ONE, TWO)).toBe('icmpv6-truncated');
    const bytes = icmpv6.formatIcmpv6({ type: 128, code: 0, rest: 1, payload: hex('61') }, ONE, TWO);
    // The same message between others: the addresses are covered.
    expect(icmpv6.parseIcmpv6(bytes, ONE, Address.parse('fe80::3'))).toBe('icmpv6-bad-checksum');
    expect(icmpv6.checkIcmpv6(viewOf(bytes), 0, bytes.length, ONE, Address.parse('fe80::3'), false)).toBeUndefined();
  });

  it('takes a quote of a header and 8 bytes, and no less', () => {
    const bytes = hex(UDP_QUOTE);
    expect(icmpv6.checkIcmpv6Quote(viewOf(bytes), 0, bytes.length)).toBeUndefined();
    expect(icmpv6.checkIcmpv6Quote(viewOf(bytes), 0, bytes.length - 1)).toBe('icmpv6-bad-quote');
    bytes[0] = 0x45;
    expect(icmpv6.checkIcmpv6Quote(viewOf(bytes), 0, bytes.length)).toBe('icmpv6-bad-quote');
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as icmp from '../../../src/wire/icmp.ts';
import { hex, icmpMessage, viewOf } from '../../support/wire.ts';

const UDP_QUOTE = '4500001d 00010000 40110000 0a000001 0a000002 9c40000700090000';

describe('ICMP', () => {
  it('has its fields where RFC 792 puts them', () => {
    const echo = { type: icmp.IcmpType.ECHO_REQUEST, code: 0, rest: 0x12340005, payload: hex('6162') };
    const bytes = icmp.formatIcmp(echo);
    expect(bytes).toEqual(hex('0800 8464 1234 0005 6162'));
    expect(icmp.parseIcmp(bytes)).toEqual(echo);
    const view = viewOf(bytes);
    expect(icmp.icmpType(view, 0)).toBe(8);
    expect(icmp.icmpCode(view, 0)).toBe(0);
    expect(icmp.icmpIdentifier(view, 0)).toBe(0x1234);
    expect(icmp.icmpSequence(view, 0)).toBe(5);
  });

  it('tells the MTU of fragmentation needed and the pointer of a parameter problem', () => {
    const message = { type: 3, code: icmp.IcmpUnreachable.FRAGMENTATION_NEEDED, rest: 1400, payload: hex(UDP_QUOTE) };
    expect(icmp.icmpMtu(viewOf(icmp.formatIcmp(message)), 0)).toBe(1400);
    expect(icmp.icmpPointer(viewOf(icmp.formatIcmp({ ...message, type: 12, code: 0, rest: 20 << 24 })), 0)).toBe(20);
  });

  it('is written in place at any offset', () => {
    const bytes = new Uint8Array(15);
    icmp.writeIcmpHeader(viewOf(bytes), 3, 0, 0, 0x12340005);
    bytes.set(hex('6162'), 11);
    icmp.writeIcmpChecksum(viewOf(bytes), 3, 10);
    expect(bytes.subarray(3, 13)).toEqual(
      icmp.formatIcmp({ type: 0, code: 0, rest: 0x12340005, payload: hex('6162') }),
    );
  });

  it('is the same after formatting and parsing', () => {
    fc.assert(
      fc.property(icmpMessage, (message) => {
        expect(icmp.parseIcmp(icmp.formatIcmp(message))).toEqual(message);
      }),
    );
  });

  it('is refused: truncated, or with a bad checksum unless the link vouches for it', () => {
    expect(icmp.parseIcmp(hex('0800f7ff000000'))).toBe('icmp-truncated');
    const bytes = icmp.formatIcmp({ type: 8, code: 0, rest: 1, payload: hex('61'), checksum: 1 });
    expect(icmp.parseIcmp(bytes)).toBe('icmp-bad-checksum');
    expect(icmp.checkIcmp(viewOf(bytes), 0, bytes.length, false)).toBeUndefined();
  });

  it('[S-012] takes a quote of a header and 8 bytes, cut off and with a changed checksum', () => {
    const bytes = hex(UDP_QUOTE);
    expect(icmp.checkIcmpQuote(viewOf(bytes), 0, bytes.length)).toBeUndefined();
  });

  it.each([
    ['too short for a header', UDP_QUOTE.slice(0, 40)],
    ['without the ports', UDP_QUOTE.slice(0, -2)],
    ['of another version', `6${UDP_QUOTE.slice(1)}`],
    ['with a header that is too short', `44${UDP_QUOTE.slice(2)}`],
    ['with options that are cut off', `46${UDP_QUOTE.slice(2)}`],
  ])('[S-012] refuses a quote %s', (_name, text) => {
    const bytes = hex(text);
    expect(icmp.checkIcmpQuote(viewOf(bytes), 0, bytes.length)).toBe('icmp-bad-quote');
  });
});

import { describe, expect, it } from 'vitest';
import { checkIpv4, ipv4HeaderLength, writeIpv4Header } from '../../../src/wire/ipv4.ts';
import {
  hasIpv4RouterAlert,
  hasIpv6RouterAlert,
  writeIpv4RouterAlert,
  writeIpv6RouterAlert,
} from '../../../src/wire/router-alert.ts';
import { hex, viewOf } from '../../support/wire.ts';

describe('the router alert option of IPv4', () => {
  it('[S-022] RFC 2113 §2.1: stands in the header, which stays sound', () => {
    const bytes = new Uint8Array(32).fill(0xff);
    const view = viewOf(bytes);
    writeIpv4Header(view, 0, 1, 2, 2, 32, 1, 0xc0, 0, true);
    writeIpv4RouterAlert(view, 0);
    expect([checkIpv4(view, 0, 32), ipv4HeaderLength(view, 0)]).toEqual([undefined, 24]);
    expect(bytes.subarray(20, 24)).toEqual(hex('94040000'));
    expect(hasIpv4RouterAlert(view, 20, 24)).toBe(true);
  });

  it.each([
    [true, '01 94040000 000000'],
    [true, '8204aaaa 94040000'],
    [false, ''],
    [false, '01010101'],
    [false, '00 04 0000 94040000'],
    [false, '8206 9404 0000 0000'],
    [false, '9406 00000000 0000'],
  ])('%s: %s', (found, text) => {
    const bytes = hex(text);
    expect(hasIpv4RouterAlert(viewOf(bytes), 0, bytes.length)).toBe(found);
  });
});

describe('the router alert option of IPv6', () => {
  it('[S-022] RFC 2711 §2.1: stands in a hop-by-hop header', () => {
    const bytes = new Uint8Array(48);
    bytes[6] = 0;
    writeIpv6RouterAlert(viewOf(bytes), 40);
    expect(bytes.subarray(40)).toEqual(hex('3a00 05020000 0100'));
    expect(hasIpv6RouterAlert(viewOf(bytes), 0)).toBe(true);
  });

  it.each([
    [true, '3a00 0100 05020000'],
    [true, '3a01 0000 00 00 0000 05020000 01020000'],
    [true, '3a00 0000 05020000'],
    [true, '3a01 00 05020000 0107 0000000000 00'],
    // In the data of another option.
    [false, '3a01 1e08 05020000 00000000 0100 0100'],
    // Of RSVP, or of another length.
    [false, '3a00 0503 000000 00'],
    [false, '3a00 05020001 0100'],
    [false, '3a00 0104 00000000'],
  ])('%s: %s', (found, text) => {
    const bytes = new Uint8Array([...new Uint8Array(40), ...hex(text)]);
    expect(hasIpv6RouterAlert(viewOf(bytes), 0)).toBe(found);
    bytes[6] = 60;
    expect(hasIpv6RouterAlert(viewOf(bytes), 0)).toBe(false);
  });
});

import { describe, expect, it } from 'vitest';
import { Address } from '../../../src/wire/address.ts';
import {
  checkIgmp,
  formatIgmp,
  igmpGroup,
  igmpQueryVersion,
  igmpReportLength,
  igmpResponseCode,
  igmpType,
  parseIgmp,
  writeIgmpGroupMessage,
  writeIgmpReport,
} from '../../../src/wire/igmp.ts';
import { hex, viewOf } from '../../support/wire.ts';

const GROUP = Address.parse('239.1.2.3');
const A = Address.parse('10.0.0.1');
const B = Address.parse('10.0.0.2');

/** As RFC 3376 §4.1 and §4.2 draw them; `mended` puts the checksum in where it is 0. */
const QUERY_V1 = hex('11 00 eeff 00000000');
const QUERY_V2 = hex('11 64 ee9b 00000000');
const QUERY_V3 = hex('11 64 0000 ef010203 0a7d0002 0a000001 0a000002');
const REPORT_V2 = hex('16 00 f8fa ef010203');
const REPORT_V3 = hex('22 00 0000 00000002 04000000 ef010203 06000001 e0000016 0a000001');

function mended(bytes: Uint8Array): Uint8Array {
  let sum = 0;
  const view = viewOf(bytes);
  view.setUint16(2, 0);
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at]! << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(2, ~sum & 0xffff);
  return bytes;
}

describe('IGMP messages', () => {
  it('[S-022] queries of all versions are told apart by their length (RFC 3376 §7.1)', () => {
    expect(parseIgmp(QUERY_V1)).toEqual({ type: 0x11, responseCode: 0, group: Address.parse('0.0.0.0') });
    expect(parseIgmp(QUERY_V2)).toEqual({ type: 0x11, responseCode: 100, group: Address.parse('0.0.0.0') });
    const query = { suppress: true, robustness: 2, intervalCode: 125, sources: [A, B] };
    expect(parseIgmp(mended(QUERY_V3))).toEqual({ type: 0x11, responseCode: 100, group: GROUP, query });
    const versions = [QUERY_V1, QUERY_V2, QUERY_V3].map((bytes) => igmpQueryVersion(viewOf(bytes), 0, bytes.length));
    expect(versions).toEqual([1, 2, 3]);
  });

  it('reports', () => {
    expect(parseIgmp(REPORT_V2)).toEqual({ type: 0x16, responseCode: 0, group: GROUP });
    const view = viewOf(REPORT_V2);
    expect([igmpType(view, 0), igmpResponseCode(view, 0), igmpGroup(view, 0)]).toEqual([0x16, 0, GROUP.d]);
    expect(parseIgmp(mended(REPORT_V3))).toEqual({
      type: 0x22,
      responseCode: 0,
      records: [
        { type: 4, group: GROUP, sources: [] },
        { type: 6, group: Address.parse('224.0.0.22'), sources: [A] },
      ],
    });
  });

  it('are written as they were read', () => {
    for (const bytes of [QUERY_V1, QUERY_V2, mended(QUERY_V3), REPORT_V2, mended(REPORT_V3)]) {
      const message = parseIgmp(bytes);
      if (typeof message === 'string') throw new Error(message);
      expect(formatIgmp(message)).toEqual(bytes);
      expect(viewOf(formatIgmp({ ...message, checksum: 0xabcd })).getUint16(2)).toBe(0xabcd);
    }
  });

  it('what follows a report is nobody’s, and no query (RFC 2236 §2.5)', () => {
    const longer = mended(hex('16 00 0000 ef010203 0000 ffff'));
    expect(parseIgmp(longer)).toEqual({ type: 0x16, responseCode: 0, group: GROUP });
    const quiet = { suppress: false, robustness: 7, intervalCode: 0, sources: [] };
    const query = { type: 0x11, responseCode: 1, group: GROUP, query: quiet };
    expect(parseIgmp(formatIgmp(query))).toEqual(query);
  });

  it('the stack writes the same bytes', () => {
    const records = [
      { type: 4, group: GROUP, sources: [] },
      { type: 6, group: Address.parse('224.0.0.22'), sources: [A] },
    ];
    const bytes = new Uint8Array(igmpReportLength(records) + 1).fill(0xff);
    writeIgmpReport(viewOf(bytes), 1, records);
    expect(bytes.subarray(1)).toEqual(mended(REPORT_V3));
    const short = new Uint8Array(8).fill(0xff);
    writeIgmpGroupMessage(viewOf(short), 0, 0x16, GROUP.d);
    expect(short).toEqual(REPORT_V2);
  });

  it('records may have auxiliary data, and more may follow', () => {
    const bytes = mended(hex('22 00 0000 0000 0001 01 01 0001 ef010203 0a000001 deadbeef 0000 0000'));
    const record = { type: 1, group: GROUP, sources: [A], auxiliary: hex('deadbeef') };
    const message = parseIgmp(bytes);
    expect(message).toEqual({ type: 0x22, responseCode: 0, records: [record] });
    if (typeof message === 'string') throw new Error(message);
    expect(formatIgmp(message)).toEqual(mended(bytes.slice(0, -4)));
  });

  it.each([
    ['igmp-truncated', '16 00 0000 ef0102'],
    ['igmp-bad-checksum', '16 00 f8fb ef010203'],
    // RFC 3376 §7.1: between 8 and 12 bytes.
    ['igmp-bad-length', '11 64 0000 00000000 00'],
    ['igmp-bad-length', '11 64 0000 00000000 000000'],
    // Two sources promised, one there.
    ['igmp-bad-length', '11 64 0000 ef010203 0a7d0002 0a000001'],
    ['igmp-bad-length', '22 00 0000 0000 0001'],
    ['igmp-bad-length', '22 00 0000 0000 0001 01 00 0001 ef010203'],
    ['igmp-bad-length', '22 00 0000 0000 0001 01 01 0000 ef010203'],
    ['igmp-bad-length', '22 00 0000 0000 0002 01 00 0000 ef010203'],
  ])('%s: %s', (flaw, text) => {
    const bytes = flaw === 'igmp-bad-length' ? mended(hex(text)) : hex(text);
    expect(parseIgmp(bytes)).toBe(flaw);
  });

  it('the checksum is not looked at where the link vouches for it', () => {
    const bytes = hex('16 00 0000 ef010203');
    expect([checkIgmp(viewOf(bytes), 0, 8), checkIgmp(viewOf(bytes), 0, 8, false)]).toEqual([
      'igmp-bad-checksum',
      undefined,
    ]);
  });
});

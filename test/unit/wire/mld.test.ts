import { describe, expect, it } from 'vitest';
import { Address } from '../../../src/wire/address.ts';
import type { GroupMessage } from '../../../src/wire/group-records.ts';
import { writeIcmpv6Checksum } from '../../../src/wire/icmpv6.ts';
import {
  formatMld,
  mldGroupAt,
  mldIntervalCode,
  mldQueryVersion,
  mldReportLength,
  mldResponseCode,
  mldRobustness,
  mldSourceCount,
  parseMld,
  writeMldGroupMessage,
  writeMldReport,
} from '../../../src/wire/mld.ts';
import { hex, viewOf } from '../../support/wire.ts';

const FROM = Address.parse('fe80::1');
const TO = Address.parse('ff02::16');
const GROUP = Address.parse('ff02::1:3');
const SOURCE = Address.parse('2001:db8::9');
const GROUP_BYTES = 'ff020000 00000000 00000000 00010003';
const SOURCE_BYTES = '20010db8 00000000 00000000 00000009';

/** As RFC 3810 §5.1, §5.2 and RFC 2710 §3 draw them, the checksum added. */
const QUERY_V1 = message(`82 00 0000 2710 0000 ${GROUP_BYTES}`);
const QUERY_V2 = message(`82 00 0000 2710 0000 ${GROUP_BYTES} 0a7d0001 ${SOURCE_BYTES}`);
const REPORT_V1 = message(`83 00 0000 0000 0000 ${GROUP_BYTES}`);
const REPORT_V2 = message(`8f 00 0000 0000 0001 05000001 ${GROUP_BYTES} ${SOURCE_BYTES}`);

function message(text: string): Uint8Array {
  const bytes = hex(text);
  writeIcmpv6Checksum(viewOf(bytes), 0, bytes.length, FROM, TO);
  return bytes;
}

describe('MLD messages', () => {
  it('[S-022] are read: queries of both versions told apart by their length (RFC 3810 §8.1)', () => {
    const read = (bytes: Uint8Array): unknown => parseMld(bytes, FROM, TO);
    expect(read(QUERY_V1)).toEqual({ type: 130, responseCode: 10_000, group: GROUP });
    const query = { suppress: true, robustness: 2, intervalCode: 125, sources: [SOURCE] };
    expect(read(QUERY_V2)).toEqual({ type: 130, responseCode: 10_000, group: GROUP, query });
    expect(read(REPORT_V1)).toEqual({ type: 131, responseCode: 0, group: GROUP });
    const records = [{ type: 5, group: GROUP, sources: [SOURCE] }];
    expect(read(REPORT_V2)).toEqual({ type: 143, responseCode: 0, records });
    expect([24, 28, 44].map(mldQueryVersion)).toEqual([1, 2, 2]);
    const view = viewOf(QUERY_V2);
    const fields = [
      mldResponseCode(view, 0),
      mldRobustness(view, 0),
      mldIntervalCode(view, 0),
      mldSourceCount(view, 0),
    ];
    expect(fields).toEqual([10_000, 2, 125, 1]);
    expect(Address.fromBytes(QUERY_V2.subarray(mldGroupAt(0), mldGroupAt(0) + 16))).toEqual(GROUP);
  });

  it('are written as they were read', () => {
    for (const bytes of [QUERY_V1, QUERY_V2, REPORT_V1, REPORT_V2]) {
      const value = parseMld(bytes, FROM, TO) as GroupMessage;
      expect(formatMld(value, FROM, TO)).toEqual(bytes);
      expect(viewOf(formatMld({ ...value, checksum: 0xabcd }, FROM, TO)).getUint16(2)).toBe(0xabcd);
    }
  });

  it('what follows a report is nobody’s, and no query', () => {
    const longer = message(`83 00 0000 0000 0000 ${GROUP_BYTES} 0000 ffff`);
    expect(parseMld(longer, FROM, TO)).toEqual({ type: 131, responseCode: 0, group: GROUP });
    const quiet = { suppress: false, robustness: 7, intervalCode: 0, sources: [] };
    const query = { type: 130, responseCode: 1, group: GROUP, query: quiet };
    expect(parseMld(formatMld(query, FROM, TO), FROM, TO)).toEqual(query);
  });

  it('the stack writes the same bytes', () => {
    const records = [{ type: 5, group: GROUP, sources: [SOURCE] }];
    const bytes = new Uint8Array(mldReportLength(records)).fill(0xff);
    writeMldReport(viewOf(bytes), 0, records);
    writeIcmpv6Checksum(viewOf(bytes), 0, bytes.length, FROM, TO);
    expect(bytes).toEqual(REPORT_V2);
    const short = new Uint8Array(24).fill(0xff);
    writeMldGroupMessage(viewOf(short), 0, 131, GROUP);
    writeIcmpv6Checksum(viewOf(short), 0, 24, FROM, TO);
    expect(short).toEqual(REPORT_V1);
  });

  it.each([
    ['icmpv6-truncated', '82 00 0000'],
    ['mld-truncated', '83 00 0000 0000 0000 ff02'],
    ['mld-bad-length', `82 00 0000 2710 0000 ${GROUP_BYTES} 0a`],
    ['mld-bad-length', `82 00 0000 2710 0000 ${GROUP_BYTES} 0a7d0001`],
    ['mld-bad-length', '8f 00 0000 0000 0001'],
    ['mld-bad-length', `8f 00 0000 0000 0001 05000001 ${GROUP_BYTES}`],
  ])('%s: %s', (flaw, text) => {
    expect(parseMld(text.length < 12 ? hex(text) : message(text), FROM, TO)).toBe(flaw);
  });

  it('a checksum of other addresses is wrong', () => {
    expect(parseMld(REPORT_V1, FROM, GROUP)).toBe('icmpv6-bad-checksum');
  });
});

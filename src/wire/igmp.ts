import { Address, writeAddress } from './address.ts';
import { checksumAdd, checksumFinish } from './checksum.ts';
import {
  fitsGroupRecords,
  groupRecordLength,
  readAddresses,
  readGroupRecords,
  writeAddresses,
  writeGroupRecords,
} from './group-records.ts';
import type { GroupMessage, GroupRecord } from './group-records.ts';

/** Bytes of every message of versions 1 and 2, and of the header of a report of version 3. */
export const IGMP_HEADER_LENGTH = 8;
/** Bytes of a query of version 3 without sources. */
const QUERY_LENGTH = 12;

/** Message types (RFC 3376 §4). */
export const IgmpType = {
  MEMBERSHIP_QUERY: 0x11,
  MEMBERSHIP_REPORT_V1: 0x12,
  MEMBERSHIP_REPORT_V2: 0x16,
  LEAVE_GROUP: 0x17,
  MEMBERSHIP_REPORT_V3: 0x22,
} as const;

/** Why bytes are not an IGMP message. */
export type IgmpFlaw = 'igmp-truncated' | 'igmp-bad-checksum' | 'igmp-bad-length';

/**
 * Checks a message of `length` bytes. The accessors below may be used on what passed.
 *
 * @param verifyChecksum false when the link vouches for the bytes
 */
export function checkIgmp(
  view: DataView,
  offset: number,
  length: number,
  verifyChecksum: boolean = true,
): IgmpFlaw | undefined {
  if (length < IGMP_HEADER_LENGTH) return 'igmp-truncated';
  // RFC 3376 §4.1.2: over the whole IP payload, additional data (§4.1.10) too.
  if (verifyChecksum && checksumFinish(checksumAdd(0, view, offset, length)) !== 0) return 'igmp-bad-checksum';
  const type = view.getUint8(offset);
  if (type === IgmpType.MEMBERSHIP_QUERY && length > IGMP_HEADER_LENGTH) {
    // RFC 3376 §7.1: what is neither 8 nor at least 12 bytes long is no query of any version.
    if (length < QUERY_LENGTH || QUERY_LENGTH + 4 * igmpSourceCount(view, offset) > length) return 'igmp-bad-length';
  }
  if (type === IgmpType.MEMBERSHIP_REPORT_V3) {
    const records = view.getUint16(offset + 6);
    if (!fitsGroupRecords(view, offset + IGMP_HEADER_LENGTH, offset + length, records, 4)) return 'igmp-bad-length';
  }
  return undefined;
}

/** One of `IgmpType`, or unknown. */
export function igmpType(view: DataView, offset: number): number {
  return view.getUint8(offset);
}

/** Of a query: the largest response time in tenths of a second, in version 3 as `fromCode8` has it. */
export function igmpResponseCode(view: DataView, offset: number): number {
  return view.getUint8(offset + 1);
}

/** The group of all messages but reports of version 3, as an int32; 0 in a general query. */
export function igmpGroup(view: DataView, offset: number): number {
  return view.getInt32(offset + 4);
}

/** The version of a query of `length` bytes (RFC 3376 §7.1). */
export function igmpQueryVersion(view: DataView, offset: number, length: number): 1 | 2 | 3 {
  if (length >= QUERY_LENGTH) return 3;
  return igmpResponseCode(view, offset) === 0 ? 1 : 2;
}

/** Of a query of version 3: the querier's robustness variable. */
export function igmpRobustness(view: DataView, offset: number): number {
  return view.getUint8(offset + 8) & 7;
}

/** Of a query of version 3: the querier's query interval in seconds, as `fromCode8` has it. */
export function igmpIntervalCode(view: DataView, offset: number): number {
  return view.getUint8(offset + 9);
}

/** Of a query of version 3: how many sources it names. */
export function igmpSourceCount(view: DataView, offset: number): number {
  return view.getUint16(offset + 10);
}

/** Of a query of version 3: where its sources begin. */
export function igmpSourcesAt(offset: number): number {
  return offset + QUERY_LENGTH;
}

/** Bytes of a report of version 3. */
export function igmpReportLength(records: readonly GroupRecord[]): number {
  return records.reduce((length, record) => length + groupRecordLength(record), IGMP_HEADER_LENGTH);
}

/** Writes a report of version 3, checksum included. */
export function writeIgmpReport(view: DataView, offset: number, records: readonly GroupRecord[]): void {
  view.setUint32(offset, IgmpType.MEMBERSHIP_REPORT_V3 << 24);
  view.setUint32(offset + 4, records.length);
  writeGroupRecords(view, offset + IGMP_HEADER_LENGTH, records);
  writeChecksum(view, offset, igmpReportLength(records));
}

/** Writes a report or leave message of version 1 or 2, checksum included. */
export function writeIgmpGroupMessage(view: DataView, offset: number, type: number, group: number): void {
  view.setUint32(offset, type << 24);
  view.setInt32(offset + 4, group);
  writeChecksum(view, offset, IGMP_HEADER_LENGTH);
}

function writeChecksum(view: DataView, offset: number, length: number): void {
  view.setUint16(offset + 2, 0);
  view.setUint16(offset + 2, checksumFinish(checksumAdd(0, view, offset, length)));
}

/** Reads a message. Additional data behind it is left out. */
export function parseIgmp(bytes: Uint8Array): GroupMessage | IgmpFlaw {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flaw = checkIgmp(view, 0, bytes.byteLength);
  if (flaw !== undefined) return flaw;
  const message: GroupMessage = { type: igmpType(view, 0), responseCode: igmpResponseCode(view, 0) };
  if (message.type === IgmpType.MEMBERSHIP_REPORT_V3) {
    return { ...message, records: readGroupRecords(bytes, IGMP_HEADER_LENGTH, view.getUint16(6), 4) };
  }
  message.group = Address.fromIpv4(igmpGroup(view, 0));
  if (message.type !== IgmpType.MEMBERSHIP_QUERY || bytes.byteLength < QUERY_LENGTH) return message;
  const query = {
    suppress: (view.getUint8(8) & 8) !== 0,
    robustness: igmpRobustness(view, 0),
    intervalCode: igmpIntervalCode(view, 0),
    sources: readAddresses(bytes, igmpSourcesAt(0), igmpSourceCount(view, 0), 4),
  };
  return { ...message, query };
}

/** Writes a message. */
export function formatIgmp(message: GroupMessage): Uint8Array {
  const { type, responseCode, group, query, records } = message;
  let length = IGMP_HEADER_LENGTH;
  if (records !== undefined) length = igmpReportLength(records);
  else if (query !== undefined) length = QUERY_LENGTH + 4 * query.sources.length;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, type);
  view.setUint8(1, responseCode);
  if (records !== undefined) {
    view.setUint16(6, records.length);
    writeGroupRecords(view, IGMP_HEADER_LENGTH, records);
  } else if (group !== undefined) writeAddress(view, 4, group);
  if (query !== undefined) {
    view.setUint8(8, (query.suppress ? 8 : 0) | (query.robustness & 7));
    view.setUint8(9, query.intervalCode);
    view.setUint16(10, query.sources.length);
    writeAddresses(view, QUERY_LENGTH, query.sources);
  }
  if (message.checksum === undefined) writeChecksum(view, 0, length);
  else view.setUint16(2, message.checksum);
  return bytes;
}

import { Address, writeAddress } from './address.ts';
import type { AddressWords } from './address.ts';
import {
  fitsGroupRecords,
  groupRecordLength,
  readAddresses,
  readGroupRecords,
  writeAddresses,
  writeGroupRecords,
} from './group-records.ts';
import type { GroupMessage, GroupRecord } from './group-records.ts';
import { ICMP_HEADER_LENGTH, icmpType } from './icmp.ts';
import { checkIcmpv6, Icmpv6Type, writeIcmpv6Checksum } from './icmpv6.ts';
import type { Icmpv6Flaw } from './icmpv6.ts';

/*
 * MLD (RFC 3810, RFC 2710): messages of ICMPv6 with the types 130, 131, 132 and 143. `checkIcmpv6` comes first.
 */

/** Bytes of every message of version 1. */
export const MLD_LENGTH = 24;
/** Bytes of a query of version 2 without sources. */
const QUERY_LENGTH = 28;
/** Where the group stands. */
const GROUP = 8;

/** Why an ICMPv6 message is none of MLD. */
export type MldFlaw = 'mld-truncated' | 'mld-bad-length';

/** Checks a message of `length` bytes and of one of MLD's types. The accessors below may be used on what passed. */
export function checkMld(view: DataView, offset: number, length: number): MldFlaw | undefined {
  const type = icmpType(view, offset);
  if (type === Icmpv6Type.MULTICAST_LISTENER_REPORT_V2) {
    const records = view.getUint16(offset + 6);
    const at = offset + ICMP_HEADER_LENGTH;
    return fitsGroupRecords(view, at, offset + length, records, 16) ? undefined : 'mld-bad-length';
  }
  if (length < MLD_LENGTH) return 'mld-truncated';
  if (type !== Icmpv6Type.MULTICAST_LISTENER_QUERY || length === MLD_LENGTH) return undefined;
  // RFC 3810 §8.1: what is neither 24 nor at least 28 bytes long is no query of any version.
  const whole = length >= QUERY_LENGTH && QUERY_LENGTH + 16 * mldSourceCount(view, offset) <= length;
  return whole ? undefined : 'mld-bad-length';
}

/** Of a query: the largest response delay in milliseconds, in version 2 as `fromCode16` has it. */
export function mldResponseCode(view: DataView, offset: number): number {
  return view.getUint16(offset + 4);
}

/** Where the group of all messages but reports of version 2 stands; `::` in a general query. */
export function mldGroupAt(offset: number): number {
  return offset + GROUP;
}

/** The version of a query of `length` bytes (RFC 3810 §8.1). */
export function mldQueryVersion(length: number): 1 | 2 {
  return length >= QUERY_LENGTH ? 2 : 1;
}

/** Of a query of version 2: the querier's robustness variable. */
export function mldRobustness(view: DataView, offset: number): number {
  return view.getUint8(offset + 24) & 7;
}

/** Of a query of version 2: the querier's query interval in seconds, as `fromCode8` has it. */
export function mldIntervalCode(view: DataView, offset: number): number {
  return view.getUint8(offset + 25);
}

/** Of a query of version 2: how many sources it names. */
export function mldSourceCount(view: DataView, offset: number): number {
  return view.getUint16(offset + 26);
}

/** Of a query of version 2: where its sources begin. */
export function mldSourcesAt(offset: number): number {
  return offset + QUERY_LENGTH;
}

/** Bytes of a report of version 2. */
export function mldReportLength(records: readonly GroupRecord[]): number {
  return records.reduce((length, record) => length + groupRecordLength(record), ICMP_HEADER_LENGTH);
}

/** Writes a report of version 2 without its checksum, which `writeIcmpv6Checksum` adds. */
export function writeMldReport(view: DataView, offset: number, records: readonly GroupRecord[]): void {
  view.setUint32(offset, Icmpv6Type.MULTICAST_LISTENER_REPORT_V2 << 24);
  view.setUint32(offset + 4, records.length);
  writeGroupRecords(view, offset + ICMP_HEADER_LENGTH, records);
}

/** Writes a report or done message of version 1 without its checksum. */
export function writeMldGroupMessage(view: DataView, offset: number, type: number, group: AddressWords): void {
  view.setUint32(offset, type << 24);
  view.setUint32(offset + 4, 0);
  writeAddress(view, offset + GROUP, group);
}

/** Reads a message with its ICMPv6 header. Additional data behind it is left out. */
export function parseMld(
  bytes: Uint8Array,
  source: AddressWords,
  destination: AddressWords,
): GroupMessage | Icmpv6Flaw | MldFlaw {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flaw = checkIcmpv6(view, 0, bytes.byteLength, source, destination) ?? checkMld(view, 0, bytes.byteLength);
  if (flaw !== undefined) return flaw;
  const type = icmpType(view, 0);
  if (type === Icmpv6Type.MULTICAST_LISTENER_REPORT_V2) {
    const records = readGroupRecords(bytes, ICMP_HEADER_LENGTH, view.getUint16(6), 16);
    return { type, responseCode: 0, records };
  }
  const group = Address.fromBytes(bytes.subarray(GROUP, MLD_LENGTH));
  const message: GroupMessage = { type, responseCode: mldResponseCode(view, 0), group };
  if (type !== Icmpv6Type.MULTICAST_LISTENER_QUERY || bytes.byteLength < QUERY_LENGTH) return message;
  const query = {
    suppress: (view.getUint8(24) & 8) !== 0,
    robustness: mldRobustness(view, 0),
    intervalCode: mldIntervalCode(view, 0),
    sources: readAddresses(bytes, mldSourcesAt(0), mldSourceCount(view, 0), 16),
  };
  return { ...message, query };
}

/** Writes a message that travels from `source` to `destination`. */
export function formatMld(message: GroupMessage, source: AddressWords, destination: AddressWords): Uint8Array {
  const { type, responseCode, group, query, records } = message;
  let length = MLD_LENGTH;
  if (records !== undefined) length = mldReportLength(records);
  else if (query !== undefined) length = QUERY_LENGTH + 16 * query.sources.length;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, type);
  if (records !== undefined) {
    view.setUint16(6, records.length);
    writeGroupRecords(view, ICMP_HEADER_LENGTH, records);
  } else {
    view.setUint16(4, responseCode);
    if (group !== undefined) writeAddress(view, GROUP, group);
  }
  if (query !== undefined) {
    view.setUint8(24, (query.suppress ? 8 : 0) | (query.robustness & 7));
    view.setUint8(25, query.intervalCode);
    view.setUint16(26, query.sources.length);
    writeAddresses(view, QUERY_LENGTH, query.sources);
  }
  if (message.checksum === undefined) writeIcmpv6Checksum(view, 0, length, source, destination);
  else view.setUint16(2, message.checksum);
  return bytes;
}

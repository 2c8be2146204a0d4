import { Address, writeAddress } from './address.ts';

/*
 * What IGMPv3 (RFC 3376 §4) and MLDv2 (RFC 3810 §5) have in common: reports made of group records, numbers with an
 * exponent, and lists of sources. Only the length of addresses differs.
 */

/** Bytes of a record without addresses: type, length of auxiliary data, number of sources. */
const RECORD_HEADER = 4;

/** What a group record says (RFC 3376 §4.2.12, RFC 3810 §5.2.12). */
export const GroupRecordType = {
  MODE_IS_INCLUDE: 1,
  MODE_IS_EXCLUDE: 2,
  CHANGE_TO_INCLUDE_MODE: 3,
  CHANGE_TO_EXCLUDE_MODE: 4,
  ALLOW_NEW_SOURCES: 5,
  BLOCK_OLD_SOURCES: 6,
} as const;

/** One group in a report. */
export interface GroupRecord {
  /** One of `GroupRecordType`, or unknown. */
  type: number;
  group: Address;
  sources: readonly Address[];
  /** Auxiliary data, a multiple of 4 bytes; none is defined, and reports have none. */
  auxiliary?: Uint8Array;
}

/** What a query of the newest version says behind the group (RFC 3376 §4.1, RFC 3810 §5.1). */
export interface QueryDetails {
  /** Routers shall leave their timers alone. */
  suppress: boolean;
  /** The querier's robustness variable, 0 to 7; 0 where it is larger. */
  robustness: number;
  /** The querier's query interval as a code of one byte: seconds, see `fromCode8`. */
  intervalCode: number;
  /** Empty when it asks for the group whatever the source. */
  sources: readonly Address[];
}

/** An IGMP or MLD message as a plain value: for tests, traces and made-up packets, not for the data path. */
export interface GroupMessage {
  /** One of `IgmpType` or of the listener types of `Icmpv6Type`, or unknown. */
  type: number;
  /** Largest response time as it stands there: see `fromCode8`, `fromCode16`. 0 in all but queries. */
  responseCode: number;
  /** Of all but the reports of the newest version; unspecified in a general query. */
  group?: Address;
  /** Of a query of the newest version. */
  query?: QueryDetails;
  /** Of a report of the newest version. */
  records?: readonly GroupRecord[];
  /** Written as it is; computed when absent. Parsing leaves it out. */
  checksum?: number;
}

/** A number of one byte: up to 127 itself, above with a mantissa of 4 bits and an exponent of 3 (RFC 3376 §4.1.1). */
export function fromCode8(code: number): number {
  return code < 0x80 ? code : ((code & 0x0f) | 0x10) << (((code >>> 4) & 7) + 3);
}

/** A number of two bytes: up to 32767 itself, above with a mantissa of 12 bits and an exponent of 3 (RFC 3810 §5.1.3). */
export function fromCode16(code: number): number {
  return code < 0x8000 ? code : ((code & 0x0fff) | 0x1000) << (((code >>> 12) & 7) + 3);
}

/** Whether `count` records fit into `[at, end)`. What follows them is nobody's (RFC 3376 §4.2.11). */
export function fitsGroupRecords(
  view: DataView,
  at: number,
  end: number,
  count: number,
  addressLength: 4 | 16,
): boolean {
  let next = at;
  for (let n = 0; n < count; n++) {
    if (next + RECORD_HEADER + addressLength > end) return false;
    next += RECORD_HEADER + addressLength * (1 + view.getUint16(next + 2)) + 4 * view.getUint8(next + 1);
    if (next > end) return false;
  }
  return true;
}

/** Reads addresses that stand one behind the other. */
export function readAddresses(bytes: Uint8Array, at: number, count: number, addressLength: 4 | 16): Address[] {
  const addresses: Address[] = [];
  for (let n = 0; n < count; n++) {
    const start = at + n * addressLength;
    addresses.push(Address.fromBytes(bytes.subarray(start, start + addressLength)));
  }
  return addresses;
}

/** Reads records that fit. */
export function readGroupRecords(bytes: Uint8Array, at: number, count: number, addressLength: 4 | 16): GroupRecord[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: GroupRecord[] = [];
  let next = at;
  for (let n = 0; n < count; n++) {
    const sources = view.getUint16(next + 2);
    const auxiliary = 4 * view.getUint8(next + 1);
    const [group, ...rest] = readAddresses(bytes, next + RECORD_HEADER, 1 + sources, addressLength);
    const record: GroupRecord = { type: view.getUint8(next), group: group!, sources: rest };
    next += RECORD_HEADER + addressLength * (1 + sources) + auxiliary;
    if (auxiliary > 0) record.auxiliary = bytes.subarray(next - auxiliary, next);
    records.push(record);
  }
  return records;
}

/** Bytes that a record takes. */
export function groupRecordLength({ group, sources, auxiliary }: GroupRecord): number {
  const addressLength = group.family === 4 ? 4 : 16;
  return RECORD_HEADER + addressLength * (1 + sources.length) + (auxiliary?.byteLength ?? 0);
}

/** Writes records one behind the other. */
export function writeGroupRecords(view: DataView, at: number, records: readonly GroupRecord[]): void {
  let next = at;
  for (const record of records) {
    const { type, group, sources, auxiliary } = record;
    const addressLength = group.family === 4 ? 4 : 16;
    view.setUint8(next, type);
    view.setUint8(next + 1, (auxiliary?.byteLength ?? 0) >>> 2);
    view.setUint16(next + 2, sources.length);
    writeAddress(view, next + RECORD_HEADER, group);
    writeAddresses(view, next + RECORD_HEADER + addressLength, sources);
    next += groupRecordLength(record);
    auxiliary?.forEach((octet, n) => view.setUint8(next - auxiliary.byteLength + n, octet));
  }
}

/** Writes addresses of one family one behind the other. */
export function writeAddresses(view: DataView, at: number, addresses: readonly Address[]): void {
  addresses.forEach((address, n) => writeAddress(view, at + n * (address.family === 4 ? 4 : 16), address));
}

/**
 * Deals records out to reports that have room for `room` bytes of them each (RFC 3376 §4.2.16, RFC 3810 §5.2.15). One that
 * is too long for a report is split, but for those that name what is excluded: of these as many sources are told as fit.
 */
export function dealOutRecords(records: readonly GroupRecord[], room: number): GroupRecord[][] {
  const reports: GroupRecord[][] = [];
  let left = 0;
  for (const record of records.flatMap((whole) => splitRecord(whole, room))) {
    const length = groupRecordLength(record);
    if (length > left) {
      reports.push([]);
      left = room;
    }
    reports.at(-1)!.push(record);
    left -= length;
  }
  return reports;
}

function splitRecord(record: GroupRecord, room: number): GroupRecord[] {
  if (groupRecordLength(record) <= room) return [record];
  const { type, group, sources } = record;
  const addressLength = group.family === 4 ? 4 : 16;
  const most = Math.max(1, Math.floor((room - RECORD_HEADER) / addressLength) - 1);
  const { MODE_IS_EXCLUDE, CHANGE_TO_EXCLUDE_MODE } = GroupRecordType;
  if (type === MODE_IS_EXCLUDE || type === CHANGE_TO_EXCLUDE_MODE)
    return [{ ...record, sources: sources.slice(0, most) }];
  const parts: GroupRecord[] = [];
  for (let at = 0; at < sources.length; at += most) parts.push({ type, group, sources: sources.slice(at, at + most) });
  return parts;
}

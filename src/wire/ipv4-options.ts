import { IPV4_HEADER_LENGTH, writeIpv4Checksum } from './ipv4.ts';

/** The most that a header has room for, in bytes. */
export const LONGEST_IPV4_OPTIONS = 40;

const END_OF_OPTIONS = 0;
const NO_OPERATION = 1;
const LOOSE_SOURCE_ROUTE = 131;
const STRICT_SOURCE_ROUTE = 137;
/**
 * What a router drops unless it is told otherwise: record route, timestamp, stream identifier and the obsolete ones (RFC
 * 7126 §4.5 to §4.7, §4.9 to §4.11, §4.15 to §4.20).
 */
const DROPPED_ON_THE_WAY: ReadonlySet<number> = new Set([7, 68, 136, 11, 12, 82, 142, 145, 147, 149, 151, 152]);

/** Why a datagram is dropped for its options. */
export type Ipv4OptionsFlaw = 'ipv4-bad-option-length' | 'ipv4-source-route';

/** Checks the options in `[start, end)`: their lengths are sound and none is a source route. Others are ignored. */
export function checkIpv4Options(view: DataView, start: number, end: number): Ipv4OptionsFlaw | undefined {
  let at = start;
  while (at < end) {
    const kind = view.getUint8(at);
    if (kind === END_OF_OPTIONS) return undefined;
    if (kind === NO_OPERATION) {
      at += 1;
      continue;
    }
    // [S-002] RFC 791 §3.1: the length counts the kind and length octets, and must stay inside the header.
    const length = at + 1 < end ? view.getUint8(at + 1) : 0;
    if (length < 2 || at + length > end) return 'ipv4-bad-option-length';
    // [S-108] RFC 7126 §4.3.5, §4.4.5: source-routed datagrams are dropped.
    if (kind === LOOSE_SOURCE_ROUTE || kind === STRICT_SOURCE_ROUTE) return 'ipv4-source-route';
    at += length;
  }
  return undefined;
}

/**
 * May a datagram with these options be passed on? Besides what `checkIpv4Options` refuses those are dropped that RFC 7126
 * says; others, such as router alert, are ignored and stay as they are ([S-108]).
 */
export function checkIpv4Passage(view: DataView, start: number, end: number): boolean {
  if (checkIpv4Options(view, start, end) !== undefined) return false;
  // Their lengths are sound.
  for (let at = start; at < end;) {
    const kind = view.getUint8(at);
    if (kind === END_OF_OPTIONS) return true;
    if (DROPPED_ON_THE_WAY.has(kind)) return false;
    at += kind === NO_OPERATION ? 1 : view.getUint8(at + 1);
  }
  return true;
}

/** Bytes that options take in a header: a multiple of four. */
export function paddedLength(options: Uint8Array): number {
  return (options.byteLength + 3) & ~3;
}

/** Puts options into the room that was left behind a header without, which learns of them. At most 40 bytes. */
export function writeIpv4Options(view: DataView, offset: number, options: Uint8Array): void {
  const length = paddedLength(options);
  for (let i = 0; i < length; i++) view.setUint8(offset + IPV4_HEADER_LENGTH + i, options[i] ?? END_OF_OPTIONS);
  const headerLength = IPV4_HEADER_LENGTH + length;
  view.setUint8(offset, 0x40 | (headerLength >>> 2));
  writeIpv4Checksum(view, offset, headerLength);
}

import { usageError } from '../errors.ts';
import { Address } from './address.ts';
import { checksumAdd, checksumFinish, checksumUpdate } from './checksum.ts';

/** Bytes of a header without options. */
export const IPV4_HEADER_LENGTH = 20;
const LONGEST_HEADER = 60;
const LARGEST_DATAGRAM = 65535;

const RESERVED_FLAG = 0x8000;
const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const FRAGMENT_OFFSET = 0x1fff;

/** Why bytes are not an IPv4 datagram. */
export type Ipv4Flaw =
  | 'ipv4-truncated'
  | 'ipv4-bad-version'
  | 'ipv4-bad-header-length'
  | 'ipv4-bad-total-length'
  | 'ipv4-bad-checksum';

/**
 * Checks the header at `offset`, of which `length` bytes arrived. The accessors below may be used on what passed.
 *
 * @param verifyChecksum false when the link vouches for the header
 */
export function checkIpv4(
  view: DataView,
  offset: number,
  length: number,
  verifyChecksum: boolean = true,
): Ipv4Flaw | undefined {
  // [S-001] RFC 791 §3.1, RFC 1122 §3.2.1
  if (length < IPV4_HEADER_LENGTH) return 'ipv4-truncated';
  const first = view.getUint8(offset);
  // [S-004] RFC 1122 §3.2.1.1
  if (first >>> 4 !== 4) return 'ipv4-bad-version';
  const headerLength = (first & 15) << 2;
  if (headerLength < IPV4_HEADER_LENGTH || headerLength > length) return 'ipv4-bad-header-length';
  const totalLength = view.getUint16(offset + 2);
  if (totalLength < headerLength || totalLength > length) return 'ipv4-bad-total-length';
  // [S-005] RFC 1122 §3.2.1.2
  if (verifyChecksum && checksumFinish(checksumAdd(0, view, offset, headerLength)) !== 0) return 'ipv4-bad-checksum';
  return undefined;
}

/** Bytes of the header, options included. */
export function ipv4HeaderLength(view: DataView, offset: number): number {
  return (view.getUint8(offset) & 15) << 2;
}

/** The byte once called type of service: DSCP in the upper six bits, ECN in the lower two. */
export function ipv4TrafficClass(view: DataView, offset: number): number {
  return view.getUint8(offset + 1);
}

/** Bytes of the datagram, header included; what follows is padding of the link. */
export function ipv4TotalLength(view: DataView, offset: number): number {
  return view.getUint16(offset + 2);
}

export function ipv4Identification(view: DataView, offset: number): number {
  return view.getUint16(offset + 4);
}

export function ipv4DontFragment(view: DataView, offset: number): boolean {
  return (view.getUint16(offset + 6) & DONT_FRAGMENT) !== 0;
}

export function ipv4MoreFragments(view: DataView, offset: number): boolean {
  return (view.getUint16(offset + 6) & MORE_FRAGMENTS) !== 0;
}

/** Where the fragment belongs in its datagram's payload, in bytes. */
export function ipv4FragmentOffset(view: DataView, offset: number): number {
  return (view.getUint16(offset + 6) & FRAGMENT_OFFSET) << 3;
}

/** Whether this is a piece of a datagram: more follow, or some came before. */
export function ipv4IsFragment(view: DataView, offset: number): boolean {
  return (view.getUint16(offset + 6) & (MORE_FRAGMENTS | FRAGMENT_OFFSET)) !== 0;
}

export function ipv4Ttl(view: DataView, offset: number): number {
  return view.getUint8(offset + 8);
}

export function ipv4Protocol(view: DataView, offset: number): number {
  return view.getUint8(offset + 9);
}

/** The source address as an int32. */
export function ipv4Source(view: DataView, offset: number): number {
  return view.getInt32(offset + 12);
}

/** The destination address as an int32. */
export function ipv4Destination(view: DataView, offset: number): number {
  return view.getInt32(offset + 16);
}

/** Changes a field of a header; its checksum is then to be written anew. */
export function setIpv4TotalLength(view: DataView, offset: number, totalLength: number): void {
  view.setUint16(offset + 2, totalLength);
}

export function setIpv4Identification(view: DataView, offset: number, identification: number): void {
  view.setUint16(offset + 4, identification);
}

export function setIpv4Source(view: DataView, offset: number, source: number): void {
  view.setInt32(offset + 12, source);
}

/** Writes a header without options for a whole datagram, checksum included. */
export function writeIpv4Header(
  view: DataView,
  offset: number,
  source: number,
  destination: number,
  protocol: number,
  totalLength: number,
  ttl: number,
  trafficClass: number,
  identification: number,
  dontFragment: boolean,
): void {
  view.setUint8(offset, 0x45);
  view.setUint8(offset + 1, trafficClass);
  view.setUint16(offset + 2, totalLength);
  view.setUint16(offset + 4, identification);
  view.setUint16(offset + 6, dontFragment ? DONT_FRAGMENT : 0);
  view.setUint8(offset + 8, ttl);
  view.setUint8(offset + 9, protocol);
  view.setInt32(offset + 12, source);
  view.setInt32(offset + 16, destination);
  writeIpv4Checksum(view, offset, IPV4_HEADER_LENGTH);
}

/** Makes a header one of a fragment, checksum included. `fragmentOffset` is in bytes, a multiple of 8. */
export function setIpv4Fragment(view: DataView, offset: number, fragmentOffset: number, more: boolean): void {
  view.setUint16(offset + 6, (more ? MORE_FRAGMENTS : 0) | (fragmentOffset >>> 3));
  writeIpv4Checksum(view, offset, ipv4HeaderLength(view, offset));
}

/** Makes the first fragment's header, at the start of the memory, that of the whole datagram, which fills the memory. */
export function rewriteIpv4Whole(view: DataView, trafficClass: number): void {
  view.setUint8(1, trafficClass);
  view.setUint16(2, view.byteLength);
  setIpv4Fragment(view, 0, 0, false);
}

/** Computes the header checksum afresh and writes it. */
export function writeIpv4Checksum(view: DataView, offset: number, headerLength: number): void {
  view.setUint16(offset + 10, 0);
  view.setUint16(offset + 10, checksumFinish(checksumAdd(0, view, offset, headerLength)));
}

/** Takes one from the time to live, which must not be 0; the header checksum follows (RFC 1812 §5.3.1). */
export function decrementIpv4Ttl(view: DataView, offset: number): void {
  // [S-056] RFC 1624: TTL and protocol share a word. A checksum that was wrong stays wrong (RFC 1812 §4.2.2.5).
  const before = view.getUint16(offset + 8);
  const after = before - 0x100;
  view.setUint16(offset + 8, after);
  view.setUint16(offset + 10, checksumUpdate(view.getUint16(offset + 10), before, after));
}

/** An IPv4 datagram as a plain value: for tests, traces and made-up packets, not for the data path. */
export interface Ipv4Packet {
  /** DSCP in the upper six bits, ECN in the lower two. */
  trafficClass: number;
  identification: number;
  /** The first of the three flags, which must be zero. */
  reservedFlag: boolean;
  dontFragment: boolean;
  moreFragments: boolean;
  /** In bytes, a multiple of 8. */
  fragmentOffset: number;
  ttl: number;
  protocol: number;
  source: Address;
  destination: Address;
  /** The option bytes as they stand in the header: a multiple of 4, at most 40. */
  options: Uint8Array;
  payload: Uint8Array;
  /** Written as it is; computed when absent. Parsing leaves it out. */
  checksum?: number;
}

/** Reads a datagram; its `options` and `payload` are views of `bytes`. */
export function parseIpv4(bytes: Uint8Array): Ipv4Packet | Ipv4Flaw {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flaw = checkIpv4(view, 0, bytes.byteLength);
  if (flaw !== undefined) return flaw;
  const headerLength = ipv4HeaderLength(view, 0);
  return {
    trafficClass: ipv4TrafficClass(view, 0),
    identification: ipv4Identification(view, 0),
    reservedFlag: (view.getUint16(6) & RESERVED_FLAG) !== 0,
    dontFragment: ipv4DontFragment(view, 0),
    moreFragments: ipv4MoreFragments(view, 0),
    fragmentOffset: ipv4FragmentOffset(view, 0),
    ttl: ipv4Ttl(view, 0),
    protocol: ipv4Protocol(view, 0),
    source: Address.fromIpv4(ipv4Source(view, 0)),
    destination: Address.fromIpv4(ipv4Destination(view, 0)),
    options: bytes.subarray(IPV4_HEADER_LENGTH, headerLength),
    payload: bytes.subarray(headerLength, ipv4TotalLength(view, 0)),
  };
}

/**
 * Writes a datagram.
 *
 * @throws ERR_OUT_OF_RANGE when the options or the whole do not fit their length fields
 */
export function formatIpv4(packet: Ipv4Packet): Uint8Array {
  const headerLength = IPV4_HEADER_LENGTH + packet.options.byteLength;
  if (headerLength % 4 !== 0 || headerLength > LONGEST_HEADER) {
    throw usageError('ERR_OUT_OF_RANGE', 'IPv4 options must be a multiple of 4 bytes, at most 40', RangeError);
  }
  const totalLength = headerLength + packet.payload.byteLength;
  if (totalLength > LARGEST_DATAGRAM) {
    throw usageError('ERR_OUT_OF_RANGE', `an IPv4 datagram has at most ${LARGEST_DATAGRAM} bytes`, RangeError);
  }
  const bytes = new Uint8Array(totalLength);
  const view = new DataView(bytes.buffer);
  const { source, destination, protocol, ttl, trafficClass, identification, dontFragment } = packet;
  bytes.set(packet.options, IPV4_HEADER_LENGTH);
  bytes.set(packet.payload, headerLength);
  writeIpv4Header(
    view,
    0,
    source.d,
    destination.d,
    protocol,
    totalLength,
    ttl,
    trafficClass,
    identification,
    dontFragment,
  );
  view.setUint8(0, 0x40 | (headerLength >>> 2));
  const flags = (packet.reservedFlag ? RESERVED_FLAG : 0) | (packet.moreFragments ? MORE_FRAGMENTS : 0);
  view.setUint16(6, view.getUint16(6) | flags | (packet.fragmentOffset >>> 3));
  if (packet.checksum === undefined) writeIpv4Checksum(view, 0, headerLength);
  else view.setUint16(10, packet.checksum);
  return bytes;
}

import { usageError } from '../errors.ts';
import type { AddressWords } from './address.ts';
import { transportChecksum } from './checksum.ts';
import { Protocol } from './protocol.ts';

/** Bytes of the header. */
export const UDP_HEADER_LENGTH = 8;

/** Why bytes are not a UDP datagram. */
export type UdpFlaw = 'udp-truncated' | 'udp-bad-length' | 'udp-bad-checksum';

/** Checks the header of a datagram in `length` bytes. The accessors below may be used on what passed. */
export function checkUdp(view: DataView, offset: number, length: number): UdpFlaw | undefined {
  if (length < UDP_HEADER_LENGTH) return 'udp-truncated';
  const own = udpLength(view, offset);
  return own < UDP_HEADER_LENGTH || own > length ? 'udp-bad-length' : undefined;
}

/** Verifies the checksum of a datagram whose header passed `checkUdp`. */
export function checkUdpChecksum(
  view: DataView,
  offset: number,
  source: AddressWords,
  destination: AddressWords,
): UdpFlaw | undefined {
  // [S-034] RFC 1122 §4.1.3.4: over IPv4 zero means that there is none. [S-046] RFC 8200 §8.1: IPv6 demands one.
  if (udpChecksum(view, offset) === 0) return source.family === 4 ? undefined : 'udp-bad-checksum';
  const checksum = transportChecksum(view, offset, udpLength(view, offset), source, destination, Protocol.UDP);
  return checksum === 0 ? undefined : 'udp-bad-checksum';
}

export function udpSourcePort(view: DataView, offset: number): number {
  return view.getUint16(offset);
}

export function udpDestinationPort(view: DataView, offset: number): number {
  return view.getUint16(offset + 2);
}

/** Bytes of header and payload; what follows inside the IP datagram belongs to nobody. */
export function udpLength(view: DataView, offset: number): number {
  return view.getUint16(offset + 4);
}

/** The sender has computed a checksum, or left it to offload. */
export function hasUdpChecksum(view: DataView, offset: number): boolean {
  return udpChecksum(view, offset) !== 0;
}

function udpChecksum(view: DataView, offset: number): number {
  return view.getUint16(offset + 6);
}

/** Writes a header; the checksum field is left 0, which over IPv4 means none. */
export function writeUdpHeader(
  view: DataView,
  offset: number,
  sourcePort: number,
  destinationPort: number,
  length: number,
): void {
  view.setUint16(offset, sourcePort);
  view.setUint16(offset + 2, destinationPort);
  view.setUint16(offset + 4, length);
  view.setUint16(offset + 6, 0);
}

/** Changes a field of a header: bytes of header and payload. */
export function setUdpLength(view: DataView, offset: number, length: number): void {
  view.setUint16(offset + 4, length);
}

/** Writes the checksum field: a finished checksum, or for a partial one the folded sum of the pseudo header. */
export function setUdpChecksum(view: DataView, offset: number, checksum: number): void {
  // [S-034] RFC 768: a computed zero is sent as all ones.
  view.setUint16(offset + 6, checksum === 0 ? 0xffff : checksum);
}

/** A UDP datagram as a plain value: for tests, traces and made-up packets, not for the data path. */
export interface UdpDatagram {
  sourcePort: number;
  destinationPort: number;
  payload: Uint8Array;
  /** Written as it is (0 for none); computed when absent. `parsePacket` leaves a right one out. */
  checksum?: number;
}

/** Reads a datagram without verifying its checksum; its `payload` is a view of `bytes`. */
export function parseUdp(bytes: Uint8Array): UdpDatagram | UdpFlaw {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flaw = checkUdp(view, 0, bytes.byteLength);
  if (flaw !== undefined) return flaw;
  return {
    sourcePort: udpSourcePort(view, 0),
    destinationPort: udpDestinationPort(view, 0),
    payload: bytes.subarray(UDP_HEADER_LENGTH, udpLength(view, 0)),
    checksum: udpChecksum(view, 0),
  };
}

/**
 * Writes a datagram that travels from `source` to `destination`.
 *
 * @throws ERR_OUT_OF_RANGE when it is longer than its length field can say
 */
export function formatUdp(datagram: UdpDatagram, source: AddressWords, destination: AddressWords): Uint8Array {
  const length = UDP_HEADER_LENGTH + datagram.payload.byteLength;
  if (length > 65535) throw usageError('ERR_OUT_OF_RANGE', 'a UDP datagram has at most 65535 bytes', RangeError);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  writeUdpHeader(view, 0, datagram.sourcePort, datagram.destinationPort, length);
  bytes.set(datagram.payload, UDP_HEADER_LENGTH);
  if (datagram.checksum !== undefined) view.setUint16(6, datagram.checksum);
  else setUdpChecksum(view, 0, transportChecksum(view, 0, length, source, destination, Protocol.UDP));
  return bytes;
}

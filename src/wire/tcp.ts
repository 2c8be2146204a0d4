import { usageError } from '../errors.ts';
import type { AddressWords } from './address.ts';
import { transportChecksum } from './checksum.ts';
import { Protocol } from './protocol.ts';
import { MAX_TCP_OPTIONS_LENGTH } from './tcp-options.ts';

/** Bytes of a header without options. */
export const TCP_HEADER_LENGTH = 20;

/** Control bits (RFC 9293 §3.1, RFC 3168); AE, once called NS, is RFC 9768's. */
export const TcpFlag = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32, ECE: 64, CWR: 128, AE: 256 } as const;

/** Why bytes are not a TCP segment. */
export type TcpFlaw = 'tcp-truncated' | 'tcp-bad-header-length';

/** Checks the header of a segment of `length` bytes. The accessors below may be used on what passed. */
export function checkTcp(view: DataView, offset: number, length: number): TcpFlaw | undefined {
  if (length < TCP_HEADER_LENGTH) return 'tcp-truncated';
  const headerLength = tcpHeaderLength(view, offset);
  return headerLength < TCP_HEADER_LENGTH || headerLength > length ? 'tcp-bad-header-length' : undefined;
}

export function tcpSourcePort(view: DataView, offset: number): number {
  return view.getUint16(offset);
}

export function tcpDestinationPort(view: DataView, offset: number): number {
  return view.getUint16(offset + 2);
}

/** The sequence number, unsigned. */
export function tcpSequence(view: DataView, offset: number): number {
  return view.getUint32(offset + 4);
}

/** The acknowledgment number, unsigned. */
export function tcpAcknowledgment(view: DataView, offset: number): number {
  return view.getUint32(offset + 8);
}

/** Bytes of the header, options included. */
export function tcpHeaderLength(view: DataView, offset: number): number {
  return (view.getUint8(offset + 12) >>> 4) << 2;
}

/** The nine control bits of `TcpFlag`; the three reserved ones are ignored (RFC 9293 §3.1). */
export function tcpFlags(view: DataView, offset: number): number {
  return view.getUint16(offset + 12) & 0x1ff;
}

/** The window field, unsigned and not yet scaled. */
export function tcpWindow(view: DataView, offset: number): number {
  // [MUST-1] RFC 9293 §3.1
  return view.getUint16(offset + 14);
}

export function tcpChecksum(view: DataView, offset: number): number {
  return view.getUint16(offset + 16);
}

export function tcpUrgentPointer(view: DataView, offset: number): number {
  return view.getUint16(offset + 18);
}

/** Writes the fixed part of a header; the checksum field is left 0, the options are the caller's. */
export function writeTcpHeader(
  view: DataView,
  offset: number,
  sourcePort: number,
  destinationPort: number,
  sequence: number,
  acknowledgment: number,
  flags: number,
  window: number,
  urgentPointer: number,
  headerLength: number,
): void {
  view.setUint16(offset, sourcePort);
  view.setUint16(offset + 2, destinationPort);
  view.setUint32(offset + 4, sequence);
  view.setUint32(offset + 8, acknowledgment);
  view.setUint16(offset + 12, ((headerLength >>> 2) << 12) | (flags & 0x1ff));
  view.setUint16(offset + 14, window);
  view.setUint16(offset + 16, 0);
  view.setUint16(offset + 18, urgentPointer);
}

/** Makes the header of the next segment of that of another: the checksum field is left 0. */
export function changeTcpHeader(view: DataView, offset: number, sequence: number, flags: number): void {
  view.setUint32(offset + 4, sequence);
  view.setUint16(offset + 12, (view.getUint16(offset + 12) & ~0x1ff) | (flags & 0x1ff));
  view.setUint16(offset + 16, 0);
}

/** Writes the checksum field: a finished checksum, or for a partial one the folded sum of the pseudo header. */
export function setTcpChecksum(view: DataView, offset: number, checksum: number): void {
  view.setUint16(offset + 16, checksum);
}

/** A TCP segment as a plain value: for tests, traces and made-up packets, not for the data path. */
export interface TcpSegment {
  sourcePort: number;
  destinationPort: number;
  sequence: number;
  acknowledgment: number;
  /** Bits of `TcpFlag`. */
  flags: number;
  /** The three bits between data offset and flags, which must be zero. */
  reserved: number;
  /** The field as it stands, not scaled. */
  window: number;
  urgentPointer: number;
  /** The option bytes as they stand in the header: a multiple of 4, at most 40. See `parseTcpOptions`. */
  options: Uint8Array;
  payload: Uint8Array;
  /** Written as it is; computed when absent. `parsePacket` leaves a right one out. */
  checksum?: number;
}

/** Reads a segment without verifying its checksum; its `options` and `payload` are views of `bytes`. */
export function parseTcp(bytes: Uint8Array): TcpSegment | TcpFlaw {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flaw = checkTcp(view, 0, bytes.byteLength);
  if (flaw !== undefined) return flaw;
  const headerLength = tcpHeaderLength(view, 0);
  return {
    sourcePort: tcpSourcePort(view, 0),
    destinationPort: tcpDestinationPort(view, 0),
    sequence: tcpSequence(view, 0),
    acknowledgment: tcpAcknowledgment(view, 0),
    flags: tcpFlags(view, 0),
    reserved: (view.getUint8(12) >>> 1) & 7,
    window: tcpWindow(view, 0),
    urgentPointer: tcpUrgentPointer(view, 0),
    options: bytes.subarray(TCP_HEADER_LENGTH, headerLength),
    payload: bytes.subarray(headerLength),
    checksum: tcpChecksum(view, 0),
  };
}

/**
 * Writes a segment that travels from `source` to `destination`.
 *
 * @throws ERR_OUT_OF_RANGE when the options do not fit
 */
export function formatTcp(segment: TcpSegment, source: AddressWords, destination: AddressWords): Uint8Array {
  const headerLength = TCP_HEADER_LENGTH + segment.options.byteLength;
  if (headerLength % 4 !== 0 || segment.options.byteLength > MAX_TCP_OPTIONS_LENGTH) {
    throw usageError('ERR_OUT_OF_RANGE', 'TCP options must be a multiple of 4 bytes, at most 40', RangeError);
  }
  const bytes = new Uint8Array(headerLength + segment.payload.byteLength);
  const view = new DataView(bytes.buffer);
  const { sourcePort, destinationPort, sequence, acknowledgment, flags, window, urgentPointer } = segment;
  writeTcpHeader(
    view,
    0,
    sourcePort,
    destinationPort,
    sequence,
    acknowledgment,
    flags,
    window,
    urgentPointer,
    headerLength,
  );
  view.setUint8(12, view.getUint8(12) | (segment.reserved << 1));
  bytes.set(segment.options, TCP_HEADER_LENGTH);
  bytes.set(segment.payload, headerLength);
  // [MUST-2] RFC 9293 §3.1
  const right = transportChecksum(view, 0, bytes.byteLength, source, destination, Protocol.TCP);
  setTcpChecksum(view, 0, segment.checksum ?? right);
  return bytes;
}

import { checksumAdd, checksumFinish } from './checksum.ts';
import { IPV4_HEADER_LENGTH, ipv4HeaderLength } from './ipv4.ts';

/** Bytes of the header: type, code, checksum and four bytes whose meaning depends on the type. */
export const ICMP_HEADER_LENGTH = 8;
/** An error quotes at least this much behind the IP header: enough for the ports (RFC 792). */
const SHORTEST_QUOTE = 8;

/** Message types (RFC 792). */
export const IcmpType = {
  ECHO_REPLY: 0,
  DESTINATION_UNREACHABLE: 3,
  SOURCE_QUENCH: 4,
  REDIRECT: 5,
  ECHO_REQUEST: 8,
  TIME_EXCEEDED: 11,
  PARAMETER_PROBLEM: 12,
} as const;

/** Codes of DESTINATION_UNREACHABLE (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1). */
export const IcmpUnreachable = {
  NETWORK: 0,
  HOST: 1,
  PROTOCOL: 2,
  PORT: 3,
  FRAGMENTATION_NEEDED: 4,
  SOURCE_ROUTE_FAILED: 5,
  ADMINISTRATIVELY_PROHIBITED: 13,
} as const;

/** Codes of TIME_EXCEEDED, in both versions (RFC 792, RFC 4443 §3.3). */
export const TimeExceeded = { IN_TRANSIT: 0, REASSEMBLY: 1 } as const;
export type TimeExceededCode = (typeof TimeExceeded)[keyof typeof TimeExceeded];

/** Why bytes are not an ICMP message. */
export type IcmpFlaw = 'icmp-truncated' | 'icmp-bad-checksum' | 'icmp-bad-quote';

/**
 * Checks a message of `length` bytes. The accessors below may be used on what passed.
 *
 * @param verifyChecksum false when the link vouches for the bytes
 */
export function checkIcmp(
  view: DataView,
  offset: number,
  length: number,
  verifyChecksum: boolean = true,
): IcmpFlaw | undefined {
  if (length < ICMP_HEADER_LENGTH) return 'icmp-truncated';
  if (verifyChecksum && checksumFinish(checksumAdd(0, view, offset, length)) !== 0) return 'icmp-bad-checksum';
  return undefined;
}

/**
 * Checks the datagram that an error message quotes: the `length` bytes at `offset`, which is `ICMP_HEADER_LENGTH`
 * behind the message's start. The IPv4 accessors may be used on what passed, and at least 8 bytes stand behind its
 * header. Its total length and checksum are not looked at: the quote is cut off, and routers changed it on its way.
 */
export function checkIcmpQuote(view: DataView, offset: number, length: number): IcmpFlaw | undefined {
  if (length < IPV4_HEADER_LENGTH + SHORTEST_QUOTE || view.getUint8(offset) >>> 4 !== 4) return 'icmp-bad-quote';
  const headerLength = ipv4HeaderLength(view, offset);
  if (headerLength < IPV4_HEADER_LENGTH || headerLength + SHORTEST_QUOTE > length) return 'icmp-bad-quote';
  return undefined;
}

export function icmpType(view: DataView, offset: number): number {
  return view.getUint8(offset);
}

export function icmpCode(view: DataView, offset: number): number {
  return view.getUint8(offset + 1);
}

/** An error or a type that is not known: nobody is told of an error about these (RFC 1122 §3.2.2). As Linux. */
export function isIcmpError(type: number): boolean {
  switch (type) {
    case IcmpType.ECHO_REPLY:
    case IcmpType.ECHO_REQUEST:
      return false;
    default:
      // 13 to 18: timestamps, information and address masks, requests and replies.
      return type < 13 || type > 18;
  }
}

/** The identifier of an echo or its reply. */
export function icmpIdentifier(view: DataView, offset: number): number {
  return view.getUint16(offset + 4);
}

/** The sequence number of an echo or its reply. */
export function icmpSequence(view: DataView, offset: number): number {
  return view.getUint16(offset + 6);
}

/** The next hop's MTU in FRAGMENTATION_NEEDED (RFC 1191 §4); 0 from routers that don't tell. */
export function icmpMtu(view: DataView, offset: number): number {
  return view.getUint16(offset + 6);
}

/** Which byte of the quoted datagram a PARAMETER_PROBLEM is about. */
export function icmpPointer(view: DataView, offset: number): number {
  return view.getUint8(offset + 4);
}

/** Writes a header; the checksum field is left 0. */
export function writeIcmpHeader(view: DataView, offset: number, type: number, code: number, rest: number): void {
  view.setUint8(offset, type);
  view.setUint8(offset + 1, code);
  view.setUint16(offset + 2, 0);
  view.setUint32(offset + 4, rest);
}

/** Computes the checksum of a message of `length` bytes afresh and writes it. */
export function writeIcmpChecksum(view: DataView, offset: number, length: number): void {
  view.setUint16(offset + 2, 0);
  view.setUint16(offset + 2, checksumFinish(checksumAdd(0, view, offset, length)));
}

/** An ICMP message as a plain value: for tests, traces and made-up packets, not for the data path. */
export interface IcmpMessage {
  /** One of `IcmpType`, or unknown. */
  type: number;
  code: number;
  /**
   * The second word of the header, unsigned. Echo: identifier << 16 | sequence; fragmentation needed: the MTU;
   * parameter problem: pointer << 24.
   */
  rest: number;
  /** An echo's data, or the datagram that an error quotes. */
  payload: Uint8Array;
  /** Written as it is; computed when absent. Parsing leaves it out. */
  checksum?: number;
}

/** Reads a message; its `payload` is a view of `bytes`. */
export function parseIcmp(bytes: Uint8Array): IcmpMessage | IcmpFlaw {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flaw = checkIcmp(view, 0, bytes.byteLength);
  if (flaw !== undefined) return flaw;
  const payload = bytes.subarray(ICMP_HEADER_LENGTH);
  return { type: icmpType(view, 0), code: icmpCode(view, 0), rest: view.getUint32(4), payload };
}

/** Writes a message. */
export function formatIcmp(message: IcmpMessage): Uint8Array {
  const bytes = new Uint8Array(ICMP_HEADER_LENGTH + message.payload.byteLength);
  const view = new DataView(bytes.buffer);
  writeIcmpHeader(view, 0, message.type, message.code, message.rest);
  bytes.set(message.payload, ICMP_HEADER_LENGTH);
  if (message.checksum === undefined) writeIcmpChecksum(view, 0, bytes.byteLength);
  else view.setUint16(2, message.checksum);
  return bytes;
}

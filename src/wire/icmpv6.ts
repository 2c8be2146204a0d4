import type { AddressWords } from './address.ts';
import { transportChecksum } from './checksum.ts';
import { ICMP_HEADER_LENGTH, icmpCode, icmpType, writeIcmpHeader } from './icmp.ts';
import type { IcmpMessage } from './icmp.ts';
import { IPV6_HEADER_LENGTH } from './ipv6.ts';
import { Protocol } from './protocol.ts';

/*
 * ICMPv6 (RFC 4443). The header is ICMP's: `icmpType`, `icmpCode`, `icmpIdentifier` and `icmpSequence` read it,
 * `writeIcmpHeader` writes it. The checksum covers IPv6's pseudo header.
 */

/** Bytes of transport header that an error must quote: the ports, and TCP's sequence number. */
const SHORTEST_QUOTE = 8;

/** Message types: errors below 128 (RFC 4443 §2.1; RFC 2710, 3810, 4861). */
export const Icmpv6Type = {
  DESTINATION_UNREACHABLE: 1,
  PACKET_TOO_BIG: 2,
  TIME_EXCEEDED: 3,
  PARAMETER_PROBLEM: 4,
  ECHO_REQUEST: 128,
  ECHO_REPLY: 129,
  MULTICAST_LISTENER_QUERY: 130,
  MULTICAST_LISTENER_REPORT: 131,
  MULTICAST_LISTENER_DONE: 132,
  ROUTER_SOLICITATION: 133,
  ROUTER_ADVERTISEMENT: 134,
  NEIGHBOR_SOLICITATION: 135,
  NEIGHBOR_ADVERTISEMENT: 136,
  REDIRECT: 137,
  MULTICAST_LISTENER_REPORT_V2: 143,
} as const;

/** Codes of DESTINATION_UNREACHABLE (RFC 4443 §3.1). */
export const Icmpv6Unreachable = {
  NO_ROUTE: 0,
  ADMINISTRATIVELY_PROHIBITED: 1,
  BEYOND_SCOPE: 2,
  ADDRESS: 3,
  PORT: 4,
  SOURCE_POLICY: 5,
  REJECT_ROUTE: 6,
} as const;

/** Why bytes are not an ICMPv6 message. */
export type Icmpv6Flaw = 'icmpv6-truncated' | 'icmpv6-bad-checksum' | 'icmpv6-bad-quote';

/** An ICMPv6 message as a plain value. Its `rest` is an echo's identifier << 16 | sequence, an MTU or a pointer. */
export type Icmpv6Message = IcmpMessage;

/** An error message, as against information (RFC 4443 §2.1). */
export function isIcmpv6Error(type: number): boolean {
  return type < 128;
}

/**
 * Checks a message of `length` bytes. The accessors may be used on what passed.
 *
 * @param verifyChecksum false when the link vouches for the bytes
 */
export function checkIcmpv6(
  view: DataView,
  offset: number,
  length: number,
  source: AddressWords,
  destination: AddressWords,
  verifyChecksum: boolean = true,
): Icmpv6Flaw | undefined {
  if (length < ICMP_HEADER_LENGTH) return 'icmpv6-truncated';
  if (!verifyChecksum) return undefined;
  // RFC 4443 §2.3
  const checksum = transportChecksum(view, offset, length, source, destination, Protocol.ICMPV6);
  return checksum === 0 ? undefined : 'icmpv6-bad-checksum';
}

/**
 * Checks the packet that an error quotes: the `length` bytes at `offset`. The IPv6 accessors may be used on what passed,
 * and at least 8 bytes stand behind its fixed header. Its payload length is not looked at: the quote is cut off.
 */
export function checkIcmpv6Quote(view: DataView, offset: number, length: number): Icmpv6Flaw | undefined {
  if (length < IPV6_HEADER_LENGTH + SHORTEST_QUOTE) return 'icmpv6-bad-quote';
  return view.getUint8(offset) >>> 4 === 6 ? undefined : 'icmpv6-bad-quote';
}

/** The second word of the header: the MTU of PACKET_TOO_BIG, the pointer of PARAMETER_PROBLEM. */
export function icmpv6Rest(view: DataView, offset: number): number {
  return view.getUint32(offset + 4);
}

/** Computes the checksum of a message of `length` bytes afresh and writes it. */
export function writeIcmpv6Checksum(
  view: DataView,
  offset: number,
  length: number,
  source: AddressWords,
  destination: AddressWords,
): void {
  view.setUint16(offset + 2, 0);
  view.setUint16(offset + 2, transportChecksum(view, offset, length, source, destination, Protocol.ICMPV6));
}

/** Reads a message; its `payload` is a view of `bytes`. */
export function parseIcmpv6(
  bytes: Uint8Array,
  source: AddressWords,
  destination: AddressWords,
): Icmpv6Message | Icmpv6Flaw {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flaw = checkIcmpv6(view, 0, bytes.byteLength, source, destination);
  if (flaw !== undefined) return flaw;
  const payload = bytes.subarray(ICMP_HEADER_LENGTH);
  return { type: icmpType(view, 0), code: icmpCode(view, 0), rest: icmpv6Rest(view, 0), payload };
}

/** Writes a message that travels from `source` to `destination`. */
export function formatIcmpv6(message: Icmpv6Message, source: AddressWords, destination: AddressWords): Uint8Array {
  const bytes = new Uint8Array(ICMP_HEADER_LENGTH + message.payload.byteLength);
  const view = new DataView(bytes.buffer);
  writeIcmpHeader(view, 0, message.type, message.code, message.rest);
  bytes.set(message.payload, ICMP_HEADER_LENGTH);
  if (message.checksum === undefined) writeIcmpv6Checksum(view, 0, bytes.byteLength, source, destination);
  else view.setUint16(2, message.checksum);
  return bytes;
}

import { usageError } from '../errors.ts';
import { Address, writeAddress } from './address.ts';
import type { AddressWords } from './address.ts';
import { checkExtensions, ExtensionChain } from './ipv6-extensions.ts';
import type { Ipv6ExtensionFlaw } from './ipv6-extensions.ts';

/** Bytes of the fixed header. */
export const IPV6_HEADER_LENGTH = 40;
/** Every link that carries IPv6 takes packets of so many bytes (RFC 8200 §5). */
export const IPV6_MINIMUM_MTU = 1280;
const LARGEST_PAYLOAD = 65535;
/** Where the fixed header says how much follows it. */
export const IPV6_PAYLOAD_LENGTH = 4;
/** Where the fixed header names what follows it. */
const IPV6_NEXT_HEADER = 6;

/** Why bytes are not an IPv6 packet. */
export type Ipv6Flaw = 'ipv6-truncated' | 'ipv6-bad-version' | 'ipv6-bad-payload-length';

/** Checks the fixed header at `offset`, of which `length` bytes arrived. The accessors below may be used on what passed. */
export function checkIpv6(view: DataView, offset: number, length: number): Ipv6Flaw | undefined {
  // [S-001] RFC 8200 §3
  if (length < IPV6_HEADER_LENGTH) return 'ipv6-truncated';
  if (view.getUint8(offset) >>> 4 !== 6) return 'ipv6-bad-version';
  return ipv6TotalLength(view, offset) > length ? 'ipv6-bad-payload-length' : undefined;
}

/** DSCP in the upper six bits, ECN in the lower two. */
export function ipv6TrafficClass(view: DataView, offset: number): number {
  return (view.getUint16(offset) >>> 4) & 0xff;
}

/** 20 bits; 0 for none (RFC 6437). */
export function ipv6FlowLabel(view: DataView, offset: number): number {
  return view.getUint32(offset) & 0xf_ffff;
}

/** Bytes of the packet, fixed header included; what follows is padding of the link. */
export function ipv6TotalLength(view: DataView, offset: number): number {
  return IPV6_HEADER_LENGTH + view.getUint16(offset + IPV6_PAYLOAD_LENGTH);
}

/** The protocol or extension header that follows the fixed header. */
export function ipv6NextHeader(view: DataView, offset: number): number {
  return view.getUint8(offset + IPV6_NEXT_HEADER);
}

export function ipv6HopLimit(view: DataView, offset: number): number {
  return view.getUint8(offset + 7);
}

/** Takes one from the hop limit, which must not be 0 (RFC 8200 §3). */
export function decrementIpv6HopLimit(view: DataView, offset: number): void {
  view.setUint8(offset + 7, view.getUint8(offset + 7) - 1);
}

/** Where the source address lies; `AddressRegister.setIpv6` reads it. */
export function ipv6SourceAt(offset: number): number {
  return offset + 8;
}

/** Where the destination address lies. */
export function ipv6DestinationAt(offset: number): number {
  return offset + 24;
}

/** Changes a field of a header; extension headers count. */
export function setIpv6PayloadLength(view: DataView, offset: number, payloadLength: number): void {
  view.setUint16(offset + IPV6_PAYLOAD_LENGTH, payloadLength);
}

/** Writes a fixed header. `payloadLength` counts extension headers. */
export function writeIpv6Header(
  view: DataView,
  offset: number,
  source: AddressWords,
  destination: AddressWords,
  nextHeader: number,
  payloadLength: number,
  hopLimit: number,
  trafficClass: number,
  flowLabel: number,
): void {
  view.setUint32(offset, (6 << 28) | (trafficClass << 20) | flowLabel);
  view.setUint16(offset + IPV6_PAYLOAD_LENGTH, payloadLength);
  view.setUint8(offset + IPV6_NEXT_HEADER, nextHeader);
  view.setUint8(offset + 7, hopLimit);
  writeAddress(view, ipv6SourceAt(offset), source);
  writeAddress(view, ipv6DestinationAt(offset), destination);
}

/** Makes the first fragment's header, at the start of the memory, that of the whole packet, which fills the memory. */
export function rewriteIpv6Whole(view: DataView, trafficClass: number): void {
  view.setUint16(0, 0x6000 | (trafficClass << 4) | (view.getUint16(0) & 15));
  view.setUint16(IPV6_PAYLOAD_LENGTH, view.byteLength - IPV6_HEADER_LENGTH);
}

/** An IPv6 packet as a plain value: for tests, traces and made-up packets, not for the data path. */
export interface Ipv6Packet {
  /** DSCP in the upper six bits, ECN in the lower two. */
  trafficClass: number;
  /** 20 bits. */
  flowLabel: number;
  /** What the fixed header names: the first extension header, else the protocol. */
  nextHeader: number;
  hopLimit: number;
  source: Address;
  destination: Address;
  /** The extension headers as they stand, the first of type `nextHeader`. */
  extensions: Uint8Array;
  /** What `payload` is, as the last extension header names it. A fragment's is 44: its header stands in the payload. */
  protocol: number;
  payload: Uint8Array;
}

/** Reads a packet, whatever its options ask for; its `extensions` and `payload` are views of `bytes`. */
export function parseIpv6(bytes: Uint8Array): Ipv6Packet | Ipv6Flaw | Ipv6ExtensionFlaw {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flaw = checkIpv6(view, 0, bytes.byteLength);
  if (flaw !== undefined) return flaw;
  const chain = new ExtensionChain();
  const broken = checkExtensions(view, 0, ipv6TotalLength(view, 0), chain, false);
  if (broken !== undefined) return broken;
  return {
    trafficClass: ipv6TrafficClass(view, 0),
    flowLabel: ipv6FlowLabel(view, 0),
    nextHeader: ipv6NextHeader(view, 0),
    hopLimit: ipv6HopLimit(view, 0),
    source: Address.fromBytes(bytes.subarray(8, 24)),
    destination: Address.fromBytes(bytes.subarray(24, 40)),
    extensions: bytes.subarray(IPV6_HEADER_LENGTH, chain.start),
    protocol: chain.protocol,
    payload: bytes.subarray(chain.start, ipv6TotalLength(view, 0)),
  };
}

/**
 * Writes a packet. What the extension headers name is not looked at: `protocol` does not count.
 *
 * @throws ERR_OUT_OF_RANGE when the whole does not fit its length field
 */
export function formatIpv6(packet: Ipv6Packet): Uint8Array {
  const { source, destination, nextHeader, hopLimit, trafficClass, flowLabel, extensions, payload } = packet;
  const length = extensions.byteLength + payload.byteLength;
  if (length > LARGEST_PAYLOAD) {
    throw usageError('ERR_OUT_OF_RANGE', `an IPv6 packet has at most ${LARGEST_PAYLOAD} bytes of payload`, RangeError);
  }
  const bytes = new Uint8Array(IPV6_HEADER_LENGTH + length);
  const view = new DataView(bytes.buffer);
  writeIpv6Header(view, 0, source, destination, nextHeader, length, hopLimit, trafficClass, flowLabel);
  bytes.set(extensions, IPV6_HEADER_LENGTH);
  bytes.set(payload, IPV6_HEADER_LENGTH + extensions.byteLength);
  return bytes;
}

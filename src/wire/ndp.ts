import { Address, isLinkLocal, isMulticast, isSolicitedNode, isUnspecified, writeAddress } from './address.ts';
import type { AddressWords } from './address.ts';
import { ICMP_HEADER_LENGTH, icmpCode, icmpType } from './icmp.ts';
import { checkIcmpv6, Icmpv6Type, writeIcmpv6Checksum } from './icmpv6.ts';
import type { Icmpv6Flaw } from './icmpv6.ts';
import {
  findNdpOption,
  formatNdpOptions,
  ndpOptionsFit,
  NdpOptionType,
  parseNdpOptions,
  preferenceBits,
  readPreference,
} from './ndp-options.ts';
import type { NdpOption, RouterPreference } from './ndp-options.ts';

/*
 * Neighbour discovery (RFC 4861): five messages of ICMPv6, which has checked length and checksum.
 */

/** Messages with this hop limit were forwarded by nobody: they come from the link (RFC 4861 §3.1). */
export const NDP_HOP_LIMIT = 255;

/** Flags of a neighbour advertisement (RFC 4861 §4.4), in the byte behind the ICMPv6 header's first four. */
export const NeighbourFlag = { ROUTER: 0x80, SOLICITED: 0x40, OVERRIDE: 0x20 } as const;

/** Bytes in front of the options. */
export const NDP_NEIGHBOUR_LENGTH = 24;
const ROUTER_ADVERTISEMENT_LENGTH = 16;
const REDIRECT_LENGTH = 40;

/** Why an ICMPv6 message is no valid message of neighbour discovery. */
export type NdpFlaw =
  | 'ndp-bad-hop-limit'
  | 'ndp-bad-code'
  | 'ndp-truncated'
  | 'ndp-bad-option-length'
  | 'ndp-bad-source'
  | 'ndp-bad-destination'
  | 'ndp-bad-target'
  | 'ndp-unexpected-link-address'
  | 'ndp-solicited-to-group';

/** One of the five. */
export function isNdp(type: number): boolean {
  return type >= Icmpv6Type.ROUTER_SOLICITATION && type <= Icmpv6Type.REDIRECT;
}

/** Where the options of a message begin. */
export function ndpOptionsAt(view: DataView, offset: number): number {
  switch (icmpType(view, offset)) {
    case Icmpv6Type.ROUTER_SOLICITATION:
      return offset + ICMP_HEADER_LENGTH;
    case Icmpv6Type.ROUTER_ADVERTISEMENT:
      return offset + ROUTER_ADVERTISEMENT_LENGTH;
    case Icmpv6Type.REDIRECT:
      return offset + REDIRECT_LENGTH;
    default:
      return offset + NDP_NEIGHBOUR_LENGTH;
  }
}

/** Where the target of a solicitation, an advertisement or a redirect lies. */
export function ndpTargetAt(offset: number): number {
  return offset + 8;
}

/** Where the destination that a redirect is about lies. */
export function ndpDestinationAt(offset: number): number {
  return offset + 24;
}

/** `NeighbourFlag`s of an advertisement. */
export function ndpFlags(view: DataView, offset: number): number {
  return view.getUint8(offset + 4);
}

/**
 * Checks a message of `length` bytes that ICMPv6 has found in order, by the rules of RFC 4861 §6.1, §7.1 and §8.1. The
 * accessors may be used on what passed. What depends on state is left to the receiver.
 *
 * @param hopLimit of the packet that brought it
 */
export function checkNdp(
  view: DataView,
  offset: number,
  length: number,
  hopLimit: number,
  source: AddressWords,
  destination: AddressWords,
): NdpFlaw | undefined {
  // [S-049] RFC 4861 §6.1, §7.1, §8.1: a router on the way would have lowered it.
  if (hopLimit !== NDP_HOP_LIMIT) return 'ndp-bad-hop-limit';
  if (icmpCode(view, offset) !== 0) return 'ndp-bad-code';
  const options = ndpOptionsAt(view, offset);
  const end = offset + length;
  if (options > end) return 'ndp-truncated';
  if (!ndpOptionsFit(view, options, end)) return 'ndp-bad-option-length';
  switch (icmpType(view, offset)) {
    case Icmpv6Type.ROUTER_SOLICITATION:
      return checkAnonymous(view, options, end, source);
    case Icmpv6Type.ROUTER_ADVERTISEMENT:
      return isLinkLocal(source) ? undefined : 'ndp-bad-source';
    case Icmpv6Type.NEIGHBOR_SOLICITATION:
      return checkSolicitation(view, offset, end, source, destination);
    case Icmpv6Type.NEIGHBOR_ADVERTISEMENT:
      return checkAdvertisement(view, offset, destination);
    default:
      return checkRedirect(view, offset, source);
  }
}

/** Who has no address yet has no link-layer address to tell either: it could not be entered anywhere. */
function checkAnonymous(view: DataView, options: number, end: number, source: AddressWords): NdpFlaw | undefined {
  if (!isUnspecified(source)) return undefined;
  const found = findNdpOption(view, options, end, NdpOptionType.SOURCE_LINK_ADDRESS);
  return found < 0 ? undefined : 'ndp-unexpected-link-address';
}

function checkSolicitation(
  view: DataView,
  offset: number,
  end: number,
  source: AddressWords,
  destination: AddressWords,
): NdpFlaw | undefined {
  if (groupAt(view, ndpTargetAt(offset))) return 'ndp-bad-target';
  if (isUnspecified(source) && !isSolicitedNode(destination)) return 'ndp-bad-destination';
  return checkAnonymous(view, offset + NDP_NEIGHBOUR_LENGTH, end, source);
}

function checkAdvertisement(view: DataView, offset: number, destination: AddressWords): NdpFlaw | undefined {
  if (groupAt(view, ndpTargetAt(offset))) return 'ndp-bad-target';
  const solicited = (ndpFlags(view, offset) & NeighbourFlag.SOLICITED) !== 0;
  return solicited && isMulticast(destination) ? 'ndp-solicited-to-group' : undefined;
}

function checkRedirect(view: DataView, offset: number, source: AddressWords): NdpFlaw | undefined {
  if (!isLinkLocal(source)) return 'ndp-bad-source';
  if (groupAt(view, ndpDestinationAt(offset))) return 'ndp-bad-destination';
  // RFC 4861 §8.1: the target is a router, known by its link-local address, or the destination itself.
  const target = ndpTargetAt(offset);
  if (view.getUint32(target) >>> 22 === 0x3fa) return undefined;
  for (let i = 0; i < 16; i += 4) {
    if (view.getInt32(target + i) !== view.getInt32(target + 16 + i)) return 'ndp-bad-target';
  }
  return undefined;
}

function groupAt(view: DataView, at: number): boolean {
  return view.getUint8(at) === 0xff;
}

/** Writes a solicitation or an advertisement without options, 24 bytes; its checksum is left 0. */
export function writeNeighbourMessage(
  view: DataView,
  at: number,
  type: number,
  flags: number,
  target: AddressWords,
): void {
  view.setUint32(at, type << 24);
  view.setUint32(at + 4, flags << 24);
  writeAddress(view, ndpTargetAt(at), target);
}

/** A message as a plain value: for tests, traces, and what comes seldom. */
export type NdpMessage =
  | { name: 'routerSolicitation'; options: NdpOption[] }
  | RouterAdvertisement
  | { name: 'neighbourSolicitation'; target: Address; options: NdpOption[] }
  | {
      name: 'neighbourAdvertisement';
      router: boolean;
      solicited: boolean;
      override: boolean;
      target: Address;
      options: NdpOption[];
    }
  | { name: 'redirect'; target: Address; destination: Address; options: NdpOption[] };

/** RFC 4861 §4.2, RFC 4191 §2.2. */
export interface RouterAdvertisement {
  name: 'routerAdvertisement';
  /** 0 says nothing. */
  hopLimit: number;
  /** M: addresses come by DHCPv6. */
  managed: boolean;
  /** O: other configuration comes by DHCPv6. */
  otherConfiguration: boolean;
  preference: RouterPreference;
  /** Seconds for which it is a default router; 0: it is none. */
  routerLifetime: number;
  /** Milliseconds; 0 says nothing. */
  reachableTime: number;
  retransTimer: number;
  options: NdpOption[];
}

/**
 * Reads a message, ICMPv6 header and all, that travelled from `source` to `destination`; bytes of options are views.
 *
 * @returns `undefined` for an ICMPv6 message of another kind
 */
export function parseNdp(
  bytes: Uint8Array,
  source: AddressWords,
  destination: AddressWords,
  hopLimit: number = NDP_HOP_LIMIT,
): NdpMessage | NdpFlaw | Icmpv6Flaw | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flaw = checkIcmpv6(view, 0, bytes.byteLength, source, destination);
  if (flaw !== undefined) return flaw;
  if (!isNdp(icmpType(view, 0))) return undefined;
  return checkNdp(view, 0, bytes.byteLength, hopLimit, source, destination) ?? readNdp(view, 0, bytes.byteLength);
}

/** Reads a message of `length` bytes that has been checked. */
function readNdp(view: DataView, offset: number, length: number): NdpMessage {
  const options = parseNdpOptions(view, ndpOptionsAt(view, offset), offset + length);
  const flags = ndpFlags(view, offset);
  switch (icmpType(view, offset)) {
    case Icmpv6Type.ROUTER_SOLICITATION:
      return { name: 'routerSolicitation', options };
    case Icmpv6Type.ROUTER_ADVERTISEMENT:
      return readRouterAdvertisement(view, offset, length);
    case Icmpv6Type.NEIGHBOR_SOLICITATION:
      return { name: 'neighbourSolicitation', target: addressAt(view, ndpTargetAt(offset)), options };
    case Icmpv6Type.NEIGHBOR_ADVERTISEMENT:
      return {
        name: 'neighbourAdvertisement',
        router: (flags & NeighbourFlag.ROUTER) !== 0,
        solicited: (flags & NeighbourFlag.SOLICITED) !== 0,
        override: (flags & NeighbourFlag.OVERRIDE) !== 0,
        target: addressAt(view, ndpTargetAt(offset)),
        options,
      };
    default: {
      const target = addressAt(view, ndpTargetAt(offset));
      return { name: 'redirect', target, destination: addressAt(view, ndpDestinationAt(offset)), options };
    }
  }
}

/**
 * Reads a router advertisement of `length` bytes that has been checked.
 *
 * @param mostOptions where reading ends
 */
export function readRouterAdvertisement(
  view: DataView,
  offset: number,
  length: number,
  mostOptions: number = Infinity,
): RouterAdvertisement {
  const flags = view.getUint8(offset + 5);
  const routerLifetime = view.getUint16(offset + 6);
  return {
    name: 'routerAdvertisement',
    hopLimit: view.getUint8(offset + 4),
    managed: (flags & 0x80) !== 0,
    otherConfiguration: (flags & 0x40) !== 0,
    // RFC 4191 §2.2: the reserved value is medium; who is no default router has no preference.
    preference: routerLifetime === 0 ? 'medium' : (readPreference(flags) ?? 'medium'),
    routerLifetime,
    reachableTime: view.getUint32(offset + 8),
    retransTimer: view.getUint32(offset + 12),
    options: parseNdpOptions(view, offset + ROUTER_ADVERTISEMENT_LENGTH, offset + length, mostOptions),
  };
}

function addressAt(view: DataView, at: number): Address {
  return Address.fromBytes(new Uint8Array(view.buffer, view.byteOffset + at, 16));
}

/** Writes a message, ICMPv6 header and all, that travels from `source` to `destination`. */
export function formatNdp(message: NdpMessage, source: AddressWords, destination: AddressWords): Uint8Array {
  const head = formatHead(message);
  const options = formatNdpOptions(message.options);
  const bytes = new Uint8Array(head.byteLength + options.byteLength);
  bytes.set(head);
  bytes.set(options, head.byteLength);
  writeIcmpv6Checksum(new DataView(bytes.buffer), 0, bytes.byteLength, source, destination);
  return bytes;
}

function formatHead(message: NdpMessage): Uint8Array {
  const bytes = new Uint8Array(REDIRECT_LENGTH);
  const view = new DataView(bytes.buffer);
  switch (message.name) {
    case 'routerSolicitation':
      view.setUint8(0, Icmpv6Type.ROUTER_SOLICITATION);
      return bytes.subarray(0, ICMP_HEADER_LENGTH);
    case 'routerAdvertisement':
      writeRouterAdvertisement(view, message);
      return bytes.subarray(0, ROUTER_ADVERTISEMENT_LENGTH);
    case 'neighbourSolicitation':
      writeNeighbourMessage(view, 0, Icmpv6Type.NEIGHBOR_SOLICITATION, 0, message.target);
      return bytes.subarray(0, NDP_NEIGHBOUR_LENGTH);
    case 'neighbourAdvertisement':
      writeNeighbourMessage(view, 0, Icmpv6Type.NEIGHBOR_ADVERTISEMENT, flagsOf(message), message.target);
      return bytes.subarray(0, NDP_NEIGHBOUR_LENGTH);
    default:
      writeNeighbourMessage(view, 0, Icmpv6Type.REDIRECT, 0, message.target);
      writeAddress(view, ndpDestinationAt(0), message.destination);
      return bytes;
  }
}

function flagsOf({ router, solicited, override }: { router: boolean; solicited: boolean; override: boolean }): number {
  return (
    (router ? NeighbourFlag.ROUTER : 0) |
    (solicited ? NeighbourFlag.SOLICITED : 0) |
    (override ? NeighbourFlag.OVERRIDE : 0)
  );
}

function writeRouterAdvertisement(view: DataView, message: RouterAdvertisement): void {
  const { hopLimit, managed, otherConfiguration, preference, routerLifetime, reachableTime, retransTimer } = message;
  view.setUint8(0, Icmpv6Type.ROUTER_ADVERTISEMENT);
  view.setUint8(4, hopLimit);
  view.setUint8(5, (managed ? 0x80 : 0) | (otherConfiguration ? 0x40 : 0) | preferenceBits(preference));
  view.setUint16(6, routerLifetime);
  view.setUint32(8, reachableTime);
  view.setUint32(12, retransTimer);
}

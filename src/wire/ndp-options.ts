import { Address } from './address.ts';
import { Cidr } from './cidr.ts';
import { readDomainNames, writeDomainNames } from './domain-names.ts';

/*
 * Options of neighbour discovery (RFC 4861 §4.6): type, length in units of eight bytes, and what the type says.
 */

/** Option types (RFC 4861 §4.6, RFC 3971 §5.3.2, RFC 4191 §2.3, RFC 8106 §5). */
export const NdpOptionType = {
  SOURCE_LINK_ADDRESS: 1,
  TARGET_LINK_ADDRESS: 2,
  PREFIX_INFORMATION: 3,
  REDIRECTED_HEADER: 4,
  MTU: 5,
  NONCE: 14,
  ROUTE_INFORMATION: 24,
  RDNSS: 25,
  DNSSL: 31,
} as const;

/** Bytes of an option with an Ethernet address, and of a nonce of six bytes. */
export const NDP_SHORT_OPTION = 8;
/** Bytes of type and length, in front of what the type says. */
const OPTION_HEADER = 2;

/** How much a router recommends itself or a route (RFC 4191 §2.1); where it says nothing valid: medium. */
export type RouterPreference = 'high' | 'medium' | 'low';

/** An option as a plain value. Lifetimes are seconds, 0xffffffff for ever. */
export type NdpOption =
  | { name: 'sourceLinkAddress' | 'targetLinkAddress' | 'nonce'; bytes: Uint8Array }
  | PrefixInformation
  /** The packet that a redirect is about, as far as it is quoted. */
  | { name: 'redirectedHeader'; packet: Uint8Array }
  | { name: 'mtu'; mtu: number }
  | RouteInformation
  | { name: 'rdnss'; lifetime: number; servers: Address[] }
  | { name: 'dnssl'; lifetime: number; domains: string[] }
  /** Unknown, or not as its type wants it: it is ignored (RFC 4861 §4.6). */
  | { name: 'other'; type: number; bytes: Uint8Array };

/** RFC 4861 §4.6.2 */
export interface PrefixInformation {
  name: 'prefixInformation';
  prefix: Address;
  prefixLength: number;
  /** L: addresses of this prefix are on the link. */
  onLink: boolean;
  /** A: hosts may make themselves addresses of it. */
  autonomous: boolean;
  validLifetime: number;
  preferredLifetime: number;
}

/** RFC 4191 §2.3 */
export interface RouteInformation {
  name: 'routeInformation';
  prefix: Address;
  prefixLength: number;
  preference: RouterPreference;
  lifetime: number;
}

/** Whether the options in `[at, end)` fill it exactly and none has the length 0 (RFC 4861 §4.6). */
export function ndpOptionsFit(view: DataView, at: number, end: number): boolean {
  let option = at;
  while (option + OPTION_HEADER <= end) {
    const length = view.getUint8(option + 1);
    if (length === 0) return false;
    option += 8 * length;
  }
  return option === end;
}

/**
 * Where the first option of a type lies among those in `[at, end)`, which were checked; −1 where there is none. With
 * `length`, in bytes, one of another length is none: Ethernet's addresses have six bytes (RFC 2464 §6).
 */
export function findNdpOption(view: DataView, at: number, end: number, type: number, length?: number): number {
  for (let option = at; option < end; option += 8 * view.getUint8(option + 1)) {
    if (view.getUint8(option) !== type) continue;
    if (length === undefined || 8 * view.getUint8(option + 1) === length) return option;
  }
  return -1;
}

/** What an option of eight bytes holds: a hardware address or a nonce, as its first 16 and its last 32 bits. */
export interface SixBytes {
  readonly high: number;
  readonly low: number;
}

/** Writes an option of eight bytes. */
export function writeNdpShortOption(view: DataView, at: number, type: number, { high, low }: SixBytes): void {
  view.setUint8(at, type);
  view.setUint8(at + 1, 1);
  view.setUint16(at + OPTION_HEADER, high);
  view.setInt32(at + OPTION_HEADER + 2, low);
}

/** The preference in the two bits of `flags` that RFC 4191 gave it; nothing for the reserved value. */
export function readPreference(flags: number): RouterPreference | undefined {
  return ([/* 00 */ 'medium', 'high', undefined, 'low'] as const)[(flags >>> 3) & 3];
}

export function preferenceBits(preference: RouterPreference): number {
  return { medium: 0, high: 1, low: 3 }[preference] << 3;
}

/** Reads the options in `[at, end)`, which were checked, but at most so many. Bytes are views. */
export function parseNdpOptions(view: DataView, at: number, end: number, most: number = Infinity): NdpOption[] {
  const options: NdpOption[] = [];
  for (let option = at; option < end && options.length < most; option += 8 * view.getUint8(option + 1)) {
    options.push(parseOption(view, option, 8 * view.getUint8(option + 1)));
  }
  return options;
}

function parseOption(view: DataView, at: number, length: number): NdpOption {
  const type = view.getUint8(at);
  const bytes = bytesOf(view, at + OPTION_HEADER, length - OPTION_HEADER);
  return parseKnown(type, view, at, length, bytes) ?? { name: 'other', type, bytes };
}

/** Nothing where the option is unknown, or its contents are not what its type says. */
function parseKnown(
  type: number,
  view: DataView,
  at: number,
  length: number,
  bytes: Uint8Array,
): NdpOption | undefined {
  switch (type) {
    case NdpOptionType.SOURCE_LINK_ADDRESS:
      return { name: 'sourceLinkAddress', bytes };
    case NdpOptionType.TARGET_LINK_ADDRESS:
      return { name: 'targetLinkAddress', bytes };
    case NdpOptionType.NONCE:
      return { name: 'nonce', bytes };
    case NdpOptionType.PREFIX_INFORMATION:
      return length === 32 ? parsePrefix(view, at) : undefined;
    case NdpOptionType.REDIRECTED_HEADER:
      return { name: 'redirectedHeader', packet: bytesOf(view, at + 8, length - 8) };
    case NdpOptionType.MTU:
      return length === 8 ? { name: 'mtu', mtu: view.getUint32(at + 4) } : undefined;
    case NdpOptionType.ROUTE_INFORMATION:
      return parseRoute(view, at, length);
    case NdpOptionType.RDNSS:
      return parseServers(view, at, length);
    case NdpOptionType.DNSSL:
      return parseDomains(view, at, length);
    default:
      return undefined;
  }
}

function parsePrefix(view: DataView, at: number): PrefixInformation | undefined {
  const prefixLength = view.getUint8(at + 2);
  if (prefixLength > 128) return undefined;
  const flags = view.getUint8(at + 3);
  return {
    name: 'prefixInformation',
    prefixLength,
    onLink: (flags & 0x80) !== 0,
    autonomous: (flags & 0x40) !== 0,
    validLifetime: view.getUint32(at + 4),
    preferredLifetime: view.getUint32(at + 8),
    prefix: networkOf(bytesOf(view, at + 16, 16), prefixLength),
  };
}

/** RFC 4191 §2.3: the prefix has as many bytes as the option has room for; bits behind `prefixLength` say nothing. */
function parseRoute(view: DataView, at: number, length: number): RouteInformation | undefined {
  const prefixLength = view.getUint8(at + 2);
  const preference = readPreference(view.getUint8(at + 3));
  const needed = prefixLength === 0 ? 8 : prefixLength <= 64 ? 16 : 24;
  if (prefixLength > 128 || preference === undefined || length < needed || length > 24) return undefined;
  const prefix = new Uint8Array(16);
  prefix.set(bytesOf(view, at + 8, length - 8));
  return {
    name: 'routeInformation',
    prefixLength,
    preference,
    lifetime: view.getUint32(at + 4),
    prefix: networkOf(prefix, prefixLength),
  };
}

/** Bits behind the prefix are reserved: they are ignored (RFC 4861 §4.6.2, RFC 4191 §2.3). */
function networkOf(bytes: Uint8Array, prefixLength: number): Address {
  return new Cidr(Address.fromBytes(bytes), prefixLength).network;
}

function parseServers(view: DataView, at: number, length: number): NdpOption | undefined {
  // RFC 8106 §5.3.1
  if (length < 24 || (length - 8) % 16 !== 0) return undefined;
  const servers: Address[] = [];
  for (let one = at + 8; one < at + length; one += 16) servers.push(Address.fromBytes(bytesOf(view, one, 16)));
  return { name: 'rdnss', lifetime: view.getUint32(at + 4), servers };
}

function parseDomains(view: DataView, at: number, length: number): NdpOption | undefined {
  if (length < 16) return undefined;
  const domains = readDomainNames(bytesOf(view, at + 8, length - 8));
  return domains && { name: 'dnssl', lifetime: view.getUint32(at + 4), domains };
}

/** Writes options, each padded with zeros to a multiple of eight bytes. */
export function formatNdpOptions(options: readonly NdpOption[]): Uint8Array {
  const parts = options.map(formatOption);
  const all = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
}

function formatOption(option: NdpOption): Uint8Array {
  switch (option.name) {
    case 'sourceLinkAddress':
      return whole(NdpOptionType.SOURCE_LINK_ADDRESS, option.bytes);
    case 'targetLinkAddress':
      return whole(NdpOptionType.TARGET_LINK_ADDRESS, option.bytes);
    case 'nonce':
      return whole(NdpOptionType.NONCE, option.bytes);
    case 'prefixInformation':
      return formatPrefix(option);
    case 'redirectedHeader':
      return whole(NdpOptionType.REDIRECTED_HEADER, [0, 0, 0, 0, 0, 0, ...option.packet]);
    case 'mtu':
      return whole(NdpOptionType.MTU, [0, 0, ...word(option.mtu)]);
    case 'routeInformation':
      return formatRoute(option);
    case 'rdnss': {
      const servers = option.servers.flatMap((server) => [...server.bytes()]);
      return whole(NdpOptionType.RDNSS, [0, 0, ...word(option.lifetime), ...servers]);
    }
    case 'dnssl':
      return whole(NdpOptionType.DNSSL, [0, 0, ...word(option.lifetime), ...writeDomainNames(option.domains)]);
    default:
      return whole(option.type, option.bytes);
  }
}

function formatPrefix(option: PrefixInformation): Uint8Array {
  const { prefix, prefixLength, onLink, autonomous, validLifetime, preferredLifetime } = option;
  const flags = (onLink ? 0x80 : 0) | (autonomous ? 0x40 : 0);
  const lifetimes = [...word(validLifetime), ...word(preferredLifetime)];
  return whole(NdpOptionType.PREFIX_INFORMATION, [prefixLength, flags, ...lifetimes, ...word(0), ...prefix.bytes()]);
}

function formatRoute({ prefix, prefixLength, preference, lifetime }: RouteInformation): Uint8Array {
  const bytes = prefix.bytes().subarray(0, prefixLength === 0 ? 0 : prefixLength <= 64 ? 8 : 16);
  const front = [prefixLength, preferenceBits(preference), ...word(lifetime)];
  return whole(NdpOptionType.ROUTE_INFORMATION, [...front, ...bytes]);
}

function whole(type: number, contents: Iterable<number> & { readonly length: number }): Uint8Array {
  const length = Math.ceil((OPTION_HEADER + contents.length) / 8);
  const bytes = new Uint8Array(8 * length);
  bytes[0] = type;
  bytes[1] = length;
  bytes.set(Array.from(contents), OPTION_HEADER);
  return bytes;
}

function word(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

function bytesOf(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}

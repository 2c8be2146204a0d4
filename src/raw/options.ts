import { requireInteger, requireType, usageError } from '../errors.ts';
import { Protocol } from '../wire/protocol.ts';

/** Options of a raw socket: given at `open`, the tunable ones changed later with `socket.set`. */
export interface RawOptions {
  /** May send to broadcast addresses (else EACCES). Default false. */
  broadcast?: boolean;
  /** Time to live or hop limit, 1 to 255. Default 64. Linux: net.ipv4.ip_default_ttl. */
  ttl?: number;
  /** The same for multicast, 0 to 255. Default 1; 0 is for this host only (RFC 1112 §6.1). */
  multicastTtl?: number;
  /** The whole traffic-class byte: DSCP in the upper six bits, ECN in the lower two. Default 0. */
  trafficClass?: number;
  /**
   * Nothing is sent in fragments: what is longer than the path's MTU fails with EMSGSIZE. Default false. Linux:
   * IP_MTU_DISCOVER (IP_PMTUDISC_DO), IPV6_DONTFRAG.
   */
  dontFragment?: boolean;
  /**
   * Bytes that received packets may occupy until the owner has them, 256 of overhead a packet included.
   * Default 212,992. Linux: net.core.rmem_default.
   */
  receiveBuffer?: number;
  /**
   * `send` takes whole IPv4 packets, header first: the stack fills in the total length and the checksum, and the source and
   * the identification where they are 0 (Linux: IP_HDRINCL, raw(7)). Default false; always for protocol 255, IPPROTO_RAW.
   */
  headerIncluded?: boolean;
  /** With `headerIncluded` the source may be an address that is not the stack's. Default false. Linux: IP_TRANSPARENT. */
  transparent?: boolean;
  /**
   * IPv6 only: offset in the payload of a checksum that the stack fills in and checks (RFC 3542 §3.1); an even number.
   * Default none; ICMPv6's is always, at 2.
   */
  checksumOffset?: number | undefined;
  /** Of ICMP and ICMPv6: types of message to receive; others are for others. Default all. Linux: ICMP_FILTER. */
  icmpTypes?: readonly number[] | undefined;
}

/** The same with every default filled in. */
export type ResolvedRawOptions = Required<RawOptions>;

/** The options that may change while the socket is open. */
export type RawTunables = Pick<
  ResolvedRawOptions,
  'broadcast' | 'ttl' | 'multicastTtl' | 'trafficClass' | 'dontFragment' | 'receiveBuffer' | 'icmpTypes'
>;

const DEFAULT_RAW_OPTIONS: Readonly<ResolvedRawOptions> = {
  broadcast: false,
  ttl: 64,
  multicastTtl: 1,
  trafficClass: 0,
  dontFragment: false,
  receiveBuffer: 212_992,
  headerIncluded: false,
  transparent: false,
  checksumOffset: undefined,
  icmpTypes: undefined,
};

/** The names of all options. */
export const RAW_OPTION_NAMES: readonly string[] = Object.keys(DEFAULT_RAW_OPTIONS);

const OPEN_ONLY: ReadonlySet<string> = new Set(['headerIncluded', 'transparent', 'checksumOffset']);

/** Inclusive bounds of the numbers among the options. */
const RANGES: ReadonlyMap<string, readonly [min: number, max: number]> = new Map([
  ['ttl', [1, 255]],
  ['multicastTtl', [0, 255]],
  ['trafficClass', [0, 255]],
  ['receiveBuffer', [1, 0x7fff_ffff]],
]);

/** Where ICMPv6 has its checksum (RFC 4443 §2.1). */
const ICMPV6_CHECKSUM = 2;

/**
 * Fills in the defaults for a socket of this protocol and IP version.
 *
 * @throws ERR_OUT_OF_RANGE, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE for what this protocol or version does not have
 */
export function resolveRawOptions(
  options: RawOptions = {},
  protocol: number = Protocol.RAW,
  family: 4 | 6 = 4,
): ResolvedRawOptions {
  const resolved = { ...DEFAULT_RAW_OPTIONS, headerIncluded: protocol === Protocol.RAW && family === 4 };
  for (const key of Object.keys(DEFAULT_RAW_OPTIONS) as (keyof ResolvedRawOptions)[]) {
    if (options[key] === undefined) continue;
    checkRawOption(key, options[key]);
    Object.assign(resolved, { [key]: options[key] });
  }
  checkTogether(resolved, protocol, family);
  if (family === 6 && protocol === Protocol.ICMPV6) resolved.checksumOffset = ICMPV6_CHECKSUM;
  return resolved;
}

function checkTogether(options: ResolvedRawOptions, protocol: number, family: 4 | 6): void {
  const { headerIncluded, transparent, checksumOffset, icmpTypes } = options;
  if (headerIncluded && family === 6) {
    throw usageError('ERR_INVALID_ARG_VALUE', 'headerIncluded is for IPv4: over IPv6 the stack writes the header');
  }
  if (transparent && !headerIncluded) {
    throw usageError('ERR_INVALID_ARG_VALUE', 'transparent is for sockets with headerIncluded');
  }
  if (checksumOffset !== undefined && family === 4) {
    throw usageError('ERR_INVALID_ARG_VALUE', 'checksumOffset is for IPv6 (RFC 3542 §3.1)');
  }
  // Linux: EINVAL.
  if (checksumOffset !== undefined && protocol === Protocol.ICMPV6) {
    throw usageError('ERR_INVALID_ARG_VALUE', 'the checksum of ICMPv6 is filled in anyway: leave checksumOffset out');
  }
  if (icmpTypes !== undefined) requireIcmp(protocol, family);
}

/** @throws ERR_INVALID_ARG_VALUE */
function requireIcmp(protocol: number, family: 4 | 6): void {
  if (protocol === (family === 4 ? Protocol.ICMP : Protocol.ICMPV6)) return;
  throw usageError(
    'ERR_INVALID_ARG_VALUE',
    'icmpTypes is for sockets of ICMP (1) over IPv4 and of ICMPv6 (58) over IPv6',
  );
}

/**
 * Checks a change to an open socket.
 *
 * @throws ERR_INVALID_ARG_VALUE for an unknown option or one that only `open` takes; ERR_OUT_OF_RANGE,
 * ERR_INVALID_ARG_TYPE
 */
export function checkRawTunable(key: keyof RawTunables, value: unknown, protocol: number, family: 4 | 6): void {
  if (OPEN_ONLY.has(key)) throw usageError('ERR_INVALID_ARG_VALUE', `${key} is chosen when the socket is opened`);
  checkRawOption(key, value);
  if (key === 'icmpTypes') requireIcmp(protocol, family);
}

/** @throws ERR_INVALID_ARG_VALUE for an option that there is not */
export function requireRawOptionName(key: string): void {
  if (Object.hasOwn(DEFAULT_RAW_OPTIONS, key)) return;
  const names = Object.keys(DEFAULT_RAW_OPTIONS).join(', ');
  throw usageError('ERR_INVALID_ARG_VALUE', `'${key}' is not an option of a raw socket; there are ${names}`);
}

/** Throws unless the option exists and the value is one it can have. */
export function checkRawOption(key: keyof ResolvedRawOptions, value: unknown): void {
  requireRawOptionName(key);
  const range = RANGES.get(key);
  if (range !== undefined) return requireInteger(key, value, range[0], range[1]);
  if (key === 'icmpTypes') return requireTypes(value);
  if (key !== 'checksumOffset') return requireType(key, value, 'boolean');
  requireInteger(key, value, 0, 65_532);
  if (Number(value) % 2 !== 0) {
    throw usageError('ERR_OUT_OF_RANGE', `checksumOffset must be even, not ${String(value)}`, RangeError);
  }
}

/** Message types: whole numbers of a byte. */
function requireTypes(value: unknown): void {
  if (value === undefined) return;
  if (!Array.isArray(value)) throw usageError('ERR_INVALID_ARG_TYPE', 'icmpTypes must be an array of numbers');
  for (const type of value) requireInteger('icmpTypes', type, 0, 255);
}

import { described, requireInteger, requireType, usageError } from '../errors.ts';
import { checkIpv4Options, LONGEST_IPV4_OPTIONS } from '../wire/ipv4-options.ts';

/** Options of a socket: given at `bind`, the tunable ones changed later with `socket.set`. */
export interface UdpOptions {
  /** Let several sockets share the port: one gets unicast, all get broadcast and multicast. Default false. */
  reuseAddress?: boolean;
  /** Let sockets that all say so share the port. Default false. */
  reusePort?: boolean;
  /** A socket bound to `::` takes IPv6 alone, and leaves IPv4 to others. Default false. Linux: IPV6_V6ONLY. */
  ipv6Only?: boolean;
  /** May send to broadcast addresses (else EACCES). Default false. */
  broadcast?: boolean;
  /** Time to live or hop limit, 1 to 255. Default 'auto': 64, of IPv6 what routers advertise where they do. */
  ttl?: number | 'auto';
  /** The same for multicast, 0 to 255. Default 1; 0 is for this host only (RFC 1112 §6.1). */
  multicastTtl?: number;
  /**
   * What goes to a group reaches the members of this stack on the interface that it leaves by, too. Default true. Over the
   * loopback interface it comes back in any case. Linux: IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP.
   */
  multicastLoopback?: boolean;
  /** Diffserv code point, 0 to 63. Default 0. */
  dscp?: number;
  /**
   * Nothing is sent in fragments, here or by a router: what is longer than the path's MTU fails with EMSGSIZE. Default false:
   * it is sent in fragments then. Linux: IP_MTU_DISCOVER (IP_PMTUDISC_DO), IPV6_DONTFRAG.
   */
  dontFragment?: boolean;
  /**
   * Bytes that received messages may occupy until the owner has them, 256 of overhead a message included.
   * Default 212,992. Linux: net.core.rmem_default.
   */
  receiveBuffer?: number;
  /**
   * Name of the interface to be bound to: only what comes by it is received, and of the routes only its own count; an IPv4
   * peer that none leads to is taken to be on its link. The stack's own addresses are not reached so. Default undefined:
   * all interfaces. Linux: SO_BINDTODEVICE.
   */
  device?: string | undefined;
  /**
   * IPv4 options of what is sent, at most 40 bytes; source routes are refused (RFC 7126 §4.3). What has come with a message
   * stands in its `ipOptions`. Default undefined: none. Linux: IP_OPTIONS.
   */
  ipOptions?: Uint8Array | undefined;
}

/** The same with every default filled in. */
export type ResolvedUdpOptions = Required<UdpOptions>;

/** The options that may change while the socket is open. */
export type UdpTunables = Pick<
  ResolvedUdpOptions,
  'broadcast' | 'ttl' | 'multicastTtl' | 'multicastLoopback' | 'dscp' | 'dontFragment' | 'receiveBuffer' | 'ipOptions'
>;

const DEFAULT_UDP_OPTIONS: Readonly<ResolvedUdpOptions> = {
  reuseAddress: false,
  reusePort: false,
  ipv6Only: false,
  broadcast: false,
  ttl: 'auto',
  multicastTtl: 1,
  multicastLoopback: true,
  dscp: 0,
  dontFragment: false,
  receiveBuffer: 212_992,
  device: undefined,
  ipOptions: undefined,
};

/** The names of all options. */
export const UDP_OPTION_NAMES: readonly string[] = Object.keys(DEFAULT_UDP_OPTIONS);

const BIND_ONLY: ReadonlySet<string> = new Set(['reuseAddress', 'reusePort', 'ipv6Only', 'device']);

/** Inclusive bounds of the numbers among the options. */
const RANGES: ReadonlyMap<string, readonly [min: number, max: number]> = new Map([
  ['ttl', [1, 255]],
  ['multicastTtl', [0, 255]],
  ['dscp', [0, 63]],
  ['receiveBuffer', [1, 0x7fff_ffff]],
]);

/**
 * Fills in the defaults.
 *
 * @throws ERR_OUT_OF_RANGE, ERR_INVALID_ARG_TYPE
 */
export function resolveUdpOptions(options: UdpOptions = {}): ResolvedUdpOptions {
  const resolved = { ...DEFAULT_UDP_OPTIONS };
  for (const key of Object.keys(DEFAULT_UDP_OPTIONS) as (keyof ResolvedUdpOptions)[]) {
    if (options[key] === undefined) continue;
    checkUdpOption(key, options[key]);
    Object.assign(resolved, { [key]: kept(options[key]) });
  }
  return resolved;
}

/** The caller may reuse what it gave. */
export function kept<Value>(value: Value): Value | Uint8Array {
  return value instanceof Uint8Array ? value.slice() : value;
}

/**
 * Checks a change to an open socket.
 *
 * @throws ERR_INVALID_ARG_VALUE for an unknown option or one that only `bind` takes; ERR_OUT_OF_RANGE,
 * ERR_INVALID_ARG_TYPE
 */
export function checkTunable(key: keyof UdpTunables, value: unknown): void {
  if (BIND_ONLY.has(key)) throw usageError('ERR_INVALID_ARG_VALUE', `${key} is chosen when the socket is bound`);
  checkUdpOption(key, value);
}

/** @throws ERR_INVALID_ARG_VALUE for an option that there is not */
export function requireUdpOptionName(key: string): void {
  if (Object.hasOwn(DEFAULT_UDP_OPTIONS, key)) return;
  const names = Object.keys(DEFAULT_UDP_OPTIONS).join(', ');
  throw usageError('ERR_INVALID_ARG_VALUE', `'${key}' is not an option of a UDP socket; there are ${names}`);
}

/** Throws unless the option exists and the value is one it can have. */
function checkUdpOption(key: keyof ResolvedUdpOptions, value: unknown): void {
  requireUdpOptionName(key);
  if (key === 'ipOptions') return checkIpOptions(value);
  if (key === 'ttl' && value === 'auto') return;
  const range = RANGES.get(key);
  if (range !== undefined) requireInteger(key, value, range[0], range[1]);
  else requireType(key, value, key === 'device' ? 'string' : 'boolean');
}

/** [S-032] RFC 1122 §4.1.3.2. */
function checkIpOptions(value: unknown): void {
  if (value === undefined) return;
  if (!(value instanceof Uint8Array)) {
    throw usageError('ERR_INVALID_ARG_TYPE', `ipOptions must be a Uint8Array, not ${described(value)}`);
  }
  if (value.byteLength > LONGEST_IPV4_OPTIONS) {
    const message = `ipOptions has at most ${LONGEST_IPV4_OPTIONS} bytes, not ${value.byteLength}`;
    throw usageError('ERR_OUT_OF_RANGE', message, RangeError);
  }
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const flaw = checkIpv4Options(view, 0, value.byteLength);
  if (flaw === undefined) return;
  const wrong =
    flaw === 'ipv4-source-route' ? 'has a source route, which is not sent' : 'has an option of wrong length';
  throw usageError('ERR_INVALID_ARG_VALUE', `ipOptions ${wrong}`);
}

import { requireInteger, requireType, usageError } from '../errors.ts';
import { congestionControls } from './congestion/registry.ts';
import type { PathMtuMode } from './path-mtu.ts';
import { PATH_MTU_MODES } from './path-mtu.ts';

/** Options of a connection: given at `connect` or `listen`, most of them changed later with `connection.set`. */
export interface ConnectionOptions {
  /** Send small segments at once (no Nagle algorithm, RFC 9293 §3.7.4). Default false. */
  noDelay?: boolean;
  /** Bytes accepted by `write` and not yet acknowledged. Default 512 KiB. Linux: net.ipv4.tcp_wmem. */
  sendBuffer?: number;
  /** Bytes received and not yet read; bounds the window offered. Default 512 KiB. Linux: net.ipv4.tcp_rmem. */
  receiveBuffer?: number;
  /**
   * Largest segment to announce and to send, in bytes of payload and TCP options (timestamps take 12); the path's own
   * limit when larger. Default 65,495.
   */
  mss?: number;
  /** Time to live or hop limit, 1 to 255. Default 64. Linux: net.ipv4.ip_default_ttl. */
  ttl?: number;
  /** Diffserv code point, 0 to 63. Default 0. */
  dscp?: number;
  /**
   * Give up when sent data stays unacknowledged for so long, in milliseconds: R2 [SHLD-11]. Default 924,600 (Linux:
   * net.ipv4.tcp_retries2 = 15).
   */
  userTimeout?: number;
  /** Give up connecting after so long, in milliseconds. Default 180,000 (RFC 9293 MUST-23). */
  connectTimeout?: number;
  /** Probe an idle peer ([MAY-5] RFC 9293 §3.8.4). Default false. */
  keepAlive?: boolean;
  /** Idle time before the first probe, in milliseconds. Default 7,200,000 [MUST-28]. Linux: tcp_keepalive_time. */
  keepAliveIdle?: number;
  /** Time between unanswered probes, in milliseconds. Default 75,000. Linux: net.ipv4.tcp_keepalive_intvl. */
  keepAliveInterval?: number;
  /** Unanswered probes before the connection ends with ETIMEDOUT. Default 9. Linux: net.ipv4.tcp_keepalive_probes. */
  keepAliveCount?: number;
  /** Offer and use selective acknowledgments (RFC 2018). Default true. Linux: net.ipv4.tcp_sack. */
  sack?: boolean;
  /** Offer and use timestamps (RFC 7323 §3). Default true. Linux: net.ipv4.tcp_timestamps. */
  timestamps?: boolean;
  /** Congestion control by name: 'cubic', 'reno', 'bbr', or one registered. Default 'cubic', as Linux. */
  congestion?: string;
  /**
   * How the largest packet that the path carries is found out. 'icmp': routers tell. 'auto': that, and when large
   * packets vanish without a word, the size is searched for. 'probe': it is searched for from the beginning. Default
   * 'auto'. Linux: net.ipv4.tcp_mtu_probing = 0, 1, 2.
   */
  pathMtuDiscovery?: PathMtuMode;
}

/** The same with every default filled in. */
export type ResolvedConnectionOptions = Required<ConnectionOptions>;

export const DEFAULT_CONNECTION_OPTIONS: Readonly<ResolvedConnectionOptions> = {
  noDelay: false,
  sendBuffer: 512 * 1024,
  receiveBuffer: 512 * 1024,
  mss: 65_495,
  ttl: 64,
  dscp: 0,
  userTimeout: 924_600,
  connectTimeout: 180_000,
  keepAlive: false,
  keepAliveIdle: 7_200_000,
  keepAliveInterval: 75_000,
  keepAliveCount: 9,
  sack: true,
  timestamps: true,
  congestion: 'cubic',
  pathMtuDiscovery: 'auto',
};

/** Smallest and largest value of each numeric option. */
const RANGES: Readonly<Partial<Record<keyof ConnectionOptions, readonly [min: number, max: number]>>> = {
  sendBuffer: [2048, 1 << 30],
  receiveBuffer: [2048, 1 << 30],
  mss: [88, 65_495],
  ttl: [1, 255],
  dscp: [0, 63],
  userTimeout: [1, 2 ** 31],
  connectTimeout: [1, 2 ** 31],
  keepAliveIdle: [1, 2 ** 31],
  keepAliveInterval: [1, 2 ** 31],
  keepAliveCount: [1, 127],
};

/**
 * Throws what Node would for a value that an option can't have.
 *
 * @throws ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE, ERR_INVALID_ARG_VALUE
 */
export function checkOption(name: keyof ConnectionOptions, value: unknown): void {
  if (!Object.hasOwn(DEFAULT_CONNECTION_OPTIONS, name)) {
    const known = Object.keys(DEFAULT_CONNECTION_OPTIONS).join(', ');
    throw usageError('ERR_INVALID_ARG_VALUE', `There is no connection option '${name}'; there are ${known}`);
  }
  const range = RANGES[name];
  if (range !== undefined) requireInteger(name, value, range[0], range[1]);
  else requireType(name, value, typeof DEFAULT_CONNECTION_OPTIONS[name] === 'boolean' ? 'boolean' : 'string');
  if (name === 'congestion') congestionControls.get(String(value));
  if (name === 'pathMtuDiscovery' && !PATH_MTU_MODES.some((mode) => mode === value)) {
    const message = `The option 'pathMtuDiscovery' is one of ${PATH_MTU_MODES.join(', ')}, not '${String(value)}'`;
    throw usageError('ERR_INVALID_ARG_VALUE', message);
  }
}

/** Fills in defaults; options left `undefined` count as absent. */
export function resolveOptions(
  given: ConnectionOptions,
  defaults: Readonly<ResolvedConnectionOptions> = DEFAULT_CONNECTION_OPTIONS,
): ResolvedConnectionOptions {
  const resolved: ResolvedConnectionOptions = { ...defaults };
  for (const name of Object.keys(DEFAULT_CONNECTION_OPTIONS) as (keyof ConnectionOptions)[]) {
    const value = given[name];
    if (value === undefined) continue;
    checkOption(name, value);
    Object.assign(resolved, { [name]: value });
  }
  return resolved;
}

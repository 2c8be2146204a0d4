import { requireInteger, requireType, usageError } from '../errors.ts';
import { congestionControls } from './congestion/registry.ts';
import type { EcnMode } from './ecn.ts';
import { ECN_MODES } from './ecn.ts';
import type { PathMtuMode } from './path-mtu.ts';
import { PATH_MTU_MODES } from './path-mtu.ts';
import { LEAST_ADAPTED } from './user-timeout.ts';

/** Options of a connection: given at `connect` or `listen`, most of them changed later with `connection.set`. */
export interface ConnectionOptions {
  /** Send small segments at once (no Nagle algorithm, RFC 9293 §3.7.4). Default false. */
  noDelay?: boolean;
  /**
   * Send only full segments, and what does not fill one when this is set to false again, at the end of the stream, or
   * after 200 ms; whatever `noDelay` says. Default false. Linux: TCP_CORK.
   */
  cork?: boolean;
  /**
   * Bytes accepted by `write` and not yet acknowledged. Default 'auto': 512 KiB, then twice the congestion window, up
   * to `maxSendBuffer`. A number stays, as SO_SNDBUF does.
   */
  sendBuffer?: number | 'auto';
  /**
   * Bytes received and not yet read; bounds the window offered. Default 'auto': 128 KiB, then what the application reads
   * in two round trips and more, up to `maxReceiveBuffer`. A number stays, as SO_RCVBUF does.
   */
  receiveBuffer?: number | 'auto';
  /**
   * How far `sendBuffer: 'auto'` goes, in bytes. Default 32 MiB, twice the largest window: what has arrived behind a gap
   * takes room beside what is on its way. Linux: net.ipv4.tcp_wmem, the third value (4 MiB).
   */
  maxSendBuffer?: number;
  /**
   * How far `receiveBuffer: 'auto'` goes, in bytes; decides the window scale. Default 16 MiB. Linux: net.ipv4.tcp_rmem,
   * the third value (6 MiB).
   */
  maxReceiveBuffer?: number;
  /**
   * Largest segment to announce and to send, in bytes of payload and TCP options (timestamps take 12); the path's own
   * limit when larger. Default 65,495.
   */
  mss?: number;
  /**
   * Time to live or hop limit, 1 to 255. Default 'auto': 64, of IPv6 what routers advertise where they do. Linux:
   * net.ipv4.ip_default_ttl, net.ipv6.conf.*.hop_limit.
   */
  ttl?: number | 'auto';
  /** Diffserv code point, 0 to 63. Default 0. */
  dscp?: number;
  /**
   * Give up when sent data stays unacknowledged for so long, in milliseconds: R2 [SHLD-11]. An idle peer that is probed
   * is given up after that time, too, whatever `keepAliveCount` says (as Linux, TCP_USER_TIMEOUT). Default 0: 924,600
   * (Linux: net.ipv4.tcp_retries2 = 15), or more when the peer asks for it by `userTimeoutOption`.
   */
  userTimeout?: number;
  /**
   * Tell the peer the user timeout, and where `userTimeout` is 0 follow what it tells (RFC 5482). Default false, as the
   * RFC has it.
   */
  userTimeoutOption?: boolean;
  /** No peer's option makes the user timeout longer, in milliseconds; at least 150,000. Default 7,200,000. */
  userTimeoutLimit?: number;
  /** Give up connecting after so long, in milliseconds. Default 180,000 (RFC 9293 MUST-23). */
  connectTimeout?: number;
  /**
   * What `close()` does with bytes and FIN that are not acknowledged yet: after so many milliseconds it resets the
   * connection; with 0 at once, and nothing more is sent. Default undefined: they are sent until the user timeout.
   * Like SO_LINGER, but nobody waits.
   */
  linger?: number | undefined;
  /**
   * Least distance of the retransmission time-out from the round-trip time, in milliseconds. Default 200. Linux:
   * net.ipv4.tcp_rto_min_us.
   */
  minimumRto?: number;
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
  /**
   * Explicit congestion notification (RFC 3168): routers mark packets instead of dropping them. 'off'; 'accept': used
   * when the peer asks for it; 'request': we ask, too. Default 'accept'. Linux: net.ipv4.tcp_ecn = 0, 2, 1.
   */
  ecn?: EcnMode;
  /**
   * TCP Fast Open as a client (RFC 7413): what is written right after `connect`, in the same turn, rides in the SYN where
   * the server has given a cookie before; else the SYN asks for one. Only for what may be delivered twice: a network that
   * duplicates the SYN does so. Of `listen` it is an option of its own. Default false. Linux: TCP_FASTOPEN_CONNECT.
   */
  fastOpen?: boolean;
  /**
   * Name of the interface to be bound to: only what comes by it is received, and of the routes only its own count; an IPv4
   * peer that none leads to is taken to be on its link. The stack's own addresses are not reached so. Default undefined:
   * all interfaces. Linux: SO_BINDTODEVICE.
   */
  device?: string | undefined;
}

/** The same with every default filled in. */
export type ResolvedConnectionOptions = Required<ConnectionOptions>;

export const DEFAULT_CONNECTION_OPTIONS: Readonly<ResolvedConnectionOptions> = {
  noDelay: false,
  cork: false,
  sendBuffer: 'auto',
  receiveBuffer: 'auto',
  maxSendBuffer: 32 * 1024 * 1024,
  maxReceiveBuffer: 16 * 1024 * 1024,
  mss: 65_495,
  ttl: 'auto',
  dscp: 0,
  userTimeout: 0,
  userTimeoutOption: false,
  userTimeoutLimit: 7_200_000,
  connectTimeout: 180_000,
  linger: undefined,
  minimumRto: 200,
  keepAlive: false,
  keepAliveIdle: 7_200_000,
  keepAliveInterval: 75_000,
  keepAliveCount: 9,
  sack: true,
  timestamps: true,
  congestion: 'cubic',
  pathMtuDiscovery: 'auto',
  ecn: 'accept',
  fastOpen: false,
  device: undefined,
};

/** Options that only mean something before the connection exists; `connection.set` changes the others. */
export const FIXED_OPTIONS: ReadonlySet<keyof ConnectionOptions> = new Set([
  'mss',
  'receiveBuffer',
  'maxReceiveBuffer',
  'sack',
  'timestamps',
  'congestion',
  'pathMtuDiscovery',
  'ecn',
  'fastOpen',
  'connectTimeout',
  'minimumRto',
  'userTimeoutOption',
  'device',
]);

/** Smallest and largest value of each numeric option. */
const RANGES: Readonly<Partial<Record<keyof ConnectionOptions, readonly [min: number, max: number]>>> = {
  sendBuffer: [2048, 1 << 30],
  receiveBuffer: [2048, 1 << 30],
  maxSendBuffer: [2048, 1 << 30],
  maxReceiveBuffer: [2048, 1 << 30],
  mss: [88, 65_495],
  ttl: [1, 255],
  dscp: [0, 63],
  userTimeout: [0, 2 ** 31],
  userTimeoutLimit: [LEAST_ADAPTED / 1000, 2 ** 31],
  connectTimeout: [1, 2 ** 31],
  minimumRto: [1, 120_000],
  linger: [0, 2 ** 31],
  keepAliveIdle: [1, 2 ** 31],
  keepAliveInterval: [1, 2 ** 31],
  keepAliveCount: [1, 127],
};

/** Options that have the value 'auto', too. */
const AUTOMATIC: ReadonlySet<keyof ConnectionOptions> = new Set(['sendBuffer', 'receiveBuffer', 'ttl']);
/** What an option that is one of a few words may be. */
const WORDS: Readonly<Partial<Record<keyof ConnectionOptions, readonly string[]>>> = {
  pathMtuDiscovery: PATH_MTU_MODES,
  ecn: ECN_MODES,
};

/** @throws ERR_INVALID_ARG_VALUE */
export function requireOptionName(name: string): void {
  if (Object.hasOwn(DEFAULT_CONNECTION_OPTIONS, name)) return;
  const known = Object.keys(DEFAULT_CONNECTION_OPTIONS).join(', ');
  throw usageError('ERR_INVALID_ARG_VALUE', `There is no connection option '${name}'; there are ${known}`);
}

/**
 * Throws what Node would for a value that an option can't have.
 *
 * @throws ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE, ERR_INVALID_ARG_VALUE
 */
export function checkOption(name: keyof ConnectionOptions, value: unknown): void {
  requireOptionName(name);
  if (AUTOMATIC.has(name) && value === 'auto') return;
  if ((name === 'linger' || name === 'device') && value === undefined) return;
  const range = RANGES[name];
  if (range !== undefined) requireInteger(name, value, range[0], range[1]);
  else requireType(name, value, typeof DEFAULT_CONNECTION_OPTIONS[name] === 'boolean' ? 'boolean' : 'string');
  if (name === 'congestion') congestionControls.get(String(value));
  const words = WORDS[name];
  if (words !== undefined && !words.includes(String(value))) {
    const message = `The option '${name}' is one of ${words.join(', ')}, not '${String(value)}'`;
    throw usageError('ERR_INVALID_ARG_VALUE', message);
  }
}

/**
 * Fills in defaults; options left `undefined` count as absent. Where they change nothing the result is `defaults` itself: so
 * connections share it, and nobody may write to it.
 */
export function resolveOptions(
  given: ConnectionOptions,
  defaults: Readonly<ResolvedConnectionOptions> = DEFAULT_CONNECTION_OPTIONS,
): Readonly<ResolvedConnectionOptions> {
  let resolved = defaults;
  for (const name of Object.keys(DEFAULT_CONNECTION_OPTIONS) as (keyof ConnectionOptions)[]) {
    const value = given[name];
    if (value === undefined) continue;
    checkOption(name, value);
    if (value !== resolved[name]) resolved = withOption(resolved, name, value);
  }
  return resolved;
}

/** Of each set of options those that differ from it in a yes or no: so many connections that set the same share one. */
const flipped = new WeakMap<Readonly<ResolvedConnectionOptions>, Map<string, Readonly<ResolvedConnectionOptions>>>();

/** The same options but for this one, in an object that nobody may write to either. */
export function withOption<Name extends keyof ConnectionOptions>(
  options: Readonly<ResolvedConnectionOptions>,
  name: Name,
  value: ResolvedConnectionOptions[Name],
): Readonly<ResolvedConnectionOptions> {
  // Not a literal: where properties follow a spread V8 (11.3) makes a shape of its own for each object.
  if (typeof value !== 'boolean') return Object.assign({}, options, { [name]: value });
  let others = flipped.get(options);
  if (others === undefined) flipped.set(options, (others = new Map()));
  let other = others.get(name);
  if (other === undefined) others.set(name, (other = Object.assign({}, options, { [name]: value })));
  return other;
}

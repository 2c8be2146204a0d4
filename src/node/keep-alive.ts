import type { Connection } from '../tcp/connection.ts';
import { DEFAULT_CONNECTION_OPTIONS } from '../tcp/options.ts';
import { LONGEST_TIMER, checkNumber } from './arguments.ts';
import { HAS_KEEP_ALIVE_DETAILS } from './node-features.ts';

/** All of `socket.setKeepAlive` as an object (newer versions of Node), in milliseconds. */
export interface KeepAliveOptions {
  enable?: boolean | undefined;
  initialDelay?: number | undefined;
  interval?: number | undefined;
  count?: number | undefined;
}

/** What is set, in seconds; a delay of 0 leaves all times what they are. */
export interface KeepAlive {
  readonly delay: number;
  readonly interval: number | undefined;
  readonly count: number | undefined;
}

/** What Node sets together with a delay, as the documentation of `socket.setKeepAlive` has it. */
const INTERVAL = 1;
const COUNT = 10;
const MOST_PROBES = 127;

/** The arguments of `setKeepAlive`; undefined: off. */
export function toKeepAlive(
  enable: boolean | KeepAliveOptions | undefined,
  initialDelay: number | undefined,
  interval: number | undefined,
  count: number | undefined,
): KeepAlive | undefined {
  if (!HAS_KEEP_ALIVE_DETAILS)
    return enable ? { delay: toSeconds(initialDelay), interval: undefined, count: undefined } : undefined;
  if (typeof enable === 'object' && enable !== null) {
    return toKeepAlive(Boolean(enable.enable), enable.initialDelay, enable.interval, enable.count);
  }
  return enable ? { delay: toSeconds(initialDelay), interval: interval && toSeconds(interval), count } : undefined;
}

/** Times and count that a system would refuse are left as they are; those of the option `tcp` stay. */
export function applyKeepAlive(connection: Connection, settings: KeepAlive | undefined): void {
  const { delay = 0, interval, count } = settings ?? {};
  if (delay > 0) {
    connection.set('keepAliveIdle', inMilliseconds(delay));
    const { keepAliveInterval, keepAliveCount } = DEFAULT_CONNECTION_OPTIONS;
    const free = connection.get('keepAliveInterval') === keepAliveInterval;
    if (interval !== undefined ? interval > 0 : free) {
      connection.set('keepAliveInterval', inMilliseconds(interval ?? INTERVAL));
    }
    const wanted = count ?? (connection.get('keepAliveCount') === keepAliveCount ? COUNT : 0);
    if (wanted >= 1 && wanted <= MOST_PROBES) connection.set('keepAliveCount', Math.trunc(wanted));
  }
  connection.set('keepAlive', settings !== undefined);
}

/**
 * The option `keepAliveInitialDelay`, in whole seconds as Node counts it; below 0 it counts as 0.
 *
 * @throws ERR_INVALID_ARG_TYPE
 */
export function toInitialDelay(value: unknown): number {
  if (value === undefined) return 0;
  checkNumber(value, 'options.keepAliveInitialDelay');
  return Math.max(0, toSeconds(value));
}

/** Milliseconds, or what is taken for them, in whole seconds; what is no number, or none of 32 bits, is 0 or wraps. */
function toSeconds(milliseconds: unknown): number {
  return ~~(Number(milliseconds) / 1000);
}

function inMilliseconds(seconds: number): number {
  return Math.min(seconds * 1000, LONGEST_TIMER);
}

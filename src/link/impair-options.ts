import { requireOptions, requireType, usageError } from '../errors.ts';
import type { Clock, Random } from '../time/clock.ts';

/** What happens to the packets of one direction. Durations in milliseconds, which may be fractional. */
export interface Impairments {
  /** Probability that a packet is lost, 0 to 1. Default 0. */
  loss?: number;
  /** Probability of a second copy, which takes its own way. Default 0. */
  duplicate?: number;
  /** Probability that one random bit is flipped or (in one of five) the end is cut off. Default 0. */
  corrupt?: number;
  /** Time that every packet takes. Default 0. */
  delay?: number;
  /** Up to so much more time for each packet by itself, uniformly: later ones overtake. Default 0. */
  jitter?: number;
  /** Probability that a packet is held back by `reorderDelay`, so that later ones overtake it. Default 0. */
  reorder?: number;
  /** Default the larger of `delay` / 4 and 1 ms. */
  reorderDelay?: number;
  /** Bits per second, IP header included, of a bottleneck with a queue in front. Default Infinity: none. */
  rate?: number;
  /** Bytes that wait at the bottleneck, the packet on its way out included: more are dropped. Default 100 ms of `rate`. */
  queue?: number;
  /**
   * A packet that may be marked (ECT, RFC 3168 §5) and finds more than so many bytes at the bottleneck is marked CE.
   * Default Infinity: no marks.
   */
  ecnThreshold?: number;
  /**
   * Says which packets are lost, besides those lost by chance: `index` counts the packets of the direction from 0.
   * The bytes are lent for the call. It must not throw.
   */
  drop?: ((packet: Uint8Array, index: number) => boolean) | undefined;
}

/** What can be changed while packets pass. */
export interface ImpairChanges extends Impairments {
  /** For packets sent into the link only. */
  send?: Impairments;
  /** For packets that arrive by it only. */
  receive?: Impairments;
}

export interface ImpairOptions extends ImpairChanges {
  /** The same seed gives the same faults. Default: what `open` is given as randomness decides. */
  seed?: number;
  /** Instead of the clock that `open` is given. */
  clock?: Clock;
  /** Instead of `seed`: both directions draw from it. */
  random?: Random;
}

/** The impairments of one direction with their defaults, times in microseconds. */
export interface Settings {
  loss: number;
  duplicate: number;
  corrupt: number;
  delay: number;
  jitter: number;
  reorder: number;
  reorderDelay: number;
  rate: number;
  queue: number;
  ecnThreshold: number;
  drop: ((packet: Uint8Array, index: number) => boolean) | undefined;
}

const PROBABILITIES = ['loss', 'duplicate', 'corrupt', 'reorder'] as const;
const DURATIONS = ['delay', 'jitter', 'reorderDelay'] as const;
const SIZES = ['queue', 'ecnThreshold'] as const;
const IMPAIRMENTS: readonly string[] = [...PROBABILITIES, ...DURATIONS, ...SIZES, 'rate', 'drop'];
const CHANGES: readonly string[] = [...IMPAIRMENTS, 'send', 'receive'];
const OPTIONS: readonly string[] = [...CHANGES, 'seed', 'clock', 'random'];

const DEFAULT_QUEUE_SECONDS = 0.1;
const LEAST_REORDER_DELAY = 1;

/** @throws ERR_OUT_OF_RANGE, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE */
export function checkChanges(where: string, changes: ImpairChanges, isOptions: boolean): void {
  requireOptions(where, changes, isOptions ? OPTIONS : CHANGES);
  checkImpairments(changes);
  for (const direction of ['send', 'receive'] as const) {
    const own = changes[direction];
    if (own === undefined) continue;
    requireOptions(`${where}: ${direction}`, own, IMPAIRMENTS);
    checkImpairments(own);
  }
}

/** What one direction is told by options for both and its own, over what it was told before. */
export function directed(before: Impairments, changes: ImpairChanges, direction: 'send' | 'receive'): Impairments {
  const merged: Impairments = { ...before };
  for (const source of [changes, changes[direction] ?? {}]) {
    for (const [name, value] of Object.entries(source)) {
      if (IMPAIRMENTS.includes(name)) Object.assign(merged, { [name]: value });
    }
  }
  return merged;
}

/** Fills in defaults. */
export function settingsOf(impairments: Impairments): Settings {
  const { loss = 0, duplicate = 0, corrupt = 0, delay = 0, jitter = 0, reorder = 0 } = impairments;
  const { rate = Infinity, ecnThreshold = Infinity, drop } = impairments;
  const { reorderDelay = Math.max(delay / 4, LEAST_REORDER_DELAY) } = impairments;
  const { queue = (rate / 8) * DEFAULT_QUEUE_SECONDS } = impairments;
  const times = { delay: delay * 1000, jitter: jitter * 1000, reorderDelay: reorderDelay * 1000 };
  return { loss, duplicate, corrupt, reorder, ...times, rate, queue, ecnThreshold, drop };
}

function checkImpairments(given: Impairments): void {
  for (const name of PROBABILITIES) checkNumber(name, given[name], 0, 1, 'from 0 to 1');
  for (const name of DURATIONS) checkNumber(name, given[name], 0, Number.MAX_VALUE, 'of milliseconds, at least 0');
  for (const name of SIZES) checkNumber(name, given[name], 0, Infinity, 'of bytes, at least 0');
  checkNumber('rate', given.rate, Number.MIN_VALUE, Infinity, 'of bits per second, above 0');
  if (given.drop !== undefined) requireType('drop', given.drop, 'function');
}

function checkNumber(name: string, value: number | undefined, min: number, max: number, what: string): void {
  if (value === undefined) return;
  requireType(name, value, 'number');
  if (value >= min && value <= max) return;
  throw usageError('ERR_OUT_OF_RANGE', `${name} must be a number ${what}, not ${value}`, RangeError);
}

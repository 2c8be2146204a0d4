import { requireOptions, requireType, usageError } from '../errors.ts';
import type { Clock, Timer } from './clock.ts';
import { hostMacrotask } from './host.ts';
import { OUTSIDE, TimerHeap } from './timer-heap.ts';
import type { HeapItem } from './timer-heap.ts';

export interface VirtualClockOptions {
  /** What `now()` says at first, in microseconds. Default 0. */
  start?: number;
  /** What `wallTime()` says at first, in microseconds since 1970-01-01 UTC. Default 0. */
  wallTime?: number;
  /** Runs a function in a later turn of the event loop; `run` waits with it. Default: the host's own way. */
  macrotask?: (fn: () => void) => void;
}

/** How long `VirtualClock.run` goes on: for a time. */
export interface RunFor {
  /** Virtual milliseconds. */
  for: number;
  /** Ends the run before that time is over: see `RunUntil`. */
  until?: (() => unknown) | undefined;
  limit?: undefined;
  /** Turns of the event loop without clock activity that count as quiet. Default 4. */
  quiet?: number;
}

/** How long `VirtualClock.run` goes on: until something has happened. */
export interface RunUntil {
  /** Asked whenever the application is quiet, before time moves on; what is truthy ends the run. Never a promise. */
  until: () => unknown;
  /** Virtual milliseconds after which `run` gives up with an error. Default 600,000: ten minutes. */
  limit?: number | undefined;
  for?: undefined;
  /** Turns of the event loop without clock activity that count as quiet. Default 4. */
  quiet?: number;
}

const DEFAULT_QUIET = 4;
const DEFAULT_LIMIT = 600_000;
/** Calls at one instant after which the clock takes the program to be going in a circle. */
const MOST_CALLS_AN_INSTANT = 1_000_000;

/**
 * A clock that stands still until it is told to move: tests take no time and give the same result in every run.
 * Stacks that are joined by cables share one.
 *
 * Timers fire exactly at their times, earlier ones first, equal ones in the order they were armed. Deferred
 * functions run in their order, all of them before time moves on and before the next timer fires.
 *
 * `advance` is synchronous: for code that knows only the clock. `run` is for code with promises, streams and
 * callbacks: before each step of time it lets the application finish, see there.
 *
 * When a callback throws, the error comes out of `advance` or `run`; the clock stands at that instant, everything
 * else stays armed, and it may be advanced further.
 *
 * @example
 * const clock = new VirtualClock();
 * const timer = clock.timer(() => console.log(clock.now())); // 1500
 * timer.at(1500);
 * clock.advance(1_000_000);
 */
export class VirtualClock implements Clock {
  readonly resolution: number = 0;
  readonly #wallOffset: number;
  readonly #macrotask: (fn: () => void) => void;
  readonly #heap: TimerHeap<VirtualTimer> = new TimerHeap();
  /** Deferred functions; those before `#deferredDone` have been called. */
  #deferred: (() => void)[] = [];
  #deferredDone: number = 0;
  #now: number;
  #order: number = 0;
  /** Timers armed, cancelled and fired, functions deferred and called: `run` looks whether it changes. */
  #activity: number = 0;
  #callsThisInstant: number = 0;
  #advancing: boolean = false;
  #inRun: boolean = false;

  constructor(options: VirtualClockOptions = {}) {
    requireOptions('new VirtualClock', options, ['start', 'wallTime', 'macrotask']);
    const { start = 0, wallTime = 0, macrotask = hostMacrotask } = options;
    checkFinite('start', start);
    checkFinite('wallTime', wallTime);
    this.#now = start;
    this.#wallOffset = wallTime - start;
    this.#macrotask = macrotask;
  }

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return this.#now + this.#wallOffset;
  }

  timer(fn: () => void): Timer {
    return new VirtualTimer(this, fn);
  }

  defer(fn: () => void): void {
    this.#deferred.push(fn);
    this.#activity++;
  }

  /** Number of armed timers and of deferred functions not yet called. */
  get pending(): number {
    return this.#heap.size + this.#deferred.length - this.#deferredDone;
  }

  /** When the clock would next call something, in microseconds: `now()` for deferred functions, Infinity for never. */
  get nextDeadline(): number {
    if (this.#deferred.length > this.#deferredDone) return this.#now;
    return this.#heap.first?.deadline ?? Infinity;
  }

  /**
   * Moves time on by `us` microseconds and calls what is due on the way; ends exactly there.
   *
   * @throws UsageError `ERR_INVALID_STATE` from inside a timer or deferred function, or during `run`;
   * `ERR_OUT_OF_RANGE` for a negative or infinite `us`; else what a callback throws.
   */
  advance(us: number): void {
    checkDuration('us', us);
    this.advanceTo(this.#now + us);
  }

  /** Moves time on to `us` (microseconds, not before `now()`), like `advance`. */
  advanceTo(us: number): void {
    checkFinite('us', us);
    if (us < this.#now) {
      throw usageError('ERR_OUT_OF_RANGE', `time can't go back from ${this.#now} to ${us}`, RangeError);
    }
    this.#checkIdle('advance');
    this.#callsThisInstant = 0;
    this.#step(us);
  }

  /**
   * Moves time on while the application runs: for `for` milliseconds, or until `until()` is truthy; with both, up to
   * whichever comes first.
   *
   * Before each step of time the application gets to finish what it can do at this instant: everything due now is
   * called, then a turn of the event loop is waited for (in which promises, next-ticks, immediates and their
   * successors run), and so on until `quiet` turns in a row have passed in which no timer was armed or cancelled
   * and nothing was deferred. So a chain of promises of any length is waited for, a chain of immediates without a
   * call of the clock up to that many. Work outside of the event loop (files, threads, real sockets, `setTimeout`)
   * is not waited for: await it before `run`, or let `until` ask for its result.
   *
   * @returns a promise that resolves when the time is over or `until()` is true. It rejects with what a callback
   * or `until` throws, and, without `for`, with an Error when `limit` is reached; for a misuse with ERR_MISSING_ARGS,
   * ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE or ERR_INVALID_STATE.
   *
   * @example
   * await clock.run({ for: 1000 });
   * await clock.run({ until: () => received.length === 3, limit: 5000 }); // an error when it never is
   * await clock.run({ until: () => received.length === 3, for: 5000 }); // five seconds at most
   */
  async run(options: RunFor | RunUntil): Promise<void> {
    this.#checkIdle('run');
    requireOptions('run', options, ['for', 'until', 'limit', 'quiet']);
    const { for: time, until, limit, quiet = DEFAULT_QUIET } = options;
    if (until !== undefined) requireType('until', until, 'function');
    const ms = runTime(time, until !== undefined, limit);
    if (!(quiet >= 1)) throw usageError('ERR_OUT_OF_RANGE', `quiet must be at least 1, got ${quiet}`, RangeError);
    const end = this.#now + ms * 1000;
    this.#inRun = true;
    this.#callsThisInstant = 0;
    try {
      for (;;) {
        await this.#settle(quiet);
        if (until !== undefined && isTrue(until())) return;
        if (this.#now >= end) break;
        this.#step(Math.min(this.nextDeadline, end));
      }
    } finally {
      this.#inRun = false;
    }
    if (time === undefined) {
      throw new Error(`until() was still false after ${ms} virtual milliseconds; pending: ${this.pending}`);
    }
  }

  /** @internal What `Timer.at` does. */
  arm(timer: VirtualTimer, us: number): void {
    if (Number.isNaN(us)) throw usageError('ERR_OUT_OF_RANGE', 'a time must not be NaN', RangeError);
    if (us === Infinity) return this.disarm(timer);
    if (timer.index !== OUTSIDE) this.#heap.remove(timer);
    timer.deadline = Math.max(us, this.#now);
    timer.order = ++this.#order;
    this.#heap.push(timer);
    this.#activity++;
  }

  /** @internal What `Timer.cancel` does. */
  disarm(timer: VirtualTimer): void {
    if (timer.index === OUTSIDE) return;
    this.#heap.remove(timer);
    this.#activity++;
  }

  /** Goes to `to`, calling everything due on the way. */
  #step(to: number): void {
    this.#advancing = true;
    try {
      for (;;) {
        this.#callDeferred();
        const timer = this.#heap.first;
        if (timer === undefined || timer.deadline > to) break;
        this.#moveTo(timer.deadline);
        this.#countCall();
        this.#heap.remove(timer);
        timer.fn();
      }
      this.#moveTo(to);
    } finally {
      this.#advancing = false;
    }
  }

  #callDeferred(): void {
    while (this.#deferredDone < this.#deferred.length) {
      this.#countCall();
      this.#deferred[this.#deferredDone++]!();
      // The called ones are dropped now and then, also when each call defers the next.
      if (this.#deferredDone === 1024) this.#dropCalled();
    }
    if (this.#deferredDone > 0) this.#dropCalled();
  }

  #dropCalled(): void {
    this.#deferred.copyWithin(0, this.#deferredDone);
    this.#deferred.length -= this.#deferredDone;
    this.#deferredDone = 0;
  }

  #moveTo(us: number): void {
    if (us > this.#now) this.#callsThisInstant = 0;
    this.#now = us;
  }

  /** Lets the application finish at this instant: see `run`. */
  async #settle(quiet: number): Promise<void> {
    for (let quietTurns = 0; quietTurns < quiet;) {
      const before = this.#activity;
      this.#step(this.#now);
      await new Promise<void>((resolve) => this.#macrotask(resolve));
      if (this.#activity === before) {
        quietTurns++;
      } else {
        quietTurns = 0;
        this.#countCall();
      }
    }
  }

  #countCall(): void {
    this.#activity++;
    if (++this.#callsThisInstant > MOST_CALLS_AN_INSTANT) {
      throw new Error(
        `the clock was called ${MOST_CALLS_AN_INSTANT} times at the instant ${this.#now} µs: ` +
          'timers or deferred functions keep each other going without letting time pass',
      );
    }
  }

  #checkIdle(what: string): void {
    if (this.#advancing) {
      const why = `${what} was called from inside a timer or deferred function of this clock`;
      throw usageError('ERR_INVALID_STATE', why, Error);
    }
    if (this.#inRun) throw usageError('ERR_INVALID_STATE', `${what} was called while run() is in progress`, Error);
  }
}

/** How many milliseconds a run goes on at most. */
function runTime(time: number | undefined, hasUntil: boolean, limit: number | undefined): number {
  if (time === undefined && !hasUntil) {
    const message = 'run needs `for` (virtual milliseconds), `until` (a function), or both';
    throw usageError('ERR_MISSING_ARGS', message);
  }
  if (time !== undefined && limit !== undefined) {
    const message = '`limit` is for `until` alone, which it turns into an error: leave it out where `for` is given';
    throw usageError('ERR_INVALID_ARG_VALUE', message);
  }
  const ms = time ?? limit ?? DEFAULT_LIMIT;
  checkDuration(time === undefined ? 'limit' : 'for', ms);
  return ms;
}

/** A promise is truthy whatever comes of it: an `until` that gives one is a mistake. */
function isTrue(answer: unknown): boolean {
  if (typeof answer === 'object' && answer !== null && 'then' in answer) {
    throw usageError('ERR_INVALID_ARG_TYPE', 'until must answer at once: it may not be async or return a promise');
  }
  return Boolean(answer);
}

class VirtualTimer implements Timer, HeapItem {
  deadline: number = Infinity;
  order: number = 0;
  index: number = OUTSIDE;
  readonly fn: () => void;
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock, fn: () => void) {
    this.#clock = clock;
    this.fn = fn;
  }

  at(us: number): void {
    this.#clock.arm(this, us);
  }

  cancel(): void {
    this.#clock.disarm(this);
  }

  // Nothing real waits for a virtual timer, so there is no process to keep alive.
  ref(): void {}
  unref(): void {}
}

function checkFinite(name: string, value: number): void {
  if (Number.isFinite(value)) return;
  throw usageError('ERR_OUT_OF_RANGE', `${name} must be a finite number, got ${value}`, RangeError);
}

function checkDuration(name: string, value: number): void {
  if (Number.isFinite(value) && value >= 0) return;
  throw usageError('ERR_OUT_OF_RANGE', `${name} must be a finite number and not negative, got ${value}`, RangeError);
}

/** Time and randomness as the core sees them: injected, never taken from the host directly. */

/** A one-shot timer. Created disarmed; arming it again moves it. */
export interface Timer {
  /**
   * Arms the timer for the absolute time `us` (microseconds, the clock's scale). A time in the past fires as soon as
   * possible, never from inside `at`. Infinity disarms, NaN throws.
   */
  at(us: number): void;
  /** Disarms the timer. Harmless when it is not armed. */
  cancel(): void;
  /** An armed timer keeps the process alive (the default is that it does not). */
  ref(): void;
  unref(): void;
}

/** A source of time. All values are microseconds in plain numbers. */
export interface Clock {
  /** Monotonic time in microseconds, from an arbitrary zero. */
  now(): number;
  /** Microseconds since 1970-01-01 UTC, for captures and logs only. */
  wallTime(): number;
  /**
   * How late a timer may be, in microseconds (about 1000 on a host that isn't busy, 0 in virtual time). A timer is
   * never early.
   */
  readonly resolution: number;
  /** Makes a timer, disarmed, that calls `fn`. What `fn` throws goes to the host, as from its own timers. */
  timer(fn: () => void): Timer;
  /**
   * Runs `fn` soon, after the current batch; budgeted so that I/O is never starved. Functions run in the order they
   * were deferred.
   */
  defer(fn: () => void): void;
  /**
   * Throws `error` where the host catches what callbacks throw, as soon as it can and before anything that was deferred.
   * A clock without it throws from a deferred function.
   */
  raise?(error: unknown): void;
}

/** A source of randomness: cryptographic on a host, seeded in tests. */
export interface Random {
  /** Fills `bytes` with random bytes. */
  fill(bytes: Uint8Array): void;
  /** A random integer from 0 to 2³²−1. */
  uint32(): number;
}

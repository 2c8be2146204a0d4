/**
 * The one file that touches the host's clock, timers, randomness and memory. It asks for nothing but what browsers, Node,
 * Deno and Bun have on `globalThis`.
 */

import { usageError } from '../errors.ts';
import type { Clock, Random, Timer } from './clock.ts';

/** What a host's `setTimeout` returns: a number in browsers, an object that may be ref'd elsewhere. */
export type TimeoutHandle = number | { ref?(): unknown; unref?(): unknown };

/** What the clock needs of a host: its functions as they are, in milliseconds. */
export interface HostFunctions {
  /** Monotonic time in milliseconds, as fine as the host has it. */
  now(): number;
  /** Milliseconds since 1970-01-01 UTC. */
  date(): number;
  setTimeout(fn: () => void, ms: number): TimeoutHandle;
  clearTimeout(handle: TimeoutHandle): void;
  /** Runs `fn` in a later turn of the event loop, after I/O had its chance; in the order of the calls. */
  macrotask(fn: () => void): void;
}

/** Ordinary memory: hosts refuse to fill shared memory. */
type RandomPool = Uint32Array<ArrayBuffer>;

/** The part of `globalThis` that is used. */
interface HostGlobals {
  readonly performance: { now(): number };
  readonly Date: { now(): number };
  readonly crypto: { getRandomValues(bytes: RandomPool): unknown };
  setTimeout(fn: () => void, ms: number): TimeoutHandle;
  clearTimeout(handle: TimeoutHandle | string | undefined): void;
  setImmediate?(fn: () => void): unknown;
  readonly Buffer?: { allocUnsafeSlow(size: number): Uint8Array<ArrayBuffer> };
  readonly MessageChannel?: new () => { port1: HostPort; port2: HostPort };
}

interface HostPort {
  onmessage?: ((event: never) => void) | null;
  postMessage(value: null): void;
}

const host = globalThis as typeof globalThis & HostGlobals;

/** What timers promise, in microseconds: hosts count in milliseconds. */
const RESOLUTION = 1000;
/** The longest time-out that hosts take, in milliseconds; a longer one would fire at once. */
const LONGEST_TIMEOUT = 0x7fff_ffff;
/** Time-outs of up to this many milliseconds are left to run out when cancelled: see `HostTimer.cancel`. */
const SHORT_TIMEOUT = 1000;
/** Difference to the system's clock, in milliseconds, from which `wallTime` follows it: somebody has set it. */
const CLOCK_STEP = 1000;
/** A time-out that ends so much too late, in microseconds, has waited for the program itself. */
const LATE = 10_000;
/** Random bytes fetched at a time; hosts give at most 65,536. */
const POOL_BYTES = 4096;

class HostTimer implements Timer {
  readonly #clock: HostClock;
  readonly #functions: HostFunctions;
  readonly #fn: () => void;
  #deadline: number = Infinity;
  /** The host's time-out and when it ends; it may end before the deadline, and is then set again. */
  #handle: TimeoutHandle | undefined;
  #handleEnd: number = Infinity;
  #short: boolean = true;
  /** A deadline already past is served by `defer`, which is sooner than the shortest time-out. */
  #deferred: boolean = false;
  #ref: boolean = false;
  readonly #onTimeout = (): void => {
    this.#handle = undefined;
    // Late because the program computed for long: what arrived meanwhile comes first, perhaps it is what is waited for.
    if (this.#clock.now() - this.#handleEnd > LATE) this.#defer();
    else this.#wake();
  };
  readonly #onDefer = (): void => {
    this.#deferred = false;
    this.#wake();
  };

  constructor(clock: HostClock, functions: HostFunctions, fn: () => void) {
    this.#clock = clock;
    this.#functions = functions;
    this.#fn = fn;
  }

  at(us: number): void {
    if (Number.isNaN(us)) throw usageError('ERR_OUT_OF_RANGE', 'a time must not be NaN', RangeError);
    if (us === Infinity) return this.cancel();
    this.#deadline = us;
    this.#schedule();
  }

  cancel(): void {
    this.#deadline = Infinity;
    // Setting a time-out costs more than one that ends in vain, and a busy timer is cancelled and armed all the time.
    if (this.#ref || !this.#short) this.#clear();
  }

  ref(): void {
    this.#ref = true;
    if (this.#deadline !== Infinity) keepAlive(this.#handle, true);
  }

  unref(): void {
    this.#ref = false;
    keepAlive(this.#handle, false);
  }

  /** Sees to it that something wakes this timer at its deadline or before. */
  #schedule(): void {
    if (this.#deferred) return;
    if (this.#handle !== undefined) {
      if (this.#handleEnd <= this.#deadline) return keepAlive(this.#handle, this.#ref);
      this.#clear();
    }
    const now = this.#clock.now();
    if (this.#deadline <= now) return this.#defer();
    const ms = Math.min(Math.ceil((this.#deadline - now) / 1000), LONGEST_TIMEOUT);
    this.#handleEnd = now + ms * 1000;
    this.#short = ms <= SHORT_TIMEOUT;
    this.#handle = this.#functions.setTimeout(this.#onTimeout, ms);
    keepAlive(this.#handle, this.#ref);
  }

  /** Wakes this timer after the host's I/O had its chance. */
  #defer(): void {
    if (this.#deferred) return;
    this.#deferred = true;
    this.#clock.defer(this.#onDefer);
  }

  #clear(): void {
    if (this.#handle !== undefined) this.#functions.clearTimeout(this.#handle);
    this.#handle = undefined;
  }

  #wake(): void {
    if (this.#deadline === Infinity) return;
    // Hosts round: a time-out may end up to a millisecond early. And the deadline may have been moved.
    if (this.#deadline > this.#clock.now()) return this.#schedule();
    this.#deadline = Infinity;
    this.#fn();
  }
}

class HostClock implements Clock {
  readonly resolution: number = RESOLUTION;
  readonly #functions: HostFunctions;
  /** `date() − now()` when last compared, in milliseconds. */
  #offset: number;
  #queue: (() => void)[] = [];
  /** The queue that is being run, and where; empty between macrotasks. */
  #running: (() => void)[] = [];
  #draining: boolean = false;
  /** To be thrown when the deferred function under way returns. */
  #raised: { readonly error: unknown } | undefined;
  readonly #run = (): void => this.#drain();

  constructor(functions: HostFunctions) {
    this.#functions = functions;
    this.#offset = functions.date() - functions.now();
  }

  now(): number {
    return Math.floor(this.#functions.now() * 1000);
  }

  wallTime(): number {
    const now = this.#functions.now();
    const date = this.#functions.date();
    if (Math.abs(this.#offset + now - date) > CLOCK_STEP) this.#offset = date - now;
    return Math.floor((this.#offset + now) * 1000);
  }

  timer(fn: () => void): Timer {
    return new HostTimer(this, this.#functions, fn);
  }

  /**
   * All functions deferred since the last macrotask run in the next one, in order. What they defer in turn waits
   * for the macrotask after: the host's I/O comes in between. A function that throws doesn't keep the ones behind
   * it from running, in a macrotask of their own.
   */
  defer(fn: () => void): void {
    this.#queue.push(fn);
    if (this.#queue.length === 1) this.#functions.macrotask(this.#run);
  }

  /** From inside a deferred function: with its return, as if it had thrown; nothing else of the program runs before. */
  raise(error: unknown): void {
    if (this.#draining && this.#raised === undefined) {
      this.#raised = { error };
      return;
    }
    this.defer(() => {
      throw error;
    });
  }

  #drain(): void {
    const running = this.#queue;
    this.#queue = this.#running;
    this.#running = running;
    let done = 0;
    this.#draining = true;
    try {
      while (done < running.length) {
        running[done++]!();
        this.#throwRaised();
      }
    } finally {
      this.#draining = false;
      if (done < running.length) this.#putBack(running.slice(done));
      running.length = 0;
    }
  }

  #throwRaised(): void {
    const raised = this.#raised;
    if (raised === undefined) return;
    this.#raised = undefined;
    throw raised.error;
  }

  /** Puts functions that did not get their turn before those deferred meanwhile. */
  #putBack(functions: (() => void)[]): void {
    if (this.#queue.length === 0) this.#functions.macrotask(this.#run);
    this.#queue = functions.concat(this.#queue);
  }
}

/** Draws on a pool, since asking the host costs far more than a number does. */
class HostRandom implements Random {
  readonly #getRandomValues: (bytes: RandomPool) => unknown;
  readonly #words: RandomPool = new Uint32Array(POOL_BYTES / 4);
  readonly #bytes: Uint8Array = new Uint8Array(this.#words.buffer);
  /** How many bytes of the pool have been given out: always whole words. */
  #used: number = POOL_BYTES;

  constructor(getRandomValues: (bytes: RandomPool) => unknown) {
    this.#getRandomValues = getRandomValues;
  }

  uint32(): number {
    if (this.#used === POOL_BYTES) this.#refill();
    const index = this.#used / 4;
    const word = this.#words[index]!;
    // What was given out, a secret perhaps, is not kept.
    this.#words[index] = 0;
    this.#used += 4;
    return word;
  }

  fill(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      if (this.#used === POOL_BYTES) this.#refill();
      const size = Math.min(bytes.length - done, POOL_BYTES - this.#used);
      const end = this.#used + Math.ceil(size / 4) * 4;
      bytes.set(this.#bytes.subarray(this.#used, this.#used + size), done);
      this.#bytes.fill(0, this.#used, end);
      this.#used = end;
      done += size;
    }
  }

  #refill(): void {
    this.#getRandomValues(this.#words);
    this.#used = 0;
  }
}

/** A clock over the given host functions: for tests, and for hosts that have them under other names. */
export function createHostClock(functions: HostFunctions): Clock {
  return new HostClock(functions);
}

/** Randomness over a function like `crypto.getRandomValues`. */
export function createHostRandom(getRandomValues: (bytes: RandomPool) => unknown): Random {
  return new HostRandom(getRandomValues);
}

let sharedClock: Clock | undefined;
let sharedRandom: Random | undefined;

/** The clock of this runtime; all callers share one, and with it one queue of deferred functions. */
export function hostClock(): Clock {
  sharedClock ??= createHostClock({
    now: () => host.performance.now(),
    date: () => host.Date.now(),
    setTimeout: (fn, ms) => host.setTimeout(fn, ms),
    clearTimeout: (handle) => host.clearTimeout(handle),
    macrotask: hostMacrotask,
  });
  return sharedClock;
}

/** The cryptographic randomness of this runtime. */
export function hostRandom(): Random {
  sharedRandom ??= createHostRandom((bytes) => host.crypto.getRandomValues(bytes));
  return sharedRandom;
}

/**
 * `size` bytes of ordinary collected memory that hold whatever was there, where the runtime has such: clearing memory costs
 * as much as filling it. For those who write each byte before anybody reads it.
 */
export function hostMemory(size: number): Uint8Array {
  const node = host.Buffer;
  return node === undefined ? new Uint8Array(size) : new Uint8Array(node.allocUnsafeSlow(size).buffer, 0, size);
}

/** What is used of WebAssembly: not every runtime's types have it. */
export interface HostWebAssembly {
  readonly Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
}

/** The runtime's WebAssembly, where it has one. Its use may be forbidden: then `Module` throws. */
export function hostWebAssembly(): HostWebAssembly | undefined {
  return (host as unknown as { WebAssembly?: HostWebAssembly }).WebAssembly;
}

let macrotask: ((fn: () => void) => void) | undefined;

/** Runs `fn` in the next turn of this runtime's event loop: after promises, next-ticks, and I/O that is ready. */
export function hostMacrotask(fn: () => void): void {
  macrotask ??= findMacrotask();
  macrotask(fn);
}

/** The fastest way to a macrotask that the runtime has: browsers delay nested time-outs by 4 ms, messages not. */
function findMacrotask(): (fn: () => void) => void {
  if (host.setImmediate !== undefined) return (fn) => void host.setImmediate?.(fn);
  if (host.MessageChannel === undefined) return (fn) => void host.setTimeout(fn, 0);
  const { port1, port2 } = new host.MessageChannel();
  const waiting: (() => void)[] = [];
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- this also starts the port
  port1.onmessage = () => waiting.shift()?.();
  return (fn) => {
    waiting.push(fn);
    port2.postMessage(null);
  };
}

function keepAlive(handle: TimeoutHandle | undefined, alive: boolean): void {
  if (typeof handle !== 'object') return;
  if (alive) handle.ref?.();
  else handle.unref?.();
}

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/time/clock.ts';
import type { HostFunctions, TimeoutHandle } from '../../../src/time/host.ts';
import {
  createHostClock,
  createHostRandom,
  hostClock,
  hostMacrotask,
  hostMemory,
  hostRandom,
} from '../../../src/time/host.ts';

const DAY_MS = 86_400_000;

class FakeTimeout {
  readonly end: number;
  readonly fn: () => void;
  refed: boolean = true;

  constructor(end: number, fn: () => void) {
    this.end = end;
    this.fn = fn;
  }

  ref(): void {
    this.refed = true;
  }

  unref(): void {
    this.refed = false;
  }
}

/** A host whose time the test moves. Its time-outs end `early` milliseconds too soon, as real ones may. */
class FakeHost implements HostFunctions {
  ms: number = 100;
  dateOffset: number = 1_700_000_000_000;
  early: number = 0;
  timeouts: Set<FakeTimeout> = new Set();
  timeoutsSet: number = 0;
  tasks: (() => void)[] = [];

  now(): number {
    return this.ms;
  }

  date(): number {
    return Math.floor(this.dateOffset + this.ms);
  }

  setTimeout(fn: () => void, ms: number): TimeoutHandle {
    if (!(ms <= 0x7fff_ffff)) throw new Error(`a host would fire at once for ${ms}`);
    const timeout = new FakeTimeout(this.ms + Math.max(ms, 1), fn);
    this.timeouts.add(timeout);
    this.timeoutsSet++;
    return timeout;
  }

  clearTimeout(handle: TimeoutHandle): void {
    for (const timeout of this.timeouts) if (timeout === handle) this.timeouts.delete(timeout);
  }

  macrotask(fn: () => void): void {
    this.tasks.push(fn);
  }

  /** One turn of the event loop. */
  turn(): void {
    const tasks = this.tasks;
    this.tasks = [];
    for (const task of tasks) task();
  }

  /** Lets time pass up to `ms`, waking whatever ends on the way. */
  runTo(ms: number): void {
    for (;;) {
      while (this.tasks.length > 0) this.turn();
      const [next] = [...this.timeouts].toSorted((a, b) => a.end - b.end);
      if (next === undefined || next.end - this.early > ms) break;
      this.timeouts.delete(next);
      this.ms = Math.max(this.ms, next.end - this.early);
      next.fn();
    }
    this.ms = Math.max(this.ms, ms);
  }
}

function fake(): { host: FakeHost; clock: Clock } {
  const host = new FakeHost();
  return { host, clock: createHostClock(host) };
}

describe('a host clock', () => {
  it('counts in microseconds', () => {
    const { host, clock } = fake();
    host.ms = 1234.5678;
    expect(clock.now()).toBe(1_234_567);
    expect(clock.resolution).toBe(1000);
  });

  it('tells the wall time in microseconds, and follows when the system clock is set', () => {
    const { host, clock } = fake();
    host.ms = 100.25;
    expect(clock.wallTime()).toBe(1_700_000_000_100_250);
    host.dateOffset += 300;
    expect(clock.wallTime()).toBe(1_700_000_000_100_250);
    host.dateOffset += 3_600_000;
    host.ms = 200;
    expect(clock.wallTime()).toBe(1_700_003_600_500_000);
  });

  it('is never early, although the time-outs of the host are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 20_000_000 }), { minLength: 1, maxLength: 10 }),
        fc.constantFrom(0, 0.3, 0.999),
        (delays, early) => {
          const { host, clock } = fake();
          host.early = early;
          const start = clock.now();
          let fired = 0;
          for (const delay of delays) {
            const timer = clock.timer(() => {
              fired++;
              expect(clock.now()).toBeGreaterThanOrEqual(start + delay);
              expect(clock.now()).toBeLessThanOrEqual(start + delay + 1000);
            });
            timer.at(start + delay);
          }
          host.runTo(30_000);
          expect(fired).toBe(delays.length);
          expect(host.timeouts.size).toBe(0);
        },
      ),
    );
  });

  it('lets I/O go first when the program has computed past a deadline: what is waited for may have come', () => {
    const { host, clock } = fake();
    const log: string[] = [];
    clock.timer(() => log.push('timer')).at(clock.now() + 200_000);
    const [timeout] = host.timeouts;
    host.timeouts.clear();
    host.ms += 900; // one long callback: the host's timers come first after it, I/O and macrotasks behind them
    timeout!.fn();
    log.push('I/O');
    host.turn();
    expect(log).toEqual(['I/O', 'timer']);
  });

  it('never calls from inside at, and serves the past without a time-out', () => {
    const { host, clock } = fake();
    let fired = 0;
    const timer = clock.timer(() => fired++);
    for (const past of [clock.now(), 0, -Infinity]) {
      fired = 0;
      timer.at(past);
      expect(fired).toBe(0);
      host.turn();
      expect(fired).toBe(1);
    }
    expect(host.timeoutsSet).toBe(0);
  });

  it('moves from the past to the future and back', () => {
    const { host, clock } = fake();
    const times: number[] = [];
    const timer = clock.timer(() => times.push(clock.now()));
    timer.at(0);
    timer.at(150_000);
    expect([host.tasks.length, host.timeoutsSet]).toEqual([1, 0]);
    host.turn();
    expect(times).toEqual([]);
    host.runTo(149);
    expect(times).toEqual([]);
    timer.at(1);
    host.turn();
    expect(times).toEqual([149_000]);
    host.runTo(1000);
    expect(times).toEqual([149_000]);
  });

  it('takes times longer than hosts do, in pieces', () => {
    const { host, clock } = fake();
    const times: number[] = [];
    const end = 90 * DAY_MS;
    clock.timer(() => times.push(clock.now())).at(end * 1000);
    host.runTo(end - 1);
    expect(times).toEqual([]);
    host.runTo(end);
    expect(times).toEqual([end * 1000]);
    expect(host.timeoutsSet).toBe(4);
  });

  it('cancels: nothing fires, nothing is left', () => {
    const { host, clock } = fake();
    const timer = clock.timer(() => expect.unreachable());
    timer.cancel();
    for (const us of [0, 150_000, 90 * DAY_MS * 1000]) {
      timer.at(us);
      timer.cancel();
      timer.cancel();
      timer.at(us);
      timer.at(Infinity);
    }
    expect(() => timer.at(NaN)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
    host.runTo(100 * DAY_MS);
    expect(host.timeouts.size).toBe(0);
  });

  it('clears a far time-out when it is cancelled, and uses a near one again', () => {
    const { host, clock } = fake();
    const times: number[] = [];
    const timer = clock.timer(() => times.push(clock.now()));
    timer.at(3_600_000_000);
    timer.cancel();
    expect(host.timeouts.size).toBe(0);
    const before = host.timeoutsSet;
    for (let i = 0; i < 100; i++) {
      timer.at(300_000 + i);
      timer.cancel();
    }
    expect(host.timeoutsSet).toBe(before + 1);
    timer.at(500_000);
    host.runTo(1000);
    expect(times).toEqual([500_000]);
  });

  it('sets a time-out again when a timer moves to an earlier time, not when to a later', () => {
    const { host, clock } = fake();
    const times: number[] = [];
    const timer = clock.timer(() => times.push(clock.now()));
    timer.at(400_000);
    for (let i = 0; i < 100; i++) timer.at(400_000 + i * 1000);
    expect(host.timeoutsSet).toBe(1);
    timer.at(200_000);
    expect(host.timeouts.size).toBe(1);
    host.runTo(1000);
    expect(times).toEqual([200_000]);
  });

  it('keeps the process alive only while a ref-ed timer is armed', () => {
    const { host, clock } = fake();
    const alive = (): boolean => [...host.timeouts].some(({ refed }) => refed);
    const timer = clock.timer(() => {});
    timer.at(500_000);
    expect(alive()).toBe(false);
    timer.ref();
    expect(alive()).toBe(true);
    timer.at(700_000);
    expect(alive()).toBe(true);
    timer.at(300_000);
    expect(alive()).toBe(true);
    timer.unref();
    expect(alive()).toBe(false);
    timer.cancel();
    timer.ref();
    expect(alive()).toBe(false);
    timer.at(600_000);
    expect(alive()).toBe(true);
    timer.cancel();
    expect(alive()).toBe(false);
    timer.at(600_000);
    host.runTo(650);
    expect(alive()).toBe(false);
  });

  it('works where time-outs are numbers, as in browsers', () => {
    const host = new FakeHost();
    const handles = new Map<TimeoutHandle, TimeoutHandle>();
    const clock = createHostClock({
      now: () => host.now(),
      date: () => host.date(),
      setTimeout: (fn, ms) => {
        handles.set(handles.size, host.setTimeout(fn, ms));
        return handles.size - 1;
      },
      clearTimeout: (handle) => host.clearTimeout(handles.get(handle)!),
      macrotask: (fn) => host.macrotask(fn),
    });
    const times: number[] = [];
    const timer = clock.timer(() => times.push(clock.now()));
    timer.ref();
    timer.at(200_000);
    timer.at(150_000);
    timer.unref();
    host.runTo(1000);
    expect(times).toEqual([150_000]);
  });

  it('may be armed from its own callback, and survives a callback that throws', () => {
    const { host, clock } = fake();
    const times: number[] = [];
    const timer = clock.timer(() => {
      times.push(clock.now());
      timer.at(clock.now() + 100_000);
      if (times.length === 2) throw new Error('from a callback');
    });
    timer.at(200_000);
    expect(() => host.runTo(1000)).toThrow('from a callback');
    host.runTo(450);
    expect(times).toEqual([200_000, 300_000, 400_000]);
  });
});

describe('defer of a host clock', () => {
  it('runs functions in order in one macrotask; what they defer waits for the next', () => {
    const { host, clock } = fake();
    const log: string[] = [];
    clock.defer(() => {
      log.push('a');
      clock.defer(() => log.push('c'));
    });
    clock.defer(() => log.push('b'));
    expect([host.tasks.length, log]).toEqual([1, []]);
    host.turn();
    expect([host.tasks.length, log]).toEqual([1, ['a', 'b']]);
    host.turn();
    expect([host.tasks.length, log]).toEqual([0, ['a', 'b', 'c']]);
  });

  it('runs the functions behind one that throws, still in order', () => {
    const { host, clock } = fake();
    const log: string[] = [];
    clock.defer(() => clock.defer(() => log.push('d')));
    clock.defer(() => {
      throw new Error('from a function');
    });
    clock.defer(() => log.push('b'));
    clock.defer(() => log.push('c'));
    expect(() => host.turn()).toThrow('from a function');
    expect(host.tasks.length).toBe(1);
    while (host.tasks.length > 0) host.turn();
    expect(log).toEqual(['b', 'c', 'd']);
    clock.defer(() => {
      throw new Error('from the last function');
    });
    expect(() => host.turn()).toThrow('from the last function');
    expect(host.tasks.length).toBe(0);
  });

  it('raises an error with the return of the function under way, before those behind it', () => {
    const { host, clock } = fake();
    const log: string[] = [];
    clock.defer(() => {
      clock.raise?.(new Error('raised'));
      log.push('a');
    });
    clock.defer(() => log.push('b'));
    expect(() => host.turn()).toThrow('raised');
    expect(log).toEqual(['a']);
    host.turn();
    expect([host.tasks.length, log]).toEqual([0, ['a', 'b']]);
  });

  it('raises errors outside of its functions, and more than one, in macrotasks', () => {
    const { host, clock } = fake();
    clock.raise?.(new Error('outside'));
    expect(() => host.turn()).toThrow('outside');
    clock.defer(() => {
      clock.raise?.(new Error('first'));
      clock.raise?.(new Error('second'));
    });
    expect(() => host.turn()).toThrow('first');
    expect(() => host.turn()).toThrow('second');
    expect(host.tasks.length).toBe(0);
  });
});

describe('randomness of a host', () => {
  /** Fills with 0, 1, 2, … modulo 251. */
  function counting(): { asked: number[]; getRandomValues: (words: Uint32Array) => void } {
    const asked: number[] = [];
    let next = 0;
    const getRandomValues = (words: Uint32Array): void => {
      asked.push(words.byteLength);
      const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
      for (let i = 0; i < bytes.length; i++) bytes[i] = next++ % 251;
    };
    return { asked, getRandomValues };
  }

  it('asks the host seldom, and for no more than hosts give', () => {
    const { asked, getRandomValues } = counting();
    const random = createHostRandom(getRandomValues);
    for (let i = 0; i < 1000; i++) random.uint32();
    expect(asked.length).toBe(1);
    random.fill(new Uint8Array(200_000));
    expect(Math.max(...asked)).toBeLessThanOrEqual(65_536);
  });

  it('gives every byte of the host at most once, and fills whole', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9000 }), { maxLength: 8 }), (sizes) => {
        const random = createHostRandom(counting().getRandomValues);
        let position = 0;
        for (const size of sizes) {
          const bytes = new Uint8Array(size);
          random.fill(bytes);
          expect(bytes.every((byte, i) => byte === (position + i) % 251)).toBe(true);
          position += Math.ceil(size / 4) * 4;
          const word = new DataView(Uint32Array.of(random.uint32()).buffer);
          expect(word.getUint8(3)).toBe((position + 3) % 251);
          position += 4;
        }
      }),
    );
  });

  it('fills shared memory, which hosts refuse', () => {
    const bytes = new Uint8Array(new SharedArrayBuffer(1000));
    hostRandom().fill(bytes);
    expect(new Set(bytes).size).toBeGreaterThan(100);
  });
});

describe('this host', () => {
  it('has a clock that does not go back, never fires early, and in order', async () => {
    const clock = hostClock();
    expect(hostClock()).toBe(clock);
    const start = clock.now();
    const log: number[] = [];
    await new Promise<void>((resolve) => {
      for (const delay of [80_000, 0, 40_000]) {
        const timer = clock.timer(() => {
          expect(clock.now()).toBeGreaterThanOrEqual(start + delay);
          log.push(delay);
          if (log.length === 3) resolve();
        });
        timer.ref();
        timer.at(start + delay);
      }
    });
    expect(log).toEqual([0, 40_000, 80_000]);
    expect(Math.abs(clock.wallTime() / 1000 - Date.now())).toBeLessThan(2000);
  });

  it('runs macrotasks and deferred functions after promises, in order', async () => {
    const log: string[] = [];
    await new Promise<void>((resolve) => {
      hostMacrotask(() => log.push('macrotask'));
      hostClock().defer(() => log.push('deferred'));
      hostMacrotask(resolve);
      void Promise.resolve().then(() => log.push('promise'));
    });
    expect(log).toEqual(['promise', 'macrotask', 'deferred']);
  });

  it('has randomness', () => {
    const random = hostRandom();
    expect(hostRandom()).toBe(random);
    const numbers = Array.from({ length: 3000 }, () => random.uint32());
    expect(new Set(numbers).size).toBeGreaterThan(2990);
    expect(numbers.every((number) => Number.isInteger(number) && number >= 0 && number < 2 ** 32)).toBe(true);
  });
});

describe('memory of the host', () => {
  it('is of the length asked for, and a buffer of its own', () => {
    const [one, other] = [hostMemory(1000), hostMemory(1000)];
    expect([one.length, one.byteOffset, one.buffer.byteLength, hostMemory(0).length]).toEqual([1000, 0, 1000, 0]);
    expect(one.buffer).not.toBe(other.buffer);
    expect(Object.getPrototypeOf(one)).toBe(Uint8Array.prototype);
  });
});

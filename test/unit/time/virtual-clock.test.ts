import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../src/time/virtual-clock.ts';

const misuse = expect.objectContaining({ code: 'ERR_INVALID_STATE' });
const outOfRange = expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' });

function immediate(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Arms a new timer that logs its name and the time. */
function logAt(clock: VirtualClock, log: string[], name: string, us: number): void {
  clock.timer(() => log.push(`${name}@${clock.now()}`)).at(us);
}

describe('VirtualClock.advance', () => {
  it('stands still until advanced, and ends exactly where told', () => {
    const clock = new VirtualClock();
    expect([clock.now(), clock.wallTime(), clock.resolution]).toEqual([0, 0, 0]);
    clock.advance(1.5);
    clock.advanceTo(10);
    expect([clock.now(), clock.wallTime()]).toEqual([10, 10]);
    const later = new VirtualClock({ start: 500, wallTime: 1_000_000 });
    later.advance(7);
    expect([later.now(), later.wallTime()]).toEqual([507, 1_000_007]);
  });

  it('fires timers at their exact times, in order, ties as armed', () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    logAt(clock, log, 'c', 30);
    logAt(clock, log, 'a', 10);
    logAt(clock, log, 'b', 10);
    logAt(clock, log, 'd', 31);
    clock.advance(30);
    expect(log).toEqual(['a@10', 'b@10', 'c@30']);
    expect([clock.now(), clock.pending, clock.nextDeadline]).toEqual([30, 1, 31]);
  });

  it('fires a time in the past at the present instant, after those armed for it before', () => {
    const clock = new VirtualClock({ start: 100 });
    const log: string[] = [];
    logAt(clock, log, 'now', 100);
    logAt(clock, log, 'past', 5);
    expect(clock.nextDeadline).toBe(100);
    clock.advance(0);
    expect(log).toEqual(['now@100', 'past@100']);
  });

  it('moves and cancels a timer; Infinity cancels, NaN throws', () => {
    const clock = new VirtualClock();
    const times: number[] = [];
    const timer = clock.timer(() => times.push(clock.now()));
    timer.cancel();
    timer.at(10);
    timer.at(20);
    timer.at(15);
    clock.advance(100);
    timer.at(200);
    timer.cancel();
    timer.at(300);
    timer.at(Infinity);
    expect(() => timer.at(NaN)).toThrow(outOfRange);
    timer.ref();
    timer.unref();
    clock.advance(1000);
    expect(times).toEqual([15]);
    expect([clock.pending, clock.nextDeadline]).toEqual([0, Infinity]);
  });

  it('runs deferred functions in order, before time moves on and before the next timer', () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    clock.defer(() => {
      log.push(`first@${clock.now()}`);
      clock.defer(() => log.push(`third@${clock.now()}`));
    });
    clock.defer(() => log.push(`second@${clock.now()}`));
    clock.timer(() => clock.defer(() => log.push(`deferred@${clock.now()}`))).at(50);
    logAt(clock, log, 'timer', 50);
    expect([clock.pending, clock.nextDeadline, log]).toEqual([4, 0, []]);
    clock.advance(100);
    expect(log).toEqual(['first@0', 'second@0', 'third@0', 'deferred@50', 'timer@50']);
    expect(clock.pending).toBe(0);
  });

  it('keeps the order of thousands of deferred functions', () => {
    const clock = new VirtualClock();
    const seen: number[] = [];
    for (let i = 0; i < 5000; i++) {
      clock.defer(() => {
        seen.push(i);
        if (i < 3000) clock.defer(() => seen.push(5000 + i));
      });
    }
    clock.advance(0);
    expect(seen).toEqual(Array.from({ length: 8000 }, (_, i) => i));
  });

  it('refuses to be advanced from inside a timer or deferred function', async () => {
    const clock = new VirtualClock();
    clock.timer(() => clock.advance(1)).at(5);
    expect(() => clock.advance(10)).toThrow(misuse);
    clock.defer(() => clock.advanceTo(100));
    expect(() => clock.advance(10)).toThrow(misuse);
    let inside: Promise<void> | undefined;
    clock.defer(() => void (inside = clock.run({ for: 1 })));
    clock.advance(10);
    await expect(inside).rejects.toThrow(misuse);
    expect(clock.now()).toBe(15);
  });

  it('refuses to go back and times that are no numbers', () => {
    const clock = new VirtualClock({ start: 50 });
    for (const bad of [-1, NaN, Infinity]) expect(() => clock.advance(bad)).toThrow(outOfRange);
    for (const bad of [49, NaN, Infinity]) expect(() => clock.advanceTo(bad)).toThrow(outOfRange);
    expect(() => new VirtualClock({ start: NaN })).toThrow(outOfRange);
    expect(() => new VirtualClock({ wallTime: Infinity })).toThrow(outOfRange);
  });

  it('passes on what a callback throws, and loses nothing', () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    const fail = (): never => {
      throw new Error('from a callback');
    };
    clock.defer(fail);
    clock.defer(() => log.push('deferred'));
    clock.timer(fail).at(10);
    logAt(clock, log, 'timer', 10);
    expect(() => clock.advance(20)).toThrow('from a callback');
    expect([clock.now(), clock.pending]).toEqual([0, 3]);
    expect(() => clock.advance(20)).toThrow('from a callback');
    expect([clock.now(), clock.pending]).toEqual([10, 1]);
    clock.advance(0);
    expect(log).toEqual(['deferred', 'timer@10']);
  });

  it('notices deferred functions, or timers, that go in a circle', () => {
    const clock = new VirtualClock();
    const again = (): void => clock.defer(again);
    clock.defer(again);
    expect(() => clock.advance(1)).toThrow(/1000000 times at the instant 0 µs/);
    const other = new VirtualClock();
    const timer = other.timer(() => timer.at(other.now()));
    timer.at(7);
    expect(() => other.advance(100)).toThrow(/at the instant 7 µs/);
  });

  it('counts the calls of an instant, not of a run: a timer may fire as often as time passes', () => {
    const clock = new VirtualClock();
    let fired = 0;
    const timer = clock.timer(() => {
      fired++;
      timer.at(clock.now() + 1);
    });
    timer.at(1);
    clock.advance(1_000_001);
    expect(fired).toBe(1_000_001);
  });
});

describe('VirtualClock.run', () => {
  it('runs for milliseconds and ends exactly there', async () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    logAt(clock, log, 'in', 1000);
    logAt(clock, log, 'end', 2000);
    logAt(clock, log, 'out', 2001);
    await clock.run({ for: 2 });
    expect(log).toEqual(['in@1000', 'end@2000']);
    expect(clock.now()).toBe(2000);
    await clock.run({ for: 0 });
    expect(clock.now()).toBe(2000);
  });

  it('lets the application finish before time moves on: promises, next-ticks, immediates in a chain', async () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    logAt(clock, log, 'timer', 10);
    const application = async (): Promise<void> => {
      for (let i = 0; i < 1000; i++) await Promise.resolve();
      for (let i = 0; i < 3; i++) await immediate();
      await new Promise<void>((resolve) => process.nextTick(resolve));
      log.push(`application@${clock.now()}`);
      logAt(clock, log, 'first', 3);
    };
    clock.timer(() => void application()).at(2);
    await clock.run({ for: 1 });
    expect(log).toEqual(['application@2', 'first@3', 'timer@10']);
  });

  it('waits without end for a chain of turns in which the clock is called', async () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    const timer = clock.timer(() => log.push('never'));
    const application = async (): Promise<void> => {
      for (let i = 0; i < 20; i++) {
        for (let turn = 0; turn < 4; turn++) await immediate();
        if (i % 3 === 0) clock.defer(() => log.push(`deferred@${clock.now()}`));
        else if (i % 3 === 1) timer.at(5);
        else timer.cancel();
      }
      timer.cancel();
      log.push(`done@${clock.now()}`);
    };
    void application();
    await clock.run({ for: 1 });
    expect(log).toEqual([...Array(7).fill('deferred@0'), 'done@0']);
  });

  it('sees a function deferred in the last of the quiet turns', async () => {
    const clock = new VirtualClock();
    const times: number[] = [];
    const application = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        clock.defer(() => times.push(clock.now()));
        // The turn after the call isn't quiet, the next four are.
        for (let turn = 0; turn < 5; turn++) await immediate();
      }
    };
    const finished = application();
    await clock.run({ for: 1 });
    await finished;
    clock.advance(0);
    expect(times).toEqual([0, 0, 0]);
  });

  it('waits for longer chains of immediates when told to', async () => {
    const finishedAt = async (quiet: number): Promise<number> => {
      const clock = new VirtualClock();
      clock.timer(() => {}).at(1);
      let end = NaN;
      const application = async (): Promise<void> => {
        for (let i = 0; i < 15; i++) await immediate();
        end = clock.now();
      };
      const finished = application();
      await clock.run({ for: 1, quiet });
      await finished;
      return end;
    };
    expect(await finishedAt(16)).toBe(0);
    expect(await finishedAt(4)).toBeGreaterThan(0);
  });

  it('stops as soon as until() is true, before time moves on', async () => {
    const clock = new VirtualClock();
    let done = false;
    clock.timer(() => void Promise.resolve().then(() => (done = true))).at(3000);
    clock.timer(() => expect.unreachable()).at(3001);
    await clock.run({ until: () => done });
    expect([clock.now(), clock.pending]).toEqual([3000, 1]);
    await clock.run({ until: () => true });
    expect(clock.now()).toBe(3000);
  });

  it('gives up at the limit with an error', async () => {
    const clock = new VirtualClock();
    clock.timer(() => {}).at(99_999_999);
    await expect(clock.run({ until: () => false, limit: 5 })).rejects.toThrow(/5 virtual milliseconds; pending: 1/);
    expect(clock.now()).toBe(5000);
    await expect(clock.run({ until: () => false })).rejects.toThrow(/600000 virtual milliseconds/);
  });

  it('with `for` and `until` ends at whichever comes first', async () => {
    const clock = new VirtualClock();
    let done = false;
    clock.timer(() => (done = true)).at(3000);
    await clock.run({ for: 2, until: () => done });
    expect([clock.now(), done]).toEqual([2000, false]);
    await clock.run({ for: 2, until: () => done });
    expect([clock.now(), done]).toEqual([3000, true]);
  });

  it('says what it needs, and takes undefined for absent', async () => {
    const clock = new VirtualClock();
    const run = (options: object) => clock.run(options as never);
    const missing = 'run needs `for` (virtual milliseconds), `until` (a function), or both';
    for (const options of [{}, { quiet: 5 }, { for: undefined }, { until: undefined }]) {
      await expect(run(options)).rejects.toMatchObject({ code: 'ERR_MISSING_ARGS', message: missing });
    }
    await expect(run({ for: 1, limit: 5 })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringMatching(/^`limit` is for `until` alone/),
    });
    await run({ for: 1, until: undefined });
    await run({ for: undefined, until: () => true });
    expect(clock.now()).toBe(1000);
  });

  it('rejects with what a callback or until() throws, and can be run again', async () => {
    const clock = new VirtualClock();
    const fail = (): never => {
      throw new Error('from a callback');
    };
    clock.timer(fail).at(10);
    await expect(clock.run({ for: 1 })).rejects.toThrow('from a callback');
    expect(clock.now()).toBe(10);
    await expect(clock.run({ until: fail })).rejects.toThrow('from a callback');
    await clock.run({ for: 1 });
    expect(clock.now()).toBe(1010);
  });

  it('refuses a second run, and advance, while it is in progress; and senseless options', async () => {
    const clock = new VirtualClock();
    const running = clock.run({ for: 1 });
    await expect(clock.run({ for: 1 })).rejects.toThrow(misuse);
    expect(() => clock.advance(1)).toThrow(misuse);
    await running;
    await expect(clock.run({ for: -1 })).rejects.toThrow(outOfRange);
    await expect(clock.run({ until: () => true, limit: NaN })).rejects.toThrow(outOfRange);
    await expect(clock.run({ for: 1, quiet: 0 })).rejects.toThrow(outOfRange);
    expect(clock.now()).toBe(1000);
  });

  it('notices an application that keeps the clock busy without letting time pass', async () => {
    // Turns that cost nothing, so that a million of them are quick.
    const clock = new VirtualClock({ macrotask: (fn) => fn() });
    const busy = clock.timer(() => {});
    const stop: true[] = [];
    const application = async (): Promise<void> => {
      while (stop.length === 0) {
        busy.at(500);
        await Promise.resolve();
      }
    };
    void application();
    await expect(clock.run({ for: 1 })).rejects.toThrow(/at the instant 0 µs/);
    stop.push(true);
  });

  it('serves many at once: applications that wait for each other through the clock', async () => {
    const clock = new VirtualClock();
    const sleep = (us: number): Promise<void> =>
      new Promise((resolve) => {
        clock.timer(resolve).at(clock.now() + us);
      });
    const log: string[] = [];
    const application = async (name: string, us: number): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        await sleep(us);
        log.push(`${name}@${clock.now()}`);
      }
    };
    void application('a', 100);
    void application('b', 150);
    await clock.run({ for: 1 });
    expect(log).toEqual(['a@100', 'b@150', 'a@200', 'b@300', 'a@300', 'b@450'].toSorted(byTime));
  });
});

function byTime(a: string, b: string): number {
  return Number(a.split('@')[1]) - Number(b.split('@')[1]);
}

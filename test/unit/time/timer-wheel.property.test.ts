import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WheelTimer } from '../../../src/time/timer-wheel.ts';
import { TimerWheel } from '../../../src/time/timer-wheel.ts';
import { VirtualClock } from '../../../src/time/virtual-clock.ts';
import { ManualClock } from './manual-clock.ts';

const TIMERS = 12;

type Action = { arm: number; delay: number } | { cancel: number } | { throws: string };
type Command = Action | { advance: number };

interface Target {
  arm(id: number, deadline: number): void;
  cancel(id: number): void;
}

/** The wheel's rules as a list that is searched from end to end. */
class Oracle implements Target {
  readonly armed: Map<number, { deadline: number; order: number }> = new Map();
  readonly log: string[] = [];
  readonly reactions: Action[];
  #order = 0;

  constructor(reactions: Action[]) {
    this.reactions = [...reactions];
  }

  arm(id: number, deadline: number): void {
    if (deadline === Infinity) this.armed.delete(id);
    else this.armed.set(id, { deadline, order: ++this.#order });
  }

  cancel(id: number): void {
    this.armed.delete(id);
  }

  get earliest(): number {
    return Math.min(...[...this.armed.values()].map(({ deadline }) => deadline));
  }

  /** One run: what is due at `now`, without what this run arms for the past. */
  runOnce(now: number): void {
    const before = this.#order;
    for (;;) {
      let first: [number, { deadline: number; order: number }] | undefined;
      for (const entry of this.armed) {
        const [, { deadline, order }] = entry;
        if (deadline > now || order > before) continue;
        const earlier = first === undefined || deadline < first[1].deadline;
        if (earlier || (deadline === first![1].deadline && order < first![1].order)) first = entry;
      }
      if (first === undefined) return;
      this.armed.delete(first[0]);
      fire(this, first[0], now, this.log, this.reactions);
    }
  }
}

/** What every callback does, of the wheel and of the oracle alike: it logs, then does the next action in the script. */
function fire(target: Target, id: number, now: number, log: string[], reactions: Action[]): void {
  log.push(`${id}@${now}`);
  const action = reactions.shift();
  if (action !== undefined) perform(target, action, now);
}

function perform(target: Target, action: Action, now: number): void {
  if ('arm' in action) target.arm(action.arm, now + action.delay);
  else if ('cancel' in action) target.cancel(action.cancel);
  else throw new Error(action.throws);
}

/** A wheel on `clock` with numbered timers. */
function wheelOn(
  clock: ManualClock | VirtualClock,
  reactions: Action[],
): { wheel: TimerWheel; timers: WheelTimer[]; target: Target; log: string[] } {
  const wheel = new TimerWheel(clock);
  const log: string[] = [];
  const rest = [...reactions];
  const timers: WheelTimer[] = [];
  const target: Target = {
    arm: (id, deadline) => timers[id]!.arm(deadline),
    cancel: (id) => timers[id]!.cancel(),
  };
  for (let id = 0; id < TIMERS; id++) timers.push(wheel.timer((now) => fire(target, id, now, log, rest)));
  return { wheel, timers, target, log };
}

const time = fc.oneof(
  fc.integer({ min: 0, max: 4 }),
  fc.integer({ min: 0, max: 4000 }).map((quarters) => quarters / 4),
  fc.integer({ min: 0, max: 100 }).map((ticks) => ticks * 1024),
  fc.integer({ min: 0, max: 2_000_000 }),
  fc.integer({ min: 0, max: 2 ** 42 }),
  fc.constantFrom(2 ** 30 * 1024, 2 ** 30 * 1024 - 1, 2 ** 35, 2 ** 50),
);
const id = fc.nat({ max: TIMERS - 1 });
const delay = fc.oneof(
  { weight: 12, arbitrary: time },
  { weight: 1, arbitrary: fc.integer({ min: -2000, max: 0 }) },
  { weight: 1, arbitrary: fc.constant(Infinity) },
);
const action = fc.oneof(
  { weight: 5, arbitrary: fc.record({ arm: id, delay }) },
  { weight: 2, arbitrary: fc.record({ cancel: id }) },
);
const throwing = fc.record({ throws: fc.constant('from a callback') });
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 5, arbitrary: action },
  { weight: 2, arbitrary: fc.record({ advance: time }) },
);
const script = {
  start: fc.oneof(fc.constant(0), fc.integer({ min: -5000, max: 5000 }), fc.integer({ min: 0, max: 2 ** 50 })),
  commands: fc.array<Command>(command, { minLength: 1, maxLength: 100 }),
};

/** Runs `step` and adds what it throws to `errors`. */
function attempt(errors: unknown[], step: () => void): void {
  try {
    step();
  } catch (error) {
    errors.push(error);
  }
}

describe('TimerWheel against a sorted list', () => {
  it('fires the same timers at the same times in virtual time', () => {
    const reactions = fc.array(action, { maxLength: 60 });
    fc.assert(
      fc.property(fc.record({ ...script, reactions }), (run) => {
        const clock = new VirtualClock({ start: run.start });
        const { wheel, timers, target, log } = wheelOn(clock, run.reactions);
        const oracle = new Oracle(run.reactions);
        let now = run.start;
        for (const step of [...run.commands, { advance: 2 ** 51 }]) {
          if ('advance' in step) {
            const end = now + step.advance;
            while (oracle.earliest <= end) oracle.runOnce((now = Math.max(now, oracle.earliest)));
            now = end;
            clock.advance(step.advance);
          } else {
            perform(oracle, step, now);
            perform(target, step, now);
          }
          expect(log).toEqual(oracle.log);
          expect(timers.map(({ deadline }) => deadline)).toEqual(
            timers.map((_, index) => oracle.armed.get(index)?.deadline ?? Infinity),
          );
          expect(wheel.count).toBe(oracle.armed.size);
          expect(clock.pending).toBe(oracle.armed.size > 0 ? 1 : 0);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('does so run by run, with late clocks and callbacks that throw, and arms its clock timer in time', () => {
    const reactions = fc.array(fc.oneof({ weight: 4, arbitrary: action }, { weight: 1, arbitrary: throwing }));
    fc.assert(
      fc.property(fc.record({ ...script, reactions }), (run) => {
        const clock = new ManualClock();
        clock.time = run.start;
        const { wheel, target, log } = wheelOn(clock, run.reactions);
        const [clockTimer] = clock.timers;
        const oracle = new Oracle(run.reactions);
        const thrown: unknown[] = [];
        const expected: unknown[] = [];
        for (const step of run.commands) {
          if ('advance' in step) {
            clock.time += step.advance;
            attempt(expected, () => oracle.runOnce(clock.time));
            // What the clock would do, if it is due; else somebody who has just read the time.
            const due = clockTimer!.deadline <= clock.time;
            attempt(thrown, () => (due ? clockTimer!.fire() : wheel.advance(clock.time)));
          } else {
            perform(oracle, step, clock.time);
            perform(target, step, clock.time);
          }
          expect(log).toEqual(oracle.log);
          expect(thrown).toEqual(expected);
          expect(wheel.count).toBe(oracle.armed.size);
          expect(clockTimer!.deadline).toBeLessThanOrEqual(oracle.earliest);
          expect(clockTimer!.deadline === Infinity).toBe(oracle.armed.size === 0);
        }
      }),
      { numRuns: 300 },
    );
  });
});

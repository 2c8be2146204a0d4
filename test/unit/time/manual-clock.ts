import type { Clock, Timer } from '../../../src/time/clock.ts';

/** A clock that calls nobody: tests set its time and look at what its timers are armed for. */
export class ManualClock implements Clock {
  readonly resolution: number = 0;
  readonly timers: ManualTimer[] = [];
  time: number = 0;

  now(): number {
    return this.time;
  }

  wallTime(): number {
    return this.time;
  }

  timer(fn: () => void): Timer {
    const timer = new ManualTimer(fn);
    this.timers.push(timer);
    return timer;
  }

  defer(): void {
    throw new Error('nothing here defers');
  }
}

export class ManualTimer implements Timer {
  deadline: number = Infinity;
  /** How often it was armed. */
  armings: number = 0;
  readonly #fn: () => void;

  constructor(fn: () => void) {
    this.#fn = fn;
  }

  at(us: number): void {
    this.deadline = us;
    this.armings++;
  }

  cancel(): void {
    this.deadline = Infinity;
  }

  ref(): void {}
  unref(): void {}

  fire(): void {
    this.deadline = Infinity;
    this.#fn();
  }
}

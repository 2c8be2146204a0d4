import { usageError } from '../errors.ts';
import type { Clock, Timer } from './clock.ts';
import { OUTSIDE } from './timer-heap.ts';
import { LevelNode, NOBODY, TimerLevels, disarmAll, listHead } from './timer-levels.ts';
import type { TimerOwner } from './timer-levels.ts';

/** A one-shot timer of a `TimerWheel`. Made once, armed as often as needed; costs nothing while it isn't armed. */
export interface WheelTimer {
  /** Whether it is armed. False again by the time its callback is called. */
  readonly armed: boolean;
  /** When it is due, in microseconds of the wheel's clock; Infinity when it isn't armed. */
  readonly deadline: number;
  /**
   * Arms the timer for the absolute time `deadline` in microseconds, or moves it there. A time in the past is due
   * at once, but never fires from inside `arm`. `Infinity` disarms.
   *
   * @throws RangeError `ERR_OUT_OF_RANGE` when `deadline` is NaN.
   */
  arm(deadline: number): void;
  /** Disarms the timer. Harmless when it isn't armed. */
  cancel(): void;
}

/** Timers kept for the next that needs one. */
const MAX_SPARE = 64;

class Entry extends LevelNode implements WheelTimer {
  readonly #wheel: TimerWheel;

  constructor(wheel: TimerWheel, owner: TimerOwner) {
    super(owner);
    this.#wheel = wheel;
  }

  get armed(): boolean {
    return this.deadline !== Infinity;
  }

  arm(deadline: number): void {
    this.#wheel.arm(this, deadline);
  }

  cancel(): void {
    this.#wheel.cancel(this);
  }
}

/**
 * Many timers on one clock timer: a hierarchical wheel for a stack's connections.
 *
 * - Timers fire in the order of their deadlines, equal deadlines in the order they were armed; never early, and
 *   exactly at the deadline in virtual time.
 * - One clock timer serves the wheel. None is armed when no timer of the wheel is. It is set to the earliest
 *   deadline, or earlier where that one was cancelled or moved: such a wake-up calls nobody and corrects itself.
 * - Arming, moving and cancelling cost tens of nanoseconds. Moving to a later time, what a connection does with
 *   every packet, only notes the number.
 * - A callback may arm and cancel any timer, its own too. What it arms for a time that has passed fires in the next
 *   run, at once but by way of the clock, so that timers that keep arming themselves can't stop the program.
 * - When a callback throws, the error goes on to whoever called `advance`, the clock as a rule; the timers behind it
 *   stay armed and the clock calls again for them at once.
 *
 * @example
 * const clock = new VirtualClock();
 * const wheel = new TimerWheel(clock);
 * const timer = wheel.timer((now) => console.log(`retransmit at ${now}`));
 * timer.arm(clock.now() + 200_000);
 * clock.advance(200_000);
 */
export class TimerWheel {
  readonly #clock: Clock;
  readonly #clockTimer: Timer;
  readonly #levels: TimerLevels;
  /** Timers that a callback armed for a time already past: they wait for the end of the run. */
  readonly #late: LevelNode = listHead();
  /** Timers that were given back. */
  readonly #spare: Entry[] = [];
  #count: number = 0;
  #order: number = 0;
  /** What the clock timer is armed for; Infinity when it isn't; −Infinity in a run, which sets it at its end. */
  #wake: number = Infinity;
  /** The time of the run in progress, else −Infinity. */
  #running: number = -Infinity;
  #closed: boolean = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#levels = new TimerLevels(clock.now());
    this.#clockTimer = clock.timer(() => {
      this.#wake = Infinity;
      this.advance(this.#clock.now());
    });
  }

  /** Number of armed timers. */
  get count(): number {
    return this.#count;
  }

  /** Makes a timer, disarmed. `callback` is given the time of the run, in microseconds: the deadline or later. */
  timer(callback: (now: number) => void): WheelTimer {
    return new Entry(this, { onTimer: callback });
  }

  /** The same for an object that has the callback as a method. */
  timerOf(owner: TimerOwner): WheelTimer {
    const spare = this.#spare.pop();
    if (spare === undefined) return new Entry(this, owner);
    spare.owner = owner;
    return spare;
  }

  /** Takes a timer of `timerOf` back, disarmed; its owner must forget it. What is idle for long needs none. */
  giveBack(timer: WheelTimer): void {
    timer.cancel();
    if (!(timer instanceof Entry) || this.#spare.length >= MAX_SPARE) return;
    timer.owner = NOBODY;
    this.#spare.push(timer);
  }

  /**
   * Fires all timers that are due at `now` (microseconds). The wheel's clock timer calls it; whoever reads the clock
   * anyway may call it too.
   *
   * @throws UsageError `ERR_INVALID_STATE` from inside a callback of this wheel; else what a callback throws.
   */
  advance(now: number): void {
    if (this.#running !== -Infinity) {
      throw usageError('ERR_INVALID_STATE', 'TimerWheel.advance was called from inside a timer of this wheel', Error);
    }
    const levels = this.#levels;
    const due = levels.due;
    levels.moveTo(now);
    this.#running = now;
    this.#wake = -Infinity;
    try {
      for (let node = due.first; node !== undefined && node.deadline <= now; node = due.first) {
        due.remove(node);
        node.deadline = Infinity;
        this.#count--;
        node.owner.onTimer(now);
      }
    } finally {
      this.#running = -Infinity;
      levels.placeAll(this.#late);
      this.#wake = levels.earliest();
      if (this.#wake === Infinity) this.#clockTimer.cancel();
      else this.#clockTimer.at(this.#wake);
    }
  }

  /** Disarms all timers for good: arming one afterwards does nothing, so that a closing stack needs no order. */
  close(): void {
    this.#closed = true;
    this.#levels.clear();
    disarmAll(this.#late);
    this.#count = 0;
    this.#clockTimer.cancel();
    if (this.#running === -Infinity) this.#wake = Infinity;
  }

  /** @internal What `WheelTimer.arm` does. */
  arm(node: LevelNode, deadline: number): void {
    if (deadline >= node.deadline && node.index === OUTSIDE && deadline !== Infinity) {
      // Later than before, and not in the heap: the slot it waits in will only be early.
      node.deadline = deadline;
      node.order = ++this.#order;
      return;
    }
    if (deadline === Infinity) return this.cancel(node);
    if (Number.isNaN(deadline)) throw usageError('ERR_OUT_OF_RANGE', 'a deadline must not be NaN', RangeError);
    if (this.#closed) return;
    if (node.deadline === Infinity) this.#count++;
    else this.#levels.take(node);
    node.deadline = deadline;
    node.order = ++this.#order;
    if (deadline <= this.#running) node.linkTo(this.#late);
    else this.#levels.place(node);
    if (deadline < this.#wake) {
      this.#wake = deadline;
      this.#clockTimer.at(deadline);
    }
  }

  /** @internal What `WheelTimer.cancel` does. */
  cancel(node: LevelNode): void {
    if (node.deadline === Infinity) return;
    this.#levels.take(node);
    node.deadline = Infinity;
    if (--this.#count === 0 && this.#running === -Infinity) {
      this.#wake = Infinity;
      this.#clockTimer.cancel();
    }
  }
}

import type { AsyncResource } from 'node:async_hooks';
import type { Clock, Timer } from '../time/clock.ts';
import { currentContext } from './async-context.ts';

/**
 * The timer behind `socket.setTimeout`: fires when nothing has happened for a while. Activity only writes down the
 * time; the timer itself moves when it fires too early. It never keeps the process alive.
 */
export class IdleTimer {
  readonly #clock: Clock;
  readonly #expired: () => void;
  #timer: Timer | undefined;
  /** Microseconds; 0 while off. */
  #interval: number = 0;
  #deadline: number = 0;
  /** When the timer fires, at the latest at the deadline; Infinity while it is not armed. */
  #armedFor: number = Infinity;
  /** As Node's timers it belongs to whoever has set it, and after it has fired to whoever starts it anew. */
  #context: AsyncResource | undefined;

  constructor(clock: Clock, expired: () => void) {
    this.#clock = clock;
    this.#expired = expired;
  }

  /** Starts anew with an interval in milliseconds; 0 turns it off. */
  set(milliseconds: number): void {
    this.#interval = milliseconds * 1000;
    this.#context = undefined;
    if (milliseconds === 0) return this.#disarm();
    this.touch();
  }

  /** Something has happened. */
  touch(): void {
    if (this.#interval === 0) return;
    this.#context ??= currentContext('Timeout');
    this.#deadline = this.#clock.now() + this.#interval;
    if (this.#armedFor > this.#deadline) this.#arm();
  }

  #arm(): void {
    this.#timer ??= this.#clock.timer(() => this.#fire());
    this.#armedFor = this.#deadline;
    this.#timer.at(this.#deadline);
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#armedFor = Infinity;
  }

  #fire(): void {
    this.#armedFor = Infinity;
    if (this.#interval === 0) return;
    if (this.#clock.now() < this.#deadline) return this.#arm();
    const context = this.#context;
    this.#context = undefined;
    context?.runInAsyncScope(this.#expired);
  }
}

import type { Random } from '../../time/clock.ts';

/** RFC 4861 §10, RFC 7559 §2.1; Linux: router_solicitation_delay, router_solicitation_interval, ..._max_interval. */
const MAX_RTR_SOLICITATION_DELAY = 1_000_000;
const RTR_SOLICITATION_INTERVAL = 4_000_000;
const LONGEST_INTERVAL = 3_600_000_000;

/**
 * When routers are asked for an advertisement: soon after the link has come up, and while no default router answers again and
 * again, after times that grow to an hour ([S-049] RFC 4861 §6.3.7, RFC 7559), so that a lost packet or a router that comes late
 * leaves nobody alone.
 */
export class RouterSolicitation {
  /** When the next is due, in microseconds; Infinity while none is wanted. */
  deadline: number = Infinity;
  readonly #random: Random;
  #interval: number = 0;
  #sentAt: number = -Infinity;

  constructor(random: Random) {
    this.#random = random;
  }

  /** The link has come up. */
  start(now: number): void {
    this.#interval = 0;
    // RFC 4861 §6.3.7: not all at once, as after a power failure; nor too often, whatever the link or routers do.
    const soon = now + Math.floor(MAX_RTR_SOLICITATION_DELAY * this.#fraction());
    this.deadline = Math.max(soon, this.#sentAt + RTR_SOLICITATION_INTERVAL);
  }

  /** The last default router has gone (RFC 7559 §2). */
  resume(now: number): void {
    if (this.deadline === Infinity) this.start(now);
  }

  /** A router has advertised itself as a default router (RFC 7559 §2). */
  stop(): void {
    this.deadline = Infinity;
  }

  /** To be called when `deadline` has come; true: one is to be sent. */
  advance(now: number): boolean {
    if (now < this.deadline) return false;
    // RFC 3315 §14: a tenth more or less, so that hosts don't stay in step.
    this.#sentAt = now;
    const factor = 0.9 + 0.2 * this.#fraction();
    const next = this.#interval === 0 ? RTR_SOLICITATION_INTERVAL : 2 * this.#interval;
    this.#interval = Math.floor(Math.min(next, LONGEST_INTERVAL) * factor);
    this.deadline = now + this.#interval;
    return true;
  }

  #fraction(): number {
    return this.#random.uint32() / 2 ** 32;
  }
}

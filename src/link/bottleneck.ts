import { NumberRing } from './number-ring.ts';

/**
 * The slowest place of a path: packets leave it one after the other at its rate, and wait in a drop-tail queue. It
 * keeps no packet and needs no timer, only when each one leaves. Times in microseconds, sizes in bytes.
 */
export class Bottleneck {
  /** The largest occupancy so far. */
  most: number = 0;
  readonly #departures: NumberRing = new NumberRing();
  readonly #lengths: NumberRing = new NumberRing();
  #bytes: number = 0;
  /** When the last packet will have left. */
  #busyUntil: number = -Infinity;

  /** Bytes that have not left by `now`, the packet on its way out included. */
  occupied(now: number): number {
    const departures = this.#departures;
    while (departures.size > 0 && departures.first <= now) {
      departures.shift();
      this.#bytes -= this.#lengths.shift();
    }
    return this.#bytes;
  }

  /**
   * A packet of `length` bytes arrives. An empty bottleneck takes any; else it must fit in `queue` bytes.
   *
   * @param rate bits per second
   * @returns when it will have left, or −1 when it was dropped
   */
  enter(now: number, length: number, rate: number, queue: number): number {
    const occupied = this.occupied(now);
    if (occupied > 0 && occupied + length > queue) return -1;
    const departure = Math.max(now, this.#busyUntil) + (length * 8_000_000) / rate;
    this.#busyUntil = departure;
    this.#departures.push(departure);
    this.#lengths.push(length);
    this.#bytes += length;
    if (this.#bytes > this.most) this.most = this.#bytes;
    return departure;
  }
}

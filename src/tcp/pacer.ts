/** Below this many bytes a second segments leave one by one. Linux: bbr_min_tso_rate, 1.2 Mbit/s. */
const SINGLE_SEGMENT_RATE = 150_000;
/** The time of which one burst may take, in seconds. Linux: sk_pacing_shift 10, about a millisecond. */
const QUANTUM_TIME = 0.001;
/** No burst is larger on purpose: one super-segment. Linux: GSO_LEGACY_MAX_SIZE. */
const MAX_QUANTUM = 65_536;

/**
 * How much leaves at once when sending at `rate` bytes a second: a millisecond's worth, at least two segments (one at
 * very low rates), at most 64 KB (draft-cardwell-iccrg-bbr-congestion-control §4.2.2; Linux tcp_tso_autosize).
 */
export function sendQuantum(rate: number, mss: number): number {
  const least = rate < SINGLE_SEGMENT_RATE ? mss : 2 * mss;
  return Math.max(Math.min(rate * QUANTUM_TIME, MAX_QUANTUM), least);
}

/**
 * Spreads segments over time: a bucket that fills at the rate and that sending empties. Once it has run dry, nothing
 * leaves until it holds a quantum again, so that super-segments stay large. It holds a quantum and what the rate gives
 * during the clock's `resolution`: a timer that comes that late costs nothing of the rate, and longer idleness earns no
 * larger burst. Times are microseconds.
 *
 * @example
 * const pacer = new Pacer(clock.resolution, mss);
 * pacer.setRate(1_250_000, now);
 * while (unsent > 0 && pacer.available(now) >= mss) pacer.onSent(send(mss), now);
 * timer.at(pacer.deadline);
 */
export class Pacer {
  /** When `available` will grant again, in whole microseconds; Infinity when its last answer was not 0. */
  deadline: number = Infinity;
  /** When its owner, whom nothing else holds back, will ask again; the owner's to set. Infinity: it does not wait. */
  wakeAt: number = Infinity;
  readonly #resolution: number;
  #mss: number;
  #rate: number = Infinity;
  #quantum: number = Infinity;
  #depth: number = Infinity;
  /** Bytes that might leave at `#at`; below zero when something left that could not wait. */
  #level: number = Infinity;
  #at: number = 0;
  /** A quantum was there and is not used up. */
  #open: boolean = true;

  /** @param resolution how late a timer may be */
  constructor(resolution: number, mss: number) {
    this.#resolution = resolution;
    this.#mss = mss;
  }

  /** Bytes a second; Infinity when not pacing. */
  get rate(): number {
    return this.#rate;
  }

  /** Bytes that leave at once when there is enough to send. */
  get quantum(): number {
    return this.#quantum;
  }

  /** The rate from now on, in bytes a second; Infinity (the beginning) for no pacing. Cheap when it has not changed. */
  setRate(rate: number, now: number): void {
    if (rate === this.#rate) return;
    this.#fill(now);
    this.#rate = rate;
    this.#resize();
    if (this.deadline !== Infinity) this.#wait();
  }

  /** Segments have another size from now on. */
  setMss(mss: number): void {
    this.#mss = mss;
    this.#resize();
  }

  /** Bytes that may leave now: 0, or a segment or more. 0 sets `deadline`. */
  available(now: number): number {
    this.#fill(now);
    // A byte's worth of tolerance: the deadline is computed by division.
    const least = this.#open ? Math.min(this.#mss, this.#quantum) : this.#quantum;
    this.#open = this.#level + 1 > least;
    if (!this.#open) {
      this.#wait();
      return 0;
    }
    this.deadline = Infinity;
    return Math.max(this.#level, least);
  }

  /** `bytes` have left. What could not wait (a probe, a first retransmission) may exceed what was available. */
  onSent(bytes: number, now: number): void {
    this.#fill(now);
    this.#level -= bytes;
  }

  #fill(now: number): void {
    if (now > this.#at) this.#level += ((now - this.#at) * this.#rate) / 1e6;
    this.#level = Math.min(this.#level, this.#depth);
    this.#at = now;
  }

  #resize(): void {
    if (this.#rate === Infinity) {
      this.#quantum = this.#depth = this.#level = Infinity;
      return;
    }
    this.#quantum = sendQuantum(this.#rate, this.#mss);
    // Deadlines are whole microseconds, rounded up: that is lateness, too.
    this.#depth = this.#quantum + (this.#rate * (this.#resolution + 1)) / 1e6;
    // When pacing begins there is a quantum.
    this.#level = this.#level === Infinity ? this.#quantum : Math.min(this.#level, this.#depth);
  }

  #wait(): void {
    this.deadline = Math.max(Math.ceil(this.#at + ((this.#quantum - this.#level) * 1e6) / this.#rate), this.#at);
  }
}

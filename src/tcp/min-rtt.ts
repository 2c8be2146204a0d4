/** Half of the time for which a minimum is remembered (Linux: net.ipv4.tcp_min_rtt_wlen, 300 s). */
const HALF_WINDOW = 150_000_000;

/** The least round-trip time of the last 150 to 300 seconds: a route that got longer is believed after a while. Microseconds. */
export class MinRtt {
  /** −1 for none: small integers take no memory of their own, Infinity does. */
  #previous: number = -1;
  #current: number = -1;
  #began: number = 0;

  /** Infinity before the first sample. */
  get value(): number {
    if (this.#previous < 0) return this.#current < 0 ? Infinity : this.#current;
    return this.#current < 0 ? this.#previous : Math.min(this.#previous, this.#current);
  }

  sample(rtt: number, now: number): void {
    if (now - this.#began >= HALF_WINDOW) {
      this.#previous = this.#current;
      this.#current = -1;
      this.#began = now;
    }
    this.#current = this.#current < 0 ? rtt : Math.min(this.#current, rtt);
  }
}

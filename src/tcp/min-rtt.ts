/** Half of the time for which a minimum is remembered (Linux: net.ipv4.tcp_min_rtt_wlen, 300 s). */
const HALF_WINDOW = 150_000_000;

/** The least round-trip time of the last 150 to 300 seconds: a route that got longer is believed after a while. Microseconds. */
export class MinRtt {
  /** Infinity before the first sample. */
  value: number = Infinity;
  #previous: number = Infinity;
  #current: number = Infinity;
  #began: number = 0;

  sample(rtt: number, now: number): void {
    if (now - this.#began >= HALF_WINDOW) {
      this.#previous = this.#current;
      this.#current = Infinity;
      this.#began = now;
    }
    this.#current = Math.min(this.#current, rtt);
    this.value = Math.min(this.#previous, this.#current);
  }
}

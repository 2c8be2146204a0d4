import type { CongestionSample } from './controller.ts';

/**
 * Congestion window validation: a window that isn't used says nothing about the path and must not grow (RFC 7661 §4.4,
 * RFC 9438 §5.8). What was used is remembered for one round trip, as Linux does (`is_cwnd_limited`, `max_packets_out`):
 * of several ACKs that come in one batch, only the first finds the window full.
 */
export class WindowUse {
  #limitedAt: number = -Infinity;
  /** The largest flight of the last round trip, and when it was seen. */
  #flight: number = 0;
  #flightAt: number = -Infinity;

  /** Notes what `sample` tells; true when the window may grow. */
  mayGrow(sample: CongestionSample, cwnd: number, ssthresh: number): boolean {
    const { now, srtt, flight, limited } = sample;
    if (limited) this.#limitedAt = now;
    if (flight >= this.#flight || now - this.#flightAt > srtt) {
      this.#flight = flight;
      this.#flightAt = now;
    }
    // [S-083] RFC 7661 §4.4: a sender that is not limited by cwnd must not increase it ...
    if (now - this.#limitedAt <= srtt) return true;
    // ... unless, §4.3, the window is validated because half of it was used: in slow start, where the next flight may be
    // twice this one (Linux: tcp_is_cwnd_limited).
    return cwnd < ssthresh && cwnd < 2 * this.#flight;
  }
}

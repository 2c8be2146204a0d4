/** How an estimator begins and where it is bounded; all in microseconds. */
export interface RtoOptions {
  /** RTO before the first measurement. Default 1 s (RFC 6298 §2.1). Linux: TCP_TIMEOUT_INIT. */
  initial?: number;
  /** Least distance of the RTO from the round-trip time. Default 200 ms. Linux: net.ipv4.tcp_rto_min_us. */
  minimum?: number;
  /** Largest RTO, backed off or not; at least 60 s. Default 120 s (RFC 6298 §2.5). Linux: TCP_RTO_MAX. */
  maximum?: number;
  /** The clock's resolution, `G` in the RFC. Default 1000. */
  granularity?: number;
}

/** RFC 6298 §5.7: the RTO for data when the SYN's timer has expired. */
const INITIAL_AFTER_LOST_SYN = 3_000_000;

/**
 * The retransmission timeout as RFC 6298 computes it from round-trip times. The timer itself (§5.1 to §5.6) is its
 * owner's: it arms it with `rto` and calls `backOff` when it expires.
 *
 * Deliberately not the RFC's minimum of 1 s (§2.4, a SHOULD): as in Linux the variance term is never less than
 * `minimum`, so that the RTO stays clear of a delayed ACK even where round-trip times are long and steady.
 *
 * @example
 * const estimator = new RtoEstimator();
 * estimator.sample(100_000);
 * estimator.rto; // 300_000
 */
export class RtoEstimator {
  /** Smoothed round-trip time in microseconds; 0 before the first sample. */
  srtt: number = 0;
  /** Round-trip time variation in microseconds. */
  rttvar: number = 0;
  /** The timeout to arm the timer with, in microseconds: backed off and within bounds. */
  rto: number;
  /** Expiries since the last sample. */
  backoffs: number = 0;
  readonly #minimum: number;
  readonly #maximum: number;
  readonly #granularity: number;
  /** The timeout without back-off. */
  #base: number;

  constructor(options: RtoOptions = {}) {
    const { initial = 1_000_000, minimum = 200_000, maximum = 120_000_000, granularity = 1000 } = options;
    this.#minimum = minimum;
    this.#maximum = maximum;
    this.#granularity = granularity;
    this.#base = Math.min(initial, maximum);
    this.rto = this.#base;
  }

  /** Takes a round-trip time in microseconds, of a segment sent once ([MUST-18] RFC 6298 §3); ends the back-off. */
  sample(rtt: number): void {
    if (this.srtt === 0) {
      // [S-061] RFC 6298 §2.2: the first measurement. A time below the clock's resolution still counts as one.
      this.srtt = Math.max(rtt, 1);
      this.rttvar = rtt / 2;
    } else {
      // [S-061] RFC 6298 §2.3: beta = 1/4, alpha = 1/8, RTTVAR before SRTT.
      this.rttvar += (Math.abs(this.srtt - rtt) - this.rttvar) / 4;
      this.srtt = Math.max(this.srtt + (rtt - this.srtt) / 8, 1);
    }
    const variance = Math.max(this.#granularity, 4 * this.rttvar, this.#minimum);
    this.#base = Math.min(this.srtt + variance, this.#maximum);
    this.resetBackOff();
  }

  /** The timer has expired: doubles the timeout. */
  backOff(): void {
    this.backoffs++;
    // [S-062] [MUST-19] RFC 6298 §5.5, bounded by §2.5.
    this.rto = Math.min(this.rto * 2, this.#maximum);
  }

  /** Takes the back-off away without a new measurement, as when new data has been acknowledged. */
  resetBackOff(): void {
    this.backoffs = 0;
    this.rto = this.#base;
  }

  /** Call when the handshake completes and the SYN's timer had expired: holds until the first sample. */
  synLost(): void {
    // [S-062] RFC 6298 §5.7.
    this.#base = Math.min(Math.max(this.#base, INITIAL_AFTER_LOST_SYN), this.#maximum);
    this.resetBackOff();
  }
}

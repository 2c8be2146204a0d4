import { seqGe, seqGt } from '../buffer/seq.ts';
import { WIDE } from '../buffer/wide.ts';

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

/** Of `RtoOptions`, what an estimator needs all its life. */
type Bounds = Readonly<Required<Pick<RtoOptions, 'minimum' | 'maximum' | 'granularity'>>>;

let lastBounds: Bounds = { minimum: 0, maximum: 0, granularity: 0 };

/** Most connections have the same ones, and share the object. */
function boundsOf(minimum: number, maximum: number, granularity: number): Bounds {
  const { minimum: least, maximum: most, granularity: grain } = lastBounds;
  if (minimum !== least || maximum !== most || granularity !== grain) lastBounds = { minimum, maximum, granularity };
  return lastBounds;
}

/** RFC 6298 §5.7: the RTO where timers have expired and the round-trip time is not known. */
const UNKNOWN_AFTER_LOSS = 3_000_000;

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
  srtt: number = WIDE;
  /** Round-trip time variation in microseconds. */
  rttvar: number = WIDE;
  /** The timeout to arm the timer with, in microseconds: backed off and within bounds. */
  rto: number;
  /** Expiries since the last sample or progress. */
  backoffs: number = 0;
  readonly #bounds: Bounds;
  /** The timeout without back-off. */
  #base: number;
  /** RTTVAR at the beginning of this round trip, and the largest deviation from SRTT in it. */
  #roundVar: number = WIDE;
  #roundDeviation: number = WIDE;
  /** The round trip is over when this sequence number is acknowledged; signed: see `sequence-variables`. */
  #roundEnd: number = WIDE;
  /** At the last expiry (RFC 4015 §3.1 step 0). */
  #before: { readonly srtt: number; readonly rttvar: number } | undefined = undefined;

  constructor(options: RtoOptions = {}) {
    const { initial = 1_000_000, minimum = 200_000, maximum = 120_000_000, granularity = 1000 } = options;
    this.#bounds = boundsOf(minimum, maximum, granularity);
    this.#base = Math.min(initial, maximum);
    this.rto = this.#base;
  }

  /**
   * Takes a round-trip time in microseconds, of a segment sent once ([MUST-18] RFC 6298 §3); ends the back-off.
   *
   * There may be a sample for every ACK. So that the memory of RTTVAR stays as long as with one sample a round trip (RFC
   * 7323 §4.2), it shrinks once in each, by that round's largest deviation; it grows at once. Linux does the like with
   * mdev_max (tcp_rtt_estimator). SRTT follows every sample.
   *
   * @param una SND.UNA and
   * @param nxt SND.NXT after the ACK, to tell round trips; without them each sample is taken for one
   */
  sample(rtt: number, una: number = 0, nxt: number = una): void {
    if (this.srtt === 0) {
      // [S-061] RFC 6298 §2.2: the first measurement. A time below the clock's resolution still counts as one.
      this.srtt = Math.max(rtt, 1);
      this.rttvar = rtt / 2;
      this.#beginRound(nxt);
    } else {
      this.#smooth(rtt, una, nxt);
    }
    this.#compute();
  }

  /** The timer has expired: doubles the timeout. */
  backOff(): void {
    this.#before = { srtt: this.srtt, rttvar: this.rttvar };
    this.backoffs++;
    // [S-062] [MUST-19] RFC 6298 §5.5, bounded by §2.5.
    this.rto = Math.min(this.rto * 2, this.#bounds.maximum);
  }

  /**
   * New data was acknowledged and gave no sample. The back-off stays until there is one ([MUST-18] Karn: else a time that
   * has grown beyond RTO is never measured), but what was an outage must not outlast it: it is no more than what RFC 6298
   * §5.7 takes for an unknown path. Expiries are counted anew, as Linux does with icsk_retransmits.
   */
  progress(): void {
    this.backoffs = 0;
    this.rto = Math.min(this.rto, Math.max(this.#base, UNKNOWN_AFTER_LOSS));
  }

  /**
   * The timeout was spurious, and `rtt` is the first sample of data that had not been sent when it happened: whichever
   * is longer, this or what was known before the timeout (RFC 4015 §3.1 step 11). Call it instead of `sample`.
   */
  onSpurious(rtt: number, nxt: number = 0): void {
    // [S-082] RFC 4015 §3.6: two ticks of the clock for a timer that was "a tad too early".
    const { srtt, rttvar } = this.#before ?? { srtt: 0, rttvar: 0 };
    this.srtt = Math.max(srtt + 2 * this.#bounds.granularity, rtt);
    this.rttvar = Math.max(rttvar, rtt / 2);
    this.#beginRound(nxt);
    this.#compute();
  }

  /** Takes the back-off away without a new measurement. */
  resetBackOff(): void {
    this.backoffs = 0;
    this.rto = this.#base;
  }

  /** Call when the handshake completes and the SYN's timer had expired: holds until the first sample. */
  synLost(): void {
    // [S-062] RFC 6298 §5.7.
    this.#base = Math.min(Math.max(this.#base, UNKNOWN_AFTER_LOSS), this.#bounds.maximum);
    this.resetBackOff();
  }

  /** [S-061] RFC 6298 §2.3: beta = 1/4, alpha = 1/8, RTTVAR before SRTT. */
  #smooth(rtt: number, una: number, nxt: number): void {
    this.#roundDeviation = Math.max(this.#roundDeviation, Math.abs(this.srtt - rtt));
    const rttvar = this.#roundVar + (this.#roundDeviation - this.#roundVar) / 4;
    // An end outside of what is outstanding is passed, or so old that sequence numbers have wrapped.
    const over = seqGe(una, this.#roundEnd) || seqGt(this.#roundEnd, nxt);
    this.rttvar = over ? rttvar : Math.max(this.rttvar, rttvar);
    this.srtt = Math.max(this.srtt + (rtt - this.srtt) / 8, 1);
    if (over) this.#beginRound(nxt);
  }

  #beginRound(nxt: number): void {
    this.#roundVar = this.rttvar;
    this.#roundDeviation = 0;
    this.#roundEnd = nxt | 0;
  }

  #compute(): void {
    const { granularity, minimum } = this.#bounds;
    const variance = Math.max(granularity, 4 * this.rttvar, minimum);
    this.#base = Math.min(this.srtt + variance, this.#bounds.maximum);
    this.resetBackOff();
  }
}

import { seqGe, seqLt } from '../buffer/seq.ts';

/** Sizes that tunnels and links often leave, in bytes, worth more than a midpoint (RFC 4821 §7.3). */
const COMMON_SIZES: readonly number[] = [
  1280, 1400, 1420, 1440, 1460, 1480, 1492, 1500, 4352, 8166, 9000, 17_914, 32_000,
];
/** A range narrower than this is not searched any more, in bytes. Linux: net.ipv4.tcp_probe_threshold. */
const THRESHOLD = 8;
/** Rest after the search has ended, [S-054] RFC 4821 §7.3: ten minutes. Linux: net.ipv4.tcp_probe_interval. */
const INTERVAL_US = 600_000_000;
/** Segments that the congestion window must have room for before a probe is dared. Linux: tcp_mtu_probe. */
const LEAST_WINDOW = 11;
/** Full segments to follow a probe, so that its loss is noticed without a timeout: Tcprexmtthresh and one (§7.4). */
const FOLLOWERS = 4;
/** A probe that was lost by a timeout costs so many times the pause of any other (RFC 4821 §7.6.3). */
const TIMEOUT_PAUSES = 5;

/** So many probes of a size that used to get through must fail until that is believed to be over. */
const DOUBTS = 3;

/** What `MtuSearch.next` says when new data is to wait for an ACK or two, until there is room for a probe. */
export const HOLD = -1;

/**
 * The search for the largest packet that a path carries when no router tells it: RFC 4821 §7. Data segments of growing
 * sizes are sent as probes between `low`, which is known to get through, and `high`, above which nothing is tried.
 * Sizes are of whole IP packets, in bytes; times in microseconds.
 */
export class MtuSearch {
  /** Is a search going on, or resting after one: `low` is the limit then. */
  active: boolean = false;
  /** search_low: the path is expected to carry this. */
  low: number = 0;
  /** search_high: the largest size worth a probe. */
  high: number = 0;
  /** The probe on its way: its size, 0 for none, and its bytes `[probeSeq, probeEnd)`. */
  probeSize: number = 0;
  probeSeq: number = 0;
  probeEnd: number = 0;
  /** The probe that has failed and was not sent again yet: `[failedSeq, failedEnd)`, empty when equal. */
  failedSeq: number = 0;
  failedEnd: number = 0;
  /** What link and peer allow. */
  #ceiling: number = 0;
  /** No probe before this. */
  #notBefore: number = 0;
  /** A size that had got through until timeouts put it in doubt, and how many probes it may still lose; 0: no such size. */
  #proven: number = 0;
  #doubts: number = 0;
  /** When a search that has ended starts over. */
  #restartAt: number = Infinity;

  /**
   * Begins between what is believed to get through and what link and peer allow.
   *
   * @param proven the size that got through before. A bad line loses the same segment again and again, too: it is tried
   * first, more than once, and with however small a window.
   */
  start(low: number, ceiling: number, proven: number = 0): void {
    // Of several falls in a row the first knows most.
    if (this.#proven === 0 && proven > low) {
      this.#proven = proven;
      this.#doubts = DOUBTS;
    }
    this.active = true;
    this.#ceiling = ceiling;
    this.low = Math.min(low, ceiling);
    this.high = ceiling;
    this.probeSize = 0;
    this.#notBefore = 0;
    this.#restartAt = Infinity;
  }

  /** Link, peer or a router allow another size than before. */
  follow(ceiling: number): void {
    if (ceiling === this.#ceiling) return;
    // What was not tried yet stays so; what has failed waits for the next search.
    if (this.high === this.#ceiling || this.high > ceiling) this.high = ceiling;
    this.low = Math.min(this.low, ceiling);
    this.#ceiling = ceiling;
  }

  /**
   * The size of the packet to send now as a probe; 0 for none, or `HOLD`. The caller is in no loss recovery: RFC 4821
   * §7.4, "no outstanding probes or losses".
   *
   * @param available bytes that wait to be sent for the first time
   * @param wnd the peer's window
   * @param flight bytes sent and not acknowledged
   * @param headers bytes of IP and TCP headers, options included, of a segment
   */
  next(now: number, available: number, wnd: number, cwnd: number, flight: number, headers: number): number {
    if (!this.active || this.probeSize > 0 || now < this.#notBefore) return 0;
    const size = this.#candidate(now);
    if (size === 0) return 0;
    const mss = this.low - headers;
    const needed = size - headers + FOLLOWERS * mss;
    // [S-054] RFC 4821 §7.4: enough data, and enough window for the probe and what shows its loss.
    if (available < needed || wnd < needed) return 0;
    // Where losses are many no window is large.
    if (size !== this.#proven && cwnd < Math.max(LEAST_WINDOW * mss, 2 * (size - headers))) return 0;
    if (cwnd < size - headers) return 0;
    if (wnd - flight >= needed && cwnd - flight >= size - headers) return size;
    // §7.4: "returning ACKs can be used to prevent the window from falling by more than the probe needs".
    return HOLD;
  }

  /** The packet that `next` asked for has been sent. */
  onSent(seq: number, end: number, size: number): void {
    this.probeSeq = seq;
    this.probeEnd = end;
    this.probeSize = size;
  }

  /** Bytes up to `una` are acknowledged; true when the probe was among them, and `low` has risen. */
  onAcked(una: number): boolean {
    if (this.failedSeq !== this.failedEnd && seqGe(una, this.failedEnd)) this.failedSeq = this.failedEnd;
    if (this.probeSize === 0 || !seqGe(una, this.probeEnd)) return false;
    // [S-054] RFC 4821 §7.6.1
    this.low = Math.min(this.probeSize, this.#ceiling);
    this.probeSize = 0;
    if (this.low >= this.#proven) this.#proven = 0;
    return true;
  }

  /**
   * The probe is lost, and nothing else is lost or being repaired.
   *
   * @param pause the time to the next loss by congestion, in microseconds: as many round trips as cwnd has segments
   */
  onLost(now: number, pause: number): void {
    if (this.probeSize === 0) return;
    this.failedSeq = this.probeSeq;
    this.failedEnd = this.probeEnd;
    this.#fail(now, pause);
  }

  /** The retransmission timer has expired on the segment at `una`. */
  onTimeout(now: number, una: number, pause: number): void {
    if (this.probeSize === 0) return;
    // RFC 4821 §7.6.3: nothing in front of the probe was lost; what behind it was, nobody knows.
    if (una === this.probeSeq) this.#fail(now, TIMEOUT_PAUSES * pause);
    else this.probeSize = 0;
  }

  /**
   * `[seq, end)` is sent again in packets of `size`. An acknowledgment will say nothing of a larger probe, which was lost
   * among others: RFC 4821 §7.6.4, the same size again when that is repaired.
   */
  onResent(seq: number, end: number, size: number): void {
    if (seqLt(seq, this.failedEnd) && seqGe(end, this.failedEnd)) this.failedSeq = this.failedEnd;
    if (size < this.probeSize && seqLt(seq, this.probeEnd) && seqLt(this.probeSeq, end)) this.probeSize = 0;
  }

  /** [S-054] RFC 4821 §7.6.2: only the size is to blame. Probes must fail less often than congestion makes losses. */
  #fail(now: number, pause: number): void {
    if (this.probeSize === this.#proven && --this.#doubts > 0) return this.#rest(now, pause);
    // It comes first, so that what fails is no larger: if there was one, it is over with it.
    this.#proven = 0;
    this.high = Math.max(this.low, Math.min(this.high, this.probeSize - 1));
    this.#rest(now, pause);
  }

  #rest(now: number, pause: number): void {
    this.#notBefore = now + Math.min(pause, INTERVAL_US);
    this.probeSize = 0;
  }

  /** The next size to try; 0 while there is none. */
  #candidate(now: number): number {
    if (this.#proven > this.low && this.#proven <= this.high) return this.#proven;
    const size = between(this.low, this.high, this.#ceiling);
    if (size > 0) {
      this.#restartAt = Infinity;
      return size;
    }
    if (this.low >= this.#ceiling) return 0;
    // [S-054] RFC 4821 §7.3: when probing has converged a timer is set, and at its end search_high is reset.
    if (this.#restartAt === Infinity) this.#restartAt = now + INTERVAL_US;
    if (now < this.#restartAt) return 0;
    this.high = this.#ceiling;
    this.#restartAt = Infinity;
    return between(this.low, this.high, this.#ceiling);
  }
}

/**
 * A size above `low` and not above `high`: a common one from the middle half of the range, else its middle, so that the
 * range always shrinks by a quarter. Of a range below the threshold only the ceiling itself is still of interest.
 */
function between(low: number, high: number, ceiling: number): number {
  const range = high - low;
  if (range < THRESHOLD) return range > 0 && high === ceiling ? high : 0;
  const middle = low + Math.ceil(range / 2);
  let best = 0;
  for (const size of COMMON_SIZES) {
    const near = Math.abs(size - middle);
    if (4 * near <= range && near < Math.abs(best - middle)) best = size;
  }
  return best === 0 ? middle : best;
}

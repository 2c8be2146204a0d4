import type {
  CongestionController,
  CongestionFactory,
  CongestionKind,
  CongestionSample,
  CongestionStart,
} from './controller.ts';

/** Segments that one ACK may add in slow start, `L` in RFC 3465 §2.3. */
const SLOW_START_LIMIT = 2;
/** The largest window there is (RFC 7323 §2.3): neither window needs to be larger. */
const MAX_WINDOW = 0x4000_0000;

/**
 * The initial congestion window in bytes.
 *
 * @param synLost the SYN or SYN-ACK had to be sent again.
 */
export function initialWindow(mss: number, synLost: boolean): number {
  // [S-071] RFC 6928 §2: ten segments, one after a lost SYN (RFC 5681 §3.1).
  return synLost ? mss : Math.min(10 * mss, Math.max(2 * mss, 14_600));
}

/** Slow start, congestion avoidance and the reactions to loss of RFC 5681, counting bytes (RFC 3465). */
export class Reno implements CongestionController {
  readonly name: string = 'reno';
  cwnd: number;
  /** As high as possible until the first loss (RFC 5681 §3.1). */
  ssthresh: number = MAX_WINDOW;
  readonly #restartWindow: number;
  #mss: number;
  /** Bytes acknowledged in congestion avoidance since cwnd last grew. */
  #counted: number = 0;
  /** The last congestion event was a timeout whose losses are not repaired yet. */
  #afterTimeout: boolean = false;
  /** Nothing has been acknowledged since the last timeout. */
  #stalled: boolean = false;

  constructor(start: CongestionStart) {
    this.cwnd = start.initialWindow;
    this.#restartWindow = start.initialWindow;
    this.#mss = start.mss;
  }

  onAck(sample: CongestionSample): void {
    this.#stalled = false;
    // [S-083] RFC 7661 §4.3 in spirit: a window that isn't used says nothing about the path.
    if (!sample.limited) return;
    if (this.cwnd < this.ssthresh) this.#slowStart(sample);
    else this.#avoidCongestion(sample);
  }

  onCongestion(kind: CongestionKind, sample: CongestionSample): void {
    // RFC 5681 §3.1: held constant when the same data is lost again.
    if (kind !== 'timeout' || !this.#stalled) {
      // [S-067] RFC 5681 §3.1 (4): half of what was in flight, not of cwnd.
      this.ssthresh = Math.max(Math.floor(sample.flight / 2), 2 * sample.mss);
    }
    // [S-067] [MUST-19] RFC 5681 §3.1: the loss window is one segment; §3.2 step 3 otherwise.
    this.cwnd = kind === 'timeout' ? sample.mss : this.ssthresh;
    this.#afterTimeout = kind === 'timeout';
    this.#stalled = kind === 'timeout';
    this.#counted = 0;
  }

  onRecovered(sample: CongestionSample): void {
    this.#stalled = false;
    if (this.#afterTimeout) {
      this.#afterTimeout = false;
      return this.onAck(sample);
    }
    // [S-075] RFC 6582 §3.2 step 3, full acknowledgement, option 1: no burst when little is left in flight.
    const flight = Math.max(sample.flight - sample.acked, 0);
    this.cwnd = Math.min(this.ssthresh, Math.max(flight, sample.mss) + sample.mss);
    this.#counted = 0;
  }

  onIdle(idleFor: number, rto: number): void {
    if (idleFor <= rto || this.cwnd <= this.#restartWindow) return;
    // As Linux: what was reached before the pause is reached again quickly (RFC 2861 §2).
    this.ssthresh = Math.max(this.ssthresh, Math.floor((this.cwnd * 3) / 4));
    // [S-069] RFC 5681 §4.1: RW = min(IW, cwnd).
    this.cwnd = this.#restartWindow;
    this.#counted = 0;
  }

  onMssChange(mss: number): void {
    // RFC 5681 §3.1: no burst of smaller segments.
    if (mss < this.#mss) this.cwnd = Math.max(Math.floor((this.cwnd * mss) / this.#mss), mss);
    this.#mss = mss;
  }

  #slowStart(sample: CongestionSample): void {
    // [S-074] RFC 3465 §2.3: one segment after a timeout, where an ACK may cover what had long arrived.
    const limit = (this.#afterTimeout ? 1 : SLOW_START_LIMIT) * sample.mss;
    // [S-067] RFC 5681 §3.1 (2).
    this.cwnd = Math.min(this.cwnd + Math.min(sample.acked, limit), this.ssthresh, MAX_WINDOW);
  }

  #avoidCongestion(sample: CongestionSample): void {
    this.#counted += sample.acked;
    if (this.#counted < this.cwnd) return;
    // [S-067] RFC 5681 §3.1: one segment for each window's worth of acknowledged bytes.
    this.#counted = Math.min(this.#counted - this.cwnd, this.cwnd);
    this.cwnd = Math.min(this.cwnd + sample.mss, MAX_WINDOW);
  }
}

export const reno: CongestionFactory = (start) => new Reno(start);

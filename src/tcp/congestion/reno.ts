import type {
  CongestionController,
  CongestionFactory,
  CongestionKind,
  CongestionSample,
  CongestionStart,
} from './controller.ts';
import { SlowStart } from './slow-start.ts';
import {
  MAX_WINDOW,
  reducedThreshold,
  reducedWindow,
  thresholdAfterIdle,
  windowAfterPeriod,
  windowForMss,
} from './window.ts';
import { WindowValidation } from './window-validation.ts';

/** Segments that one ACK may add in slow start, `L` in RFC 3465 §2.3. */
const SLOW_START_LIMIT = 2;

/** Slow start, congestion avoidance and the reactions to loss of RFC 5681, counting bytes (RFC 3465). */
export class Reno implements CongestionController {
  readonly name: string = 'reno';
  cwnd: number;
  /** As high as possible until the first loss (RFC 5681 §3.1). */
  ssthresh: number = MAX_WINDOW;
  readonly #restartWindow: number;
  readonly #slowStart: SlowStart = new SlowStart(SLOW_START_LIMIT);
  readonly #validation: WindowValidation = new WindowValidation();
  #mss: number;
  /** Bytes acknowledged in congestion avoidance since cwnd last grew. */
  #counted: number = 0;
  /** The last congestion event was a timeout whose losses are not repaired yet. */
  #afterTimeout: boolean = false;
  /** The last congestion event was a mark. */
  #marked: boolean = false;
  /** Nothing has been acknowledged since the last timeout. */
  #stalled: boolean = false;
  /** Both windows before the last congestion event. */
  #undoCwnd: number = 0;
  #undoSsthresh: number = 0;

  constructor(start: CongestionStart) {
    this.cwnd = start.initialWindow;
    this.#restartWindow = start.initialWindow;
    this.#mss = start.mss;
  }

  onAck(sample: CongestionSample): void {
    this.#stalled = false;
    this.#endPeriods(sample.now);
    if (!this.#validation.mayGrow(sample, this.cwnd, this.ssthresh)) return;
    if (this.cwnd < this.ssthresh) this.#growQuickly(sample);
    else this.#avoidCongestion(sample);
  }

  onCongestion(kind: CongestionKind, sample: CongestionSample): void {
    const { mss } = sample;
    // [S-067] RFC 5681 §3.1 (4): half of what was in flight, not of cwnd.
    const flight = this.#validation.flightAt(kind, sample, this.cwnd);
    const half = this.#validation.onCongestion(kind, sample, flight / 2);
    // RFC 5681 §3.1: held constant when the same data is lost again.
    if (kind !== 'timeout' || !this.#stalled) {
      this.#undoCwnd = this.cwnd;
      this.#undoSsthresh = this.ssthresh;
      this.ssthresh = reducedThreshold(half, mss);
    }
    this.cwnd = reducedWindow(kind, half, this.cwnd, mss);
    this.#afterTimeout = kind === 'timeout';
    this.#marked = kind === 'ecn';
    this.#stalled = kind === 'timeout';
    if (kind === 'timeout') this.#slowStart.onTimeout();
    this.#counted = 0;
  }

  onRecovered(sample: CongestionSample): void {
    const unproven = this.#validation.onRecovered(sample);
    if (this.#afterTimeout) {
      this.onAck(sample);
      this.#afterTimeout = false;
      return;
    }
    if (unproven > 0) this.ssthresh = Math.max(unproven, 2 * sample.mss);
    // [S-075] [S-079] RFC 6582 §3.2 step 3, option 2, RFC 9937 §6.4. After a mark the window may be less than ssthresh.
    if (!this.#marked) this.cwnd = unproven > 0 ? unproven : this.ssthresh;
    this.#counted = 0;
  }

  onSpurious(): void {
    this.#validation.restart();
    this.#afterTimeout = false;
    this.#stalled = false;
    // RFC 4015 §3.3 as Linux has it; once, and never downwards: what was reached since is better (RFC 9438 §4.9.2).
    if (this.cwnd < this.#undoCwnd) {
      this.cwnd = this.#undoCwnd;
      this.ssthresh = this.#undoSsthresh;
    }
    this.#undoCwnd = 0;
  }

  onIdle(idleFor: number, rto: number): void {
    if (idleFor <= rto || this.cwnd <= this.#restartWindow) return;
    this.#validation.restart();
    this.ssthresh = thresholdAfterIdle(this.ssthresh, this.cwnd);
    // [S-069] RFC 5681 §4.1: RW = min(IW, cwnd).
    this.cwnd = this.#restartWindow;
    this.#counted = 0;
  }

  onMssChange(mss: number): void {
    this.cwnd = windowForMss(this.cwnd, this.#mss, mss);
    this.#mss = mss;
  }

  /** RFC 7661 §4.4.3: after each five minutes without use the window is half of what it was. */
  #endPeriods(now: number): void {
    for (let n = this.#validation.periodsOver(now); n > 0 && this.cwnd > this.#restartWindow; n--) {
      this.ssthresh = thresholdAfterIdle(this.ssthresh, this.cwnd);
      this.cwnd = windowAfterPeriod(this.cwnd, this.#restartWindow);
      this.#counted = 0;
    }
  }

  #growQuickly(sample: CongestionSample): void {
    const growth = this.#slowStart.onAck(sample, this.cwnd, this.#afterTimeout);
    this.cwnd = Math.min(this.cwnd + growth, this.ssthresh, MAX_WINDOW);
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

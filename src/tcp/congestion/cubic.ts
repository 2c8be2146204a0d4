import type {
  CongestionController,
  CongestionFactory,
  CongestionKind,
  CongestionSample,
  CongestionStart,
} from './controller.ts';
import { cubicPeriod, cubicWindow } from './cubic-curve.ts';
import { HYSTART_LIMIT, HyStart } from './hystart.ts';
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

/** β_cubic = 7/10, the share of the flight kept after congestion (RFC 9438 §4.6). */
const BETA = 0.7;
/** α_cubic in the Reno-friendly region, 3(1 − β)/(1 + β), in segments a round trip (RFC 9438 §4.3). */
const ALPHA = (3 * (1 - BETA)) / (1 + BETA);

/** The variables of RFC 9438 §4.1.2 that a false alarm restores (§4.9.2). Windows in bytes. */
interface Curve {
  /** W_max; 0 when undefined: before the first loss and after a timeout. */
  wMax: number;
  /** K in seconds. */
  k: number;
  /** t_epoch in microseconds; −1 when the next ACK in congestion avoidance begins a stage. */
  epoch: number;
  /** W_est. */
  wEst: number;
  /** cwnd_prior. */
  cwndPrior: number;
}

/** Of all connections in their first slow start: never written to. */
const NO_CURVE: Curve = { wMax: 0, k: 0, epoch: -1, wEst: 0, cwndPrior: 0 };

/** [MAY-18] CUBIC (RFC 9438), counting bytes, with HyStart++ (RFC 9406) in the first slow start. It does not pace. */
export class Cubic implements CongestionController {
  cwnd: number;
  /** As high as possible until the first loss (RFC 5681 §3.1). */
  ssthresh: number = MAX_WINDOW;
  readonly #restartWindow: number;
  /** Made with the first ACK that needs them: many connections carry nothing. */
  #slowStart: SlowStart | undefined = undefined;
  #hystart: HyStart | undefined = undefined;
  #validation: WindowValidation | undefined = undefined;
  #mss: number;
  #curve: Curve = NO_CURVE;
  /** Of a byte, what cwnd has grown beyond its whole bytes. */
  #fraction: number = 0;
  /** Since when the application has left the window unused, or will have if it sends nothing; −1: it uses it. */
  #unusedSince: number = -1;
  /** The last congestion event was a timeout whose losses are not repaired yet. */
  #afterTimeout: boolean = false;
  /** The last congestion event was a mark. */
  #marked: boolean = false;
  /** Nothing has been acknowledged since the last timeout. */
  #stalled: boolean = false;
  /** As it was before the last congestion event. */
  #undo: { cwnd: number; ssthresh: number; curve: Curve } | undefined = undefined;

  constructor(start: CongestionStart) {
    this.cwnd = start.initialWindow;
    this.#restartWindow = start.initialWindow;
    this.#mss = start.mss;
  }

  get name(): string {
    return 'cubic';
  }

  onAck(sample: CongestionSample): void {
    this.#stalled = false;
    this.#endPeriods(sample.now);
    const validation = (this.#validation ??= new WindowValidation());
    const mayGrow = validation.mayGrow(sample, this.cwnd, this.ssthresh);
    if (this.cwnd < this.ssthresh) this.#growQuickly(sample, mayGrow);
    else if (mayGrow) this.#avoidCongestion(sample);
    // [S-084] RFC 9438 §4.2: t must not include periods in which an application-limited cwnd was not updated.
    else if (this.#unusedSince < 0) this.#unusedSince = sample.now;
  }

  /** The window waits for SND.UNA (RFC 5681 §3.1), HyStart++ doesn't: "for each arriving ACK in slow start". */
  onSelectiveAck(sample: CongestionSample): void {
    this.#watchDelay(sample);
  }

  onCongestion(kind: CongestionKind, sample: CongestionSample): void {
    const { mss } = sample;
    // [S-084] RFC 9438 §4.6: ssthresh = flight_size * β_cubic; a timeout's as well (§4.8). Exact for whole segments.
    const validation = (this.#validation ??= new WindowValidation());
    const flight = validation.flightAt(kind, sample, this.cwnd);
    const kept = validation.onCongestion(kind, sample, (flight * 7) / 10);
    // RFC 5681 §3.1: held constant when the same data is lost again.
    if (kind !== 'timeout' || !this.#stalled) {
      this.#undo = { cwnd: this.cwnd, ssthresh: this.ssthresh, curve: { ...this.#curve } };
      this.#noteMaximum(kind);
      this.ssthresh = reducedThreshold(kept, mss);
    }
    this.cwnd = reducedWindow(kind, kept, this.cwnd, mss);
    this.#afterTimeout = kind === 'timeout';
    this.#marked = kind === 'ecn';
    this.#stalled = kind === 'timeout';
    if (kind === 'timeout') this.#slowStart?.onTimeout();
    this.#endStage();
  }

  onRecovered(sample: CongestionSample): void {
    const validation = (this.#validation ??= new WindowValidation());
    const unproven = validation.onRecovered(sample);
    if (this.#afterTimeout) {
      this.onAck(sample);
      this.#afterTimeout = false;
      return;
    }
    if (unproven > 0) this.ssthresh = Math.max(unproven, 2 * sample.mss);
    // [S-075] [S-079] RFC 6582 §3.2 step 3, option 2, RFC 9937 §6.4. After a mark the window may be less than ssthresh.
    if (!this.#marked) this.cwnd = unproven > 0 ? unproven : this.ssthresh;
    this.#endStage();
  }

  onSpurious(): void {
    this.#validation?.restart();
    const undo = this.#undo;
    this.#undo = undefined;
    this.#afterTimeout = false;
    this.#stalled = false;
    // [S-084] RFC 9438 §4.9.2: if cwnd < cwnd_prior; what was reached since is better.
    if (undo === undefined || this.cwnd >= undo.cwnd) return;
    this.cwnd = undo.cwnd;
    this.ssthresh = undo.ssthresh;
    this.#curve = undo.curve;
    this.#unusedSince = -1;
  }

  onIdle(idleFor: number, rto: number): void {
    if (idleFor <= rto || this.cwnd <= this.#restartWindow) return;
    this.#validation?.restart();
    this.ssthresh = thresholdAfterIdle(this.ssthresh, this.cwnd);
    // [S-069] RFC 5681 §4.1: RW = min(IW, cwnd).
    this.cwnd = this.#restartWindow;
    this.#hystart?.restart();
    this.#endStage();
  }

  onMssChange(mss: number): void {
    this.cwnd = windowForMss(this.cwnd, this.#mss, mss);
    this.#mss = mss;
  }

  /** RFC 7661 §4.4.3: after each five minutes without use the window is half of what it was. */
  #endPeriods(now: number): void {
    for (let n = this.#validation?.periodsOver(now) ?? 0; n > 0 && this.cwnd > this.#restartWindow; n--) {
      this.ssthresh = thresholdAfterIdle(this.ssthresh, this.cwnd);
      this.cwnd = windowAfterPeriod(this.cwnd, this.#restartWindow);
      this.#endStage();
    }
  }

  #growQuickly(sample: CongestionSample, mayGrow: boolean): void {
    const first = this.ssthresh === MAX_WINDOW;
    const divisor = first ? (this.#hystart?.growthDivisor ?? 1) : 1;
    const slowStart = (this.#slowStart ??= new SlowStart(HYSTART_LIMIT));
    if (mayGrow) this.#grow(slowStart.onAck(sample, this.cwnd, this.#afterTimeout) / divisor, this.ssthresh);
    this.#watchDelay(sample);
  }

  /** HyStart++: has the delay risen for long enough to end slow start? */
  #watchDelay(sample: CongestionSample): void {
    // [S-085] RFC 9406 §4.3: only in the first slow start, while ssthresh is as high as it began.
    if (this.ssthresh !== MAX_WINDOW) return;
    this.#hystart ??= new HyStart();
    if (!this.#hystart.onAck(sample)) return;
    // It never becomes so high again.
    this.#hystart = undefined;
    this.ssthresh = this.cwnd;
    // RFC 9438 §4.10: W_max is undefined, cwnd_prior is cwnd.
    this.#ownCurve().cwndPrior = this.cwnd;
    this.#endStage();
  }

  #avoidCongestion(sample: CongestionSample): void {
    const { now, srtt, mss } = sample;
    const curve = this.#ownCurve();
    if (curve.epoch < 0) this.#beginStage(now, mss);
    else if (this.#unusedSince >= 0) curve.epoch += Math.max(now - this.#unusedSince, 0);
    // Nothing is left in flight: unless data goes out at once, to be acknowledged a round trip later, this is idleness.
    this.#unusedSince = sample.flight <= sample.acked ? now + srtt : -1;

    const acked = Math.min(sample.acked, this.cwnd);
    // [S-084] RFC 9438 §4.3: α is 1 once W_est has reached cwnd_prior.
    const alpha = curve.wEst < curve.cwndPrior ? ALPHA : 1;
    curve.wEst += (alpha * mss * acked) / this.cwnd;
    const t = (now - curve.epoch) / 1e6;
    if (cubicWindow(t, curve.k, curve.wMax, mss) < curve.wEst) {
      // [S-084] RFC 9438 §4.3: the Reno-friendly region.
      this.#grow(Math.max(curve.wEst - this.cwnd - this.#fraction, 0), MAX_WINDOW);
      return;
    }
    // [S-084] RFC 9438 §4.2: the target is where the curve is a round trip later, from cwnd up to 1.5 cwnd.
    const target = Math.min(cubicWindow(t + srtt / 1e6, curve.k, curve.wMax, mss), 1.5 * this.cwnd);
    // [S-084] RFC 9438 §4.4, §4.5: (target − cwnd) / cwnd for each segment acknowledged, here for bytes: so that ACKs of
    // many segments reach the target, too.
    this.#grow((Math.max(target - this.cwnd, 0) * acked) / this.cwnd, MAX_WINDOW);
  }

  /** W_max and cwnd_prior, before the window is reduced. */
  #noteMaximum(kind: CongestionKind): void {
    const curve = this.#ownCurve();
    curve.cwndPrior = this.cwnd;
    // [S-084] RFC 9438 §4.8: after a timeout W_max is what congestion avoidance begins with.
    if (kind === 'timeout') curve.wMax = 0;
    // [S-084] RFC 9438 §4.7, fast convergence: the bottleneck has got fuller, others need room.
    else curve.wMax = this.cwnd < curve.wMax ? (this.cwnd * (1 + BETA)) / 2 : this.cwnd;
  }

  /** Congestion avoidance begins: at the first ACK after recovery or slow start. */
  #beginStage(now: number, mss: number): void {
    const curve = this.#ownCurve();
    // [S-084] RFC 9438 §4.8, §4.10: K = 0 and W_max = cwnd where W_max is undefined or has been passed.
    if (curve.wMax < this.cwnd) curve.wMax = this.cwnd;
    curve.k = cubicPeriod(curve.wMax, this.cwnd, mss);
    curve.epoch = now;
    // [S-084] RFC 9438 §4.3: W_est = cwnd_epoch.
    curve.wEst = this.cwnd;
  }

  #ownCurve(): Curve {
    if (this.#curve === NO_CURVE) this.#curve = { ...NO_CURVE };
    return this.#curve;
  }

  #endStage(): void {
    if (this.#curve !== NO_CURVE) this.#curve.epoch = -1;
    this.#unusedSince = -1;
    this.#fraction = 0;
  }

  #grow(bytes: number, limit: number): void {
    const grown = this.#fraction + bytes;
    const whole = Math.floor(grown);
    this.#fraction = grown - whole;
    this.cwnd = Math.min(this.cwnd + whole, limit, MAX_WINDOW);
  }
}

export const cubic: CongestionFactory = (start) => new Cubic(start);

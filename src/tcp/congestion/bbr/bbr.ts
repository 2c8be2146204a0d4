import { uniform } from '../../../time/seeded-random.ts';
import type { Random } from '../../../time/clock.ts';
import { sendQuantum } from '../../pacer.ts';
import type {
  CongestionController,
  CongestionFactory,
  CongestionKind,
  CongestionSample,
  CongestionStart,
} from '../controller.ts';
import { AckAggregation } from './aggregation.ts';
import { Bandwidth } from './bandwidth.ts';
import type { WindowGoal } from './window.ts';
import { BbrWindow } from './window.ts';
import {
  CWND_GAIN,
  CYCLE_STARTS,
  DRAIN_GAIN,
  EXTRA_ACKED_TIME,
  GAIN_CYCLE,
  HIGH_GAIN,
  MAX_WINDOW,
  MIN_RTT_WINDOW,
  MIN_SEGMENTS,
  PACING_MARGIN,
  PROBE_RTT_TIME,
} from './parameters.ts';

/** Draft §4.3: finds the bandwidth; empties the queue that made; the steady state; looks for the least round trip. */
export type BbrState = 'STARTUP' | 'DRAIN' | 'PROBE_BW' | 'PROBE_RTT';

/**
 * BBR version 1 (draft-cardwell-iccrg-bbr-congestion-control-00, Linux tcp_bbr.c): sends at the rate at which the path
 * delivers, and keeps in flight what that rate and the least round-trip time ask for. Loss alone doesn't slow it down.
 *
 * Left out of Linux's: the long-term bandwidth estimate that recognizes policers (lt_bw), which later versions dropped.
 */
export class Bbr implements CongestionController {
  readonly name: string = 'bbr';
  readonly ignoresEcn: boolean = true;
  /** For information: the estimated bandwidth-delay product once the pipe was full. */
  ssthresh: number = MAX_WINDOW;
  /** Bytes a second. */
  pacingRate: number;
  state: BbrState = 'STARTUP';
  /** RTprop, the least round-trip time of the last ten seconds in microseconds; Infinity before the first. */
  minRtt: number = Infinity;
  /** Index into `GAIN_CYCLE`, in PROBE_BW. */
  cycle: number = 0;
  readonly bandwidth: Bandwidth = new Bandwidth();
  readonly aggregation: AckAggregation;
  readonly #window: BbrWindow;
  readonly #random: Random | undefined;
  readonly #initialWindow: number;
  readonly #goal: WindowGoal = { target: 0, full: false, probingRtt: false, roundStart: false };
  #mss: number;
  #minRttAt: number;
  #cycleAt: number = 0;
  #hasRtt: boolean;
  #idleRestart: boolean = false;
  #probeRttDoneAt: number = Infinity;
  #probeRttRoundDone: boolean = false;
  /** Data sent when so many bytes were delivered went slowly, for PROBE_RTT: its rates are lower bounds. */
  #slowFrom: number = Infinity;
  #slowUntil: number = -1;

  constructor(start: CongestionStart) {
    const { mss, initialWindow, now, srtt = 0 } = start;
    this.#mss = mss;
    this.#random = start.random;
    this.#initialWindow = initialWindow;
    this.#window = new BbrWindow(initialWindow);
    this.aggregation = new AckAggregation(now);
    this.#minRttAt = now;
    if (srtt > 0) this.minRtt = srtt;
    this.#hasRtt = srtt > 0;
    // Draft §4.2.1, BBRInitPacingRate: a nominal millisecond before anything is known.
    this.pacingRate = this.#initialRate(srtt > 0 ? srtt : 1000);
  }

  get cwnd(): number {
    return this.#window.cwnd;
  }

  get pacingGain(): number {
    if (this.state === 'PROBE_BW') return GAIN_CYCLE[this.cycle]!;
    if (this.state === 'PROBE_RTT') return 1;
    return this.state === 'STARTUP' ? HIGH_GAIN : DRAIN_GAIN;
  }

  /** All that counts is in `onDelivery`. */
  onAck(): void {}

  onRecovered(): void {}

  /** After idleness the rate is known still: see `onSend`. */
  onIdle(): void {}

  onCongestion(kind: CongestionKind, sample: CongestionSample): void {
    // Version 1 does not react to ECN marks.
    if (kind === 'ecn') return;
    this.#window.save(this.state === 'PROBE_RTT');
    if (kind === 'loss') return this.#window.onLoss();
    this.#window.onTimeout(sample.pipe, sample.mss);
    this.bandwidth.onTimeout();
  }

  onSpurious(): void {
    this.bandwidth.onSpurious();
  }

  onMssChange(mss: number): void {
    this.#mss = mss;
    this.#window.onMssChange(mss);
  }

  /** Draft §4.3.4.4, BBRHandleRestartFromIdle: begins at the known rate instead of probing for more. */
  onSend(now: number, _pipe: number, idle: boolean): void {
    if (!idle) return;
    this.#idleRestart = true;
    this.aggregation.restart(now);
    if (this.state === 'PROBE_BW') this.#setRate(1);
    else if (this.state === 'PROBE_RTT') this.#checkProbeRttDone(now);
  }

  /** Draft §4.2 BBRUpdateOnACK; bbr_main. */
  onDelivery(sample: CongestionSample): void {
    const { bandwidth } = this;
    const appLimited = sample.appLimited || this.#sentSlowly(sample.priorDelivered);
    bandwidth.update(sample, appLimited);
    this.#updateAggregation(sample);
    if (this.state === 'PROBE_BW' && this.#isNextPhase(sample)) this.#advanceCycle(sample.now);
    bandwidth.checkFull(appLimited);
    this.#checkDrain(sample);
    this.#updateMinRtt(sample);
    if (this.state === 'PROBE_RTT') this.#probeRtt(sample);
    if (sample.delivered > 0) this.#idleRestart = false;
    this.#learnRtt(sample.srtt);
    this.#setRate(this.pacingGain);
    this.#setWindow(sample);
  }

  /** The bandwidth-delay product times `gain`, in bytes. Draft §4.2.3.2, BBRInflight. */
  #product(gain: number): number {
    if (this.minRtt === Infinity) return this.#initialWindow;
    return (this.bandwidth.max * this.minRtt * gain) / 1e6;
  }

  /**
   * Adds what the ends of the connection hold: three bursts, and a whole even number of segments against delayed ACKs.
   * Linux: bbr_quantization_budget.
   */
  #budget(bytes: number): number {
    const pair = 2 * this.#mss;
    const whole = Math.ceil((bytes + 3 * sendQuantum(this.pacingRate, this.#mss)) / pair) * pair;
    return this.state === 'PROBE_BW' && this.cycle === 0 ? whole + pair : whole;
  }

  #initialRate(rtt: number): number {
    return (HIGH_GAIN * PACING_MARGIN * this.#initialWindow * 1e6) / rtt;
  }

  #learnRtt(srtt: number): void {
    if (this.#hasRtt || srtt <= 0) return;
    this.#hasRtt = true;
    this.pacingRate = this.#initialRate(srtt);
  }

  /** Draft §4.2.1, BBRSetPacingRateWithGain: before the pipe is full the rate only grows. */
  #setRate(gain: number): void {
    const rate = gain * this.bandwidth.max * PACING_MARGIN;
    if (rate > 0 && (this.bandwidth.full || rate > this.pacingRate)) this.pacingRate = rate;
  }

  #updateAggregation(sample: CongestionSample): void {
    // What delivers nothing gives no rate either.
    if (sample.deliveryRate <= 0) return;
    const { bandwidth } = this;
    this.aggregation.update(sample.now, sample.delivered, bandwidth.max, this.cwnd, bandwidth.roundStart);
  }

  #setWindow(sample: CongestionSample): void {
    const { bandwidth, state } = this;
    const goal = this.#goal;
    // PROBE_RTT's window is smaller than any target.
    let target = this.#product(state === 'PROBE_BW' ? CWND_GAIN : HIGH_GAIN);
    if (bandwidth.full) target += Math.min(this.aggregation.max, bandwidth.max * EXTRA_ACKED_TIME);
    goal.target = this.#budget(target);
    goal.full = bandwidth.full;
    goal.probingRtt = state === 'PROBE_RTT';
    goal.roundStart = bandwidth.roundStart;
    if (this.#window.update(sample, goal)) bandwidth.startRound(sample.totalDelivered);
  }

  /** Draft §4.3.4.3, BBRIsNextCyclePhase. */
  #isNextPhase(sample: CongestionSample): boolean {
    const gain = this.pacingGain;
    const long = sample.now - this.#cycleAt > this.minRtt;
    if (gain === 1) return long;
    const inflight = sample.pipe + sample.delivered + sample.lost;
    if (gain < 1) return long || inflight <= this.#budget(this.#product(1));
    // The burst that leaves next is part of it; where what is probed for doesn't fit, packets are lost.
    const next = inflight + sendQuantum(this.pacingRate, this.#mss);
    return long && (sample.lost > 0 || next >= this.#budget(this.#product(gain)));
  }

  #advanceCycle(now: number): void {
    this.cycle = (this.cycle + 1) % GAIN_CYCLE.length;
    this.#cycleAt = now;
  }

  /** Draft §4.3.3, BBRCheckDrain. */
  #checkDrain(sample: CongestionSample): void {
    if (this.state === 'STARTUP' && this.bandwidth.full) {
      this.state = 'DRAIN';
      this.ssthresh = this.#budget(this.#product(1));
    }
    if (this.state === 'DRAIN' && sample.pipe <= this.#budget(this.#product(1))) this.#enterProbeBw(sample.now);
  }

  #enterProbeBw(now: number): void {
    this.state = 'PROBE_BW';
    const drawn = this.#random === undefined ? CYCLE_STARTS - 1 : uniform(this.#random, CYCLE_STARTS);
    this.cycle = GAIN_CYCLE.length - 1 - drawn;
    this.#advanceCycle(now);
  }

  /** Draft §4.1.2.3 BBRUpdateRTprop and §4.3.5 BBRCheckProbeRTT, its first half. */
  #updateMinRtt(sample: CongestionSample): void {
    const { now, rtt } = sample;
    const expired = now - this.#minRttAt > MIN_RTT_WINDOW;
    if (rtt >= 0 && (rtt < this.minRtt || expired)) {
      this.minRtt = rtt;
      this.#minRttAt = now;
    }
    // After idleness the queue is empty anyway.
    if (!expired || this.#idleRestart || this.state === 'PROBE_RTT') return;
    this.#window.save(false);
    this.state = 'PROBE_RTT';
    this.#probeRttDoneAt = Infinity;
    this.#slowFrom = sample.totalDelivered;
  }

  /** Draft §4.3.5 BBRHandleProbeRTT: 200 ms and a round trip with four segments in flight. */
  #probeRtt(sample: CongestionSample): void {
    const { now, pipe, totalDelivered } = sample;
    this.#slowUntil = totalDelivered + pipe;
    if (this.#probeRttDoneAt === Infinity) {
      if (pipe > MIN_SEGMENTS * this.#mss) return;
      this.#probeRttDoneAt = now + PROBE_RTT_TIME;
      this.#probeRttRoundDone = false;
      this.bandwidth.startRound(totalDelivered);
      return;
    }
    if (this.bandwidth.roundStart) this.#probeRttRoundDone = true;
    if (this.#probeRttRoundDone) this.#checkProbeRttDone(now);
  }

  #checkProbeRttDone(now: number): void {
    if (now <= this.#probeRttDoneAt) return;
    this.#minRttAt = now;
    this.#window.restore();
    if (this.bandwidth.full) this.#enterProbeBw(now);
    else this.state = 'STARTUP';
  }

  /** What is sent in PROBE_RTT tells of its small window. Linux sets tp->app_limited meanwhile. */
  #sentSlowly(priorDelivered: number): boolean {
    return priorDelivered >= this.#slowFrom && priorDelivered <= this.#slowUntil;
  }
}

export const bbr: CongestionFactory = (start) => new Bbr(start);

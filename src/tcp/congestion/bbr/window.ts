import type { CongestionSample } from '../controller.ts';
import { MAX_WINDOW, MIN_SEGMENTS } from './parameters.ts';

/** What the model asks of the window at an ACK. */
export interface WindowGoal {
  /** Bytes that should be in flight. */
  target: number;
  /** The pipe has been full: the window may be cut to the target. */
  full: boolean;
  /** PROBE_RTT: as little as possible in flight. */
  probingRtt: boolean;
  /** A round trip begins with this ACK. */
  roundStart: boolean;
}

/** BBR's congestion window: grows to its target, is cut for a loss and then restored. Draft §4.2.3; bbr_set_cwnd. */
export class BbrWindow {
  cwnd: number;
  readonly #initial: number;
  /** The last good window, from before loss recovery or PROBE_RTT. */
  #prior: number = 0;
  #phase: 'open' | 'recovery' | 'loss' = 'open';
  /** Recovery has been entered, its first ACK not been seen. */
  #entering: boolean = false;
  /** First round trip of recovery: one packet leaves for each that is delivered. */
  #conserving: boolean = false;

  constructor(initial: number) {
    this.cwnd = initial;
    this.#initial = initial;
  }

  /** Notes the window before it is cut. Linux: bbr_save_cwnd. */
  save(probingRtt: boolean): void {
    this.#prior = this.#phase === 'open' && !probingRtt ? this.cwnd : Math.max(this.#prior, this.cwnd);
  }

  /** Back to at least what was noted. */
  restore(): void {
    this.cwnd = Math.max(this.cwnd, this.#prior);
  }

  /** After `save`: loss recovery is entered. */
  onLoss(): void {
    this.#phase = 'recovery';
    this.#entering = true;
  }

  /** After `save`: all is lost but `pipe`. Linux: tcp_enter_loss; draft §4.2.3.4, one packet. */
  onTimeout(pipe: number, mss: number): void {
    this.#phase = 'loss';
    this.#entering = false;
    this.#conserving = false;
    this.cwnd = pipe + mss;
  }

  /** No less than four segments of the new size. */
  onMssChange(mss: number): void {
    this.cwnd = Math.max(this.cwnd, MIN_SEGMENTS * mss);
  }

  /** At an ACK; true when recovery's first round begins with it. */
  update(sample: CongestionSample, goal: WindowGoal): boolean {
    const least = MIN_SEGMENTS * sample.mss;
    let entered = false;
    if (goal.roundStart) this.#conserving = false;
    if (sample.delivered > 0) {
      entered = this.#entering;
      this.#recoverOrRestore(sample);
      if (!this.#conserving) this.#approach(sample, goal, least);
    }
    // Draft §4.3.5, BBRModulateCwndForProbeRTT.
    this.cwnd = Math.min(this.cwnd, goal.probingRtt ? least : MAX_WINDOW);
    return entered;
  }

  /** Draft §4.2.3.4: packet conservation for a round trip, the prior window at the end. */
  #recoverOrRestore(sample: CongestionSample): void {
    const { mss, lost, delivered, pipe } = sample;
    this.cwnd = Math.max(this.cwnd - lost, mss);
    if (this.#entering) {
      this.#entering = false;
      this.#conserving = true;
      // What the application left unused goes, too.
      this.cwnd = pipe + delivered;
    } else if (this.#phase !== 'open' && !sample.recovering) {
      this.#phase = 'open';
      this.#conserving = false;
      this.restore();
    }
    if (this.#conserving) this.cwnd = Math.max(this.cwnd, pipe + delivered);
  }

  /** Draft §4.2.3.6, BBRSetCwnd: as slow start up to the target; down at once, but only when the pipe was full. */
  #approach(sample: CongestionSample, goal: WindowGoal, least: number): void {
    if (goal.full) this.cwnd = Math.min(this.cwnd + sample.delivered, goal.target);
    else if (this.cwnd < goal.target || sample.totalDelivered < this.#initial) this.cwnd += sample.delivered;
    this.cwnd = Math.max(this.cwnd, least);
  }
}

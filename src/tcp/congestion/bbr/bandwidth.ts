import type { CongestionSample } from '../controller.ts';
import { MaxFilter } from './max-filter.ts';
import { BANDWIDTH_ROUNDS, FULL_BANDWIDTH_GROWTH, FULL_BANDWIDTH_ROUNDS } from './parameters.ts';

/** BBR's rounds, its estimate of the bottleneck's bandwidth and whether STARTUP has filled the pipe. */
export class Bandwidth {
  /** Round trips so far, counted in data: one is over when what was sent after its beginning is acknowledged. */
  rounds: number = 0;
  /** The last ACK was the first of a round. */
  roundStart: boolean = false;
  /** The pipe is full: bandwidth has stopped growing. */
  full: boolean = false;
  /** Data sent once this was delivered belongs to the next round. */
  #nextRound: number = 0;
  readonly #filter = new MaxFilter(BANDWIDTH_ROUNDS);
  #fullBandwidth: number = 0;
  #fullRounds: number = 0;

  /** BtlBw, in bytes a second; 0 before the first sample. */
  get max(): number {
    return this.#filter.max;
  }

  /** A round starts now, with `delivered` bytes delivered in all. */
  startRound(delivered: number): void {
    this.#nextRound = delivered;
  }

  /** @param appLimited the sample's rate is a lower bound only */
  update(sample: CongestionSample, appLimited: boolean): void {
    const { priorDelivered, deliveryRate } = sample;
    // Draft §4.1.1.1, BBRUpdateRound.
    this.roundStart = priorDelivered >= this.#nextRound;
    if (this.roundStart) {
      this.#nextRound = sample.totalDelivered;
      this.rounds++;
    }
    // Draft §4.1.1.4: a lower bound tells something only when it is higher than what is known.
    if (deliveryRate > 0 && (!appLimited || deliveryRate >= this.max)) this.#filter.update(this.rounds, deliveryRate);
  }

  /** After `update`: draft §4.3.2.2, BBRCheckFullPipe. */
  checkFull(appLimited: boolean): void {
    if (this.full || !this.roundStart || appLimited) return;
    if (this.max >= this.#fullBandwidth * FULL_BANDWIDTH_GROWTH) {
      this.#fullBandwidth = this.max;
      this.#fullRounds = 0;
      return;
    }
    this.#fullRounds++;
    this.full = this.#fullRounds >= FULL_BANDWIDTH_ROUNDS;
  }

  /** A timeout: growth is measured from the next round on. Linux: bbr_set_state. */
  onTimeout(): void {
    this.#fullBandwidth = 0;
  }

  /** The loss was none: as `onTimeout`, and the rounds without growth count no more. Linux: bbr_undo_cwnd. */
  onSpurious(): void {
    this.#fullBandwidth = 0;
    this.#fullRounds = 0;
  }
}

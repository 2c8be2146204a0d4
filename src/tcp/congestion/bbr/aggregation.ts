import { EXTRA_ACKED_EPOCH, EXTRA_ACKED_ROUNDS } from './parameters.ts';

/**
 * How much more than the bandwidth accounts for is acknowledged at once, by stretched ACKs or links that gather packets:
 * so much more must be in flight to keep the pipe full between such ACKs. The largest of the last 5 to 10 round trips.
 * Linux: bbr_update_ack_aggregation; draft-ietf-ccwg-bbr calls it BBR.extra_acked.
 */
export class AckAggregation {
  #epochStart: number;
  #epochBytes: number = 0;
  #rounds: number = 0;
  /** The largest of the current half of the window, and of the one before. */
  #current: number = 0;
  #previous: number = 0;

  constructor(now: number) {
    this.#epochStart = now;
  }

  /** In bytes. */
  get max(): number {
    return Math.max(this.#current, this.#previous);
  }

  /** Sending begins after idleness: the epoch, too. */
  restart(now: number): void {
    this.#epochStart = now;
    this.#epochBytes = 0;
  }

  /** An ACK has delivered; `bandwidth` in bytes a second. */
  update(now: number, delivered: number, bandwidth: number, cwnd: number, roundStart: boolean): void {
    if (roundStart && ++this.#rounds >= EXTRA_ACKED_ROUNDS) {
      this.#rounds = 0;
      this.#previous = this.#current;
      this.#current = 0;
    }
    let expected = (bandwidth * (now - this.#epochStart)) / 1e6;
    if (this.#epochBytes <= expected || this.#epochBytes + delivered >= EXTRA_ACKED_EPOCH) {
      this.restart(now);
      expected = 0;
    }
    this.#epochBytes += delivered;
    this.#current = Math.max(this.#current, Math.min(this.#epochBytes - expected, cwnd));
  }
}

import type { CongestionSample } from './controller.ts';

/** RFC 9406 §4.3; times in microseconds. */
const MIN_RTT_THRESH = 4000;
const MAX_RTT_THRESH = 16_000;
const MIN_RTT_DIVISOR = 8;
const N_RTT_SAMPLE = 8;
const CSS_GROWTH_DIVISOR = 4;
const CSS_ROUNDS = 5;
/** In place of Infinity, longer than any round trip: a small integer takes no memory of its own. */
const NONE = 0x7fff_ffff;

/** `L` of RFC 9406 §4.3 for a sender that does not pace, in segments; for one that does it is Infinity. */
export const HYSTART_LIMIT = 8;

/**
 * HyStart++ (RFC 9406): finds the end of slow start by the rise of the round-trip time, before packets are lost. The
 * rise leads to Conservative Slow Start (CSS), where the window grows at a quarter of the pace. When the round-trip time
 * falls again, slow start is resumed; after five rounds it is over. One RTT sample is counted an ACK, as the RFC has it:
 * behind stretch ACKs eight of them need a larger window.
 */
export class HyStart {
  /** Delivered bytes at the beginning of this round: its own data is on the way until an ACK tells of such. */
  #roundStart: number = 0;
  #lastRoundMinRtt: number = NONE;
  #currentRoundMinRtt: number = NONE;
  #rttSampleCount: number = 0;
  /** `NONE` outside CSS. */
  #cssBaselineMinRtt: number = NONE;
  #cssRounds: number = 0;

  /** The share of slow start's growth that is taken: all of it, or a quarter in CSS. */
  get growthDivisor(): number {
    // [S-085] RFC 9406 §4.2: cwnd += min(N, L * SMSS) / CSS_GROWTH_DIVISOR.
    return this.#conservative ? CSS_GROWTH_DIVISOR : 1;
  }

  /** An ACK in slow start; true when slow start is over and ssthresh is to be set to cwnd. */
  onAck(sample: CongestionSample): boolean {
    // [S-085] RFC 9406 §4.2: a round ends when what was sent behind its beginning is acknowledged.
    if (sample.priorDelivered >= this.#roundStart) {
      // The partial round in which CSS began counts.
      if (this.#conservative && ++this.#cssRounds >= CSS_ROUNDS) return true;
      this.#beginRound(sample.totalDelivered);
    }
    if (sample.rtt < 0) return false;
    this.#currentRoundMinRtt = Math.min(this.#currentRoundMinRtt, sample.rtt);
    this.#rttSampleCount++;
    if (this.#rttSampleCount >= N_RTT_SAMPLE) this.#compare();
    return false;
  }

  /** Slow start begins anew after idleness: the round-trip times of before don't count. */
  restart(): void {
    this.#lastRoundMinRtt = NONE;
    this.#currentRoundMinRtt = NONE;
    this.#cssBaselineMinRtt = NONE;
    this.#rttSampleCount = 0;
    this.#cssRounds = 0;
  }

  get #conservative(): boolean {
    return this.#cssBaselineMinRtt !== NONE;
  }

  #beginRound(totalDelivered: number): void {
    this.#roundStart = totalDelivered;
    this.#lastRoundMinRtt = this.#currentRoundMinRtt;
    this.#currentRoundMinRtt = NONE;
    this.#rttSampleCount = 0;
  }

  /** The round has enough samples. */
  #compare(): void {
    const current = this.#currentRoundMinRtt;
    const last = this.#lastRoundMinRtt;
    if (this.#conservative) {
      // [S-085] RFC 9406 §4.2: leaving slow start was spurious, it is resumed.
      if (current < this.#cssBaselineMinRtt) this.#cssBaselineMinRtt = NONE;
      return;
    }
    // [S-085] RFC 9406 §4.2: the delay has risen; without a last round, which counts as Infinity, there is nothing to compare.
    const threshold = Math.max(MIN_RTT_THRESH, Math.min(last / MIN_RTT_DIVISOR, MAX_RTT_THRESH));
    if (current < last + threshold) return;
    this.#cssBaselineMinRtt = current;
    this.#cssRounds = 0;
  }
}

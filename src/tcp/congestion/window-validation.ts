import type { CongestionKind, CongestionSample } from './controller.ts';

/** The pipeACK sampling period is max(3 RTT, 1 s): RFC 7661 §4.2. */
const SAMPLING_RTTS = 3;
const SAMPLING_US = 1_000_000;
/** The sampling period is divided into so many, each with its maximum: RFC 7661 §4.5.1. */
const SLOTS = 5;
/** Nothing is measured yet: never written to. */
const NO_PARTS: number[] = [];
/** The non-validated period: RFC 7661 §4.4. */
const PERIOD_US = 300_000_000;

/**
 * Congestion window validation (RFC 7661): what of the window a sender has used of late, `pipeACK`, and whether that
 * says enough about the path. In the validated phase the usual rules hold. In the non-validated phase, less than half
 * of the window was used: it is kept, does not grow, answers congestion by what was used, and is taken back by halves
 * when that lasts for minutes. Idleness is not preserved beyond RFC 5681 §4.1: the window has started over before.
 * Times are microseconds, sizes bytes.
 */
export class WindowValidation {
  /** The most that was acknowledged in one round trip of the sampling period; −1: undefined, nothing is measured yet. */
  pipeAck: number = -1;
  /** When the window was last full. */
  #limitedAt: number = -Infinity;
  /** Samples count of what was sent when so much had been delivered, or later; −1: more than now; Infinity: none do. */
  #from: number = -1;
  /** Of each part of the sampling period the largest sample, then when it began: two places a part. */
  #parts: number[] = NO_PARTS;
  /** The part at hand. */
  #slot: number = 0;
  /** When the non-validated phase, or its period at hand, began; −1 in the validated phase. */
  #since: number = -1;
  /** max(pipeACK, LossFlightSize) of the loss being repaired that came in the non-validated phase; −1: none. */
  #used: number = -1;
  /** `sample.resent` when that loss was seen. */
  #resent: number = 0;

  /** pipeACK < cwnd/2: the window is what it was once, and not known to be what the path carries now. */
  get unproven(): boolean {
    return this.#since >= 0;
  }

  /**
   * So many non-validated periods have passed: for each the window is adjusted (§4.4.3). Asked at an ACK, before
   * `mayGrow`: the period ends with the phase.
   */
  periodsOver(now: number): number {
    if (this.#since < 0) return 0;
    const periods = Math.floor((now - this.#since) / PERIOD_US);
    this.#since += periods * PERIOD_US;
    return periods;
  }

  /** Takes in what an ACK outside fast recovery tells; true when the window may grow. */
  mayGrow(sample: CongestionSample, cwnd: number, ssthresh: number): boolean {
    const { now, srtt, flight } = sample;
    this.#measure(sample);
    // §4.5.3: of several ACKs that come in one batch, only the first finds the window full.
    if (sample.limited) this.#limitedAt = now;
    const limited = now - this.#limitedAt <= srtt;
    this.#choosePhase(now, cwnd, limited);
    // [S-083] RFC 7661 §4.4: a sender that is limited by cwnd may increase it in both phases ...
    if (limited) return true;
    // ... another must not in the non-validated phase. In the validated one it may in slow start, where the next flight
    // may be twice this one; later RFC 9438 §5.8 and Linux (tcp_is_cwnd_limited) let only the limited one.
    if (cwnd >= ssthresh || this.unproven) return false;
    return this.pipeAck >= 0 || cwnd < 2 * flight;
  }

  /**
   * What the share that is kept is taken from. The flight, as RFC 5681 §3.1 has it, but at the end of a burst that is no
   * measure: most of it is acknowledged by then. So no less than pipeACK, which the path is known to carry in a round
   * trip; and no more than `cwnd` for it. RFC 9438 §4.6 allows cwnd itself where it grows only by use.
   */
  flightAt(kind: CongestionKind, sample: CongestionSample, cwnd: number): number {
    return kind === 'timeout' ? sample.flight : Math.max(sample.flight, Math.min(this.pipeAck, cwnd));
  }

  /**
   * The window is about to be reduced. Returns the bytes that are kept: `share`, which the controller keeps of the
   * flight. In the non-validated phase half of the flight, or of pipeACK where that is more (§4.4.1): a pause just before
   * the loss was noticed doesn't matter. Then the phase is over, and pipeACK is undefined until something was measured
   * that is sent after recovery.
   */
  onCongestion(kind: CongestionKind, sample: CongestionSample, share: number): number {
    // [S-083] RFC 7661 §4.4: a timeout ends the phase, too, and is answered as ever.
    const unproven = kind !== 'timeout' && this.unproven;
    const used = Math.max(this.pipeAck, sample.flight);
    this.#used = unproven && kind === 'loss' ? used : -1;
    this.#resent = sample.resent;
    this.#forget(Infinity);
    return unproven ? used / 2 : share;
  }

  /**
   * Recovery is over, of a timeout's losses too: what the window becomes when the loss came in the non-validated phase,
   * −1 otherwise. RFC 7661 §4.4.1: (max(pipeACK, LossFlightSize) − R) / 2, where R is what had to be sent again.
   */
  onRecovered(sample: CongestionSample): number {
    const used = this.#used;
    this.#used = -1;
    this.#forget(sample.totalDelivered);
    if (used < 0) return -1;
    return Math.max(Math.floor((used - (sample.resent - this.#resent)) / 2), sample.mss);
  }

  /** The window starts over, or is again what it was before a loss that was none. Undefined, as at the start (§4.1). */
  restart(): void {
    this.#used = -1;
    this.#forget(-1);
  }

  #forget(from: number): void {
    this.pipeAck = -1;
    this.#from = from;
    this.#parts = NO_PARTS;
    this.#slot = 0;
    this.#since = -1;
  }

  /**
   * A sample of pipeACK (§4.2): what was delivered since the newest segment was sent that the ACK covers, which is a
   * round trip ago. The first counts when that segment was sent after measuring began.
   */
  #measure({ now, srtt, priorDelivered, totalDelivered }: CongestionSample): void {
    if (priorDelivered < 0) return;
    // What the first flight leaves behind it comes in one by one.
    if (this.#from < 0) this.#from = totalDelivered;
    if (priorDelivered < this.#from) return;
    const period = Math.max(SAMPLING_RTTS * srtt, SAMPLING_US);
    this.#note(now, totalDelivered - priorDelivered, period / SLOTS);
    this.pipeAck = 0;
    const parts = this.#parts;
    for (let i = 0; i < parts.length; i += 2) {
      // §4.5.1: what is older than the sampling period is discarded.
      if (now - parts[i + 1]! < period) this.pipeAck = Math.max(this.pipeAck, parts[i]!);
    }
  }

  #note(now: number, value: number, length: number): void {
    const parts = this.#parts;
    const slots = parts.length / 2;
    if (slots > 0 && now - parts[2 * this.#slot + 1]! < length) {
      parts[2 * this.#slot] = Math.max(parts[2 * this.#slot]!, value);
    } else if (slots < SLOTS) {
      // A new array of just this length: one that grows by itself has room for many more, in each connection.
      this.#parts = parts.concat([value, now]);
      this.#slot = slots;
    } else {
      this.#slot = (this.#slot + 1) % SLOTS;
      parts[2 * this.#slot] = value;
      parts[2 * this.#slot + 1] = now;
    }
  }

  #choosePhase(now: number, cwnd: number, limited: boolean): void {
    // [S-083] RFC 7661 §4.3: validated when half of cwnd was used, or nothing is known.
    if (this.pipeAck < 0 || 2 * this.pipeAck >= cwnd) this.#since = -1;
    // In slow start half is all that ACKs can have told of a window that is always full: pipeACK is on its way up, and a
    // segment behind. Only who is not limited by cwnd comes into the phase; to leave it, pipeACK must have grown.
    else if (this.#since < 0 && !limited) this.#since = now;
  }
}

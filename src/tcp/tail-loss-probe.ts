import { seqGe, seqGt } from '../buffer/seq.ts';
import { WIDE } from '../buffer/wide.ts';

/** TLP.max_ack_delay for a lone segment, which the peer may acknowledge late. Linux: TCP_RTO_MIN. */
const MAX_ACK_DELAY = 200_000;
/** Before a round-trip time is known (RFC 8985 §7.2). */
const DEFAULT_PTO = 1_000_000;

/** What an ACK says of the probe. */
export type ProbeOutcome = 'none' | 'done' | 'repaired';

/**
 * Tail loss probe (RFC 8985 §7): when the end of a flight is not acknowledged for two round trips one segment is sent,
 * so that SACK can tell what is missing before the retransmission timer would have to. Times are microseconds.
 */
export class TailLossProbe {
  /** TLP.end_seq: SND.NXT when the probe was sent; undefined when none is out. */
  endSeq: number | undefined = undefined;
  /** Where the probe itself ended: before `endSeq` when the window had shrunk below what was out. */
  end: number = WIDE;
  /** TLP.is_retrans: the probe repeated what had been sent. */
  #isRetrans: boolean = false;
  /** No round-trip time was measured since the last probe. */
  #unmeasured: boolean = false;

  /** RFC 8985 §7.2: the probe time-out. `lone`: a single segment is in flight. */
  static timeout(srtt: number, lone: boolean, granularity: number): number {
    if (srtt === 0) return DEFAULT_PTO;
    return 2 * srtt + (lone ? MAX_ACK_DELAY : 2 * granularity);
  }

  /**
   * [S-080] RFC 8985 §7.3: no probe is out, and a round-trip time was measured since the last one: probes must not keep
   * it from being known that the path has become longer.
   */
  get ready(): boolean {
    return this.endSeq === undefined && !this.#unmeasured;
  }

  /** `[…, end)` has gone out as a probe, again when `isRetrans`; SND.NXT is `nxt` now. */
  onSent(nxt: number, end: number, isRetrans: boolean): void {
    this.endSeq = nxt;
    this.end = end;
    this.#isRetrans = isRetrans;
    this.#unmeasured = true;
  }

  /** A round-trip time was measured. */
  onSample(): void {
    this.#unmeasured = false;
  }

  /**
   * RFC 8985 §7.4.2. `repaired`: the probe took the place of a lost segment, of which congestion control must learn.
   *
   * @param dsack the ACK reports a duplicate that ends at `end`.
   * @param duplicate the ACK repeats `una` and has no SACK option.
   */
  onAck(una: number, dsack: boolean, duplicate: boolean): ProbeOutcome {
    const { endSeq } = this;
    if (endSeq === undefined) return 'none';
    // The original and the probe have arrived; when the probe ended before `endSeq`, that is waited for no longer.
    if (this.#isRetrans && dsack) return this.#done('done');
    if (!seqGe(una, endSeq)) return 'none';
    if (!this.#isRetrans) return this.#done('done');
    if (seqGt(una, endSeq)) return this.#done('repaired');
    // Both the original and the probe have arrived: the second one brought a duplicate ACK.
    return duplicate ? this.#done('done') : 'none';
  }

  /** A loss was found otherwise, or the timer has expired: the probe says nothing any more. */
  clear(): void {
    this.endSeq = undefined;
  }

  #done(outcome: ProbeOutcome): ProbeOutcome {
    this.endSeq = undefined;
    return outcome;
  }
}

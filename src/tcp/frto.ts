import { seqGe, seqGt, seqLt } from '../buffer/seq.ts';
import type { RecoveryPhase } from './recovery.ts';

/**
 * What to do after an ACK: nothing special; send up to two segments of new data and nothing again; go on with the
 * conventional recovery, sending again what is lost; the timeout was spurious.
 */
export type FrtoAction = 'none' | 'send-new' | 'conventional' | 'spurious';

/** An ACK as F-RTO sees it. */
export interface FrtoAck {
  /** SND.UNA and SND.NXT after it. */
  una: number;
  nxt: number;
  /** It moved SND.UNA. */
  advanced: boolean;
  /** It is a duplicate ACK (RFC 5681 §2; with SACK: it brings a block, or is one of the former). */
  duplicate: boolean;
  /** Bytes SACKed by it for the first time that were sent only once. */
  sackedOriginal: number;
  /** Right edge of the highest block it carries; SND.UNA when it carries none. */
  sackedEnd: number;
  /** There is new data, and the peer's window has room for it. */
  canSendNew: boolean;
}

/** Off; the first segment was sent again (step 2); new data was sent (step 3). */
type FrtoStep = 'off' | 'retransmitted' | 'probing';

/**
 * Forward RTO-recovery (RFC 5682): after a timeout only the first segment is sent again, then new data. When data that
 * was sent once, before the timeout, is acknowledged then, nothing was lost: the timeout was spurious. With SACK the
 * algorithm of §3, else that of §2.
 *
 * While `active`, only what it says may be sent besides the retransmission of the first segment. After 'spurious' the
 * owner takes back what the timeout did (RFC 4015) and sets its `recover` to SND.UNA (§2.1 step 3b, §3.1).
 */
export class Frto {
  #step: FrtoStep = 'off';
  #sack: boolean = false;
  /** SND.UNA at the timeout. */
  #una: number = 0;
  /** End of what the timeout sent again. */
  #retransmittedEnd: number = 0;
  /** RFC 5682's `recover`, `RecoveryPoint`: the sequence number behind the highest sent when step 3 began. */
  #recover: number = 0;

  /** It watches a timeout. */
  get active(): boolean {
    return this.#step !== 'off';
  }

  /**
   * The retransmission timer has expired; step 1. `phase` is that before the timeout. Returns whether F-RTO is used:
   * then only the first segment may be sent again now.
   */
  onTimeout(una: number, nxt: number, phase: RecoveryPhase, sack: boolean): boolean {
    // [S-081] RFC 5682 §2.1, §3.1 step 1: not when a recovery is under way, where ACKs of what that has sent again
    // would mislead; but again when the timer expires again for the same segment and nothing was acknowledged between.
    const again = phase === 'loss' && this.#step === 'retransmitted' && una === this.#una;
    const use = una !== nxt && (phase === 'open' || again);
    this.#step = use ? 'retransmitted' : 'off';
    this.#sack = sack;
    this.#una = una;
    if (!again) this.#retransmittedEnd = una;
    return use;
  }

  /** Data up to `end` was sent again. */
  onRetransmitted(end: number): void {
    if (seqLt(this.#retransmittedEnd, end)) this.#retransmittedEnd = end;
  }

  /** Something else ends the recovery, or makes the watch pointless. */
  cancel(): void {
    this.#step = 'off';
  }

  onAck(ack: FrtoAck): FrtoAction {
    if (this.#step === 'off') return 'none';
    const action = this.#step === 'retransmitted' ? this.#onFirst(ack) : this.#onSecond(ack);
    if (action === 'conventional' || action === 'spurious') this.#step = 'off';
    return action;
  }

  /** [S-081] RFC 5682 §2.1, §3.1 step 2. */
  #onFirst(ack: FrtoAck): FrtoAction {
    if (!ack.advanced) {
      // Step 2a of §2.1; with SACK the scoreboard takes duplicates in and the wait goes on.
      return ack.duplicate && !this.#sack ? 'conventional' : 'none';
    }
    this.#recover = ack.nxt;
    // Step 2a: it covers all, as when only the segment sent again was missing. Or only a part of that segment, the trick
    // of a receiver that wants a larger window (§2.2).
    if (seqGe(ack.una, ack.nxt) || seqLt(ack.una, this.#retransmittedEnd)) return 'conventional';
    // Step 2b: without new data there would be silence.
    if (!ack.canSendNew) return 'conventional';
    this.#step = 'probing';
    return 'send-new';
  }

  /** [S-081] RFC 5682 §2.1, §3.1 step 3. */
  #onSecond(ack: FrtoAck): FrtoAction {
    if (this.#sack) {
      // §3.1 step 3a: the new data has arrived, what was sent before it has not.
      if (seqGt(ack.una, this.#recover) || seqGt(ack.sackedEnd, this.#recover)) return 'conventional';
      if (ack.sackedOriginal > 0) return 'spurious';
    }
    // Step 3b: what is acknowledged was not sent again after the timeout.
    if (ack.advanced) return 'spurious';
    return ack.duplicate ? 'conventional' : 'none';
  }
}

import { seqAdd, seqDiff, seqLe, seqLt, seqMax, seqMin } from '../buffer/seq.ts';
import { WIDE } from '../buffer/wide.ts';

/** `open`: no loss known. `recovery`: fast recovery. `loss`: from a timeout until `recover` is acknowledged. */
export type RecoveryPhase = 'open' | 'recovery' | 'loss';

/**
 * What to do after a duplicate ACK: nothing; send new data as far as `inflation` allows (RFC 3042); tell the congestion
 * controller of a loss and retransmit; send new data as far as the grown `inflation` allows.
 */
export type DuplicateAckAction = 'none' | 'limited-transmit' | 'enter' | 'inflate';

/** What recovery repairs: losses that ACKs told of, or a time-out; or what is gone for no congestion's sake. */
export type Repair = 'loss' | 'timeout' | 'path';

/** What to do after new data was acknowledged: nothing special; retransmit the next hole; recovery is over. */
export type NewAckAction = 'none' | 'partial' | 'recovered';

/**
 * Decides what is lost and how much may be sent. Output calls `findLost` and retransmits `[lostNext, lostEnd)` from the
 * front, reports it with `onRetransmitted`, and sends new data, each as far as `quota` allows; the first retransmission
 * of a fast recovery waits for no quota (RFC 5681 §3.2 step 3).
 */
export interface LossRecovery {
  readonly phase: RecoveryPhase;
  /** SND.NXT when the loss was found: recovery is over when everything below it is acknowledged. */
  readonly recover: number;
  /** Congestion control was told of a loss or a time-out, and is owed the end: also when the path changes meanwhile. */
  readonly congested: boolean;
  /** Why what is sent again is sent again. */
  readonly repairs: Repair;
  /** `[lostNext, lostEnd)`: deemed lost and not sent again yet. */
  readonly lostNext: number;
  readonly lostEnd: number;
  /** This acknowledgment of new data restarts the retransmission timer. */
  readonly restartsTimer: boolean;
  /** Sets `lostNext` and `lostEnd`; false when there is nothing to send again. */
  findLost(): boolean;
  /** Bytes that congestion allows now, below 0 for none. `cwnd` is the controller's. */
  quota(cwnd: number, una: number, nxt: number): number;
  /** Estimate of the bytes in the network. */
  pipe(una: number, nxt: number): number;
  /** Bytes deemed lost and not acknowledged yet, sent again or not. */
  lost(una: number): number;
  /** Bytes have left, new ones or again. */
  onSent(bytes: number): void;
  /** Lost bytes up to `end` have been sent again. */
  onRetransmitted(end: number): void;
  /** The loss was none: everything up to `una` has arrived, the rest is on its way. */
  undo(una: number): void;
  /** What is on its way is lost, for a reason that is no congestion: another path, a smaller MTU. */
  onPathChanged(una: number, nxt: number): void;
}

/** Duplicate ACKs that mean a loss (RFC 5681 §3.2). */
const DUPLICATE_THRESHOLD = 3;

/** Fast retransmit, NewReno's fast recovery and limited transmit, without SACK: RFC 5681 §3.2, 6582, 3042. */
export class NewRenoRecovery implements LossRecovery {
  phase: RecoveryPhase = 'open';
  recover: number;
  congested: boolean = false;
  repairs: Repair = 'loss';
  lostNext: number = WIDE;
  lostEnd: number = WIDE;
  /** Bytes to add to cwnd for what duplicate ACKs say has left the network; below 0 after large partial ACKs. */
  inflation: number = 0;
  /** Duplicate ACKs since `una` last moved. */
  dupAcks: number = 0;
  /** Partial ACKs in this recovery. */
  partialAcks: number = 0;
  /** How far `una` moved at its last step: the heuristic of RFC 6582 §4.1. */
  #lastStep: number = 0;
  /** What was outstanding at the first duplicate ACK, before limited transmit. */
  #flightBeforeLimited: number = 0;

  /** @param iss the initial send sequence number ([S-075] RFC 6582 §3.2 step 1). */
  constructor(iss: number) {
    this.recover = iss;
  }

  /**
   * A duplicate ACK as RFC 5681 §2 defines it has come; `una`, `nxt` and `mss` as they are now.
   *
   * @param flightSent what was outstanding when something could last be sent: before the ACKs of the same batch.
   */
  onDuplicateAck(una: number, nxt: number, mss: number, flightSent: number = 0): DuplicateAckAction {
    this.dupAcks++;
    if (this.phase === 'recovery') {
      // RFC 5681 §3.2 step 4; no more segments can have left than were there (its defence against forged ACKs).
      this.inflation = Math.min(this.inflation + mss, seqDiff(nxt, una));
      return 'inflate';
    }
    if (this.dupAcks === 1) this.#flightBeforeLimited = Math.max(seqDiff(nxt, una), flightSent);
    if (this.dupAcks < DUPLICATE_THRESHOLD) return this.#limitedTransmit(mss);
    if (this.dupAcks > DUPLICATE_THRESHOLD || !this.#isNewLoss(una, mss)) {
      this.inflation = 0;
      return 'none';
    }
    // [S-068] RFC 5681 §3.2 steps 2 and 3.
    this.phase = 'recovery';
    this.congested = true;
    this.repairs = 'loss';
    this.recover = nxt;
    this.partialAcks = 0;
    this.inflation = DUPLICATE_THRESHOLD * mss;
    this.#markHole(una, mss);
    return 'enter';
  }

  /** `acked` bytes up to `una` have been acknowledged for the first time. */
  onNewAck(una: number, acked: number, nxt: number, mss: number): NewAckAction {
    this.dupAcks = 0;
    this.#lastStep = acked;
    if (this.phase === 'open') {
      this.inflation = 0;
      // Keeps `recover` close behind, so that it is never half the sequence space away. It still counts as covered.
      this.recover = seqAdd(una, -1);
      return 'none';
    }
    if (seqLe(this.recover, una)) {
      // [S-075] RFC 6582 §3.2 step 3, full acknowledgement.
      this.#open();
      return 'recovered';
    }
    if (this.phase === 'loss') {
      this.lostNext = seqMax(this.lostNext, una);
      return 'none';
    }
    // [S-075] RFC 6582 §3.2 step 3, partial acknowledgement: deflate by what was acknowledged, add one segment back.
    this.inflation += acked >= mss ? mss - acked : -acked;
    this.partialAcks++;
    this.#markHole(una, mss);
    return 'partial';
  }

  /** The retransmission timer has expired: everything outstanding counts as lost. */
  onTimeout(una: number, nxt: number): void {
    this.congested = true;
    this.#loseAll(una, nxt, 'timeout');
  }

  /** [S-075] RFC 6582 §3.2 step 4. */
  #loseAll(una: number, nxt: number, why: Repair): void {
    this.repairs = why;
    this.recover = nxt;
    this.phase = una === nxt ? 'open' : 'loss';
    this.lostNext = una;
    this.lostEnd = nxt;
    this.inflation = 0;
    this.dupAcks = 0;
    this.partialAcks = 0;
    this.#lastStep = 0;
  }

  /** Lost bytes up to `end` have been sent again. */
  onRetransmitted(end: number): void {
    if (seqLt(this.lostNext, end)) this.lostNext = seqMin(end, this.lostEnd);
  }

  /** Estimate of the bytes in the network. */
  pipe(una: number, nxt: number): number {
    return seqDiff(nxt, una) - seqDiff(this.lostEnd, this.lostNext);
  }

  /** In fast recovery the hole at `una`, after a time-out all that was outstanding. */
  lost(una: number): number {
    return this.phase === 'open' ? 0 : Math.max(0, seqDiff(this.lostEnd, una));
  }

  /** [S-075] RFC 6582 §3.2 step 3, §4: of the partial ACKs only the first restarts the timer ("impatient"). */
  get restartsTimer(): boolean {
    return this.partialAcks <= 1;
  }

  findLost(): boolean {
    return this.lostNext !== this.lostEnd;
  }

  quota(cwnd: number, una: number, nxt: number): number {
    return cwnd + this.inflation - this.pipe(una, nxt);
  }

  onSent(): void {}

  undo(una: number): void {
    this.#open();
    this.recover = seqAdd(una, -1);
  }

  onPathChanged(una: number, nxt: number): void {
    this.#loseAll(una, nxt, 'path');
  }

  /** What was outstanding when the loss was seen, for ssthresh: without what limited transmit added (RFC 5681 §3.2). */
  flightAtLoss(una: number, nxt: number): number {
    return this.dupAcks > 0 ? this.#flightBeforeLimited : seqDiff(nxt, una);
  }

  /** Begins anew, as for a connection with another initial sequence number. */
  reset(iss: number): void {
    this.recover = iss;
    this.#lastStep = 0;
    this.#open();
  }

  #open(): void {
    this.phase = 'open';
    this.congested = false;
    this.repairs = 'loss';
    this.lostNext = this.lostEnd = 0;
    this.inflation = 0;
    this.dupAcks = 0;
    this.partialAcks = 0;
  }

  #limitedTransmit(mss: number): DuplicateAckAction {
    if (this.phase === 'loss') return 'none';
    // [S-073] RFC 3042 §2: flight may exceed cwnd by one segment for each of the first two.
    this.inflation = this.dupAcks * mss;
    return 'limited-transmit';
  }

  /** Whether three duplicate ACKs tell of a loss, and not of segments that were sent again for nothing. */
  #isNewLoss(una: number, mss: number): boolean {
    // After a timeout all that is outstanding is marked lost already: first that is sent again.
    if (this.findLost()) return false;
    // [S-075] RFC 6582 §3.2 step 2: the acknowledgement covers more than recover.
    if (seqLt(this.recover, una)) return true;
    // RFC 6582 §4.1 (step 2*): needless retransmissions are acknowledged by a jump of more than four segments. A step
    // of 0: nothing acknowledged since the timeout, cwnd is one segment.
    return this.#lastStep > 0 && this.#lastStep <= 4 * mss;
  }

  /** The segment at `una` is lost. */
  #markHole(una: number, mss: number): void {
    this.lostNext = una;
    this.lostEnd = seqMin(seqAdd(una, mss), this.recover);
  }
}

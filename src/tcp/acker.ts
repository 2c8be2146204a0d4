/** Linux: TCP_DELACK_MIN. [MUST-40] RFC 9293 §3.8.6.3 asks for less than 500 ms. */
const DELAY = 40_000;
/** Segments that are acknowledged at once at the beginning and after idleness. Linux: TCP_MAX_QUICKACKS. */
const QUICK_ACKS = 16;
/** Nothing received for so long: the sender starts slowly and waits for each ACK. Linux takes the RTO. */
const IDLE = 1_000_000;
/** Segments below this length don't count as full-sized (RFC 9293 §3.7.1: the default MSS). */
const LEAST_FULL_SIZE = 536;

/**
 * When to acknowledge (RFC 9293 §3.8.6.3, RFC 5681 §4.2). Times are microseconds.
 *
 * The owner sends `duplicatesDue` pure ACKs first, then data or one ACK if `due` still says so; it calls `sent` for
 * every segment with ACK that goes out.
 */
export class Acker {
  /** When a delayed ACK must go; Infinity when none waits. */
  deadline: number = Infinity;
  /** Out-of-order segments not yet answered: each gets a pure ACK of its own. */
  duplicatesDue: number = 0;
  /** Bytes received in order and not yet acknowledged. */
  pending: number = 0;
  #now: boolean = false;
  #quick: number = QUICK_ACKS;
  /** The largest segment seen: the peer's full size, which may be less than the MSS (RFC 5681 §4.2). */
  #fullSize: number = 0;
  #lastReceived: number = 0;

  /** `length` bytes have arrived in order, as one segment or super-segment. `mss` is the receive MSS. */
  onInOrder(length: number, mss: number, now: number): void {
    if (now - this.#lastReceived > IDLE) this.#quick = QUICK_ACKS;
    this.#lastReceived = now;
    this.pending += length;
    this.#fullSize = Math.min(Math.max(this.#fullSize, length), mss);
    if (this.#quick > 0) {
      this.#quick--;
      this.#now = true;
    }
    // [SHLD-19] RFC 9293 §3.8.6.3: at least every second full-sized segment.
    if (this.pending >= 2 * Math.max(this.#fullSize, Math.min(LEAST_FULL_SIZE, mss))) this.#now = true;
    // [SHLD-18] [MUST-40] RFC 9293 §3.8.6.3: counted from the first unacknowledged segment.
    if (this.deadline === Infinity) this.deadline = now + DELAY;
  }

  /** A segment has arrived ahead of a gap: [S-070] [MAY-13] RFC 5681 §4.2. */
  onOutOfOrder(): void {
    this.duplicatesDue++;
  }

  /** Something else asks for an ACK at once: a filled gap, a FIN, an unacceptable segment, a window update. */
  ackNow(): void {
    this.#now = true;
  }

  /** A segment with ACK has gone out: nothing is pending any more, and one duplicate ACK less is due. */
  sent(): void {
    if (this.duplicatesDue > 0) this.duplicatesDue--;
    this.pending = 0;
    this.#now = false;
    this.deadline = Infinity;
  }

  /** Whether an ACK must go now. */
  due(now: number): boolean {
    return this.#now || this.duplicatesDue > 0 || now >= this.deadline;
  }
}

/** Linux: TCP_DELACK_MIN. [MUST-40] RFC 9293 §3.8.6.3 asks for less than 500 ms. */
const DELAY = 40_000;
/** Segments that are acknowledged at once at the beginning and after idleness. Linux: TCP_MAX_QUICKACKS. */
const QUICK_ACKS = 16;
/** Nothing received for so long: the sender starts slowly and waits for each ACK. Linux takes the RTO. */
const IDLE = 1_000_000;
/** Duplicate ACKs of a batch that go one by one even where the later ones would say all that they say (RFC 5681 §3.2). */
const SINGLE_DUPLICATES = 3;
/** Segments below this length don't count as full-sized (RFC 9293 §3.7.1: the default MSS). */
const LEAST_FULL_SIZE = 536;

/**
 * When to acknowledge (RFC 9293 §3.8.6.3, RFC 5681 §4.2). Times are microseconds.
 *
 * The owner sends data, or one ACK if `due` says so; it calls `sent` for every segment with ACK that goes out. Duplicate
 * ACKs for out-of-order segments don't wait for it: each goes at once.
 */
export class Acker {
  /** When a delayed ACK must go; Infinity when none waits. */
  deadline: number = Infinity;
  /** Bytes received in order and not yet acknowledged. */
  pending: number = 0;
  #now: boolean = false;
  #quick: number = QUICK_ACKS;
  /** The largest segment seen: the peer's full size, which may be less than the MSS (RFC 5681 §4.2). */
  #fullSize: number = 0;
  #lastReceived: number = 0;
  /** Duplicate ACKs asked for at `#batch`. */
  #duplicates: number = 0;
  #batch: number = -1;

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

  /**
   * A segment has arrived out of order, in a batch that came at `now`. Returns whether it is to be acknowledged at once.
   *
   * @param told by SACK the next acknowledgment tells all that this one would.
   */
  onOutOfOrder(told: boolean, now: number): boolean {
    if (now !== this.#batch) {
      this.#batch = now;
      this.#duplicates = 0;
    }
    this.#duplicates++;
    // RFC 5681 §4.2: "SHOULD be acknowledged immediately"; by the end of the batch where a thousand might come at once.
    if (!told || this.#duplicates <= SINGLE_DUPLICATES) return true;
    this.#now = true;
    return false;
  }

  /** Something else asks for an ACK at once: a filled gap, a FIN, an unacceptable segment, a window update. */
  ackNow(): void {
    this.#now = true;
  }

  /** The deadline has passed: the ACK stays due, if need be until it can be sent, and wakes nobody again. */
  expire(): void {
    this.#now = true;
    this.deadline = Infinity;
  }

  /** A segment with ACK has gone out: nothing is pending any more. */
  sent(): void {
    this.pending = 0;
    this.#now = false;
    this.deadline = Infinity;
  }

  /** Whether an ACK must go now. */
  due(now: number): boolean {
    return this.#now || now >= this.deadline;
  }
}

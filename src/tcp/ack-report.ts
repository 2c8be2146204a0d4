import { seqDiff } from '../buffer/seq.ts';
import type { DeliveryRate } from './delivery-rate.ts';
import type { Rack } from './rack.ts';
import type { DeliverySink } from './scoreboard.ts';
import { Mark } from './scoreboard.ts';
import { WIDE } from '../buffer/wide.ts';

/**
 * What one ACK says: filled in while the scoreboard takes the ACK number (`begin`), then the SACK blocks (`selective`).
 * Passes each delivery on to RACK and to the delivery rate. Nothing of it outlasts the ACK: one object may serve many
 * connections. Times are microseconds, sizes octets.
 */
export class AckReport implements DeliverySink {
  /** Octets delivered, cumulatively or by SACK, each once. */
  delivered: number = 0;
  /** The ACK reports that something arrived twice (RFC 2883): so many octets, from `dsackStart` to `dsackEnd`. */
  dsacked: number = 0;
  dsackStart: number = WIDE;
  dsackEnd: number = WIDE;
  /** Octets newly reported by SACK that had been sent only once, and the right edge of the highest block. */
  sackedOriginals: number = 0;
  sackedEnd: number = WIDE;
  /** When the newest of what the ACK number covers and was sent more than once was last sent; −1 for none. */
  repeatedAt: number = -1;
  #rack: Rack;
  #rate: DeliveryRate;
  #now: number = 0;
  #minRtt: number = 0;
  #echoAt: number = -1;
  #selective: boolean = false;
  /** When the newest record that the ACK number covers and was sent once was sent; −1 for none. */
  #cumulativeSentAt: number = -1;
  /** The same for records reported by SACK. */
  #selectiveSentAt: number = -1;

  constructor(rack: Rack, rate: DeliveryRate) {
    this.#rack = rack;
    this.#rate = rate;
  }

  /** The next ACK is one of the connection that these belong to. */
  serve(rack: Rack, rate: DeliveryRate): void {
    this.#rack = rack;
    this.#rate = rate;
  }

  /**
   * An ACK begins: the scoreboard takes its number next.
   *
   * @param echoAt the beginning of the millisecond in which the timestamp was written that it echoes; −1: unknown.
   */
  begin(now: number, minRtt: number, echoAt: number): void {
    this.delivered = this.dsacked = this.sackedOriginals = 0;
    this.#now = now;
    this.#minRtt = minRtt;
    this.#echoAt = echoAt;
    this.#selective = false;
    this.repeatedAt = -1;
    this.#cumulativeSentAt = this.#selectiveSentAt = -1;
    this.#rack.begin();
    this.#rate.begin();
  }

  /** The first block reports that `[left, right)` has arrived twice. */
  onDuplicate(left: number, right: number): void {
    this.dsacked = seqDiff(right, left);
    this.dsackStart = left;
    this.dsackEnd = right;
  }

  /** Its SACK blocks follow. */
  selective(una: number): void {
    this.#selective = true;
    this.sackedEnd = una;
  }

  onDelivered(
    bytes: number,
    end: number,
    sentAt: number,
    marks: number,
    delivered: number,
    deliveredAt: number,
    firstSentAt: number,
  ): void {
    this.delivered += bytes;
    const repeated = (marks & Mark.repeated) !== 0;
    if (!repeated) {
      if (this.#selective) {
        this.sackedOriginals += bytes;
        this.#selectiveSentAt = Math.max(this.#selectiveSentAt, sentAt);
      } else this.#cumulativeSentAt = Math.max(this.#cumulativeSentAt, sentAt);
    } else if (!this.#selective) {
      this.repeatedAt = Math.max(this.repeatedAt, sentAt);
    }
    // The echo was written before this transmission (RFC 8985 §6.2 step 2): in an earlier millisecond. Behind a gap it
    // says nothing: the echo is that of the last segment in front of it (RFC 7323 §4.3).
    const echoOlder = !this.#selective && this.#echoAt >= 0 && this.#echoAt + 1000 <= sentAt;
    this.#rack.onDelivered(end, sentAt, marks, this.#now, this.#minRtt, echoOlder);
    this.#rate.onDelivered(bytes, sentAt, delivered, deliveredAt, firstSentAt, (marks & Mark.appLimited) !== 0);
  }

  /**
   * The round-trip time that the ACK gives; −1 for none. [MUST-18] RFC 9293 §3.8.1, RFC 6298 §3 (Karn): an ACK number that
   * covers anything sent twice gives none, not even for what was sent once behind it: that has waited for the
   * retransmission. What SACK reports has waited for nothing.
   */
  get rtt(): number {
    if (this.repeatedAt < 0 && this.#cumulativeSentAt >= 0) return this.#now - this.#cumulativeSentAt;
    return this.#selectiveSentAt >= 0 ? this.#now - this.#selectiveSentAt : -1;
  }
}

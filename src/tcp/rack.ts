import { seqGe, seqGt, seqLt } from '../buffer/seq.ts';
import { Mark } from './scoreboard.ts';
import { WIDE } from '../buffer/wide.ts';

/** Duplicate ACKs, or SACKed segments, that mean a loss where no reordering was ever seen (RFC 8985 §5.2). */
const DUPLICATE_THRESHOLD = 3;
/** Recoveries for which a larger reordering window is kept: RACK.reo_wnd_persist. */
const PERSIST = 16;
/** The reordering window in quarters of the least round-trip time, at most (Linux: TCP_RACK_RECOVERY_THRESH's byte). */
const MAX_MULTIPLIER = 255;

/** Of the ACK at hand; one object for all connections: it is used from `begin` to the ACK's last delivery only. */
const atHand = {
  /** RACK.fack before the ACK. */
  fackBefore: 0,
  /** When the youngest segment was sent that it delivers. */
  newestSentAt: -1,
};

/**
 * Recent ACKnowledgment (RFC 8985): the time of the newest segment that is known to have arrived, and how much longer
 * than its round trip an older one may take before it counts as lost. Variables are the RFC's. Times are microseconds.
 */
export class Rack {
  /** RACK.xmit_ts: when the segment was sent that was sent last among those delivered; −1 before the first. */
  xmitTs: number = -1;
  /** RACK.end_seq of it, as a signed number as `#fack`: see `sequence-variables`. */
  #endSeq: number = WIDE;
  /** RACK.rtt: the round-trip time of the segment sent last among those that the last ACK delivered. */
  rtt: number = 0;
  /** RACK.reordering_seen. */
  reorderingSeen: boolean = false;
  /** RACK.reo_wnd_mult. */
  reoWndMult: number = 1;
  /** RACK.fack: the highest sequence number known to have arrived. */
  #fack: number;
  #persist: number = 0;
  /** RACK.dsack_round: a D-SACK widens the window once a round trip. */
  #dsackRound: number | undefined = undefined;

  /** @param iss the initial send sequence number. */
  constructor(iss: number) {
    this.#fack = iss | 0;
    this.begin();
  }

  get endSeq(): number {
    return this.#endSeq >>> 0;
  }

  /** An ACK begins: its deliveries follow, in any order. */
  begin(): void {
    atHand.fackBefore = this.#fack;
    atHand.newestSentAt = -1;
  }

  /**
   * A record has been delivered: steps 2 and 3 of RFC 8985 §6.2.
   *
   * @param echoOlder the ACK's timestamp echo is older than the record's (last) transmission: it answers an earlier one.
   */
  onDelivered(end: number, sentAt: number, marks: number, now: number, minRtt: number, echoOlder: boolean): void {
    // Step 3: what was sent once and arrives behind something sent later was overtaken. "In ascending order of
    // Segment.end_seq": what one ACK delivers has not overtaken itself, and its newest block comes first.
    if (seqLt(end, atHand.fackBefore) && !(marks & Mark.repeated)) this.reorderingSeen = true;
    if (seqGt(end, this.#fack)) this.#fack = end | 0;
    const rtt = now - sentAt;
    // Step 2: an ACK that came too soon for a retransmission answers the original.
    if (marks & Mark.repeated && (echoOlder || rtt < minRtt)) return;
    // "In ascending order of Segment.xmit_ts": of each ACK, also one that delivers something overtaken, the youngest.
    if (sentAt >= atHand.newestSentAt) {
      atHand.newestSentAt = sentAt;
      this.rtt = rtt;
    }
    if (sentAt > this.xmitTs || (sentAt === this.xmitTs && seqGt(end, this.#endSeq))) {
      this.xmitTs = sentAt;
      this.#endSeq = end | 0;
    }
  }

  /** Everything below `una` is acknowledged; `dsack`: and the ACK reports a duplicate. Step 4, the D-SACK part. */
  onAck(una: number, nxt: number, dsack: boolean): void {
    if (this.#dsackRound !== undefined && seqGe(una, this.#dsackRound)) this.#dsackRound = undefined;
    if (!dsack || this.#dsackRound !== undefined) return;
    // Something was sent again for nothing: the window was too short.
    this.#dsackRound = nxt;
    this.reoWndMult = Math.min(this.reoWndMult + 1, MAX_MULTIPLIER);
    this.#persist = PERSIST;
  }

  /** A fast or time-out recovery has ended: step 4, the window shrinks again after sixteen of them. */
  onRecovered(): void {
    this.#persist--;
    if (this.#persist <= 0) this.reoWndMult = 1;
  }

  /**
   * RACK.reo_wnd: how much later than its round trip allows a segment may arrive.
   *
   * @param segsSacked segments reported by SACK.
   * @param recovering in fast or time-out recovery.
   */
  reorderingWindow(segsSacked: number, recovering: boolean, minRtt: number, srtt: number): number {
    // RFC 8985 §6.2 step 4: as quick as three duplicate ACKs, as long as the path keeps the order.
    if (!this.reorderingSeen && (recovering || segsSacked >= DUPLICATE_THRESHOLD)) return 0;
    return Math.min((this.reoWndMult * minRtt) / 4, srtt);
  }
}

import { seqAdd, seqDiff, seqGt, seqLt, seqMax, seqMin } from '../buffer/seq.ts';

/** How it is known that a recovery was entered for nothing. */
export type SpuriousCause = 'eifel' | 'dsack';

/**
 * Learns afterwards that a fast recovery or a timeout was spurious, from timestamps (Eifel, RFC 3522) or from D-SACK
 * (RFC 3708; Linux: undo_retrans). It watches one episode: from `start`, when the phase leaves 'open', until it has
 * given its answer, a round trip after the episode's end, or the next `start`. A timeout in an episode doesn't begin
 * another.
 *
 * For each ACK, first `onDuplicateReported` for its D-SACK block, then `onAck` when it moves SND.UNA. The first that
 * returns a cause says so once: then the owner takes back what the loss did to congestion control, unless that ACK has
 * ECE set (RFC 4015 §3.1 step 9).
 */
export class SpuriousDetector {
  /** A D-SACK was seen in the connection's life (RFC 3522 §3.2 step 5). */
  dsackSeen: boolean = false;
  /** An episode is watched. */
  active: boolean = false;
  /** [S-082] RetransmitTS of RFC 3522; −1: none was sent, or the ACK that decides was seen. */
  #retransmitTs: number = -1;
  #sentAgain: boolean = false;
  /** SND.UNA as last told. */
  #una: number = 0;
  /** Bytes sent again in this episode and not reported as duplicate. */
  #unreported: number = 0;
  /** Hull of what was sent again: a D-SACK of anything else is the network's duplicate, or an older episode's. */
  #from: number = 0;
  #to: number = 0;
  /** The episode, then the round trip after it, is over when SND.UNA is behind this. */
  #end: number = 0;
  #over: boolean = false;

  /** Loss recovery begins. */
  start(una: number, nxt: number): void {
    this.active = true;
    this.#retransmitTs = -1;
    this.#sentAgain = false;
    this.#unreported = 0;
    this.#from = this.#to = this.#una = una;
    this.#end = seqAdd(nxt, -1);
    this.#over = false;
  }

  /** The episode can't be taken back any more: another loss was found in it, it was taken back already. */
  stop(): void {
    this.active = false;
  }

  /** `[seq, end)` was sent again, with this TSval; `tsval` is −1 without timestamps. */
  onRetransmitted(seq: number, end: number, tsval: number): void {
    if (!this.active) return;
    // [S-082] RFC 3522 §3.2 step 2: that of the first; later ones don't overwrite it. Only what stands at SND.UNA makes
    // the next acceptable ACK its answer; with SACK older data may still be waited for, and its arrival answers for it.
    if (!this.#sentAgain) {
      if (seq === this.#una) this.#retransmitTs = tsval;
      this.#from = seq;
      this.#to = end;
    }
    this.#sentAgain = true;
    this.#from = seqMin(this.#from, seq);
    this.#to = seqMax(this.#to, end);
    this.#unreported += seqDiff(end, seq);
  }

  /** The peer has received `[seq, end)` twice: a D-SACK block (RFC 2883 §4). */
  onDuplicateReported(seq: number, end: number): SpuriousCause | undefined {
    this.dsackSeen = true;
    if (!this.active) return undefined;
    const bytes = seqDiff(seqMin(end, this.#to), seqMax(seq, this.#from));
    if (bytes <= 0) return undefined;
    this.#unreported -= bytes;
    if (this.#unreported > 0) return undefined;
    // RFC 3708 §3: every retransmission of the episode was needless. Linux: tcp_try_undo_dsack.
    this.active = false;
    return 'dsack';
  }

  /**
   * SND.UNA has moved to `una`. `tsecr` is −1 when the segment has no timestamps; `dsack`: it carries a D-SACK block.
   */
  onAck(una: number, nxt: number, tsecr: number, dsack: boolean): SpuriousCause | undefined {
    if (!this.active) return undefined;
    this.#una = una;
    if (this.#isEifel(una, nxt, tsecr, dsack)) {
      this.active = false;
      return 'eifel';
    }
    if (seqGt(una, this.#end)) this.#passEnd(nxt);
    return undefined;
  }

  /** [S-082] RFC 3522 §3.2 steps 3 to 6: decides with the first acceptable ACK after the first retransmission. */
  #isEifel(una: number, nxt: number, tsecr: number, dsack: boolean): boolean {
    const sent = this.#retransmitTs;
    if (sent < 0) return false;
    this.#retransmitTs = -1;
    // Step 4: older than the retransmission, so an answer to the original.
    if (tsecr < 0 || !seqLt(tsecr, sent)) return false;
    // Step 5, §3.3: an ACK of all, or of a duplicate, may be the answer to the retransmission with all former ACKs lost;
    // that they were lost is congestion.
    return !dsack && (this.dsackSeen || seqLt(una, nxt));
  }

  /** D-SACKs of the last retransmissions come up to a round trip after the episode's end. */
  #passEnd(nxt: number): void {
    if (this.#over) this.active = false;
    this.#over = true;
    this.#end = nxt;
  }
}

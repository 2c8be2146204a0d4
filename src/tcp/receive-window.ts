import { seqAdd, seqDiff } from '../buffer/seq.ts';
import { WIDE } from '../buffer/wide.ts';

const MAX_FIELD = 65_535;
/** [S-063] RFC 7323 §2.3. */
const MAX_SCALE = 14;

/**
 * How much the peer may send. Remembers the right edge of the window, RCV.NXT + RCV.WND, which never moves back.
 *
 * ```
 *   |<-------------- bufferSize ------------->|
 *   | buffered | window advertised | not yet  |
 *           RCV.NXT            rightEdge
 * ```
 */
export class ReceiveWindow {
  /** RCV.BUFF in bytes. May be changed; a smaller buffer does not take back what was advertised. */
  bufferSize: number;
  /** The shift of the window field, 0 to 14; 0 until window scaling is agreed upon. */
  scale: number;
  /** As a signed number: see `sequence-variables`. */
  #rightEdge: number = WIDE;
  #started: boolean = false;

  constructor(bufferSize: number, scale: number) {
    this.bufferSize = bufferSize;
    this.scale = Math.min(scale, MAX_SCALE);
  }

  /** The highest edge ever advertised, as a sequence number. */
  get rightEdge(): number {
    return this.#rightEdge >>> 0;
  }

  /** [S-063] RFC 7323 §2.2: the smallest shift that lets the window field express `maxBuffer` bytes. */
  static scaleFor(maxBuffer: number): number {
    let scale = 0;
    let limit = MAX_FIELD;
    while (limit < maxBuffer && scale < MAX_SCALE) {
      scale++;
      limit *= 2;
    }
    return scale;
  }

  /**
   * The window of a SYN or SYN-ACK, in bytes, which is also the field: never scaled (RFC 7323 §2.2). `nxt` is
   * RCV.NXT; an active opener calls it again when it has learnt that. `limit` is what there is memory for.
   */
  start(nxt: number, limit: number = Infinity): number {
    const window = Math.min(this.bufferSize, limit, MAX_FIELD);
    this.#rightEdge = seqAdd(nxt, window) | 0;
    this.#started = true;
    return window;
  }

  /**
   * The window to send now, in bytes: a multiple of 2^scale, so that the field is `window >> scale`.
   *
   * @param buffered bytes received and not yet read, in order or not.
   * @param mss effective send MSS, taken for the peer's.
   */
  advertise(nxt: number, buffered: number, mss: number): number {
    const window = this.#choose(nxt, buffered, mss);
    const edge = seqAdd(nxt, window);
    if (!this.#started || seqDiff(edge, this.#rightEdge) > 0) this.#rightEdge = edge | 0;
    this.#started = true;
    return window;
  }

  /**
   * RFC 9293 §3.10.7.4, the four cases of the acceptability test, against the highest edge ever advertised
   * (RFC 7323 §2.4). `length` is SEG.LEN, SYN and FIN counted.
   */
  acceptable(nxt: number, seq: number, length: number): boolean {
    const window = this.#offered(nxt);
    const first = seqDiff(seq, nxt);
    if (length === 0) return window === 0 ? first === 0 : first >= 0 && first < window;
    const last = first + length - 1;
    return (first >= 0 && first < window) || (last >= 0 && last < window);
  }

  /** [SHLD-14] RFC 9293 §3.8.6 says that it should not be: what was offered is taken back. */
  close(nxt: number): void {
    this.#rightEdge = nxt | 0;
  }

  /** Whether the application has read so much that the peer should be told now, before its next segment. */
  updateDue(nxt: number, buffered: number, mss: number): boolean {
    const offered = this.#offered(nxt);
    const free = this.bufferSize - buffered;
    // As Linux (tcp_cleanup_rbuf): only when the window at least doubles; a window of half the buffer does not hold the
    // peer up, and its data brings an ACK anyway.
    return this.#mayOpen(free, offered, mss) && free >= 2 * offered && this.#choose(nxt, buffered, mss) > offered;
  }

  /** Bytes from RCV.NXT to the right edge. */
  #offered(nxt: number): number {
    return this.#started ? Math.max(seqDiff(this.#rightEdge, nxt), 0) : 0;
  }

  /** [MUST-39] RFC 9293 §3.8.6.2.2: the window opens in steps of min(RCV.BUFF / 2, MSS). */
  #mayOpen(free: number, offered: number, mss: number): boolean {
    return free - offered >= Math.min(this.bufferSize / 2, mss);
  }

  #choose(nxt: number, buffered: number, mss: number): number {
    const unit = 1 << this.scale;
    const offered = this.#offered(nxt);
    // Below 0 when the buffer was made smaller, or overrun by rounding.
    const free = this.bufferSize - buffered;
    const limit = MAX_FIELD * unit;
    if (this.#mayOpen(free, offered, mss)) {
      const opened = Math.min(free - (free % unit), limit);
      if (opened >= offered) return opened;
    }
    // [SHLD-14] RFC 9293 §3.8.6, RFC 7323 §2.4: rounded up, so that the edge stays or moves by less than a unit. Where
    // tiny segments have moved it by an eighth of the buffer beyond what is free, down: the edge kept here still holds.
    const up = offered + ((unit - (offered % unit)) % unit);
    const kept = up <= free + this.bufferSize / 8 ? up : offered - (offered % unit);
    return Math.min(kept, limit);
  }
}

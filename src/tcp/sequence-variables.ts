/*
 * Sequence numbers are unsigned 32-bit numbers outside and signed ones inside: V8 keeps those as small integers, in the
 * object itself, while for a number above 2³¹ each field has 16 bytes of memory beside it, for each of 100,000 connections.
 */

/** RFC 9293 §3.3.1, table 2: the send sequence variables. Sequence numbers are unsigned 32-bit numbers. */
export class SendSequence {
  /** Send window in bytes, scaled. */
  wnd: number = 0;
  /** The largest window the peer ever offered (RFC 5961 §5, and silly-window avoidance). */
  maxWnd: number = 0;
  /** Snd.Wind.Shift of RFC 7323 §2: the peer's shift. */
  scale: number = 0;
  /** The MSS that the peer announced; what RFC 9293 §3.7.1 assumes when it did not. */
  peerMss: number = 536;
  /** Effective send MSS: payload bytes of a full segment, TCP options taken off. */
  mss: number = 536;
  readonly #iss: number;
  #una: number;
  #nxt: number;
  #wl1: number = 0;
  #wl2: number = 0;

  constructor(iss: number) {
    this.#iss = this.#una = this.#nxt = iss | 0;
  }

  /** Initial send sequence number. */
  get iss(): number {
    return this.#iss >>> 0;
  }

  /** Oldest unacknowledged sequence number. */
  get una(): number {
    return this.#una >>> 0;
  }

  set una(value: number) {
    this.#una = value | 0;
  }

  /** Next sequence number to be sent for the first time: never moves back, also not for retransmissions. */
  get nxt(): number {
    return this.#nxt >>> 0;
  }

  set nxt(value: number) {
    this.#nxt = value | 0;
  }

  /** SEG.SEQ and SEG.ACK of the segment that last updated the window. */
  get wl1(): number {
    return this.#wl1 >>> 0;
  }

  set wl1(value: number) {
    this.#wl1 = value | 0;
  }

  get wl2(): number {
    return this.#wl2 >>> 0;
  }

  set wl2(value: number) {
    this.#wl2 = value | 0;
  }
}

/** RFC 9293 §3.3.1, table 3: the receive sequence variables. */
export class ReceiveSequence {
  /** Rcv.Wind.Shift of RFC 7323 §2: our shift, 0 before it is agreed. */
  scale: number = 0;
  /** Payload bytes of a full segment from the peer: the MSS that we announced, TCP options taken off. */
  mss: number = 536;
  /** Where the peer's FIN stands, once it is known (it may arrive before the data in front of it). */
  fin: number | undefined = undefined;
  #irs: number = 0;
  #nxt: number = 0;
  #acked: number = 0;

  /** Initial receive sequence number. */
  get irs(): number {
    return this.#irs >>> 0;
  }

  set irs(value: number) {
    this.#irs = value | 0;
  }

  /** Next sequence number expected. */
  get nxt(): number {
    return this.#nxt >>> 0;
  }

  set nxt(value: number) {
    this.#nxt = value | 0;
  }

  /** RCV.NXT as last acknowledged: Last.ACK.sent of RFC 7323. */
  get acked(): number {
    return this.#acked >>> 0;
  }

  set acked(value: number) {
    this.#acked = value | 0;
  }
}

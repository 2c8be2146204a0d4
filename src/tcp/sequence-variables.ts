/** RFC 9293 §3.3.1, table 2: the send sequence variables. Sequence numbers are unsigned 32-bit numbers. */
export interface SendSequence {
  /** Initial send sequence number. */
  iss: number;
  /** Oldest unacknowledged sequence number. */
  una: number;
  /** Next sequence number to be sent for the first time: never moves back, also not for retransmissions. */
  nxt: number;
  /** Send window in bytes, scaled. */
  wnd: number;
  /** SEG.SEQ and SEG.ACK of the segment that last updated the window. */
  wl1: number;
  wl2: number;
  /** The largest window the peer ever offered (RFC 5961 §5, and silly-window avoidance). */
  maxWnd: number;
  /** Snd.Wind.Shift of RFC 7323 §2: the peer's shift. */
  scale: number;
  /** The MSS that the peer announced; what RFC 9293 §3.7.1 assumes when it did not. */
  peerMss: number;
  /** Effective send MSS: payload bytes of a full segment, TCP options taken off. */
  mss: number;
}

/** RFC 9293 §3.3.1, table 3: the receive sequence variables. */
export interface ReceiveSequence {
  /** Initial receive sequence number. */
  irs: number;
  /** Next sequence number expected. */
  nxt: number;
  /** Rcv.Wind.Shift of RFC 7323 §2: our shift, 0 before it is agreed. */
  scale: number;
  /** RCV.NXT as last acknowledged: Last.ACK.sent of RFC 7323. */
  acked: number;
  /** Payload bytes of a full segment from the peer: the MSS that we announced, TCP options taken off. */
  mss: number;
  /** Where the peer's FIN stands, once it is known (it may arrive before the data in front of it). */
  fin: number | undefined;
}

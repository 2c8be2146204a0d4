/** What a congestion controller is told at every event. The object is reused: read it during the call. */
export interface CongestionSample {
  /** Microseconds. */
  now: number;
  /** Bytes newly acknowledged. */
  acked: number;
  /** Bytes outstanding before this acknowledgement, without what limited transmit added (RFC 5681 §3.2 step 2). */
  flight: number;
  /** Effective send MSS in bytes. */
  mss: number;
  /** Round-trip time in microseconds; −1 when this event gave none. */
  rtt: number;
  /** The sender had used the whole congestion window. */
  limited: boolean;
}

/** What has happened: a loss seen by duplicate ACKs, the retransmission timer's expiry, an ECN mark (RFC 3168). */
export type CongestionKind = 'loss' | 'timeout' | 'ecn';

/**
 * Decides how much may be in flight. All sizes are bytes. Loss recovery tells it what happened and adds its own
 * inflation on top (RFC 5681 §3.2); a controller knows nothing of sequence numbers.
 *
 * @example
 * const fixed: CongestionFactory = ({ mss }) => ({
 *   name: 'fixed', cwnd: 20 * mss, ssthresh: 20 * mss,
 *   onAck() {}, onCongestion() {}, onRecovered() {}, onIdle() {},
 * });
 */
export interface CongestionController {
  readonly name: string;
  /** The congestion window in bytes. */
  readonly cwnd: number;
  /** The slow-start threshold in bytes. */
  readonly ssthresh: number;
  /** New data acknowledged outside fast recovery (while a timeout's losses are repaired, too). */
  onAck(sample: CongestionSample): void;
  /** Once per event: for a loss when recovery is entered, for a timeout at every expiry. */
  onCongestion(kind: CongestionKind, sample: CongestionSample): void;
  /** All that was outstanding at the loss or timeout is acknowledged. `onAck` is not called for the same ACK. */
  onRecovered(sample: CongestionSample): void;
  /** About to send after `idleFor` microseconds without sending; `rto` is the current timeout (RFC 5681 §4.1). */
  onIdle(idleFor: number, rto: number): void;
  /** The path's segment size has changed, to `mss` bytes. */
  onMssChange?(mss: number): void;
}

/** What a controller begins with. */
export interface CongestionStart {
  mss: number;
  /** Bytes: RFC 6928's window, or one segment after a lost SYN. */
  initialWindow: number;
  now: number;
}

/** Makes the controller of one connection, when its handshake completes. */
export type CongestionFactory = (start: CongestionStart) => CongestionController;

import type { Random } from '../../time/clock.ts';

/**
 * What a congestion controller is told at every event. The object is reused: read it during the call. Times are
 * microseconds, sizes bytes.
 */
export interface CongestionSample {
  now: number;
  /** Newly acknowledged by SND.UNA moving. */
  acked: number;
  /** Newly delivered by this ACK, cumulatively or by SACK: each byte counts once. */
  delivered: number;
  /** Newly deemed lost. */
  lost: number;
  /** Outstanding before this ACK (SND.NXT − SND.UNA), without what limited transmit added (RFC 5681 §3.2 step 2). */
  flight: number;
  /** Estimate of what is in the network after this event (RFC 6675's pipe). */
  pipe: number;
  /** Effective send MSS. */
  mss: number;
  /** Round-trip time; −1 when this event gave none. */
  rtt: number;
  /** Smoothed round-trip time; 0 before the first sample. */
  srtt: number;
  /** The sender had used the whole congestion window. */
  limited: boolean;
  /** All bytes delivered on this connection so far. */
  totalDelivered: number;
  /**
   * `totalDelivered` as it stood when the newest segment that this ACK covers was sent; −1 when it covers none. A round
   * trip is over when it reaches the `totalDelivered` that was noted at the round's beginning.
   */
  priorDelivered: number;
  /** Bytes sent more than once on this connection so far; what was sent again repeatedly counts once. */
  resent: number;
  /** Delivery rate over the last flight, in bytes a second; −1 when this ACK gives no sample. */
  deliveryRate: number;
  /** The rate was limited by the application: it is a lower bound. */
  appLimited: boolean;
  /** Loss recovery is under way after this event. */
  recovering: boolean;
}

/** What has happened: a loss seen by loss detection, the retransmission timer's expiry, an ECN mark (RFC 3168). */
export type CongestionKind = 'loss' | 'timeout' | 'ecn';

/**
 * Decides how much may be in flight. All sizes are bytes. A controller knows nothing of sequence numbers: loss recovery
 * tells it what happened, once per event.
 *
 * A window-based controller (Reno, CUBIC) leaves what may be sent during fast recovery to proportional rate reduction,
 * which brings the flight to `ssthresh`. A model-based one (BBR) has `onDelivery`: then its `cwnd` holds at all times.
 *
 * @example
 * const fixed: CongestionFactory = ({ mss }) => ({
 *   name: 'fixed', cwnd: 20 * mss, ssthresh: 20 * mss,
 *   onAck() {}, onCongestion() {}, onRecovered() {}, onIdle() {},
 * });
 */
export interface CongestionController {
  readonly name: string;
  /** The congestion window, above 0. */
  readonly cwnd: number;
  /** The slow-start threshold. */
  readonly ssthresh: number;
  /** Bytes a second at which segments leave, above 0; absent or Infinity: as the window allows. */
  readonly pacingRate?: number;
  /** It does nothing about ECN marks: then nothing is sent that may be marked (RFC 3168 §6.1.2 asks for an answer). */
  readonly ignoresEcn?: boolean;
  /** New data acknowledged outside fast recovery (while a timeout's losses are repaired, too). */
  onAck(sample: CongestionSample): void;
  /**
   * Outside fast recovery, SACK alone has told of something new: SND.UNA stands still, `acked` is 0, and `rtt` is that
   * of what was reported. Where packets are reordered most round-trip times come this way: those that `onAck` brings
   * are those of what was late.
   */
  onSelectiveAck?(sample: CongestionSample): void;
  /** Once per event: for a loss or ECN mark when its recovery is entered, for a timeout at the first expiry. */
  onCongestion(kind: CongestionKind, sample: CongestionSample): void;
  /**
   * All that was outstanding at the loss, timeout or mark is acknowledged: once for each, unless `onSpurious` takes it
   * back, or another comes before. `onAck` is called neither for the same ACK nor between a mark and this.
   */
  onRecovered(sample: CongestionSample): void;
  /** About to send after `idleFor` microseconds without sending; `rto` is the current timeout (RFC 5681 §4.1). */
  onIdle(idleFor: number, rto: number): void;
  /** The last congestion event was none: what was sent again had arrived. As it was before it (RFC 4015, RFC 5682). */
  onSpurious?(now: number): void;
  /**
   * Every ACK that acknowledges, delivers or marks lost, in whatever phase; after the other callbacks of the same ACK. The
   * first is that of our SYN, which delivers nothing.
   */
  onDelivery?(sample: CongestionSample): void;
  /**
   * A segment leaves: `pipe` before it; `idle` when nothing was outstanding because the application had given nothing.
   * For rates that follow idleness.
   */
  onSend?(now: number, pipe: number, idle: boolean): void;
  /** The path's segment size has changed, to `mss` bytes. */
  onMssChange?(mss: number): void;
}

/** What a controller begins with. */
export interface CongestionStart {
  mss: number;
  /** Bytes: RFC 6928's window, or one segment after a lost SYN. */
  initialWindow: number;
  now: number;
  /** A round-trip time known by then; absent or 0: none. The handshake's comes right after, with the first sample. */
  srtt?: number;
  /** For controllers that must not act in step with each other; absent: they take a fixed choice. */
  random?: Random;
}

/** Makes the controller of one connection, when its handshake completes. */
export type CongestionFactory = (start: CongestionStart) => CongestionController;

import type { CongestionSample } from './congestion/controller.ts';

/** What PRR looks at in an ACK: a part of what the congestion controller is told. */
export type PrrSample = Pick<CongestionSample, 'acked' | 'delivered' | 'lost' | 'pipe' | 'mss'>;

/**
 * RFC 9937's RecoverFS: the bytes that may be delivered during the recovery that begins, those deemed lost included.
 *
 * @param outstanding SND.NXT − SND.UNA after the ACK that begins it
 * @param sacked bytes of these that the scoreboard has as SACKed after it
 * @param delivered bytes it delivered, cumulatively or by SACK, each byte once; 0 when a timer begins the recovery
 */
export function recoverFlightSize(outstanding: number, sacked: number, delivered: number): number {
  // RFC 9937 §6.1: what was SACKed before won't count as delivered in the recovery, what this ACK brings will.
  return outstanding - sacked + delivered;
}

/**
 * Proportional rate reduction (RFC 9937): how much may be sent during fast recovery, so that the flight comes down
 * evenly to `ssthresh` and stays with it. Its owner calls `start` when recovery begins, `onAck` for every ACK from the
 * one that begins it up to and without the one that ends it, and `onSent` for all data that leaves, sent again or new.
 * When recovery ends, the controller sets cwnd to `ssthresh` (§6.4).
 *
 * All is counted in bytes (§13: ACKs of parts of segments earn parts of segments). The reduction is computed from
 * totals: what is too little for a segment is not lost and waits for the next ACK.
 *
 * @example
 * const prr = new Prr();
 * prr.start(recoverFlightSize(20_000, 3000, 1000), 9000, 1000);
 * prr.onAck({ acked: 0, delivered: 1000, lost: 1000, pipe: 16_000, mss: 1000 });
 * prr.window(16_000); // 17_000: the fast retransmit
 */
export class Prr {
  /** The flight to arrive at: the controller's answer to the loss. */
  ssthresh: number = 0;
  /** RecoverFS. */
  recoverFlight: number = 1;
  /** `prr_delivered`: bytes delivered in this recovery. */
  delivered: number = 0;
  /** `prr_out`: bytes sent in this recovery. */
  out: number = 0;
  /** What is left of `SndCnt`: bytes that may be sent before the next ACK. */
  credit: number = 0;

  /**
   * A recovery, or a new answer to congestion within one, begins: the fast retransmit may go.
   *
   * @param earlier bytes delivered before the ACK that begins it, since something was last sent: they count as the
   * recovery's own, or the flight would stay smaller by them.
   */
  start(recoverFlight: number, ssthresh: number, mss: number, earlier: number = 0): void {
    this.ssthresh = ssthresh;
    this.recoverFlight = Math.max(recoverFlight + earlier, 1);
    this.delivered = earlier;
    this.out = 0;
    this.credit = mss;
  }

  /** Returns the bytes that may be sent now: `credit`. */
  onAck({ acked, delivered, lost, pipe, mss }: PrrSample): number {
    // RFC 9937 §6.2: an ACK that delivers nothing clocks nothing; but what it finds lost has left the flight.
    if (delivered <= 0) return lost > 0 ? this.onLossTimer(pipe, mss) : this.credit;
    this.delivered += delivered;
    // §4, SafeACK: SND.UNA advances and no further loss is indicated.
    const safe = acked > 0 && lost === 0;
    this.#clock(pipe, delivered, safe ? mss : 0);
    // §3: data may be sent while inflight is below cwnd. With nothing in flight a part of a segment would wait for ever.
    if (pipe === 0) this.credit = Math.max(this.credit, mss);
    // §6.2: the first retransmission waits for nothing. Bytes, not segments: a part of one is as good as none.
    if (this.out === 0) this.credit = Math.max(this.credit, mss);
    return this.credit;
  }

  /**
   * A timer, not an ACK, has found losses during recovery (RFC 8985 §6.3): at least one segment may go, so that there
   * are ACKs again. Linux: tcp_rack_reo_timeout.
   */
  onLossTimer(pipe: number, mss: number): number {
    this.#clock(pipe, 0, 0);
    this.credit = Math.max(this.credit, mss);
    return this.credit;
  }

  /**
   * The window was closed, and is open: what the peer had no room for is gone, though it counts as in flight, and will
   * bring no ACK. One segment may go that does (§4, as the forced fast retransmit).
   */
  onWindowOpened(mss: number): void {
    this.credit = Math.max(this.credit, mss);
  }

  /** Data has left, `bytes` of it (RFC 9937 §6.3). */
  onSent(bytes: number): void {
    this.out += bytes;
    this.credit = Math.max(0, this.credit - bytes);
  }

  /** The congestion window while `pipe` bytes are in the network: `pipe` never is to grow beyond it. */
  window(pipe: number): number {
    return pipe + this.credit;
  }

  /** [S-079] RFC 9937 §6.2: SndCnt. `delivered` is this ACK's; `bonus` one segment when slow start is safe, else 0. */
  #clock(pipe: number, delivered: number, bonus: number): void {
    if (pipe > this.ssthresh) {
      // Proportional: for every RecoverFS bytes delivered, ssthresh bytes are sent.
      this.credit = Math.max(0, Math.ceil((this.delivered * this.ssthresh) / this.recoverFlight) - this.out);
      return;
    }
    // PRR-CRB keeps the flight where it is, PRR-SSRB lets it grow as slow start does; neither beyond ssthresh.
    const conserved = Math.max(this.delivered - this.out, delivered);
    this.credit = Math.min(this.ssthresh - pipe, conserved + bonus);
  }
}

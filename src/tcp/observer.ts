import type { UndoCause } from './undo.ts';

/** What told of a loss: duplicate ACKs, SACK with RACK, the reordering or the retransmission timer, a tail loss probe, ECN. */
export type LossCause = 'duplicate-acks' | 'sack' | 'reordering-timer' | 'timeout' | 'tail-loss-probe' | 'ecn';

/**
 * Why something was sent again. `path`: what was on its way is gone for another reason than congestion: the path takes
 * only smaller packets now, the link was down, Fast Open's data was not taken.
 */
export type RetransmitCause = 'loss' | 'timeout' | 'tail-loss-probe' | 'path' | 'handshake';

/** What loss recovery has found or done, as told to whoever observes. Sizes are bytes. */
export type RecoveryEvent =
  /** Congestion control has answered: `cwnd` and `ssthresh` are the new ones, `lost` what was newly deemed lost. */
  | { type: 'loss'; cause: LossCause; lost: number; cwnd: number; ssthresh: number }
  /** `length` octets from `sequence` on, counted from ISS, were sent again. */
  | { type: 'retransmit'; cause: RetransmitCause; sequence: number; length: number }
  /**
   * Everything that was outstanding when the loss was found, or the mark answered, is acknowledged. One for each `loss`, or
   * row of them; none when `undo` has taken it back, or the connection ends first.
   */
  | { type: 'recovered'; cause?: undefined }
  /** It had been no loss: congestion control is as it was before. */
  | { type: 'undo'; cause: UndoCause };

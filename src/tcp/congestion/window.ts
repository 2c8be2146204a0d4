/** Arithmetic that window-based controllers share; bytes. */
import type { CongestionKind } from './controller.ts';

/** The largest window there is (RFC 7323 §2.3): neither cwnd nor ssthresh needs to be larger. */
export const MAX_WINDOW: number = 0x4000_0000;

/** The slow-start threshold after congestion, from the share of the flight that is kept: no less than two segments. */
export function reducedThreshold(kept: number, mss: number): number {
  // [S-067] RFC 5681 §3.1 (4), RFC 9438 §4.6.
  return Math.max(Math.floor(kept), 2 * mss);
}

/** The congestion window after congestion of this kind; `kept` and `cwnd` as they are before it. */
export function reducedWindow(kind: CongestionKind, kept: number, cwnd: number, mss: number): number {
  // [S-067] [MUST-19] RFC 5681 §3.1: the loss window is one segment.
  if (kind === 'timeout') return mss;
  // RFC 9438 §4.6, RFC 3168 §6.1.2: marks reduce down to one segment. No reduction makes a window larger, which half of
  // the flight can be while a timeout is repaired.
  return Math.max(Math.min(Math.floor(kept), cwnd), kind === 'ecn' ? mss : 2 * mss);
}

/** The slow-start threshold when idleness takes the window away. */
export function thresholdAfterIdle(ssthresh: number, cwnd: number): number {
  // RFC 7661 §4.4.3, as Linux: what was reached before the pause is reached again quickly.
  return Math.max(ssthresh, Math.floor((cwnd * 3) / 4));
}

/** The congestion window when a non-validated period is over; `initial` is the initial window. */
export function windowAfterPeriod(cwnd: number, initial: number): number {
  // RFC 7661 §4.4.3: no greater than half of it, and no smaller for that than a connection begins with.
  return Math.min(cwnd, Math.max(Math.floor(cwnd / 2), initial));
}

/** The congestion window when the segment size changes. */
export function windowForMss(cwnd: number, oldMss: number, mss: number): number {
  // RFC 5681 §3.1: no burst of smaller segments.
  return mss < oldMss ? Math.max(Math.floor((cwnd * mss) / oldMss), mss) : cwnd;
}

/**
 * The initial congestion window in bytes.
 *
 * @param synLost the SYN or SYN-ACK had to be sent again.
 */
export function initialWindow(mss: number, synLost: boolean): number {
  // [S-071] RFC 6928 §2: ten segments, one after a lost SYN (RFC 5681 §3.1).
  return synLost ? mss : Math.min(10 * mss, Math.max(2 * mss, 14_600));
}

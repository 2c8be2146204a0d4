/** C in segments a second cubed (RFC 9438 §5). */
const C = 0.4;

/** The cube root of a number that is not negative, by Newton's steps: the same on every engine. */
export function cubeRoot(x: number): number {
  if (x === 0) return 0;
  let root = 1;
  while (root * root * root < x) root *= 2;
  // From above every step goes down until rounding stops it.
  for (;;) {
    const next = (2 * root + x / (root * root)) / 3;
    if (!(next < root)) return root;
    root = next;
  }
}

/** K: the seconds that the curve needs from `cwnd` up to `wMax`, both bytes. */
export function cubicPeriod(wMax: number, cwnd: number, mss: number): number {
  // [S-084] RFC 9438 §4.2, figure 2.
  return cubeRoot((wMax - cwnd) / mss / C);
}

/** W_cubic(t) in bytes, `t` and `k` in seconds. */
export function cubicWindow(t: number, k: number, wMax: number, mss: number): number {
  // [S-084] RFC 9438 §4.2, figure 1.
  const distance = t - k;
  return C * distance * distance * distance * mss + wMax;
}

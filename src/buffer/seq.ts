/**
 * Sequence-number arithmetic modulo 2³² (RFC 9293 §3.4, RFC 1982): numbers are kept as unsigned 32-bit integers and
 * compared by their signed distance. Two numbers exactly 2³¹ apart have no order (RFC 1982 §3.2): each is then "less"
 * than the other and neither is "greater". TCP never compares such: its windows end at 2³⁰ (RFC 7323 §2.3).
 */

/** The signed distance `a − b`, from −2³¹ to 2³¹−1. */
export function seqDiff(a: number, b: number): number {
  return (a - b) | 0;
}

/** `a + n` modulo 2³²; `n` may be negative. */
export function seqAdd(a: number, n: number): number {
  return (a + n) >>> 0;
}

/** `a` comes before `b`. */
export function seqLt(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

/** `a` comes before `b` or is equal. */
export function seqLe(a: number, b: number): boolean {
  return ((a - b) | 0) <= 0;
}

/** `a` comes after `b`. */
export function seqGt(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}

/** `a` comes after `b` or is equal. */
export function seqGe(a: number, b: number): boolean {
  return ((a - b) | 0) >= 0;
}

/** The later of two. */
export function seqMax(a: number, b: number): number {
  return ((a - b) | 0) >= 0 ? a : b;
}

/** The earlier of two. */
export function seqMin(a: number, b: number): number {
  return ((a - b) | 0) <= 0 ? a : b;
}

/** `low =< x < high`, as RFC 9293 §3.4 writes a window: holds for windows of any size, none when `low` = `high`. */
export function seqBetween(low: number, x: number, high: number): boolean {
  return (x - low) >>> 0 < (high - low) >>> 0;
}

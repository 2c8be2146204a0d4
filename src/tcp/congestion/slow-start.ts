import type { CongestionSample } from './controller.ts';

/** An ACK of more than so many segments is a stretch ACK (RFC 5681 §4.2, RFC 2525 §2.13). */
const ORDINARY_ACK = 2;

/**
 * How much an ACK adds to the window in slow start: what it acknowledges, in bytes (RFC 3465), up to a limit.
 *
 * RFC 3465 §2.3 and RFC 9406 §4.2 limit the growth by one ACK to `L` segments, so that the ACK after some lost ones
 * causes no burst. Receivers that coalesce (GRO, batches) acknowledge up to 64 KB with every ACK: with a fixed `L` the
 * window would grow by `L` segments for 44, and slow start would hardly be exponential any more (Linux has no limit for
 * this reason). So the limit holds for an ACK that is larger than usual. The largest recent stretch ACK tells what is
 * usual: such bursts the path has carried. Twice as much is granted, as ACKs double with the window from one round trip
 * to the next. The memory fades by an eighth with each ACK, so one chance stretch ACK opens the limit only briefly.
 */
export class SlowStart {
  readonly #limit: number;
  /** The largest recent stretch ACK, in bytes, fading. */
  #stretch: number = 0;

  /** @param limit `L` in segments; Infinity where pacing prevents bursts. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The bytes by which `sample` lets a window of `cwnd` grow. */
  onAck(sample: CongestionSample, cwnd: number, afterTimeout: boolean): number {
    const { acked, delivered, mss } = sample;
    // RFC 3465 §2.3: while a timeout is repaired, an ACK may cover what had long arrived. Of that SACK told before
    // (`delivered` leaves it out), and no more than cwnd can have been sent since.
    const covered = afterTimeout ? Math.min(acked, delivered, cwnd) : acked;
    // [S-074] RFC 3465 §2.3: L = 1 after a timeout. A coalescing receiver earns its larger limit anew, or else the
    // repair of a large window would be linear.
    const allowed = Math.max((afterTimeout ? 1 : this.#limit) * mss, 2 * this.#stretch);
    this.#stretch -= this.#stretch / 8;
    if (covered > ORDINARY_ACK * mss) this.#stretch = Math.max(this.#stretch, covered);
    // [S-067] RFC 5681 §3.1 (2): no more than is acknowledged, so that dividing ACKs gains nothing.
    return Math.min(covered, allowed);
  }

  /** A timeout: ACKs of what is sent again show what is usual from now on. */
  onTimeout(): void {
    this.#stretch = 0;
  }
}

import { seqGe, seqGt, seqLe, seqLt } from '../buffer/seq.ts';
import type { TcpOptions } from '../wire/tcp-options.ts';
import { WIDE } from '../buffer/wide.ts';

/** Ranges remembered. Four at most are reported at a time; the others move up when those in front are acknowledged. */
const REMEMBERED = 16;

/**
 * What our acknowledgments say of data behind a gap (RFC 2018 §4), and of data that came twice (RFC 2883). Knows the
 * order in which to tell; what is there to be told is the reassembly queue's.
 */
export class SackBlocks {
  /** Ranges remembered, the most recently reported first: they neither overlap nor touch. */
  #count: number = 0;
  #left: number[] = [];
  #right: number[] = [];
  #fresh: boolean = false;
  #duplicate: boolean = false;
  #duplicateLeft: number = WIDE;
  #duplicateRight: number = WIDE;
  /** After `holds`: the range found. */
  left: number = WIDE;
  right: number = WIDE;

  /** Blocks that wait to be written, the one for a duplicate counted. */
  get count(): number {
    return this.#count + (this.#duplicate ? 1 : 0);
  }

  /** There is something that no segment has told yet. */
  get fresh(): boolean {
    return this.#fresh && this.count > 0;
  }

  /** A duplicate waits to be reported. */
  get duplicate(): boolean {
    return this.#duplicate;
  }

  /**
   * A segment was kept out of order, inside the gapless range `[left, right)`.
   *
   * @returns whether that range was the first one already, and has only grown at its end: what was reported of it
   * needs no repetition
   */
  onOutOfOrder(left: number, right: number): boolean {
    const grown = this.#count > 0 && this.#left[0] === left && seqLt(this.#right[0]!, right);
    // Ranges that have become part of this one go; a place is free then, or the oldest gives way.
    let kept = 0;
    for (let i = 0; i < this.#count; i++) {
      if (seqGe(this.#left[i]!, left) && seqLe(this.#right[i]!, right)) continue;
      this.#left[kept] = this.#left[i]!;
      this.#right[kept] = this.#right[i]!;
      kept++;
    }
    // [S-076] RFC 2018 §4: the first block is the one that holds the segment just received.
    this.#count = Math.min(kept + 1, REMEMBERED);
    for (let i = this.#count - 1; i > 0; i--) {
      this.#left[i] = this.#left[i - 1]!;
      this.#right[i] = this.#right[i - 1]!;
    }
    this.#left[0] = left;
    this.#right[0] = right;
    this.#fresh = true;
    return grown;
  }

  /** [S-077] RFC 2883 §4: octets `[left, right)` came once more; the next segment says so, that one only. */
  onDuplicate(left: number, right: number): void {
    this.#duplicate = true;
    this.#duplicateLeft = left;
    this.#duplicateRight = right;
    this.#fresh = true;
  }

  /** Is `seq` in a range that is remembered? Then `left` and `right` are its edges. */
  holds(seq: number): boolean {
    for (let i = 0; i < this.#count; i++) {
      if (seqLt(seq, this.#left[i]!) || seqGe(seq, this.#right[i]!)) continue;
      this.left = this.#left[i]!;
      this.right = this.#right[i]!;
      return true;
    }
    return false;
  }

  /** Only `[nxt, end)` of what was remembered is still in the queue: the rest was delivered, or dropped. */
  trim(nxt: number, end: number): void {
    let kept = 0;
    for (let i = 0; i < this.#count; i++) {
      const left = this.#left[i]!;
      const right = this.#right[i]!;
      if (seqLe(right, nxt) || seqGe(left, end)) continue;
      this.#left[kept] = left;
      this.#right[kept] = seqGt(right, end) ? end : right;
      kept++;
    }
    this.#count = kept;
  }

  /** Nothing is in the queue any more (RFC 2018 §8: what is no longer held is not reported). */
  clear(): void {
    this.#count = 0;
  }

  /** Writes up to `most` blocks into the options of a segment that is about to go out. */
  report(options: TcpOptions, most: number): void {
    let room = most;
    if (this.#duplicate && room > 0) {
      options.addSack(this.#duplicateLeft, this.#duplicateRight);
      this.#duplicate = false;
      room--;
    }
    // [S-076] RFC 2018 §4: as many as fit, most recently reported first, so that each is repeated in later segments.
    const count = Math.min(this.#count, room);
    for (let i = 0; i < count; i++) options.addSack(this.#left[i]!, this.#right[i]!);
    this.#fresh = false;
  }
}

import { seqDiff, seqGt } from '../buffer/seq.ts';

/** The urgent pointer is a 16-bit field. */
const FARTHEST = 0xffff;

/**
 * How far urgent data reaches in one direction (RFC 9293 §3.8.5): SND.UP or RCV.UP. Urgent octets stay where they are in
 * the stream [S-099] RFC 6093 §3; all there is to know is the sequence number behind the last of them [MUST-62].
 * However many octets that is [MUST-31].
 */
export class UrgentMark {
  /** The number behind the urgent data; undefined when none is outstanding. */
  up: number | undefined = undefined;

  /**
   * Moves the mark forward; true when it did. One that lies behind `from`, or behind where the mark stands already, says
   * nothing new: the pointer "cannot recede in the sequence space, but a TCP receiver should be robust".
   *
   * @param from the first octet that is not dealt with yet
   */
  advance(up: number, from: number): boolean {
    this.pass(from);
    if (!seqGt(up, this.up ?? from)) return false;
    this.up = up;
    return true;
  }

  /** Everything before `next` is dealt with: the mark goes when that is all of the urgent data. */
  pass(next: number): void {
    if (this.up !== undefined && !seqGt(this.up, next)) this.up = undefined;
  }

  /** Octets from `seq` to the mark; 0 without one, or behind it. */
  ahead(seq: number): number {
    return this.up === undefined ? 0 : Math.max(0, seqDiff(this.up, seq));
  }

  /**
   * The urgent pointer of a segment at `seq`; 0 for none. [MUST-31] Where the mark is beyond what the field can say it
   * stands as far off as possible, and moves on with every segment (as Linux).
   */
  pointer(seq: number): number {
    return Math.min(this.ahead(seq), FARTHEST);
  }
}

import { seqDiff, seqGe, seqLe, seqLt, seqMax, seqMin } from './seq.ts';

const FIRST_CAPACITY = 8;

/**
 * Disjoint half-open ranges `[start, end)` of sequence numbers, in order: what has arrived out of order, what has been
 * acknowledged selectively. All numbers in a set lie within 2³¹ of each other, so that their order survives the wrap.
 * Ranges that touch are one. Iterate by row, without allocation:
 *
 * @example
 * for (let i = 0; i < set.count; i++) use(set.start(i), set.end(i));
 */
export class RangeSet {
  /** Number of ranges. */
  count: number = 0;
  /** Sequence numbers covered: the ranges' lengths together. */
  covered: number = 0;
  /** Calls of `add` refused because of the limit. */
  refused: number = 0;
  /** Most ranges the set will hold. */
  readonly limit: number;
  #starts: Uint32Array = new Uint32Array(FIRST_CAPACITY);
  #ends: Uint32Array = new Uint32Array(FIRST_CAPACITY);

  /** @param limit most ranges to hold. */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** Start of range `i`, `0 … count − 1`. */
  start(i: number): number {
    return this.#starts[i]!;
  }

  /** End of range `i`: the number behind its last. */
  end(i: number): number {
    return this.#ends[i]!;
  }

  /** Start of the first range; undefined when the set is empty. */
  get first(): number | undefined {
    return this.count === 0 ? undefined : this.#starts[0];
  }

  /** End of the last range; undefined when the set is empty. */
  get last(): number | undefined {
    return this.count === 0 ? undefined : this.#ends[this.count - 1];
  }

  /**
   * Adds `[start, end)` and returns how many numbers were not covered before. A range that would need a row more than
   * the limit is not added: 0 is returned, and it is counted.
   */
  add(start: number, end: number): number {
    if (!seqLt(start, end)) return 0;
    const from = this.#search(start);
    // Rows from … to − 1 touch or overlap the new range and become one with it.
    let to = from;
    let already = 0;
    while (to < this.count && seqLe(this.#starts[to]!, end)) {
      already += seqDiff(this.#ends[to]!, this.#starts[to]!);
      to++;
    }
    if (to === from) return this.#insert(from, start, end);
    const low = seqMin(start, this.#starts[from]!);
    const high = seqMax(end, this.#ends[to - 1]!);
    this.#starts[from] = low;
    this.#ends[from] = high;
    this.#remove(from + 1, to);
    const added = seqDiff(high, low) - already;
    this.covered += added;
    return added;
  }

  /** Forgets everything before `seq` and returns how many numbers that were. */
  removeBelow(seq: number): number {
    let removed = 0;
    let rows = 0;
    while (rows < this.count && seqLe(this.#ends[rows]!, seq)) {
      removed += seqDiff(this.#ends[rows]!, this.#starts[rows]!);
      rows++;
    }
    this.#remove(0, rows);
    if (this.count > 0 && seqLt(this.#starts[0]!, seq)) {
      removed += seqDiff(seq, this.#starts[0]!);
      this.#starts[0] = seq;
    }
    this.covered -= removed;
    return removed;
  }

  /** All of `[start, end)` is in the set; true for an empty range. */
  covers(start: number, end: number): boolean {
    return !seqLt(start, end) || seqGe(this.endOf(start), end);
  }

  /** End of the range that contains `seq`, or `seq` itself when none does: how far one can go on from there. */
  endOf(seq: number): number {
    const row = this.#search(seq);
    // A range that ends at `seq` gives `seq` too; the next one cannot begin there, or they would be one.
    return row === this.count || seqLt(seq, this.#starts[row]!) ? seq : this.#ends[row]!;
  }

  clear(): void {
    this.count = 0;
    this.covered = 0;
  }

  /** The first row whose end is at or behind `seq`; `count` when there is none. */
  #search(seq: number): number {
    let low = 0;
    let high = this.count;
    // Most additions are at the end, where a search by halves would look last.
    if (high > 0 && seqLt(this.#ends[high - 1]!, seq)) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (seqLt(this.#ends[middle]!, seq)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #insert(row: number, start: number, end: number): number {
    if (this.count >= this.limit) {
      this.refused++;
      return 0;
    }
    if (this.count === this.#starts.length) this.#grow();
    this.#starts.copyWithin(row + 1, row, this.count);
    this.#ends.copyWithin(row + 1, row, this.count);
    this.#starts[row] = start;
    this.#ends[row] = end;
    this.count++;
    const added = seqDiff(end, start);
    this.covered += added;
    return added;
  }

  #remove(from: number, to: number): void {
    if (to <= from) return;
    this.#starts.copyWithin(from, to, this.count);
    this.#ends.copyWithin(from, to, this.count);
    this.count -= to - from;
  }

  #grow(): void {
    const starts = new Uint32Array(this.#starts.length * 2);
    starts.set(this.#starts);
    this.#starts = starts;
    const ends = new Uint32Array(this.#ends.length * 2);
    ends.set(this.#ends);
    this.#ends = ends;
  }
}

import { copyBytes } from './copy.ts';
import type { Memory } from './memory.ts';
import { memoryOf } from './memory.ts';
import { SlabAllocator } from './slab.ts';

/** From this many bytes on a piece is handed out as a slice of a big slab, below it never: see `ReceiveMemory`. */
export const SLICE = 4096;
/** From this many bytes on an extent is handed out alone instead of being copied together with its neighbours. */
const ALONE = 16_384;
/** Extents are copied together up to this many bytes. */
const GATHER = 65_536;
const SMALL_SLAB = 8192;
/** What an extent costs beside its bytes, for the memory budget. */
const EXTENT_OVERHEAD = 64;

const NO_MEMORY = memoryOf(new Uint8Array(0));

/** Extents `first … end − 1`, oldest first: a row each in three arrays. Rows that are not used hold no memory. */
interface ExtentRows {
  first: number;
  end: number;
  readonly memories: Memory[];
  readonly offsets: number[];
  readonly lengths: number[];
}

/** What every empty queue has: nothing is ever written to it. */
const NO_ROWS: ExtentRows = { first: 0, end: 0, memories: [], offsets: [], lengths: [] };
/** Rows kept for the next queues that fill, and how long the longest of them may be. */
const MAX_SPARE_ROWS = 64;
const LONGEST_SPARE = 64;

/**
 * User memory for received bytes, shared by all connections of a stack: big slabs for bulk, small ones for what is
 * little, so that ten unread or kept bytes hold 8 KB and not a quarter of a megabyte.
 */
export class ReceiveMemory {
  readonly bulk: SlabAllocator = new SlabAllocator();
  readonly small: SlabAllocator = new SlabAllocator(SMALL_SLAB);

  readonly #spareRows: ExtentRows[] = [];

  /** Rows for a queue that is no longer empty: so that most batches allocate none. */
  takeRows(): ExtentRows {
    return this.#spareRows.pop() ?? { first: 0, end: 0, memories: [], offsets: [], lengths: [] };
  }

  /** The queue is empty again. */
  giveRows(rows: ExtentRows): void {
    if (rows.memories.length > LONGEST_SPARE || this.#spareRows.length >= MAX_SPARE_ROWS) return;
    this.#spareRows.push(rows);
  }

  /** A fresh array of `n` bytes that is the application's to keep. */
  fresh(n: number): Uint8Array {
    const slabs = n < SLICE ? this.small : this.bulk;
    slabs.allocate(n);
    return slabs.memory.bytes.subarray(slabs.offset, slabs.offset + n);
  }
}

/**
 * Bytes received in order that wait for the application. They are copied from lent memory to user memory once, or not
 * at all when the link's memory is never rewritten, and handed out as slices that are never rewritten either.
 */
export class ReceiveQueue {
  /** Bytes waiting. */
  length: number = 0;
  readonly #memory: ReceiveMemory;
  #rows: ExtentRows = NO_ROWS;

  constructor(memory: ReceiveMemory) {
    this.#memory = memory;
  }

  /** What the queue occupies, in bytes, bookkeeping included. */
  get allocated(): number {
    return this.length + (this.#rows.end - this.#rows.first) * EXTENT_OVERHEAD;
  }

  /** Appends bytes; `retained` says that their memory is never rewritten, so that they need not be copied. */
  push(memory: Memory, offset: number, length: number, retained: boolean): void {
    if (retained && length >= SLICE) return this.adopt(memory, offset, length);
    // While little waits it goes to small slabs: most such bytes are read before more come, and some for a long time not.
    const slabs = this.length + length < SLICE ? this.#memory.small : this.#memory.bulk;
    slabs.copy(memory, offset, length);
    this.adopt(slabs.memory, slabs.offset, length);
  }

  /** Appends bytes that are in user memory already (`SlabAllocator.store`), without a copy. */
  adopt(memory: Memory, offset: number, length: number): void {
    if (length === 0) return;
    this.length += length;
    const last = this.#rows.end - 1;
    if (last >= this.#rows.first && this.#rows.memories[last] === memory) {
      const end = this.#rows.offsets[last]! + this.#rows.lengths[last]!;
      if (end === offset) {
        this.#rows.lengths[last]! += length;
        return;
      }
    }
    if (this.#rows.first > 32 && this.#rows.first * 2 > this.#rows.end) this.#compact();
    if (this.#rows === NO_ROWS) this.#rows = this.#memory.takeRows();
    const { memories, offsets, lengths } = this.#rows;
    memories[this.#rows.end] = memory;
    offsets[this.#rows.end] = offset;
    lengths[this.#rows.end] = length;
    this.#rows.end++;
  }

  /**
   * Hands out the next bytes: at least one and at most `max`, undefined when none wait. Large extents come as they lie,
   * small ones copied together, so that one read mostly takes all of a batch. Read until undefined to get everything.
   */
  read(max: number = this.length): Uint8Array | undefined {
    const limit = Math.min(max, this.length);
    if (!(limit > 0)) return undefined;
    const head = this.#rows.lengths[this.#rows.first]!;
    const n = Math.min(limit, head >= ALONE ? head : this.#gatherable(limit));
    const bytes = n <= head ? this.#sliceHead(n) : this.#copy(n);
    this.#consume(n);
    return bytes;
  }

  /** A copy of the next bytes, at most `max`; consumes nothing. Undefined when none wait. */
  peek(max: number = this.length): Uint8Array | undefined {
    const n = Math.min(max, this.length);
    return n > 0 ? this.#copy(n) : undefined;
  }

  /** Forgets all bytes. */
  clear(): void {
    this.length = 0;
    this.#reset();
  }

  /** Bytes of the extents at the head that are worth copying into one array. */
  #gatherable(limit: number): number {
    let sum = this.#rows.lengths[this.#rows.first]!;
    for (let i = this.#rows.first + 1; i < this.#rows.end && sum < limit; i++) {
      const length = this.#rows.lengths[i]!;
      if (length >= ALONE || sum + length > GATHER) break;
      sum += length;
    }
    return sum;
  }

  /** The first `n` bytes, which all lie in the head extent. */
  #sliceHead(n: number): Uint8Array {
    const { bytes } = this.#rows.memories[this.#rows.first]!;
    const offset = this.#rows.offsets[this.#rows.first]!;
    // A little slice must not keep a big memory alive.
    if (n < SLICE && bytes.buffer.byteLength > SMALL_SLAB) return this.#copy(n);
    return bytes.subarray(offset, offset + n);
  }

  /** The first `n` bytes in fresh memory. */
  #copy(n: number): Uint8Array {
    const target = this.#memory.fresh(n);
    let to = 0;
    for (let i = this.#rows.first; to < n; i++) {
      const part = Math.min(n - to, this.#rows.lengths[i]!);
      copyBytes(target, to, this.#rows.memories[i]!.bytes, this.#rows.offsets[i]!, part);
      to += part;
    }
    return target;
  }

  #consume(n: number): void {
    this.length -= n;
    if (this.length === 0) return this.#reset();
    let rest = n;
    while (rest >= this.#rows.lengths[this.#rows.first]!) {
      rest -= this.#rows.lengths[this.#rows.first]!;
      this.#rows.memories[this.#rows.first] = NO_MEMORY;
      this.#rows.first++;
    }
    this.#rows.offsets[this.#rows.first]! += rest;
    this.#rows.lengths[this.#rows.first]! -= rest;
  }

  /** Gives the rows back, so that an empty queue holds no memory. */
  #reset(): void {
    const rows = this.#rows;
    for (let i = this.#rows.first; i < this.#rows.end; i++) rows.memories[i] = NO_MEMORY;
    if (rows === NO_ROWS) return;
    rows.first = rows.end = 0;
    this.#rows = NO_ROWS;
    this.#memory.giveRows(rows);
  }

  #compact(): void {
    const { memories, offsets, lengths } = this.#rows;
    memories.copyWithin(0, this.#rows.first, this.#rows.end);
    offsets.copyWithin(0, this.#rows.first, this.#rows.end);
    lengths.copyWithin(0, this.#rows.first, this.#rows.end);
    const end = this.#rows.end;
    this.#rows.end -= this.#rows.first;
    this.#rows.first = 0;
    for (let i = this.#rows.end; i < end; i++) memories[i] = NO_MEMORY;
  }
}

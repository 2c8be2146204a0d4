import { copyBytes } from './copy.ts';
import type { Memory } from './memory.ts';
import { memoryOf } from './memory.ts';
import { SlabAllocator } from './slab.ts';

/** From this many bytes on a piece is handed out as a slice of a big slab, below it never: see `ReceiveMemory`. */
const SLICE = 4096;
/** From this many bytes on an extent is handed out alone instead of being copied together with its neighbours. */
const ALONE = 16_384;
/** Extents are copied together up to this many bytes. */
const GATHER = 65_536;
const SMALL_SLAB = 8192;
/** What an extent costs beside its bytes, for the memory budget. */
const EXTENT_OVERHEAD = 64;

const NO_MEMORY = memoryOf(new Uint8Array(0));

/**
 * User memory for received bytes, shared by all connections of a stack: big slabs for bulk, small ones for what is
 * little, so that ten unread or kept bytes hold 8 KB and not a quarter of a megabyte.
 */
export class ReceiveMemory {
  readonly bulk: SlabAllocator = new SlabAllocator();
  readonly small: SlabAllocator = new SlabAllocator(SMALL_SLAB);

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
  /** Extents `#first … #end − 1`, oldest first: one row each in three arrays. */
  readonly #memories: Memory[] = [];
  readonly #offsets: number[] = [];
  readonly #lengths: number[] = [];
  #first: number = 0;
  #end: number = 0;

  constructor(memory: ReceiveMemory) {
    this.#memory = memory;
  }

  /** What the queue occupies, in bytes, bookkeeping included. */
  get allocated(): number {
    return this.length + (this.#end - this.#first) * EXTENT_OVERHEAD;
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
    const last = this.#end - 1;
    if (last >= this.#first && this.#memories[last] === memory) {
      const end = this.#offsets[last]! + this.#lengths[last]!;
      if (end === offset) {
        this.#lengths[last]! += length;
        return;
      }
    }
    if (this.#first > 32 && this.#first * 2 > this.#end) this.#compact();
    this.#memories[this.#end] = memory;
    this.#offsets[this.#end] = offset;
    this.#lengths[this.#end] = length;
    this.#end++;
  }

  /**
   * Hands out the next bytes: at least one and at most `max`, undefined when none wait. Large extents come as they lie,
   * small ones copied together, so that one read mostly takes all of a batch. Read until undefined to get everything.
   */
  read(max: number = this.length): Uint8Array | undefined {
    const limit = Math.min(max, this.length);
    if (!(limit > 0)) return undefined;
    const head = this.#lengths[this.#first]!;
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
    let sum = this.#lengths[this.#first]!;
    for (let i = this.#first + 1; i < this.#end && sum < limit; i++) {
      const length = this.#lengths[i]!;
      if (length >= ALONE || sum + length > GATHER) break;
      sum += length;
    }
    return sum;
  }

  /** The first `n` bytes, which all lie in the head extent. */
  #sliceHead(n: number): Uint8Array {
    const { bytes } = this.#memories[this.#first]!;
    const offset = this.#offsets[this.#first]!;
    // A little slice must not keep a big memory alive.
    if (n < SLICE && bytes.buffer.byteLength > SMALL_SLAB) return this.#copy(n);
    return bytes.subarray(offset, offset + n);
  }

  /** The first `n` bytes in fresh memory. */
  #copy(n: number): Uint8Array {
    const target = this.#memory.fresh(n);
    let to = 0;
    for (let i = this.#first; to < n; i++) {
      const part = Math.min(n - to, this.#lengths[i]!);
      copyBytes(target, to, this.#memories[i]!.bytes, this.#offsets[i]!, part);
      to += part;
    }
    return target;
  }

  #consume(n: number): void {
    this.length -= n;
    if (this.length === 0) return this.#reset();
    let rest = n;
    while (rest >= this.#lengths[this.#first]!) {
      rest -= this.#lengths[this.#first]!;
      this.#memories[this.#first] = NO_MEMORY;
      this.#first++;
    }
    this.#offsets[this.#first]! += rest;
    this.#lengths[this.#first]! -= rest;
  }

  /** Empties the rows so that they hold no memory; a long list is given up, a short one kept for the next batch. */
  #reset(): void {
    if (this.#end > 64) this.#memories.length = this.#offsets.length = this.#lengths.length = 0;
    else for (let i = this.#first; i < this.#end; i++) this.#memories[i] = NO_MEMORY;
    this.#first = this.#end = 0;
  }

  #compact(): void {
    this.#memories.copyWithin(0, this.#first, this.#end);
    this.#offsets.copyWithin(0, this.#first, this.#end);
    this.#lengths.copyWithin(0, this.#first, this.#end);
    const end = this.#end;
    this.#end -= this.#first;
    this.#first = 0;
    for (let i = this.#end; i < end; i++) this.#memories[i] = NO_MEMORY;
  }
}

import { hostMemory } from '../time/host.ts';
import { copyBytes } from './copy.ts';
import type { Memory } from './memory.ts';
import { memoryOf } from './memory.ts';

/** Bytes somewhere in a memory. */
export interface Extent {
  readonly memory: Memory;
  readonly offset: number;
  readonly length: number;
}

export const SLAB_SIZE: number = 0x4_0000;

const NO_MEMORY = memoryOf(new Uint8Array(0));

/**
 * Gives out user memory: ordinary collected ArrayBuffers, filled from front to back, written once and never reused.
 * A slab lives as long as anything in it is referred to. One allocator serves all connections of a stack.
 */
export class SlabAllocator {
  /** The result of the last `allocate`. */
  memory: Memory = NO_MEMORY;
  offset: number = 0;
  readonly #size: number;
  /** The slab being filled, and how far. */
  #slab: Memory = NO_MEMORY;
  #used: number = 0;

  /** @param size bytes in a slab, 256 KiB unless told. */
  constructor(size: number = SLAB_SIZE) {
    this.#size = size;
  }

  /**
   * Allocates `n` bytes, which hold whatever was there; where is told in `memory` and `offset` (no object is made). What is
   * larger than a slab gets a memory of its own. Successive allocations are adjacent as long as a slab lasts.
   */
  allocate(n: number): void {
    if (n > this.#size) {
      this.memory = memoryOf(hostMemory(n));
      this.offset = 0;
      return;
    }
    if (this.#used + n > this.#slab.bytes.length) {
      this.#slab = memoryOf(hostMemory(this.#size));
      this.#used = 0;
    }
    this.memory = this.#slab;
    this.offset = this.#used;
    this.#used += n;
  }

  /** Copies bytes into the slab: the one copy from lent to user memory. Where is told as by `allocate`. */
  copy(memory: Memory, offset: number, length: number): void {
    this.allocate(length);
    copyBytes(this.memory.bytes, this.offset, memory.bytes, offset, length);
  }

  /** The same for bytes that are kept one by one, such as TCP's out-of-order segments. */
  store(memory: Memory, offset: number, length: number): Extent {
    this.copy(memory, offset, length);
    return { memory: this.memory, offset: this.offset, length };
  }
}

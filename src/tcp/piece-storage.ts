import { copyBytes } from '../buffer/copy.ts';
import type { Memory } from '../buffer/memory.ts';
import { allocateMemory } from '../buffer/memory.ts';

/** The first slab of a storage, and the largest: each is twice as large as the one before. */
const FIRST_SLAB = 512;
const LARGEST_SLAB = 8192;
/** What a slab costs beside its bytes: the objects that it is made of, as measured with V8. */
const SLAB_OVERHEAD = 320;

/** Memory that holds pieces; its bytes are written once. */
export interface Slab {
  readonly memory: Memory;
  /** Bytes filled, from the front. */
  used: number;
  /** Pieces that are kept in it. */
  pieces: number;
}

/**
 * Memory for the pieces of one connection, so that what they hold can be counted: a slab, however little of it is still
 * needed, is held until its last piece has gone. A storage of few bytes has small slabs.
 */
export class PieceStorage {
  /** Bytes of all slabs that are held, with what these cost beside. */
  allocated: number = 0;
  /** Where in its slab the piece begins that was kept last. */
  offset: number = 0;
  /** The slab being filled. */
  #slab: Slab | undefined = undefined;
  #next: number = FIRST_SLAB;

  /** What `keep` would add to `allocated`. */
  cost(length: number): number {
    const slab = this.#slab;
    const fits = slab !== undefined && slab.used + length <= slab.memory.bytes.length;
    return fits ? 0 : Math.max(length, this.#next) + SLAB_OVERHEAD;
  }

  /** Copies bytes in; the slab gets one more piece, at `offset`. */
  keep(memory: Memory, offset: number, length: number): Slab {
    let slab = this.#slab;
    if (slab === undefined || slab.used + length > slab.memory.bytes.length) slab = this.#open(length);
    this.offset = slab.used;
    copyBytes(slab.memory.bytes, slab.used, memory.bytes, offset, length);
    slab.used += length;
    slab.pieces++;
    return slab;
  }

  /** A piece has gone, or has become a part of the one before it in the slab. */
  release(slab: Slab): void {
    slab.pieces--;
    if (slab.pieces === 0 && slab !== this.#slab) this.allocated -= costOf(slab);
  }

  /** All pieces have gone. */
  clear(): void {
    this.allocated = 0;
    this.#slab = undefined;
    this.#next = FIRST_SLAB;
  }

  #open(length: number): Slab {
    const last = this.#slab;
    if (last?.pieces === 0) this.allocated -= costOf(last);
    const slab: Slab = { memory: allocateMemory(Math.max(length, this.#next)), used: 0, pieces: 0 };
    this.#next = Math.min(2 * this.#next, LARGEST_SLAB);
    this.allocated += costOf(slab);
    this.#slab = slab;
    return slab;
  }
}

function costOf({ memory }: Slab): number {
  return memory.bytes.length + SLAB_OVERHEAD;
}

import type { Memory } from './memory.ts';
import { allocateStackMemory } from './stack-memory.ts';
import { WIDE } from './wide.ts';

/** A piece of stack memory that a byte queue holds. */
export interface Chunk {
  readonly memory: Memory;
  /** Those of `memory`. */
  readonly bytes: Uint8Array;
  /** Stream position of the first byte, set by the queue that holds the chunk. */
  base: number;
}

/** The chunks of a byte queue that is not empty. */
export interface ChunkList {
  /** Oldest first; each begins where the one before it ends. */
  readonly chunks: Chunk[];
  /** Stream position of the first byte: counts on from chunk to chunk, starts over when the queue empties. */
  head: number;
  /** Index of the chunk that was read last: the next read mostly is there or right behind. */
  cursor: number;
  /** Bytes of the chunks. */
  allocated: number;
}

/** Sizes a chunk can have: small queues hold small chunks. */
const SIZES = [2048, 4096, 16_384, 65_536] as const;

/** Empty lists kept for reuse. */
const MAX_LISTS = 64;

/** The size of chunk for a queue that holds `bytes` bytes: the part that is in use of its first and last counts little. */
function sizeClass(bytes: number): number {
  if (bytes <= SIZES[1]) return bytes <= SIZES[0] ? 0 : 1;
  return bytes <= SIZES[3] ? 2 : 3;
}

function newChunk(size: number): Chunk {
  const memory = allocateStackMemory(size);
  return { memory, bytes: memory.bytes, base: WIDE };
}

export interface ChunkPoolOptions {
  /** Bytes of returned chunks kept for reuse; beyond it they go to the collector. Default 4 MiB. */
  keep?: number;
}

/** Reused memory for the send queues of all connections of a stack, so that an idle connection holds none. */
export class ChunkPool {
  /** Bytes of chunks in use. */
  allocated: number = 0;
  /** Bytes of chunks kept for reuse. */
  idle: number = 0;
  readonly #keep: number;
  readonly #free: readonly Chunk[][] = SIZES.map(() => []);
  /** Empty lists for the queues that will need one. */
  readonly #lists: ChunkList[] = [];

  constructor(options: ChunkPoolOptions = {}) {
    this.#keep = options.keep ?? 0x40_0000;
  }

  /** A chunk fit for a queue that holds `bytes` bytes (2, 4, 16 or 64 KiB). It contains whatever was there. */
  take(bytes: number): Chunk {
    const size = sizeClass(bytes);
    let chunk = this.#free[size]!.pop();
    if (chunk === undefined) chunk = newChunk(SIZES[size]!);
    else this.idle -= chunk.bytes.length;
    this.allocated += chunk.bytes.length;
    return chunk;
  }

  /** An empty list for the chunks of a queue. */
  takeList(): ChunkList {
    return this.#lists.pop() ?? { chunks: [], head: WIDE, cursor: 0, allocated: 0 };
  }

  /** Takes an empty list back. */
  giveList(list: ChunkList): void {
    if (this.#lists.length < MAX_LISTS) this.#lists.push(list);
  }

  /** Takes back a chunk that nobody refers to any more. */
  give(chunk: Chunk): void {
    const { length } = chunk.bytes;
    this.allocated -= length;
    if (this.allocated < 0) throw new Error('a chunk was given back twice');
    if (this.idle + length > this.#keep) return;
    this.idle += length;
    this.#free[SIZES.indexOf(length as (typeof SIZES)[number])]!.push(chunk);
  }
}

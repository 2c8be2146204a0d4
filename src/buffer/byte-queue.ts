import type { Chunk, ChunkList, ChunkPool } from './chunk-pool.ts';
import { copyBytes } from './copy.ts';
import type { Memory } from './memory.ts';
import { copyMemory, copySumMemory, sumMemory } from './stack-memory.ts';
import { WIDE } from './wide.ts';

/** The list of every empty queue: nothing is ever put into it. */
const NONE: ChunkList = { chunks: [], head: WIDE, cursor: 0, allocated: 0 };

/**
 * Bytes that wait in order, readable at any position until they are dropped from the head: TCP's send queue, where the
 * head is `snd.una`. Bytes are copied in once, into chunks from a pool; an empty queue holds neither chunk nor list.
 *
 * @example
 * const queue = new ByteQueue(pool);
 * queue.append(bytes);
 * queue.copyTo(0, 1460, packet.memory, packet.start);
 * queue.drop(1460);
 */
export class ByteQueue {
  /** Bytes in the queue. */
  length: number = 0;
  readonly #pool: ChunkPool;
  #list: ChunkList = NONE;

  constructor(pool: ChunkPool) {
    this.#pool = pool;
  }

  /** Bytes of chunks held. */
  get allocated(): number {
    return this.#list.allocated;
  }

  /** Copies bytes in at the tail: `length` bytes of `bytes` from `offset` on, all of them unless told. */
  append(bytes: Uint8Array, offset: number = 0, length: number = bytes.length - offset): void {
    if (offset < 0 || length < 0 || offset + length > bytes.length) {
      throw new Error(`append of ${length} bytes at ${offset} of ${bytes.length}`);
    }
    const end = offset + length;
    let from = offset;
    while (from < end) {
      const tail = this.#list.head + this.length;
      let chunk = this.#list.chunks[this.#list.chunks.length - 1];
      if (chunk === undefined || tail === chunk.base + chunk.bytes.length) chunk = this.#addChunk(tail, end - from);
      const at = tail - chunk.base;
      const n = Math.min(end - from, chunk.bytes.length - at);
      copyBytes(chunk.bytes, at, bytes, from, n);
      from += n;
      this.length += n;
    }
  }

  /** Copies `length` bytes from `position` (counted from the head) to `target`; consumes nothing. */
  copyTo(position: number, length: number, target: Memory, targetOffset: number): void {
    this.#check('copyTo', position, length);
    let from = this.#list.head + position;
    let to = targetOffset;
    const end = targetOffset + length;
    while (to < end) {
      const chunk = this.#find(from);
      const at = from - chunk.base;
      const n = Math.min(end - to, chunk.bytes.length - at);
      copyMemory(target, to, chunk.memory, at, n);
      from += n;
      to += n;
    }
  }

  /** The same, and returns `sum` with the copied bytes' (`checksumAdd`). */
  copySumTo(sum: number, position: number, length: number, target: Memory, targetOffset: number): number {
    this.#check('copySumTo', position, length);
    if (length === 0) return sum;
    const first = this.#list.head + position;
    const chunk = this.#find(first);
    const at = first - chunk.base;
    if (at + length <= chunk.bytes.length) return copySumMemory(sum, target, targetOffset, chunk.memory, at, length);
    // Over the border of two chunks, which may be at an odd place: seldom.
    this.copyTo(position, length, target, targetOffset);
    return sumMemory(sum, target, targetOffset, length);
  }

  #check(what: string, position: number, length: number): void {
    if (position >= 0 && length >= 0 && position + length <= this.length) return;
    throw new Error(`${what} of ${length} bytes at ${position} of ${this.length}`);
  }

  /** Consumes `n` bytes from the head. */
  drop(n: number): void {
    if (n < 0 || n > this.length) throw new Error(`drop of ${n} bytes of ${this.length}`);
    if (n === this.length) return this.clear();
    this.#list.head += n;
    this.length -= n;
    let first = this.#list.chunks[0]!;
    while (first.base + first.bytes.length <= this.#list.head) {
      this.#list.chunks.shift();
      if (this.#list.cursor > 0) this.#list.cursor--;
      this.#release(first);
      first = this.#list.chunks[0]!;
    }
  }

  /** Forgets everything and gives all memory back. */
  clear(): void {
    this.length = 0;
    const list = this.#list;
    if (list === NONE) return;
    for (let chunk = list.chunks.pop(); chunk !== undefined; chunk = list.chunks.pop()) this.#release(chunk);
    list.head = 0;
    list.cursor = 0;
    this.#list = NONE;
    this.#pool.giveList(list);
  }

  #addChunk(base: number, more: number): Chunk {
    const chunk = this.#pool.take(this.length + more);
    chunk.base = base;
    if (this.#list === NONE) this.#list = this.#pool.takeList();
    this.#list.chunks.push(chunk);
    this.#list.allocated += chunk.bytes.length;
    return chunk;
  }

  #release(chunk: Chunk): void {
    this.#list.allocated -= chunk.bytes.length;
    this.#pool.give(chunk);
  }

  /** The chunk that holds stream position `position`: the one read last, the one behind it, else by bisection. */
  #find(position: number): Chunk {
    const chunks = this.#list.chunks;
    let low = this.#list.cursor;
    let chunk = chunks[low]!;
    if (position >= chunk.base) {
      if (position < chunk.base + chunk.bytes.length) return chunk;
      low++;
      chunk = chunks[low]!;
      if (position < chunk.base + chunk.bytes.length) {
        this.#list.cursor = low;
        return chunk;
      }
    } else {
      low = 0;
    }
    let high = chunks.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (chunks[middle]!.base <= position) low = middle;
      else high = middle;
    }
    this.#list.cursor = low;
    return chunks[low]!;
  }
}

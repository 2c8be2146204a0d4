import type { Memory } from './memory.ts';
import { memoryOf } from './memory.ts';

/**
 * What is known of a packet's transport checksum.
 *
 * `none`: the bytes carry a checksum that nobody has verified. `valid`: the link vouches for the payload, the bytes
 * carry a correct checksum or need none. `partial`: the checksum field holds only the pseudo-header's sum (as
 * hardware offload leaves it); the payload is vouched for, and whoever puts the bytes on a real wire completes it.
 */
export const Checksum = { none: 0, valid: 1, partial: 2 } as const;
export type ChecksumMark = (typeof Checksum)[keyof typeof Checksum];

const FIRST_CAPACITY = 64;
const NO_MEMORY = memoryOf(new Uint8Array(0));

/**
 * Packets that travel together: a structure of arrays, one row a packet, that allocates nothing once it has grown.
 *
 * The bytes are *lent* for the duration of the call that passes the batch: whoever keeps them copies, unless
 * `retained` says that the memory is never rewritten.
 */
export class Batch {
  /** Number of packets; rows `0 … count − 1` are in use. */
  count: number = 0;
  /** The memory of all these packets is never rewritten: slices of it may be kept without a copy. */
  retained: boolean = false;
  /** The memory that holds packet `i`. */
  readonly memory: Memory[] = [];
  /** Where packet `i` begins in its memory, in bytes. */
  offset: Int32Array = new Int32Array(FIRST_CAPACITY);
  /** Length of packet `i`, headers included, in bytes. */
  length: Int32Array = new Int32Array(FIRST_CAPACITY);
  /** A `ChecksumMark` for packet `i`. */
  checksum: Uint8Array = new Uint8Array(FIRST_CAPACITY);
  /** Payload bytes of each segment that super-segment `i` stands for; 0 for an ordinary packet. */
  segmentSize: Uint16Array = new Uint16Array(FIRST_CAPACITY);

  /** Appends a packet. `checksum` is a `ChecksumMark`, such as another batch has it. */
  push(
    memory: Memory,
    offset: number,
    length: number,
    checksum: number = Checksum.none,
    segmentSize: number = 0,
  ): void {
    const row = this.count;
    if (row === this.offset.length) this.#grow();
    this.memory[row] = memory;
    this.offset[row] = offset;
    this.length[row] = length;
    this.checksum[row] = checksum;
    this.segmentSize[row] = segmentSize;
    this.count = row + 1;
  }

  /** Appends packet `row` of another batch: the bytes stay where they are, lent as they were. */
  append(other: Batch, row: number): void {
    if (row < 0 || row >= other.count) throw new RangeError(`packet ${row} is outside a batch of ${other.count}`);
    const { memory, offset, length, checksum, segmentSize } = other;
    this.push(memory[row]!, offset[row]!, length[row]!, checksum[row], segmentSize[row]);
  }

  /** Forgets all packets; keeps the capacity. */
  clear(): void {
    // Overwritten, not cut off: the array keeps its capacity, the packets' memory is let go.
    this.#letGo(0);
    this.count = 0;
  }

  /** Forgets the first `n` packets, as after a partial send. */
  drop(n: number): void {
    if (n <= 0) return;
    if (n >= this.count) return this.clear();
    this.memory.copyWithin(0, n, this.count);
    this.#letGo(this.count - n);
    this.offset.copyWithin(0, n, this.count);
    this.length.copyWithin(0, n, this.count);
    this.checksum.copyWithin(0, n, this.count);
    this.segmentSize.copyWithin(0, n, this.count);
    this.count -= n;
  }

  /** The memory of the packets from `row` on. A loop: `fill` is a call out of compiled code, dear for the few rows there are. */
  #letGo(row: number): void {
    const { memory, count } = this;
    for (let i = row; i < count; i++) memory[i] = NO_MEMORY;
  }

  /** Packet `i` as bytes: a new view, for links, tests and tools off the hot path. */
  packet(i: number): Uint8Array {
    if (i < 0 || i >= this.count) throw new RangeError(`packet ${i} is outside a batch of ${this.count}`);
    const offset = this.offset[i]!;
    return this.memory[i]!.bytes.subarray(offset, offset + this.length[i]!);
  }

  /** The packets as bytes, first to last; views made one by one. */
  *[Symbol.iterator](): IterableIterator<Uint8Array> {
    for (let i = 0; i < this.count; i++) yield this.packet(i);
  }

  #grow(): void {
    const capacity = this.offset.length * 2;
    const offset = new Int32Array(capacity);
    offset.set(this.offset);
    this.offset = offset;
    const length = new Int32Array(capacity);
    length.set(this.length);
    this.length = length;
    const checksum = new Uint8Array(capacity);
    checksum.set(this.checksum);
    this.checksum = checksum;
    const segmentSize = new Uint16Array(capacity);
    segmentSize.set(this.segmentSize);
    this.segmentSize = segmentSize;
  }
}

/**
 * A batch of ordinary packets.
 *
 * @example
 * host.receive(batchOf([packet]));
 */
export function batchOf(packets: Iterable<Uint8Array>): Batch {
  const batch = new Batch();
  for (const bytes of packets) batch.push(memoryOf(bytes), 0, bytes.byteLength);
  return batch;
}

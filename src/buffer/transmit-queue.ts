import { usageError } from '../errors.ts';
import { Batch, Checksum } from './batch.ts';
import type { Memory } from './memory.ts';
import { HEADROOM, Packet } from './packet.ts';
import { allocateStackMemory } from './stack-memory.ts';

/** The largest payload that can be reserved: an IP packet's 65,535 bytes and room to spare. */
const LARGEST_PAYLOAD = 0x1_0000;
const SMALLEST_CHUNK = HEADROOM + LARGEST_PAYLOAD;

/** Reservations of all queues are counted together, so that no number means two packets. */
let nextReservation = 1;

export interface TransmitQueueOptions {
  /** Bytes of memory that waiting packets may occupy, headroom included. Default 1 MiB. */
  limit?: number;
  /** Size of the pieces the memory comes in, in bytes, at least 65,664. Default 256 KiB. */
  chunk?: number;
}

/**
 * The outgoing packets of one interface, in the memory they are built in.
 *
 * Packets are taken in the order they were committed, so the memory is a ring of chunks: what lies before the oldest
 * packet is free. When the queue empties, building starts again at the first chunk, which is still in the cache.
 *
 * @example
 * const packet = queue.reserve(payload.length);
 * if (packet !== undefined) {
 *   packet.memory.bytes.set(payload, packet.start);
 *   queue.commit();
 *   queue.taken(link.send(queue.batch));
 * }
 */
export class TransmitQueue {
  /** Committed packets that the link has not taken, oldest first. Only for `link.send` and for reading. */
  readonly batch: Batch = new Batch();
  readonly limit: number;
  /** Bytes of memory that the packets in `batch` occupy, headroom included. */
  bytes: number = 0;
  /** Reservations refused because the limit was reached. */
  refused: number = 0;
  /** The number of the reservation that was made last. */
  reservation: number = 0;

  readonly #chunkSize: number;
  /** A ring of chunks; `#head` holds the oldest packet, `#tail` is being filled. */
  readonly #chunks: Memory[];
  #head: number = 0;
  #tail: number = 0;
  /** Offset behind the last packet taken from the head chunk, and behind the last one committed to the tail chunk. */
  #headEnd: number = 0;
  #tailEnd: number = 0;

  readonly #packet: Packet;
  /** The slot of the reservation under way; `#slotEnd` is 0 when there is none. */
  #slotStart: number = 0;
  #slotEnd: number = 0;
  /** The reservation of the last packet in `batch`, while nothing was taken since. */
  #last: number = 0;

  constructor(options: TransmitQueueOptions = {}) {
    const { limit = 0x10_0000, chunk = 0x4_0000 } = options;
    if (!(limit > 0)) throw usageError('ERR_OUT_OF_RANGE', 'limit must be a positive number of bytes', RangeError);
    if (!(chunk >= SMALLEST_CHUNK)) {
      throw usageError('ERR_OUT_OF_RANGE', `chunk must be at least ${SMALLEST_CHUNK} bytes`, RangeError);
    }
    this.limit = limit;
    this.#chunkSize = chunk;
    this.#chunks = [allocateStackMemory(chunk)];
    this.#packet = new Packet(this.#chunks[0]!);
  }

  get empty(): boolean {
    return this.batch.count === 0;
  }

  /**
   * Whether there is room for so many packets with `payloadLength` bytes in all, counted where there is none: for those
   * that go together or not at all.
   */
  admits(payloadLength: number, packets: number): boolean {
    if (this.bytes + packets * HEADROOM + payloadLength <= this.limit || this.bytes === 0) return true;
    this.refused++;
    return false;
  }

  /**
   * Begins a packet: `[start, end)` is room for `payloadLength` bytes, with `HEADROOM` bytes in front of it. The bytes
   * hold whatever was there. Returns undefined, and counts it, when the limit is reached. The object is the same every
   * time and valid until `commit` or `cancel`, one of which must follow.
   *
   * @param admitted it is one of those that `admits` has said yes to
   */
  reserve(payloadLength: number, admitted: boolean = false): Packet | undefined {
    if (this.#slotEnd !== 0) throw new Error('reserve before the last packet was committed or cancelled');
    this.reservation = nextReservation++;
    if (payloadLength > LARGEST_PAYLOAD) throw new Error(`a packet of ${payloadLength} bytes cannot be reserved`);
    const size = HEADROOM + payloadLength;
    // A queue that is empty takes a packet whatever its limit: otherwise the packet could never go.
    if (this.bytes + size > this.limit && this.bytes > 0 && !admitted) {
      this.refused++;
      return undefined;
    }
    if (this.#tailEnd + size > this.#chunkSize) this.#nextChunk();
    const packet = this.#packet;
    this.#slotStart = this.#tailEnd;
    this.#slotEnd = this.#tailEnd + size;
    packet.memory = this.#chunks[this.#tail]!;
    packet.start = this.#slotStart + HEADROOM;
    packet.end = this.#slotEnd;
    packet.checksum = Checksum.none;
    packet.segmentSize = 0;
    return packet;
  }

  /** Appends the packet under construction to `batch`. */
  commit(): void {
    const packet = this.#packet;
    if (this.#slotEnd === 0) throw new Error('commit without a reserved packet');
    if (packet.start < this.#slotStart || packet.end > this.#slotEnd || packet.start > packet.end) {
      throw new Error(`packet ${packet.start}…${packet.end} left its slot ${this.#slotStart}…${this.#slotEnd}`);
    }
    this.batch.push(packet.memory, packet.start, packet.length, packet.checksum, packet.segmentSize);
    this.bytes += packet.end - this.#tailEnd;
    this.#tailEnd = packet.end;
    this.#slotEnd = 0;
    this.#last = this.reservation;
  }

  /**
   * Makes the packet of this reservation a super-segment, or one that is longer by `length` bytes. Returns `[start, end)`, room for
   * these; nothing when it is not, or not any more, the last in `batch`, or there is no room.
   *
   * @param segmentSize bytes of payload of each segment
   */
  extend(reservation: number, length: number, segmentSize: number): Packet | undefined {
    if (reservation !== this.#last || reservation !== this.reservation) return undefined;
    if (this.#tailEnd + length > this.#chunkSize || this.bytes + length > this.limit) return undefined;
    const { batch } = this;
    const packet = this.#packet;
    const row = batch.count - 1;
    batch.length[row]! += length;
    batch.segmentSize[row] = segmentSize;
    this.bytes += length;
    packet.memory = batch.memory[row]!;
    packet.start = this.#tailEnd;
    this.#tailEnd += length;
    packet.end = this.#tailEnd;
    return packet;
  }

  /** Gives up the packet under construction; harmless when there is none. */
  cancel(): void {
    this.#slotEnd = 0;
  }

  /** The link took the first `n` packets of `batch`: forgets them and frees their memory. */
  taken(n: number): void {
    const { batch } = this;
    if (n < 0 || n > batch.count) throw new Error(`${n} packets taken of ${batch.count}`);
    this.#last = 0;
    if (n === batch.count && this.#slotEnd === 0) return this.clear();
    for (let row = 0; row < n; row++) {
      if (batch.memory[row] !== this.#chunks[this.#head]) {
        this.#head = this.#after(this.#head);
        this.#headEnd = 0;
      }
      const end = batch.offset[row]! + batch.length[row]!;
      this.bytes -= end - this.#headEnd;
      this.#headEnd = end;
    }
    batch.drop(n);
  }

  /** Forgets all committed packets, as when the link has gone. */
  clear(): void {
    this.batch.clear();
    this.#last = 0;
    this.bytes = 0;
    this.#slotEnd = 0;
    this.#head = this.#tail = 0;
    this.#headEnd = this.#tailEnd = 0;
  }

  #after(index: number): number {
    return index + 1 === this.#chunks.length ? 0 : index + 1;
  }

  /** Moves filling on to a free chunk, a new one when the ring has none. */
  #nextChunk(): void {
    let next = this.#after(this.#tail);
    if (next === this.#head) {
      next = this.#tail + 1;
      this.#chunks.splice(next, 0, allocateStackMemory(this.#chunkSize));
      if (this.#head >= next) this.#head++;
    }
    this.#tail = next;
    this.#tailEnd = 0;
  }
}

import { copyBytes } from '../buffer/copy.ts';
import type { Memory } from '../buffer/memory.ts';
import { allocateMemory, memoryOf } from '../buffer/memory.ts';

/** How packets stand in a stream of bytes: each behind its length. */
export interface LengthFraming {
  /** Bytes of the length. QEMU's `-netdev stream` and `-netdev socket` have 4, gvproxy's `vfkit` and vpnkit 2. */
  lengthBytes: 2 | 4;
  /** The length's lowest byte comes first, as vpnkit has it. Default false: network byte order. */
  littleEndian?: boolean;
  /** The longest packet that the other side may announce, in bytes. Default: what the medium can have at all. */
  maximum?: number;
}

const NO_MEMORY = allocateMemory(0);

/**
 * Finds packets in a stream of bytes, cut anywhere. A packet that lies whole in a chunk stays where it is; one that does
 * not is put together in memory of its own, which is allocated as its bytes come: an announced length alone costs
 * nothing.
 */
export class FrameReader {
  /** Where the packet of the last `next()` is: memory that is never rewritten, if the chunks are not. */
  memory: Memory = NO_MEMORY;
  offset: number = 0;
  length: number = 0;
  /** Why the stream makes no sense from here on; nothing comes any more. */
  failure: string | undefined;
  readonly #lengthBytes: number;
  readonly #littleEndian: boolean;
  readonly #maximum: number;
  #chunk: Memory = NO_MEMORY;
  #at: number = 0;
  /** Bytes of the length that have come, and what they say so far. */
  #lengthSeen: number = 0;
  #announced: number = 0;
  /** The front of a packet that began in an earlier chunk. */
  #front: Memory = NO_MEMORY;
  #frontLength: number = 0;

  constructor({ lengthBytes, littleEndian = false }: LengthFraming, maximum: number) {
    this.#lengthBytes = lengthBytes;
    this.#littleEndian = littleEndian;
    this.#maximum = maximum;
  }

  /** The stream may end here: no packet has begun that is not whole. */
  get between(): boolean {
    return this.#lengthSeen === 0 && this.#at === this.#chunk.bytes.length;
  }

  /** Bytes of memory that it holds for a packet that is not whole. */
  get held(): number {
    return this.#front.bytes.length;
  }

  /** The next bytes of the stream. */
  give(bytes: Uint8Array): void {
    const left = this.#chunk.bytes.length - this.#at;
    if (left > 0) {
      // A stream that goes on though it was told to pause.
      const both = allocateMemory(left + bytes.length);
      both.bytes.set(this.#chunk.bytes.subarray(this.#at));
      both.bytes.set(bytes, left);
      this.#chunk = both;
    } else {
      this.#chunk = memoryOf(bytes);
    }
    this.#at = 0;
  }

  /** Goes to the next packet: false when it is not whole yet, or there is a `failure`. */
  next(): boolean {
    if (this.failure !== undefined || !this.#readLength()) return false;
    const chunk = this.#chunk;
    const there = chunk.bytes.length - this.#at;
    const missing = this.#announced - this.#frontLength;
    if (there < missing) {
      this.#keepFront(there);
      return false;
    }
    if (this.#frontLength === 0) {
      this.memory = chunk;
      this.offset = this.#at;
      this.#at += missing;
    } else {
      this.#keepFront(missing);
      this.memory = this.#front;
      this.offset = 0;
      this.#front = NO_MEMORY;
      this.#frontLength = 0;
    }
    this.length = this.#announced;
    this.#lengthSeen = 0;
    this.#announced = 0;
    if (this.#at === this.#chunk.bytes.length) this.#forget();
    return true;
  }

  /** True when the length is known and in order. */
  #readLength(): boolean {
    const { bytes } = this.#chunk;
    while (this.#lengthSeen < this.#lengthBytes) {
      if (this.#at === bytes.length) {
        this.#forget();
        return false;
      }
      const byte = bytes[this.#at++]!;
      const announced = this.#announced;
      const sum = this.#littleEndian ? announced | (byte << (8 * this.#lengthSeen)) : (announced << 8) | byte;
      this.#announced = sum >>> 0;
      if (++this.#lengthSeen === this.#lengthBytes) this.#checkLength();
    }
    return this.failure === undefined;
  }

  #checkLength(): void {
    if (this.#announced > 0 && this.#announced <= this.#maximum) return;
    this.failure = `a packet of ${this.#announced} bytes is announced, of 1 to ${this.#maximum} possible: is the framing right?`;
    this.#forget();
  }

  /** Moves the next `n` bytes to the front of a packet. */
  #keepFront(n: number): void {
    const { bytes } = this.#chunk;
    const length = this.#frontLength + n;
    if (length > this.#front.bytes.length) {
      // Doubled: many small chunks shall not copy the packet again and again.
      const grown = allocateMemory(Math.min(Math.max(2 * length, 2048), this.#announced));
      copyBytes(grown.bytes, 0, this.#front.bytes, 0, this.#frontLength);
      this.#front = grown;
    }
    copyBytes(this.#front.bytes, this.#frontLength, bytes, this.#at, n);
    this.#frontLength = length;
    this.#at += n;
    if (this.#at === bytes.length) this.#forget();
  }

  /** The chunk is used up. */
  #forget(): void {
    this.#chunk = NO_MEMORY;
    this.#at = 0;
  }
}

/** Writes a packet's length at `at`; returns where the packet begins. */
export function writeLength(view: DataView, at: number, length: number, framing: LengthFraming): number {
  const { lengthBytes, littleEndian = false } = framing;
  if (lengthBytes === 2) view.setUint16(at, length, littleEndian);
  else view.setUint32(at, length, littleEndian);
  return at + lengthBytes;
}

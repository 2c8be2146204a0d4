import { Batch, Checksum } from '../buffer/batch.ts';
import type { Counters } from '../buffer/counters.ts';
import type { Memory } from '../buffer/memory.ts';
import { SlabAllocator } from '../buffer/slab.ts';
import { allocateStackMemory, copyMemory } from '../buffer/stack-memory.ts';
import { requireType, usageError } from '../errors.ts';
import type { Link, LinkHost } from './link.ts';

/** How much an in-memory link holds; beyond it `send` takes less than all. */
export interface LaneLimits {
  /** Packets. Default 4096. */
  queue?: number;
  /** Bytes; one packet is always taken. Default 1 MiB. */
  queueBytes?: number;
}

/**
 * Checks them, and fills in the defaults.
 *
 * @throws ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE
 */
export function checkLimits({ queue = 4096, queueBytes = 0x10_0000 }: LaneLimits): Required<LaneLimits> {
  requireType('queue', queue, 'number');
  requireType('queueBytes', queueBytes, 'number');
  if (queue >= 1 && queueBytes >= 1) return { queue, queueBytes };
  throw usageError('ERR_OUT_OF_RANGE', 'queue and queueBytes must be at least 1', RangeError);
}

/** Why a link in memory dropped a packet that it took. */
export type MemoryDrop = 'down' | 'too-big' | 'partial-checksum' | 'super-segment';

/** A link in memory, or one end of it. */
export interface MemoryLink extends Link {
  /** Packets sent into it and dropped, by `MemoryDrop`. */
  readonly dropped: Counters;
}

/** Who puts packets into a lane, as far as the lane knows: it is told when there is room again. */
export type LaneSender = Pick<LinkHost, 'clock' | 'writable'>;
/** Who gets the packets of a lane. */
export type LaneReceiver = Pick<LinkHost, 'clock' | 'receive'>;

/** From this many bytes on a packet is worth keeping without a copy: others are copied by whoever keeps them. */
const LARGE = 4096;
const ARENA_PIECE = 0x1_0000;
/** Not even a packet of no bytes fits behind it. */
const FULL = ARENA_PIECE + 1;

/** Packets on their way, and memory of the lane's own that the small ones lie in: it is written anew for each batch. */
class Delivery {
  readonly batch: Batch = new Batch();
  bytes: number = 0;
  readonly #arena: Memory[] = [];
  /** How many pieces of the arena are in use, and how much of the last. */
  #pieces: number = 0;
  #used: number = FULL;

  /** Copies a packet of at most `LARGE` bytes to the arena. */
  copy(memory: Memory, offset: number, length: number, checksum: number, segmentSize: number): void {
    if (this.#used + length > ARENA_PIECE) {
      if (this.#pieces === this.#arena.length) this.#arena.push(allocateStackMemory(ARENA_PIECE));
      this.#pieces++;
      this.#used = 0;
    }
    const place = this.#arena[this.#pieces - 1]!;
    copyMemory(place, this.#used, memory, offset, length);
    this.batch.push(place, this.#used, length, checksum, segmentSize);
    this.#used += length;
  }

  clear(): void {
    this.batch.clear();
    this.bytes = 0;
    this.#pieces = 0;
    this.#used = FULL;
  }
}

/**
 * One direction of a link in memory. Sent bytes are copied once, and delivered as one batch from the receiver's clock: never from
 * inside `send`. Where the first packet of a batch is large, its memory is never rewritten. No object is made per packet.
 */
export class Lane {
  /** Who is told that there is room again; undefined when it doesn't want to know any more. */
  sender: LaneSender | undefined;
  /** Who gets the packets; undefined before it is open and after it was closed. */
  receiver: LaneReceiver | undefined;
  readonly #limit: number;
  readonly #limitBytes: number;
  readonly #slabs: SlabAllocator = new SlabAllocator();
  #filling: Delivery = new Delivery();
  #delivering: Delivery = new Delivery();
  #scheduled: boolean = false;
  #blocked: boolean = false;

  constructor(limits: LaneLimits) {
    const { queue, queueBytes } = checkLimits(limits);
    this.#limit = queue;
    this.#limitBytes = queueBytes;
  }

  /** Takes packet `row` of `batch`, with this checksum mark; false when the lane is full, and then the sender will be told of room. */
  put(batch: Batch, row: number, checksum: number): boolean {
    const length = batch.length[row]!;
    if (!this.#fits(length)) {
      this.#blocked = true;
      return false;
    }
    this.#add(batch.memory[row]!, batch.offset[row]!, length, checksum, batch.segmentSize[row]!);
    return true;
  }

  /** There is room for another packet; if not, the sender will be told when there is. */
  get hasRoom(): boolean {
    if (this.#fits(1)) return true;
    this.#blocked = true;
    return false;
  }

  /** Takes a packet that stands in no batch, from memory that is never rewritten: `hasRoom` was asked before. */
  keep(memory: Memory, offset: number, length: number, checksum: number = Checksum.none): void {
    const { batch } = this.#begin(true);
    batch.push(memory, offset, length, checksum, 0);
    this.#added(length);
  }

  /** The same from memory that is lent for the call. */
  copy(memory: Memory, offset: number, length: number, checksum: number): void {
    this.#add(memory, offset, length, checksum, 0);
  }

  /** The receiver has closed: what is under way is lost, and a waiting sender need not wait any longer. */
  cut(): void {
    this.receiver = undefined;
    this.#filling.clear();
    this.#unblock();
  }

  #fits(length: number): boolean {
    const { batch, bytes } = this.#filling;
    return batch.count === 0 || (batch.count < this.#limit && bytes + length <= this.#limitBytes);
  }

  #add(memory: Memory, offset: number, length: number, checksum: number, segmentSize: number): void {
    const filling = this.#begin(length >= LARGE);
    const { batch } = filling;
    if (batch.retained || length >= LARGE) {
      const slabs = this.#slabs;
      slabs.copy(memory, offset, length);
      batch.push(slabs.memory, slabs.offset, length, checksum, segmentSize);
    } else {
      filling.copy(memory, offset, length, checksum, segmentSize);
    }
    this.#added(length);
  }

  /** @param retained of the first packet, whether its memory is never rewritten: it decides for the batch. */
  #begin(retained: boolean): Delivery {
    const filling = this.#filling;
    if (filling.batch.count === 0) filling.batch.retained = retained;
    return filling;
  }

  #added(length: number): void {
    this.#filling.bytes += length;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.receiver === undefined) return;
    this.#scheduled = true;
    this.receiver.clock.defer(this.#deliver);
  }

  readonly #deliver = (): void => {
    this.#scheduled = false;
    const delivered = this.#filling;
    if (delivered.batch.count === 0) return;
    this.#filling = this.#delivering;
    this.#delivering = delivered;
    this.#unblock();
    try {
      this.receiver?.receive(delivered.batch);
    } finally {
      delivered.clear();
    }
  };

  #unblock(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.sender?.clock.defer(this.#tellWritable);
  }

  readonly #tellWritable = (): void => {
    this.sender?.writable();
  };
}

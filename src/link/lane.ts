import { Batch, Checksum } from '../buffer/batch.ts';
import type { Counters } from '../buffer/counters.ts';
import type { Memory } from '../buffer/memory.ts';
import { SlabAllocator } from '../buffer/slab.ts';
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

/**
 * One direction of a link in memory. Sent bytes are copied once, into memory that is never rewritten, and delivered as
 * one retained batch from the receiver's clock: never from inside `send`. No object is made per packet.
 */
export class Lane {
  /** Who is told that there is room again; undefined when it doesn't want to know any more. */
  sender: LaneSender | undefined;
  /** Who gets the packets; undefined before it is open and after it was closed. */
  receiver: LaneReceiver | undefined;
  readonly #limit: number;
  readonly #limitBytes: number;
  readonly #slabs: SlabAllocator = new SlabAllocator();
  #filling: Batch = new Batch();
  #delivering: Batch = new Batch();
  #bytes: number = 0;
  #scheduled: boolean = false;
  #blocked: boolean = false;

  constructor(limits: LaneLimits) {
    const { queue, queueBytes } = checkLimits(limits);
    this.#limit = queue;
    this.#limitBytes = queueBytes;
    this.#filling.retained = true;
    this.#delivering.retained = true;
  }

  /** Takes packet `row` of `batch`, with this checksum mark; false when the lane is full, and then the sender will be told of room. */
  put(batch: Batch, row: number, checksum: number): boolean {
    const length = batch.length[row]!;
    if (!this.#fits(length)) {
      this.#blocked = true;
      return false;
    }
    const slabs = this.#slabs;
    slabs.copy(batch.memory[row]!, batch.offset[row]!, length);
    this.#push(slabs.memory, slabs.offset, length, checksum, batch.segmentSize[row]!);
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
    this.#push(memory, offset, length, checksum, 0);
  }

  /** The same from memory that is lent for the call. */
  copy(memory: Memory, offset: number, length: number, checksum: number): void {
    this.#slabs.copy(memory, offset, length);
    this.keep(this.#slabs.memory, this.#slabs.offset, length, checksum);
  }

  /** The receiver has closed: what is under way is lost, and a waiting sender need not wait any longer. */
  cut(): void {
    this.receiver = undefined;
    this.#filling.clear();
    this.#bytes = 0;
    this.#unblock();
  }

  #fits(length: number): boolean {
    const { count } = this.#filling;
    return count === 0 || (count < this.#limit && this.#bytes + length <= this.#limitBytes);
  }

  #push(memory: Memory, offset: number, length: number, checksum: number, segmentSize: number): void {
    this.#filling.push(memory, offset, length, checksum, segmentSize);
    this.#bytes += length;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.receiver === undefined) return;
    this.#scheduled = true;
    this.receiver.clock.defer(this.#deliver);
  }

  readonly #deliver = (): void => {
    this.#scheduled = false;
    const batch = this.#filling;
    if (batch.count === 0) return;
    this.#filling = this.#delivering;
    this.#delivering = batch;
    this.#bytes = 0;
    this.#unblock();
    try {
      this.receiver?.receive(batch);
    } finally {
      batch.clear();
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

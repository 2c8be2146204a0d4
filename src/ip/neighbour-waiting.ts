import type { ChecksumMark } from '../buffer/batch.ts';
import type { Counters } from '../buffer/counters.ts';
import { MemoryBudget } from '../buffer/memory-budget.ts';
import type { Memory } from '../buffer/memory.ts';
import { memoryOf } from '../buffer/memory.ts';
import type { Packet } from '../buffer/packet.ts';
import type { Neighbour } from './neighbour.ts';

/** Bytes that wait for one neighbour. Linux: net.ipv4.neigh.default.unres_qlen_bytes. */
const ENTRY_LIMIT = 212_992;
/** And for all neighbours of an interface. */
const TOTAL_LIMIT = 0x40_0000;
/** And for those of all interfaces of a stack no more than this part of its memory, as with fragments. */
const SHARE = 1 / 4;
/** What keeping a packet costs besides its bytes. */
const OVERHEAD = 256;

/** An IP packet that waits for the hardware address of its next hop: a copy. */
export interface WaitingPacket {
  readonly memory: Memory;
  readonly checksum: ChecksumMark;
  readonly segmentSize: number;
}

/** How much may wait on all interfaces of a stack together. */
export function waitingShare({ limit }: MemoryBudget): MemoryBudget {
  return new MemoryBudget(limit * SHARE);
}

/**
 * The packets that wait for neighbours, bounded for each, for all of an interface and for all of the stack. RFC 1122 §2.3.2.2: at least the latest
 * should be kept; so the oldest go first, as in Linux. They count in the stack's memory budget, and where that is used up
 * older ones to the same neighbour give way, then what comes is dropped.
 */
export class WaitingPackets {
  /** Bytes that all of them take. */
  bytes: number = 0;
  readonly #counters: Counters;
  readonly #budget: MemoryBudget;
  readonly #share: MemoryBudget;

  /** @param share what `waitingShare` gives, the same for all interfaces of a stack */
  constructor(counters: Counters, budget: MemoryBudget, share: MemoryBudget) {
    this.#counters = counters;
    this.#budget = budget;
    this.#share = share;
  }

  /** Keeps a copy of the packet. */
  add(neighbour: Neighbour, packet: Packet): void {
    const cost = packet.length + OVERHEAD;
    const { waiting } = neighbour;
    while (neighbour.waitingBytes + cost > ENTRY_LIMIT || this.bytes + cost > TOTAL_LIMIT || !this.#share.fits(cost)) {
      if (waiting.length === 0) return this.#counters.add('neighbour-queue-full');
      this.#drop(neighbour, 'neighbour-queue-full');
    }
    while (!this.#budget.fits(cost)) {
      if (waiting.length === 0) return this.#counters.add('neighbour-memory-budget');
      this.#drop(neighbour, 'neighbour-memory-budget');
    }
    const { memory, start, end, checksum, segmentSize } = packet;
    const kept = { memory: memoryOf(memory.bytes.slice(start, end)), checksum, segmentSize };
    waiting.push(kept);
    this.#count(neighbour, kept, 1);
  }

  /** Takes all that wait for a neighbour, oldest first. */
  take(neighbour: Neighbour): readonly WaitingPacket[] {
    const { waiting } = neighbour;
    if (waiting.length === 0) return waiting;
    for (const packet of waiting) this.#count(neighbour, packet, -1);
    neighbour.waiting = [];
    return waiting;
  }

  /** Gives up the oldest that waits for a neighbour. */
  #drop(neighbour: Neighbour, reason: string): void {
    this.#count(neighbour, neighbour.waiting.shift()!, -1);
    this.#counters.add(reason);
  }

  #count(neighbour: Neighbour, { memory }: WaitingPacket, sign: 1 | -1): void {
    const cost = sign * (memory.bytes.byteLength + OVERHEAD);
    neighbour.waitingBytes += cost;
    this.bytes += cost;
    this.#budget.adjust(cost);
    this.#share.adjust(cost);
  }
}

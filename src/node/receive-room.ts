import type { Batch } from '../buffer/batch.ts';
import type { Memory } from '../buffer/memory.ts';
import { memoryOf } from '../buffer/memory.ts';
import { SLICE } from '../buffer/receive-queue.ts';
import { hostMemory } from '../time/host.ts';
import type { NativeAddon, NativeDevice } from './addon.ts';

/** Free bytes that a TUN device needs to be read at all: as in native/tun.c. */
export const LARGEST_READ = 65_560;
/** Rooms filled one behind another begin at the start of a line of the processor's cache. */
const LINE = 64;

/**
 * Where a device's packets are read to. A wake-up's small packets are copied by whoever keeps them, and the next wake-up's go
 * to the same place, which is in the cache. But a room that took super-segments is given to the program, which may keep
 * slices of it for ever: nothing is written there again, and the next go behind it, or into a new room.
 */
export class ReceiveRoom {
  readonly #addon: NativeAddon;
  readonly #device: NativeDevice;
  readonly #bytes: number;
  readonly #retains: boolean;
  #memory: Memory;
  #from: number = 0;

  constructor(addon: NativeAddon, device: NativeDevice, { bytes, retains }: { bytes: number; retains: boolean }) {
    this.#addon = addon;
    this.#device = device;
    this.#bytes = bytes;
    this.#retains = retains;
    this.#memory = this.#fresh();
  }

  /** Tells the addon of the room. */
  lend(): void {
    this.#addon.lend(this.#device, this.#memory.bytes.buffer as ArrayBuffer, this.#from);
  }

  /** The rows of a batch have come: tells where they lie, and whether that is kept. */
  hold(batch: Batch): void {
    const { count, length, offset } = batch;
    const memory = this.#memory;
    let longest = 0;
    for (let row = 0; row < count; row++) {
      batch.memory[row] = memory;
      longest = Math.max(longest, length[row]!);
    }
    batch.retained = this.#retains && longest > SLICE;
    if (!batch.retained) return;
    const end = offset[count - 1]! + length[count - 1]!;
    this.#from = Math.ceil(end / LINE) * LINE;
    if (this.#from + LARGEST_READ > this.#bytes) this.#memory = this.#fresh();
    this.lend();
  }

  #fresh(): Memory {
    this.#from = 0;
    // All of the buffer: `hostMemory` gives no view of more.
    const memory = memoryOf(hostMemory(this.#bytes));
    if (this.#retains) this.#addon.userMemoryMade(memory.bytes.buffer as ArrayBuffer);
    return memory;
  }
}

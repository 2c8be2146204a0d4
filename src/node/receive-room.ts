import type { Batch } from '../buffer/batch.ts';
import type { Memory } from '../buffer/memory.ts';
import { memoryOf } from '../buffer/memory.ts';
import { SLICE } from '../buffer/receive-queue.ts';
import { hostMemory } from '../time/host.ts';
import type { NativeAddon, NativeDevice } from './addon.ts';

/** Packets of one wake-up at most, and rooms that they may fill: as in native/frames.h. */
const MAX_PACKETS = 256;
const ROOMS = 4;
/** Bytes of a row of the tables that describe packets. */
const ROW_BYTES = 4 + 4 + 2 + 1;
/** Free bytes that a TUN device needs to be read at all: as in native/tun.c. */
export const LARGEST_READ = 65_560;
/** Packets behind one another in a room begin at the start of a line of the processor's cache. */
const LINE = 64;

/**
 * Where a device's packets are read to. A wake-up's small packets are copied by whoever keeps them, and the next wake-up's go
 * to the same place, which is in the cache. But rooms that took super-segments are given to the program, which may keep
 * slices of them for ever: nothing is written there again, and the next go behind it, or into a new room. Four rooms are
 * offered at a time, so that a wake-up can bring much, and that a slice that somebody keeps holds no more than one of them.
 */
export class ReceiveRoom {
  /** Describe a wake-up's packets, for the addon: native/addon.c. */
  readonly tables: ArrayBuffer = new ArrayBuffer(MAX_PACKETS * ROW_BYTES + (1 + ROOMS) * 4);
  readonly #addon: NativeAddon;
  readonly #device: NativeDevice;
  readonly #bytes: number;
  readonly #retains: boolean;
  readonly #rooms: Memory[] = [];
  /** The room that is filled first, and how many rows lie in each that was. */
  readonly #first: Int32Array = new Int32Array(this.tables, MAX_PACKETS * ROW_BYTES, 1);
  readonly #rows: Int32Array = new Int32Array(this.tables, MAX_PACKETS * ROW_BYTES + 4, ROOMS);

  constructor(addon: NativeAddon, device: NativeDevice, { bytes, retains }: { bytes: number; retains: boolean }) {
    this.#addon = addon;
    this.#device = device;
    this.#bytes = bytes;
    this.#retains = retains;
  }

  /** Lends the addon rooms for the first packets, and makes the batch's rows what the addon writes. */
  lend(batch: Batch): void {
    const { tables } = this;
    batch.offset = new Int32Array(tables, 0, MAX_PACKETS);
    batch.length = new Int32Array(tables, MAX_PACKETS * 4, MAX_PACKETS);
    batch.segmentSize = new Uint16Array(tables, MAX_PACKETS * 8, MAX_PACKETS);
    batch.checksum = new Uint8Array(tables, MAX_PACKETS * 10, MAX_PACKETS);
    for (let place = 0; place < (this.#retains ? ROOMS : 1); place++) this.#renew(place);
  }

  /** The rows of a batch have come: tells where they lie, and whether that is kept. */
  hold(batch: Batch): void {
    const first = this.#first[0]!;
    let row = 0;
    let longest = 0;
    for (let i = 0; row < batch.count; i++) {
      const memory = this.#rooms[(first + i) % ROOMS]!;
      for (const end = row + this.#rows[i]!; row < end; row++) {
        batch.memory[row] = memory;
        longest = Math.max(longest, batch.length[row]!);
      }
    }
    batch.retained = this.#retains && longest > SLICE;
    if (batch.retained) this.#moveOn(batch);
  }

  /** What the batch lies in is the program's. */
  #moveOn({ count, offset, length }: Batch): void {
    let place = this.#first[0]!;
    let row = 0;
    for (let i = 0; row < count; i++) {
      row += this.#rows[i]!;
      const end = offset[row - 1]! + length[row - 1]!;
      const from = Math.ceil(end / LINE) * LINE;
      const fits = row === count && from + LARGEST_READ <= this.#bytes;
      if (fits) this.#addon.lend(this.#device, place, this.#rooms[place]!.bytes.buffer as ArrayBuffer, from);
      else this.#renew(place);
      if (!fits) place = (place + 1) % ROOMS;
    }
    this.#first[0] = place;
  }

  #renew(place: number): void {
    const bytes = this.#retains ? this.#userMemory() : undefined;
    // All of the buffer: `hostMemory` gives no view of more.
    const room = memoryOf(bytes ?? hostMemory(this.#bytes));
    this.#rooms[place] = room;
    this.#addon.lend(this.#device, place, room.bytes.buffer as ArrayBuffer, 0);
  }

  #userMemory(): Uint8Array | undefined {
    const buffer = this.#addon.userMemory(this.#bytes);
    if (buffer === undefined) return undefined;
    collect();
    return new Uint8Array(buffer);
  }
}

/**
 * Lets V8 see whether buffers of 32 MB have come since its last scavenge, which frees those that nobody has: it looks when it
 * makes an ordinary buffer itself (Heap::AllocateExternalBackingStore), and the addon's are none.
 */
function collect(): void {
  hostMemory(1);
}

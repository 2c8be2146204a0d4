import type { Memory } from '../buffer/memory.ts';
import { MacAddress } from '../wire/mac.ts';

/** Places in a set. */
const WAYS = 8;

/** An address that a switch knows. */
export interface MacTableEntry {
  /** As `02:00:00:00:00:01`. */
  readonly address: string;
  /** The port behind which it was last seen. */
  readonly port: number;
  /** How long ago, in milliseconds. */
  readonly age: number;
}

/**
 * Which port an Ethernet address was last seen at. As in real switches a set of eight places belongs to each hash, so
 * that looking up and learning take the same few steps whatever anybody sends; in a full set the address that was silent
 * for longest makes room.
 */
export class MacTable {
  /** Addresses that came, that went to another port, and that made room for others before they were old. */
  learned: number = 0;
  moved: number = 0;
  evicted: number = 0;
  readonly #ageing: number;
  readonly #setMask: number;
  /** Of each place: the address, upper 16 and lower 32 bits; its port, −1 for none; when it was last seen. */
  readonly #high: Int32Array;
  readonly #low: Int32Array;
  readonly #port: Int32Array;
  readonly #seen: Float64Array;

  /**
   * @param size places, a power of two from 8 on
   * @param ageing microseconds after which an address that is silent is forgotten
   */
  constructor(size: number, ageing: number) {
    this.#ageing = ageing;
    this.#setMask = size / WAYS - 1;
    this.#high = new Int32Array(size);
    this.#low = new Int32Array(size);
    this.#port = new Int32Array(size).fill(-1);
    this.#seen = new Float64Array(size);
  }

  /** The port of the address at `offset`; −1 when none is known. */
  find({ view }: Memory, offset: number, now: number): number {
    const high = view.getUint16(offset);
    const low = view.getInt32(offset + 2);
    const place = this.#place(high, low, this.#first(high, low));
    return place < 0 || this.#isOld(place, now) ? -1 : this.#port[place]!;
  }

  /** The address at `offset` was seen at `port`. */
  learn({ view }: Memory, offset: number, port: number, now: number): void {
    const high = view.getUint16(offset);
    const low = view.getInt32(offset + 2);
    const first = this.#first(high, low);
    let place = this.#place(high, low, first);
    if (place < 0) {
      place = this.#free(first, now);
      this.#high[place] = high;
      this.#low[place] = low;
      this.learned++;
    } else if (this.#port[place] !== port) {
      this.moved++;
    }
    this.#port[place] = port;
    this.#seen[place] = now;
  }

  /** Forgets what was seen at a port: nobody is there any more. */
  forget(port: number): void {
    for (let place = 0; place < this.#port.length; place++) {
      if (this.#port[place] === port) this.#port[place] = -1;
    }
  }

  /** What is known, in the order of the addresses. */
  entries(now: number): MacTableEntry[] {
    const entries: MacTableEntry[] = [];
    for (let place = 0; place < this.#port.length; place++) {
      const port = this.#port[place]!;
      if (port < 0 || this.#isOld(place, now)) continue;
      const address = new MacAddress(this.#high[place]!, this.#low[place]!).toString();
      entries.push({ address, port, age: (now - this.#seen[place]!) / 1000 });
    }
    return entries.sort((x, y) => (x.address < y.address ? -1 : 1));
  }

  /** The first place of the set in which an address may stand. */
  #first(high: number, low: number): number {
    let hash = Math.imul(low ^ Math.imul(high, 0x9e37_79b1), 0x85eb_ca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
    return ((hash ^ (hash >>> 16)) & this.#setMask) * WAYS;
  }

  #place(high: number, low: number, first: number): number {
    for (let place = first; place < first + WAYS; place++) {
      if (this.#low[place] === low && this.#high[place] === high && this.#port[place]! >= 0) return place;
    }
    return -1;
  }

  /** A place that is free, or the one that was silent for longest. */
  #free(first: number, now: number): number {
    let oldest = first;
    for (let place = first; place < first + WAYS; place++) {
      if (this.#port[place]! < 0) return place;
      if (this.#seen[place]! < this.#seen[oldest]!) oldest = place;
    }
    if (!this.#isOld(oldest, now)) this.evicted++;
    return oldest;
  }

  #isOld(place: number, now: number): boolean {
    return now - this.#seen[place]! >= this.#ageing;
  }
}

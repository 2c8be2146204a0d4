import type { Memory } from '../buffer/memory.ts';
import { allocateMemory } from '../buffer/memory.ts';
import { SLAB_SIZE } from '../buffer/slab.ts';

/** Cells of class k have 64 · 2ᵏ bytes; the last class holds the longest packet behind an Ethernet header. */
const SMALLEST_SHIFT = 6;
const CLASSES = 12;
const CLASS_MASK = 15;
const CLASS_BITS = 4;

const NO_MEMORY = allocateMemory(0);

/**
 * Memory for packets that wait: cells of sizes that double, used again after `release`, so that nothing is allocated
 * in steady state. Whoever is shown a cell's bytes is lent them.
 */
export class PacketCells {
  /** Where the cell of the last `allocate` is. */
  memory: Memory = NO_MEMORY;
  offset: number = 0;
  /** Of each class: its slabs, the number of cells made, and the free ones. */
  readonly #slabs: Memory[][] = Array.from({ length: CLASSES }, () => []);
  readonly #made: Int32Array = new Int32Array(CLASSES);
  readonly #free: number[][] = Array.from({ length: CLASSES }, () => []);

  /** A cell for `length` bytes, by its number; where it is is told in `memory` and `offset`. */
  allocate(length: number): number {
    const size = length <= 1 << SMALLEST_SHIFT ? 0 : 32 - Math.clz32(length - 1) - SMALLEST_SHIFT;
    const shift = size + SMALLEST_SHIFT;
    const perSlab = Math.max(1, SLAB_SIZE >>> shift);
    const index = this.#free[size]!.pop() ?? this.#made[size]!++;
    const slabs = this.#slabs[size]!;
    const slab = Math.floor(index / perSlab);
    if (slab === slabs.length) slabs.push(allocateMemory(perSlab << shift));
    this.memory = slabs[slab]!;
    this.offset = (index - slab * perSlab) << shift;
    return (index << CLASS_BITS) | size;
  }

  release(cell: number): void {
    this.#free[cell & CLASS_MASK]!.push(cell >>> CLASS_BITS);
  }
}

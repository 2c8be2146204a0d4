import type { Memory } from '../buffer/memory.ts';
import { memoryOf } from '../buffer/memory.ts';
import { NumberRing } from './number-ring.ts';

const FIRST_CAPACITY = 64;
const NO_MEMORY = memoryOf(new Uint8Array(0));

/**
 * Packets that wait, each for its time: earlier ones come out first, equal ones in the order they were put in. A row
 * of arrays is a packet, and nothing is allocated once they have grown.
 *
 * Packets in order of time, the usual case, stand in a ring. Those that will be overtaken, and those that overtake,
 * stand in a binary heap.
 */
export class DelayQueue {
  size: number = 0;
  /** The memory, place and checksum mark of the packet in row `i`; its cell, or −1 when it needs none back. */
  readonly memory: Memory[] = [];
  offset: Int32Array = new Int32Array(FIRST_CAPACITY);
  length: Int32Array = new Int32Array(FIRST_CAPACITY);
  cell: Int32Array = new Int32Array(FIRST_CAPACITY);
  checksum: Uint8Array = new Uint8Array(FIRST_CAPACITY);
  #due: Float64Array = new Float64Array(FIRST_CAPACITY);
  #order: Float64Array = new Float64Array(FIRST_CAPACITY);
  #nextOrder: number = 0;
  #made: number = 0;
  readonly #free: number[] = [];
  readonly #ring: NumberRing = new NumberRing();
  readonly #heap: number[] = [];

  /** When the first packet is due; Infinity when there is none. */
  get nextDue(): number {
    const row = this.#first();
    return row < 0 ? Infinity : this.#due[row]!;
  }

  /**
   * Makes room for a packet that is due at `due`, and returns its row, to be filled at once.
   *
   * @param astray it does not keep its place among the others: they need not wait for it
   */
  add(due: number, astray: boolean): number {
    const row = this.#free.pop() ?? this.#made++;
    if (row === this.#due.length) this.#grow();
    this.#due[row] = due;
    this.#order[row] = this.#nextOrder++;
    this.size++;
    const ring = this.#ring;
    if (!astray && (ring.size === 0 || this.#due[ring.last]! <= due)) ring.push(row);
    else this.#rise(row);
    return row;
  }

  /** Takes the first packet out of the order, and returns its row: −1 when none is due by `now`. */
  take(now: number): number {
    const row = this.#first();
    if (row < 0 || this.#due[row]! > now) return -1;
    if (this.#ring.size > 0 && this.#ring.first === row) this.#ring.shift();
    else this.#dropRoot();
    this.size--;
    return row;
  }

  /** Gives a row back that was taken. */
  free(row: number): void {
    this.memory[row] = NO_MEMORY;
    this.#free.push(row);
  }

  #first(): number {
    const [root = -1] = this.#heap;
    if (this.#ring.size === 0) return root;
    const { first } = this.#ring;
    return root >= 0 && this.#isBefore(root, first) ? root : first;
  }

  #isBefore(row: number, other: number): boolean {
    const due = this.#due[row]!;
    const otherDue = this.#due[other]!;
    return due < otherDue || (due === otherDue && this.#order[row]! < this.#order[other]!);
  }

  /** Adds a row to the heap. */
  #rise(row: number): void {
    const heap = this.#heap;
    let index = heap.push(row) - 1;
    while (index > 0) {
      const up = (index - 1) >> 1;
      if (!this.#isBefore(row, heap[up]!)) break;
      heap[index] = heap[up]!;
      index = up;
    }
    heap[index] = row;
  }

  #dropRoot(): void {
    const heap = this.#heap;
    const row = heap.pop()!;
    const size = heap.length;
    if (size === 0) return;
    let index = 0;
    for (;;) {
      let down = 2 * index + 1;
      if (down >= size) break;
      if (down + 1 < size && this.#isBefore(heap[down + 1]!, heap[down]!)) down++;
      if (!this.#isBefore(heap[down]!, row)) break;
      heap[index] = heap[down]!;
      index = down;
    }
    heap[index] = row;
  }

  #grow(): void {
    const capacity = this.#due.length * 2;
    this.offset = enlarged(this.offset, new Int32Array(capacity));
    this.length = enlarged(this.length, new Int32Array(capacity));
    this.cell = enlarged(this.cell, new Int32Array(capacity));
    this.checksum = enlarged(this.checksum, new Uint8Array(capacity));
    this.#due = enlarged(this.#due, new Float64Array(capacity));
    this.#order = enlarged(this.#order, new Float64Array(capacity));
  }
}

function enlarged<T extends { set(from: ArrayLike<number>): void } & ArrayLike<number>>(from: T, to: T): T {
  to.set(from);
  return to;
}

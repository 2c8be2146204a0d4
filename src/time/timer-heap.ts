/** What a timer must carry to be kept in a `TimerHeap`. */
export interface HeapItem {
  /** When it is due, in microseconds. Not to be changed while the item is in a heap. */
  deadline: number;
  /** Which arming it was: breaks ties between equal deadlines. Not to be changed either. */
  order: number;
  /** The item's place in the heap, or `OUTSIDE`. Written by the heap only. */
  index: number;
}

/** The `index` of an item that is in no heap. */
export const OUTSIDE = -1;

/**
 * A binary heap of timers: earliest deadline first, equal deadlines in the order they were armed.
 *
 * Intrusive (an item knows its place), so that removing from the middle needs no search, and nothing is allocated
 * once the array has grown.
 */
export class TimerHeap<T extends HeapItem> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** The item that is due first. */
  get first(): T | undefined {
    return this.#items[0];
  }

  /** Adds an item that is in no heap. */
  push(item: T): void {
    this.#items.push(item);
    this.#rise(item, this.#items.length - 1);
  }

  /** Takes out an item that is in this heap. */
  remove(item: T): void {
    const items = this.#items;
    const index = item.index;
    const last = items.pop()!;
    item.index = OUTSIDE;
    if (last === item) return;
    // The last leaf fills the hole; it comes from another branch, so it may have to move either way.
    if (index > 0 && isBefore(last, items[(index - 1) >> 1]!)) this.#rise(last, index);
    else this.#sink(last, index);
  }

  /** Places `item` at `index` or above, moving later ones down. */
  #rise(item: T, index: number): void {
    const items = this.#items;
    while (index > 0) {
      const up = (index - 1) >> 1;
      const parent = items[up]!;
      if (!isBefore(item, parent)) break;
      items[index] = parent;
      parent.index = index;
      index = up;
    }
    items[index] = item;
    item.index = index;
  }

  /** Places `item` at `index` or below, moving earlier ones up. */
  #sink(item: T, index: number): void {
    const items = this.#items;
    const size = items.length;
    for (;;) {
      let down = 2 * index + 1;
      if (down >= size) break;
      if (down + 1 < size && isBefore(items[down + 1]!, items[down]!)) down++;
      const child = items[down]!;
      if (!isBefore(child, item)) break;
      items[index] = child;
      child.index = index;
      index = down;
    }
    items[index] = item;
    item.index = index;
  }
}

function isBefore(a: HeapItem, b: HeapItem): boolean {
  return a.deadline < b.deadline || (a.deadline === b.deadline && a.order < b.order);
}

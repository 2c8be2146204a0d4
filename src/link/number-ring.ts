const FIRST_CAPACITY = 64;

/** A queue of numbers that allocates nothing once it has grown. */
export class NumberRing {
  size: number = 0;
  #items: Float64Array = new Float64Array(FIRST_CAPACITY);
  #head: number = 0;

  /** The number that has waited longest; the ring must not be empty. */
  get first(): number {
    return this.#items[this.#head]!;
  }

  /** The number that came last; the ring must not be empty. */
  get last(): number {
    return this.#items[(this.#head + this.size - 1) & (this.#items.length - 1)]!;
  }

  push(value: number): void {
    if (this.size === this.#items.length) this.#grow();
    this.#items[(this.#head + this.size) & (this.#items.length - 1)] = value;
    this.size++;
  }

  /** Takes out the first; the ring must not be empty. */
  shift(): number {
    const value = this.#items[this.#head]!;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.size--;
    return value;
  }

  /** The capacity stays a power of two: places are found by a mask. */
  #grow(): void {
    const items = this.#items;
    const grown = new Float64Array(items.length * 2);
    grown.set(items.subarray(this.#head));
    grown.set(items.subarray(0, this.#head), items.length - this.#head);
    this.#items = grown;
    this.#head = 0;
  }
}

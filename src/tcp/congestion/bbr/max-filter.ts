/**
 * The largest of the values that were given in the last `window` rounds, kept as one maximum a round. Values expire when
 * a newer one is given: silence forgets nothing.
 */
export class MaxFilter {
  /** 0 before the first value. */
  max: number = 0;
  readonly #window: number;
  readonly #rounds: Float64Array;
  readonly #maxima: Float64Array;

  /** @param window in rounds, the current one included */
  constructor(window: number) {
    this.#window = window;
    this.#rounds = new Float64Array(window).fill(-1);
    this.#maxima = new Float64Array(window);
  }

  /** @param round never less than before */
  update(round: number, value: number): void {
    const slot = round % this.#window;
    const fresh = this.#rounds[slot] !== round;
    this.#maxima[slot] = fresh ? value : Math.max(this.#maxima[slot]!, value);
    this.#rounds[slot] = round;
    if (value >= this.max) this.max = value;
    else if (fresh) this.max = this.#find(round - this.#window);
  }

  /** The maximum of the rounds after `expired`. */
  #find(expired: number): number {
    let max = 0;
    for (let i = 0; i < this.#window; i++) if (this.#rounds[i]! > expired) max = Math.max(max, this.#maxima[i]!);
    return max;
  }
}

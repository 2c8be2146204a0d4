import type { Random } from '../../src/time/clock.ts';
import { chance, uniform } from '../../src/time/seeded-random.ts';

/** Draws from a seeded source: what makers of packets choose by. */
export class Draw {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** A whole number from 0 to `n` − 1. */
  below(n: number): number {
    return uniform(this.#random, n);
  }

  uint32(): number {
    return this.#random.uint32();
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  chance(p: number): boolean {
    return chance(this.#random, p);
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.#random.fill(bytes);
    return bytes;
  }
}

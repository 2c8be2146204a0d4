import { usageError } from '../errors.ts';
import type { Random } from './clock.ts';

const UINT32_RANGE = 0x1_0000_0000;

/** xoshiro128** by Blackman and Vigna: 128 bits of state, period 2¹²⁸ − 1, good in all 32 bits. */
class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    const next = splitmix32(seed);
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next();
    // Four zeros are the one state that xoshiro never leaves.
    if ((this.#a | this.#b | this.#c | this.#d) === 0) this.#a = 1;
  }

  uint32(): number {
    const b = this.#b;
    const scrambled = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9);
    this.#c ^= this.#a;
    this.#d ^= b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= b << 9;
    this.#d = rotateLeft(this.#d, 11);
    return scrambled >>> 0;
  }

  fill(bytes: Uint8Array): void {
    const length = bytes.length;
    for (let i = 0; i < length; i += 4) {
      const word = this.uint32();
      // Bytes past the end are dropped by the typed array.
      bytes[i] = word;
      bytes[i + 1] = word >>> 8;
      bytes[i + 2] = word >>> 16;
      bytes[i + 3] = word >>> 24;
    }
  }
}

/**
 * Randomness that repeats itself: the same seed gives the same numbers, on every engine and machine.
 *
 * **Not cryptographic**: whoever sees some of the output can compute the rest. For tests and simulations only.
 *
 * @param seed an integer within ±2⁵³; all of its bits count.
 * @throws RangeError `ERR_OUT_OF_RANGE` when `seed` is not such an integer.
 *
 * @example
 * const random = seededRandom(7);
 * uniform(random, 6) + 1; // a die: the same throws in every run
 */
export function seededRandom(seed: number): Random {
  if (!Number.isSafeInteger(seed)) {
    throw usageError('ERR_OUT_OF_RANGE', `seed must be an integer within ±2^53, got ${seed}`, RangeError);
  }
  return new SeededRandom(seed);
}

/**
 * An integer from 0 to `n` − 1, each equally likely.
 *
 * @param n from 1 to 2³².
 * @throws RangeError `ERR_OUT_OF_RANGE` when `n` is not such an integer.
 */
export function uniform(random: Random, n: number): number {
  if (!Number.isInteger(n) || n < 1 || n > UINT32_RANGE) {
    throw usageError('ERR_OUT_OF_RANGE', `n must be an integer from 1 to 2^32, got ${n}`, RangeError);
  }
  // The numbers above the last whole multiple of n would favour small results: draw again.
  const end = UINT32_RANGE - (UINT32_RANGE % n);
  let drawn = random.uint32();
  while (drawn >= end) drawn = random.uint32();
  return drawn % n;
}

/** True with probability `p` (0 to 1). Draws one number whatever `p` is, so that changing it shifts nothing else. */
export function chance(random: Random, p: number): boolean {
  return random.uint32() < p * UINT32_RANGE;
}

/** splitmix32, here to spread a seed over the state: neighbouring seeds give unrelated numbers. */
function splitmix32(seed: number): () => number {
  const high = Math.floor(seed / UINT32_RANGE) | 0;
  let state = (seed | 0) ^ Math.imul(high, 0x85eb_ca6b);
  return () => {
    state = (state + 0x9e37_79b9) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0_aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a_2d97);
    return z ^ (z >>> 15);
  };
}

function rotateLeft(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}

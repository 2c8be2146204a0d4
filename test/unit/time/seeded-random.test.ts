import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Random } from '../../../src/time/clock.ts';
import { chance, seededRandom, uniform } from '../../../src/time/seeded-random.ts';

const anySeed = fc.maxSafeInteger();

function draw(random: Random, count: number): number[] {
  return Array.from({ length: count }, () => random.uint32());
}

/** A source that gives these numbers and then fails. */
function scripted(...numbers: number[]): Random {
  return {
    uint32() {
      const number = numbers.shift();
      if (number === undefined) throw new Error('no more numbers');
      return number;
    },
    fill() {},
  };
}

describe('seededRandom', () => {
  it('repeats itself for a seed and differs for another', () => {
    fc.assert(
      fc.property(anySeed, anySeed, (a, b) => {
        fc.pre(a !== b);
        expect(draw(seededRandom(a), 20)).toEqual(draw(seededRandom(a), 20));
        expect(draw(seededRandom(a), 20)).not.toEqual(draw(seededRandom(b), 20));
      }),
    );
  });

  it('gives the numbers of xoshiro128** for the state that splitmix32 makes of the seed', () => {
    // Computed with big integers, from the definitions of the two generators.
    const mask = 0xffff_ffffn;
    const rotl = (x: bigint, k: bigint): bigint => ((x << k) | (x >> (32n - k))) & mask;
    let z = 12_345n;
    const splitmix = (): bigint => {
      z = (z + 0x9e37_79b9n) & mask;
      let x = z;
      x = ((x ^ (x >> 16n)) * 0x21f0_aaadn) & mask;
      x = ((x ^ (x >> 15n)) * 0x735a_2d97n) & mask;
      return x ^ (x >> 15n);
    };
    let [s0, s1, s2, s3] = [splitmix(), splitmix(), splitmix(), splitmix()];
    const xoshiro = (): number => {
      const result = (rotl((s1 * 5n) & mask, 7n) * 9n) & mask;
      const t = (s1 << 9n) & mask;
      s2 ^= s0;
      s3 ^= s1;
      s1 ^= s2;
      s0 ^= s3;
      s2 ^= t;
      s3 = rotl(s3, 11n);
      return Number(result);
    };
    const expected = Array.from({ length: 100 }, xoshiro);
    expect(draw(seededRandom(12_345), 100)).toEqual(expected);
  });

  it('spreads: each bit is set about half of the time, also for small seeds', () => {
    for (const seed of [0, 1, 2, -1]) {
      const numbers = draw(seededRandom(seed), 4000);
      for (let bit = 0; bit < 32; bit++) {
        const set = numbers.filter((number) => (number >>> bit) & 1).length;
        // Six standard deviations.
        expect(Math.abs(set - 2000)).toBeLessThan(190);
      }
    }
  });

  it('fills any number of bytes with the same numbers, lowest byte first', () => {
    fc.assert(
      fc.property(anySeed, fc.integer({ min: 0, max: 40 }), (seed, length) => {
        const frame = new Uint8Array(length + 8).fill(0xaa);
        seededRandom(seed).fill(frame.subarray(4, 4 + length));
        const expected = new DataView(new ArrayBuffer(44));
        draw(seededRandom(seed), 11).forEach((number, i) => expected.setUint32(i * 4, number, true));
        expect([...frame.subarray(4, 4 + length)]).toEqual([...new Uint8Array(expected.buffer, 0, length)]);
        expect([...frame.subarray(0, 4), ...frame.subarray(4 + length)]).toEqual(Array(8).fill(0xaa));
      }),
    );
  });

  it('refuses a seed that is not an integer', () => {
    for (const bad of [NaN, Infinity, 0.5, 2 ** 60]) {
      expect(() => seededRandom(bad)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
    }
  });
});

describe('uniform', () => {
  it('stays below n', () => {
    fc.assert(
      fc.property(anySeed, fc.integer({ min: 1, max: 2 ** 32 }), (seed, n) => {
        const random = seededRandom(seed);
        for (let i = 0; i < 20; i++) {
          const drawn = uniform(random, n);
          expect(Number.isInteger(drawn) && drawn >= 0 && drawn < n).toBe(true);
        }
      }),
    );
  });

  it('is not biased: it draws again above the last whole multiple of n', () => {
    const n = 3_000_000_000;
    expect(uniform(scripted(n, 2 ** 32 - 1, 17), n)).toBe(17);
    expect(uniform(scripted(n - 1), n)).toBe(n - 1);
    expect(uniform(scripted(2 ** 32 - 1), 2 ** 32)).toBe(2 ** 32 - 1);
    expect(uniform(scripted(2 ** 32 - 1, 2 ** 32 - 2), 3)).toBe((2 ** 32 - 2) % 3);
  });

  it('throws a die fairly', () => {
    const random = seededRandom(4);
    const counts = [0, 0, 0, 0, 0, 0];
    for (let i = 0; i < 60_000; i++) counts[uniform(random, 6)]!++;
    // Six standard deviations.
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(550);
  });

  it('refuses an n outside of 1 to 2^32', () => {
    for (const bad of [0, -1, 1.5, NaN, 2 ** 32 + 1]) expect(() => uniform(seededRandom(1), bad)).toThrow(RangeError);
  });
});

describe('chance', () => {
  it('is never true for 0, always for 1, and p of the time between', () => {
    const random = seededRandom(9);
    const hits = (p: number): number => Array.from({ length: 10_000 }, () => chance(random, p)).filter(Boolean).length;
    expect(hits(0)).toBe(0);
    expect(hits(1)).toBe(10_000);
    // Six standard deviations.
    expect(Math.abs(hits(0.2) - 2000)).toBeLessThan(240);
  });

  it('compares exactly at the edges', () => {
    expect(chance(scripted(2 ** 31 - 1), 0.5)).toBe(true);
    expect(chance(scripted(2 ** 31), 0.5)).toBe(false);
    expect(chance(scripted(2 ** 32 - 1), 1)).toBe(true);
    expect(chance(scripted(0), 0)).toBe(false);
  });

  it('draws one number whatever p is', () => {
    const [a, b] = [seededRandom(3), seededRandom(3)];
    chance(a, 0);
    chance(b, 1);
    expect(a.uint32()).toBe(b.uint32());
  });
});

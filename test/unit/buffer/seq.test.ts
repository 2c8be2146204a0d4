import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seqAdd, seqBetween, seqDiff, seqGe, seqGt, seqLe, seqLt, seqMax, seqMin } from '../../../src/buffer/seq.ts';

const seq = fc.oneof(
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.constantFrom(0, 1, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_fffe, 0xffff_ffff),
);
/** A distance at which order is defined. */
const near = fc.integer({ min: -0x7fff_ffff, max: 0x7fff_ffff });

describe('sequence arithmetic', () => {
  it('adds modulo 2³² and stays unsigned', () => {
    expect(seqAdd(0xffff_ffff, 1)).toBe(0);
    expect(seqAdd(0, -1)).toBe(0xffff_ffff);
    fc.assert(
      fc.property(seq, fc.integer({ min: 0, max: 0xffff_ffff }), (a, n) => {
        expect(seqAdd(a, n)).toBe(Number((BigInt(a) + BigInt(n)) % 0x1_0000_0000n));
      }),
    );
  });

  it('orders numbers by their signed distance, across the wrap', () => {
    fc.assert(
      fc.property(seq, near, (a, n) => {
        const b = seqAdd(a, n);
        expect(seqDiff(b, a)).toBe(n);
        expect(seqLt(a, b)).toBe(n > 0);
        expect(seqLe(a, b)).toBe(n >= 0);
        expect(seqGt(a, b)).toBe(n < 0);
        expect(seqGe(a, b)).toBe(n <= 0);
        expect(seqMax(a, b)).toBe(n > 0 ? b : a);
        expect(seqMin(a, b)).toBe(n < 0 ? b : a);
      }),
    );
  });

  it('knows exactly one of before, equal and behind, even at 2³¹ where order is undefined', () => {
    fc.assert(
      fc.property(seq, seq, (a, b) => {
        expect([seqLt(a, b), a === b, seqGt(a, b)].filter(Boolean)).toHaveLength(1);
        expect(seqLe(a, b)).toBe(!seqGt(a, b));
        expect(seqGe(a, b)).toBe(!seqLt(a, b));
      }),
    );
    expect(seqLt(0, 0x8000_0000)).toBe(true);
    expect(seqLt(0x8000_0000, 0)).toBe(true);
  });

  it('finds numbers in a half-open window of any size', () => {
    expect(seqBetween(0xffff_fff0, 5, 0x10)).toBe(true);
    expect(seqBetween(0xffff_fff0, 0x10, 0x10)).toBe(false);
    expect(seqBetween(7, 7, 7)).toBe(false);
    fc.assert(
      fc.property(
        seq,
        fc.integer({ min: 0, max: 0xffff_ffff }),
        fc.integer({ min: 0, max: 0xffff_ffff }),
        (l, size, n) => {
          expect(seqBetween(l, seqAdd(l, n), seqAdd(l, size))).toBe(n < size);
        },
      ),
    );
  });
});

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RangeSet } from '../../../src/buffer/range-set.ts';
import { seqAdd } from '../../../src/buffer/seq.ts';

function ranges(set: RangeSet): [number, number][] {
  return Array.from({ length: set.count }, (_, i) => [set.start(i), set.end(i)]);
}

/** The set as booleans, one a number, relative to a base. */
class Oracle {
  readonly bits: boolean[];

  constructor(size: number) {
    this.bits = Array.from({ length: size }, () => false);
  }

  fill(from: number, to: number, value: boolean): number {
    let changed = 0;
    for (let i = from; i < to; i++) {
      if (this.bits[i] !== value) changed++;
      this.bits[i] = value;
    }
    return changed;
  }

  ranges(base: number): [number, number][] {
    const result: [number, number][] = [];
    for (let i = 0; i < this.bits.length; i++) {
      if (!this.bits[i]) continue;
      let end = i;
      while (this.bits[end]) end++;
      result.push([seqAdd(base, i), seqAdd(base, end)]);
      i = end;
    }
    return result;
  }
}

const SIZE = 200;
const step = fc.record({
  kind: fc.constantFrom('add', 'add', 'add', 'removeBelow'),
  at: fc.integer({ min: 0, max: SIZE }),
  length: fc.oneof(fc.integer({ min: 0, max: 10 }), fc.integer({ min: 0, max: SIZE })),
});

describe('RangeSet', () => {
  it('merges what overlaps and what touches', () => {
    const set = new RangeSet(10);
    expect(set.add(10, 20)).toBe(10);
    expect(set.add(30, 40)).toBe(10);
    expect(ranges(set)).toEqual([
      [10, 20],
      [30, 40],
    ]);
    expect(set.add(15, 30)).toBe(10);
    expect(ranges(set)).toEqual([[10, 40]]);
    expect(set.add(12, 13)).toBe(0);
    expect(set.first).toBe(10);
    expect(set.last).toBe(40);
    expect(set.covered).toBe(30);
  });

  it('agrees with a bit map around the wrap of the sequence numbers', () => {
    const base = fc.constantFrom(0, 1000, 0x7fff_ffa0, 0xffff_ffa0);
    fc.assert(
      fc.property(base, fc.array(step, { maxLength: 60 }), (start, steps) => {
        const set = new RangeSet(SIZE);
        const oracle = new Oracle(SIZE);
        for (const { kind, at, length } of steps) {
          const end = Math.min(SIZE, at + length);
          if (kind === 'add') {
            expect(set.add(seqAdd(start, at), seqAdd(start, end))).toBe(oracle.fill(at, end, true));
          } else {
            expect(set.removeBelow(seqAdd(start, at))).toBe(oracle.fill(0, at, false));
          }
          expect(ranges(set)).toEqual(oracle.ranges(start));
          expect(set.covered).toBe(oracle.bits.filter(Boolean).length);
          expect(set.first).toBe(ranges(set)[0]?.[0]);
          expect(set.last).toBe(ranges(set).at(-1)?.[1]);
          const whole = oracle.bits.slice(at, end).every(Boolean);
          expect(set.covers(seqAdd(start, at), seqAdd(start, end))).toBe(whole);
          let reach = at;
          while (oracle.bits[reach]) reach++;
          expect(set.endOf(seqAdd(start, at))).toBe(seqAdd(start, reach));
        }
      }),
    );
  });

  it('refuses a range beyond its limit, counts it, and still merges', () => {
    const set = new RangeSet(2);
    set.add(0, 1);
    set.add(10, 11);
    expect(set.add(20, 21)).toBe(0);
    expect(set.refused).toBe(1);
    expect(set.count).toBe(2);
    expect(set.add(1, 10)).toBe(9);
    expect(set.add(20, 21)).toBe(1);
    expect(ranges(set)).toEqual([
      [0, 11],
      [20, 21],
    ]);
    set.clear();
    expect(set.count).toBe(0);
    expect(set.covered).toBe(0);
    expect(set.first).toBeUndefined();
    expect(set.last).toBeUndefined();
  });

  it('ignores ranges that are empty or backwards', () => {
    const set = new RangeSet(2);
    expect(set.add(5, 5)).toBe(0);
    expect(set.add(5, 4)).toBe(0);
    expect(set.count).toBe(0);
    expect(set.refused).toBe(0);
  });
});

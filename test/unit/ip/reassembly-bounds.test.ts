import { describe, expect, it } from 'vitest';
import { BOTH_FAMILIES } from '../../support/fragments.ts';
import type { FragmentFamily } from '../../support/fragments.ts';
import type { IpBench } from './fixture.ts';
import { pattern } from './fixture.ts';

/** The bounds of `ip/reassembly.ts`. */
const MOST_BYTES = 4 * 1024 * 1024;
const MOST_DATAGRAMS = 1024;
const MOST_OF_SOURCE = 256;
/** What a datagram of one fragment counts beside its payload, at most: overheads and a header. */
const OVERHEAD = 700;

const LONG = pattern(65_000);
const SHORT = pattern(100);

function sourceOf({ family }: FragmentFamily, n: number): string {
  return family === 4 ? `10.0.1.${n}` : `fd00::1:${n.toString(16)}`;
}

/** Is a datagram of two fragments, of which the second has come, still there? */
function isKept(bench: IpBench, family: FragmentFamily, source: string, identification: number): boolean {
  const before = bench.delivered.length;
  bench.arrive(family.fragment(SHORT, 0, 48, true, { source, identification }));
  return bench.delivered.length > before;
}

function begin(bench: IpBench, family: FragmentFamily, source: string, identification: number): void {
  bench.arrive(family.fragment(SHORT, 48, 100, false, { source, identification }));
}

/** The largest part of a datagram: about 60,000 bytes in one fragment. */
function beginLong(bench: IpBench, family: FragmentFamily, source: string, identification: number): void {
  bench.arrive(family.fragment(LONG, 4800, 65_000, false, { source, identification }));
}

function evicted(bench: IpBench, { reason }: FragmentFamily): number {
  return bench.counters.get(`${reason}evicted`);
}

describe.each(BOTH_FAMILIES)('the bounds of reassembly, IPv$family', (family) => {
  it('[S-003] one source has no more than a quarter of the bytes: its oldest datagram goes, others stay', () => {
    const bench = family.bench();
    begin(bench, family, family.other, 1);
    let most = 0;
    for (let n = 1; n <= 100; n++) {
      beginLong(bench, family, family.peer, n);
      most = Math.max(most, bench.budget.used);
    }
    expect(most).toBeLessThanOrEqual(MOST_BYTES / 4 + OVERHEAD);
    expect(most).toBeGreaterThan(MOST_BYTES / 4 - 70_000);
    expect(evicted(bench, family)).toBe(100 - Math.floor(MOST_BYTES / 4 / 60_900));
    expect(isKept(bench, family, family.other, 1)).toBe(true);
    bench.arrive(family.fragment(LONG, 0, 4800, true, { identification: 100 }));
    expect(bench.delivered).toHaveLength(2);
  });

  it('[S-003] all sources together have no more than 4 MiB: the oldest goes', () => {
    const bench = family.bench();
    begin(bench, family, family.other, 1);
    for (let n = 1; n <= 120; n++) beginLong(bench, family, sourceOf(family, n), 1);
    expect(bench.budget.used).toBeLessThanOrEqual(MOST_BYTES);
    expect(bench.budget.used).toBeGreaterThan(MOST_BYTES - 70_000);
    const gone = evicted(bench, family);
    expect(gone).toBeGreaterThan(0);
    expect(isKept(bench, family, family.other, 1)).toBe(false);
    // The others went in their order.
    const kept = (n: number): boolean => {
      const before = bench.delivered.length;
      bench.arrive(family.fragment(LONG, 0, 4800, true, { source: sourceOf(family, n), identification: 1 }));
      return bench.delivered.length > before;
    };
    expect([kept(120), kept(119)]).toEqual([true, true]);
  });

  it('[S-003] one source has no more than 256 datagrams under way', () => {
    const bench = family.bench();
    begin(bench, family, family.other, 1);
    for (let n = 0; n < MOST_OF_SOURCE + 10; n++) begin(bench, family, family.peer, n);
    expect(evicted(bench, family)).toBe(10);
    expect(isKept(bench, family, family.peer, 10)).toBe(true);
    expect(isKept(bench, family, family.other, 1)).toBe(true);
    expect(isKept(bench, family, family.peer, 9)).toBe(false);
  });

  it('[S-003] no more than 1024 datagrams are under way, those that were given up included', () => {
    const bench = family.bench();
    for (let n = 0; n < MOST_DATAGRAMS + 10; n++) {
      const source = sourceOf(family, 1 + (n % 200));
      begin(bench, family, source, n);
      bench.arrive(family.fragment(SHORT, 40, 56, true, { source, identification: n }));
    }
    expect(bench.counters.get(`${family.reason}overlap`)).toBe(MOST_DATAGRAMS + 10);
    expect(evicted(bench, family)).toBe(10);
    expect(bench.budget.used).toBeLessThanOrEqual(MOST_DATAGRAMS * OVERHEAD);
    bench.clock.advance(60_000_000);
    expect(bench.budget.used).toBe(0);
  });

  it('[S-003] a datagram has no more than 2048 fragments', () => {
    const bench = family.bench();
    for (let n = 0; n < 2049; n++) bench.arrive(family.fragment(LONG, 16 * n, 16 * n + 8, true));
    expect(bench.counters.get(`${family.reason}too-many-fragments`)).toBe(1);
    expect(bench.budget.used).toBeLessThan(OVERHEAD);
    bench.arrive(family.fragment(LONG, 64_000, 64_008, true));
    expect(bench.counters.get(`${family.reason}discarded`)).toBe(1);
  });

  it('the memory of the stack goes before: older datagrams give way, and else the fragment', () => {
    const bench = family.bench();
    bench.budget.adjust(bench.budget.limit - 130_000);
    for (let n = 1; n <= 3; n++) beginLong(bench, family, family.peer, n);
    expect(evicted(bench, family)).toBe(1);
    expect(bench.budget.used).toBeLessThanOrEqual(bench.budget.limit);
    bench.budget.adjust(bench.budget.room);
    bench.arrive(family.fragment(LONG, 0, 4000, true, { identification: 3 }));
    expect(evicted(bench, family)).toBe(2);
    bench.budget.adjust(bench.budget.room);
    bench.arrive(family.fragment(LONG, 4000, 4800, true, { identification: 3 }));
    expect(bench.counters.get(`${family.reason}memory`)).toBe(1);
    bench.budget.adjust(-2000);
    bench.arrive(family.fragment(LONG, 4000, 4800, true, { identification: 3 }));
    expect(bench.delivered).toHaveLength(1);
  });

  it('fragments in the worst order take no more than a moment each', () => {
    // 2047 fragments backwards: what is looked for and moved is bounded, which the test's time-out watches.
    const bench = family.bench();
    const payload = pattern(2047 * 8);
    for (let n = 2046; n >= 0; n--) bench.arrive(family.fragment(payload, 8 * n, 8 * n + 8, n < 2046));
    expect(bench.delivered.map((datagram) => datagram.payload)).toEqual([payload]);
  });
});

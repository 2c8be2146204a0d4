import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BOTH_FAMILIES } from '../support/fragments.ts';
import { pattern } from '../unit/ip/fixture.ts';

/** RFC 815: IP Datagram Reassembly Algorithms; and RFC 791 §3.2, RFC 8200 §4.5, whose results it has. */

/** A datagram's fragments in some order, some of them twice. */
const cuts = fc.record({
  length: fc.oneof(
    fc.integer({ min: 24, max: 400 }),
    fc.integer({ min: 24, max: 400 }),
    fc.integer({ min: 400, max: 65_515 }),
  ),
  /** Where it is cut, in parts of the whole. */
  places: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 }),
  order: fc.array(fc.nat(), { minLength: 64, maxLength: 64 }),
  doubles: fc.array(fc.nat(), { maxLength: 8 }),
});

describe.each(BOTH_FAMILIES)('RFC 815 §3: whatever the fragments and their order, IPv$family', (family) => {
  it('[S-003] [S-044] the datagram that comes out is the one that went in', () => {
    fc.assert(
      fc.property(cuts, ({ length, places, order, doubles }) => {
        const bench = family.bench();
        const payload = pattern(length);
        // The first fragment holds the header of the transport (RFC 7112).
        const edges = places.map((place) => 8 * Math.max(1, Math.floor((place * (length - 1)) / 8)));
        const sorted = [...new Set([0, ...edges, length])].sort((a, b) => a - b);
        const fragments = sorted
          .slice(1)
          .map((to, i) => family.fragment(payload, sorted[i]!, to, to < length, { identification: 77 }));
        const shuffled = fragments
          .map((bytes, i) => ({ bytes, key: order[i % order.length]! + i / 1000 }))
          .sort((a, b) => a.key - b.key)
          .map(({ bytes }) => bytes);
        // Duplicates of what has come and will come; the last to come ends it, and none of it is sent twice.
        const whole = shuffled.length === 1;
        const repeated = whole ? [] : doubles.map((n) => shuffled[n % (shuffled.length - 1)]!);
        for (const bytes of [...shuffled.slice(0, -1), ...repeated, shuffled.at(-1)!]) bench.arrive(bytes);
        expect(bench.delivered).toHaveLength(1);
        // Deep equality takes a hundred times as long.
        expect(Buffer.compare(bench.delivered[0]!.payload, payload)).toBe(0);
        expect(bench.counters.get(`${family.reason}duplicate`)).toBe(repeated.length);
        expect(bench.budget.used).toBe(0);
        expect(bench.clock.pending).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it('[S-003] datagrams whose fragments come mixed are kept apart', () => {
    const bench = family.bench();
    const payloads = Array.from({ length: 20 }, (_, i) => pattern(1000 + 8 * i).map((byte) => byte ^ i));
    for (const from of [400, 0, 800, 200, 600]) {
      payloads.forEach((payload, i) => {
        const to = from === 800 ? payload.length : from + 200;
        bench.arrive(family.fragment(payload, from, to, from < 800, { identification: 100 + i }));
      });
    }
    expect(bench.delivered.map((datagram) => datagram.payload)).toEqual(payloads);
  });

  it('§5: a fragment of the wrong size leaves nothing behind; the next datagram with its identification is whole', () => {
    const bench = family.bench();
    const payload = pattern(48);
    bench.arrive(family.fragment(payload, 0, 24, true));
    bench.arrive(family.fragment(payload, 16, 48, false));
    expect(bench.delivered).toEqual([]);
    bench.clock.advance(60_000_000);
    bench.arrive(family.fragment(payload, 0, 24, true));
    bench.arrive(family.fragment(payload, 24, 48, false));
    expect(bench.delivered.map((datagram) => datagram.payload)).toEqual([payload]);
  });
});

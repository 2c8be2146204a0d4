import { describe, expect, it } from 'vitest';
import { IPV6_FRAGMENTS } from '../support/fragments.ts';
import { pattern } from '../unit/ip/fixture.ts';
import { Ip6Bench } from '../unit/ip/fixture6.ts';

/** RFC 6946: Processing of IPv6 "Atomic" Fragments. */

describe('RFC 6946 §4: atomic fragments', () => {
  const { fragment } = IPV6_FRAGMENTS;
  const payload = pattern(100);

  it('[S-044] are handled alone, whatever else has their identification', () => {
    const bench = new Ip6Bench();
    bench.arrive(fragment(payload, 0, 48, true));
    const waiting = bench.budget.used;
    bench.arrive(fragment(pattern(33), 0, 33, false));
    bench.arrive(fragment(pattern(33), 0, 33, false));
    expect(bench.delivered.map((datagram) => datagram.payload)).toEqual([pattern(33), pattern(33)]);
    // The others wait as before, and are whole when the last comes.
    expect(bench.budget.used).toBe(waiting);
    bench.arrive(fragment(payload, 48, 100, false));
    expect(bench.delivered[2]!.payload).toEqual(payload);
  });

  it('[S-044] are delivered also while a datagram of their identification has been given up', () => {
    const bench = new Ip6Bench();
    bench.arrive(fragment(payload, 0, 48, true));
    bench.arrive(fragment(payload, 40, 100, false));
    bench.arrive(fragment(payload, 0, 100, false));
    expect(bench.delivered.map((datagram) => datagram.payload)).toEqual([payload]);
    expect(bench.counters.snapshot()).toEqual({ 'ipv6-reassembly-overlap': 1 });
  });

  it('[S-044] cannot be used to make fragments of others vanish: no overlap is seen', () => {
    const bench = new Ip6Bench();
    bench.arrive(fragment(payload, 48, 100, false));
    bench.arrive(fragment(payload, 0, 56, false));
    bench.arrive(fragment(payload, 0, 48, true));
    expect(bench.delivered.map((datagram) => datagram.payload.length)).toEqual([56, 100]);
  });
});

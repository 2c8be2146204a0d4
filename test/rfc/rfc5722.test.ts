import { describe, expect, it } from 'vitest';
import { formatTcp } from '../../src/wire/tcp.ts';
import { BOTH_FAMILIES, cutAt, IPV4_FRAGMENTS } from '../support/fragments.ts';
import { address, IpBench, LOCAL, NOTHING, pattern, PEER } from '../unit/ip/fixture.ts';

/** RFC 5722: Handling of Overlapping IPv6 Fragments; RFC 1858 and 3128: what they are used for over IPv4. */

const MINUTE = 60_000_000;

describe.each(BOTH_FAMILIES)('RFC 5722 §4, RFC 8200 §4.5: overlaps, IPv$family', (family) => {
  const payload = pattern(120);
  const other = payload.map((byte) => byte ^ 0xff);
  const { fragment } = family;

  it.each<[string, [number, number, boolean, Uint8Array][]]>([
    [
      '§3: the header rewritten by a second fragment at 8',
      [
        [0, 24, true, payload],
        [8, 24, true, other],
        [24, 120, false, payload],
      ],
    ],
    [
      'teardrop: the second lies inside the first',
      [
        [0, 40, true, payload],
        [24, 32, false, payload],
      ],
    ],
    [
      'the same place twice, with other bytes',
      [
        [0, 40, true, payload],
        [0, 40, true, other],
      ],
    ],
    [
      'one byte of overlap is eight',
      [
        [0, 48, true, payload],
        [40, 120, false, payload],
      ],
    ],
    [
      'the last covers all',
      [
        [8, 40, true, payload],
        [0, 120, true, payload],
      ],
    ],
    [
      'the gap is filled and more',
      [
        [0, 16, true, payload],
        [32, 120, false, payload],
        [16, 40, true, payload],
      ],
    ],
  ])('[S-044] [S-003] the datagram and all its fragments are discarded: %s', (_, pieces) => {
    for (const order of [pieces, pieces.toReversed()]) {
      const bench = family.bench();
      for (const [from, to, more, bytes] of order) bench.arrive(fragment(bytes, from, to, more));
      expect(bench.delivered).toEqual([]);
      // "including those not yet received".
      for (const bytes of cutAt(family, payload, [24, 48])) bench.arrive(bytes);
      expect(bench.delivered).toEqual([]);
      // "and no ICMP error messages should be sent", also later.
      bench.clock.advance(MINUTE);
      expect(bench.sent()).toEqual([]);
      expect(bench.budget.used).toBe(0);
    }
  });

  it('[S-044] another datagram is not touched by it', () => {
    const bench = family.bench();
    bench.arrive(fragment(payload, 0, 24, true));
    bench.arrive(fragment(payload, 0, 24, true, { identification: 8 }));
    bench.arrive(fragment(payload, 16, 40, true));
    bench.arrive(fragment(payload, 24, 120, false, { identification: 8 }));
    expect(bench.delivered.map((datagram) => datagram.payload)).toEqual([payload]);
  });
});

describe('RFC 1858, RFC 3128: tiny and overlapping fragments of TCP over IPv4', () => {
  const ports = { sourcePort: 4000, destinationPort: 80, sequence: 1, acknowledgment: 0, reserved: 0 };
  const rest = { window: 100, urgentPointer: 0, options: NOTHING, payload: pattern(20) };
  const segment = (flags: number): Uint8Array => formatTcp({ ...ports, ...rest, flags }, address(PEER), address(LOCAL));
  const SYN = segment(2);
  const ACK = segment(16);
  const protocol = 6;

  it('§3: a tiny first fragment hides the flags from filters, but is put together before anybody reads them', () => {
    const bench = new IpBench();
    for (const bytes of cutAt(IPV4_FRAGMENTS, SYN, [8, 16], { protocol })) bench.arrive(bytes);
    expect(bench.delivered.map(({ payload }) => payload)).toEqual([SYN]);
  });

  it('§4: flags cannot be rewritten by a fragment that overlaps', () => {
    const bench = new IpBench();
    bench.arrive(IPV4_FRAGMENTS.fragment(ACK, 0, 16, true, { protocol }));
    bench.arrive(IPV4_FRAGMENTS.fragment(SYN, 8, 40, false, { protocol }));
    bench.arrive(IPV4_FRAGMENTS.fragment(SYN, 16, 40, false, { protocol }));
    expect(bench.delivered).toEqual([]);
    expect(bench.counters.snapshot()).toEqual({ 'ipv4-reassembly-overlap': 1, 'ipv4-reassembly-discarded': 1 });
  });

  it('RFC 3128: ports cannot be rewritten by a second fragment with offset 0', () => {
    const bench = new IpBench();
    bench.arrive(IPV4_FRAGMENTS.fragment(SYN, 0, 24, true, { protocol }));
    const forged = SYN.slice();
    forged[3] = 23;
    bench.arrive(IPV4_FRAGMENTS.fragment(forged, 0, 24, true, { protocol }));
    bench.arrive(IPV4_FRAGMENTS.fragment(SYN, 24, 40, false, { protocol }));
    expect(bench.delivered).toEqual([]);
  });
});

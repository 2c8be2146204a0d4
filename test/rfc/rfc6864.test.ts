import { describe, expect, it } from 'vitest';
import { FragmentIdentifications } from '../../src/ip/fragment-identification.ts';
import { seededRandom } from '../../src/time/seeded-random.ts';
import { parsePacket } from '../../src/wire/packet.ts';
import { cutAt, IPV4_FRAGMENTS } from '../support/fragments.ts';
import { address, FAR, icmpPacket, IpBench, LOCAL, pattern, PEER, udpPacket } from '../unit/ip/fixture.ts';

/** RFC 6864: Updated Specification of the IPv4 ID Field. */

/** The identifications of what a bench has sent. */
function identifications(bench: IpBench): number[] {
  return bench.sent().map((bytes) => {
    const packet = parsePacket(bytes);
    if (typeof packet === 'string') throw new Error(packet);
    return packet.ip.identification;
  });
}

describe('RFC 6864 §4.1: atomic datagrams', () => {
  it('[S-043] have any identification: it is zero', () => {
    const bench = new IpBench();
    const path = bench.ip.path(undefined, address(FAR));
    if (typeof path === 'string') throw new Error(path);
    for (let i = 0; i < 3; i++) path.send(path.reserve(100)!, 17, { ttl: 64, trafficClass: 0 });
    expect(identifications(bench)).toEqual([0, 0, 0]);
  });

  it('[S-043] that arrive are not told apart by it, and not taken for copies', () => {
    const bench = new IpBench();
    for (let i = 0; i < 3; i++) bench.arrive(udpPacket({ payload: pattern(5) }, { dontFragment: true }));
    expect(bench.delivered).toHaveLength(3);
  });
});

describe('RFC 6864 §4.3: non-atomic datagrams', () => {
  it('[S-043] none has an identification again to the same host before all have been used', () => {
    const ids = new FragmentIdentifications(seededRandom(3));
    const seen = new Set<number>();
    for (let i = 0; i < 0x1_0000; i++) seen.add(ids.next(address(LOCAL), address(PEER), 17));
    expect(seen.size).toBe(0x1_0000);
    expect(Math.max(...seen)).toBe(0xffff);
  });

  it('[S-043] other destinations and protocols count for themselves', () => {
    const ids = new FragmentIdentifications(seededRandom(3));
    const sequence = (to: string, protocol: number): number[] =>
      Array.from({ length: 4 }, () => ids.next(address(LOCAL), address(to), protocol));
    const all = [sequence(PEER, 17), sequence(PEER, 1), sequence(FAR, 17)];
    for (const [first, ...rest] of all) {
      expect(rest).toEqual([1, 2, 3].map((n) => (first! + n) & 0xffff));
    }
    expect(new Set(all.map(([first]) => first)).size).toBe(3);
    // The other way round it is another.
    expect(sequence(PEER, 17)[0]).toBe((all[0]![3]! + 1) & 0xffff);
  });

  it('[S-043] §4.2: echo replies, which routers may cut up, have them, each a new one', () => {
    const bench = new IpBench();
    for (let i = 0; i < 5; i++) bench.arrive(icmpPacket({ payload: pattern(20) }));
    const seen = identifications(bench);
    expect(new Set(seen).size).toBe(5);
  });

  it('[S-043] all fragments of a datagram have one', () => {
    const bench = new IpBench();
    bench.arrive(icmpPacket({ payload: pattern(20) }));
    const [first] = identifications(bench);
    for (const bytes of cutAt(IPV4_FRAGMENTS, icmpPacket({ payload: pattern(4000) }).subarray(20), [2000], {
      protocol: 1,
    }))
      bench.arrive(bytes);
    const next = (first! + 1) & 0xffff;
    expect(identifications(bench)).toEqual([next, next, next]);
  });
});

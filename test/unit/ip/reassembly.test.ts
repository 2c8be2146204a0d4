import { describe, expect, it } from 'vitest';
import { Checksum } from '../../../src/buffer/batch.ts';
import { TransmitQueue } from '../../../src/buffer/transmit-queue.ts';
import { parsePacket, parsePacket6 } from '../../../src/wire/packet.ts';
import { hex } from '../../support/wire.ts';
import { BOTH_FAMILIES, cutAt, IPV4_FRAGMENTS, IPV6_FRAGMENTS } from '../../support/fragments.ts';
import type { FragmentChanges, FragmentFamily } from '../../support/fragments.ts';
import { IpBench, pattern, udpPacket } from './fixture.ts';
import { Ip6Bench, udp6Packet } from './fixture6.ts';

const MINUTE = 60_000_000;
const PAYLOAD = pattern(100);

/** What is counted, without the prefix of reassembly. */
function counted(bench: IpBench, { reason }: FragmentFamily): Record<string, number> {
  return Object.fromEntries(
    Object.entries(bench.counters.snapshot()).map(([name, n]) => [name.replace(reason, ''), n]),
  );
}

function arriveAll(bench: IpBench, fragments: readonly Uint8Array[]): void {
  for (const fragment of fragments) bench.arrive(fragment);
}

/** Orders of n things. */
function permutations<T>(things: readonly T[]): T[][] {
  if (things.length < 2) return [[...things]];
  return things.flatMap((thing, i) => permutations(things.toSpliced(i, 1)).map((rest) => [thing, ...rest]));
}

describe.each(BOTH_FAMILIES)('reassembly of IPv$family', (family) => {
  const { fragment } = family;
  const cut = (cuts: readonly number[], changes: FragmentChanges = {}): Uint8Array[] =>
    cutAt(family, PAYLOAD, cuts, changes);

  it('[S-003] [S-007] puts fragments together in any order', () => {
    for (const order of permutations(cut([16, 40, 96]))) {
      const bench = family.bench();
      arriveAll(bench, order);
      expect(bench.delivered.map(({ payload }) => payload)).toEqual([PAYLOAD]);
      expect(counted(bench, family)).toEqual({});
      expect(bench.budget.used).toBe(0);
    }
  });

  it('hands on what it was, with the header of the fragment that was first', () => {
    const bench = family.bench();
    const fragmented: boolean[] = [];
    bench.onDatagram = (datagram) => {
      fragmented.push(datagram.fragmented);
      if (!datagram.fragmented) return;
      expect([datagram.checksum, datagram.segmentSize, datagram.retained]).toEqual([Checksum.none, 0, true]);
    };
    bench.clock.advance(5);
    bench.arrive(fragment(PAYLOAD, 48, 100, false, { ttl: 3, trafficClass: 0x20 }), bench.eth0, Checksum.valid);
    bench.clock.advance(7);
    bench.arrive(fragment(PAYLOAD, 0, 48, true, { ttl: 9, trafficClass: 0xb8 }));
    expect(bench.delivered).toMatchObject([
      {
        source: family.peer,
        destination: family.local,
        protocol: 17,
        ttl: 9,
        trafficClass: 0xb8,
        group: false,
        interfaceIndex: bench.eth0.index,
        now: 12,
        payload: PAYLOAD,
      },
    ]);
    // The next packet is none.
    bench.arrive(family.family === 4 ? udpPacket() : udp6Packet());
    expect(fragmented).toEqual([true, false]);
  });

  it('keeps apart what differs in identification, source, destination', () => {
    const bench = family.bench();
    const keys: FragmentChanges[] = [
      {},
      { identification: 8 },
      { source: family.other },
      { destination: family.family === 4 ? '10.0.0.255' : 'ff02::1' },
    ];
    for (const key of keys) bench.arrive(cut([48], key)[0]!);
    expect(bench.delivered).toEqual([]);
    for (const key of keys.toReversed()) bench.arrive(cut([48], key)[1]!);
    expect(bench.delivered.map(({ source, destination, group }) => [source, destination, group])).toEqual([
      [family.peer, keys[3]!.destination, true],
      [family.other, family.local, false],
      [family.peer, family.local, false],
      [family.peer, family.local, false],
    ]);
    expect(bench.budget.used).toBe(0);
  });

  it('exact duplicates are dropped, and harm nothing', () => {
    const bench = family.bench();
    const [one, two, three] = cut([16, 40]);
    arriveAll(bench, [two!, two!, three!, three!, two!, one!]);
    expect(bench.delivered.map(({ payload }) => payload)).toEqual([PAYLOAD]);
    expect(counted(bench, family)).toEqual({ duplicate: 3 });
  });

  it.each<[string, number, number]>([
    ['covers the end of another', 8, 24],
    ['covers the beginning of another', 32, 64],
    ['lies inside another', 24, 32],
    ['covers another', 8, 64],
    ['begins where another does', 16, 24],
  ])('[S-003] [S-044] a fragment that %s ends the datagram, and what comes later is dropped', (_, from, to) => {
    const bench = family.bench();
    arriveAll(bench, [fragment(PAYLOAD, 16, 40, true), fragment(PAYLOAD, from, to, true)]);
    expect(counted(bench, family)).toEqual({ overlap: 1 });
    arriveAll(bench, cut([16, 40]));
    expect(counted(bench, family)).toEqual({ overlap: 1, discarded: 3 });
    bench.clock.advance(MINUTE - 1);
    arriveAll(bench, cut([16, 40]));
    expect(bench.delivered).toEqual([]);
    // Then it is forgotten; nobody is told of such an end.
    bench.clock.advance(1);
    expect(bench.budget.used).toBe(0);
    arriveAll(bench, cut([16, 40]));
    expect(bench.delivered).toHaveLength(1);
    expect(counted(bench, family)).toEqual({ overlap: 1, discarded: 6 });
    expect(bench.sent()).toEqual([]);
  });

  it('[S-044] the same place with other bytes is an overlap', () => {
    const bench = family.bench();
    const other = PAYLOAD.slice();
    other[20] = other[20]! ^ 1;
    arriveAll(bench, [fragment(PAYLOAD, 16, 40, true), fragment(other, 16, 40, true)]);
    expect(counted(bench, family)).toEqual({ overlap: 1 });
  });

  it.each<[string, [number, number, boolean][]]>([
    [
      'a second end behind the first',
      [
        [48, 64, false],
        [64, 100, false],
      ],
    ],
    [
      'a second end before the first',
      [
        [64, 100, false],
        [48, 64, false],
      ],
    ],
    [
      'more behind the end',
      [
        [48, 64, false],
        [64, 96, true],
      ],
    ],
    [
      'more up to the end',
      [
        [48, 64, false],
        [32, 64, true],
      ],
    ],
    [
      'an end before what has come',
      [
        [48, 64, true],
        [16, 24, false],
      ],
    ],
    [
      'an end where more was to follow',
      [
        [48, 64, true],
        [48, 64, false],
      ],
    ],
  ])('an end that changes ends the datagram: %s', (_, pieces) => {
    const bench = family.bench();
    for (const [from, to, more] of pieces) bench.arrive(fragment(PAYLOAD, from, to, more));
    expect(counted(bench, family)).toEqual({ 'bad-end': 1 });
    bench.arrive(fragment(PAYLOAD, 0, 48, true));
    expect(counted(bench, family)).toEqual({ 'bad-end': 1, discarded: 1 });
  });

  it('fragments without bytes, of odd lengths or beyond 65,535 bytes are dropped alone', () => {
    const bench = family.bench();
    const long = pattern(65_600);
    bench.arrive(fragment(PAYLOAD, 0, 48, true));
    bench.arrive(fragment(PAYLOAD, 48, 48, true));
    bench.arrive(fragment(PAYLOAD, 48, 48, false));
    bench.arrive(fragment(PAYLOAD, 48, 61, true));
    bench.arrive(fragment(long, 65_528, 65_544, false));
    bench.arrive(fragment(long, 65_512, 65_536, false));
    const { 'icmpv6-error-sent': told, ...rest } = counted(bench, family);
    expect(rest).toEqual({ empty: 2, unaligned: 1, 'too-long': 2 });
    expect(told).toBe(family.family === 6 ? 3 : undefined);
    bench.arrive(fragment(PAYLOAD, 48, 100, false));
    expect(bench.delivered).toHaveLength(1);
  });

  it('takes a datagram of the largest size', () => {
    const bench = family.bench();
    const payload = pattern(family.family === 4 ? 65_515 : 65_535);
    const cuts = Array.from({ length: Math.floor(payload.length / 1448) }, (_, i) => 1448 * (i + 1));
    arriveAll(bench, cutAt(family, payload, cuts).toReversed());
    expect(bench.delivered[0]!.payload).toEqual(payload);
  });

  it('[S-024] [S-016] after 60 s from the first that came all are dropped, and the sender of offset 0 is told', () => {
    const bench = family.bench();
    const first = fragment(PAYLOAD, 0, 40, true);
    bench.arrive(fragment(PAYLOAD, 48, 96, true));
    bench.clock.advance(MINUTE / 2);
    bench.arrive(first);
    bench.clock.advance(MINUTE / 2 - 1);
    expect(bench.sent()).toEqual([]);
    bench.clock.advance(1);
    const [bytes] = bench.sent();
    const error = family.family === 4 ? parsePacket(bytes!) : parsePacket6(bytes!);
    if (typeof error === 'string') throw new Error(error);
    expect([String(error.ip.source), String(error.ip.destination)]).toEqual([family.local, family.peer]);
    expect(error.icmp).toEqual({ type: family.family === 4 ? 11 : 3, code: 1, rest: 0, payload: first });
    const sent = family.family === 4 ? 'icmp-error-sent' : 'icmpv6-error-sent';
    expect(counted(bench, family)).toEqual({ timeout: 1, [sent]: 1 });
    expect(bench.budget.used).toBe(0);
    // What comes later belongs to another.
    bench.arrive(fragment(PAYLOAD, 96, 100, false));
    bench.arrive(fragment(PAYLOAD, 40, 48, true));
    expect(bench.delivered).toEqual([]);
    expect(bench.budget.used).toBeGreaterThan(0);
  });

  it('[S-024] nobody is told when offset 0 has not come, or what it belongs to was for a group', () => {
    const bench = family.bench();
    bench.arrive(fragment(PAYLOAD, 48, 96, true));
    bench.arrive(fragment(PAYLOAD, 0, 48, true, { destination: family.family === 4 ? '10.0.0.255' : 'ff02::1' }));
    bench.clock.advance(MINUTE);
    expect(bench.sent()).toEqual([]);
    const suppressed = family.family === 4 ? 'icmp-error-suppressed' : 'icmpv6-error-suppressed';
    expect(counted(bench, family)).toEqual({ timeout: 2, [suppressed]: 1 });
  });

  it('each datagram has its own 60 s, and no timer is armed when there is none', () => {
    const bench = family.bench();
    for (const identification of [1, 2, 3]) {
      bench.arrive(fragment(PAYLOAD, 48, 96, true, { identification }));
      bench.clock.advance(1_000_000);
    }
    bench.arrive(cut([48], { identification: 1 })[0]!);
    bench.arrive(fragment(PAYLOAD, 96, 100, false, { identification: 1 }));
    expect(bench.delivered).toHaveLength(1);
    bench.clock.advance(MINUTE - 2_000_001);
    expect(counted(bench, family)).toEqual({});
    bench.clock.advance(1);
    expect(counted(bench, family)).toEqual({ timeout: 1 });
    bench.clock.advance(1_000_000);
    expect(counted(bench, family)).toEqual({ timeout: 2 });
    expect(bench.clock.pending).toBe(0);
  });

  it.each<[number[], number | 'dropped']>([
    [[0, 0], 0],
    [[2, 2, 2], 2],
    [[1, 1], 1],
    [[2, 3], 3],
    [[3, 2, 2], 3],
    [[1, 2], 1],
    [[1, 3, 2], 3],
    [[3, 3], 3],
    [[0, 3], 'dropped'],
    [[2, 0], 'dropped'],
  ])('[S-086] RFC 3168 §5.3: the ECN of fragments with %j is %s', (marks, expected) => {
    const bench = family.bench();
    marks.forEach((ecn, i) => {
      const from = 16 * i;
      const last = i === marks.length - 1;
      bench.arrive(fragment(PAYLOAD, from, last ? 100 : from + 16, !last, { trafficClass: 0xb8 | ecn }));
    });
    if (expected === 'dropped') {
      expect(bench.delivered).toEqual([]);
      expect(counted(bench, family)).toEqual({ 'ecn-mixed': 1 });
    } else {
      expect(bench.delivered[0]!.trafficClass).toBe(0xb8 | expected);
    }
    expect(bench.budget.used).toBe(0);
  });

  it('a fragment from an address that is nobody’s is not kept', () => {
    const bench = family.bench();
    bench.arrive(fragment(PAYLOAD, 0, 48, true, { source: family.family === 4 ? '127.0.0.1' : '::' }));
    bench.arrive(fragment(PAYLOAD, 0, 48, true, { destination: family.other }));
    expect(bench.budget.used).toBe(0);
  });

  it('forgets all when the stack ends', () => {
    const bench = family.bench();
    arriveAll(bench, cut([48]).slice(1));
    bench.arrive(fragment(PAYLOAD, 0, 48, true, { identification: 9 }));
    bench.ip.close();
    expect(bench.budget.used).toBe(0);
    expect(bench.clock.pending).toBe(0);
    bench.clock.advance(MINUTE);
    expect(counted(bench, family)).toEqual({});
  });
});

describe('reassembly of IPv4', () => {
  const { fragment } = IPV4_FRAGMENTS;

  it('[S-003] keeps protocols apart', () => {
    const bench = new IpBench();
    bench.arrive(fragment(PAYLOAD, 0, 48, true, { protocol: 6 }));
    bench.arrive(fragment(PAYLOAD, 48, 100, false, { protocol: 17 }));
    expect(bench.delivered).toEqual([]);
    bench.arrive(fragment(PAYLOAD, 48, 100, false, { protocol: 6 }));
    expect(bench.delivered.map(({ protocol }) => protocol)).toEqual([6]);
  });

  it('has the options of the first fragment, and a sound header in an error about it', () => {
    const bench = new IpBench();
    const options = hex('94040000');
    bench.arrive(fragment(PAYLOAD, 48, 100, false, { protocol: 200 }));
    bench.arrive(fragment(PAYLOAD, 0, 48, true, { protocol: 200, extra: options }));
    const error = parsePacket(bench.sent()[0]!);
    if (typeof error === 'string') throw new Error(error);
    expect(error.icmp).toMatchObject({ type: 3, code: 2 });
    const quoted = parsePacket(error.icmp!.payload);
    if (typeof quoted === 'string') throw new Error(quoted);
    expect(quoted.ip).toMatchObject({ moreFragments: false, fragmentOffset: 0, options, payload: PAYLOAD });
  });

  it('options and fragments together are not longer than 65,535 bytes', () => {
    const bench = new IpBench();
    const payload = pattern(65_515);
    bench.arrive(fragment(payload, 32_000, 65_515, false));
    bench.arrive(fragment(payload, 0, 32_000, true, { extra: hex('01010100') }));
    expect(bench.delivered).toEqual([]);
    expect(bench.counters.snapshot()).toEqual({ 'ipv4-reassembly-too-long': 1 });
    expect(bench.budget.used).toBe(0);
  });

  it('fragments for a group belong to the link that they came by', () => {
    const bench = new IpBench();
    const eth1 = bench.ip.addInterface({ name: 'eth1', queue: new TransmitQueue(), addresses: ['10.1.0.2/24'] });
    const toAll = { destination: '224.0.0.1' };
    bench.arrive(fragment(PAYLOAD, 0, 48, true, toAll));
    bench.arrive(fragment(PAYLOAD, 48, 100, false, toAll), eth1);
    expect(bench.delivered).toEqual([]);
    // Those for one host may come by different ways.
    bench.arrive(fragment(PAYLOAD, 0, 48, true));
    bench.arrive(fragment(PAYLOAD, 48, 100, false), eth1);
    expect(bench.delivered).toHaveLength(1);
  });
});

describe('reassembly of IPv6', () => {
  const { fragment } = IPV6_FRAGMENTS;

  it('processes the extension headers behind the fragment header', () => {
    const bench = new Ip6Bench();
    // Destination options in front of UDP.
    const payload = new Uint8Array([...hex('1100 0104 00000000'), ...PAYLOAD]);
    for (const bytes of cutAt(IPV6_FRAGMENTS, payload, [48], { protocol: 60 })) bench.arrive(bytes);
    expect(bench.delivered).toMatchObject([{ protocol: 17, payload: PAYLOAD }]);
    // An option that is not known there is reported with its place in the whole packet.
    const unknown = new Uint8Array([...hex('1100 8504 00000000'), ...PAYLOAD]);
    for (const bytes of cutAt(IPV6_FRAGMENTS, unknown, [48], { protocol: 60 })) bench.arrive(bytes);
    expect(bench.problems()).toEqual([[2, 42]]);
  });

  it('has the extension headers of the first fragment only, and their name of what follows', () => {
    const bench = new Ip6Bench();
    const options = hex('2c00 0104 00000000');
    let nextHeaders: number[] = [];
    bench.onDatagram = ({ memory, packetStart, packetEnd, start }) => {
      const { bytes } = memory;
      nextHeaders = [bytes[packetStart + 6]!, bytes[packetStart + 40]!, packetEnd - packetStart, start - packetStart];
    };
    bench.arrive(fragment(PAYLOAD, 0, 48, true, { nextHeader: 60, extra: options }));
    bench.arrive(fragment(PAYLOAD, 48, 100, false));
    expect(nextHeaders).toEqual([60, 17, 148, 48]);
    // RFC 8200 §4.5: what the others name does not count.
    bench.arrive(fragment(PAYLOAD, 48, 100, false, { protocol: 6 }));
    bench.arrive(fragment(PAYLOAD, 0, 48, true));
    expect(bench.delivered.map(({ protocol }) => protocol)).toEqual([17, 17]);
    expect(nextHeaders).toEqual([17, PAYLOAD[0], 140, 40]);
  });

  it('the fragmented part of 65,535 bytes has no room for extension headers', () => {
    const bench = new Ip6Bench();
    const payload = pattern(65_535);
    bench.arrive(fragment(payload, 32_000, 65_535, false));
    bench.arrive(fragment(payload, 0, 32_000, true, { nextHeader: 60, extra: hex('2c00 0104 00000000') }));
    expect(bench.delivered).toEqual([]);
    expect(bench.counters.snapshot()).toEqual({ 'ipv6-reassembly-too-long': 1 });
  });

  it('does not put fragments of fragments together', () => {
    const bench = new Ip6Bench();
    const inner = new Uint8Array([...hex('1100 0001 00000005'), ...PAYLOAD]);
    for (const bytes of cutAt(IPV6_FRAGMENTS, inner, [56], { protocol: 44 })) bench.arrive(bytes);
    expect(bench.delivered).toEqual([]);
    expect(bench.counters.snapshot()).toEqual({ 'ipv6-reassembly-nested': 1 });
    expect(bench.budget.used).toBe(0);
  });

  it('link-local addresses belong to their link', () => {
    const bench = new Ip6Bench();
    const eth1 = bench.ip.addInterface({ name: 'eth1', queue: new TransmitQueue(), addresses: ['fe80::3/64'] });
    const link = { source: 'fe80::1', destination: 'fe80::2' };
    bench.arrive(fragment(PAYLOAD, 0, 48, true, link));
    bench.arrive(fragment(PAYLOAD, 48, 100, false, { ...link, destination: 'fe80::3' }), eth1);
    expect(bench.delivered).toEqual([]);
    bench.arrive(fragment(PAYLOAD, 48, 100, false, link));
    expect(bench.delivered).toHaveLength(1);
  });

  it('an atomic fragment is marked as fragmented too (RFC 6980)', () => {
    const bench = new Ip6Bench();
    const seen: boolean[] = [];
    bench.onDatagram = ({ fragmented }) => seen.push(fragmented);
    bench.arrive(fragment(PAYLOAD, 0, 100, false));
    bench.arrive(fragment(PAYLOAD, 0, 100, false, { identification: 8 }));
    expect(seen).toEqual([true, true]);
    expect(bench.budget.used).toBe(0);
  });
});

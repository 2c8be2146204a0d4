import { beforeEach, describe, expect, it } from 'vitest';
import { Checksum } from '../../../src/buffer/batch.ts';
import { Address } from '../../../src/wire/address.ts';
import { MacAddress } from '../../../src/wire/mac.ts';
import { MAC, NeighbourBench, OTHER_MAC, packetOf, SECOND, SELF } from './neighbour-bench.ts';

const PEER = '10.0.0.1';
const OTHER = '10.0.0.9';
const SIX = 'fe80::1';

let bench: NeighbourBench;
beforeEach(() => {
  bench = new NeighbourBench();
});

describe('a neighbour that is not known', () => {
  it('[S-051] RFC 826, RFC 1122 §2.3.2.2: is asked for, and the packet goes when it answers', () => {
    expect(bench.transmit(PEER, 1)).toBe('waits');
    expect(bench.questions).toEqual(['0 10.0.0.1 all for 10.0.0.2']);
    bench.transmit(PEER, 2);
    bench.transmit(OTHER, 3);
    expect(bench.questions).toHaveLength(2);
    bench.learn(PEER);
    expect(bench.sent).toEqual([`1 > ${MAC}`, `2 > ${MAC}`]);
    expect(bench.state(PEER)).toBe('REACHABLE');
    expect(bench.transmit(PEER)).toBe(MAC.toString());
    expect(bench.questions).toHaveLength(2);
  });

  it('[S-051] RFC 1122 §2.3.2.1: is asked once a second whatever is sent, three times, and then it is unreachable', () => {
    for (let tenth = 0; tenth < 29; tenth++) {
      bench.transmit(PEER, tenth);
      bench.advance(0.1);
    }
    expect(bench.questions.map((line) => Number(line.split(' ')[0]))).toEqual([0, 1, 2]);
    expect(bench.state(PEER)).toBe('INCOMPLETE');
    bench.advance(0.1);
    expect(bench.state(PEER)).toBe('FAILED');
    expect(bench.unreachable).toEqual(Array.from({ length: 29 }, (_, i) => i));
    expect(bench.counters.snapshot()).toEqual({ 'neighbour-unreachable': 29 });
    expect(bench.cache.waitingBytes).toBe(0);
    bench.advance(100);
    expect(bench.questions).toHaveLength(3);
    expect(bench.timers.count).toBe(0);
  });

  it('is asked anew by the next packet after it failed', () => {
    bench.transmit(PEER, 1);
    bench.advance(3);
    bench.transmit(PEER, 2);
    expect(bench.questions.at(-1)).toBe('3 10.0.0.1 all for 10.0.0.2');
    bench.advance(1);
    bench.learn(PEER);
    expect(bench.sent).toEqual([`2 > ${MAC}`]);
  });

  it('has a copy of each packet, with its marks', () => {
    const packet = packetOf(7);
    packet.checksum = Checksum.partial;
    packet.segmentSize = 60;
    bench.cache.wait(Address.parse(PEER), packet, SELF);
    packet.memory.bytes.fill(0);
    expect(bench.cache.find(Address.parse(PEER))?.waiting).toMatchObject([
      { checksum: Checksum.partial, segmentSize: 60 },
    ]);
    bench.learn(PEER);
    expect(bench.sent).toEqual([`7 > ${MAC}`]);
  });

  it('keeps the latest packets when too many wait, and counts the others', () => {
    for (let n = 0; n < 200; n++) bench.transmit(PEER, n, 1500);
    expect(bench.cache.waitingBytes).toBeLessThanOrEqual(212_992);
    const kept = Math.floor(212_992 / (1500 + 256));
    expect(bench.counters.get('neighbour-queue-full')).toBe(200 - kept);
    bench.learn(PEER);
    expect(bench.sent[0]).toBe(`${200 - kept} > ${MAC}`);
    expect(bench.sent.at(-1)).toBe(`199 > ${MAC}`);
    expect(bench.cache.waitingBytes).toBe(0);
  });

  it('bounds what waits for all neighbours together', () => {
    for (let n = 0; n < 100; n++) for (let i = 0; i < 3; i++) bench.transmit(`10.0.1.${n}`, i, 60_000);
    expect(bench.cache.waitingBytes).toBeLessThanOrEqual(0x40_0000);
    expect(bench.counters.get('neighbour-queue-full')).toBeGreaterThan(100);
    // The first are whole, since an attacker's later packets take nobody else's place.
    bench.learn('10.0.1.0');
    expect(bench.sent).toEqual([`0 > ${MAC}`, `1 > ${MAC}`, `2 > ${MAC}`]);
  });

  it('counts what waits in the memory budget, and no more of it than a quarter', () => {
    bench = new NeighbourBench(1, 100_000);
    for (let n = 0; n < 10; n++) bench.transmit(`10.0.1.${n}`, n, 4_744);
    expect([bench.cache.waitingBytes, bench.budget.used]).toEqual([25_000, 25_000]);
    expect(bench.counters.get('neighbour-queue-full')).toBe(5);
    bench.learn('10.0.1.0');
    expect(bench.budget.used).toBe(20_000);
    bench.cache.delete(Address.parse('10.0.1.1'));
    expect(bench.budget.used).toBe(15_000);
    bench.advance(3);
    expect([bench.unreachable, bench.budget.used]).toEqual([[2, 3, 4], 0]);
  });

  it('gives way when the memory budget is used up: the oldest to the same neighbour goes first', () => {
    bench = new NeighbourBench(1, 200_000);
    for (let n = 0; n < 3; n++) bench.transmit(PEER, n, 4_744);
    bench.transmit(OTHER, 9, 4_744);
    expect(bench.budget.take(176_000)).toBe(true);
    bench.transmit(PEER, 3, 9_744);
    bench.transmit('10.0.0.7', 7, 9_744);
    expect(bench.counters.snapshot()).toEqual({ 'neighbour-memory-budget': 3 });
    expect(bench.budget.used).toBe(196_000);
    // It is asked for all the same: what is sent again will find it.
    expect(bench.questions.at(-1)).toBe('0 10.0.0.7 all for 10.0.0.2');
    bench.learn(PEER);
    bench.learn(OTHER);
    expect(bench.sent).toEqual([`2 > ${MAC}`, `3 > ${MAC}`, `9 > ${MAC}`]);
    expect(bench.budget.used).toBe(176_000);
  });

  it('RFC 4861 §7.2.2: is asked for whom the last packet is from', () => {
    bench.transmit(SIX, 1, 100, Address.parse('fe80::2'));
    expect(bench.questions).toEqual(['0 fe80::1 all for fe80::2']);
  });

  it('is put in by nobody who was not asked', () => {
    bench.learn(PEER);
    bench.learn(PEER, { solicited: false });
    expect(bench.cache.size).toBe(0);
  });

  it('RFC 4861 §7.2.3: is put in as STALE when it asks for this host', () => {
    bench.learn(PEER, { solicited: false, create: true });
    expect(bench.state(PEER)).toBe('STALE');
    bench.learn(OTHER, { mac: undefined, solicited: false, create: true });
    expect(bench.state(OTHER)).toBeUndefined();
  });

  it('RFC 4861 §7.2.5: waits on when an answer names no address, and takes an unasked one', () => {
    bench.transmit(PEER, 1);
    bench.learn(PEER, { mac: undefined });
    expect(bench.state(PEER)).toBe('INCOMPLETE');
    bench.learn(PEER, { solicited: false, override: false });
    // The packet has gone, so the delay runs.
    expect(bench.sent).toEqual([`1 > ${MAC}`]);
    expect(bench.state(PEER)).toBe('DELAY');
  });
});

describe('RFC 4861 §7.3.3: reachability', () => {
  it('lasts 15 to 45 seconds, differently for each, and longer when it is confirmed', () => {
    const times = new Set<number>();
    for (let seed = 1; seed <= 20; seed++) {
      const one = new NeighbourBench(seed);
      one.meet(PEER);
      let tenths = 0;
      while (one.state(PEER) === 'REACHABLE') {
        one.advance(0.1);
        tenths++;
      }
      expect(one.state(PEER)).toBe('STALE');
      expect(tenths).toBeGreaterThan(149);
      expect(tenths).toBeLessThan(452);
      times.add(tenths);
    }
    expect(times.size).toBeGreaterThan(10);

    bench.meet(PEER);
    for (let n = 0; n < 100; n++) {
      bench.advance(14);
      bench.cache.confirm(Address.parse(PEER));
    }
    expect(bench.state(PEER)).toBe('REACHABLE');
    expect(bench.questions).toEqual([]);
    bench.advance(46);
    expect(bench.state(PEER)).toBe('STALE');
    expect(bench.timers.count).toBe(0);
  });

  it('STALE: the first packet goes at once and begins the delay; after 5 s three unicast questions; then FAILED', () => {
    bench.meet(PEER);
    bench.advance(50);
    expect(bench.transmit(PEER)).toBe(MAC.toString());
    expect(bench.state(PEER)).toBe('DELAY');
    bench.advance(4.9);
    expect(bench.questions).toEqual([]);
    expect(bench.transmit(PEER)).toBe(MAC.toString());
    bench.advance(0.1);
    expect(bench.state(PEER)).toBe('PROBE');
    expect(bench.transmit(PEER)).toBe(MAC.toString());
    bench.advance(2.9);
    expect(bench.questions.map((line) => line.split(' for')[0])).toEqual(
      [55, 56, 57].map((t) => `${t} 10.0.0.1 ${MAC}`),
    );
    expect(bench.transmit(PEER)).toBe(MAC.toString());
    bench.advance(0.1);
    expect(bench.state(PEER)).toBe('FAILED');
    expect(bench.transmit(PEER)).toBe('waits');
    expect(bench.questions.at(-1)).toContain('58 10.0.0.1 all');
  });

  it.each(['DELAY', 'PROBE', 'STALE'])('%s: a hint of upper layers, or an answer, makes it REACHABLE', (state) => {
    for (const how of ['confirm', 'learn'] as const) {
      bench = new NeighbourBench();
      bench.meet(PEER);
      bench.advance(50);
      if (state !== 'STALE') bench.transmit(PEER);
      if (state === 'PROBE') bench.advance(6);
      expect(bench.state(PEER)).toBe(state);
      if (how === 'confirm') bench.cache.confirm(Address.parse(PEER));
      else bench.learn(PEER);
      expect(bench.state(PEER)).toBe('REACHABLE');
      const asked = bench.questions.length;
      bench.advance(10);
      expect(bench.questions).toHaveLength(asked);
    }
  });

  it('a hint says nothing of a neighbour without an address', () => {
    bench.transmit(PEER);
    bench.cache.confirm(Address.parse(PEER));
    bench.cache.confirm(Address.parse(OTHER));
    expect([bench.state(PEER), bench.state(OTHER)]).toEqual(['INCOMPLETE', undefined]);
  });

  it('the times of a family are those that are set', () => {
    bench.cache.times[6].baseReachableTime = 2 * SECOND;
    bench.cache.times[6].retransTimer = SECOND / 2;
    bench.transmit(SIX);
    bench.advance(1.4);
    expect(bench.questions.map((line) => Number(line.split(' ')[0]))).toEqual([0, 0.5, 1]);
    bench.learn(SIX);
    bench.meet(PEER);
    bench.advance(3);
    expect([bench.state(SIX), bench.state(PEER)]).toEqual(['STALE', 'REACHABLE']);
  });
});

describe('RFC 4861 §7.2.5: another hardware address', () => {
  beforeEach(() => bench.meet(PEER));

  it('with override takes the place of the known one, unconfirmed unless it is an answer', () => {
    bench.learn(PEER, { mac: OTHER_MAC, solicited: false });
    expect(bench.state(PEER)).toBe('STALE');
    expect(bench.transmit(PEER)).toBe(OTHER_MAC.toString());
    bench.learn(PEER, { mac: MAC, solicited: true });
    expect(bench.state(PEER)).toBe('REACHABLE');
    expect(bench.transmit(PEER)).toBe(MAC.toString());
  });

  it('without override does not, but the known one is in doubt', () => {
    for (const solicited of [true, false]) {
      bench.learn(PEER, { mac: OTHER_MAC, solicited, override: false });
      expect(bench.state(PEER)).toBe('STALE');
    }
    expect(bench.transmit(PEER)).toBe(MAC.toString());
    expect(bench.state(PEER)).toBe('DELAY');
    bench.learn(PEER, { mac: OTHER_MAC, solicited: true, override: false });
    expect(bench.state(PEER)).toBe('DELAY');
  });

  it('the same one, unasked, changes nothing', () => {
    bench.learn(PEER, { solicited: false });
    expect(bench.state(PEER)).toBe('REACHABLE');
    bench.advance(50);
    bench.learn(PEER, { solicited: false });
    expect(bench.state(PEER)).toBe('STALE');
  });

  it('an answer without an address confirms the known one', () => {
    bench.advance(50);
    bench.learn(PEER, { mac: undefined });
    expect(bench.state(PEER)).toBe('REACHABLE');
  });

  it('tells of each change, and of routers', () => {
    bench.learn(PEER, { router: true });
    bench.learn(PEER, { router: true });
    bench.learn(PEER, { mac: OTHER_MAC, solicited: false });
    bench.learn(PEER, { router: false });
    expect(bench.changes).toEqual([
      '10.0.0.1 REACHABLE>REACHABLE router',
      '10.0.0.1 REACHABLE>STALE router',
      '10.0.0.1 STALE>REACHABLE router',
      '10.0.0.1 REACHABLE>REACHABLE',
    ]);
  });
});

describe('neighbours that the program sets', () => {
  it('stay as they are, whatever is heard, and are never asked', () => {
    bench.transmit(PEER, 5);
    bench.cache.set(Address.parse(PEER), MAC);
    expect(bench.sent).toEqual([`5 > ${MAC}`]);
    const asked = bench.questions.length;
    bench.learn(PEER, { mac: OTHER_MAC });
    bench.cache.confirm(Address.parse(PEER));
    bench.cache.flush();
    bench.advance(1000);
    expect(bench.transmit(PEER)).toBe(MAC.toString());
    expect(bench.questions).toHaveLength(asked);
    expect(bench.cache.list()).toEqual([{ address: PEER, mac: MAC.toString(), state: 'PERMANENT', router: false }]);
    bench.cache.set(Address.parse(PEER), OTHER_MAC);
    expect(bench.transmit(PEER)).toBe(OTHER_MAC.toString());
    expect(bench.cache.delete(Address.parse(PEER))).toBe(true);
    expect(bench.cache.delete(Address.parse(PEER))).toBe(false);
    expect(bench.transmit(PEER)).toBe('waits');
  });

  it('take no place of those that are learnt, and give none', () => {
    for (let n = 0; n < 2000; n++) bench.cache.set(Address.fromIpv4(0x0b00_0000 + n), MAC);
    expect(bench.cache.size).toBe(0);
    for (let n = 0; n < 2000; n++) bench.learn(`10.0.${n >> 8}.${n & 255}`, { create: true, solicited: false });
    expect(bench.cache.size).toBe(1024);
    expect(bench.state('11.0.0.0')).toBe('PERMANENT');
  });
});

describe('a link that went down', () => {
  it('takes what was learnt with it, and the packets that wait', () => {
    bench.meet(PEER);
    bench.transmit(OTHER);
    bench.cache.flush();
    expect(bench.cache.list()).toEqual([]);
    expect(bench.counters.snapshot()).toEqual({ 'neighbour-queue-dropped': 1 });
    expect([bench.timers.count, bench.cache.waitingBytes, bench.unreachable.length]).toEqual([0, 0, 0]);
    expect(bench.transmit(PEER)).toBe('waits');
  });
});

describe('floods', () => {
  const fake = (n: number): string => `10.${1 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;

  it('of made-up neighbours that ask for us evict the stale, oldest first, never those that are reachable', () => {
    bench.meet(PEER);
    for (let n = 0; n < 5000; n++) bench.learn(fake(n), { create: true, solicited: false });
    expect(bench.cache.size).toBe(1024);
    expect(bench.state(PEER)).toBe('REACHABLE');
    expect(bench.state(fake(5000 - 1024))).toBeUndefined();
    expect(bench.state(fake(5000 - 1023))).toBe('STALE');
    expect(bench.counters.get('neighbour-evicted')).toBe(5000 - 1023);
  });

  it('of such that we answer, too, do not evict those that are reachable', () => {
    bench.meet(PEER);
    for (let n = 0; n < 5000; n++) {
      bench.learn(fake(n), { create: true, solicited: false });
      bench.transmit(fake(n));
      bench.advance(0.001);
    }
    expect(bench.cache.size).toBe(1024);
    expect(bench.state(PEER)).toBe('REACHABLE');
    bench.advance(10);
    // Three unicast questions for each that is still there, one a second.
    expect(bench.questions.length).toBeLessThan(4 * 1024);
  });

  it('of packets to hosts that are not there: half of the room is theirs, one question a second each', () => {
    bench.meet(PEER);
    for (let n = 0; n < 100_000; n++) {
      bench.transmit(fake(n), 1, 40);
      if (n % 100 === 0) bench.advance(0.01);
    }
    // Ten seconds at 10,000 a second.
    expect(bench.questions.length).toBeLessThan(11 * 512);
    expect(new Set(bench.questions.map((line) => line.split(' ')[1])).size).toBeGreaterThan(1024);
    expect(bench.cache.size).toBeLessThanOrEqual(1024);
    expect(bench.state(PEER)).toBe('REACHABLE');
    expect(bench.counters.get('neighbour-table-full')).toBeGreaterThan(80_000);
    // There is room again for whoever comes in a quiet moment.
    bench.advance(3);
    bench.transmit(OTHER, 9);
    bench.learn(OTHER);
    expect(bench.sent).toEqual([`9 > ${MAC}`]);
  });

  it('a table that is full of unanswered questions takes no one in', () => {
    for (let n = 0; n < 600; n++) bench.transmit(fake(n));
    expect(bench.counters.get('neighbour-table-full')).toBe(600 - 512);
    expect(bench.cache.size).toBe(512);
    bench.advance(2.9);
    bench.transmit(fake(700));
    expect(bench.counters.get('neighbour-table-full')).toBe(600 - 511);
    bench.advance(0.1);
    bench.transmit(fake(700));
    expect(bench.state(fake(700))).toBe('INCOMPLETE');
    // Nobody was asked more often than once a second.
    expect(bench.questions).toHaveLength(3 * 512 + 1);
    expect(new Set(bench.questions).size).toBe(3 * 512 + 1);
  });
});

describe('addresses', () => {
  it('of both families live side by side, and differ', () => {
    bench.cache.set(Address.parse('10.0.0.1'), MAC);
    bench.cache.set(Address.parse('::ffff:10.0.0.1'), OTHER_MAC);
    bench.cache.set(Address.parse('fe80::1'), MacAddress.parse('02:00:00:00:00:06'));
    expect(['10.0.0.1', '::ffff:10.0.0.1', 'fe80::1'].map((text) => bench.transmit(text))).toEqual([
      '02:00:00:00:00:01',
      '02:00:00:00:00:99',
      '02:00:00:00:00:06',
    ]);
  });
});

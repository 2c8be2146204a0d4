import { describe, expect, it } from 'vitest';
import { Batch, batchOf, Checksum } from '../../../src/buffer/batch.ts';
import { memoryOf } from '../../../src/buffer/memory.ts';
import { cable } from '../../../src/link/cable.ts';
import type { CableOptions } from '../../../src/link/cable.ts';
import { impair } from '../../../src/link/impair.ts';
import type { ImpairOptions } from '../../../src/link/impair-options.ts';
import type { Link, LinkHost } from '../../../src/link/link.ts';
import { NO_OFFLOAD } from '../../../src/link/link.ts';
import { checksumIsRight, partialPacket, testPacket } from '../../../src/link/suite-packets.ts';
import type { Timer } from '../../../src/time/clock.ts';
import { seededRandom } from '../../../src/time/seeded-random.ts';
import { VirtualClock } from '../../../src/time/virtual-clock.ts';
import { checksumAdd, checksumFinish } from '../../../src/wire/checksum.ts';
import { parsePacket } from '../../../src/wire/packet.ts';
import { checkIpv4 } from '../../../src/wire/ipv4.ts';
import { RecordingHost } from './pairs.ts';

/** A host that also writes down when. */
class TimedHost extends RecordingHost {
  readonly times: number[] = [];

  override receive(batch: Batch): void {
    super.receive(batch);
    while (this.times.length < this.packets.length) this.times.push(this.clock.now());
  }

  /** `[time in microseconds, id]` of each packet. */
  get log(): [number, number][] {
    return this.packets.map((packet, i) => [this.times[i]!, numberOf(packet)]);
  }
}

/** A clock whose timers fire at whole milliseconds only. */
class CoarseClock extends VirtualClock {
  override readonly resolution: number = 1000;

  override timer(fn: () => void): Timer {
    const timer = super.timer(fn);
    const { at } = timer;
    timer.at = (us) => at.call(timer, Math.ceil(us / 1000) * 1000);
    return timer;
  }
}

/** A cable whose near end is impaired, both ends open. */
function world(options: ImpairOptions, cableOptions: CableOptions = {}, clock: VirtualClock = new VirtualClock()) {
  const [a, far] = cable(cableOptions);
  const near = impair(a, options);
  const here = new TimedHost(clock);
  const there = new TimedHost(clock);
  void near.open(here);
  void far.open(there);
  clock.advance(0);
  here.events.length = 0;
  return { clock, near, far, here, there };
}

function packets(count: number, length: number = 100, first: number = 0): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => testPacket('ip', length, first + i));
}

/** What `testPacket` was given: identifications begin with 1. */
function numberOf(packet: Uint8Array): number {
  return ((packet[4]! << 8) | packet[5]!) - 1;
}

function ids(host: TimedHost): number[] {
  return host.log.map(([, id]) => id);
}

/** A TOS byte or traffic class with this ECN field. */
function ecnPacket(version: 4 | 6, ecn: number): Uint8Array {
  if (version === 6) return Uint8Array.from([0x6a, 0xb0 | 0x0f, ...new Uint8Array(98)]).fill(0x80 | (ecn << 4), 1, 2);
  const packet = testPacket('ip', 100, 1);
  const sum = (packet[10]! << 8) | packet[11]!;
  packet[1] = 0xb8 | ecn;
  // The checksum goes down by what the word went up; none of these sums wraps.
  packet.set([(sum - packet[1]) >>> 8, (sum - packet[1]) & 0xff], 10);
  return packet;
}

describe('impair: time', () => {
  it('delays each packet of each direction by its delay, exactly', () => {
    const { clock, near, far, here, there } = world({ delay: 1.5, send: { delay: 0.0005 } });
    near.send(batchOf(packets(2)));
    far.send(batchOf(packets(1)));
    clock.advance(700);
    near.send(batchOf(packets(1, 100, 2)));
    clock.advance(10_000);
    expect(there.log).toEqual([
      [0.5, 0],
      [0.5, 1],
      [700.5, 2],
    ]);
    expect(here.log).toEqual([[1500, 0]]);
    expect(clock.pending).toBe(0);
  });

  it('adds jitter of up to its value, and lets later packets overtake', () => {
    const { clock, near, there } = world({ delay: 1, jitter: 2, seed: 4 });
    near.send(batchOf(packets(1000)));
    clock.advance(10_000);
    const times = there.times;
    expect(times).toEqual(times.toSorted((x, y) => x - y));
    expect(times[0]).toBeGreaterThanOrEqual(1000);
    expect(times[0]).toBeLessThan(1050);
    expect(times.at(-1)).toBeLessThan(3000);
    expect(times.at(-1)).toBeGreaterThan(2950);
    expect(ids(there).toSorted((x, y) => x - y)).toEqual(packets(1000).map((_, i) => i));
    expect(ids(there)).not.toEqual(packets(1000).map((_, i) => i));
  });

  it.each([
    [{ delay: 8 }, 2000],
    [{ delay: 2 }, 1000],
    [{ delay: 8, reorderDelay: 5 }, 5000],
  ])('holds packets back: %j by %d µs', (options, held) => {
    const { clock, near, there } = world({ ...options, reorder: 0.1, seed: 1 });
    for (let i = 0; i < 1000; i++) {
      near.send(batchOf(packets(1, 100, i)));
      clock.advance(100);
    }
    clock.advance(100_000);
    const late = there.log.filter(([time, id]) => time - id * 100 !== options.delay * 1000);
    expect(late.length).toBe(near.statistics().send.reordered);
    expect(late.length).toBeGreaterThan(70);
    expect(late.length).toBeLessThan(130);
    for (const [time, id] of late) expect(time).toBe(id * 100 + options.delay * 1000 + held);
  });

  it('keeps the order of packets with equal delay, also when the delay is changed', () => {
    const { clock, near, there } = world({ delay: 10 });
    near.send(batchOf(packets(100)));
    near.set({ delay: 4 });
    near.send(batchOf(packets(100, 100, 100)));
    clock.advance(3000);
    near.set({ delay: 1 });
    near.send(batchOf(packets(100, 100, 200)));
    clock.advance(20_000);
    const range = (from: number): number[] => Array.from({ length: 100 }, (_, i) => from + i);
    expect(ids(there)).toEqual([...range(100), ...range(200), ...range(0)]);
    expect([...new Set(there.times)]).toEqual([4000, 10_000]);
  });

  it('has one timer for each direction, however many packets are under way', () => {
    const { clock, near, far } = world({ delay: 10, jitter: 5, seed: 1 });
    for (const link of [near, far]) link.send(batchOf(packets(500)));
    clock.advance(0);
    expect(clock.pending).toBe(2);
    expect(near.statistics().send.underWay).toBe(500);
    expect(near.statistics().receive.underWay).toBe(500);
  });

  it('is never early, and late only as the clock is', () => {
    const { clock, near, there } = world({ rate: 1e6, delay: 0.3 }, {}, new CoarseClock());
    near.send(batchOf(packets(4)));
    clock.advance(10_000);
    // Due at 1100, 1900, 2700 and 3500: waiting for the timer does not slow the bottleneck down.
    expect(there.log).toEqual([
      [2000, 0],
      [2000, 1],
      [3000, 2],
      [4000, 3],
    ]);
  });

  it('takes the clock that it is given', () => {
    const own = new VirtualClock();
    const { near, there, clock } = world({ delay: 1, clock: own });
    near.send(batchOf(packets(1)));
    clock.advance(5000);
    expect(there.packets.length).toBe(0);
    own.advance(1000);
    clock.advance(0);
    expect(there.packets.length).toBe(1);
  });
});

describe('impair: the bottleneck', () => {
  it('lets packets out at its rate', () => {
    // 100 bytes at 1 Mbit/s: 800 µs.
    const { clock, near, there } = world({ rate: 1e6, delay: 1 });
    near.send(batchOf(packets(3)));
    clock.advance(5000);
    near.send(batchOf(packets(2, 100, 3)));
    clock.advance(10_000);
    expect(there.times).toEqual([1800, 2600, 3400, 6800, 7600]);
  });

  it('drops what its queue has no room for, and tells how full it is', () => {
    const { clock, near, there } = world({ rate: 1e6, queue: 350 });
    near.send(batchOf(packets(5)));
    expect(near.statistics().send).toMatchObject({ queue: 300, queueMax: 300, queueDrops: 2 });
    clock.advance(799);
    expect(near.statistics().send.queue).toBe(300);
    clock.advance(1);
    expect(near.statistics().send.queue).toBe(200);
    near.send(batchOf(packets(1, 100, 5)));
    clock.advance(10_000);
    expect(ids(there)).toEqual([0, 1, 2, 5]);
    expect(near.statistics().send).toMatchObject({ queue: 0, queueMax: 300, queueDrops: 2, packets: 6, underWay: 0 });
    expect(near.statistics().receive.packets).toBe(0);
  });

  it('has a queue of 100 ms of the rate unless told, and takes a packet longer than its queue when empty', () => {
    // 8 kbit/s: 1000 bytes a second.
    const { clock, near, there } = world({ rate: 8000 });
    near.send(batchOf(packets(9, 30)));
    near.send(batchOf(packets(1, 1500, 9)));
    clock.advance(1_000_000);
    near.send(batchOf(packets(1, 1500, 10)));
    clock.advance(10_000_000);
    expect(ids(there)).toEqual([0, 1, 2, 10]);
  });

  it.each([4, 6] as const)('marks ECT packets of IPv%i that find the threshold exceeded, and no others', (version) => {
    const { clock, near, there } = world({ rate: 1e6, ecnThreshold: 150, queue: 10_000 });
    const sent = [1, 1, 2, 1, 2, 0, 3].map((ecn) => ecnPacket(version, ecn));
    near.send(batchOf(sent));
    clock.advance(10_000);
    const shift = version === 4 ? 0 : 4;
    expect(there.packets.map((packet) => (packet[1]! >>> shift) & 3)).toEqual([1, 1, 3, 3, 3, 0, 3]);
    expect(near.statistics().send).toMatchObject({ marked: 3, queueDrops: 0 });
    for (const [i, packet] of there.packets.entries()) {
      // Nothing else has changed, and an IPv4 header still adds up.
      if (version === 4) expect(checkIpv4(memoryOf(packet).view, 0, 100)).toBeUndefined();
      const field = 3 << shift;
      expect((packet[1]! | field) === (sent[i]![1]! | field)).toBe(true);
      const rest = version === 4 ? 12 : 2;
      expect(packet.subarray(rest)).toEqual(sent[i]!.subarray(rest));
    }
  });

  it('marks a copy, not the memory that arrives', () => {
    const { clock, far, here, near } = world({ rate: 1e6, ecnThreshold: 0 });
    const sent = [1, 1].map((ecn) => ecnPacket(4, ecn));
    far.send(batchOf(sent));
    clock.advance(10_000);
    expect(here.packets.map((packet) => packet[1]! & 3)).toEqual([1, 3]);
    expect(near.statistics().receive.marked).toBe(1);
    expect(sent[1]![1]! & 3).toBe(1);
  });
});

describe('impair: chance', () => {
  const COUNT = 10_000;

  /** What arrived of many packets. */
  function arrivals(options: ImpairOptions) {
    const made = world({ seed: 11, ...options }, { queue: 100_000, queueBytes: 1 << 30 });
    made.near.send(batchOf(packets(COUNT)));
    made.clock.advance(1_000_000);
    return { ...made, counted: made.near.statistics().send };
  }

  // Five standard deviations: 5 · √(10,000 · p · (1 − p)).
  it.each([
    [0.01, 50],
    [0.1, 150],
    [0.5, 250],
  ])('loses %d of all packets', (loss, tolerance) => {
    const { there, counted } = arrivals({ loss });
    expect(counted.lost).toBe(COUNT - there.packets.length);
    expect(Math.abs(counted.lost - loss * COUNT)).toBeLessThan(tolerance);
  });

  it('loses nothing at 0 and all at 1', () => {
    expect(arrivals({}).there.packets.length).toBe(COUNT);
    expect(arrivals({ loss: 1 }).there.packets.length).toBe(0);
  });

  it('duplicates', () => {
    const { there, counted } = arrivals({ duplicate: 0.1 });
    expect(there.packets.length).toBe(COUNT + counted.duplicated);
    expect(Math.abs(counted.duplicated - 0.1 * COUNT)).toBeLessThan(150);
    expect(new Set(ids(there)).size).toBe(COUNT);
  });

  it('corrupts by one bit or by cutting the end', () => {
    const { there, counted } = arrivals({ corrupt: 0.1 });
    const originals = packets(COUNT);
    let flipped = 0;
    let cut = 0;
    for (const [i, packet] of there.packets.entries()) {
      const original = originals[i]!;
      let bits = 0;
      for (let at = 0; at < packet.length; at++) {
        for (let x = packet[at]! ^ original[at]!; x > 0; x &= x - 1) bits++;
      }
      if (packet.length < original.length) {
        expect(bits).toBe(0);
        cut++;
      } else if (bits > 0) {
        expect(bits).toBe(1);
        flipped++;
      }
    }
    expect(flipped + cut).toBe(counted.corrupted);
    expect(Math.abs(counted.corrupted - 0.1 * COUNT)).toBeLessThan(150);
    // Five standard deviations of one in five of about a thousand.
    expect(Math.abs(cut - counted.corrupted / 5)).toBeLessThan(65);
  });

  it('vouches no more for what it has damaged', () => {
    const { near, far, here, clock } = world({ seed: 1, receive: { corrupt: 1 } }, { offload: true });
    const batch = new Batch();
    const packet = testPacket('ip', 100, 1);
    batch.push(memoryOf(packet), 0, 100, Checksum.valid);
    far.send(batch);
    clock.advance(0);
    near.set({ corrupt: 0, receive: { corrupt: 0 } });
    far.send(batch);
    clock.advance(0);
    expect(here.marks).toEqual([
      [Checksum.none, 0],
      [Checksum.valid, 0],
    ]);
    expect(here.packets[1]).toEqual(packet);
  });

  it('does the same for the same seed, and something else for another', () => {
    const run = (seed: number): [unknown, unknown] => {
      const options = { loss: 0.1, duplicate: 0.1, corrupt: 0.1, jitter: 5, reorder: 0.2, delay: 3, rate: 1e7 };
      const { clock, near, far, here, there } = world({ ...options, seed });
      for (let round = 0; round < 20; round++) {
        near.send(batchOf(packets(20, 100, round * 20)));
        far.send(batchOf(packets(20, 100, round * 20)));
        clock.advance(1000);
      }
      clock.advance(100_000);
      return [
        [there.times, there.packets],
        [here.times, here.packets],
      ];
    };
    const [there, here] = run(5);
    expect(run(5)).toEqual([there, here]);
    expect(run(6)[0]).not.toEqual(there);
    expect(here).not.toEqual(there);
  });

  it('one direction has no influence on the other', () => {
    const run = (both: boolean): number[] => {
      const { clock, near, far, there } = world({ loss: 0.5, seed: 3 });
      for (let i = 0; i < 100; i++) {
        near.send(batchOf(packets(1, 100, i)));
        if (both) far.send(batchOf(packets(1)));
      }
      clock.advance(0);
      return ids(there);
    };
    expect(run(true)).toEqual(run(false));
  });

  it('draws from the randomness of `open` without a seed, or from the one it is given', () => {
    // Never below the probability: nothing is lost.
    const random = { fill: (): void => {}, uint32: (): number => 0xffff_ffff };
    const { clock, near, there } = world({ loss: 0.99, random });
    near.send(batchOf(packets(100)));
    clock.advance(0);
    expect(there.packets.length).toBe(100);
    const lost = [0, 1].map(() => {
      const made = world({ loss: 0.5 });
      made.near.send(batchOf(packets(100)));
      made.clock.advance(0);
      return ids(made.there);
    });
    const { near: own, there: arrived, clock: time } = world({ loss: 0.5, random: seededRandom(1) });
    own.send(batchOf(packets(100)));
    time.advance(0);
    // RecordingHost's randomness is seeded with 1.
    expect(lost).toEqual([ids(arrived), ids(arrived)]);
  });
});

describe('impair: the test decides', () => {
  it('drops the packets that the predicate chooses, numbered in each direction', () => {
    const seen: [number, number][] = [];
    const drop = (packet: Uint8Array, index: number): boolean => {
      seen.push([index, packet.length]);
      return index === 1 || packet.length === 60;
    };
    const { clock, near, far, here, there } = world({ drop });
    near.send(batchOf([...packets(3, 50), ...packets(1, 60, 3), ...packets(1, 70, 4)]));
    clock.advance(0);
    far.send(batchOf(packets(2, 50)));
    clock.advance(0);
    expect(ids(there)).toEqual([0, 2, 4]);
    expect(ids(here)).toEqual([0]);
    expect(seen).toEqual([
      [0, 50],
      [1, 50],
      [2, 50],
      [3, 60],
      [4, 70],
      [0, 50],
      [1, 50],
    ]);
    expect(near.statistics().send.lost).toBe(2);
    near.set({ drop: undefined });
    near.send(batchOf(packets(1, 60, 5)));
    clock.advance(0);
    expect(ids(there)).toEqual([0, 2, 4, 5]);
  });

  it('a partition, healed; what is not named stays', () => {
    const { clock, near, far, here, there } = world({ delay: 2, receive: { delay: 1 } });
    near.set({ loss: 1 });
    near.send(batchOf(packets(5)));
    near.set({ loss: 0, receive: { loss: 1 } });
    near.send(batchOf(packets(1, 100, 5)));
    far.send(batchOf(packets(1)));
    clock.advance(0);
    near.set({ receive: { loss: 0 } });
    far.send(batchOf(packets(1, 100, 1)));
    clock.advance(5000);
    expect(there.log).toEqual([[2000, 5]]);
    expect(here.log).toEqual([[1000, 1]]);
  });

  it('can be set before it is open', () => {
    const clock = new VirtualClock();
    const [a, far] = cable();
    const near = impair(a);
    near.set({ delay: 3 });
    expect(near.statistics().send).toMatchObject({ packets: 0, queue: 0, lost: 0 });
    const there = new TimedHost(clock);
    void near.open(new RecordingHost(clock));
    void far.open(there);
    near.send(batchOf(packets(1)));
    clock.advance(10_000);
    expect(there.times).toEqual([3000]);
  });
});

describe('impair: as a link', () => {
  it('presents the inner link without its offload, and drops what is sent that is no single packet, with a reason', () => {
    const { clock, near, here, there } = world({}, { mtu: 1400, offload: true });
    expect(near).toMatchObject({ medium: 'ip', mtu: 1400, up: true, offload: NO_OFFLOAD });
    const batch = new Batch();
    const large = partialPacket('tcp', 3000);
    batch.push(memoryOf(large), 0, large.length, Checksum.partial, 1000);
    const partial = partialPacket('udp', 30);
    batch.push(memoryOf(partial), 0, partial.length, Checksum.partial);
    expect(near.send(batch)).toBe(2);
    expect(near.dropped.snapshot()).toEqual({ 'partial-checksum': 1, 'super-segment': 1 });
    clock.advance(0);
    expect([here.packets.length, there.packets.length]).toEqual([0, 0]);
  });

  it('counts what it can neither cut nor complete', () => {
    const inner = new Inner();
    const clock = new VirtualClock();
    const near = impair(inner);
    const host = new RecordingHost(clock);
    void near.open(host);
    const batch = new Batch();
    // Of protocol 253.
    const packet = testPacket('ip', 100, 1);
    batch.push(memoryOf(packet), 0, 100, Checksum.partial, 10);
    batch.push(memoryOf(packet), 0, 100, Checksum.partial);
    inner.host!.receive(batch);
    expect(near.dropped.snapshot()).toEqual({ 'partial-checksum': 1, 'super-segment': 1 });
    expect(host.packets).toEqual([]);
  });

  it('cuts the super-segments that the inner link brings: each piece is lost or delayed by itself', () => {
    const { clock, far, here, near } = world({ drop: (_packet, index) => index === 1 }, { offload: true });
    const batch = new Batch();
    const large = partialPacket('tcp', 3500);
    // CWR, ACK, PSH, FIN.
    large[33] = 0x80 | 0x10 | 0x08 | 0x01;
    batch.push(memoryOf(large), 0, large.length, Checksum.partial, 1000);
    far.send(batch);
    clock.advance(0);
    const read = here.packets.map((packet) => parsePacket(packet));
    expect(read).toMatchObject([
      { ip: { identification: 7 }, tcp: { sequence: 1, flags: 0x90 } },
      { ip: { identification: 9 }, tcp: { sequence: 2001, flags: 0x10 } },
      { ip: { identification: 10 }, tcp: { sequence: 3001, flags: 0x19 } },
    ]);
    expect(here.packets.map((packet) => packet.length)).toEqual([1040, 1040, 540]);
    expect(here.marks).toEqual([0, 1, 2].map(() => [Checksum.valid, 0]));
    expect(near.statistics().receive).toMatchObject({ packets: 4, lost: 1 });
    for (const packet of here.packets) expect(checksumIsRight(packet)).toBe(true);
  });

  it('cuts IPv6 behind an Ethernet header', () => {
    const inner = new Inner('ethernet');
    const host = new RecordingHost(new VirtualClock());
    void impair(inner).open(host);
    const udp = Uint8Array.from({ length: 2508 }, (_, i) => (i < 8 ? [1, 2, 3, 4, 9, 204, 0, 0][i]! : i * 7));
    const ip = Uint8Array.from({ length: 40 }, (_, i) => (i < 8 ? [0x60, 0, 0, 0, 9, 204, 17, 64][i]! : i));
    const frame = Uint8Array.from([...new Uint8Array(12), 0x86, 0xdd, ...ip, ...udp]);
    const batch = new Batch();
    batch.push(memoryOf(frame), 0, frame.length, Checksum.partial, 1000);
    inner.host!.receive(batch);
    const views = host.packets.map((packet) => memoryOf(packet).view);
    expect(views.map((view) => [view.byteLength, view.getUint16(18), view.getUint16(58)])).toEqual([
      [1062, 1008, 1008],
      [1062, 1008, 1008],
      [562, 508, 508],
    ]);
    for (const view of views) {
      const length = view.byteLength - 54;
      // RFC 8200 §8.1: addresses, length and next header.
      const pseudo = checksumAdd(17 + length, view, 22, 32);
      expect(checksumFinish(checksumAdd(pseudo, view, 54, length))).toBe(0);
    }
    expect(host.packets.flatMap((packet) => [...packet.subarray(62)])).toEqual([...udp.subarray(8)]);
  });

  it('passes back-pressure on, and loses nothing by it', () => {
    const { clock, near, there, here } = world({}, { queue: 10 });
    const batch = batchOf(packets(100));
    const taken = near.send(batch);
    expect(taken).toBeLessThan(50);
    expect(near.send(batchOf(packets(1)))).toBe(0);
    expect(near.statistics().send.underWay).toBe(taken - 10);
    batch.drop(taken);
    for (let rounds = 0; batch.count > 0; rounds++) {
      expect(rounds).toBeLessThan(100);
      const before = here.events.length;
      clock.advance(0);
      expect(here.events.length).toBe(before + 1);
      batch.drop(near.send(batch));
    }
    clock.advance(0);
    expect(ids(there)).toEqual(packets(100).map((_, i) => i));
  });

  it('lets delayed packets wait for room', () => {
    const { clock, near, there } = world({ delay: 1, jitter: 0.5, seed: 1 }, { queue: 3 });
    near.send(batchOf(packets(20)));
    clock.advance(5000);
    expect(ids(there).toSorted((x, y) => x - y)).toEqual(packets(20).map((_, i) => i));
    expect(clock.pending).toBe(0);
  });

  it('uses its memory again', () => {
    const inner = new Inner();
    const clock = new VirtualClock();
    const near = impair(inner, { delay: 1 });
    void near.open(new RecordingHost(clock));
    for (let round = 0; round < 50; round++) {
      near.send(batchOf([...packets(20, 1400, round), ...packets(20, 60, round)]));
      clock.advance(1000);
    }
    expect(inner.sent).toBe(2000);
    expect(inner.retained).toBe(false);
    expect(inner.memories.size).toBeLessThanOrEqual(2);
  });

  it('drops what is under way when it is closed, and leaves no timer', () => {
    const { clock, near, far, here, there } = world({ delay: 1 });
    near.send(batchOf(packets(5)));
    far.send(batchOf(packets(5)));
    clock.advance(0);
    void near.close();
    void near.close();
    expect(clock.pending).toBe(1);
    clock.advance(0);
    expect(clock.pending).toBe(0);
    expect(near.send(batchOf(packets(5)))).toBe(5);
    expect(near.statistics().send.underWay).toBe(0);
    clock.advance(10_000);
    expect([here.packets.length, there.packets.length]).toEqual([0, 0]);
    expect(near.dropped.snapshot()).toEqual({ down: 5 });
  });

  it('may be closed from inside receive', () => {
    const clock = new VirtualClock();
    const [a, far] = cable();
    const near = impair(a, { delay: 1 });
    let received = 0;
    const host: LinkHost = Object.assign(new RecordingHost(clock), {
      receive: (): void => {
        received++;
        void near.close();
      },
    });
    void near.open(host);
    void far.open(new RecordingHost(clock));
    clock.advance(0);
    far.send(batchOf(packets(1)));
    clock.advance(500);
    far.send(batchOf(packets(1)));
    clock.advance(5000);
    expect(received).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it('reports the end of the device, and forgets what was under way', () => {
    const inner = new Inner();
    const clock = new VirtualClock();
    const near = impair(inner, { delay: 1 });
    const host = new RecordingHost(clock);
    void near.open(host);
    near.send(batchOf(packets(5)));
    inner.host!.closed(new Error('unplugged'));
    expect(host.events).toEqual(['closed: unplugged']);
    expect(clock.pending).toBe(0);
  });

  it('wraps Ethernet: the address is known when the card has it, marks are found behind the header', () => {
    const inner = new Inner('ethernet');
    const clock = new VirtualClock();
    const near = impair(inner, { rate: 1e6, ecnThreshold: 0, queue: 10_000 });
    expect(near.address).toBeUndefined();
    void near.open(new RecordingHost(clock));
    expect(near.address).toEqual(inner.address);
    const frame = Uint8Array.from([...new Uint8Array(12), 8, 0, ...ecnPacket(4, 2)]);
    near.send(batchOf([frame, frame]));
    clock.advance(10_000);
    expect(near.statistics().send.marked).toBe(1);
    expect(inner.last[15]! & 3).toBe(3);
  });

  it('is opened at most once', () => {
    const { near, here } = world({});
    expect(() => near.open(here)).toThrow('at most once');
  });

  it.each([
    [{ loss: 1.1 }, 'ERR_OUT_OF_RANGE', 'loss must be a number from 0 to 1'],
    [{ delay: -1 }, 'ERR_OUT_OF_RANGE', 'delay'],
    [{ delay: Infinity }, 'ERR_OUT_OF_RANGE', 'delay'],
    [{ rate: 0 }, 'ERR_OUT_OF_RANGE', 'rate'],
    [{ queue: NaN }, 'ERR_OUT_OF_RANGE', 'queue'],
    [{ seed: 0.5 }, 'ERR_OUT_OF_RANGE', 'seed'],
    [{ jitter: '1' }, 'ERR_INVALID_ARG_TYPE', 'jitter must be a number'],
    [{ drop: 1 }, 'ERR_INVALID_ARG_TYPE', 'drop must be a function'],
    [{ random: {} }, 'ERR_INVALID_ARG_TYPE', 'random'],
    [{ clock: 1 }, 'ERR_INVALID_ARG_TYPE', 'clock'],
    [{ los: 1 }, 'ERR_INVALID_ARG_VALUE', "no option 'los'"],
    [{ send: { seed: 1 } }, 'ERR_INVALID_ARG_VALUE', "no option 'seed'"],
    [{ receive: { loss: 2 } }, 'ERR_OUT_OF_RANGE', 'loss'],
  ])('refuses %j', (options, code, message) => {
    const [a] = cable();
    const attempt = (): unknown => impair(a, options as ImpairOptions);
    expect(attempt).toThrow(expect.objectContaining({ code }));
    expect(attempt).toThrow(message);
    if ('seed' in options || 'random' in options || 'clock' in options) return;
    expect(() => impair(a).set(options as ImpairOptions)).toThrow(expect.objectContaining({ code }));
  });
});

/** A card that takes everything. */
class Inner implements Link {
  readonly medium: 'ip' | 'ethernet';
  readonly mtu = 1500;
  readonly offload = NO_OFFLOAD;
  address?: Uint8Array;
  up: boolean = false;
  host: LinkHost | undefined;
  sent: number = 0;
  retained: boolean = false;
  last: Uint8Array = new Uint8Array();
  readonly memories = new Set<unknown>();

  constructor(medium: 'ip' | 'ethernet' = 'ip') {
    this.medium = medium;
  }

  open(host: LinkHost): void {
    this.host = host;
    this.up = true;
    if (this.medium === 'ethernet') this.address = new Uint8Array([2, 0, 0, 0, 0, 1]);
  }

  send(batch: Batch): number {
    this.sent += batch.count;
    this.retained ||= batch.retained;
    for (let row = 0; row < batch.count; row++) this.memories.add(batch.memory[row]);
    this.last = batch.packet(batch.count - 1).slice();
    return batch.count;
  }

  close(): void {
    this.up = false;
  }
}

import { describe, expect, it } from 'vitest';
import { Batch, batchOf, Checksum } from '../../../src/buffer/batch.ts';
import { memoryOf } from '../../../src/buffer/memory.ts';
import type { CableOptions } from '../../../src/link/cable.ts';
import { cable } from '../../../src/link/cable.ts';
import type { MemoryLink } from '../../../src/link/lane.ts';
import { loopback } from '../../../src/link/loopback.ts';
import { partialPacket, testPacket } from '../../../src/link/suite-packets.ts';
import { VirtualClock } from '../../../src/time/virtual-clock.ts';
import { RecordingHost } from './pairs.ts';

function opened(options?: CableOptions): {
  clock: VirtualClock;
  a: MemoryLink;
  b: MemoryLink;
  hostA: RecordingHost;
  hostB: RecordingHost;
} {
  const clock = new VirtualClock();
  const [a, b] = cable(options);
  const hostA = new RecordingHost(clock);
  const hostB = new RecordingHost(clock);
  void a.open(hostA);
  void b.open(hostB);
  return { clock, a, b, hostA, hostB };
}

function one(bytes: Uint8Array, checksum: Checksum, segmentSize: number = 0): Batch {
  const batch = new Batch();
  batch.push(memoryOf(bytes), 0, bytes.length, checksum, segmentSize);
  return batch;
}
type Checksum = 0 | 1 | 2;

describe('cable', () => {
  it('has an MTU of 1500 and no offload unless told', () => {
    const [a, b] = cable();
    expect([a.medium, a.mtu, b.mtu, a.offload]).toEqual(['ip', 1500, 1500, { checksum: false, tso: 0, uso: 0 }]);
    const [c] = cable({ mtu: 9000, offload: true });
    expect([c.mtu, c.offload]).toEqual([9000, { checksum: true, tso: 65_535, uso: 65_535 }]);
  });

  it('refuses options that make no sense', () => {
    for (const mtu of [67, 65_536, 1500.5, NaN]) {
      expect(() => cable({ mtu })).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
    }
    expect(() => cable({ queue: 0 })).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
    for (const queue of [true, '5', null] as never[]) {
      expect(() => cable({ queue })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
    }
    expect(() => cable({ queueBytes: NaN })).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
  });

  it('is of Ethernet when told, with a hardware address at each end', () => {
    const [a, b] = cable({ medium: 'ethernet' });
    expect([a.medium, a.mtu]).toEqual(['ethernet', 1500]);
    expect([[...a.address!], [...b.address!]]).toEqual([
      [2, 0, 0, 0, 0, 1],
      [2, 0, 0, 0, 0, 2],
    ]);
    expect(cable()[0].address).toBeUndefined();
    const [c, d] = cable({ medium: 'ethernet', addresses: ['0A:00:00:00:00:01', '0a-00-00-00-00-02'] });
    expect([c.address![0], d.address![5]]).toEqual([10, 2]);
  });

  it.each([
    [{ medium: 'token-ring' }, 'ERR_INVALID_ARG_VALUE'],
    [{ addresses: ['02:00:00:00:00:01', '02:00:00:00:00:02'] }, 'ERR_INVALID_ARG_VALUE'],
    [{ medium: 'ethernet', addresses: ['02:00:00:00:00:01'] }, 'ERR_INVALID_ARG_TYPE'],
    [{ medium: 'ethernet', addresses: '02:00:00:00:00:01' }, 'ERR_INVALID_ARG_TYPE'],
    [{ medium: 'ethernet', addresses: ['02:00:00:00:00:01', '2'] }, 'ERR_INVALID_ARG_VALUE'],
    [{ medium: 'ethernet', addresses: ['02:00:00:00:00:01', '02:00:00:00:00:01'] }, 'ERR_INVALID_ARG_VALUE'],
    [{ medium: 'ethernet', addresses: ['03:00:00:00:00:01', '02:00:00:00:00:01'] }, 'ERR_INVALID_ARG_VALUE'],
  ])('refuses %j', (options, code) => {
    expect(() => cable(options as CableOptions)).toThrow(expect.objectContaining({ code }));
  });

  it('carries frames as long as the MTU behind their header, with a tag or without', () => {
    const { clock, a, hostB } = opened({ medium: 'ethernet', mtu: 100 });
    const tagged = (length: number): Uint8Array => {
      const frame = testPacket('ethernet', length, 1);
      return Uint8Array.from([...frame.subarray(0, 12), 0x81, 0, 0, 5, ...frame.subarray(12)]);
    };
    const frames = [testPacket('ethernet', 100, 1), testPacket('ethernet', 101, 2), tagged(100), tagged(101)];
    expect(a.send(batchOf([...frames, new Uint8Array(3)]))).toBe(5);
    clock.advance(1);
    expect(hostB.packets.map((packet) => packet.length)).toEqual([114, 118, 3]);
    expect(a.dropped.snapshot()).toEqual({ 'too-big': 2 });
  });

  it('is up at once when both ends are open, and tells both', () => {
    const clock = new VirtualClock();
    const [a, b] = cable();
    const hostA = new RecordingHost(clock);
    const hostB = new RecordingHost(clock);
    void a.open(hostA);
    expect([a.up, b.up]).toEqual([false, false]);
    clock.advance(1);
    expect(hostA.events).toEqual([]);
    void b.open(hostB);
    expect([a.up, b.up]).toEqual([true, true]);
    clock.advance(1);
    expect([hostA.events, hostB.events]).toEqual([['changed'], ['changed']]);
    expect(() => a.open(hostA)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
  });

  it('goes down when one end closes, and tells the other', () => {
    const { clock, a, b, hostA, hostB } = opened();
    clock.advance(1);
    void b.close();
    expect([a.up, b.up]).toEqual([false, false]);
    clock.advance(1);
    expect([hostA.events, hostB.events]).toEqual([['changed', 'changed'], ['changed']]);
    expect(a.send(batchOf([testPacket('ip', 40, 1)]))).toBe(1);
    expect(a.dropped.snapshot()).toEqual({ down: 1 });
  });

  it('still delivers what an end sent before it closed', () => {
    const { clock, a, hostB } = opened();
    const reset = testPacket('ip', 40, 1);
    a.send(batchOf([reset]));
    void a.close();
    clock.advance(1);
    expect(hostB.packets).toEqual([reset]);
  });

  it('frees a waiting sender when the other end closes', () => {
    const { clock, a, b, hostA } = opened({ queue: 2 });
    expect(a.send(batchOf([1, 2, 3].map((id) => testPacket('ip', 40, id))))).toBe(2);
    void b.close();
    clock.advance(1);
    expect(hostA.events.filter((event) => event === 'writable')).toHaveLength(1);
  });

  it('delivers what was sent meanwhile as one batch, a retained one where the first packet is large', () => {
    const { clock, a, hostB } = opened({ mtu: 9000 });
    a.send(batchOf([testPacket('ip', 40, 1), testPacket('ip', 5000, 2)]));
    a.send(batchOf([testPacket('ip', 60, 3)]));
    expect(hostB.batches).toEqual([]);
    clock.advance(1);
    a.send(batchOf([testPacket('ip', 5000, 4), testPacket('ip', 40, 5)]));
    clock.advance(1);
    expect(hostB.batches).toEqual([
      { count: 3, retained: false },
      { count: 2, retained: true },
    ]);
    expect(hostB.packets).toEqual([40, 5000, 60, 5000, 40].map((length, i) => testPacket('ip', length, i + 1)));
  });

  it('holds as many packets and bytes as its queue says, and tells of room once', () => {
    const packets = Array.from({ length: 10 }, (_, id) => testPacket('ip', 100, id));
    for (const [options, taken] of [
      [{ queue: 4 }, 4],
      [{ queueBytes: 350 }, 3],
      [{ queueBytes: 1 }, 1],
    ] as const) {
      const { clock, a, hostA, hostB } = opened(options);
      clock.advance(1);
      expect(a.send(batchOf(packets))).toBe(taken);
      expect(a.send(batchOf(packets))).toBe(0);
      expect(hostA.events).toEqual(['changed']);
      clock.advance(1);
      expect(hostB.packets).toEqual(packets.slice(0, taken));
      expect(hostA.events).toEqual(['changed', 'writable']);
      expect(a.send(batchOf(packets))).toBe(taken);
    }
  });

  it('carries packets of no bytes, before others and behind them', () => {
    const { clock, a, hostB } = opened();
    const packets = [[], [1, 2], []].map((bytes) => Uint8Array.from(bytes));
    clock.advance(1000);
    expect(a.send(batchOf(packets))).toBe(3);
    clock.advance(1000);
    expect(hostB.packets).toEqual(packets);
  });

  it('drops packets beyond the MTU and goes on with the next', () => {
    const { clock, a, hostB } = opened({ mtu: 576 });
    const packets = [577, 576, 4000, 20].map((length) => testPacket('ip', length, length));
    expect(a.send(batchOf(packets))).toBe(4);
    clock.advance(1);
    expect(hostB.packets).toEqual([packets[1], packets[3]]);
    expect(a.dropped.snapshot()).toEqual({ 'too-big': 2 });
  });

  it('without offload vouches for nothing, and takes no partial checksum and no super-segment', () => {
    const { clock, a, hostB } = opened();
    a.send(one(partialPacket('udp', 10), Checksum.partial));
    a.send(one(partialPacket('tcp', 1000), Checksum.none, 500));
    a.send(one(testPacket('ip', 40, 1), Checksum.valid));
    clock.advance(1);
    expect(hostB.marks).toEqual([[Checksum.none, 0]]);
    expect(a.dropped.snapshot()).toEqual({ 'partial-checksum': 1, 'super-segment': 1 });
  });

  it('with offload passes marks on as they are', () => {
    const { clock, a, hostB } = opened({ offload: true });
    const packet = partialPacket('tcp', 30_000);
    for (const mark of [Checksum.none, Checksum.valid, Checksum.partial]) a.send(one(packet, mark, 1460));
    clock.advance(1);
    expect(hostB.packets).toEqual([packet, packet, packet]);
    expect(hostB.marks).toEqual([
      [Checksum.none, 1460],
      [Checksum.valid, 1460],
      [Checksum.partial, 1460],
    ]);
  });

  it('with offload holds each segment against the MTU, and the whole against 65,535', () => {
    const { clock, a, hostB } = opened({ offload: true });
    a.send(one(partialPacket('tcp', 30_000), Checksum.partial, 1460));
    a.send(one(partialPacket('tcp', 30_000), Checksum.partial, 1461));
    a.send(one(partialPacket('udp', 30_000), Checksum.partial, 1472));
    a.send(one(partialPacket('udp', 30_000), Checksum.partial, 1473));
    a.send(one(partialPacket('tcp', 65_496), Checksum.partial, 1460));
    a.send(one(testPacket('ip', 3000, 1), Checksum.none, 1000));
    clock.advance(1);
    expect(hostB.marks.map(([, size]) => size)).toEqual([1460, 1472]);
    expect(a.dropped.snapshot()).toEqual({ 'super-segment': 1, 'too-big': 3 });
  });

  it('measures the headers of IPv6 and of TCP options too', () => {
    const { clock, a, hostB } = opened({ offload: true });
    const withOptions = partialPacket('tcp', 30_000);
    withOptions[32] = 0x80;
    a.send(one(withOptions, Checksum.partial, 1448));
    a.send(one(withOptions, Checksum.partial, 1449));
    const v6 = new Uint8Array(30_000);
    v6.set([0x60, 0, 0, 0, 0, 0, 6, 64]);
    v6[52] = 0x50;
    a.send(one(v6, Checksum.partial, 1440));
    a.send(one(v6, Checksum.partial, 1441));
    clock.advance(1);
    expect(hostB.marks.map(([, size]) => size)).toEqual([1448, 1440]);
  });

  it('forgets the memory of delivered packets', () => {
    const { clock, a, hostB } = opened();
    let lent: Batch | undefined;
    hostB.receive = (batch): void => {
      lent = batch;
    };
    a.send(batchOf([testPacket('ip', 40, 1)]));
    clock.advance(1);
    expect(lent?.count).toBe(0);
    expect(lent?.memory.map(({ bytes }) => bytes.length)).toEqual([0]);
  });

  it('goes on after an error in the receiver', () => {
    const { clock, a, hostB } = opened();
    const receive = hostB.receive.bind(hostB);
    hostB.receive = (): void => {
      throw new Error('receiver');
    };
    a.send(batchOf([testPacket('ip', 40, 1)]));
    expect(() => clock.advance(1)).toThrow('receiver');
    hostB.receive = receive;
    a.send(batchOf([testPacket('ip', 40, 2)]));
    clock.advance(1);
    expect(hostB.packets).toEqual([testPacket('ip', 40, 2)]);
  });
});

describe('loopback', () => {
  it('returns packets with their marks, vouched for', () => {
    const clock = new VirtualClock();
    const host = new RecordingHost(clock);
    const lo = loopback();
    expect([lo.mtu, lo.up, lo.offload]).toEqual([65_535, false, { checksum: true, tso: 65_535, uso: 65_535 }]);
    void lo.open(host);
    expect(lo.up).toBe(true);
    const packet = partialPacket('tcp', 60_000);
    lo.send(one(packet, Checksum.partial, 9000));
    expect(host.packets).toEqual([]);
    clock.advance(1);
    expect(host.packets).toEqual([packet]);
    expect(host.marks).toEqual([[Checksum.partial, 9000]]);
    expect(host.batches).toEqual([{ count: 1, retained: true }]);
    expect(() => lo.open(host)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
    lo.send(batchOf([testPacket('ip', 65_536, 1)]));
    void lo.close();
    expect(lo.up).toBe(false);
    lo.send(batchOf([packet, packet]));
    expect(lo.dropped.snapshot()).toEqual({ down: 2, 'too-big': 1 });
  });
});

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Checksum } from '../../../src/buffer/batch.ts';
import { HEADROOM } from '../../../src/buffer/packet.ts';
import { TransmitQueue } from '../../../src/buffer/transmit-queue.ts';
import { chance, seededRandom, uniform } from '../../../src/time/seeded-random.ts';

/** Builds a packet whose bytes follow from `id`, header included; false when the queue refuses. */
function build(queue: TransmitQueue, id: number, payload: number, header: number): Uint8Array | undefined {
  const packet = queue.reserve(payload);
  if (packet === undefined) return undefined;
  expect(packet.length).toBe(payload);
  const bytes = Uint8Array.from({ length: payload + header }, (_, i) => id * 31 + i);
  packet.memory.bytes.set(bytes.subarray(header), packet.start);
  packet.memory.bytes.set(bytes.subarray(0, header), packet.prepend(header));
  queue.commit();
  return bytes;
}

describe('TransmitQueue', () => {
  it('presents packets in its batch with their marks', () => {
    const queue = new TransmitQueue();
    expect(queue.empty).toBe(true);
    const packet = queue.reserve(100)!;
    expect([packet.checksum, packet.segmentSize]).toEqual([Checksum.none, 0]);
    packet.prepend(20);
    packet.checksum = Checksum.partial;
    packet.segmentSize = 50;
    queue.commit();
    const again = queue.reserve(10)!;
    expect(again).toBe(packet);
    expect([again.checksum, again.segmentSize]).toEqual([Checksum.none, 0]);
    queue.cancel();
    expect(queue.batch.count).toBe(1);
    expect([queue.batch.length[0], queue.batch.checksum[0], queue.batch.segmentSize[0]]).toEqual([120, 2, 50]);
    expect(queue.bytes).toBe(HEADROOM + 100);
    queue.taken(1);
    expect(queue.empty).toBe(true);
    expect(queue.bytes).toBe(0);
  });

  it('keeps every packet’s bytes until it is taken, however the link takes them', () => {
    const size = fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: 65_536 }));
    const step = fc.oneof(
      fc.record({ kind: fc.constant('build' as const), payload: size, header: fc.integer({ min: 0, max: HEADROOM }) }),
      fc.record({ kind: fc.constant('cancel' as const), payload: size }),
      fc.record({ kind: fc.constant('take' as const), share: fc.integer({ min: 0, max: 4 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const queue = new TransmitQueue({ limit: 300_000, chunk: 66_000 });
        const oracle: Uint8Array[] = [];
        steps.forEach((s, id) => {
          if (s.kind === 'build') {
            const refused = queue.refused;
            const bytes = build(queue, id, s.payload, s.header);
            if (bytes !== undefined) oracle.push(bytes);
            expect(queue.refused).toBe(bytes === undefined ? refused + 1 : refused);
          } else if (s.kind === 'cancel') {
            const packet = queue.reserve(s.payload);
            packet?.memory.bytes.fill(0xee, packet.start, packet.end);
            queue.cancel();
          } else {
            const n = Math.ceil((queue.batch.count * s.share) / 4);
            for (let i = 0; i < n; i++) expect(Buffer.compare(queue.batch.packet(i), oracle[i]!)).toBe(0);
            queue.taken(n);
            oracle.splice(0, n);
          }
          expect(queue.batch.count).toBe(oracle.length);
          expect(queue.bytes).toBeLessThanOrEqual(300_000);
        });
        expect([...queue.batch].every((bytes, i) => Buffer.compare(bytes, oracle[i]!) === 0)).toBe(true);
        queue.taken(queue.batch.count);
        expect(queue.bytes).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('keeps them too while its ring of chunks wraps and grows, and counts what they occupy', () => {
    const random = seededRandom(5);
    const queue = new TransmitQueue({ limit: 700_000, chunk: 66_000 });
    const oracle: { bytes: Uint8Array; occupied: number }[] = [];
    for (let id = 0; id < 1000; id++) {
      // The queue fills and drains in waves, so that the ring grows at any place.
      const filling = Math.floor(id / 60) % 2 === 0;
      const payload = chance(random, 0.3) ? 65_000 - uniform(random, 500) : uniform(random, 3000);
      const bytes = build(queue, id, payload, uniform(random, HEADROOM));
      if (bytes !== undefined) oracle.push({ bytes, occupied: payload + HEADROOM });
      if (queue.batch.count > 0 && chance(random, filling ? 0.2 : 0.9)) {
        const n = 1 + uniform(random, Math.min(3, queue.batch.count));
        const taken = oracle.splice(0, n);
        expect(taken.every((packet, i) => Buffer.compare(queue.batch.packet(i), packet.bytes) === 0)).toBe(true);
        queue.taken(n);
      }
      expect(queue.batch.count).toBe(oracle.length);
      expect(queue.bytes).toBe(oracle.reduce((sum, { occupied }) => sum + occupied, 0));
    }
    expect(queue.refused).toBeGreaterThan(0);
  });

  it('refuses and counts beyond its limit, but never the first packet', () => {
    const queue = new TransmitQueue({ limit: 1000 });
    expect(build(queue, 1, 60_000, 20)).toBeDefined();
    expect(queue.reserve(1)).toBeUndefined();
    expect(queue.refused).toBe(1);
    queue.taken(1);
    expect(build(queue, 2, 400, 20)).toBeDefined();
    expect(build(queue, 3, 300, 20)).toBeDefined();
    expect(queue.reserve(300)).toBeUndefined();
    expect(queue.refused).toBe(2);
  });

  it('says whether several packets have room together, and takes them then', () => {
    const queue = new TransmitQueue({ limit: 4 * HEADROOM + 1000 });
    expect(queue.admits(1_000_000, 100)).toBe(true);
    expect(build(queue, 1, 100, 20)).toBeDefined();
    expect(queue.admits(901, 3)).toBe(false);
    expect(queue.admits(900, 4)).toBe(false);
    expect(queue.refused).toBe(2);
    expect(queue.admits(900, 3)).toBe(true);
    for (let i = 0; i < 3; i++) {
      expect(queue.reserve(300, true)).toBeDefined();
      queue.commit();
    }
    expect(queue.bytes).toBe(queue.limit);
    // What an empty queue has admitted is taken, whatever the limit.
    queue.taken(4);
    expect(queue.admits(2000, 2)).toBe(true);
    expect(queue.reserve(1000, true)).toBeDefined();
    queue.commit();
    expect(queue.reserve(1000)).toBeUndefined();
    expect(queue.reserve(1000, true)).toBeDefined();
    queue.commit();
    expect(queue.batch.count).toBe(2);
  });

  it('reuses its memory: the same chunks serve for ever', () => {
    const queue = new TransmitQueue({ chunk: 66_000 });
    const seen = new Set<object>();
    for (let id = 0; id < 3000; id++) {
      build(queue, id, 1400, 20);
      seen.add(queue.batch.memory[queue.batch.count - 1]!);
      if (queue.batch.count > 100) queue.taken(7);
    }
    expect(queue.batch.count).toBeGreaterThan(50);
    // 107 packets of at most 1528 bytes lie in at most 4 chunks of 66,000, one of them being filled.
    expect(seen.size).toBeLessThanOrEqual(5);
  });

  it('begins again at the start of its first chunk when it has emptied', () => {
    const queue = new TransmitQueue();
    build(queue, 1, 1400, 20);
    const memory = queue.batch.memory[0];
    const offset = queue.batch.offset[0];
    build(queue, 2, 1400, 20);
    queue.taken(1);
    queue.taken(1);
    build(queue, 3, 1400, 20);
    expect(queue.batch.memory[0]).toBe(memory);
    expect(queue.batch.offset[0]).toBe(offset);
  });

  it('stays sound when everything is taken while a packet is under construction', () => {
    const queue = new TransmitQueue({ chunk: 66_000 });
    build(queue, 1, 1400, 20);
    const packet = queue.reserve(100)!;
    packet.memory.bytes.fill(7, packet.start, packet.end);
    queue.taken(1);
    expect(queue.bytes).toBe(0);
    queue.commit();
    const large = build(queue, 2, 65_536, 0)!;
    expect(queue.batch.packet(0)).toEqual(new Uint8Array(100).fill(7));
    expect(Buffer.compare(queue.batch.packet(1), large)).toBe(0);
    queue.taken(1);
    queue.taken(1);
    expect(queue.bytes).toBe(0);
  });

  it('throws when it is used wrongly', () => {
    expect(() => new TransmitQueue({ chunk: 1000 })).toThrow(RangeError);
    expect(() => new TransmitQueue({ limit: 0 })).toThrow(RangeError);
    const queue = new TransmitQueue();
    expect(() => queue.commit()).toThrow('without a reserved');
    expect(() => queue.taken(1)).toThrow('1 packets taken of 0');
    expect(() => queue.reserve(70_000)).toThrow('70000');
    queue.reserve(10)!.prepend(HEADROOM + 1);
    expect(() => queue.commit()).toThrow('left its slot');
    expect(() => queue.reserve(10)).toThrow('committed or cancelled');
    queue.cancel();
    queue.reserve(10)!.end += 1;
    expect(() => queue.commit()).toThrow('left its slot');
  });
});

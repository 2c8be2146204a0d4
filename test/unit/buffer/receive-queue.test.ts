import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allocateMemory, memoryOf } from '../../../src/buffer/memory.ts';
import { ReceiveMemory, ReceiveQueue } from '../../../src/buffer/receive-queue.ts';
import { SLAB_SIZE } from '../../../src/buffer/slab.ts';

/** Lent memory full of bytes that follow from `seed`. */
function lent(length: number, seed: number): ReturnType<typeof memoryOf> {
  return memoryOf(Uint8Array.from({ length }, (_, i) => (seed * 13 + i * 7 + (i >>> 8)) & 0xff));
}

describe('ReceiveQueue', () => {
  it('hands out the bytes in order, never rewritten, however they came', () => {
    const step = fc.record({
      kind: fc.constantFrom('push', 'push', 'push', 'retained', 'adopt', 'other', 'read', 'readSome', 'peek'),
      size: fc.oneof(
        fc.integer({ min: 0, max: 200 }),
        fc.integer({ min: 0, max: 5000 }),
        fc.constantFrom(1448, 4095, 4096, 16_384, 65_483, 300_000),
      ),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const memory = new ReceiveMemory();
        const queue = new ReceiveQueue(memory);
        const other = new ReceiveQueue(memory);
        const handed: { bytes: Uint8Array; copy: Uint8Array }[] = [];
        let oracle: Uint8Array = new Uint8Array(0);
        steps.forEach(({ kind, size }, seed) => {
          const source = lent(size + 3, seed);
          if (kind === 'push' || kind === 'retained' || kind === 'adopt') {
            oracle = Buffer.concat([oracle, source.bytes.subarray(3)]);
          }
          if (kind === 'push') {
            queue.push(source, 3, size, false);
            source.bytes.fill(0xee);
          } else if (kind === 'retained') {
            queue.push(source, 3, size, true);
          } else if (kind === 'adopt') {
            const extent = memory.bulk.store(source, 3, size);
            source.bytes.fill(0xee);
            queue.adopt(extent.memory, extent.offset, extent.length);
          } else if (kind === 'other') {
            other.push(source, 0, size, false);
          } else {
            const max = kind === 'read' ? undefined : size;
            const bytes = kind === 'peek' ? queue.peek(max) : queue.read(max);
            if (oracle.length === 0 || max === 0) expect(bytes).toBeUndefined();
            else {
              expect(bytes!.length).toBeGreaterThan(0);
              if (max !== undefined) expect(bytes!.length).toBeLessThanOrEqual(max);
              expect(Buffer.compare(bytes!, oracle.subarray(0, bytes!.length))).toBe(0);
              handed.push({ bytes: bytes!, copy: bytes!.slice() });
              if (kind !== 'peek') oracle = oracle.subarray(bytes!.length);
            }
          }
          expect(queue.length).toBe(oracle.length);
          expect(queue.allocated).toBeGreaterThanOrEqual(queue.length);
        });
        for (let bytes = queue.read(); bytes !== undefined; bytes = queue.read()) {
          expect(Buffer.compare(bytes, oracle.subarray(0, bytes.length))).toBe(0);
          oracle = oracle.subarray(bytes.length);
        }
        expect(oracle.length).toBe(0);
        expect(queue.allocated).toBe(0);
        for (const { bytes, copy } of handed) {
          expect(Buffer.compare(bytes, copy)).toBe(0);
          if (bytes.length < 4096) expect(bytes.buffer.byteLength).toBeLessThanOrEqual(8192);
        }
      }),
      { numRuns: 80 },
    );
  });

  it('slices retained memory from 4096 bytes on and copies less', () => {
    const queue = new ReceiveQueue(new ReceiveMemory());
    const source = lent(20_000, 1);
    queue.push(source, 100, 4096, true);
    expect(queue.read()!.buffer === source.bytes.buffer).toBe(true);
    queue.push(source, 100, 4095, true);
    expect(queue.read()!.buffer === source.bytes.buffer).toBe(false);
    queue.push(source, 100, 4096, false);
    expect(queue.read()!.buffer === source.bytes.buffer).toBe(false);
  });

  it('gives the segments of one batch as few chunks', () => {
    const memory = new ReceiveMemory();
    const queue = new ReceiveQueue(memory);
    const other = new ReceiveQueue(memory);
    const source = lent(1448, 1);
    for (let i = 0; i < 44; i++) queue.push(source, 0, 1448, false);
    const alone = [];
    for (let bytes = queue.read(); bytes !== undefined; bytes = queue.read()) alone.push(bytes.length);
    expect(alone).toEqual([2 * 1448, 42 * 1448]);
    // The same with another connection's segments in between: copied together once more.
    for (let i = 0; i < 44; i++) {
      queue.push(source, 0, 1448, false);
      other.push(source, 0, 1448, false);
    }
    expect(queue.read()!.length).toBe(44 * 1448);
    expect(queue.read()).toBeUndefined();
  });

  it('copies no more than 64 KiB together, and stays in order when it never empties', () => {
    const memory = new ReceiveMemory();
    const queue = new ReceiveQueue(memory);
    const other = new ReceiveQueue(memory);
    const source = lent(1448, 1);
    let pushed = 0;
    let read = 0;
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 60; i++) {
        source.view.setUint32(0, pushed++);
        queue.push(source, 0, 1448, false);
        other.push(source, 0, 1448, false);
      }
      const bytes = queue.read()!;
      expect(bytes.length).toBeLessThanOrEqual(65_536);
      for (let at = 0; at < bytes.length; at += 1448) {
        expect(new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(0)).toBe(read++);
      }
    }
    expect(queue.length).toBe((pushed - read) * 1448);
    expect(read).toBeGreaterThan(800);
  });

  it('keeps small messages in small slabs, so that they hold no big one', () => {
    const queue = new ReceiveQueue(new ReceiveMemory());
    const source = lent(100, 1);
    for (let i = 0; i < 1000; i++) {
      queue.push(source, 0, 100, false);
      expect(queue.read()!.buffer.byteLength).toBeLessThanOrEqual(8192);
    }
  });

  it('reads at most what is asked, and nothing for nothing', () => {
    const queue = new ReceiveQueue(new ReceiveMemory());
    expect(queue.read()).toBeUndefined();
    expect(queue.peek()).toBeUndefined();
    queue.push(lent(10, 1), 0, 10, false);
    expect(queue.read(0)).toBeUndefined();
    expect(queue.peek(4)).toEqual(lent(10, 1).bytes.subarray(0, 4));
    expect(queue.read(4)).toEqual(lent(10, 1).bytes.subarray(0, 4));
    expect(queue.read(100)).toEqual(lent(10, 1).bytes.subarray(4));
    expect(queue.read()).toBeUndefined();
  });

  it('forgets its bytes when cleared', () => {
    const queue = new ReceiveQueue(new ReceiveMemory());
    for (let i = 0; i < 100; i++) queue.push(lent(5000, i), 0, 5000, true);
    expect(queue.allocated).toBeGreaterThan(500_000);
    queue.clear();
    expect([queue.length, queue.allocated]).toEqual([0, 0]);
    expect(queue.read()).toBeUndefined();
  });
});

describe('SlabAllocator', () => {
  it('allocates side by side, and what is too large alone', () => {
    const { bulk } = new ReceiveMemory();
    bulk.allocate(1000);
    const first = bulk.memory;
    expect(bulk.offset).toBe(0);
    bulk.allocate(1000);
    expect(bulk.memory === first).toBe(true);
    expect(bulk.offset).toBe(1000);
    bulk.allocate(SLAB_SIZE + 1);
    expect(bulk.memory === first).toBe(false);
    expect(bulk.memory.bytes.length).toBe(SLAB_SIZE + 1);
    bulk.allocate(SLAB_SIZE - 2000);
    expect(bulk.memory === first).toBe(true);
    bulk.allocate(1);
    expect(bulk.memory === first).toBe(false);
    expect(bulk.offset).toBe(0);
  });

  it('stores a copy', () => {
    const { bulk } = new ReceiveMemory();
    const source = allocateMemory(10);
    source.bytes.fill(5);
    const extent = bulk.store(source, 2, 4);
    source.bytes.fill(9);
    const { memory, offset, length } = extent;
    expect(memory.bytes.subarray(offset, offset + length)).toEqual(new Uint8Array(4).fill(5));
  });
});

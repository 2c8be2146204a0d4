import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteQueue } from '../../../src/buffer/byte-queue.ts';
import { ChunkPool } from '../../../src/buffer/chunk-pool.ts';

function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (seed + i * 7 + (i >>> 8)) & 0xff);
}

function peek(queue: ByteQueue, position: number, length: number): Uint8Array {
  const target = new Uint8Array(length + 6).fill(0xaa);
  queue.copyTo(position, length, target, 3);
  expect([...target.subarray(0, 3), ...target.subarray(length + 3)]).toEqual(Array.from({ length: 6 }, () => 0xaa));
  return target.subarray(3, length + 3);
}

describe('ByteQueue', () => {
  it('agrees with a plain array over any appends, reads and drops', () => {
    const size = fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 5000 }), fc.constant(150_000));
    const step = fc.record({
      kind: fc.constantFrom('append', 'append', 'drop', 'read', 'read', 'clear'),
      size,
      at: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const pool = new ChunkPool();
        const queue = new ByteQueue(pool);
        let oracle: Uint8Array = new Uint8Array(0);
        steps.forEach(({ kind, size: n, at }, seed) => {
          if (kind === 'append') {
            const bytes = pattern(n + 5, seed);
            queue.append(bytes, 2, n);
            oracle = Buffer.concat([oracle, bytes.subarray(2, n + 2)]);
            bytes.fill(0);
          } else if (kind === 'drop') {
            const drop = Math.min(n, oracle.length);
            queue.drop(drop);
            oracle = oracle.subarray(drop);
          } else if (kind === 'clear' && at > 0.9) {
            queue.clear();
            oracle = new Uint8Array(0);
          } else {
            const position = Math.floor(at * oracle.length);
            const length = Math.min(n, oracle.length - position);
            const read = peek(queue, position, length);
            expect(Buffer.compare(read, oracle.subarray(position, position + length))).toBe(0);
          }
          expect(queue.length).toBe(oracle.length);
          expect(queue.allocated).toBe(pool.allocated);
          expect(queue.allocated).toBeGreaterThanOrEqual(queue.length);
        });
        expect(Buffer.compare(peek(queue, 0, queue.length), oracle)).toBe(0);
        queue.clear();
        expect(pool.allocated).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('holds no memory when idle and little when it holds little', () => {
    const pool = new ChunkPool();
    const queue = new ByteQueue(pool);
    expect(queue.allocated).toBe(0);
    queue.append(new Uint8Array(10));
    expect(queue.allocated).toBe(2048);
    queue.append(new Uint8Array(10_000));
    expect(queue.allocated).toBeLessThanOrEqual(2048 + 16_384);
    queue.append(new Uint8Array(500_000));
    expect(queue.allocated).toBeLessThanOrEqual(510_010 + 2 * 65_536);
    queue.drop(510_010);
    expect(queue.allocated).toBe(0);
    expect(pool.allocated).toBe(0);
  });

  it('frees chunks as their bytes are dropped', () => {
    const pool = new ChunkPool();
    const queue = new ByteQueue(pool);
    queue.append(new Uint8Array(10 * 65_536));
    queue.drop(9 * 65_536 - 1);
    expect(queue.allocated).toBe(2 * 65_536);
    queue.drop(1);
    expect(queue.allocated).toBe(65_536);
  });

  it('runs for ever in the chunks it has', () => {
    const pool = new ChunkPool();
    const queue = new ByteQueue(pool);
    const seen = new Set<object>();
    const take = pool.take.bind(pool);
    pool.take = (bytes) => {
      const chunk = take(bytes);
      seen.add(chunk);
      return chunk;
    };
    queue.append(new Uint8Array(200_000));
    for (let i = 0; i < 500; i++) {
      queue.append(new Uint8Array(10_000));
      queue.drop(10_000);
    }
    expect(queue.length).toBe(200_000);
    expect(seen.size).toBeLessThanOrEqual(6);
  });

  it('is a new one after it ran empty, whichever queue of the pool did', () => {
    const pool = new ChunkPool();
    const [one, other] = [new ByteQueue(pool), new ByteQueue(pool)];
    one.append(pattern(70_000, 1));
    one.drop(69_000);
    other.append(pattern(100, 2));
    one.clear();
    expect([one.length, one.allocated, other.allocated]).toEqual([0, 0, 2048]);
    const third = new ByteQueue(pool);
    third.append(pattern(3000, 3));
    one.append(pattern(50, 4));
    expect(peek(third, 1000, 2000)).toEqual(pattern(3000, 3).subarray(1000));
    expect(peek(other, 0, 100)).toEqual(pattern(100, 2));
    expect(peek(one, 0, 50)).toEqual(pattern(50, 4));
    for (const queue of [one, other, third]) queue.clear();
    expect(pool.allocated).toBe(0);
  });

  it('throws when it is read, dropped or filled beyond what is there', () => {
    const queue = new ByteQueue(new ChunkPool());
    queue.append(new Uint8Array(10));
    expect(() => queue.copyTo(5, 6, new Uint8Array(10), 0)).toThrow('copyTo');
    expect(() => queue.copyTo(-1, 2, new Uint8Array(10), 0)).toThrow('copyTo');
    expect(() => queue.drop(11)).toThrow('drop');
    expect(() => queue.append(new Uint8Array(4), 2, 3)).toThrow('append');
  });
});

describe('ChunkPool', () => {
  it('gives chunks by the size of the queue and reuses them, the last one first', () => {
    const pool = new ChunkPool();
    expect([1, 2048, 2049, 4096, 4097, 65_536, 65_537, 1e9].map((n) => pool.take(n).bytes.length)).toEqual([
      2048, 2048, 4096, 4096, 16_384, 16_384, 65_536, 65_536,
    ]);
    const x = pool.take(1);
    const y = pool.take(1);
    pool.give(x);
    pool.give(y);
    expect(pool.take(1)).toBe(y);
    expect(pool.take(1)).toBe(x);
  });

  it('keeps no more than it was told', () => {
    const pool = new ChunkPool({ keep: 70_000 });
    const chunks = [pool.take(100_000), pool.take(100_000), pool.take(1)];
    for (const chunk of chunks) pool.give(chunk);
    expect(pool.idle).toBe(65_536 + 2048);
    expect(pool.allocated).toBe(0);
    expect(() => pool.give(chunks[0]!)).toThrow('twice');
  });
});

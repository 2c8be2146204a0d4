import { describe, expect, it } from 'vitest';
import { memoryOf } from '../../../src/buffer/memory.ts';
import { PieceStorage } from '../../../src/tcp/piece-storage.ts';

const bytes = memoryOf(new Uint8Array(9000));

describe('PieceStorage: what is counted is what is held', () => {
  it('a piece that the slab has room for costs nothing more; `cost` tells before', () => {
    const storage = new PieceStorage();
    const first = storage.cost(100);
    expect(first).toBeGreaterThanOrEqual(512);
    storage.keep(bytes, 0, 100);
    expect(storage.allocated).toBe(first);
    expect(storage.cost(412)).toBe(0);
    const second = storage.cost(413);
    expect(second).toBeGreaterThanOrEqual(1024);
    storage.keep(bytes, 0, 413);
    expect(storage.allocated).toBe(first + second);
  });

  it('the slab that is being filled is held also when no piece is left in it', () => {
    const storage = new PieceStorage();
    const slab = storage.keep(bytes, 0, 100);
    const { allocated } = storage;
    storage.release(slab);
    expect(storage.allocated).toBe(allocated);
    expect(storage.keep(bytes, 0, 100)).toBe(slab);
    expect(storage.allocated).toBe(allocated);
  });

  it('until another takes its place', () => {
    const storage = new PieceStorage();
    storage.release(storage.keep(bytes, 0, 100));
    const cost = storage.cost(9000);
    storage.keep(bytes, 0, 9000);
    expect(storage.allocated).toBe(cost);
  });

  it('another is held until its last piece has gone', () => {
    const storage = new PieceStorage();
    const slab = storage.keep(bytes, 0, 100);
    storage.keep(bytes, 0, 100);
    const before = storage.allocated;
    const cost = storage.cost(9000);
    storage.keep(bytes, 0, 9000);
    storage.release(slab);
    expect(storage.allocated).toBe(before + cost);
    storage.release(slab);
    expect(storage.allocated).toBe(cost);
  });
});

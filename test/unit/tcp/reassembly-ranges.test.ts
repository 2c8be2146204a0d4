import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryOf } from '../../../src/buffer/memory.ts';
import { seqAdd } from '../../../src/buffer/seq.ts';
import { Reassembly } from '../../../src/tcp/reassembly.ts';
import { SackBlocks } from '../../../src/tcp/sack-blocks.ts';

const BYTES = memoryOf(new Uint8Array(2000));

describe('Reassembly: pieces', () => {
  it('of ordinary segments are bounded by their bytes, tiny ones by their number', () => {
    const ordinary = new Reassembly({ maxPieces: 4 });
    for (let i = 0; i < 100; i++) expect(ordinary.insert(i * 1000, BYTES, 0, 536)).toBe(536);
    expect([ordinary.segments, ordinary.dropped]).toEqual([100, 0]);
    const tiny = new Reassembly({ maxPieces: 4 });
    for (let i = 0; i < 100; i++) tiny.insert(i * 1000, BYTES, 0, 1);
    expect([tiny.segments, tiny.dropped]).toEqual([4, 96]);
  });

  it('of tiny segments beside ordinary ones are bounded, too', () => {
    const queue = new Reassembly({ maxPieces: 4 });
    for (let i = 0; i < 10; i++) queue.insert(i * 1000, BYTES, 0, 512);
    for (let i = 10; i < 100; i++) queue.insert(i * 1000, BYTES, 0, 1);
    expect(queue.segments).toBe(14);
  });
});

describe('Reassembly.rangeOf with what SackBlocks remembers', () => {
  it('finds what it finds without', () => {
    const segment = fc.record({ at: fc.integer({ min: 0, max: 60 }), length: fc.integer({ min: 1, max: 4 }) });
    const base = fc.integer({ min: -80, max: 20 });
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 60 }), base, fc.integer({ min: 3, max: 100 }), (steps, iss, most) => {
        const queue = new Reassembly({ maxPieces: most });
        const known = new SackBlocks();
        for (const { at, length } of steps) {
          const seq = seqAdd(iss >>> 0, at);
          queue.insert(seq, BYTES, 0, length);
          known.trim(seqAdd(iss >>> 0, 0), queue.endFrom(seqAdd(iss >>> 0, 0)));
          const found = queue.rangeOf(seq) ? [queue.rangeStart, queue.rangeEnd] : undefined;
          expect(queue.rangeOf(seq, known) ? [queue.rangeStart, queue.rangeEnd] : undefined).toEqual(found);
          if (found !== undefined) known.onOutOfOrder(found[0]!, found[1]!);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('goes by what is known: it asks no piece in between', () => {
    const queue = new Reassembly();
    // Backwards, so that no piece joins its neighbour.
    for (let i = 99; i >= 0; i--) queue.insert(i * 10, BYTES, 0, 10);
    queue.insert(1000, BYTES, 0, 10);
    const asked: number[] = [];
    const known = { left: 0, right: 1000, holds: (seq: number) => asked.push(seq) > 0 && seq >= 0 && seq < 1000 };
    expect(queue.rangeOf(1005, known)).toBe(true);
    expect([queue.rangeStart, queue.rangeEnd]).toEqual([0, 1010]);
    expect(asked).toEqual([999, 1010]);
  });
});

import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { memoryOf } from '../../../src/buffer/memory.ts';
import type { Memory } from '../../../src/buffer/memory.ts';
import { seqAdd } from '../../../src/buffer/seq.ts';
import { Reassembly } from '../../../src/tcp/reassembly.ts';

/** Collects what is delivered; `extents` counts the calls. */
class Sink {
  readonly bytes: number[] = [];
  readonly memories: Memory[] = [];
  /** Bytes that were copied, not adopted. */
  copied: number = 0;
  push(memory: Memory, offset: number, length: number): void {
    this.copied += length;
    this.adopt(memory, offset, length);
  }
  adopt(memory: Memory, offset: number, length: number): void {
    this.memories.push(memory);
    for (let i = 0; i < length; i++) this.bytes.push(memory.bytes[offset + i]!);
  }
}

let queue: Reassembly;

beforeEach(() => {
  queue = new Reassembly();
});

/** Inserts `text` as lent memory that is overwritten afterwards. */
function insert(seq: number, text: string, into: Reassembly = queue): number {
  const lent = memoryOf(Uint8Array.from(`..${text}`, (c) => c.charCodeAt(0)));
  const kept = into.insert(seq >>> 0, lent, 2, text.length);
  lent.bytes.fill(0x21);
  return kept;
}

function deliver(nxt: number, from: Reassembly = queue): string {
  const sink = new Sink();
  const n = from.deliver(nxt >>> 0, sink);
  expect(sink.bytes.length).toBe(n);
  return String.fromCharCode(...sink.bytes);
}

describe('Reassembly', () => {
  it('holds nothing at first', () => {
    expect([queue.bytes, queue.segments, queue.allocated]).toEqual([0, 0, 0]);
    expect(deliver(5)).toBe('');
  });

  it('keeps data behind a gap until the gap is filled', () => {
    expect(insert(105, 'fgh')).toBe(3);
    expect(deliver(100)).toBe('');
    expect(queue.bytes).toBe(3);
    expect(deliver(105)).toBe('fgh');
    expect([queue.bytes, queue.segments, queue.allocated]).toEqual([0, 0, 0]);
  });

  it('delivers up to the next gap only', () => {
    insert(110, 'klm');
    insert(105, 'fg');
    expect(deliver(105)).toBe('fg');
    expect(queue.bytes).toBe(3);
    expect(deliver(110)).toBe('klm');
  });

  it('keeps the bytes that came first where segments overlap', () => {
    expect(insert(104, 'EF')).toBe(2);
    expect(insert(102, 'cdefgh')).toBe(4);
    expect(insert(102, 'ZZZZZZ')).toBe(0);
    expect(deliver(102)).toBe('cdEFgh');
  });

  it('trims what lies below the number asked for and forgets it', () => {
    insert(100, 'abc');
    insert(103, 'def');
    insert(110, 'xyz');
    expect(deliver(104)).toBe('ef');
    expect(queue.bytes).toBe(3);
    expect(deliver(120)).toBe('');
    expect(queue.bytes).toBe(0);
  });

  it('hands over nothing of what ends where delivery begins', () => {
    insert(100, 'abc');
    const sink = new Sink();
    expect(queue.deliver(103, sink)).toBe(0);
    expect(sink.memories).toEqual([]);
    expect(queue.segments).toBe(0);
  });

  it('joins segments that arrive in order behind a gap into one piece', () => {
    for (let i = 0; i < 100; i++) insert(1000 + 10 * i, '0123456789');
    // One for each slab.
    expect(queue.segments).toBe(2);
    expect(queue.bytes).toBe(1000);
    expect(queue.allocated).toBeLessThan(512 + 1024 + 1000);
  });

  it('works across the wrap of sequence numbers', () => {
    insert(3, 'fgh');
    insert(-2, 'abcde');
    expect(deliver(-2)).toBe('abcdefgh');
  });

  it('copies what it keeps, however much, and delivers it without another copy', () => {
    const lent = memoryOf(new Uint8Array(100_000).map((_, i) => i));
    queue.insert(500, lent, 1000, 65_000);
    const sink = new Sink();
    expect(queue.deliver(500, sink)).toBe(65_000);
    expect(sink.bytes).toEqual([...lent.bytes.subarray(1000, 66_000)]);
    expect(sink.memories).not.toContain(lent);
    expect(sink.copied).toBe(0);
  });

  it('drops what lies farthest ahead when there are too many pieces, never what is needed first', () => {
    const small = new Reassembly({ maxPieces: 4 });
    for (let i = 4; i > 0; i--) insert(10 * i, 'x', small);
    expect(insert(50, 'y', small)).toBe(0);
    expect(small.dropped).toBe(1);
    expect(insert(0, 'z', small)).toBe(1);
    expect([small.segments, small.bytes, small.dropped]).toEqual([4, 4, 2]);
    expect(deliver(0, small)).toBe('z');
    expect(deliver(30, small)).toBe('x');
    expect(deliver(40, small)).toBe('');
  });

  it('is bounded in bytes', () => {
    const small = new Reassembly({ maxBytes: 10 });
    insert(100, 'abcdef', small);
    expect(insert(110, 'klmno', small)).toBe(0);
    expect(insert(90, 'ABCDEF', small)).toBe(6);
    expect([small.bytes, small.dropped]).toEqual([6, 2]);
    expect(deliver(90, small)).toBe('ABCDEF');
    expect(insert(0, 'more than ten', small)).toBe(0);
  });

  it('tells the range without a gap around a byte', () => {
    insert(200, 'aaaa');
    insert(220, 'bbbb');
    insert(204, 'cccc');
    const ranges = [200, 207, 220, 223].map((seq) => queue.rangeOf(seq) && [queue.rangeStart, queue.rangeEnd]);
    expect(ranges).toEqual([
      [200, 208],
      [200, 208],
      [220, 224],
      [220, 224],
    ]);
    expect([199, 208, 219, 224].map((seq) => queue.rangeOf(seq))).toEqual([false, false, false, false]);
    // Three pieces of memory that follow each other at the end, asked for in the first.
    insert(228, 'dddd');
    insert(224, 'eeee');
    expect(queue.segments).toBe(5);
    expect(queue.rangeOf(221) && [queue.rangeStart, queue.rangeEnd]).toEqual([220, 232]);
  });

  it('forgets everything when cleared', () => {
    insert(200, 'aaaa');
    queue.clear();
    expect([queue.bytes, queue.segments]).toEqual([0, 0]);
    expect(deliver(200)).toBe('');
  });

  describe('what is counted', () => {
    /** Bytes of the memories that a queue with these pieces holds. */
    function held(from: Reassembly, nxt: number): number {
      const sink = new Sink();
      from.deliver(nxt, sink);
      return [...new Set(sink.memories)].reduce((sum, { bytes }) => sum + bytes.buffer.byteLength, 0);
    }

    it('is no less than the memory that is held, however small the pieces', () => {
      for (const [size, count] of [
        [1, 1000],
        [100, 500],
        [1448, 300],
        [65_000, 20],
      ] as const) {
        const tested = new Reassembly();
        const lent = memoryOf(new Uint8Array(size));
        for (let i = 1; i <= count; i++) tested.insert(2 * i * size, lent, 0, size);
        const { allocated } = tested;
        // The holes are filled, so that all is handed over.
        for (let i = 1; i <= count; i++) tested.insert((2 * i + 1) * size, lent, 0, size);
        const both = tested.allocated;
        expect(allocated).toBeGreaterThan(count * (size + 100));
        expect(both).toBeGreaterThanOrEqual(held(tested, 2 * size));
        expect(both).toBeLessThan(2 * count * (size + 112) * 1.4 + 20_000);
        expect(tested.allocated).toBe(0);
      }
    });

    it('a piece of one byte holds little when it is alone', () => {
      insert(100, 'x');
      expect(queue.allocated).toBeGreaterThan(512);
      expect(queue.allocated).toBeLessThan(1024);
    });

    it('a slab counts as long as one piece is kept in it', () => {
      const lent = memoryOf(new Uint8Array(8000));
      // In each slab one byte that lies far ahead beside thousands that are delivered.
      for (let i = 0; i < 50; i++) {
        queue.insert(1_000_000 + 2 * i, lent, 0, 1);
        queue.insert(100 + 8000 * i, lent, 0, 8000);
      }
      expect(queue.deliver(100, new Sink())).toBe(400_000);
      expect(queue.bytes).toBe(50);
      expect(queue.allocated).toBeGreaterThan(45 * 8192);
      expect(queue.deliver(1_000_098, new Sink())).toBe(1);
      expect(queue.allocated).toBe(0);
    });

    it('what the farthest pieces held is given back when they are dropped', () => {
      const small = new Reassembly({ maxBytes: 20_000 });
      const lent = memoryOf(new Uint8Array(10_000));
      small.insert(100_000, lent, 0, 10_000);
      small.insert(80_000, lent, 0, 10_000);
      const { allocated } = small;
      small.insert(60_000, lent, 0, 10_000);
      expect([small.bytes, small.dropped, small.allocated]).toEqual([20_000, 1, allocated]);
    });

    it('a piece that is a little part of its slab is copied out of it when it is delivered', () => {
      const lent = memoryOf(new Uint8Array(8000));
      for (let i = 0; i < 6; i++) queue.insert(1_000_000 + 2 * i, lent, 0, 1);
      const sink = new Sink();
      queue.insert(5000, lent, 0, 4000);
      for (let i = 0; i < 5; i++) queue.insert(1_000_001 + 2 * i, lent, 0, 1);
      queue.deliver(5000, sink);
      expect(sink.copied).toBe(0);
      expect(queue.deliver(1_000_000, sink)).toBe(11);
      expect(sink.copied).toBe(11);
    });

    it('is the truth at any time', () => {
      const step = fc.record({ at: fc.nat(60_000), length: fc.integer({ min: 1, max: 9000 }), deliver: fc.boolean() });
      fc.assert(
        fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
          const tested = new Reassembly({ maxPieces: 12, maxBytes: 60_000 });
          let next = 0;
          for (const { at, length, deliver: due } of steps) {
            const { allocated, segments } = tested;
            const cost = tested.cost(length);
            tested.insert(next + at, memoryOf(new Uint8Array(length)), 0, length);
            if (tested.segments === segments + 1) expect(tested.allocated).toBeLessThanOrEqual(allocated + cost);
            if (due) next += tested.deliver(next, new Sink());
            expect(tested.allocated).toBeGreaterThanOrEqual(tested.bytes + 112 * tested.segments);
            if (tested.segments === 0) expect(tested.allocated).toBe(0);
          }
          // What is asked for far ahead makes everything below go.
          tested.deliver(0x1000_0000, new Sink());
          expect([tested.bytes, tested.segments, tested.allocated]).toEqual([0, 0, 0]);
        }),
        { numRuns: 300 },
      );
    });
  });

  describe('against a map of bytes', () => {
    const segment = fc.record({
      at: fc.integer({ min: 0, max: 120 }),
      length: fc.integer({ min: 0, max: 40 }),
      deliver: fc.boolean(),
    });
    type Step = typeof segment extends fc.Arbitrary<infer T> ? T : never;
    /** Runs segments through a queue and a map from position to the byte that came first. */
    function compare(steps: Step[], iss: number, maxPieces: number, maxBytes: number): Reassembly {
      const tested = new Reassembly({ maxPieces, maxBytes });
      const map = new Map<number, number>();
      let next = 0;
      let stamp = 0;
      for (const step of steps) {
        const memory = memoryOf(new Uint8Array(50));
        for (let i = 0; i < 50; i++) memory.bytes[i] = stamp++;
        const sent = [...memory.bytes];
        let fresh = 0;
        const start = next + step.at;
        const kept = tested.insert(seqAdd(iss, start), memory, 5, step.length);
        for (let i = 0; i < step.length; i++) {
          if (map.has(start + i)) continue;
          map.set(start + i, sent[5 + i]!);
          fresh++;
        }
        memory.bytes.fill(255);
        if (tested.dropped === 0) expect(kept).toBe(fresh);
        expect(kept).toBeLessThanOrEqual(step.length);
        expect(tested.bytes).toBeLessThanOrEqual(maxBytes);
        expect(tested.segments).toBeLessThanOrEqual(maxPieces);
        if (!step.deliver) continue;
        const expected: number[] = [];
        for (let at = next; map.has(at); at++) expected.push(map.get(at)!);
        const sink = new Sink();
        const n = tested.deliver(seqAdd(iss, next), sink);
        if (tested.dropped === 0) expect(sink.bytes).toEqual(expected);
        expect(n).toBe(sink.bytes.length);
        next += n;
      }
      if (tested.dropped === 0) expect(tested.bytes).toBe([...map.keys()].filter((at) => at >= next).length);
      expect(tested.segments).toBeLessThanOrEqual(tested.bytes);
      return tested;
    }

    it('delivers exactly the bytes that came first, wherever the sequence numbers wrap', () => {
      fc.assert(
        fc.property(fc.array(segment, { maxLength: 60 }), fc.integer({ min: -400, max: 100 }), (steps, base) => {
          expect(compare(steps, base >>> 0, 1000, 10_000).dropped).toBe(0);
        }),
        { numRuns: 500 },
      );
    });

    it('stays within tight bounds', () => {
      fc.assert(
        fc.property(fc.array(segment, { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (steps, maxPieces) => {
          expect(compare(steps, 0xffff_ffe0, maxPieces, 60).bytes).toBeLessThanOrEqual(60);
        }),
        { numRuns: 200 },
      );
    });

    it('gives every byte in the end when dropped segments come again in order', () => {
      fc.assert(
        fc.property(fc.array(fc.integer({ min: 0, max: 19 }), { maxLength: 60 }), (order) => {
          const tested = new Reassembly({ maxPieces: 2, maxBytes: 25 });
          const sink = new Sink();
          let next = 0;
          const whole = [...order, ...Array.from({ length: 20 }, (_, i) => i)];
          for (const index of whole) {
            const memory = memoryOf(new Uint8Array(7).fill(index));
            if (index * 7 + 7 > next) tested.insert(index * 7, memory, 0, 7);
            expect(tested.segments).toBeLessThanOrEqual(2);
            expect(tested.bytes).toBeLessThanOrEqual(25);
            next += tested.deliver(next, sink);
          }
          expect(sink.bytes).toEqual(Array.from({ length: 140 }, (_, i) => Math.floor(i / 7)));
        }),
        { numRuns: 200 },
      );
    });
  });
});

describe('ranges and copies', () => {
  it('a segment that came twice covers several pieces that touch: one range, for D-SACK', () => {
    const memory = (): Memory => memoryOf(new Uint8Array(5000));
    // Each stays in its own memory.
    queue.insert(10, memory(), 0, 5000);
    queue.insert(5010, memory(), 0, 5000);
    queue.insert(20_000, memory(), 0, 5000);
    expect(queue.segments).toBe(3);
    expect([queue.overlap(0, 30_000), queue.rangeStart, queue.rangeEnd]).toEqual([true, 10, 10_010]);
    expect([queue.overlap(6000, 12_000), queue.rangeStart, queue.rangeEnd]).toEqual([true, 6000, 10_010]);
    expect([queue.overlap(21_000, 30_000), queue.rangeStart, queue.rangeEnd]).toEqual([true, 21_000, 25_000]);
    expect(queue.overlap(10_010, 20_000)).toBe(false);
    queue.clear();
  });
});

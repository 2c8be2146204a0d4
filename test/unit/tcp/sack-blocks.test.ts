import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SackBlocks } from '../../../src/tcp/sack-blocks.ts';
import { TcpOptions } from '../../../src/wire/tcp-options.ts';

function told(blocks: SackBlocks, most: number = 4): [left: number, right: number][] {
  const options = new TcpOptions();
  blocks.report(options, most);
  return Array.from({ length: options.sackCount }, (_, i) => [options.sackLeft[i]!, options.sackRight[i]!]);
}

describe('SackBlocks', () => {
  it('tells the most recent first, and a duplicate before all, once', () => {
    const blocks = new SackBlocks();
    blocks.onOutOfOrder(10, 20);
    blocks.onOutOfOrder(30, 40);
    blocks.onDuplicate(1, 5);
    expect(blocks).toMatchObject({ count: 3, fresh: true, duplicate: true });
    expect(told(blocks, 2)).toEqual([
      [1, 5],
      [30, 40],
    ]);
    expect(blocks).toMatchObject({ count: 2, fresh: false, duplicate: false });
    expect(told(blocks)).toEqual([
      [30, 40],
      [10, 20],
    ]);
  });

  it('says when a range has only grown at its end', () => {
    const blocks = new SackBlocks();
    expect(blocks.onOutOfOrder(10, 20)).toBe(false);
    expect(blocks.onOutOfOrder(10, 30)).toBe(true);
    expect(blocks.onOutOfOrder(10, 30)).toBe(false); // nothing new
    expect(blocks.onOutOfOrder(5, 30)).toBe(false);
    expect(blocks.onOutOfOrder(40, 50)).toBe(false);
    expect(blocks.onOutOfOrder(5, 35)).toBe(false); // another one was the first
  });

  it('does not take what it has forgotten for a beginning', () => {
    const blocks = new SackBlocks();
    blocks.onOutOfOrder(10, 20);
    blocks.clear();
    expect(blocks.onOutOfOrder(10, 30)).toBe(false);
  });

  it('RFC 2018 §8: reports nothing of what was dropped from the far end', () => {
    const blocks = new SackBlocks();
    blocks.onOutOfOrder(10, 20);
    blocks.onOutOfOrder(30, 40);
    blocks.onOutOfOrder(50, 60);
    blocks.trim(0, 35);
    expect(told(blocks)).toEqual([
      [30, 35],
      [10, 20],
    ]);
  });

  it('keeps a duplicate for the next segment when this one has no room', () => {
    const blocks = new SackBlocks();
    blocks.onDuplicate(1, 5);
    expect(told(blocks, 0)).toEqual([]);
    expect(blocks.duplicate).toBe(true);
    expect(told(blocks, 1)).toEqual([[1, 5]]);
  });

  it('forgets what was delivered or dropped; then nothing is fresh', () => {
    const blocks = new SackBlocks();
    blocks.onOutOfOrder(10, 20);
    blocks.onOutOfOrder(30, 40);
    blocks.onOutOfOrder(50, 60);
    blocks.trim(20, 55);
    expect(told(blocks)).toEqual([
      [50, 55],
      [30, 40],
    ]);
    blocks.onOutOfOrder(70, 80);
    blocks.clear();
    expect(blocks).toMatchObject({ count: 0, fresh: false });
  });

  it('[S-076] reports distinct ranges that the queue has, the newest first, as many as fit', () => {
    const steps = fc.array(fc.oneof(fc.nat({ max: 60 }), fc.constant('advance' as const)), { maxLength: 60 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 4 }), (script, most) => {
        const blocks = new SackBlocks();
        // Octets held; the sequence numbers wrap in the middle.
        const held = new Set<number>();
        const base = 0xffff_ffe0;
        const seq = (octet: number): number => (base + octet) >>> 0;
        let nxt = 0;
        for (const step of script) {
          if (step === 'advance') nxt = held.has(nxt + 1) ? rangeAt(held, nxt + 1)[1] : nxt + 1;
          for (const octet of held) if (octet < nxt) held.delete(octet);
          if (held.has(nxt)) {
            const [, end] = rangeAt(held, nxt);
            for (let octet = nxt; octet < end; octet++) held.delete(octet);
            nxt = end;
          }
          const end = Math.max(nxt, ...[...held].map((octet) => octet + 1));
          blocks.trim(seq(nxt), seq(end));
          if (step !== 'advance' && step > nxt) {
            held.add(step);
            blocks.onOutOfOrder(...(rangeAt(held, step).map(seq) as [number, number]));
          }
          const reported = told(blocks, most);
          const ranges = new Set([...held].map((octet) => rangeAt(held, octet).map(seq).join('-')));
          const names = reported.map((block) => block.join('-'));
          expect(new Set(names).size).toBe(names.length);
          for (const name of names) expect(ranges).toContain(name);
          if (ranges.size <= 16) expect(names).toHaveLength(Math.min(most, ranges.size));
          if (step !== 'advance' && step > nxt) expect(names[0]).toBe(rangeAt(held, step).map(seq).join('-'));
        }
      }),
    );
  });
});

/** The range of octets held that has this one. */
function rangeAt(held: ReadonlySet<number>, octet: number): [left: number, right: number] {
  let left = octet;
  let right = octet + 1;
  while (held.has(left - 1)) left--;
  while (held.has(right)) right++;
  return [left, right];
}

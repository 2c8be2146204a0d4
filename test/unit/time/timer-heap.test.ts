import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OUTSIDE, TimerHeap } from '../../../src/time/timer-heap.ts';

interface Item {
  deadline: number;
  order: number;
  index: number;
}

describe('TimerHeap', () => {
  it('gives items by deadline, then by order, whatever is pushed and removed', () => {
    const command = fc.oneof(
      { weight: 3, arbitrary: fc.record({ push: fc.integer({ min: 0, max: 20 }) }) },
      { weight: 1, arbitrary: fc.record({ remove: fc.nat() }) },
    );
    fc.assert(
      fc.property(fc.array(command, { minLength: 30, maxLength: 200 }), (commands) => {
        const heap = new TimerHeap<Item>();
        const inside: Item[] = [];
        const removed: Item[] = [];
        for (const [order, step] of commands.entries()) {
          if ('push' in step) {
            const item = { deadline: step.push, order, index: OUTSIDE };
            heap.push(item);
            inside.push(item);
          } else if (inside.length > 0) {
            const [item] = inside.splice(step.remove % inside.length, 1);
            heap.remove(item!);
            removed.push(item!);
          }
          expect(heap.size).toBe(inside.length);
        }
        expect(removed.every(({ index }) => index === OUTSIDE)).toBe(true);
        inside.sort((a, b) => a.deadline - b.deadline || a.order - b.order);
        for (const item of inside) {
          expect(heap.first).toBe(item);
          heap.remove(item);
        }
        expect(heap.first).toBeUndefined();
      }),
    );
  });
});

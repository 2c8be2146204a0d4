import { describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../../src/buffer/memory-budget.ts';

describe('MemoryBudget', () => {
  it('takes all or nothing, and counts what it refused', () => {
    const budget = new MemoryBudget(100);
    expect(budget.take(60)).toBe(true);
    expect(budget.take(41)).toBe(false);
    expect([budget.used, budget.refused, budget.pressure]).toEqual([60, 1, 0.6]);
    expect(budget.take(40)).toBe(true);
    expect(budget.pressure).toBe(1);
    budget.give(100);
    expect(budget.pressure).toBe(0);
  });

  it('throws when more is given back than was taken', () => {
    const budget = new MemoryBudget();
    expect(budget.limit).toBe(64 * 1024 * 1024);
    budget.take(10);
    expect(() => budget.give(11)).toThrow('11 bytes given back');
    expect(budget.used).toBe(10);
  });
});

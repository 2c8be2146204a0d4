import { describe, expect, it } from 'vitest';
import { LONG_BUDGET } from '../support/budget.ts';
import { GRID, expected, measure, nameOf } from './grid.ts';

/** Has no common divisor with 180: a budget that ends early has still seen all corners of the grid. */
const STRIDE = 77;

describe('the whole grid', () => {
  it('has the goodput that the snapshot says, as far as the budget goes', () => {
    const start = performance.now();
    const seconds = (): string => `${((performance.now() - start) / 1000).toFixed(0)} s`;
    const differences: string[] = [];
    let done = 0;
    for (; done < GRID.length && performance.now() - start < LONG_BUDGET; done++) {
      const cell = GRID[(done * STRIDE) % GRID.length]!;
      const measured = measure(cell);
      const wanted = expected(cell, measured);
      if (wanted === undefined) console.log(`grid: ${nameOf(cell)}: ${measured}, which the snapshot does not have yet`);
      else if (measured !== wanted) differences.push(`${nameOf(cell)}: ${measured}, expected ${wanted}`);
      if (done % 10 === 9) console.log(`grid: ${done + 1} of ${GRID.length} cells, ${seconds()}`);
    }
    console.log(`grid: ${done} of ${GRID.length} cells measured in ${seconds()}`);
    expect(differences).toEqual([]);
  });
});

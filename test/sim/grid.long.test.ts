import { describe, expect, it } from 'vitest';
import { LONG_BUDGET } from '../support/budget.ts';
import { CONTROLLERS, GRID, expected, isChosen, measure, nameOf } from './grid.ts';

/** Each cell with each controller, or those that `USERNET_GRID` names. */
const ALL = GRID.flatMap((cell) => CONTROLLERS.map((congestion) => ({ cell, congestion }))).filter(
  ({ cell, congestion }) => isChosen(cell, congestion, process.env['USERNET_GRID']),
);
/** Has no common divisor with 360, and where it has one with fewer cells these go in order: a budget that ends early has seen all corners. */
const STRIDE = ALL.length === 2 * GRID.length ? 77 : 1;

describe('the whole grid', () => {
  it('has the goodput that the snapshot says, as far as the budget goes', () => {
    const start = performance.now();
    const seconds = (): string => `${((performance.now() - start) / 1000).toFixed(0)} s`;
    const differences: string[] = [];
    let done = 0;
    for (; done < ALL.length && performance.now() - start < LONG_BUDGET; done++) {
      const { cell, congestion } = ALL[(done * STRIDE) % ALL.length]!;
      const measured = measure(cell, congestion);
      const wanted = expected(cell, congestion, measured);
      if (wanted === undefined)
        console.log(`grid: ${congestion}, ${nameOf(cell)}: ${measured}, not in the snapshot yet`);
      else if (measured !== wanted) differences.push(`${congestion}, ${nameOf(cell)}: ${measured}, expected ${wanted}`);
      if (done % 10 === 9) console.log(`grid: ${done + 1} of ${ALL.length} cells, ${seconds()}`);
    }
    console.log(`grid: ${done} of ${ALL.length} cells measured in ${seconds()}`);
    expect(differences).toEqual([]);
  });
});

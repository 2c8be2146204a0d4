import { describe, expect, it } from 'vitest';
import { LONG_BUDGET } from '../support/budget.ts';
import { repeats, runSchedule } from './schedules.ts';

/** Behind those of the short run. */
const FIRST_SEED = Number(process.env['USERNET_SIM_SEED'] ?? 10_000);
const MOST = Number(process.env['USERNET_SIM_RUNS'] ?? Infinity);

describe('connections over bad lines, thousands of them', () => {
  it('end with all bytes or with a justified error, as many as the budget has time for', () => {
    const start = performance.now();
    let runs = 0;
    const failed: string[] = [];
    for (; runs < MOST && failed.length < 10 && performance.now() - start < LONG_BUDGET; runs++) {
      const seed = FIRST_SEED + runs;
      try {
        runSchedule(seed);
      } catch (error) {
        failed.push(`${repeats(seed)}: ${String(error)}`);
      }
      if (runs % 1000 === 999)
        console.log(`schedules: ${runs + 1} in ${((performance.now() - start) / 1000).toFixed(0)} s`);
    }
    console.log(
      `schedules: ${runs} from seed ${FIRST_SEED} on, in ${((performance.now() - start) / 1000).toFixed(0)} s`,
    );
    expect(failed).toEqual([]);
    expect(runs).toBeGreaterThan(0);
  });
});

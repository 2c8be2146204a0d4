import { describe, expect, it } from 'vitest';
import { repeats, runSchedule } from './schedules.ts';
import { FAMILY } from '../support/family.ts';

const RUNS = Number(process.env['USERNET_SIM_RUNS'] ?? (FAMILY === 6 ? 100 : 300));
const FIRST_SEED = Number(process.env['USERNET_SIM_SEED'] ?? 1);

describe('a connection over a bad line', () => {
  it(`ends with all bytes or with a justified error, in each of ${RUNS} schedules`, () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
      expect(() => runSchedule(seed), repeats(seed)).not.toThrow();
    }
  });
});

import { describe, expect, it } from 'vitest';
import { FAMILY } from '../support/family.ts';
import type { Cell, Controller } from './grid.ts';
import {
  CONTROLLERS,
  GRID,
  QUICK,
  QUICK6,
  QUICK_BBR,
  QUICK_BBR6,
  expected,
  measure,
  nameOf,
  recorded,
} from './grid.ts';

function expectGoodput(cell: Cell, congestion: Controller): void {
  const measured = measure(cell, congestion);
  if (FAMILY === 4) return expect(measured).toBe(expected(cell, congestion, measured));
  // Segments are as long over IPv6, their packets by 20 bytes of 1500 longer, and by that later: chance takes others.
  const share = Number(measured) / recorded(cell, congestion)!;
  expect(share).toBeGreaterThan(0.97);
  expect(share).toBeLessThan(1.02);
}

describe('goodput, in Mbit/s:', () => {
  const [cubic, bbr] = FAMILY === 6 ? [QUICK6, QUICK_BBR6] : [QUICK, QUICK_BBR];

  it.each(cubic.map((cell) => [nameOf(cell), cell] as const))('%s', (_name, cell) => expectGoodput(cell, 'cubic'));

  it.each(bbr.map((cell) => [nameOf(cell), cell] as const))('with BBR: %s', (_name, cell) =>
    expectGoodput(cell, 'bbr'),
  );

  it.each(CONTROLLERS)(
    'with %s and without loss, reordering leaves at least 85 percent on each path of the snapshot',
    (congestion) => {
      for (const cell of GRID.filter(({ loss }) => loss === 0)) {
        const left = recorded(cell, congestion)! / recorded({ ...cell, reorder: 0 }, congestion)!;
        expect(left, nameOf(cell)).toBeGreaterThan(0.85);
      }
    },
  );

  it('the snapshot has each cell with each controller', () => {
    const missing = GRID.flatMap((cell) => CONTROLLERS.map((congestion) => ({ cell, congestion }))).filter(
      ({ cell, congestion }) => recorded(cell, congestion) === undefined,
    );
    expect(missing).toEqual([]);
  });

  it('these are 24 cells of the grid', () => {
    expect(new Set(QUICK.map(nameOf)).size).toBe(24);
    expect(GRID.length).toBe(180);
    expect(GRID.map(nameOf)).toEqual(expect.arrayContaining(QUICK.map(nameOf)));
  });
});

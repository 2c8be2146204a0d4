import { describe, expect, it } from 'vitest';
import { CONTROLLERS, GRID, QUICK, QUICK_BBR, expected, measure, nameOf, recorded } from './grid.ts';

describe('goodput, in Mbit/s:', () => {
  it.each(QUICK.map((cell) => [nameOf(cell), cell] as const))('%s', (_name, cell) => {
    const measured = measure(cell, 'cubic');
    expect(measured).toBe(expected(cell, 'cubic', measured));
  });

  it.each(QUICK_BBR.map((cell) => [nameOf(cell), cell] as const))('with BBR: %s', (_name, cell) => {
    const measured = measure(cell, 'bbr');
    expect(measured).toBe(expected(cell, 'bbr', measured));
  });

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

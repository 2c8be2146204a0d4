import { describe, expect, it } from 'vitest';
import { GRID, QUICK, QUICK_BBR, expected, measure, nameOf } from './grid.ts';

describe('goodput, in Mbit/s:', () => {
  it.each(QUICK.map((cell) => [nameOf(cell), cell] as const))('%s', (_name, cell) => {
    const measured = measure(cell, 'cubic');
    expect(measured).toBe(expected(cell, 'cubic', measured));
  });

  it.each(QUICK_BBR.map((cell) => [nameOf(cell), cell] as const))('with BBR: %s', (_name, cell) => {
    const measured = measure(cell, 'bbr');
    expect(measured).toBe(expected(cell, 'bbr', measured));
  });

  it('these are 24 cells of the grid', () => {
    expect(new Set(QUICK.map(nameOf)).size).toBe(24);
    expect(GRID.length).toBe(180);
    expect(GRID.map(nameOf)).toEqual(expect.arrayContaining(QUICK.map(nameOf)));
  });
});

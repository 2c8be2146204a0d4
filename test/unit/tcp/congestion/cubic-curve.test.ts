import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cubeRoot, cubicPeriod, cubicWindow } from '../../../../src/tcp/congestion/cubic-curve.ts';

describe('cubeRoot', () => {
  it('is exact for the cubes of whole numbers', () => {
    for (let i = 0; i <= 1000; i++) expect(cubeRoot(i * i * i)).toBe(i);
  });

  it('is within a few ulps of the root for all sizes', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-9, max: 1e12, noNaN: true }), (x) => {
        const root = cubeRoot(x);
        expect(Math.abs((root * root * root) / x - 1)).toBeLessThan(1e-14);
      }),
    );
  });
});

describe('the cubic curve', () => {
  it('begins at the window after the reduction, is W_max at K and symmetric around it', () => {
    const wMax = 100_000;
    const k = cubicPeriod(wMax, 70_000, 1000);
    expect(k).toBeCloseTo(Math.cbrt(30 / 0.4), 12);
    expect(cubicWindow(0, k, wMax, 1000)).toBeCloseTo(70_000, 6);
    expect(cubicWindow(k, k, wMax, 1000)).toBe(wMax);
    expect(cubicWindow(2 * k, k, wMax, 1000)).toBeCloseTo(130_000, 6);
  });
});

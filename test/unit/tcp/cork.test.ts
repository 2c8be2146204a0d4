import { describe, expect, it } from 'vitest';
import { Cork } from '../../../src/tcp/cork.ts';

const CEILING = 200_000;

describe('Cork', () => {
  it('holds for 200 ms, counted from the first byte that waits', () => {
    const cork = new Cork();
    cork.update(true, 10, 1000);
    cork.update(true, 20, 50_000);
    expect([cork.holds, cork.deadline]).toEqual([true, 1000 + CEILING]);
    cork.expire();
    expect([cork.holds, cork.deadline]).toEqual([false, Infinity]);
  });

  it('wakes nobody again for bytes that could not go all the same', () => {
    const cork = new Cork();
    cork.update(true, 10, 0);
    cork.expire();
    cork.update(true, 10, CEILING);
    expect([cork.holds, cork.deadline]).toEqual([false, Infinity]);
  });

  it('holds anew what comes when everything has gone', () => {
    const cork = new Cork();
    cork.update(true, 10, 0);
    cork.expire();
    cork.update(true, 0, CEILING);
    expect(cork.holds).toBe(true);
    cork.update(true, 5, 2 * CEILING);
    expect(cork.deadline).toBe(3 * CEILING);
  });

  it('out, or with nothing to hold, it has no deadline', () => {
    const cork = new Cork();
    cork.update(false, 10, 0);
    expect(cork.deadline).toBe(Infinity);
    cork.update(true, 10, 0);
    cork.update(false, 10, 5);
    expect(cork.deadline).toBe(Infinity);
    cork.update(true, 10, 10);
    cork.update(true, 0, 15);
    expect(cork.deadline).toBe(Infinity);
  });
});

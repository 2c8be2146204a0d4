import { describe, expect, it } from 'vitest';
import { Persist } from '../../../src/tcp/persist.ts';
import { SeldomParts } from '../../../src/tcp/seldom.ts';

describe('SeldomParts', () => {
  it('belong to one connection, though those of all are the same object at first', () => {
    const one = new SeldomParts();
    const other = new SeldomParts();
    one.persist = new Persist();
    one.timeouts++;
    one.softError = 'EHOSTUNREACH';
    one.challengedAt = 5;
    expect([other.persist, other.timeouts, other.softError, other.challengedAt]).toEqual([
      undefined,
      0,
      undefined,
      undefined,
    ]);
    expect([one.timeouts, one.softError, one.challengedAt]).toEqual([1, 'EHOSTUNREACH', 5]);
    expect(new SeldomParts().timeouts).toBe(0);
  });

  it('go when they are set back, one by one', () => {
    const parts = new SeldomParts();
    parts.persist = new Persist();
    parts.frtoCredit = 2920;
    parts.persist = undefined;
    expect([parts.persist, parts.frtoCredit, parts.timerUndoneAt, parts.trouble]).toEqual([
      undefined,
      2920,
      -1,
      'ETIMEDOUT',
    ]);
  });
});

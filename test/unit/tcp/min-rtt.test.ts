import { describe, expect, it } from 'vitest';
import { MinRtt } from '../../../src/tcp/min-rtt.ts';

const SECOND = 1_000_000;

describe('MinRtt', () => {
  it('is the least of all samples', () => {
    const least = new MinRtt();
    expect(least.value).toBe(Infinity);
    for (const [i, rtt] of [300, 200, 250].entries()) least.sample(rtt, i);
    expect(least.value).toBe(200);
  });

  it('remembers one for 150 seconds at least and 300 at most', () => {
    const least = new MinRtt();
    least.sample(100, 149 * SECOND);
    for (let second = 150; second < 300; second++) {
      least.sample(200, second * SECOND);
      expect(least.value).toBe(100);
    }
    least.sample(200, 300 * SECOND);
    expect(least.value).toBe(200);
  });
});

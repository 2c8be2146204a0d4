import { describe, expect, it } from 'vitest';
import { runPath } from '../support/path-world.ts';
import { MBIT, delaySpike, leftByReordering } from './paths.ts';

describe('reordering without loss', () => {
  it('leaves at least 85 % of the goodput: 100 ms, 10 Mbit/s, 0.1 of the packets by a quarter of the round trip', () => {
    const path = { rtt: 100, rate: 10 * MBIT, warmup: 4000, duration: 4000 };
    expect(leftByReordering(path, 0.1)).toBeGreaterThan(0.85);
  });
});

describe('a receiver without SACK, 1 % loss, 10 Mbit/s, 20 ms', () => {
  it('whose buffer sizes itself, costs no goodput, and no loss a time-out', () => {
    const run = (receiver: object) => {
      const path = { rtt: 20, rate: 10 * MBIT, forth: { loss: 0.01 }, sender: { congestion: 'reno' } };
      return runPath({ ...path, receiver: { sack: false, ...receiver }, warmup: 2000, duration: 8000 });
    };
    const auto = run({});
    const fixed = run({ receiveBuffer: 131_072 });
    expect(auto.goodput).toBeGreaterThan(0.85 * fixed.goodput);
    expect(auto.flows[0]!.timeouts).toBeLessThan(2 * fixed.flows[0]!.timeouts + 3);
  });
});

describe('a delay spike of 600 ms on a path of 40 ms', () => {
  it.each([
    ['by timestamps', {}],
    ['by timestamps, without SACK', { sack: false }],
    ['by F-RTO, without timestamps and SACK', { sack: false, timestamps: false }],
  ])('is taken for loss, which is undone %s', (_name, receiver) => {
    const seen = delaySpike(receiver, 600);
    expect(seen.timeouts).toBeGreaterThan(0);
    expect(seen.undos).toBeGreaterThan(0);
    expect(seen.cwndAfter).toBeGreaterThanOrEqual(seen.cwndBefore);
    expect(seen.after).toBeGreaterThan(0.95 * seen.before);
  });
});

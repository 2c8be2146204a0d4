import { describe, expect, it } from 'vitest';
import { PathWorld, fairness, runPath } from '../support/path-world.ts';
import { MBIT, leftByReordering, medianByFormula, shares, sharing } from './paths.ts';

describe('goodput on a clean path, with default settings', () => {
  it.each([
    [100, 100],
    [1000, 40],
  ])('at %d Mbit/s and %d ms is at least 90 % of the rate', (rate, rtt) => {
    const { goodput } = runPath({ rtt, rate: rate * MBIT, warmup: 5000, duration: 10_000 });
    expect(goodput).toBeGreaterThan(0.9 * rate * MBIT);
  });
});

describe('reordering without loss leaves at least 85 % of the goodput:', () => {
  const CELLS = [20, 100, 300].flatMap((rtt) =>
    [10, 100].flatMap((rate) => [0.01, 0.03, 0.1].map((reorder) => [rtt, rate, reorder] as const)),
  );
  it.each(CELLS)('%d ms, %d Mbit/s, %f of the packets by a quarter of the round trip', (rtt, rate, reorder) => {
    const path = { rtt, rate: rate * MBIT, warmup: 5000, duration: 10_000 };
    expect(leftByReordering(path, reorder)).toBeGreaterThan(0.85);
  });
});

describe('random loss of 1 %, 100 Mbit/s, 20 ms:', () => {
  it.each(['reno', 'cubic'])('the median of 20 seeds of %s is √(3/2p)·MSS/RTT', (congestion) => {
    const median = medianByFormula(congestion, 20, { warmup: 5000, duration: 30_000 });
    console.log(`${congestion}: ${median.toFixed(3)} of the formula`);
    expect(median).toBeGreaterThan(0.75);
    expect(median).toBeLessThan(1.3);
  });

  it('bbr gets at least 80 % of the rate', () => {
    const path = { rtt: 20, rate: 100 * MBIT, loss: 0.01, sender: { congestion: 'bbr' } };
    expect(runPath({ ...path, warmup: 5000, duration: 30_000 }).goodput).toBeGreaterThan(80 * MBIT);
  });
});

describe('bbr keeps a queue of at most two BDP where there is room for five:', () => {
  // Paths of the grid that hold more than what BBR has under way at least (four packets), or sends at once.
  const PATHS = [20, 100, 300].flatMap((rtt) => [10, 100].map((rate) => [rtt, rate] as const));
  it.each(PATHS)('%d ms, %d Mbit/s', (rtt, rate) => {
    const bdp = (rate * MBIT * rtt) / 8000;
    const path = { rtt, rate: rate * MBIT, queue: 5 * bdp, sender: { congestion: 'bbr' } };
    const { queue, goodput } = runPath({ ...path, warmup: 5000, duration: 10_000 });
    expect(queue.max).toBeLessThan(2 * bdp);
    expect(queue.mean).toBeLessThan(bdp / 2);
    expect(goodput).toBeGreaterThan(0.85 * rate * MBIT);
  });
});

describe('two flows at one bottleneck of 10 Mbit/s', () => {
  it.each([
    ['cubic', 'cubic'],
    ['reno', 'reno'],
    ['bbr', 'bbr'],
    ['cubic', 'reno'],
    ['bbr', 'cubic'],
  ])('%s and %s', (first, second) => {
    const result = sharing({ congestion: first }, { congestion: second }, { warmup: 10_000, duration: 120_000 });
    const [one, other] = shares(result);
    const jain = fairness(shares(result));
    console.log(`${first} ${(one! / MBIT).toFixed(2)}, ${second} ${(other! / MBIT).toFixed(2)}: ${jain.toFixed(3)}`);
    if (first === second) expect(jain).toBeGreaterThan(0.95);
    expect(result.goodput).toBeGreaterThan(9 * MBIT);
  });
});

describe('autotuning', () => {
  it('opens a window of 128 KiB to what a path of 1 Gbit/s and 100 ms needs', () => {
    const world = new PathWorld({ rtt: 100, rate: 1000 * MBIT });
    world.advance(160);
    expect(world.flows[0]!.accepted!.info().receiveBuffer).toBe(131_072);
    world.advance(4840);
    const [flow] = world.measure(2000).flows;
    // The path holds 12.5 MB.
    expect(flow!.info.sendWindow).toBeGreaterThan(12_500_000);
    expect(flow!.goodput).toBeGreaterThan(850 * MBIT);
    world.end();
  });
});

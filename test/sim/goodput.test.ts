import { describe, expect, it } from 'vitest';
import { PathWorld, fairness, runPath } from '../support/path-world.ts';
import { MBIT, leftByReordering, medianByFormula, shares, sharing } from './paths.ts';

// What is short is in goodput-short.test.ts, which runs over IPv6, too. The same with longer times, more seeds and a gigabit: goodput.long.test.ts.

describe('goodput on a clean path, with default settings', () => {
  it('at 100 Mbit/s and 100 ms is at least 90 % of the rate', () => {
    const { goodput } = runPath({ rtt: 100, rate: 100 * MBIT, warmup: 5000, duration: 2000 });
    expect(goodput).toBeGreaterThan(90 * MBIT);
  });
});

describe('reordering without loss leaves at least 85 % of the goodput:', () => {
  it.each([
    [20, 10, 0.1, 4000],
    [100, 30, 0.01, 3000],
    [100, 30, 0.1, 3000],
    [20, 100, 0.1, 1000],
  ])('%d ms, %d Mbit/s, %f of the packets by a quarter of the round trip', (rtt, rate, reorder, duration) => {
    const path = { rtt, rate: rate * MBIT, warmup: duration, duration };
    expect(leftByReordering(path, reorder)).toBeGreaterThan(0.85);
  });

  it('100 Mbit/s and 300 ms are filled by slow start alone', () => {
    const path = { rtt: 300, rate: 100 * MBIT, warmup: 4000, duration: 500 };
    expect(leftByReordering(path, 0.1)).toBeGreaterThan(0.85);
  });
});

describe('random loss of 1 %, 100 Mbit/s, 20 ms:', () => {
  it.each(['reno', 'cubic'])('%s gets √(3/2p)·MSS/RTT', (congestion) => {
    const median = medianByFormula(congestion, 5, { warmup: 2000, duration: 10_000 });
    expect(median).toBeGreaterThan(0.75);
    expect(median).toBeLessThan(1.3);
  });

  it('bbr gets at least 80 % of the rate', () => {
    const path = { rtt: 20, rate: 100 * MBIT, loss: 0.01, sender: { congestion: 'bbr' } };
    expect(runPath({ ...path, warmup: 2000, duration: 3000 }).goodput).toBeGreaterThan(80 * MBIT);
  });
});

describe('bbr', () => {
  it('keeps a queue of at most two BDP where there is room for five', () => {
    const bdp = (20 * MBIT * 0.04) / 8;
    const path = { rtt: 40, rate: 20 * MBIT, queue: 5 * bdp, sender: { congestion: 'bbr' } };
    const { queue, goodput } = runPath({ ...path, warmup: 3000, duration: 12_000 });
    expect(queue.max).toBeLessThan(2 * bdp);
    expect(queue.mean).toBeLessThan(bdp / 2);
    expect(goodput).toBeGreaterThan(18 * MBIT);
  });
});

describe('two flows at one bottleneck', () => {
  const TIMES = { warmup: 5000, duration: 60_000 };

  it('share it as equals: CUBIC and CUBIC', () => {
    const result = sharing({ congestion: 'cubic' }, { congestion: 'cubic' }, TIMES);
    expect(fairness(shares(result))).toBeGreaterThan(0.95);
    expect(result.goodput).toBeGreaterThan(9 * MBIT);
  });

  it('coexist: CUBIC and Reno, where CUBIC is Reno-friendly (RFC 9438 §4.3)', () => {
    const result = sharing({ congestion: 'cubic' }, { congestion: 'reno' }, TIMES);
    expect(Math.min(...shares(result))).toBeGreaterThan(result.goodput / 4);
    expect(result.goodput).toBeGreaterThan(9 * MBIT);
  });

  it('coexist: BBR and CUBIC', () => {
    const result = sharing({ congestion: 'bbr' }, { congestion: 'cubic' }, TIMES);
    expect(Math.min(...shares(result))).toBeGreaterThan(result.goodput / 10);
    expect(result.goodput).toBeGreaterThan(9 * MBIT);
  });
});

describe('autotuning', () => {
  it('opens a window of 128 KiB to what a path of 100 Mbit/s and 100 ms needs', () => {
    const world = new PathWorld({ rtt: 100, rate: 100 * MBIT });
    world.advance(160);
    const early = world.flows[0]!;
    expect(early.accepted!.info().receiveBuffer).toBe(131_072);
    world.advance(2840);
    const [flow] = world.measure(1000).flows;
    expect(flow!.receiverInfo.receiveBuffer).toBeGreaterThan(2 * 1_250_000);
    expect(flow!.info.sendWindow).toBeGreaterThan(1_250_000);
    expect(flow!.goodput).toBeGreaterThan(90 * MBIT);
    world.end();
  });
});

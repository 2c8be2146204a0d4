import { describe, expect, it } from 'vitest';
import { Bbr } from '../../../../src/tcp/congestion/bbr/bbr.ts';
import type { Random } from '../../../../src/time/clock.ts';
import { seededRandom } from '../../../../src/time/seeded-random.ts';
import { Flow, Path } from '../../../support/bottleneck.ts';
import type { PathOptions } from '../../../support/bottleneck.ts';

const SECOND = 1_000_000;

/** 10 Mbit/s, 40 ms, a queue of five bandwidth-delay products. */
const usual: PathOptions = { rate: 1_250_000, rtt: 40_000, buffer: 250_000 };

interface Sender {
  flow: Flow;
  bbr: Bbr;
}

function startFlow(path: Path, random?: Random): Sender {
  const made: Bbr[] = [];
  const flow = new Flow(
    path,
    (start) => {
      const bbr = new Bbr(start);
      made.push(bbr);
      return bbr;
    },
    random,
  );
  return { flow, bbr: made[0]! };
}

/** Bytes delivered to the sender's knowledge from now to `end`, as a share of what the path could carry. */
function share(path: Path, { flow }: Sender, end: number): number {
  const { now } = path.agenda;
  const before = flow.rate.delivered;
  path.run(end);
  return ((flow.rate.delivered - before) * 1e6) / (end - now) / path.options.rate;
}

describe('BBR on a path', () => {
  it('finds the bandwidth and the round trip within a few round trips', () => {
    const path = new Path(usual);
    const { bbr } = startFlow(path);
    path.run(8 * usual.rtt);
    expect(bbr.bandwidth.max).toBeGreaterThan(0.95 * usual.rate);
    expect(bbr.bandwidth.max).toBeLessThan(1.05 * usual.rate);
    path.run(SECOND);
    expect(bbr.state).toBe('PROBE_BW');
    // A segment takes 0.8 ms to leave.
    expect(bbr.minRtt).toBeLessThan(usual.rtt + 2000);
  });

  it.each([
    ['1 Mbit/s, 100 ms', { rate: 125_000, rtt: 100_000, buffer: 62_500 }],
    ['10 Mbit/s, 40 ms', usual],
    ['100 Mbit/s, 10 ms', { rate: 12_500_000, rtt: 10_000, buffer: 625_000 }],
  ])('fills the path and keeps the queue short: %s', (_name, options) => {
    const path = new Path(options);
    const sender = startFlow(path);
    path.run(2 * SECOND);
    let longest = 0;
    const before = sender.flow.rate.delivered;
    path.run(6 * SECOND, 1000, () => {
      longest = Math.max(longest, path.queue);
    });
    expect(sender.flow.rate.delivered - before).toBeGreaterThan(0.98 * options.rate * 4);
    expect(longest).toBeLessThanOrEqual(path.bdp);
    expect(sender.flow.lostBytes).toBe(0);
  });

  it('keeps 98 % of the rate at 1 % loss, where halving at each loss would not', () => {
    const path = new Path({ ...usual, loss: 0.01 });
    const sender = startFlow(path);
    path.run(2 * SECOND);
    expect(share(path, sender, 9 * SECOND)).toBeGreaterThan(0.98);
    expect(sender.flow.lostBytes).toBeGreaterThan(50_000);
    expect(sender.flow.timeouts).toBe(0);
  });

  it('keeps 80 % of the rate at 10 % loss', () => {
    const path = new Path({ ...usual, loss: 0.1 });
    const sender = startFlow(path);
    path.run(2 * SECOND);
    expect(share(path, sender, 9 * SECOND)).toBeGreaterThan(0.8);
  });

  it('fills a path whose queue holds half a bandwidth-delay product', () => {
    const path = new Path({ ...usual, buffer: 25_000 });
    const sender = startFlow(path);
    path.run(2 * SECOND);
    const { drops } = path;
    expect(share(path, sender, 9 * SECOND)).toBeGreaterThan(0.98);
    expect(path.drops).toBe(drops);
  });

  it('fills the path when ACKs are stretched to 16 segments', () => {
    const path = new Path({ ...usual, stretch: 16 });
    const sender = startFlow(path);
    path.run(2 * SECOND);
    expect(share(path, sender, 9 * SECOND)).toBeGreaterThan(0.95);
    expect(sender.bbr.bandwidth.max).toBeLessThan(1.1 * usual.rate);
  });

  it('fills the path when one ACK comes for more than twice what the path holds', () => {
    const path = new Path({ rate: 1_250_000, rtt: 10_000, buffer: 62_500, stretch: 32 });
    const sender = startFlow(path);
    path.run(2 * SECOND);
    expect(share(path, sender, 9 * SECOND)).toBeGreaterThan(0.9);
  });

  it('fills the path when its timers are up to a millisecond late', () => {
    const path = new Path({ rate: 12_500_000, rtt: 10_000, buffer: 625_000, late: 1000 });
    const sender = startFlow(path);
    path.run(2 * SECOND);
    let longest = 0;
    const before = sender.flow.rate.delivered;
    path.run(5 * SECOND, 1000, () => {
      longest = Math.max(longest, path.queue);
    });
    expect(sender.flow.rate.delivered - before).toBeGreaterThan(0.97 * 12_500_000 * 3);
    expect(longest).toBeLessThanOrEqual(path.bdp);
  });

  it('looks for the least round trip every ten seconds, for 200 ms', () => {
    const path = new Path(usual);
    const { bbr } = startFlow(path);
    const entered: number[] = [];
    const left: number[] = [];
    let least = Infinity;
    path.run(32 * SECOND, 10_000, () => {
      const { now } = path.agenda;
      const probing = bbr.state === 'PROBE_RTT';
      if (probing && entered.length === left.length) entered.push(now);
      if (!probing && entered.length > left.length) left.push(now);
      if (probing && now > entered.at(-1)! + 100_000) least = Math.min(least, path.queue);
    });
    expect(entered).toHaveLength(3);
    expect(entered[0]).toBeGreaterThan(10 * SECOND);
    for (const [i, from] of entered.entries()) {
      expect(left[i]! - from).toBeGreaterThanOrEqual(200_000);
      expect(left[i]! - from).toBeLessThan(400_000);
      if (i > 0) expect(Math.abs(from - left[i - 1]! - 10 * SECOND)).toBeLessThan(0.2 * SECOND);
    }
    // Four segments are less than the path holds.
    expect(least).toBe(0);
    expect(bbr.state).toBe('PROBE_BW');
    expect(bbr.cwnd).toBeGreaterThan(path.bdp);
  });

  it('follows a path that becomes faster, and one that becomes slower', () => {
    const options = { ...usual };
    const path = new Path(options);
    const sender = startFlow(path);
    path.run(2 * SECOND);
    options.rate = 2 * usual.rate;
    path.run(4 * SECOND);
    expect(share(path, sender, 6 * SECOND)).toBeGreaterThan(0.95);
    options.rate = usual.rate / 2;
    // A round trip takes up to 0.4 s now, and ten of them have to pass.
    path.run(13 * SECOND);
    expect(sender.bbr.bandwidth.max).toBeLessThan(1.05 * options.rate);
    expect(share(path, sender, 15 * SECOND)).toBeGreaterThan(0.95);
  });

  it('does not forget the bandwidth while the application sends little', () => {
    const path = new Path(usual);
    const sender = startFlow(path);
    const { flow, bbr } = sender;
    path.run(2 * SECOND);
    flow.unsent = 0;
    path.run(7 * SECOND, 100_000, () => {
      flow.unsent += 10_000;
      flow.send();
    });
    expect(bbr.bandwidth.max).toBeGreaterThan(0.95 * usual.rate);
    flow.unsent = Infinity;
    flow.send();
    expect(share(path, sender, 8 * SECOND)).toBeGreaterThan(0.9);
  });

  it('takes up again after a time without any data getting through', () => {
    const options: PathOptions = { ...usual };
    const path = new Path(options);
    const sender = startFlow(path);
    path.run(2 * SECOND);
    options.loss = 1;
    path.run(5 * SECOND);
    expect(sender.flow.timeouts).toBeGreaterThan(0);
    options.loss = 0;
    path.run(7 * SECOND);
    expect(share(path, sender, 9 * SECOND)).toBeGreaterThan(0.98);
  });

  it('shares with another BBR flow that comes later', () => {
    const path = new Path(usual);
    const random = seededRandom(1);
    const first = startFlow(path, random);
    path.run(3 * SECOND);
    const second = startFlow(path, random);
    path.run(15 * SECOND);
    const before = [first.flow.rate.delivered, second.flow.rate.delivered] as const;
    path.run(35 * SECOND);
    const a = first.flow.rate.delivered - before[0];
    const b = second.flow.rate.delivered - before[1];
    expect(a + b).toBeGreaterThan(0.93 * 20 * usual.rate);
    expect(a / (a + b)).toBeGreaterThan(0.4);
    expect(a / (a + b)).toBeLessThan(0.6);
  });

  it('does the same with the same seed, and not with another', () => {
    const trace = (seed: number): string => {
      const path = new Path({ ...usual, loss: 0.01, seed });
      const { bbr, flow } = startFlow(path, seededRandom(seed));
      const lines: string[] = [];
      path.run(3 * SECOND, 10_000, () => {
        lines.push(`${bbr.state} ${bbr.cycle} ${bbr.cwnd} ${bbr.pacingRate} ${flow.rate.delivered}`);
      });
      return lines.join('\n');
    };
    expect(trace(5)).toBe(trace(5));
    expect(trace(5)).not.toBe(trace(6));
  });
});

import { describe, expect, it } from 'vitest';
import type { CongestionController } from '../../../../src/tcp/congestion/controller.ts';
import { Cubic } from '../../../../src/tcp/congestion/cubic.ts';
import { Reno } from '../../../../src/tcp/congestion/reno.ts';
import { chance, seededRandom } from '../../../../src/time/seeded-random.ts';
import { sendThrough } from '../../../support/lossy-path.ts';
import type { LossyPath, Observation } from '../../../support/lossy-path.ts';

const MSS = 1000;
const SECOND = 1_000_000;
const START = { mss: MSS, initialWindow: 10 * MSS, now: 0 };

function watch(controller: CongestionController, path: LossyPath, seconds: number): Observation[] {
  const seen: Observation[] = [];
  sendThrough(controller, path, seconds * SECOND, (observation) => seen.push(observation));
  return seen;
}

/** The mean window over time, in segments, from `after` seconds on. */
function meanWindow(seen: Observation[], after: number): number {
  let area = 0;
  let time = 0;
  for (let i = 1; i < seen.length; i++) {
    const [last, current] = [seen[i - 1], seen[i]];
    if (last === undefined || current === undefined || last.now < after * SECOND) continue;
    area += last.cwnd * (current.now - last.now);
    time += current.now - last.now;
  }
  return area / time / MSS;
}

describe('a drop-tail bottleneck', () => {
  // 2 MB/s over 50 ms are 100 segments on the way; 50 more wait.
  const path: LossyPath = { mss: MSS, rtt: 50_000, rate: 2_000_000, queue: 50 * MSS };
  const room = 150;

  for (const [controller, share] of [
    [new Reno(START), 0.5],
    [new Cubic(START), 0.7],
  ] as const) {
    it(`gives ${controller.name} a sawtooth between ${share} of what there is room for and all of it`, () => {
      const seen = watch(controller, path, 60).filter(({ now }) => now > 10 * SECOND);
      const losses = seen.filter(({ loss }) => loss);
      expect(losses.length).toBeGreaterThan(3);
      for (const { before, cwnd } of losses) {
        expect(before / MSS).toBeGreaterThan(room - 5);
        expect(before / MSS).toBeLessThan(room * 1.15);
        expect(Math.abs(cwnd / before - share)).toBeLessThan(0.02);
      }
      const smallest = Math.min(...seen.map(({ cwnd }) => cwnd));
      expect(smallest / MSS).toBeGreaterThan(share * (room - 5) - 2);
    });
  }

  it('is found by HyStart++ before a packet is lost', () => {
    const slow = { ...path, rate: 20_000_000, queue: 8000 * MSS };
    const cubic = new Cubic(START);
    const seen = watch(cubic, slow, 3);
    const first = seen.find(({ ssthresh }) => ssthresh < 2 ** 30);
    expect(first?.loss).toBe(false);
    expect((first?.cwnd ?? 0) / MSS).toBeGreaterThan(1000);
    const lossy = watch(new Reno(START), slow, 3);
    expect(lossy.find(({ ssthresh }) => ssthresh < 2 ** 30)?.loss).toBe(true);
  });

  it('sees the same windows in every run', () => {
    const runs = [1, 2].map(() => {
      const random = seededRandom(7);
      return watch(new Cubic(START), { ...path, lost: () => chance(random, 0.001) }, 20);
    });
    expect(runs[0]).toEqual(runs[1]);
  });
});

describe('random loss', () => {
  /** RFC 9438 §4.3, figure 3 with AIMD(1, 0.5): the mean window is √(3 / 2p) segments. */
  function expected(p: number): number {
    return Math.sqrt(3 / (2 * p));
  }

  function measured(controller: CongestionController, p: number, seed: number): number {
    const random = seededRandom(seed);
    const path = { mss: MSS, rtt: 10_000, rate: Infinity, queue: Infinity, lost: () => chance(random, p) };
    return meanWindow(watch(controller, path, 150), 5);
  }

  for (const p of [0.002, 0.005, 0.02]) {
    it(`of ${p * 100} % gives Reno, and CUBIC on a short path, the mean window √(3 / 2p)`, () => {
      for (const controller of [new Reno(START), new Cubic(START)]) {
        const ratio = measured(controller, p, 11) / expected(p);
        expect(ratio).toBeGreaterThan(0.75);
        expect(ratio).toBeLessThan(1.3);
      }
    });
  }

  it('leaves CUBIC a larger window than Reno on a long path', () => {
    const windows = [new Reno(START), new Cubic(START)].map((controller) => {
      const random = seededRandom(5);
      const path = { mss: MSS, rtt: 100_000, rate: Infinity, queue: Infinity, lost: () => chance(random, 0.0002) };
      return meanWindow(watch(controller, path, 200), 20);
    });
    expect((windows[1] ?? 0) / (windows[0] ?? Infinity)).toBeGreaterThan(1.2);
  });
});

import { describe, expect, it } from 'vitest';
import { PathWorld, fairness, runPath } from '../support/path-world.ts';

describe('a path', () => {
  const CLEAN = { rtt: 20, rate: 1e7, seed: 1 };
  /** A window of twice what the path holds: it is full, and no queue overflows, whatever controls congestion. */
  const WINDOW = { receiver: { receiveBuffer: 50_000 } };

  it('measures what the reader gets of the rate, and what waits at the bottleneck', () => {
    const result = runPath({ ...CLEAN, ...WINDOW, warmup: 1000, duration: 5000 });
    // Of 1500 bytes 1460, or 1448 with timestamps, are payload; one segment more may end within the time.
    expect(result.goodput).toBeGreaterThan(0.9e7);
    expect(result.goodput).toBeLessThanOrEqual((1e7 * 1460) / 1500 + (1460 * 8) / 5);
    // The path itself holds 25,000 bytes, the rest of the window waits.
    expect(result.queue.mean).toBeGreaterThan(10_000);
    expect(result.queue.max).toBeLessThan(30_000);
    expect(result).toMatchObject({ queueDrops: 0, lost: 0, marked: 0 });
    expect(result.flows[0]!.info.rtt).toBeGreaterThanOrEqual(20);
    expect(result.flows[0]!.receiverInfo.bytesReceived).toBeGreaterThan(result.flows[0]!.bytes);
  });

  it('gives the same in every run', () => {
    const options = { ...CLEAN, loss: 0.01, reorder: 0.05, warmup: 500, duration: 3000 };
    const result = runPath(options);
    expect(runPath(options)).toEqual(result);
    expect(result.lost).toBeGreaterThan(0);
    expect(result.flows[0]!.retransmits).toBeGreaterThan(0);
    expect(runPath({ ...options, seed: 2 })).not.toEqual(result);
  });

  it('is shared by its flows', () => {
    const { flows, goodput } = runPath({
      ...CLEAN,
      ...WINDOW,
      flows: [{}, { start: 500 }],
      warmup: 2000,
      duration: 5000,
    });
    expect(goodput).toBeGreaterThan(0.9e7);
    expect(goodput).toBe(flows[0]!.goodput + flows[1]!.goodput);
    expect(flows.every(({ bytes }) => bytes > 0)).toBe(true);
  });

  it('says so when a flow has not opened', () => {
    const world = new PathWorld({ rtt: 20, forth: { loss: 1 } });
    expect(() => world.measure(100)).toThrow('a flow is not open: SYN_SENT');
    world.end();
  });

  it('fairness is 1 for equal shares, and 1/n when one takes all', () => {
    expect(fairness([3, 3, 3])).toBe(1);
    expect(fairness([5, 0, 0, 0])).toBe(0.25);
  });
});

import { describe, expect, it } from 'vitest';
import type { CongestionSample } from '../../../../src/tcp/congestion/controller.ts';
import { Reno, reno } from '../../../../src/tcp/congestion/reno.ts';
import { congestionSample } from '../../../support/congestion.ts';

const MSS = 1000;

function controller(): Reno {
  return new Reno({ mss: MSS, initialWindow: 10 * MSS, now: 0 });
}

function sample(values: Partial<CongestionSample> = {}): CongestionSample {
  return congestionSample(values);
}

describe('Reno', () => {
  it('is made by its factory', () => {
    const made = reno({ mss: MSS, initialWindow: 4000, now: 0 });
    expect([made.name, made.cwnd]).toEqual(['reno', 4000]);
    expect(made.ssthresh).toBeGreaterThanOrEqual(65_535 * 2 ** 14);
  });

  it('does not grow while the window is not used', () => {
    const tested = controller();
    tested.onAck(sample({ limited: false, flight: 5000 }));
    expect(tested.cwnd).toBe(10_000);
    tested.onCongestion('loss', sample());
    for (let i = 0; i < 20; i++) tested.onAck(sample({ limited: false }));
    expect(tested.cwnd).toBe(5000);
  });

  it('leaves slow start exactly at ssthresh', () => {
    const tested = controller();
    tested.onCongestion('timeout', sample({ flight: 9000 }));
    for (let i = 0; i < 3; i++) tested.onAck(sample());
    expect(tested.cwnd).toBe(4000);
    tested.onAck(sample());
    expect(tested.cwnd).toBe(4500);
    tested.onAck(sample());
    expect(tested.cwnd).toBe(4500);
  });

  it('grows by one segment for each window acknowledged in congestion avoidance', () => {
    const tested = controller();
    tested.onCongestion('loss', sample({ flight: 8000 }));
    const seen: number[] = [];
    for (let i = 0; i < 9; i++) {
      tested.onAck(sample());
      seen.push(tested.cwnd);
    }
    expect(seen).toEqual([4000, 4000, 4000, 5000, 5000, 5000, 5000, 5000, 6000]);
  });

  it('does not save up growth from an ACK of many windows', () => {
    const tested = controller();
    tested.onCongestion('loss', sample({ flight: 4000 }));
    tested.onAck(sample({ acked: 100_000 }));
    tested.onAck(sample());
    tested.onAck(sample({ acked: 1 }));
    expect(tested.cwnd).toBe(4000);
  });

  it('halves what was in flight at a congestion mark', () => {
    const tested = controller();
    tested.onCongestion('ecn', sample({ flight: 7001 }));
    expect([tested.cwnd, tested.ssthresh]).toEqual([3500, 3500]);
  });

  it('computes ssthresh anew for a timeout after progress, and for a loss at once', () => {
    const tested = controller();
    tested.onCongestion('timeout', sample({ flight: 20_000 }));
    tested.onAck(sample({ limited: false }));
    tested.onCongestion('timeout', sample({ flight: 6000 }));
    expect(tested.ssthresh).toBe(3000);
    tested.onCongestion('loss', sample({ flight: 5000 }));
    // A loss makes no window larger than it is, two segments excepted.
    expect([tested.cwnd, tested.ssthresh]).toEqual([2000, 2500]);
  });

  it('computes ssthresh anew for a timeout that follows a repaired one', () => {
    const tested = controller();
    tested.onCongestion('timeout', sample({ flight: 20_000 }));
    tested.onRecovered(sample({ limited: false }));
    tested.onCongestion('timeout', sample({ flight: 6000 }));
    expect(tested.ssthresh).toBe(3000);
  });

  it('goes on with slow start when a timeout is repaired', () => {
    const tested = controller();
    tested.onCongestion('timeout', sample({ flight: 20_000 }));
    tested.onAck(sample());
    tested.onRecovered(sample({ flight: 20_000, acked: 18_000 }));
    expect(tested.cwnd).toBe(3000);
    tested.onAck(sample({ acked: 2000 }));
    expect(tested.cwnd).toBe(5000);
  });

  it('is as it was before when the last event was a false alarm', () => {
    const tested = controller();
    tested.onCongestion('timeout', sample({ flight: 10_000 }));
    tested.onCongestion('timeout', sample({ flight: 10_000 }));
    tested.onSpurious();
    expect([tested.cwnd, tested.ssthresh]).toEqual([10_000, 2 ** 30]);
    tested.onCongestion('loss', sample({ flight: 10_000 }));
    tested.onSpurious();
    tested.onSpurious();
    expect([tested.cwnd, tested.ssthresh]).toEqual([10_000, 2 ** 30]);
  });

  it('keeps what it has reached since a false alarm', () => {
    const tested = controller();
    tested.onCongestion('loss', sample({ flight: 8000 }));
    for (let i = 0; i < 100; i++) tested.onAck(sample());
    const { cwnd } = tested;
    expect(cwnd).toBeGreaterThan(10_000);
    tested.onSpurious();
    expect([tested.cwnd, tested.ssthresh]).toEqual([cwnd, 4000]);
  });

  it('reduces down to one segment for congestion marks, down to two for losses', () => {
    const tested = controller();
    tested.onCongestion('loss', sample({ flight: 1000 }));
    expect([tested.cwnd, tested.ssthresh]).toEqual([2000, 2000]);
    tested.onCongestion('ecn', sample({ flight: 2000 }));
    expect([tested.cwnd, tested.ssthresh]).toEqual([1000, 2000]);
    // RFC 3168 §6.1.2: also when the window of data that was marked is acknowledged.
    tested.onRecovered(sample({ flight: 2000 }));
    expect([tested.cwnd, tested.ssthresh]).toEqual([1000, 2000]);
  });

  it('restarts from the initial window after idleness, remembering what was reached', () => {
    const tested = controller();
    for (let i = 0; i < 5; i++) tested.onAck(sample({ acked: 2000 }));
    tested.onCongestion('loss', sample({ flight: 40_000 }));
    expect(tested.cwnd).toBe(20_000);
    tested.onIdle(300_000, 300_000);
    expect(tested.cwnd).toBe(20_000);
    tested.onIdle(300_001, 300_000);
    expect([tested.cwnd, tested.ssthresh]).toEqual([10_000, 20_000]);
    tested.onAck(sample({ acked: 2000 }));
    expect(tested.cwnd).toBe(12_000);
  });

  it('sets ssthresh to three quarters of the window left behind by idleness', () => {
    const tested = controller();
    tested.onCongestion('loss', sample({ flight: 24_000 }));
    for (let i = 0; i < 300; i++) tested.onAck(sample({ acked: 2000 }));
    const reached = tested.cwnd;
    expect(reached).toBeGreaterThan(24_000);
    tested.onIdle(2, 1);
    expect(tested.ssthresh).toBe(Math.floor(reached * 0.75));
  });

  it('shrinks with the segment size and does not grow with it', () => {
    const tested = controller();
    tested.onMssChange(500);
    expect(tested.cwnd).toBe(5000);
    tested.onMssChange(1500);
    expect(tested.cwnd).toBe(5000);
    const small = new Reno({ mss: 1000, initialWindow: 1000, now: 0 });
    small.onMssChange(999);
    expect(small.cwnd).toBe(999);
  });

  it('never exceeds the largest window there is', () => {
    const tested = new Reno({ mss: 65_000, initialWindow: 2 ** 30 - 10, now: 0 });
    tested.onAck(sample({ acked: 10_000_000, mss: 65_000 }));
    expect(tested.cwnd).toBe(2 ** 30);
    tested.onAck(sample({ acked: 2 ** 31, mss: 65_000 }));
    expect(tested.cwnd).toBe(2 ** 30);
  });
});

import { describe, expect, it } from 'vitest';
import { RtoEstimator } from '../../../src/tcp/rto.ts';

describe('RtoEstimator', () => {
  it('begins at one second without a round-trip time', () => {
    const rto = new RtoEstimator();
    expect([rto.srtt, rto.rttvar, rto.rto, rto.backoffs]).toEqual([0, 0, 1_000_000, 0]);
  });

  it('doubles with every back-off up to the maximum and returns to the last computed value', () => {
    const rto = new RtoEstimator({ maximum: 60_000_000 });
    rto.sample(2_000_000);
    const seen: number[] = [];
    for (let i = 0; i < 5; i++) {
      rto.backOff();
      seen.push(rto.rto);
    }
    expect(seen).toEqual([12_000_000, 24_000_000, 48_000_000, 60_000_000, 60_000_000]);
    expect(rto.backoffs).toBe(5);
    rto.resetBackOff();
    expect([rto.rto, rto.backoffs]).toEqual([6_000_000, 0]);
  });

  it('ends the back-off with a sample', () => {
    const rto = new RtoEstimator();
    rto.backOff();
    rto.backOff();
    rto.sample(400_000);
    expect([rto.rto, rto.backoffs]).toEqual([1_200_000, 0]);
  });

  it('stays 200 ms clear of a long and steady round-trip time', () => {
    const rto = new RtoEstimator();
    for (let i = 0; i < 200; i++) rto.sample(600_000);
    expect(rto.rttvar).toBeLessThan(1);
    expect(rto.rto).toBe(800_000);
  });

  it('counts a sample of zero, below the resolution of the clock, as a measurement', () => {
    const rto = new RtoEstimator({ minimum: 0, granularity: 1000 });
    rto.sample(0);
    expect(rto.srtt).toBeGreaterThan(0);
    expect(rto.rto).toBe(1001);
    for (let i = 0; i < 100; i++) rto.sample(0);
    expect(rto.srtt).toBeGreaterThan(0);
  });

  it('never exceeds its maximum by measurement', () => {
    const rto = new RtoEstimator({ maximum: 60_000_000 });
    rto.sample(50_000_000);
    expect(rto.rto).toBe(60_000_000);
  });

  it('keeps what the handshake measured where that exceeds the value after a lost SYN', () => {
    const rto = new RtoEstimator();
    rto.sample(2_000_000);
    rto.synLost();
    expect(rto.rto).toBe(6_000_000);
  });

  it('takes its least variance term from the options', () => {
    const rto = new RtoEstimator({ minimum: 5000 });
    for (let i = 0; i < 100; i++) rto.sample(1000);
    expect(rto.rto).toBe(6000);
  });

  it('keeps the back-off when new data is acknowledged without a sample, but counts expiries anew', () => {
    const rto = new RtoEstimator();
    rto.sample(100_000);
    rto.backOff();
    rto.backOff();
    expect(rto.rto).toBe(1_200_000);
    rto.progress();
    expect([rto.rto, rto.backoffs]).toEqual([1_200_000, 0]);
  });

  it('does not let the back-off of an outage outlast it', () => {
    const rto = new RtoEstimator();
    rto.sample(100_000);
    for (let i = 0; i < 9; i++) rto.backOff();
    expect(rto.rto).toBe(120_000_000);
    rto.progress();
    expect(rto.rto).toBe(3_000_000);
    const far = new RtoEstimator();
    far.sample(2_000_000);
    for (let i = 0; i < 9; i++) far.backOff();
    far.progress();
    expect(far.rto).toBe(6_000_000);
  });
});

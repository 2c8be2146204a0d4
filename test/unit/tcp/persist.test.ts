import { describe, expect, it } from 'vitest';
import { Persist } from '../../../src/tcp/persist.ts';

describe('Persist', () => {
  it('is off at first', () => {
    expect(new Persist().deadline).toBe(Infinity);
  });

  it('does not begin again while it runs', () => {
    const persist = new Persist();
    persist.start(100, 1000);
    persist.start(600, 1000);
    expect(persist.deadline).toBe(1100);
  });

  it('stops, and begins afresh', () => {
    const persist = new Persist();
    persist.start(0, 1000);
    persist.onProbe(1000, 1000, Infinity);
    persist.stop();
    expect([persist.deadline, persist.unansweredProbes]).toEqual([Infinity, 0]);
    persist.start(50_000, 1000);
    expect(persist.deadline).toBe(51_000);
  });

  it('counts probes until something is heard', () => {
    const persist = new Persist();
    persist.start(0, 1000);
    persist.onProbe(1000, 1000, Infinity);
    persist.onProbe(3000, 1000, Infinity);
    expect(persist.unansweredProbes).toBe(2);
    persist.onAck();
    expect(persist.unansweredProbes).toBe(0);
    expect(persist.deadline).toBe(7000);
  });

  it('follows a retransmission timeout that has grown', () => {
    const persist = new Persist();
    persist.start(0, 1000);
    persist.onProbe(1000, 5000, Infinity);
    expect(persist.deadline).toBe(11_000);
  });

  it('is bounded by 120 s from the first probe on', () => {
    const persist = new Persist();
    persist.start(0, 500_000_000);
    expect(persist.deadline).toBe(120_000_000);
  });
});

import { describe, expect, it } from 'vitest';
import { Acker } from '../../../src/tcp/acker.ts';

const MSS = 1460;

/** An acker past the quick ACKs of the beginning, with nothing pending, at time 0. */
function settled(): Acker {
  const acker = new Acker();
  for (let i = 0; i < 16; i++) acker.onInOrder(1, MSS, 0);
  acker.sent();
  return acker;
}

describe('Acker', () => {
  it('has nothing to do at first', () => {
    const acker = new Acker();
    expect([acker.due(1e9), acker.deadline, acker.pending]).toEqual([false, Infinity, 0]);
  });

  it('acknowledges the first sixteen segments at once', () => {
    const acker = new Acker();
    for (let i = 0; i < 16; i++) {
      acker.onInOrder(10, MSS, 1000 * i);
      expect(acker.due(1000 * i)).toBe(true);
      acker.sent();
    }
    acker.onInOrder(10, MSS, 16_000);
    expect(acker.due(16_000)).toBe(false);
  });

  it('acknowledges at once again after a second of silence', () => {
    const acker = settled();
    acker.onInOrder(10, MSS, 1_000_000);
    expect(acker.due(1_000_000)).toBe(false);
    acker.sent();
    acker.onInOrder(10, MSS, 2_000_001);
    expect(acker.due(2_000_001)).toBe(true);
  });

  it('delays the ACK of a single segment by 40 ms, counted from the first one pending', () => {
    const acker = settled();
    acker.onInOrder(100, MSS, 5000);
    acker.onInOrder(100, MSS, 30_000);
    expect([acker.deadline, acker.pending]).toEqual([45_000, 200]);
    expect([acker.due(44_999), acker.due(45_000)]).toEqual([false, true]);
  });

  it('waits for two full segments, and no longer', () => {
    const acker = settled();
    acker.onInOrder(MSS, MSS, 0);
    expect(acker.due(0)).toBe(false);
    acker.onInOrder(MSS, MSS, 0);
    expect(acker.due(0)).toBe(true);
  });

  it('learns a full size smaller than the MSS', () => {
    const acker = settled();
    acker.onInOrder(1000, MSS, 0);
    expect(acker.due(0)).toBe(false);
    acker.onInOrder(1000, MSS, 0);
    expect(acker.due(0)).toBe(true);
  });

  it('does not take tiny segments for full ones, unless the MSS is as tiny', () => {
    const acker = settled();
    for (let i = 0; i < 10; i++) acker.onInOrder(100, MSS, 0);
    expect(acker.due(0)).toBe(false);
    acker.onInOrder(72, MSS, 0);
    expect(acker.due(0)).toBe(true);
    const tiny = settled();
    tiny.onInOrder(64, 64, 0);
    expect(tiny.due(0)).toBe(false);
    tiny.onInOrder(64, 64, 0);
    expect(tiny.due(0)).toBe(true);
  });

  it('counts a super-segment as the segments it stands for', () => {
    const acker = settled();
    acker.onInOrder(2 * MSS, MSS, 0);
    expect(acker.due(0)).toBe(true);
    acker.sent();
    acker.onInOrder(MSS, MSS, 0);
    expect(acker.due(0)).toBe(false);
  });

  it('forgets what is pending when an ACK has gone out', () => {
    const acker = settled();
    acker.onInOrder(MSS, MSS, 0);
    acker.sent();
    expect([acker.deadline, acker.pending, acker.due(1e9)]).toEqual([Infinity, 0, false]);
    acker.onInOrder(MSS, MSS, 100);
    expect(acker.due(100)).toBe(false);
  });

  it('acknowledges at once on demand, once', () => {
    const acker = settled();
    acker.ackNow();
    expect(acker.due(0)).toBe(true);
    acker.sent();
    expect(acker.due(0)).toBe(false);
  });
});

describe('Acker, out of order', () => {
  it('[S-070] each is acknowledged at once; with SACK from the fourth of a batch on, by its end', () => {
    const acker = new Acker();
    expect([1, 2, 3, 4, 5].map(() => acker.onOutOfOrder(false, 10))).toEqual([true, true, true, true, true]);
    expect([1, 2, 3, 4, 5].map(() => acker.onOutOfOrder(true, 20))).toEqual([true, true, true, false, false]);
    expect(acker.due(20)).toBe(true);
    expect(acker.onOutOfOrder(true, 30)).toBe(true);
  });

  it('and the next segments in order are not kept waiting', () => {
    const acker = new Acker();
    const inOrder = (now: number): boolean => {
      acker.onInOrder(100, 1460, now);
      const due = acker.due(now);
      acker.sent();
      return due;
    };
    while (inOrder(0));
    acker.onOutOfOrder(false, 1);
    expect(inOrder(2)).toBe(true);
    expect(inOrder(3)).toBe(true);
  });
});

import { describe, expect, it } from 'vitest';
import { Timestamps } from '../../../src/tcp/timestamps.ts';

const MS = 1000;
const DAY = 24 * 3600 * 1000 * MS;

describe('Timestamps', () => {
  it('counts milliseconds from its offset on, modulo 2³²', () => {
    const timestamps = new Timestamps(true, 0xffff_fffe);
    timestamps.tick(1999);
    expect(timestamps.value).toBe(0xffff_ffff);
    timestamps.tick(2000);
    expect(timestamps.value).toBe(0);
    timestamps.tick(400 * DAY);
    expect(timestamps.value).toBe((400 * 24 * 3600 * 1000 - 2) % 2 ** 32);
  });

  it('takes 12 bytes when both sides have offered them', () => {
    for (const [ours, theirs] of [
      [true, true],
      [true, false],
      [false, true],
    ] as const) {
      const timestamps = new Timestamps(ours, 0);
      timestamps.agree(theirs, 7, 0);
      expect(timestamps).toMatchObject(
        ours && theirs ? { ok: true, length: 12, recent: 7 } : { ok: false, length: 0, recent: 0 },
      );
    }
  });

  it('[S-064] [S-066] TS.Recent follows only segments at or before Last.ACK.sent, and never goes back', () => {
    const timestamps = new Timestamps(true, 0);
    timestamps.agree(true, 0xffff_fff0, 0);
    timestamps.onSegment(5, 100, 100, 0);
    expect(timestamps.recent).toBe(5);
    timestamps.onSegment(6, 101, 100, 0);
    expect(timestamps.recent).toBe(5);
    timestamps.onSegment(4, 50, 100, 0);
    expect(timestamps.recent).toBe(5);
    expect([4, 5, 6].map((value) => timestamps.acceptable(value, 0))).toEqual([false, true, true]);
    expect(timestamps.acceptable((5 + 2 ** 31) >>> 0, 0)).toBe(false);
  });

  it('[S-066] after 24 days an old timestamp says nothing', () => {
    const timestamps = new Timestamps(true, 0);
    timestamps.agree(true, 100, DAY);
    expect(timestamps.acceptable(99, 25 * DAY)).toBe(false);
    expect(timestamps.acceptable(99, 25 * DAY + 1)).toBe(true);
    timestamps.onSegment(99, 0, 0, 25 * DAY + 1);
    expect(timestamps.recent).toBe(99);
    expect(timestamps.acceptable(98, 26 * DAY)).toBe(false);
  });

  it('[S-066] less than a round trip older, by the pace of its own clock, is only late', () => {
    for (const tick of [MS, 100 * MS]) {
      const timestamps = new Timestamps(true, 0);
      timestamps.agree(true, 1000, 0);
      const ticks = 5000;
      timestamps.onSegment(1000 + ticks, 0, 0, ticks * tick);
      const now = ticks * tick;
      const accepted = (older: number, rtt: number): boolean =>
        timestamps.acceptable(1000 + ticks - older, now, rtt * tick);
      expect([0, 1, 19, 20, 21].map((older) => accepted(older, 20))).toEqual([true, true, true, false, false]);
      // Nothing is known of the round trip, or of the clock.
      expect(accepted(1, Infinity)).toBe(false);
      expect(accepted(1, 6000)).toBe(false);
      // It doesn't turn TS.Recent back.
      timestamps.onSegment(1000 + ticks - 1, 0, 0, now);
      expect(timestamps.recent).toBe(1000 + ticks);
    }
  });
});

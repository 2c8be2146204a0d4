import { describe, expect, it } from 'vitest';
import { Keepalive } from '../../../src/tcp/keepalive.ts';

/** Ten seconds idle, one second between probes, three probes; the peer last heard at 5 s. */
function configured(): Keepalive {
  const keepalive = new Keepalive();
  keepalive.configure(true, 10_000_000, 1_000_000, 3);
  keepalive.onActivity(5_000_000);
  return keepalive;
}

describe('Keepalive', () => {
  it('follows the last activity', () => {
    const keepalive = configured();
    expect(keepalive.deadline).toBe(15_000_000);
    keepalive.onActivity(9_000_000);
    expect(keepalive.deadline).toBe(19_000_000);
  });

  it('probes at its interval and gives up one interval after the last probe', () => {
    const keepalive = configured();
    const seen: [number, string][] = [];
    for (let i = 0; i < 4; i++) {
      const now = keepalive.deadline;
      seen.push([now, keepalive.onDeadline(now)]);
    }
    expect(seen).toEqual([
      [15_000_000, 'probe'],
      [16_000_000, 'probe'],
      [17_000_000, 'probe'],
      [18_000_000, 'dead'],
    ]);
  });

  it('counts intervals from when a probe was really sent', () => {
    const keepalive = configured();
    keepalive.onDeadline(15_300_000);
    expect(keepalive.deadline).toBe(16_300_000);
  });

  it('begins again when an answer comes', () => {
    const keepalive = configured();
    keepalive.onDeadline(15_000_000);
    keepalive.onDeadline(16_000_000);
    keepalive.onActivity(16_100_000);
    expect(keepalive.deadline).toBe(26_100_000);
    expect([1, 2, 3, 4].map(() => keepalive.onDeadline(keepalive.deadline))).toEqual([
      'probe',
      'probe',
      'probe',
      'dead',
    ]);
  });

  it('can be switched on late: the idle time counts from the last activity', () => {
    const keepalive = new Keepalive();
    keepalive.onActivity(7_000_000);
    expect(keepalive.deadline).toBe(Infinity);
    keepalive.configure(true, 10_000_000, 1_000_000, 3);
    expect(keepalive.deadline).toBe(17_000_000);
  });
});

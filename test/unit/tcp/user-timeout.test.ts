import { describe, expect, it } from 'vitest';
import { LEAST_ADAPTED, UserTimeout } from '../../../src/tcp/user-timeout.ts';

const SECOND = 1_000_000;
const HOUR = 3600 * SECOND;
const DEFAULT = 924_600_000;
const MINUTES = 0x8000;

function timeout(requested: number = 0, enabled: boolean = true, most: number = 2 * HOUR): UserTimeout {
  const made = new UserTimeout();
  made.configure(requested, enabled, most);
  return made;
}

describe('UserTimeout', () => {
  it('is what the application asked for, or the default', () => {
    expect(timeout(0, false).value).toBe(DEFAULT);
    expect(timeout(5 * SECOND, false).value).toBe(5 * SECOND);
    expect(timeout(5 * SECOND).value).toBe(5 * SECOND);
  });

  it('[S-098] advertises seconds, and minutes where seconds do not fit 15 bits', () => {
    const bits = (us: number) => timeout(us).option;
    expect(timeout().option).toBe(925);
    expect(bits(1)).toBe(1);
    expect(bits(32_767 * SECOND)).toBe(32_767);
    expect(bits(32_768 * SECOND)).toBe(MINUTES | 547);
    expect(bits(2 ** 31 * 1000)).toBe(MINUTES | 0x7fff);
    expect(timeout(SECOND, false).option).toBe(-1);
  });

  it('[S-098] takes the longer of both, within the limits', () => {
    const made = timeout();
    expect(made.onOption(60)).toBe(false);
    expect([made.value, made.remote]).toEqual([DEFAULT, 60 * SECOND]);
    expect(made.onOption(1800)).toBe(true);
    expect(made.value).toBe(1800 * SECOND);
    expect(made.onOption(MINUTES | 60)).toBe(true);
    expect(made.value).toBe(HOUR);
    expect(made.onOption(MINUTES | 0x7fff)).toBe(true);
    expect(made.value).toBe(2 * HOUR);
    expect(made.onOption(1)).toBe(true);
    expect(made.value).toBe(DEFAULT);
  });

  it('[S-098] no peer shortens it below what retransmission needs', () => {
    const made = timeout(0, true, LEAST_ADAPTED);
    made.onOption(1);
    expect(made.value).toBe(LEAST_ADAPTED);
  });

  it('[S-098] what the application has asked for, no peer changes', () => {
    const made = timeout(20 * SECOND);
    expect(made.onOption(1800)).toBe(false);
    expect([made.value, made.remote, made.requested]).toEqual([20 * SECOND, 1800 * SECOND, true]);
  });

  it('[S-098] zero is reserved; switched off nothing is heard', () => {
    const made = timeout();
    made.due = false;
    expect([made.onOption(0), made.onOption(MINUTES), made.remote]).toEqual([false, false, 0]);
    const off = timeout(0, false);
    expect([off.onOption(1800), off.value, off.remote, off.due]).toEqual([false, DEFAULT, 0, false]);
  });

  it('is due when it begins, and whenever it changes', () => {
    const made = timeout();
    expect(made.due).toBe(true);
    made.due = false;
    made.onOption(60);
    expect(made.due).toBe(false);
    made.onOption(1800);
    expect(made.due).toBe(true);
  });
});

describe('UserTimeout: what counts', () => {
  it('[S-098] §3.4: the reserved zero does not undo what the peer has told before', () => {
    const made = timeout();
    made.onOption(1800);
    expect(made.onOption(0)).toBe(false);
    expect([made.value, made.remote]).toEqual([1800 * SECOND, 1800 * SECOND]);
  });

  it('[S-098] switched off, what the peer has told no longer counts', () => {
    const made = timeout();
    made.onOption(1800);
    made.configure(0, false, 2 * HOUR);
    expect(made.value).toBe(DEFAULT);
  });

  it('[S-098] U_LIMIT bounds what a peer asks for, not our own default', () => {
    expect(timeout(0, true, LEAST_ADAPTED).value).toBe(DEFAULT);
  });
});

import { describe, expect, it } from 'vitest';
import { Pacer, sendQuantum } from '../../../src/tcp/pacer.ts';
import { seededRandom } from '../../../src/time/seeded-random.ts';

const MSS = 1448;

/** Sends what may be sent, in whole segments; gives the bytes. */
function sendAll(pacer: Pacer, now: number): number {
  let sent = 0;
  for (;;) {
    const available = pacer.available(now);
    if (available < MSS) return sent;
    const bytes = Math.min(available - (available % MSS), 64_000);
    pacer.onSent(bytes, now);
    sent += bytes;
  }
}

/** Bytes a second over many wake-ups, each up to `late` microseconds after its deadline. */
function achieved(rate: number, resolution: number, late: number): { rate: number; largest: number } {
  const random = seededRandom(rate % 1000);
  const pacer = new Pacer(resolution, MSS);
  pacer.setRate(rate, 0);
  sendAll(pacer, 0);
  let now = 0;
  let sent = 0;
  let largest = 0;
  for (let i = 0; i < 3000; i++) {
    now = pacer.deadline + (late === 0 ? 0 : random.uint32() % (late + 1));
    const burst = sendAll(pacer, now);
    expect(burst).toBeGreaterThan(0);
    sent += burst;
    largest = Math.max(largest, burst);
  }
  return { rate: (sent * 1e6) / now, largest };
}

describe('sendQuantum', () => {
  it('is a millisecond’s worth, two segments at least, 64 KB at most', () => {
    expect(sendQuantum(10_000_000, MSS)).toBe(10_000);
    expect(sendQuantum(1_250_000, MSS)).toBe(2 * MSS);
    expect(sendQuantum(1_250_000_000, MSS)).toBe(65_536);
  });

  it('is one segment below 1.2 Mbit/s', () => {
    expect(sendQuantum(150_000, MSS)).toBe(2 * MSS);
    expect(sendQuantum(149_999, MSS)).toBe(MSS);
  });
});

describe('Pacer', () => {
  const rates = [1, 10, 100, 1000, 10_000].map((mbit) => [mbit, mbit * 125_000] as const);

  it.each(rates)('meets %i Mbit/s within 1 % with exact timers', (_mbit, rate) => {
    const result = achieved(rate, 0, 0);
    expect(Math.abs(result.rate / rate - 1)).toBeLessThan(0.01);
    expect(result.largest).toBeLessThanOrEqual(sendQuantum(rate, MSS) + rate / 1e6 + 1);
  });

  it.each(rates)('meets %i Mbit/s within 1 % with timers up to 1 ms late', (_mbit, rate) => {
    const result = achieved(rate, 1000, 1000);
    expect(Math.abs(result.rate / rate - 1)).toBeLessThan(0.01);
    expect(result.largest).toBeLessThanOrEqual(sendQuantum(rate, MSS) + rate / 1000 + rate / 1e6 + 1);
  });

  it('lets all go at once without a rate', () => {
    const pacer = new Pacer(1000, MSS);
    expect(pacer.available(5)).toBe(Infinity);
    pacer.onSent(1e9, 5);
    expect(pacer.available(5)).toBe(Infinity);
    expect(pacer.deadline).toBe(Infinity);
    pacer.setRate(1_000_000, 10);
    expect(pacer.available(10)).toBe(pacer.quantum);
    pacer.setRate(Infinity, 10);
    expect(pacer.available(10)).toBe(Infinity);
  });

  it('saves up one quantum over idleness, and what a late timer needs', () => {
    for (const resolution of [0, 1000]) {
      const pacer = new Pacer(resolution, MSS);
      pacer.setRate(10_000_000, 0);
      sendAll(pacer, 0);
      expect(pacer.available(60_000_000)).toBe(10_000 + 10 * (resolution + 1));
    }
  });

  it('gives a quantum at its deadline and nothing a microsecond earlier', () => {
    const pacer = new Pacer(0, MSS);
    pacer.setRate(10_000_000, 0);
    pacer.onSent(10_000, 0);
    expect(pacer.available(0)).toBe(0);
    expect(pacer.deadline).toBe(1000);
    expect(pacer.available(999)).toBe(0);
    expect(pacer.available(1000)).toBe(10_000);
    expect(pacer.deadline).toBe(Infinity);
  });

  it('grants the rest of a quantum segment by segment', () => {
    const pacer = new Pacer(0, MSS);
    pacer.setRate(10_000_000, 0);
    let segments = 0;
    while (pacer.available(0) > 0) {
      pacer.onSent(MSS, 0);
      segments++;
    }
    expect(segments).toBe(6);
    expect(pacer.deadline).toBe(869);
  });

  it('makes later bursts wait for what could not wait', () => {
    const pacer = new Pacer(0, MSS);
    pacer.setRate(10_000_000, 0);
    pacer.onSent(10_000, 0);
    pacer.onSent(5000, 0);
    expect(pacer.available(0)).toBe(0);
    expect(pacer.deadline).toBe(1500);
  });

  it('moves the deadline with the rate', () => {
    const pacer = new Pacer(0, MSS);
    pacer.setRate(10_000_000, 0);
    pacer.onSent(10_000, 0);
    expect(pacer.available(0)).toBe(0);
    pacer.setRate(20_000_000, 500);
    // 5000 bytes are there, of now 20,000.
    expect(pacer.deadline).toBe(1250);
    pacer.setRate(5_000_000, 500);
    expect(pacer.deadline).toBe(500);
  });

  it('counts two segments of the new size when it changes', () => {
    const pacer = new Pacer(0, MSS);
    pacer.setRate(1_000_000, 0);
    pacer.setMss(9000);
    expect(pacer.quantum).toBe(18_000);
  });
});

describe('Pacer.deadline', () => {
  it('is none while something may leave, also when the rate changes', () => {
    const pacer = new Pacer(0, MSS);
    pacer.setRate(10_000_000, 0);
    expect(pacer.available(0)).toBeGreaterThan(0);
    pacer.setRate(20_000_000, 0);
    expect(pacer.deadline).toBe(Infinity);
  });
});

import { describe, expect, it } from 'vitest';
import { DuplicateDetection } from '../../../../src/ip/ndp/duplicate-detection.ts';
import { RouterSolicitation } from '../../../../src/ip/ndp/router-solicitation.ts';
import { seededRandom } from '../../../../src/time/seeded-random.ts';
import type { SixBytes } from '../../../../src/wire/ndp-options.ts';
import { SECOND } from './fixture.ts';

function begin(transmits: number, delay: number = 0, seed: number = 1): DuplicateDetection {
  return new DuplicateDetection({ random: seededRandom(seed), transmits, interval: SECOND, delay }, 0);
}

/** Lets time pass until it is decided, or for 30 seconds; returns when probes were sent, and when it was decided. */
function run(detection: DuplicateDetection, onSent?: (nonce: SixBytes, now: number) => void): number[] {
  const times: number[] = [];
  while (detection.deadline < 30 * SECOND) {
    const now = detection.deadline;
    const probe = detection.advance(now);
    times.push(now);
    if (probe) onSent?.(detection.nonce, now);
  }
  return times;
}

describe('duplicate address detection', () => {
  it.each([1, 2, 3])('[S-049] RFC 4862 §5.4: %i probes, RetransTimer apart, and as long again: unique', (transmits) => {
    const detection = begin(transmits);
    expect(run(detection)).toEqual(Array.from({ length: transmits + 1 }, (_, i) => i * SECOND));
    expect(detection.verdict).toBe('unique');
  });

  it('[S-049] RFC 4862 §5.4: without probes it is unique at once, whatever the delay', () => {
    const detection = begin(0, SECOND);
    expect(detection.deadline).toBe(0);
    expect(detection.advance(0)).toBe(false);
    expect(detection.verdict).toBe('unique');
  });

  it('[S-049] RFC 4862 §5.4.2: the first waits for a random time', () => {
    const delays = Array.from({ length: 50 }, (_, seed) => begin(1, SECOND, seed + 1).deadline);
    expect(new Set(delays).size).toBe(50);
    expect(Math.min(...delays)).toBeLessThan(0.1 * SECOND);
    expect(Math.max(...delays)).toBeGreaterThan(0.9 * SECOND);
    expect(Math.max(...delays)).toBeLessThan(SECOND);
  });

  it('does nothing before its time', () => {
    const detection = begin(1);
    expect(detection.advance(-1)).toBe(false);
    expect(detection.advance(0)).toBe(true);
    expect(detection.advance(SECOND - 1)).toBe(false);
    expect(detection.verdict).toBeUndefined();
  });

  it('[S-049] RFC 4862 §5.4.4: an advertisement makes it a duplicate, but not when it was decided before', () => {
    const detection = begin(1);
    detection.advance(0);
    detection.onAdvertisement();
    expect([detection.verdict, detection.deadline]).toEqual(['duplicate', Infinity]);
    const late = begin(1);
    run(late);
    late.onAdvertisement();
    expect(late.onProbe(undefined)).toBe(false);
    expect(late.verdict).toBe('unique');
  });

  it('[S-049] RFC 4862 §5.4.3: so does a probe of somebody else, also before the first of ours', () => {
    for (const nonce of [undefined, { high: 1, low: 2 }]) {
      const detection = begin(1);
      expect(detection.onProbe(nonce)).toBe(false);
      expect(detection.verdict).toBe('duplicate');
    }
  });

  it('[S-049] RFC 7527 §4.1: a probe that comes back is none, and three more follow, each with a nonce of its own', () => {
    const detection = begin(1);
    const nonces: SixBytes[] = [];
    const times = run(detection, (nonce) => {
      nonces.push(nonce);
      expect(detection.onProbe({ ...nonce })).toBe(true);
    });
    expect(times).toEqual([0, SECOND, 2 * SECOND, 3 * SECOND, 4 * SECOND]);
    expect(detection.verdict).toBe('unique');
    expect(new Set(nonces.map(({ high, low }) => `${high} ${low}`)).size).toBe(4);
  });

  it('[S-049] RFC 7527 §4.2: half a nonce is not ours', () => {
    const detection = begin(1);
    detection.advance(0);
    detection.onProbe({ high: detection.nonce.high, low: detection.nonce.low ^ 1 });
    expect(detection.verdict).toBe('duplicate');
  });
});

describe('router solicitation', () => {
  it('[S-049] RFC 4861 §6.3.7, RFC 7559 §2: begins within a second, then waits 4 s, 8 s, … up to an hour', () => {
    const solicitation = new RouterSolicitation(seededRandom(3));
    expect(solicitation.advance(1e12)).toBe(false);
    solicitation.start(0);
    expect(solicitation.deadline).toBeGreaterThan(0);
    expect(solicitation.deadline).toBeLessThan(SECOND);
    const gaps: number[] = [];
    for (let i = 0; i < 14; i++) {
      const now = solicitation.deadline;
      expect(solicitation.advance(now - 1)).toBe(false);
      expect(solicitation.advance(now)).toBe(true);
      gaps.push((solicitation.deadline - now) / SECOND);
    }
    let expected = 4;
    for (const gap of gaps) {
      expect(gap).toBeGreaterThan(0.9 * expected);
      expect(gap).toBeLessThan(1.1 * expected);
      expected = Math.min(2 * gap, 3600);
    }
    expect(gaps.at(-1)).toBeGreaterThan(3000);
    expect(new Set(gaps.map((gap, i) => gap / 2 ** i)).size).toBe(14);
    solicitation.stop();
    expect(solicitation.advance(1e15)).toBe(false);
    solicitation.start(1e15);
    expect(solicitation.deadline).toBeLessThan(1e15 + SECOND);
  });

  it('[S-049] RFC 4861 §6.3.7: never more than one in four seconds, however often the link or the last router comes and goes', () => {
    const solicitation = new RouterSolicitation(seededRandom(3));
    const sent: number[] = [];
    for (let now = 0; now < 20 * SECOND; now += SECOND / 10) {
      if (now % SECOND === 0) {
        solicitation.stop();
        if (now % (2 * SECOND) === 0) solicitation.start(now);
        else solicitation.resume(now);
      }
      if (solicitation.advance(now)) sent.push(now);
    }
    expect(sent.length).toBeGreaterThan(3);
    for (const [i, at] of sent.slice(1).entries()) expect(at - sent[i]!).toBeGreaterThanOrEqual(4 * SECOND);
  });

  it('RFC 7559 §2: a question under way is not begun anew when the last router goes', () => {
    const solicitation = new RouterSolicitation(seededRandom(3));
    solicitation.start(0);
    const { deadline } = solicitation;
    solicitation.resume(0);
    expect(solicitation.deadline).toBe(deadline);
  });
});

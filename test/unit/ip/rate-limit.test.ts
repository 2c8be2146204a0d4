import { describe, expect, it } from 'vitest';
import { IcmpRateLimit, TokenBucket } from '../../../src/ip/rate-limit.ts';
import { seededRandom } from '../../../src/time/seeded-random.ts';
import { Address } from '../../../src/wire/address.ts';

const SECOND = 1_000_000;

function burst(limit: IcmpRateLimit, target: Address, now: number): number {
  let sent = 0;
  while (limit.allow(target, now)) sent++;
  return sent;
}

describe('TokenBucket', () => {
  it('gives a burst, then a token an interval, never more than a burst', () => {
    const bucket = new TokenBucket(1000, 3, 0);
    const drain = (now: number): number => {
      let taken = 0;
      for (; bucket.ready(now); taken++) bucket.take();
      return taken;
    };
    expect(drain(0)).toBe(3);
    expect(drain(999)).toBe(0);
    expect(drain(1000)).toBe(1);
    expect(drain(3500)).toBe(2);
    expect(drain(4000)).toBe(1);
    expect(drain(1_000_000)).toBe(3);
  });

  it('does not run backwards with the clock', () => {
    const bucket = new TokenBucket(1000, 1, 5000);
    expect(bucket.ready(4000)).toBe(true);
    bucket.take();
    expect(bucket.ready(4500)).toBe(false);
  });
});

describe('IcmpRateLimit', () => {
  it('[S-040] allows each target a burst of 6, then one a second', () => {
    const limit = new IcmpRateLimit(seededRandom(3), 0);
    const target = Address.parse('10.0.0.1');
    expect(burst(limit, target, 0)).toBe(6);
    expect(burst(limit, target, SECOND - 1)).toBe(0);
    expect(burst(limit, target, SECOND)).toBe(1);
    expect(burst(limit, target, 60 * SECOND)).toBe(6);
  });

  it('[S-040] allows all targets together a burst of 50, then 1000 a second', () => {
    const limit = new IcmpRateLimit(seededRandom(3), 0);
    let now = 0;
    const flood = (): number => {
      let sent = 0;
      for (let i = 0; i < 5000; i++) if (limit.allow(Address.fromIpv4(0x0b00_0000 + i), now)) sent++;
      return sent;
    };
    expect(flood()).toBe(50);
    now += 10_000;
    expect(flood()).toBe(10);
    now += 60 * SECOND;
    expect(flood()).toBe(50);
  });

  it('does not let one noisy target use up the tokens of the others', () => {
    const limit = new IcmpRateLimit(seededRandom(3), 0);
    const noisy = Address.parse('10.0.0.1');
    for (let i = 0; i < 1000; i++) limit.allow(noisy, 0);
    expect(limit.allow(Address.parse('10.0.0.77'), 0)).toBe(true);
  });
});

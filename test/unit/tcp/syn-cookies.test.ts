import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seqDiff } from '../../../src/buffer/seq.ts';
import { COOKIE_MSS, SynCookies, recallOffer, rememberOffer } from '../../../src/tcp/syn-cookies.ts';
import { seededRandom } from '../../../src/time/seeded-random.ts';
import { Address } from '../../../src/wire/address.ts';

const MINUTE = 60_000_000;
const addresses = { local: Address.parse('10.0.0.1'), remote: Address.parse('10.0.0.2') };
const ports = { localPort: 80, remotePort: 5000 };
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });

describe('SynCookies', () => {
  it('remember the largest MSS of their table that is not above the peer’s', () => {
    const cookies = new SynCookies(seededRandom(1));
    const property = fc.property(uint32, fc.integer({ min: 48, max: 65_535 }), fc.nat(2 ** 50), (irs, mss, now) => {
      const cookie = cookies.make(addresses, ports, irs, mss, now);
      expect(cookie).toBe(cookie >>> 0);
      const kept = cookies.check(addresses, ports, irs, cookie, now);
      expect(kept).toBe(COOKIE_MSS.findLast((size) => size <= mss));
    });
    fc.assert(property);
  });

  it('are good for one minute at least and two at most', () => {
    const cookies = new SynCookies(seededRandom(2));
    for (const made of [0, 1, MINUTE - 1, 31 * MINUTE, 32 * MINUTE + 5, 1e9 * MINUTE]) {
      const cookie = cookies.make(addresses, ports, 7, 1460, made);
      const good = (age: number): boolean => cookies.check(addresses, ports, 7, cookie, made + age) === 1460;
      expect([0, MINUTE - 1, MINUTE].map(good)).toEqual([true, true, true]);
      expect([2 * MINUTE, 3 * MINUTE, 32 * MINUTE, 33 * MINUTE].map(good)).toEqual([false, false, false, false]);
    }
  });

  it('are for one handshake of one listener only', () => {
    const cookies = new SynCookies(seededRandom(3));
    const cookie = cookies.make(addresses, ports, 7, 1460, 0);
    const swapped = { local: addresses.remote, remote: addresses.local };
    expect(cookies.check(addresses, ports, 7, cookie, 0)).toBe(1460);
    expect(cookies.check(swapped, ports, 7, cookie, 0)).toBe(0);
    expect(cookies.check({ ...addresses, remote: Address.parse('10.0.0.3') }, ports, 7, cookie, 0)).toBe(0);
    expect(cookies.check(addresses, { ...ports, remotePort: 5001 }, 7, cookie, 0)).toBe(0);
    expect(cookies.check(addresses, { ...ports, localPort: 81 }, 7, cookie, 0)).toBe(0);
    // Nor does the sum make up for another ISN.
    expect(cookies.check(addresses, ports, 8, cookie, 0)).toBe(0);
    expect(cookies.check(addresses, ports, 8, cookie + 1, 0)).toBe(0);
    expect(new SynCookies(seededRandom(4)).check(addresses, ports, 7, cookie, 0)).toBe(0);
  });

  it('cannot be changed: minute, MSS and hash stand and fall together', () => {
    const cookies = new SynCookies(seededRandom(5));
    const now = 20 * MINUTE;
    const cookie = cookies.make(addresses, ports, 7, 1460, now);
    for (let bit = 0; bit < 32; bit++) {
      expect(cookies.check(addresses, ports, 7, (cookie ^ (1 << bit)) >>> 0, now)).toBe(0);
      expect(cookies.check(addresses, ports, 7, (cookie + 2 ** bit) >>> 0, now)).toBe(0);
    }
  });

  it('are expected for two minutes after the last was made', () => {
    const cookies = new SynCookies(seededRandom(6));
    expect(cookies.expected(0)).toBe(false);
    cookies.make(addresses, ports, 7, 1460, 1000);
    cookies.make(addresses, ports, 7, 1460, 5000);
    expect(cookies.expected(5000 + 2 * MINUTE)).toBe(true);
    expect(cookies.expected(5000 + 2 * MINUTE + 1)).toBe(false);
  });
});

describe('an offer in a timestamp', () => {
  it('comes back, and moves the timestamp less than 64 ticks, never ahead', () => {
    const offer = fc.record({
      windowScale: fc.integer({ min: -1, max: 14 }),
      sackPermitted: fc.boolean(),
      ecn: fc.boolean(),
    });
    const property = fc.property(uint32, offer, (value, what) => {
      const marked = rememberOffer(value, what);
      expect(marked).toBe(marked >>> 0);
      expect(recallOffer(marked)).toEqual(what);
      expect(seqDiff(marked, value)).toBeLessThanOrEqual(0);
      expect(seqDiff(marked, value)).toBeGreaterThan(-128);
    });
    fc.assert(property);
  });

  it('[S-063] a shift above 14 counts as 14', () => {
    expect(recallOffer(rememberOffer(1000, { windowScale: 200, sackPermitted: false, ecn: false })).windowScale).toBe(
      14,
    );
  });
});

describe('the ends of what a cookie remembers', () => {
  it('an MSS below the least believed is remembered as that', () => {
    const cookies = new SynCookies(seededRandom(1));
    const cookie = cookies.make(addresses, ports, 7, 20, 0);
    expect(cookies.check(addresses, ports, 7, cookie, 0)).toBe(COOKIE_MSS[0]);
  });

  it('a timestamp goes back by no more than it must', () => {
    const offer = { windowScale: 0, sackPermitted: false, ecn: false };
    expect(rememberOffer(127, offer)).toBe(64);
    expect(rememberOffer(64, { ...offer, windowScale: 1 })).toBe(1);
  });
});

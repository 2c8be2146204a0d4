import { describe, expect, it } from 'vitest';
import { FastOpenCache, FastOpenCookies } from '../../../src/tcp/fast-open.ts';
import { seededRandom } from '../../../src/time/seeded-random.ts';
import { Address } from '../../../src/wire/address.ts';

const HOUR = 3_600_000_000;
const local = Address.parse('10.0.0.1');
const remote = Address.parse('10.0.0.2');
const COOKIE = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

describe('FastOpenCookies', () => {
  it('[S-097] RFC 7413 §4.1.2: eight bytes that authenticate the client’s address', () => {
    const cookies = new FastOpenCookies(seededRandom(1), 0);
    for (const client of [remote, Address.parse('fd00::2')]) {
      const cookie = cookies.cookieFor(client, 5).slice();
      expect(cookie.length).toBe(8);
      expect(cookies.check(client, cookie, 6)).toBe('valid');
      expect(cookies.check(local, cookie, 6)).toBe('invalid');
      for (let bit = 0; bit < 64; bit++) {
        const wrong = cookie.slice();
        wrong[bit >> 3]! ^= 1 << (bit & 7);
        expect(cookies.check(client, wrong, 6)).toBe('invalid');
      }
      for (const length of [0, 4, 7]) expect(cookies.check(client, cookie.slice(0, length), 6)).toBe('invalid');
      expect(new FastOpenCookies(seededRandom(2), 0).check(client, cookie, 6)).toBe('invalid');
    }
  });

  it('[S-097] expire: after the key has changed a cookie is old, after the next change it is none', () => {
    const cookies = new FastOpenCookies(seededRandom(1), 0);
    const cookie = cookies.cookieFor(remote, HOUR / 2).slice();
    expect(cookies.check(remote, cookie, HOUR - 1)).toBe('valid');
    expect(cookies.check(remote, cookie, HOUR)).toBe('old');
    const next = cookies.cookieFor(remote, HOUR).slice();
    expect(next).not.toEqual(cookie);
    expect(cookies.check(remote, cookie, 2 * HOUR - 1)).toBe('old');
    expect(cookies.check(remote, cookie, 2 * HOUR)).toBe('invalid');
    expect(cookies.check(remote, next, 2 * HOUR)).toBe('old');
    // Long idleness ages all keys.
    expect(cookies.check(remote, next, 9 * HOUR)).toBe('invalid');
  });
});

describe('FastOpenCache', () => {
  it('[S-097] RFC 7413 §4.1.3: keeps the last cookie of a server and its MSS, within what Ethernet carries', () => {
    const cache = new FastOpenCache();
    expect(cache.find(local, remote, 80, 0)).toBeUndefined();
    expect(cache.mayAsk(local, remote, 80, 0)).toBe(true);
    const lent = COOKIE.slice();
    cache.learn(local, remote, 80, lent, 1200);
    lent.fill(0);
    expect(cache.find(local, remote, 80, 0)).toMatchObject({ cookie: COOKIE, mss: 1200 });
    cache.learn(local, remote, 80, lent, 65_000);
    expect(cache.find(local, remote, 80, 0)).toMatchObject({ cookie: lent, mss: 1460 });
    const six = Address.parse('fd00::2');
    cache.learn(local, six, 80, COOKIE, 65_000);
    expect(cache.find(local, six, 80, 0)?.mss).toBe(1440);
    // Another port, another address of ours: another path.
    expect(cache.find(local, remote, 81, 0)).toBeUndefined();
    expect(cache.find(six, remote, 80, 0)).toBeUndefined();
  });

  it('[S-097] RFC 7413 §4.1.3.1: rests after a failure, longer after each, until it works again', () => {
    const cache = new FastOpenCache();
    cache.learn(local, remote, 80, COOKIE, 1460);
    let now = 0;
    for (const hours of [1, 2, 4, 8, 16, 32, 64, 64]) {
      cache.failed(local, remote, 80, now);
      expect(cache.find(local, remote, 80, now + hours * HOUR - 1)).toBeUndefined();
      expect(cache.mayAsk(local, remote, 80, now + hours * HOUR - 1)).toBe(false);
      now += hours * HOUR;
      expect(cache.find(local, remote, 80, now)).toBeDefined();
      expect(cache.mayAsk(local, remote, 80, now)).toBe(true);
    }
    cache.succeeded(local, remote, 80);
    cache.failed(local, remote, 80, now);
    expect(cache.find(local, remote, 80, now + HOUR)).toBeDefined();
    // Also of a server that has never given a cookie.
    cache.failed(local, remote, 443, now);
    expect(cache.mayAsk(local, remote, 443, now)).toBe(false);
    expect(cache.find(local, remote, 443, now + HOUR)).toBeUndefined();
  });

  it('[S-097] RFC 7413 §4.1.3.1: after a SYN that was lost for a minute only, longer when that happens again', () => {
    const cache = new FastOpenCache();
    cache.learn(local, remote, 80, COOKIE, 1460);
    const minute = HOUR / 60;
    let now = 0;
    for (const minutes of [1, 2, 4, 8, 16, 32, 64, 64]) {
      cache.failed(local, remote, 80, now, true);
      expect(cache.find(local, remote, 80, now + minutes * minute - 1)).toBeUndefined();
      now += minutes * minute;
      expect(cache.find(local, remote, 80, now)).toBeDefined();
    }
    cache.succeeded(local, remote, 80);
    cache.failed(local, remote, 80, now, true);
    expect(cache.find(local, remote, 80, now + minute)).toBeDefined();
    // A lost SYN does not shorten the rest after what is worse.
    cache.failed(local, remote, 443, now);
    cache.failed(local, remote, 443, now, true);
    expect(cache.mayAsk(local, remote, 443, now + HOUR - 1)).toBe(false);
  });

  it('[S-097] is bounded: the server heard of longest ago gives way', () => {
    const cache = new FastOpenCache();
    for (let port = 1; port <= 256; port++) cache.learn(local, remote, port, COOKIE, 1460);
    cache.learn(local, remote, 1, COOKIE, 1460);
    cache.learn(local, remote, 1000, COOKIE, 1460);
    expect(cache.size).toBe(256);
    expect(cache.find(local, remote, 1, 0)).toBeDefined();
    expect(cache.find(local, remote, 2, 0)).toBeUndefined();
    expect(cache.find(local, remote, 3, 0)).toBeDefined();
  });
});

describe('keys and addresses', () => {
  it('[S-097] a key that made cookies hours ago is no longer believed, though none was asked for meanwhile', () => {
    const cookies = new FastOpenCookies(seededRandom(1), 0);
    const cookie = cookies.cookieFor(remote, 0).slice();
    expect(cookies.check(remote, cookie, 2 * HOUR)).toBe('invalid');
  });

  it('[S-097] after idleness a new key lasts for an hour, too', () => {
    const cookies = new FastOpenCookies(seededRandom(1), 0);
    const cookie = cookies.cookieFor(remote, 5 * HOUR).slice();
    expect(cookies.check(remote, cookie, 6 * HOUR - 1)).toBe('valid');
    expect(cookies.check(remote, cookie, 6 * HOUR)).toBe('old');
  });

  it('[S-097] keys change on the hour, however late that is noticed', () => {
    const cookies = new FastOpenCookies(seededRandom(1), 0);
    const cookie = cookies.cookieFor(remote, 1.5 * HOUR).slice();
    expect(cookies.check(remote, cookie, 2 * HOUR)).toBe('old');
  });

  it('[S-097] a cookie with bytes behind it is another', () => {
    const cookies = new FastOpenCookies(seededRandom(1), 0);
    const cookie = cookies.cookieFor(remote, 0).slice();
    expect(cookies.check(remote, Uint8Array.of(...cookie, 0), 0)).toBe('invalid');
  });

  it.each(['::1:ffff:0:0', '::ffff:0:0:0', '1::ffff:0:0', '::1:0:0:1', '::1:0:ffff:0:1'])(
    '§4.1.3: %s is no IPv4 address',
    (text) => {
      const cache = new FastOpenCache();
      const six = Address.parse(text);
      cache.learn(local, six, 80, COOKIE, 65_000);
      expect(cache.find(local, six, 80, 0)?.mss).toBe(1440);
    },
  );

  it('success with a server that is not remembered any more says nothing', () => {
    const cache = new FastOpenCache();
    cache.succeeded(local, remote, 80);
    expect(cache.size).toBe(0);
    expect(cache.mayAsk(local, remote, 80, 0)).toBe(true);
  });
});

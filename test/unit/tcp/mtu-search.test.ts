import { describe, expect, it } from 'vitest';
import { MtuSearch } from '../../../src/tcp/mtu-search.ts';

const SECOND = 1_000_000;
const HEADERS = 40;
const LINK = 9000;

/** The next size where nothing but the search itself keeps it back. */
function next(search: MtuSearch, now: number = 0): number {
  return search.next(now, 1e6, 1e6, 1e6, 0, HEADERS);
}

/** That size is tried, and gets through. */
function succeed(search: MtuSearch, now: number = 0): number {
  const size = next(search, now);
  search.onSent(0, size, size);
  search.onAcked(size);
  return size;
}

/** That size is tried, and lost. */
function fail(search: MtuSearch, now: number): number {
  const size = next(search, now);
  search.onSent(0, size, size);
  search.onLost(now, 0);
  return size;
}

describe('MtuSearch: a size that had got through before', () => {
  it('is tried first; of several falls in a row the first knows most', () => {
    const search = new MtuSearch();
    search.start(1064, LINK, 1500);
    search.start(576, LINK, 1064);
    expect(next(search)).toBe(1500);
  });

  it('is none when nothing was taken from it', () => {
    const search = new MtuSearch();
    search.start(1064, LINK, 1000);
    search.start(576, LINK, 1064);
    expect(next(search)).toBe(1064);
  });

  it('nothing waits for a window that is smaller than it: an ACK may never make it larger', () => {
    const search = new MtuSearch();
    search.start(1064, LINK, 1500);
    expect(search.next(0, 1e6, 1e6, 1400, 0, HEADERS)).toBe(0);
    expect(search.next(0, 1e6, 1e6, 1460, 0, HEADERS)).toBe(1500);
  });

  it('that gets through again is in doubt no more: the next fall brings another', () => {
    const search = new MtuSearch();
    search.start(1064, LINK, 1500);
    expect(succeed(search)).toBe(1500);
    search.start(576, LINK, 1400);
    expect(next(search)).toBe(1400);
  });

  it('having been in doubt makes the search no slower afterwards: another size that fails is not tried again', () => {
    const search = new MtuSearch();
    search.start(1064, LINK, 1500);
    succeed(search);
    const size = fail(search, 0);
    expect(size).toBeGreaterThan(1500);
    expect(next(search)).toBeLessThan(size);
  });

  it('stays in doubt while link or peer allow less, and is the first again when they don’t', () => {
    const search = new MtuSearch();
    search.start(1064, LINK, 1500);
    search.follow(1400);
    expect(next(search)).toBeLessThanOrEqual(1400);
    succeed(search);
    search.follow(LINK);
    expect(next(search)).toBe(1500);
  });

  it('is forgotten after three losses, also by the search that starts over after ten minutes', () => {
    const search = new MtuSearch();
    search.start(1064, LINK, 1500);
    for (let i = 0; i < 3; i++) expect(fail(search, i * SECOND)).toBe(1500);
    let now = 3 * SECOND;
    while (next(search, now) > 0) fail(search, now);
    now += 601 * SECOND;
    expect(next(search, now)).toBeGreaterThan(1500);
  });
});

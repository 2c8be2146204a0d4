import { describe, expect, it } from 'vitest';
import { AddressLifetimes } from '../../src/ip/ndp/address-lifetimes.ts';
import { regenAdvance, temporaryLifetimes } from '../../src/ip/ndp/temporary.ts';
import type { TemporaryLifetimes } from '../../src/ip/ndp/temporary.ts';
import { Address } from '../../src/wire/address.ts';
import { AddressWorld } from '../unit/ip/ndp/address-world.ts';
import { prefix, SECOND } from '../unit/ip/ndp/fixture.ts';

const DAY = 86_400;
const temporary: TemporaryLifetimes = { valid: 2 * DAY * SECOND, preferred: DAY * SECOND };

function lifetimes(valid: number, preferred: number, fraction: number): number[] | undefined {
  const ofPrefix = new AddressLifetimes();
  ofPrefix.begin(valid, preferred, 0);
  const made = temporaryLifetimes(ofPrefix, temporary, 5 * SECOND, fraction, 0);
  return made && [made.validUntil / SECOND, made.preferredUntil / SECOND];
}

describe('lifetimes of temporary addresses', () => {
  it('[S-049] RFC 8981 §3.4, §3.8: the lower of the prefix and two days, of the prefix and a day less DESYNC_FACTOR', () => {
    expect(lifetimes(30 * DAY, 7 * DAY, 0)).toEqual([2 * DAY, DAY]);
    expect(lifetimes(30 * DAY, 7 * DAY, 0.5)).toEqual([2 * DAY, 0.8 * DAY]);
    expect(lifetimes(30 * DAY, 7 * DAY, 1)).toEqual([2 * DAY, 0.6 * DAY]);
    expect(lifetimes(3600, 600, 0)).toEqual([3600, 600]);
  });

  it('[S-049] RFC 8981 §3.4, 5.: none where it would be deprecated before the next could be made', () => {
    expect(lifetimes(3600, 5, 0)).toBeUndefined();
    expect(lifetimes(3600, 6, 0)).toEqual([3600, 6]);
    expect(lifetimes(3600, 0, 0)).toBeUndefined();
  });

  it('[S-049] RFC 8981 §3.8: REGEN_ADVANCE is 2 s and the time of all retries', () => {
    expect([regenAdvance(1, SECOND), regenAdvance(2, 500_000)]).toEqual([5 * SECOND, 5 * SECOND]);
  });
});

describe('temporary addresses', () => {
  const world = (): AddressWorld => new AddressWorld({ temporary });

  it('[S-049] RFC 8981 §3.4: one beside the stable address of each prefix', () => {
    const one = world();
    one.addresses.prefix(prefix('2001:db8:1::/64'), 0);
    one.addresses.prefix(prefix('2001:db8:2::/64'), 0);
    one.addresses.prefix(prefix('2001:db8:2::/64'), 0);
    one.pass(10);
    expect(one.usable('stable')).toHaveLength(2);
    expect(one.usable('temporary')).toHaveLength(2);
    expect(new Set([...one.usable('temporary'), ...one.usable('stable')]).size).toBe(4);
    expect(new AddressWorld().usable('temporary')).toEqual([]);
  });

  it('[S-049] RFC 8981 §3.5, §3.6: a new one a little before the old one is deprecated; three at once at most', () => {
    const one = world();
    const forever = { validLifetime: 0xffff_ffff, preferredLifetime: 0xffff_ffff };
    one.addresses.prefix(prefix('2001:db8::/64', forever), 0);
    one.pass(5);
    const seen = new Set<string>();
    let most = 0;
    for (let hour = 0; hour < 24 * 30; hour++) {
      one.pass(3600);
      const own = one.addresses.list().filter(({ origin, usable }) => origin === 'temporary' && usable);
      for (const { cidr } of own) seen.add(cidr.toString());
      most = Math.max(most, own.length);
      // There is always one to begin something new with.
      expect(own.filter(({ state }) => state === 'preferred').length).toBeGreaterThan(0);
    }
    // From 0.6 to 1 day each.
    expect(seen.size).toBeGreaterThanOrEqual(30);
    expect(seen.size).toBeLessThanOrEqual(52);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(4);
  });

  it('[S-049] RFC 8981 §3.4, 1.: no advertisement makes it live longer than its own lifetimes', () => {
    const one = world();
    for (let hour = 0; hour < 47; hour++) {
      one.addresses.prefix(prefix('2001:db8::/64'), one.now);
      one.pass(3600);
    }
    const first = one.addresses.list().find(({ origin }) => origin === 'temporary')!;
    expect(first.state).toBe('deprecated');
    one.addresses.prefix(prefix('2001:db8::/64'), one.now);
    one.pass(3600);
    expect(one.addresses.list()).not.toContain(first);
  });

  it('[S-049] RFC 8981 §3.5: a prefix that is deprecated gets no new one; preferred again it does', () => {
    const one = world();
    one.addresses.prefix(prefix('2001:db8::/64'), 0);
    one.pass(10);
    const [first] = one.usable('temporary');
    one.addresses.prefix(prefix('2001:db8::/64', { preferredLifetime: 0 }), one.now);
    one.pass(10);
    expect(one.usable('temporary')).toEqual([first]);
    expect(one.states.filter((text) => text.includes('preferred'))).toEqual([]);
    one.addresses.prefix(prefix('2001:db8::/64'), one.now);
    one.pass(10);
    // The prefix made the old one preferred again: there need be no other.
    expect(one.usable('temporary')).toEqual([first]);
    expect(one.states.filter((text) => text.includes('preferred'))).toHaveLength(2);
  });

  it('[S-049] RFC 8981 §3.4, 7.: after a duplicate another, after the third retry none for this prefix', () => {
    const one = world();
    const probed: string[] = [];
    one.onProbe = (address) => {
      const own = one.addresses.find(Address.parse(address));
      if (own?.origin !== 'temporary') return;
      probed.push(address);
      one.addresses.onAdvertisement(own.cidr.address, one.now);
    };
    one.addresses.prefix(prefix('2001:db8::/64'), 0);
    one.pass(60);
    one.addresses.prefix(prefix('2001:db8::/64'), one.now);
    one.pass(60);
    expect(new Set(probed).size).toBe(4);
    expect(probed).toHaveLength(4);
    expect(one.usable('temporary')).toEqual([]);
    expect(one.usable('stable')).toHaveLength(1);
  });
});

import { describe, expect, it } from 'vitest';
import { AddressLifetimes } from '../../src/ip/ndp/address-lifetimes.ts';
import { Address } from '../../src/wire/address.ts';
import { Cidr } from '../../src/wire/cidr.ts';
import { AddressWorld } from '../unit/ip/ndp/address-world.ts';
import { prefix, SECOND } from '../unit/ip/ndp/fixture.ts';

const HOUR = 3600;
const FOREVER = 0xffff_ffff;

describe('lifetimes of an address', () => {
  /** An address with so many seconds left hears of another valid lifetime; returns how many are left then. */
  const left = (remaining: number, advertised: number): number => {
    const lifetimes = new AddressLifetimes();
    lifetimes.begin(remaining, remaining, 0);
    lifetimes.refresh(advertised, 0, 0);
    return lifetimes.validUntil / SECOND;
  };

  it.each([
    ['1. more than two hours are taken', HOUR, 2 * HOUR + 1, 2 * HOUR + 1],
    ['1. so is for ever', HOUR, FOREVER, Infinity],
    ['1. more than remains is taken', HOUR, HOUR + 1, HOUR + 1],
    ['1. less than two hours but more than remains', 10, 60, 60],
    ['2. with two hours or less remaining nothing shorter is', 2 * HOUR, 10, 2 * HOUR],
    ['2. nor zero', 60, 0, 60],
    ['3. else two hours are left', 2 * HOUR + 1, 10, 2 * HOUR],
    ['3. also of for ever', FOREVER, 0, 2 * HOUR],
  ])('[S-049] RFC 4862 §5.5.3 (e): %s', (_rule, remaining, advertised, expected) => {
    expect(left(remaining, advertised)).toBe(expected);
  });

  it('[S-049] RFC 4862 §5.5.3 (e): the preferred lifetime is always taken', () => {
    const lifetimes = new AddressLifetimes();
    lifetimes.begin(60, 60, 0);
    lifetimes.refresh(10, 5, 0);
    expect([lifetimes.validUntil, lifetimes.preferredUntil]).toEqual([60 * SECOND, 5 * SECOND]);
    lifetimes.refresh(10, 0, SECOND);
    expect(lifetimes.preferredUntil).toBe(SECOND);
  });
});

describe('addresses from prefixes', () => {
  it('[S-049] §5.3, §5.4: the link-local address is tentative until nobody has answered its probe', () => {
    const world = new AddressWorld();
    world.addresses.makeLinkLocal(0);
    world.addresses.makeLinkLocal(0);
    const [own] = world.addresses.list();
    const { address } = own!.cidr;
    expect(world.states).toEqual([`${address}/64 link-local tentative`]);
    expect(Cidr.parse('fe80::/64').contains(address)).toBe(true);
    world.pass(1);
    expect(world.take()).toEqual([`tentative ${address}/64`, `probe ${address}`]);
    world.pass(1);
    expect(world.take()).toEqual([`preferred ${address}/64`]);
    expect(world.addresses.deadline).toBe(Infinity);
  });

  it('[S-049] §5.5.3 (d), §5.5.4: preferred, then deprecated, then gone', () => {
    const world = new AddressWorld();
    expect(
      world.addresses.prefix(prefix('2001:db8::/64', { validLifetime: 100, preferredLifetime: 50 }), 0),
    ).toBeUndefined();
    world.pass(49);
    const [address] = world.usable('stable');
    expect(world.states).toEqual([`${address}/64 stable preferred`]);
    world.take();
    world.pass(1);
    expect(world.take()).toEqual([`deprecated ${address}/64`]);
    world.pass(49);
    expect(world.usable('stable')).toEqual([address]);
    world.pass(1);
    expect(world.take()).toEqual([`removed ${address}/64`]);
    expect(world.states).toEqual([]);
  });

  it('[S-049] §5.5.3 (e): an advertisement renews, deprecates and prefers again', () => {
    const world = new AddressWorld();
    const hear = (validLifetime: number, preferredLifetime: number): void =>
      void world.addresses.prefix(prefix('2001:db8::/64', { validLifetime, preferredLifetime }), world.now);
    hear(100, 50);
    world.pass(40);
    hear(100, 50);
    world.pass(40);
    const [address] = world.usable('stable');
    expect(world.states).toEqual([`${address}/64 stable preferred`]);
    hear(100, 0);
    expect(world.states).toEqual([`${address}/64 stable deprecated`]);
    hear(100, 50);
    expect(world.states).toEqual([`${address}/64 stable preferred`]);
    // Nobody ends it by a forged advertisement.
    hear(0, 0);
    world.pass(99);
    expect(world.states).toEqual([`${address}/64 stable deprecated`]);
    world.pass(1);
    expect(world.states).toEqual([]);
  });

  it('[S-049] §5.5.3 (a) to (d): what is no prefix for addresses', () => {
    const world = new AddressWorld();
    const hear = (text: string, fields: object): string | undefined => world.addresses.prefix(prefix(text, fields), 0);
    expect(hear('2001:db8::/64', { autonomous: false })).toBeUndefined();
    expect(hear('fe80::/64', {})).toBeUndefined();
    expect(hear('2001:db8::/64', { validLifetime: 0, preferredLifetime: 0 })).toBeUndefined();
    expect(hear('2001:db8::/64', { validLifetime: 10, preferredLifetime: 11 })).toBe('ndp-prefix-lifetimes');
    expect(hear('2001:db8::/63', {})).toBe('ndp-prefix-length');
    expect(hear('2001:db8::/65', {})).toBe('ndp-prefix-length');
    expect(world.states).toEqual([]);
  });

  it('[S-049] makes 16 addresses and no more', () => {
    const world = new AddressWorld();
    const drops = Array.from({ length: 20 }, (_, i) => world.addresses.prefix(prefix(`2001:db8:0:${i}::/64`), 0));
    expect(drops.filter((drop) => drop === 'ndp-address-table-full')).toHaveLength(4);
    expect(world.states).toHaveLength(16);
  });

  it('[S-049] §5.4.3: nobody is answered for a tentative address; in use, the asker is told', () => {
    const world = new AddressWorld();
    world.addresses.prefix(prefix('2001:db8::/64'), 0);
    const { address } = world.addresses.list()[0]!.cidr;
    expect(world.addresses.onProbe(Address.parse('2001:db8::77'), undefined, 0)).toBeUndefined();
    let looped = '';
    world.onProbe = (_address, nonce) => (looped += world.addresses.onProbe(address, nonce, world.now));
    world.pass(10);
    expect(looped).toBe('looped'.repeat(4));
    expect(world.addresses.onProbe(address, undefined, world.now)).toBe('ours');
    expect(world.addresses.onAdvertisement(address, world.now)).toBe(false);
    expect(world.states).toEqual([`${address}/64 stable preferred`]);
  });

  it("[S-049] §5.4: the program's own addresses are tried, too, and given up when somebody has them, if they are not used yet", () => {
    const world = new AddressWorld();
    world.addresses.adopt(Cidr.parse('2001:db8::1/64'), false, 0);
    world.addresses.adopt(Cidr.parse('2001:db8::2/64'), false, 0);
    expect(world.states).toEqual(['2001:db8::1/64 manual tentative', '2001:db8::2/64 manual tentative']);
    world.onProbe = (address) => {
      if (address === '2001:db8::2') world.addresses.onAdvertisement(Address.parse(address), world.now);
    };
    world.pass(5);
    expect(world.states).toEqual(['2001:db8::1/64 manual preferred', '2001:db8::2/64 manual duplicate']);
    expect(world.take().toSorted()).toEqual([
      'duplicate 2001:db8::2/64',
      'preferred 2001:db8::1/64',
      'probe 2001:db8::1',
      'probe 2001:db8::2',
    ]);
    world.addresses.release(Address.parse('2001:db8::2'));
    expect(world.states).toHaveLength(1);
  });

  it('[S-049] §5.4: one in use, which is tried meanwhile, is kept whatever others say, and whoever asks is told', () => {
    const world = new AddressWorld();
    const target = Address.parse('2001:db8::1');
    world.addresses.adopt(Cidr.parse('2001:db8::1/64'), true, 0);
    world.onProbe = () => {
      expect(world.addresses.onAdvertisement(target, world.now)).toBe(false);
      expect(world.addresses.onProbe(target, undefined, world.now)).toBe('ours');
      expect(world.addresses.onProbe(target, { high: 1, low: 2 }, world.now)).toBe('ours');
    };
    world.pass(5);
    expect(world.states).toEqual(['2001:db8::1/64 manual preferred']);
    expect(world.take()).toEqual(['probe 2001:db8::1']);
    expect(world.addresses.deadline).toBe(Infinity);
  });

  it('[S-049] §5.4: after an outage all are tried again: what is in use stays so, what was being tried begins anew', () => {
    const world = new AddressWorld();
    world.addresses.adopt(Cidr.parse('2001:db8::1/64'), true, 0);
    world.pass(5);
    world.addresses.prefix(prefix('2001:db8:1::/64'), world.now);
    const made = world.addresses.list()[1]!.cidr;
    // Its probe was sent, nobody can have answered.
    world.pass(1);
    world.take();
    world.now += 100 * SECOND;
    world.addresses.tryAgain(world.now);
    expect(world.states).toEqual(['2001:db8::1/64 manual preferred', `${made} stable tentative`]);
    world.addresses.advance(world.now);
    expect(world.take()).toEqual([]);
    world.pass(5);
    expect(world.take().toSorted()).toEqual(
      [`preferred ${made}`, 'probe 2001:db8::1', `probe ${made.address}`, 'returned 2001:db8::1/64'].toSorted(),
    );
    expect(world.addresses.list().map(({ detection }) => detection)).toEqual([undefined, undefined]);
  });

  it('[S-049] §5.4: tried again, those in use are given up only where the program wants it so', () => {
    for (const strict of [false, true]) {
      const world = new AddressWorld({ strict });
      world.addresses.adopt(Cidr.parse('2001:db8::1/64'), false, 0);
      world.pass(5);
      world.addresses.tryAgain(world.now);
      expect(world.states).toEqual(['2001:db8::1/64 manual preferred']);
      expect(world.addresses.onAdvertisement(Address.parse('2001:db8::1'), world.now)).toBe(strict);
      expect(world.states).toEqual([`2001:db8::1/64 manual ${strict ? 'duplicate' : 'preferred'}`]);
      // One that was lost is not taken again by itself.
      world.addresses.tryAgain(world.now);
      world.pass(5);
      expect(world.usable('manual')).toHaveLength(strict ? 0 : 1);
    }
  });

  it('[S-049] §5.3: what was somebody else’s on the link before is made again on this one', () => {
    const world = new AddressWorld({ identifiers: undefined });
    world.onProbe = (address) => world.addresses.onAdvertisement(Address.parse(address), world.now);
    world.addresses.makeLinkLocal(0);
    world.pass(5);
    expect(world.states).toEqual([expect.stringMatching(/link-local duplicate$/)]);
    world.onProbe = undefined;
    world.addresses.tryAgain(world.now);
    world.addresses.makeLinkLocal(world.now);
    world.pass(5);
    expect(world.states).toEqual([expect.stringMatching(/link-local preferred$/)]);
  });

  it('[S-049] §5.4.5: a duplicate that was made of the hardware address is not tried otherwise', () => {
    const world = new AddressWorld({ identifiers: undefined });
    world.onProbe = (address) => world.addresses.onAdvertisement(Address.parse(address), world.now);
    world.addresses.makeLinkLocal(0);
    world.pass(10);
    expect(world.states).toEqual(['fe80::11:22ff:fe33:4455/64 link-local duplicate']);
  });
});

import { describe, expect, it } from 'vitest';
import { eui64Address, isReservedIdentifier, StableIdentifiers } from '../../src/ip/ndp/interface-identifier.ts';
import { seededRandom } from '../../src/time/seeded-random.ts';
import { Address } from '../../src/wire/address.ts';
import { Cidr } from '../../src/wire/cidr.ts';
import { AddressWorld, MAC, SECRET } from '../unit/ip/ndp/address-world.ts';
import { prefix } from '../unit/ip/ndp/fixture.ts';

const NETWORK = Cidr.parse('2001:db8:1::/64');

describe('stable opaque interface identifiers', () => {
  it('[S-049] RFC 7217 §5: are the same for the same prefix, interface, counter and key, and differ with each of them', () => {
    const identifiers = new StableIdentifiers(SECRET);
    const again = new StableIdentifiers(SECRET.slice());
    const address = identifiers.address(NETWORK, MAC, 0);
    expect(again.address(NETWORK, MAC, 0).equals(address)).toBe(true);
    const other = SECRET.slice();
    other[15]! ^= 1;
    const all = [
      address,
      identifiers.address(Cidr.parse('2001:db8:2::/64'), MAC, 0),
      identifiers.address(Cidr.parse('fe80::/64'), MAC, 0),
      identifiers.address(NETWORK, { high: MAC.high ^ 1, low: MAC.low }, 0),
      identifiers.address(NETWORK, { high: MAC.high, low: MAC.low ^ 1 }, 0),
      identifiers.address(NETWORK, MAC, 1),
      new StableIdentifiers(other).address(NETWORK, MAC, 0),
    ];
    expect(new Set(all.map(({ c, d }) => `${c} ${d}`)).size).toBe(all.length);
    for (const { d, c } of all) expect([c, d]).not.toContain(0);
    expect(NETWORK.contains(address)).toBe(true);
  });

  it('[S-049] RFC 7217 §5: use all 64 bits', () => {
    const random = seededRandom(7);
    let [ones, zeros] = [
      [0, 0],
      [0, 0],
    ];
    const identifiers = new StableIdentifiers(SECRET);
    for (let n = 0; n < 100; n++) {
      const { c, d } = identifiers.address(NETWORK, { high: random.uint32() & 0xffff, low: random.uint32() | 0 }, 0);
      ones = [ones[0]! | c, ones[1]! | d];
      zeros = [zeros[0]! | ~c, zeros[1]! | ~d];
    }
    expect([...ones, ...zeros]).toEqual([-1, -1, -1, -1]);
  });

  it('[S-049] RFC 7217 §6: after a duplicate the next counter, a second later; after the third retry none', () => {
    const world = new AddressWorld();
    const identifiers = new StableIdentifiers(SECRET);
    world.onProbe = (address) => {
      const before = world.now;
      world.addresses.onAdvertisement(Address.parse(address), before);
    };
    world.addresses.prefix(prefix('2001:db8:1::/64'), 0);
    const tried = [0, 1, 2, 3].map((counter) => identifiers.address(NETWORK, MAC, counter).toString());
    world.pass(30);
    expect(world.take()).toEqual(
      tried.flatMap((address) => [`tentative ${address}/64`, `probe ${address}`, `duplicate ${address}/64`]),
    );
    expect(world.usable('stable')).toEqual([]);
    // The prefix is advertised again and again: nothing more comes of it.
    world.addresses.prefix(prefix('2001:db8:1::/64'), world.now);
    world.pass(30);
    expect(world.take()).toEqual([]);
  });

  it('[S-049] RFC 7217 §6: the second that worked is kept', () => {
    const world = new AddressWorld();
    const second = new StableIdentifiers(SECRET).address(NETWORK, MAC, 1);
    world.onProbe = (address) => {
      if (address !== second.toString()) world.addresses.onProbe(Address.parse(address), undefined, world.now);
    };
    world.addresses.prefix(prefix('2001:db8:1::/64'), 0);
    world.pass(10);
    expect(world.states).toEqual([`${second}/64 stable preferred`]);
  });

  it.each([
    ['::', true],
    ['2001:db8::', true],
    ['2001:db8::1', false],
    ['2001:db8::200:5eff:fe00:0', true],
    ['2001:db8::200:5eff:fe00:5212', true],
    ['2001:db8::200:5eff:fe00:5213', false],
    ['2001:db8::200:5eff:fe01:0', false],
    ['2001:db8::fdff:ffff:ffff:ff80', true],
    ['2001:db8::fdff:ffff:ffff:ffff', true],
    ['2001:db8::fdff:ffff:ffff:ff7f', false],
    ['2001:db8::fdff:fffe:ffff:ffff', false],
  ])('[S-049] RFC 7217 §5, RFC 5453: the identifier of %s is reserved: %s', (text, reserved) => {
    expect(isReservedIdentifier(Address.parse(text))).toBe(reserved);
  });

  it('RFC 4291 appendix A: EUI-64 identifiers, for those who want them', () => {
    const mac = { high: 0x0211, low: 0xaabbccdd | 0 };
    expect(eui64Address(Cidr.parse('fe80::/64'), mac).toString()).toBe('fe80::11:aaff:febb:ccdd');
    expect(eui64Address(NETWORK, { high: 0x3456, low: 0x789abcde }).toString()).toBe(
      '2001:db8:1:0:3656:78ff:fe9a:bcde',
    );
  });
});

import { describe, expect, it } from 'vitest';
import { AdvertisedDns } from '../../../../src/ip/ndp/dns.ts';
import { AdvertisedRoutes } from '../../../../src/ip/ndp/advertised-routes.ts';
import { KnownRouters, Standing } from '../../../../src/ip/ndp/known-routers.ts';
import type { KnownRouter } from '../../../../src/ip/ndp/known-routers.ts';
import { LearntTable, lifetimeEnd } from '../../../../src/ip/ndp/lifetimes.ts';
import { RouterParameters } from '../../../../src/ip/ndp/router-parameters.ts';
import { Address } from '../../../../src/wire/address.ts';
import type { NdpOption } from '../../../../src/wire/ndp-options.ts';
import { advertisement, prefix, SECOND } from './fixture.ts';

const address = (text: string): Address => Address.parse(text);
const FOREVER = 0xffff_ffff;

const router = (text: string, standing: number = Standing.HEARD): KnownRouter =>
  new KnownRouters().add(address(text), standing);
const [ONE, TWO] = [router('fe80::1'), router('fe80::2')];

describe('what is learnt for a time', () => {
  interface Named {
    name: string;
    note: string;
  }
  const named = (limit: number): LearntTable<Named> =>
    new LearntTable(
      limit,
      (one, other) => one.name === other.name,
      (one, other) => one.note === other.note,
    );

  it('lives until its end, which the next advertisement moves', () => {
    const table = named(4);
    expect(table.put({ name: 'a', note: 'one' }, 10, 0, ONE)).toBe('added');
    expect(table.put({ name: 'b', note: 'two' }, 30, 0, ONE)).toBe('added');
    expect(table.deadline).toBe(10);
    expect(table.put({ name: 'a', note: 'one' }, 40, 5, ONE)).toBe('kept');
    expect(table.put({ name: 'a', note: 'one again' }, 40, 5, ONE)).toBe('changed');
    expect(table.deadline).toBe(30);
    expect(table.expire(29)).toBe(false);
    expect(table.expire(30)).toBe(true);
    expect(table.list()).toEqual([{ value: { name: 'a', note: 'one again' }, until: 40, source: ONE }]);
    expect(table.put({ name: 'a', note: 'one' }, 5, 5, ONE)).toBe('removed');
    expect(table.put({ name: 'a', note: 'one' }, 5, 5, ONE)).toBe('kept');
    expect(table.deadline).toBe(Infinity);
  });

  it('has a bound, beyond which whoever fills it gets nothing new in', () => {
    const table = named(2);
    for (const name of ['a', 'b']) table.put({ name, note: '' }, 10, 0, ONE);
    expect(table.put({ name: 'c', note: '' }, 10, 0, ONE)).toBe('full');
    expect(table.put({ name: 'a', note: 'again' }, 20, 0, ONE)).toBe('changed');
    expect(table.list().map(({ value }) => value.name)).toEqual(['a', 'b']);
  });

  it('belongs to the one of whom most is known among those that say so', () => {
    const table = named(2);
    const known = router('fe80::4', Standing.REACHABLE);
    for (const source of [ONE, known, TWO]) table.put({ name: 'a', note: '' }, 10, 0, source);
    expect(table.list()[0]!.source).toBe(known);
  });

  it('RFC 4861 §4.6.2: never ends with a lifetime of all ones', () => {
    expect([lifetimeEnd(2, 5), lifetimeEnd(0, 5), lifetimeEnd(FOREVER, 5)]).toEqual([2_000_005, 5, Infinity]);
  });
});

describe('advertised routes', () => {
  const texts = (routes: AdvertisedRoutes): string[] =>
    routes
      .list()
      .map(({ prefix: network, router: via, preference }) => `${network} ${via?.address ?? 'on link'} ${preference}`);

  it('[S-049] RFC 4861 §6.3.4: a default router lives as long as it says, 0 ends it at once', () => {
    const routes = new AdvertisedRoutes();
    routes.router(ONE, 'medium', 30, 0);
    routes.router(TWO, 'low', 20, 0);
    expect(texts(routes)).toEqual(['::/0 fe80::1 medium', '::/0 fe80::2 low']);
    expect(routes.deadline).toBe(20 * SECOND);
    routes.router(TWO, 'high', 40, 10 * SECOND);
    expect(texts(routes)).toEqual(['::/0 fe80::1 medium', '::/0 fe80::2 high']);
    routes.expire(30 * SECOND);
    expect(texts(routes)).toEqual(['::/0 fe80::2 high']);
    routes.router(TWO, 'high', 0, 31 * SECOND);
    expect(texts(routes)).toEqual([]);
  });

  it('[S-049] RFC 4861 §6.3.4, RFC 5942: a prefix is on the link when L says so; without L nothing is said', () => {
    const routes = new AdvertisedRoutes();
    routes.prefix(prefix('2001:db8:1::/64', { validLifetime: 100 }), ONE, 0);
    routes.prefix(prefix('2001:db8:2::/64', { onLink: false }), ONE, 0);
    routes.prefix(prefix('fe80::/64'), ONE, 0);
    routes.prefix(prefix('2001:db8:3::/48', { validLifetime: FOREVER }), ONE, 0);
    expect(texts(routes)).toEqual(['2001:db8:1::/64 on link medium', '2001:db8:3::/48 on link medium']);
    // L = 0 takes nothing back, a lifetime of 0 does.
    routes.prefix(prefix('2001:db8:1::/64', { onLink: false, validLifetime: 0 }), ONE, SECOND);
    expect(texts(routes)).toHaveLength(2);
    routes.prefix(prefix('2001:db8:1::/64', { validLifetime: 0 }), ONE, SECOND);
    expect(texts(routes)).toEqual(['2001:db8:3::/48 on link medium']);
    expect(routes.deadline).toBe(Infinity);
  });

  it('[S-049] RFC 4191 §3.1: a network behind a router, by prefix and router; one to everywhere overrides the header', () => {
    const routes = new AdvertisedRoutes();
    const route = (
      text: string,
      preference: 'high' | 'medium' | 'low',
      lifetime: number,
    ): NdpOption & { name: 'routeInformation' } => {
      const [network, length] = text.split('/');
      return {
        name: 'routeInformation',
        prefix: address(network!),
        prefixLength: Number(length),
        preference,
        lifetime,
      };
    };
    routes.router(ONE, 'medium', 100, 0);
    routes.route(route('::/0', 'low', 200), ONE, 0);
    routes.route(route('2001:db8::/32', 'high', 50), ONE, 0);
    routes.route(route('2001:db8::/32', 'low', 60), TWO, 0);
    expect(texts(routes)).toEqual(['2001:db8::/32 fe80::1 high', '2001:db8::/32 fe80::2 low', '::/0 fe80::1 low']);
    routes.expire(150 * SECOND);
    expect(texts(routes)).toEqual(['::/0 fe80::1 low']);
    routes.route(route('2001:db8::/32', 'low', 60), TWO, 0);
    routes.route(route('2001:db8::/32', 'low', 0), TWO, 0);
    routes.forget(ONE.address);
    expect(texts(routes)).toEqual([]);
  });

  it('[S-049] has room for 8 routers, 32 prefixes and 32 routes', () => {
    const routes = new AdvertisedRoutes();
    const drops = new Map<string, number>();
    const note = (drop: string | undefined): void => {
      if (drop !== undefined) drops.set(drop, (drops.get(drop) ?? 0) + 1);
    };
    for (let i = 1; i <= 40; i++) {
      note(routes.router(router(`fe80::${i}`, Standing.REACHABLE), 'medium', 100, 0));
      note(routes.prefix(prefix(`2001:db8:${i}::/64`), ONE, 0));
      const network = address(`2001:db9:${i}::`);
      note(
        routes.route(
          { name: 'routeInformation', prefix: network, prefixLength: 48, preference: 'low', lifetime: 9 },
          ONE,
          0,
        ),
      );
    }
    expect(routes.list()).toHaveLength(72);
    expect(Object.fromEntries(drops)).toEqual({
      'ndp-router-table-full': 32,
      'ndp-prefix-table-full': 8,
      'ndp-route-table-full': 8,
    });
  });
});

describe('what routers say of the link', () => {
  it('[S-049] RFC 4861 §6.3.4: the last word counts, 0 is none', () => {
    const parameters = new RouterParameters();
    expect(parameters.update(advertisement({ hopLimit: 32, reachableTime: 5000, retransTimer: 2000 }), 1500)).toEqual(
      [],
    );
    expect(parameters.update(advertisement({ options: [{ name: 'mtu', mtu: 1400 }] }), 1500)).toEqual([]);
    expect(parameters).toMatchObject({ hopLimit: 32, reachableTime: 5000, retransTimer: 2000, mtu: 1400 });
  });

  it('[S-049] RFC 4861 §6.2.1, §6.3.4: what makes no sense is left out', () => {
    const parameters = new RouterParameters();
    const options: NdpOption[] = [1279, 1501].map((mtu) => ({ name: 'mtu', mtu }));
    const ignored = parameters.update(advertisement({ reachableTime: 3_600_001, retransTimer: 60_001, options }), 1500);
    expect(ignored).toEqual([
      'ndp-reachable-time-ignored',
      'ndp-retrans-timer-ignored',
      'ndp-mtu-ignored',
      'ndp-mtu-ignored',
    ]);
    parameters.update(advertisement({ retransTimer: 1, options: [{ name: 'mtu', mtu: 1280 }] }), 1500);
    // Not more than ten questions a second, as Linux.
    expect(parameters).toMatchObject({ retransTimer: 100, mtu: 1280, reachableTime: undefined });
  });
});

describe('what routers say of name resolution', () => {
  const rdnss = (lifetime: number, ...servers: string[]): NdpOption => ({
    name: 'rdnss',
    lifetime,
    servers: servers.map((text) => address(text)),
  });
  const dnssl = (lifetime: number, ...domains: string[]): NdpOption => ({ name: 'dnssl', lifetime, domains });
  const shown = ({ configuration: { servers, searchDomains } }: AdvertisedDns): string[] => [
    ...servers.map((server) => server.toString()),
    ...searchDomains,
  ];

  it('[S-049] RFC 8106 §5.3.1, §6: servers and domains live as long as they say', () => {
    const dns = new AdvertisedDns('eth0');
    expect(dns.update([rdnss(60, '2001:db8::53', 'fe80::1'), dnssl(30, 'example.com', 'lan')], ONE, 0)).toBe(0);
    expect(shown(dns)).toEqual(['2001:db8::53', 'fe80::1%eth0', 'example.com', 'lan']);
    expect([dns.changed, dns.deadline]).toEqual([true, 30 * SECOND]);
    dns.changed = false;
    dns.update([rdnss(60, '2001:db8::53'), dnssl(100, 'LAN')], ONE, 10 * SECOND);
    expect(dns.changed).toBe(false);
    dns.expire(60 * SECOND);
    expect([dns.changed, ...shown(dns)]).toEqual([true, '2001:db8::53', 'LAN']);
    dns.update([rdnss(0, '2001:db8::53')], ONE, 61 * SECOND);
    expect(shown(dns)).toEqual(['LAN']);
    dns.clear();
    expect(shown(dns)).toEqual([]);
  });

  it('[S-049] RFC 8106 §5.3.1: keeps 16 of each, and unicast addresses only', () => {
    const dns = new AdvertisedDns('eth0');
    expect(dns.update([rdnss(60, 'ff02::1', '::', '::1', '2001:db8::1')], ONE, 0)).toBe(3);
    const many = Array.from({ length: 20 }, (_, i) => `2001:db8::${i + 1}`);
    expect(dns.update([rdnss(60, ...many), dnssl(60, ...many.map((_, i) => `d${i}`))], ONE, 0)).toBe(8);
    expect(dns.configuration.servers).toHaveLength(16);
    expect(dns.configuration.searchDomains).toHaveLength(16);
  });
});

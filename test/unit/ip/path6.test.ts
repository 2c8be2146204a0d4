import { describe, expect, it } from 'vitest';
import { TransmitQueue } from '../../../src/buffer/transmit-queue.ts';
import { selectSource } from '../../../src/ip/source-address.ts';
import { Cidr } from '../../../src/wire/cidr.ts';
import { IpPath } from '../../../src/ip/path.ts';
import { address, LOCAL } from './fixture.ts';
import { FAR6, Ip6Bench, LOCAL6, LOCAL_LINK, PEER6, PEER_LINK } from './fixture6.ts';

/** The ends and the interface of a path, or why there is none. */
function way(bench: Ip6Bench, local: string | undefined, remote: string, iface?: number): string {
  const path = bench.ip.path(local === undefined ? undefined : address(local), address(remote), iface);
  if (!(path instanceof IpPath)) return path;
  return `${path.local} → ${path.remote} by ${path.interface.name}`;
}

function withEth1(): Ip6Bench {
  const bench = new Ip6Bench();
  bench.ip.addInterface({ name: 'eth1', queue: new TransmitQueue(), addresses: ['fd01::2/64', 'fe80::3/64'] });
  return bench;
}

describe('paths over IPv6', () => {
  it.each([
    [undefined, PEER6, `${LOCAL6} → ${PEER6} by eth0`],
    [undefined, FAR6, `${LOCAL6} → ${FAR6} by eth0`],
    ['::', FAR6, `${LOCAL6} → ${FAR6} by eth0`],
    [LOCAL6, FAR6, `${LOCAL6} → ${FAR6} by eth0`],
    [undefined, '::1', '::1 → ::1 by lo'],
    [undefined, '::', '::1 → ::1 by lo'],
    [LOCAL6, '::', `${LOCAL6} → ::1 by lo`],
    [undefined, LOCAL6, `${LOCAL6} → ${LOCAL6} by lo`],
    ['::1', FAR6, 'EINVAL'],
    ['fd00::99', FAR6, 'EADDRNOTAVAIL'],
    [LOCAL, FAR6, 'EAFNOSUPPORT'],
    [LOCAL6, '10.0.0.1', 'EAFNOSUPPORT'],
    [undefined, 'fd01::7', 'fd01::2 → fd01::7 by eth1'],
    [LOCAL6, 'fd01::7', `${LOCAL6} → fd01::7 by eth1`],
  ])('from %s to %s: %s', (local, remote, expected) => {
    expect(way(withEth1(), local, remote)).toBe(expected);
  });

  it('have the header of IPv6 in front', () => {
    const path = new Ip6Bench().ip.path(undefined, address(FAR6)) as IpPath;
    expect([path.headerLength, path.mtu, path.linkMtu]).toEqual([40, 1500, 1500]);
  });

  it.each([
    [undefined, PEER_LINK, 'EINVAL'],
    [undefined, `${PEER_LINK}%eth9`, 'EINVAL'],
    [undefined, `${PEER_LINK}%eth0`, `${LOCAL_LINK}%eth0 → ${PEER_LINK}%eth0 by eth0`],
    [undefined, `${PEER_LINK}%2`, `${LOCAL_LINK}%eth0 → ${PEER_LINK}%2 by eth0`],
    [undefined, `${PEER_LINK}%eth1`, `fe80::3%eth1 → ${PEER_LINK}%eth1 by eth1`],
    [`${LOCAL_LINK}%eth0`, PEER_LINK, `${LOCAL_LINK}%eth0 → ${PEER_LINK}%eth0 by eth0`],
    [`${LOCAL_LINK}%eth0`, `${PEER_LINK}%eth1`, 'EINVAL'],
    [LOCAL_LINK, `${PEER_LINK}%eth0`, 'EINVAL'],
    [`${LOCAL_LINK}%eth0`, FAR6, `${LOCAL_LINK}%eth0 → ${FAR6} by eth0`],
    [undefined, `${LOCAL_LINK}%eth0`, `${LOCAL_LINK}%eth0 → ${LOCAL_LINK}%eth0 by lo`],
    [undefined, `${FAR6}%eth9`, `${LOCAL6} → ${FAR6}%eth9 by eth0`],
  ])('a link-local address is on the link of its zone: from %s to %s: %s', (local, remote, expected) => {
    expect(way(withEth1(), local, remote)).toBe(expected);
  });

  it.each([
    ['ff02::fb', undefined, `${LOCAL_LINK}%eth0 → ff02::fb by eth0`],
    ['ff05::fb', undefined, `${LOCAL6} → ff05::fb by eth0`],
    ['ff02::fb%eth1', undefined, 'fe80::3%eth1 → ff02::fb%eth1 by eth1'],
    ['ff02::fb%eth9', undefined, 'EINVAL'],
    ['ff02::fb%lo', undefined, '::1 → ff02::fb%lo by lo'],
    ['ff02::fb', 3, 'fe80::3%eth1 → ff02::fb by eth1'],
    ['ff02::fb%eth0', 3, `${LOCAL_LINK}%eth0 → ff02::fb%eth0 by eth0`],
    ['ff01::fb', undefined, '::1 → ff01::fb by lo'],
  ])('a group %s with interface %s: %s', (group, iface, expected) => {
    expect(way(withEth1(), undefined, group, iface)).toBe(expected);
  });

  it('a group of a stack that has nothing but lo is there', () => {
    const bench = new Ip6Bench();
    bench.ip.removeInterface(bench.eth0);
    expect(way(bench, undefined, 'ff02::fb')).toBe('::1 → ff02::fb by lo');
  });

  it('[S-046] end when the MTU falls below 1280, and come back with it', () => {
    const bench = new Ip6Bench();
    const path = bench.ip.path(undefined, address(FAR6)) as IpPath;
    const pinned = bench.ip.path(undefined, address(`${PEER_LINK}%eth0`)) as IpPath;
    bench.eth0.update({ mtu: 1279 });
    expect([path.refresh(), pinned.refresh(), way(bench, undefined, FAR6)]).toEqual([
      'ENETUNREACH',
      'ENETUNREACH',
      'ENETUNREACH',
    ]);
    expect(way(bench, undefined, `${PEER_LINK}%eth0`)).toBe('ENETUNREACH');
    // IPv4 goes on.
    expect(bench.ip.path(undefined, address('10.0.0.1'))).toBeInstanceOf(IpPath);
    bench.eth0.update({ mtu: 1280 });
    expect([path.refresh(), pinned.refresh()]).toEqual([undefined, undefined]);
  });

  it('[S-053] RFC 8201 §4: learn no MTU below 1280', () => {
    const path = new Ip6Bench().ip.path(undefined, address(FAR6)) as IpPath;
    path.limitMtu(1300);
    expect(path.mtu).toBe(1300);
    path.limitMtu(600);
    expect(path.mtu).toBe(1280);
  });
});

describe('interfaces and IPv6', () => {
  it.each(['::/64', '::1/128', 'ff02::1/64', '::ffff:10.0.0.3/128', 'fe80::9%eth0/64'])('refuse %s', (cidr) => {
    expect(() => new Ip6Bench().eth0.addAddress(cidr)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
    );
  });

  it('[S-046] refuse an address on a link whose MTU is below 1280', () => {
    const bench = new Ip6Bench();
    const add = (mtu: number): void =>
      void bench.ip.addInterface({ name: `eth${mtu}`, queue: new TransmitQueue(), mtu, addresses: ['fd09::1/64'] });
    expect(() => add(1279)).toThrow('fd09::1/64: IPv6 needs an MTU of 1280 at least, eth1279 has 1279');
    add(1280);
  });

  it('find the gateway by its zone', () => {
    const bench = withEth1();
    bench.ip.routes.add('2001:db8:1::/48', { via: 'fe80::99%eth1' });
    expect(way(bench, undefined, '2001:db8:1::7')).toBe('fd01::2 → 2001:db8:1::7 by eth1');
    expect(() => bench.ip.routes.add('2001:db8:2::/48', { via: 'fe80::99%eth9' })).toThrow(/no interface eth9/);
  });
});

describe('source address selection', () => {
  const select = (destination: string, ...candidates: string[]): string =>
    String(
      selectSource(
        candidates.map((text) => Cidr.parse(text)),
        address(destination),
      ),
    );

  it.each([
    // RFC 6724 §10.1, as far as rules 2 and 8 decide.
    ['2001:db8:1::1', ['2001:db8:3::1/64', 'fe80::1/64'], '2001:db8:3::1'],
    ['fe80::1', ['2001:db8:3::1/64', 'fe80::2/64'], 'fe80::2'],
    ['ff05::1', ['2001:db8:3::1/64', 'fe80::1/64'], '2001:db8:3::1'],
    ['ff02::1', ['2001:db8:3::1/64', 'fe80::1/64'], 'fe80::1'],
    ['2001:db8:1::1', ['2001:db8:1::2/64', '2001:db8:3::2/64'], '2001:db8:1::2'],
    ['2001:db8:3::1', ['2001:db8:1::2/64', '2001:db8:3::2/64'], '2001:db8:3::2'],
    // Beyond the source's own prefix nothing counts: the first of equals.
    ['2001:db8:1::8', ['2001:db8:1::1/64', '2001:db8:1::9/64'], '2001:db8:1::1'],
    ['2001:db8::1', ['10.0.0.1/24'], 'undefined'],
    ['2001:db8::1', ['fe80::1/64'], 'fe80::1'],
  ])('[S-048] RFC 6724 §5: towards %s of %j: %s', (destination, candidates, expected) => {
    expect(select(destination, ...candidates)).toBe(expected);
    const last = candidates.length > 1 && destination !== '2001:db8:1::8';
    if (last) expect(select(destination, ...candidates.toReversed())).toBe(expected);
  });

  it('an interface with a link-local address alone borrows a global one', () => {
    const bench = new Ip6Bench();
    bench.ip.addInterface({ name: 'eth1', queue: new TransmitQueue(), addresses: ['fe80::3/64'] });
    bench.ip.routes.add('2001:db8:1::/48', { interface: 'eth1' });
    expect(way(bench, undefined, '2001:db8:1::7')).toBe(`${LOCAL6} → 2001:db8:1::7 by eth1`);
  });
});

import { describe, expect, it } from 'vitest';
import { Counters } from '../../../src/buffer/counters.ts';
import { PathMtuCache } from '../../../src/ip/path-mtu-cache.ts';
import { VirtualClock } from '../../../src/time/virtual-clock.ts';
import { Address } from '../../../src/wire/address.ts';
import { address, FAR, IpBench, PEER } from './fixture.ts';

const TEN_MINUTES = 600_000_000;

function cache(): { clock: VirtualClock; counters: Counters; mtus: PathMtuCache } {
  const clock = new VirtualClock();
  const counters = new Counters();
  return { clock, counters, mtus: new PathMtuCache(clock, counters) };
}

describe('PathMtuCache', () => {
  it('[S-052] keeps the least that was said of a destination for ten minutes', () => {
    const { clock, mtus } = cache();
    mtus.limit(address(FAR), 1400);
    mtus.limit(address(FAR), 1450);
    expect(mtus.find(address(FAR))!.mtu).toBe(1400);
    expect(mtus.find(address(PEER))).toBeUndefined();
    clock.advance(TEN_MINUTES / 2);
    mtus.limit(address(FAR), 1300);
    clock.advance(TEN_MINUTES - 1);
    expect(mtus.find(address(FAR))!.mtu).toBe(1300);
    clock.advance(1);
    expect(mtus.find(address(FAR))).toBeUndefined();
    expect(mtus.size).toBe(0);
  });

  it('[S-052] [S-053] believes nothing below 552 bytes, or 1,280 for IPv6', () => {
    const { mtus } = cache();
    mtus.limit(address(FAR), 68);
    mtus.limit(Address.parse('2001:db8::1'), 600);
    expect(mtus.find(address(FAR))!.mtu).toBe(552);
    expect(mtus.find(Address.parse('2001:db8::1'))!.mtu).toBe(1280);
  });

  it('is bounded: what was learnt longest ago goes, and is counted', () => {
    const { mtus, counters } = cache();
    for (let i = 0; i < 1024; i++) mtus.limit(Address.fromIpv4(i), 1400);
    // Learnt anew: no longer the oldest.
    mtus.limit(Address.fromIpv4(0), 1300);
    mtus.limit(Address.fromIpv4(5000), 1400);
    expect(mtus.size).toBe(1024);
    expect(mtus.find(Address.fromIpv4(1))).toBeUndefined();
    expect(mtus.find(Address.fromIpv4(0))!.mtu).toBe(1300);
    expect(counters.get('ip-path-mtu-evicted')).toBe(1);
  });
});

describe('IpPath', () => {
  it('[S-025] [S-052] has the MTU of interface and path, for everybody who goes there', () => {
    const bench = new IpBench();
    const pathTo = (remote: string) => {
      const path = bench.ip.path(undefined, address(remote));
      if (typeof path === 'string') throw new Error(path);
      return path;
    };
    const old = pathTo(FAR);
    const other = pathTo(PEER);
    expect([old.mtu, old.linkMtu]).toEqual([1500, 1500]);
    old.limitMtu(1400);
    expect([old.mtu, old.linkMtu]).toEqual([1400, 1500]);
    expect(pathTo(FAR).mtu).toBe(1400);
    expect(other.mtu).toBe(1500);
    bench.eth0.update({ mtu: 1300 });
    expect([old.mtu, old.linkMtu]).toEqual([1300, 1300]);
    // More than the interface takes is no news.
    old.limitMtu(1350);
    bench.eth0.update({ mtu: 1500 });
    expect(old.mtu).toBe(1400);
    bench.clock.advance(TEN_MINUTES);
    expect(old.mtu).toBe(1500);
    expect(pathTo(FAR).mtu).toBe(1500);
  });
});

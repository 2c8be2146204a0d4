import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TransmitQueue } from '../../../src/buffer/transmit-queue.ts';
import { Address } from '../../../src/wire/address.ts';
import { Cidr } from '../../../src/wire/cidr.ts';
import { address, IpBench } from './fixture.ts';
import { Ip6Bench } from './fixture6.ts';

function lines(bench: IpBench): string[] {
  return bench.ip.routes.list().map((route) => {
    const via = route.via === undefined ? '' : ` via ${route.via}`;
    return `${route.prefix}${via} dev ${route.interface.name} ${route.origin}`;
  });
}

function interfaceTo(bench: IpBench, text: string): string | undefined {
  return bench.ip.routes.lookup(address(text))?.interface.name;
}

const invalid = (message: RegExp): object =>
  expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE', message: expect.stringMatching(message) });

describe('RoutingTable', () => {
  it('makes connected routes of addresses and lists the longest prefix first', () => {
    const bench = new IpBench();
    bench.ip.routes.add('10.9.0.0/16', { via: '10.0.0.7', metric: 5 });
    expect(lines(bench)).toEqual([
      '::1/128 dev lo connected',
      '10.0.0.0/24 dev eth0 connected',
      '10.9.0.0/16 via 10.0.0.7 dev eth0 static',
      '127.0.0.0/8 dev lo connected',
      '0.0.0.0/0 via 10.0.0.1 dev eth0 static',
    ]);
    bench.eth0.removeAddress('10.0.0.2');
    expect(lines(bench)).not.toContain('10.0.0.0/24 dev eth0 connected');
  });

  it('[S-026] takes a redirect for its own interface alone', () => {
    const bench = new Ip6Bench();
    const eth1 = bench.ip.addInterface({ name: 'eth1', queue: new TransmitQueue(), addresses: ['fd01::2/64'] });
    const [here, there, far] = ['fe80::1', 'fe80::2', '2001:db8::9'].map(address) as [Address, Address, Address];
    bench.ip.routes.add('2001:db8::/32', { via: here, interface: 'eth0' });
    bench.ip.routes.add('2001:db8::/32', { via: here, interface: 'eth1', metric: 9 });
    expect(bench.ip.routes.redirect(far, bench.eth0, here, there)).toBe(true);
    const lookup = (only?: typeof eth1) => bench.ip.routes.lookup(far, only);
    expect(lookup()).toMatchObject({ origin: 'redirect', interface: { name: 'eth0' } });
    expect(lookup(bench.eth0)).toMatchObject({ origin: 'redirect', interface: { name: 'eth0' } });
    expect(lookup(eth1)).toMatchObject({ origin: 'static', interface: { name: 'eth1' } });
  });

  it('takes the longest prefix, then the lowest metric', () => {
    const bench = new IpBench();
    bench.ip.addInterface({ name: 'eth1', queue: new TransmitQueue(), addresses: ['10.1.0.2/24'] });
    bench.ip.routes.add('192.0.2.0/24', { via: '10.1.0.1' });
    bench.ip.routes.add('198.51.100.0/24', { via: '10.0.0.1', metric: 20 });
    bench.ip.routes.add('198.51.100.0/24', { via: '10.1.0.1', metric: 10 });
    expect(interfaceTo(bench, '192.0.2.1')).toBe('eth1');
    expect(interfaceTo(bench, '192.0.3.1')).toBe('eth0');
    expect(interfaceTo(bench, '198.51.100.1')).toBe('eth1');
  });

  it('[S-023] knows another gateway where one seems dead, and goes through all of them', () => {
    const bench = new IpBench();
    const { routes } = bench.ip;
    const eth1 = bench.ip.addInterface({ name: 'eth1', queue: new TransmitQueue(), addresses: ['10.1.0.2/24'] });
    const eth2 = bench.ip.addInterface({ name: 'eth2', queue: new TransmitQueue(), addresses: ['10.2.0.2/24'] });
    const next = (to: string, iface: typeof eth1) => routes.alternative(address(to), iface)?.interface.name;
    expect(next('192.0.2.1', bench.eth0)).toBeUndefined();
    routes.add('0.0.0.0/0', { via: '10.1.0.1', metric: 10 });
    routes.add('0.0.0.0/0', { via: '10.2.0.1', metric: 20 });
    expect(next('192.0.2.1', bench.eth0)).toBe('eth1');
    expect(next('192.0.2.1', eth1)).toBe('eth2');
    expect(next('192.0.2.1', eth2)).toBe('eth0');
    // Not the way of a shorter prefix, nor for what has none at all.
    routes.add('198.51.100.0/24', { via: '10.1.0.1' });
    expect(next('198.51.100.1', eth1)).toBeUndefined();
    expect(next('10.0.0.2', bench.eth0)).toBeUndefined();
    eth1.update({ up: false });
    expect(next('192.0.2.1', bench.eth0)).toBe('eth2');
  });

  it("sends the stack's own addresses to lo, whichever interface has them", () => {
    const bench = new IpBench();
    expect(interfaceTo(bench, '10.0.0.2')).toBe('lo');
    expect(interfaceTo(bench, '127.1.2.3')).toBe('lo');
    expect(interfaceTo(bench, '10.0.0.3')).toBe('eth0');
  });

  it('[S-023] prefers, of equal prefixes, a gateway behind a working interface', () => {
    const bench = new IpBench();
    const eth1 = bench.ip.addInterface({ name: 'eth1', queue: new TransmitQueue(), addresses: ['10.1.0.2/24'] });
    bench.ip.routes.add('0.0.0.0/0', { via: '10.1.0.1', metric: 100 });
    expect(interfaceTo(bench, '8.8.8.8')).toBe('eth0');
    bench.eth0.update({ up: false });
    expect(interfaceTo(bench, '8.8.8.8')).toBe('eth1');
    // The longest prefix stays the longest: what is on a link that is down is not sent to a gateway.
    expect(interfaceTo(bench, '10.0.0.9')).toBe('eth0');
    eth1.update({ up: false });
    expect(interfaceTo(bench, '8.8.8.8')).toBe('eth0');
  });

  it('sends 255.255.255.255 and groups to the first network without a route, never to lo', () => {
    const bench = new IpBench();
    bench.ip.routes.remove('0.0.0.0/0');
    expect(interfaceTo(bench, '255.255.255.255')).toBe('eth0');
    expect(interfaceTo(bench, '239.1.2.3')).toBe('eth0');
    expect(interfaceTo(bench, '8.8.8.8')).toBeUndefined();
    bench.ip.removeInterface(bench.eth0);
    expect(interfaceTo(bench, '239.1.2.3')).toBeUndefined();
  });

  it('grows its generation with every change', () => {
    const bench = new IpBench();
    const seen = [bench.ip.routes.generation];
    const note = (): number => seen.push(bench.ip.routes.generation);
    bench.ip.routes.add('10.9.0.0/16', { interface: 'eth0' });
    note();
    bench.ip.routes.remove('10.9.0.0/16');
    note();
    bench.eth0.addAddress('10.2.0.1/24');
    note();
    bench.eth0.update({ up: false });
    note();
    bench.ip.removeInterface(bench.eth0);
    note();
    expect(seen).toEqual([...new Set(seen)].sort((x, y) => x - y));
    expect(bench.ip.routes.list().every((route) => route.interface.name === 'lo')).toBe(true);
  });

  it('removes the routes that fit what is told of them', () => {
    const bench = new IpBench();
    bench.ip.routes.add('10.9.0.0/16', { via: '10.0.0.7', metric: 1 });
    bench.ip.routes.add('10.9.0.0/16', { via: '10.0.0.8', metric: 2 });
    bench.ip.routes.remove('10.9.0.0/16', { via: '10.0.0.7' });
    expect(lines(bench)).toContain('10.9.0.0/16 via 10.0.0.8 dev eth0 static');
    expect(lines(bench)).not.toContain('10.9.0.0/16 via 10.0.0.7 dev eth0 static');
    expect(() => bench.ip.routes.remove('10.9.0.0/16', { metric: 1 })).toThrow(invalid(/no static route/));
    expect(() => bench.ip.routes.remove('10.0.0.0/24')).toThrow(invalid(/comes from an address of the interface/));
  });

  it('says what is wrong with a route', () => {
    const { ip } = new IpBench();
    const { routes } = ip;
    expect(() => routes.add('10.9.0.1/16', { via: '10.0.0.1' })).toThrow(invalid(/the network is 10\.9\.0\.0\/16/));
    expect(() => routes.add('10.9.0.0', { via: '10.0.0.1' })).toThrow(invalid(/append the prefix length/));
    expect(() => routes.add('10.9.0.0/16', { via: '10.5.0.1' })).toThrow(invalid(/no interface reaches the gateway/));
    expect(() => routes.add('10.9.0.0/16', { via: '10.0.0.2' })).toThrow(invalid(/another host's unicast/));
    expect(() => routes.add('10.9.0.0/16', { via: '10.0.0.255' })).toThrow(invalid(/another host's unicast/));
    expect(() => routes.add('10.9.0.0/16', { via: 'fd00::1' })).toThrow(invalid(/different families/));
    expect(() => routes.add('10.9.0.0/16', { interface: 'eth7' })).toThrow(invalid(/there are: lo, eth0/));
    expect(() => routes.add('10.9.0.0/16', { via: '10.0.0.1', source: '1.2.3.4' })).toThrow(
      invalid(/not an address of/),
    );
    expect(() => routes.add('0.0.0.0/0', { via: '10.0.0.1' })).toThrow(invalid(/already/));
    for (const prefix of [undefined, {}, 5, null]) {
      expect(() => routes.add(prefix as never, {})).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
    }
    expect(() => routes.add('10.9.0.0/16', {})).toThrow(expect.objectContaining({ code: 'ERR_MISSING_ARGS' }));
    expect(() => routes.add('10.9.0.0/16', { via: '10.0.0.1', metric: -1 })).toThrow(
      expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }),
    );
  });

  it('takes a gateway outside of all networks when the interface is named', () => {
    const bench = new IpBench();
    bench.ip.routes.add('10.9.0.0/16', { via: '10.5.0.1', interface: bench.eth0 });
    expect(lines(bench)).toContain('10.9.0.0/16 via 10.5.0.1 dev eth0 static');
  });

  it('finds what a search of all routes finds', () => {
    const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    // Few distinct bits, so that prefixes nest.
    const narrow = word.map((w) => (w & 0x0303_0303) | 0x1400_0000);
    const route = fc.record({
      word: narrow,
      length: fc.integer({ min: 0, max: 32 }),
      metric: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(route, { maxLength: 12 }), narrow, (routes, target) => {
        const bench = new IpBench();
        bench.ip.routes.remove('0.0.0.0/0');
        const added: { prefix: Cidr; metric: number }[] = [];
        for (const { word: w, length, metric } of routes) {
          const prefix = new Cidr(new Cidr(Address.fromIpv4(w), length).network, length);
          if (added.some((other) => other.metric === metric && String(other.prefix) === String(prefix))) continue;
          bench.ip.routes.add(prefix, { interface: 'eth0', metric });
          added.push({ prefix, metric });
        }
        const wanted = Address.fromIpv4(target);
        const best = added
          .filter(({ prefix }) => prefix.contains(wanted))
          .sort((x, y) => y.prefix.prefixLength - x.prefix.prefixLength || x.metric - y.metric)[0];
        const found = bench.ip.routes.lookup(wanted);
        expect([String(found?.prefix), found?.metric]).toEqual([String(best?.prefix), best?.metric]);
      }),
      { numRuns: 200 },
    );
  });
});

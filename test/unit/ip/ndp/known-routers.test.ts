import { describe, expect, it } from 'vitest';
import { givesWay, Standing } from '../../../../src/ip/ndp/known-routers.ts';
import type { Source } from '../../../../src/ip/ndp/known-routers.ts';
import type { NdpMessage } from '../../../../src/wire/ndp.ts';
import { Address } from '../../../../src/wire/address.ts';
import { EthernetHost, ROUTER, ROUTER_MAC } from '../../../support/ethernet-host.ts';
import { RawLink } from '../../../support/raw-link.ts';
import { hex } from '../../../support/wire.ts';
import { prefix } from './fixture.ts';

const OWN = '2001:db8::1';
const FAR = '2001:db8:ffff::1';

describe('what gives way', () => {
  const { DEAD, HEARD, REACHABLE } = Standing;
  const source = (standing: number): Source => ({ standing, held: 0 });
  const of = (...sources: Source[]): { source: Source; at: number }[] =>
    sources.map((one, at) => ({ source: one, at }));

  it('is what comes from one of whom less is known, the last come first', () => {
    const [dead, heard, reachable] = [source(DEAD), source(HEARD), source(REACHABLE)];
    expect(givesWay(of(heard, dead, dead, reachable), source(REACHABLE))?.at).toBe(2);
    expect(givesWay(of(heard, reachable), source(REACHABLE))?.at).toBe(0);
    expect(givesWay(of(heard, dead), source(HEARD))?.at).toBe(1);
  });

  it('is never what comes from a router that is known to be reachable, nor what the new one has said itself', () => {
    const own = source(HEARD);
    expect(givesWay(of(source(REACHABLE), source(REACHABLE)), source(REACHABLE))).toBeUndefined();
    expect(givesWay(of(source(REACHABLE)), source(HEARD))).toBeUndefined();
    expect(givesWay(of(own, own), own)).toBeUndefined();
  });

  it('is among those of whom as little is known of the one that has most, then the last come', () => {
    const [one, two, own] = [source(HEARD), source(HEARD), source(HEARD)];
    expect(givesWay(of(one, two, two, one, two), source(HEARD))?.at).toBe(4);
    expect(givesWay(of(one, two), source(HEARD))?.at).toBe(1);
    expect(givesWay(of(one, two, own), own)).toBeUndefined();
    expect(givesWay(of(one, two, one, own), own)?.at).toBe(2);
  });
});

describe('routers that somebody made up', () => {
  function settled(): EthernetHost {
    const host = new EthernetHost({ addresses: [`${OWN}/64`] });
    host.pass(10);
    host.sent();
    return host;
  }
  const madeUp = (i: number): { source: string; mac: string } => ({
    source: `fe80::6:${i.toString(16)}`,
    mac: `02000006${i.toString(16).padStart(4, '0')}`,
  });
  const defaults = (host: EthernetHost): string[] =>
    host.routes.flatMap((text) => (text.startsWith('::/0') ? text.split(' ')[1]! : []));
  const answer = (target: string, mac: string): NdpMessage => ({
    name: 'neighbourAdvertisement',
    router: true,
    solicited: true,
    override: true,
    target: Address.parse(target),
    options: [{ name: 'targetLinkAddress', bytes: hex(mac) }],
  });
  function use(host: EthernetHost): void {
    const socket = host.stack.udp.bind({ address: '::' }, { onMessage: () => {} });
    socket.send(Uint8Array.of(1), 9, FAR);
    socket.close();
  }
  /** The real router is used, asked, and answers. */
  function prove(host: EthernetHost): void {
    use(host);
    host.pass(5);
    host.hear(answer(ROUTER, ROUTER_MAC), { destination: OWN });
    expect(host.eth.neighbours.get(ROUTER)?.state).toBe('REACHABLE');
  }

  it('[S-049] RFC 4861 §6.3.4: do not keep a real one out, whether they are heard before it', () => {
    const host = settled();
    for (let i = 0; i < 8; i++) host.advertise([], {}, madeUp(i));
    host.advertise();
    expect(defaults(host)).toHaveLength(8);
    expect(defaults(host)).toContain(ROUTER);
    expect(host.drops).toMatchObject({ 'ndp-router-displaced': 1 });
  });

  it('[S-049] … or after it: what was there stays, and one that has answered in any case', () => {
    const host = settled();
    host.advertise();
    for (let i = 0; i < 1000; i++) host.advertise([], { preference: 'high' }, madeUp(i));
    expect(defaults(host)).toHaveLength(8);
    expect(defaults(host)).toContain(ROUTER);
    const other = settled();
    for (let i = 0; i < 7; i++) other.advertise([], {}, madeUp(i));
    other.advertise([], { preference: 'high' });
    prove(other);
    for (let i = 7; i < 50; i++) other.advertise([], {}, madeUp(i));
    expect(defaults(other)).toContain(ROUTER);
  });

  it('[S-049] … nor does an answer that nobody asked for make them real', () => {
    const host = settled();
    for (let i = 0; i < 8; i++) {
      host.advertise([], {}, madeUp(i));
      host.hear(answer(madeUp(i).source, madeUp(i).mac), { ...madeUp(i), destination: OWN });
    }
    host.advertise();
    expect(defaults(host)).toContain(ROUTER);
  });

  it('[S-049] … also not one that comes while something is sent to them, before they are asked', () => {
    const host = settled();
    const socket = host.stack.udp.bind({ address: '::' }, { onMessage: () => {} });
    for (let i = 0; i < 8; i++) {
      const { source } = madeUp(i);
      host.advertise([], {}, madeUp(i));
      socket.send(Uint8Array.of(1), 9, `${source}%eth0`);
      host.pass(0);
      expect(host.eth.neighbours.get(source)?.state).toBe('DELAY');
      host.hear(answer(source, madeUp(i).mac), { ...madeUp(i), destination: OWN });
    }
    socket.close();
    host.advertise();
    expect(defaults(host)).toContain(ROUTER);
  });

  it('[S-049] RFC 4862 §5.5.3: sixteen prefixes of one leave room for half that of another', () => {
    const host = settled();
    const forged = Array.from({ length: 40 }, (_, i) => prefix(`2001:db8:bad:${i.toString(16)}::/64`));
    host.advertise(forged, {}, madeUp(1));
    host.pass(3);
    expect(host.eth.ipv6Addresses.filter(({ origin }) => origin === 'stable')).toHaveLength(15);
    const real = Array.from({ length: 10 }, (_, i) => prefix(`2001:db8:1:${i}::/64`));
    host.advertise(real);
    host.pass(3);
    const made = (start: string): number => host.addresses.filter((text) => text.startsWith(start)).length;
    expect([made('2001:db8:1:'), made('2001:db8:bad:')]).toEqual([8, 7]);
    expect(host.routes.filter((text) => text.startsWith('2001:db8:1:'))).toHaveLength(10);
    // Nobody takes that away again.
    for (let i = 2; i < 50; i++) host.advertise([prefix(`2001:db8:bad:ff${i}::/64`)], {}, madeUp(i));
    host.pass(3);
    expect(made('2001:db8:1:')).toBeGreaterThan(0);
    expect(host.eth.ipv6Addresses.length).toBeLessThanOrEqual(17);
    expect(host.drops).toMatchObject({ 'ndp-address-table-full': expect.any(Number) as number });
    expect(host.drops['ndp-address-displaced']).toBeGreaterThanOrEqual(7);
    expect(host.drops['ndp-prefix-displaced']).toBeGreaterThan(0);
  });

  it('[S-049] … and what a router advertises that has answered goes before all of them, and stays', () => {
    const host = settled();
    host.advertise();
    prove(host);
    const forged = Array.from({ length: 16 }, (_, i) => prefix(`2001:db8:bad:${i.toString(16)}::/64`));
    for (let i = 0; i < 16; i++) host.advertise([forged[i]!], {}, madeUp(i));
    const real = Array.from({ length: 4 }, (_, i) => prefix(`2001:db8:1:${i}::/64`));
    host.advertise(real);
    for (let i = 0; i < 100; i++) host.advertise(forged, {}, madeUp(i));
    host.pass(3);
    expect(host.addresses.filter((text) => text.startsWith('2001:db8:1:'))).toHaveLength(4);
  });

  it('a dead router stands in for a link that is down where that leads no nearer, else it does not', () => {
    const host = settled();
    const link = new RawLink();
    const other = host.stack.attach(link, { name: 'tun0', addresses: ['2001:db8:2::1/64'] });
    host.stack.routes.add('::/0', { interface: 'tun0' });
    host.advertise();
    use(host);
    const to = (text: string): string | undefined => host.stack.routes.lookup(Address.parse(text))?.interface.name;
    expect([to('2001:db8:2::7'), to(FAR)]).toEqual(['tun0', 'tun0']);
    link.setUp(false);
    use(host);
    host.pass(10);
    expect(host.eth.neighbours.get(ROUTER)?.state).toBe('FAILED');
    expect(other.up).toBe(false);
    expect([to('2001:db8:2::7'), to(FAR)]).toEqual(['tun0', 'eth0']);
    link.setUp(true);
    expect([to('2001:db8:2::7'), to(FAR)]).toEqual(['tun0', 'tun0']);
  });

  it('[S-049] are forgotten with what they have said', () => {
    const host = settled();
    for (let i = 0; i < 500; i++) host.advertise([prefix(`2001:db8:bad:${i}::/64`)], { routerLifetime: 10 }, madeUp(i));
    host.pass(90_000);
    expect(host.routes).toEqual(['2001:db8::/64 on link connected', 'fe80::/64 on link connected']);
    expect(host.eth.ipv6Addresses.map(({ origin }) => origin).sort()).toEqual(['link-local', 'manual']);
  });
});

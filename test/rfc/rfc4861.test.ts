import { afterEach, describe, expect, it, vi } from 'vitest';
import { Address } from '../../src/wire/address.ts';
import type { NdpMessage } from '../../src/wire/ndp.ts';
import { ALL_NODES, EthernetHost, PEER_MAC, ROUTER, ROUTER_MAC } from '../support/ethernet-host.ts';
import { hex } from '../support/wire.ts';
import { prefix } from '../unit/ip/ndp/fixture.ts';

const OWN = '2001:db8::1';
const PEER = '2001:db8::bb';
const FAR = '2001:db8:ffff::1';
const address = (text: string): Address => Address.parse(text);

let host: EthernetHost;
afterEach(async () => {
  await host.stack.destroy();
});

/** A host with one address of its own, whose link has been up for five seconds. */
function settled(options: ConstructorParameters<typeof EthernetHost>[0] = {}): EthernetHost {
  host = new EthernetHost({ addresses: [`${OWN}/64`], ...options });
  host.pass(5);
  host.sent();
  return host;
}

function solicitation(target: string, mac?: string): NdpMessage {
  const options = mac === undefined ? [] : [{ name: 'sourceLinkAddress' as const, bytes: hex(mac) }];
  return { name: 'neighbourSolicitation', target: address(target), options };
}

function advertisement(target: string, flags: string, mac?: string): NdpMessage {
  return {
    name: 'neighbourAdvertisement',
    router: flags.includes('R'),
    solicited: flags.includes('S'),
    override: flags.includes('O'),
    target: address(target),
    options: mac === undefined ? [] : [{ name: 'targetLinkAddress', bytes: hex(mac) }],
  };
}

/** Sends a datagram to somebody. */
function send(to: string): void {
  const socket = host.stack.udp.bind({ address: '::' }, { onMessage: () => {} });
  socket.send(Uint8Array.of(1), 9, to);
  socket.close();
}

describe('neighbour solicitations', () => {
  it('[S-049] §7.2.4: are answered to who asks, with flags S and O and the hardware address, hop limit 255', () => {
    settled();
    host.hear(solicitation(OWN, PEER_MAC), { source: PEER, destination: 'ff02::1:ff00:1', mac: PEER_MAC });
    const [answer, ...rest] = host.sent();
    expect(rest).toEqual([]);
    expect(answer).toMatchObject({ source: OWN, destination: PEER, destinationMac: PEER_MAC, ip: { hopLimit: 255 } });
    expect(answer!.ndp).toEqual(advertisement(OWN, 'SO', '020000000001'));
    // §7.2.3: who asks is remembered.
    expect(host.eth.neighbours.get(PEER)).toMatchObject({ mac: '02:00:00:00:00:bb', state: 'DELAY', router: false });
  });

  it('[S-049] §7.2.3: those for others are not', () => {
    settled();
    host.hear(solicitation('2001:db8::1:1', PEER_MAC), { source: PEER, destination: 'ff02::1:ff01:1', mac: PEER_MAC });
    expect(host.sent()).toEqual([]);
    expect(host.eth.neighbours.get(PEER)).toBeUndefined();
    expect(host.drops).toMatchObject({ 'ndp-not-our-target': 1 });
  });

  it('[S-049] §7.1.1: nor what came through a router, or says that its sender is a group', () => {
    settled();
    host.hear(solicitation(OWN, PEER_MAC), { source: PEER, destination: OWN, hopLimit: 254 });
    host.hear(solicitation(OWN, '330000000001'), { source: PEER, destination: OWN, mac: PEER_MAC });
    host.sent();
    expect(host.drops).toMatchObject({ 'ndp-bad-hop-limit': 1 });
    expect(host.eth.neighbours.get(PEER)?.mac).not.toBe('33:00:00:00:00:01');
  });

  it('[S-049] §7.2.2: ask for a neighbour from the address that sends to it, by its group; the packet follows the answer', () => {
    settled();
    send(PEER);
    const [question, ...rest] = host.sent();
    expect(rest).toEqual([]);
    expect(question).toMatchObject({
      source: OWN,
      destination: 'ff02::1:ff00:bb',
      destinationMac: '3333ff0000bb',
      ip: { hopLimit: 255 },
      ndp: solicitation(PEER, '020000000001'),
    });
    host.hear(advertisement(PEER, 'SO', PEER_MAC), { source: PEER, destination: OWN, mac: PEER_MAC });
    expect(host.sent()).toMatchObject([
      { source: OWN, destination: PEER, destinationMac: PEER_MAC, ip: { protocol: 17 } },
    ]);
    expect(host.eth.neighbours.get(PEER)?.state).toBe('REACHABLE');
  });

  it('[S-049] §7.3.3: a neighbour that is not confirmed is asked itself', () => {
    settled();
    host.hear(advertisement(PEER, 'SO', PEER_MAC), { source: PEER, destination: OWN, mac: PEER_MAC });
    expect(host.eth.neighbours.get(PEER)).toBeUndefined();
    host.hear(solicitation(OWN, PEER_MAC), { source: PEER, destination: OWN, mac: PEER_MAC });
    host.sent();
    host.pass(5.5);
    expect(host.sent()).toMatchObject([
      { destination: PEER, destinationMac: PEER_MAC, ndp: { name: 'neighbourSolicitation' } },
    ]);
  });
});

describe('router solicitations', () => {
  it('[S-049] §6.3.7, RFC 7559: within a second, then again and again, until a default router answers', () => {
    host = new EthernetHost();
    host.pass(1);
    const [first] = host.said('routerSolicitation');
    expect(first).toMatchObject({ destination: 'ff02::2', destinationMac: '333300000002', ip: { hopLimit: 255 } });
    // The link-local address is still being tried.
    expect(first).toMatchObject({ source: '::', ndp: { options: [] } });
    host.pass(4.4);
    const [second] = host.said('routerSolicitation');
    const [own] = host.eth.addresses;
    expect(second!.source).toBe(own!.address.toString());
    expect(second!.ndp.options).toEqual([{ name: 'sourceLinkAddress', bytes: hex('020000000001') }]);
    // No default router.
    host.advertise([], { routerLifetime: 0 });
    host.pass(9);
    expect(host.said('routerSolicitation')).toHaveLength(1);
    host.advertise();
    host.pass(1799);
    expect(host.said('routerSolicitation')).toEqual([]);
  });

  it.each([
    ['its time is over', (): void => host.pass(1800)],
    ['it says that it is none any more', (): void => host.advertise([], { routerLifetime: 0 })],
  ])('[S-049] RFC 7559 §2: begin again when the last default router has gone: %s', (_how, go) => {
    host = new EthernetHost();
    host.pass(5);
    host.advertise();
    host.advertise([], {}, { source: 'fe80::bb', mac: PEER_MAC });
    host.advertise([], { routerLifetime: 0 }, { source: 'fe80::bb', mac: PEER_MAC });
    host.pass(30);
    host.sent();
    // One that is left is enough.
    host.pass(30);
    expect(host.said('routerSolicitation')).toEqual([]);
    go();
    host.pass(5);
    expect(host.said('routerSolicitation').length).toBeGreaterThan(0);
    host.advertise();
    host.pass(100);
    host.sent();
    host.pass(100);
    expect(host.said('routerSolicitation')).toEqual([]);
  });

  it('[S-049] §6.2.2: a stack that has become a router meanwhile asks none', () => {
    host = new EthernetHost();
    host.pass(5);
    host.advertise();
    host.pass(5);
    host.sent();
    host.stack.forwarding = true;
    host.pass(4000);
    expect(host.said('routerSolicitation')).toEqual([]);
  });

  it('[S-049] §6.2.6: of others are for routers', () => {
    settled();
    host.hear({ name: 'routerSolicitation', options: [] }, { source: '::', destination: 'ff02::2' });
    expect(host.sent()).toEqual([]);
    expect(host.drops).toMatchObject({ 'ndp-router-solicitation-ignored': 1 });
  });
});

describe('router advertisements', () => {
  const ROUTES = ['2001:db8::/64 on link connected', 'fe80::/64 on link connected'];

  it('[S-049] §6.3.4, §6.3.5: give a default route for as long as they say', () => {
    settled();
    host.advertise([], { routerLifetime: 60 });
    expect(host.routes).toEqual([...ROUTES, `::/0 ${ROUTER} advertised`]);
    expect(host.eth.neighbours.get(ROUTER)).toMatchObject({ router: true, state: 'STALE' });
    send(FAR);
    expect(host.sent()).toMatchObject([{ destination: FAR, destinationMac: ROUTER_MAC }]);
    host.pass(59);
    expect(host.routes).toHaveLength(3);
    host.pass(1);
    expect(host.routes).toEqual(ROUTES);
    host.advertise();
    host.advertise([], { routerLifetime: 0 });
    expect(host.routes).toEqual(ROUTES);
  });

  it('[S-049] §6.3.4, RFC 5942 §4: a prefix is on the link when L says so', () => {
    settled();
    host.advertise([prefix('2001:db8:1::/64', { autonomous: false, validLifetime: 100 })]);
    host.advertise([prefix('2001:db8:2::/64', { onLink: false })]);
    expect(host.routes).toEqual([...ROUTES, '2001:db8:1::/64 on link advertised', `::/0 ${ROUTER} advertised`]);
    host.pass(10);
    host.sent();
    // There is an address of 2001:db8:2::/64 now, and still its other hosts are behind the router.
    expect(host.addresses.some((text) => text.startsWith('2001:db8:2:'))).toBe(true);
    send('2001:db8:2::77');
    expect(host.sent()).toMatchObject([{ destination: '2001:db8:2::77', destinationMac: ROUTER_MAC }]);
    send('2001:db8:1::77');
    expect(host.sent()).toMatchObject([{ ndp: { name: 'neighbourSolicitation' } }]);
    host.pass(90);
    expect(host.routes).not.toContain('2001:db8:1::/64 on link advertised');
  });

  it('[S-049] §6.3.4: the MTU is that of IPv6 on this link', () => {
    settled();
    host.advertise([{ name: 'mtu', mtu: 1400 }]);
    const path = host.stack.ip.path(undefined, address(FAR));
    expect(path).toMatchObject({ mtu: 1400, linkMtu: 1400 });
    expect(host.eth.mtu).toBe(1500);
    host.advertise([{ name: 'mtu', mtu: 1279 }]);
    host.advertise([{ name: 'mtu', mtu: 1501 }]);
    expect(path).toMatchObject({ mtu: 1400 });
    expect(host.drops).toMatchObject({ 'ndp-mtu-ignored': 2 });
  });

  it('[S-049] §6.3.4: the hop limit is that of packets whose socket has chosen none', () => {
    settled();
    host.advertise([], { hopLimit: 33 });
    send(FAR);
    host.advertise([], { hopLimit: 0 });
    send(FAR);
    const socket = host.stack.udp.bind({ address: '::', ttl: 64 }, { onMessage: () => {} });
    socket.send(Uint8Array.of(1), 9, FAR);
    socket.close();
    expect(host.sent().map(({ ip }) => ip.hopLimit)).toEqual([33, 33, 64]);
  });

  it('[S-049] §6.3.4: times of neighbour discovery are taken over', () => {
    settled();
    host.advertise([], { reachableTime: 5000, retransTimer: 200 });
    expect(host.eth.network.ethernet!.neighbours.times[6]).toEqual({
      baseReachableTime: 5_000_000,
      retransTimer: 200_000,
    });
    send(PEER);
    host.pass(0.7);
    // Three questions, 200 ms apart.
    expect(host.said('neighbourSolicitation')).toHaveLength(3);
  });

  it('[S-049] §6.3.6, RFC 4191 §3.2: a router that does not answer comes last, until it is heard again', () => {
    settled();
    host.advertise([], { preference: 'high' });
    host.advertise([], { preference: 'low' }, { source: 'fe80::bb', mac: PEER_MAC });
    expect(host.routes.slice(-2)).toEqual([`::/0 ${ROUTER} advertised`, '::/0 fe80::bb advertised']);
    send(FAR);
    host.pass(20);
    expect(host.eth.neighbours.get(ROUTER)?.state).toBe('FAILED');
    expect(host.routes.slice(-2)).toEqual(['::/0 fe80::bb advertised', `::/0 ${ROUTER} advertised`]);
    host.sent();
    send(FAR);
    expect(host.sent().filter(({ ndp }) => ndp === undefined)).toMatchObject([{ destinationMac: PEER_MAC }]);
    host.advertise([], { preference: 'high' });
    expect(host.routes.slice(-2)).toEqual([`::/0 ${ROUTER} advertised`, '::/0 fe80::bb advertised']);
  });

  it('[S-049] §6.3.6: of routers that are all dead each is tried in turn, until one answers', () => {
    settled();
    const routers = ['fe80::a1', 'fe80::a2', 'fe80::a3'];
    for (const source of routers) host.advertise([], {}, { source, mac: `0200000000${source.slice(-2)}` });
    // Each is used until it has failed.
    for (let i = 0; i < 3; i++) {
      send(FAR);
      host.pass(10);
    }
    const states = (): (string | undefined)[] => routers.map((router) => host.eth.neighbours.get(router)?.state);
    expect(states()).toEqual(['FAILED', 'FAILED', 'FAILED']);
    // A packet waits for each that is asked; the next one is another's.
    const turns = Array.from({ length: 3 }, () => {
      send(FAR);
      return states().join(' ');
    });
    expect(turns).toEqual([
      'INCOMPLETE FAILED FAILED',
      'INCOMPLETE INCOMPLETE FAILED',
      'INCOMPLETE INCOMPLETE INCOMPLETE',
    ]);
    host.pass(4);
    expect(states()).toEqual(['FAILED', 'FAILED', 'FAILED']);
    for (let i = 0; i < 2; i++) send(FAR);
    expect(states()).toEqual(['INCOMPLETE', 'INCOMPLETE', 'FAILED']);
    host.sent();
    host.hear(advertisement(routers[1]!, 'RSO', '0200000000a2'), { source: routers[1]!, destination: OWN });
    for (let i = 0; i < 2; i++) send(FAR);
    const packets = host.sent().filter(({ ndp }) => ndp === undefined);
    expect(packets.map(({ destinationMac }) => destinationMac)).toEqual(Array(3).fill('0200000000a2'));
  });

  it('[S-049] §6.3.6: that a router is dead is known though its neighbour entry was given up', () => {
    settled();
    host.advertise();
    host.advertise([], {}, { source: 'fe80::bb', mac: PEER_MAC });
    send(FAR);
    host.pass(20);
    expect(host.routes.slice(-2)).toEqual(['::/0 fe80::bb advertised', `::/0 ${ROUTER} advertised`]);
    // More neighbours than there is room for.
    for (let i = 0; i < 1100; i++) {
      const source = `2001:db8::1:${i.toString(16)}`;
      host.hear(solicitation(OWN, PEER_MAC), { source, destination: OWN, mac: PEER_MAC });
    }
    expect(host.eth.neighbours.get(ROUTER)).toBeUndefined();
    expect(host.routes.slice(-2)).toEqual(['::/0 fe80::bb advertised', `::/0 ${ROUTER} advertised`]);
    // It is heard again.
    host.hear(solicitation(OWN, ROUTER_MAC), { destination: OWN });
    expect(host.routes.slice(-2)).toEqual([`::/0 ${ROUTER} advertised`, '::/0 fe80::bb advertised']);
  });

  it('[S-049] §7.2.5: a router that says it is none loses its routes', () => {
    settled();
    host.advertise();
    host.hear(advertisement(ROUTER, 'O', ROUTER_MAC), { source: ROUTER, destination: ALL_NODES });
    expect(host.routes).toEqual(ROUTES);
  });

  it('[S-049] §6.1.2: from elsewhere than a router on the link are not believed', () => {
    settled();
    host.advertise([], {}, { hopLimit: 254 });
    host.advertise([], {}, { source: PEER });
    expect(host.routes).toEqual(ROUTES);
    expect(host.drops).toMatchObject({ 'ndp-bad-hop-limit': 1, 'ndp-bad-source': 1 });
  });

  it('[S-049] cost little: what is known already changes nothing and is compared as numbers, and 64 options are looked at', () => {
    settled();
    const forty = Array.from({ length: 40 }, (_, i) => prefix(`2001:db8:${i + 1}::/64`));
    host.advertise(forty);
    host.pass(3);
    const { routes } = host.stack;
    const { generation } = routes;
    const rebuilt = vi.spyOn(routes, 'setAdvertised');
    const texts = vi.spyOn(Address.prototype, 'toString');
    const frame: Uint8Array[] = [];
    const inject = vi.spyOn(host.link, 'inject').mockImplementation((...frames) => void frame.push(...frames));
    host.advertise(forty);
    inject.mockRestore();
    host.sent();
    texts.mockClear();
    for (let i = 0; i < 10; i++) host.link.inject(frame[0]!);
    expect([texts.mock.calls.length, rebuilt.mock.calls.length]).toEqual([0, 0]);
    expect(routes.generation).toBe(generation);
    expect(host.sent()).toEqual([]);
    vi.restoreAllMocks();
    // 32 prefixes on the link, 15 addresses beside the link-local one: of forty the rest is refused each time.
    expect(host.drops).toMatchObject({ 'ndp-prefix-table-full': 11 * 8, 'ndp-address-table-full': 11 * 25 });
    host.pass(5);
    const many = Array.from({ length: 63 }, () => ({ name: 'mtu' as const, mtu: 1400 }));
    host.advertise([...many, { name: 'mtu', mtu: 1300 }]);
    expect(host.stack.ip.path(undefined, address(FAR))).toMatchObject({ mtu: 1400 });
    expect(host.drops).toMatchObject({ 'ndp-options-ignored': 1 });
  });

  it('[S-049] are ignored where they are not wanted, and solicited neither', () => {
    settled({ autoconfiguration: { routers: false } });
    host.advertise([prefix('2001:db8:5::/64')]);
    host.pass(10);
    expect(host.said('routerSolicitation')).toEqual([]);
    expect(host.routes).toEqual(ROUTES);
    expect(host.drops).toMatchObject({ 'ndp-router-advertisement-ignored': 1 });
  });

  it('[S-049] go with the interface', async () => {
    settled();
    host.advertise([prefix('2001:db8:5::/64')]);
    await host.eth.detach();
    expect(host.routes).toEqual([]);
  });
});

describe('a stack that forwards IPv6', () => {
  it('[S-049] §6.2.7, §8.2: believes neither advertisements nor redirects, asks no routers, and says that it is one', () => {
    host = new EthernetHost({ addresses: [`${OWN}/64`] }, { forwarding: true });
    host.stack.routes.add('::/0', { via: ROUTER, interface: 'eth0' });
    host.pass(5);
    expect(host.said('routerSolicitation')).toEqual([]);
    host.advertise([prefix('2001:db8:5::/64')]);
    const better = { name: 'redirect' as const, target: address('fe80::cc'), destination: address(FAR), options: [] };
    host.hear(better, { destination: OWN });
    expect(host.routes.filter((text) => /advertised|redirect/.test(text))).toEqual([]);
    expect(host.drops).toMatchObject({ 'ndp-router-advertisement-ignored': 1, 'ndp-redirect-ignored': 1 });
    host.sent();
    host.hear(solicitation(OWN, PEER_MAC), { source: PEER, destination: OWN, mac: PEER_MAC });
    expect(host.said('neighbourAdvertisement')).toMatchObject([{ ndp: { router: true } }]);
  });

  it('[S-049] §6.2.2, §6.3.7: leaves what routers have said behind, and asks anew when it is a host again', () => {
    settled();
    host.advertise([prefix('2001:db8:5::/64')], { routerLifetime: 65_535 });
    const advertised = (): string[] => host.routes.filter((text) => text.endsWith('advertised'));
    expect(advertised()).toHaveLength(2);
    host.stack.forwarding = { ipv6: true };
    expect(advertised()).toEqual(['2001:db8:5::/64 on link advertised']);
    host.pass(100);
    expect(host.said('routerSolicitation')).toEqual([]);
    host.stack.forwarding = { ipv4: true };
    host.pass(60);
    expect(host.said('routerSolicitation').length).toBeGreaterThan(2);
    host.advertise();
    host.stack.forwarding = false;
    host.pass(60);
    expect(host.said('routerSolicitation')).toEqual([]);
  });

  it('[S-049] from one moment to the next: what it has begun to ask it asks no more', () => {
    host = new EthernetHost();
    host.stack.forwarding = true;
    host.pass(60);
    expect(host.said('routerSolicitation')).toEqual([]);
  });
});

describe('redirects', () => {
  const BETTER = 'fe80::cc';
  const redirect = (target: string, destination: string = FAR): NdpMessage => ({
    name: 'redirect',
    target: address(target),
    destination: address(destination),
    options: [{ name: 'targetLinkAddress', bytes: hex('0200000000cc') }],
  });
  const toHost = { destination: OWN };

  it('[S-049] §8.3: the router in use shows another for one host', () => {
    settled();
    host.advertise();
    host.hear(redirect(BETTER), toHost);
    expect(host.routes[0]).toBe(`${FAR}/128 ${BETTER} redirect`);
    send(FAR);
    send('2001:db8:ffff::2');
    expect(host.sent().map(({ destinationMac }) => destinationMac)).toEqual(['0200000000cc', ROUTER_MAC]);
    expect(host.eth.neighbours.get(BETTER)).toMatchObject({ router: true });
  });

  it('[S-049] §8.3: a destination that is its own target is on the link', () => {
    settled();
    host.advertise();
    host.hear(redirect(FAR), toHost);
    send(FAR);
    expect(host.sent()).toMatchObject([{ destination: FAR, destinationMac: '0200000000cc' }]);
  });

  it('[S-049] §8.1: from anybody else, or for what goes another way, they are refused', () => {
    settled();
    host.advertise();
    host.hear(redirect(BETTER), { ...toHost, source: 'fe80::bb' });
    host.hear(redirect(BETTER, PEER), toHost);
    host.hear(redirect(BETTER), { ...toHost, hopLimit: 254 });
    host.hear(redirect('2001:db8::cc'), toHost);
    expect(host.routes.filter((text) => text.includes('redirect'))).toEqual([]);
    expect(host.drops).toMatchObject({ 'ndp-redirect-refused': 2, 'ndp-bad-hop-limit': 1, 'ndp-bad-target': 1 });
  });

  it('[S-049] §8.1: nobody is shown that he is the better router himself, neither by an address in use nor by one that is tried', () => {
    settled();
    host.advertise();
    const own = host.eth.addresses.find(({ address: { a } }) => a >>> 16 === 0xfe80)!;
    host.hear(redirect(String(own.address)), toHost);
    host.eth.removeAddress(String(own.address));
    host.link.setUp(false);
    host.link.setUp(true);
    const tentative = host.eth.ipv6Addresses.find(({ state }) => state === 'tentative')!;
    host.hear(redirect(tentative.address.split('/')[0]!), toHost);
    expect(host.routes.filter((text) => text.includes('redirect'))).toEqual([]);
    expect(host.drops).toMatchObject({ 'ndp-redirect-refused': 2 });
    expect(host.eth.neighbours.list().filter(({ mac }) => mac === '02:00:00:00:00:cc')).toEqual([]);
  });

  it('[S-049] §7.3.3: when the better router does not answer the old way is taken', () => {
    settled();
    host.advertise();
    host.hear(redirect(BETTER), toHost);
    send(FAR);
    host.pass(20);
    host.sent();
    expect(host.routes[0]).not.toContain('redirect');
    send(FAR);
    expect(host.sent()[0]).toMatchObject({ destinationMac: ROUTER_MAC });
  });

  it('[S-049] 256 hosts are remembered, the oldest is forgotten', () => {
    settled();
    host.advertise();
    for (let i = 1; i <= 300; i++) host.hear(redirect(BETTER, `2001:db8:ffff::${i}`), toHost);
    const shown = host.routes.filter((text) => text.includes('redirect'));
    expect(shown).toHaveLength(256);
    expect(shown[0]).toContain('2001:db8:ffff::45/128');
  });

  it('[S-049] are ignored where they are not wanted', () => {
    settled({ autoconfiguration: { redirects: false } });
    host.advertise();
    host.hear(redirect(BETTER), toHost);
    expect(host.routes[0]).not.toContain('redirect');
    expect(host.drops).toMatchObject({ 'ndp-redirect-ignored': 1 });
  });
});

import { afterEach, describe, expect, it } from 'vitest';
import type { AttachOptions } from '../../src/stack/interface.ts';
import { Address } from '../../src/wire/address.ts';
import type { NdpMessage } from '../../src/wire/ndp.ts';
import { ALL_NODES, EthernetHost, PEER_MAC } from '../support/ethernet-host.ts';
import { RawLink } from '../support/raw-link.ts';
import { hex } from '../support/wire.ts';
import { prefix } from '../unit/ip/ndp/fixture.ts';

const OWN = '2001:db8::1';
const GROUP = 'ff02::1:ff00:1';
const address = (text: string): Address => Address.parse(text);

let host: EthernetHost;
afterEach(async () => {
  await host.stack.destroy();
});

function start(options: AttachOptions = {}): EthernetHost {
  host = new EthernetHost(options);
  return host;
}

const claim = (target: string): NdpMessage => ({
  name: 'neighbourAdvertisement',
  router: false,
  solicited: false,
  override: true,
  target: address(target),
  options: [{ name: 'targetLinkAddress', bytes: hex(PEER_MAC) }],
});
const probe = (target: string): NdpMessage => ({ name: 'neighbourSolicitation', target: address(target), options: [] });

describe('the link-local address', () => {
  it('[S-049] RFC 4862 §5.3, §5.4: is made by itself, tried, and used then', () => {
    start();
    expect(host.addresses).toEqual([]);
    const [info] = host.eth.ipv6Addresses;
    expect(info).toMatchObject({ origin: 'link-local', state: 'tentative', validLifetime: Infinity });
    host.pass(1);
    const [question, ...rest] = host.said('neighbourSolicitation');
    expect(rest).toEqual([]);
    const own = info!.address.replace('/64', '');
    expect(question).toMatchObject({ source: '::', ip: { hopLimit: 255 } });
    expect(question!.destination).toMatch(/^ff02::1:ff/);
    expect(question!.ndp.target.toString()).toBe(own);
    // RFC 7527 §4.1
    expect(question!.ndp.options).toMatchObject([{ name: 'nonce' }]);
    expect(host.addresses).toEqual([]);
    host.pass(1);
    expect(host.addresses).toEqual([`${own}/64`]);
    expect(host.events).toEqual([`preferred link-local ${own}/64`]);
    expect(host.stack.ip.isLocal(address(own))).toBe(true);
  });

  it('[S-049] RFC 4862 §5.4: while it is tentative nobody is answered for it, and nothing else is taken for it', () => {
    start();
    const own = host.eth.ipv6Addresses[0]!.address.replace('/64', '');
    const group = `ff02::1:ff${own.slice(-7)}`;
    host.hear(
      { ...probe(own), options: [{ name: 'sourceLinkAddress', bytes: hex(PEER_MAC) }] },
      { source: 'fe80::bb', destination: group },
    );
    expect(host.said('neighbourAdvertisement')).toEqual([]);
    expect(host.drops).toMatchObject({ 'ndp-tentative-target': 1 });
    host.hear(probe(own), { source: 'fe80::bb', destination: own });
    expect(host.drops).toMatchObject({ 'ipv6-not-for-us': 1 });
  });

  it('[S-049] RFC 7217 §6: another is made where somebody has it', () => {
    start();
    const first = host.eth.ipv6Addresses[0]!.address.replace('/64', '');
    host.hear(claim(first), { source: first, destination: ALL_NODES, mac: PEER_MAC });
    expect(host.events.slice(0, 3)).toEqual([
      `conflict ${first} false`,
      `duplicate link-local ${first}/64`,
      expect.stringMatching(/^tentative link-local fe80::/),
    ]);
    host.pass(5);
    expect(host.addresses).toHaveLength(1);
    expect(host.addresses[0]).not.toBe(`${first}/64`);
    expect(host.drops).toMatchObject({ 'ndp-duplicate-address': 1 });
  });

  it('RFC 4291 appendix A: is made of the hardware address for those who want that', () => {
    start({ autoconfiguration: { identifiers: 'eui64' } });
    host.pass(3);
    expect(host.addresses).toEqual(['fe80::ff:fe00:1/64']);
  });

  it('[S-049] RFC 7217: is the same again with the same secret', async () => {
    const secret = new Uint8Array(16).fill(7);
    start({ autoconfiguration: { secret } });
    host.pass(3);
    const before = host.addresses;
    await host.stack.destroy();
    start({ autoconfiguration: { secret } });
    host.pass(3);
    expect(host.addresses).toEqual(before);
    await host.stack.destroy();
    start({ autoconfiguration: { secret: new Uint8Array(16).fill(8) } });
    host.pass(3);
    expect(host.addresses).not.toEqual(before);
  });

  it('is not made, nor anything said, where that is not wanted', () => {
    start({ autoconfiguration: false });
    host.pass(30);
    expect(host.sent()).toEqual([]);
    expect(host.addresses).toEqual([]);
  });
});

describe('addresses of prefixes', () => {
  it.each([
    ['groups', 'ff04::/64'],
    ['groups of one link', 'ff02::/64'],
    ['the host itself', '::/64'],
    ['mapped addresses', '::ffff:0:0/96'],
  ])('[S-049] RFC 4291 §2.5, §2.7: of a prefix of %s none is made, nor a route; it is counted', (_name, text) => {
    start();
    host.pass(5);
    const [addresses, routes] = [host.addresses, host.stack.routes.list().length];
    host.advertise([prefix(text)]);
    host.pass(5);
    expect(host.addresses).toEqual(addresses);
    // The default router's alone.
    expect(host.stack.routes.list().length).toBeLessThanOrEqual(routes + 1);
    expect(host.stack.routes.list().some((route) => route.prefix.toString() === text)).toBe(false);
    expect(host.stack.statistics().drops['ndp-prefix-martian']).toBe(1);
  });

  it('[S-049] RFC 4862 §5.5.3, §5.5.4: made, used, deprecated, gone', () => {
    start();
    host.pass(5);
    host.advertise([prefix('2001:db8::/64', { validLifetime: 7300, preferredLifetime: 100 })]);
    host.pass(5);
    const made = host.addresses.find((text) => text.startsWith('2001:db8::'))!;
    const own = made.replace('/64', '');
    expect(host.eth.ipv6Addresses.at(-1)).toMatchObject({
      address: made,
      origin: 'stable',
      state: 'preferred',
      validLifetime: 7_295_000,
      preferredLifetime: 95_000,
    });
    host.hear(
      { ...probe(own), options: [{ name: 'sourceLinkAddress', bytes: hex(PEER_MAC) }] },
      { source: 'fe80::bb', destination: own },
    );
    expect(host.said('neighbourAdvertisement')).toMatchObject([{ source: own, destination: 'fe80::bb' }]);
    host.pass(95);
    expect(host.events.at(-1)).toBe(`deprecated stable ${made}`);
    expect(host.addresses).toContain(made);
    host.pass(7200);
    expect(host.events.at(-1)).toBe(`removed stable ${made}`);
    expect(host.addresses).toHaveLength(1);
  });

  it('[S-048] [S-049] RFC 6724 §5 rule 3, RFC 4862 §5.5.4: a deprecated one is not taken where another will do', () => {
    start();
    host.pass(5);
    host.advertise([prefix('2001:db8:1::/64'), prefix('2001:db8:ffff::/64')]);
    host.pass(5);
    const sourceTo = (peer: string): string => {
      const path = host.stack.ip.path(undefined, address(peer));
      return typeof path === 'string' ? path : path.local.toString();
    };
    expect(sourceTo('2001:db8:ffff::99')).toMatch(/^2001:db8:ffff:/);
    host.advertise([prefix('2001:db8:ffff::/64', { preferredLifetime: 0 })]);
    expect(sourceTo('2001:db8:ffff::99')).toMatch(/^2001:db8:1:/);
    host.advertise([prefix('2001:db8:1::/64', { preferredLifetime: 0 })]);
    expect(sourceTo('2001:db8:ffff::99')).toMatch(/^2001:db8:ffff:/);
  });

  it('[S-048] [S-049] RFC 6724 §5 rule 7, RFC 8981: temporary ones are taken first by those who want them', () => {
    start({ autoconfiguration: { temporary: true } });
    host.pass(5);
    host.advertise([prefix('2001:db8:1::/64')]);
    host.pass(5);
    const temporary = host.eth.ipv6Addresses.find(({ origin }) => origin === 'temporary')!;
    const path = host.stack.ip.path(undefined, address('2001:db8:9::1'));
    expect(path).toMatchObject({ local: address(temporary.address.replace('/64', '')) });
  });
});

describe("the program's own addresses", () => {
  it('[S-049] RFC 4862 §5.4: are used at once and tried meanwhile; whoever says they are his is told otherwise, once in ten seconds', () => {
    start({ addresses: [`${OWN}/64`] });
    expect(host.addresses).toEqual([`${OWN}/64`]);
    host.pass(1);
    expect(host.said('neighbourSolicitation').some(({ ndp }) => ndp.target.toString() === OWN)).toBe(true);
    const heardOf = (): string[] => host.events.filter((text) => text.startsWith('conflict'));
    for (let second = 0; second < 10; second++) {
      host.hear(claim(OWN), { source: OWN, destination: ALL_NODES, mac: PEER_MAC });
      host.pass(1);
    }
    expect(host.said('neighbourAdvertisement')).toMatchObject([
      { source: OWN, destination: ALL_NODES, ndp: { solicited: false, override: true } },
    ]);
    expect(heardOf()).toEqual([`conflict ${OWN} true`]);
    host.hear(claim(OWN), { source: OWN, destination: ALL_NODES, mac: PEER_MAC });
    expect(heardOf()).toHaveLength(2);
    expect(host.said('neighbourAdvertisement')).toHaveLength(1);
    expect(host.addresses).toContain(`${OWN}/64`);
    expect(host.eth.ipv6Addresses).toContainEqual(
      expect.objectContaining({ address: `${OWN}/64`, state: 'preferred' }),
    );
    expect(host.drops).toMatchObject({ 'ndp-conflict': 11 });
    expect(host.eth.neighbours.get(OWN)).toBeUndefined();
  });

  it('[S-049] RFC 4862 §5.4.3: of two that begin at once and use it at once each hears of the other, and both keep it', () => {
    start({ addresses: [`${OWN}/64`] });
    host.hear(probe(OWN), { source: '::', destination: GROUP, mac: PEER_MAC });
    expect(host.said('neighbourAdvertisement')).toMatchObject([{ source: OWN, destination: ALL_NODES }]);
    host.pass(5);
    expect(host.addresses).toContain(`${OWN}/64`);
  });

  it('[S-049] RFC 4862 §5.4: with conflictDetection only when nobody did', async () => {
    start({ addresses: [`${OWN}/64`], conflictDetection: true });
    expect(host.addresses).toEqual([]);
    let ready = false;
    void host.eth.ready.then(() => (ready = true));
    await host.clock.run({ for: 500 });
    expect(ready).toBe(false);
    await host.clock.run({ for: 3000 });
    expect(ready).toBe(true);
    expect(host.addresses).toContain(`${OWN}/64`);
  });

  it('[S-049] RFC 4862 §5.4: with conflictDetection never when somebody did: ready says so', async () => {
    start({ addresses: [`${OWN}/64`], conflictDetection: true });
    const failed = host.eth.ready.then(
      () => undefined,
      (error: unknown) => error,
    );
    host.hear(claim(OWN), { source: OWN, destination: ALL_NODES, mac: PEER_MAC });
    await host.clock.run({ for: 3000 });
    expect(await failed).toMatchObject({ code: 'EADDRINUSE', address: OWN });
    expect(host.addresses).not.toContain(`${OWN}/64`);
  });

  it('[S-049] RFC 4862 §5.4.3: who tries one that is in use is told, all nodes are', () => {
    start({ addresses: [`${OWN}/64`] });
    host.pass(5);
    host.sent();
    host.hear(probe(OWN), { source: '::', destination: GROUP, mac: PEER_MAC });
    expect(host.said('neighbourAdvertisement')).toMatchObject([
      { source: OWN, destination: ALL_NODES, ndp: { solicited: false, override: true } },
    ]);
  });

  it('RFC 4862 §5.4.4: of a claim to one that is in use the program is told; the address stays', () => {
    start({ addresses: [`${OWN}/64`] });
    host.pass(5);
    host.hear(claim(OWN), { source: OWN, destination: ALL_NODES, mac: PEER_MAC });
    expect(host.events.at(-1)).toBe(`conflict ${OWN} true`);
    expect(host.addresses).toContain(`${OWN}/64`);
  });

  it('RFC 4862 §5.4.4: … once in ten seconds at most for each address, however often somebody claims it', () => {
    start({ addresses: [`${OWN}/64`, '2001:db8::2/64'] });
    host.pass(5);
    host.events.length = 0;
    const flood = (target: string): void =>
      host.hear(claim(target), { source: OWN, destination: ALL_NODES, mac: PEER_MAC });
    for (let n = 0; n < 100; n++) {
      flood(OWN);
      if (n === 50) flood('2001:db8::2');
      host.pass(0.1);
    }
    expect(host.events).toEqual([`conflict ${OWN} true`, 'conflict 2001:db8::2 true']);
    expect(host.drops).toMatchObject({ 'ndp-conflict': 101 });
    flood(OWN);
    expect(host.events).toHaveLength(3);
  });

  it('[S-049] RFC 7527: probes and answers that the link brings back mean nothing', () => {
    start({ addresses: [`${OWN}/64`] });
    for (let n = 0; n < 100; n++) {
      host.pass(0.1);
      for (const frame of host.link.take()) {
        host.link.inject(frame);
        host.clock.advance(0);
      }
    }
    expect(host.addresses).toContain(`${OWN}/64`);
    expect(host.addresses).toHaveLength(2);
    expect(host.events.filter((text) => text.startsWith('conflict'))).toEqual([]);
    expect(host.drops).toMatchObject({ 'ndp-looped': expect.any(Number) as number });
  });

  it('that are added and removed later are treated likewise', () => {
    start();
    host.pass(5);
    host.sent();
    host.eth.network.addAddress(`${OWN}/64`);
    host.pass(1);
    expect(host.said('neighbourSolicitation').map(({ ndp }) => ndp.target.toString())).toContain(OWN);
    host.eth.network.removeAddress(OWN);
    host.hear(probe(OWN), { source: '::', destination: GROUP, mac: PEER_MAC });
    expect(host.said('neighbourAdvertisement')).toEqual([]);
    expect(host.eth.ipv6Addresses.map(({ origin }) => origin)).toEqual(['link-local']);
  });
});

describe('solicited-node groups', () => {
  it('[S-049] RFC 4861 §7.2.1: one that the program gives while it is tried by itself is joined once, and left with it', () => {
    start({ autoconfiguration: { identifiers: 'eui64' } });
    const groups = (): string[] => host.stack.ip.memberships.groups(host.eth.network.index).map(String);
    const before = groups();
    expect(before).toHaveLength(1);
    host.eth.addAddress('fe80::ff:fe00:1/64');
    expect(groups()).toEqual(before);
    host.eth.removeAddress('fe80::ff:fe00:1');
    expect(groups()).toEqual([]);
  });

  it('[S-049] RFC 4861 §7.2.1: it is left where the address is lost, and joined when the program gives it again', () => {
    start({ addresses: [`${OWN}/64`], conflictDetection: true, autoconfiguration: false });
    const groups = (): string[] => host.stack.ip.memberships.groups(host.eth.network.index).map(String);
    expect(groups()).toEqual([GROUP]);
    host.hear(claim(OWN), { source: OWN, destination: ALL_NODES, mac: PEER_MAC });
    expect(groups()).toEqual([]);
    host.eth.addAddress(`${OWN}/64`);
    host.pass(5);
    expect([groups(), host.addresses]).toEqual([[GROUP], [`${OWN}/64`]]);
    host.eth.removeAddress(OWN);
    expect(groups()).toEqual([]);
  });
});

describe('the link', () => {
  it('[S-049] RFC 4861 §6.3.7: when it comes back routers are asked anew, addresses and routes have stayed', () => {
    start();
    host.pass(5);
    host.advertise([prefix('2001:db8::/64')]);
    host.pass(5);
    const [addresses, routes] = [host.addresses, host.routes];
    host.sent();
    host.link.setUp(false);
    host.pass(300);
    expect(host.sent()).toEqual([]);
    host.link.setUp(true);
    host.pass(1);
    expect(host.said('routerSolicitation')).toHaveLength(1);
    expect([host.addresses, host.routes]).toEqual([addresses, routes]);
  });

  it.each([
    ['is down', (): void => host.link.setUp(false)],
    [
      'has too small an MTU for IPv6',
      (): void => {
        Object.assign(host.link, { mtu: 1000 });
        host.link.host?.changed();
      },
    ],
  ])(
    '[S-049] §5.5.4, RFC 4861 §6.3.5, RFC 8106 §5.3.1: while it %s lifetimes run on, and nothing is sent',
    (_, goDown) => {
      start();
      host.pass(5);
      const lifetimes = { validLifetime: 100, preferredLifetime: 50 };
      const servers = [address('2001:db8::53')];
      host.advertise([prefix('2001:db8::/64', lifetimes), { name: 'rdnss', lifetime: 60, servers }], {
        routerLifetime: 80,
      });
      host.pass(5);
      const stable = host.eth.ipv6Addresses.find(({ origin }) => origin === 'stable')!.address;
      host.sent();
      goDown();
      const state = (): unknown => [
        host.eth.ipv6Addresses.find((own) => own.address === stable)?.state,
        host.eth.dns.servers.length,
      ];
      host.pass(40);
      expect(state()).toEqual(['preferred', 1]);
      host.events.length = 0;
      host.pass(20);
      expect(state()).toEqual(['deprecated', 0]);
      expect(host.events).toEqual([`deprecated stable ${stable}`, 'dns']);
      host.pass(40);
      expect(state()).toEqual([undefined, 0]);
      expect(host.addresses).not.toContain(stable);
      expect(host.routes.filter((text) => text.endsWith('advertised'))).toEqual([]);
      host.pass(5000);
      expect(host.sent()).toEqual([]);
    },
  );

  it('[S-049] RFC 4861 §6.3.5: a route that has ended on it while it is down leads nobody there', () => {
    start();
    const link = new RawLink();
    host.stack.attach(link, { name: 'tun0', addresses: ['2001:db8:2::1/64'] });
    host.stack.routes.add('::/0', { interface: 'tun0' });
    host.pass(5);
    host.advertise([prefix('2001:db8::/64', { validLifetime: 100 })]);
    const to = (): string | undefined => host.stack.routes.lookup(address('2001:db8::77'))?.interface.name;
    host.link.setUp(false);
    host.pass(90);
    // As with any other route: a longer prefix goes first, also where the link is down.
    expect(to()).toBe('eth0');
    host.pass(20);
    expect(to()).toBe('tun0');
  });

  /** The probes, and the announcements, for an address, in the order they were sent. */
  const talkOf = (target: string): string[] =>
    host.sent().flatMap(({ source, ndp }) => {
      if (ndp?.name === 'neighbourSolicitation' && ndp.target.toString() === target && source === '::')
        return ['probe'];
      return ndp?.name === 'neighbourAdvertisement' && ndp.target.toString() === target ? ['announcement'] : [];
    });

  it('[S-049] RFC 4862 §5.4, RFC 4861 §7.2.6: when it comes back addresses are tried again, in use meanwhile, and announced', () => {
    start({ addresses: [`${OWN}/64`] });
    host.pass(5);
    const linkLocal = host.addresses[1]!.replace('/64', '');
    for (const own of [OWN, linkLocal]) {
      host.sent();
      host.link.setUp(false);
      host.pass(300);
      expect(host.sent()).toEqual([]);
      host.link.setUp(true);
      expect(host.addresses).toEqual([`${OWN}/64`, `${linkLocal}/64`]);
      host.pass(10);
      expect(talkOf(own)).toEqual(['probe', 'announcement', 'announcement', 'announcement']);
    }
    expect(host.events.filter((text) => text.startsWith('tentative'))).toEqual([]);
  });

  it('RFC 4862 §5.4: what others say then takes no address away that is in use', () => {
    start({ addresses: [`${OWN}/64`] });
    host.pass(5);
    const before = host.addresses;
    host.link.setUp(false);
    host.link.setUp(true);
    for (const text of before) {
      const own = text.replace('/64', '');
      host.hear(claim(own), { source: own, destination: ALL_NODES, mac: PEER_MAC });
    }
    host.pass(10);
    expect(host.addresses).toEqual(before);
    expect(host.events.filter((text) => text.startsWith('conflict'))).toEqual(
      before.map((text) => `conflict ${text.replace('/64', '')} true`),
    );
  });

  it('[S-049] RFC 4862 §5.4: with conflictDetection it does: the address is given up, and what depends on it ends', () => {
    start({ addresses: [`${OWN}/64`], conflictDetection: true });
    host.pass(5);
    const errors: string[] = [];
    const socket = host.stack.udp.bind(
      { address: OWN },
      { onMessage: () => {}, onError: (error) => errors.push(error.code) },
    );
    host.link.setUp(false);
    host.link.setUp(true);
    host.pass(0.1);
    expect(host.addresses).toContain(`${OWN}/64`);
    host.hear(claim(OWN), { source: OWN, destination: ALL_NODES, mac: PEER_MAC });
    host.pass(0.1);
    expect(host.addresses).not.toContain(`${OWN}/64`);
    expect(errors).toEqual(['EADDRNOTAVAIL']);
    expect(host.events).toContain(`conflict ${OWN} false`);
    socket.close();
  });

  it('[S-049] RFC 4862 §5.4: an address that was being tried when the link went down is tried from the beginning', () => {
    start({ addresses: [`${OWN}/64`], conflictDetection: true });
    host.pass(1);
    expect(talkOf(OWN)).toEqual(['probe']);
    host.link.setUp(false);
    host.pass(60);
    host.link.setUp(true);
    host.clock.advance(0);
    expect(host.addresses).toEqual([]);
    host.pass(1);
    expect(talkOf(OWN)).toEqual(['probe']);
    host.pass(1);
    expect(host.addresses).toContain(`${OWN}/64`);
  });

  it('[S-049] RFC 4861 §7.2.6: another hardware address is announced, of all addresses, three times', () => {
    start({ addresses: [`${OWN}/64`, '10.0.0.1/24'] });
    host.pass(10);
    host.link.take();
    Object.assign(host.link, { address: hex('0200000000ee') });
    host.link.host?.changed();
    host.clock.advance(0);
    const frames = host.link.take();
    const arp = frames.filter((frame) => frame[12] === 8 && frame[13] === 6);
    expect(arp.map((frame) => [...frame.subarray(22, 28)])).toEqual([[...hex('0200000000ee')]]);
    host.link.sent.push(...frames);
    const [first] = host.said('neighbourAdvertisement').filter(({ source }) => source === OWN);
    expect(first).toMatchObject({ destination: ALL_NODES, ndp: { solicited: false, override: true } });
    expect(first!.ndp.options).toEqual([{ name: 'targetLinkAddress', bytes: hex('0200000000ee') }]);
    host.pass(10);
    const rest = host.said('neighbourAdvertisement');
    for (const own of host.addresses.filter((text) => text.includes(':'))) {
      expect(rest.filter(({ source }) => `${source}/64` === own)).toHaveLength(2);
    }
    // The same again is no news.
    host.link.host?.changed();
    host.pass(10);
    expect(host.sent()).toEqual([]);
  });

  it('nothing is announced of an address that has been removed meanwhile, or while the link is down', () => {
    start({ addresses: [`${OWN}/64`] });
    host.pass(5);
    host.sent();
    Object.assign(host.link, { address: hex('0200000000ee') });
    host.link.host?.changed();
    host.eth.removeAddress(OWN);
    host.pass(0.5);
    expect(talkOf(OWN)).toEqual(['announcement']);
    host.pass(5);
    expect(talkOf(OWN)).toEqual([]);
    host.link.setUp(false);
    Object.assign(host.link, { address: hex('0200000000ef') });
    host.link.host?.changed();
    host.pass(5);
    expect(host.sent()).toEqual([]);
  });

  it('no timer is left when the interface has gone', async () => {
    start({ addresses: [`${OWN}/64`] });
    await host.eth.detach();
    host.pass(10_000);
    expect(host.link.take()).toEqual([]);
    host.stack.assertQuiescent();
  });
});

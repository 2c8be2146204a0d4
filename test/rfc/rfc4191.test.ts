import { afterEach, describe, expect, it } from 'vitest';
import { Address } from '../../src/wire/address.ts';
import type { NdpOption } from '../../src/wire/ndp-options.ts';
import { EthernetHost, ROUTER } from '../support/ethernet-host.ts';

const OTHER = 'fe80::bb';
const host = new EthernetHost();

function route(text: string, preference: 'high' | 'medium' | 'low', lifetime: number): NdpOption {
  const [prefix, length] = text.split('/');
  return {
    name: 'routeInformation',
    prefix: Address.parse(prefix!),
    prefixLength: Number(length),
    preference,
    lifetime,
  };
}

/** The router that packets to this address go to. */
function routerTo(destination: string): string | undefined {
  return host.stack.routes.lookup(Address.parse(destination))?.via?.toString();
}

afterEach(() => {
  // All that was advertised ends.
  host.pass(10_000);
  expect(host.routes.filter((text) => text.includes('advertised'))).toEqual([]);
});

describe('router preferences and more-specific routes', () => {
  it('[S-049] §2.2, §3.2: of several default routers the preferred one is taken', () => {
    host.advertise([], { preference: 'low', routerLifetime: 100 });
    host.advertise([], { preference: 'high', routerLifetime: 50 }, { source: OTHER, mac: '0200000000bb' });
    expect(routerTo('2001:db8::1')).toBe(OTHER);
    host.advertise([], { preference: 'high', routerLifetime: 100 });
    host.advertise([], { preference: 'medium', routerLifetime: 100 }, { source: OTHER, mac: '0200000000bb' });
    expect(routerTo('2001:db8::1')).toBe(ROUTER);
    host.pass(60);
    host.advertise([], { routerLifetime: 0 });
    expect(routerTo('2001:db8::1')).toBe(OTHER);
  });

  it('[S-049] §3.2: the longest prefix goes first, then the preference', () => {
    host.advertise([route('2001:db8::/32', 'high', 100)], { preference: 'high', routerLifetime: 100 });
    host.advertise(
      [route('2001:db8:1::/48', 'low', 200), route('2001:db8::/32', 'medium', 100)],
      { preference: 'low', routerLifetime: 100 },
      { source: OTHER, mac: '0200000000bb' },
    );
    expect(['2001:db8:1::1', '2001:db8:2::1', '2001:dead::1'].map(routerTo)).toEqual([OTHER, ROUTER, ROUTER]);
    host.pass(100);
    expect(['2001:db8:1::1', '2001:db8:2::1'].map(routerTo)).toEqual([OTHER, undefined]);
    host.advertise([route('2001:db8:1::/48', 'low', 0)], { routerLifetime: 0 }, { source: OTHER, mac: '0200000000bb' });
    expect(routerTo('2001:db8:1::1')).toBeUndefined();
  });

  it('[S-049] §3.1: a route to everywhere overrides what the header says', () => {
    host.advertise([route('::/0', 'low', 200)], { preference: 'high', routerLifetime: 100 });
    host.advertise([], { preference: 'medium', routerLifetime: 150 }, { source: OTHER, mac: '0200000000bb' });
    expect(routerTo('2001:db8::1')).toBe(OTHER);
    host.pass(150);
    expect(routerTo('2001:db8::1')).toBe(ROUTER);
  });

  it('[S-049] §3.2, §3.5: a dead router is passed over whatever its prefix, and asked once a minute while it is wanted', () => {
    const [W, Y, Z] = ['fe80::e', 'fe80::f', 'fe80::10'];
    const lives = { routerLifetime: 0 };
    host.advertise([route('::/0', 'medium', 3000)], lives, { source: W, mac: '02000000000e' });
    host.advertise([route('2001:db8::/32', 'high', 3000)], lives, { source: Y, mac: '02000000000f' });
    host.advertise([route('2001:db8::/32', 'low', 3000)], lives, { source: Z, mac: '020000000010' });
    const use = (): void => {
      const socket = host.stack.udp.bind({ address: '::' }, { onMessage: () => {} });
      socket.send(Uint8Array.of(1), 9, '2001:db8::1');
      socket.close();
    };
    const asked = (): string[] =>
      host.said('neighbourSolicitation').map(({ ndp }) => (ndp as { target: Address }).target.toString());
    const dead: string[] = [];
    for (const next of [Y, Z, W]) {
      expect(routerTo('2001:db8::1')).toBe(next);
      use();
      host.pass(10);
      dead.push(next);
      expect(host.eth.neighbours.get(next)?.state).toBe('FAILED');
    }
    host.pass(100);
    asked();
    // A new one that answers.
    host.advertise([route('::/0', 'low', 3000)], lives, { source: OTHER, mac: '0200000000bb' });
    expect(routerTo('2001:db8::1')).toBe(OTHER);
    host.pass(1);
    expect(asked().sort()).toEqual([...dead].sort());
    for (let i = 0; i < 50; i++) {
      expect(routerTo('2001:db8::1')).toBe(OTHER);
      host.pass(1);
    }
    expect(asked()).toEqual([]);
    // Another interface has no way there, dead routers or not.
    const lo = host.stack.ip.interfaces.find(({ loopback }) => loopback)!;
    expect(host.stack.routes.lookup(Address.parse('2001:db8::1'), lo)).toBeUndefined();
    // Without traffic that it would have carried nobody is asked.
    host.pass(200);
    expect(asked()).toEqual([]);
    expect(routerTo('2001:db8::1')).toBe(OTHER);
    host.pass(0);
    expect(asked()).toHaveLength(3);
    host.hear(
      {
        name: 'neighbourAdvertisement',
        router: true,
        solicited: true,
        override: true,
        target: Address.parse(Z),
        options: [{ name: 'targetLinkAddress', bytes: Uint8Array.of(2, 0, 0, 0, 0, 16) }],
      },
      { source: Z, destination: host.eth.addresses[0]!.address.toString(), mac: '020000000010' },
    );
    expect(routerTo('2001:db8::1')).toBe(Z);
  });

  it('[S-049] §3.5: … also for a socket that goes on sending, and only while it does', () => {
    host.advertise([], { preference: 'high', routerLifetime: 3000 });
    host.advertise([], { routerLifetime: 3000 }, { source: OTHER, mac: '0200000000bb' });
    host.eth.neighbours.set(OTHER, '02:00:00:00:00:bb');
    const socket = host.stack.udp.bind({ address: '::' }, { onMessage: () => {} });
    const asked = (): number =>
      host.said('neighbourSolicitation').filter(({ ndp }) => ndp.target.toString() === ROUTER).length;
    const send = (seconds: number): void => {
      for (let i = 0; i < seconds; i++) {
        socket.send(Uint8Array.of(1), 9, '2001:db8::1');
        host.pass(1);
      }
    };
    // The same path all the time.
    send(30);
    expect(host.eth.neighbours.get(ROUTER)?.state).toBe('FAILED');
    asked();
    send(300);
    expect(asked()).toBe(5);
    host.pass(300);
    expect(asked()).toBe(0);
    socket.close();
    host.eth.neighbours.delete(OTHER);
  });

  it('[S-049] a route added by hand goes before', () => {
    host.advertise([], { preference: 'high', routerLifetime: 100 });
    expect(() => host.stack.routes.remove('::/0')).toThrow('a router advertises it');
    host.stack.routes.add('::/0', { via: 'fe80::77', interface: 'eth0' });
    expect(routerTo('2001:db8::1')).toBe('fe80::77');
    host.stack.routes.remove('::/0');
    expect(routerTo('2001:db8::1')).toBe(ROUTER);
  });
});

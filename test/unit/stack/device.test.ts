import { describe, expect, it } from 'vitest';
import type { Stack } from '../../../src/index.ts';
import type { ConnectOptions } from '../../../src/stack/tcp.ts';
import { formatPacket, parsePacket } from '../../../src/wire/packet.ts';
import { describePacket } from '../../../src/wire/describe.ts';
import { RawPeer, rawPacket } from '../../support/raw-peer.ts';
import type { RawLink } from '../../support/raw-link.ts';
import { TcpFlag } from '../../../src/wire/tcp.ts';
import { ipv6 } from '../ip/fixture6.ts';
import { open as openRaw, openPing } from '../raw/world.ts';
import { TwoLinks } from './two-links.ts';

const code = (wanted: string): object => expect.objectContaining({ code: wanted });

/** Which link a SYN went out by, and to whom. */
function synBy(scene: TwoLinks, options: Partial<ConnectOptions> & { remoteAddress: string }): string {
  const connection = scene.stack.tcp.connect({ remotePort: 80, ...options }, { onError: () => {} });
  scene.clock.advance(0);
  const sent = [scene.eth0.take(), scene.eth1.take()];
  connection.abort();
  scene.clock.advance(0);
  scene.eth0.take();
  scene.eth1.take();
  return sent
    .map((packets) => packets.map((bytes) => describePacket(bytes).split(' ').slice(0, 4).join(' ')))
    .join(' | ');
}

/** The destinations of the UDP datagrams that were sent by a link. */
function datagramsTo(link: RawLink): string[] {
  return link.take().flatMap((bytes) => {
    const packet = parsePacket(bytes);
    return typeof packet === 'string' || packet.udp === undefined ? [] : [packet.ip.destination.toString()];
  });
}

describe('device', () => {
  it('[S-026] routes are looked up among those of the interface alone, gateways included', () => {
    const scene = new TwoLinks();
    scene.stack.routes.add('0.0.0.0/0', { via: '10.0.0.1' });
    scene.stack.routes.add('0.0.0.0/0', { via: '10.1.0.1', metric: 10 });
    const hops = scene.nextHops();
    const sources = (device?: string): string => {
      const connection = scene.stack.tcp.connect({ remoteAddress: '192.0.2.1', remotePort: 80, device }, {});
      scene.clock.advance(0);
      return `${connection.localAddress} ${hops.splice(0).join()}`;
    };
    expect(sources()).toBe('10.0.0.2 eth0 10.0.0.1');
    expect(sources('eth0')).toBe('10.0.0.2 eth0 10.0.0.1');
    expect(sources('eth1')).toBe('10.1.0.2 eth1 10.1.0.1');
    const devices = new Set(scene.stack.tcp.connections.map((connection) => connection.get('device')));
    expect(devices).toEqual(new Set([undefined, 'eth0', 'eth1']));
  });

  it('an IPv4 peer without a route is taken to be on the link, an IPv6 one is unreachable (as Linux)', () => {
    const scene = new TwoLinks();
    const hops = scene.nextHops();
    scene.stack.tcp.connect({ remoteAddress: '192.0.2.1', remotePort: 80, device: 'eth1' }, {});
    scene.clock.advance(0);
    expect(hops).toEqual(['eth1 192.0.2.1']);
    expect(() => scene.stack.tcp.connect({ remoteAddress: '2001:db8::1', remotePort: 80, device: 'eth1' }, {})).toThrow(
      code('ENETUNREACH'),
    );
    // 10.0.0.0/24 is eth0's: bound to eth1, it is not asked.
    scene.stack.tcp.connect({ remoteAddress: '10.0.0.9', remotePort: 80, device: 'eth1' }, {});
    scene.clock.advance(0);
    expect(hops.slice(1)).toEqual(['eth1 10.0.0.9']);
  });

  it('a link-local peer needs no zone then, and can have no other', () => {
    const scene = new TwoLinks();
    expect(synBy(scene, { remoteAddress: 'fe80::9', device: 'eth1' })).toMatch(/^ \| .*fe80::9/);
    const other = { remoteAddress: 'fe80::9%eth0', remotePort: 80, device: 'eth1' };
    expect(() => scene.stack.tcp.connect(other, {})).toThrow(code('EINVAL'));
  });

  it.each([
    [
      'tcp.connect',
      (stack: Stack) => stack.tcp.connect({ remoteAddress: '10.0.0.1', remotePort: 1, device: 'eth7' }, {}),
    ],
    ['tcp.listen', (stack: Stack) => stack.tcp.listen({ port: 1, device: 'eth7' }, () => {})],
    ['udp.bind', (stack: Stack) => stack.udp.bind({ port: 1, device: 'eth7' }, { onMessage: () => {} })],
  ])('%s: ENODEV where there is no such interface', (_name, open) => {
    const { stack } = new TwoLinks();
    expect(() => open(stack)).toThrow(code('ENODEV'));
    expect(() => open(stack)).toThrow(/there is no interface eth7; there are lo, eth0, eth1/);
    stack.assertQuiescent();
  });

  it('is a name, and stays', () => {
    const { stack } = new TwoLinks();
    expect(() => stack.tcp.listen({ device: 1 as unknown as string }, () => {})).toThrow(code('ERR_INVALID_ARG_TYPE'));
    const udp = stack.udp.bind({ device: 'eth0' }, { onMessage: () => {} });
    expect(udp.get('device')).toBe('eth0');
    expect(() => udp.set('device' as 'ttl', 1)).toThrow(code('ERR_INVALID_ARG_VALUE'));
  });

  it('the stack’s own addresses are not reached so, but by lo', () => {
    const { stack } = new TwoLinks();
    for (const remoteAddress of ['10.0.0.2', '127.0.0.1', 'fd00::2']) {
      const to = { remoteAddress, remotePort: 1 };
      expect(() => stack.tcp.connect({ ...to, device: 'eth0' }, {})).toThrow(code('ENETUNREACH'));
      expect(stack.tcp.connect({ ...to, device: 'lo' }, {}).state).toBe('SYN_SENT');
    }
    expect(() => stack.tcp.connect({ remoteAddress: '10.0.0.9', remotePort: 1, device: 'lo' }, {})).toThrow(
      code('ENETUNREACH'),
    );
  });

  it('a listener takes what comes by its interface; two on one port are no conflict', () => {
    const scene = new TwoLinks();
    const taken: string[] = [];
    const listen = (device?: string) =>
      scene.stack.tcp.listen({ port: 80, device }, (connection) => taken.push(`${device} ${connection.get('device')}`));
    const first = listen('eth0');
    expect(() => listen('eth0')).toThrow(code('EADDRINUSE'));
    expect(() => listen()).toThrow(code('EADDRINUSE'));
    const second = listen('eth1');
    // By either interface to either address: the weak model.
    for (const [link, port, to] of [
      [scene.eth0, 1, '10.0.0.2'],
      [scene.eth1, 2, '10.1.0.2'],
      [scene.eth1, 3, '10.0.0.2'],
    ] as const) {
      new RawPeer(link, ['10.1.0.7', port], [to, 80]).connect(scene.clock);
    }
    expect(taken).toEqual(['eth0 eth0', 'eth1 eth1', 'eth1 eth1']);
    first.close();
    second.close();
  });

  it('what is not for a bound listener is refused, or another’s', () => {
    const scene = new TwoLinks();
    scene.stack.tcp.listen({ port: 80, device: 'eth1' }, () => {});
    const syn = (link: RawLink): string[] => {
      new RawPeer(link, ['10.0.0.7', 1000], ['10.0.0.2', 80]).send(TcpFlag.SYN);
      scene.clock.advance(0);
      return link.take().map((bytes) => describePacket(bytes));
    };
    expect(syn(scene.eth0).join()).toMatch(/\[R/);
    const taken: string[] = [];
    scene.stack.tcp.listen({ address: '10.0.0.2', port: 81 }, () => taken.push('address'));
    scene.stack.tcp.listen({ port: 82, device: 'eth0' }, () => taken.push('device'));
    new RawPeer(scene.eth0, ['10.0.0.7', 1001], ['10.0.0.2', 82]).connect(scene.clock);
    expect(taken).toEqual(['device']);
  });

  it('a connection hears nothing that comes by another interface', () => {
    const scene = new TwoLinks();
    const ended: string[] = [];
    scene.stack.tcp.listen({ port: 80, device: 'eth0' }, (connection) => {
      connection.handler = { onError: (error) => ended.push(error.code) };
    });
    const peer = new RawPeer(scene.eth0, ['10.0.0.7', 1000], ['10.0.0.2', 80]);
    peer.connect(scene.clock);
    const reset = peer.segment(TcpFlag.RST | TcpFlag.ACK);
    scene.eth1.inject(reset);
    scene.clock.advance(0);
    expect(ended).toEqual([]);
    expect(scene.stack.statistics().drops).toMatchObject({ 'tcp-other-device': 1 });
    scene.eth0.inject(reset);
    scene.clock.advance(0);
    expect(ended).toEqual(['ECONNRESET']);
  });

  it('UDP: unicast, broadcast and groups by the interface alone', () => {
    const scene = new TwoLinks();
    const heard: string[] = [];
    const bind = (device?: string) =>
      scene.stack.udp.bind(
        { port: 53, device, broadcast: true, reuseAddress: true },
        { onMessage: (_bytes, { localAddress }) => heard.push(`${device} ${localAddress}`) },
      );
    const [bound, any] = [bind('eth1'), bind()];
    any.join('224.5.6.7', '10.0.0.2');
    bound.join('224.5.6.7', '10.1.0.2');
    const udp = { sourcePort: 1, destinationPort: 53, payload: new Uint8Array(1) };
    for (const to of ['10.0.0.2', '255.255.255.255', '224.5.6.7']) {
      for (const link of [scene.eth0, scene.eth1]) {
        link.inject(rawPacket('10.9.0.1', to, { udp }));
        scene.clock.advance(0);
      }
    }
    expect(heard).toEqual([
      'undefined 10.0.0.2',
      'eth1 10.0.0.2',
      'undefined 255.255.255.255',
      'eth1 255.255.255.255',
      'undefined 255.255.255.255',
      'undefined 224.5.6.7',
      'eth1 224.5.6.7',
      'undefined 224.5.6.7',
    ]);
    // Both have told routers of the group.
    for (const link of [scene.eth0, scene.eth1]) link.take();
    for (const to of ['192.0.2.1', '255.255.255.255', '224.0.0.251', '10.0.0.9']) bound.send(new Uint8Array(1), 9, to);
    scene.clock.advance(0);
    expect(datagramsTo(scene.eth0)).toEqual([]);
    expect(datagramsTo(scene.eth1)).toEqual(['192.0.2.1', '255.255.255.255', '224.0.0.251', '10.0.0.9']);
    expect(() => bound.send(new Uint8Array(1), 9, '10.0.0.2')).toThrow(code('ENETUNREACH'));
  });

  it('IPv6: a datagram by another interface finds no socket', () => {
    const scene = new TwoLinks();
    const heard: string[] = [];
    scene.stack.udp.bind({ address: '::', port: 53, device: 'eth1' }, { onMessage: () => heard.push('eth1') });
    const udp = { sourcePort: 1, destinationPort: 53, payload: new Uint8Array(1) };
    const packet = formatPacket({ ip: ipv6({ source: 'fd00::7', destination: 'fd00::2' }), udp });
    scene.eth0.inject(packet);
    scene.eth1.inject(packet);
    scene.clock.advance(0);
    expect(heard).toEqual(['eth1']);
    expect(scene.stack.statistics().drops).toMatchObject({ 'udp-no-listener': 1 });
  });

  it('a default of the stack’s, or of createNet’s', () => {
    const scene = new TwoLinks({ tcp: { device: 'eth1' } });
    expect(synBy(scene, { remoteAddress: '192.0.2.1' })).toMatch(/^ \| /);
  });
});

describe('device of raw and ping sockets', () => {
  it('is where they send and hear', () => {
    const scene = new TwoLinks();
    scene.stack.routes.add('0.0.0.0/0', { via: '10.0.0.1' });
    scene.stack.routes.add('0.0.0.0/0', { via: '10.1.0.1', metric: 10 });
    const hops = scene.nextHops();
    for (const device of [undefined, 'eth0', 'eth1']) {
      openRaw(scene.stack, { protocol: 253, device }).socket.send(new Uint8Array(8), '192.0.2.1');
      openPing(scene.stack, { remoteAddress: '192.0.2.1', device }).socket.send([]);
    }
    const both = (hop: string): string[] => [hop, hop];
    expect(hops).toEqual([...both('eth0 10.0.0.1'), ...both('eth0 10.0.0.1'), ...both('eth1 10.1.0.1')]);
  });

  it('a raw socket is told when it is gone, and when its address is', () => {
    const scene = new TwoLinks();
    const [, eth1] = scene.interfaces;
    const byDevice = openRaw(scene.stack, { protocol: 253, device: 'eth1' });
    const byAddress = openRaw(scene.stack, { protocol: 253, address: '10.1.0.2' });
    const neither = openRaw(scene.stack, { protocol: 253 });
    eth1.removeAddress('10.1.0.2/24');
    scene.clock.advance(0);
    void eth1.detach();
    scene.clock.advance(0);
    const told = [byDevice, byAddress, neither].map(({ errors }) => errors.map((error) => error.code).join());
    expect(told).toEqual(['ENODEV', 'EADDRNOTAVAIL', '']);
  });
});

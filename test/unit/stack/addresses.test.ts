import { describe, expect, it } from 'vitest';
import type { Connection, ConnectOptions } from '../../../src/index.ts';
import { parsePacket } from '../../../src/wire/packet.ts';
import { TcpFlag } from '../../../src/wire/tcp.ts';
import { RawPeer } from '../../support/raw-peer.ts';
import { TwoLinks } from './two-links.ts';

const code = (wanted: string): object => expect.objectContaining({ code: wanted });

/** What the owner of a connection is told of its end. */
function watched(): { told: string[]; handler: Connection['handler'] } {
  const told: string[] = [];
  return { told, handler: { onError: (error) => told.push(error.code), onClose: () => told.push('close') } };
}

function flagsOf(packets: readonly Uint8Array[]): (number | undefined)[] {
  return packets.map((bytes) => {
    const packet = parsePacket(bytes);
    return typeof packet === 'string' ? undefined : packet.tcp?.flags;
  });
}

describe('Interface.addAddress', () => {
  it('an address is taken and sent from at once, and its network has a route', () => {
    const scene = new TwoLinks();
    const [eth0] = scene.interfaces;
    eth0.addAddress('10.5.0.3/24');
    eth0.addAddress('fd05::3/64');
    expect(eth0.addresses.map(String)).toEqual([
      '10.0.0.2/24',
      'fd00::2/64',
      'fe80::2/64',
      '10.5.0.3/24',
      'fd05::3/64',
    ]);
    scene.stack.tcp.listen({ address: '10.5.0.3', port: 80 }, () => {});
    new RawPeer(scene.eth0, ['10.5.0.9', 1], ['10.5.0.3', 80]).connect(scene.clock);
    const to: ConnectOptions = { remoteAddress: 'fd05::9', remotePort: 1 };
    expect(scene.stack.tcp.connect(to, {}).localAddress.toString()).toBe('fd05::3');
  });

  it.each([
    ['10.0.0.2/24', /has the address/],
    ['10.1.0.2/16', /the interface eth1 has the address 10.1.0.2 already/],
    ['10.5.0.3', /append the prefix length/],
    ['224.0.0.1/4', /not unicast/],
    ['10.5.0.255/24', /broadcast/],
  ])('refuses %s', (text, message) => {
    const [eth0] = new TwoLinks().interfaces;
    expect(() => eth0.addAddress(text)).toThrow(code('ERR_INVALID_ARG_VALUE'));
    expect(() => eth0.addAddress(text)).toThrow(message);
    expect(eth0.addresses).toHaveLength(3);
  });

  it('is for interfaces that are attached', async () => {
    const [eth0] = new TwoLinks().interfaces;
    await eth0.detach();
    expect(() => eth0.addAddress('10.5.0.3/24')).toThrow(code('ERR_INVALID_STATE'));
  });
});

describe('Interface.removeAddress', () => {
  it('connections from and to it end with ECONNABORTED, and the peers are told; others go on', () => {
    const scene = new TwoLinks();
    const [eth0] = scene.interfaces;
    eth0.addAddress('10.0.0.3/24');
    const { told, handler } = watched();
    scene.stack.tcp.listen({ port: 80 }, (connection) => (connection.handler = handler));
    const gone = new RawPeer(scene.eth0, ['10.0.0.9', 1], ['10.0.0.3', 80]);
    const stays = new RawPeer(scene.eth0, ['10.0.0.9', 2], ['10.0.0.2', 80]);
    gone.connect(scene.clock);
    stays.connect(scene.clock);
    const opening = watched();
    const to = { remoteAddress: '10.0.0.7', remotePort: 1 };
    scene.stack.tcp.connect({ ...to, localAddress: '10.0.0.3' }, opening.handler);
    scene.clock.advance(0);
    scene.eth0.take();
    eth0.removeAddress('10.0.0.3');
    scene.clock.advance(0);
    expect([told, opening.told]).toEqual([
      ['ECONNABORTED', 'close'],
      ['ECONNABORTED', 'close'],
    ]);
    // The handshake has told nobody anything yet.
    expect(flagsOf(scene.eth0.take())).toEqual([TcpFlag.RST | TcpFlag.ACK]);
    expect(scene.stack.tcp.connections.map(({ localAddress }) => localAddress.toString())).toEqual(['10.0.0.2']);
    stays.send(TcpFlag.ACK | TcpFlag.PSH, { payload: new Uint8Array(3) });
    scene.clock.advance(1_000_000);
    expect(stays.absorb(scene.eth0.take())).toHaveLength(1);
  });

  it('what was to be sent to it finds nobody, and its network no route', () => {
    const scene = new TwoLinks();
    const [eth0] = scene.interfaces;
    eth0.addAddress('10.5.0.3/24');
    eth0.removeAddress('10.5.0.3/24');
    expect(() => eth0.removeAddress('10.5.0.3')).toThrow(code('ERR_INVALID_ARG_VALUE'));
    expect(scene.stack.routes.list().map(({ prefix }) => prefix.toString())).not.toContain('10.5.0.0/24');
    new RawPeer(scene.eth0, ['10.5.0.9', 1], ['10.5.0.3', 80]).send(TcpFlag.SYN);
    scene.clock.advance(0);
    expect(scene.eth0.take()).toEqual([]);
    expect(scene.stack.statistics().drops).toEqual({ 'ipv4-not-for-us': 1 });
  });

  it('inside, both ends end; in TIME-WAIT nothing is told, and the ports are free', () => {
    const scene = new TwoLinks();
    const near = watched();
    const far = watched();
    scene.stack.tcp.listen({ address: '10.0.0.2', port: 80 }, (connection) => (connection.handler = far.handler));
    scene.stack.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: 80 }, near.handler);
    const old = watched();
    const closed = scene.stack.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: 80 }, old.handler);
    scene.clock.advance(1000);
    for (const connection of scene.stack.tcp.connections) {
      if (connection.remotePort === closed.localPort || connection === closed) connection.close();
    }
    scene.clock.advance(1_000_000);
    expect(closed.state === 'TIME_WAIT' || scene.stack.statistics().tcp.timeWait === 1).toBe(true);
    far.told.length = 0;
    scene.interfaces[0].removeAddress('10.0.0.2');
    scene.clock.advance(0);
    expect([near.told, far.told]).toEqual([
      ['ECONNABORTED', 'close'],
      ['ECONNABORTED', 'close'],
    ]);
    expect(old.told).toEqual(['close']);
    expect(scene.stack.statistics().tcp).toMatchObject({ connections: 0, timeWait: 0 });
  });

  it('a listener bound to it is told, stays, and goes on when the address is back; one for all is not', () => {
    const scene = new TwoLinks();
    const [eth0] = scene.interfaces;
    const errors: unknown[] = [];
    let taken = 0;
    const bound = scene.stack.tcp.listen({ address: '10.0.0.2', port: 80 }, () => taken++);
    bound.onError = (error) => errors.push(error);
    scene.stack.tcp.listen({ port: 81 }, () => {}).onError = (error) => errors.push(error);
    eth0.removeAddress('10.0.0.2');
    expect(errors).toEqual([]);
    scene.clock.advance(0);
    expect(errors).toEqual([
      expect.objectContaining({ code: 'EADDRNOTAVAIL', syscall: 'listen', address: '10.0.0.2', port: 80 }),
    ]);
    expect(bound.closed).toBe(false);
    eth0.addAddress('10.0.0.2/24');
    new RawPeer(scene.eth0, ['10.0.0.9', 1], ['10.0.0.2', 80]).connect(scene.clock);
    expect(taken).toBe(1);
  });

  it('UDP sockets that are bound to it, or connected from it, are told, and can send again when it is back', () => {
    const scene = new TwoLinks();
    const [eth0] = scene.interfaces;
    const errors: string[] = [];
    const bind = (name: string, address?: string) =>
      scene.stack.udp.bind(
        { address },
        { onMessage: () => {}, onError: (error) => errors.push(`${name} ${error.code}`) },
      );
    const bound = bind('bound', '10.0.0.2');
    const mapped = bind('mapped', '::ffff:10.0.0.2');
    const connected = bind('connected');
    connected.connect('10.0.0.9', 7);
    bind('any');
    const send = (): unknown => bound.send(new Uint8Array(1), 7, '10.0.0.9');
    send();
    eth0.removeAddress('10.0.0.2');
    scene.clock.advance(0);
    expect(errors).toEqual(['bound EADDRNOTAVAIL', 'mapped EADDRNOTAVAIL', 'connected EADDRNOTAVAIL']);
    expect(send).toThrow(code('EADDRNOTAVAIL'));
    expect(() => connected.send(new Uint8Array(1))).toThrow(code('EADDRNOTAVAIL'));
    eth0.addAddress('10.0.0.2/24');
    expect(send()).toBe(true);
    expect(connected.send(new Uint8Array(1))).toBe(true);
    mapped.close();
  });
});

describe('detach', () => {
  it('connections of its addresses, and those bound to it, end; listeners and sockets bound to it are told', async () => {
    const scene = new TwoLinks();
    const [eth0] = scene.interfaces;
    const own = watched();
    const device = watched();
    const other = watched();
    const to = { remoteAddress: '10.0.0.9', remotePort: 1 };
    scene.stack.tcp.connect(to, own.handler);
    scene.stack.tcp.connect({ ...to, localAddress: '10.1.0.2', device: 'eth0' }, device.handler);
    scene.stack.tcp.connect({ remoteAddress: '10.1.0.9', remotePort: 1 }, other.handler);
    const errors: string[] = [];
    scene.stack.tcp.listen({ port: 80, device: 'eth0' }, () => {}).onError = (error) => errors.push(error.code);
    const onError = (error: { code: string }): void => void errors.push(error.code);
    const socket = scene.stack.udp.bind({ device: 'eth0' }, { onMessage: () => {}, onError });
    await eth0.detach();
    scene.clock.advance(0);
    expect([own.told, device.told, other.told]).toEqual([['ECONNABORTED', 'close'], ['ECONNABORTED', 'close'], []]);
    expect(errors.toSorted()).toEqual(['ENODEV', 'ENODEV']);
    expect(() => socket.send(new Uint8Array(1), 7, '192.0.2.1')).toThrow(code('ENODEV'));
    for (const connection of scene.stack.tcp.connections) connection.abort();
    for (const listener of scene.stack.tcp.listeners) listener.close();
    socket.close();
    scene.clock.advance(0);
    scene.stack.assertQuiescent();
  });
});

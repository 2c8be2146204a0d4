import { describe, expect, it } from 'vitest';
import { Stack } from '../../../src/index.ts';
import type { Address } from '../../../src/index.ts';
import type { StackOptions } from '../../../src/stack/stack.ts';
import { TcpFlag } from '../../../src/wire/tcp.ts';
import { describePacket } from '../../../src/wire/describe.ts';
import { formatPacket } from '../../../src/wire/packet.ts';
import { RawPeer, rawPacket } from '../../support/raw-peer.ts';
import { ipv6 } from '../ip/fixture6.ts';
import { TwoLinks } from './two-links.ts';

const strong = (): TwoLinks => new TwoLinks({ hostModel: 'strong' });
const code = (wanted: string): object => expect.objectContaining({ code: wanted });
const UDP = { sourcePort: 1, destinationPort: 53, payload: new Uint8Array(1) };

/** Which of these addresses a datagram by eth0 reaches a socket at. */
function heardBy(scene: TwoLinks, addresses: readonly string[]): string[] {
  const heard: string[] = [];
  const onMessage = (_bytes: Uint8Array, { localAddress }: { localAddress: Address }): void => {
    heard.push(localAddress.toString());
  };
  const socket = scene.stack.udp.bind({ address: '::', port: 53 }, { onMessage });
  socket.join('ff02::77', '::%eth0');
  for (const destination of addresses) {
    const is6 = destination.includes(':');
    const packet = is6
      ? formatPacket({ ip: ipv6({ source: 'fd00::7', destination }), udp: UDP })
      : rawPacket('10.0.0.7', destination, { udp: UDP });
    scene.eth0.inject(packet);
    scene.clock.advance(0);
  }
  socket.close();
  return heard;
}

const ALL = ['10.0.0.2', '10.1.0.2', '10.0.0.255', '10.1.0.255', '255.255.255.255', 'fd00::2', 'fd01::2', 'ff02::77'];

describe('hostModel', () => {
  it('[S-026] weak: whatever is the stack’s is taken by every interface', () => {
    expect(heardBy(new TwoLinks(), ALL)).toEqual(ALL);
  });

  it('[S-026] strong: only what is the interface’s, and what is for all', () => {
    const scene = strong();
    expect(heardBy(scene, ALL)).toEqual(ALL.filter((text) => !/^(10\.1|fd01)/.test(text)));
    expect(scene.stack.statistics().drops).toMatchObject({ 'ipv4-other-interface': 2, 'ipv6-other-interface': 1 });
  });

  it('[S-026] strong: what is sent from an address leaves by its interface, by the routes of that', () => {
    const scene = strong();
    const hops = scene.nextHops();
    const { stack, clock } = scene;
    stack.routes.add('0.0.0.0/0', { via: '10.0.0.1' });
    const connect = (localAddress: string | undefined, remoteAddress: string): string => {
      const connection = stack.tcp.connect({ localAddress, remoteAddress, remotePort: 1 }, {});
      clock.advance(0);
      return `${connection.localAddress} ${hops.splice(0).join()}`;
    };
    expect(connect(undefined, '192.0.2.1')).toBe('10.0.0.2 eth0 10.0.0.1');
    expect(connect('10.0.0.2', '192.0.2.1')).toBe('10.0.0.2 eth0 10.0.0.1');
    expect(() => connect('10.1.0.2', '192.0.2.1')).toThrow(code('ENETUNREACH'));
    expect(() => connect('10.1.0.2', '10.0.0.9')).toThrow(code('ENETUNREACH'));
    stack.routes.add('0.0.0.0/0', { via: '10.1.0.1', metric: 5 });
    expect(connect('10.1.0.2', '192.0.2.2')).toBe('10.1.0.2 eth1 10.1.0.1');
    // A route added later is found, one that is gone is not replaced by another interface's.
    stack.routes.remove('0.0.0.0/0', { metric: 5 });
    const socket = stack.udp.bind({ address: '10.1.0.2' }, { onMessage: () => {} });
    expect(() => socket.send(new Uint8Array(1), 9, '192.0.2.1')).toThrow(code('ENETUNREACH'));
    socket.send(new Uint8Array(1), 9, '10.1.0.9');
    expect(hops.splice(0)).toEqual(['eth1 10.1.0.9']);
    // Inside is inside.
    expect(connect('10.1.0.2', '10.0.0.2')).toBe('10.1.0.2 ');
  });

  it('strong: an interface without an address borrows none', () => {
    for (const [hostModel, source] of [
      ['weak', '10.0.0.2'],
      ['strong', undefined],
    ] as const) {
      const { stack } = new TwoLinks({ hostModel });
      stack.interfaces[2]!.network.removeAddress('10.1.0.2');
      stack.routes.add('192.0.2.0/24', { interface: 'eth1' });
      const connect = (): string =>
        stack.tcp.connect({ remoteAddress: '192.0.2.1', remotePort: 1 }, {}).localAddress.toString();
      if (source === undefined) expect(connect).toThrow(code('EADDRNOTAVAIL'));
      else expect(connect()).toBe(source);
      // Nor the address of another that a route names.
      stack.routes.add('198.51.100.0/24', { via: '10.1.0.1', interface: 'eth1', source: '10.0.0.2' });
      const preferred = (): unknown => stack.tcp.connect({ remoteAddress: '198.51.100.1', remotePort: 1 }, {});
      if (source === undefined) expect(preferred).toThrow(code('EADDRNOTAVAIL'));
      else expect(preferred).not.toThrow();
    }
  });

  it('strong: groups are sent to from an address of the interface', () => {
    const { stack } = strong();
    const socket = stack.udp.bind({ address: '10.0.0.2' }, { onMessage: () => {} });
    socket.multicastFrom('10.1.0.2');
    expect(() => socket.send(new Uint8Array(1), 9, '224.5.6.7')).toThrow(code('EADDRNOTAVAIL'));
  });

  it('strong: answers go back by the interface that was asked', () => {
    const scene = strong();
    // 10.9.0.0/24 is behind eth1 by the routes of the stack, and eth0 has a way, too.
    scene.stack.routes.add('10.9.0.0/24', { via: '10.1.0.1' });
    scene.stack.routes.add('10.9.0.0/24', { via: '10.0.0.1', metric: 9 });
    new RawPeer(scene.eth0, ['10.9.0.7', 1], ['10.0.0.2', 80]).send(TcpFlag.SYN);
    scene.eth0.inject(rawPacket('10.9.0.7', '10.0.0.2', { udp: UDP }));
    scene.eth0.inject(
      rawPacket('10.9.0.7', '10.0.0.2', { icmp: { type: 8, code: 0, rest: 1, payload: new Uint8Array(9) } }),
    );
    scene.clock.advance(0);
    expect(scene.eth1.take()).toEqual([]);
    expect(scene.eth0.take().map((bytes) => describePacket(bytes))).toHaveLength(3);
  });

  it('is weak or strong', () => {
    expect(() => new Stack({ hostModel: 'firm' } as unknown as StackOptions)).toThrow(code('ERR_INVALID_ARG_VALUE'));
  });
});

import { once } from 'node:events';
import { expect, it } from 'vitest';
import { Stack } from '../../../src/index.ts';
import { createDgram } from '../../../src/node/index.ts';
import { parsePacket } from '../../../src/wire/packet.ts';
import { rawPacket } from '../../support/raw-peer.ts';
import type { RawLink } from '../../support/raw-link.ts';
import { TwoLinks } from '../stack/two-links.ts';

/** `destination dscp` of the datagrams that have left by a link. */
function sentBy(link: RawLink): string[] {
  return link.take().flatMap((bytes) => {
    const packet = parsePacket(bytes);
    if (typeof packet === 'string' || packet.udp === undefined) return [];
    return [`${packet.ip.destination} ${packet.ip.trafficClass >>> 2}`];
  });
}

it('udp.device: a socket sends by its interface, and hears what comes by it', async () => {
  const scene = new TwoLinks();
  const udp = { device: 'eth1', dscp: 46 };
  const socket = createDgram(scene.stack).createSocket({ type: 'udp4', udp });
  // What is changed afterwards changes nothing.
  udp.device = 'eth0';
  const heard: string[] = [];
  socket.on('message', (message) => heard.push(message.toString()));
  socket.bind(53);
  await once(socket, 'listening');
  // 10.0.0.0/24 is eth0's: bound to eth1, it is not asked.
  await new Promise((resolve) => {
    socket.send('x', 9, '10.0.0.9', resolve);
  });
  scene.clock.advance(0);
  expect([sentBy(scene.eth0), sentBy(scene.eth1)]).toEqual([[], ['10.0.0.9 46']]);
  for (const [link, text] of [
    [scene.eth0, 'no'],
    [scene.eth1, 'yes'],
  ] as const) {
    const udpHeader = { sourcePort: 9, destinationPort: 53, payload: Buffer.from(text) };
    link.inject(rawPacket('10.0.0.9', '10.1.0.2', { udp: udpHeader }));
    scene.clock.advance(0);
  }
  await new Promise(setImmediate);
  expect(heard).toEqual(['yes']);
  socket.close();
});

it('udp.device holds for a socket that a group has bound, too', async () => {
  const scene = new TwoLinks();
  const socket = createDgram(scene.stack).createSocket({ type: 'udp4', udp: { device: 'eth1' } });
  socket.addMembership('224.0.0.99');
  expect(scene.stack.udp.sockets[0]!.get('device')).toBe('eth1');
  socket.close();
  await once(socket, 'close');
});

it('udp: ENODEV at the bind, and wrong options at once', async () => {
  const { stack } = new TwoLinks();
  const dgram = createDgram(stack);
  const socket = dgram.createSocket({ type: 'udp4', udp: { device: 'eth7' } });
  socket.bind(0);
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  expect(error).toMatchObject({ code: 'ENODEV', syscall: 'bind' });
  socket.close();
  const code = (udp: unknown): unknown => {
    try {
      dgram.createSocket({ type: 'udp4', udp: udp as never });
    } catch (thrown) {
      return (thrown as NodeJS.ErrnoException).code;
    }
    return undefined;
  };
  expect([{ device: 5 }, 5, { ttl: 5 }, { dscp: 64 }].map(code)).toEqual([
    'ERR_INVALID_ARG_TYPE',
    'ERR_INVALID_ARG_TYPE',
    'ERR_INVALID_ARG_VALUE',
    'ERR_OUT_OF_RANGE',
  ]);
});

it('udp.ipOptions are refused for udp6, which has none', () => {
  const { createSocket } = createDgram(new Stack());
  const ipOptions = Uint8Array.of(0x94, 4, 0, 0);
  expect(() => createSocket({ type: 'udp6', udp: { ipOptions } })).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
  );
  createSocket({ type: 'udp4', udp: { ipOptions } }).close();
});

import { afterEach, expect, it } from 'vitest';
import { cable, Stack } from '../../../src/index.ts';
import type { CableOptions } from '../../../src/link/cable.ts';
import { seededRandom, VirtualClock } from '../../../src/sim/index.ts';
import type { UdpOptions } from '../../../src/udp/options.ts';

const clock = new VirtualClock();
let stacks: Stack[] = [];

afterEach(async () => {
  for (const stack of stacks) await stack.destroy();
  stacks = [];
});

function newStack(forwarding: boolean = false): Stack {
  const stack = new Stack({ clock, random: seededRandom(stacks.length + 1), forwarding });
  stacks.push(stack);
  return stack;
}

/** Two stacks on a cable, what leaves the first as `segmentSize:length`, and what the second hears on ports 7 and 8. */
function scene(options: CableOptions = { offload: true }) {
  const [near, far] = [newStack(), newStack()];
  const [a, b] = cable(options);
  const sent: string[] = [];
  const send = a.send.bind(a);
  a.send = (batch) => {
    const taken = send(batch);
    for (let row = 0; row < taken; row++) sent.push(`${batch.segmentSize[row]}:${batch.length[row]}`);
    return taken;
  };
  near.attach(a, { addresses: ['10.0.0.1/24', 'fd00::1/64'], autoconfiguration: false });
  far.attach(b, { addresses: ['10.0.0.2/24', 'fd00::2/64'], autoconfiguration: false });
  clock.advance(0);
  sent.length = 0;
  const heard: string[] = [];
  for (const port of [7, 8]) {
    far.udp.bind(
      { address: '::', port },
      { onMessage: (bytes, { ttl }) => heard.push(`${port} ${bytes[0]}x${bytes.length} ttl ${ttl}`) },
    );
  }
  const socket = (more: Partial<UdpOptions> = {}) =>
    near.udp.bind({ address: '::', ...more }, { onMessage: () => {}, onError: (error) => heard.push(String(error)) });
  return { sent, heard, socket };
}

const message = (value: number, length: number): Uint8Array => new Uint8Array(length).fill(value);

it.each([
  ['10.0.0.2', 20],
  ['fd00::2', 40],
])('datagrams of one length to %s go in one packet, and arrive one by one', (to, ip) => {
  const { sent, heard, socket } = scene();
  const sender = socket();
  for (let i = 0; i < 10; i++) sender.send(message(i, 1000), 7, to);
  // A shorter one is the last of its packet.
  sender.send(message(10, 999), 7, to);
  sender.send(message(11, 999), 7, to);
  clock.advance(1000);
  expect(sent).toEqual([`1000:${ip + 8 + 10_999}`, `0:${ip + 8 + 999}`]);
  expect(heard).toEqual([
    ...Array.from({ length: 10 }, (_, i) => `7 ${i}x1000 ttl 64`),
    '7 10x999 ttl 64',
    '7 11x999 ttl 64',
  ]);
  expect(sender.counters.sent).toBe(12);
});

it('at most 64, and no longer than an IP packet', () => {
  const { sent, heard, socket } = scene();
  const sender = socket();
  for (let i = 0; i < 65; i++) sender.send(message(i, 10), 7, '10.0.0.2');
  for (let i = 0; i < 47; i++) sender.send(message(i, 1400), 7, '10.0.0.2');
  clock.advance(1000);
  expect(sent).toEqual([`10:${28 + 640}`, '0:38', `1400:${28 + 46 * 1400}`, '0:1428']);
  expect(heard).toHaveLength(65 + 47);
});

it('what has other headers goes by itself: port, peer, TTL, DSCP, length', () => {
  const { sent, heard, socket } = scene();
  const sender = socket();
  const send = (length: number, port: number, to = '10.0.0.2') => sender.send(message(1, length), port, to);
  send(100, 7);
  send(100, 8);
  send(100, 7);
  sender.set('ttl', 9);
  send(100, 7);
  sender.set('dscp', 46);
  send(100, 7);
  send(100, 7, 'fd00::2');
  send(100, 7);
  send(101, 7);
  send(0, 7);
  send(100, 7);
  clock.advance(1000);
  expect(sent).toEqual([...Array<string>(5).fill('0:128'), '0:148', '0:128', '0:129', '0:28', '0:128']);
  expect(heard.map((text) => Number(text.split(' ').at(-1)))).toEqual([64, 64, 9, 9, 9, 9, 9, 9, 9, 64]);
});

it('another socket in between ends it, and so does a packet that has gone', () => {
  const { sent, heard, socket } = scene();
  const [one, other] = [socket(), socket()];
  one.send(message(1, 100), 7, '10.0.0.2');
  other.send(message(2, 100), 7, '10.0.0.2');
  one.send(message(3, 100), 7, '10.0.0.2');
  clock.advance(1000);
  one.send(message(4, 100), 7, '10.0.0.2');
  clock.advance(1000);
  expect(sent).toEqual(['0:128', '0:128', '0:128', '0:128']);
  expect(heard.map((text) => text[2])).toEqual(['1', '2', '3', '4']);
});

it('a link that cuts nothing gets packets', () => {
  const { sent, heard, socket } = scene({});
  const sender = socket();
  for (let i = 0; i < 3; i++) sender.send(message(i, 100), 7, '10.0.0.2');
  clock.advance(1000);
  expect(sent).toEqual(['0:128', '0:128', '0:128']);
  expect(heard).toHaveLength(3);
});

it('what is longer than the MTU goes in fragments, as ever', () => {
  const { heard, socket } = scene();
  const sender = socket();
  for (let i = 0; i < 3; i++) sender.send(message(i, 2000), 7, '10.0.0.2');
  clock.advance(1000);
  expect(heard).toEqual(['7 0x2000 ttl 64', '7 1x2000 ttl 64', '7 2x2000 ttl 64']);
});

it('on Ethernet the first wait for the neighbour one by one, later ones share a packet', () => {
  const { sent, heard, socket } = scene({ medium: 'ethernet', offload: true });
  const sender = socket();
  for (let i = 0; i < 3; i++) sender.send(message(i, 100), 7, '10.0.0.2');
  clock.advance(1000);
  sent.length = 0;
  for (let i = 3; i < 6; i++) sender.send(message(i, 100), 7, '10.0.0.2');
  clock.advance(1000);
  expect(sent).toEqual([`100:${14 + 28 + 300}`]);
  expect(heard.map((text) => text[2])).toEqual(['0', '1', '2', '3', '4', '5']);
});

it('a router cuts it for a link that doesn’t', () => {
  const [left, middle, right] = [newStack(), newStack(true), newStack()];
  const [a, b] = cable({ offload: true });
  const [c, d] = cable();
  left.attach(a, { addresses: ['10.0.0.1/24'] });
  middle.attach(b, { addresses: ['10.0.0.2/24'] });
  middle.attach(c, { addresses: ['10.0.1.2/24'] });
  right.attach(d, { addresses: ['10.0.1.1/24'] });
  left.routes.add('0.0.0.0/0', { via: '10.0.0.2' });
  right.routes.add('0.0.0.0/0', { via: '10.0.1.2' });
  const heard: string[] = [];
  right.udp.bind({ port: 7 }, { onMessage: (bytes) => heard.push(`${bytes[0]}x${bytes.length}`) });
  const sender = left.udp.bind({}, { onMessage: () => {} });
  for (let i = 0; i < 4; i++) sender.send(message(i, 500 - i), 7, '10.0.1.1');
  for (let i = 4; i < 7; i++) sender.send(message(i, 500), 7, '10.0.1.1');
  clock.advance(1000);
  expect(heard).toEqual(['0x500', '1x499', '2x498', '3x497', '4x500', '5x500', '6x500']);
});

import { describe, expect, it } from 'vitest';
import { cable, Stack } from '../../../src/index.ts';
import type { Link, UdpSocket } from '../../../src/index.ts';
import { VirtualClock, seededRandom } from '../../../src/sim/index.ts';
import { GroupWorld } from '../../support/group-world.ts';

const GROUP = '239.1.2.3';
const GROUP6 = 'ff05::1:3';
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A socket on port 7 that writes down what it hears. */
function listening(stack: Stack): { socket: UdpSocket; heard: string[] } {
  const heard: string[] = [];
  const socket = stack.udp.bind(
    { address: '::', port: 7, reuseAddress: true },
    { onMessage: (message, { remoteAddress }) => heard.push(`${new TextDecoder().decode(message)} ${remoteAddress}`) },
  );
  return { socket, heard };
}

/** Three stacks in a row: the middle one is on two cables. */
function threeStacks(medium: Link['medium']): {
  clock: VirtualClock;
  left: Stack;
  middle: Stack;
  right: Stack;
  end: () => void;
} {
  const clock = new VirtualClock();
  const [left, middle, right] = [1, 2, 3].map((seed) => new Stack({ clock, random: seededRandom(seed) })) as [
    Stack,
    Stack,
    Stack,
  ];
  const [a, b] = cable({ medium });
  const [c, d] = cable({ medium });
  left.attach(a, { name: 'wire', addresses: ['10.0.1.1/24', 'fd00:1::1/64', 'fe80::1/64'] });
  middle.attach(b, { name: 'west', addresses: ['10.0.1.2/24', 'fd00:1::2/64', 'fe80::1:2/64'] });
  middle.attach(c, { name: 'east', addresses: ['10.0.2.2/24', 'fd00:2::2/64', 'fe80::2:2/64'] });
  right.attach(d, { name: 'wire', addresses: ['10.0.2.1/24', 'fd00:2::1/64', 'fe80::3/64'] });
  clock.advance(0);
  const end = (): void => {
    for (const stack of [left, middle, right]) for (const socket of stack.udp.sockets) socket.close();
    clock.advance(20_000_000);
    for (const stack of [left, middle, right]) {
      stack.assertQuiescent();
      // Those of its own addresses the stack stays in.
      const rest = stack.ip.memberships.groups(2).filter((group) => !String(group).startsWith('ff02::1:ff'));
      expect(rest).toEqual([]);
    }
  };
  return { clock, left, middle, right, end };
}

describe.each(['ip', 'ethernet'] as const)('multicast over cables of medium %s', (medium) => {
  it.each([
    [GROUP, '10.0.1.2', '10.0.2.2', '10.0.1.1', '10.0.2.1'],
    [GROUP6, '::%west', '::%east', 'fd00:1::1', 'fd00:2::1'],
  ])('%s: reaches the members on its link, and their own interface counts', (group, west, east, left1, right1) => {
    const { clock, left, middle, right, end } = threeStacks(medium);
    const receiver = listening(middle);
    const [fromLeft, fromRight] = [listening(left), listening(right)];
    const send = (text: string): void => {
      fromLeft.socket.send(bytes(text), 7, group);
      fromRight.socket.send(bytes(text), 7, group);
      clock.advance(1000);
    };
    send('nobody');
    receiver.socket.join(group, west);
    send('west');
    receiver.socket.join(group, east);
    send('both');
    receiver.socket.leave(group, west);
    send('east');
    expect(receiver.heard).toEqual([`west ${left1}`, `both ${left1}`, `both ${right1}`, `east ${right1}`]);
    expect([fromLeft.heard, fromRight.heard]).toEqual([[], []]);
    end();
  });

  it.each([
    [GROUP, '10.0.1.2', '10.0.2.2'],
    [GROUP6, '::%west', '::%east'],
  ])(
    '%s: leaves by the interface chosen, else by that of the route, and comes back to own members there',
    (group, west, east) => {
      const { clock, left, middle, right, end } = threeStacks(medium);
      const far = [listening(left), listening(right)];
      for (const { socket } of far) socket.join(group);
      const sender = listening(middle);
      sender.socket.join(group, east);
      const send = (text: string): void => {
        sender.socket.send(bytes(text), 7, group);
        clock.advance(1000);
      };
      send('by route');
      sender.socket.multicastFrom(east);
      send('east');
      sender.socket.set('multicastLoopback', false);
      send('silent');
      sender.socket.set('multicastTtl', 0);
      sender.socket.set('multicastLoopback', true);
      send('inside');
      sender.socket.multicastFrom(west);
      send('nowhere');
      const texts = ({ heard }: { heard: string[] }): string[] =>
        heard.map((line) => line.split(' ').slice(0, -1).join(' '));
      expect(far.map(texts)).toEqual([['by route'], ['east', 'silent']]);
      expect(texts(sender)).toEqual(['east', 'inside']);
      end();
    },
  );

  it('a message of one to many, and back', () => {
    const { clock, left, middle, end } = threeStacks(medium);
    const answers: string[] = [];
    const asker = left.udp.bind(
      { port: 9 },
      {
        onMessage: (message, { remoteAddress }) =>
          answers.push(`${new TextDecoder().decode(message)} ${remoteAddress}`),
      },
    );
    for (let n = 0; n < 3; n++) {
      const socket = middle.udp.bind(
        { port: 7, reuseAddress: true },
        { onMessage: (_, { remotePort, remoteAddress }) => socket.send(bytes(`${n}`), remotePort, remoteAddress) },
      );
      socket.join(GROUP);
    }
    asker.send(bytes('who is there?'), 7, GROUP);
    clock.advance(1000);
    expect(answers).toEqual(['0 10.0.1.2', '1 10.0.1.2', '2 10.0.1.2']);
    end();
  });
});

describe('a stack that is closed', () => {
  it('tells of the groups it leaves before its links are closed', async () => {
    const world = new GroupWorld();
    world.socket().join(GROUP);
    world.socket().join(GROUP6, '::%eth0');
    world.during(2000);
    const closed = world.stack.close();
    expect(world.now().toSorted()).toEqual([`TO_IN(${GROUP})`, `TO_IN(${GROUP6})`]);
    await closed;
    world.clock.advance(20_000_000);
    expect(world.link.take()).toEqual([]);
  });

  it('also when that is at once', async () => {
    const world = new GroupWorld();
    world.socket().join(GROUP);
    world.during(2000);
    const closed = world.stack.destroy();
    expect(world.now()).toEqual([`TO_IN(${GROUP})`]);
    await closed;
  });
});

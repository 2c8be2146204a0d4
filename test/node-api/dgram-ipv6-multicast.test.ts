import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DgramBench, LOCALHOST, called, textOf, thrown, wrong } from './dgram-bench.ts';
import { lacksGroups, lacksIpv6 } from '../support/ipv6-kernel.ts';
import { MODULES } from './modules.ts';

const GROUP = 'ff02::114';
const SOURCED = 'ff32::1234';
const LO = '::%lo';

const noKernel = lacksIpv6();
const noGroups = await lacksGroups();
const present = MODULES.filter(({ name }) => name !== 'node' || noKernel === undefined);
const carrying = MODULES.filter(({ name }) => name !== 'node' || noGroups === undefined);

const said = (name: string, code: string): unknown => ({ kind: 'Error', code, message: `${name} ${code}` });

describe.each(carrying)('$name: IPv6 groups over lo', ({ make }) => {
  let bench: DgramBench;
  beforeEach(() => {
    bench = new DgramBench(make());
  });
  afterEach(() => bench.end());

  async function sender(): Promise<Socket> {
    const socket = await bench.bound('udp6', 0, '::1');
    socket.setMulticastInterface(LO);
    return socket;
  }

  /** Who hears a message to a group: a mark by unicast comes behind it. */
  async function heard(from: Socket, group: string, receiver: Socket): Promise<boolean> {
    const { port } = receiver.address();
    let found = false;
    const mark = new Promise<void>((resolve) => {
      receiver.on('message', function listener(message) {
        if (message.toString() === 'to the group') found = true;
        if (message.toString() !== 'mark') return;
        receiver.off('message', listener);
        resolve();
      });
    });
    expect(await called((done) => from.send('to the group', port, group, done))).toEqual([null, 12]);
    from.send('mark', port, '::1');
    await mark;
    return found;
  }

  it('reaches who has joined, on the interface of the zone', async () => {
    const receiver = await bench.bound('udp6', 0, '::');
    const from = await sender();
    expect(await heard(from, GROUP, receiver)).toBe(false);
    expect(receiver.addMembership(GROUP, LO)).toBe(undefined);
    expect(await heard(from, GROUP, receiver)).toBe(true);
    expect(await heard(from, `${GROUP}%lo`, receiver)).toBe(true);
    expect(await heard(from, 'ff02::115', receiver)).toBe(false);
    expect(receiver.dropMembership(GROUP, LO)).toBe(undefined);
    expect(await heard(from, GROUP, receiver)).toBe(false);
  });

  it('reaches a socket that is bound to the group, and tells who sent it', async () => {
    const receiver = await bench.bound('udp6', 0, `${GROUP}%lo`);
    receiver.addMembership(GROUP, LO);
    const from = await sender();
    const message = once(receiver, 'message');
    from.send('x', receiver.address().port, GROUP);
    const info = { address: '::1', family: 'IPv6', port: from.address().port, size: 1 };
    expect(await message).toEqual([Buffer.from('x'), info]);
  });

  it('connects to a group', async () => {
    const receiver = await bench.bound('udp6', 0, '::');
    receiver.addMembership(GROUP, LO);
    const from = await sender();
    await called((done) => from.connect(receiver.address().port, GROUP, wrong(done)));
    const message = textOf(receiver);
    from.send('connected');
    expect(await message).toBe('connected');
  });

  it('from a source joined reaches who joined it, not who joined another', async () => {
    const receiver = await bench.bound('udp6', 0, '::');
    const from = await sender();
    receiver.addSourceSpecificMembership('2001:db8::1', SOURCED, LO);
    expect(await heard(from, SOURCED, receiver)).toBe(false);
    receiver.addSourceSpecificMembership('::1', SOURCED, LO);
    expect(await heard(from, SOURCED, receiver)).toBe(true);
    expect(receiver.dropSourceSpecificMembership('::1', SOURCED, LO)).toBe(undefined);
    expect(await heard(from, SOURCED, receiver)).toBe(false);
  });
});

describe.each(present)('$name: IPv6 groups', ({ make }) => {
  let bench: DgramBench;
  beforeEach(() => {
    bench = new DgramBench(make());
  });
  afterEach(() => bench.end());

  it('a socket of both families joins groups of both', async () => {
    const receiver = await bench.bound('udp6', 0, '::');
    expect(receiver.addMembership('224.0.0.114', LOCALHOST)).toBe(undefined);
    const from = await bench.bound();
    from.setMulticastInterface(LOCALHOST);
    const message = once(receiver, 'message');
    from.send('x', receiver.address().port, '224.0.0.114');
    expect(await message).toMatchObject([Buffer.from('x'), { address: '::ffff:127.0.0.1', family: 'IPv6' }]);
    receiver.dropMembership('224.0.0.114', LOCALHOST);
  });

  it('joining binds a socket that is not bound', () => {
    const socket = bench.socket('udp6');
    socket.addMembership(GROUP, LO);
    expect(socket.address()).toMatchObject({ address: '::', family: 'IPv6', port: expect.any(Number) });
    expect(socket.address().port).toBeGreaterThan(0);
  });

  it('addMembership and dropMembership refuse what they cannot do', async () => {
    const socket = await bench.bound('udp6', 0, '::');
    for (const name of ['addMembership', 'dropMembership'] as const) {
      for (const own of ['x', '', LOCALHOST, '::g%lo']) {
        expect(thrown(() => socket[name](GROUP, own))).toEqual(said(name, 'EINVAL'));
      }
      for (const group of ['x', '::g']) expect(thrown(() => socket[name](group, LO))).toEqual(said(name, 'EINVAL'));
    }
    expect(thrown(() => socket.addMembership('::1', LO))).toEqual(said('addMembership', 'EINVAL'));
    socket.addMembership(GROUP, LO);
    expect(thrown(() => socket.addMembership(GROUP, LO))).toEqual(said('addMembership', 'EADDRINUSE'));
    socket.dropMembership(GROUP, LO);
    expect(thrown(() => socket.dropMembership(GROUP, LO))).toEqual(said('dropMembership', 'EADDRNOTAVAIL'));
  });

  it('the source-specific ones do, too', async () => {
    const socket = await bench.bound('udp6', 0, '::');
    const [add, drop] = ['addSourceSpecificMembership', 'dropSourceSpecificMembership'] as const;
    for (const name of [add, drop]) {
      expect(thrown(() => socket[name](LOCALHOST, SOURCED, LO))).toEqual(said(name, 'EINVAL'));
      expect(thrown(() => socket[name]('::1', '::1', LO))).toEqual(said(name, 'EINVAL'));
      expect(thrown(() => socket[name]('::1', SOURCED, 'x'))).toEqual(said(name, 'EINVAL'));
    }
    expect(thrown(() => socket[drop]('::1', SOURCED, LO))).toEqual(said(drop, 'EINVAL'));
    socket[add]('::1', SOURCED, LO);
    expect(thrown(() => socket[add]('::1', SOURCED, LO))).toEqual(said(add, 'EADDRNOTAVAIL'));
    expect(thrown(() => socket[drop]('::2', SOURCED, LO))).toEqual(said(drop, 'EADDRNOTAVAIL'));
    socket[drop]('::1', SOURCED, LO);
  });

  it('setMulticastInterface takes the interface from the zone, nothing from what names none', async () => {
    const socket = await bench.bound('udp6', 0, '::');
    for (const address of [LO, '::', '::1', '::%nowhere', LOCALHOST, '0.0.0.0']) {
      expect(socket.setMulticastInterface(address)).toBe(undefined);
    }
    for (const address of ['x', '', '::g']) {
      expect(thrown(() => socket.setMulticastInterface(address))).toEqual(said('setMulticastInterface', 'EINVAL'));
    }
    const unbound = bench.socket('udp6');
    expect(thrown(() => unbound.setMulticastInterface(LO))).toEqual(said('setMulticastInterface', 'EBADF'));
  });

  it('a socket of IPv4 has none of it', async () => {
    const socket = await bench.bound();
    const uses: [name: string, use: () => unknown][] = [
      ['addMembership', () => socket.addMembership(GROUP, LO)],
      ['dropMembership', () => socket.dropMembership(GROUP, LO)],
      ['addSourceSpecificMembership', () => socket.addSourceSpecificMembership('::1', SOURCED, LO)],
      ['dropSourceSpecificMembership', () => socket.dropSourceSpecificMembership('::1', SOURCED, LO)],
      ['setMulticastInterface', () => socket.setMulticastInterface(LO)],
    ];
    for (const [name, use] of uses) expect(thrown(use)).toEqual(said(name, 'ENOPROTOOPT'));
  });
});

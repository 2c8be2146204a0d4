import type { Socket } from 'node:dgram';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DgramBench, LOCALHOST, called, textOf, thrown, wrong } from './dgram-bench.ts';
import { MODULES } from './modules.ts';

const GROUP = '224.0.0.114';
const OTHER_GROUP = '224.0.0.115';
const SOURCED = '232.1.1.1';
const NOWHERE = '203.0.113.9';

describe.each(MODULES)('$name: multicast over the loopback interface', ({ make }) => {
  let bench: DgramBench;
  beforeEach(() => {
    bench = new DgramBench(make());
  });
  afterEach(() => bench.end());

  /** Sockets that share a port, each bound to one of the addresses. */
  async function sharing(...addresses: string[]): Promise<Socket[]> {
    const sockets: Socket[] = [];
    for (const address of addresses) {
      const port = sockets[0]?.address().port ?? 0;
      sockets.push(await bench.bound({ type: 'udp4', reuseAddr: true }, port, address));
    }
    return sockets;
  }

  async function sender(): Promise<Socket> {
    const socket = await bench.bound();
    socket.setMulticastInterface(LOCALHOST);
    return socket;
  }

  /** Who hears a message to a group: each receiver hears a mark by unicast behind it, where it is bound to that. */
  async function heard(from: Socket, group: string, receivers: Socket[]): Promise<boolean[]> {
    const { port } = receivers[0]!.address();
    const found = receivers.map(() => false);
    const listeners = receivers.map((_, index) => (message: Buffer) => {
      if (message.toString() === 'to the group') found[index] = true;
    });
    receivers.forEach((receiver, index) => receiver.on('message', listeners[index]!));
    expect(await called((done) => from.send('to the group', port, group, done))).toEqual([null, 12]);
    // A broadcast reaches whoever is bound to all addresses, behind what was sent before it.
    from.setBroadcast(true);
    const marks = receivers.map((receiver) => textUntil(receiver, 'mark'));
    from.send('mark', port, '127.255.255.255');
    await Promise.all(marks);
    receivers.forEach((receiver, index) => receiver.off('message', listeners[index]!));
    return found;
  }

  /** Several messages may come in one turn: no await between them. */
  function textUntil(socket: Socket, text: string): Promise<void> {
    return new Promise((resolve) => {
      socket.on('message', function listener(message) {
        if (message.toString() !== text) return;
        socket.off('message', listener);
        resolve();
      });
    });
  }

  it('reaches every socket of the port once one has joined, whoever that is', async () => {
    const [first, second] = (await sharing('0.0.0.0', '0.0.0.0')) as [Socket, Socket];
    const from = await sender();
    expect(await heard(from, GROUP, [first, second])).toEqual([false, false]);
    expect(first.addMembership(GROUP, LOCALHOST)).toBe(undefined);
    expect(await heard(from, GROUP, [first, second])).toEqual([true, true]);
    second.addMembership(OTHER_GROUP, LOCALHOST);
    expect(await heard(from, GROUP, [first, second])).toEqual([true, true]);
    expect(first.dropMembership(GROUP, LOCALHOST)).toBe(undefined);
    expect(await heard(from, GROUP, [first, second])).toEqual([false, false]);
    expect(await heard(from, OTHER_GROUP, [first, second])).toEqual([true, true]);
    second.close();
    expect(await heard(from, OTHER_GROUP, [first])).toEqual([false]);
  });

  it('tells the sender’s address, and reaches a socket bound to the group', async () => {
    const [any, group] = (await sharing('0.0.0.0', GROUP)) as [Socket, Socket];
    any.addMembership(GROUP, LOCALHOST);
    const from = await sender();
    const message = new Promise((resolve) => {
      group.on('message', (bytes, info) => resolve([bytes.toString(), info]));
    });
    from.send('x', any.address().port, GROUP);
    const { port } = from.address();
    expect(await message).toEqual(['x', { address: LOCALHOST, family: 'IPv4', port, size: 1 }]);
  });

  it('goes out by the interface chosen, from its address, also when connected', async () => {
    const [any] = (await sharing('0.0.0.0')) as [Socket];
    any.addMembership(GROUP, LOCALHOST);
    const from = await bench.bound('udp4', 0, '0.0.0.0');
    from.setMulticastInterface(LOCALHOST);
    expect(await heard(from, GROUP, [any])).toEqual([true]);
    await called((done) => from.connect(any.address().port, GROUP, done));
    expect(from.address().address).toBe(LOCALHOST);
    from.send('connected');
    expect(await textOf(any)).toBe('connected');
  });

  it('comes back whatever setMulticastLoopback says: the loopback is where it goes', async () => {
    const [any] = (await sharing('0.0.0.0')) as [Socket];
    any.addMembership(GROUP, LOCALHOST);
    const from = await sender();
    expect(from.setMulticastLoopback(false)).toBe(false);
    expect(await heard(from, GROUP, [any])).toEqual([true]);
    expect(from.setMulticastLoopback(true)).toBe(true);
    expect(await heard(from, GROUP, [any])).toEqual([true]);
    from.setMulticastTTL(0);
    expect(await heard(from, GROUP, [any])).toEqual([true]);
  });

  it('from a source joined reaches who joined it, not who joined another', async () => {
    const [first, second] = (await sharing('0.0.0.0', '0.0.0.0')) as [Socket, Socket];
    const from = await sender();
    expect(first.addSourceSpecificMembership(LOCALHOST, SOURCED, LOCALHOST)).toBe(undefined);
    second.addSourceSpecificMembership('127.0.0.9', SOURCED, LOCALHOST);
    expect(await heard(from, SOURCED, [first, second])).toEqual([true, false]);
    second.addSourceSpecificMembership(LOCALHOST, SOURCED, LOCALHOST);
    expect(await heard(from, SOURCED, [first, second])).toEqual([true, true]);
    expect(second.dropSourceSpecificMembership(LOCALHOST, SOURCED, LOCALHOST)).toBe(undefined);
    expect(await heard(from, SOURCED, [first, second])).toEqual([true, false]);
    first.dropSourceSpecificMembership(LOCALHOST, SOURCED, LOCALHOST);
    expect(await heard(from, SOURCED, [first, second])).toEqual([false, false]);
  });

  it('joining binds a socket that is not bound, at once', () => {
    const joins: ((socket: Socket) => void)[] = [
      (socket) => socket.addMembership(GROUP, LOCALHOST),
      (socket) => socket.addSourceSpecificMembership(LOCALHOST, SOURCED, LOCALHOST),
    ];
    for (const join of joins) {
      const socket = bench.socket();
      join(socket);
      const { address, port } = socket.address();
      expect(address).toBe('0.0.0.0');
      expect(port).toBeGreaterThan(0);
    }
  });

  it('setMulticastInterface refuses what is no address of an interface', async () => {
    const socket = await bench.bound();
    const call = (address: unknown) => thrown(() => socket.setMulticastInterface(wrong(address)));
    for (const address of ['', 'x', '300.1.1.1']) {
      expect(call(address)).toEqual({ kind: 'Error', code: 'EINVAL', message: 'setMulticastInterface EINVAL' });
    }
    for (const address of [NOWHERE, GROUP]) {
      const message = 'setMulticastInterface EADDRNOTAVAIL';
      expect(call(address)).toEqual({ kind: 'Error', code: 'EADDRNOTAVAIL', message });
    }
    expect(call(5)).toEqual({
      kind: 'TypeError',
      code: 'ERR_INVALID_ARG_TYPE',
      message: 'The "interfaceAddress" argument must be of type string. Received type number (5)',
    });
    for (const address of ['127.0.0.2', '0.0.0.0']) expect(socket.setMulticastInterface(address)).toBe(undefined);
  });

  it('addMembership and dropMembership refuse what they cannot do', async () => {
    const socket = await bench.bound();
    const said = (name: string, code: string): unknown => ({ kind: 'Error', code, message: `${name} ${code}` });
    for (const name of ['addMembership', 'dropMembership'] as const) {
      for (const group of [undefined, null, '']) {
        expect(thrown(() => socket[name](wrong(group)))).toEqual({
          kind: 'TypeError',
          code: 'ERR_MISSING_ARGS',
          message: 'The "multicastAddress" argument must be specified',
        });
      }
      for (const group of ['x', '256.0.0.1', 5]) {
        expect(thrown(() => socket[name](wrong(group), LOCALHOST))).toEqual(said(name, 'EINVAL'));
      }
      expect(thrown(() => socket[name](GROUP, 'x'))).toEqual(said(name, 'EINVAL'));
    }
    expect(thrown(() => socket.addMembership(LOCALHOST, LOCALHOST))).toEqual(said('addMembership', 'EINVAL'));
    // Of what is no group, and of an interface that is not there, one is no member.
    for (const group of [LOCALHOST, '0.0.0.0', '255.255.255.255', GROUP]) {
      const none = said('dropMembership', 'EADDRNOTAVAIL');
      for (const own of [LOCALHOST, '127.0.0.2', NOWHERE]) {
        expect(thrown(() => socket.dropMembership(group, own))).toEqual(none);
      }
    }
    expect(thrown(() => socket.dropMembership('0.0.0.0'))).toEqual(said('dropMembership', 'EADDRNOTAVAIL'));
    expect(thrown(() => socket.addMembership(GROUP, NOWHERE))).toEqual(said('addMembership', 'ENODEV'));
    socket.addMembership(GROUP, LOCALHOST);
    expect(thrown(() => socket.dropMembership(GROUP, NOWHERE))).toEqual(said('dropMembership', 'EADDRNOTAVAIL'));
    expect(thrown(() => socket.addMembership(GROUP, LOCALHOST))).toEqual(said('addMembership', 'EADDRINUSE'));
    socket.dropMembership(GROUP, LOCALHOST);
    expect(thrown(() => socket.dropMembership(GROUP, LOCALHOST))).toEqual(said('dropMembership', 'EADDRNOTAVAIL'));
  });

  it('the source-specific ones do, too', async () => {
    const socket = await bench.bound();
    const [add, drop] = ['addSourceSpecificMembership', 'dropSourceSpecificMembership'] as const;
    const said = (name: string, code: string): unknown => ({ kind: 'Error', code, message: `${name} ${code}` });
    for (const name of [add, drop]) {
      for (const [args, argument] of [
        [[0, SOURCED], 'sourceAddress'],
        [[LOCALHOST, 0], 'groupAddress'],
      ] as const) {
        expect(thrown(() => Reflect.apply(socket[name], socket, args))).toEqual({
          kind: 'TypeError',
          code: 'ERR_INVALID_ARG_TYPE',
          message: `The "${argument}" argument must be of type string. Received type number (0)`,
        });
      }
      expect(thrown(() => socket[name]('x', SOURCED, LOCALHOST))).toEqual(said(name, 'EINVAL'));
      expect(thrown(() => socket[name](LOCALHOST, 'x', LOCALHOST))).toEqual(said(name, 'EINVAL'));
      expect(thrown(() => socket[name](LOCALHOST, LOCALHOST, LOCALHOST))).toEqual(said(name, 'EINVAL'));
      expect(thrown(() => socket[name](LOCALHOST, SOURCED, 'x'))).toEqual(said(name, 'EINVAL'));
    }
    expect(thrown(() => socket[add](LOCALHOST, SOURCED, NOWHERE))).toEqual(said(add, 'ENODEV'));
    expect(thrown(() => socket[drop](LOCALHOST, SOURCED, LOCALHOST))).toEqual(said(drop, 'EINVAL'));
    socket[add](LOCALHOST, SOURCED, LOCALHOST);
    expect(thrown(() => socket[add](LOCALHOST, SOURCED, LOCALHOST))).toEqual(said(add, 'EADDRNOTAVAIL'));
    expect(thrown(() => socket[drop]('127.0.0.3', SOURCED, LOCALHOST))).toEqual(said(drop, 'EADDRNOTAVAIL'));
    socket.dropMembership(SOURCED, LOCALHOST);
    socket.addMembership(SOURCED, LOCALHOST);
    expect(thrown(() => socket[drop](LOCALHOST, SOURCED, LOCALHOST))).toEqual(said(drop, 'EADDRNOTAVAIL'));
  });

  it('a socket is in 20 groups at most, and for 10 sources of one', async () => {
    const socket = await bench.bound();
    const full = (name: string): unknown => ({ kind: 'Error', code: 'ENOBUFS', message: `${name} ENOBUFS` });
    for (let n = 1; n <= 20; n++) socket.addMembership(`239.1.1.${n}`, LOCALHOST);
    expect(thrown(() => socket.addMembership('239.1.1.21', LOCALHOST))).toEqual(full('addMembership'));
    const add = 'addSourceSpecificMembership';
    expect(thrown(() => socket[add](LOCALHOST, SOURCED, LOCALHOST))).toEqual(full(add));
    socket.dropMembership('239.1.1.7', LOCALHOST);
    for (let n = 1; n <= 10; n++) socket[add](`127.0.1.${n}`, SOURCED, LOCALHOST);
    expect(thrown(() => socket[add]('127.0.1.11', SOURCED, LOCALHOST))).toEqual(full(add));
  });
});

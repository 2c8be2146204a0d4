import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DgramBench, LOCALHOST, called, textOf, thrown, wrong } from './dgram-bench.ts';
import { MODULES } from './modules.ts';

describe.each(MODULES)('$name: options of an open socket', ({ make }) => {
  let bench: DgramBench;
  beforeEach(() => {
    bench = new DgramBench(make());
  });
  afterEach(() => bench.end());

  it('has none before it is bound', () => {
    const socket = bench.socket();
    const uses: [name: string, use: () => unknown][] = [
      ['setBroadcast', () => socket.setBroadcast(true)],
      ['setTTL', () => socket.setTTL(1)],
      ['setMulticastTTL', () => socket.setMulticastTTL(1)],
      ['setMulticastLoopback', () => socket.setMulticastLoopback(true)],
      ['setMulticastInterface', () => socket.setMulticastInterface(LOCALHOST)],
    ];
    for (const [name, use] of uses) {
      expect(thrown(use)).toEqual({ kind: 'Error', code: 'EBADF', message: `${name} EBADF` });
    }
  });

  it.each([
    ['setTTL', 1, [0, 256, -1, Number.NaN]],
    ['setMulticastTTL', 0, [256, -1]],
  ] as const)('%s takes %i to 255', async (name, least, bad) => {
    const socket = await bench.bound();
    for (const value of [least, 1, 64, 255, 1.5]) expect(socket[name](value)).toBe(value);
    for (const value of bad) {
      expect(thrown(() => socket[name](value))).toEqual({ kind: 'Error', code: 'EINVAL', message: `${name} EINVAL` });
    }
    expect(thrown(() => socket[name](wrong('1')))).toEqual({
      kind: 'TypeError',
      code: 'ERR_INVALID_ARG_TYPE',
      message: `The "ttl" argument must be of type number. Received type string ('1')`,
    });
  });

  it('takes a TTL for a number of 32 bits, and looks at it before it looks for a port', async () => {
    const unbound = bench.socket();
    expect(thrown(() => unbound.setTTL(0)).code).toBe('EINVAL');
    expect(thrown(() => unbound.setTTL(2 ** 32)).code).toBe('EINVAL');
    expect(thrown(() => unbound.setMulticastTTL(256)).code).toBe('EINVAL');
    const socket = await bench.bound();
    expect(socket.setTTL(2 ** 32 + 7)).toBe(2 ** 32 + 7);
    expect(Number.isNaN(socket.setMulticastTTL(Number.NaN))).toBe(true);
  });

  it('gives back what setMulticastLoopback was given', async () => {
    const socket = await bench.bound();
    for (const flag of [true, false, 1, 0, 'x', undefined]) {
      expect(socket.setMulticastLoopback(wrong(flag))).toBe(flag);
    }
  });

  it('broadcasts once that is allowed, to all who are bound to every address', async () => {
    const first = await bench.bound({ type: 'udp4', reuseAddr: true }, 0, '0.0.0.0');
    const { port } = first.address();
    const second = await bench.bound({ type: 'udp4', reuseAddr: true }, port, '0.0.0.0');
    const socket = await bench.bound();
    const [error] = await called((done) => socket.send('x', port, '127.255.255.255', done));
    expect(error).toMatchObject({ code: 'EACCES', message: `send EACCES 127.255.255.255:${port}` });
    expect(socket.setBroadcast(true)).toBe(undefined);
    const heard = Promise.all([textOf(first), textOf(second)]);
    socket.send('to all', port, '127.255.255.255');
    expect(await heard).toEqual(['to all', 'to all']);
    socket.setBroadcast(wrong(0));
    const [again] = await called((done) => socket.send('x', port, '127.255.255.255', done));
    expect(again).toMatchObject({ code: 'EACCES' });
  });

  it('doubles the buffer sizes, as Linux does', async () => {
    const socket = await bench.bound();
    expect(socket.getRecvBufferSize()).toBe(212_992);
    expect(socket.getSendBufferSize()).toBe(212_992);
    expect(socket.setRecvBufferSize(10_000)).toBe(undefined);
    expect(socket.setSendBufferSize(20_000)).toBe(undefined);
    expect(socket.getRecvBufferSize()).toBe(20_000);
    expect(socket.getSendBufferSize()).toBe(40_000);
    socket.setRecvBufferSize(1);
    socket.setSendBufferSize(1);
    expect([socket.getRecvBufferSize(), socket.getSendBufferSize()]).toEqual([2304, 4608]);
    socket.setRecvBufferSize(0);
    socket.setSendBufferSize(0);
    expect([socket.getRecvBufferSize(), socket.getSendBufferSize()]).toEqual([2304, 4608]);
    const given = await bench.bound({ type: 'udp4', recvBufferSize: 30_000, sendBufferSize: 40_000 });
    expect([given.getRecvBufferSize(), given.getSendBufferSize()]).toEqual([60_000, 80_000]);
  });

  it.each(['RecvBufferSize', 'SendBufferSize'] as const)(
    'refuses a wrong %s, and one of an unbound socket',
    async (name) => {
      const socket = bench.socket();
      for (const size of [-1, 1.5, '9', 2 ** 32, Number.NaN, undefined, null]) {
        expect(thrown(() => socket[`set${name}`](wrong(size)))).toEqual({
          kind: 'TypeError',
          code: 'ERR_SOCKET_BAD_BUFFER_SIZE',
          message: 'Buffer size must be a positive integer',
        });
      }
      const syscall = name === 'RecvBufferSize' ? 'uv_recv_buffer_size' : 'uv_send_buffer_size';
      const said = (code: string, text: string): unknown => ({
        kind: 'SystemError',
        code: 'ERR_SOCKET_BUFFER_SIZE',
        message: `Could not get or set buffer size: ${syscall} returned ${code} (${text})`,
      });
      expect(thrown(() => socket[`get${name}`]())).toEqual(said('EBADF', 'bad file descriptor'));
      expect(thrown(() => socket[`set${name}`](9000))).toEqual(said('EBADF', 'bad file descriptor'));
      try {
        socket[`get${name}`]();
      } catch (error) {
        const info = { errno: -9, code: 'EBADF', message: 'bad file descriptor', syscall };
        expect(error).toMatchObject({ info, errno: -9, syscall });
      }
      socket.bind(0, LOCALHOST);
      await once(socket, 'listening');
      expect(thrown(() => socket[`set${name}`](2 ** 31))).toEqual(said('EINVAL', 'invalid argument'));
    },
  );

  it('drops what finds no room in the receive buffer, and goes on', async () => {
    const server = await bench.bound({ type: 'udp4', recvBufferSize: 1 });
    const client = await bench.bound();
    const { port } = server.address();
    const seen: string[] = [];
    server.on('message', (message) => seen.push(message.subarray(0, 4).toString()));
    const sent = Array.from({ length: 20 }, () =>
      called((done) => client.send(Buffer.alloc(2000, 'full'), port, LOCALHOST, done)),
    );
    for (const result of await Promise.all(sent)) expect(result).toEqual([null, 2000]);
    while (seen.at(-1) !== 'last') {
      client.send('last', port, LOCALHOST);
      await once(server, 'message');
    }
    expect(seen.filter((text) => text === 'full').length).toBeLessThan(20);
  });

  it('has nothing waiting when nothing was sent, bound or not', async () => {
    const unbound = bench.socket();
    expect([unbound.getSendQueueSize(), unbound.getSendQueueCount()]).toEqual([0, 0]);
    const socket = await bench.bound();
    expect([socket.getSendQueueSize(), socket.getSendQueueCount()]).toEqual([0, 0]);
    await called((done) => socket.send('x', 9, LOCALHOST, done));
    expect([socket.getSendQueueSize(), socket.getSendQueueCount()]).toEqual([0, 0]);
  });

  it('ref and unref give the socket, bound or not', async () => {
    const socket = bench.socket();
    expect(socket.unref()).toBe(socket);
    expect(socket.ref()).toBe(socket);
    socket.bind(0, LOCALHOST);
    await once(socket, 'listening');
    expect(socket.unref()).toBe(socket);
    expect(socket.ref()).toBe(socket);
  });
});

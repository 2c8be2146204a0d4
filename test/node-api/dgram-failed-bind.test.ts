import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DgramBench, LOCALHOST, called, textOf, thrown } from './dgram-bench.ts';
import { MODULES } from './modules.ts';

/** Memberships are the host's: no other test has this one. */
const GROUP = '224.0.0.117';
/** TEST-NET-3: nobody has it. */
const NOWHERE = '203.0.113.9';

describe.each(MODULES)('$name: a socket whose bind has failed', ({ make }) => {
  let bench: DgramBench;
  beforeEach(() => {
    bench = new DgramBench(make());
  });
  afterEach(() => bench.end());

  async function failed(port: number, address: string, code: string): Promise<Socket> {
    const socket = bench.socket();
    socket.bind(port, address);
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe(code);
    return socket;
  }

  const places = [
    ['EADDRINUSE', async () => (await bench.bound()).address().port, LOCALHOST],
    ['EADDRNOTAVAIL', () => Promise.resolve(0), NOWHERE],
  ] as const;

  it.each(places)('by %s has options all the same, and no port', async (code, portOf, address) => {
    const socket = await failed(await portOf(), address, code);
    expect(socket.address()).toEqual({ address: '0.0.0.0', family: 'IPv4', port: 0 });
    expect(socket.setTTL(9)).toBe(9);
    expect(thrown(() => socket.setTTL(0)).code).toBe('EINVAL');
    expect(socket.setMulticastTTL(0)).toBe(0);
    expect(socket.setMulticastLoopback(false)).toBe(false);
    expect(socket.setBroadcast(true)).toBe(undefined);
    expect(socket.setMulticastInterface(LOCALHOST)).toBe(undefined);
    expect(thrown(() => socket.setMulticastInterface(NOWHERE)).code).toBe('EADDRNOTAVAIL');
    expect([socket.getRecvBufferSize(), socket.getSendBufferSize()]).toEqual([212_992, 212_992]);
    socket.setRecvBufferSize(5000);
    socket.setSendBufferSize(6000);
    expect([socket.getRecvBufferSize(), socket.getSendBufferSize()]).toEqual([10_000, 12_000]);
    expect(thrown(() => socket.remoteAddress()).code).toBe('ERR_SOCKET_DGRAM_NOT_CONNECTED');
    expect([socket.getSendQueueSize(), socket.getSendQueueCount()]).toEqual([0, 0]);
    expect(socket.unref()).toBe(socket);
    await called((done) => socket.close(done));
    expect(thrown(() => socket.address()).code).toBe('ERR_SOCKET_DGRAM_NOT_RUNNING');
  });

  it('keeps them when a later bind succeeds, groups too', async () => {
    const other = await bench.bound();
    const socket = await failed(other.address().port, LOCALHOST, 'EADDRINUSE');
    socket.setRecvBufferSize(5000);
    socket.setSendBufferSize(6000);
    socket.setBroadcast(true);
    socket.setMulticastInterface(LOCALHOST);
    expect(socket.addMembership(GROUP, LOCALHOST)).toBe(undefined);
    expect(thrown(() => socket.addMembership(GROUP, LOCALHOST)).code).toBe('EADDRINUSE');
    expect(socket.address().port).toBe(0);
    socket.bind(0, '0.0.0.0');
    await once(socket, 'listening');
    const { port } = socket.address();
    expect([socket.getRecvBufferSize(), socket.getSendBufferSize()]).toEqual([10_000, 12_000]);
    for (const destination of [GROUP, '127.255.255.255']) {
      const heard = textOf(socket);
      expect(await called((done) => socket.send(destination, port, destination, done))).toEqual([
        null,
        destination.length,
      ]);
      expect(await heard).toBe(destination);
    }
    expect(thrown(() => socket.addMembership(GROUP, LOCALHOST)).code).toBe('EADDRINUSE');
    expect(socket.dropMembership(GROUP, LOCALHOST)).toBe(undefined);
    expect(thrown(() => socket.dropMembership(GROUP, LOCALHOST)).code).toBe('EADDRNOTAVAIL');
  });

  it('can fail again, send, connect and close', async () => {
    const other = await bench.bound();
    const { port } = other.address();
    const socket = await failed(port, LOCALHOST, 'EADDRINUSE');
    socket.setTTL(9);
    socket.bind(port, LOCALHOST);
    expect(((await once(socket, 'error')) as [NodeJS.ErrnoException])[0].code).toBe('EADDRINUSE');
    const heard = textOf(other);
    socket.send('still', port, LOCALHOST);
    expect(await heard).toBe('still');
    expect(socket.address().port).toBeGreaterThan(0);
    const second = await failed(port, LOCALHOST, 'EADDRINUSE');
    second.connect(port, LOCALHOST);
    await once(second, 'connect');
    expect(second.remoteAddress().port).toBe(port);
    const third = await failed(port, LOCALHOST, 'EADDRINUSE');
    third.addMembership(GROUP, LOCALHOST);
    await called((done) => third.close(done));
  });

  it('has none where there was nothing to bind: a name that is not found, an address of the other family', async () => {
    const lookup = ((name: string, _family: unknown, found: (error: Error | null, address?: string) => void) =>
      process.nextTick(
        found,
        name === 'none.test' ? Object.assign(new Error('none'), { code: 'ENOTFOUND' }) : null,
        '::1',
      )) as never;
    for (const [name, code] of [
      ['none.test', 'ENOTFOUND'],
      ['six.test', 'EINVAL'],
    ] as const) {
      const socket = bench.socket({ type: 'udp4', lookup });
      socket.bind(0, name);
      expect(((await once(socket, 'error')) as [NodeJS.ErrnoException])[0].code).toBe(code);
      expect(thrown(() => socket.address()).code).toBe('EBADF');
      expect(thrown(() => socket.setTTL(9)).code).toBe('EBADF');
      expect(thrown(() => socket.getRecvBufferSize()).code).toBe('ERR_SOCKET_BUFFER_SIZE');
    }
  });
});

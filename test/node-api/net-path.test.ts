import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import nodeNet from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { onRealNetwork } from '../../src/node/register/index.ts';
import { closed, closing, failure, gone, journal, seen, settled, thrown } from './helpers.ts';
import { MODULES } from './modules.ts';
import type { Modules } from './modules.ts';

describe.each(MODULES)('$name: a Unix-domain socket', ({ make }) => {
  let modules: Modules;
  let net: typeof nodeNet;
  let folder: string;
  let path: string;
  let server: nodeNet.Server;
  beforeEach(async () => {
    modules = make();
    net = modules.net;
    folder = await mkdtemp(join(tmpdir(), 'usernet-'));
    path = join(folder, 'echo');
    server = new nodeNet.Server({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
    server.listen(path);
    await once(server, 'listening');
  });
  afterEach(async () => {
    await closed(server);
    await modules.end();
    await rm(folder, { recursive: true });
  });

  const WAYS: [string, (to: string) => nodeNet.Socket][] = [
    ['net.connect({ path })', (to) => net.connect({ path: to })],
    ['net.connect(path)', (to) => net.connect(to)],
    ['socket.connect({ path })', (to) => new net.Socket().connect({ path: to })],
    ['socket.connect(path)', (to) => new net.Socket().connect(to)],
  ];

  it.each(WAYS)('is reached by %s, has no addresses, and carries bytes', async (_name, connect) => {
    const socket = connect(path);
    const entries = journal(socket, 'lookup', 'connectionAttempt', 'connect', 'ready', 'end', 'finish', 'close');
    expect(socket.connecting).toBe(true);
    await once(socket, 'connect');
    expect(socket.connecting).toBe(false);
    expect(socket.address()).toEqual({});
    const { remoteAddress, remotePort, remoteFamily, localAddress, localPort } = socket;
    expect([remoteAddress, remotePort, remoteFamily, localAddress, localPort]).toEqual(Array(5).fill(undefined));
    const sent = Buffer.alloc(300_000, 'abc');
    socket.end(sent);
    const pieces: Buffer[] = [];
    const ended = closing(socket);
    for await (const piece of socket) pieces.push(piece as Buffer);
    await ended;
    expect(Buffer.concat(pieces).equals(sent)).toBe(true);
    expect([socket.bytesRead, socket.bytesWritten]).toEqual([300_000, 300_000]);
    expect(entries).toEqual(['connect', 'ready', 'finish', 'end', 'close false']);
  });

  it.each(WAYS)('that is not there is told by %s', async (_name, connect) => {
    const missing = join(folder, 'missing');
    const socket = connect(missing);
    const entries = journal(socket, 'connect', 'connectionAttemptFailed', 'error', 'close');
    const error = failure(socket);
    await closing(socket);
    expect(await error).toEqual({
      name: 'Error',
      code: 'ENOENT',
      errno: -2,
      syscall: 'connect',
      address: missing,
      message: `connect ENOENT ${missing}`,
    });
    expect(entries).toEqual([`connectionAttemptFailed ${missing}`, 'error ENOENT', 'close true']);
  });

  it.each(WAYS)('is left while it is reached: %s', async (_name, connect) => {
    const socket = connect(path);
    const entries = journal(socket, 'connect', 'error', 'close');
    socket.destroy();
    await closing(socket);
    await settled();
    expect(entries).toEqual(['close false']);
  });

  it.each(WAYS)('cannot be reset: %s', async (_name, connect) => {
    const socket = connect(path);
    await once(socket, 'connect');
    expect(thrown(() => socket.resetAndDestroy())).toMatchObject({
      code: 'ERR_INVALID_HANDLE_TYPE',
      name: 'TypeError',
    });
    socket.destroy();
    await closing(socket);
  });

  it('tells of the attempt, and holds a writer back whose peer does not read', async () => {
    const silent = new nodeNet.Server((socket) => void socket.pause().on('error', () => {}));
    const place = join(folder, 'silent');
    const accepted = once(silent.listen(place), 'connection');
    const socket = new net.Socket();
    const entries = journal(socket, 'connectionAttempt', 'connect');
    socket.connect(place);
    await once(socket, 'connect');
    expect(entries).toEqual([`connectionAttempt ${place}`, 'connect']);
    const told: unknown[] = [];
    socket.write(Buffer.alloc(20_000_000), (error) => told.push(error));
    for (let i = 0; i < 50; i++) await settled();
    expect([socket.writableNeedDrain, told]).toEqual([true, []]);
    socket.destroy();
    await closing(socket);
    (await accepted)[0].destroy();
    await closed(silent);
  });

  it('that is destroyed sends what the system has taken, and nothing that it has not', async () => {
    const place = join(folder, 'late');
    const late = new nodeNet.Server({ pauseOnConnect: true }).listen(place);
    /** How much of it arrives where nobody reads before the end. */
    const arriving = async (socket: nodeNet.Socket, chunks: number): Promise<unknown> => {
      const accepted = once(late, 'connection');
      socket.connect(place);
      await once(socket, 'connect');
      const [far] = (await accepted) as [nodeNet.Socket];
      const errors: unknown[] = [];
      for (let i = 0; i < chunks; i++) socket.write(Buffer.alloc(2_000_000 / chunks), (error) => errors.push(error));
      await settled();
      socket.destroy();
      await closing(socket);
      await settled();
      let bytes = 0;
      far.on('data', (data: Buffer) => (bytes += data.byteLength));
      const ended = once(far, 'end');
      far.resume();
      await ended;
      await gone(far);
      return { bytes, written: socket.bytesWritten, errors };
    };
    for (const chunks of [1, 200]) {
      // Node's own, whatever stands in its place.
      const node = await arriving(
        onRealNetwork(() => new nodeNet.Socket()),
        chunks,
      );
      expect(await arriving(new net.Socket(), chunks)).toEqual(node);
      expect((node as { bytes: number }).bytes).toBeLessThan(2_000_000);
    }
    await closed(late);
  });

  it('has a path that is a string', () => {
    const error = thrown(() => new net.Socket().connect({ path: 5 } as unknown as nodeNet.IpcSocketConnectOpts));
    expect(error).toEqual(
      seen(
        Object.assign(new TypeError('The "options.path" property must be of type string. Received type number (5)'), {
          code: 'ERR_INVALID_ARG_TYPE',
        }),
      ),
    );
  });

  it('is one place, and a port another, for the same socket', async () => {
    const socket = new net.Socket().connect(path);
    await once(socket, 'connect');
    socket.destroy();
    await closing(socket);
    const other = net.createServer((peer) => peer.end());
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as nodeNet.AddressInfo;
    socket.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    expect(socket.remotePort).toBe(port);
    expect(socket.address()).toMatchObject({ address: '127.0.0.1' });
    const ended = closing(socket);
    socket.resume();
    await ended;
    await closed(other);
  });

  describe('where a server listens', () => {
    const own = (): nodeNet.Server => net.createServer((socket) => socket.on('error', () => {}).resume());
    const place = (): string => join(folder, 'own');

    it('it says so, also when it has ended; its sockets know it', async () => {
      const listener = own();
      expect(listener.address()).toBe(null);
      listener.listen(place());
      expect([listener.listening, listener.address()]).toEqual([true, place()]);
      const near = net.connect(place());
      const [far] = (await once(listener, 'connection')) as [nodeNet.Socket];
      expect([Reflect.get(far, 'server') === listener, Reflect.get(listener, '_connections')]).toEqual([true, 1]);
      listener.close();
      expect([listener.listening, listener.address()]).toEqual([false, place()]);
      await Promise.all([gone(near, far), closing(listener)]);
      expect(Reflect.get(listener, '_connections')).toBe(0);
      listener.listen(0, '127.0.0.1');
      await once(listener, 'listening');
      expect(listener.address()).toMatchObject({ address: '127.0.0.1' });
      await closed(listener);
      expect(listener.address()).toBe(place());
    });

    it('it says where it would have listened', async () => {
      const missing = join(folder, 'missing', 'own');
      const listener = own().listen(missing);
      expect([listener.listening, listener.address()]).toEqual([false, missing]);
      const [error] = (await once(listener, 'error')) as [NodeJS.ErrnoException];
      expect(error).toMatchObject({ syscall: 'listen', address: missing });
    });

    it('its end comes before those of the sockets that it has waited for', async () => {
      const listener = own().listen(place());
      const near = net.connect(place());
      const [far] = (await once(listener, 'connection')) as [nodeNet.Socket];
      const order: string[] = [];
      for (const [name, emitter] of Object.entries({ far, listener })) emitter.once('close', () => order.push(name));
      listener.close(() => order.push('callback'));
      await settled();
      expect(order).toEqual([]);
      far.destroy();
      await Promise.all([closing(listener), closing(far)]);
      expect(order).toEqual(['listener', 'callback', 'far']);
      await gone(near);
    });

    it('it drops what is too much, which does not count', async () => {
      const listener = own().listen(place());
      listener.maxConnections = 1;
      const entries = journal(listener, 'connection', 'drop', 'close');
      const first = net.connect(place());
      const [far] = (await once(listener, 'connection')) as [nodeNet.Socket];
      const second = net.connect(place()).on('error', () => {});
      await once(listener, 'drop');
      second.resume();
      await closing(second);
      const count = await new Promise((resolve) => void listener.getConnections((_error, n) => resolve(n)));
      expect(count).toBe(1);
      listener.close();
      await Promise.all([gone(first, far), closing(listener)]);
      expect(entries).toEqual(['connection', 'drop', 'close']);
    });
  });

  it.each([
    ['net.connect', (options: object) => net.connect(options as nodeNet.IpcNetConnectOpts)],
    ['socket.connect', (options: object) => new net.Socket().connect(options as nodeNet.IpcNetConnectOpts)],
  ])('that is an empty path is none, and leads to port 0: %s', async (_name, connect) => {
    const socket = connect({ path: '', host: '127.0.0.1' });
    const entries = journal(socket, 'connectionAttempt', 'connectionAttemptFailed', 'error', 'close');
    const [error] = (await once(socket, 'error')) as [Error];
    await closing(socket);
    expect(seen(error)).toEqual({
      name: 'Error',
      code: 'ECONNREFUSED',
      errno: -111,
      syscall: 'connect',
      address: '127.0.0.1',
      message: 'connect ECONNREFUSED 127.0.0.1',
    });
    const attempt = ['connectionAttempt 127.0.0.1', 'connectionAttemptFailed 127.0.0.1'];
    expect(entries).toEqual([...attempt, 'error ECONNREFUSED', 'close true']);
    expect(thrown(() => connect({ path: null }))).toMatchObject({ code: 'ERR_MISSING_ARGS' });
  });
});

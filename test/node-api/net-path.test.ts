import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import nodeNet from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closed, closing, failure, journal, seen, settled, thrown } from './helpers.ts';
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
});

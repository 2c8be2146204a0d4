import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DgramSocket, RemoteInfo } from '../../../src/node/index.ts';
import { netWorlds } from '../../support/net-world.ts';
import type { NetWorld } from '../../support/net-world.ts';
import { ANY, FAMILY, FAMILY_NAME, FOREIGN, MORE_HEADER } from '../../support/family.ts';

type Received = [message: Buffer, info: RemoteInfo];

function thrown(fn: () => unknown): { code: string; name: string; message: string } {
  try {
    fn();
  } catch (error) {
    return error as { code: string; name: string; message: string };
  }
  throw new Error('nothing was thrown');
}

const UDP = FAMILY === 6 ? 'udp6' : 'udp4';

describe.each(netWorlds)('dgram: %s', (_name, make) => {
  let world: NetWorld;
  let sockets: DgramSocket[];

  beforeEach(async () => {
    world = await make();
    sockets = [];
  });

  afterEach(async () => {
    for (const socket of sockets) if (isOpen(socket)) socket.close();
    await world.end();
  });

  function isOpen(socket: DgramSocket): boolean {
    try {
      socket.address();
      return true;
    } catch (error) {
      return (error as { code: string }).code !== 'ERR_SOCKET_DGRAM_NOT_RUNNING';
    }
  }

  function clientSocket(): DgramSocket {
    const socket = world.client.dgram.createSocket(UDP);
    sockets.push(socket);
    return socket;
  }

  function serverSocket(): DgramSocket {
    const socket = world.server.dgram.createSocket(UDP);
    sockets.push(socket);
    return socket;
  }

  async function bound(socket: DgramSocket, address: string): Promise<DgramSocket> {
    socket.bind(0, address);
    await once(socket, 'listening');
    return socket;
  }

  it('sends a message and tells who sent it', async () => {
    const server = await bound(serverSocket(), world.address);
    const client = await bound(clientSocket(), world.clientAddress);
    expect(server.address()).toMatchObject({ address: world.address, family: FAMILY_NAME });
    const sent = new Promise((resolve) => {
      client.send('hello', server.address().port, world.address, (error, bytes) => resolve([error, bytes]));
    });
    const [message, info] = (await once(server, 'message')) as Received;
    expect(String(message)).toBe('hello');
    const { port } = client.address();
    expect(info).toEqual({ address: world.clientAddress, family: FAMILY_NAME, port, size: 5 });
    expect(await sent).toEqual([null, 5]);
  });

  it('answers, with every way to write a send', async () => {
    const server = await bound(serverSocket(), world.address);
    server.on('message', (message: Buffer, info: RemoteInfo) => server.send(message, info.port, info.address));
    const client = clientSocket();
    const { port } = server.address();
    const bytes = Buffer.from('abcdef');
    const answer = async (): Promise<string> => String(((await once(client, 'message')) as Received)[0]);
    client.send(bytes, port, world.address);
    expect(await answer()).toBe('abcdef');
    client.send(bytes, 1, 3, port, world.address);
    expect(await answer()).toBe('bcd');
    client.send(['a', Buffer.from('b'), new Uint8Array([99])], port, world.address);
    expect(await answer()).toBe('abc');
    client.send(new DataView(bytes.buffer, bytes.byteOffset + 2, 2), port, world.address);
    expect(await answer()).toBe('cd');
    client.send('', port, world.address);
    expect(await answer()).toBe('');
    client.send([], port, world.address);
    expect(await answer()).toBe('');
  });

  it('connects, sends without an address, hears only its peer, and disconnects', async () => {
    const server = await bound(serverSocket(), world.address);
    const other = await bound(serverSocket(), world.address);
    const client = clientSocket();
    const { port } = server.address();
    client.connect(port, world.address);
    await once(client, 'connect');
    expect(client.remoteAddress()).toEqual({ address: world.address, family: FAMILY_NAME, port });
    client.send('one');
    const [message, { port: clientPort }] = (await once(server, 'message')) as Received;
    expect(String(message)).toBe('one');
    const seen: string[] = [];
    client.on('message', (bytes: Buffer) => seen.push(String(bytes)));
    await new Promise((resolve) => other.send('from another', clientPort, world.clientAddress, resolve));
    server.send('from the peer', clientPort, world.clientAddress);
    await once(client, 'message');
    expect(seen).toEqual(['from the peer']);
    expect(thrown(() => client.connect(port, world.address)).code).toBe('ERR_SOCKET_DGRAM_IS_CONNECTED');
    expect(thrown(() => client.send('x', 0, 1, port)).code).toBe('ERR_SOCKET_DGRAM_IS_CONNECTED');
    client.disconnect();
    expect(thrown(() => client.disconnect()).code).toBe('ERR_SOCKET_DGRAM_NOT_CONNECTED');
    expect(thrown(() => client.remoteAddress()).code).toBe('ERR_SOCKET_DGRAM_NOT_CONNECTED');
  });

  it('[S-031] a port where nobody listens: ECONNREFUSED on a connected socket, which stays usable', async () => {
    const server = await bound(serverSocket(), world.address);
    const { port } = server.address();
    const client = clientSocket();
    client.connect(port, world.address);
    await once(client, 'connect');
    await new Promise<void>((resolve) => {
      server.close(resolve);
    });
    client.send('x');
    expect(await once(client, 'error')).toMatchObject([{ code: 'ECONNREFUSED', syscall: 'recvmsg' }]);
    expect(client.remoteAddress().port).toBe(port);
  });

  it('reports a port in use, and a foreign address, and can bind again', async () => {
    const first = await bound(serverSocket(), world.address);
    const { port } = first.address();
    const second = serverSocket();
    second.bind(port, world.address);
    expect(await once(second, 'error')).toMatchObject([
      { code: 'EADDRINUSE', syscall: 'bind', message: `bind EADDRINUSE ${world.address}:${port}` },
    ]);
    second.bind(0, FOREIGN);
    expect(await once(second, 'error')).toMatchObject([{ code: 'EADDRNOTAVAIL', syscall: 'bind' }]);
    await bound(second, world.address);
  });

  it('tells the callback of a message that is too long', async () => {
    const client = clientSocket();
    const error = await new Promise((resolve) =>
      client.send(Buffer.alloc(65_508 + MORE_HEADER), 9, world.address, resolve),
    );
    expect(error).toMatchObject({ code: 'EMSGSIZE', syscall: 'send', address: world.address, port: 9 });
  });

  it('throws for a misuse at once', async () => {
    const { dgram } = world.client;
    const type: unknown = 'tcp';
    expect(thrown(() => dgram.createSocket(type as 'udp4')).code).toBe('ERR_SOCKET_BAD_TYPE');
    const client = clientSocket();
    expect(thrown(() => client.send('x', 0, world.address))).toMatchObject({
      code: 'ERR_SOCKET_BAD_PORT',
      message: 'Port should be > 0 and < 65536. Received type number (0).',
    });
    const number: unknown = 5;
    expect(thrown(() => client.send(number as string, 9, world.address)).code).toBe('ERR_INVALID_ARG_TYPE');
    expect(thrown(() => client.send('abc', 2, 2, 9, world.address)).code).toBe('ERR_BUFFER_OUT_OF_BOUNDS');
    expect(thrown(() => client.address()).code).toBe('EBADF');
    expect(thrown(() => client.setTTL(64)).code).toBe('EBADF');
    await bound(client, world.clientAddress);
    expect(thrown(() => client.bind()).code).toBe('ERR_SOCKET_ALREADY_BOUND');
    expect(thrown(() => client.setTTL(256))).toMatchObject({ code: 'EINVAL', message: 'setTTL EINVAL' });
    expect(client.setTTL(7)).toBe(7);
    client.setBroadcast(true);
  });

  it('closes once, and is of no use then', async () => {
    const server = await bound(serverSocket(), world.address);
    const client = clientSocket();
    const closed = once(client, 'close');
    client.send('last words', server.address().port, world.address, () => client.close());
    const [[message]] = (await Promise.all([once(server, 'message'), closed])) as [Received, unknown];
    expect(String(message)).toBe('last words');
    expect(thrown(() => client.close())).toMatchObject({
      code: 'ERR_SOCKET_DGRAM_NOT_RUNNING',
      message: 'Not running',
    });
    expect(thrown(() => client.send('x', 9, world.address)).code).toBe('ERR_SOCKET_DGRAM_NOT_RUNNING');
  });

  it('closes while the bind is under way', async () => {
    const client = clientSocket();
    client.bind(0, world.clientAddress, () => expect.unreachable());
    await new Promise<void>((resolve) => {
      client.close(resolve);
    });
    expect(isOpen(client)).toBe(false);
  });

  it('closes when its signal is aborted', async () => {
    const controller = new AbortController();
    const socket = world.client.dgram.createSocket({ type: UDP, signal: controller.signal });
    socket.bind(0, world.clientAddress);
    await once(socket, 'listening');
    controller.abort();
    await once(socket, 'close');
    expect(isOpen(socket)).toBe(false);
  });

  it('looks names up with the lookup given', async () => {
    const server = await bound(serverSocket(), world.address);
    const client = world.client.dgram.createSocket({
      type: UDP,
      lookup: (name, options, done) => {
        expect(options.family ?? options).toBe(FAMILY);
        process.nextTick(done, null, name === 'somewhere.test' ? world.address : ANY, FAMILY);
      },
    });
    sockets.push(client);
    client.send('by name', server.address().port, 'somewhere.test');
    const [message] = (await once(server, 'message')) as Received;
    expect(String(message)).toBe('by name');
  });
});

import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DgramBench, LOCALHOST, called, fieldsOf, textOf, thrown, turn, wrong } from './dgram-bench.ts';
import { MODULES } from './modules.ts';

const CONNECTED = { kind: 'Error', code: 'ERR_SOCKET_DGRAM_IS_CONNECTED', message: 'Already connected' };
const NOT_CONNECTED = { kind: 'Error', code: 'ERR_SOCKET_DGRAM_NOT_CONNECTED', message: 'Not connected' };

describe.each(MODULES)('$name: connect and disconnect', ({ make }) => {
  let bench: DgramBench;
  beforeEach(() => {
    bench = new DgramBench(make());
  });
  afterEach(() => bench.end());

  it('connects in every form, and tells by the event and by the callback, later than the call', async () => {
    const server = await bench.bound();
    const { port } = server.address();
    const events: string[] = [];
    const first = bench.socket();
    first.on('connect', () => events.push('connect'));
    expect(first.connect(port, LOCALHOST, () => events.push('callback'))).toBe(undefined);
    expect(events).toEqual([]);
    await once(first, 'connect');
    expect(events).toEqual(['connect', 'callback']);
    const peer = { address: LOCALHOST, family: 'IPv4', port };
    expect(first.remoteAddress()).toEqual(peer);
    type Form = (socket: Socket, done: () => void) => void;
    const forms: Form[] = [
      (socket, done) => socket.connect(port, done),
      (socket, done) => socket.connect(port, '', done),
      (socket, done) => socket.connect(port, 'localhost', done),
      (socket, done) => socket.connect(wrong(String(port)), wrong(undefined), done),
      (socket, done) => socket.once('connect', done).connect(port),
    ];
    for (const form of forms) {
      const socket = bench.socket();
      expect(await called((done) => form(socket, done))).toEqual([]);
      expect(socket.remoteAddress()).toEqual(peer);
    }
  });

  it('connects a bound socket, sends to the peer, hears nobody else', async () => {
    const server = await bench.bound();
    const other = await bench.bound();
    const client = await bench.connected(server);
    const { port } = client.address();
    const seen: string[] = [];
    client.on('message', (message) => seen.push(message.toString()));
    await called((done) => other.send('from another', port, LOCALHOST, done));
    server.send('from the peer', port, LOCALHOST);
    await once(client, 'message');
    expect(seen).toEqual(['from the peer']);
    client.send('one');
    expect(await textOf(server)).toBe('one');
  });

  it('sends in every form without a destination', async () => {
    const server = await bench.bound();
    const client = await bench.connected(server);
    const bytes = Buffer.from('abcdef');
    client.send(bytes, 1, 3);
    expect(await textOf(server)).toBe('bcd');
    expect(await called((done) => client.send(bytes, 1, 3, done))).toEqual([null, 3]);
    expect(await called((done) => client.send(bytes, done))).toEqual([null, 6]);
    expect(await called((done) => client.send(['a', bytes], done))).toEqual([null, 7]);
    expect(await called((done) => client.send([], done))).toEqual([null, 0]);
    const [error] = await called((done) => client.send(Buffer.alloc(65_508), done));
    expect((error as Error).message).toBe('send EMSGSIZE');
    expect(fieldsOf(error)).toMatchObject({ errno: -90, code: 'EMSGSIZE', syscall: 'send' });
  });

  it('takes no destination while connected, behind an offset and a length', async () => {
    const server = await bench.bound();
    const client = await bench.connected(server);
    expect(thrown(() => client.send('abc', 0, 1, 9))).toEqual(CONNECTED);
    expect(thrown(() => client.send('abc', 0, 1, 9, LOCALHOST))).toEqual(CONNECTED);
    expect(thrown(() => client.send('abc', 9, wrong(LOCALHOST), 9))).toEqual(CONNECTED);
    expect(thrown(() => client.send('abc', 4, 1, 9)).code).toBe('ERR_BUFFER_OUT_OF_BOUNDS');
    expect(thrown(() => client.send(wrong(5))).code).toBe('ERR_INVALID_ARG_TYPE');
  });

  it('connects once, until it is disconnected', async () => {
    const server = await bench.bound();
    const { port } = server.address();
    const client = await bench.bound('udp4', await bench.freePort());
    expect(thrown(() => client.disconnect())).toEqual(NOT_CONNECTED);
    expect(thrown(() => client.remoteAddress())).toEqual(NOT_CONNECTED);
    client.connect(port, LOCALHOST);
    expect(thrown(() => client.connect(port, LOCALHOST))).toEqual(CONNECTED);
    expect(thrown(() => client.disconnect())).toEqual(NOT_CONNECTED);
    expect(thrown(() => client.send('x'))).toMatchObject({ code: 'ERR_SOCKET_BAD_PORT' });
    await once(client, 'connect');
    expect(thrown(() => client.connect(port, LOCALHOST))).toEqual(CONNECTED);
    const own = client.address();
    expect(client.disconnect()).toBe(undefined);
    expect(thrown(() => client.disconnect())).toEqual(NOT_CONNECTED);
    expect(thrown(() => client.remoteAddress())).toEqual(NOT_CONNECTED);
    expect(thrown(() => client.send('x'))).toMatchObject({ code: 'ERR_SOCKET_BAD_PORT' });
    expect(client.address()).toEqual(own);
    client.connect(port, LOCALHOST);
    await once(client, 'connect');
    client.send('again');
    expect(await textOf(server)).toBe('again');
  });

  it('hears others again once disconnected', async () => {
    const server = await bench.bound();
    const other = await bench.bound();
    const client = await bench.bound('udp4', await bench.freePort());
    client.connect(server.address().port, LOCALHOST);
    await once(client, 'connect');
    client.disconnect();
    other.send('from another', client.address().port, LOCALHOST);
    expect(await textOf(client)).toBe('from another');
  });

  it('gives an ephemeral port back when it is disconnected, and takes another for what it sends', async () => {
    const server = await bench.bound();
    const { port } = server.address();
    for (const address of ['0.0.0.0', LOCALHOST]) {
      const client = await bench.bound('udp4', 0, address);
      client.setTTL(7);
      client.connect(port, LOCALHOST);
      await once(client, 'connect');
      const first = client.address().port;
      client.disconnect();
      expect(client.address()).toEqual({ address, family: 'IPv4', port: 0 });
      const successor = await bench.bound('udp4', first);
      const heard = textOf(successor);
      server.send('to the successor', first, LOCALHOST);
      expect(await heard).toBe('to the successor');
      const told = once(server, 'message');
      expect(await called((done) => client.send('x', port, LOCALHOST, done))).toEqual([null, 1]);
      const second = client.address();
      expect(second.address).toBe(address);
      expect(second.port).toBeGreaterThan(0);
      expect(second.port).not.toBe(first);
      expect(await told).toMatchObject([{}, { port: second.port }]);
      server.send('back', second.port, LOCALHOST);
      expect(await textOf(client)).toBe('back');
    }
  });

  it('takes another ephemeral port to connect again, and keeps what it has joined', async () => {
    const server = await bench.bound();
    const client = await bench.bound('udp4', 0, '0.0.0.0');
    client.addMembership('224.0.0.114', LOCALHOST);
    for (const { port } of [server.address(), (await bench.bound()).address()]) {
      client.connect(port, LOCALHOST);
      await once(client, 'connect');
      expect(client.address()).toMatchObject({ address: LOCALHOST, port: expect.any(Number) });
      expect(client.address().port).toBeGreaterThan(0);
      client.disconnect();
    }
    client.send('x', 9, LOCALHOST);
    await turn();
    server.setMulticastInterface(LOCALHOST);
    const heard = textOf(client);
    server.send('to the group', client.address().port, '224.0.0.114');
    expect(await heard).toBe('to the group');
  });

  it('emits what a message brought about, once and not to the callback of that message', async () => {
    const port = await bench.freePort();
    const client = await bench.bound();
    client.connect(port, LOCALHOST);
    await once(client, 'connect');
    const errors: unknown[] = [];
    client.on('error', (error) => errors.push(error));
    for (let i = 1; i <= 3; i++) {
      const failed = once(client, 'error');
      expect(await called((done) => client.send('x', done))).toEqual([null, 1]);
      await failed;
      await turn();
      expect(errors).toHaveLength(i);
    }
  });

  it.each([0, 65_536, -1, 'x', undefined, null])('refuses the port %j', (port) => {
    const socket = bench.socket();
    expect(thrown(() => socket.connect(wrong(port), LOCALHOST))).toMatchObject({
      kind: 'RangeError',
      code: 'ERR_SOCKET_BAD_PORT',
      message: expect.stringMatching(/^Port should be > 0 and < 65536\. Received .*\.$/),
    });
  });

  it.each([5, null, {}])('refuses the address %j', (address) => {
    const socket = bench.socket();
    expect(thrown(() => socket.connect(9, wrong(address)))).toMatchObject({
      kind: 'TypeError',
      code: 'ERR_INVALID_ARG_TYPE',
      message: expect.stringMatching(/^The "address" argument must be of type string\. Received /),
    });
  });

  it('says EINVAL to an address of the other family, by the callback, else by the event, and may try again', async () => {
    const client = await bench.bound();
    const [error] = await called((done) => client.connect(9, '::1', wrong(done)));
    expect((error as Error).message).toBe('connect EINVAL ::1:9');
    expect(fieldsOf(error)).toEqual({
      errno: -22,
      code: 'EINVAL',
      syscall: 'connect',
      address: '::1',
      port: 9,
    });
    expect(client.listenerCount('connect')).toBe(0);
    client.connect(9, '::1');
    expect(await once(client, 'error')).toMatchObject([{ code: 'EINVAL' }]);
    client.connect(9, LOCALHOST);
    await once(client, 'connect');
  });

  it('emits ECONNREFUSED when nobody listens, and stays connected', async () => {
    const server = await bench.bound();
    const { port } = server.address();
    const client = await bench.connected(server);
    server.close();
    await once(server, 'close');
    client.send('x');
    const [error] = (await once(client, 'error')) as [Error];
    expect(error.message).toBe('recvmsg ECONNREFUSED');
    expect(fieldsOf(error)).toEqual({ errno: -111, code: 'ECONNREFUSED', syscall: 'recvmsg' });
    expect(client.remoteAddress().port).toBe(port);
    const again = await bench.bound('udp4', port);
    client.send('y');
    expect(await textOf(again)).toBe('y');
  });

  it('sends what was asked for with a destination while the connection is made', async () => {
    const server = await bench.bound();
    const { port } = server.address();
    const client = bench.socket();
    const sent = called((done) => client.send('before', port, LOCALHOST, done));
    client.connect(port, LOCALHOST);
    expect(await textOf(server)).toBe('before');
    expect(await sent).toEqual([null, 6]);
  });
});

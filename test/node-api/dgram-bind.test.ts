import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DgramBench, LOCALHOST, called, fieldsOf, textOf, thrown, turn, wrong } from './dgram-bench.ts';
import { MODULES } from './modules.ts';

const NOT_RUNNING = { kind: 'Error', code: 'ERR_SOCKET_DGRAM_NOT_RUNNING', message: 'Not running' };

describe.each(MODULES)('$name: bind, address and close', ({ make }) => {
  let bench: DgramBench;
  beforeEach(() => {
    bench = new DgramBench(make());
  });
  afterEach(() => bench.end());

  it('binds in every form, and tells by the callback and by the event, later than the call', async () => {
    const any = bench.socket();
    const events: unknown[] = [];
    any.on('listening', () => events.push('listening'));
    expect(any.bind(() => events.push('callback'))).toBe(any);
    expect(events).toEqual([]);
    await once(any, 'listening');
    expect(events).toEqual(['listening', 'callback']);
    expect(any.address()).toEqual({ address: '0.0.0.0', family: 'IPv4', port: expect.any(Number) });
    expect(any.address().port).toBeGreaterThan(0);
    expect(any.listenerCount('error')).toBe(0);
    any.close();

    const { port } = (await bench.bound()).address();
    const forms: ((socket: ReturnType<DgramBench['socket']>, done: () => void) => unknown)[] = [
      (socket, done) => socket.bind(0, done),
      (socket, done) => socket.bind(0, LOCALHOST, done),
      (socket, done) => socket.bind({ port: 0, address: LOCALHOST }, done),
      (socket, done) => socket.bind({ address: LOCALHOST, exclusive: true }, done),
      (socket, done) => socket.bind({}, done),
      (socket, done) => socket.bind({ port: 0 }).once('listening', done),
      (socket, done) => socket.bind(0, '', done),
    ];
    const addresses: string[] = [];
    for (const form of forms) {
      const socket = bench.socket();
      expect(await called((done) => form(socket, done))).toEqual([]);
      expect(socket.address().port).not.toBe(port);
      addresses.push(socket.address().address);
    }
    expect(addresses).toEqual(['0.0.0.0', LOCALHOST, LOCALHOST, LOCALHOST, '0.0.0.0', '0.0.0.0', '0.0.0.0']);
  });

  it('calls back with the socket as this', async () => {
    const socket = bench.socket();
    const self = await new Promise((resolve) => {
      socket.bind(0, function callback(this: unknown) {
        resolve(this);
      });
    });
    expect(self).toBe(socket);
  });

  it('binds a name', async () => {
    const socket = await bench.bound('udp4', 0, 'localhost');
    expect(socket.address().address).toBe(LOCALHOST);
  });

  it('binds once', async () => {
    const socket = bench.socket();
    const twice = { kind: 'Error', code: 'ERR_SOCKET_ALREADY_BOUND', message: 'Socket is already bound' };
    socket.bind(0, LOCALHOST);
    expect(thrown(() => socket.bind())).toEqual(twice);
    await once(socket, 'listening');
    expect(thrown(() => socket.bind())).toEqual(twice);
  });

  it('emits EADDRINUSE for a port in use, does not call back, and may bind again', async () => {
    const { port } = (await bench.bound()).address();
    const socket = bench.socket();
    let bound = 0;
    socket.bind(port, LOCALHOST, () => bound++);
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toBe(`bind EADDRINUSE 127.0.0.1:${port}`);
    expect(fieldsOf(error)).toEqual({ errno: -98, code: 'EADDRINUSE', syscall: 'bind', address: LOCALHOST, port });
    expect([socket.listenerCount('error'), socket.listenerCount('listening')]).toEqual([0, 0]);
    socket.bind(0, LOCALHOST);
    await once(socket, 'listening');
    expect(bound).toBe(0);
  });

  it('emits EADDRNOTAVAIL for an address that is not here, EINVAL for one of the other family', async () => {
    const socket = bench.socket();
    socket.bind(0, '203.0.113.9');
    const [foreign] = (await once(socket, 'error')) as [Error];
    expect(foreign.message).toBe('bind EADDRNOTAVAIL 203.0.113.9');
    expect(fieldsOf(foreign)).toEqual({
      errno: -99,
      code: 'EADDRNOTAVAIL',
      syscall: 'bind',
      address: '203.0.113.9',
    });
    socket.bind(9999, '::1');
    const [family] = (await once(socket, 'error')) as [Error];
    expect(family.message).toBe('bind EINVAL ::1:9999');
    expect(fieldsOf(family)).toMatchObject({ errno: -22, code: 'EINVAL', syscall: 'bind', address: '::1', port: 9999 });
  });

  it('reads a port as a number, and takes its lower 16 bits', async () => {
    const port = await bench.freePort();
    for (const value of [port + 0x1_0000, port - 0x1_0000, port + 0.5, String(port), `0x${port.toString(16)}`]) {
      const socket = await bench.bound('udp4', wrong(value));
      expect(socket.address().port).toBe(port);
      await called((done) => socket.close(done));
    }
    for (const value of ['abc', '', null, undefined, Number.NaN, 0x1_0000, false]) {
      expect((await bench.bound('udp4', wrong(value))).address().port).toBeGreaterThan(0);
    }
  });

  it('names the port of an error as it was given', async () => {
    const { port } = (await bench.bound()).address();
    const socket = bench.socket();
    for (const [value, shown] of [
      [String(port), `${LOCALHOST}:${port}`],
      [port - 0x1_0000, LOCALHOST],
    ]) {
      socket.bind(wrong(value), LOCALHOST);
      const [error] = (await once(socket, 'error')) as [Error];
      expect(error.message).toBe(`bind EADDRINUSE ${shown as string}`);
      expect(fieldsOf(error)).toMatchObject({ address: LOCALHOST, port: value });
    }
  });

  it('can have no IPv6 alone where there is none', async () => {
    const socket = bench.socket({ type: 'udp4', ipv6Only: true });
    socket.bind(0);
    expect(await once(socket, 'error')).toMatchObject([{ message: 'bind EINVAL 0.0.0.0', code: 'EINVAL' }]);
  });

  it('throws for an address that lookup does not take', () => {
    for (const address of [5, {}, true]) {
      expect(thrown(() => bench.socket().bind(0, wrong(address))).code).toBe('ERR_INVALID_ARG_TYPE');
      expect(thrown(() => bench.socket().bind({ address: wrong(address) })).code).toBe('ERR_INVALID_ARG_TYPE');
    }
  });

  it('shares a port among sockets that say so: the last bound gets what comes', async () => {
    const first = await bench.bound({ type: 'udp4', reuseAddr: true });
    const { port } = first.address();
    const second = await bench.bound({ type: 'udp4', reuseAddr: true }, port);
    first.on('message', () => expect.unreachable());
    first.send('x', port, LOCALHOST);
    expect(await textOf(second)).toBe('x');
    const third = bench.socket();
    third.bind(port, LOCALHOST);
    expect(await once(third, 'error')).toMatchObject([{ code: 'EADDRINUSE' }]);
  });

  it('has no address before it is bound', () => {
    const socket = bench.socket();
    expect(thrown(() => socket.address())).toEqual({ kind: 'Error', code: 'EBADF', message: 'getsockname EBADF' });
    socket.bind(0);
    expect(thrown(() => socket.address()).code).toBe('EBADF');
  });

  it('binds to an ephemeral port of all addresses for the sake of a send or connect', async () => {
    const sender = bench.socket();
    await called((done) => sender.send('x', 9, LOCALHOST, done));
    expect(sender.address().address).toBe('0.0.0.0');
    const connector = bench.socket();
    let listening = 0;
    connector.on('listening', () => listening++);
    connector.connect(9, LOCALHOST);
    await once(connector, 'connect');
    expect(listening).toBe(1);
    expect(connector.address().address).toBe(LOCALHOST);
  });

  it('closes: the event follows the call, the callback is a listener of it', async () => {
    const socket = await bench.bound();
    const events: string[] = [];
    socket.on('close', () => events.push('close'));
    expect(socket.close(() => events.push('callback'))).toBe(socket);
    process.nextTick(() => events.push('tick'));
    expect(events).toEqual([]);
    await turn();
    expect(events).toEqual(['close', 'callback', 'tick']);
  });

  it('closes while it is bound: no event but close', async () => {
    const socket = bench.socket();
    socket.bind(0, LOCALHOST, () => expect.unreachable());
    socket.on('error', () => expect.unreachable());
    await called((done) => socket.close(done));
    await turn();
  });

  it('closes behind what waits for the bind', async () => {
    const server = await bench.bound();
    const socket = bench.socket();
    socket.connect(server.address().port, LOCALHOST);
    socket.close();
    const events: string[] = [];
    socket.on('listening', () => events.push('listening')).on('close', () => events.push('close'));
    await once(socket, 'close');
    expect(events).toEqual(['listening', 'close']);
  });

  it('is disposed of, once or twice, with its close event', async () => {
    const socket = await bench.bound();
    let closed = 0;
    socket.on('close', () => closed++);
    await socket[Symbol.asyncDispose]();
    expect(closed).toBe(1);
    await socket[Symbol.asyncDispose]();
    expect(closed).toBe(1);
    expect(thrown(() => socket.address())).toEqual(NOT_RUNNING);
    await bench.socket()[Symbol.asyncDispose]();
  });

  it('frees its port at once', async () => {
    const socket = await bench.bound();
    const { port } = socket.address();
    socket.close();
    expect((await bench.bound('udp4', port)).address().port).toBe(port);
  });
});

import { EventEmitter, once } from 'node:events';
import type nodeNet from 'node:net';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import dns from 'node:dns';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getDefaultHighWaterMark } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  closed,
  closing,
  failure,
  gone,
  journal,
  listening,
  portOf,
  seen,
  settled,
  replaceLookup,
  thrown,
} from './helpers.ts';
import { MODULES } from './modules.ts';
import type { Modules } from './modules.ts';

import { HAS_BLOCK_LISTS, IS_22_OR_NEWER } from '../../src/node/node-features.ts';
const HOST = '127.0.0.1';
const NEWER = Number.parseInt(process.versions.node, 10) >= 21;

describe.each(MODULES)('$name: net.Server', ({ make }) => {
  let modules: Modules;
  let net: typeof nodeNet;
  beforeEach(() => {
    modules = make();
    net = modules.net;
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await modules.end();
  });

  const connect = (server: nodeNet.Server, options = {}): nodeNet.Socket =>
    net.connect({ port: portOf(server), host: HOST, ...options });

  /** The near and the far end of a connection. */
  async function pair(server: nodeNet.Server, options = {}): Promise<[nodeNet.Socket, nodeNet.Socket]> {
    const near = connect(server, options);
    const [[far]] = await Promise.all([once(server, 'connection'), once(near, 'connect')]);
    return [near, far as nodeNet.Socket];
  }

  const count = (server: nodeNet.Server): Promise<number> =>
    new Promise((resolve, reject) => {
      server.getConnections((error, number) => (error ? reject(error) : resolve(number)));
    });

  describe('is made', () => {
    it('with and without new, with options, a listener, both or none', () => {
      const call: unknown = net.Server;
      const bare = (call as () => nodeNet.Server)();
      const listener = (): void => {};
      const made = [
        net.createServer(),
        net.createServer(listener),
        net.createServer({}, listener),
        new net.Server({ allowHalfOpen: true }, listener),
        bare,
      ];
      expect(made.map((server) => server.listeners('connection'))).toEqual([
        [],
        [listener],
        [listener],
        [listener],
        [],
      ]);
      for (const server of made) {
        expect(server).toBeInstanceOf(net.Server);
        expect(server).toBeInstanceOf(EventEmitter);
        expect([server.listening, server.address()]).toEqual([false, null]);
      }
      expect(net.createServer(null as never)).toBeInstanceOf(net.Server);
    });

    it('and shows its options', () => {
      const options = { allowHalfOpen: true, pauseOnConnect: true, noDelay: true, keepAlive: true, highWaterMark: 99 };
      expect(net.createServer(options)).toMatchObject(options);
      const highWaterMark = getDefaultHighWaterMark(false);
      const defaults = { allowHalfOpen: false, pauseOnConnect: false, noDelay: false, keepAlive: false, highWaterMark };
      expect(net.createServer()).toMatchObject(defaults);
      expect(net.createServer({ highWaterMark: -1 })).toMatchObject({ highWaterMark });
    });

    it.each([
      [['text'], 'The "options" argument must be of type object. Received type string (\'text\')'],
      [[5], 'The "options" argument must be of type object. Received type number (5)'],
      [
        [{ keepAliveInitialDelay: '1' }],
        'The "options.keepAliveInitialDelay" property must be of type number. Received type string (\'1\')',
      ],
      [[{ highWaterMark: null }], 'The "options.highWaterMark" property must be of type number. Received null'],
    ])('not with %j', (args, message) => {
      const error = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE', message };
      expect(thrown(() => Reflect.apply(net.createServer, net, args))).toEqual(error);
    });
  });

  describe('listens', () => {
    const forms: [string, (server: nodeNet.Server, done: () => void) => nodeNet.Server][] = [
      ['port, host, backlog, listener', (server, done) => server.listen(0, HOST, 5, done)],
      ['port, host, listener', (server, done) => server.listen(0, HOST, done)],
      ['port, backlog, listener', (server, done) => server.listen(0, 5, done)],
      ['port, listener', (server, done) => server.listen(0, done)],
      ['port as text, listener', (server, done) => Reflect.apply(server.listen, server, ['0', done])],
      [
        'options, listener',
        (server, done) => server.listen({ port: 0, host: HOST, backlog: 5, exclusive: true }, done),
      ],
      ['options with port undefined', (server, done) => server.listen({ port: undefined }, done)],
      ['options with port null', (server, done) => server.listen({ port: null as never }, done)],
      ['null, listener', (server, done) => Reflect.apply(server.listen, server, [null, done])],
      ['undefined, listener', (server, done) => Reflect.apply(server.listen, server, [undefined, done])],
      ['listener', (server, done) => server.listen(done)],
    ];

    it.each(forms)('by (%s)', async (_form, listen) => {
      const server = net.createServer();
      await new Promise<void>((resolve) => expect(listen(server, resolve)).toBe(server));
      expect(portOf(server)).toBeGreaterThan(0);
      await closed(server);
    });

    it('with a host only after the call, for dns.lookup is asked about addresses, too', async () => {
      const lookup = vi.spyOn(dns, 'lookup');
      const server = net.createServer();
      server.listen(0, HOST);
      expect([server.listening, server.address()]).toEqual([false, null]);
      await once(server, 'listening');
      expect(lookup.mock.calls.map(([name]) => name)).toEqual([HOST]);
      expect(server.address()).toEqual({ address: HOST, family: 'IPv4', port: portOf(server) });
      await closed(server);
    });

    it('without a host at once', async () => {
      const server = net.createServer().listen(0);
      expect(server.listening).toBe(true);
      expect(portOf(server)).toBeGreaterThan(0);
      await once(server, 'listening');
      await closed(server);
    });

    it('on a name that dns.lookup finds', async () => {
      replaceLookup((name: string, ...rest: unknown[]) => {
        const done = rest.at(-1) as (error: unknown, found: unknown, family: number) => void;
        const address = name === 'here.test' ? HOST : '';
        // From Node 22 on a server asks for all addresses.
        process.nextTick(done, null, rest.length > 1 ? [{ address, family: 4 }] : address, 4);
      });
      const server = net.createServer().listen(0, 'here.test');
      await once(server, 'listening');
      expect(server.address()).toMatchObject({ address: HOST });
      await closed(server);
    });

    it('on the first address that is not of one link, where Node asks for all', async () => {
      const asked: unknown[][] = [];
      replaceLookup((...args: unknown[]) => {
        const [name, options] = args;
        const done = args.at(-1) as (...found: unknown[]) => void;
        asked.push([name, typeof options === 'object' ? options : undefined]);
        const all = ['fe80::1', 'FEbf::1', HOST, '127.0.0.2'].map((address) => ({ address }));
        if (typeof options === 'object') process.nextTick(done, null, all);
        else process.nextTick(done, null, HOST, 4);
      });
      const server = net.createServer().listen(0, 'here.test');
      await once(server, 'listening');
      expect(server.address()).toMatchObject({ address: HOST });
      expect(asked).toEqual([['here.test', IS_22_OR_NEWER ? { all: true } : undefined]]);
      await closed(server);
    });

    it.each<unknown[]>([
      ['7'],
      ['x'],
      [-1],
      [1.5],
      [0],
      [Number.NaN],
      [2 ** 31],
      [2 ** 32 + 5],
      [Infinity],
      [true],
      [{}],
      [[3]],
      [null],
    ])('with whatever backlog: %j', async (backlog) => {
      for (const args of [[{ port: 0, host: HOST, backlog }], [0, HOST, backlog], [{ port: 0, backlog }]]) {
        const server = net.createServer();
        Reflect.apply(server.listen, server, args);
        if (!server.listening) await once(server, 'listening');
        const [near, far] = await pair(server);
        expect([near.readyState, far.readyState]).toEqual(['open', 'open']);
        await gone(near, far);
        await closed(server);
      }
    });

    it('on no name that it does not find', async () => {
      replaceLookup((name: string, ...rest: unknown[]) => {
        const done = rest.at(-1) as (error: unknown) => void;
        process.nextTick(done, Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' }));
      });
      const server = net.createServer().listen(0, 'nowhere.test');
      const message = 'getaddrinfo ENOTFOUND nowhere.test';
      expect(await failure(server)).toEqual({ name: 'Error', code: 'ENOTFOUND', message });
      expect(server.listening).toBe(false);
    });

    it('not when it was closed meanwhile', async () => {
      const server = net.createServer();
      const entries = journal(server, 'listening', 'error', 'close');
      server.listen(0, HOST);
      server.close((error) => entries.push(`callback ${String(error && 'code' in error && error.code)}`));
      await settled();
      expect(entries).toEqual(['close', 'callback ERR_SERVER_NOT_RUNNING']);
      server.listen(0).close();
      await settled();
      expect(entries.slice(2)).toEqual(['close']);
    });

    it('again after close, on the same port', async () => {
      const server = await listening(net.createServer());
      const port = portOf(server);
      await closed(server);
      server.listen(port, HOST);
      await once(server, 'listening');
      expect(portOf(server)).toBe(port);
      await closed(server);
    });

    it('not twice', async () => {
      const server = await listening(net.createServer());
      const message = 'Listen method has been called more than once without closing.';
      const error = { name: 'Error', code: 'ERR_SERVER_ALREADY_LISTEN', message };
      expect(thrown(() => server.listen(0))).toEqual(error);
      expect(thrown(() => server.listen({}))).toEqual(error);
      await closed(server);
    });

    it('not on a port in use: EADDRINUSE, and may try again', async () => {
      const first = await listening(net.createServer());
      const port = portOf(first);
      const second = net.createServer().listen(port, HOST);
      const entries = journal(second, 'listening', 'error', 'close');
      expect(await failure(second)).toEqual({
        name: 'Error',
        code: 'EADDRINUSE',
        errno: -98,
        syscall: 'listen',
        address: HOST,
        port,
        message: `listen EADDRINUSE: address already in use ${HOST}:${port}`,
      });
      expect([second.listening, second.address()]).toEqual([false, null]);
      await listening(second);
      await settled();
      expect(entries).toEqual(['error EADDRINUSE', 'listening']);
      await closed(first);
      await closed(second);
    });

    it('not at an address that is not here: EADDRNOTAVAIL', async () => {
      expect(await failure(net.createServer().listen(0, '192.0.2.1'))).toEqual({
        name: 'Error',
        code: 'EADDRNOTAVAIL',
        errno: -99,
        syscall: 'listen',
        address: '192.0.2.1',
        message: 'listen EADDRNOTAVAIL: address not available 192.0.2.1',
      });
    });

    it.each([
      [[65_536], 'type number (65536)'],
      [[-1], 'type number (-1)'],
      [[1.5], 'type number (1.5)'],
      [[Number.NaN], 'type number (NaN)'],
      [[{ port: '70000' }], "type string ('70000')"],
      [[{ port: '' }], "type string ('')"],
      [[{ port: 'a' }], "type string ('a')"],
    ])('not on port %j', (args, received) => {
      const message = `options.port should be >= 0 and < 65536. Received ${received}.`;
      const error = { name: 'RangeError', code: 'ERR_SOCKET_BAD_PORT', message };
      const server = net.createServer();
      expect(thrown(() => Reflect.apply(server.listen, server, args))).toEqual(error);
    });

    it.each([
      [[{}], 'The argument \'options\' must have the property "port" or "path". Received {}'],
      [
        [{ host: HOST }],
        'The argument \'options\' must have the property "port" or "path". Received { host: \'127.0.0.1\' }',
      ],
      [[{ port: true }], "The argument 'options' is invalid. Received { port: true }"],
      [[{ path: 5 }], "The argument 'options' is invalid. Received { path: 5 }"],
      [[false], "The argument 'options' is invalid. Received { port: false }"],
    ])('not on %j', (args, message) => {
      const server = net.createServer();
      const error = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE', message };
      expect(thrown(() => Reflect.apply(server.listen, server, args))).toEqual(error);
    });

    it('and calls the listener of a call that threw at the next one', async () => {
      const server = net.createServer();
      const called = new Promise<void>((resolve) => {
        expect(thrown(() => server.listen(70_000, resolve)).code).toBe('ERR_SOCKET_BAD_PORT');
      });
      server.listen(0);
      await called;
      await closed(server);
    });
  });

  describe('signal', () => {
    it('closes the server', async () => {
      const controller = new AbortController();
      const server = net.createServer().listen({ port: 0, host: HOST, signal: controller.signal });
      const entries = journal(server, 'listening', 'error', 'close');
      await once(server, 'listening');
      controller.abort();
      expect(server.listening).toBe(false);
      await once(server, 'close');
      controller.abort();
      await settled();
      expect(entries).toEqual(['listening', 'close']);
    });

    it('that was aborted before closes it before it listens', async () => {
      const server = net.createServer().listen({ port: 0, host: HOST, signal: AbortSignal.abort() });
      const entries = journal(server, 'listening', 'error', 'close');
      await settled();
      expect([entries, server.listening]).toEqual([['close'], false]);
    });

    it('must be one', () => {
      const message = 'The "options.signal" property must be an instance of AbortSignal. Received type string (\'x\')';
      const error = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE', message };
      expect(thrown(() => net.createServer().listen({ port: 0, signal: 'x' as never }))).toEqual(error);
    });
  });

  describe('closes', () => {
    it('at the end of its last connection, and says so once', async () => {
      const server = await listening(net.createServer());
      const [near, far] = await pair(server);
      const entries = journal(server, 'close');
      server.close((error) => entries.push(`callback ${String(error)}`));
      expect([server.listening, server.address()]).toEqual([false, null]);
      await settled();
      near.write('still here');
      expect(String(await once(far, 'data'))).toBe('still here');
      expect(entries).toEqual([]);
      await gone(near, far);
      await settled();
      expect(entries).toEqual(['close', 'callback undefined']);
    });

    it('and refuses who comes after', async () => {
      const server = await listening(net.createServer());
      const port = portOf(server);
      await closed(server);
      expect(await failure(net.connect(port, HOST))).toMatchObject({ code: 'ECONNREFUSED' });
    });

    it('with a callback that is a listener like others: it has its this, and can be taken back', async () => {
      const server = await listening(net.createServer());
      const heard: unknown[] = [];
      const heardToo = function (this: unknown, ...args: unknown[]): void {
        heard.push(this === server, args.length);
      };
      const takenBack = (): void => void heard.push('taken back');
      server.close(heardToo);
      server.on('close', takenBack).off('close', takenBack);
      expect(server.listeners('close')).toEqual([heardToo]);
      await closing(server);
      expect(heard).toEqual([true, 0]);
    });

    it('not when it does not run: ERR_SERVER_NOT_RUNNING for the callback, and close', async () => {
      const server = net.createServer();
      const entries = journal(server, 'close', 'error');
      const error = await new Promise<unknown>((resolve) => {
        expect(server.close(resolve)).toBe(server);
      });
      const message = 'Server is not running.';
      expect(seen(error)).toEqual({ name: 'Error', code: 'ERR_SERVER_NOT_RUNNING', message });
      expect(entries).toEqual(['close']);
    });

    it('by Symbol.asyncDispose, once and again', async () => {
      const server = await listening(net.createServer());
      await server[Symbol.asyncDispose]();
      expect(server.listening).toBe(false);
      await server[Symbol.asyncDispose]();
    });

    it('with two callbacks where it is called twice', async () => {
      const server = await listening(net.createServer());
      const results: unknown[] = [];
      const done = new Promise<void>((resolve) => {
        server.close((error) => results.push(error));
        server.close((error) => {
          results.push(error && 'code' in error && error.code);
          resolve();
        });
      });
      await done;
      expect(results).toEqual([undefined, 'ERR_SERVER_NOT_RUNNING']);
    });
  });

  describe('connections', () => {
    it('are counted, from accept to destroy', async () => {
      const server = await listening(net.createServer());
      expect(await count(server)).toBe(0);
      const [near, far] = await pair(server);
      expect(await count(server)).toBe(1);
      far.destroy();
      expect(await count(server)).toBe(0);
      await gone(near, far);
      await closed(server);
    });

    it('are counted later than the call, which returns the server', async () => {
      const server = net.createServer();
      let called = false;
      const result = server.getConnections(() => {
        called = true;
      });
      expect([result === server, called]).toEqual([true, false]);
      await settled();
      expect(called).toBe(true);
      const message = 'The "callback" argument must be of type function. Received undefined';
      const error = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE', message };
      expect(thrown(() => server.getConnections(undefined as never))).toEqual(error);
    });

    it('know their server', async () => {
      const server = await listening(net.createServer());
      const [near, far] = await pair(server);
      const of = (socket: nodeNet.Socket): unknown => Reflect.get(socket, 'server');
      expect([of(near), of(far) === server]).toEqual([null, true]);
      await gone(near, far);
      await closed(server);
    });

    it('above maxConnections are dropped: the event first, then their end', async () => {
      const server = await listening(net.createServer());
      server.maxConnections = 1;
      const [near, far] = await pair(server);
      const dropped = once(server, 'drop');
      const accepted = journal(server, 'connection');
      const refused = connect(server).resume();
      const entries = journal(refused, 'connect', 'end', 'error', 'close');
      const [data] = (await dropped) as [object];
      await closing(refused);
      expect(Object.getPrototypeOf(data)).toBe(null);
      expect({ ...data }).toEqual({
        localAddress: HOST,
        localPort: portOf(server),
        localFamily: 'IPv4',
        remoteAddress: HOST,
        remotePort: expect.any(Number),
        remoteFamily: 'IPv4',
      });
      expect(entries).toEqual(['connect', 'end', 'close false']);
      expect([accepted, await count(server)]).toEqual([[], 1]);
      await gone(near, far);
      await closed(server);
    });

    it('of a blocked peer are closed in silence, where Node has block lists', async () => {
      const blockList = new net.BlockList();
      blockList.addAddress('127.0.0.2');
      const server = await listening(net.createServer({ blockList } as object));
      expect('blockList' in server).toBe(HAS_BLOCK_LISTS);
      if (!HAS_BLOCK_LISTS) return closed(server);
      expect(Reflect.get(server, 'blockList')).toBe(blockList);
      const entries = journal(server, 'drop', 'connection');
      const refused = connect(server, { localAddress: '127.0.0.2' }).resume();
      const seenByPeer = journal(refused, 'connect', 'end', 'error', 'close');
      await closing(refused);
      expect([seenByPeer, entries]).toEqual([['connect', 'end', 'close false'], []]);
      expect(await count(server)).toBe(0);
      const [near, far] = await pair(server);
      // The list is read at each connection.
      Reflect.set(server, 'blockList', undefined);
      const [other, otherFar] = await pair(server, { localAddress: '127.0.0.2' });
      await gone(near, far, other, otherFar);
      await closed(server);
    });

    it('a block list that is none is refused, where Node has them', () => {
      if (!HAS_BLOCK_LISTS) return expect(net.createServer({ blockList: {} } as object).listening).toBe(false);
      for (const create of [
        () => net.createServer({ blockList: {} } as object),
        () => new net.Socket({ blockList: 5 } as object),
      ]) {
        const { code, name, message } = thrown(create);
        expect([code, name]).toEqual(['ERR_INVALID_ARG_TYPE', 'TypeError']);
        expect(message).toMatch(/^The "options.blockList" property must be an net.BlockList. Received /);
      }
      expect('blockList' in net.createServer({ blockList: null } as object)).toBe(false);
    });

    it('come again when there is room', async () => {
      const server = await listening(net.createServer());
      server.maxConnections = 1;
      const entries = journal(server, 'drop');
      await gone(...(await pair(server)));
      await gone(...(await pair(server)));
      expect(entries).toEqual([]);
      await closed(server);
    });

    it('maxConnections 0 is no limit before Node 21, then it is one', async () => {
      const server = await listening(net.createServer());
      server.maxConnections = 0;
      const entries = journal(server, 'connection', 'drop');
      const near = connect(server).resume();
      await Promise.race([once(server, 'connection'), once(server, 'drop')]);
      expect(entries[0]).toMatch(NEWER ? /^drop/ : /^connection/);
      near.destroy();
      await closed(server);
    });

    it('have the options of the server', async () => {
      const server = await listening(
        net.createServer({ allowHalfOpen: true, pauseOnConnect: true, highWaterMark: 99 }),
      );
      const [near, far] = await pair(server);
      expect(far).toMatchObject({ allowHalfOpen: true, readableHighWaterMark: 99, writableHighWaterMark: 99 });
      expect([far.isPaused(), far.readableFlowing]).toEqual([true, false]);
      near.end('x');
      await settled();
      expect([far.bytesRead, far.readableLength]).toEqual([0, 0]);
      far.resume();
      expect(String(await once(far, 'data'))).toBe('x');
      await once(far, 'end');
      expect(far.writable).toBe(true);
      await gone(near, far);
      await closed(server);
    });

    it('are lost with captureRejections where their listener fails', async () => {
      EventEmitter.captureRejections = true;
      const server = net.createServer();
      EventEmitter.captureRejections = false;
      const failed = new Promise<unknown>((resolve) => {
        const fail = (socket: nodeNet.Socket): unknown => {
          socket.on('error', resolve);
          return Promise.reject(new Error('mine'));
        };
        server.on('connection', fail);
      });
      await listening(server);
      const near = connect(server).resume();
      expect(await failed).toEqual(new Error('mine'));
      await closing(near);
      await closed(server);
    });

    it('are announced on the diagnostics channels', async () => {
      const told: string[] = [];
      const sockets: unknown[] = [];
      const listen = (message: unknown, name: string | symbol): void => {
        told.push(String(name));
        sockets.push((message as { socket: unknown }).socket);
      };
      const channels = ['net.client.socket', 'net.server.socket'];
      for (const channel of channels) subscribe(channel, listen);
      const server = await listening(net.createServer());
      const [near, far] = await pair(server);
      await settled();
      for (const channel of channels) unsubscribe(channel, listen);
      expect([told, sockets[0] === near, sockets[1] === far]).toEqual([channels, true, true]);
      await gone(near, far);
      await closed(server);
    });
  });

  it('ref and unref return the server, at any time', async () => {
    const server = net.createServer();
    expect(server.unref().ref().unref()).toBe(server);
    await listening(server);
    expect(server.ref().unref()).toBe(server);
    await closed(server);
    expect(server.ref()).toBe(server);
  });

  describe('a path', () => {
    let path: string;
    beforeEach(() => {
      path = join(tmpdir(), `api-${process.pid}-${Math.random().toString(36).slice(2)}.sock`);
    });
    afterEach(() => rm(path, { force: true }));

    it('is listened on and connected to', async () => {
      const server = net.createServer((socket) => socket.end('hello'));
      const entries = journal(server, 'listening', 'close', 'error');
      server.listen(path);
      expect([server.listening, server.address()]).toEqual([true, path]);
      await once(server, 'listening');
      expect(thrown(() => server.listen(0)).code).toBe('ERR_SERVER_ALREADY_LISTEN');
      for (const socket of [net.connect(path), net.createConnection({ path })]) {
        expect(String(await once(socket, 'data'))).toBe('hello');
        await closing(socket);
      }
      await settled();
      expect(await count(server)).toBe(0);
      await closed(server);
      expect([server.listening, entries]).toEqual([false, ['listening', 'close']]);
    });

    it('in use is EADDRINUSE', async () => {
      const first = net.createServer().listen(path);
      await once(first, 'listening');
      const second = net.createServer().listen({ path });
      expect(second.listening).toBe(false);
      expect(await failure(second)).toEqual({
        name: 'Error',
        code: 'EADDRINUSE',
        errno: -98,
        syscall: 'listen',
        address: path,
        port: -1,
        message: `listen EADDRINUSE: address already in use ${path}`,
      });
      await closed(first);
    });

    it('where nobody listens is ENOENT', async () => {
      expect(await failure(net.connect(path))).toEqual({
        name: 'Error',
        code: 'ENOENT',
        errno: -2,
        syscall: 'connect',
        address: path,
        message: `connect ENOENT ${path}`,
      });
    });
  });
});

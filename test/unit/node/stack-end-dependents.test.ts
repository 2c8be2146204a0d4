import dns from 'node:dns';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import nodeNet from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Stack } from '../../../src/index.ts';
import { createDgram, createNet } from '../../../src/node/index.ts';
import type { Net } from '../../../src/node/index.ts';
import { closing, journal, settled } from '../../node-api/helpers.ts';

/** Both reset what is open: one at once, one when there was time to end. */
const WAYS: readonly [string, (stack: Stack) => Promise<void>][] = [
  ['destroy()', (stack) => stack.destroy()],
  ['close() at its time-out', (stack) => stack.close({ timeout: 20 })],
];
const ABORTED = ['error ECONNABORTED', 'close true'];

let stack: Stack;
let net: Net;
let folder: string;
let path: string;
beforeEach(async () => {
  stack = new Stack();
  net = createNet(stack);
  folder = await mkdtemp(join(tmpdir(), 'usernet-'));
  path = join(folder, 'place');
});
afterEach(async () => {
  vi.restoreAllMocks();
  await stack.destroy();
  stack.assertQuiescent();
  await rm(folder, { recursive: true });
});

/** A lookup that never ends. */
const never = (): void => {};

describe.each(WAYS)('%s ends what has no socket of the stack', (name, end) => {
  it('servers on a path, and the sockets that they have taken', async () => {
    const server = net.createServer({ allowHalfOpen: true }).listen(path);
    const peer = nodeNet.connect({ path, allowHalfOpen: true }).on('error', () => {});
    const [far] = (await once(server, 'connection')) as [nodeNet.Socket];
    const entries = [journal(server, 'error', 'close'), journal(far.resume(), 'error', 'close')];
    await Promise.all([end(stack), closing(server), closing(far)]);
    expect(entries).toEqual([['close'], ABORTED]);
    expect([server.listening, existsSync(path)]).toEqual([false, false]);
    peer.destroy();
  });

  it.each([
    ['net.connect', () => net.connect({ path, allowHalfOpen: true })],
    ['socket.connect', () => new net.Socket({ allowHalfOpen: true }).connect({ path })],
  ])('sockets that lead to a path: %s', async (_name, connect) => {
    const peers: nodeNet.Socket[] = [];
    const server = nodeNet.createServer({ allowHalfOpen: true }, (peer) => peers.push(peer.on('error', () => {})));
    await once(server.listen(path), 'listening');
    const open = connect();
    await once(open, 'connect');
    const entries = journal(open.resume(), 'error', 'close');
    await Promise.all([end(stack), closing(open)]);
    expect([entries, open.destroyed]).toEqual([ABORTED, true]);
    for (const peer of peers) peer.destroy();
    server.close();
    await once(server, 'close');
  });

  it('sockets whose name or turn has not come yet', async () => {
    const waiting = [
      net.connect({ port: 7, host: 'some.test', lookup: never }),
      net.connect({ port: 7, host: 'some.test', lookup: never, family: 4 }),
      net.connect({ port: 7, host: '127.0.0.1' }),
    ];
    const entries = waiting.map((socket) => journal(socket, 'connectionAttempt', 'error', 'close'));
    await Promise.all([end(stack), ...waiting.map(closing)]);
    expect(entries).toEqual([ABORTED, ABORTED, ABORTED]);
    expect(waiting.map(({ connecting, destroyed }) => [connecting, destroyed])).toEqual(Array(3).fill([false, true]));
  });

  it('servers that wait for an address', async () => {
    vi.spyOn(dns, 'lookup').mockImplementation(never);
    const server = net.createServer().listen(80, 'some.test');
    const entries = journal(server, 'listening', 'error', 'close');
    await Promise.all([end(stack), closing(server)]);
    expect([entries, server.listening]).toEqual([['close'], false]);
  });

  it('datagram sockets that wait for an address, with what waits for that', async () => {
    const dgram = createDgram(stack);
    const waiting = [1, 2, 3].map(() => dgram.createSocket({ type: 'udp4', lookup: never }));
    const [bound, sending, connecting] = waiting;
    bound!.bind(53, 'some.test');
    sending!.send('lost', 9, '127.0.0.1');
    connecting!.connect(9, '127.0.0.1');
    // Nobody listens for its errors: it is none for the program.
    const quiet = dgram.createSocket({ type: 'udp4', lookup: never }).bind(54);
    const entries = waiting.map((socket) => journal(socket, 'listening', 'error', 'close'));
    await Promise.all([end(stack), ...[...waiting, quiet].map(closing)]);
    // As bound ones: nothing is lost where the stack ends in order.
    const expected = name === 'destroy()' ? ['error ECONNABORTED', 'close'] : ['close'];
    expect(entries).toEqual([expected, expected, expected]);
  });

  it('and nothing that has ended before', async () => {
    let found: (() => void) | undefined;
    const lookup = (_name: string, _options: object, done: (...args: never[]) => void): void => {
      found = () => Reflect.apply(done, undefined, [null, '127.0.0.1', 4]);
    };
    const server = net.createServer().listen(path);
    const socket = net.connect({ port: 7, host: 'some.test', lookup, family: 4 });
    const datagrams = createDgram(stack).createSocket({ type: 'udp4', lookup: never }).bind(53, 'some.test');
    const all = [server, socket, datagrams];
    const entries = all.map((each) => journal(each, 'error', 'close'));
    socket.destroy();
    server.close();
    datagrams.close();
    await Promise.all(all.map(closing));
    await end(stack);
    found!();
    await settled();
    expect(entries).toEqual([['close'], ['close false'], ['close']]);
  });
});

describe('close() in order', () => {
  it('lets sockets of a path finish', async () => {
    let bytes = 0;
    const taken: nodeNet.Socket[] = [];
    const server = net.createServer((far: nodeNet.Socket) => {
      taken.push(far.on('data', (data: Buffer) => (bytes += data.byteLength)));
    });
    server.listen(path);
    const near = [net.connect({ path }), new net.Socket().connect({ path })];
    await Promise.all(near.map((socket) => once(socket, 'connect')));
    while (taken.length < 2) await settled();
    for (const socket of near) socket.resume().write(Buffer.alloc(1_000_000));
    const entries = [...near, ...taken].map((socket) => journal(socket, 'error', 'close'));
    await Promise.all([stack.close({ timeout: 5000 }), closing(server), ...near.map(closing), ...taken.map(closing)]);
    expect(entries).toEqual(Array(4).fill(['close false']));
    expect(bytes).toBe(2_000_000);
  });
});

it('a lookup that throws out of connect() leaves nothing that waits for the end of the stack', () => {
  const lookup = (): never => {
    throw new Error('no names here');
  };
  const socket = new net.Socket().on('error', () => {});
  expect(() => socket.connect({ port: 1, host: 'a.example', lookup })).toThrow('no names here');
  expect(stack.dependents.size).toBe(0);
  socket.destroy();
});

describe('what is given up before its name is found depends on the stack no more', () => {
  it('a datagram socket that is closed, or aborted', async () => {
    const dgram = createDgram(stack);
    const aborter = new AbortController();
    const closed = dgram.createSocket({ type: 'udp4', lookup: never });
    const aborted = dgram.createSocket({ type: 'udp4', lookup: never, signal: aborter.signal });
    closed.bind(0, 'name');
    aborted.bind(0, 'name');
    expect(() => stack.assertQuiescent()).toThrow('2 sockets outside the stack depend on it');
    closed.close();
    aborter.abort();
    await Promise.all([once(closed, 'close'), once(aborted, 'close')]);
    stack.assertQuiescent();
  });

  it('a datagram socket and a server whose lookups throw', () => {
    const thrower = (): never => {
      throw new Error('no lookup');
    };
    const socket = createDgram(stack).createSocket({ type: 'udp4', lookup: thrower });
    expect(() => socket.bind(0, 'name')).toThrow('no lookup');
    stack.assertQuiescent();
    vi.spyOn(dns, 'lookup').mockImplementation(thrower);
    expect(() => net.createServer().listen(0, 'name')).toThrow('no lookup');
    stack.assertQuiescent();
  });
});

it('on a stack that has ended nobody listens on a path, or connects to one', async () => {
  const there = nodeNet.createServer((socket) => socket.end()).listen(path);
  await once(there, 'listening');
  await stack.destroy();
  const server = net.createServer();
  server.listen(join(folder, 'other'));
  const [refused] = (await once(server, 'error')) as [Error];
  const socket = net.connect(path);
  const entries = journal(socket, 'connect', 'error', 'close');
  await closing(socket);
  there.close();
  expect(refused).toMatchObject({ code: 'ERR_INVALID_STATE' });
  expect([server.listening, entries]).toEqual([false, ['error ERR_INVALID_STATE', 'close true']]);
});

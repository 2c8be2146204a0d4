import nodeDgram from 'node:dgram';
import nodeEvents, { once } from 'node:events';
import { BlockList } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DgramBench, LOCALHOST, called, textOf, thrown, wrong } from './dgram-bench.ts';
import { replaceLookup, shown } from './helpers.ts';
import { MODULES } from './modules.ts';

/** Node has `reusePort` since v22.12, about as long as this; our sockets have it on any. */
const KNOWS_REUSE_PORT = 'isBlockList' in BlockList;
const READS_LATE = 'bindSync' in nodeDgram.Socket.prototype;

describe.each(MODULES)('$name: dgram.createSocket', ({ make }) => {
  let bench: DgramBench;
  beforeEach(() => {
    bench = new DgramBench(make());
  });
  afterEach(() => {
    vi.restoreAllMocks();
    return bench.end();
  });

  it('makes one that shows the members that Node’s shows', () => {
    const real = nodeDgram.createSocket('udp4');
    expect(shown(bench.socket())).toEqual(shown(real));
    real.close();
  });

  it('makes a socket of a type, with or without options and a listener', async () => {
    const { dgram } = bench.modules;
    const socket = bench.socket('udp4');
    expect(socket).toBeInstanceOf(dgram.Socket);
    expect((socket as { type?: unknown }).type).toBe('udp4');
    expect(socket.listenerCount('message')).toBe(0);
    const heard: string[] = [];
    const listener = (message: Buffer): number => heard.push(message.toString());
    const second = dgram.createSocket({ type: 'udp4' }, listener);
    expect(second.listeners('message')).toEqual([listener]);
    second.bind(0, LOCALHOST);
    await once(second, 'listening');
    socket.send('x', second.address().port, LOCALHOST);
    await once(second, 'message');
    expect(heard).toEqual(['x']);
    second.close();
  });

  it('has what the running Node documents', () => {
    const { dgram } = bench.modules;
    const names = (module: typeof nodeDgram): string[] => {
      const methods: string[] = [];
      for (
        let at: object | null = module.Socket.prototype;
        at !== nodeEvents.prototype;
        at = Object.getPrototypeOf(at)
      ) {
        methods.push(...Object.getOwnPropertyNames(at).filter((name) => !name.startsWith('_')));
      }
      return methods;
    };
    expect(names(dgram)).toEqual(expect.arrayContaining(names(nodeDgram)));
    expect(Object.keys(dgram)).toEqual(expect.arrayContaining(['Socket', 'createSocket']));
    expect(Symbol.asyncDispose in dgram.Socket.prototype).toBe(true);
    expect(bench.socket()).toBeInstanceOf(nodeEvents);
    expect(dgram.Socket.name).toBe('Socket');
  });

  it.each([undefined, null, 'udp5', 4, {}, { type: 'tcp' }])('refuses the type %j', (type) => {
    expect(thrown(() => bench.modules.dgram.createSocket(wrong(type)))).toEqual({
      kind: 'TypeError',
      code: 'ERR_SOCKET_BAD_TYPE',
      message: 'Bad socket type specified. Valid types are: udp4, udp6',
    });
  });

  it.each(['recvBufferSize', 'sendBufferSize'])('refuses a wrong %s', (name) => {
    const make4 = (value: unknown) => () => bench.modules.dgram.createSocket({ type: 'udp4', [name]: value });
    expect(thrown(make4('9'))).toEqual({
      kind: 'TypeError',
      code: 'ERR_INVALID_ARG_TYPE',
      message: `The "options.${name}" property must be of type number. Received type string ('9')`,
    });
    expect(thrown(make4(1.5))).toEqual({
      kind: 'RangeError',
      code: 'ERR_OUT_OF_RANGE',
      message: `The value of "options.${name}" is out of range. It must be an integer. Received 1.5`,
    });
    expect(thrown(make4(-1))).toEqual({
      kind: 'RangeError',
      code: 'ERR_OUT_OF_RANGE',
      message: `The value of "options.${name}" is out of range. It must be >= 0 && <= 4294967295. Received -1`,
    });
  });

  it('refuses a lookup that is no function and a signal that is none', () => {
    expect(thrown(() => bench.socket({ type: 'udp4', lookup: wrong('x') }))).toEqual({
      kind: 'TypeError',
      code: 'ERR_INVALID_ARG_TYPE',
      message: `The "lookup" argument must be of type function. Received type string ('x')`,
    });
    expect(thrown(() => bench.socket({ type: 'udp4', signal: wrong({}) }))).toEqual({
      kind: 'TypeError',
      code: 'ERR_INVALID_ARG_TYPE',
      message: 'The "options.signal" property must be an instance of AbortSignal. Received an instance of Object',
    });
  });

  it('looks up every name and address with the function given, for IPv4', async () => {
    const asked: unknown[] = [];
    const lookup = (
      name: string,
      family: unknown,
      callback: (error: null, address: string, family: 4) => void,
    ): void => {
      asked.push([name, family]);
      process.nextTick(callback, null, name.endsWith('.test') ? LOCALHOST : name, 4);
    };
    const server = await bench.bound();
    const socket = bench.socket({ type: 'udp4', lookup: wrong(lookup) });
    socket.bind(0, 'here.test');
    await once(socket, 'listening');
    expect(socket.address().address).toBe(LOCALHOST);
    socket.send('by name', server.address().port, 'there.test');
    expect(await textOf(server)).toBe('by name');
    socket.connect(server.address().port, 'again.test');
    await once(socket, 'connect');
    expect(asked).toEqual([
      ['here.test', 4],
      ['there.test', 4],
      ['again.test', 4],
    ]);
  });

  it('hands on the error of a lookup: bind emits it, send and connect tell the callback, else emit it', async () => {
    const failure = new Error('no such name');
    const lookup = (name: string, _: unknown, callback: (error: Error | null, address?: string) => void): void => {
      process.nextTick(callback, name.endsWith('.test') ? failure : null, name);
    };
    const socket = bench.socket({ type: 'udp4', lookup: wrong(lookup) });
    socket.bind(0, 'nowhere.test');
    expect(await once(socket, 'error')).toEqual([failure]);
    socket.bind(0, LOCALHOST);
    await once(socket, 'listening');
    expect(await called((done) => socket.send('x', 9, 'nowhere.test', done))).toEqual([failure]);
    socket.send('x', 9, 'nowhere.test');
    expect(await once(socket, 'error')).toEqual([failure]);
    expect(await called((done) => socket.connect(9, 'nowhere.test', wrong(done)))).toEqual([failure]);
    expect(socket.listenerCount('connect')).toBe(0);
    socket.connect(9, 'nowhere.test');
    expect(await once(socket, 'error')).toEqual([failure]);
  });

  it('looks at the options in this order: sizes, lookup, type, signal', () => {
    const steps: [option: object, code: string][] = [
      [{ signal: {} }, 'options.signal'],
      [{ type: 'x' }, 'Bad socket type'],
      [{ lookup: 5 }, '"lookup"'],
      [{ sendBufferSize: -1 }, 'options.sendBufferSize'],
      [{ recvBufferSize: -1 }, 'options.recvBufferSize'],
    ];
    let options: object = { type: 'udp4' };
    for (const [option, text] of steps) {
      options = { ...options, ...option };
      expect(thrown(() => bench.modules.dgram.createSocket(wrong(options))).message).toContain(text);
    }
    for (const size of [0, null, '', false, undefined]) bench.socket({ type: 'udp4', recvBufferSize: wrong(size) });
  });

  it('keeps what it was made with', async () => {
    const options = { type: 'udp4' as const, reuseAddr: true, recvBufferSize: 10_000 };
    const socket = bench.socket(options);
    Object.assign(options, { reuseAddr: false, recvBufferSize: 20_000 });
    socket.bind(0, LOCALHOST);
    await once(socket, 'listening');
    expect(socket.getRecvBufferSize()).toBe(20_000);
    await bench.bound({ type: 'udp4', reuseAddr: true }, socket.address().port);
  });

  it('shares a port with reusePort among sockets that say so, of the releases that know it', async () => {
    const first = await bench.bound(wrong({ type: 'udp4', reusePort: true }));
    const { port } = first.address();
    const second = bench.socket(wrong({ type: 'udp4', reusePort: true }));
    second.bind(port, LOCALHOST);
    if (KNOWS_REUSE_PORT || bench.modules.name !== 'node') await once(second, 'listening');
    else expect(await once(second, 'error')).toMatchObject([{ code: 'EADDRINUSE' }]);
    const third = bench.socket();
    third.bind(port, LOCALHOST);
    expect(await once(third, 'error')).toMatchObject([{ code: 'EADDRINUSE' }]);
  });

  it('looks up with the dns.lookup of the time, as the running release does', async () => {
    const asked: unknown[] = [];
    const before = bench.socket();
    replaceLookup((...[name, family, callback]: [string, number, (...args: unknown[]) => void]) => {
      asked.push([name, family]);
      process.nextTick(callback, null, name === 'somewhere.test' ? LOCALHOST : name, family);
    });
    const after = bench.socket();
    for (const socket of [before, after]) {
      await called((done) => socket.send('x', 9, LOCALHOST, done));
      if (socket === after) await called((done) => socket.send('x', 9, 'somewhere.test', done));
    }
    const bind = ['0.0.0.0', 4];
    const name = ['somewhere.test', 4];
    // Older releases ask also for literal addresses, and take the function when the socket is made.
    expect(asked).toEqual(READS_LATE ? [name] : [bind, [LOCALHOST, 4], name]);
    if (READS_LATE) await called((done) => before.send('x', 9, 'somewhere.test', done));
    expect(asked).toHaveLength(READS_LATE ? 2 : 3);
  });

  it('closes when the signal is aborted, before the call or after, bound or not', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const bound = await bench.bound({ type: 'udp4', signal });
    const unbound = bench.socket({ type: 'udp4', signal });
    const closed = [once(bound, 'close'), once(unbound, 'close')];
    controller.abort();
    await Promise.all(closed);
    const late = bench.socket({ type: 'udp4', signal });
    await once(late, 'close');
    expect(thrown(() => late.bind()).code).toBe('ERR_SOCKET_DGRAM_NOT_RUNNING');
  });

  it('publishes the socket on the diagnostics channel', async () => {
    const { subscribe, unsubscribe } = await import('node:diagnostics_channel');
    const seen: unknown[] = [];
    const listener = (message: unknown): unknown => seen.push((message as { socket: unknown }).socket);
    subscribe('udp.socket', listener);
    const socket = bench.socket();
    unsubscribe('udp.socket', listener);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toBe(socket);
  });
});

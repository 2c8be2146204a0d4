import type nodeDgram from 'node:dgram';
import { EventEmitter, once } from 'node:events';
import nodeNet from 'node:net';
import { Duplex } from 'node:stream';
import util from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closed, closing, gone, journal, listening, portOf, shown, thrown } from './helpers.ts';
import { MODULES } from './modules.ts';
import type { Modules } from './modules.ts';

/** A constructor of before there were classes: `util.inherits` gives it its prototype. */
type OldStyle<T> = (new (...args: unknown[]) => T) & { prototype: T };

/** `function Derived(...args) { base.call(this, ...args); this.mine = …; } util.inherits(Derived, base)` */
function inheriting<T extends object>(base: unknown, more: Record<string, unknown> = {}): OldStyle<T> {
  const derived = function (this: T, ...args: unknown[]): void {
    Reflect.apply(base as () => void, this, args);
    Object.assign(this, { mine: args.length });
  };
  util.inherits(derived, base);
  Object.assign(derived.prototype, more);
  return derived as unknown as OldStyle<T>;
}

describe.each(MODULES)('$name: classes of the old style', ({ make }) => {
  let modules: Modules;
  let net: typeof nodeNet;
  let dgram: typeof nodeDgram;
  let server: nodeNet.Server;
  beforeEach(async () => {
    modules = make();
    ({ net, dgram } = modules);
    server = await listening(net.createServer((socket) => socket.on('error', () => {}).pipe(socket)));
  });
  afterEach(async () => {
    await closed(server);
    await modules.end();
  });

  it('that inherit from net.Socket connect, write and read', async () => {
    const MySocket = inheriting<nodeNet.Socket>(net.Socket, { greet: () => 'hello' });
    const socket = new MySocket({ allowHalfOpen: true, highWaterMark: 1000, readableHighWaterMark: 500 });
    for (const type of [MySocket, net.Socket, nodeNet.Socket, Duplex, EventEmitter]) {
      expect(socket).toBeInstanceOf(type);
    }
    expect([Reflect.get(socket, 'mine'), socket.constructor, socket.allowHalfOpen]).toEqual([1, MySocket, true]);
    expect([socket.writableHighWaterMark, socket.pending, socket.connecting]).toEqual([1000, true, false]);
    const entries = journal(socket, 'connect', 'ready', 'data', 'end', 'finish', 'close');
    socket.connect(portOf(server), '127.0.0.1').setNoDelay().setTimeout(5000);
    await once(socket, 'connect');
    expect([socket.remotePort, socket.remoteAddress]).toEqual([portOf(server), '127.0.0.1']);
    socket.end((Reflect.get(socket, 'greet') as () => string)());
    await closing(socket);
    expect(entries).toEqual(['connect', 'ready', 'finish', 'data hello', 'end', 'close false']);
    expect([socket.bytesRead, socket.bytesWritten]).toEqual([5, 5]);
  });

  it('that inherit from one that inherits from net.Socket are no different, and connect again', async () => {
    const Grandchild = inheriting<nodeNet.Socket>(inheriting(Reflect.get(net, 'Stream')));
    const socket = new Grandchild();
    for (let round = 0; round < 2; round++) {
      socket.connect(portOf(server), '127.0.0.1');
      await once(socket, 'connect');
      socket.write(`round ${round}`);
      expect(String((await once(socket, 'data'))[0])).toBe(`round ${round}`);
      await gone(socket);
    }
  });

  it('show what those show that are derived with `class`', () => {
    const Old = inheriting<nodeNet.Socket>(net.Socket);
    class New extends net.Socket {
      mine = 0;
    }
    expect(shown(new Old())).toEqual(shown(new New()));
  });

  it('that inherit from net.Socket are refused wrong options', () => {
    const MySocket = inheriting<nodeNet.Socket>(net.Socket);
    expect(thrown(() => new MySocket({ objectMode: true }))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  });

  it('that inherit from net.Server listen, and take connections', async () => {
    const MyServer = inheriting<nodeNet.Server>(net.Server, { secret: 'x' });
    const taken: nodeNet.Socket[] = [];
    const own = new MyServer({ pauseOnConnect: true }, (socket: nodeNet.Socket) => taken.push(socket));
    for (const type of [MyServer, net.Server, nodeNet.Server, EventEmitter]) expect(own).toBeInstanceOf(type);
    expect([own.listening, own.constructor, Reflect.get(own, 'secret')]).toEqual([false, MyServer, 'x']);
    await listening(own);
    const near = net.connect(portOf(own), '127.0.0.1');
    await Promise.all([once(own, 'connection'), once(near, 'connect')]);
    expect([taken.length, taken[0]!.isPaused(), Reflect.get(taken[0]!, 'server') === own]).toEqual([1, true, true]);
    await gone(near, taken[0]!);
    await closed(own);
    expect(own.address()).toBe(null);
  });

  it('that inherit from dgram.Socket send and receive', async () => {
    const MySocket = inheriting<nodeDgram.Socket>(dgram.Socket);
    const messages: string[] = [];
    const socket = new MySocket('udp4', (message: Buffer) => messages.push(String(message)));
    for (const type of [MySocket, dgram.Socket, EventEmitter]) expect(socket).toBeInstanceOf(type);
    expect([socket.constructor, Reflect.get(socket, 'type')]).toEqual([MySocket, 'udp4']);
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    socket.send('to myself', socket.address().port, '127.0.0.1');
    await once(socket, 'message');
    expect(messages).toEqual(['to myself']);
    expect(thrown(() => new MySocket('udp5'))).toMatchObject({ code: 'ERR_SOCKET_BAD_TYPE' });
    socket.close();
    await closing(socket);
  });

  it('are called without `new`, and make one: net.Socket, net.Server', () => {
    const call = (type: unknown, self?: unknown): unknown => Reflect.apply(type as () => unknown, self, []);
    for (const self of [undefined, net, {}]) {
      expect(call(net.Socket, self)).toBeInstanceOf(net.Socket);
      expect(call(net.Server, self)).toBeInstanceOf(net.Server);
      expect(call(net.Socket, self)).not.toBe(self);
    }
    const own = new net.Server();
    expect([own.constructor, Object.keys(net.Socket.prototype).includes('constructor')]).toEqual([net.Server, false]);
    expect(() => call(dgram.Socket)).toThrow(TypeError);
  });
});

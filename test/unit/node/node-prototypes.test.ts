import { spawn } from 'node:child_process';
import { once } from 'node:events';
import nodeNet from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Stack } from '../../../src/index.ts';
import { createNet } from '../../../src/node/index.ts';
import type { Net, Server, Socket } from '../../../src/node/index.ts';

/** What stands between an object and a prototype of Node's. */
function ownKeys(object: object, end: object): Set<string | symbol> {
  const keys = new Set<string | symbol>();
  let level: object | null = object;
  for (; level !== null && level !== end; level = Object.getPrototypeOf(level) as object | null) {
    for (const key of Reflect.ownKeys(level)) keys.add(key);
  }
  expect(level).toBe(end);
  return keys;
}

/** The properties of Node's prototype that ours has not replaced, by name. */
function inherited(object: object, prototype: object): Map<string, PropertyDescriptor> {
  const own = ownKeys(object, prototype);
  const names = new Map<string, PropertyDescriptor>();
  for (const key of Reflect.ownKeys(prototype)) {
    if (!own.has(key)) names.set(String(key), Reflect.getOwnPropertyDescriptor(prototype, key)!);
  }
  return names;
}

describe('what sockets and servers inherit from Node’s classes', () => {
  let stack: Stack;
  let net: Net;
  let server: Server;
  let near: Socket;
  beforeEach(async () => {
    stack = new Stack();
    net = createNet(stack);
    server = net.createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(7, '127.0.0.1');
    await once(server, 'listening');
    near = net.connect(7, '127.0.0.1');
    await once(near, 'connect');
  });
  afterEach(async () => {
    near.destroy();
    server.close();
    await stack.close();
    stack.assertQuiescent();
  });

  /** The socket still carries bytes, and has no handle. */
  async function works(): Promise<void> {
    near.write('x');
    expect(String((await once(near, 'data'))[0])).toBe('x');
    expect(Reflect.get(near, '_handle')).toBe(undefined);
    expect(Reflect.get(server, '_handle')).toBe(undefined);
    expect(nodeNet.Socket.prototype).toHaveProperty('_handle', undefined);
  }

  /** How each is harmless, called as a method of an open socket. */
  const HARMLESS: Record<string, (call: () => unknown) => void | Promise<void>> = {
    // In terms of the public API.
    _onTimeout: async (call) => {
      const told = once(near, 'timeout');
      call();
      await told;
    },
    _connecting: (call) => expect(call()).toBe(false),
    end: (call) => expect(call()).toBe(near),
    // Without a handle it says that the socket is closed.
    _writeGeneric: (call) => expect(call()).toBe(false),
    'Symbol(kUpdateTimer)': (call) => expect(call()).toBe(Reflect.get(near, '_unrefTimer')),
    // Notes something that nobody reads without a handle.
    'Symbol(kAfterAsyncWrite)': (call) => expect(call()).toBe(undefined),
    // Would give the socket a handle, which it does not take.
    'Symbol(kReinitializeHandle)': (call) => expect(call).toThrow(TypeError),
    // postMessage: there is nothing to transfer.
    'Symbol(messaging_transfer_list_symbol)': (call) => expect(call).toThrow(/net\.Socket/),
    'Symbol(messaging_transfer_symbol)': (call) => expect(call).toThrow(/net\.Socket/),
    'Symbol(messaging_deserialize_symbol)': (call) => expect(call).toThrow(/net\.Socket/),
  };

  it('is harmless: sockets', async () => {
    const rest = inherited(near, nodeNet.Socket.prototype);
    expect(Object.keys(HARMLESS)).toEqual(expect.arrayContaining([...rest.keys()]));
    for (const [name, { get, value }] of rest) {
      if (name === 'end') continue;
      const method: unknown = get ?? value;
      await HARMLESS[name]!(() => Reflect.apply(method as () => unknown, near, [{}, '', '', () => {}]));
      await works();
    }
    near.resume();
    await HARMLESS['end']!(() => near.end());
    await once(near, 'close');
  });

  it('is harmless: servers', async () => {
    const rest = inherited(server, nodeNet.Server.prototype);
    const known = ['_setupWorker', ...[...rest.keys()].filter((name) => name.startsWith('Symbol(messaging_'))];
    expect(known).toEqual(expect.arrayContaining([...rest.keys()]));
    for (const { value } of rest.values()) {
      // For processes and threads that share a handle: there are no workers, there is no handle.
      expect(() => Reflect.apply(value as () => unknown, server, [{}])).toThrow(Error);
      await works();
    }
  });

  it('says in Node’s internal names what the documented ones say', async () => {
    const internal = (name: string, ...args: unknown[]): unknown =>
      Reflect.apply(Reflect.get(near, name) as () => unknown, near, args);
    expect(internal('_getpeername')).toEqual({ address: '127.0.0.1', family: 'IPv4', port: 7 });
    expect(internal('_getsockname')).toEqual(near.address());
    expect([Reflect.get(near, '_parent'), Reflect.get(near, '_bytesDispatched')]).toEqual([null, 0]);
    near.write('y');
    await once(near, 'data');
    expect([Reflect.get(near, '_bytesDispatched'), Reflect.get(server, '_connections')]).toEqual([1, 1]);
    internal('_reset');
    expect([near.destroyed, internal('_getpeername')]).toEqual([true, near.remoteAddress ? expect.anything() : {}]);
    await once(near, 'close');
  });

  it('opens no port of the real network: _listen2', async () => {
    const other = net.createServer();
    Reflect.apply(Reflect.get(other, '_listen2') as () => void, other, [null, 0, 4, 5] as never);
    await once(other, 'listening');
    expect(stack.tcp.listeners.map(({ port }) => port)).toContain((other.address() as nodeNet.AddressInfo).port);
    other.close();
    await once(other, 'close');
  });

  it('goes to no other process: the message arrives without it', async () => {
    const code = "process.on('message', (message, handle) => process.send([message, typeof handle]))";
    const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    for (const handle of [near, server]) {
      child.send('look', handle as never);
      expect((await once(child, 'message'))[0]).toEqual(['look', 'undefined']);
    }
    child.disconnect();
    await once(child, 'exit');
    await works();
  });
});

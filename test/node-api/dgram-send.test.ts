import { AsyncLocalStorage } from 'node:async_hooks';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DgramBench, LOCALHOST, called, fieldsOf, textOf, thrown, turn, wrong } from './dgram-bench.ts';
import { MODULES } from './modules.ts';

const BYTES = Buffer.from('abcdef');
const TYPES = 'of type string or an instance of Buffer, TypedArray, or DataView';

describe.each(MODULES)('$name: send and message', ({ make }) => {
  let bench: DgramBench;
  beforeEach(() => {
    bench = new DgramBench(make());
  });
  afterEach(() => bench.end());

  it('hands over the message as a Buffer, with who sent it', async () => {
    const server = await bench.bound();
    const client = await bench.bound();
    client.send('hello', server.address().port, LOCALHOST);
    const [message, info] = (await once(server, 'message')) as [unknown, unknown];
    expect(message).toBeInstanceOf(Buffer);
    expect(message).toEqual(Buffer.from('hello'));
    expect(info).toEqual({ address: LOCALHOST, family: 'IPv4', port: client.address().port, size: 5 });
    expect(Object.keys(info as object)).toEqual(['address', 'family', 'port', 'size']);
  });

  it.each([0, 1, 64, 65, 1400])(
    'hands over %s bytes in memory of their own, which a program may transfer',
    async (size) => {
      const server = await bench.bound();
      const client = await bench.bound();
      const told = new Promise<Buffer[]>((resolve) => {
        const messages: Buffer[] = [];
        server.on('message', (message) => void (messages.push(message) === 2 && resolve(messages)));
      });
      for (const fill of [1, 2]) client.send(Buffer.alloc(size, fill), server.address().port, LOCALHOST);
      const [first, second] = (await told) as [Buffer, Buffer];
      expect([first.byteOffset, first.buffer.byteLength, second.buffer.byteLength]).toEqual([0, size, size]);
      structuredClone(first, { transfer: [first.buffer as ArrayBuffer] });
      expect([...second]).toEqual([...Buffer.alloc(size, 2)]);
    },
  );

  it('lets ticks and promises come between two messages, in the context that made the socket', async () => {
    const storage = new AsyncLocalStorage<string>();
    const server = await storage.run('server', () => bench.bound());
    const client = await bench.bound();
    const seen: string[] = [];
    const told = new Promise<void>((resolve) => {
      server.on('message', (message) => {
        const text = message.toString();
        seen.push(`${text} ${storage.getStore()}`);
        process.nextTick(() => seen.push(`tick ${text}`));
        void Promise.resolve().then(() => seen.push(`promise ${text}`));
        if (text === '3') setImmediate(resolve);
      });
    });
    for (const text of ['1', '2', '3']) client.send(text, server.address().port, LOCALHOST);
    await told;
    expect(seen).toEqual(['1', '2', '3'].flatMap((n) => [`${n} server`, `tick ${n}`, `promise ${n}`]));
  });

  it('tells no message once a listener has closed the socket', async () => {
    const server = await bench.bound();
    const client = await bench.bound();
    let heard = 0;
    server.on('message', () => {
      heard++;
      server.close();
    });
    const closed = once(server, 'close');
    for (const text of ['1', '2', '3']) client.send(text, server.address().port, LOCALHOST);
    await closed;
    await turn();
    expect(heard).toBe(1);
  });

  type Form = [name: string, text: string, send: (socket: Socket, port: number, done: () => void) => void];
  const forms: Form[] = [
    ['a string', 'héllo', (socket, port) => socket.send('héllo', port, LOCALHOST)],
    ['a Buffer', 'abcdef', (socket, port) => socket.send(BYTES, port, LOCALHOST)],
    ['a typed array', 'bc', (socket, port) => socket.send(new Uint16Array([0x6362]), port, LOCALHOST)],
    ['a DataView', 'cd', (socket, port) => socket.send(new DataView(BYTES.buffer, BYTES.byteOffset + 2, 2), port)],
    ['an array', 'xabcdef', (socket, port) => socket.send(['x', BYTES], port, LOCALHOST)],
    ['an empty array', '', (socket, port) => socket.send([], port, LOCALHOST)],
    ['an array of nothing', '', (socket, port) => socket.send(['', Buffer.alloc(0)], port, LOCALHOST)],
    ['nothing', '', (socket, port) => socket.send('', port, LOCALHOST)],
    ['a part', 'bcd', (socket, port) => socket.send(BYTES, 1, 3, port, LOCALHOST)],
    ['a part of a string', 'é', (socket, port) => socket.send(wrong('héllo'), 1, 2, port, LOCALHOST)],
    ['a part without an address', 'bcd', (socket, port) => socket.send(BYTES, 1, 3, port)],
    ['an empty part', '', (socket, port) => socket.send(BYTES, 6, 0, port, LOCALHOST)],
    ['a part and a callback', 'bcd', (socket, port, done) => socket.send(BYTES, 1, 3, port, LOCALHOST, done)],
    ['a part, no address, a callback', 'bcd', (socket, port, done) => socket.send(BYTES, 1, 3, port, done)],
    ['a callback', 'abcdef', (socket, port, done) => socket.send(BYTES, port, LOCALHOST, done)],
    ['no address', 'abcdef', (socket, port) => socket.send(BYTES, port)],
    ['no address and a callback', 'abcdef', (socket, port, done) => socket.send(BYTES, port, done)],
    ['an empty address', 'abcdef', (socket, port) => socket.send(BYTES, port, '')],
    ['null as the address', 'abcdef', (socket, port) => socket.send(BYTES, port, wrong(null))],
    ['a name', 'abcdef', (socket, port) => socket.send(BYTES, port, 'localhost')],
    ['0.0.0.0', 'abcdef', (socket, port) => socket.send(BYTES, port, '0.0.0.0')],
    ['a port as text', 'abcdef', (socket, port) => socket.send(BYTES, wrong(String(port)), LOCALHOST)],
  ];

  it.each(forms)('takes %s', async (name, text, send) => {
    const server = await bench.bound();
    const client = bench.socket();
    const { port } = server.address();
    const message = textOf(server);
    if (name.includes('callback')) {
      expect(await called((done) => send(client, port, done))).toEqual([null, Buffer.byteLength(text)]);
    } else {
      send(client, port, () => {});
    }
    expect(await message).toBe(text);
  });

  it('sendto is send in its longest form', async () => {
    const server = await bench.bound();
    const { port } = server.address();
    const client = (await bench.bound()) as Socket & { sendto(...args: unknown[]): unknown };
    const heard = textOf(server);
    expect(await called((done) => client.sendto(BYTES, 1, 3, port, LOCALHOST, done))).toEqual([null, 3]);
    expect(await heard).toBe('bcd');
    for (const [args, name, type] of [
      [['x', '0', 1, port, LOCALHOST], 'offset', 'number'],
      [['x', 0, '1', port, LOCALHOST], 'length', 'number'],
      [['x', 0, 1, String(port), LOCALHOST], 'port', 'number'],
      [['x', 0, 1, port], 'address', 'string'],
    ] as const) {
      expect(thrown(() => client.sendto(...args))).toMatchObject({
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringMatching(`^The "${name}" argument must be of type ${type}`),
      });
    }
  });

  it('takes the bytes a tick later when it is not connected, at once when it is', async () => {
    const server = await bench.bound();
    const { port } = server.address();
    const bytes = Buffer.from('first');
    const client = await bench.bound();
    client.send(bytes, port, LOCALHOST);
    bytes.write('later');
    expect(await textOf(server)).toBe('later');
    const connected = await bench.connected(server);
    connected.send(bytes);
    bytes.write('after');
    expect(await textOf(server)).toBe('later');
  });

  it('a message to a name holds up none to an address', async () => {
    const server = await bench.bound();
    const { port } = server.address();
    const order: string[] = [];
    const lookup = (name: string, _: unknown, callback: (...args: unknown[]) => void): void => {
      if (name === 'somewhere.test') setImmediate(callback, null, LOCALHOST, 4);
      else process.nextTick(callback, null, name, 4);
    };
    const client = await bench.bound({ type: 'udp4', lookup: wrong(lookup) });
    const both = new Promise<void>((resolve) => {
      server.on('message', (message) => {
        order.push(message.toString());
        if (order.length === 2) resolve();
      });
    });
    client.send('by name', port, 'somewhere.test');
    client.send('by address', port, LOCALHOST);
    await both;
    expect(order).toEqual(['by address', 'by name']);
  });

  it('counts the bytes of all pieces for the callback, which comes later than the call', async () => {
    const server = await bench.bound();
    const client = await bench.bound();
    let during = true;
    const result = called((done) => {
      client.send(['é', BYTES, ''], server.address().port, LOCALHOST, (...args) => {
        expect(during).toBe(false);
        done(...args);
      });
      during = false;
    });
    expect(await result).toEqual([null, 8]);
  });

  it('keeps the order and the borders of messages', async () => {
    const server = await bench.bound();
    const client = bench.socket();
    const seen: string[] = [];
    const all = new Promise<void>((resolve) => {
      server.on('message', (message) => {
        seen.push(message.toString());
        if (seen.length === 20) resolve();
      });
    });
    const sent = Array.from({ length: 20 }, (_, index) => 'x'.repeat(index));
    for (const text of sent) client.send(text, server.address().port, LOCALHOST);
    await all;
    expect(seen).toEqual(sent);
  });

  it('carries 65,507 bytes, and not one more', async () => {
    const server = await bench.bound();
    const { port } = server.address();
    const client = bench.socket();
    const big = Buffer.alloc(65_508, 'usernet ');
    client.send(big, 0, 65_507, port, LOCALHOST);
    const [message, info] = (await once(server, 'message')) as [Buffer, { size: number }];
    expect(info.size).toBe(65_507);
    expect(message.equals(big.subarray(0, 65_507))).toBe(true);
    const [error] = await called((done) => client.send(big, port, LOCALHOST, done));
    expect((error as Error).message).toBe(`send EMSGSIZE 127.0.0.1:${port}`);
    expect(fieldsOf(error)).toEqual({
      errno: -90,
      code: 'EMSGSIZE',
      syscall: 'send',
      address: LOCALHOST,
      port,
    });
    client.on('error', () => expect.unreachable());
    client.send(big, port, LOCALHOST);
    await turn();
  });

  it('says EINVAL to an address of the other family, and nothing where nobody listens', async () => {
    const client = await bench.bound();
    const [error] = await called((done) => client.send('x', 9, '::1', done));
    expect(error).toMatchObject({ code: 'EINVAL', syscall: 'send', address: '::1', message: 'send EINVAL ::1:9' });
    const gone = await bench.bound();
    const { port } = gone.address();
    gone.close();
    client.on('error', () => expect.unreachable());
    expect(await called((done) => client.send('x', port, LOCALHOST, done))).toEqual([null, 1]);
    await turn();
  });

  it.each([0, 65_536, -1, 1.5, '', 'abc', undefined, null, {}])('refuses the port %j', (port) => {
    const shown: Record<string, string> = { '{}': 'an instance of Object', null: 'null' };
    const text = JSON.stringify(port)?.replaceAll('"', "'");
    const received = port === undefined ? 'undefined' : (shown[text] ?? `type ${typeof port} (${text})`);
    const socket = bench.socket();
    expect(thrown(() => socket.send('x', wrong(port), LOCALHOST))).toEqual({
      kind: 'RangeError',
      code: 'ERR_SOCKET_BAD_PORT',
      message: `Port should be > 0 and < 65536. Received ${received}.`,
    });
  });

  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    [5, 'type number (5)'],
    [{}, 'an instance of Object'],
    [new ArrayBuffer(1), 'an instance of ArrayBuffer'],
  ])('refuses the message %j', (message, received) => {
    const expected = {
      kind: 'TypeError',
      code: 'ERR_INVALID_ARG_TYPE',
      message: `The "buffer" argument must be ${TYPES}. Received ${received}`,
    };
    const socket = bench.socket();
    expect(thrown(() => socket.send(wrong(message), 9, LOCALHOST))).toEqual(expected);
    expect(thrown(() => socket.send(wrong(message), 0, 1, 9, LOCALHOST))).toEqual(expected);
  });

  it('refuses an array that holds something else, and an array with an offset', () => {
    const socket = bench.socket();
    expect(thrown(() => socket.send(wrong(['x', 5]), 9, LOCALHOST))).toEqual({
      kind: 'TypeError',
      code: 'ERR_INVALID_ARG_TYPE',
      message: `The "buffer list arguments" argument must be ${TYPES}. Received an instance of Array`,
    });
    expect(thrown(() => socket.send(wrong(['x']), 0, 1, 9, LOCALHOST)).message).toBe(
      `The "buffer" argument must be ${TYPES}. Received an instance of Array`,
    );
  });

  it('refuses an address that is no string', () => {
    for (const [address, received] of [
      [5, 'type number (5)'],
      [{}, 'an instance of Object'],
      [true, 'type boolean (true)'],
    ]) {
      const socket = bench.socket();
      expect(thrown(() => socket.send(BYTES, 0, 1, 9, wrong(address)))).toEqual({
        kind: 'TypeError',
        code: 'ERR_INVALID_ARG_TYPE',
        message: `The "address" argument must be of type string. Received ${received as string}`,
      });
    }
  });

  it('refuses a part that lies outside', () => {
    const socket = bench.socket();
    const outside = (name: string): unknown => ({
      kind: 'RangeError',
      code: 'ERR_BUFFER_OUT_OF_BOUNDS',
      message: `"${name}" is outside of buffer bounds`,
    });
    expect(thrown(() => socket.send(BYTES, 7, 0, 9, LOCALHOST))).toEqual(outside('offset'));
    expect(thrown(() => socket.send(BYTES, -1, 1, 9, LOCALHOST))).toEqual(outside('offset'));
    expect(thrown(() => socket.send(BYTES, 6, 1, 9, LOCALHOST))).toEqual(outside('length'));
    expect(thrown(() => socket.send(BYTES, 0, -1, 9, LOCALHOST))).toEqual(outside('length'));
  });

  it('takes no BigInt for an offset, a length or a buffer size: a TypeError of the language', async () => {
    const mixed = {
      kind: 'TypeError',
      code: undefined,
      message: 'Cannot mix BigInt and other types, use explicit conversions',
    };
    const server = await bench.bound();
    const { port } = server.address();
    const connected = await bench.connected(server);
    const unbound = bench.socket();
    for (const [offset, length] of [
      [1n, 2],
      [1, 2n],
      [1n, 2n],
    ]) {
      for (const socket of [unbound, server]) {
        expect(thrown(() => socket.send(BYTES, wrong(offset), wrong(length), port, LOCALHOST))).toEqual(mixed);
      }
    }
    expect(thrown(() => connected.send(BYTES, wrong(1n), 2))).toEqual(mixed);
    // To a connected socket what is no number is no length, and the message whole.
    const message = textOf(server);
    connected.send(BYTES, 1, wrong(2n));
    expect(await message).toBe('abcdef');
    expect(thrown(() => server.setRecvBufferSize(wrong(5n)))).toEqual(mixed);
    expect(thrown(() => unbound.setSendBufferSize(wrong(5n)))).toEqual(mixed);
  });

  it.each([undefined, '', null])('names the address as it was given: %j', async (address) => {
    const server = await bench.bound();
    const client = await bench.bound();
    const { port } = server.address();
    client.connect(port, LOCALHOST);
    const [error] = await called((done) => client.send('x', port, wrong(address), done));
    expect(error).toMatchObject({ code: 'EISCONN', message: `send EISCONN ${address}:${port}` });
    expect((error as { address?: unknown }).address).toBe(address);
  });

  it('a refused call leaves the socket as it was', async () => {
    const socket = bench.socket();
    expect(() => socket.send('x', 0, LOCALHOST)).toThrow(RangeError);
    socket.bind(0, LOCALHOST);
    await once(socket, 'listening');
    expect(socket.getSendQueueSize()).toBe(0);
    expect(socket.getSendQueueCount()).toBe(0);
  });
});

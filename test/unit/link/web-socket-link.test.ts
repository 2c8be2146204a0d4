import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { batchOf } from '../../../src/buffer/batch.ts';
import { testPacket } from '../../../src/link/suite-packets.ts';
import type { WebSocketEvent, WebSocketLike, WebSocketLinkOptions } from '../../../src/link/web-socket-link.ts';
import { webSocketLink } from '../../../src/link/web-socket-link.ts';
import { VirtualClock } from '../../../src/time/virtual-clock.ts';
import { RecordingHost } from './pairs.ts';

let server: WebSocketServer;
let url = '';

beforeAll(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  for (const client of server.clients) client.terminate();
  server.close();
});

/** A link over a real WebSocket, open, and the server's end as it is. */
async function opened(options?: WebSocketLinkOptions) {
  const clock = new VirtualClock();
  const host = new RecordingHost(clock);
  const link = webSocketLink(new WebSocket(url), options);
  const [[there]] = (await Promise.all([once(server, 'connection'), link.open(host)])) as [[WebSocket], unknown];
  return { link, host, there, settle: () => clock.run({ for: 2, quiet: 25 }) };
}

/** A WebSocket that the test plays. */
class Played implements WebSocketLike {
  binaryType = 'blob';
  readyState = 1;
  bufferedAmount = 0;
  readonly sent: Uint8Array[] = [];
  closed: number | undefined;
  failure: Error | undefined;
  readonly #listeners = new Map<string, (event: WebSocketEvent) => void>();

  send(data: Uint8Array): void {
    if (this.failure !== undefined) throw this.failure;
    this.sent.push(data);
    this.bufferedAmount += data.length;
  }

  close(code?: number): void {
    this.closed = code;
  }

  addEventListener(type: string, listener: (event: WebSocketEvent) => void): void {
    this.#listeners.set(type, listener);
  }

  removeEventListener(type: string): void {
    this.#listeners.delete(type);
  }

  happens(type: string, event: Omit<WebSocketEvent, 'type'> = {}): void {
    this.#listeners.get(type)?.({ type, ...event });
  }
}

describe('webSocketLink', () => {
  it('waits for the connection', async () => {
    const clock = new VirtualClock();
    const link = webSocketLink(new WebSocket(url));
    const opening = link.open(new RecordingHost(clock));
    expect([opening instanceof Promise, link.up]).toEqual([true, false]);
    await opening;
    expect(link.up).toBe(true);
    void link.close();
  });

  it('says why there is no connection', async () => {
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const { port } = free.address() as AddressInfo;
    free.close();
    await once(free, 'close');
    const host = new RecordingHost(new VirtualClock());
    const link = webSocketLink(new WebSocket(`ws://127.0.0.1:${port}`));
    await expect(link.open(host)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect([link.up, host.events]).toEqual([false, []]);
  });

  it('may be closed while it waits', async () => {
    const host = new RecordingHost(new VirtualClock());
    const link = webSocketLink(new WebSocket(url));
    const opening = link.open(host);
    void link.close();
    await expect(opening).rejects.toMatchObject({ code: 'ECONNABORTED' });
    expect(host.events).toEqual([]);
  });

  it('sends each packet as a binary message, and drops what is none', async () => {
    const { link, host, there, settle } = await opened();
    const messages: (readonly [number[], boolean])[] = [];
    there.on('message', (data: Buffer, isBinary) => messages.push([[...data], isBinary]));
    const packets = [testPacket('ip', 40, 1), testPacket('ip', 1501, 2), testPacket('ip', 50, 3)];
    expect(link.send(batchOf(packets))).toBe(3);
    there.send('text');
    there.send(new Uint8Array(0));
    there.send(new Uint8Array(65_536));
    there.send(Uint8Array.of(1, 2, 3));
    await settle();
    expect(messages).toEqual([
      [[...packets[0]!], true],
      [[...packets[2]!], true],
    ]);
    expect(host.packets).toEqual([Uint8Array.of(1, 2, 3)]);
    expect(link.dropped.snapshot()).toEqual({
      'received-not-bytes': 2,
      'received-too-long': 1,
      'too-big': 1,
    });
    void link.close();
  });

  it.each([
    ['in order', 1000, 'closed'],
    ['since the other side goes away', 1001, 'closed'],
    ['with a code of its own', 4000, 'closed: read ECONNRESET: the WebSocket was closed with code 4000'],
  ])('ends with the WebSocket %s', async (_title, code, event) => {
    const { link, host, there, settle } = await opened();
    there.send(Uint8Array.of(9));
    there.close(code);
    await settle();
    expect([host.packets, host.events, link.up]).toEqual([[Uint8Array.of(9)], [event], false]);
  });

  it('ends with an error when the connection breaks', async () => {
    const { host, there, settle } = await opened();
    there.terminate();
    await settle();
    expect(host.events).toEqual(['closed: read ECONNRESET: the WebSocket was closed with code 1006']);
  });

  it('takes less when too much waits, and asks until there is room', () => {
    const clock = new VirtualClock();
    const host = new RecordingHost(clock);
    const socket = new Played();
    const link = webSocketLink(socket, { queueBytes: 4000 });
    void link.open(host);
    const packets = Array.from({ length: 200 }, (_, i) => testPacket('ip', 100, i));
    expect(link.send(batchOf(packets))).toBe(64);
    expect(link.send(batchOf(packets))).toBe(0);
    clock.advance(5000);
    expect(host.events).toEqual([]);
    socket.bufferedAmount = 3999;
    clock.advance(1000);
    expect(host.events).toEqual(['writable']);
    // Nobody waits any more: nobody is asked.
    expect(clock.nextDeadline).toBe(Infinity);
    expect(link.send(batchOf(packets))).toBe(64);
    expect(link.send(batchOf(packets))).toBe(0);
    void link.close();
    expect([clock.nextDeadline, socket.closed]).toEqual([Infinity, 1000]);
  });

  it('keeps no more than so much of what comes in one turn', () => {
    const clock = new VirtualClock();
    const host = new RecordingHost(clock);
    const socket = new Played();
    const link = webSocketLink(socket);
    void link.open(host);
    for (let i = 0; i < 300; i++) socket.happens('message', { data: new ArrayBuffer(65_535) });
    clock.advance(1);
    expect(host.packets.length).toBe(257);
    expect(link.dropped.snapshot()).toEqual({ 'received-full': 43 });
    socket.happens('message', { data: new ArrayBuffer(7) });
    clock.advance(1);
    expect(host.packets.length).toBe(258);
  });

  it('ends when send throws, and when an event says so', () => {
    for (const fail of [
      (socket: Played) => (socket.failure = new Error('gone')),
      (socket: Played) => socket.happens('error', { error: new Error('gone') }),
      (socket: Played) => socket.happens('error', { message: 'gone' }),
      (socket: Played) => socket.happens('error'),
    ]) {
      const clock = new VirtualClock();
      const host = new RecordingHost(clock);
      const socket = new Played();
      const link = webSocketLink(socket);
      void link.open(host);
      fail(socket);
      expect(link.send(batchOf([testPacket('ip', 40, 1)]))).toBe(1);
      socket.happens('close', { code: 1006 });
      clock.advance(1);
      expect(host.events).toEqual([
        expect.stringMatching(/^closed: (gone|read EIO: gone|read EIO: the WebSocket failed)$/),
      ]);
      expect(link.dropped.snapshot()).toEqual({ down: 1 });
    }
  });

  it.each([2, 3])('opens none in state %i', (readyState) => {
    const socket = new Played();
    socket.readyState = readyState;
    const link = webSocketLink(socket);
    expect(() => link.open(new RecordingHost(new VirtualClock()))).toThrow(
      expect.objectContaining({ code: 'ENOTCONN' }),
    );
  });

  it('refuses what is no WebSocket', () => {
    expect(() => webSocketLink({} as WebSocketLike)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
    const options = { queueBytes: 0 };
    expect(() => webSocketLink(new Played(), options)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
  });
});

import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NO_OFFLOAD, Stack } from '../../../src/index.ts';
import type { Link, LinkHost } from '../../../src/index.ts';
import { createDgram } from '../../../src/node/index.ts';
import type { DgramSocket } from '../../../src/node/index.ts';

/** A link that takes nothing until it is opened up, and remembers what it took. */
class StuckLink implements Link {
  readonly medium = 'ip';
  readonly mtu = 1500;
  readonly up = true;
  readonly offload = NO_OFFLOAD;
  readonly taken: number[] = [];
  /** The last three bytes of the last packet. */
  tail: string = '';
  stuck = true;
  #host: LinkHost | undefined;

  open(host: LinkHost): void {
    this.#host = host;
  }

  send(batch: Parameters<Link['send']>[0]): number {
    if (this.stuck) return 0;
    for (let row = 0; row < batch.count; row++) {
      const [offset, length] = [batch.offset[row]!, batch.length[row]!];
      this.taken.push(length);
      this.tail = Buffer.from(batch.memory[row]!.bytes.subarray(offset + length - 3, offset + length)).toString();
    }
    return batch.count;
  }

  free(): void {
    this.stuck = false;
    this.#host?.writable();
  }

  close(): void {}
}

const HEADERS = 28;
const REMOTE = '10.0.0.2';

describe('dgram sockets on a link that has no room', () => {
  let link: StuckLink;
  let stack: Stack;
  let socket: DgramSocket;

  beforeEach(async () => {
    link = new StuckLink();
    stack = new Stack();
    stack.attach(link, { addresses: ['10.0.0.1/24'] });
    socket = createDgram(stack).createSocket({ type: 'udp4', sendBufferSize: 5000 });
    socket.bindSync();
    await once(socket, 'listening');
  });

  afterEach(async () => {
    await stack.close();
    stack.assertQuiescent();
  });

  /** The code of the error, or the bytes sent. */
  function send(size: number): Promise<unknown> {
    return new Promise((resolve) => {
      socket.send(Buffer.alloc(size, 'x'), 9, REMOTE, (error, bytes) => resolve(error ?? bytes));
    });
  }

  async function turn(): Promise<void> {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }

  /** Fills the interface's own queue: messages whose callbacks come at once. */
  async function fillInterface(): Promise<number> {
    for (let sent = 0; ; sent++) {
      socket.send(Buffer.alloc(1000), 9, REMOTE);
      await turn();
      if (socket.getSendQueueCount() > 0) return sent;
      if (sent > 100_000) throw new Error('the queue has no end');
    }
  }

  it('keeps messages in order, tells how many, and sends them when there is room', async () => {
    const before = await fillInterface();
    expect([socket.getSendQueueCount(), socket.getSendQueueSize()]).toEqual([1, 1000]);
    const results = [send(10), send(20)];
    await turn();
    expect([socket.getSendQueueCount(), socket.getSendQueueSize()]).toEqual([3, 1030]);
    link.free();
    expect(await Promise.all(results)).toEqual([10, 20]);
    expect([socket.getSendQueueCount(), socket.getSendQueueSize()]).toEqual([0, 0]);
    await turn();
    expect(link.taken).toHaveLength(before + 3);
    expect(link.taken.slice(-3)).toEqual([1000 + HEADERS, 10 + HEADERS, 20 + HEADERS]);
    socket.close();
  });

  it('keeps a copy', async () => {
    await fillInterface();
    const bytes = Buffer.from('abc');
    const sent = new Promise((resolve) => {
      socket.send(bytes, 9, REMOTE, (_, size) => resolve(size));
    });
    await turn();
    bytes.fill(0);
    link.free();
    expect(await sent).toBe(3);
    await turn();
    expect(link.tail).toBe('abc');
    socket.close();
  });

  it('drops with ENOBUFS, and counts, what would exceed the send buffer', async () => {
    await fillInterface();
    expect(socket.getSendBufferSize()).toBe(10_000);
    const fitting = Array.from({ length: 9 }, () => send(1000));
    const refused = await send(1);
    expect(refused).toMatchObject({ code: 'ENOBUFS', syscall: 'send', address: REMOTE, port: 9 });
    expect((refused as Error).message).toBe(`send ENOBUFS ${REMOTE}:9`);
    socket.send('without a callback', 9, REMOTE);
    await turn();
    expect(socket.getSendQueueSize()).toBe(10_000);
    expect(stack.statistics().drops['udp-send-buffer-full']).toBe(2);
    link.free();
    expect(await Promise.all(fitting)).toEqual(Array.from({ length: 9 }, () => 1000));
    socket.close();
  });

  it('tells what waited that the socket was closed, behind the close event', async () => {
    await fillInterface();
    const events: unknown[] = [];
    socket.send('x', 9, REMOTE, (error) => events.push(error));
    await turn();
    socket.close(() => events.push('close'));
    await turn();
    expect(events).toEqual([
      'close',
      expect.objectContaining({ code: 'ECANCELED', message: `send ECANCELED ${REMOTE}:9` }),
    ]);
  });

  it('says EMSGSIZE to what IP cannot carry, to a connected socket without a place', async () => {
    expect(await send(65_508)).toMatchObject({ message: `send EMSGSIZE ${REMOTE}:9`, code: 'EMSGSIZE', errno: -90 });
    expect(await send(1472)).toBe(1472);
    socket.connectSync(9, REMOTE);
    const error = await new Promise((resolve) => {
      socket.send(Buffer.alloc(65_508), resolve);
    });
    expect(error).toMatchObject({ message: 'send EMSGSIZE', code: 'EMSGSIZE', syscall: 'send' });
    socket.close();
  });
});

it('drops, and counts, what finds no room in the receive buffer', async () => {
  const stack = new Stack();
  const { createSocket } = createDgram(stack);
  const [server, client] = [createSocket({ type: 'udp4', recvBufferSize: 1 }), createSocket('udp4')];
  const { port } = server.bindSync({ address: '127.0.0.1' });
  client.connectSync(port, '127.0.0.1');
  let heard = 0;
  server.on('message', () => heard++);
  for (let i = 0; i < 20; i++) client.send(Buffer.alloc(2000));
  await once(server, 'message');
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  expect(heard).toBeLessThan(20);
  expect(stack.statistics().drops['udp-receive-buffer-full']).toBe(20 - heard);
  server.close();
  client.close();
  await stack.close();
  stack.assertQuiescent();
});

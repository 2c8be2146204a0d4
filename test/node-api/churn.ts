import type { EventEmitter } from 'node:events';
import { getEventListeners, once, setMaxListeners } from 'node:events';
import type nodeNet from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'vitest';
import { Stack } from '../../src/index.ts';
import { createNet } from '../../src/node/index.ts';
import { closed, closing, listening, portOf } from './helpers.ts';

/** Connections at a time. */
const PARALLEL = 50;
/** Connections in TIME-WAIT take room by design: so many, no more. */
const TIME_WAIT = 200;

/** Bytes of the heap and of array buffers that are in use. */
function heap(): number {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  gc();
  gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** A connection from lookup to close, with all that hangs something on a socket. */
async function connection(net: typeof nodeNet, port: number, signal: AbortSignal, number: number): Promise<void> {
  const lookup = ((_name: string, { all }: { all?: boolean }, found: (...args: unknown[]) => void) => {
    process.nextTick(() => (all ? found(null, [{ address: '127.0.0.1', family: 4 }]) : found(null, '127.0.0.1', 4)));
  }) as unknown as nodeNet.LookupFunction;
  const socket = net.connect({ port, host: 'name.test', lookup, signal, timeout: 60_000, keepAlive: true } as never);
  const gone = closing(socket);
  socket.on('error', () => {});
  socket.write('question');
  // Each tenth is reset, each tenth destroyed amid its connecting, the rest end in order.
  if (number % 10 === 1) socket.destroy();
  else await once(socket, 'data');
  if (number % 10 === 2) socket.resetAndDestroy();
  else socket.end('bye');
  await gone;
}

/**
 * Makes so many connections through a stack, one after another in `PARALLEL` rows, and looks what they have left: nothing
 * that is open, armed or queued, no listener, and bytes of the heap, which are returned.
 *
 * @param warmUp connections before the heap is looked at: what is allocated once, such as slabs and code, is there then.
 */
export async function churn(count: number, warmUp: number): Promise<number> {
  const stack = new Stack({ maxTimeWait: TIME_WAIT });
  const net = createNet(stack) as unknown as typeof nodeNet;
  const server = await listening(
    net.createServer((socket) => {
      socket.setTimeout(60_000);
      socket.on('error', () => {}).on('data', () => socket.write('answer'));
    }),
  );
  const port = portOf(server);
  const { signal } = new AbortController();
  setMaxListeners(2 * PARALLEL, signal);
  const run = async (many: number): Promise<void> => {
    let next = 0;
    const row = async (): Promise<void> => {
      while (next < many) await connection(net, port, signal, next++);
    };
    await Promise.all(Array.from({ length: PARALLEL }, row));
    while ((await connections(server)) > 0) await new Promise((resolve) => void setImmediate(resolve));
  };
  await run(warmUp);
  const before = heap();
  const listeners = processListeners();
  await run(count);
  const left = heap() - before;
  expect(getEventListeners(signal, 'abort')).toEqual([]);
  expect(processListeners()).toEqual(listeners);
  expect([server.listenerCount('connection'), server.listenerCount('close')]).toEqual([1, 0]);
  expect(stack.tcp.connections.filter(({ state }) => state !== 'TIME_WAIT')).toEqual([]);
  await closed(server);
  stack.assertQuiescent({ timeWait: true });
  await stack.close();
  stack.assertQuiescent();
  return left;
}

function connections(server: nodeNet.Server): Promise<number> {
  return new Promise((resolve) => {
    server.getConnections((_error, count) => resolve(count));
  });
}

function processListeners(): unknown[] {
  const emitter: EventEmitter = process;
  return emitter.eventNames().map((name) => [name, emitter.listenerCount(name)]);
}

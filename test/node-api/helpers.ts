import dns from 'node:dns';
import { once } from 'node:events';
import type nodeNet from 'node:net';
import { vi } from 'vitest';

/** What a program sees of an error. */
export interface Seen {
  name: string;
  code?: unknown;
  message: string;
  [field: string]: unknown;
}

/** The error's class, message and fields; its stack and cause are not the program's business. */
export function seen(error: unknown): Seen {
  if (!(error instanceof Error)) throw new Error(`not an error: ${String(error)}`);
  const { name, message } = error;
  return Object.assign<Seen, object>({ name, message }, error);
}

/** The error that a call throws. */
export function thrown(call: () => unknown): Seen {
  try {
    call();
  } catch (error) {
    return seen(error);
  }
  throw new Error('nothing was thrown');
}

/** The emitter's next 'error'. */
export async function failure(emitter: NodeJS.EventEmitter): Promise<Seen> {
  return new Promise((resolve) => {
    emitter.once('error', (error) => resolve(seen(error)));
  });
}

/** What the emitter says, in order; the first argument of an event stands behind its name where there is one. */
export function journal(emitter: NodeJS.EventEmitter, ...events: string[]): string[] {
  const entries: string[] = [];
  for (const event of events) {
    emitter.on(event, (...args: unknown[]) => {
      const detail = detailOf(args[0]);
      entries.push(detail === '' ? event : `${event} ${detail}`);
    });
  }
  return entries;
}

function detailOf(argument: unknown): string {
  if (argument instanceof Error) return 'code' in argument ? String(argument.code) : argument.message;
  if (Buffer.isBuffer(argument)) return argument.toString();
  return typeof argument === 'string' || typeof argument === 'boolean' ? String(argument) : '';
}

/** Resolves at 'close', whether an error came before it or not. */
export function closing(emitter: NodeJS.EventEmitter): Promise<void> {
  return new Promise((resolve) => {
    emitter.once('close', () => resolve());
  });
}

/** All that can happen without new packets or time has happened. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

export function portOf(server: nodeNet.Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}

/** Begins to listen on a port of its own at 127.0.0.1. */
export async function listening(server: nodeNet.Server): Promise<nodeNet.Server> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

export async function closed(server: nodeNet.Server): Promise<void> {
  server.close();
  await closing(server);
}

/** Destroys the sockets and waits for their ends. */
export async function gone(...sockets: nodeNet.Socket[]): Promise<void> {
  const waiting = sockets.filter((socket) => !socket.closed).map((socket) => closing(socket));
  for (const socket of sockets) socket.destroy();
  await Promise.all(waiting);
}

/** A port at 127.0.0.1 where nobody listens. */
export async function freePort(net: typeof nodeNet): Promise<number> {
  const server = await listening(net.createServer());
  const port = portOf(server);
  await closed(server);
  return port;
}

/** Programs and their tools replace `dns.lookup`; `vi.restoreAllMocks()` brings it back. */
export function replaceLookup(lookup: (...args: never[]) => void): void {
  vi.spyOn(dns, 'lookup').mockImplementation(lookup as never);
}

/** Names that `for … in` gives, but for those of Node's insides. */
export function shown(object: object): string[] {
  const names: string[] = [];
  for (const name in object) if (!name.startsWith('_')) names.push(name);
  return names.toSorted();
}

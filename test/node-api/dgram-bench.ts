import type { Socket, SocketOptions, SocketType } from 'node:dgram';
import { once } from 'node:events';
import type { Modules } from './modules.ts';

export const LOCALHOST = '127.0.0.1';

/** The sockets of one test: whatever is still open at its end is closed. */
export class DgramBench {
  readonly modules: Modules;
  readonly #sockets: Socket[] = [];

  constructor(modules: Modules) {
    this.modules = modules;
  }

  /** A socket that is not bound. */
  socket(options: SocketOptions | SocketType = 'udp4'): Socket {
    const { dgram } = this.modules;
    const socket = typeof options === 'string' ? dgram.createSocket(options) : dgram.createSocket(options);
    this.#sockets.push(socket);
    return socket;
  }

  /** A socket bound to a free port of 127.0.0.1, or to what is asked for. */
  async bound(options: SocketOptions | SocketType = 'udp4', port = 0, address: string = LOCALHOST): Promise<Socket> {
    const socket = this.socket(options);
    socket.bind(port, address);
    await once(socket, 'listening');
    return socket;
  }

  /** A port at 127.0.0.1 that nobody has. */
  async freePort(): Promise<number> {
    const socket = await this.bound();
    const { port } = socket.address();
    await called((done) => socket.close(done));
    return port;
  }

  /** A socket that is connected to another. */
  async connected(peer: Socket): Promise<Socket> {
    const socket = await this.bound();
    socket.connect(peer.address().port, LOCALHOST);
    await once(socket, 'connect');
    return socket;
  }

  async end(): Promise<void> {
    for (const socket of this.#sockets) await socket[Symbol.asyncDispose]();
    await this.modules.end();
  }
}

/** What the call throws: class, code and message. */
export function thrown(call: () => unknown): { kind: string; code: unknown; message: string } {
  try {
    call();
  } catch (error) {
    const { name, message, code } = error as Error & { code?: unknown };
    return { kind: name, code, message };
  }
  throw new Error('nothing was thrown');
}

/** What the error has beside its message. */
export function fieldsOf(error: unknown): object {
  return Object.fromEntries(Object.entries(error as object));
}

/** The next message, as text. */
export async function textOf(socket: Socket): Promise<string> {
  const [message] = (await once(socket, 'message')) as [Buffer];
  return message.toString();
}

/** The arguments of a callback, when it is called. */
export function called<Args extends unknown[]>(start: (callback: (...args: Args) => void) => unknown): Promise<Args> {
  return new Promise((resolve) => {
    start((...args) => resolve(args));
  });
}

/** A turn of the event loop, in which whatever was due has been called. */
export async function turn(): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** What `run` lets go uncaught, first to last: it resolves when there is one, the process goes on. */
export async function uncaught(run: () => void): Promise<unknown> {
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  try {
    const caught = once(process, 'uncaughtException');
    run();
    return (await caught)[0];
  } finally {
    for (const listener of others) process.on('uncaughtException', listener);
  }
}

/** A value of a type that the typings forbid. */
export function wrong(value: unknown): never {
  return value as never;
}

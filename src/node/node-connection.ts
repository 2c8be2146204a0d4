import { Buffer } from 'node:buffer';
import nodeNet from 'node:net';
import type { SystemError } from '../errors.ts';
import type { ConnectOptions } from '../stack/tcp.ts';
import type { Connection } from '../tcp/connection.ts';
import type { ConnectionHandler } from '../tcp/handler.ts';
import { Address } from '../wire/address.ts';
import { onRealNetwork } from './register/real-network.ts';

/** Bytes that wait for the system at most. */
const MOST_AT_ONCE = 262_144;
/** Milliseconds. */
const LINGER = 60_000;
const NOWHERE = Address.parse('0.0.0.0');

/** Options that a socket of Node's own has, too. */
const NODE_OPTIONS: Readonly<Record<string, (socket: nodeNet.Socket, value: never) => void>> = {
  noDelay: (socket, value: boolean) => void socket.setNoDelay(value),
  keepAlive: (socket, value: boolean) => void socket.setKeepAlive(value),
  keepAliveIdle: (socket, value: number) => void socket.setKeepAlive(true, value),
};

/** A connection over the real network, as the sockets of `createNet` see the stack's own. */
export function connectReally(options: ConnectOptions, handler: ConnectionHandler): Connection {
  const { remoteAddress, remotePort, localAddress, localPort } = options;
  const address = typeof remoteAddress === 'string' ? Address.parse(remoteAddress) : remoteAddress;
  const local = { localAddress: localAddress?.toString(), localPort };
  const socket = dialled({ host: address.toString(), port: remotePort, ...local });
  return connectionOf(new NodeConnection(socket, handler, address, remotePort));
}

/** A connection to a Unix-domain socket or a pipe, which has no addresses. */
export function connectToPath(path: string, handler: ConnectionHandler): Connection {
  return connectionOf(new NodeConnection(dialled({ path }), handler, NOWHERE, 0));
}

/** A socket of Node's own on its way; `usernet/register` may have put others in their place. */
function dialled(to: nodeNet.NetConnectOpts): nodeNet.Socket {
  return onRealNetwork(() => new nodeNet.Socket({ allowHalfOpen: true }).connect(to));
}

function connectionOf(face: unknown): Connection {
  return face as Connection;
}

/**
 * A socket of Node's own behind the face of a core connection: callbacks, reads that open the window, writes that say
 * how much they took. It has what sockets use, and no `info()`.
 */
class NodeConnection {
  handler: ConnectionHandler;
  readonly remoteAddress: Address;
  readonly remotePort: number;
  readonly #socket: nodeNet.Socket;
  #closed: boolean = false;

  constructor(socket: nodeNet.Socket, handler: ConnectionHandler, remoteAddress: Address, remotePort: number) {
    this.#socket = socket;
    this.handler = handler;
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    socket.on('connect', () => this.handler.onConnect?.(this.#face));
    socket.on('readable', () => this.handler.onReadable?.(this.#face));
    socket.on('end', () => this.handler.onEnd?.(this.#face));
    socket.on('drain', () => this.handler.onWritable?.(this.#face));
    socket.on('error', (error) => this.handler.onError?.(error as SystemError, this.#face));
    socket.on('close', () => {
      this.#closed = true;
      this.handler.onClose?.(this.#face);
    });
  }

  get family(): 4 | 6 {
    return this.remoteAddress.family;
  }

  get localAddress(): Address {
    return Address.parse(this.#socket.localAddress ?? '0.0.0.0');
  }

  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  get readableLength(): number {
    return this.#socket.readableLength;
  }

  /** So much at once, and nothing more before it is gone: `onWritable` follows then. */
  write(chunks: Uint8Array | readonly Uint8Array[]): number {
    if (this.#closed || this.#socket.writableNeedDrain || this.#socket.writableEnded) return 0;
    // The caller may reuse its memory at once.
    const bytes = Buffer.concat(chunks instanceof Uint8Array ? [chunks] : chunks).subarray(0, MOST_AT_ONCE);
    this.#socket.write(bytes);
    return bytes.byteLength;
  }

  read(max?: number): Uint8Array | undefined {
    const most = max === undefined ? undefined : Math.min(max, this.#socket.readableLength);
    return (this.#socket.read(most || undefined) as Buffer | null) ?? undefined;
  }

  shutdown(): void {
    this.#socket.end();
  }

  /** What was taken is sent, for a minute at most, as the stack's own connections do. */
  close(): void {
    const socket = this.#socket;
    socket.destroySoon();
    const timer = setTimeout(() => socket.destroy(), LINGER).unref();
    socket.once('close', () => clearTimeout(timer));
  }

  /** The system has it already. */
  sendNow(): void {}

  abort(): void {
    this.#socket.resetAndDestroy();
  }

  get(): undefined {
    return undefined;
  }

  set(option: string, value: unknown): void {
    NODE_OPTIONS[option]?.(this.#socket, value as never);
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  get #face(): Connection {
    return connectionOf(this);
  }
}

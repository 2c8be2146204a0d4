import { Buffer } from 'node:buffer';
import nodeNet from 'node:net';
import { systemError } from '../errors.ts';
import type { SystemError } from '../errors.ts';
import type { Stack } from '../stack/stack.ts';
import type { ConnectOptions } from '../stack/tcp.ts';
import type { Connection } from '../tcp/connection.ts';
import type { ConnectionHandler } from '../tcp/handler.ts';
import { Address } from '../wire/address.ts';
import { onRealNetwork } from './register/real-network.ts';

/** Bytes that wait for the system at most: when they have gone there is news of it. */
const MOST_AT_ONCE = 262_144;
const NOWHERE = Address.parse('0.0.0.0');

/** Options that a socket of Node's own has, too. */
const NODE_OPTIONS: Readonly<Record<string, (socket: nodeNet.Socket, value: never) => void>> = {
  noDelay: (socket, value: boolean) => void socket.setNoDelay(value),
  keepAlive: (socket, value: boolean) => void socket.setKeepAlive(value),
  keepAliveIdle: (socket, value: number) => void socket.setKeepAlive(true, value),
};

/**
 * A connection over the real network, as the sockets of `createNet` see the stack's own.
 *
 * @throws what Node says where it can't begin: EADDRNOTAVAIL, EADDRINUSE, EINVAL of `bind`, ENETUNREACH and the like of `connect`
 */
export function connectReally(options: ConnectOptions, handler: ConnectionHandler): Connection {
  const { remoteAddress, remotePort, localAddress, localPort } = options;
  const address = typeof remoteAddress === 'string' ? Address.parse(remoteAddress) : remoteAddress;
  const local = { localAddress: localAddress?.toString(), localPort };
  // Where a name is found at once Node binds and begins inside the call, and not in the next tick.
  const lookup: nodeNet.LookupFunction = (_name, _options, found) => found(null, address.toString(), address.family);
  const socket = dialled({ host: 'peer', port: remotePort, lookup, autoSelectFamily: false, ...local });
  if (socket.errored) {
    socket.on('error', () => {});
    throw socket.errored;
  }
  return connectionOf(new NodeConnection(socket, handler, address, remotePort));
}

/** A connection to a Unix-domain socket or a pipe, which has no addresses, and ends with the stack. */
export function connectToPath(path: string, handler: ConnectionHandler, stack: Stack): Connection {
  const socket = dialled({ path });
  const connection = new NodeConnection(socket, handler, NOWHERE, 0);
  const leave = stack.dependents.add({ finish: () => connection.finish(), cut: () => connection.cut() });
  socket.once('close', leave);
  return connectionOf(connection);
}

/** A socket of Node's own that a program has of a net ends with the stack. */
export function endWithStack(socket: nodeNet.Socket, stack: Stack): void {
  const leave = stack.dependents.add({
    finish: () => void socket.end(),
    cut: () => void socket.destroy(aborted(socket)),
  });
  socket.once('close', leave);
}

function aborted(socket: nodeNet.Socket): SystemError {
  return systemError('ECONNABORTED', socket.connecting ? 'connect' : 'read');
}

/** A socket of Node's own on its way; `usernet/register` may have put others in their place. */
function dialled(to: nodeNet.NetConnectOpts): nodeNet.Socket {
  return onRealNetwork(() => new nodeNet.Socket({ allowHalfOpen: true }).connect(to));
}

function connectionOf(face: unknown): Connection {
  return face as Connection;
}

/** The bytes behind the first `skip` of them, so many as may wait for the system. */
function slice(chunks: readonly Uint8Array[], skip: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let length = 0;
  let before = skip;
  for (const chunk of chunks) {
    const part = chunk.subarray(before, before + MOST_AT_ONCE - length);
    before = Math.max(0, before - chunk.byteLength);
    if (part.byteLength > 0) parts.push(part);
    length += part.byteLength;
    if (length === MOST_AT_ONCE) break;
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
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
  /** A write waits for the system; so many bytes of one have gone since the caller has heard of any. */
  #waiting: boolean = false;
  #gone: number = 0;

  constructor(socket: nodeNet.Socket, handler: ConnectionHandler, remoteAddress: Address, remotePort: number) {
    this.#socket = socket;
    this.handler = handler;
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    socket.on('connect', () => this.handler.onConnect?.(this.#face));
    socket.on('readable', () => this.handler.onReadable?.(this.#face));
    socket.on('end', () => this.handler.onEnd?.(this.#face));
    socket.on('error', (error) => this.handler.onError?.(error as SystemError, this.#face));
    socket.on('close', () => this.handler.onClose?.(this.#face));
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

  /**
   * Takes what the system takes. What is left waits there and counts as not taken: `onWritable` tells when it has gone, and
   * the caller, who writes it once more, is told so. Nobody changes it meanwhile: the stream above has it under way.
   */
  write(chunks: Uint8Array | readonly Uint8Array[]): number {
    if (this.#waiting || this.#socket.destroyed || this.#socket.writableEnded) return 0;
    const rest = chunks instanceof Uint8Array ? [chunks] : chunks;
    let taken = this.#gone;
    this.#gone = 0;
    for (let bytes = slice(rest, taken); bytes.byteLength > 0; bytes = slice(rest, taken)) {
      if (!this.#hand(bytes)) break;
      taken += bytes.byteLength;
    }
    return taken;
  }

  /** Node's socket hands bytes on at once, and keeps what the system does not take: false. */
  #hand(bytes: Uint8Array): boolean {
    let waits = false;
    this.#socket.write(bytes, (error) => {
      if (!waits || error) return;
      this.#waiting = false;
      this.#gone = bytes.byteLength;
      this.handler.onWritable?.(this.#face);
    });
    waits = this.#socket.writableLength > 0;
    this.#waiting = waits;
    return !waits;
  }

  read(max?: number): Uint8Array | undefined {
    const most = max === undefined ? undefined : Math.min(max, this.#socket.readableLength);
    return (this.#socket.read(most || undefined) as Buffer | null) ?? undefined;
  }

  shutdown(): void {
    this.#socket.end();
  }

  /** What was taken is the system's business; what waits is lost, as with a socket of Node's own. */
  close(): void {
    this.#socket.destroy();
  }

  /** The stack is closing. */
  finish(): void {
    this.handler.onClosing?.(this.#face);
  }

  /** The stack has ended. */
  cut(): void {
    this.handler.onError?.(aborted(this.#socket), this.#face);
    this.#socket.destroy();
  }

  /** The system has it already. */
  sendNow(): void {}

  /** The stack has this one as a dependent. */
  keepUnread(): void {}

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

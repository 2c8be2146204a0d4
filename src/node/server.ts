import type { AsyncResource } from 'node:async_hooks';
import diagnostics from 'node:diagnostics_channel';
import dns from 'node:dns';
import type { LookupAddress } from 'node:dns';
import { captureRejectionSymbol } from 'node:events';
import nodeNet, { isIPv6 } from 'node:net';
import type { AddressInfo, BlockList } from 'node:net';
import { getDefaultHighWaterMark } from 'node:stream';
import { usageError } from '../errors.ts';
import { checkAcceptedOptions } from '../stack/tcp.ts';
import type { ListenOptions as TcpListenOptions } from '../stack/tcp.ts';
import type { Connection } from '../tcp/connection.ts';
import type { Listener } from '../tcp/listener.ts';
import type { ConnectionOptions } from '../tcp/options.ts';
import { addressInfo, localInfo, remoteInfo } from './address-info.ts';
import { acceptedContext, currentContext } from './async-context.ts';
import { checkBlockList, isBlocked } from './block-lists.ts';
import { checkNumber, checkSignal, isPath, normalizeArguments, toPort } from './arguments.ts';
import { toInitialDelay } from './keep-alive.ts';
import { invalidArgType, invalidArgValue, listenError } from './net-errors.ts';
import { endWithStack } from './node-connection.ts';
import { HAS_BLOCK_LISTS, IS_22_OR_NEWER, ZERO_IS_A_LIMIT } from './node-features.ts';
import { extendNodeServer } from './node-internals.ts';
import { EmitterBase } from './old-classes.ts';
import type { Socket } from './socket.ts';
import type { NetHost } from './socket-options.ts';

/** Options of the connections that a server takes; `fastOpen` is that of `stack.tcp.listen`. */
export type ServerTcpOptions = Omit<ConnectionOptions, 'fastOpen'> & Pick<TcpListenOptions, 'fastOpen'>;

/** Options of `net.createServer()`. */
export interface ServerOptions {
  /** Connections may stay open for writing when the peer has ended. Default false. */
  allowHalfOpen?: boolean | undefined;
  /** Sockets are handed over paused: nothing is read before `resume()`. Default false. */
  pauseOnConnect?: boolean | undefined;
  noDelay?: boolean | undefined;
  keepAlive?: boolean | undefined;
  /** Milliseconds; 0 leaves the default. */
  keepAliveInitialDelay?: number | undefined;
  /** Of the sockets' streams, in bytes. */
  highWaterMark?: number | undefined;
  /** Peers that are refused: closed at once, in silence. Where the running Node has it. */
  blockList?: BlockList | undefined;
  /** Options of the core connections, over those of `createNet`; `fastOpen` must be given here. */
  tcp?: ServerTcpOptions | undefined;
}

/** Options of `server.listen()`. */
export interface ListenOptions {
  port?: number | string | null | undefined;
  /** One of the stack's addresses, or a name for one. Default `::`: all, of both families. */
  host?: string | undefined;
  /** On `::`: takes no IPv4. As in Node only `true` counts, and only with a host. Default false. */
  ipv6Only?: boolean | undefined;
  /** Handshakes that may be under way at once. Default 511. */
  backlog?: number | undefined;
  /** Closes the server when it is aborted. */
  signal?: AbortSignal | undefined;
  /** A Unix-domain socket, or a pipe: Node's own server listens there, and the connections are Node's sockets. */
  path?: string | undefined;
  /** In a cluster, not shared with others. Servers of a stack never are. */
  exclusive?: boolean | undefined;
  /** With `path`: the socket is readable for all users. Default false. */
  readableAll?: boolean | undefined;
  /** With `path`: the socket is writable for all users. Default false. */
  writableAll?: boolean | undefined;
}

/** A refused connection, in the words of the event 'drop'. */
export interface DropArgument {
  localAddress: string;
  localPort: number;
  localFamily: string;
  remoteAddress: string;
  remotePort: number;
  remoteFamily: string;
}

/** Both families, as Node's servers have it. */
const ANY = '::';
const MOST_BACKLOG = 0x7fff_ffff;
const accepted = diagnostics.channel('net.server.socket');
/** Where Node traces `listen`. */
const listens = {
  begun: diagnostics.channel('tracing:net.server.listen:asyncStart'),
  done: diagnostics.channel('tracing:net.server.listen:asyncEnd'),
  failed: diagnostics.channel('tracing:net.server.listen:error'),
};

/** A TCP server in the shape of Node's `net.Server`. */
export class Server extends EmitterBase {
  /** Connections above this many are closed at once, with the event 'drop'. */
  declare maxConnections: number;
  /** Gone since long, but in Node's types: see `getConnections`. */
  declare readonly connections: number;
  allowHalfOpen: boolean;
  pauseOnConnect: boolean;
  noDelay: boolean;
  keepAlive: boolean;
  /** Seconds, as Node shows it. */
  keepAliveInitialDelay: number;
  /** Of the sockets' streams, in bytes. */
  highWaterMark: number;
  /** Peers that are refused, where the running Node has it. */
  declare blockList?: BlockList;
  #closing: (() => void) | undefined;
  #standsFor: object = this;
  readonly #host: NetHost;
  readonly #tcp: ServerTcpOptions;
  #listener: Listener | undefined;
  /** Listens on a path instead. */
  #local: nodeNet.Server | undefined;
  /** The stack ends what listens on a path, or waits for an address. */
  #leaveStack: (() => boolean) | undefined;
  /** The latest path; as in Node it stays when nobody listens there any more. */
  #path: string | null = null;
  #connections: number = 0;
  #referenced: boolean = true;
  /** A lookup that ends after another `listen` or `close` counts no more. */
  #attempt: number = 0;

  /** @internal Users make servers with the `Server` of `createNet`; `onto` is what is to become one. */
  constructor(host: NetHost, [first, second]: readonly unknown[], onto?: Server) {
    super(onto);
    if (typeof first !== 'function' && typeof first !== 'object' && first !== undefined) {
      throw invalidArgType('options', 'of type object', first);
    }
    const options: ServerOptions = typeof first === 'object' && first !== null ? first : {};
    const listener = typeof first === 'function' ? first : second;
    if (typeof listener === 'function') this.on('connection', listener as (socket: Socket) => void);
    this.#host = host;
    this.#tcp = options.tcp ?? {};
    checkAcceptedOptions('options.tcp', this.#tcp);
    this.allowHalfOpen = options.allowHalfOpen || false;
    this.pauseOnConnect = Boolean(options.pauseOnConnect);
    this.noDelay = Boolean(options.noDelay);
    this.keepAlive = Boolean(options.keepAlive);
    this.keepAliveInitialDelay = toInitialDelay(options.keepAliveInitialDelay);
    if (options.highWaterMark !== undefined) checkNumber(options.highWaterMark, 'options.highWaterMark');
    const { highWaterMark = -1 } = options;
    this.highWaterMark = highWaterMark < 0 ? getDefaultHighWaterMark(false) : highWaterMark;
    if (HAS_BLOCK_LISTS && options.blockList) {
      checkBlockList(options.blockList, 'options.blockList');
      this.blockList = options.blockList;
    }
  }

  /** @internal Called when `close()` begins: idle connections may be ended there. */
  set closing(callback: () => void) {
    this.#closing = callback;
  }

  /** @internal The server that traces name: where this one listens for another, that one. */
  set standsFor(server: object) {
    this.#standsFor = server;
  }

  get listening(): boolean {
    return this.#listener !== undefined || this.#local !== undefined;
  }

  /**
   * Begins to listen: 'listening' or 'error' (EADDRINUSE, EADDRNOTAVAIL) follows. Port 0 or none is an ephemeral one.
   *
   * @throws ERR_SERVER_ALREADY_LISTEN, ERR_SOCKET_BAD_PORT, ERR_INVALID_ARG_VALUE, ERR_INVALID_ARG_TYPE,
   * ERR_OUT_OF_RANGE
   */
  listen(port?: number | string, host?: string, backlog?: number, listeningListener?: () => void): this;
  listen(port?: number | string, host?: string, listeningListener?: () => void): this;
  listen(port?: number | string, backlog?: number, listeningListener?: () => void): this;
  listen(port?: number | string, listeningListener?: () => void): this;
  listen(path: string, backlog?: number, listeningListener?: () => void): this;
  listen(path: string, listeningListener?: () => void): this;
  listen(options: ListenOptions | Server, listeningListener?: () => void): this;
  listen(listeningListener?: () => void): this;
  listen(...args: unknown[]): this {
    const [options, listener] = normalizeArguments<ListenOptions>(args);
    if (this.listening) {
      const message = 'Listen method has been called more than once without closing.';
      throw usageError('ERR_SERVER_ALREADY_LISTEN', message, Error);
    }
    if (listens.begun.hasSubscribers) listens.begun.publish({ server: this.#standsFor, options });
    // As in Node the listener stays, and the signal counts, where what follows throws.
    if (listener !== undefined) this.once('listening', listener);
    const attempt = ++this.#attempt;
    if (options.signal !== undefined) checkSignal(options.signal, 'options.signal');
    this.#closeOnAbort(options.signal);
    const port = listenPort(args, options);
    const backlog = options.backlog
      ? toBacklog(options.backlog)
      : (argumentBacklog(args[1]) ?? argumentBacklog(args[2]));
    if (port === undefined) return this.#listenLocally({ ...options, backlog });
    const { host } = options;
    if (!host) {
      this.#listen(port, ANY, false, backlog);
      return this;
    }
    // An address, too, takes this way, so that a server with a host never listens before the call returns.
    this.#endWithStack();
    let looked = false;
    try {
      lookUp(host, (error, address) => {
        if (attempt !== this.#attempt || this.#leaveStack?.() === false) return;
        if (error) this.emit('error', error);
        else this.#listen(port, address, options.ipv6Only === true, backlog);
      });
      looked = true;
    } finally {
      if (!looked) this.#leaveStack?.();
    }
    return this;
  }

  /** The address bound; else the path where it listens or has last listened, or null. */
  address(): AddressInfo | string | null {
    if (this.#listener === undefined) return this.#path;
    return addressInfo(this.#listener.address, this.#listener.port);
  }

  /**
   * Takes no more connections; 'close' comes when those that are open have ended.
   *
   * @param callback called with ERR_SERVER_NOT_RUNNING when the server was not listening.
   */
  close(callback?: (error?: Error) => void): this {
    this.#attempt++;
    this.#leaveStack?.();
    this.#closing?.();
    if (typeof callback === 'function') {
      // The callback itself, so that `off` finds it.
      if (this.listening) this.once('close', callback);
      else this.once('close', () => callback(usageError('ERR_SERVER_NOT_RUNNING', 'Server is not running.', Error)));
    }
    this.#listener?.close();
    this.#local?.close();
    this.#listener = undefined;
    this.#local = undefined;
    this.#emitCloseIfDrained();
    return this;
  }

  getConnections(callback: (error: Error | null, count: number) => void): this {
    process.nextTick(callback, null, this.#connections);
    return this;
  }

  /** The listening server keeps the process alive (the default). */
  ref(): this {
    this.#referenced = true;
    this.#listener?.ref();
    this.#local?.ref();
    return this;
  }

  unref(): this {
    this.#referenced = false;
    this.#listener?.unref();
    this.#local?.unref();
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.listening) return;
    await new Promise<void>((resolve, reject) => {
      this.close((error) => (error === undefined ? resolve() : reject(error)));
    });
  }

  #listen(port: number, address: string, ipv6Only: boolean, backlog: number | undefined): void {
    // RFC 7413 §2: only where the server itself asks for it.
    const options = {
      ...this.#host.tcp,
      fastOpen: false,
      ...this.#tcp,
      address,
      port,
      ipv6Only: ipv6Only && isIPv6(address),
      backlog,
    };
    const context = currentContext('TCPSERVERWRAP');
    const accept = (connection: Connection): void => {
      context.runInAsyncScope(() => this.#accept(connection, acceptedContext(context)));
    };
    try {
      this.#listener = this.#host.stack.tcp.listen(options, accept);
    } catch (error) {
      const shaped = listenError(error, address, port);
      if (listens.failed.hasSubscribers) listens.failed.publish({ server: this.#standsFor, error: shaped });
      process.nextTick(() => this.emit('error', shaped));
      return;
    }
    // As for errors of `accept` in Node: the server goes on.
    this.#listener.onError = (error) => context.runInAsyncScope(() => this.emit('error', error));
    this.#listener.onClose = () => {
      if (this.listening) context.runInAsyncScope(() => this.close());
    };
    if (!this.#referenced) this.#listener.unref();
    if (listens.done.hasSubscribers) listens.done.publish({ server: this.#standsFor });
    process.nextTick(() => {
      if (this.listening) this.emit('listening');
    });
  }

  /** A stack has no paths: Node's own module listens there. */
  #listenLocally(options: ListenOptions): this {
    try {
      this.#host.stack.assertOpen();
    } catch (error) {
      process.nextTick(() => this.emit('error', error));
      return this;
    }
    const { allowHalfOpen, pauseOnConnect, highWaterMark } = this;
    const local = nodeNet.createServer({ allowHalfOpen, pauseOnConnect, highWaterMark });
    local.on('connection', (socket) => this.#acceptLocally(socket));
    local.on('listening', () => this.emit('listening'));
    local.on('error', (error) => {
      if (this.#local === local && !local.listening) this.#local = undefined;
      this.emit('error', error);
    });
    const { path, backlog, readableAll = false, writableAll = false } = options;
    this.#path = path ?? null;
    local.listen({ path, backlog, readableAll, writableAll });
    // Node knows at once whether it listens.
    if (local.listening) {
      this.#local = local;
      this.#endWithStack();
    }
    if (!this.#referenced) local.unref();
    return this;
  }

  #endWithStack(): void {
    this.#leaveStack?.();
    this.#leaveStack = this.#host.stack.dependents.add({ cut: () => void this.close() });
  }

  /** A socket of Node's counts itself out when it is destroyed, at the server that it finds under these names. */
  #acceptLocally(socket: nodeNet.Socket): void {
    if (this.#isFull()) {
      this.emit('drop');
      socket.destroy();
      return;
    }
    this.#connections++;
    Object.assign(socket, { server: this, _server: this });
    endWithStack(socket, this.#host.stack);
    this.emit('connection', socket);
  }

  #isFull(): boolean {
    const maxConnections: number | null | undefined = this.maxConnections;
    if (maxConnections === undefined || maxConnections === null) return false;
    return this.#connections >= maxConnections && (maxConnections !== 0 || ZERO_IS_A_LIMIT);
  }

  #accept(connection: Connection, context: AsyncResource): void {
    if (this.#isFull()) {
      connection.handler = {};
      this.emit('drop', dropArgument(connection));
      connection.close();
      return;
    }
    if (isBlocked(this.blockList, remoteInfo(connection).address)) {
      connection.handler = {};
      connection.close();
      return;
    }
    const { allowHalfOpen, noDelay, keepAlive, keepAliveInitialDelay, highWaterMark, pauseOnConnect } = this;
    const hwm = { readableHighWaterMark: highWaterMark, writableHighWaterMark: highWaterMark };
    this.#connections++;
    const socket = new this.#host.Socket(
      { allowHalfOpen, noDelay, keepAlive, keepAliveInitialDelay: keepAliveInitialDelay * 1000, ...hwm },
      {
        connection,
        context,
        server: this,
        paused: pauseOnConnect,
        gone: this.#socketGone,
      },
    );
    this.emit('connection', socket);
    if (accepted.hasSubscribers) accepted.publish({ socket });
  }

  /** Node's own name, which its http and some programs use. */
  get _connections(): number {
    return this.#connections;
  }

  set _connections(count: number) {
    this.#connections = count;
  }

  /** As `_connections`. */
  _emitCloseIfDrained(): void {
    this.#emitCloseIfDrained();
  }
  /** For all its sockets. */
  readonly #socketGone = (): void => {
    this.#connections--;
    this.#emitCloseIfDrained();
  };

  #emitCloseIfDrained(): void {
    if (this.listening || this.#connections > 0) return;
    process.nextTick(() => this.emit('close'));
  }

  #closeOnAbort(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const close = (): void => void this.close();
    if (signal.aborted) {
      process.nextTick(close);
      return;
    }
    signal.addEventListener('abort', close, { once: true });
    this.once('close', () => signal.removeEventListener('abort', close));
  }
}

extendNodeServer(Server.prototype);

/** With `captureRejections` a listener of 'connection' that fails costs its own socket. */
Object.defineProperty(Server.prototype, captureRejectionSymbol, {
  value(this: Server, error: Error, event: string, socket?: Socket): void {
    if (event === 'connection') socket?.destroy(error);
    else this.emit('error', error);
  },
  configurable: true,
  writable: true,
});

/** The port that the arguments of `listen` mean; none, null and undefined are 0. Undefined where there is a path. */
function listenPort(args: readonly unknown[], options: ListenOptions): number | undefined {
  const omitted = args.length === 0 || typeof args[0] === 'function';
  if (omitted || ('port' in options && (options.port === undefined || options.port === null))) return 0;
  if (typeof options.port === 'number' || typeof options.port === 'string') return toPort(options.port, 'options.port');
  if (isPath(options.path)) return undefined;
  const missing = !('port' in options) && !('path' in options);
  throw invalidArgValue('options', options, missing ? 'must have the property "port" or "path"' : 'is invalid');
}

/** The argument of `listen` that may be a host, a backlog or a callback. */
function argumentBacklog(value: unknown): number | undefined {
  return typeof value !== 'function' && Number(value) > 0 ? toBacklog(value) : undefined;
}

/** As Node takes anything: 32 bits of it as a number, of which Linux knows no sign (inet_listen). */
function toBacklog(value: unknown): number {
  return Math.min((Number(value) | 0) >>> 0, MOST_BACKLOG);
}

/** From version 22 on Node asks for all addresses of a host, to take one that is good on any link. */
function lookUp(host: string, done: (error: Error | null, address: string) => void): void {
  if (!IS_22_OR_NEWER) return dns.lookup(host, (error, address) => done(error, address));
  dns.lookup(host, { all: true }, (error, found) => done(error, error ? '' : anyLink(found)));
}

/** The first that is not of one link (fe80::/10), else the first. */
function anyLink(found: readonly LookupAddress[]): string {
  return (found.find(({ address }) => !/^fe[89ab]/i.test(address)) ?? found[0]!).address;
}

function dropArgument(connection: Connection): DropArgument {
  const local = localInfo(connection);
  const remote = remoteInfo(connection);
  return Object.assign(Object.create(null) as object, {
    localAddress: local.address,
    localPort: local.port,
    localFamily: local.family,
    remoteAddress: remote.address,
    remotePort: remote.port,
    remoteFamily: remote.family,
  });
}

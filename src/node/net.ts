import diagnostics from 'node:diagnostics_channel';
import type { EventEmitter } from 'node:events';
import * as nodeNet from 'node:net';
import type { LookupFunction } from 'node:net';
import type { Duplex } from 'node:stream';
import { requireOptions } from '../errors.ts';
import type { Stack } from '../stack/stack.ts';
import { checkConnectionOptions } from '../stack/tcp.ts';
import type { ConnectionOptions } from '../tcp/options.ts';
import { checkBoolean, checkFunction, checkStack, normalizeArguments, toAttemptTimeout } from './arguments.ts';
import { endWithStack } from './node-connection.ts';
import { IS_22_OR_NEWER } from './node-features.ts';
import { acceptInstances, ownLike } from './node-internals.ts';
import { callable } from './old-classes.ts';
import { Server } from './server.ts';
import type { ServerOptions } from './server.ts';
import { Socket } from './socket.ts';
import type { Accepted, NetConnectOptions, NetHost, SocketOptions } from './socket-options.ts';

/** What `createNet` is told beside the stack. */
export interface NetOptions {
  /** How names become addresses. Default `dns.lookup`, read at each call. */
  lookup?: LookupFunction;
  /** Options for all connections. */
  tcp?: ConnectionOptions;
}

/** The class of a net's sockets; like Node's it works without `new`, too. */
export interface SocketConstructor extends Omit<typeof Duplex, 'prototype'> {
  new (options?: SocketOptions): Socket;
  (options?: SocketOptions): Socket;
  readonly prototype: Socket;
}

/** The class of a net's servers; like Node's it works without `new`, too. */
export interface ServerConstructor extends Omit<typeof EventEmitter, 'prototype'> {
  new (options?: ServerOptions, connectionListener?: (socket: Socket) => void): Server;
  new (connectionListener?: (socket: Socket) => void): Server;
  (options?: ServerOptions, connectionListener?: (socket: Socket) => void): Server;
  (connectionListener?: (socket: Socket) => void): Server;
  readonly prototype: Server;
}

/** `net.connect`: makes a socket and connects it. */
export interface Connect {
  (options: NetConnectOptions, connectionListener?: () => void): Socket;
  (port: number | string, host?: string, connectionListener?: () => void): Socket;
  (port: number | string, connectionListener?: () => void): Socket;
  (path: string, connectionListener?: () => void): Socket;
}

/** A module in the shape of `node:net` whose sockets are those of a stack. */
export interface Net {
  readonly Socket: SocketConstructor;
  /** Node's old name for `Socket`. */
  readonly Stream: SocketConstructor;
  readonly Server: ServerConstructor;
  createServer(options?: ServerOptions, connectionListener?: (socket: Socket) => void): Server;
  createServer(connectionListener?: (socket: Socket) => void): Server;
  readonly connect: Connect;
  readonly createConnection: Connect;
  readonly isIP: typeof nodeNet.isIP;
  readonly isIPv4: typeof nodeNet.isIPv4;
  readonly isIPv6: typeof nodeNet.isIPv6;
  readonly BlockList: typeof nodeNet.BlockList;
  readonly SocketAddress: typeof nodeNet.SocketAddress;
  getDefaultAutoSelectFamily(): boolean;
  setDefaultAutoSelectFamily(value: boolean): void;
  getDefaultAutoSelectFamilyAttemptTimeout(): number;
  setDefaultAutoSelectFamilyAttemptTimeout(value: number): void;
}

const dialled = diagnostics.channel('net.client.socket');
/** The stack of each net: glue takes either. */
const stacks = new WeakMap<object, Stack>();

/**
 * Makes a module shaped like `node:net` out of a stack.
 *
 * @throws ERR_INVALID_ARG_TYPE for what is no stack; for options ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE,
 * ERR_OUT_OF_RANGE
 * @example
 * const net = createNet(stack);
 * net.createServer((socket) => socket.pipe(socket)).listen(7);
 */
export function createNet(stack: Stack, options: NetOptions = {}): Net {
  checkStack(stack);
  requireOptions('createNet', options, ['lookup', 'tcp']);
  const { lookup, tcp = {} } = options;
  if (lookup !== undefined) checkFunction(lookup, 'options.lookup');
  checkConnectionOptions('createNet, tcp', tcp);
  const autoSelect = {
    family: nodeNet.getDefaultAutoSelectFamily(),
    attemptTimeout: nodeNet.getDefaultAutoSelectFamilyAttemptTimeout(),
  };
  class BoundSocket extends Socket {
    constructor(socketOptions?: SocketOptions, accepted?: Accepted) {
      super(host, socketOptions, accepted);
    }
  }
  class BoundServer extends Server {
    constructor(...args: unknown[]) {
      super(host, args);
    }
  }
  Object.defineProperty(BoundSocket, 'name', { value: 'Socket' });
  Object.defineProperty(BoundServer, 'name', { value: 'Server' });
  ownLike(BoundSocket.prototype, Socket.prototype, nodeNet.Socket.prototype);
  ownLike(BoundServer.prototype, Server.prototype, nodeNet.Server.prototype);
  const host: NetHost = { stack, lookup, tcp, autoSelect, Socket: BoundSocket };
  const NetSocket = callable<SocketConstructor, Socket>(
    BoundSocket,
    (self, [socketOptions]) => void new Socket(host, socketOptions as SocketOptions, undefined, self),
    ([socketOptions]) => new BoundSocket(socketOptions as SocketOptions),
  );
  const NetServer = callable<ServerConstructor, Server>(
    BoundServer,
    (self, args) => void new Server(host, args, self),
    (args) => new BoundServer(...args),
  );
  acceptInstances([BoundSocket, NetSocket], nodeNet.Socket);
  acceptInstances([BoundServer, NetServer], nodeNet.Server);
  function connect(...args: unknown[]): Socket {
    const [connectOptions, listener] = normalizeArguments<NetConnectOptions>(args);
    // One of ours says that the stack has ended.
    if (connectOptions.path && !stack.closing) return connectLocally(stack, connectOptions, listener);
    const socket = new BoundSocket(connectOptions);
    // Later versions do it in `socket.connect`.
    if (!IS_22_OR_NEWER && dialled.hasSubscribers) dialled.publish({ socket });
    if (connectOptions.timeout) socket.setTimeout(connectOptions.timeout);
    return socket.connect(connectOptions, listener);
  }
  function createServer(...args: unknown[]): Server {
    return new BoundServer(...args);
  }
  const { isIP, isIPv4, isIPv6, BlockList, SocketAddress } = nodeNet;
  const net: Net = {
    Socket: NetSocket,
    Stream: NetSocket,
    Server: NetServer,
    createServer,
    connect,
    createConnection: connect,
    isIP,
    isIPv4,
    isIPv6,
    BlockList,
    SocketAddress,
    getDefaultAutoSelectFamily: () => autoSelect.family,
    setDefaultAutoSelectFamily(value) {
      checkBoolean(value, 'value');
      autoSelect.family = value;
    },
    getDefaultAutoSelectFamilyAttemptTimeout: () => autoSelect.attemptTimeout,
    setDefaultAutoSelectFamilyAttemptTimeout(value) {
      autoSelect.attemptTimeout = toAttemptTimeout(value, 'value');
    },
  };
  stacks.set(net, stack);
  return net;
}

/**
 * The net that glue connects with, and its stack: given is either of them.
 *
 * @throws ERR_INVALID_ARG_TYPE
 */
export function toNet(given: Stack | Net): { net: Net; stack: Stack } {
  const known = typeof given === 'object' && given !== null ? stacks.get(given) : undefined;
  if (known !== undefined) return { net: given as Net, stack: known };
  checkStack(given, 'a Stack, as new Stack() makes it, or what createNet(stack) returns');
  const stack = given as Stack;
  return { net: createNet(stack), stack };
}

/** A stack has no paths: what leads to one is a socket of Node's own. */
function connectLocally(stack: Stack, options: object, listener: (() => void) | undefined): Socket {
  const socket = nodeNet.connect(options as nodeNet.IpcNetConnectOpts, listener);
  endWithStack(socket, stack);
  const face: unknown = socket;
  return face as Socket;
}

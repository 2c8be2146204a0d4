import type { AsyncResource } from 'node:async_hooks';
import type { BlockList, LookupFunction } from 'node:net';
import type { DuplexOptions } from 'node:stream';
import { usageError } from '../errors.ts';
import type { Stack } from '../stack/stack.ts';
import type { Connection } from '../tcp/connection.ts';
import type { ConnectionOptions } from '../tcp/options.ts';
import { checkInteger } from './arguments.ts';
import { invalidArgValue } from './net-errors.ts';
import type { Server } from './server.ts';
import type { Socket } from './socket.ts';
import type { OnRead } from './user-buffer.ts';

/** Options of `new net.Socket()`. */
export interface SocketOptions extends Pick<DuplexOptions, 'readableHighWaterMark' | 'writableHighWaterMark'> {
  /** Do not end the writable side when the peer has ended its own. Default false. */
  allowHalfOpen?: boolean | undefined;
  /** Send small segments at once. Default false. */
  noDelay?: boolean | undefined;
  /** Probe an idle peer. Default false. */
  keepAlive?: boolean | undefined;
  /** Milliseconds until the first probe, rounded down to seconds; 0 leaves the default (2 hours). Default 0. */
  keepAliveInitialDelay?: number | undefined;
  /** The type of service of packets, 0 to 255; where the running Node has it. */
  typeOfService?: number | undefined;
  /** Addresses that `connect` refuses: ERR_IP_BLOCKED. Where the running Node has it. */
  blockList?: BlockList | undefined;
  /** Destroys the socket when it is aborted. */
  signal?: AbortSignal | undefined;
  highWaterMark?: number | undefined;
  /** Bytes come in memory of the program's own, to a function. */
  onread?: OnRead | null | undefined;
}

/** Options of `net.connect()` and `socket.connect()`. */
export interface NetConnectOptions extends SocketOptions {
  port?: number | string | undefined;
  /** A name or an address. Default 'localhost'. */
  host?: string | null | undefined;
  /** One of the stack's addresses. */
  localAddress?: string | undefined;
  localPort?: number | undefined;
  /** 4, 6, or 0 for both. Default 0. */
  family?: number | 'IPv4' | 'IPv6' | undefined;
  /** Passed to `lookup`. */
  hints?: number | undefined;
  /** How names become addresses. Default that of `createNet`, then `dns.lookup`. */
  lookup?: LookupFunction | null | undefined;
  /** Try the addresses of a name one after the other. Default `net.getDefaultAutoSelectFamily()`. */
  autoSelectFamily?: boolean | null | undefined;
  /** Milliseconds for each of them but the last. Default `net.getDefaultAutoSelectFamilyAttemptTimeout()`. */
  autoSelectFamilyAttemptTimeout?: number | null | undefined;
  /** Milliseconds of idleness until 'timeout'; `net.connect` only. Default 0: never. */
  timeout?: number | undefined;
  /** Options of the core connection, over those of `createNet`. */
  tcp?: ConnectionOptions | undefined;
  /** A Unix-domain socket or a pipe: `net.connect` gives a socket of Node's own. Not for `socket.connect`. */
  path?: string | null | undefined;
}

/** What sockets and servers know of the net they belong to. */
export interface NetHost {
  readonly stack: Stack;
  readonly lookup: LookupFunction | undefined;
  readonly tcp: ConnectionOptions;
  readonly autoSelect: { family: boolean; attemptTimeout: number };
  /** The class that users see, to make sockets of. */
  readonly Socket: new (options: SocketOptions, accepted: Accepted) => Socket;
}

/** A connection that a server has taken. */
export interface Accepted {
  readonly connection: Connection;
  /** Of the socket's events. */
  readonly context: AsyncResource;
  readonly server: Server;
  /** Do not read until `resume()`. */
  readonly paused: boolean;
  /** The socket is destroyed. */
  readonly gone: () => void;
}

/**
 * As Node reads them: what is no object has none. A number would be a file descriptor.
 *
 * @throws ERR_INVALID_FD_TYPE, ERR_OUT_OF_RANGE, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE: the stack has no descriptors
 */
export function toSocketOptions(given: unknown): SocketOptions {
  const number = typeof given === 'number';
  if (!number && (typeof given !== 'object' || given === null)) return {};
  const options = (number ? { fd: given } : given) as SocketOptions & { fd?: unknown; handle?: unknown };
  const { fd, handle } = options;
  if (handle) throw invalidArgValue('options.handle', handle, 'has no meaning: the sockets of a stack have no handles');
  if (fd === undefined) return options;
  checkInteger(fd, 'fd', 0, 0x7fff_ffff);
  const message = 'Unsupported fd type: the sockets of a stack have no file descriptors, those of node:net do';
  throw usageError('ERR_INVALID_FD_TYPE', message);
}

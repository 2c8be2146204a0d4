import nodeDgram from 'node:dgram';
import nodeNet from 'node:net';

/*
 * What the running version of Node has in net and dgram and others lack, found out by asking its own classes where that
 * opens nothing.
 */

/** `setTypeOfService`, `getTypeOfService` and the option `typeOfService`. */
export const HAS_TYPE_OF_SERVICE: boolean = 'setTypeOfService' in nodeNet.Socket.prototype;

/** `setKeepAlive` takes an interval, a count, and all four as an object. */
export const HAS_KEEP_ALIVE_DETAILS: boolean = nodeNet.Socket.prototype.setKeepAlive.length > 2;

/** The option `blockList` of servers and connections. */
export const HAS_BLOCK_LISTS: boolean =
  'blockList' in Reflect.construct(nodeNet.Server, [{ blockList: new nodeNet.BlockList() }]);

/** `end()` of a socket that neither is connected nor connects finishes at once; elsewhere when it has connected. */
export const FINISHES_UNCONNECTED: boolean = finishesUnconnected();

/** 'net.client.socket' is published by `socket.connect`, hosts are checked, servers look up all their addresses. */
export const IS_22_OR_NEWER: boolean = Number.parseInt(process.versions.node, 10) >= 22;

/** Before version 21 a `maxConnections` of 0 is none at all. */
export const ZERO_IS_A_LIMIT: boolean = Number.parseInt(process.versions.node, 10) >= 21;

/**
 * Datagram sockets hand literal addresses on without asking `dns.lookup`, and read that when it is needed, not when they
 * are made: since v24.19, which brought `bindSync`, too.
 */
export const SKIPS_LITERALS: boolean = 'bindSync' in nodeDgram.Socket.prototype;

/**
 * The callback of a datagram socket's `bind` has no listener of 'error', which would hide an error that nobody else
 * listens to: since v24.21. Only Node's source shows it.
 */
export const MONITORS_BIND: boolean = String(Reflect.get(nodeDgram.Socket.prototype, 'bind')).includes('errorMonitor');

function finishesUnconnected(): boolean {
  const socket = new nodeNet.Socket();
  const final: unknown = Reflect.get(socket, '_final');
  let finished = false;
  if (typeof final === 'function') Reflect.apply(final, socket, [() => (finished = true)]);
  return finished;
}

/**
 * A peer's reset that is there when the last bytes before it are read is an end (POLLHUP in `uv__stream_io`); libuv 1.52
 * reads on, and gets ECONNRESET.
 */
export const RESET_IS_END: boolean = isOlder(process.versions.uv, 1, 52);

function isOlder(version: string, major: number, minor: number): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split('.').map(Number);
  return ownMajor < major || (ownMajor === major && ownMinor < minor);
}

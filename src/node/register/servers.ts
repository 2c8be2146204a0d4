import nodeNet from 'node:net';
import tls from 'node:tls';
import { usageError } from '../../errors.ts';
import { isPath } from '../arguments.ts';
import type { Net } from '../net.ts';
import type { Server } from '../server.ts';
import type { Socket } from '../socket.ts';
import { lendAddresses, socketBeneath } from '../tls.ts';
import { invoke, methodOf } from './patches.ts';
import type { Patches } from './patches.ts';
import { isPermitted } from './real-network.ts';

type Callback = (...args: unknown[]) => void;

/** A server of Node's own, and the one of the stack that listens for it. */
interface Stand {
  readonly server: nodeNet.Server;
  readonly listener: Server;
  /** One of both is closing the other. */
  closing: boolean;
}

/** What a stack's server looks up at the one that it stands for, whenever it takes a connection. */
const SETTINGS = [
  'allowHalfOpen',
  'pauseOnConnect',
  'noDelay',
  'keepAlive',
  'keepAliveInitialDelay',
  'highWaterMark',
  'maxConnections',
  'blockList',
];

/**
 * Servers listen on the stack. The classes stay Node's own, with all that `http`, `https`, `tls` and `http2` have built
 * on them; only what `net.Server.prototype` does with the network is replaced: each server has one of the stack's behind
 * it, whose events it emits.
 *
 * @returns closes what still listens: nobody else could, once Node's own functions are back
 */
export function redirectServers(patches: Patches, net: Net): () => void {
  const { prototype } = nodeNet.Server;
  const nodeListen = methodOf(prototype, 'listen');
  const nodeAddress = methodOf(prototype, 'address');
  const nodeListening = methodOf(Object.getOwnPropertyDescriptor(prototype, 'listening')!, 'get');
  const listens = (server: nodeNet.Server): boolean => Boolean(invoke(nodeListening, server, []));
  const stands = new WeakMap<nodeNet.Server, Stand>();
  const listening = new Set<Stand>();

  /** The stand that has the say; none where Node's own listens, or nobody has asked yet. */
  const standOf = (server: nodeNet.Server): Stand | undefined => {
    return listens(server) ? undefined : stands.get(server);
  };
  const need = (server: nodeNet.Server): Stand => {
    const known = stands.get(server);
    if (known !== undefined) return known;
    const stand = makeStand(net, server);
    for (const end of ['close', 'error']) stand.listener.on(end, () => listening.delete(stand));
    stands.set(server, stand);
    return stand;
  };
  /** A method that asks the stack's server where there is one. */
  const method = (name: PropertyKey, redirected: (stand: Stand, args: unknown[]) => unknown): void => {
    const own = methodOf(prototype, name);
    patches.value(prototype, name, function (this: nodeNet.Server, ...args: unknown[]): unknown {
      const stand = standOf(this);
      if (stand === undefined) return invoke(own, this, args);
      return redirected(stand, args);
    });
  };

  patches.value(prototype, 'listen', function listen(this: nodeNet.Server, ...args: unknown[]): unknown {
    const standing = standOf(this)?.listener.listening ?? false;
    const own = listens(this) || isPermitted() || isLocal(args[0]);
    if (own && !standing) return invoke(nodeListen, this, args);
    const stand = need(this);
    const last = args.at(-1);
    // As in Node the listener stays where what follows throws, unless the server listens already.
    if (typeof last === 'function' && !standing) this.once('listening', last as Callback);
    listening.add(stand);
    const rest = typeof last === 'function' ? args.slice(0, -1) : args;
    invoke(methodOf(stand.listener, 'listen'), stand.listener, rest);
    return this;
  });
  method('close', (stand, [callback]) => {
    close(stand, callback);
    return stand.server;
  });
  // Node's own knows the path where it has listened before.
  method('address', ({ server, listener }) => listener.address() ?? invoke(nodeAddress, server, []));
  method('getConnections', ({ server, listener }, [callback]) => {
    listener.getConnections(callback as Callback);
    return server;
  });
  // A server may be told before it listens, and nobody knows yet where it will.
  for (const name of ['ref', 'unref'] as const) {
    const own = methodOf(prototype, name);
    patches.value(prototype, name, function (this: nodeNet.Server): unknown {
      need(this).listener[name]();
      return invoke(own, this, []);
    });
  }
  patches.getter(prototype, 'listening', function (this: nodeNet.Server): boolean {
    return standOf(this)?.listener.listening ?? listens(this);
  });
  method(Symbol.asyncDispose, async ({ listener }) => listener[Symbol.asyncDispose]());
  return () => {
    for (const { listener } of listening) if (listener.listening) listener.close();
  };
}

function makeStand(net: Net, server: nodeNet.Server): Stand {
  const listener = net.createServer();
  listener.standsFor = server;
  const stand: Stand = { server, listener, closing: false };
  for (const name of SETTINGS) {
    Object.defineProperty(listener, name, { get: () => Reflect.get(server, name) as unknown });
  }
  // Node types the events of its servers; these are passed on as they come.
  const target: NodeJS.EventEmitter = server;
  listener.on('connection', (socket: Socket) => {
    socket.server = server as unknown as Server;
    target.emit('connection', socket);
  });
  for (const event of ['listening', 'error', 'drop', 'close']) {
    listener.on(event, (...args: unknown[]) => target.emit(event, ...args));
  }
  // The stack is closing, or a signal: an http server ends its idle connections then.
  listener.closing = () => {
    if (!stand.closing) entering(stand, () => server.close());
  };
  if (server instanceof tls.Server) {
    target.prependListener('secureConnection', (overTls: tls.TLSSocket) => {
      const beneath = socketBeneath(overTls);
      if (beneath !== undefined) lendAddresses(overTls, beneath);
    });
  }
  return stand;
}

function close(stand: Stand, callback: unknown): void {
  const { server, listener } = stand;
  if (typeof callback === 'function') {
    const failure = usageError('ERR_SERVER_NOT_RUNNING', 'Server is not running.', Error);
    server.once('close', listener.listening ? (callback as Callback) : () => invoke(callback, server, [failure]));
  }
  if (!stand.closing) entering(stand, () => listener.close());
}

/** While one closes the other, that one does not close the first again. */
function entering(stand: Stand, fn: () => void): void {
  stand.closing = true;
  try {
    fn();
  } finally {
    stand.closing = false;
  }
}

/** A Unix-domain socket, a file descriptor or a handle: Node listens there itself. */
function isLocal(first: unknown): boolean {
  if (typeof first !== 'object' || first === null) return isPath(first);
  const { handle, _handle, fd, port, path } = first as Record<string, unknown>;
  if (Boolean(handle) || Boolean(_handle) || (typeof fd === 'number' && fd >= 0)) return true;
  // What Node calls a TCP or a Pipe; it says so itself if it is none.
  if (typeof Reflect.get(first, 'listen') === 'function') return true;
  return typeof port !== 'number' && typeof port !== 'string' && !('port' in first) && isPath(path);
}

import http from 'node:http';
import nodeNet from 'node:net';
import { isIP } from 'node:net';
import { systemError, usageError } from '../../errors.ts';
import { normalizeArguments } from '../arguments.ts';
import type { Net } from '../net.ts';
import type { NetConnectOptions, SocketOptions } from '../socket-options.ts';
import { invoke, methodOf } from './patches.ts';
import type { Patches } from './patches.ts';
import { isPermitted } from './real-network.ts';

/** What a socket of Node's own is made of: its class keeps it. */
type HandleOptions = SocketOptions & { handle?: unknown; fd?: unknown };

/** `net.connect`, `net.Socket` and what goes with them lead to the stack; paths and handles stay Node's. */
export function redirectSockets(patches: Patches, net: Net): void {
  const { connect: nodeConnect, createConnection: nodeCreate } = nodeNet;
  function connect(...args: unknown[]): unknown {
    const [options] = normalizeArguments<NetConnectOptions>(args);
    const own = Boolean(options.path) || isPermitted();
    return invoke(own ? nodeConnect : net.connect, nodeNet, args);
  }
  refuseEarlierSockets(patches);
  patches.value(nodeNet, 'connect', connect);
  patches.value(nodeNet, 'createConnection', connect);
  // Before version 22 the class of agents has net.createConnection by value.
  if ((http.Agent.prototype.createConnection as unknown) === nodeCreate) {
    patches.value(http.Agent.prototype, 'createConnection', connect);
  }
  const Socket = redirectedClass(nodeNet.Socket, net.Socket);
  patches.value(nodeNet, 'Socket', Socket);
  patches.value(nodeNet, 'Stream', Socket);
  redirectDefaults(patches, net);
  if ('BoundSocket' in nodeNet) patches.value(nodeNet, 'BoundSocket', boundSocket);
}

/**
 * The class of a stack's sockets under Node's name. Node makes sockets of it for pipes, terminals and child processes,
 * and calls it as a function on sockets of its own (tls, tty): these stay what they were.
 */
function redirectedClass(own: typeof nodeNet.Socket, stacks: Net['Socket']): object {
  const isStacks = (value: unknown): boolean => Object.prototype.isPrototypeOf.call(stacks.prototype, value as object);
  const redirected: object = new Proxy(stacks, {
    construct(target, args: unknown[], newTarget) {
      const direct = newTarget === redirected;
      if (direct && (isPermitted() || hasHandle(args[0]))) return Reflect.construct(own, args) as object;
      return Reflect.construct(target, args, direct ? target : newTarget) as object;
    },
    apply(_target, self: unknown, args: unknown[]) {
      if (isStacks(self)) return invoke(stacks, self, args);
      if (self instanceof own) return invoke(own, self, args);
      return Reflect.construct(redirected as typeof own, args) as unknown;
    },
    get(target, name, receiver) {
      if (name !== Symbol.hasInstance || receiver !== redirected) return Reflect.get(target, name, receiver) as unknown;
      return (value: unknown) => value instanceof own;
    },
  });
  return redirected;
}

function hasHandle(given: unknown): boolean {
  const { handle, fd } = (given ?? {}) as HandleOptions;
  return Boolean(handle) || (typeof fd === 'number' && fd >= 0);
}

/** Sockets whose class was taken before can't come to the stack any more; that they went elsewhere, nobody would see. */
function refuseEarlierSockets(patches: Patches): void {
  const { prototype } = nodeNet.Socket;
  const nodeConnect = methodOf(prototype, 'connect');
  patches.value(prototype, 'connect', function connect(this: nodeNet.Socket, ...args: unknown[]): unknown {
    // Node's own net.connect hands over what it has made of its arguments.
    const [options] = normalizeArguments<NetConnectOptions>(Array.isArray(args[0]) ? (args[0] as unknown[]) : args);
    if (isPermitted() || options.path) return invoke(nodeConnect, this, args);
    const { host = '', port } = options;
    const hint = 'this socket is of a class, or of a function, that was taken before usernet/register had replaced it';
    const place = { address: host && isIP(host) > 0 ? host : undefined, port: Number(port) };
    const cause = systemError('ENETUNREACH', 'connect', { ...place, hint });
    process.nextTick(() => this.destroy(systemError('ENETUNREACH', 'connect', { ...place, cause })));
    return this;
  });
}

function redirectDefaults(patches: Patches, net: Net): void {
  const names = [
    'getDefaultAutoSelectFamily',
    'setDefaultAutoSelectFamily',
    'getDefaultAutoSelectFamilyAttemptTimeout',
    'setDefaultAutoSelectFamilyAttemptTimeout',
  ] as const;
  for (const name of names) patches.value(nodeNet, name, net[name]);
}

/** Newer versions of Node bind before they connect or listen: to the real network. */
function boundSocket(): never {
  throw usageError('ERR_INVALID_STATE', 'net.BoundSocket binds to the real network: usernet/register has none', Error);
}

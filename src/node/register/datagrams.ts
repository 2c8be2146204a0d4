import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import nodeDgram from 'node:dgram';
import { isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import { systemError } from '../../errors.ts';
import type { Dgram, MessageListener } from '../dgram.ts';
import type { DgramOptions } from '../dgram-options.ts';
import { invoke, methodOf } from './patches.ts';
import type { Patches } from './patches.ts';
import { isPermitted } from './real-network.ts';

/**
 * `dgram.createSocket` and `dgram.Socket` lead to the stack.
 *
 * @returns ends what patches can't undo
 */
export function redirectDatagrams(patches: Patches, dgram: Dgram, lookup: LookupFunction | undefined): () => void {
  const { createSocket: nodeCreate, Socket: NodeSocket } = nodeDgram;
  const refuseAgain = refuseEarlierFunctions(patches);
  patches.value(nodeDgram, 'createSocket', function createSocket(...args: unknown[]): unknown {
    if (isPermitted()) return invoke(nodeCreate, nodeDgram, args);
    const [given, listener] = args;
    return dgram.createSocket(withLookup(given as DgramOptions, lookup), listener as MessageListener);
  });
  const Socket: object = new Proxy(dgram.Socket, {
    construct(target, [given, ...rest]: unknown[], newTarget) {
      const args = [withLookup(given as DgramOptions, lookup), ...rest];
      return Reflect.construct(target, args, newTarget === Socket ? target : newTarget) as object;
    },
    apply(target, self: unknown, [given, ...rest]: unknown[]) {
      // A class that was derived from Node's own before the redirection.
      if (self instanceof NodeSocket) return invoke(NodeSocket, self, [given, ...rest]);
      return invoke(target, self, [withLookup(given as DgramOptions, lookup), ...rest]);
    },
    get(target, name, receiver) {
      if (name !== Symbol.hasInstance || receiver !== Socket) return Reflect.get(target, name, receiver) as unknown;
      return (value: unknown) => value instanceof dgram.Socket || value instanceof NodeSocket;
    },
  });
  patches.value(nodeDgram, 'Socket', Socket);
  return refuseAgain;
}

function withLookup(given: DgramOptions | 'udp4' | 'udp6', lookup: LookupFunction | undefined): DgramOptions {
  const options: DgramOptions = typeof given === 'object' && given !== null ? given : { type: given };
  if (lookup === undefined || options.lookup !== undefined) return options;
  return {
    ...options,
    // A datagram socket asks for addresses, too, and with a number for the family.
    lookup: (name, asked, callback) => {
      const family: unknown = asked;
      const kind = isIP(name);
      if (kind > 0) process.nextTick(callback, null, name, kind);
      else Reflect.apply(lookup, undefined, [name, typeof family === 'number' ? { family } : family, callback]);
    },
  };
}

/**
 * Sockets that come of functions taken before the redirection are known by the channel on which Node tells of each:
 * they are kept from the real network. Those that were there before are nobody's business.
 */
function refuseEarlierFunctions(patches: Patches): () => void {
  const refused = new WeakSet<object>();
  const { prototype } = nodeDgram.Socket;
  const made = (message: unknown): void => {
    const { socket } = message as { socket: object };
    if (socket instanceof nodeDgram.Socket && Object.getPrototypeOf(socket) === prototype && !isPermitted()) {
      refused.add(socket);
    }
  };
  subscribe('udp.socket', made);
  for (const name of ['bind', 'connect', 'send'] as const) {
    const own = methodOf(prototype, name);
    patches.value(prototype, name, function (this: nodeDgram.Socket, ...args: unknown[]): unknown {
      if (!refused.has(this)) return invoke(own, this, args);
      const hint = 'this socket is of a function that was taken before usernet/register had replaced it';
      throw systemError('ENETUNREACH', name, { hint });
    });
  }
  return () => unsubscribe('udp.socket', made);
}

import { systemError } from '../../errors.ts';
import type { SystemError } from '../../errors.ts';
import type { Stack } from '../../stack/stack.ts';
import type { StackTcp } from '../../stack/tcp.ts';
import type { StackUdp } from '../../stack/udp.ts';
import type { UdpSocket } from '../../udp/socket.ts';
import { Address, isLoopback, isUnspecified } from '../../wire/address.ts';
import { isSystemError } from '../net-errors.ts';
import { connectReally } from '../node-connection.ts';
import { extendReally } from './real-datagrams.ts';
import type { RealNetwork } from './real-network.ts';

/** What to do about it: the cause of the error that programs see. */
const HINT =
  'outside the routes of the stack that usernet/register put in place of the network: add a route, or allow the real ' +
  "network with realNetwork: 'outside-routes'";

/**
 * A stack as redirected programs see it: to addresses that no route leads to there is the real network, where it is
 * allowed, else an error that says how to allow it.
 */
export function governed(stack: Stack, realNetwork: RealNetwork): Stack {
  const allowed = realNetwork === 'outside-routes';
  const connect: StackTcp['connect'] = (options, handler) => {
    if (allowed && isOutside(stack, options.remoteAddress)) return connectReally(options, handler);
    return explaining(() => stack.tcp.connect(options, handler));
  };
  const bind: StackUdp['bind'] = (options, handler) => {
    const socket = stack.udp.bind(options, handler);
    if (allowed) extendReally(socket, handler, (address) => isOutside(stack, address));
    else explainErrors(socket);
    return socket;
  };
  const sockets = { tcp: overlay(stack.tcp, { connect }), udp: overlay(stack.udp, { bind }) };
  // What goes by the real network, the system knows better: its order stands.
  const orderDestinations: Stack['orderDestinations'] = (addresses) => [...addresses];
  return overlay(stack, allowed ? { ...sockets, orderDestinations } : sockets);
}

/** No route leads to the address. The stack's own are inside, loopback always. */
function isOutside(stack: Stack, given: string | Address): boolean {
  // A mapped address is IPv4 (RFC 3493 §3.7).
  const address = (typeof given === 'string' ? Address.tryParse(given) : given)?.unmapped();
  if (address === undefined || isLoopback(address) || isUnspecified(address)) return false;
  return stack.routes.lookup(address) === undefined;
}

/** The object with some of its members replaced. */
function overlay<T extends object>(target: T, members: Partial<T>): T {
  return new Proxy(target, {
    get(object, name) {
      if (Object.hasOwn(members, name)) return Reflect.get(members, name) as unknown;
      const value: unknown = Reflect.get(object, name);
      return typeof value === 'function' ? (value.bind(object) as unknown) : value;
    },
  });
}

function explaining<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw explained(error);
  }
}

function explainErrors(socket: UdpSocket): void {
  const send: UdpSocket['send'] = socket.send.bind(socket);
  const connect: UdpSocket['connect'] = socket.connect.bind(socket);
  socket.send = (...args) => explaining(() => send(...args));
  socket.connect = (...args) => explaining(() => connect(...args));
}

function explained(error: unknown): unknown {
  return isSystemError(error) && error.code === 'ENETUNREACH' ? unreachable(error) : error;
}

/** `connect ENETUNREACH 192.0.2.1:80: outside the routes …` */
function unreachable({ syscall, address, port }: Pick<SystemError, 'syscall' | 'address' | 'port'>): SystemError {
  return systemError('ENETUNREACH', syscall, { address, port, hint: HINT });
}

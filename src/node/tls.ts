import { isIP } from 'node:net';
import * as tls from 'node:tls';
import type { Stack } from '../stack/stack.ts';
import { toNet } from './net.ts';
import type { Net } from './net.ts';
import { Socket } from './socket.ts';
import type { NetConnectOptions } from './socket-options.ts';

/** Options of `tlsConnect`: those of `tls.connect` and those of `net.connect` (`lookup`, `localAddress`, `tcp` …). */
export type TlsConnectOptions = Omit<NetConnectOptions, 'onread'> &
  Omit<tls.ConnectionOptions, keyof NetConnectOptions | 'socket'>;

/**
 * `tls.connect` over a connection of a stack. What comes is Node's own `TLSSocket`; what happens to the connection
 * beneath, happens to it: a refused one is its 'error'.
 *
 * The server is told the name that is dialled (SNI), unless `servername` says another, or '' for none.
 *
 * @param stack or what `createNet(stack)` returns, whose `lookup` and `tcp` then hold.
 * @throws ERR_INVALID_ARG_TYPE, and what `tls.connect` and `net.connect` throw
 * @example
 * const socket = tlsConnect(stack, { port: 443, host: 'example.test', ca }, () => socket.end('hello'));
 */
export function tlsConnect(
  stack: Stack | Net,
  options: TlsConnectOptions,
  secureConnectListener?: () => void,
): tls.TLSSocket {
  return secure(toNet(stack).net, options, (overSocket) => tls.connect(overSocket, secureConnectListener));
}

/** Connects, and lets `begin` make TLS of it: its options name the socket. */
export function secure(
  net: Net,
  options: TlsConnectOptions,
  begin: (options: tls.ConnectionOptions) => tls.TLSSocket,
): tls.TLSSocket {
  const { host, timeout, servername = host && isIP(host) === 0 ? host : '' } = options;
  // Time-out and signal are the business of the upper socket, which takes the lower one with it.
  const beneath = net.connect({ ...options, timeout: undefined, signal: undefined, onread: undefined });
  try {
    const overTls = begin({ ...options, servername, socket: beneath } as tls.ConnectionOptions);
    outlive(beneath);
    // With a socket of its own, only, tls.connect does that itself.
    if (timeout) overTls.setTimeout(timeout);
    lendAddresses(overTls, beneath);
    return overTls;
  } catch (error) {
    beneath.destroy();
    throw error;
  }
}

/**
 * The TLS socket has taken over how its ends go together. What it has still to write when the peer's last bytes have
 * come must find the one beneath open.
 */
export function outlive(beneath: Socket): void {
  beneath.allowHalfOpen = true;
}

const ADDRESSES = ['remoteAddress', 'remotePort', 'remoteFamily', 'localAddress', 'localPort', 'localFamily'] as const;

/** What a `TLSSocket` asks of a native handle, which there is none of: the socket beneath knows it. */
export function lendAddresses(overTls: tls.TLSSocket, beneath: Socket): void {
  for (const name of ADDRESSES) {
    Object.defineProperty(overTls, name, { get: () => beneath[name], configurable: true, enumerable: true });
  }
  const lent = {
    address: () => beneath.address(),
    ref: () => (beneath.ref(), overTls),
    unref: () => (beneath.unref(), overTls),
    setNoDelay: (noDelay?: boolean) => (beneath.setNoDelay(noDelay), overTls),
    setKeepAlive: (enable?: boolean, delay?: number) => (beneath.setKeepAlive(enable, delay), overTls),
  };
  Object.assign(overTls, lent);
}

/**
 * The stack's socket under a `TLSSocket` that a server has made. Node has no public name for it; where the way changes,
 * the addresses are unknown, as they are over any stream.
 */
export function socketBeneath(overTls: tls.TLSSocket): Socket | undefined {
  let found: unknown = overTls;
  for (const name of ['_handle', '_parentWrap', 'stream']) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = Reflect.get(found, name);
  }
  return found instanceof Socket ? found : undefined;
}

import tls from 'node:tls';
import { normalizeArguments } from '../arguments.ts';
import type { Net } from '../net.ts';
import { secure } from '../tls.ts';
import { invoke } from './patches.ts';
import type { Patches } from './patches.ts';
import { isPermitted } from './real-network.ts';

/** `tls.connect`, which `https` and `http2` call, makes TLS of a socket of the stack. */
export function redirectTls(patches: Patches, net: Net): void {
  const nodeConnect = tls.connect;
  patches.value(tls, 'connect', function connect(...args: unknown[]): unknown {
    const [options, listener] = tlsArguments(args);
    if (isPermitted() || options.socket || options.path) return invoke(nodeConnect, tls, args);
    return secure(net, options, (overSocket) => {
      // As in Node the server is told a name only where the caller gives one.
      return nodeConnect({ ...overSocket, servername: options.servername }, listener);
    });
  });
}

/** As Node: options may follow a port and a host, and hold over them. */
function tlsArguments(args: readonly unknown[]): [tls.ConnectionOptions, (() => void) | undefined] {
  const [options, listener] = normalizeArguments<tls.ConnectionOptions>(args);
  const further = args.slice(1, 3).findLast((value) => typeof value === 'object' && value !== null);
  return [{ ...options, ...further }, listener];
}

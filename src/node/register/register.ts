import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { LookupFunction } from 'node:net';
import { requireOptions, usageError } from '../../errors.ts';
import type { Stack } from '../../stack/stack.ts';
import { checkFunction, checkStack } from '../arguments.ts';
import { createDgram } from '../dgram.ts';
import { invalidArgValue } from '../net-errors.ts';
import { createNet } from '../net.ts';
import { redirectDatagrams } from './datagrams.ts';
import { Patches } from './patches.ts';
import { governed } from './policy.ts';
import { REAL_NETWORK } from './real-network.ts';
import type { RealNetwork } from './real-network.ts';
import { redirectTls } from './secure.ts';
import { redirectServers } from './servers.ts';
import { redirectSockets } from './sockets.ts';

/** What `register` is told. */
export interface RegisterOptions {
  /** Where `node:net` and `node:dgram` are to lead. It stays yours: close it when you like. */
  stack: Stack;
  /** How names become addresses. Default `dns.lookup`, which asks the system, and with it the real network. */
  lookup?: LookupFunction | undefined;
  /**
   * Connections and messages to addresses that no route of the stack leads to: `never` fails them with ENETUNREACH,
   * `outside-routes` lets them go to the real network. Default 'never'.
   */
  realNetwork?: RealNetwork | undefined;
}

let registered = false;

/**
 * Redirects `node:net` and `node:dgram`, and `http`, `https`, `tls`, `http2` and `fetch` with them, to a stack: for code
 * that imports them by whatever way, and for code that has imported them already.
 *
 * @returns a function that puts Node's own functions back, as they were. Servers that listen on the stack are closed by
 * it; connections that are open stay what they are.
 * @throws ERR_INVALID_STATE when there is a registration already; ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
 * @example
 * const undo = register({ stack });
 * http.createServer((request, response) => response.end('hello')).listen(80); // on the stack
 */
export function register(options: RegisterOptions): () => void {
  requireOptions('register', options, ['stack', 'lookup', 'realNetwork']);
  const { stack, lookup, realNetwork = 'never' } = options;
  checkStack(stack);
  if (lookup !== undefined) checkFunction(lookup, 'options.lookup');
  if (!REAL_NETWORK.includes(realNetwork)) {
    throw invalidArgValue('options.realNetwork', realNetwork, `must be one of ${REAL_NETWORK.join(', ')}`);
  }
  if (registered) {
    throw usageError(
      'ERR_INVALID_STATE',
      'usernet/register is at work already: undo the earlier register() first',
      Error,
    );
  }
  loadFirst();
  const patches = new Patches();
  const face = governed(stack, realNetwork);
  const net = createNet(face, lookup === undefined ? {} : { lookup });
  const closeServers = redirectServers(patches, net);
  redirectSockets(patches, net);
  redirectTls(patches, net);
  const endDatagrams = redirectDatagrams(patches, createDgram(face), lookup);
  syncBuiltinESMExports();
  registered = true;
  let undone = false;
  return () => {
    if (undone) return;
    undone = true;
    registered = false;
    closeServers();
    endDatagrams();
    patches.undo();
    syncBuiltinESMExports();
  };
}

/**
 * These derive their classes from Node's own when they are loaded: they must not find the stack's in their place. With
 * `require`, since they are loaded for nothing else.
 */
function loadFirst(): void {
  const require = createRequire(import.meta.url);
  for (const name of ['tls', 'tty', 'http', 'https', 'http2', 'child_process', 'cluster']) require(`node:${name}`);
}

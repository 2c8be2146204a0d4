import type * as nodeNet from 'node:net';
import * as tls from 'node:tls';
import type { Stack } from '../stack/stack.ts';
import { usageError } from '../errors.ts';
import type { UsageError } from '../errors.ts';
import { toDelay } from './arguments.ts';
import { closedBeforeConnected } from './net-errors.ts';
import { toNet } from './net.ts';
import type { Net } from './net.ts';
import { secure } from './tls.ts';
import type { TlsConnectOptions } from './tls.ts';

/** Options of `undiciConnector`: those of `net.connect` and of `tls.connect`, for every connection. */
export type UndiciConnectorOptions = Omit<TlsConnectOptions, 'host' | 'port' | 'path' | 'signal' | 'timeout'> & {
  /** Milliseconds until a connection must be there, TLS included; 0: no limit but TCP's. Default 10,000, as undici's. */
  timeout?: number | undefined;
};

/** What undici wants of a connection. */
export interface UndiciTarget {
  hostname: string;
  host?: string | undefined;
  protocol: string;
  port: string;
  servername?: string | null | undefined;
  localAddress?: string | null | undefined;
}

/** A function as undici's option `connect` takes it. */
export type UndiciConnector = (
  target: UndiciTarget,
  callback: (...result: [null, nodeNet.Socket | tls.TLSSocket] | [Error, null]) => void,
) => void;

/**
 * The option `connect` of undici's `Agent`, `Client` and `Pool`: its connections, and those of its `fetch`,
 * go through a stack. Seen to work with undici 7. For HTTP/2 give `ALPNProtocols: ['h2', 'http/1.1']`, and undici its
 * `allowH2`.
 *
 * @param stack or what `createNet(stack)` returns, whose `lookup` and `tcp` then hold.
 * @throws ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE
 * @example
 * const dispatcher = new Agent({ connect: undiciConnector(stack) });
 * const response = await fetch('http://10.0.0.2/', { dispatcher });
 */
export function undiciConnector(stack: Stack | Net, options: UndiciConnectorOptions = {}): UndiciConnector {
  const {
    net,
    stack: { clock },
  } = toNet(stack);
  const { timeout = 10_000, ...others } = options;
  const limit = toDelay(timeout, 'options.timeout');
  const sessions = new Sessions();
  return (target, callback) => {
    const overTls = target.protocol === 'https:';
    const connectOptions = { ...DEFAULTS, ...others, ...placeOf(target) };
    const socket = overTls ? sessions.connect(net, connectOptions) : net.connect(connectOptions);
    // Undici, too, measures the whole: name, connection, TLS.
    const timer = clock.timer(() => socket.destroy(connectTimeout(target, limit)));
    if (limit > 0) timer.at(clock.now() + limit * 1000);
    let told = false;
    const tell: typeof callback = (...result) => {
      timer.cancel();
      if (told) return;
      told = true;
      callback(...result);
    };
    // A stack's socket has what undici uses of Node's.
    const whole: unknown = socket;
    socket.once(overTls ? 'secureConnect' : 'connect', () => tell(null, whole as nodeNet.Socket));
    socket.on('error', (error: Error) => tell(error, null));
    socket.once('close', () => tell(closedBeforeConnected(), null));
  };
}

/** As undici's own connector sets them. */
const DEFAULTS = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000, ALPNProtocols: ['http/1.1'] };

function placeOf({ hostname, protocol, port, servername, localAddress }: UndiciTarget): TlsConnectOptions {
  return {
    host: hostname,
    port: port || (protocol === 'https:' ? 443 : 80),
    ...(servername && { servername }),
    ...(localAddress && { localAddress }),
  };
}

/** As undici says it. */
function connectTimeout({ hostname, port }: UndiciTarget, limit: number): UsageError {
  const message = `Connect Timeout Error (attempted address: ${hostname}:${port}, timeout: ${limit}ms)`;
  const error = usageError('UND_ERR_CONNECT_TIMEOUT', message, Error);
  error.name = 'ConnectTimeoutError';
  return error;
}

/** The latest TLS session with each server, to be resumed. */
class Sessions {
  readonly #sessions = new Map<string, Buffer>();

  connect(net: Net, options: TlsConnectOptions): tls.TLSSocket {
    // A resumed session answers for the name, too (it is not verified again): one name's is not another's.
    const key = `${options.servername ?? options.host}:${options.port}`;
    const session = this.#sessions.get(key);
    const socket = secure(net, { session, ...options }, (overSocket) => tls.connect(overSocket));
    socket.on('session', (latest) => this.#keep(key, latest));
    return socket;
  }

  #keep(key: string, session: Buffer): void {
    this.#sessions.delete(key);
    this.#sessions.set(key, session);
    if (this.#sessions.size <= MOST_SESSIONS) return;
    for (const oldest of this.#sessions.keys()) {
      this.#sessions.delete(oldest);
      return;
    }
  }
}

/** As many as undici keeps by default. */
const MOST_SESSIONS = 100;

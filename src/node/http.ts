import { EventEmitter } from 'node:events';
import * as http from 'node:http';
import type { Http2SecureServer, Http2Server } from 'node:http2';
import * as https from 'node:https';
import type { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import type { Stack } from '../stack/stack.ts';
import { invalidArgType } from './net-errors.ts';
import { toNet } from './net.ts';
import type { Net } from './net.ts';
import { Server } from './server.ts';
import type { Socket } from './socket.ts';
import type { NetConnectOptions } from './socket-options.ts';
import { lendAddresses, outlive, secure, socketBeneath } from './tls.ts';
import type { TlsConnectOptions } from './tls.ts';

/** The servers that `serve` serves. */
export type ServedServer = http.Server | https.Server | tls.Server | Http2Server | Http2SecureServer;

/**
 * An `http.Agent` whose connections go through a stack. Give it to every request: without an agent Node's http takes
 * one that dials the real network, and so it does with `agent: false`.
 *
 * @param stack or what `createNet(stack)` returns, whose `lookup` and `tcp` then hold.
 * @param options those of `http.Agent` (`keepAlive`, `maxSockets` …) and of `net.connect` (`lookup`, `localAddress` …).
 * @throws ERR_INVALID_ARG_TYPE
 * @example
 * const agent = httpAgent(stack, { keepAlive: true });
 * http.get('http://10.0.0.2/', { agent }, (response) => response.pipe(process.stdout));
 */
export function httpAgent(stack: Stack | Net, options?: http.AgentOptions): http.Agent {
  return new StackAgent(toNet(stack).net, options);
}

/**
 * The same for `https`: TLS over a stack's connections. Sessions are resumed as by Node's own agent.
 *
 * @param options those of `https.Agent`, which has those of `tls.connect` (`ca`, `rejectUnauthorized` …).
 * @throws ERR_INVALID_ARG_TYPE
 * @example
 * const agent = httpsAgent(stack, { keepAlive: true, ca });
 * https.get('https://10.0.0.2/', { agent }, (response) => response.pipe(process.stdout));
 */
export function httpsAgent(stack: Stack | Net, options?: https.AgentOptions): https.Agent {
  return new SecureStackAgent(toNet(stack).net, options);
}

class StackAgent extends http.Agent {
  readonly #net: Net;

  constructor(net: Net, options?: http.AgentOptions) {
    super(options);
    this.#net = net;
  }

  /** Node's hook: called for every connection that the agent needs. */
  override createConnection(options: http.ClientRequestArgs): Socket {
    return this.#net.connect(options as NetConnectOptions);
  }
}

class SecureStackAgent extends https.Agent {
  readonly #net: Net;

  constructor(net: Net, options?: https.AgentOptions) {
    super(options);
    this.#net = net;
  }

  /** Node's own makes TLS of a socket that stands in the options, and keeps the sessions. */
  override createConnection(
    options: https.RequestOptions,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    return secure(this.#net, options as TlsConnectOptions, (overSocket) => {
      // The agent's hook gives the socket at once, unless somebody has replaced Node's.
      return super.createConnection(overSocket, callback) as tls.TLSSocket;
    });
  }
}

/**
 * Lets an unmodified server of `node:http`, `https`, `http2` or `tls` serve the connections of a stack's server.
 * 'listening' is passed on, so that an http server keeps watch over its time-outs; when the net server closes, the
 * other is closed too, which ends idle keep-alive connections. Options of connections (`keepAlive`, `highWaterMark` …)
 * are those of the net server.
 *
 * @throws ERR_INVALID_ARG_TYPE
 * @returns the net server, to listen with and to close
 * @example
 * serve(http.createServer((request, response) => response.end('hello')), net.createServer()).listen(80);
 * serve(https.createServer({ key, cert }, handler), net.createServer()).listen(443);
 */
export function serve(httpServer: ServedServer, netServer: Server): Server {
  if (!(httpServer instanceof EventEmitter) || httpServer instanceof Server || typeof httpServer.close !== 'function') {
    throw invalidArgType('httpServer', 'an http.Server, as http.createServer() makes it', httpServer);
  }
  if (!(netServer instanceof Server)) {
    throw invalidArgType('netServer', 'a server of a stack, as createNet(stack).createServer() makes it', netServer);
  }
  // As it would itself listen: to http a client may end its side and still wait for the answer.
  netServer.allowHalfOpen = Boolean(Reflect.get(httpServer, 'allowHalfOpen'));
  netServer.noDelay = true;
  // Node types the event with a Duplex and the method with a net.Socket.
  const target: EventEmitter = httpServer;
  netServer.on('listening', () => target.emit('listening'));
  netServer.closing = () => httpServer.close();
  if (!(httpServer instanceof tls.Server)) {
    netServer.on('connection', (socket: Socket) => target.emit('connection', socket));
    return netServer;
  }
  netServer.on('connection', (socket: Socket) => {
    target.emit('connection', socket);
    outlive(socket);
  });
  target.prependListener('secureConnection', lendAddressesBeneath);
  return netServer;
}

function lendAddressesBeneath(overTls: tls.TLSSocket): void {
  const beneath = socketBeneath(overTls);
  if (beneath !== undefined) lendAddresses(overTls, beneath);
}

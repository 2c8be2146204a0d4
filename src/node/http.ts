import { EventEmitter } from 'node:events';
import * as http from 'node:http';
import { invalidArgType } from './net-errors.ts';
import type { Net } from './net.ts';
import { Server } from './server.ts';
import type { Socket } from './socket.ts';
import type { NetConnectOptions } from './socket-options.ts';

/**
 * An `http.Agent` whose connections go through a stack. Give it to every request: without an agent Node's http takes
 * one that dials the real network.
 *
 * @throws ERR_INVALID_ARG_TYPE for what is no net
 * @example
 * http.get({ host: '10.0.0.2', agent: httpAgent(net) }, (response) => response.pipe(process.stdout));
 */
export function httpAgent(net: Net, options?: http.AgentOptions): http.Agent {
  const { connect, Socket: netSocket } = (net ?? {}) as Partial<Net>;
  if (typeof connect !== 'function' || typeof netSocket !== 'function') {
    throw invalidArgType('net', 'what createNet(stack) returns', net);
  }
  return new StackAgent(net, options);
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

/**
 * Lets an unmodified `http.Server` serve the connections of a stack's server. 'listening' is passed on, so that the
 * http server keeps watch over its time-outs; when the net server closes, idle keep-alive connections are ended.
 *
 * @throws ERR_INVALID_ARG_TYPE
 * @returns the net server, to listen with and to close
 * @example
 * serve(http.createServer((request, response) => response.end('hello')), net.createServer()).listen(80);
 */
export function serve(httpServer: http.Server, netServer: Server): Server {
  if (!(httpServer instanceof EventEmitter) || httpServer instanceof Server || typeof httpServer.close !== 'function') {
    throw invalidArgType('httpServer', 'an http.Server, as http.createServer() makes it', httpServer);
  }
  if (!(netServer instanceof Server)) {
    throw invalidArgType('netServer', 'a server of a stack, as createNet(stack).createServer() makes it', netServer);
  }
  // As http.Server itself listens: a client may end its side and still wait for the answer.
  netServer.allowHalfOpen = true;
  netServer.noDelay = true;
  netServer.on('connection', (socket: Socket) => httpServer.emit('connection', socket));
  netServer.on('listening', () => httpServer.emit('listening'));
  netServer.closing = () => httpServer.close();
  return netServer;
}

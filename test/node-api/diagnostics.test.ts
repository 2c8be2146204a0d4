import diagnostics from 'node:diagnostics_channel';
import { once } from 'node:events';
import type nodeNet from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closed, closing, gone, portOf, thrown } from './helpers.ts';
import { IS_22_OR_NEWER } from '../../src/node/node-features.ts';
import { MODULES } from './modules.ts';
import type { Modules } from './modules.ts';

const HOST = '127.0.0.1';
const LISTEN = ['asyncStart', 'asyncEnd', 'error'].map((event) => `tracing:net.server.listen:${event}`);
const CHANNELS = ['net.client.socket', 'net.server.socket', ...LISTEN];

interface Message {
  socket?: nodeNet.Socket;
  server?: nodeNet.Server;
  options?: object;
  error?: NodeJS.ErrnoException;
}

describe.each(MODULES)('$name: diagnostics channels', ({ make }) => {
  let modules: Modules;
  let net: typeof nodeNet;
  let told: [channel: string, message: Message][];
  const listener = (message: unknown, name: string | symbol): void => {
    told.push([String(name).replace('tracing:net.server.listen:', ''), message as Message]);
  };
  beforeEach(() => {
    modules = make();
    net = modules.net;
    told = [];
    for (const name of CHANNELS) diagnostics.subscribe(name, listener);
  });
  afterEach(async () => {
    for (const name of CHANNELS) diagnostics.unsubscribe(name, listener);
    await modules.end();
  });

  it('tell of listening, when it is asked for and when it is done', async () => {
    const server = net.createServer();
    server.listen({ port: 0, host: HOST });
    expect(told).toEqual([['asyncStart', { server, options: { port: 0, host: HOST } }]]);
    expect(told[0]![1].server).toBe(server);
    await once(server, 'listening');
    expect(told.slice(1)).toEqual([['asyncEnd', { server }]]);
    expect(told[1]![1].server).toBe(server);
    await closed(server);
  });

  it('tell that it is done before the call returns, where there is no host', async () => {
    const server = net.createServer();
    server.listen(0);
    expect(told.map(([name]) => name)).toEqual(['asyncStart', 'asyncEnd']);
    await closed(server);
  });

  it('tell of its failure before ’error’', async () => {
    const server = net.createServer();
    server.listen(0, HOST);
    await once(server, 'listening');
    const other = net.createServer();
    other.on('error', (error) => told.push(['emitted', { error }]));
    other.listen(portOf(server), HOST);
    await once(other, 'error');
    expect(told.map(([name]) => name)).toEqual(['asyncStart', 'asyncEnd', 'asyncStart', 'error', 'emitted']);
    expect(told[3]![1]).toMatchObject({ server: other, error: { code: 'EADDRINUSE', syscall: 'listen' } });
    expect(told[4]![1].error).toBe(told[3]![1].error);
    await closed(server);
  });

  it('tell of what listen refuses, but not of a server that listens already', async () => {
    const server = net.createServer();
    expect(thrown(() => server.listen(-1))).toMatchObject({ code: 'ERR_SOCKET_BAD_PORT' });
    server.listen(0);
    expect(thrown(() => server.listen(0))).toMatchObject({ code: 'ERR_SERVER_ALREADY_LISTEN' });
    expect(told.map(([name]) => name)).toEqual(['asyncStart', 'asyncStart', 'asyncEnd']);
    await closed(server);
  });

  it('tell of a socket that connects later where Node does: at the beginning of connect, from version 22 on', async () => {
    const server = net.createServer((socket) => socket.resume());
    server.listen(0, HOST);
    await once(server, 'listening');
    told.length = 0;
    const socket = new net.Socket();
    expect(() => socket.connect({} as never)).toThrow('argument must be specified');
    expect(() => net.connect({ port: 1, timeout: -1 })).toThrow('out of range');
    expect(told.map(([name]) => name)).toEqual(['net.client.socket']);
    expect(told[0]![1].socket === socket).toBe(IS_22_OR_NEWER);
    told.length = 0;
    socket.connect(portOf(server), HOST);
    expect(told).toEqual(IS_22_OR_NEWER ? [['net.client.socket', { socket }]] : []);
    await once(socket, 'connect');
    socket.end();
    await closing(socket);
    await closed(server);
  });

  it('tell of both ends of a connection: of the client’s inside connect, of the server’s after ’connection’', async () => {
    const server = net.createServer(() => told.push(['connection', {}]));
    server.listen(0, HOST);
    await once(server, 'listening');
    told.length = 0;
    const near = net.connect(portOf(server), HOST);
    expect(told.map(([name]) => name)).toEqual(['net.client.socket']);
    expect(told[0]![1].socket).toBe(near);
    const [[far]] = await Promise.all([once(server, 'connection'), once(near, 'connect')]);
    expect(told.map(([name]) => name)).toEqual(['net.client.socket', 'connection', 'net.server.socket']);
    expect(told[2]![1].socket).toBe(far);
    await gone(near, far as nodeNet.Socket);
    await closed(server);
  });
});

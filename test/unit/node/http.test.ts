import { once } from 'node:events';
import * as http from 'node:http';
import type * as nodeNet from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Stack } from '../../../src/index.ts';
import { createNet, httpAgent, serve } from '../../../src/node/index.ts';
import type { Net, Server } from '../../../src/node/index.ts';
import { lookup, twoStacks } from '../../support/two-stacks.ts';
import type { TwoStacks } from '../../support/two-stacks.ts';
import { hostAt, seenByBoth } from '../../support/family.ts';

/** An unmodified http server on one stack, unmodified clients on another. */
describe('node:http over two stacks', () => {
  let client: Stack;
  let server: Stack;
  let end: TwoStacks['end'];
  let clientNet: Net;
  let web: http.Server;
  let listener: Server;
  let agent: http.Agent;

  beforeEach(() => {
    ({ client, server, end } = twoStacks());
    clientNet = createNet(client);
    agent = httpAgent(clientNet);
    web = http.createServer();
    listener = serve(web, createNet(server).createServer()).listen(80);
  });

  afterEach(async () => {
    agent.destroy();
    await end(listener);
  });

  function request(options: http.RequestOptions = {}, body?: Uint8Array): Promise<http.IncomingMessage> {
    return new Promise((resolve, reject) => {
      const sent = http.request({ host: hostAt(2), agent, ...options }, resolve);
      sent.once('error', reject);
      sent.end(body);
    });
  }

  it('brings a page', async () => {
    web.on('request', (asked: http.IncomingMessage, response: http.ServerResponse) => {
      expect(asked.socket.remoteAddress).toBe(seenByBoth(hostAt(1)));
      response.setHeader('x-path', asked.url ?? '');
      response.end('hello');
    });
    const response = await request({ path: '/a?b' });
    expect([response.statusCode, response.headers['x-path']]).toEqual([200, '/a?b']);
    expect(response.socket).toBeInstanceOf(clientNet.Socket);
    expect(await text(response)).toBe('hello');
  });

  it('posts a body of 5 MB and gets it back, chunked both ways', async () => {
    web.on('request', (asked: http.IncomingMessage, response: http.ServerResponse) => asked.pipe(response));
    const body = Buffer.alloc(5_000_000, 'usernet ');
    const response = await request({ method: 'POST', headers: { 'transfer-encoding': 'chunked' } }, body);
    expect((await buffer(response)).equals(body)).toBe(true);
  });

  it('uses a connection again with keep-alive, and closes idle ones with the server', async () => {
    let connections = 0;
    listener.on('connection', () => connections++);
    web.on('request', (_asked: http.IncomingMessage, response: http.ServerResponse) => response.end('x'));
    agent.destroy();
    agent = httpAgent(clientNet, { keepAlive: true });
    for (let i = 0; i < 3; i++) {
      const response = await request();
      expect(await text(response)).toBe('x');
      // The agent has the socket back when the response has closed.
      if (!response.closed) await once(response, 'close');
    }
    expect(connections).toBe(1);
    listener.close();
    await once(listener, 'close');
  });

  it('takes createConnection in place of an agent', async () => {
    web.on('request', (_asked: http.IncomingMessage, response: http.ServerResponse) => response.end('direct'));
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const createConnection = (): nodeNet.Socket | ReturnType<Net['connect']> => clientNet.connect(80, hostAt(2));
      http.get({ host: hostAt(2), createConnection }, resolve).once('error', reject);
    });
    expect(await text(response)).toBe('direct');
  });

  it('gives an agent for a stack, too, with options of connections', async () => {
    web.on('request', (_asked: http.IncomingMessage, response: http.ServerResponse) => response.end('named'));
    agent.destroy();
    agent = httpAgent(client, { keepAlive: true, lookup });
    const response = await request({ host: 'server.test', agent });
    expect(await text(response)).toBe('named');
    if (!response.closed) await once(response, 'close');
    expect(Object.keys(agent.freeSockets)).toEqual(['server.test:80:']);
  });

  it('answers 50 requests at once', async () => {
    web.on('request', (asked: http.IncomingMessage, response: http.ServerResponse) => response.end(asked.url));
    const paths = Array.from({ length: 50 }, (_, i) => `/${i}`);
    const answers = await Promise.all(paths.map(async (path) => text(await request({ path }))));
    expect(answers).toEqual(paths);
  });

  it('tells the client when the server breaks off', async () => {
    web.on('request', (asked: http.IncomingMessage) => asked.socket.destroy());
    await expect(request()).rejects.toMatchObject({ code: 'ECONNRESET', message: 'socket hang up' });
  });

  it('tells the server when the client breaks off half-way', async () => {
    const broken = new Promise<boolean>((resolve) => {
      web.on('request', (asked: http.IncomingMessage, response: http.ServerResponse) => {
        response.writeHead(200, { 'content-length': 50_000_000 });
        response.write(Buffer.alloc(1_000_000));
        asked.socket.once('close', () => resolve(response.writableFinished));
      });
    });
    const response = await request();
    response.on('error', () => {});
    response.once('data', () => response.destroy());
    expect(await broken).toBe(false);
  });

  it('rejects what is not HTTP with 400', async () => {
    const socket = clientNet.connect(80, hostAt(2));
    socket.end('rubbish\r\n\r\n');
    expect(await text(socket)).toMatch(/^HTTP\/1.1 400 Bad Request/);
  });

  it('upgrades a connection', async () => {
    web.on('upgrade', (_asked: http.IncomingMessage, socket: nodeNet.Socket, head: Buffer) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
      socket.write(head);
      socket.pipe(socket);
    });
    const sent = http.request({ host: hostAt(2), agent, headers: { connection: 'Upgrade', upgrade: 'echo' } }).end();
    const [, socket] = (await once(sent, 'upgrade')) as [http.IncomingMessage, nodeNet.Socket];
    socket.end('and now something else');
    expect(await text(socket)).toBe('and now something else');
  });

  it('lets a refused connection be an error of the request', async () => {
    await expect(request({ port: 81 })).rejects.toMatchObject({ code: 'ECONNREFUSED', port: 81 });
  });
});

import { once } from 'node:events';
import * as http from 'node:http';
import * as http2 from 'node:http2';
import * as https from 'node:https';
import type { TLSSocket } from 'node:tls';
import { Agent, Client, Pool, fetch } from 'undici';
import type { buildConnector } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Stack } from '../../src/index.ts';
import { createNet, serve, undiciConnector } from '../../src/node/index.ts';
import type { Server, ServedServer, UndiciConnectorOptions } from '../../src/node/index.ts';
import { VirtualClock } from '../../src/sim/index.ts';
import { selfSigned } from '../support/certificate.ts';
import { lookup, twoStacks } from '../support/two-stacks.ts';
import type { TwoStacks } from '../support/two-stacks.ts';
import { hostAt, inUrl, seenByBoth } from '../support/family.ts';

const { key, cert } = selfSigned('server.test', hostAt(2));

describe('undici over two stacks', () => {
  let client: Stack;
  let server: Stack;
  let end: TwoStacks['end'];
  let listener: Server;
  let dispatcher: Agent | Client | Pool | undefined;
  let connections: number;

  beforeEach(() => {
    ({ client, server, end } = twoStacks());
    connections = 0;
    dispatcher = undefined;
  });
  afterEach(async () => {
    await dispatcher?.destroy();
    await end(listener);
  });

  function listen(web: ServedServer, port = 80): void {
    listener = serve(web, createNet(server).createServer()).listen(port);
    listener.on('connection', () => connections++);
  }

  const connectOptions = (options?: UndiciConnectorOptions): { connect: buildConnector.connector } => ({
    connect: undiciConnector(client, options),
  });

  describe('in clear text', () => {
    const asked: string[] = [];

    beforeEach(() => {
      asked.length = 0;
      listen(
        http.createServer((request, response) => {
          asked.push(request.url!);
          if (request.url === '/never') return;
          if (request.method === 'POST') request.pipe(response);
          else response.end(`page ${request.url}`);
        }),
      );
    });

    it('fetches pages over one connection', async () => {
      dispatcher = new Agent({ ...connectOptions(), connections: 1 });
      for (const path of ['/a', '/b', '/c']) {
        const response = await fetch(`http://${inUrl(hostAt(2))}${path}`, { dispatcher });
        expect([response.status, await response.text()]).toEqual([200, `page ${path}`]);
      }
      expect(connections).toBe(1);
    });

    it('posts 5 MB and gets them back', async () => {
      dispatcher = new Agent(connectOptions());
      const body = Buffer.alloc(5_000_000, 'usernet ');
      const response = await fetch(`http://${inUrl(hostAt(2))}/`, { method: 'POST', body, dispatcher });
      expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true);
    });

    it('opens as many connections as a pool may have', async () => {
      const pool = new Pool(`http://${inUrl(hostAt(2))}`, { ...connectOptions(), connections: 4 });
      dispatcher = pool;
      const paths = Array.from({ length: 40 }, (_, i) => `/${i}`);
      const answers = await Promise.all(
        paths.map(async (path) => (await pool.request({ method: 'GET', path })).body.text()),
      );
      expect(answers).toEqual(paths.map((path) => `page ${path}`));
      expect(connections).toBe(4);
    });

    it('pipelines', async () => {
      const one = new Client(`http://${inUrl(hostAt(2))}`, { ...connectOptions(), pipelining: 10 });
      dispatcher = one;
      const paths = Array.from({ length: 30 }, (_, i) => `/${i}`);
      const answers = await Promise.all(
        paths.map(async (path) => (await one.request({ method: 'GET', path })).body.text()),
      );
      expect([answers, connections]).toEqual([paths.map((path) => `page ${path}`), 1]);
      expect(asked).toEqual(paths);
    });

    it('finds names with the lookup that it is given', async () => {
      dispatcher = new Agent(connectOptions({ lookup }));
      expect(await (await fetch('http://server.test/x', { dispatcher })).text()).toBe('page /x');
    });

    it('goes on after a request that was aborted', async () => {
      dispatcher = new Agent(connectOptions());
      const abort = new AbortController();
      const never = fetch(`http://${inUrl(hostAt(2))}/never`, { dispatcher, signal: abort.signal });
      await once(listener, 'connection');
      abort.abort();
      await expect(never).rejects.toMatchObject({ name: 'AbortError' });
      expect(await (await fetch(`http://${inUrl(hostAt(2))}/y`, { dispatcher })).text()).toBe('page /y');
    });

    it('gives a request up whose answer does not come', async () => {
      const one = new Client(`http://${inUrl(hostAt(2))}`, { ...connectOptions(), headersTimeout: 50 });
      dispatcher = one;
      await expect(one.request({ method: 'GET', path: '/never' })).rejects.toMatchObject({
        code: 'UND_ERR_HEADERS_TIMEOUT',
      });
    });

    it('lets a refused connection be the cause', async () => {
      dispatcher = new Agent(connectOptions());
      await expect(fetch(`http://${inUrl(hostAt(2))}:81/`, { dispatcher })).rejects.toMatchObject({
        message: 'fetch failed',
        cause: { code: 'ECONNREFUSED', address: hostAt(2), port: 81 },
      });
    });

    it('gives up connecting where nobody is', async () => {
      dispatcher = new Agent(connectOptions({ timeout: 50 }));
      await expect(fetch(`http://${inUrl(hostAt(77))}/`, { dispatcher })).rejects.toMatchObject({
        cause: { name: 'ConnectTimeoutError', code: 'UND_ERR_CONNECT_TIMEOUT' },
      });
      expect(client.tcp.connectionCount).toBe(0);
    });
  });

  describe('over TLS', () => {
    it('fetches, verified, and resumes sessions', async () => {
      const resumed: boolean[] = [];
      const web = https.createServer({ key, cert }, (request, response) => {
        response.setHeader('connection', 'close');
        response.end(`secret for ${request.socket.remoteAddress}`);
      });
      web.on('secureConnection', (socket: TLSSocket) => resumed.push(socket.isSessionReused()));
      listen(web, 443);
      dispatcher = new Agent(connectOptions({ ca: cert, lookup }));
      for (let i = 0; i < 3; i++) {
        const response = await fetch('https://server.test/', { dispatcher });
        expect(await response.text()).toBe(`secret for ${seenByBoth(hostAt(1))}`);
      }
      expect(resumed).toEqual([false, true, true]);
      await expect(fetch('https://other.test/', { dispatcher })).rejects.toMatchObject({
        cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
      });
    });

    it('counts the handshake to the time that it may take', async () => {
      listener = createNet(server)
        .createServer((socket) => socket.on('error', () => {}).resume())
        .listen(443);
      dispatcher = new Agent(connectOptions({ timeout: 50 }));
      await expect(fetch(`https://${inUrl(hostAt(2))}/`, { dispatcher })).rejects.toMatchObject({
        cause: { code: 'UND_ERR_CONNECT_TIMEOUT' },
      });
    });

    it('speaks HTTP/2', async () => {
      listen(
        http2.createSecureServer({ key, cert }, (request, response) => {
          response.end(`${request.httpVersion} ${request.url}`);
        }),
        443,
      );
      const agent = new Agent({ ...connectOptions({ ca: cert, ALPNProtocols: ['h2', 'http/1.1'] }), allowH2: true });
      dispatcher = agent;
      const bodies = await Promise.all(
        ['/a', '/b'].map(async (path) =>
          (await fetch(`https://${inUrl(hostAt(2))}${path}`, { dispatcher: agent })).text(),
        ),
      );
      expect(bodies).toEqual(['2.0 /a', '2.0 /b']);
    });
  });

  it('tells of each connection once, and not from inside the call', async () => {
    listen(http.createServer());
    const connect = undiciConnector(client, { timeout: 0 });
    const target = { hostname: hostAt(2), protocol: 'http:', port: '' };
    const told: unknown[] = [];
    await new Promise<void>((resolve) => {
      connect(target, (...result) => {
        told.push(result[0]);
        result[1]!.destroy();
        result[1]!.once('close', () => resolve());
      });
      expect(told).toEqual([]);
    });
    await new Promise<void>((resolve) => {
      connect({ ...target, port: '9' }, (...result) => {
        told.push(result[0]);
        setImmediate(resolve);
      });
    });
    expect(told).toEqual([null, expect.objectContaining({ code: 'ECONNREFUSED' })]);
  });

  it('measures time by the clock of the stack', async () => {
    listen(http.createServer());
    const clock = new VirtualClock();
    const alone = new Stack({ clock });
    alone.routes.add('0.0.0.0/0', { interface: 'lo' });
    const told = new Promise((resolve) => {
      const target = { hostname: '192.0.2.1', protocol: 'http:', port: '80' };
      undiciConnector(alone)(target, (...result) => resolve(result[0]));
    });
    await clock.run({ for: 11_000 });
    expect(await told).toMatchObject({ code: 'UND_ERR_CONNECT_TIMEOUT' });
    await alone.destroy();
  });
});

import { once } from 'node:events';
import type * as http from 'node:http';
import * as http2 from 'node:http2';
import * as https from 'node:https';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Stack } from '../../../src/index.ts';
import { createNet, httpsAgent, serve, tlsConnect } from '../../../src/node/index.ts';
import type { Server, ServedServer } from '../../../src/node/index.ts';
import { selfSigned } from '../../support/certificate.ts';
import { lookup, twoStacks } from '../../support/two-stacks.ts';
import type { TwoStacks } from '../../support/two-stacks.ts';
import { hostAt, inUrl, seenByBoth } from '../../support/family.ts';

const { key, cert } = selfSigned('server.test', hostAt(2));

describe('over two stacks', () => {
  let client: Stack;
  let server: Stack;
  let end: TwoStacks['end'];
  let listener: Server;
  let agent: https.Agent | undefined;

  beforeEach(() => {
    ({ client, server, end } = twoStacks());
  });
  afterEach(async () => {
    agent?.destroy();
    await end(listener);
  });

  function listen(web: ServedServer): void {
    listener = serve(web, createNet(server).createServer()).listen(443);
  }

  describe('node:https', () => {
    const sockets: TLSSocket[] = [];
    let resumed: boolean[] = [];

    beforeEach(() => {
      sockets.length = 0;
      resumed = [];
      const web = https.createServer({ key, cert }, (asked, response) => {
        response.end(`${asked.url} for ${asked.socket.remoteAddress}`);
      });
      web.on('secureConnection', (socket: TLSSocket) => resumed.push(socket.isSessionReused()));
      listen(web);
      agent = httpsAgent(client, { ca: cert });
    });

    function get(options: https.RequestOptions): Promise<http.IncomingMessage> {
      return new Promise((resolve, reject) => {
        const sent = https.get({ host: hostAt(2), agent, ...options }, resolve);
        sent.on('socket', (socket: TLSSocket) => sockets.push(socket));
        sent.once('error', reject);
      });
    }

    it('brings a page', async () => {
      const response = await get({ path: '/a?b' });
      expect((response.socket as TLSSocket).authorized).toBe(true);
      expect(response.socket.remoteAddress).toBe(hostAt(2));
      expect(await text(response)).toBe(`/a?b for ${seenByBoth(hostAt(1))}`);
    });

    it('verifies the name', async () => {
      expect(await text(await get({ host: 'server.test', lookup }))).toBe(`/ for ${seenByBoth(hostAt(1))}`);
      await expect(get({ host: 'other.test', lookup })).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    });

    it('uses a connection again with keep-alive, which does not keep the process while it is idle', async () => {
      agent = httpsAgent(createNet(client), { ca: cert, keepAlive: true });
      for (let i = 0; i < 3; i++) {
        const response = await get({});
        const [core] = client.tcp.connections;
        if (i === 0) for (const name of ['ref', 'unref'] as const) vi.spyOn(core!, name);
        await text(response);
        if (!response.closed) await once(response, 'close');
      }
      expect(new Set(sockets).size).toBe(1);
      expect(resumed).toEqual([false]);
      const [core] = client.tcp.connections;
      expect(core!.get('keepAlive')).toBe(true);
      // Idle after each of the three, in use again for two.
      expect([vi.mocked(core!.unref).mock.calls.length, vi.mocked(core!.ref).mock.calls.length]).toEqual([3, 2]);
    });

    it('resumes sessions without', async () => {
      for (let i = 0; i < 3; i++) await text(await get({}));
      expect(resumed).toEqual([false, true, true]);
    });

    it('lets a refused connection, and options that tls does not take, be errors', async () => {
      await expect(get({ port: 444 })).rejects.toMatchObject({ code: 'ECONNREFUSED', port: 444 });
      expect(() => https.get({ host: hostAt(2), agent, maxVersion: 'TLSv9' as never })).toThrow('TLSv9');
      expect(client.tcp.connectionCount).toBeLessThan(2);
    });
  });

  describe('node:http2', () => {
    /** Asks once over this session, and ends it. */
    async function ask(session: http2.ClientHttp2Session): Promise<[status: unknown, body: string]> {
      const stream = session.request({ ':path': '/b' });
      const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders & { ':status'?: number }];
      const body = await text(stream);
      session.close();
      await once(session, 'close');
      return [headers[':status'], body];
    }

    it('carries streams in clear text', async () => {
      listen(http2.createServer((asked, response) => void response.end(`hello ${asked.url}`)));
      const net = createNet(client);
      const createConnection = (): never => net.connect(443, hostAt(2)) as never;
      expect(await ask(http2.connect(`http://${inUrl(hostAt(2))}`, { createConnection }))).toEqual([200, 'hello /b']);
    });

    it('carries streams over TLS, many at once', async () => {
      listen(
        http2.createSecureServer({ key, cert }, (asked, response) => {
          response.end(`${asked.url} for ${asked.socket.remoteAddress}`);
        }),
      );
      const createConnection = (): TLSSocket =>
        tlsConnect(client, { host: 'server.test', lookup, port: 443, ca: cert, ALPNProtocols: ['h2'] });
      const session = http2.connect('https://server.test', { createConnection });
      const paths = Array.from({ length: 50 }, (_, i) => `/${i}`);
      const bodies = await Promise.all(paths.map((path) => text(session.request({ ':path': path }))));
      expect(bodies).toEqual(paths.map((path) => `${path} for ${seenByBoth(hostAt(1))}`));
      expect(await ask(session)).toEqual([200, `/b for ${seenByBoth(hostAt(1))}`]);
    });

    it('speaks HTTP/1.1 with whom it must', async () => {
      listen(
        http2.createSecureServer({ key, cert, allowHTTP1: true }, (asked, response) => {
          response.end(`HTTP/${asked.httpVersion}`);
        }),
      );
      agent = httpsAgent(client, { ca: cert });
      const sent = https.get({ host: hostAt(2), agent });
      const [response] = (await once(sent, 'response')) as [http.IncomingMessage];
      expect(await text(response)).toBe('HTTP/1.1');
    });
  });
});

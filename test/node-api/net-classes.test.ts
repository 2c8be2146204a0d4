import { EventEmitter, once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import nodeNet from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closed, closing, gone, journal, listening, portOf, settled, shown } from './helpers.ts';
import { MODULES } from './modules.ts';
import type { Modules } from './modules.ts';

const HOST = '127.0.0.1';

/** No certificates: both know a secret. */
const SECRET: tls.TlsOptions & tls.ConnectionOptions = { ciphers: 'PSK', maxVersion: 'TLSv1.2' };
const KEY = Buffer.from('d731ef57be09e5204f0b205b60627028', 'hex');
const SERVER_SECRET: tls.TlsOptions = { ...SECRET, pskCallback: () => KEY };
const CLIENT_SECRET: tls.ConnectionOptions = {
  ...SECRET,
  pskCallback: () => ({ psk: KEY, identity: 'me' }),
  checkServerIdentity: () => undefined,
};

describe.each(MODULES)('$name: net’s classes among Node’s own', ({ make }) => {
  let modules: Modules;
  let net: typeof nodeNet;
  let server: nodeNet.Server;
  beforeEach(() => {
    modules = make();
    net = modules.net;
  });
  afterEach(async () => {
    await closed(server);
    await modules.end();
  });

  const connect = (): nodeNet.Socket => net.connect(portOf(server), HOST);

  async function pair(): Promise<[nodeNet.Socket, nodeNet.Socket]> {
    server = await listening(net.createServer());
    const near = connect();
    const [[far]] = await Promise.all([once(server, 'connection'), once(near, 'connect')]);
    return [near, far as nodeNet.Socket];
  }

  describe('instanceof', () => {
    it('holds for Node’s Socket, for Duplex and EventEmitter, for sockets made in any way', async () => {
      const [near, far] = await pair();
      class Special extends net.Socket {}
      const made = [near, far, new net.Socket(), Reflect.apply(net.Socket as never, undefined, []), new Special()];
      for (const socket of made) {
        for (const type of [nodeNet.Socket, net.Socket, Duplex, EventEmitter]) expect(socket).toBeInstanceOf(type);
      }
      expect([made[4] instanceof Special, near instanceof Special]).toEqual([true, false]);
      expect(near.constructor.name).toBe('Socket');
      await gone(near, far);
    });

    it('holds for Node’s Server and EventEmitter', async () => {
      server = await listening(net.createServer());
      class Special extends net.Server {}
      for (const made of [server, new net.Server(), new Special()]) {
        for (const type of [nodeNet.Server, net.Server, EventEmitter]) expect(made).toBeInstanceOf(type);
      }
      expect([new Special() instanceof Special, server instanceof Special]).toEqual([true, false]);
      expect(server.constructor.name).toBe('Server');
    });

    it('holds for what stands on Node’s classes, and for nothing else', async () => {
      server = await listening(net.createServer());
      expect(new tls.TLSSocket(new Duplex({ read() {}, write() {} }))).toBeInstanceOf(net.Socket);
      expect(http.createServer()).toBeInstanceOf(net.Server);
      for (const other of [new Duplex(), new EventEmitter(), {}, null, undefined, 5]) {
        expect([other instanceof net.Socket, other instanceof net.Server]).toEqual([false, false]);
      }
    });

    it('holds for a socket of a path', async () => {
      const path = join(tmpdir(), `class-${process.pid}-${Math.random().toString(36).slice(2)}.sock`);
      server = net.createServer().listen(path);
      const near = net.connect(path);
      const [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [[unknown], unknown];
      expect([near instanceof net.Socket, far instanceof net.Socket]).toEqual([true, true]);
      await gone(near, far as nodeNet.Socket);
    });
  });

  describe('tls', () => {
    /** What `tlsServer` says to who asks. */
    async function serveTls(): Promise<tls.Server> {
      const tlsServer = tls.createServer(SERVER_SECRET, (socket) => socket.pipe(socket));
      server = await listening(net.createServer((socket) => tlsServer.emit('connection', socket)));
      return tlsServer;
    }

    async function echoed(socket: tls.TLSSocket): Promise<string> {
      socket.write('secret');
      const [data] = (await once(socket, 'data')) as [Buffer];
      return data.toString();
    }

    it('goes over a socket that is open', async () => {
      await serveTls();
      const socket = connect();
      await once(socket, 'connect');
      const secure = tls.connect({ ...CLIENT_SECRET, socket });
      const entries = journal(secure, 'secureConnect', 'error', 'close');
      await once(secure, 'secureConnect');
      expect([secure.connecting, secure.authorized]).toEqual([false, expect.any(Boolean)]);
      expect(await echoed(secure)).toBe('secret');
      secure.end();
      await Promise.all([closing(secure), closing(socket)]);
      expect(entries).toEqual(['secureConnect', 'close false']);
    });

    it('goes over a socket that still connects', async () => {
      await serveTls();
      const socket = connect();
      const secure = tls.connect({ ...CLIENT_SECRET, socket });
      expect(secure.connecting).toBe(true);
      const entries = journal(secure, 'connect', 'secureConnect', 'error');
      await once(secure, 'secureConnect');
      expect(entries).toEqual(['connect', 'secureConnect']);
      expect(await echoed(secure)).toBe('secret');
      secure.destroy();
      await Promise.all([closing(secure), closing(socket)]);
    });

    it('takes over a socket that has spoken plainly before (STARTTLS)', async () => {
      const tlsServer = tls.createServer(SERVER_SECRET, (socket) => socket.pipe(socket));
      server = await listening(
        net.createServer((socket) => {
          socket.once('data', () => {
            socket.write('go on');
            tlsServer.emit('connection', socket);
          });
        }),
      );
      const socket = connect();
      socket.write('STARTTLS');
      expect(String((await once(socket, 'data'))[0])).toBe('go on');
      const secure = tls.connect({ ...CLIENT_SECRET, socket });
      await once(secure, 'secureConnect');
      expect(await echoed(secure)).toBe('secret');
      // Its own silence is what the secure socket tells of: its timer refreshes that of the socket below.
      await new Promise<void>((resolve) => void secure.setTimeout(10, resolve));
      secure.destroy();
      await Promise.all([closing(secure), closing(socket)]);
    });

    it('fails where the socket below cannot connect', async () => {
      server = await listening(net.createServer());
      const port = portOf(server);
      await closed(server);
      const secure = tls.connect({ ...CLIENT_SECRET, socket: net.connect(port, HOST) });
      const entries = journal(secure, 'connect', 'secureConnect', 'error', 'close');
      await closing(secure);
      expect(entries.filter((entry) => entry.startsWith('error'))).toEqual(['error ECONNREFUSED']);
    });

    it('checks the name that the socket below looked up', async () => {
      await serveTls();
      const lookup: nodeNet.LookupFunction = (_name, _options, done) => process.nextTick(done, null, HOST, 4);
      const socket = net.connect({ port: portOf(server), host: 'here.test', lookup, family: 4 });
      await once(socket, 'connect');
      expect(Reflect.get(socket, '_host')).toBe('here.test');
      await gone(socket);
    });
  });

  describe('http', () => {
    class Agent extends http.Agent {
      override createConnection(options: http.ClientRequestArgs): nodeNet.Socket {
        return net.connect(options as nodeNet.TcpNetConnectOpts);
      }
    }

    it('serves and asks, and asks again on the same socket', async () => {
      const httpServer = http.createServer((request, response) => {
        request.resume().once('end', () => response.end(`you asked for ${request.url}`));
      });
      server = await listening(net.createServer((socket) => httpServer.emit('connection', socket)));
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const sockets = new Set<unknown>();
      const late: string[] = [];
      for (const path of ['/a', '/b', '/c']) {
        const request = http.request({ host: HOST, port: portOf(server), path, agent, method: 'POST' });
        // A listener of an open socket’s 'connect' has missed it.
        if (sockets.size > 0) request.once('socket', (socket) => socket.once('connect', () => late.push(path)));
        request.end('body');
        const [response] = (await once(request, 'response')) as [http.IncomingMessage];
        sockets.add(response.socket);
        const chunks: string[] = [];
        for await (const chunk of response) chunks.push(String(chunk));
        expect(chunks.join('')).toBe(`you asked for ${path}`);
        await settled();
      }
      expect([sockets.size, late]).toEqual([1, []]);
      const [socket] = [...sockets] as nodeNet.Socket[];
      agent.destroy();
      await closing(socket!);
      httpServer.closeAllConnections();
    });

    it('upgrades', async () => {
      const httpServer = http.createServer();
      httpServer.on('upgrade', (_request, socket: nodeNet.Socket) => {
        expect(socket).toBeInstanceOf(net.Socket);
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
        socket.pipe(socket);
      });
      server = await listening(net.createServer((socket) => httpServer.emit('connection', socket)));
      const headers = { connection: 'Upgrade', upgrade: 'echo' };
      const request = http.get({ host: HOST, port: portOf(server), agent: new Agent(), headers });
      const [, socket] = (await once(request, 'upgrade')) as [unknown, nodeNet.Socket];
      socket.write('hello');
      expect(String((await once(socket, 'data'))[0])).toBe('hello');
      await gone(socket);
    });

    it('in version 2 serves and asks', async () => {
      const h2 = http2.createServer((request, response) => response.end(`you asked for ${request.url}`));
      server = await listening(net.createServer((socket) => h2.emit('connection', socket)));
      const session = http2.connect(`http://${HOST}:${portOf(server)}`, { createConnection: connect });
      const request = session.request({ ':path': '/two' });
      const chunks: string[] = [];
      for await (const chunk of request) chunks.push(String(chunk));
      expect(chunks.join('')).toBe('you asked for /two');
      const gones = closing(session);
      session.close();
      await gones;
      h2.close();
    });
  });

  it('show the members that Node’s show', async () => {
    server = await listening(net.createServer());
    const other = await listening(nodeNet.createServer());
    const near = net.connect(portOf(server), HOST);
    const real = nodeNet.connect(portOf(other), HOST);
    await Promise.all([once(near, 'connect'), once(real, 'connect')]);
    expect(shown(near)).toEqual(shown(real));
    expect(shown(server)).toEqual(shown(other));
    near.destroy();
    real.destroy();
    await closed(other);
  });
});

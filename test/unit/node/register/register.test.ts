import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import tls from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Stack } from '../../../../src/index.ts';
import { createNet } from '../../../../src/node/index.ts';
import { onRealNetwork, register } from '../../../../src/node/register/index.ts';
import type { Socket } from '../../../../src/node/index.ts';
import type { RegisterOptions } from '../../../../src/node/register/index.ts';
import { selfSigned } from '../../../support/certificate.ts';

/** Taken before anything was redirected. */
const earlier = {
  connect: net.connect,
  Socket: net.Socket,
  createServer: net.createServer,
  createSocket: dgram.createSocket,
};

const OBJECTS: Record<string, object> = {
  net,
  dgram,
  tls,
  http,
  'net.Socket.prototype': net.Socket.prototype,
  'net.Server.prototype': net.Server.prototype,
  'dgram.Socket.prototype': dgram.Socket.prototype,
  'http.Agent.prototype': http.Agent.prototype,
  'tls.TLSSocket.prototype': tls.TLSSocket.prototype,
};

/** All that may be replaced, as it is now. */
function everything(): Record<string, [PropertyKey, PropertyDescriptor | undefined][]> {
  const all: Record<string, [PropertyKey, PropertyDescriptor | undefined][]> = {};
  for (const [name, object] of Object.entries(OBJECTS)) {
    all[name] = Reflect.ownKeys(object).map((key) => [key, Object.getOwnPropertyDescriptor(object, key)]);
  }
  return all;
}

const portOf = (server: net.Server): number => (server.address() as net.AddressInfo).port;

async function listening<S extends net.Server>(server: S, port = 0): Promise<S> {
  await once(server.listen(port, '127.0.0.1'), 'listening');
  return server;
}

function failure(emitter: NodeJS.EventEmitter): Promise<Error & { code?: string; cause?: Error }> {
  return new Promise((resolve) => {
    emitter.once('error', resolve);
  });
}

describe('register', () => {
  let stack: Stack;
  let undo: () => void;
  const redirect = (options: Omit<RegisterOptions, 'stack'> = {}): void => {
    undo = register({ stack, ...options });
  };

  beforeEach(() => {
    stack = new Stack();
    undo = () => {};
  });

  afterEach(async () => {
    undo();
    await stack.close();
    stack.assertQuiescent({ timeWait: true });
  });

  it('gives the connections of a server its delay of keep-alive', async () => {
    redirect();
    const server = await listening(net.createServer({ keepAlive: true, keepAliveInitialDelay: 5000 }));
    const near = net.connect(portOf(server), '127.0.0.1');
    const [far] = (await once(server, 'connection')) as [net.Socket];
    expect((far as unknown as Socket).tcp?.get('keepAliveIdle')).toBe(5000);
    near.destroy();
    far.destroy();
    await once(server.close(), 'close');
  });

  describe('redirects', () => {
    it('what is connected and listened to, so that nobody outside the stack sees it', async () => {
      redirect();
      const server = await listening(net.createServer((socket) => socket.end('hello')));
      expect(stack.tcp.listeners.map(({ port }) => port)).toEqual([portOf(server)]);
      expect(await text(net.connect(portOf(server), '127.0.0.1'))).toBe('hello');
      const outside = onRealNetwork(() => net.connect(portOf(server), '127.0.0.1'));
      expect(await failure(outside)).toMatchObject({ code: 'ECONNREFUSED' });
      server.close();
      await once(server, 'close');
      expect([server.listening, server.address(), stack.tcp.listeners]).toEqual([false, null, []]);
    });

    it('servers that were made before, and by functions that were taken before', async () => {
      const before = [net.createServer(), http.createServer()];
      redirect();
      for (const server of [...before, earlier.createServer()]) {
        await listening(server);
        expect(stack.tcp.listeners.map(({ port }) => port)).toEqual([portOf(server)]);
        server.close();
        await once(server, 'close');
      }
    });

    it('datagrams', async () => {
      redirect();
      const server = dgram.createSocket('udp4', (message, { port, address }) => server.send(message, port, address));
      server.bind(7, '127.0.0.1');
      await once(server, 'listening');
      expect(stack.udp.sockets.map(({ localPort }) => localPort)).toEqual([7]);
      const client = Reflect.construct(dgram.Socket, ['udp4']) as dgram.Socket;
      client.send('hello', 7, '127.0.0.1');
      expect(String((await once(client, 'message'))[0])).toBe('hello');
      expect([server, client].every((socket) => socket instanceof dgram.Socket)).toBe(true);
      server.close();
      client.close();
    });

    it('by the lookup that it is given, which addresses do not need', async () => {
      const asked: unknown[] = [];
      redirect({
        lookup: (name, { family, all }, callback) => {
          asked.push([name, family]);
          if (all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
          else callback(null, '127.0.0.1', 4);
        },
      });
      const web = await listening(
        http.createServer((_request, response) => response.end('page')),
        80,
      );
      const [response] = (await once(http.get('http://name.example/', { agent: false }), 'response')) as [
        http.IncomingMessage,
      ];
      expect(await text(response)).toBe('page');
      web.close();
      const udp = dgram.createSocket('udp4').bind(53, '127.0.0.1');
      await once(udp, 'listening');
      udp.send('to itself', 53, 'other.example');
      expect(String((await once(udp, 'message'))[0])).toBe('to itself');
      udp.close();
      expect(asked).toEqual([
        ['name.example', undefined],
        ['other.example', 4],
      ]);
    });
  });

  describe('leaves to Node', () => {
    it('Unix-domain sockets', async () => {
      redirect();
      const path = join(tmpdir(), `usernet-register-${process.pid}`);
      await rm(path, { force: true });
      const server = net.createServer((socket) => socket.end('by path'));
      await once(server.listen(path), 'listening');
      expect([server.listening, server.address(), stack.tcp.listeners]).toEqual([true, path, []]);
      const socket = net.connect(path);
      expect(socket).toBeInstanceOf(earlier.Socket);
      expect(await text(socket)).toBe('by path');
      server.close();
      await once(server, 'close');
    });

    it('the pipes of child processes', async () => {
      redirect();
      const child = spawn(process.execPath, ['-p', '6 * 7']);
      expect((await text(child.stdout)).trim()).toBe('42');
      expect(child.stdout).toBeInstanceOf(net.Socket);
    });

    it('what comes of onRealNetwork', async () => {
      redirect();
      const server = onRealNetwork(() => net.createServer((socket) => socket.end('real')).listen(0, '127.0.0.1'));
      await once(server, 'listening');
      expect(stack.tcp.listeners).toEqual([]);
      const port = portOf(server);
      expect(await text(onRealNetwork(() => net.connect(port, '127.0.0.1')))).toBe('real');
      const later = onRealNetwork(() => new net.Socket());
      expect(await text(onRealNetwork(() => later.connect(port, '127.0.0.1')))).toBe('real');
      server.close();
      await once(server, 'close');
      const udp = onRealNetwork(() => dgram.createSocket('udp4'));
      udp.bind(0, '127.0.0.1');
      await once(udp, 'listening');
      expect(stack.udp.sockets).toEqual([]);
      udp.close();
      expect(() => onRealNetwork(() => JSON.parse('{') as unknown)).toThrow(SyntaxError);
      const again = net.connect({ port: 1, host: '127.0.0.1' }).on('error', () => {});
      expect(Object.getPrototypeOf(again)).not.toBe(earlier.Socket.prototype);
    });
  });

  describe('keeps off the real network', () => {
    const OUTSIDE = '192.0.2.1';

    it('connections, and says how to allow it', async () => {
      redirect();
      const error = await failure(net.connect(80, OUTSIDE));
      expect(error).toMatchObject({ code: 'ENETUNREACH', syscall: 'connect', address: OUTSIDE, port: 80 });
      expect(error.cause?.message).toMatch(/outside the routes .* realNetwork: 'outside-routes'/);
    });

    it('messages', async () => {
      redirect();
      const socket = dgram.createSocket('udp4');
      const sent = await new Promise<unknown>((resolve) => {
        socket.send('x', 53, OUTSIDE, resolve);
      });
      expect(sent).toMatchObject({ code: 'ENETUNREACH', cause: { message: /realNetwork/ } });
      const connected = await new Promise<unknown>((resolve) => {
        socket.connect(53, OUTSIDE, resolve as () => void);
      });
      expect(connected).toMatchObject({ code: 'ENETUNREACH', cause: { message: /realNetwork/ } });
      socket.close();
    });

    it('fetch', async () => {
      redirect();
      await expect(fetch(`http://${OUTSIDE}/`)).rejects.toMatchObject({ cause: { code: 'ENETUNREACH' } });
    });

    it('functions and classes that were taken before', async () => {
      redirect();
      const taken = [
        earlier.connect(80, OUTSIDE),
        new earlier.Socket().connect(80, OUTSIDE),
        new tls.TLSSocket(undefined as never).connect(80),
      ];
      const refused = { code: 'ENETUNREACH', syscall: 'connect', port: 80, cause: { message: /taken before/ } };
      for (const error of await Promise.all(taken.map(failure))) expect(error).toMatchObject(refused);
      const socket = earlier.createSocket('udp4');
      const calls = [() => socket.bind(0), () => socket.send('x', 1), () => socket.connect(1)];
      for (const call of calls) expect(call).toThrow(/taken before/);
      socket.close();
    });

    it('but not the datagram sockets that were there before', async () => {
      const before = earlier.createSocket('udp4').bind(0, '127.0.0.1');
      await once(before, 'listening');
      redirect();
      before.send('to itself', before.address().port, '127.0.0.1');
      expect(String((await once(before, 'message'))[0])).toBe('to itself');
      before.close();
    });
  });

  describe('net.Socket', () => {
    it('is a class to make sockets of, with and without new, and to extend', async () => {
      redirect();
      const server = await listening(net.createServer((socket) => socket.end('hello')));
      class Extended extends net.Socket {
        readonly own = true;
      }
      const call = net.Socket as unknown as () => net.Socket;
      for (const socket of [
        new net.Socket(),
        call(),
        new Extended(),
        Reflect.construct(Reflect.get(net, 'Stream') as typeof net.Socket, []),
      ]) {
        expect(socket).toBeInstanceOf(net.Socket);
        expect(await text(socket.connect(portOf(server), '127.0.0.1'))).toBe('hello');
      }
      expect(new Extended()).toBeInstanceOf(Extended);
      expect(new net.Socket()).not.toBeInstanceOf(Extended);
      server.close();
      await once(server, 'close');
    });
  });

  describe('servers', () => {
    it('report errors as ever', async () => {
      redirect();
      const first = await listening(http.createServer());
      const second = http.createServer().listen(portOf(first), '127.0.0.1');
      expect(await failure(second)).toMatchObject({ code: 'EADDRINUSE', syscall: 'listen' });
      expect(() => first.listen(0)).toThrow(expect.objectContaining({ code: 'ERR_SERVER_ALREADY_LISTEN' }));
      expect(() => second.listen(65_536)).toThrow(expect.objectContaining({ code: 'ERR_SOCKET_BAD_PORT' }));
      const closed = await new Promise<unknown>((resolve) => {
        second.close(resolve);
      });
      expect(closed).toMatchObject({ code: 'ERR_SERVER_NOT_RUNNING' });
      first.close();
      await once(first, 'close');
    });

    it('listen again, and on a path after that', async () => {
      redirect();
      const server = net.createServer();
      for (let i = 0; i < 2; i++) {
        await listening(server);
        expect(server.listening).toBe(true);
        await server[Symbol.asyncDispose]();
        expect(server.listening).toBe(false);
      }
      const path = join(tmpdir(), `usernet-register-again-${process.pid}`);
      await rm(path, { force: true });
      await once(server.listen({ path }), 'listening');
      expect([server.address(), stack.tcp.listeners]).toEqual([path, []]);
      server.close();
      await once(server, 'close');
    });

    it('end with their stack, idle keep-alive connections first', async () => {
      redirect();
      const web = await listening(http.createServer((_request, response) => response.end('page')));
      const agent = new http.Agent({ keepAlive: true });
      const [response] = (await once(http.get({ port: portOf(web), host: '127.0.0.1', agent }), 'response')) as [
        http.IncomingMessage,
      ];
      expect(await text(response)).toBe('page');
      const closed = once(web, 'close');
      await Promise.all([closed, stack.close()]);
      expect(web.listening).toBe(false);
      agent.destroy();
    });

    it('do not keep the process when they are told so before they listen', async () => {
      redirect();
      const server = net.createServer();
      expect(server.unref()).toBe(server);
      await listening(server);
      expect(server.ref()).toBe(server);
      server.close();
      await once(server, 'close');
    });
  });

  it('lets sockets that are open begin with TLS, on both sides', async () => {
    redirect();
    const { key, cert } = selfSigned('localhost');
    const server = await listening(
      net.createServer((raw) => {
        raw.once('data', () => {
          raw.write('go on', () => new tls.TLSSocket(raw, { isServer: true, key, cert }).end('secret'));
        });
      }),
    );
    const raw = net.connect(portOf(server), '127.0.0.1');
    raw.write('starttls');
    await once(raw, 'data');
    const secure = tls.connect({ socket: raw, ca: cert, host: 'localhost' });
    expect(await text(secure)).toBe('secret');
    server.close();
    await once(server, 'close');
  });

  describe('undo', () => {
    it('puts all of it back as it was', () => {
      const before = everything();
      redirect({ realNetwork: 'outside-routes' });
      expect(everything()).not.toEqual(before);
      undo();
      undo();
      const after = everything();
      expect(after).toEqual(before);
      for (const [name, properties] of Object.entries(before)) {
        properties.forEach(([key, descriptor], i) => {
          const now = after[name]![i]!;
          expect(now[0]).toBe(key);
          for (const part of ['value', 'get', 'set'] as const) expect(now[1]![part]).toBe(descriptor![part]);
        });
      }
    });

    it('closes the servers that listen, and leaves open connections alone', async () => {
      redirect();
      const server = await listening(net.createServer((socket) => socket.pipe(socket)));
      const socket = net.connect(portOf(server), '127.0.0.1');
      await Promise.all([once(socket, 'connect'), once(server, 'connection')]);
      const closed = once(server, 'close');
      undo();
      expect(stack.tcp.listeners).toEqual([]);
      socket.write('still here');
      expect(String((await once(socket, 'data'))[0])).toBe('still here');
      socket.end();
      await closed;
      const real = await listening(net.createServer());
      expect(stack.tcp.listeners).toEqual([]);
      real.close();
      await once(real, 'close');
    });

    it('allows another register', () => {
      redirect();
      expect(() => register({ stack })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
      undo();
      redirect();
    });
  });

  it('does not get into the way of nets that the program makes', async () => {
    redirect();
    const other = new Stack();
    const own = createNet(other);
    const server = own.createServer((socket) => socket.end('other'));
    await once(server.listen(80), 'listening');
    expect([stack.tcp.listeners.length, other.tcp.listeners.length]).toEqual([0, 1]);
    expect(await text(own.connect(80, '127.0.0.1'))).toBe('other');
    server.close();
    await other.close();
  });

  it('checks its options', () => {
    const wrong: [unknown, string][] = [
      [undefined, 'ERR_INVALID_ARG_TYPE'],
      [{}, 'ERR_INVALID_ARG_TYPE'],
      [{ stack: {} }, 'ERR_INVALID_ARG_TYPE'],
      [{ stack, lookup: 'dns' }, 'ERR_INVALID_ARG_TYPE'],
      [{ stack, realNetwork: 'always' }, 'ERR_INVALID_ARG_VALUE'],
      [{ stack, realNetworks: 'never' }, 'ERR_INVALID_ARG_VALUE'],
    ];
    for (const [options, code] of wrong) {
      expect(() => register(options as never)).toThrow(expect.objectContaining({ code }));
    }
  });
});

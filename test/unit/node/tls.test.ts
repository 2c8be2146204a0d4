import { once } from 'node:events';
import nodeNet from 'node:net';
import { text } from 'node:stream/consumers';
import * as tls from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Stack } from '../../../src/index.ts';
import { createNet, serve, tlsConnect } from '../../../src/node/index.ts';
import type { Net, Server, TlsConnectOptions } from '../../../src/node/index.ts';
import { selfSigned } from '../../support/certificate.ts';
import { lookup, twoStacks } from '../../support/two-stacks.ts';
import type { TwoStacks } from '../../support/two-stacks.ts';
import { FAMILY_NAME, hostAt, seenByBoth } from '../../support/family.ts';

const { key, cert } = selfSigned('server.test', hostAt(2));
const other = selfSigned('other.test');

/** Node's tls at both ends, over two stacks. */
describe('tls over two stacks', () => {
  let client: Stack;
  let server: Stack;
  let end: TwoStacks['end'];
  let listener: Server;

  beforeEach(() => {
    ({ client, server, end } = twoStacks());
  });
  afterEach(() => end(listener));

  /** Listens on port 443, and answers each connection as told. */
  function listen(options: tls.TlsOptions = {}, answer?: (socket: tls.TLSSocket) => void): tls.Server {
    const secure = tls.createServer({ key, cert, ...options }, answer);
    listener = serve(secure, createNet(server).createServer()).listen(443);
    return secure;
  }

  function connect(options: TlsConnectOptions = {}, from: Stack | Net = client): tls.TLSSocket {
    return tlsConnect(from, { host: hostAt(2), port: 443, ca: cert, ...options });
  }

  async function failure(socket: tls.TLSSocket): Promise<unknown> {
    const closed = once(socket, 'close').catch(() => once(socket, 'close'));
    const error = await new Promise((resolve) => {
      socket.once('error', resolve);
    });
    await closed;
    return error;
  }

  it('carries bytes both ways, verified', async () => {
    listen({}, (socket) => socket.pipe(socket));
    const socket = connect();
    socket.end(Buffer.alloc(3_000_000, 'secret '));
    await once(socket, 'secureConnect');
    expect(socket).toBeInstanceOf(tls.TLSSocket);
    expect([socket.authorized, socket.encrypted, socket.getProtocol()]).toEqual([true, true, 'TLSv1.3']);
    expect((await text(socket)).length).toBe(3_000_000);
  });

  it('calls the listener when the connection is secure', async () => {
    listen({}, (socket) => socket.end());
    let called = 0;
    const socket = tlsConnect(createNet(client), { host: hostAt(2), port: 443, ca: cert }, () => called++);
    await once(socket.resume(), 'secureConnect');
    expect(called).toBe(1);
  });

  it('knows the addresses of both ends, and of the connection what only it can do', async () => {
    const seen = new Promise<tls.TLSSocket>((resolve) => {
      listen({}, resolve);
    });
    const socket = connect();
    await once(socket, 'secureConnect');
    const far = await seen;
    const { localPort } = socket;
    expect(socket.address()).toEqual({ address: hostAt(1), family: FAMILY_NAME, port: localPort });
    expect(socket).toMatchObject({ localAddress: hostAt(1), localFamily: FAMILY_NAME });
    expect(socket).toMatchObject({ remoteAddress: hostAt(2), remotePort: 443, remoteFamily: FAMILY_NAME });
    expect(far).toMatchObject({ remoteAddress: seenByBoth(hostAt(1)), remotePort: localPort, localPort: 443 });
    expect(far.address()).toMatchObject({ address: seenByBoth(hostAt(2)), family: 'IPv6' });
    const core = client.tcp.connections[0]!;
    expect(socket.setNoDelay(true).setKeepAlive(true, 5000)).toBe(socket);
    expect([core.get('noDelay'), core.get('keepAlive'), core.get('keepAliveIdle')]).toEqual([true, true, 5000]);
    const held = vi.spyOn(core, 'ref');
    const released = vi.spyOn(core, 'unref');
    expect([socket.unref(), socket.ref()]).toEqual([socket, socket]);
    expect([released.mock.calls.length, held.mock.calls.length]).toEqual([1, 1]);
    far.destroy();
    socket.destroy();
  });

  it('tells the server the name that was dialled, and picks its certificate by it', async () => {
    const names: string[] = [];
    const contexts = new Map([['other.test', tls.createSecureContext(other)]]);
    const SNICallback = (name: string, callback: (error: null, context?: tls.SecureContext) => void): void => {
      names.push(name);
      callback(null, contexts.get(name));
    };
    listen({ SNICallback }, (socket) => socket.end());
    const ca = [cert, other.cert];
    for (const options of [{ host: 'server.test' }, { host: 'other.test' }, { servername: 'server.test' }]) {
      const socket = connect({ lookup, ca, ...options });
      await once(socket.resume(), 'close');
      expect(socket.authorized).toBe(true);
    }
    // An address is no name (RFC 6066 §3), nor is ''.
    for (const options of [{}, { host: 'server.test', servername: '' }]) {
      await once(connect({ lookup, ...options }).resume(), 'close');
    }
    expect(names).toEqual(['server.test', 'other.test', 'server.test']);
  });

  it('agrees on a protocol (ALPN), or on none', async () => {
    const seen: unknown[] = [];
    listen({ ALPNProtocols: ['b', 'a'] }, (socket) => {
      seen.push(socket.alpnProtocol);
      socket.end();
    });
    for (const ALPNProtocols of [['a', 'b'], ['a'], undefined]) {
      const socket = connect({ ALPNProtocols });
      await once(socket.resume(), 'close');
      seen.push(socket.alpnProtocol);
    }
    expect(seen).toEqual(['b', 'b', 'a', 'a', false, false]);
  });

  it.each([
    ['an unknown certificate', { ca: other.cert }, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['the certificate of another', { servername: 'other.test' }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('refuses %s, unless it is told not to', async (_what, options, code) => {
    listen({}, (socket) => socket.on('error', () => {}).end('taken'));
    expect(await failure(connect(options))).toMatchObject({ code });
    const socket = connect({ ...options, rejectUnauthorized: false });
    expect(await text(socket)).toBe('taken');
    expect(socket.authorized).toBe(false);
  });

  it('asks for the client’s certificate', async () => {
    const subjects: unknown[] = [];
    listen({ requestCert: true, ca: other.cert }, (socket) => {
      subjects.push(socket.getPeerCertificate().subject.CN);
      socket.end('in');
    });
    expect(await text(connect({ ...other }))).toBe('in');
    expect(await failure(connect().resume())).toMatchObject({ code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' });
    expect(subjects).toEqual(['other.test']);
  });

  it('resumes a session', async () => {
    const reused: boolean[] = [];
    listen({}, (socket) => {
      reused.push(socket.isSessionReused());
      socket.end('x');
    });
    const first = connect().resume();
    const [session] = (await once(first, 'session')) as [Buffer];
    await once(first, 'close');
    const second = connect({ session }).resume();
    await once(second, 'secureConnect');
    reused.push(second.isSessionReused());
    await once(second, 'close');
    expect(reused).toEqual([false, true, true]);
  });

  it('half-closes: the answer comes after the client’s end', async () => {
    const secure = tls.createServer({ key, cert, allowHalfOpen: true }, (socket) => {
      let asked = '';
      socket.on('data', (chunk) => (asked += String(chunk)));
      socket.on('end', () => socket.end(`you said ${asked}`));
    });
    listener = serve(secure, createNet(server).createServer()).listen(443);
    const socket = connect({ allowHalfOpen: true });
    socket.end('all of it');
    expect(await text(socket)).toBe('you said all of it');
    expect(socket.allowHalfOpen).toBe(true);
  });

  it('ends with a peer that goes away in the handshake', async () => {
    const failed = once(listen(), 'tlsClientError');
    createNet(client).connect(443, hostAt(2)).resume().end();
    expect((await failed)[0]).toMatchObject({ code: 'ECONNRESET' });
  });

  it('lets a refused connection be an error', async () => {
    listen();
    const error = await failure(connect({ port: 444 }));
    expect(error).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect', address: hostAt(2), port: 444 });
  });

  it('lets a server that speaks no TLS be an error', async () => {
    listener = createNet(server)
      .createServer((socket) =>
        socket
          .on('error', () => {})
          .resume()
          .end('hello\r\n'),
      )
      .listen(443);
    expect(await failure(connect())).toMatchObject({ code: expect.stringMatching(/^ERR_SSL_/) as string });
  });

  it('lets a connection that breaks off in the handshake be an error', async () => {
    listener = createNet(server)
      .createServer((socket) => socket.resetAndDestroy())
      .listen(443);
    expect(await failure(connect())).toMatchObject({ code: 'ECONNRESET' });
  });

  it('tells the server of what is no TLS', async () => {
    const secure = listen();
    const failed = once(secure, 'tlsClientError');
    const plain = createNet(client).connect(443, hostAt(2));
    plain.on('error', () => {});
    plain.end('GET / HTTP/1.1\r\n\r\n');
    expect((await failed)[0]).toMatchObject({ code: 'ERR_SSL_HTTP_REQUEST' });
    await once(plain.resume(), 'close');
  });

  it('ends when it is aborted, before it is connected and after', async () => {
    listen({}, (socket) => socket.on('error', () => {}).resume());
    const early = new AbortController();
    const connecting = connect({ signal: early.signal });
    early.abort();
    expect(await failure(connecting)).toMatchObject({ name: 'AbortError' });
    const late = new AbortController();
    const socket = connect({ signal: late.signal });
    await once(socket, 'secureConnect');
    late.abort();
    expect(await failure(socket)).toMatchObject({ name: 'AbortError' });
  });

  it('is told when nothing comes, and is destroyed before it is connected', async () => {
    listen();
    const socket = connect({ host: hostAt(77), timeout: 20 });
    await once(socket, 'timeout');
    socket.destroy();
    await once(socket, 'close');
    expect(client.tcp.connectionCount).toBe(0);
  });

  it('leaves no connection behind where tls.connect throws', () => {
    listen();
    expect(() => connect({ minVersion: 'TLSv9' as never })).toThrow(
      expect.objectContaining({ code: 'ERR_TLS_INVALID_PROTOCOL_VERSION' }),
    );
    expect(client.tcp.connectionCount).toBe(0);
  });

  it('throws for what is no stack', () => {
    listen();
    for (const wrong of [undefined, null, {}, nodeNet]) {
      expect(() => tlsConnect(wrong as never, { port: 1 })).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE', message: expect.stringMatching(/"stack"/) as string }),
      );
    }
  });
});

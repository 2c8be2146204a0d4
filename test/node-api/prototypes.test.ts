import type nodeDgram from 'node:dgram';
import { once } from 'node:events';
import nodeNet from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closed, closing, gone, listening, portOf, settled } from './helpers.ts';
import { MODULES } from './modules.ts';
import type { Modules } from './modules.ts';

/** Names that programs wrap, list or look for, by class. */
const SOCKET = `address connect destroySoon end pause read ref resetAndDestroy resume setKeepAlive setNoDelay setTimeout unref
  _destroy _final _getpeername _getsockname _read _reset _unrefTimer _write _writev bufferSize bytesRead bytesWritten
  localAddress localFamily localPort pending readyState remoteAddress remoteFamily remotePort _bytesDispatched _handle`;
const SERVER = 'address close getConnections listen listening ref unref _emitCloseIfDrained _listen2';
const DGRAM = `addMembership addSourceSpecificMembership address bind close connect disconnect dropMembership
  dropSourceSpecificMembership getRecvBufferSize getSendBufferSize getSendQueueCount getSendQueueSize ref remoteAddress send
  sendto setBroadcast setMulticastInterface setMulticastLoopback setMulticastTTL setRecvBufferSize setSendBufferSize setTTL
  unref`;

describe.each(MODULES)('$name: prototypes', ({ make }) => {
  let modules: Modules;
  let net: typeof nodeNet;
  let dgram: typeof nodeDgram;
  beforeEach(() => {
    modules = make();
    ({ net, dgram } = modules);
  });
  afterEach(async () => modules.end());

  it('have members of their own under the names that Node has them', () => {
    for (const [{ prototype }, names] of [
      [net.Socket, SOCKET],
      [net.Server, SERVER],
      [dgram.Socket, DGRAM],
    ] as const) {
      expect(Object.getOwnPropertyNames(prototype)).toEqual(
        expect.arrayContaining(['constructor', ...names.split(/\s+/)]),
      );
    }
  });

  it('show no more than Node’s own do', () => {
    for (const [{ prototype }, own] of [
      [net.Socket, nodeNet.Socket],
      [net.Server, nodeNet.Server],
    ] as const) {
      const names = Object.keys(prototype);
      expect(Object.keys(own.prototype)).toEqual(expect.arrayContaining(names));
      expect(names.length).toBeGreaterThan(5);
    }
  });

  it('may be asked themselves: there is nothing, but no error', () => {
    for (const { prototype } of [net.Socket, net.Server]) {
      for (const name of ['bytesRead', 'remoteAddress', 'localPort', '_bytesDispatched']) {
        expect(Reflect.get(prototype, name)).toBe(undefined);
      }
      expect(() => Object.entries(prototype)).not.toThrow();
    }
  });

  it('may be wrapped: all sockets go through what a program puts there', () => {
    const { prototype } = net.Socket;
    const before = Object.getOwnPropertyDescriptor(prototype, 'setNoDelay')!;
    const calls: unknown[] = [];
    prototype.setNoDelay = function (this: nodeNet.Socket, value?: boolean) {
      calls.push(value);
      return Reflect.apply(before.value as typeof this.setNoDelay, this, [value]);
    };
    const socket = new net.Socket();
    expect(socket.setNoDelay(false)).toBe(socket);
    Object.defineProperty(prototype, 'setNoDelay', before);
    expect(calls).toEqual([false]);
  });

  it('a server counts its connections where programs and libraries may change it', async () => {
    const server = await listening(net.createServer());
    const near = net.connect(portOf(server), '127.0.0.1');
    const [far] = (await once(server, 'connection')) as [nodeNet.Socket];
    const counted = (): number => Reflect.get(server, '_connections') as number;
    // Under usernet/register the server behind counts.
    const counts = modules.name !== 'usernet/register';
    if (counts) expect(counted()).toBe(1);
    Reflect.set(server, '_connections', counted() + 1);
    let over = false;
    server.close(() => (over = true));
    await gone(near, far);
    await settled();
    if (counts) expect([counted(), over]).toEqual([1, false]);
    Reflect.set(server, '_connections', 0);
    Reflect.apply(Reflect.get(server, '_emitCloseIfDrained') as () => void, server, []);
    if (!over) await closing(server);
    expect(server.listening).toBe(false);
  });

  it('a server may listen on an IPv4 broadcast address or group, where nobody reaches it; not on one of IPv6', async () => {
    for (const host of ['255.255.255.255', '224.0.0.1', '127.255.255.255']) {
      const server = net.createServer().listen(0, host);
      await once(server, 'listening');
      expect(server.address()).toEqual({ address: host, family: 'IPv4', port: portOf(server) });
      await closed(server);
    }
    for (const host of ['ff02::1%lo', 'ff0e::1']) {
      const server = net.createServer().listen(0, host);
      const [error] = (await once(server, 'error')) as [NodeJS.ErrnoException];
      expect([error.code, error.message]).toEqual(['EINVAL', `listen EINVAL: invalid argument ${host}`]);
    }
  });
});

import { once } from 'node:events';
import type nodeNet from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closed, closing, failure, gone, journal, portOf, seen } from './helpers.ts';
import { lacksIpv6 } from '../support/ipv6-kernel.ts';
import { MODULES } from './modules.ts';
import type { Modules } from './modules.ts';

const HOST4 = '127.0.0.1';
const HOST6 = '::1';
const MAPPED = '::ffff:127.0.0.1';
const IS_22 = Number.parseInt(process.versions.node, 10) >= 22;

const noKernel = lacksIpv6();
const present = MODULES.filter(({ name }) => name !== 'node' || noKernel === undefined);

describe.each(present)('$name: net over IPv6', ({ name, make }) => {
  let modules: Modules;
  let net: typeof nodeNet;
  let open: nodeNet.Server[];
  beforeEach(() => {
    modules = make();
    net = modules.net;
    open = [];
  });
  afterEach(async () => {
    await Promise.all(open.map((server) => closed(server)));
    await modules.end();
  });

  async function listening(options: nodeNet.ListenOptions = {}): Promise<nodeNet.Server> {
    const server = net.createServer().listen({ port: 0, ...options });
    await once(server, 'listening');
    open.push(server);
    return server;
  }

  /** A port that nobody has, of neither family. */
  async function freePort(): Promise<number> {
    const server = await listening();
    const port = portOf(server);
    open.pop();
    await closed(server);
    return port;
  }

  /** Address and family of the near and the far end. */
  function endsOf(socket: nodeNet.Socket): unknown[] {
    const { localAddress, localFamily, remoteAddress, remoteFamily } = socket;
    return [localAddress, localFamily, remoteAddress, remoteFamily];
  }

  /** Connects, and says what the server's socket and the client's see of it. */
  async function met(server: nodeNet.Server, options: object): Promise<unknown[][]> {
    const taken = once(server, 'connection') as Promise<[nodeNet.Socket]>;
    const client = net.connect({ port: portOf(server), ...options });
    await once(client, 'connect');
    const [socket] = await taken;
    expect(socket.address()).toEqual({ address: socket.localAddress, family: 'IPv6', port: portOf(server) });
    expect([socket.remotePort, client.remotePort]).toEqual([client.localPort, portOf(server)]);
    const ends = [endsOf(socket), endsOf(client)];
    await gone(client, socket);
    return ends;
  }

  const both = (address: string, family: string) => [address, family, address, family];
  const fails = (code: string, errno: number, syscall: string, address: string, port?: number, more = {}) => ({
    name: 'Error',
    code,
    errno,
    syscall,
    address,
    ...(port === undefined ? {} : { port }),
    message: `${syscall} ${code} ${port === undefined ? address : `${address}:${port}`}`,
    ...more,
  });

  describe('a server', () => {
    it.each([{}, { host: '' }, { host: '::' }])(
      'with the options %j listens on ::, for both families',
      async (options) => {
        const server = await listening(options);
        expect(server.address()).toEqual({ address: '::', family: 'IPv6', port: portOf(server) });
        expect(await met(server, { host: HOST6 })).toEqual([both(HOST6, 'IPv6'), both(HOST6, 'IPv6')]);
        expect(await met(server, { host: HOST4 })).toEqual([both(MAPPED, 'IPv6'), both(HOST4, 'IPv4')]);
        expect(await met(server, { host: MAPPED })).toEqual([both(MAPPED, 'IPv6'), both(MAPPED, 'IPv6')]);
      },
    );

    it('that is ipv6Only on :: takes no IPv4', async () => {
      const server = await listening({ host: '::', ipv6Only: true });
      const port = portOf(server);
      expect(await met(server, { host: HOST6 })).toEqual([both(HOST6, 'IPv6'), both(HOST6, 'IPv6')]);
      expect(await failure(net.connect(port, HOST4))).toEqual(fails('ECONNREFUSED', -111, 'connect', HOST4, port));
      expect(portOf(await listening({ port, host: HOST4 }))).toBe(port);
    });

    it.each([
      [HOST6, HOST6, 'IPv6'],
      ['0:0:0:0:0:0:0:1', HOST6, 'IPv6'],
      ['::1%lo', HOST6, 'IPv6'],
      [MAPPED, MAPPED, 'IPv6'],
      ['::ffff:0.0.0.0', '::ffff:0.0.0.0', 'IPv6'],
      ['0.0.0.0', '0.0.0.0', 'IPv4'],
    ])('on %s says %s', async (host, address, family) => {
      const server = await listening({ host });
      expect(server.address()).toEqual({ address, family, port: portOf(server) });
    });

    it('on a mapped address takes IPv4, as IPv6', async () => {
      for (const host of [MAPPED, '::ffff:0.0.0.0']) {
        const server = await listening({ host });
        const port = portOf(server);
        expect(await met(server, { host: HOST4 })).toEqual([both(MAPPED, 'IPv6'), both(HOST4, 'IPv4')]);
        expect(await failure(net.connect(port, HOST6))).toEqual(fails('ECONNREFUSED', -111, 'connect', HOST6, port));
      }
    });

    it('needs a port that no server of either family has', async () => {
      const port = portOf(await listening());
      for (const host of [undefined, '::', '0.0.0.0', HOST4, HOST6, MAPPED]) {
        const address = host ?? '::';
        const message = `listen EADDRINUSE: address already in use ${address}:${port}`;
        const error = fails('EADDRINUSE', -98, 'listen', address, port, { message });
        expect(await failure(net.createServer().listen({ port, host }))).toEqual(error);
      }
      const other = portOf(await listening({ host: HOST4 }));
      for (const host of [undefined, '::', MAPPED]) {
        const error = await failure(net.createServer().listen({ port: other, host }));
        expect(error).toMatchObject({ code: 'EADDRINUSE', address: host ?? '::', port: other });
      }
      expect(portOf(await listening({ port: other, host: HOST6 }))).toBe(other);
    });

    it.each([
      [{ host: '2001:db8::1' }, 'EADDRNOTAVAIL', -99, 'address not available'],
      [{ host: 'fe80::1' }, 'EINVAL', -22, 'invalid argument'],
      [{ host: 'fe80::1%nowhere' }, 'EINVAL', -22, 'invalid argument'],
      [{ host: MAPPED, ipv6Only: true }, 'EINVAL', -22, 'invalid argument'],
    ])('can’t listen with the options %j: %s', async (options, code, errno, words) => {
      const message = `listen ${code}: ${words} ${options.host}`;
      const error = fails(code, errno, 'listen', options.host, undefined, { message });
      expect(await failure(net.createServer().listen({ port: 0, ...options }))).toEqual(error);
    });

    it('tells of connections that it drops as of those that it takes', async () => {
      for (const [host, shown] of [
        [HOST4, MAPPED],
        [HOST6, HOST6],
      ] as const) {
        const server = await listening();
        server.maxConnections = 1;
        const first = net.connect(portOf(server), host);
        const [taken] = (await once(server, 'connection')) as [nodeNet.Socket];
        const dropped = once(server, 'drop');
        const second = net.connect(portOf(server), host).on('error', () => {});
        await once(second, 'connect');
        const { localPort } = second;
        const local = { localAddress: shown, localPort: portOf(server), localFamily: 'IPv6' };
        const remote = { remoteAddress: shown, remotePort: localPort, remoteFamily: 'IPv6' };
        expect({ ...((await dropped)[0] as object) }).toEqual({ ...local, ...remote });
        await gone(first, second, taken);
      }
    });
  });

  describe('connect', () => {
    it.each([
      [{ host: '::' }, HOST6],
      [{ host: '::1%lo' }, HOST6],
      [{ host: '0:0:0:0:0:0:0:1' }, HOST6],
      [{ host: HOST6, localAddress: HOST6 }, HOST6],
      [{ host: HOST6, localAddress: '::' }, HOST6],
      [{ host: HOST6, family: 4 }, HOST6],
      [{ host: '::ffff:0.0.0.0' }, MAPPED],
      [{ host: MAPPED, localAddress: MAPPED }, MAPPED],
      [{ host: MAPPED, localAddress: '::' }, MAPPED],
    ])('with %j is over %s', async (options, address) => {
      expect(await met(await listening(), options)).toEqual([both(address, 'IPv6'), both(address, 'IPv6')]);
    });

    it('is refused by the address that the program gave', async () => {
      const port = await freePort();
      for (const host of [HOST6, '::', MAPPED, '0:0:0:0:0:0:0:1']) {
        expect(await failure(net.connect(port, host))).toEqual(fails('ECONNREFUSED', -111, 'connect', host, port));
      }
      expect(await failure(net.connect(0, HOST6))).toEqual(fails('ECONNREFUSED', -111, 'connect', HOST6));
    });

    it.each([
      [HOST4, HOST6],
      [HOST6, HOST4],
      [HOST6, '0.0.0.0'],
      [HOST4, '::'],
      [HOST4, MAPPED],
      [MAPPED, HOST4],
    ])('to %s from %s of another family: EINVAL of bind', async (host, localAddress) => {
      const socket = net.connect({ port: 9, host, localAddress });
      const entries = journal(socket, 'connectionAttempt', 'error', 'close');
      expect(await failure(socket)).toEqual(fails('EINVAL', -22, 'bind', localAddress));
      await closing(socket);
      expect(entries).toEqual(['error EINVAL', 'close true']);
    });

    it('from an address that is not here', async () => {
      const away = net.connect({ port: 9, host: HOST6, localAddress: '2001:db8::1' });
      expect(await failure(away)).toEqual(fails('EADDRNOTAVAIL', -99, 'bind', '2001:db8::1'));
      const zoneless = net.connect({ port: 9, host: HOST6, localAddress: 'fe80::1' });
      expect(await failure(zoneless)).toEqual(fails('EINVAL', -22, 'bind', 'fe80::1'));
    });

    it('from the port of a server', async () => {
      const port = portOf(await listening());
      for (const [host, localAddress, bound] of [
        [HOST6, undefined, '::'],
        [HOST4, undefined, '0.0.0.0'],
        [HOST6, HOST6, HOST6],
        [HOST4, HOST4, HOST4],
      ] as const) {
        const socket = net.connect({ port, host, localAddress, localPort: port });
        expect(await failure(socket)).toEqual(fails('EADDRINUSE', -98, 'bind', bound, port));
      }
    });

    // libuv takes some interface by itself from Node 22 on.
    const libuvGuesses = name === 'node' && IS_22;
    it.skipIf(libuvGuesses).each(['fe80::1', 'fe80::1%nowhere'])(
      'to %s, whose zone nobody knows: EINVAL',
      async (host) => {
        const message = `connect EINVAL ${host}:9 - Local (:::0)`;
        expect(await failure(net.connect(9, host))).toEqual(fails('EINVAL', -22, 'connect', host, 9, { message }));
      },
    );

    describe('to a name of both families', () => {
      const lookup: nodeNet.LookupFunction = (_name, options, done) => {
        const all = [
          { address: HOST6, family: 6 },
          { address: HOST4, family: 4 },
        ];
        const found = all.filter(({ family }) => !options.family || family === options.family);
        if (options.all) process.nextTick(done, null, found);
        else process.nextTick(done, null, found[0]?.address, found[0]?.family);
      };

      it.each([
        [{}, HOST6],
        [{ family: 0 }, HOST6],
        [{ family: 6 }, HOST6],
        [{ autoSelectFamily: false }, HOST6],
      ])('with %j takes the first', async (options, address) => {
        const ends = await met(await listening(), { host: 'both.test', lookup, ...options });
        expect(ends[1]).toEqual(both(address, 'IPv6'));
      });

      it('takes that of the family asked for', async () => {
        const server = await listening();
        expect((await met(server, { host: 'both.test', lookup, family: 4 }))[1]).toEqual(both(HOST4, 'IPv4'));
      });

      it('takes the second where the first refuses', async () => {
        const server = await listening({ host: HOST4 });
        const port = portOf(server);
        const socket = net.connect({ port, host: 'both.test', lookup });
        const entries = journal(socket, 'connectionAttempt', 'connectionAttemptFailed', 'connect', 'error');
        await once(socket, 'connect');
        const attempts = [
          `connectionAttempt ${HOST6}`,
          `connectionAttemptFailed ${HOST6}`,
          `connectionAttempt ${HOST4}`,
        ];
        expect(entries).toEqual([...attempts, 'connect']);
        expect(socket.autoSelectFamilyAttemptedAddresses).toEqual([`${HOST6}:${port}`, `${HOST4}:${port}`]);
        expect(endsOf(socket)).toEqual(both(HOST4, 'IPv4'));
        await gone(socket);
      });

      it('fails with the errors of both', async () => {
        const port = await freePort();
        const socket = net.connect({ port, host: 'both.test', lookup });
        const error = await new Promise<AggregateError>((resolve) => {
          socket.once('error', (reason) => resolve(reason as AggregateError));
        });
        expect(seen(error)).toEqual({ name: 'AggregateError', message: '', code: 'ECONNREFUSED' });
        expect(error.errors.map(seen)).toEqual([
          fails('ECONNREFUSED', -111, 'connect', HOST6, port),
          fails('ECONNREFUSED', -111, 'connect', HOST4, port),
        ]);
        await closing(socket);
      });
    });
  });
});

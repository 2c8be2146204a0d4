import { once } from 'node:events';
import type nodeNet from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closed, closing, gone, journal, seen, settled } from './helpers.ts';
import { MODULES } from './modules.ts';
import type { Modules } from './modules.ts';

const HOST = '127.0.0.1';
/** Nobody listens there. */
const REFUSING = '127.0.0.3';
const EVENTS = [
  'connectionAttempt',
  'connectionAttemptTimeout',
  'connectionAttemptFailed',
  'connect',
  'ready',
  'error',
  'close',
];

/** What happens with a name of several addresses of which one never answers. */
describe.each(MODULES)('$name: attempts to connect', ({ make }) => {
  let modules: Modules;
  let net: typeof nodeNet;
  let server: nodeNet.Server;
  let silent: string;
  let port: number;
  beforeEach(async () => {
    modules = make();
    net = modules.net;
    ({ address: silent, port } = await modules.silent());
    server = net.createServer((socket) => socket.resume()).listen(port, HOST);
    await once(server, 'listening');
  });
  afterEach(async () => {
    await closed(server);
    await modules.end();
  });

  function connect(addresses: string[], options: object = {}): nodeNet.Socket {
    const lookup: nodeNet.LookupFunction = (_name, _options, done) => {
      process.nextTick(
        done,
        null,
        addresses.map((address) => ({ address, family: 4 })),
      );
    };
    return net.connect({ port, host: 'many.test', lookup, autoSelectFamilyAttemptTimeout: 20, ...options });
  }

  const timedOut = (address: string): object => ({
    name: 'Error',
    code: 'ETIMEDOUT',
    errno: -110,
    syscall: 'connect',
    address,
    port,
    message: `connect ETIMEDOUT ${address}:${port}`,
  });

  it('that do not answer in time give way to the next', async () => {
    const socket = connect([silent, HOST]);
    const entries = journal(socket, ...EVENTS);
    const told: unknown[][] = [];
    socket.on('connectionAttemptTimeout', (...args) => told.push(args));
    await once(socket, 'ready');
    expect(entries).toEqual([
      `connectionAttempt ${silent}`,
      `connectionAttemptTimeout ${silent}`,
      `connectionAttempt ${HOST}`,
      'connect',
      'ready',
    ]);
    expect(told).toEqual([[silent, port, 4]]);
    expect(socket.autoSelectFamilyAttemptedAddresses).toEqual([`${silent}:${port}`, `${HOST}:${port}`]);
    expect([socket.remoteAddress, socket.address()]).toEqual([
      HOST,
      { address: HOST, port: socket.localPort, family: 'IPv4' },
    ]);
    await gone(socket);
  });

  it('have the time of the default where the options name none', async () => {
    const before = net.getDefaultAutoSelectFamilyAttemptTimeout();
    net.setDefaultAutoSelectFamilyAttemptTimeout(15);
    const socket = connect([silent, HOST], { autoSelectFamilyAttemptTimeout: undefined });
    net.setDefaultAutoSelectFamilyAttemptTimeout(before);
    await once(socket, 'connect');
    expect(socket.remoteAddress).toBe(HOST);
    await gone(socket);
  });

  it('which fail all give an AggregateError of all, with the code of the first', async () => {
    const socket = connect([silent, REFUSING]);
    const entries = journal(socket, ...EVENTS);
    const error = await new Promise<AggregateError>((resolve) => {
      socket.once('error', resolve);
    });
    await closing(socket);
    expect(error).toBeInstanceOf(AggregateError);
    expect(seen(error)).toEqual({ name: 'AggregateError', message: '', code: 'ETIMEDOUT' });
    const refused = { code: 'ECONNREFUSED', errno: -111, message: `connect ECONNREFUSED ${REFUSING}:${port}` };
    expect(error.errors.map(seen)).toEqual([timedOut(silent), { ...timedOut(REFUSING), ...refused }]);
    expect(entries).toEqual([
      `connectionAttempt ${silent}`,
      `connectionAttemptTimeout ${silent}`,
      `connectionAttempt ${REFUSING}`,
      `connectionAttemptFailed ${REFUSING}`,
      'error ETIMEDOUT',
      'close true',
    ]);
  });

  it('end when the socket is destroyed by who hears of the time-out', async () => {
    const socket = connect([silent, HOST]);
    const entries = journal(socket, ...EVENTS);
    socket.on('connectionAttemptTimeout', () => socket.destroy());
    await closing(socket);
    await settled();
    expect(entries).toEqual([`connectionAttempt ${silent}`, `connectionAttemptTimeout ${silent}`, 'close false']);
  });

  it('have no such time where there is one address, nor for the last', async () => {
    for (const addresses of [[silent], [REFUSING, silent]]) {
      const socket = connect(addresses, { timeout: 60 });
      const entries = journal(socket, ...EVENTS);
      await once(socket, 'timeout');
      expect([socket.connecting, entries.at(-1)]).toEqual([true, `connectionAttempt ${silent}`]);
      await gone(socket);
    }
  });

  it('wait for what is written: it goes to the one that answers', async () => {
    const taken = once(server, 'connection');
    const socket = connect([silent, HOST]);
    socket.write('once');
    const [far] = (await taken) as [nodeNet.Socket];
    const [bytes] = (await once(far, 'data')) as [Buffer];
    expect(String(bytes)).toBe('once');
    await gone(socket, far);
  });
});

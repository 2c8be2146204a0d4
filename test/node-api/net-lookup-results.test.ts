import { once } from 'node:events';
import type nodeNet from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IS_22_OR_NEWER } from '../../src/node/node-features.ts';
import { closed, closing, gone, journal, listening, portOf, seen, settled } from './helpers.ts';
import { MODULES } from './modules.ts';
import type { Modules } from './modules.ts';

const HOST = '127.0.0.1';
const EVENTS = ['lookup', 'connectionAttempt', 'connectionAttemptFailed', 'connect', 'error', 'close'];

/** What a `lookup` calls back with behind the error, and when. */
type Answer = readonly unknown[];

describe.each(MODULES)('$name: a lookup of the program’s own', ({ make }) => {
  let modules: Modules;
  let net: typeof nodeNet;
  let server: nodeNet.Server;
  let port: number;
  beforeEach(async () => {
    modules = make();
    net = modules.net;
    server = await listening(net.createServer((socket) => socket.on('error', () => {}).resume()));
    port = portOf(server);
  });
  afterEach(async () => {
    await closed(server);
    await modules.end();
  });

  function connect(answer: Answer, options: object = {}): nodeNet.Socket {
    const lookup = (_name: string, _options: object, done: (...args: unknown[]) => void): void => {
      process.nextTick(done, null, ...answer);
    };
    return net.connect({ port, host: 'some.test', lookup, ...options } as nodeNet.TcpNetConnectOpts);
  }

  /** What 'error' brings, and the names that 'lookup' has told before. */
  async function refused(answer: Answer, options: object): Promise<[unknown, unknown[]]> {
    const socket = connect(answer, options);
    const told: unknown[] = [];
    socket.on('lookup', (...args: unknown[]) => told.push(args));
    const entries = journal(socket, ...EVENTS.slice(1));
    const [error] = (await once(socket, 'error')) as [Error];
    await closing(socket);
    expect(entries).toEqual([`error ${(error as NodeJS.ErrnoException).code}`, 'close true']);
    return [seen(error), told];
  }

  const badAddress = (shown: string): object => {
    return { name: 'TypeError', code: 'ERR_INVALID_IP_ADDRESS', message: `Invalid IP address: ${shown}` };
  };
  const badFamily = (shown: string): object => ({
    name: 'RangeError',
    code: 'ERR_INVALID_ADDRESS_FAMILY',
    host: 'some.test',
    port,
    message: `Invalid address family: ${shown} some.test:${port}`,
  });

  it.each<[string, Answer, () => object]>([
    ['no address', ['nowhere', 4], () => badAddress('nowhere')],
    ['nothing', [], () => badAddress('undefined')],
    ['null', [null], () => badAddress('null')],
    ['a number', [5, 4], () => badAddress('5')],
    ['a list, as for all', [[{ address: HOST, family: 4 }], 4], () => badAddress('[ [Object] ]')],
    ['an object', [{ address: HOST, family: 4 }, 4], () => badAddress(`{ address: '${HOST}', family: 4 }`)],
    ['no family', [HOST], () => badFamily('undefined')],
    [
      'a list of one text, and no family',
      [[HOST]],
      () => (IS_22_OR_NEWER ? badAddress(`[ '${HOST}' ]`) : badFamily('undefined')),
    ],
    ['a family that there is not', [HOST, 100], () => badFamily('100')],
    ['a family in words', [HOST, 'IPv4'], () => badFamily('IPv4')],
  ])('that was asked for one address, and gives %s, is refused', async (_name, answer, expected) => {
    const [error, told] = await refused(answer, { family: 4 });
    expect(error).toEqual(expected());
    expect(told).toEqual([[null, answer[0], answer[1], 'some.test']]);
  });

  const entry = (address: unknown, family: unknown): Answer => [[{ address, family }]];

  it.each<[string, Answer, () => object]>([
    ['no address', entry('nowhere', 4), () => badAddress('nowhere')],
    ['a number', entry(5, 4), () => badAddress('5')],
    ['a family that there is not', entry(HOST, 100), () => badFamily('100')],
    ['a family in words', entry(HOST, 'IPv4'), () => badFamily('IPv4')],
    ['no family', entry(HOST, undefined), () => badFamily('undefined')],
    ['strings', [[HOST, '127.0.0.2']], () => badAddress('undefined')],
    ['one address alone', [HOST, 4], () => badAddress('undefined')],
  ])('that was asked for all addresses, and gives %s, is refused', async (_name, answer, expected) => {
    const [error, told] = await refused(answer, { autoSelectFamily: true });
    expect(error).toEqual(expected());
    // Each letter counts as an entry.
    const entries = [...(answer[0] as Iterable<{ address?: unknown; family?: unknown }>)];
    expect(told).toEqual(entries.map(({ address, family }) => [null, address, family, 'some.test']));
  });

  it('that gives among all addresses some that are none connects to the others', async () => {
    const socket = connect([[{ address: 'nowhere', family: 4 }, {}, { address: HOST, family: 4 }]], {
      autoSelectFamily: true,
    });
    const entries = journal(socket, 'lookup', 'connectionAttempt', 'connect');
    await once(socket, 'connect');
    expect(entries).toEqual(['lookup', 'lookup', 'lookup', `connectionAttempt ${HOST}`, 'connect']);
    await gone(socket);
  });

  it.each([
    ['an empty list', [[]], 'addresses[0]'],
    ['nothing', [], "reading 'length'"],
    ['null', [null], "reading 'length'"],
    ['null in a list', [[null]], "property 'address'"],
  ])('that was asked for all, and gives %s, fails itself', async (_name, answer, message) => {
    let failed: (error: unknown) => void;
    const lookup = (_host: string, _options: object, done: (...args: unknown[]) => void): void => {
      process.nextTick(() => {
        try {
          done(null, ...answer);
        } catch (error) {
          failed(error);
        }
      });
    };
    const options = { port, host: 'some.test', lookup, autoSelectFamily: true };
    const socket = net.connect(options as unknown as nodeNet.TcpNetConnectOpts);
    const entries = journal(socket, 'error', 'close');
    const error = await new Promise<unknown>((resolve) => (failed = resolve));
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toContain(message);
    await settled();
    expect([entries, socket.connecting]).toEqual([[], true]);
    await gone(socket);
  });
  it.each([
    [HOST, 6],
    ['::1', 4],
  ])('that gives %s as an address of family %i finds no way there', async (address, family) => {
    const socket = connect([address, family], { family });
    const told = journal(socket, ...EVENTS);
    const [error] = (await once(socket, 'error')) as [Error];
    await closing(socket);
    expect(seen(error)).toEqual({
      name: 'Error',
      code: 'EINVAL',
      errno: -22,
      syscall: 'connect',
      address,
      port,
      message: `connect EINVAL ${address}:${port} - Local (undefined:undefined)`,
    });
    expect(told).toEqual(['lookup', `connectionAttempt ${address}`, 'error EINVAL', 'close true']);
  });

  it('that answers twice fails where the first attempt is under way', async () => {
    const lookup = (_name: string, _options: object, done: (...args: unknown[]) => void): void => {
      process.nextTick(() => {
        done(null, HOST, 4);
        done(null, HOST, 4);
      });
    };
    const socket = net.connect({ port, host: 'some.test', lookup, family: 4 } as unknown as nodeNet.TcpNetConnectOpts);
    const told = journal(socket, ...EVENTS);
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    await closing(socket);
    expect((error as Error).message).toMatch(/^connect EALREADY 127\.0\.0\.1:\d+ - Local \(127\.0\.0\.1:\d+\)$/);
    const attempt = ['lookup', `connectionAttempt ${HOST}`];
    expect(told).toEqual([...attempt, ...attempt, 'error EALREADY', 'close true']);
  });

  it('tells of what it has found also when nobody waits any more, unless it was asked for all', async () => {
    for (const autoSelectFamily of [false, true]) {
      let answer: (() => void) | undefined;
      const lookup = (_name: string, _options: object, done: (...args: unknown[]) => void): void => {
        answer = () => done(null, autoSelectFamily ? [{ address: HOST, family: 4 }] : HOST, 4);
      };
      const options = { port, host: 'some.test', lookup, autoSelectFamily };
      const socket = net.connect(options as unknown as nodeNet.TcpNetConnectOpts);
      const told = journal(socket, ...EVENTS);
      await gone(socket);
      answer!();
      await settled();
      expect(told).toEqual(autoSelectFamily ? ['close false'] : ['close false', 'lookup']);
    }
  });
});

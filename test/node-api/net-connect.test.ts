import dns from 'node:dns';
import { once } from 'node:events';
import type nodeNet from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { closed, closing, failure, freePort, gone, journal, listening } from './helpers.ts';
import { portOf, replaceLookup, seen, settled, thrown } from './helpers.ts';
import { HAS_BLOCK_LISTS, IS_22_OR_NEWER } from '../../src/node/node-features.ts';
import { MODULES } from './modules.ts';
import type { Modules } from './modules.ts';

const HOST = '127.0.0.1';
const BLOCKED = { name: 'Error', code: 'ERR_IP_BLOCKED', message: `IP(${HOST}) is blocked by net.BlockList` };

describe.each(MODULES)('$name: net.connect', ({ make }) => {
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
    vi.restoreAllMocks();
    await closed(server);
    await modules.end();
  });

  const refused = (target: number, more = {}): object => ({
    name: 'Error',
    code: 'ECONNREFUSED',
    errno: -111,
    syscall: 'connect',
    address: HOST,
    port: target,
    message: `connect ECONNREFUSED ${HOST}:${target}`,
    ...more,
  });

  /** A lookup that finds these addresses for every name, and what it was asked. */
  function found(...addresses: string[]): nodeNet.LookupFunction & { asked: unknown[] } {
    const asked: unknown[] = [];
    const lookup: nodeNet.LookupFunction = (name, options, done) => {
      asked.push([name, options]);
      const list = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
      if (options.all) process.nextTick(done, null, list);
      else process.nextTick(done, null, list[0]?.address, list[0]?.family);
    };
    return Object.assign(lookup, { asked });
  }

  describe('connects', () => {
    const forms: [string, (listener: () => void) => nodeNet.Socket][] = [
      ['port, host, listener', (listener) => net.connect(port, HOST, listener)],
      ['createConnection', (listener) => net.createConnection(port, HOST, listener)],
      ['port as text', (listener) => Reflect.apply(net.connect, net, [String(port), HOST, listener]) as nodeNet.Socket],
      ['options, listener', (listener) => net.connect({ port, host: HOST }, listener)],
      ['socket.connect(port, host, listener)', (listener) => new net.Socket().connect(port, HOST, listener)],
      ['socket.connect(options, listener)', (listener) => new net.Socket().connect({ port, host: HOST }, listener)],
    ];

    it.each(forms)('by %s', async (_form, connect) => {
      let calls = 0;
      const socket = connect(() => calls++);
      expect(socket).toBeInstanceOf(net.Socket);
      expect([socket.connecting, socket.pending, socket.readyState]).toEqual([true, true, 'opening']);
      await once(socket, 'ready');
      expect([socket.connecting, socket.pending, socket.readyState, calls]).toEqual([false, false, 'open', 1]);
      expect([socket.remoteAddress, socket.remotePort, socket.remoteFamily]).toEqual([HOST, port, 'IPv4']);
      expect(socket.address()).toEqual({ address: HOST, port: socket.localPort, family: 'IPv4' });
      expect([socket.localAddress, socket.localFamily]).toEqual([HOST, 'IPv4']);
      await gone(socket);
    });

    it('to localhost where there is no host', async () => {
      const lookup = found(HOST);
      replaceLookup(lookup);
      const sockets = [net.connect(port), net.connect({ port }), net.connect({ port, host: null as never })];
      await Promise.all(sockets.map((socket) => once(socket, 'connect')));
      expect(lookup.asked.map((asked) => (asked as unknown[])[0])).toEqual(['localhost', 'localhost', 'localhost']);
      await gone(...sockets);
    });

    it('from a local address and port', async () => {
      const localPort = await freePort(net);
      const socket = net.connect({ port, host: HOST, localAddress: '127.0.0.2', localPort });
      await once(socket, 'connect');
      expect(socket.address()).toEqual({ address: '127.0.0.2', family: 'IPv4', port: localPort });
      await gone(socket);
    });

    it('and tells of it in order: lookup, connectionAttempt, connect, ready', async () => {
      const socket = net.connect({ port, host: 'here.test', lookup: found(HOST) });
      const entries = journal(socket, 'lookup', 'connectionAttempt', 'connectionAttemptFailed', 'connect', 'ready');
      const events: unknown[][] = [];
      socket.on('lookup', (...args) => events.push(args));
      socket.on('connectionAttempt', (...args) => events.push(args));
      await once(socket, 'ready');
      expect(entries).toEqual(['lookup', `connectionAttempt ${HOST}`, 'connect', 'ready']);
      expect(events).toEqual([
        [null, HOST, 4, 'here.test'],
        [HOST, port, 4],
      ]);
      expect(socket.autoSelectFamilyAttemptedAddresses).toBe(undefined);
      await gone(socket);
    });

    it('with a timeout that is armed from the start', async () => {
      const socket = net.connect({ port, host: HOST, timeout: 20 });
      expect(socket.timeout).toBe(20);
      await once(socket, 'timeout');
      expect(socket.destroyed).toBe(false);
      await gone(socket);
    });
  });

  describe('is refused', () => {
    it('with ECONNREFUSED, then close true', async () => {
      const target = await freePort(net);
      const socket = net.connect(target, HOST);
      const entries = journal(
        socket,
        'connectionAttempt',
        'connectionAttemptFailed',
        'connect',
        'error',
        'end',
        'close',
      );
      expect(await failure(socket)).toEqual(refused(target));
      await closing(socket);
      const attempt = [`connectionAttempt ${HOST}`, `connectionAttemptFailed ${HOST}`];
      expect(entries).toEqual([...attempt, 'error ECONNREFUSED', 'close true']);
      expect([socket.destroyed, socket.connecting, socket.pending, socket.readyState]).toEqual([
        true,
        false,
        true,
        'closed',
      ]);
    });

    it('with the local end in the error where the program chose it', async () => {
      const target = await freePort(net);
      const localPort = await freePort(net);
      const socket = net.connect({ port: target, host: HOST, localAddress: HOST, localPort });
      const message = `connect ECONNREFUSED ${HOST}:${target} - Local (${HOST}:${localPort})`;
      expect(await failure(socket)).toEqual(refused(target, { message, localAddress: HOST, localPort }));
    });

    it('with the local end in the error where the program chose the port alone', async () => {
      const target = await freePort(net);
      const localPort = await freePort(net);
      const socket = net.connect({ port: target, host: HOST, localPort });
      const message = `connect ECONNREFUSED ${HOST}:${target} - Local (0.0.0.0:${localPort})`;
      expect(await failure(socket)).toEqual(refused(target, { message, localAddress: '0.0.0.0', localPort }));
    });

    it('on port 0', async () => {
      const socket = net.connect(0, HOST);
      const entries = journal(socket, 'connectionAttempt', 'connectionAttemptFailed', 'error', 'close');
      const { port: _port, ...error } = refused(0, { message: `connect ECONNREFUSED ${HOST}` }) as { port: number };
      expect(await failure(socket)).toEqual(error);
      await closing(socket);
      const attempt = [`connectionAttempt ${HOST}`, `connectionAttemptFailed ${HOST}`];
      expect(entries).toEqual([...attempt, 'error ECONNREFUSED', 'close true']);
    });

    it('from an address that is not here: EADDRNOTAVAIL of bind, and no attempt', async () => {
      const socket = net.connect({ port, host: HOST, localAddress: '192.0.2.1' });
      const entries = journal(socket, 'connectionAttempt', 'connectionAttemptFailed', 'error', 'close');
      expect(await failure(socket)).toEqual({
        name: 'Error',
        code: 'EADDRNOTAVAIL',
        errno: -99,
        syscall: 'bind',
        address: '192.0.2.1',
        message: 'bind EADDRNOTAVAIL 192.0.2.1',
      });
      await closing(socket);
      expect(entries).toEqual(['error EADDRNOTAVAIL', 'close true']);
    });

    it('from a port in use: EADDRINUSE of bind', async () => {
      const socket = net.connect({ port, host: HOST, localAddress: HOST, localPort: port });
      expect(await failure(socket)).toEqual({
        name: 'Error',
        code: 'EADDRINUSE',
        errno: -98,
        syscall: 'bind',
        address: HOST,
        port,
        message: `bind EADDRINUSE ${HOST}:${port}`,
      });
      await closing(socket);
    });

    it.each([65_536, 70_000, 1.5, Infinity])('from the local port %d: EADDRINUSE of bind', async (localPort) => {
      const socket = net.connect({ port, host: HOST, localPort });
      const entries = journal(socket, 'connectionAttempt', 'connectionAttemptFailed', 'error', 'close');
      expect(await failure(socket)).toEqual({
        name: 'Error',
        code: 'EADDRINUSE',
        errno: -98,
        syscall: 'bind',
        address: '0.0.0.0',
        port: localPort,
        message: `bind EADDRINUSE 0.0.0.0:${localPort}`,
      });
      await closing(socket);
      expect(entries).toEqual(['error EADDRINUSE', 'close true']);
    });

    it('from a local port below 0 by 16 bits of it', async () => {
      const localPort = await freePort(net);
      const socket = net.connect({ port, host: HOST, localPort: localPort - 65_536 });
      await once(socket, 'connect');
      expect(socket.localPort).toBe(localPort);
      await gone(socket);
    });

    it.runIf(HAS_BLOCK_LISTS)('to a blocked address: ERR_IP_BLOCKED', async () => {
      const blockList = new net.BlockList();
      blockList.addAddress(HOST);
      for (const where of [{ host: HOST }, { host: 'here.test', lookup: found(HOST) }]) {
        const options = { port, blockList, ...where };
        const socket = net.connect(options);
        expect(Reflect.get(socket, 'blockList')).toBe(blockList);
        const entries = journal(socket, 'connectionAttempt', 'connectionAttemptFailed', 'connect', 'error', 'close');
        expect(await failure(socket)).toEqual(BLOCKED);
        await closing(socket);
        expect(entries).toEqual([`connectionAttempt ${HOST}`, 'error ERR_IP_BLOCKED', 'close true']);
      }
    });

    it('while it connects: EALREADY', async () => {
      const socket = net.connect(port, HOST);
      const entries = journal(socket, 'connect', 'error', 'close');
      socket.connect(port, HOST);
      expect(await failure(socket)).toMatchObject({ code: 'EALREADY', syscall: 'connect', address: HOST, port });
      await closing(socket);
      expect(entries).toEqual(['error EALREADY', 'close true']);
    });
  });

  describe('throws', () => {
    const bad = (message: string) => ({ name: 'RangeError', code: 'ERR_SOCKET_BAD_PORT', message });
    const typed = (message: string) => ({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE', message });
    const range = (message: string) => ({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE', message });
    const missing = {
      name: 'TypeError',
      code: 'ERR_MISSING_ARGS',
      message: 'The "options" or "port" or "path" argument must be specified',
    };
    const value = (option: string, what: unknown) => ({
      name: 'TypeError',
      code: 'ERR_INVALID_ARG_VALUE',
      message: `The property 'options.${option}' is not supported. Received ${String(what)}`,
    });
    const cases: [unknown[], object][] = [
      [[], missing],
      [[{}], missing],
      [[{ host: HOST }], missing],
      [[undefined], missing],
      [[null], typed('The "options.port" property must be one of type number or string. Received null')],
      [[true], typed('The "options.port" property must be one of type number or string. Received type boolean (true)')],
      [
        [{ port: [] }],
        typed('The "options.port" property must be one of type number or string. Received an instance of Array'),
      ],
      [[70_000], bad('Port should be >= 0 and < 65536. Received type number (70000).')],
      [[-1, HOST], bad('Port should be >= 0 and < 65536. Received type number (-1).')],
      [[{ port: '' }], bad("Port should be >= 0 and < 65536. Received type string ('').")],
      [[{ port: 'x' }], bad("Port should be >= 0 and < 65536. Received type string ('x').")],
      [[{ port: Number.NaN }], bad('Port should be >= 0 and < 65536. Received type number (NaN).')],
      [
        [{ port: 1, localAddress: 'x' }],
        { name: 'TypeError', code: 'ERR_INVALID_IP_ADDRESS', message: 'Invalid IP address: x' },
      ],
      [
        [{ port: 1, localPort: '1' }],
        typed('The "options.localPort" property must be of type number. Received type string (\'1\')'),
      ],
      [
        [{ port: 1, autoSelectFamily: 'x' }],
        typed('The "options.autoSelectFamily" property must be of type boolean. Received type string (\'x\')'),
      ],
      [
        [{ port: 1, autoSelectFamilyAttemptTimeout: 'x' }],
        typed(
          'The "options.autoSelectFamilyAttemptTimeout" property must be of type number. Received type string (\'x\')',
        ),
      ],
      [
        [{ port: 1, autoSelectFamilyAttemptTimeout: 0 }],
        range(
          'The value of "options.autoSelectFamilyAttemptTimeout" is out of range. ' +
            'It must be >= 1 && <= 2147483647. Received 0',
        ),
      ],
      [
        [{ port: 1, autoSelectFamilyAttemptTimeout: 1.5 }],
        range(
          'The value of "options.autoSelectFamilyAttemptTimeout" is out of range. It must be an integer. Received 1.5',
        ),
      ],
      [
        [{ port: 1, host: 'a.name', lookup: 5 }],
        typed('The "options.lookup" property must be of type function. Received type number (5)'),
      ],
      [[{ port: 1, timeout: 'x' }], typed('The "msecs" argument must be of type number. Received type string (\'x\')')],
      [
        [{ port: 1, timeout: -1 }],
        range('The value of "msecs" is out of range. It must be a non-negative finite number. Received -1'),
      ],
      [[{ port: 1, objectMode: true }], value('objectMode', true)],
      [[{ port: 1, readableObjectMode: 1 }], value('readableObjectMode', 1)],
      [[{ port: 1, writableObjectMode: 1 }], value('writableObjectMode', 1)],
      [
        [{ port: 1, keepAliveInitialDelay: 'x' }],
        typed('The "options.keepAliveInitialDelay" property must be of type number. Received type string (\'x\')'),
      ],
      [
        [{ port: 1, signal: 'x' }],
        typed('The "signal" argument must be an instance of AbortSignal. Received type string (\'x\')'),
      ],
    ];
    it.each(cases)('for %j', (args, error) => {
      expect(thrown(() => Reflect.apply(net.connect, net, args))).toEqual(error);
    });

    it('for a host that is no string, or has a null byte, in Node’s words of the version', () => {
      const [number, nul] = [5, 'a\0b'].map((host) => () => net.connect({ port: 1, host: host as string }));
      const name = IS_22_OR_NEWER ? 'options.host" property' : 'hostname" argument';
      expect(thrown(number!)).toEqual(typed(`The "${name} must be of type string. Received type number (5)`));
      if (!IS_22_OR_NEWER) return;
      expect(thrown(nul!)).toEqual({
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_VALUE',
        message: "The property 'options.host' must be a string without null bytes. Received 'a\\x00b'",
      });
    });

    it('not for null where undefined would do, nor for a lookup that nobody needs', async () => {
      const none = { lookup: null, autoSelectFamily: null, autoSelectFamilyAttemptTimeout: null, hints: null };
      const socket = Reflect.apply(net.connect, net, [{ port, host: HOST, ...none }]) as nodeNet.Socket;
      await once(socket, 'connect');
      const other = Reflect.apply(net.connect, net, [{ port, host: HOST, lookup: 5 }]) as nodeNet.Socket;
      await once(other, 'connect');
      expect([socket.remotePort, other.remotePort]).toEqual([port, port]);
      await gone(socket, other);
    });
  });

  describe('lookup', () => {
    it('is dns.lookup, as it is at the time of the call', async () => {
      const lookup = found(HOST);
      replaceLookup(lookup);
      const socket = net.connect(port, 'here.test');
      await once(socket, 'connect');
      expect(lookup.asked).toEqual([['here.test', { family: undefined, hints: dns.ADDRCONFIG, all: true }]]);
      await gone(socket);
    });

    it.each([
      [{ family: 4 }, { family: 4, hints: 0 }],
      [{ family: 'IPv4' }, { family: 4, hints: 0 }],
      [
        { family: 4, hints: dns.V4MAPPED },
        { family: 4, hints: dns.V4MAPPED },
      ],
      [
        { family: 0, hints: dns.ALL },
        { family: 0, hints: dns.ALL, all: true },
      ],
      [{ localAddress: HOST }, { family: undefined, hints: dns.ADDRCONFIG }],
      [{ autoSelectFamily: false }, { family: undefined, hints: dns.ADDRCONFIG }],
    ])('with the options %j is asked for %j', async (options, asked) => {
      const lookup = found(HOST);
      const socket = net.connect({ port, host: 'here.test', lookup, ...(options as object) });
      await once(socket, 'connect');
      expect(lookup.asked).toEqual([['here.test', asked]]);
      await gone(socket);
    });

    it('that fails is the socket’s error', async () => {
      for (const autoSelectFamily of [true, false]) {
        const lookup: nodeNet.LookupFunction = (_name, _options, done) => {
          done(Object.assign(new Error('no'), { code: 'ENOTFOUND' }), undefined as never);
        };
        const socket = net.connect({ port, host: 'nowhere.test', autoSelectFamily, lookup });
        const entries = journal(socket, 'lookup', 'connectionAttempt', 'error', 'close');
        expect(await failure(socket)).toEqual({ name: 'Error', code: 'ENOTFOUND', message: 'no' });
        await closing(socket);
        expect(entries).toEqual(['error ENOTFOUND', 'close true']);
      }
    });

    it('that fails later has its event, too', async () => {
      const lookup: nodeNet.LookupFunction = (_name, _options, done) => {
        process.nextTick(done, Object.assign(new Error('no'), { code: 'ENOTFOUND' }));
      };
      const socket = net.connect({ port, host: 'nowhere.test', lookup });
      const entries = journal(socket, 'lookup', 'connectionAttempt', 'error', 'close');
      const looked = new Promise<unknown[]>((resolve) => {
        socket.once('lookup', (...args) => resolve(args));
      });
      expect(await looked).toEqual([expect.any(Error), undefined, undefined, 'nowhere.test']);
      await closing(socket);
      expect(entries).toEqual(['lookup ENOTFOUND', 'error ENOTFOUND', 'close true']);
    });

    it('that finds no address: ERR_INVALID_IP_ADDRESS', async () => {
      for (const family of [4, 0]) {
        const socket = net.connect({ port, host: 'nowhere.test', family, lookup: found('rubbish') });
        expect(await failure(socket)).toEqual({
          name: 'TypeError',
          code: 'ERR_INVALID_IP_ADDRESS',
          message: 'Invalid IP address: rubbish',
        });
        await closing(socket);
      }
    });

    it('that finds a family that is none: ERR_INVALID_ADDRESS_FAMILY', async () => {
      const lookup: nodeNet.LookupFunction = (_name, _options, done) => process.nextTick(done, null, HOST, 100);
      const socket = net.connect({ port, host: 'odd.test', family: 4, lookup });
      expect(await failure(socket)).toEqual({
        name: 'RangeError',
        code: 'ERR_INVALID_ADDRESS_FAMILY',
        host: 'odd.test',
        port,
        message: `Invalid address family: 100 odd.test:${port}`,
      });
      await closing(socket);
    });

    it('that ends after the socket was destroyed connects nothing', async () => {
      const socket = net.connect({ port, host: 'here.test', lookup: found(HOST) });
      const entries = journal(socket, 'connectionAttempt', 'connect', 'error', 'close');
      socket.destroy();
      await settled();
      expect(entries).toEqual(['close false']);
    });
  });

  describe('with several addresses', () => {
    it('tries them in turn, each once', async () => {
      const lookup = found('127.0.0.2', '127.0.0.2', HOST, '127.0.0.3');
      const socket = net.connect({ port, host: 'many.test', lookup });
      const entries = journal(socket, 'lookup', 'connectionAttempt', 'connectionAttemptFailed', 'connect', 'error');
      await once(socket, 'connect');
      expect(entries).toEqual([
        'lookup',
        'lookup',
        'lookup',
        'lookup',
        'connectionAttempt 127.0.0.2',
        'connectionAttemptFailed 127.0.0.2',
        `connectionAttempt ${HOST}`,
        'connect',
      ]);
      expect(socket.autoSelectFamilyAttemptedAddresses).toEqual([`127.0.0.2:${port}`, `${HOST}:${port}`]);
      expect(socket.remoteAddress).toBe(HOST);
      await gone(socket);
    });

    it.runIf(HAS_BLOCK_LISTS)('passes over those that are blocked', async () => {
      const blockList = new net.BlockList();
      blockList.addAddress('127.0.0.2');
      const events = ['connectionAttempt', 'connectionAttemptFailed', 'connect', 'error', 'close'];
      const options = { port, host: 'many.test', lookup: found('127.0.0.2', HOST), blockList };
      const socket = net.connect(options);
      const entries = journal(socket, ...events);
      await once(socket, 'connect');
      expect(entries).toEqual(['connectionAttemptFailed 127.0.0.2', `connectionAttempt ${HOST}`, 'connect']);
      expect(socket.autoSelectFamilyAttemptedAddresses).toEqual([`${HOST}:${port}`]);
      await gone(socket);
      blockList.addAddress(HOST);
      const other = net.connect(options);
      const error = await new Promise<AggregateError>((resolve) => {
        other.once('error', resolve);
      });
      expect(seen(error)).toMatchObject({ name: 'AggregateError', code: 'ERR_IP_BLOCKED' });
      const second = { ...BLOCKED, message: 'IP(127.0.0.2) is blocked by net.BlockList' };
      expect(error.errors.map(seen)).toEqual([second, BLOCKED]);
      await closing(other);
    });

    it('fails with all their errors: an AggregateError', async () => {
      const target = await freePort(net);
      const socket = net.connect({ port: target, host: 'many.test', lookup: found('127.0.0.2', HOST) });
      const entries = journal(socket, 'connectionAttemptFailed', 'error', 'close');
      const error = await new Promise<unknown>((resolve) => {
        socket.once('error', resolve);
      });
      expect(error).toBeInstanceOf(AggregateError);
      expect(seen(error)).toEqual({ name: 'AggregateError', message: '', code: 'ECONNREFUSED' });
      const second = { address: '127.0.0.2', message: `connect ECONNREFUSED 127.0.0.2:${target}` };
      const { errors } = error as AggregateError;
      expect(errors.map(seen)).toEqual([refused(target, second), refused(target)]);
      await closing(socket);
      const failed = ['connectionAttemptFailed 127.0.0.2', `connectionAttemptFailed ${HOST}`];
      expect(entries).toEqual([...failed, 'error ECONNREFUSED', 'close true']);
    });

    it('takes the first only with autoSelectFamily off', async () => {
      const lookup = found('127.0.0.2', HOST);
      const socket = net.connect({ port, host: 'many.test', lookup, autoSelectFamily: false });
      expect(await failure(socket)).toMatchObject({ code: 'ECONNREFUSED', address: '127.0.0.2' });
      await closing(socket);
    });

    it('stops when the socket is destroyed on the way', async () => {
      const socket = net.connect({ port, host: 'many.test', lookup: found('127.0.0.2', HOST) });
      const entries = journal(socket, 'connectionAttempt', 'connect', 'error', 'close');
      socket.on('connectionAttemptFailed', () => socket.destroy());
      await closing(socket);
      await settled();
      expect(entries).toEqual(['connectionAttempt 127.0.0.2', 'close false']);
    });
  });

  describe('signal', () => {
    it('ends the socket with an AbortError, before and after it is connected', async () => {
      const aborted = { name: 'AbortError', code: 'ABORT_ERR', message: 'The operation was aborted' };
      const before = new AbortController();
      const early = net.connect({ port, host: HOST, signal: before.signal });
      const entries = journal(early, 'connect', 'error', 'close');
      before.abort();
      expect(await failure(early)).toEqual(aborted);
      await closing(early);
      expect(entries).toEqual(['error ABORT_ERR', 'close true']);
      const after = new AbortController();
      const late = net.connect({ port, host: HOST, signal: after.signal });
      await once(late, 'connect');
      after.abort();
      expect(await failure(late)).toEqual(aborted);
      await closing(late);
      const never = new net.Socket({ signal: AbortSignal.abort() });
      const last = journal(never, 'error', 'close');
      await settled();
      expect(last).toEqual(['error ABORT_ERR', 'close']);
    });
  });

  it('the defaults of autoSelectFamily are checked, and kept', () => {
    const { getDefaultAutoSelectFamily: family, setDefaultAutoSelectFamily: setFamily } = net;
    const { getDefaultAutoSelectFamilyAttemptTimeout: time, setDefaultAutoSelectFamilyAttemptTimeout: setTime } = net;
    const [wasFamily, wasTime] = [family(), time()];
    setFamily(false);
    setTime(5);
    expect([wasFamily, family(), time()]).toEqual([true, false, 10]);
    setFamily(wasFamily);
    setTime(wasTime);
    expect(thrown(() => setFamily(1 as never))).toMatchObject({
      message: 'The "value" argument must be of type boolean. Received type number (1)',
    });
    expect(thrown(() => setTime(0)).message).toBe(
      'The value of "value" is out of range. It must be >= 1 && <= 2147483647. Received 0',
    );
    expect(thrown(() => setTime(1.5)).message).toBe(
      'The value of "value" is out of range. It must be an integer. Received 1.5',
    );
  });
});

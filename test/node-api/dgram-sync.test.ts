import nodeDgram from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { BlockList } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DgramBench, LOCALHOST, fieldsOf, textOf, thrown, turn } from './dgram-bench.ts';
import { MODULES } from './modules.ts';

/** What Node has since v24.19, and our sockets on any. */
interface SyncSocket extends Socket {
  bindSync(options?: unknown): AddressInfo;
  connectSync(port: unknown, address?: unknown): void;
}

const present = MODULES.filter(({ name }) => name !== 'node' || 'bindSync' in nodeDgram.Socket.prototype);

describe.each(present)('$name: bindSync and connectSync', ({ make }) => {
  let bench: DgramBench;
  beforeEach(() => {
    bench = new DgramBench(make());
  });
  afterEach(() => bench.end());

  function socket(): SyncSocket {
    return bench.socket() as SyncSocket;
  }

  it('bindSync binds at once, and tells later', async () => {
    const any = socket();
    let listening = 0;
    any.on('listening', () => listening++);
    const bound = any.bindSync();
    expect(bound).toEqual({ address: '0.0.0.0', family: 'IPv4', port: expect.any(Number) });
    expect(any.address()).toEqual(bound);
    expect(listening).toBe(0);
    await once(any, 'listening');
    expect(listening).toBe(1);
    const local = socket().bindSync({ address: LOCALHOST, port: 0 });
    expect(local.address).toBe(LOCALHOST);
    expect(socket().bindSync({ address: '' }).address).toBe('0.0.0.0');
    const heard = textOf(any);
    socket().send('x', bound.port, LOCALHOST);
    expect(await heard).toBe('x');
  });

  it('bindSync throws what it cannot do, after which the socket may be bound', async () => {
    const { port } = (await bench.bound()).address();
    const own = socket();
    const refused = (): unknown => own.bindSync({ address: LOCALHOST, port });
    expect(thrown(refused)).toEqual({
      kind: 'Error',
      code: 'EADDRINUSE',
      message: `bind EADDRINUSE ${LOCALHOST}:${port}`,
    });
    try {
      refused();
    } catch (error) {
      expect(fieldsOf(error)).toEqual({ errno: -98, code: 'EADDRINUSE', syscall: 'bind', address: LOCALHOST, port });
    }
    expect(thrown(() => own.bindSync({ address: '::1' }))).toMatchObject({ message: 'bind EINVAL ::1' });
    own.bindSync();
    expect(thrown(() => own.bindSync()).code).toBe('ERR_SOCKET_ALREADY_BOUND');
    expect(thrown(() => own.bind()).code).toBe('ERR_SOCKET_ALREADY_BOUND');
    const binding = socket();
    binding.bind(0, LOCALHOST);
    expect(thrown(() => binding.bindSync()).code).toBe('ERR_SOCKET_ALREADY_BOUND');
    expect(thrown(() => binding.connectSync(9)).code).toBe('ERR_SOCKET_ALREADY_BOUND');
    await once(binding, 'listening');
    own.close();
    expect(thrown(() => own.bindSync()).code).toBe('ERR_SOCKET_DGRAM_NOT_RUNNING');
    expect(thrown(() => own.connectSync(9)).code).toBe('ERR_SOCKET_DGRAM_NOT_RUNNING');
  });

  it.each([null, 5, [], 'x'])('bindSync refuses the options %j', (options) => {
    expect(thrown(() => socket().bindSync(options))).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
      message: expect.stringMatching(/^The "options" argument must be of type object\. Received /),
    });
  });

  it('they refuse other arguments', () => {
    const own = socket();
    const wanted = (call: string): string => `must be a numeric IP address; ${call} does not perform DNS resolution`;
    const said: [use: () => unknown, code: string, message: string][] = [
      [
        () => own.bindSync({ port: -1 }),
        'ERR_SOCKET_BAD_PORT',
        'options.port should be >= 0 and < 65536. Received type number (-1).',
      ],
      [
        () => own.bindSync({ address: 5 }),
        'ERR_INVALID_ARG_TYPE',
        'The "options.address" property must be of type string. Received type number (5)',
      ],
      [
        () => own.bindSync({ address: 'localhost' }),
        'ERR_INVALID_ARG_VALUE',
        `The property 'options.address' ${wanted('bindSync')}. Received 'localhost'`,
      ],
      [() => own.connectSync(0), 'ERR_SOCKET_BAD_PORT', 'Port should be > 0 and < 65536. Received type number (0).'],
      [
        () => own.connectSync(9, 5),
        'ERR_INVALID_ARG_TYPE',
        'The "address" argument must be of type string. Received type number (5)',
      ],
      [
        () => own.connectSync(9, 'localhost'),
        'ERR_INVALID_ARG_VALUE',
        `The argument 'address' ${wanted('connectSync')}. Received 'localhost'`,
      ],
    ];
    for (const [use, code, message] of said) expect(thrown(use)).toMatchObject({ code, message });
  });

  it('connectSync connects at once, binding if need be, and tells later', async () => {
    const server = await bench.bound();
    const { port } = server.address();
    const own = socket();
    let connected = 0;
    own.on('connect', () => connected++);
    expect(own.connectSync(port, LOCALHOST)).toBe(undefined);
    expect(own.remoteAddress()).toEqual({ address: LOCALHOST, family: 'IPv4', port });
    expect(connected).toBe(0);
    const heard = textOf(server);
    own.send('x');
    expect(await heard).toBe('x');
    expect(connected).toBe(1);
    expect(thrown(() => own.connectSync(port)).code).toBe('ERR_SOCKET_DGRAM_IS_CONNECTED');
    const unnamed = socket();
    unnamed.connectSync(port);
    expect(unnamed.remoteAddress().address).toBe(LOCALHOST);
  });

  it('connectSync throws what it cannot do, after which it may be tried again', async () => {
    const own = socket();
    expect(thrown(() => own.connectSync(9, '::1'))).toEqual({
      kind: 'Error',
      code: 'EINVAL',
      message: 'connect EINVAL ::1:9',
    });
    own.connectSync(9, LOCALHOST);
    expect(own.remoteAddress().port).toBe(9);
    await turn();
    const sendBlockList = new BlockList();
    sendBlockList.addAddress(LOCALHOST);
    const options: object = { type: 'udp4', sendBlockList };
    const blocked = bench.socket(options as { type: 'udp4' }) as SyncSocket;
    expect(thrown(() => blocked.connectSync(9, LOCALHOST))).toEqual({
      kind: 'Error',
      code: 'ERR_IP_BLOCKED',
      message: `IP(${LOCALHOST}) is blocked by net.BlockList`,
    });
  });
});

import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Stack } from '../../../src/index.ts';
import { createNet } from '../../../src/node/index.ts';
import type { Net, NetConnectOptions, Server, Socket } from '../../../src/node/index.ts';
import { HAS_KEEP_ALIVE_DETAILS, HAS_TYPE_OF_SERVICE } from '../../../src/node/node-features.ts';

describe('what a socket sets on its connection', () => {
  let stack: Stack;
  let net: Net;
  let server: Server;
  beforeEach(async () => {
    stack = new Stack();
    net = createNet(stack);
    server = net
      .createServer({ keepAlive: true, keepAliveInitialDelay: 2500 }, (socket) => void socket.on('error', () => {}))
      .listen(7, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(async () => {
    server.close();
    await stack.close({ timeout: 0 });
    stack.assertQuiescent();
  });

  async function open(options: NetConnectOptions = {}): Promise<Socket> {
    const socket = net.connect({ port: 7, host: '127.0.0.1', ...options });
    await once(
      socket.on('error', () => {}),
      'connect',
    );
    return socket;
  }

  /** Enabled, milliseconds of idleness, milliseconds between probes, their number. */
  function probes({ tcp }: Socket): unknown[] {
    const names = ['keepAlive', 'keepAliveIdle', 'keepAliveInterval', 'keepAliveCount'] as const;
    return names.map((name) => tcp?.get(name));
  }

  it('keepAlive without a delay leaves the stack’s times', async () => {
    expect(probes(await open())).toEqual([false, 7_200_000, 75_000, 9]);
    expect(probes(await open({ keepAlive: true }))).toEqual([true, 7_200_000, 75_000, 9]);
    for (const keepAliveInitialDelay of [999, -5, Number.NaN, Infinity]) {
      expect(probes(await open({ keepAlive: true, keepAliveInitialDelay }))).toEqual([true, 7_200_000, 75_000, 9]);
    }
  });

  it('a delay counts in whole seconds, and brings Node’s interval and count', async () => {
    expect(probes(await open({ keepAlive: true, keepAliveInitialDelay: 1999 }))).toEqual([true, 1000, 1000, 10]);
    const socket = await open();
    socket.setKeepAlive(true, 3700);
    expect(probes(socket)).toEqual([true, 3000, 1000, 10]);
    socket.setKeepAlive(false);
    expect(probes(socket)).toEqual([false, 3000, 1000, 10]);
    const late = new net.Socket().on('error', () => {}).setKeepAlive(true, 5000);
    await once(late.connect(7, '127.0.0.1'), 'connect');
    expect(probes(late)).toEqual([true, 5000, 1000, 10]);
  });

  it('the options of `tcp` stay', async () => {
    const tcp = { keepAliveInterval: 5000, keepAliveCount: 3 };
    expect(probes(await open({ tcp, keepAlive: true, keepAliveInitialDelay: 1000 }))).toEqual([true, 1000, 5000, 3]);
  });

  it('the sockets of a server have what the server shows in seconds', async () => {
    expect(server.keepAliveInitialDelay).toBe(2);
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    await open();
    const [far] = await accepted;
    expect(probes(far.on('error', () => {}))).toEqual([true, 2000, 1000, 10]);
  });

  it('interval and count, where the running Node takes them', async () => {
    const socket = await open();
    socket.setKeepAlive(true, 2000, 3999, 4);
    const expected = HAS_KEEP_ALIVE_DETAILS ? [true, 2000, 3000, 4] : [true, 2000, 1000, 10];
    expect(probes(socket)).toEqual(expected);
    socket.setKeepAlive({ enable: false, initialDelay: 1000, interval: 1000, count: 5 });
    // Before, an object is as good as true.
    expect(probes(socket)).toEqual(HAS_KEEP_ALIVE_DETAILS ? [false, 2000, 3000, 4] : [true, 2000, 1000, 10]);
    socket.setKeepAlive(true, 1000, 0, 1000);
    expect(probes(socket).slice(0, 2)).toEqual([true, 1000]);
  });

  it.runIf(HAS_TYPE_OF_SERVICE)('the type of service is the code point of packets', async () => {
    const socket = await open({ typeOfService: 0x1b });
    expect([socket.tcp?.get('dscp'), socket.getTypeOfService()]).toEqual([6, 0x18]);
    socket.setTypeOfService(0xb8);
    expect([socket.tcp?.get('dscp'), socket.getTypeOfService()]).toEqual([46, 0xb8]);
    const late = new net.Socket().on('error', () => {}).setTypeOfService(0x13);
    expect(late.getTypeOfService()).toBe(0x13);
    await once(late.connect(7, '127.0.0.1'), 'connect');
    expect([late.tcp?.get('dscp'), late.getTypeOfService()]).toEqual([4, 0x10]);
  });
});

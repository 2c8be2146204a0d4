import type { Socket } from 'node:dgram';
import dns from 'node:dns/promises';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DgramBench, LOCALHOST, called, fieldsOf, textOf, thrown, wrong } from './dgram-bench.ts';
import { lacksIpv6 } from '../support/ipv6-kernel.ts';
import { MODULES } from './modules.ts';

const LOCALHOST6 = '::1';
const MAPPED = '::ffff:127.0.0.1';

const noKernel = lacksIpv6();
const present = MODULES.filter(({ name }) => name !== 'node' || noKernel === undefined);

describe.each(present)('$name: dgram over IPv6', ({ make }) => {
  let bench: DgramBench;
  beforeEach(() => {
    bench = new DgramBench(make());
  });
  afterEach(() => bench.end());

  /** The next message with who sent it. */
  async function heard(socket: Socket): Promise<unknown[]> {
    const [message, info] = (await once(socket, 'message')) as [Buffer, object];
    return [message.toString(), info];
  }

  /** A port that nobody has, neither of IPv4 nor of IPv6. */
  async function freePort(): Promise<number> {
    const socket = await bench.bound('udp6', 0, '::');
    const { port } = socket.address();
    await called((done) => socket.close(done));
    return port;
  }

  it('sends and receives over ::1, the address that is meant where none is given', async () => {
    const server = await bench.bound('udp6', 0, LOCALHOST6);
    const { port } = server.address();
    expect(server.address()).toEqual({ address: LOCALHOST6, family: 'IPv6', port });
    expect((server as { type?: unknown }).type).toBe('udp6');
    const client = await bench.bound('udp6', 0, LOCALHOST6);
    const from = { address: LOCALHOST6, family: 'IPv6', port: client.address().port };
    const sends: ((done: () => void) => void)[] = [
      (done) => client.send('x', port, LOCALHOST6, done),
      (done) => client.send('x', port, done),
      (done) => client.send('x', port, '', done),
      (done) => client.send('x', port, '::', done),
      (done) => client.send('x', port, '0:0:0:0:0:0:0:1', done),
      (done) => client.send('x', port, '::1%lo', done),
    ];
    for (const send of sends) {
      const message = heard(server);
      expect(await called(send)).toEqual([null, 1]);
      expect(await message).toEqual(['x', { ...from, size: 1 }]);
    }
  });

  it('binds to :: by itself, and hears both families there', async () => {
    const server = bench.socket('udp6');
    server.bind();
    await once(server, 'listening');
    const { port } = server.address();
    expect(server.address()).toEqual({ address: '::', family: 'IPv6', port });
    const client6 = await bench.bound('udp6', 0, LOCALHOST6);
    const client4 = await bench.bound();
    const first = heard(server);
    client6.send('over IPv6', port, LOCALHOST6);
    expect(await first).toMatchObject(['over IPv6', { address: LOCALHOST6, family: 'IPv6' }]);
    const second = heard(server);
    client4.send('over IPv4', port, LOCALHOST);
    expect(await second).toEqual([
      'over IPv4',
      { address: MAPPED, family: 'IPv6', port: client4.address().port, size: 9 },
    ]);
    const answer = heard(client4);
    server.send('answer', client4.address().port, MAPPED);
    expect(await answer).toEqual(['answer', { address: LOCALHOST, family: 'IPv4', port, size: 6 }]);
  });

  it('binds for the sake of a send to ::', async () => {
    const server = await bench.bound('udp6', 0, LOCALHOST6);
    const client = bench.socket('udp6');
    client.send('x', server.address().port, LOCALHOST6);
    await textOf(server);
    expect(client.address()).toMatchObject({ address: '::', family: 'IPv6' });
  });

  it('ipv6Only leaves IPv4 to others, and has no way there', async () => {
    const port = await freePort();
    const only = await bench.bound({ type: 'udp6', ipv6Only: true }, port, '::');
    const other = await bench.bound('udp4', port, '0.0.0.0');
    const client6 = await bench.bound('udp6', 0, LOCALHOST6);
    const client4 = await bench.bound();
    const both = Promise.all([textOf(only), textOf(other)]);
    client6.send('six', port, LOCALHOST6);
    client4.send('four', port, LOCALHOST);
    expect(await both).toEqual(['six', 'four']);
    const [error] = await called((done) => only.send('x', 9, MAPPED, done));
    expect((error as Error).message).toBe(`send ENETUNREACH ${MAPPED}:9`);
    const [refused] = await called((done) => only.connect(9, MAPPED, wrong(done)));
    expect(refused).toMatchObject({ message: `connect ENETUNREACH ${MAPPED}:9` });
  });

  it('a socket of both families stands in the way of others', async () => {
    const { port } = (await bench.bound('udp6', 0, '::')).address();
    const others: [type: 'udp4' | 'udp6', address: string][] = [
      ['udp4', '0.0.0.0'],
      ['udp4', LOCALHOST],
      ['udp6', LOCALHOST6],
      ['udp6', MAPPED],
      ['udp6', '::'],
    ];
    for (const [type, address] of others) {
      const socket = bench.socket(type);
      socket.bind(port, address);
      expect(await once(socket, 'error')).toMatchObject([{ message: `bind EADDRINUSE ${address}:${port}` }]);
    }
    const local = await bench.bound('udp6', 0, LOCALHOST6);
    await bench.bound('udp4', local.address().port, '0.0.0.0');
  });

  it('shares both families among sockets that say so', async () => {
    const first = await bench.bound({ type: 'udp6', reuseAddr: true }, 0, '::');
    const { port } = first.address();
    const second = await bench.bound({ type: 'udp4', reuseAddr: true }, port, '0.0.0.0');
    const client6 = await bench.bound('udp6', 0, LOCALHOST6);
    const both = Promise.all([textOf(first), textOf(second)]);
    client6.send('six', port, LOCALHOST6);
    const client4 = await bench.bound();
    client4.send('four', port, LOCALHOST);
    expect(await both).toEqual(['six', 'four']);
  });

  it('binds to a mapped address: IPv4 in the clothes of IPv6', async () => {
    const server = await bench.bound('udp6', 0, MAPPED);
    const { port } = server.address();
    expect(server.address()).toEqual({ address: MAPPED, family: 'IPv6', port });
    const client = await bench.bound();
    const message = heard(server);
    client.send('x', port, LOCALHOST);
    expect(await message).toEqual(['x', { address: MAPPED, family: 'IPv6', port: client.address().port, size: 1 }]);
    const [error] = await called((done) => server.send('x', 9, LOCALHOST6, done));
    expect(error).toMatchObject({ message: `send EAFNOSUPPORT ${LOCALHOST6}:9` });
    expect(await called((done) => server.send('x', 9, MAPPED, done))).toEqual([null, 1]);
  });

  it('a socket of ::1 has no way to IPv4', async () => {
    const client = await bench.bound('udp6', 0, LOCALHOST6);
    const [error] = await called((done) => client.send('x', 9, MAPPED, done));
    expect((error as Error).message).toBe(`send ENETUNREACH ${MAPPED}:9`);
    expect(fieldsOf(error)).toEqual({ errno: -101, code: 'ENETUNREACH', syscall: 'send', address: MAPPED, port: 9 });
  });

  it('says EINVAL to literal IPv4 addresses, and to IPv6 ones where it is of IPv4', async () => {
    const socket = await bench.bound('udp6', 0, '::');
    const [error] = await called((done) => socket.send('x', 9, LOCALHOST, done));
    expect(error).toMatchObject({ message: `send EINVAL ${LOCALHOST}:9`, code: 'EINVAL' });
    const [refused] = await called((done) => socket.connect(9, LOCALHOST, wrong(done)));
    expect(refused).toMatchObject({ message: `connect EINVAL ${LOCALHOST}:9` });
    const other = bench.socket('udp6');
    other.bind(0, LOCALHOST);
    expect(await once(other, 'error')).toMatchObject([{ message: `bind EINVAL ${LOCALHOST}` }]);
    const four = await bench.bound('udp4');
    const [mapped] = await called((done) => four.send('x', 9, MAPPED, done));
    expect(mapped).toMatchObject({ message: `send EINVAL ${MAPPED}:9` });
  });

  it('binds only to what is here', async () => {
    for (const [address, code] of [
      ['2001:db8::1', 'EADDRNOTAVAIL'],
      ['fe80::1', 'EINVAL'],
      ['fe80::1%nowhere', 'EINVAL'],
      ['fe80::dead%lo', 'EADDRNOTAVAIL'],
      ['ff02::114', 'EINVAL'],
    ]) {
      const socket = bench.socket('udp6');
      socket.bind(9999, address);
      const [error] = (await once(socket, 'error')) as [Error];
      expect(error.message).toBe(`bind ${code!} ${address!}:9999`);
      expect(fieldsOf(error)).toMatchObject({ code, address, port: 9999 });
    }
    expect((await bench.bound('udp6', 0, '::1%lo')).address().address).toBe(LOCALHOST6);
    expect((await bench.bound('udp6', 0, 'ff02::114%lo')).address().address).toBe('ff02::114');
  });

  it('connects to ::1, hears nobody else, disconnects', async () => {
    const server = await bench.bound('udp6', 0, LOCALHOST6);
    const { port } = server.address();
    const client = bench.socket('udp6');
    await called((done) => client.connect(port, wrong(done)));
    const peer = { address: LOCALHOST6, family: 'IPv6', port };
    expect(client.remoteAddress()).toEqual(peer);
    const own = client.address();
    expect(own).toMatchObject({ address: LOCALHOST6, family: 'IPv6' });
    client.send('x');
    expect(await textOf(server)).toBe('x');
    const other = await bench.bound('udp6', 0, LOCALHOST6);
    const message = textOf(client);
    await called((done) => other.send('from another', own.port, LOCALHOST6, done));
    server.send('from the peer', own.port, LOCALHOST6);
    expect(await message).toBe('from the peer');
    client.disconnect();
    expect(client.address()).toEqual({ address: '::', family: 'IPv6', port: 0 });
    client.connect(port, '::');
    await once(client, 'connect');
    expect(client.remoteAddress()).toEqual(peer);
  });

  it('connects to a mapped address: both ends are mapped', async () => {
    const server = await bench.bound();
    const { port } = server.address();
    const client = await bench.bound('udp6', 0, '::');
    client.connect(port, MAPPED);
    await once(client, 'connect');
    expect(client.address()).toMatchObject({ address: MAPPED, family: 'IPv6' });
    expect(client.remoteAddress()).toEqual({ address: MAPPED, family: 'IPv6', port });
    const message = heard(server);
    client.send('x');
    const { port: from } = client.address();
    expect(await message).toEqual(['x', { address: LOCALHOST, family: 'IPv4', port: from, size: 1 }]);
    const answer = heard(client);
    server.send('y', from, LOCALHOST);
    expect(await answer).toEqual(['y', { address: MAPPED, family: 'IPv6', port, size: 1 }]);
  });

  it.each(['udp6', 'mapped'])('emits ECONNREFUSED where nobody listens: %s', async (kind) => {
    const port = await freePort();
    const client = await bench.bound('udp6', 0, '::');
    client.connect(port, kind === 'mapped' ? MAPPED : LOCALHOST6);
    await once(client, 'connect');
    client.send('x');
    expect(await once(client, 'error')).toMatchObject([{ message: 'recvmsg ECONNREFUSED', syscall: 'recvmsg' }]);
  });

  it('looks names up for IPv6', async () => {
    const asked: unknown[] = [];
    const lookup = (name: string, family: unknown, callback: (...args: unknown[]) => void): void => {
      asked.push([name, family]);
      process.nextTick(callback, null, name.endsWith('.test') ? LOCALHOST6 : name, 6);
    };
    const server = await bench.bound('udp6', 0, LOCALHOST6);
    const client = bench.socket({ type: 'udp6', lookup: wrong(lookup) });
    const message = textOf(server);
    client.send('x', server.address().port, 'here.test');
    expect(await message).toBe('x');
    expect(asked).toEqual([
      ['::', 6],
      ['here.test', 6],
    ]);
  });

  it('sends to localhost, as far as that has an IPv6 address', async () => {
    const server = await bench.bound('udp6', 0, LOCALHOST6);
    const client = await bench.bound('udp6', 0, LOCALHOST6);
    const { port } = server.address();
    const message = textOf(server);
    const found: unknown = await dns.lookup('localhost', { family: 6 }).catch((error: unknown) => error);
    const [error] = await called((done) => client.send('x', port, 'localhost', done));
    if (found instanceof Error) {
      expect(error).toMatchObject({ message: found.message, syscall: 'getaddrinfo', hostname: 'localhost' });
      client.send('x', port);
    } else {
      expect(error).toBe(null);
    }
    expect(await message).toBe('x');
  });

  it('has no broadcast and other options as IPv4 has them', async () => {
    const socket = await bench.bound('udp6', 0, LOCALHOST6);
    expect(socket.setBroadcast(true)).toBe(undefined);
    for (const name of ['setTTL', 'setMulticastTTL'] as const) {
      expect(socket[name](7)).toBe(7);
      for (const value of [256, -1]) expect(thrown(() => socket[name](value)).message).toBe(`${name} EINVAL`);
    }
    expect(thrown(() => socket.setTTL(0)).code).toBe('EINVAL');
    expect(socket.setMulticastLoopback(true)).toBe(true);
    expect(thrown(() => bench.socket('udp6').setTTL(7)).message).toBe('setTTL EBADF');
  });

  it('carries long messages', async () => {
    const server = await bench.bound('udp6', 0, LOCALHOST6);
    const { port } = server.address();
    const client = await bench.bound('udp6', 0, LOCALHOST6);
    const big = Buffer.alloc(65_527, 'usernet ');
    const message = once(server, 'message');
    expect(await called((done) => client.send(big, port, LOCALHOST6, done))).toEqual([null, big.length]);
    const [bytes, info] = (await message) as [Buffer, { size: number }];
    expect(bytes.equals(big)).toBe(true);
    expect(info.size).toBe(big.length);
    const [error] = await called((done) => client.send(Buffer.alloc(65_528), port, LOCALHOST6, done));
    expect((error as Error).message).toBe(`send EMSGSIZE ::1:${port}`);
  });
});

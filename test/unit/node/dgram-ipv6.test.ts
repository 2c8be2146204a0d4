import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Stack, cable } from '../../../src/index.ts';
import { createDgram } from '../../../src/node/index.ts';
import type { Dgram, DgramSocket } from '../../../src/node/index.ts';

type Received = [message: Buffer, info: object];

describe('dgram over IPv6 between two stacks on a cable', () => {
  let stacks: Stack[];
  let alice: Dgram;
  let bob: Dgram;
  const sockets: DgramSocket[] = [];

  beforeEach(async () => {
    const [a, b] = cable({ mtu: 1500 });
    const near = new Stack();
    const far = new Stack();
    const left = near.attach(a, { name: 'left0', addresses: ['fe80::1/64', 'fd00::1/64'] });
    const right = far.attach(b, { name: 'right0', addresses: ['fe80::2/64', 'fd00::2/64'] });
    await Promise.all([left.ready, right.ready]);
    stacks = [near, far];
    [alice, bob] = [createDgram(near), createDgram(far)];
  });

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.close();
    await Promise.all(stacks.map((stack) => stack.close()));
    for (const stack of stacks) stack.assertQuiescent();
  });

  function bound({ createSocket }: Dgram, address: string): DgramSocket {
    const socket = createSocket('udp6');
    sockets.push(socket);
    socket.bindSync({ address });
    return socket;
  }

  function result(start: (done: (error?: Error | null) => void) => void): Promise<unknown> {
    return new Promise((resolve) => start(resolve));
  }

  it('link-local peers have a zone, by which they can be answered', async () => {
    const server = bound(bob, '::');
    const client = bound(alice, 'fe80::1%left0');
    expect(client.address().address).toBe('fe80::1%left0');
    const { port } = server.address();
    const request = once(server, 'message') as Promise<Received>;
    client.send('x', port, 'fe80::2%left0');
    const [, info] = await request;
    const from = { address: 'fe80::1%right0', family: 'IPv6', port: client.address().port };
    expect(info).toEqual({ ...from, size: 1 });
    const answer = once(client, 'message') as Promise<Received>;
    server.send('y', from.port, from.address);
    expect((await answer)[1]).toMatchObject({ address: 'fe80::2%left0', port });
    await result((done) => client.connect(port, 'fe80::2%left0', done));
    expect(client.remoteAddress()).toEqual({ address: 'fe80::2%left0', family: 'IPv6', port });
    client.disconnect();
    // Bound to a link, it needs no zone; bound to all, it does.
    expect(await result((done) => client.send('x', port, 'fe80::2', done))).toBe(null);
    expect(await result((done) => server.send('y', 9, 'fe80::1%nowhere', done))).toMatchObject({ code: 'EINVAL' });
  });

  it('global peers have none', async () => {
    const server = bound(bob, 'fd00::2');
    const client = bound(alice, '::');
    const request = once(server, 'message') as Promise<Received>;
    client.send('x', server.address().port, 'fd00::2%left0');
    expect((await request)[1]).toMatchObject({ address: 'fd00::1', family: 'IPv6' });
  });

  it('groups are heard on the interface of the zone', async () => {
    const server = bound(bob, '::');
    server.addMembership('ff02::114', '::%right0');
    const client = bound(alice, '::');
    const { port } = server.address();
    client.setMulticastInterface('::%left0');
    const message = once(server, 'message') as Promise<Received>;
    client.send('to the group', port, 'ff02::114');
    const [text, info] = await message;
    expect(text.toString()).toBe('to the group');
    expect(info).toMatchObject({ address: 'fe80::1%right0', port: client.address().port });
    const zoned = once(server, 'message') as Promise<Received>;
    client.setMulticastInterface('::');
    client.send('by the zone', port, 'ff02::114%left0');
    expect((await zoned)[0].toString()).toBe('by the zone');
    server.dropMembership('ff02::114', '::%right0');
    expect(() => server.dropMembership('ff02::114', '::%right0')).toThrow('dropMembership EADDRNOTAVAIL');
  });

  it('carries 65,527 bytes, above the MTU in fragments, and not one more', async () => {
    const server = bound(bob, 'fd00::2');
    const client = bound(alice, '::');
    const { port } = server.address();
    for (const size of [1452, 1453, 65_527]) {
      const message = once(server, 'message') as Promise<Received>;
      const sent = Buffer.alloc(size, `${size} bytes `);
      expect(await result((done) => client.send(sent, port, 'fd00::2', done))).toBe(null);
      expect((await message)[0].equals(sent)).toBe(true);
    }
    const error = await result((done) => client.send(Buffer.alloc(65_528), port, 'fd00::2', done));
    expect(error).toMatchObject({ message: `send EMSGSIZE fd00::2:${port}`, code: 'EMSGSIZE' });
  });

  it('a port where nobody listens is ECONNREFUSED on a connected socket', async () => {
    const client = bound(alice, '::');
    client.connectSync(9, 'fd00::2');
    const failed = once(client, 'error');
    client.send('x');
    expect(await failed).toMatchObject([{ message: 'recvmsg ECONNREFUSED' }]);
  });
});

import { once } from 'node:events';
import net from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Stack } from '../../../../src/index.ts';
import { onRealNetwork, register } from '../../../../src/node/register/index.ts';

/** Nobody's addresses (RFC 5737): that of the stack has a route, no packet comes to the others. */
const NOWHERE = '203.0.113.1';
const NOT_OURS = '198.51.100.7';
/** An address of this host that is not the stack's; packets to it stay here. */
const OWN = Object.values(networkInterfaces())
  .flat()
  .find((entry) => entry?.family === 'IPv4' && !entry.internal)?.address;

describe("register with realNetwork: 'outside-routes': what a connection says that is not the stack's", () => {
  let stack: Stack;
  let undo: () => void;
  beforeEach(() => {
    stack = new Stack();
    undo = register({ stack, realNetwork: 'outside-routes' });
  });
  afterEach(async () => {
    undo();
    await stack.close();
    stack.assertQuiescent();
  });

  const EVENTS = ['connectionAttempt', 'connectionAttemptFailed', 'connect', 'error', 'close'] as const;

  /** What Node says; ours may have a cause. */
  function fieldsOf(error: Error): object {
    return Object.assign({ text: error.message }, error, { cause: undefined });
  }

  /** What becomes of a connect. */
  async function outcome(connect: () => net.Socket): Promise<unknown[]> {
    const socket = connect();
    const told: unknown[] = [];
    for (const event of EVENTS) {
      socket.on(event, (...args: unknown[]) => {
        told.push([event, ...args.map((arg) => (arg instanceof Error ? fieldsOf(arg) : arg))]);
      });
    }
    await new Promise((resolve) => socket.once('close', resolve));
    return told;
  }

  /** The same with a socket of Node's own, and with what stands in its place. */
  async function alike(options: net.TcpNetConnectOpts): Promise<unknown[]> {
    const node = await outcome(() => onRealNetwork(() => net.connect(options)));
    const ours = await outcome(() => net.connect(options));
    expect(ours).toEqual(node);
    return ours;
  }

  it('of a local address that can not be had', async () => {
    const told = await alike({ host: NOWHERE, port: 9, localAddress: NOT_OURS });
    expect(told).toEqual([
      ['error', expect.objectContaining({ text: `bind EADDRNOTAVAIL ${NOT_OURS}`, syscall: 'bind' })],
      ['close', true],
    ]);
    await alike({ host: NOWHERE, port: 9, localAddress: NOT_OURS, localPort: 4000 });
  });

  it('of a local port that somebody has', async () => {
    const server = onRealNetwork(() => net.createServer().listen(0, '0.0.0.0'));
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const told = await alike({ host: NOWHERE, port: 9, localPort: port });
    expect(told).toEqual([
      ['error', expect.objectContaining({ text: `bind EADDRINUSE 0.0.0.0:${port}` })],
      ['close', true],
    ]);
    server.close();
    await once(server, 'close');
  });

  it.runIf(OWN !== undefined)('of a peer that refuses, with a local port', async () => {
    const closed = onRealNetwork(() => net.createServer().listen(0, OWN));
    await once(closed, 'listening');
    const { port } = closed.address() as net.AddressInfo;
    closed.close();
    await once(closed, 'close');
    const told = await alike({ host: OWN!, port, localAddress: OWN!, localPort: port === 4999 ? 4998 : 4999 });
    expect(told.map((entry) => (entry as unknown[])[0])).toEqual([
      'connectionAttempt',
      'connectionAttemptFailed',
      'error',
      'close',
    ]);
  });

  it.runIf(OWN !== undefined)('goes there and back', async () => {
    const server = onRealNetwork(() => net.createServer((socket) => socket.pipe(socket)).listen(0, OWN));
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    expect(stack.tcp.listeners).toEqual([]);
    const socket = net.connect(port, OWN);
    const sent = Buffer.alloc(1_000_000, 'abc');
    socket.end(sent);
    const pieces: Buffer[] = [];
    for await (const piece of socket) pieces.push(piece as Buffer);
    expect(Buffer.concat(pieces).equals(sent)).toBe(true);
    server.close();
    await once(server, 'close');
  });
});

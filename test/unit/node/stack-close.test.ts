import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Stack, cable, impair } from '../../../src/index.ts';
import { createNet } from '../../../src/node/index.ts';
import type { Net, Socket } from '../../../src/node/index.ts';
import { VirtualClock, seededRandom } from '../../../src/sim/index.ts';

/** More than a send buffer holds at first: most of it waits in the stream. */
const MUCH = 3_000_000;

let clock: VirtualClock;
let alice: Stack;
let bob: Stack;
let clients: Net;
let servers: Net;
let got: number;
let ended: boolean;

beforeEach(() => {
  clock = new VirtualClock();
  alice = new Stack({ clock, random: seededRandom(1) });
  bob = new Stack({ clock, random: seededRandom(2) });
  const [a, b] = cable();
  alice.attach(a, { addresses: ['10.0.0.1/24'] });
  bob.attach(impair(b, { delay: 20, seed: 1 }), { addresses: ['10.0.0.2/24'] });
  clients = createNet(alice);
  servers = createNet(bob);
  got = 0;
  ended = false;
});

afterEach(async () => {
  await alice.destroy();
  await bob.destroy();
});

function take(socket: Socket): void {
  socket.on('data', (bytes: Buffer) => (got += bytes.length));
  socket.on('end', () => (ended = true));
}

/** Closes, and lets time pass until that is done. */
async function close(stack: Stack, timeout: number): Promise<void> {
  let closed = false;
  const closing = stack.close({ timeout }).then(() => (closed = true));
  await clock.run({ until: () => closed, limit: 120_000 });
  await closing;
}

describe('stack.close() and what waits in a net socket', () => {
  it('is sent, as what the core has accepted is; then the socket ends', async () => {
    servers.createServer(take).listen(7);
    const socket = clients.connect(7, '10.0.0.2');
    await clock.run({ until: () => !socket.connecting });
    const told: string[] = [];
    socket.on('close', (hadError: boolean) => told.push(`close ${String(hadError)}`));
    socket.end(Buffer.alloc(MUCH), () => told.push('finished'));
    await close(alice, 60_000);
    expect([got, ended, socket.writableLength]).toEqual([MUCH, true, 0]);
    await clock.run({ for: 1000 });
    expect(told).toEqual(['finished', 'close false']);
  });

  it('of a server’s connection, too', async () => {
    servers.createServer((socket) => void socket.write(Buffer.alloc(MUCH))).listen(7);
    const socket = clients.connect(7, '10.0.0.2');
    take(socket);
    await clock.run({ until: () => got > 0 });
    await close(bob, 60_000);
    expect([got, ended]).toEqual([MUCH, true]);
  });

  it('is sent when the connection is still being made', async () => {
    servers.createServer(take).listen(7);
    const socket = clients.connect(7, '10.0.0.2');
    const opened = once(socket, 'connect');
    socket.write(Buffer.alloc(MUCH));
    await clock.run({ until: () => socket.tcp?.state === 'SYN_SENT' });
    await close(alice, 60_000);
    await opened;
    expect([got, ended]).toEqual([MUCH, true]);
  });

  it('fails with ECONNABORTED when there is not time enough', async () => {
    // The end of its own stack is an error to it, too.
    servers.createServer((socket) => void socket.pause().on('error', () => {})).listen(7);
    const socket = clients.connect(7, '10.0.0.2');
    await clock.run({ until: () => !socket.connecting });
    const failed = once(socket, 'error');
    socket.write(Buffer.alloc(20 * MUCH));
    await close(alice, 500);
    await clock.run({ for: 10 });
    expect(await failed).toMatchObject([{ code: 'ECONNABORTED' }]);
    expect(socket.destroyed).toBe(true);
  });
});

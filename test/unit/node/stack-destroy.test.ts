import { once } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import { Stack, cable, impair } from '../../../src/index.ts';
import { createDgram, createNet } from '../../../src/node/index.ts';
import type { Net, Socket } from '../../../src/node/index.ts';
import { IS_22_OR_NEWER } from '../../../src/node/node-features.ts';
import { VirtualClock, seededRandom } from '../../../src/sim/index.ts';

const LIFE = ['connect', 'end', 'finish', 'drain', 'error', 'close'];

/** What the emitter says, with the code of an error and the argument of 'close'. */
function journal(emitter: NodeJS.EventEmitter): string[] {
  const entries: string[] = [];
  for (const event of LIFE) {
    emitter.on(event, (first?: NodeJS.ErrnoException | boolean) => {
      const detail = typeof first === 'object' ? first.code : first;
      entries.push(detail === undefined ? event : `${event} ${detail}`);
    });
  }
  return entries;
}

let clock: VirtualClock;
let stack: Stack;
let other: Stack;
let net: Net;
let taken: Socket[];

/** What the two ways to end a stack with live sockets have in common: they reset them. */
const WAYS: readonly [name: string, end: () => Promise<void>][] = [
  ['destroy()', () => stack.destroy()],
  ['close() at its time-out', () => stack.close({ timeout: 50 })],
];

beforeEach(() => {
  clock = new VirtualClock();
  const [a, b] = cable();
  stack = new Stack({ clock, random: seededRandom(1) });
  stack.attach(a, { addresses: ['10.0.0.1/24'] });
  other = new Stack({ clock, random: seededRandom(2) });
  other.attach(impair(b, { delay: 5, seed: 1 }), { addresses: ['10.0.0.2/24'] });
  net = createNet(stack);
  taken = [];
  // The other side never ends its own.
  createNet(other)
    .createServer({ allowHalfOpen: true, pauseOnConnect: true }, (far) => taken.push(far.on('error', () => {})))
    .listen(7);
});

async function opened(options = {}): Promise<Socket> {
  const socket = net.connect({ port: 7, host: '10.0.0.2', ...options });
  await clock.run({ until: () => !socket.connecting, limit: 1000 });
  await clock.run({ for: 20 });
  return socket;
}

/** Ends the stack, lets time pass, and looks whether anything is left. */
async function end(way: () => Promise<void>): Promise<void> {
  let over = false;
  const ending = way().then(() => (over = true));
  await clock.run({ until: () => over, limit: 10_000 });
  await ending;
  await clock.run({ for: 10 });
  stack.assertQuiescent();
  await other.destroy();
  other.assertQuiescent();
}

describe.each(WAYS)('%s ends with ECONNABORTED and close', (name, way) => {
  const ABORTED = ['error ECONNABORTED', 'close true'];

  it('an open socket that has something to send', async () => {
    const socket = await opened();
    const entries = journal(socket);
    const failed = new Promise<unknown>((resolve) => {
      socket.write(Buffer.alloc(5_000_000), resolve);
    });
    await clock.run({ for: 20 });
    await end(way);
    // As whenever a socket ends: node-api/net-socket.
    if (IS_22_OR_NEWER) expect(await failed).toMatchObject({ code: 'ECANCELED' });
    else expect(await failed).toBe(null);
    expect([entries, socket.destroyed]).toEqual([ABORTED, true]);
  });

  it('a paused socket', async () => {
    const socket = await opened();
    taken[0]!.write('unread');
    socket.pause();
    await clock.run({ for: 20 });
    const entries = journal(socket);
    await end(way);
    expect(entries.filter((entry) => entry !== 'finish')).toEqual(ABORTED);
  });

  it('a full socket that its peer has reset, of which it had not heard yet', async () => {
    const socket = await opened();
    taken[0]!.write(Buffer.alloc(500_000));
    await clock.run({ for: 50 });
    const entries = journal(socket);
    taken[0]!.resetAndDestroy();
    await clock.run({ for: 20 });
    expect(entries).toEqual([]);
    await end(way);
    expect(entries).toEqual(['error ECONNRESET', 'close true']);
  });

  describe.each(['', 'unread'])('when both sides have ended, and %j waits', (text) => {
    it.each(['CLOSED', 'TIME_WAIT'])('a socket that nobody reads, in %s, and its server', async (state) => {
      const paused: Socket[] = [];
      const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => paused.push(socket));
      server.listen(8);
      const listenerEntries = journal(server);
      const far = createNet(other).connect({ port: 8, host: '10.0.0.1', allowHalfOpen: true }).resume();
      await clock.run({ until: () => paused.length > 0, limit: 1000 });
      const socket = paused[0]!;
      const entries = journal(socket);
      const steps = [() => far.end(text), () => socket.end()];
      if (state === 'TIME_WAIT') steps.reverse();
      for (const step of steps) {
        step();
        await clock.run({ for: 50 });
      }
      expect([entries, socket.tcp?.state]).toEqual([['finish'], state]);
      await end(way);
      expect([entries, listenerEntries]).toEqual([['finish', ...ABORTED], ['close']]);
    });
  });

  it('a socket that has come to the end of its connection, which nobody reads from the stream', async () => {
    const socket = await opened();
    const entries = journal(socket);
    taken[0]!.end('unread');
    socket.end();
    taken[0]!.resume();
    await clock.run({ for: 50 });
    expect([entries, socket.readableLength]).toEqual([['finish'], 6]);
    await end(way);
    expect(entries).toEqual(['finish', ...ABORTED]);
  });

  it('a half-open socket that has read to the end, and was reset then', async () => {
    const socket = await opened({ allowHalfOpen: true });
    const entries = journal(socket.resume());
    taken[0]!.end();
    await clock.run({ for: 20 });
    taken[0]!.resetAndDestroy();
    await clock.run({ for: 20 });
    expect([entries, socket.tcp?.state]).toEqual([['end'], 'CLOSED']);
    await end(way);
    expect(entries).toEqual(['end', 'error ECONNRESET', 'close true']);
  });

  it('a socket that has ended its side', async () => {
    const socket = await opened({ allowHalfOpen: true });
    const entries = journal(socket.resume());
    socket.end();
    await clock.run({ for: 20 });
    expect(entries).toEqual(['finish']);
    await end(way);
    expect(entries).toEqual(['finish', ...ABORTED]);
  });

  it('a socket whose peer has ended its side, with more to send than goes', async () => {
    const socket = await opened({ allowHalfOpen: true });
    const entries = journal(socket.resume());
    socket.write(Buffer.alloc(5_000_000));
    taken[0]!.end();
    await clock.run({ for: 20 });
    expect(entries).toEqual(['end']);
    await end(way);
    expect(entries).toEqual(['end', ...ABORTED]);
  });

  it('a socket of a server, which closes, too', async () => {
    const far: Socket[] = [];
    const server = net.createServer({ allowHalfOpen: true }, (socket) => far.push(socket.pause()));
    server.listen(8);
    const listenerEntries = journal(server);
    const near = createNet(other)
      .connect(8, '10.0.0.1')
      .on('error', () => {});
    near.resume();
    await clock.run({ until: () => far.length > 0, limit: 1000 });
    far[0]!.write(Buffer.alloc(5_000_000));
    near.pause();
    const entries = journal(far[0]!);
    await end(way);
    expect(entries).toEqual(ABORTED);
    expect([listenerEntries, server.listening]).toEqual([['close'], false]);
  });

  it('a socket that is connecting', async () => {
    const socket = net.connect(7, '10.0.0.99');
    const entries = journal(socket);
    await clock.run({ until: () => socket.tcp?.state === 'SYN_SENT', limit: 1000 });
    await end(way);
    expect(entries.filter((entry) => entry !== 'finish')).toEqual(ABORTED);
  });

  it('datagram sockets, bound and connected; without an error when the stack ends in order', async () => {
    const dgram = createDgram(stack);
    const bound = dgram.createSocket('udp4').bind(53);
    await once(bound, 'listening');
    const connected = dgram.createSocket('udp4');
    connected.connect(9, '10.0.0.2');
    await once(connected, 'connect');
    // Nobody listens for its errors: it is none for the program.
    const quiet = dgram.createSocket('udp4').bind(54);
    await once(quiet, 'listening');
    const entries = [journal(bound), journal(connected)];
    await end(way);
    const expected = name === 'destroy()' ? ['error ECONNABORTED', 'close'] : ['close'];
    expect(entries).toEqual([expected, expected]);
    expect(quiet.listenerCount('error')).toBe(0);
    expect(() => bound.address()).toThrow(expect.objectContaining({ code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' }));
  });
});

it('close() waits for whoever has not read to the end of a connection that has ended', async () => {
  const socket = await opened({ allowHalfOpen: true });
  const entries = journal(socket.pause());
  taken[0]!.end('unread');
  await clock.run({ for: 20 });
  socket.end();
  taken[0]!.resume();
  await clock.run({ for: 50 });
  expect(socket.tcp?.state).toBe('CLOSED');
  expect(() => stack.assertQuiescent()).toThrow('has ended unread');
  const closed = stack.close({ timeout: 10_000 }).then(() => socket.destroyed);
  await clock.run({ for: 1000 });
  expect(entries).toEqual(['finish']);
  socket.resume();
  await clock.run({ for: 10 });
  expect(await closed).toBe(true);
  expect(entries).toEqual(['finish', 'end', 'close false']);
  stack.assertQuiescent();
});

import { once } from 'node:events';
import { Transform, pipeline } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Stack, cable, impair, tap } from '../../../src/index.ts';
import { createNet } from '../../../src/node/index.ts';
import type { Net, Socket } from '../../../src/node/index.ts';
import { VirtualClock, seededRandom } from '../../../src/sim/index.ts';
import { parsePacket } from '../../../src/wire/packet.ts';

const DELAY = 10;
const CHUNK = Buffer.alloc(100_000, 7);

interface Sent {
  /** Milliseconds. */
  at: number;
  bytes: number;
  window: number;
}

let clock: VirtualClock;
let alice: Stack;
let bob: Stack;
let clients: Net;
let servers: Net;
/** Segments of each side, in order. */
let ofAlice: Sent[];
let ofBob: Sent[];

function recorder(list: Sent[]): Parameters<typeof tap>[1] {
  return {
    onSend: (batch, count) => {
      for (let row = 0; row < count; row++) {
        const offset = batch.offset[row]!;
        const packet = parsePacket(batch.memory[row]!.bytes.slice(offset, offset + batch.length[row]!));
        if (typeof packet === 'string' || packet.tcp === undefined) continue;
        list.push({ at: clock.now() / 1000, bytes: packet.tcp.payload.length, window: packet.tcp.window });
      }
    },
  };
}

beforeEach(() => {
  clock = new VirtualClock();
  const [a, b] = cable();
  alice = new Stack({ clock, random: seededRandom(1) });
  bob = new Stack({ clock, random: seededRandom(2) });
  ofAlice = [];
  ofBob = [];
  alice.attach(tap(a, recorder(ofAlice)), { addresses: ['10.0.0.1/24'] });
  bob.attach(tap(impair(b, { delay: DELAY, seed: 1 }), recorder(ofBob)), { addresses: ['10.0.0.2/24'] });
  clients = createNet(alice);
  servers = createNet(bob);
});

afterEach(async () => {
  await alice.destroy();
  await bob.destroy();
});

async function pair(serverOptions = {}, options = {}): Promise<[near: Socket, far: Socket]> {
  let far: Socket | undefined;
  servers.createServer(serverOptions, (socket) => (far = socket.on('error', () => {}))).listen(7);
  const near = clients.connect({ port: 7, host: '10.0.0.2', ...options });
  // The tests end their stacks with sockets that are open.
  near.on('error', () => {});
  await clock.run({ until: () => far !== undefined && !near.connecting, limit: 1000 });
  return [near, far!];
}

/** Writes while `write` asks for more; how much that was. */
function fill(socket: Socket): number {
  let written = 0;
  do written += CHUNK.length;
  while (socket.write(CHUNK) && written < 100_000_000);
  return written;
}

describe('a reader that is paused', () => {
  it('closes its window; the writer stops within its buffers, and goes on when the reader does', async () => {
    const [near, far] = await pair({ pauseOnConnect: true });
    let drains = 0;
    let written = 0;
    near.on('drain', () => {
      drains++;
      written += fill(near);
    });
    written += fill(near);
    await clock.run({ for: 20_000 });
    const stopped = drains;
    await clock.run({ for: 60_000 });
    // Not one 'drain' more in a minute: all that is written stands in the two buffers and the stream.
    expect(drains).toBe(stopped);
    expect(ofBob.at(-1)!.window).toBe(0);
    expect(near.writableNeedDrain).toBe(true);
    const { receiveBuffer, mss } = far.tcp!.info();
    expect(far.tcp!.readableLength).toBeGreaterThan(0);
    expect(far.tcp!.readableLength).toBeLessThan(receiveBuffer + mss);
    expect(far.readableLength).toBe(0);
    expect(written).toBeLessThan(20_000_000);
    near.removeAllListeners('drain');
    const drained = once(near, 'drain');
    let got = 0;
    far.on('data', (bytes: Buffer) => (got += bytes.length));
    far.resume();
    await clock.run({ until: () => got === written, limit: 120_000 });
    await drained;
    expect(near.writableLength).toBe(0);
  });

  it('of the program’s own memory stops where its callback says so, and goes on with resume', async () => {
    let more = false;
    let got = 0;
    const callback = (bytes: number): boolean => {
      got += bytes;
      return more;
    };
    const [near, far] = await pair({}, { onread: { buffer: Buffer.alloc(1000), callback } });
    const written = CHUNK.length * 30;
    for (let i = 0; i < 30; i++) far.write(CHUNK);
    far.end();
    const ended: string[] = [];
    near.on('end', () => ended.push('end'));
    await clock.run({ for: 60_000 });
    expect(got).toBe(1000);
    near.resume();
    await clock.run({ for: 60_000 });
    expect(got).toBe(2000);
    expect([ofAlice.at(-1)!.window, ended]).toEqual([0, []]);
    more = true;
    near.resume();
    await clock.run({ until: () => ended.length > 0, limit: 120_000 });
    expect(got).toBe(written);
  });

  it('holds little in its stream: highWaterMark bytes and a chunk', async () => {
    const [near, far] = await pair({ highWaterMark: 5000 });
    near.write(Buffer.alloc(1_000_000));
    await clock.run({ for: 5000 });
    expect(far.readableHighWaterMark).toBe(5000);
    expect(far.readableLength).toBeGreaterThanOrEqual(5000);
    // What comes between two looks at the mark is one run of segments.
    expect(far.readableLength).toBeLessThan(100_000);
    expect(far.tcp!.readableLength).toBeGreaterThan(0);
  });
});

it('pipe through a slow Transform carries every byte, and no more than the buffers hold waits', async () => {
  const [near, far] = await pair();
  let most = 0;
  const slow = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      most = Math.max(most, slow.readableLength + slow.writableLength);
      const timer = clock.timer(() => done(null, chunk));
      timer.at(clock.now() + 5000);
    },
  });
  let got = 0;
  let over = false;
  slow.on('data', (bytes: Buffer) => (got += bytes.length));
  pipeline(far, slow, (error) => {
    expect(error).toBeFalsy();
    over = true;
  });
  const bytes = 3_000_000;
  near.end(Buffer.alloc(bytes, 1));
  await clock.run({ until: () => over, limit: 600_000 });
  expect(got).toBe(bytes);
  expect(most).toBeLessThan(300_000);
});

describe('a run of writes that was corked is one write of the core', () => {
  it('leaves in full segments, and Nagle keeps only its end until the rest is acknowledged', async () => {
    const [near] = await pair();
    const { mss } = near.tcp!.info();
    ofAlice.length = 0;
    const began = clock.now() / 1000;
    near.cork();
    for (let i = 0; i < 50; i++) near.write(Buffer.alloc(100));
    near.uncork();
    await clock.run({ for: 1000 });
    const sent = ofAlice.filter(({ bytes }) => bytes > 0);
    const full = Math.floor(5000 / mss);
    expect(sent.map(({ bytes }) => bytes)).toEqual([...Array<number>(full).fill(mss), 5000 % mss]);
    for (const { at } of sent.slice(0, full)) expect(at).toBe(began);
    expect(sent.at(-1)!.at).toBeGreaterThanOrEqual(began + 2 * DELAY);
  });

  it('leaves whole at once with noDelay', async () => {
    const [near] = await pair({}, { noDelay: true });
    ofAlice.length = 0;
    const began = clock.now() / 1000;
    near.cork();
    for (let i = 0; i < 50; i++) near.write(Buffer.alloc(100));
    near.uncork();
    await clock.run({ for: 1000 });
    const sent = ofAlice.filter(({ bytes }) => bytes > 0);
    expect(sent).toHaveLength(Math.ceil(5000 / near.tcp!.info().mss));
    expect(new Set(sent.map(({ at }) => at))).toEqual(new Set([began]));
  });

  it('as are writes that came while one had to wait', async () => {
    const [near, far] = await pair();
    far.resume();
    near.write(Buffer.alloc(3_000_000));
    for (let i = 0; i < 1000; i++) near.write(Buffer.alloc(10));
    await clock.run({ until: () => near.writableLength === 0, limit: 60_000 });
    await clock.run({ for: 1000 });
    const { mss } = near.tcp!.info();
    const short = ofAlice.filter(({ bytes }) => bytes > 0 && bytes < mss);
    // Not a segment for each of the thousand: the ends of what the send buffer took at a time, at most.
    expect(short.length).toBeLessThan(50);
    expect(far.bytesRead).toBe(3_010_000);
  });
});

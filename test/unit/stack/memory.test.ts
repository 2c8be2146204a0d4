import { describe, expect, it } from 'vitest';
import type { Connection, ConnectionOptions } from '../../../src/index.ts';
import { Stack, cable } from '../../../src/index.ts';
import { VirtualClock, seededRandom } from '../../../src/sim/index.ts';
import type { TcpPeer } from '../../support/tcp-peer.ts';
import { stream } from '../../support/tcp-peer.ts';
import { World } from '../../support/tcp-world.ts';
import { ANY, hostAt, cidrAt } from '../../support/family.ts';

const SECOND = 1_000_000;

/** Two stacks on a cable; `alice` has little queue memory. */
function poor(memory: number) {
  const clock = new VirtualClock();
  const [left, right] = cable();
  const alice = new Stack({ clock, random: seededRandom(1), memory });
  const bob = new Stack({ clock, random: seededRandom(2) });
  alice.attach(left, { addresses: [cidrAt(1)] });
  bob.attach(right, { addresses: [cidrAt(2)] });
  /** Sends `total` bytes to a port of bob's as room comes; counts what was taken. */
  const sender = (remotePort: number, total: number, options: ConnectionOptions = {}) => {
    const state = { written: 0, closed: false };
    const more = (): void => {
      state.written += connection.write(new Uint8Array(total - state.written));
      if (state.written === total) connection.shutdown();
    };
    const connection = alice.tcp.connect(
      { remoteAddress: hostAt(2), remotePort, ...options },
      { onConnect: more, onWritable: more, onClose: () => void (state.closed = true) },
    );
    return { connection, state };
  };
  let received = 0;
  bob.tcp.listen({ address: ANY, port: 7 }, (c) => {
    c.handler = {
      onReadable: () => {
        for (let bytes = c.read(); bytes !== undefined; bytes = c.read()) received += bytes.length;
      },
      onEnd: () => c.shutdown(),
    };
  });
  bob.tcp.listen({ address: ANY, port: 9, receiveBuffer: 4096 }, () => {});
  return { clock, alice, bob, sender, received: () => received };
}

describe('a stack with little memory', () => {
  it('less than a send buffer takes, still sends everything', () => {
    const { clock, alice, sender, received } = poor(100_000);
    const { state } = sender(7, 1_000_000);
    clock.advance(10 * SECOND);
    expect(received()).toBe(1_000_000);
    expect(state.closed).toBe(true);
    clock.advance(61 * SECOND);
    alice.assertQuiescent();
  });

  it('one connection whose buffer sizes itself takes half of it, and the next finds room', () => {
    const { clock, alice, sender } = poor(400_000);
    const hog = sender(9, 1_000_000);
    clock.advance(SECOND);
    expect(hog.connection.unacknowledged).toBe(200_000);
    const next = sender(9, 1_000_000);
    clock.advance(SECOND);
    expect(next.connection.unacknowledged).toBe(100_000);
    for (const { connection } of [hog, next]) connection.abort();
    clock.advance(61 * SECOND);
    alice.assertQuiescent();
  });

  it('that one connection has used up, leaves enough for the others to get on', () => {
    const { clock, alice, sender, received } = poor(100_000);
    // A size that the user has chosen stays, whatever part of the memory it is.
    const hog = sender(9, 1_000_000, { sendBuffer: 1_000_000 });
    clock.advance(SECOND);
    expect(alice.statistics().memory.used).toBeGreaterThanOrEqual(100_000);
    const { state } = sender(7, 500_000);
    clock.advance(60 * SECOND);
    expect(state).toEqual({ written: 500_000, closed: true });
    expect(received()).toBe(500_000);
    hog.connection.abort();
    clock.advance(61 * SECOND);
    alice.assertQuiescent();
  });

  it('on both sides, full of what each wants to send, comes to no deadlock', () => {
    const clock = new VirtualClock();
    const [left, right] = cable();
    const stacks = [left, right].map((end, i) => {
      const stack = new Stack({ clock, random: seededRandom(i), memory: 50_000 });
      stack.attach(end, { addresses: [cidrAt(i + 1)] });
      return stack;
    });
    const [alice, bob] = stacks as [Stack, Stack];
    const received = [0, 0];
    const talk = (connection: Connection, side: 0 | 1): void => {
      let rest = 500_000;
      const more = (): void => {
        rest -= connection.write(new Uint8Array(rest));
        if (rest === 0) connection.shutdown();
      };
      connection.handler = {
        onConnect: more,
        onWritable: more,
        onReadable: () => {
          for (let bytes = connection.read(); bytes !== undefined; bytes = connection.read()) {
            received[side] = received[side]! + bytes.length;
          }
        },
      };
      if (connection.state === 'ESTABLISHED') more();
    };
    const listener = bob.tcp.listen({ address: ANY, port: 7 }, (c) => talk(c, 1));
    for (let i = 0; i < 4; i++) talk(alice.tcp.connect({ remoteAddress: hostAt(2), remotePort: 7 }, {}), 0);
    clock.advance(300 * SECOND);
    expect(received).toEqual([2_000_000, 2_000_000]);
    listener.close();
    clock.advance(61 * SECOND);
    for (const stack of stacks) stack.assertQuiescent();
  });
});

describe('a receiver whose memory others use up', () => {
  it('is not taken for dead: what waits, waits for a closed window, and arrives in the end ([MUST-37])', () => {
    const clock = new VirtualClock();
    const [left, right] = cable();
    const alice = new Stack({ clock, random: seededRandom(1) });
    const bob = new Stack({ clock, random: seededRandom(2), memory: 200_000 });
    alice.attach(left, { addresses: [cidrAt(1)] });
    bob.attach(right, { addresses: [cidrAt(2)] });
    const accepted: Connection[] = [];
    bob.tcp.listen({ address: ANY, port: 7 }, (connection) => void accepted.push(connection));
    const told: string[] = [];
    const to = { remoteAddress: hostAt(2), remotePort: 7 };
    const victim = alice.tcp.connect(to, { onError: (error) => void told.push(error.code) });
    clock.advance(SECOND);
    // Their owner does not read.
    const hogs = [1, 2, 3].map(() => alice.tcp.connect(to, {}));
    clock.advance(SECOND);
    for (const hog of hogs) hog.write(new Uint8Array(120_000));
    clock.advance(SECOND);
    victim.write(new Uint8Array(20_000));
    clock.advance(3600 * SECOND);
    expect(told).toEqual([]);
    const [served, ...others] = accepted;
    for (const other of others) other.abort();
    let received = 0;
    served!.handler = {
      onReadable: (c) => {
        for (let bytes = c.read(); bytes !== undefined; bytes = c.read()) received += bytes.length;
      },
    };
    for (let bytes = served!.read(); bytes !== undefined; bytes = served!.read()) received += bytes.length;
    clock.advance(300 * SECOND);
    expect(received).toBe(20_000);
    void alice.destroy();
    void bob.destroy();
  });
});

describe('what a peer makes a stack hold', () => {
  /** A connection that a peer has opened from `port`. */
  function opened(world: World, port: number): TcpPeer {
    const peer = world.client(port);
    peer.send({ flags: 'S', mss: 1460 });
    peer.expect({ flags: 'SA' });
    peer.send({ flags: 'A' });
    return peer;
  }

  /** Two connections, one of which holds all of the budget but `left` bytes: what its peer has sent is not read. */
  function crowded(limit: number, left: number) {
    const world = new World({ memory: limit });
    world.listen();
    const [hog, peer] = [opened(world, 40_000), opened(world, 40_001)];
    const used = (): number => world.stack.statistics().memory.used;
    while (limit - used() > left) {
      hog.send({ flags: 'A', data: Math.min(1460, limit - used() - left) });
      hog.take();
    }
    expect(used()).toBe(limit - left);
    return { world, hog, peer };
  }

  it('one byte of each two, on many connections: no more than the budget', () => {
    const limit = 200_000;
    const world = new World({ memory: limit, tcp: { sack: true } });
    world.listen();
    let most = 0;
    const peers = Array.from({ length: 6 }, (_, i) => {
      const peer = world.client(40_000 + i);
      peer.send({ flags: 'S', mss: 1460 });
      peer.expect({ flags: 'SA' });
      peer.send({ flags: 'A' });
      return peer;
    });
    for (let k = 1; k <= 600; k++) {
      for (const peer of peers) {
        peer.send({ flags: 'A', seq: 1 + 2 * k, data: 1 });
        peer.take();
        most = Math.max(most, world.stack.statistics().memory.used);
      }
    }
    expect(most).toBeLessThanOrEqual(limit);
    // 3600 pieces of one byte would be more than 400 KB.
    expect(most).toBeGreaterThan(limit - 10_000);
    expect(world.stack.statistics().drops['tcp-out-of-order-pruned']).toBeGreaterThan(0);
    for (const peer of peers) peer.send({ flags: 'R', seq: 1 });
    expect(world.stack.statistics().memory.used).toBe(0);
  });

  it('what is given back for a segment is less than it takes: that is dropped, and the budget holds', () => {
    const limit = 20_000;
    const { world, hog, peer } = crowded(limit, 1000);
    peer.send({ flags: 'A', seq: 1 + 2000, data: 10 });
    expect(world.stack.statistics().drops['tcp-out-of-order-pruned']).toBeUndefined();
    peer.take();
    // What was kept out of order goes, and is not enough.
    peer.send({ flags: 'A', seq: 1 + 2010, data: 1460 });
    const { memory, drops } = world.stack.statistics();
    expect(memory.used).toBeLessThanOrEqual(limit);
    expect(drops).toMatchObject({ 'tcp-out-of-order-pruned': 1, 'tcp-memory-budget': 1 });
    peer.take();
    hog.take();
  });

  it('its owner is told of room when there is memory for it, too, and not only a part of the send buffer free', () => {
    const world = new World({ memory: 20_000, tcp: { sendBuffer: 9000 } });
    const accepted = world.listen();
    const peer = opened(world, 40_000);
    const { connection, events } = accepted[0]!;
    connection.handler = { onWritable: () => events.push('writable') };
    expect(connection.write(stream(0, 10_000))).toBe(9000);
    world.advance(0);
    peer.take();
    // Others hold the rest, and what each connection may have though there is none.
    const others = [40_001, 40_002, 40_003, 40_004].map((port) => opened(world, port));
    for (let i = 0; i < 8; i++) for (const other of others) other.send({ flags: 'A', data: 1460 });
    const { used, limit } = world.stack.statistics().memory;
    expect(used).toBeGreaterThan(limit + 5000);
    events.length = 0;
    peer.ack(1 + 4000);
    expect(connection.writableLength).toBe(0);
    expect(events).toEqual([]);
    for (const other of accepted.slice(1)) while (other.connection.read() !== undefined);
    peer.ack(1 + 5000);
    expect(events).toEqual(['writable']);
    expect(connection.writableLength).toBeGreaterThan(0);
    for (const one of [peer, ...others]) one.take();
  });

  it('SACK blocks that cut what is on its way: the scoreboard counts, and what is acknowledged no more', () => {
    const world = new World({ tcp: { congestion: 'reno' } });
    const accepted = world.listen();
    const peer = world.client(40_000);
    peer.send({ flags: 'S', mss: 1460, options: [{ name: 'sackPermitted' }] });
    peer.expect({ flags: 'SA' });
    peer.send({ flags: 'A' });
    const { connection } = accepted[0]!;
    world.write(connection, 14_600);
    peer.take();
    const used = (): number => world.stack.statistics().memory.used;
    const before = used();
    for (let i = 0; i < 1000; i++) {
      peer.send({ flags: 'A', ack: 1, sack: [[3000 + 4 * i, 3002 + 4 * i]] });
      peer.take();
    }
    // Two thousand records of 39 bytes.
    expect(used() - before).toBeGreaterThan(70_000);
    expect(used() - before).toBeLessThan(200_000);
    peer.send({ flags: 'A', ack: 14_601 });
    peer.take();
    expect(used()).toBe(0);
  });
});

import { afterEach, describe, expect, it } from 'vitest';
import { NO_OFFLOAD, Stack, batchOf, cable, impair, congestionControls } from '../../../src/index.ts';
import type { Connection, ConnectionOptions, Link, LinkHost } from '../../../src/index.ts';
import { VirtualClock, seededRandom } from '../../../src/sim/index.ts';
import { Reno } from '../../../src/tcp/congestion/reno.ts';
import { failingController } from '../../support/congestion.ts';
import { World, established } from '../../support/tcp-world.ts';
import { ANY, hostAt, cidrAt, MORE_HEADER, SMALLER_MSS, HEADERS } from '../../support/family.ts';

const SECOND = 1_000_000;

/** Two stacks on a cable of which the test holds the first end's host, to change what the link says of itself. */
function pair(options: { memory?: number } = {}) {
  const clock = new VirtualClock();
  const [a, b] = cable({ mtu: 1500 + MORE_HEADER });
  // A millisecond each way, and packets come one by one: what happens on the way takes time.
  const slow = { send: { delay: 1, rate: 1e9 } };
  const wire = new Changeable(impair(a, slow));
  const alice = new Stack({ clock, random: seededRandom(1) });
  const bob = new Stack({ clock, random: seededRandom(2), ...options });
  alice.attach(wire, { addresses: [cidrAt(1)] });
  bob.attach(impair(b, slow), { addresses: [cidrAt(2)] });
  return { clock, alice, bob, wire };
}

/** A link whose MTU and state the test sets. */
class Changeable implements Link {
  readonly medium = 'ip';
  readonly offload = NO_OFFLOAD;
  readonly #inner: Link;
  #host: LinkHost | undefined;
  mtu: number = 1500 + MORE_HEADER;
  down: boolean = false;
  /** Packets larger than the MTU that the link was given. */
  tooBig: number = 0;

  constructor(inner: Link) {
    this.#inner = inner;
  }

  get up(): boolean {
    return this.#inner.up && !this.down;
  }

  open(host: LinkHost): void | Promise<void> {
    this.#host = host;
    return this.#inner.open(host);
  }

  send(batch: Parameters<Link['send']>[0]): number {
    for (const packet of batch) {
      if (packet.length > this.mtu) this.tooBig++;
      else if (this.up) this.#inner.send(batchOf([packet]));
    }
    return batch.count;
  }

  close(): void | Promise<void> {
    return this.#inner.close();
  }

  change(mtu: number, down: boolean): void {
    this.mtu = mtu;
    this.down = down;
    this.#host!.changed();
  }
}

/** A listener that reads everything and counts it. */
function sink(
  stack: Stack,
  port: number,
  options: ConnectionOptions = {},
): { received: number; connection?: Connection } {
  const state: { received: number; connection?: Connection } = { received: 0 };
  stack.tcp.listen({ address: ANY, port, ...options }, (connection) => {
    state.connection = connection;
    connection.handler = {
      onReadable: () => {
        for (let bytes = connection.read(); bytes !== undefined; bytes = connection.read())
          state.received += bytes.length;
      },
      onEnd: () => connection.shutdown(),
    };
  });
  return state;
}

/** Writes `total` bytes as room comes. */
function source(
  stack: Stack,
  port: number,
  total: number,
  options: ConnectionOptions = {},
): { connection: Connection; events: string[] } {
  const events: string[] = [];
  const chunk = new Uint8Array(65_536);
  let left = total;
  const push = (connection: Connection): void => {
    while (left > 0) {
      const taken = connection.write(left < chunk.length ? chunk.subarray(0, left) : chunk);
      left -= taken;
      if (taken === 0) return;
    }
    connection.shutdown();
  };
  const connection = stack.tcp.connect(
    { remoteAddress: hostAt(2), remotePort: port, ...options },
    {
      onConnect: push,
      onWritable: push,
      onError: ({ code, cause }) => events.push(cause instanceof Error ? `${code}, as ${cause}` : code),
      onClose: () => events.push('close'),
    },
  );
  return { connection, events };
}

describe('a part of the user’s that throws', () => {
  const controller = failingController('test-throws');
  afterEach(() => {
    controller.failing = false;
  });

  it('ends its own connection, tells the program, and harms no other', () => {
    const { clock, alice, bob } = pair();
    const got = [sink(bob, 7), sink(bob, 8)];
    const bad = source(alice, 7, 5_000_000, { congestion: 'test-throws' });
    const good = source(alice, 8, 2_000_000);
    clock.advance(10_000);
    controller.failing = true;
    const errors: unknown[] = [];
    for (let i = 0; i < 1000; i++) {
      try {
        clock.advance(10_000);
      } catch (error) {
        errors.push(error);
      }
    }
    expect(errors.map(String)).toContain('Error: my controller');
    expect(bad.events).toEqual(['ECONNABORTED, as Error: my controller', 'close']);
    expect(got[1]!.received).toBe(2_000_000);
    expect(good.events).toEqual(['close']);
    alice.assertQuiescent({ timeWait: true });
  });

  it('leaves nobody’s connection behind when it is the listener', () => {
    const { clock, alice, bob } = pair();
    bob.tcp.listen({ address: ANY, port: 7 }, () => {
      throw new Error('my listener');
    });
    const { events } = source(alice, 7, 1000);
    expect(() => clock.advance(SECOND)).toThrow('my listener');
    clock.advance(SECOND);
    expect(events).toEqual(['ECONNRESET', 'close']);
    expect(bob.tcp.connections).toEqual([]);
  });
});

describe('a congestion controller with a number that makes no sense', () => {
  for (const [name, numbers] of [
    ['a window of NaN', { cwnd: NaN }],
    ['no window', { cwnd: 0 }],
    ['a rate of NaN', { pacingRate: NaN }],
    ['no rate', { pacingRate: 0 }],
  ] as const) {
    it(`ends its own connection: ${name}`, () => {
      congestionControls.register('test-senseless', (start) => Object.assign(new Reno(start), numbers));
      const { clock, alice, bob } = pair();
      sink(bob, 7);
      const { events } = source(alice, 7, 100_000, { congestion: 'test-senseless' });
      expect(() => clock.advance(SECOND)).toThrow(/congestion controller 'reno' has a/);
      clock.advance(SECOND);
      expect(events).toEqual([expect.stringMatching(/^ECONNABORTED, as .*'reno' has a/), 'close']);
      alice.assertQuiescent();
    });
  }
});

describe('an observer that aborts', () => {
  for (const sack of [true, false]) {
    for (const type of ['loss', 'retransmit', 'recovered'] as const) {
      it(`ends the connection in the middle of its doing: ${type}, ${sack ? 'with' : 'without'} SACK`, () => {
        const { world, peer, connection } = established({ rtt: 100_000, sack });
        let told = 0;
        world.stack.on('tcp-recovery', (event) => {
          if (++told > 100) throw new Error('it goes on and on');
          if (event.type === type) event.connection.abort();
        });
        world.write(connection, 14_600);
        world.advance(100_000);
        if (sack) peer.ack(1, { sack: [[1461, 1461 + 3 * 1460]] });
        else for (let i = 0; i < 3; i++) peer.ack(1);
        if (type === 'recovered') peer.ack(14_601);
        expect(connection.state).toBe('CLOSED');
        peer.take();
        world.advance(3600 * SECOND);
      });
    }
  }

  for (const to of [
    'SYN_RECV',
    'ESTABLISHED',
    'FIN_WAIT_1',
    'FIN_WAIT_2',
    'CLOSE_WAIT',
    'LAST_ACK',
    'CLOSING',
  ] as const) {
    it(`as soon as it is in ${to}: nothing is left of it`, () => {
      const world = new World();
      world.stack.on('tcp-state', (event) => {
        if (event.to === to) event.connection.abort();
      });
      const accepted = world.listen();
      const peer = world.client();
      peer.send({ flags: 'S', mss: 1460, data: 100 });
      peer.send({ flags: 'A', seq: 101 });
      const shutdown = (): void => world.act(() => accepted[0]?.connection.shutdown());
      if (to !== 'CLOSE_WAIT' && to !== 'LAST_ACK') shutdown();
      if (to === 'FIN_WAIT_2') peer.ack(2);
      peer.send({ flags: 'FA', seq: 101, ack: 1, data: 10 });
      if (to === 'LAST_ACK') shutdown();
      expect(world.stack.tcp.connections).toEqual([]);
      peer.take();
    });
  }

  it('as soon as both have sent a SYN', () => {
    const world = new World();
    world.stack.on('tcp-state', (event) => {
      if (event.to === 'SYN_RECV') event.connection.abort();
    });
    const peer = world.peer();
    world.connect();
    peer.expect({ flags: 'S' });
    peer.send({ flags: 'S', mss: 1460, data: 100 });
    expect(world.stack.tcp.connections).toEqual([]);
    peer.take();
  });

  it('at a time-out, and at the repetition that follows', () => {
    for (const type of ['loss', 'retransmit'] as const) {
      const { world, peer, connection } = established({ rtt: 100_000, sack: true });
      world.stack.on('tcp-recovery', (event) => {
        if (event.type === type) event.connection.abort();
      });
      world.write(connection, 1000);
      world.advance(3600 * SECOND);
      expect(connection.state).toBe('CLOSED');
      peer.take();
    }
  });
});

describe('a link that changes', () => {
  it('[SHLD-6] with a smaller MTU: established connections go on in smaller segments', () => {
    const { clock, alice, bob, wire } = pair();
    const got = sink(bob, 7);
    const { connection } = source(alice, 7, 3_000_000);
    while (got.received === 0) clock.advance(500);
    wire.change(SMALLER_MSS + HEADERS, false);
    clock.advance(20 * SECOND);
    expect(got.received).toBe(3_000_000);
    expect(connection.info().mss).toBe(SMALLER_MSS - 12);
    expect(wire.tooBig).toBe(0);
  });

  it('and comes up again: what was lost is sent at once, and it counts as no congestion', () => {
    const { clock, alice, bob, wire } = pair();
    const got = sink(bob, 7);
    const { connection } = source(alice, 7, 30_000_000);
    while (got.received < 1_000_000) clock.advance(500);
    wire.down = true; // what is sent before the stack hears of it is lost
    clock.advance(2000);
    wire.change(1500 + MORE_HEADER, true);
    clock.advance(100_000);
    const before = connection.info();
    expect(before.flight).toBeGreaterThan(0);
    const received = got.received;
    wire.change(1500 + MORE_HEADER, false);
    clock.advance(10_000);
    expect(got.received).toBeGreaterThan(received);
    expect(connection.info().timeouts).toBe(before.timeouts);
    expect(connection.info().cwnd).toBeGreaterThanOrEqual(before.cwnd);
  });

  it('elsewhere: a transfer over another link takes no notice', () => {
    const { clock, alice, bob } = pair();
    const got = sink(bob, 7);
    const { connection } = source(alice, 7, 30_000_000);
    while (got.received < 1_000_000) clock.advance(500);
    const before = connection.info();
    const [x, y] = cable();
    alice.attach(x, { addresses: ['10.9.0.1/24'] });
    bob.attach(y, { addresses: ['10.9.0.2/24'] });
    clock.advance(500);
    const after = connection.info();
    expect([after.timeouts, after.retransmits]).toEqual([before.timeouts, before.retransmits]);
    expect(after.cwnd).toBeGreaterThanOrEqual(before.cwnd);
  });

  it('dies inside of send: the interface goes, the program goes on', () => {
    const clock = new VirtualClock();
    let host: LinkHost | undefined;
    const link: Link = {
      medium: 'ip',
      mtu: 1500,
      up: true,
      offload: NO_OFFLOAD,
      open: (given) => {
        host = given;
      },
      send: (batch) => {
        host!.closed(new Error('pulled out'));
        return batch.count;
      },
      close: () => {},
    };
    const stack = new Stack({ clock, random: seededRandom(1) });
    stack.attach(link, { name: 'x0', addresses: [cidrAt(1)] });
    const gone: unknown[] = [];
    stack.on('link', ({ error }) => gone.push(error?.message));
    stack.tcp.connect({ remoteAddress: hostAt(2), remotePort: 7 }, {});
    clock.advance(SECOND);
    expect(gone).toEqual(['pulled out']);
    expect(stack.interfaces.map(({ name }) => name)).toEqual(['lo']);
  });

  it('does not open: it is not attached, and the event tells', async () => {
    const clock = new VirtualClock();
    const link = (): Link => ({
      medium: 'ip',
      mtu: 1500,
      up: false,
      offload: NO_OFFLOAD,
      open: () => Promise.reject(new Error('no such device')),
      send: (batch) => batch.count,
      close: () => {},
    });
    const stack = new Stack({ clock, random: seededRandom(1) });
    const gone: unknown[] = [];
    stack.on('link', ({ error }) => gone.push(error?.message));
    const first = stack.attach(link(), { name: 'x0', addresses: [cidrAt(1)] });
    await expect(first.ready).rejects.toThrow('no such device');
    expect(gone).toEqual(['no such device']);
    // The name and the address are free again; nobody waits for this one, which harms nobody.
    stack.attach(link(), { name: 'x0', addresses: [cidrAt(1)] });
  });
});

describe('memory', () => {
  it('that is used up: a connection that nobody reads holds its floor and no more, and offers no window beyond', () => {
    const { clock, alice, bob } = pair({ memory: 100_000 });
    const connections: Connection[] = [];
    bob.tcp.listen({ address: ANY, port: 7 }, (connection) => {
      connections.push(connection);
      connection.handler = {};
    });
    for (let i = 0; i < 9; i++) source(alice, 7, 100_000);
    clock.advance(30 * SECOND);
    expect(bob.statistics().memory.used).toBeGreaterThanOrEqual(90_000);
    const late = Array.from({ length: 50 }, () => source(alice, 7, 100_000).connection);
    clock.advance(30 * SECOND);
    expect(connections.length).toBe(59);
    // No sender is offered more than the floor, rounded up to the scale by each of two ACKs, and none is offered nothing.
    for (const connection of late)
      expect(connection.info().bytesAcked + connection.info().sendWindow).toBeLessThanOrEqual(4096 + 2 * 512);
    for (const { readableLength } of connections.slice(9)) expect(readableLength).toBeGreaterThan(0);
    expect(bob.statistics().memory.used).toBeLessThan(100_000 + 59 * 4096 * 2);
  });

  it('that all send buffers together exceed many times over: every one of 50 downloads is complete', () => {
    const { clock, alice, bob } = pair({ memory: 1_000_000 });
    const size = 400_000;
    const body = new Uint8Array(size);
    bob.tcp.listen({ address: ANY, port: 80 }, (connection) => {
      let sent = 0;
      const push = (): void => {
        sent += connection.write(body.subarray(sent));
        if (sent === size) connection.shutdown();
      };
      connection.handler = { onWritable: push };
      push();
    });
    const got = Array.from({ length: 50 }, () => {
      const state = { received: 0 };
      alice.tcp.connect(
        { remoteAddress: hostAt(2), remotePort: 80 },
        {
          onReadable: (c) => {
            for (let bytes = c.read(); bytes !== undefined; bytes = c.read()) state.received += bytes.length;
          },
          onEnd: (c) => c.shutdown(),
        },
      );
      return state;
    });
    clock.advance(60 * SECOND);
    expect(got.map(({ received }) => received)).toEqual(got.map(() => size));
    expect(bob.statistics().memory.used).toBe(0);
  });

  it('of a closed connection’s owner is let go at once, not after TIME-WAIT', () => {
    const { clock, alice, bob } = pair();
    sink(bob, 7);
    const { connection, events } = source(alice, 7, 1000);
    const { handler } = connection;
    clock.advance(SECOND);
    expect(events).toEqual(['close']);
    expect(connection.state).toBe('TIME_WAIT');
    expect(connection.handler).not.toBe(handler);
    expect(connection.handler).toEqual({});
  });
});

describe('stack.close', () => {
  it('is done as soon as the last owner has read the last byte', async () => {
    const { clock, alice, bob } = pair();
    bob.tcp.listen({ address: ANY, port: 7 }, (connection) => {
      connection.handler = { onEnd: () => connection.shutdown() };
      connection.write(new Uint8Array(100));
      connection.shutdown();
    });
    const connection = alice.tcp.connect({ remoteAddress: hostAt(2), remotePort: 7 }, {});
    clock.advance(1000);
    let closed = false;
    const closing = alice.close({ timeout: 50_000 }).then(() => (closed = true));
    clock.advance(SECOND);
    expect(connection.read()!.length).toBe(100);
    await clock.run({ for: 10 });
    expect(closed).toBe(true);
    await closing;
  });
});

describe('a long life', () => {
  it('takes a connection past two gigabytes', () => {
    const clock = new VirtualClock();
    const [a, b] = cable({ mtu: 65_535, offload: true });
    const alice = new Stack({ clock, random: seededRandom(1) });
    const bob = new Stack({ clock, random: seededRandom(2) });
    alice.attach(a, { addresses: [cidrAt(1)] });
    bob.attach(b, { addresses: [cidrAt(2)] });
    const total = 2 ** 31 + 1_000_000;
    const got = sink(bob, 7);
    const { connection } = source(alice, 7, total);
    let back = 0;
    connection.handler = {
      ...connection.handler,
      onReadable: () => {
        for (let bytes = connection.read(); bytes !== undefined; bytes = connection.read()) back += bytes.length;
      },
    };
    while (got.received < total && clock.now() < 60 * SECOND) clock.advance(1000);
    expect(got.received).toBe(total);
    got.connection!.write(new Uint8Array(100_000));
    clock.advance(SECOND);
    expect(back).toBe(0); // the listener's end had closed by then: nothing may be written any more
    alice.assertQuiescent({ timeWait: true });
  });
});

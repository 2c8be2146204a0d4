import { describe, expect, it } from 'vitest';
import type { AttachOptions, Batch, Connection, Interface, Link, LinkHost, LinkOffload } from '../../../src/index.ts';
import { cable, impair, NO_OFFLOAD, Stack } from '../../../src/index.ts';
import { RawPeer } from '../../support/raw-peer.ts';
import { TwoLinks } from './two-links.ts';
import { seededRandom, VirtualClock } from '../../../src/sim/index.ts';

const SECOND = 1_000_000;
const OUTAGE = 300 * SECOND;
const RTT = 0.02 * SECOND;
const BYTES = 5_000_000;
const NETWORK = { 4: '10.0.0.0/24', 6: 'fd00::/64' } as const;

/** A link with a switch: off, it is down and loses what comes. */
class Switched implements Link {
  readonly medium: 'ip' | 'ethernet';
  readonly address?: Uint8Array;
  readonly offload: LinkOffload = NO_OFFLOAD;
  readonly #inner: Link;
  #host: LinkHost | undefined;
  #on: boolean = true;

  constructor(inner: Link) {
    this.#inner = inner;
    this.medium = inner.medium;
    if (inner.address !== undefined) this.address = inner.address;
  }

  get mtu(): number {
    return this.#inner.mtu;
  }

  get up(): boolean {
    return this.#on && this.#inner.up;
  }

  set on(on: boolean) {
    this.#on = on;
    this.#host?.changed();
  }

  open(host: LinkHost): void | Promise<void> {
    this.#host = host;
    const receive = (batch: Batch): void => {
      if (this.#on) host.receive(batch);
    };
    return this.#inner.open({ ...host, receive });
  }

  send(batch: Batch): number {
    return this.#on ? this.#inner.send(batch) : batch.count;
  }

  close(): void | Promise<void> {
    return this.#inner.close();
  }
}

/** What one end of the connection has to do, and has done. */
interface Side {
  received: number;
  left: number;
  connection: Connection | undefined;
  readonly errors: string[];
}

/** Two stacks, 10 Mbit/s and 20 ms apart, that send each other as much as they can. */
class Scene {
  readonly clock: VirtualClock = new VirtualClock();
  readonly links: readonly Switched[];
  readonly stacks: readonly Stack[];
  readonly interfaces: readonly Interface[];
  readonly sides: readonly Side[];

  constructor(family: 4 | 6, medium: 'ip' | 'ethernet' = 'ip', options: AttachOptions = {}) {
    const { clock } = this;
    this.links = cable({ medium }).map(
      (end, i) => new Switched(impair(end, { send: { delay: 10, rate: 10_000_000 }, seed: i })),
    );
    this.stacks = [1, 2].map((seed) => new Stack({ clock, random: seededRandom(seed) }));
    this.interfaces = this.stacks.map((stack, i) =>
      stack.attach(this.links[i]!, { ...options, addresses: [`10.0.0.${i + 1}/32`, `fd00::${i + 1}/128`] }),
    );
    for (const stack of this.stacks) {
      for (const network of Object.values(NETWORK)) stack.routes.add(network, { interface: 'eth0' });
    }
    clock.advance(options.conflictDetection === true ? 10 * SECOND : 0);
    this.sides = this.stacks.map(() => ({ received: 0, left: BYTES, connection: undefined, errors: [] }));
    this.stacks[1]!.tcp.listen({ address: '::', port: 7 }, (connection) => this.#play(1, connection));
    const remoteAddress = family === 4 ? '10.0.0.2' : 'fd00::2';
    this.#play(0, this.stacks[0]!.tcp.connect({ remoteAddress, remotePort: 7 }, {}));
    clock.advance(2 * SECOND);
  }

  get received(): number[] {
    return this.sides.map(({ received }) => received);
  }

  /** Both go on at once: within a few round trips. */
  expectProgress(): void {
    const before = this.received;
    this.clock.advance(6 * RTT);
    for (const [i, received] of this.received.entries()) expect(received).toBeGreaterThan(before[i]!);
    this.clock.advance(120 * SECOND);
    expect(this.received).toEqual([BYTES, BYTES]);
    expect(this.sides.map(({ errors }) => errors)).toEqual([[], []]);
  }

  #play(index: number, connection: Connection): void {
    const side = this.sides[index]!;
    side.connection = connection;
    const write = (): void => {
      const piece = new Uint8Array(Math.min(side.left, 100_000));
      for (let taken = 1; side.left > 0 && taken > 0; side.left -= taken) {
        taken = connection.write(piece.subarray(0, Math.min(side.left, piece.length)));
      }
    };
    connection.handler = {
      onConnect: write,
      onWritable: write,
      onReadable: () => {
        for (let bytes = connection.read(); bytes; bytes = connection.read()) side.received += bytes.length;
      },
      onError: (error) => side.errors.push(error.code),
    };
    if (index === 1) write();
  }
}

describe.each([4, 6] as const)('IPv%i: after 300 s a connection goes on at once', (family) => {
  it('when both links were down', () => {
    const scene = new Scene(family);
    for (const link of scene.links) link.on = false;
    scene.clock.advance(OUTAGE);
    const still = scene.received;
    scene.clock.advance(SECOND);
    expect(scene.received).toEqual(still);
    for (const link of scene.links) link.on = true;
    scene.expectProgress();
  });

  it.each([
    ['are used at once', {}],
    ['are asked for first', { conflictDetection: true }],
  ])(
    'when both were, on Ethernet: they are not asked for again before they are used; addresses that %s',
    (_how, options) => {
      const scene = new Scene(family, 'ethernet', options);
      for (const link of scene.links) link.on = false;
      scene.clock.advance(OUTAGE);
      for (const link of scene.links) link.on = true;
      scene.expectProgress();
    },
  );

  it.each([
    ['who sends', [0]],
    ['who answers', [1]],
    ['both', [0, 1]],
  ])('when the route was gone: of %s', (_who, those) => {
    const scene = new Scene(family);
    for (const i of those) scene.stacks[i]!.routes.remove(NETWORK[family]);
    scene.clock.advance(OUTAGE);
    const still = scene.received;
    scene.clock.advance(SECOND);
    expect(scene.received).toEqual(still);
    for (const i of those) scene.stacks[i]!.routes.add(NETWORK[family], { interface: 'eth0' });
    scene.expectProgress();
  });

  it('when another link has taken over the route', () => {
    const scene = new Scene(family);
    for (const stack of scene.stacks) stack.routes.remove(NETWORK[family]);
    scene.clock.advance(OUTAGE);
    const [a, b] = cable();
    for (const [i, end] of [a, b].entries()) {
      scene.stacks[i]!.attach(end, { name: 'other' });
      scene.stacks[i]!.routes.add(NETWORK[family], { interface: 'other' });
    }
    scene.expectProgress();
  });

  it('an unanswered handshake, too', () => {
    const scene = new Scene(family);
    const [stack] = scene.stacks;
    scene.links[0]!.on = false;
    let open = false;
    const remoteAddress = family === 4 ? '10.0.0.2' : 'fd00::2';
    stack!.tcp.connect({ remoteAddress, remotePort: 7 }, { onConnect: () => (open = true) });
    scene.clock.advance(100 * SECOND);
    scene.links[0]!.on = true;
    scene.clock.advance(6 * RTT);
    expect(open).toBe(true);
  });
});

describe('a route that is back', () => {
  it('the time-out is what it was before: it was not congestion', () => {
    const { clock, stack, eth0 } = new TwoLinks();
    stack.routes.add('192.0.2.0/24', { via: '10.0.0.1' });
    const connection = stack.tcp.connect({ remoteAddress: '192.0.2.1', remotePort: 7, localPort: 1000 }, {});
    clock.advance(0);
    const peer = new RawPeer(eth0, ['192.0.2.1', 7], ['10.0.0.2', 1000]);
    peer.accept(eth0.take(), clock);
    const { rto } = connection.info();
    connection.write(new Uint8Array(100));
    clock.advance(0);
    eth0.take();
    stack.routes.remove('192.0.2.0/24');
    clock.advance(100 * SECOND);
    expect([eth0.take(), connection.info().rto]).toEqual([[], expect.toSatisfy((now: number) => now > 10 * rto)]);
    stack.routes.add('192.0.2.0/24', { via: '10.0.0.1' });
    clock.advance(0);
    expect(peer.absorb(eth0.take()).map(({ payload }) => payload.length)).toEqual([100]);
    clock.advance(rto * 1000);
    expect(peer.absorb(eth0.take()).map(({ payload }) => payload.length)).toEqual([100]);
  });
});

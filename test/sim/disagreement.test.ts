import { describe, expect, it } from 'vitest';
import { Stack, batchOf, cable } from '../../src/index.ts';
import type { Connection, ConnectionOptions, Link } from '../../src/index.ts';
import { ScriptPeer, VirtualClock, seededRandom } from '../../src/sim/index.ts';
import { parsePacket } from '../../src/wire/packet.ts';

const SECONDS = 60;
const [A, B] = ['10.0.0.1', '10.0.0.2'];
const PORTS = { a: 7, b: 40_000 };

/** One stack and whoever holds the other end of its cable. */
interface Side {
  stack: Stack;
  link: Link;
  hear: (bytes: Uint8Array) => void;
}

/**
 * Two stacks with one connection between them, of which each has made its half with somebody else: both are in
 * ESTABLISHED and agree on nothing. `offset` is how far apart their numbers are.
 */
class Quarrel {
  readonly clock: VirtualClock = new VirtualClock();
  readonly a: Connection;
  readonly b: Connection;
  packets: number = 0;
  readonly #sides: [Side, Side];

  constructor(offset: number, timestamps: boolean, tcp: ConnectionOptions) {
    const options = { ...tcp, timestamps };
    const a = this.#side(A, options);
    const b = this.#side(B, options);
    this.#sides = [a, b];
    // A takes a connection from somebody who claims to be B.
    const accepted: Connection[] = [];
    a.stack.tcp.listen({ port: PORTS.a }, (connection) => accepted.push(connection));
    const falseB = this.#peer(a, A, { address: B, port: PORTS.b, stackPort: PORTS.a, iss: 1000 });
    falseB.send({ flags: 'S', mss: 1460, timestamps });
    const { tcp: seen } = falseB.expect({ flags: 'SA' }).packet;
    falseB.send({ flags: 'A' });
    this.a = accepted[0]!;
    // B opens one to somebody who claims to be A, whose numbers are those that B might expect, but for the offset.
    this.b = b.stack.tcp.connect({ remoteAddress: A, remotePort: PORTS.a, localPort: PORTS.b }, {});
    const iss = (seen!.sequence + offset) >>> 0;
    const falseA = this.#peer(b, B, { address: A, port: PORTS.a, stackPort: PORTS.b, iss });
    this.clock.advance(0);
    falseA.expect({ flags: 'S' });
    falseA.send({ flags: 'SA', mss: 1460, timestamps });
    falseA.expect({ flags: 'A' });
    expect([this.a.state, this.b.state]).toEqual(['ESTABLISHED', 'ESTABLISHED']);
  }

  /** Both hear each other from now on, a millisecond apart. */
  run(seconds: number): void {
    const queues: Uint8Array[][] = [[], []];
    this.#sides.forEach((side, i) => (side.hear = (bytes) => queues[1 - i]!.push(bytes)));
    this.clock.advance(0);
    for (let ms = 0; ms < seconds * 1000; ms++) {
      this.clock.advance(1000);
      queues.forEach((queue, i) => {
        const packets = queue.splice(0);
        this.packets += packets.length;
        if (packets.length > 0) this.#sides[i]!.link.send(batchOf(packets));
      });
    }
    for (const { stack } of this.#sides) void stack.destroy();
  }

  #side(address: string, tcp: ConnectionOptions): Side {
    const [near, far] = cable({ mtu: 1500 });
    const stack = new Stack({ clock: this.clock, random: seededRandom(address.length + tcp.mss!), tcp });
    const side: Side = { stack, link: far, hear: () => {} };
    stack.attach(near, { addresses: [`${address}/24`] });
    void far.open({
      clock: this.clock,
      random: seededRandom(9),
      receive: (batch) => {
        for (const bytes of batch) side.hear(bytes.slice());
      },
      writable: () => {},
      changed: () => {},
      closed: () => {},
    });
    this.clock.advance(0);
    return side;
  }

  #peer(side: Side, stackAddress: string, at: ConstructorParameters<typeof ScriptPeer>[1]): ScriptPeer {
    const host: ConstructorParameters<typeof ScriptPeer>[0] = {
      stackAddress,
      now: () => this.clock.now(),
      transmit: (packets) => {
        side.link.send(batchOf(packets));
        this.clock.advance(0);
      },
      note: () => {},
      failure: (message) => new Error(message),
    };
    const peer = new ScriptPeer(host, at);
    side.hear = (bytes) => {
      const packet = parsePacket(bytes);
      if (typeof packet !== 'string') peer.hear(packet);
    };
    return peer;
  }
}

/** What one end or both do once they are joined. */
const PROVOCATIONS: readonly [name: string, provoke: (quarrel: Quarrel) => void][] = [
  ['one writes', ({ a }) => void a.write(new Uint8Array(5000))],
  ['both write', ({ a, b }) => [a, b].forEach((end) => end.write(new Uint8Array(5000)))],
  ['one closes', ({ b }) => b.shutdown()],
  ['both write and close', ({ a, b }) => [a, b].forEach((end) => (end.write(new Uint8Array(100)), end.shutdown()))],
  ['both probe for life', ({ a, b }) => [a, b].forEach((end) => end.set('keepAlive', true))],
  ['one aborts', ({ a }) => a.abort()],
];

describe('[S-091] two ends that are out of step', () => {
  const offsets = [1, 100, 5000, 100_000, 2 ** 30, 2 ** 31, -1, -100, -5000, -100_000];

  it.each(PROVOCATIONS)('exchange a bounded number of packets: %s', (_, provoke) => {
    for (const timestamps of [false, true]) {
      for (const offset of offsets) {
        const quarrel = new Quarrel(offset, timestamps, { mss: 1460, keepAliveIdle: 1000, keepAliveInterval: 1000 });
        provoke(quarrel);
        quarrel.run(SECONDS);
        // Two a second from each that the throttle lets through; besides, what is sent again by ever slower timers, a
        // probe a second, and one answer to each of those. A loop would have tens of thousands.
        const most = 2 * (2 * SECONDS + 1) + 2 * 2 * (SECONDS + 20);
        expect(quarrel.packets, `apart by ${offset}, timestamps ${timestamps}`).toBeLessThanOrEqual(most);
        expect(quarrel.packets).toBeGreaterThan(0);
      }
    }
  });
});

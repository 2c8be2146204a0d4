import { describe, expect, it } from 'vitest';
import type { Connection, Impairments } from '../../src/index.ts';
import { Stack, cable, impair } from '../../src/index.ts';
import { VirtualClock, seededRandom } from '../../src/sim/index.ts';
import { ANY, cidrAt, hostAt } from '../support/family.ts';

const SECOND = 1_000_000;
const RUNS = 150;
const CONTROLS = ['cubic', 'reno', 'bbr'];
const REQUEST = 1000;
const ANSWER = 20_000;

/** One connection as its two owners saw it. */
interface Seen {
  client: Connection;
  /** State of the server's connection when its owner first read. */
  readIn: string;
  requested: number;
  answered: number;
  /** When the first byte of the answer came, and when all of it and the end had. */
  firstAt: number;
  doneAt: number;
  errors: string[];
}

/** A client and a server that answers a whole request, on one cable. */
class Pair {
  readonly clock: VirtualClock = new VirtualClock();
  readonly client: Stack;
  readonly server: Stack;
  #seen: Seen | undefined = undefined;

  constructor(seed: number, faults: Impairments) {
    const { clock } = this;
    const [a, b] = cable();
    const tcp = { congestion: CONTROLS[seed % CONTROLS.length]!, sack: seed % 2 === 0, timestamps: seed % 5 > 0 };
    this.client = new Stack({ clock, tcp, random: seededRandom(seed) });
    this.server = new Stack({ clock, tcp, random: seededRandom(seed + 1000) });
    this.client.attach(impair(a, { ...faults, seed }), { addresses: [cidrAt(1)] });
    this.server.attach(b, { addresses: [cidrAt(2)] });
    this.server.tcp.listen({ address: ANY, port: 80, fastOpen: true }, (connection) => this.#serve(connection));
    clock.advance(0);
  }

  /** A request and its answer, from connect to the end. */
  exchange(): Seen {
    const begun = this.clock.now();
    const errors: string[] = [];
    const client = this.client.tcp.connect(
      { remoteAddress: hostAt(2), remotePort: 80, fastOpen: true },
      {
        onReadable: () => {
          if (seen.answered === 0) seen.firstAt = this.clock.now() - begun;
          for (let bytes = client.read(); bytes !== undefined; bytes = client.read()) {
            expect(bytes.every((byte) => byte === 0xaa)).toBe(true);
            seen.answered += bytes.length;
          }
        },
        onEnd: () => {
          seen.doneAt = this.clock.now() - begun;
          client.close();
        },
        onError: ({ code }) => errors.push(`client ${code}`),
      },
    );
    const seen: Seen = { client, readIn: '', requested: 0, answered: 0, firstAt: -1, doneAt: -1, errors };
    this.#seen = seen;
    expect(client.write(new Uint8Array(REQUEST).fill(0x55))).toBe(REQUEST);
    client.shutdown();
    this.clock.advance(600 * SECOND);
    return seen;
  }

  end(): void {
    for (const listener of this.server.tcp.listeners) listener.close();
    this.clock.advance(0);
    this.client.assertQuiescent({ timeWait: true });
    this.server.assertQuiescent({ timeWait: true });
  }

  #serve(connection: Connection): void {
    const seen = this.#seen!;
    connection.handler = {
      onReadable: () => {
        if (seen.requested === 0) seen.readIn = connection.state;
        for (let bytes = connection.read(); bytes !== undefined; bytes = connection.read()) {
          expect(bytes.every((byte) => byte === 0x55)).toBe(true);
          seen.requested += bytes.length;
        }
        if (seen.requested !== REQUEST) return;
        expect(connection.write(new Uint8Array(ANSWER).fill(0xaa))).toBe(ANSWER);
        connection.close();
      },
      onError: ({ code }) => seen.errors.push(`server ${code}`),
    };
  }
}

describe('TCP Fast Open between two stacks', () => {
  it('[S-097] the second connection: the request is read before the handshake is over, the answer comes a round trip later', () => {
    const pair = new Pair(1, { delay: 50 });
    const first = pair.exchange();
    // The FIN came with the request.
    expect(first).toMatchObject({ readIn: 'CLOSE_WAIT', requested: REQUEST, answered: ANSWER, errors: [] });
    expect(first.client.info().fastOpen).toBe('requested');
    const second = pair.exchange();
    expect(second).toMatchObject({ readIn: 'SYN_RECV', requested: REQUEST, answered: ANSWER, errors: [] });
    expect(second.client.info()).toMatchObject({ fastOpen: 'accepted', retransmits: 0 });
    expect([first.firstAt, second.firstAt]).toEqual([200_000, 100_000]);
    pair.end();
  });

  it(`[S-097] ${RUNS} seeds of loss, reordering and duplicates: every request is read once, every answer is whole`, () => {
    const outcomes = new Set<string>();
    let early = 0;
    for (let seed = 1; seed <= RUNS; seed++) {
      const pair = new Pair(seed, { delay: 20, loss: 0.1, reorder: 0.1, duplicate: 0.05 });
      for (let n = 0; n < 4; n++) {
        const seen = pair.exchange();
        expect([seed, n, seen.requested, seen.answered, seen.errors]).toEqual([seed, n, REQUEST, ANSWER, []]);
        expect(seen.doneAt).toBeGreaterThan(0);
        outcomes.add(seen.client.info().fastOpen);
        if (seen.readIn === 'SYN_RECV') early++;
      }
      pair.end();
    }
    expect([...outcomes].sort()).toEqual(['accepted', 'none', 'rejected', 'requested']);
    expect(early).toBeGreaterThan(RUNS);
  });
});

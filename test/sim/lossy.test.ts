import { describe, expect, it } from 'vitest';
import type { Connection, ConnectionOptions, Impairments, SystemError } from '../../src/index.ts';
import { Stack, cable, impair } from '../../src/index.ts';
import { VirtualClock, seededRandom } from '../../src/sim/index.ts';
import type { Random } from '../../src/time/clock.ts';
import { chance, uniform } from '../../src/time/seeded-random.ts';

const RUNS = Number(process.env['USERNET_SIM_RUNS'] ?? 300);
const FIRST_SEED = Number(process.env['USERNET_SIM_SEED'] ?? 1);
const SECOND = 1_000_000;
/** More virtual time than any schedule takes that does not stall, in microseconds. */
const LIMIT = 7200 * SECOND;

function between(random: Random, least: number, most: number): number {
  return least + uniform(random, most - least + 1);
}

function pick<T>(random: Random, values: readonly T[]): T {
  return values[uniform(random, values.length)]!;
}

/** The byte that stands at `index` of what the side with this `salt` writes. */
function byteAt(salt: number, index: number): number {
  return (Math.imul(index + salt, 0x9e37_79b1) >>> 24) & 0xff;
}

/** What one side does, drawn from the seed. */
interface Script {
  total: number;
  largestWrite: number;
  /** The probability that a write is followed by a pause, and how long it is at most. */
  writePause: number;
  readPause: number;
  pause: number;
  largestRead: number;
  /** Calls `close()` when both directions are done, instead of leaving it to TCP. */
  closes: boolean;
  /** Leaves early, wherever things stand, and how. */
  leaveAt: number;
  leaveBy: 'abort' | 'close';
}

function drawScript(random: Random): Script {
  const size = pick(random, [0, 1, 1000, 20_000, 200_000]);
  return {
    total: uniform(random, size + 1),
    largestWrite: pick(random, [1 + (size >>> 6), 1460, 10_000, 300_000]),
    writePause: chance(random, 0.3) ? 0.2 : 0,
    readPause: chance(random, 0.3) ? 0.3 : 0,
    pause: pick(random, [1000, 50_000, 2 * SECOND]),
    largestRead: pick(random, [200, 5000, 1 << 20]),
    closes: chance(random, 0.5),
    leaveAt: chance(random, 0.1) ? uniform(random, pick(random, [100_000, SECOND, 20 * SECOND])) : Infinity,
    leaveBy: pick(random, ['abort', 'close']),
  };
}

/** The owner of one end of the connection: follows its script and writes down what it is told. */
class Side {
  readonly events: string[] = [];
  received: number = 0;
  written: number = 0;
  left: boolean = false;
  connection: Connection | undefined;
  readonly script: Script;
  readonly #salt: number;
  readonly #peerSalt: number;
  readonly #random: Random;
  readonly #clock: VirtualClock;
  #reading: boolean = true;
  #writing: boolean = true;

  constructor(script: Script, salt: number, peerSalt: number, clock: VirtualClock, random: Random) {
    this.script = script;
    this.#salt = salt;
    this.#peerSalt = peerSalt;
    this.#clock = clock;
    this.#random = random;
  }

  own(connection: Connection): void {
    this.connection = connection;
    connection.handler = {
      onConnect: () => this.#connected(),
      onReadable: () => this.#read(),
      onWritable: () => this.#write(),
      onEnd: () => this.#event('end'),
      onFinished: () => this.#event('finished'),
      onError: (error: SystemError) => this.#event(error.code),
      onClose: () => this.#event('close'),
    };
    if (connection.state === 'ESTABLISHED' || connection.state === 'CLOSE_WAIT') this.#connected();
  }

  leave(): void {
    if (this.connection === undefined || this.over) return;
    this.left = true;
    this.connection[this.script.leaveBy]();
  }

  get over(): boolean {
    return this.connection === undefined || this.events.includes('close');
  }

  /** The error that the owner was told. */
  get error(): string | undefined {
    return this.events.find((event) => event.startsWith('E'));
  }

  #event(name: string): void {
    if (this.events.includes('close')) throw new Error(`'${name}' after 'close'`);
    if (this.events.includes(name)) throw new Error(`'${name}' came twice`);
    this.events.push(name);
    if (name === 'end' || name === 'finished') this.#maybeClose();
  }

  #maybeClose(): void {
    if (!this.script.closes || !this.events.includes('end') || this.written < this.script.total) return;
    // Bytes and FIN that are not acknowledged yet are the orphan's.
    this.connection!.close();
  }

  #connected(): void {
    this.#event('connect');
    this.#write();
  }

  #write(): void {
    const { total, largestWrite, writePause, pause } = this.script;
    const connection = this.connection!;
    while (this.#writing && this.written < total) {
      const n = Math.min(total - this.written, between(this.#random, 1, largestWrite));
      const bytes = new Uint8Array(n);
      for (let i = 0; i < n; i++) bytes[i] = byteAt(this.#salt, this.written + i);
      const taken = connection.write(bytes);
      this.written += taken;
      if (taken < n) return;
      if (chance(this.#random, writePause)) {
        this.#writing = false;
        this.#later(uniform(this.#random, pause), () => {
          this.#writing = true;
          this.#write();
        });
      }
    }
    if (this.written === total && !this.over) {
      connection.shutdown();
      this.#maybeClose();
    }
  }

  #read(): void {
    const { largestRead, readPause, pause } = this.script;
    const connection = this.connection!;
    while (this.#reading) {
      const bytes = connection.read(between(this.#random, 1, largestRead));
      if (bytes === undefined) return;
      for (const byte of bytes) {
        if (byte !== byteAt(this.#peerSalt, this.received)) throw new Error(`wrong byte at ${this.received}`);
        this.received++;
      }
      if (chance(this.#random, readPause)) {
        this.#reading = false;
        this.#later(uniform(this.#random, pause), () => {
          this.#reading = true;
          this.#read();
        });
      }
    }
  }

  #later(us: number, fn: () => void): void {
    this.#clock.timer(() => this.over || fn()).at(this.#clock.now() + us);
  }
}

function drawFaults(random: Random): Impairments {
  const level = pick(random, [0, 0.02, 0.1, 0.25]);
  return {
    loss: (level * uniform(random, 100)) / 100,
    duplicate: chance(random, 0.3) ? 0.1 : 0,
    corrupt: chance(random, 0.3) ? 0.03 : 0,
    delay: pick(random, [0, 0.1, 5, 60, 250]),
    jitter: pick(random, [0, 0, 0.2, 20, 300]),
  };
}

function drawOptions(random: Random): ConnectionOptions {
  return {
    noDelay: chance(random, 0.3),
    sendBuffer: pick(random, [2048, 8192, 65_536, 524_288]),
    receiveBuffer: pick(random, [2048, 8192, 65_536, 524_288]),
    // An end that hears nothing of an abort must find out by itself; so many probes are never all lost by chance.
    keepAlive: true,
    keepAliveIdle: 60_000,
    keepAliveInterval: 10_000,
    keepAliveCount: 50,
  };
}

/** Two stacks, one connection, one schedule. */
function run(seed: number): void {
  const random = seededRandom(seed);
  const clock = new VirtualClock();
  const ends = cable({ mtu: pick(random, [296, 576, 1500, 9000]) });
  const links = ends.map((end, i) => impair(end, { seed: seed * 4 + i, send: drawFaults(random) }));
  const stacks = links.map((link, i) => {
    const memory = pick(random, [64 << 20, 64 << 20, 40_000]);
    const stack = new Stack({ clock, random: seededRandom(seed * 4 + 2 + i), tcp: drawOptions(random), memory });
    stack.attach(link, { addresses: [`10.0.0.${i + 1}/24`] });
    return stack;
  });
  const [alice, bob] = stacks as [Stack, Stack];
  const vanishAt = chance(random, 0.06) ? uniform(random, pick(random, [100_000, SECOND, 20 * SECOND])) : Infinity;
  const client = new Side(drawScript(random), 1, 7, clock, seededRandom(seed * 3));
  const server = new Side(drawScript(random), 7, 1, clock, seededRandom(seed * 5));
  const listener = bob.tcp.listen({ port: 7 }, (connection) => server.own(connection));
  client.own(alice.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: 7 }, {}));
  for (const side of [client, server]) {
    if (side.script.leaveAt < Infinity) clock.timer(() => side.leave()).at(side.script.leaveAt);
  }
  if (vanishAt < Infinity) {
    clock
      .timer(() => {
        for (const link of links) link.set({ send: { loss: 1 } });
      })
      .at(vanishAt);
  }

  const atRest = (): boolean =>
    client.over &&
    server.over &&
    stacks.every((stack) => stack.tcp.connections.every(({ state }) => state === 'TIME_WAIT'));
  while (!atRest() && clock.now() < LIMIT) clock.advance(SECOND);
  const picture = (): string =>
    [client, server]
      .map(({ script, events, written, received, left, connection }) =>
        JSON.stringify({ script, events, written, received, left, connection: connection?.info() }),
      )
      .join('\n');
  if (!atRest()) throw new Error(`stalled:\n${picture()}`);

  const vanished = vanishAt < Infinity;
  const complaint = unexplained(client, server, vanished) ?? unexplained(server, client, vanished);
  if (complaint !== undefined) throw new Error(`${complaint}:\n${picture()}`);

  listener.close();
  for (const stack of stacks) stack.assertQuiescent({ timeWait: true });
  clock.advance(120 * SECOND);
  for (const stack of stacks) stack.assertQuiescent();
}

/** Every end is explained by what the schedule did: says what is not, or nothing. */
function unexplained(side: Side, peer: Side, vanished: boolean): string | undefined {
  const { error, script, events } = side;
  // A handshake that never completed, so that the listener gave nothing out, or the side's own wish.
  if (side.connection === undefined) return peer.left || vanished ? undefined : 'never connected';
  if (side.left) return undefined;
  if (error === 'ECONNRESET' && peer.left) return undefined;
  if (error === 'ETIMEDOUT' && vanished) return undefined;
  if (error !== undefined) return `an unexpected ${error}`;
  for (const event of ['connect', 'end', 'close']) if (!events.includes(event)) return `no ${event}`;
  if (side.written !== script.total) return `${side.written} of ${script.total} bytes were written`;
  return side.received === peer.written ? undefined : `${side.received} of ${peer.written} bytes have arrived`;
}

describe('a connection over a bad line', () => {
  it(`ends with all bytes or with a justified error, in each of ${RUNS} schedules`, () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
      const again = `seed ${seed} (USERNET_SIM_SEED=${seed} USERNET_SIM_RUNS=1 repeats it)`;
      expect(() => run(seed), again).not.toThrow();
    }
  });
});

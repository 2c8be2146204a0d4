import type { Connection, SystemError } from '../../src/index.ts';
import type { VirtualClock } from '../../src/sim/index.ts';
import type { Random } from '../../src/time/clock.ts';
import { chance, uniform } from '../../src/time/seeded-random.ts';

export const SECOND = 1_000_000;

function between(random: Random, least: number, most: number): number {
  return least + uniform(random, most - least + 1);
}

export function pick<T>(random: Random, values: readonly T[]): T {
  return values[uniform(random, values.length)]!;
}

/** The byte that stands at `index` of what the side with this `salt` writes. */
function byteAt(salt: number, index: number): number {
  return (Math.imul(index + salt, 0x9e37_79b1) >>> 24) & 0xff;
}

/** What one side does, drawn from the seed. */
export interface Script {
  total: number;
  largestWrite: number;
  /** The probability that a write is followed by a pause, and how long it is at most. */
  writePause: number;
  readPause: number;
  pause: number;
  largestRead: number;
  /** The probabilities that a write is urgent, and that one is preceded by a change of `cork` or `noDelay`. */
  urgent: number;
  toggle: number;
  /** Calls `close()` when both directions are done, instead of leaving it to TCP. */
  closes: boolean;
  /** Leaves early, wherever things stand, and how. */
  leaveAt: number;
  leaveBy: 'abort' | 'close';
}

export function drawScript(random: Random): Script {
  const size = pick(random, [0, 1, 1000, 20_000, 200_000]);
  return {
    total: uniform(random, size + 1),
    largestWrite: pick(random, [1 + (size >>> 6), 1460, 10_000, 300_000]),
    writePause: chance(random, 0.3) ? 0.2 : 0,
    readPause: chance(random, 0.3) ? 0.3 : 0,
    pause: pick(random, [1000, 50_000, 2 * SECOND]),
    largestRead: pick(random, [200, 5000, 1 << 20]),
    urgent: chance(random, 0.15) ? 0.2 : 0,
    toggle: chance(random, 0.2) ? 0.3 : 0,
    closes: chance(random, 0.5),
    leaveAt: chance(random, 0.1) ? uniform(random, pick(random, [100_000, SECOND, 20 * SECOND])) : Infinity,
    leaveBy: pick(random, ['abort', 'close']),
  };
}

/** The owner of one end of the connection: follows its script and writes down what it is told. */
export class Side {
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
      onUrgent: () => this.#hurry(),
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

  /** Told of urgent data: a pause is over. */
  #hurry(): void {
    this.#reading = true;
    this.#read();
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
    const { total, largestWrite, writePause, pause, urgent, toggle } = this.script;
    const connection = this.connection!;
    while (this.#writing && this.written < total) {
      if (chance(this.#random, toggle)) {
        const option = pick(this.#random, ['cork', 'noDelay'] as const);
        connection.set(option, !connection.get(option));
      }
      const n = Math.min(total - this.written, between(this.#random, 1, largestWrite));
      const bytes = new Uint8Array(n);
      for (let i = 0; i < n; i++) bytes[i] = byteAt(this.#salt, this.written + i);
      const taken = connection.write(bytes, { urgent: chance(this.#random, urgent) });
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

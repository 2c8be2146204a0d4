import { batchOf } from '../buffer/batch.ts';
import { requireOptions, usageError } from '../errors.ts';
import { cable } from '../link/cable.ts';
import type { Link } from '../link/link.ts';
import { Stack } from '../stack/stack.ts';
import type { ConnectOptions, ListenOptions } from '../stack/tcp.ts';
import type { Connection } from '../tcp/connection.ts';
import type { ConnectionHandler } from '../tcp/handler.ts';
import { seededRandom } from '../time/seeded-random.ts';
import { VirtualClock } from '../time/virtual-clock.ts';
import { describePacket } from '../wire/describe.ts';
import { parseAnyPacket } from '../wire/packet.ts';
import { STAGE_OPTIONS } from './script-options.ts';
import type { WorldOptions } from './script-options.ts';
import { ScriptPeer } from './script-peer.ts';
import type { PeerHost, PeerOptions } from './script-peer.ts';
import { differsFromStream, stream } from './script-stream.ts';
import { secondsText } from './script-text.ts';

const PLACES = {
  4: { any: '0.0.0.0', stack: '10.0.0.1', peer: '10.0.0.2', prefixLength: 24 },
  6: { any: '::', stack: 'fd00::1', peer: 'fd00::2', prefixLength: 64 },
} as const;
/** The port that the stack listens on, or connects to. */
const PORT = 7;
/** Lines of the conversation that a failure shows. */
const SHOWN = 40;

/** A connection of the stack with what its owner was told: `connect`, `readable`, `error ECONNRESET`, … */
export interface Told {
  connection: Connection;
  events: string[];
}

/** One line of the conversation. */
interface Note {
  at: number;
  line: string;
  peer: ScriptPeer | undefined;
}

/**
 * One stack (10.0.0.1/24, or fd00::1/64) on a cable whose other end is played by hand, in virtual time: the stage for scripts that say
 * packet by packet what a peer sends and what the stack must answer. Failures are plain errors that show the
 * conversation so far.
 *
 * @example
 * const world = new ScriptWorld();
 * const accepted = world.listen();
 * const peer = world.client();
 * peer.send({ flags: 'S', mss: 1460 });
 * peer.expect({ flags: 'SA', seq: 0, ack: 1 });
 * world.advance(100_000);
 * peer.ack();
 * world.write(accepted[0].connection, 100);
 * peer.expect({ flags: 'PA', seq: 1, length: 100 });
 * peer.ack();
 * world.finish();
 */
export class ScriptWorld {
  readonly clock: VirtualClock = new VirtualClock();
  readonly stack: Stack;
  /** Packets that were for none of the peers. */
  readonly strays: string[] = [];
  readonly #peers: ScriptPeer[] = [];
  readonly #link: Link;
  readonly #place: (typeof PLACES)[4 | 6];
  readonly #written = new Map<Connection, number>();
  readonly #read = new Map<Connection, number>();
  readonly #notes: Note[] = [];

  /**
   * @param options those of a handshake may be among them, for which they are kept.
   * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE
   */
  constructor(options: WorldOptions = {}) {
    requireOptions('new ScriptWorld', options, STAGE_OPTIONS);
    const { seed = 1, mtu = 1500, tcp = {}, memory, family = 4 } = options;
    if (family !== 4 && family !== 6)
      throw usageError('ERR_INVALID_ARG_VALUE', `family must be 4 or 6, not ${String(family)}`);
    this.#place = PLACES[family];
    const { stack: own, prefixLength } = this.#place;
    const { addresses = [`${own}/${prefixLength}`] } = options;
    const [near, far] = cable({ mtu });
    this.#link = far;
    this.stack = new Stack({
      clock: this.clock,
      random: seededRandom(seed),
      tcp,
      ...(memory === undefined ? {} : { memory }),
    });
    this.stack.attach(near, { addresses });
    void far.open({
      clock: this.clock,
      random: seededRandom(seed + 1),
      receive: (batch) => {
        for (const bytes of batch) this.#hear(bytes.slice());
      },
      writable: () => {},
      changed: () => {},
      closed: () => {},
    });
    this.advance(0);
  }

  /** Lets virtual time pass, in microseconds. */
  advance(us: number): void {
    this.clock.advance(us);
  }

  /** A peer (10.0.0.2 or fd00::2, port 7). Without `stackPort` it waits for the stack's SYN. */
  peer(options: Partial<PeerOptions> = {}): ScriptPeer {
    requireOptions('world.peer', options, ['address', 'port', 'stackPort', 'iss']);
    const host: PeerHost = {
      stackAddress: this.#place.stack,
      now: () => this.clock.now(),
      transmit: (packets) => {
        this.#link.send(batchOf(packets));
        this.advance(0);
      },
      note: (line, about) => this.note(line, about),
      failure: (message) => this.failure(message),
    };
    const peer = new ScriptPeer(host, { address: this.#place.peer, port: PORT, ...options });
    this.#peers.push(peer);
    return peer;
  }

  /** A client of the stack's listener. */
  client(port: number = 40_000, iss?: number): ScriptPeer {
    return this.peer({ port, stackPort: PORT, ...(iss === undefined ? {} : { iss }) });
  }

  /** Listens on port 7; the array fills with the connections that come. */
  listen(options: ListenOptions = {}): Told[] {
    const accepted: Told[] = [];
    this.stack.tcp.listen({ address: this.#place.any, port: PORT, ...options }, (connection) => {
      const events: string[] = [];
      connection.handler = this.#recorder(events);
      accepted.push({ connection, events });
    });
    return accepted;
  }

  /** Begins to connect to the peer. */
  connect(options: Partial<ConnectOptions> = {}): Told {
    this.note('connect');
    const events: string[] = [];
    const to = { remoteAddress: this.#place.peer, remotePort: PORT, ...options };
    const connection = this.stack.tcp.connect(to, this.#recorder(events));
    this.advance(0);
    return { connection, events };
  }

  /** Calls on a connection (`write`, `shutdown`, `read`, …), and what they make it send. */
  act(calls: () => void): void {
    calls();
    this.advance(0);
  }

  /**
   * Writes the next `length` bytes of the stream.
   *
   * @throws Error when they are not all taken
   */
  write(connection: Connection, length: number): void {
    const from = this.#written.get(connection) ?? 0;
    this.note(`write ${length}`);
    this.act(() => {
      const taken = connection.write(stream(from, length));
      if (taken !== length) throw this.failure(`Of ${length} bytes written ${taken} were taken.`);
    });
    this.#written.set(connection, from + length);
  }

  /**
   * Reads what is there, at most `max` bytes, and returns its length.
   *
   * @throws Error when it is not the stream
   */
  read(connection: Connection, max: number = Infinity): number {
    const from = this.#read.get(connection) ?? 0;
    let length = 0;
    this.act(() => {
      while (length < max) {
        const bytes = connection.read(max === Infinity ? undefined : max - length);
        if (bytes === undefined) break;
        const wrong = differsFromStream(bytes, from + length);
        if (wrong >= 0) throw this.failure(`Byte ${from + length + wrong} of what was read is wrong.`);
        length += bytes.byteLength;
      }
    });
    this.note(`read ${length}`);
    this.#read.set(connection, from + length);
    return length;
  }

  /** Adds a line to the conversation that failures show. */
  note(line: string, peer?: ScriptPeer): void {
    this.#notes.push({ at: this.clock.now(), line, peer });
    if (this.#notes.length === 4 * SHOWN) this.#notes.splice(0, 3 * SHOWN);
  }

  /** The end of the conversation so far, line by line, in the syntax of `runScript`, with times in seconds. */
  conversation(): string[] {
    const several = this.#peers.length > 1;
    return this.#notes.slice(-SHOWN).map(({ at, line, peer }) => {
      const who = several && peer !== undefined ? `[${peer.port}] ` : '';
      return `${secondsText(at).padStart(11)}  ${who}${line}`;
    });
  }

  /** An error with the conversation so far. */
  failure(message: string): Error {
    const lines = this.conversation();
    const now = `It is ${secondsText(this.clock.now())} s.`;
    if (lines.length === 0) return new Error(`${message}\n${now}`);
    return new Error([message, `The conversation so far (seconds); ${now}`, ...lines].join('\n'));
  }

  /**
   * Ends the script: nothing that came may be left unlooked-at, everything is closed, and the stack must come to rest.
   *
   * @param check false after a failure: only closes
   * @throws Error
   */
  finish(check: boolean = true): void {
    if (check) {
      for (const peer of this.#peers) peer.expectNothing();
      if (this.strays.length > 0) throw this.failure(`Packets for nobody:\n  ${this.strays.join('\n  ')}`);
    }
    for (const listener of this.stack.tcp.listeners) listener.close();
    for (const connection of this.stack.tcp.connections) connection.abort();
    this.advance(0);
    if (check) this.stack.assertQuiescent();
  }

  #hear(bytes: Uint8Array): void {
    const packet = parseAnyPacket(bytes);
    if (typeof packet === 'string') throw this.failure(`The stack sent no packet: ${packet}`);
    const { ip, tcp } = packet;
    const peer = this.#peers.findLast(
      ({ port, stackPort, address }) =>
        tcp?.destinationPort === port &&
        (stackPort === undefined || tcp.sourcePort === stackPort) &&
        ip.destination.toString() === address,
    );
    if (peer !== undefined && tcp !== undefined) {
      peer.hear(packet);
      return;
    }
    const line = describePacket(bytes);
    this.strays.push(line);
    this.note(`> ${line}`);
  }

  /** A handler that writes down what it is told. */
  #recorder(events: string[]): ConnectionHandler {
    const record = (event: string): void => {
      events.push(event);
      this.note(`told ${event}`);
    };
    return {
      onConnect: () => record('connect'),
      onUrgent: ({ urgentLength }) => record(`urgent ${urgentLength}`),
      onReadable: () => record('readable'),
      onWritable: () => record('writable'),
      onEnd: () => record('end'),
      onFinished: () => record('finished'),
      onError: (error) => record(`error ${error.code}`),
      onClose: () => record('close'),
    };
  }
}

import { expect, onTestFinished } from 'vitest';
import { Stack, batchOf, cable } from '../../src/index.ts';
import type {
  ConnectOptions,
  Connection,
  ConnectionHandler,
  ConnectionOptions,
  Link,
  ListenOptions,
  State,
} from '../../src/index.ts';
import { VirtualClock, seededRandom } from '../../src/sim/index.ts';
import { describePacket } from '../../src/wire/describe.ts';
import { TcpPeer, expectStream, readPacket, stream } from './tcp-peer.ts';

const STACK = '10.0.0.1';
const PEER = '10.0.0.2';
/** The port that the stack listens on, or connects to. */
const PORT = 7;

export interface WorldOptions {
  seed?: number;
  /** Of the cable. Default 1500. */
  mtu?: number;
  /** Of the stack on the cable. Default 10.0.0.1/24. */
  addresses?: readonly string[];
  /** Of all connections of the stack. */
  tcp?: ConnectionOptions;
  /** The stack's memory budget in bytes. */
  memory?: number;
}

export interface EstablishedOptions extends WorldOptions {
  /** Who opens: `passive` (the default), the peer; `active`, the stack. */
  open?: 'passive' | 'active';
  /** Time from the stack's SYN or SYN-ACK to its answer, in microseconds. Default 0. */
  rtt?: number;
  /** Of the peer's SYN. Default 1460; `undefined` for none. */
  mss?: number | undefined;
  /** Of the peer's SYN. Default none. */
  windowScale?: number | undefined;
  /** Window field of the peer, from its SYN on. */
  wnd?: number;
  /** The peer's initial sequence number. */
  iss?: number;
}

/** A connection of the stack with what its owner was told: `connect`, `readable`, `error ECONNRESET`, … */
export interface Told {
  connection: Connection;
  events: string[];
}

/** A handler that writes down what it is told. */
function recorder(events: string[]): ConnectionHandler {
  return {
    onConnect: () => void events.push('connect'),
    onReadable: () => void events.push('readable'),
    onWritable: () => void events.push('writable'),
    onEnd: () => void events.push('end'),
    onFinished: () => void events.push('finished'),
    onError: (error) => void events.push(`error ${error.code}`),
    onClose: () => void events.push('close'),
  };
}

/**
 * One stack (10.0.0.1/24) on a cable whose other end is played by hand, in virtual time. When the test ends, nothing
 * that came from the stack may be left unlooked-at, and the stack must come to rest.
 */
export class World {
  readonly clock: VirtualClock = new VirtualClock();
  readonly stack: Stack;
  /** Packets that were for none of the peers. */
  readonly strays: string[] = [];
  readonly #peers: TcpPeer[] = [];
  readonly #link: Link;
  readonly #written = new Map<Connection, number>();
  readonly #read = new Map<Connection, number>();

  constructor(options: WorldOptions = {}) {
    const { seed = 1, mtu = 1500, tcp = {}, memory, addresses = [`${STACK}/24`] } = options;
    const [near, far] = cable({ mtu });
    this.#link = far;
    const bounds = memory === undefined ? {} : { memory };
    this.stack = new Stack({ clock: this.clock, random: seededRandom(seed), tcp, ...bounds });
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
    onTestFinished(({ task }) => this.#end(task.result?.state !== 'fail'));
  }

  advance(us: number): void {
    this.clock.advance(us);
  }

  /** A peer. Without `stackPort` it waits for the stack's SYN. */
  peer(options: { address?: string; port?: number; stackPort?: number; iss?: number } = {}): TcpPeer {
    const { address = PEER, port = PORT, stackPort, ...rest } = options;
    const host = {
      now: () => this.clock.now(),
      stackAddress: STACK,
      transmit: (packets: Uint8Array[]) => {
        this.#link.send(batchOf(packets));
        this.advance(0);
      },
    };
    const peer = new TcpPeer(host, { address, port, stackPort, ...rest });
    this.#peers.push(peer);
    return peer;
  }

  /** A client of the stack's listener. */
  client(port: number = 40_000, iss?: number): TcpPeer {
    return this.peer({ port, stackPort: PORT, ...(iss === undefined ? {} : { iss }) });
  }

  /** Listens; the array fills with the connections that come. */
  listen(options: ListenOptions = {}): Told[] {
    const accepted: Told[] = [];
    this.stack.tcp.listen({ port: PORT, ...options }, (connection) => {
      const events: string[] = [];
      connection.handler = recorder(events);
      accepted.push({ connection, events });
    });
    return accepted;
  }

  /** Begins to connect to the peer. */
  connect(options: Partial<ConnectOptions> = {}): Told {
    const events: string[] = [];
    const to = { remoteAddress: PEER, remotePort: PORT, ...options };
    const connection = this.stack.tcp.connect(to, recorder(events));
    this.advance(0);
    return { connection, events };
  }

  /** Calls on a connection (`write`, `shutdown`, `read`, …), and what they make it send. */
  act(calls: () => void): void {
    calls();
    this.advance(0);
  }

  /** Writes the next `length` bytes of the stream. */
  write(connection: Connection, length: number): void {
    const from = this.#written.get(connection) ?? 0;
    this.act(() => expect(connection.write(stream(from, length))).toBe(length));
    this.#written.set(connection, from + length);
  }

  /** Reads what is there, at most `max` bytes, compares it with the stream, and returns its length. */
  read(connection: Connection, max: number = Infinity): number {
    const from = this.#read.get(connection) ?? 0;
    let length = 0;
    this.act(() => {
      while (length < max) {
        const bytes = connection.read(max === Infinity ? undefined : max - length);
        if (bytes === undefined) break;
        expectStream(bytes, from + length);
        length += bytes.byteLength;
      }
    });
    this.#read.set(connection, from + length);
    return length;
  }

  #hear(bytes: Uint8Array): void {
    const packet = readPacket(bytes);
    const { tcp } = packet;
    const peer = this.#peers.findLast(
      ({ port, stackPort, address }) =>
        tcp?.destinationPort === port &&
        (stackPort === undefined || tcp.sourcePort === stackPort) &&
        packet.ip.destination.toString() === address,
    );
    if (peer === undefined || tcp === undefined) this.strays.push(describePacket(bytes));
    else peer.hear(packet);
  }

  #end(passed: boolean): void {
    if (passed) {
      for (const peer of this.#peers) peer.expectNothing();
      expect(this.strays).toEqual([]);
    }
    for (const listener of this.stack.tcp.listeners) listener.close();
    for (const connection of this.stack.tcp.connections) connection.abort();
    this.advance(0);
    if (passed) this.stack.assertQuiescent();
  }
}

/** A connection after the three-way handshake, between a new world's stack and a peer. */
export interface Established extends Told {
  world: World;
  peer: TcpPeer;
}

/** Makes a world and goes through the handshake. */
export function established(options: EstablishedOptions = {}): Established {
  const { open = 'passive', rtt = 0, windowScale, wnd, iss } = options;
  const mss = 'mss' in options ? options.mss : 1460;
  const syn = { ...(mss === undefined ? {} : { mss }), ...(windowScale === undefined ? {} : { windowScale }) };
  const world = new World(options);
  if (open === 'passive') {
    const accepted = world.listen();
    const peer = world.client(40_000, iss);
    if (wnd !== undefined) peer.wnd = wnd;
    peer.send({ flags: 'S', ...syn });
    peer.expect({ flags: 'SA', seq: 0, ack: 1 });
    world.advance(rtt);
    peer.send({ flags: 'A' });
    const [told] = accepted;
    if (told === undefined) throw new Error('the handshake was not completed');
    return { ...told, world, peer };
  }
  const peer = world.peer(iss === undefined ? {} : { iss });
  if (wnd !== undefined) peer.wnd = wnd;
  const told = world.connect();
  peer.expect({ flags: 'S', seq: 0 });
  world.advance(rtt);
  peer.send({ flags: 'SA', ...syn });
  peer.expect({ flags: 'A', seq: 1, ack: 1, length: 0 });
  return { ...told, world, peer };
}

/** The synchronized states, and SYN_RECV: those that §3.10.7.4 treats together. */
export type OtherState = Exclude<State, 'CLOSED' | 'LISTEN' | 'SYN_SENT'>;

/** Leads a new connection into a state. The stack's FIN is not acknowledged unless the state says so. */
export function inState(state: OtherState, options: EstablishedOptions = {}): Established {
  if (state === 'SYN_RECV') return halfOpen(options);
  const made = established(options);
  const { world, peer, connection, events } = made;
  const fin = (from: number): void => {
    world.act(() => connection.shutdown());
    peer.expect({ flags: 'FA', seq: from, length: 0 });
  };
  const peerFin = (ack: number): void => {
    peer.send({ flags: 'FA', ack });
    peer.expect({ flags: 'A', ack: peer.next });
  };
  if (state === 'CLOSE_WAIT' || state === 'LAST_ACK') peerFin(1);
  if (state !== 'ESTABLISHED' && state !== 'CLOSE_WAIT') fin(1);
  if (state === 'CLOSING') peerFin(1);
  if (state === 'FIN_WAIT_2' || state === 'TIME_WAIT') peer.send({ flags: 'A', ack: 2 });
  if (state === 'TIME_WAIT') peerFin(2);
  expect(connection.state).toBe(state);
  events.length = 0;
  return made;
}

/** SYN_RECV: by a listener, or by a simultaneous open. */
function halfOpen(options: EstablishedOptions): Established {
  const { open = 'passive', wnd } = options;
  const world = new World(options);
  if (open === 'active') {
    const peer = world.peer();
    if (wnd !== undefined) peer.wnd = wnd;
    const told = world.connect();
    peer.expect({ flags: 'S', seq: 0 });
    peer.send({ flags: 'S', mss: 1460 });
    peer.expect({ flags: 'SA', seq: 0, ack: 1 });
    expect(told.connection.state).toBe('SYN_RECV');
    return { ...told, world, peer };
  }
  const accepted = world.listen();
  const peer = world.client();
  if (wnd !== undefined) peer.wnd = wnd;
  peer.send({ flags: 'S', mss: 1460 });
  peer.expect({ flags: 'SA', seq: 0, ack: 1 });
  const connection = world.stack.tcp.connections[0]!;
  expect(connection.state).toBe('SYN_RECV');
  expect(accepted).toEqual([]);
  return { world, peer, connection, events: [] };
}

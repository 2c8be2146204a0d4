import { Stack, cable, impair } from '../../src/index.ts';
import type { Connection, ConnectionInfo, ConnectionOptions, ImpairedLink, Impairments } from '../../src/index.ts';
import { VirtualClock, seededRandom } from '../../src/sim/index.ts';
import { ANY, MORE_HEADER, hostAt, cidrAt } from './family.ts';

/** One connection that carries as much as it can from the sender to the receiver. */
export interface FlowOptions {
  /** When it connects, in milliseconds. Default 0. */
  start?: number;
  /** Of the sender's end, over those of the path; `{ congestion: 'reno' }`. */
  tcp?: ConnectionOptions;
}

/** A path between two hosts. Durations in milliseconds, sizes in bytes, rates in bits per second. */
export interface PathOptions {
  /** The round trip without queues. */
  rtt: number;
  rate?: number;
  /** Probability, in each direction. */
  loss?: number;
  /** Probability, in each direction. */
  reorder?: number;
  /** Default a quarter of the round trip. */
  reorderDelay?: number;
  /** Bytes in front of the bottleneck. Default 100 ms of `rate`. */
  queue?: number;
  ecnThreshold?: number;
  /** Over the above: what holds for the packets from the sender to the receiver only, or for those back. */
  forth?: Impairments;
  back?: Impairments;
  seed?: number;
  mtu?: number;
  /** Of all connections of the sending and of the receiving stack. */
  sender?: ConnectionOptions;
  receiver?: ConnectionOptions;
  /** Default one. */
  flows?: readonly FlowOptions[];
}

/** What one flow did while it was measured. */
export interface FlowResult {
  /** Bits that the reader got, per second. */
  goodput: number;
  /** Bytes that the reader got. */
  bytes: number;
  retransmits: number;
  timeouts: number;
  /** At the end. */
  info: ConnectionInfo;
  receiverInfo: ConnectionInfo;
}

export interface PathResult {
  flows: FlowResult[];
  /** Of all flows together, in bits per second. */
  goodput: number;
  /** Bytes at the bottleneck, looked at every virtual millisecond. */
  queue: { mean: number; max: number };
  /** Packets dropped at the bottleneck, lost by chance, and marked, on the way to the receiver. */
  queueDrops: number;
  lost: number;
  marked: number;
}

const PORT = 7;
const CHUNK = new Uint8Array(65_536);
const MILLISECOND = 1000;

/** A flow with both its ends. */
export class Flow {
  connection: Connection | undefined;
  /** The receiver's end; a listener gives it out. */
  accepted: Connection | undefined;
  /** Bytes that the reader got. */
  received: number = 0;
  readonly events: string[] = [];

  /** Sends for ever: the send buffer is always full. */
  start(stack: Stack, port: number, options: ConnectionOptions): void {
    const fill = (connection: Connection): void => {
      while (connection.write(CHUNK) === CHUNK.length);
    };
    const to = { remoteAddress: hostAt(2), remotePort: port, ...options };
    this.connection = stack.tcp.connect(to, {
      onConnect: fill,
      onWritable: fill,
      onError: (error) => void this.events.push(error.code),
    });
  }

  /** Reads at once whatever comes. */
  take(connection: Connection): void {
    this.accepted = connection;
    connection.handler = {
      onReadable: () => {
        for (let bytes = connection.read(); bytes !== undefined; bytes = connection.read())
          this.received += bytes.length;
      },
      onError: (error) => void this.events.push(error.code),
    };
  }
}

/** Two stacks over an impaired cable in virtual time, and flows from `sender` to `receiver`. */
export class PathWorld {
  readonly clock: VirtualClock = new VirtualClock();
  readonly sender: Stack;
  readonly receiver: Stack;
  /** At the receiver: `receive` is the way there, `send` the way back. */
  readonly link: ImpairedLink;
  readonly flows: Flow[] = [];

  constructor(options: PathOptions) {
    const { rtt, rate = Infinity, loss = 0, reorder = 0, reorderDelay = rtt / 4, seed = 1 } = options;
    const mtu = (options.mtu ?? 1500) + MORE_HEADER;
    const { queue, ecnThreshold = Infinity, forth = {}, back = {}, flows = [{}] } = options;
    const [near, far] = cable({ mtu });
    const both = { delay: rtt / 2, rate, loss, reorder, reorderDelay, ecnThreshold };
    const ways = { send: back, receive: forth };
    this.link = impair(far, { ...both, ...(queue === undefined ? {} : { queue }), ...ways, seed });
    const { clock } = this;
    this.sender = new Stack({ clock, random: seededRandom(seed + 1), tcp: options.sender ?? {} });
    this.receiver = new Stack({ clock, random: seededRandom(seed + 2), tcp: options.receiver ?? {} });
    this.sender.attach(near, { addresses: [cidrAt(1)] });
    this.receiver.attach(this.link, { addresses: [cidrAt(2)] });
    for (const [i, { start = 0, tcp = {} }] of flows.entries()) this.#addFlow(PORT + i, start, tcp);
  }

  #addFlow(port: number, start: number, tcp: ConnectionOptions): void {
    const flow = new Flow();
    this.flows.push(flow);
    this.receiver.tcp.listen({ address: ANY, port }, (connection) => flow.take(connection));
    this.clock.timer(() => flow.start(this.sender, port, tcp)).at(start * MILLISECOND);
  }

  /** Lets `ms` pass. */
  advance(ms: number): void {
    this.clock.advance(ms * MILLISECOND);
  }

  /** Lets `duration` milliseconds pass, and tells what the flows did in them. */
  measure(duration: number): PathResult {
    const before = this.flows.map((flow) => ({ received: flow.received, info: flow.connection?.info() }));
    const linkBefore = this.link.statistics().receive;
    let sum = 0;
    let max = 0;
    for (let ms = 0; ms < duration; ms++) {
      this.advance(1);
      const { queue } = this.link.statistics().receive;
      sum += queue;
      if (queue > max) max = queue;
    }
    const flows = this.flows.map((flow, i) => resultOf(flow, before[i]!.received, before[i]!.info, duration));
    const { queueDrops, lost, marked } = this.link.statistics().receive;
    return {
      flows,
      goodput: flows.reduce((total, { goodput }) => total + goodput, 0),
      queue: { mean: sum / duration, max },
      queueDrops: queueDrops - linkBefore.queueDrops,
      lost: lost - linkBefore.lost,
      marked: marked - linkBefore.marked,
    };
  }

  /** Ends everything; nothing may be left in either stack. */
  end(): void {
    for (const stack of [this.sender, this.receiver]) {
      for (const listener of stack.tcp.listeners) listener.close();
      for (const connection of stack.tcp.connections) connection.abort();
    }
    // What is under way arrives, and finds nobody.
    this.advance(10_000);
    for (const stack of [this.sender, this.receiver]) stack.assertQuiescent();
  }
}

function resultOf(flow: Flow, received: number, before: ConnectionInfo | undefined, duration: number): FlowResult {
  if (flow.connection === undefined || flow.accepted === undefined || flow.events.length > 0) {
    throw new Error(`a flow is not open: ${flow.connection?.state ?? 'not started'} ${flow.events.join(' ')}`);
  }
  const info = flow.connection.info();
  const bytes = flow.received - received;
  return {
    goodput: (bytes * 8000) / duration,
    bytes,
    retransmits: info.retransmits - (before?.retransmits ?? 0),
    timeouts: info.timeouts - (before?.timeouts ?? 0),
    info,
    receiverInfo: flow.accepted.info(),
  };
}

/** Runs flows over a path for `warmup` and then `duration` milliseconds, and tells what they did after the warm-up. */
export function runPath(options: PathOptions & { warmup: number; duration: number }): PathResult {
  const world = new PathWorld(options);
  world.advance(options.warmup);
  const result = world.measure(options.duration);
  world.end();
  return result;
}

/** Jain's index of fairness: 1 when all get the same, 1/n when one gets everything. */
export function fairness(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0);
  return (sum * sum) / (shares.length * shares.reduce((total, share) => total + share * share, 0));
}

import type { ConnectionOptions, ImpairedLink, Impairments, Link, LinkHost } from '../../src/index.ts';
import { Stack, cable, impair } from '../../src/index.ts';
import { VirtualClock, seededRandom } from '../../src/sim/index.ts';
import type { Random } from '../../src/time/clock.ts';
import { chance, uniform } from '../../src/time/seeded-random.ts';
import { Episodes } from './episodes.ts';
import { SECOND, Side, drawScript, pick } from './schedule-side.ts';
import { ANY, FAMILY, cidrAt, hostAt } from '../support/family.ts';

/** More virtual time than any schedule takes that does not stall, in microseconds. */
const LIMIT = 7200 * SECOND;
const MTUS = FAMILY === 6 ? [1280, 1500, 9000] : [296, 576, 1500, 9000];
/** What an MTU may become. */
const SMALLER = FAMILY === 6 ? [1280, 1300, 1400] : [296, 576, 1400];
/** What packets a silent black hole lets through. */
const HOLES = FAMILY === 6 ? [1280, 1300, 1400] : [300, 576, 1000, 1280, 1400];

/** What one direction of the line is like from the beginning. */
function drawFaults(random: Random): Impairments {
  const level = pick(random, [0, 0.02, 0.1, 0.25]);
  const slow = chance(random, 0.25);
  return {
    loss: (level * uniform(random, 100)) / 100,
    duplicate: chance(random, 0.3) ? 0.1 : 0,
    corrupt: chance(random, 0.3) ? 0.03 : 0,
    delay: pick(random, [0, 0.1, 5, 60, 250]),
    jitter: pick(random, [0, 0, 0.2, 20, 300]),
    reorder: pick(random, [0, 0, 0.01, 0.1]),
    ...(slow && { rate: pick(random, [1e5, 1e6, 1e7]), queue: pick(random, [20_000, 100_000]) }),
    ...(slow && chance(random, 0.5) && { ecnThreshold: 5000 }),
  };
}

function drawBuffer(random: Random): number | 'auto' {
  return pick(random, ['auto', 'auto', 2048, 8192, 65_536, 524_288]);
}

/** Of one side. */
function drawOptions(random: Random): ConnectionOptions {
  return {
    noDelay: chance(random, 0.3),
    cork: chance(random, 0.1),
    sendBuffer: drawBuffer(random),
    receiveBuffer: drawBuffer(random),
    maxSendBuffer: pick(random, [8192, 1 << 20, 16 << 20]),
    maxReceiveBuffer: pick(random, [8192, 1 << 20, 16 << 20]),
    mss: pick(random, [65_495, 65_495, 1460, 536, 200]),
    sack: chance(random, 0.7),
    timestamps: chance(random, 0.7),
    congestion: pick(random, ['watched-cubic', 'watched-reno', 'watched-bbr']),
    ecn: pick(random, ['off', 'accept', 'request']),
    pathMtuDiscovery: pick(random, ['auto', 'icmp', 'probe']),
    userTimeoutOption: chance(random, 0.2),
    // An end that hears nothing of an abort must find out by itself; so many probes are never all lost by chance.
    keepAlive: true,
    keepAliveIdle: 60_000,
    keepAliveInterval: 10_000,
    keepAliveCount: 50,
  };
}

/** A link whose MTU changes under way. */
class Resized implements Link {
  readonly medium = 'ip';
  mtu: number;
  readonly #inner: Link;
  #host: LinkHost | undefined;

  constructor(inner: Link) {
    this.#inner = inner;
    this.mtu = inner.mtu;
  }

  get offload(): Link['offload'] {
    return this.#inner.offload;
  }

  get up(): boolean {
    return this.#inner.up;
  }

  resize(mtu: number): void {
    this.mtu = mtu;
    this.#host?.changed();
  }

  open(host: LinkHost): void | Promise<void> {
    this.#host = host;
    return this.#inner.open(host);
  }

  send(batch: Parameters<Link['send']>[0]): number {
    return this.#inner.send(batch);
  }

  close(): void | Promise<void> {
    return this.#inner.close();
  }
}

/** What happens to the line while the connection lives. */
interface Event {
  readonly what: 'partition' | 'spike' | 'black-hole' | 'resize';
  readonly at: number;
  /** Infinity: for ever. */
  readonly until: number;
  /** The direction: what this end sends; both for 2. */
  readonly end: number;
  /** Milliseconds more of delay, or bytes. */
  readonly size: number;
}

function drawEvents(random: Random, options: readonly ConnectionOptions[], mtu: number): Event[] {
  const events: Event[] = [];
  const count = pick(random, [0, 0, 0, 1, 1, 2, 3]);
  for (let i = 0; i < count; i++) {
    const what = pick(random, ['partition', 'spike', 'black-hole', 'resize'] as const);
    const at = uniform(random, pick(random, [100_000, SECOND, 20 * SECOND]));
    const passes = at + 1 + uniform(random, pick(random, [300_000, 3 * SECOND, 30 * SECOND]));
    const end = uniform(random, 3);
    if (what === 'partition') events.push({ what, at, until: passes, end, size: 0 });
    if (what === 'spike') events.push({ what, at, until: passes, end, size: pick(random, [50, 400, 3000]) });
    if (what === 'resize') events.push({ what, at, until: passes, end, size: pick(random, SMALLER) });
    if (what === 'black-hole') {
      // Who only listens to routers never learns of a hole that stays. And every path carries 576 bytes (RFC 1122 §3.3.2).
      const size = pick(random, HOLES);
      const found = options.every(({ pathMtuDiscovery }) => pathMtuDiscovery !== 'icmp') && size >= 576;
      events.push({ what, at, until: found && chance(random, 0.5) ? Infinity : passes, end, size });
    }
  }
  return events.filter(({ what, size }) => what !== 'resize' || size < mtu);
}

/** One end of the line. */
interface End {
  readonly link: ImpairedLink;
  readonly resized: Resized;
  readonly faults: Impairments;
  readonly mtu: number;
}

function begin({ what, size }: Event, { link, resized, faults }: End): void {
  if (what === 'partition') link.set({ send: { loss: 1 } });
  else if (what === 'spike') link.set({ send: { delay: (faults.delay ?? 0) + size } });
  else if (what === 'black-hole') link.set({ send: { drop: (packet) => packet.byteLength > size } });
  else resized.resize(size);
}

function finish({ what }: Event, { link, resized, faults, mtu }: End): void {
  if (what === 'partition') link.set({ send: { loss: faults.loss ?? 0 } });
  else if (what === 'spike') link.set({ send: { delay: faults.delay ?? 0 } });
  else if (what === 'black-hole') link.set({ send: { drop: undefined } });
  else resized.resize(mtu);
}

/**
 * Two stacks, one connection, one schedule, all drawn from the seed. Throws when the connection stalls, when a byte is
 * wrong, when something is left over, or when an end is told what the schedule doesn't justify.
 */
export function runSchedule(seed: number): void {
  const random = seededRandom(seed);
  const clock = new VirtualClock();
  const mtu = pick(random, MTUS);
  const options = [drawOptions(random), drawOptions(random)];
  const ends = cable({ mtu }).map((inner, i): End => {
    const faults = drawFaults(random);
    const resized = new Resized(inner);
    return { link: impair(resized, { seed: seed * 4 + i, send: faults }), resized, faults, mtu };
  });
  const stacks = ends.map(({ link }, i) => {
    const memory = pick(random, [64 << 20, 64 << 20, 40_000]);
    const stack = new Stack({ clock, random: seededRandom(seed * 4 + 2 + i), tcp: options[i]!, memory });
    stack.attach(link, { addresses: [cidrAt(i + 1)] });
    return stack;
  });
  const episodes = stacks.map((stack) => new Episodes(stack));
  const [alice, bob] = stacks as [Stack, Stack];
  const vanishAt = chance(random, 0.06) ? uniform(random, pick(random, [100_000, SECOND, 20 * SECOND])) : Infinity;
  const client = new Side(drawScript(random), 1, 7, clock, seededRandom(seed * 3));
  const server = new Side(drawScript(random), 7, 1, clock, seededRandom(seed * 5));
  const events = vanishAt < Infinity ? [] : drawEvents(random, options, mtu);
  const later = (at: number, fn: () => void): void => {
    if (at < Infinity) clock.timer(fn).at(at);
  };
  const listener = bob.tcp.listen({ address: ANY, port: 7 }, (connection) => server.own(connection));
  client.own(alice.tcp.connect({ remoteAddress: hostAt(2), remotePort: 7 }, {}));
  for (const side of [client, server]) later(side.script.leaveAt, () => side.leave());
  for (const event of events) {
    const meant = ends.filter((_end, i) => event.end === 2 || event.end === i);
    later(event.at, () => meant.forEach((end) => begin(event, end)));
    later(event.until, () => meant.forEach((end) => finish(event, end)));
  }
  later(vanishAt, () => ends.forEach(({ link }) => link.set({ send: { loss: 1 } })));

  const atRest = (): boolean =>
    client.over &&
    server.over &&
    stacks.every((stack) => stack.tcp.connections.every(({ state }) => state === 'TIME_WAIT'));
  while (!atRest() && clock.now() < LIMIT) clock.advance(SECOND);
  const picture = (): string => {
    const told = [client, server].map((side, i) => {
      const { script, events: heard, written, received, left, connection } = side;
      const own = { options: options[i], faults: ends[i]!.faults, script };
      return { ...own, heard, written, received, left, connection: connection?.info() };
    });
    return JSON.stringify({ now: clock.now(), mtu, vanishAt, events, told }, undefined, 1);
  };
  if (!atRest()) throw new Error(`stalled: ${picture()}`);

  const vanished = vanishAt < Infinity;
  const complaint =
    unexplained(client, server, vanished) ??
    unexplained(server, client, vanished) ??
    unended(client, episodes[0]!) ??
    unended(server, episodes[1]!);
  if (complaint !== undefined) throw new Error(`${complaint}: ${picture()}`);

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

/** Every loss that a side was told of has its end, when all that it sent is acknowledged. */
function unended({ error, left, connection }: Side, episodes: Episodes): string | undefined {
  if (episodes.complaints.length > 0) return episodes.complaints[0];
  // An orphan gives up after R2, and nobody hears of it.
  if (connection === undefined || left || error !== undefined || connection.info().flight > 0) return undefined;
  return episodes.isOpen(connection) ? 'the end of a loss was not told' : undefined;
}

/** How to see a seed again. */
export function repeats(seed: number): string {
  return `seed ${seed} (USERNET_SIM_SEED=${seed} USERNET_SIM_RUNS=1 npx vitest run test/sim/lossy.test.ts repeats it)`;
}

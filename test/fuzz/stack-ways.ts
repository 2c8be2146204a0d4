import { Stack } from '../../src/index.ts';
import type { Interface } from '../../src/index.ts';
import { FrameReader } from '../../src/link/framing.ts';
import { messagePortLink } from '../../src/link/message-port-link.ts';
import type { MessagePortLike } from '../../src/link/message-port-link.ts';
import { seededRandom, VirtualClock } from '../../src/sim/index.ts';
import { ethernetHeaderLength } from '../../src/wire/ethernet.ts';
import { checkIpv4 } from '../../src/wire/ipv4.ts';
import { checkIpv6 } from '../../src/wire/ipv6.ts';
import { MacAddress } from '../../src/wire/mac.ts';
import { ALICE_MAC, RawEthernet } from '../support/ethernet-world.ts';
import { BOTH_FAMILIES, cutAt } from '../support/fragments.ts';
import type { FragmentFamily } from '../support/fragments.ts';
import { RawLink } from '../support/raw-link.ts';
import { viewOf } from '../support/wire.ts';
import { RecordingHost } from '../unit/link/pairs.ts';
import { repairFrame, repairPacket, turnedAround } from './mutate.ts';
import { EXTENDED, FRAMES, PACKETS } from './seeds.ts';
import type { Receiver, Way } from './way.ts';

/** Whoever the captured packets are for, and where the others go. */
const ADDRESSES = [
  '10.9.1.2/24',
  '10.9.2.2/24',
  '10.0.0.1/24',
  '10.0.0.2/24',
  'fd01::2/64',
  'fd02::2/64',
  'fd00::2/64',
  'fe80::2/64',
];
/** With those that routers and redirects have it learn. */
const MOST_ADDRESSES = ADDRESSES.length + 20;
const MOST_ROUTES = 600;
const MINUTE = 60_000_000;
/** Time that passes behind a packet, by its length: mostly none. */
const PAUSES = [0, 0, 0, 0, 0, 1000, 20_000, 300_000];
const MEMORY = 1_000_000;
/** Answers that are known to whoever fires. */
const REMEMBERED = 16;
/** Packets that may come out of the stack for each that goes in, for the time that passes, and at the beginning. */
const MOST_SENT = 40;

/** A stack with listeners and sockets under fire by its link. */
class StackReceiver implements Receiver {
  readonly answers: Uint8Array[] = [];
  readonly #clock = new VirtualClock();
  readonly #link: RawLink;
  readonly #stack: Stack;
  readonly #iface: Interface;
  #packets = 0;
  #sent = 0;

  constructor(link: RawLink) {
    this.#link = link;
    this.#stack = new Stack({ clock: this.#clock, random: seededRandom(1), memory: MEMORY });
    this.#iface = this.#stack.attach(link, { name: 'eth0', addresses: ADDRESSES });
    this.#stack.routes.add('0.0.0.0/0', { via: '10.9.1.1' });
    this.#stack.routes.add('::/0', { via: 'fd01::1' });
    for (const port of [7, 9, 80]) {
      this.#stack.tcp.listen({ port, address: '::', backlog: 8 }, (connection) => {
        connection.handler = {
          onReadable: () => {
            for (let bytes = connection.read(); bytes; bytes = connection.read()) connection.write(bytes);
          },
          onEnd: () => connection.close(),
        };
      });
    }
    const socket = this.#stack.udp.bind(
      { port: 7, address: '::' },
      {
        onMessage: (bytes, { remoteAddress, remotePort }, echo) => {
          // As any echo server must: no answer to port 0, to itself, or to everybody.
          if (remotePort === 0) return;
          try {
            echo.send(bytes.subarray(0, 1000), remotePort, remoteAddress);
          } catch (error) {
            // Made-up senders may be out of reach.
            if (!(error instanceof Error && 'syscall' in error)) throw error;
          }
        },
      },
    );
    const own = { 4: '10.0.0.1', 6: '::%eth0' };
    socket.join('239.1.2.3', own[4]);
    socket.join('ff05::1', own[6]);
    this.#clock.advance(10_000_000);
    link.take();
  }

  take(bytes: Uint8Array): string {
    const flaw = this.#flawOf(bytes);
    const before = flaw === undefined ? 0 : this.#stack.counters.get(flaw);
    this.#link.inject(bytes);
    this.#clock.advance(PAUSES[bytes.length & 7]!);
    if (++this.#packets % 500 === 0) this.#clock.advance(MINUTE);
    this.#look();
    if (flaw !== undefined && this.#stack.counters.get(flaw) === before) {
      throw new Error(`a packet that is ${flaw} is not counted`);
    }
    return flaw ?? 'accepted';
  }

  /** What is wrong with the packet itself; in a frame it is told by what the stack counts alone. */
  #flawOf(bytes: Uint8Array): string | undefined {
    if (this.#link.medium === 'ethernet' || bytes.length === 0) return undefined;
    const check = bytes[0]! >>> 4 === 6 ? checkIpv6 : checkIpv4;
    return check(viewOf(bytes), 0, bytes.length);
  }

  /** Bounds hold; what was sent is remembered. */
  #look(): void {
    const { budget, tcp, routes } = this.#stack;
    if (budget.used > MEMORY + 65_536 + 8192 * tcp.connectionCount) throw new Error(`${budget.used} bytes are held`);
    const { ethernet } = this.#iface.network;
    if ((ethernet?.neighbours.size ?? 0) > 1024) throw new Error(`${ethernet?.neighbours.size} neighbours`);
    if ((ethernet?.neighbours.waitingBytes ?? 0) > MEMORY * 4) throw new Error('too much waits for neighbours');
    const { addresses } = this.#iface;
    if (addresses.length > MOST_ADDRESSES) throw new Error(`${addresses.length} addresses`);
    if (this.#packets % 50 === 0 && routes.list().length > MOST_ROUTES) throw new Error('too many routes were learnt');
    const sent = this.#link.take();
    this.#sent += sent.length;
    const seconds = this.#clock.now() / 1e6;
    if (this.#sent > 1000 + MOST_SENT * (this.#packets + seconds)) throw new Error(`${this.#sent} packets were sent`);
    for (const bytes of sent.slice(-4)) {
      const header = this.#link.medium === 'ethernet' ? ethernetHeaderLength(viewOf(bytes), 0, bytes.length) : 0;
      const answer = turnedAround(bytes.subarray(header));
      if (answer === undefined) continue;
      repairPacket(answer);
      this.answers.push(header === 0 ? answer : framed(bytes, header, answer));
      if (this.answers.length > REMEMBERED) this.answers.shift();
    }
  }

  async end(): Promise<Record<string, number>> {
    const ended = this.#stack.destroy();
    this.#clock.advance(0);
    await ended;
    this.#clock.advance(0);
    this.#stack.assertQuiescent();
    if (this.#stack.budget.used > 0) throw new Error(`${this.#stack.budget.used} bytes are left`);
    if (this.#clock.pending > 0) throw new Error(`${this.#clock.pending} timers are left`);
    return this.#stack.statistics().drops;
  }
}

/** The answer in a frame to whoever sent this one. */
function framed(frame: Uint8Array, header: number, answer: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(header + answer.length);
  bytes.set(frame.subarray(0, header));
  bytes.set(frame.subarray(0, 6), 6);
  bytes.set(frame.subarray(6, 12));
  bytes.set(answer, header);
  return bytes;
}

const OWN_MAC = MacAddress.parse(ALICE_MAC).bytes();

/** Addressed to the stack, unless it is to a group. */
function repairForStack(bytes: Uint8Array): void {
  repairFrame(bytes);
  if (bytes.length >= 14 && (bytes[0]! & 1) === 0) bytes.set(OWN_MAC);
}

/** Fragments of both protocols and sizes, of a few datagrams. */
function fragmentSeeds(family: FragmentFamily): Uint8Array[] {
  return [96, 600].flatMap((length, n) => {
    const payload = new Uint8Array(length).fill(7);
    payload.set([0, 9, 0, 9, length >> 8, length & 255, 0, 0]);
    const cuts = [[8], [48], [24, 56], [8, 16, 24, 32, 40]];
    return cuts.flatMap((places, i) =>
      cutAt(family, payload, places, {
        identification: n * 10 + i,
        source: i % 2 === 0 ? family.peer : family.other,
        protocol: i === 3 ? (family.family === 4 ? 1 : 58) : 17,
      }),
    );
  });
}

function fragments(family: FragmentFamily): Way {
  const open = (): Receiver => {
    const bench = family.bench();
    let packets = 0;
    return {
      take: (bytes) => {
        bench.arrive(bytes);
        if (bytes.length % 8 === 0) bench.clock.advance(100_000);
        if (++packets % 300 === 0) bench.clock.advance(MINUTE);
        if (bench.budget.used > 4 * 1024 * 1024) throw new Error(`${bench.budget.used} bytes wait`);
        bench.sent();
        for (const told of [bench.delivered, bench.reported, bench.transmittedOn, bench.drained, bench.lost]) {
          told.length = 0;
        }
        return 'accepted';
      },
      end: () => {
        bench.clock.advance(2 * MINUTE);
        if (bench.budget.used > 0) throw new Error(`${bench.budget.used} bytes are left`);
        return Promise.resolve(bench.counters.snapshot());
      },
    };
  };
  return { name: `fragments-ipv${family.family}`, seeds: fragmentSeeds(family), repair: repairPacket, open };
}

const FRAMINGS = [
  { lengthBytes: 2 },
  { lengthBytes: 4 },
  { lengthBytes: 2, littleEndian: true },
  { lengthBytes: 4, littleEndian: true },
] as const;

/** Each packet of the seeds is a chunk of a stream: a few short packets, each behind its length. */
const STREAM_SEEDS = FRAMINGS.flatMap(({ lengthBytes, ...rest }) =>
  [[20], [1, 2, 3], [60, 40], [300]].map((lengths) =>
    Uint8Array.from(
      lengths.flatMap((length) => {
        const bytes = Array.from({ length: lengthBytes }, (_, i) => Math.floor(length / 256 ** i) % 256);
        return [...('littleEndian' in rest ? bytes : bytes.reverse()), ...new Array<number>(length).fill(0x45)];
      }),
    ),
  ),
);

function openStream(): Receiver {
  const MAXIMUM = 65_535;
  const fresh = FRAMINGS.map((framing) => (): FrameReader => new FrameReader(framing, MAXIMUM));
  const readers = fresh.map((open) => open());
  return {
    take: (bytes) => {
      let failed = 0;
      for (const [i, reader] of readers.entries()) {
        reader.give(bytes);
        while (reader.next())
          if (reader.length === 0 || reader.length > MAXIMUM) throw new Error('a length that cannot be');
        if (reader.held > MAXIMUM) throw new Error(`${reader.held} bytes are held`);
        if (reader.failure === undefined) continue;
        failed++;
        readers[i] = fresh[i]!();
      }
      return failed > 0 ? 'stream-bad-length' : 'accepted';
    },
  };
}

/** Messages as the link posts them: the number of packets, their lengths, their bytes. */
const MESSAGE_SEEDS = [[], [20], [1, 30], [5, 5, 5]].map((lengths) => {
  const head = new Uint8Array(Uint32Array.from([lengths.length, ...lengths]).buffer);
  return Uint8Array.from([...head, ...new Array<number>(lengths.reduce((sum, n) => sum + n, 0)).fill(0x45)]);
});

function openPort(): Receiver {
  const host = new RecordingHost(new VirtualClock());
  let onMessage: (message: unknown) => void = () => {};
  const port: MessagePortLike = {
    postMessage: () => {},
    on: (type, listener) => (type === 'message' ? (onMessage = listener) : undefined),
  };
  const link = messagePortLink(port);
  void link.open(host);
  return {
    take: (bytes) => {
      const wrong = link.dropped.get('received-malformed');
      onMessage(bytes.buffer);
      host.packets.length = host.marks.length = host.batches.length = 0;
      return link.dropped.get('received-malformed') > wrong ? 'received-malformed' : 'accepted';
    },
  };
}

/** All that keeps something of what it has been given. */
export const STACK_WAYS: readonly Way[] = [
  ...BOTH_FAMILIES.map(fragments),
  { name: 'stream-framing', seeds: STREAM_SEEDS, open: openStream },
  { name: 'message-port', seeds: MESSAGE_SEEDS, open: openPort },
  {
    name: 'stack-ip',
    seeds: [...PACKETS, ...EXTENDED],
    repair: repairPacket,
    open: () => new StackReceiver(new RawLink()),
  },
  { name: 'stack-ethernet', seeds: FRAMES, repair: repairForStack, open: () => new StackReceiver(new RawEthernet()) },
];

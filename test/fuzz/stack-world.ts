import type { Connection, UdpSocket } from '../../src/index.ts';
import { Stack, cable } from '../../src/index.ts';
import type { StackStatistics } from '../../src/stack/statistics.ts';
import { VirtualClock, seededRandom } from '../../src/sim/index.ts';
import { chance, uniform } from '../../src/time/seeded-random.ts';
import type { Random, Timer } from '../../src/time/clock.ts';
import { Address, isLoopback, isUnspecified } from '../../src/wire/address.ts';
import { describePacket } from '../../src/wire/describe.ts';
import { IcmpType } from '../../src/wire/icmp.ts';
import { parsePacket } from '../../src/wire/packet.ts';
import type { PacketValue } from '../../src/wire/packet.ts';
import { Protocol } from '../../src/wire/protocol.ts';
import { TcpFlag } from '../../src/wire/tcp.ts';
import { RawLink } from '../support/raw-link.ts';
import { FRAGMENT, isGroup, judge } from './oracle.ts';
import type { Facts, Verdict } from './oracle.ts';
import { PacketMaker } from './packet-maker.ts';
import type { Target } from './packet-maker.ts';
import { wholes } from './whole.ts';

const OWN = '10.0.0.1';
const ECHO = 7;
const SINK = 9;
const CLOSER = 13;
const NAMES_SERVER = 53;
const FACTS: Facts = {
  own: [OWN, '10.1.0.1'],
  broadcasts: ['10.0.0.255', '10.1.0.255'],
  udpPorts: [ECHO, NAMES_SERVER],
};
const BACKLOG = 4;
/** Queue memory in bytes: ample, or so little that it is always used up. */
const MEMORY = { ample: 4_000_000, scarce: 30_000 } as const;
/** Connections that the program keeps: beyond, it ends the oldest, one way or another. */
const KEPT = 24;
/** The attacker remembers so many connections that it has seen packets of. */
const REMEMBERED = 32;
/**
 * Answers that carry no data, for each packet in: an out-of-order segment has two ACKs at most, and if it completes the
 * handshake the program may abort the connection at once.
 */
const ANSWERS_A_PACKET = 3;
const { SYN, ACK, RST, FIN } = TcpFlag;

/**
 * A stack with listeners, sockets and connections, and an attacker on one of its links; a well-behaved neighbour on
 * another link has a connection that must live through it all. Whatever the stack sends to the attacker is checked.
 */
export class FuzzWorld {
  packets: number = 0;
  /** How often what happened: counters of the stack, and kinds of packets sent. */
  readonly effects: Record<string, number> = {};
  readonly #clock = new VirtualClock();
  readonly #link = new RawLink();
  readonly #stack: Stack;
  readonly #neighbour: Stack;
  readonly #random: Random;
  readonly #memory: number;
  readonly #maker: PacketMaker;
  readonly #targets = new Map<string, Target>();
  readonly #accepted: Connection[] = [];
  readonly #sent: Uint8Array[] = [];
  readonly #udp: UdpSocket[] = [];
  /** Four-tuples of connections that the program has aborted or closed: a RST may follow at any time. */
  readonly #ended = new Set<string>();
  /** Beginnings of datagrams that were not whole: when their time is over the stack says so. */
  readonly #begun = new Set<string>();
  /** What the program will do later. */
  readonly #timers = new Map<Timer, () => void>();
  readonly #dear: Connection;
  #dearSent: number = 0;
  #dearReceived: number = 0;
  #sentBytes: number = 0;
  #injectedBytes: number = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#memory = seed % 3 === 0 ? MEMORY.scarce : MEMORY.ample;
    this.#maker = new PacketMaker(seededRandom(seed + 0x1_0000));
    const clock = this.#clock;
    this.#stack = new Stack({ clock, random: seededRandom(seed + 0x2_0000), memory: this.#memory });
    this.#stack.attach(this.#link, { addresses: ['10.0.0.1/24'] });
    this.#stack.routes.add('0.0.0.0/0', { via: '10.0.0.254' });
    const [near, far] = cable();
    this.#stack.attach(near, { addresses: ['10.1.0.1/24'] });
    this.#neighbour = new Stack({ clock, random: seededRandom(seed + 0x3_0000) });
    this.#neighbour.attach(far, { addresses: ['10.1.0.2/24'] });
    this.#serve();
    this.#dear = this.#neighbour.tcp.connect({ remoteAddress: '10.1.0.1', remotePort: ECHO }, this.#dearHandler());
    clock.advance(1000);
    this.#accepted.length = 0; // the neighbour's connection is not the program's to end
  }

  /** Fires `count` packets, in batches, with time between them. */
  run(count: number): void {
    const last = this.packets + count;
    for (let round = 0; this.packets < last; round++) {
      this.#fire(chance(this.#random, 0.7) ? 1 : 2 + uniform(this.#random, 8));
      this.#programActs();
      this.#wait();
      if (round % 64 === 0) this.#checkHealth();
    }
    this.#checkHealth();
  }

  /** The stack is ended: nothing may be left. */
  async end(): Promise<void> {
    this.#checkHealth();
    for (const [name, n] of Object.entries(this.#stack.statistics().drops)) this.#count(name, n);
    this.#dear.handler = {};
    for (const c of this.#accepted) c.close();
    for (const [timer, fn] of this.#timers) {
      timer.cancel();
      fn();
    }
    const ends = [this.#stack.destroy(), this.#neighbour.destroy()];
    this.#clock.advance(0);
    await Promise.all(ends);
    this.#clock.advance(0);
    for (const bytes of this.#taken()) this.#checkForm(bytes);
    this.#stack.assertQuiescent();
    this.#neighbour.assertQuiescent();
    if (this.#clock.pending > 0) throw new Error(`${this.#clock.pending} timers or deferred functions are left`);
  }

  /** The packets sent since the last call, fragments put together. */
  #taken(): Uint8Array[] {
    return wholes(this.#link.take(), this.#link.mtu);
  }

  #count(what: string, n: number = 1): void {
    this.effects[what] = (this.effects[what] ?? 0) + n;
  }

  #serve(): void {
    const { tcp, udp } = this.#stack;
    const limits = { backlog: BACKLOG, sendBuffer: 65_536, receiveBuffer: 65_536 };
    const keep = (c: Connection): void => {
      this.#accepted.push(c);
      this.#count('connections accepted');
    };
    const onError = (error: Error & { code: string }): void => {
      this.#count(error.code === 'ECONNRESET' ? 'connections reset' : `connections ended by ${error.code}`);
    };
    tcp.listen({ ...limits, port: ECHO }, (c) => {
      keep(c);
      c.handler = {
        onReadable: () => {
          for (let bytes = c.read(); bytes !== undefined; bytes = c.read()) c.write(bytes);
        },
        onEnd: () => c.shutdown(),
        onError,
      };
    });
    tcp.listen({ ...limits, port: SINK }, (c) => {
      keep(c);
      c.handler = { onError };
    });
    tcp.listen({ ...limits, port: CLOSER }, (c) => {
      this.#ended.add(keyOf(c));
      c.handler = { onError };
      c.write(new Uint8Array(2000));
      c.close();
    });
    this.#udp.push(
      udp.bind(
        { port: ECHO },
        {
          // As any echo server must: no answer to port 0, to itself, or to everybody.
          onMessage: (bytes, { remoteAddress, remotePort }, socket) => {
            if (remotePort === 0 || isUnspecified(remoteAddress)) return this.#count('datagrams without a way back');
            socket.send(bytes.subarray(0, 1000), remotePort, remoteAddress);
          },
        },
      ),
      udp.bind({ port: NAMES_SERVER }, { onMessage: () => this.#count('datagrams taken') }),
    );
    const connected = udp.bind(
      { port: 54 },
      { onMessage: () => {}, onError: (error) => this.#count(`UDP ${error.code}`) },
    );
    connected.connect('10.0.0.9', 99);
    this.#udp.push(connected);
  }

  #dearHandler(): Connection['handler'] {
    return {
      onReadable: (c) => {
        for (let bytes = c.read(); bytes !== undefined; bytes = c.read()) {
          for (const byte of bytes)
            if (byte !== (this.#dearReceived++ & 0xff)) throw new Error('a wrong byte came back');
        }
      },
      onError: (error) => {
        throw new Error(`the neighbour's connection was ended: ${error.code}`);
      },
    };
  }

  /** One batch, and what it brings at once. */
  #fire(size: number): void {
    const stack = this.#stack;
    const aims = [...this.#targets.values(), this.#blindShot(), this.#blindShot()];
    const verdicts: Verdict[] = [];
    for (let i = 0; i < size; i++) {
      const ports = [ECHO, SINK, CLOSER, NAMES_SERVER, 54, 8080];
      const bytes = this.#maker.next({ own: OWN, ports, connections: aims, sent: this.#sent });
      verdicts.push(judge(bytes, FACTS));
    }
    this.packets += size;
    for (const { bytes, drop } of verdicts) if (drop === FRAGMENT) this.#begun.add(beginning(bytes));
    const before = stack.statistics();
    const known = this.#connectionKeys();
    const heard = verdicts[0]!.drop === undefined ? this.#heard() : '';
    this.#link.inject(...verdicts.map(({ bytes }) => bytes));
    const sent = this.#taken();
    this.#expectCounted(verdicts, before, known, heard);
    for (const key of this.#connectionKeys()) known.add(key);
    let dataless = 0;
    for (const bytes of sent) {
      const packet = this.#checkForm(bytes);
      if (packet.tcp === undefined || packet.tcp.payload.length === 0) dataless++;
      if (!this.#isJustified(packet, verdicts, known)) this.#complain('not justified', bytes, verdicts);
    }
    if (dataless > ANSWERS_A_PACKET * size) this.#complain(`${dataless} answers`, sent[0], verdicts);
    for (const { bytes } of verdicts) this.#injectedBytes += bytes.length;
    this.#remember(sent);
  }

  /** Every packet is counted under the reason that the oracle names, or has reached somebody. */
  #expectCounted(
    verdicts: readonly Verdict[],
    { drops: before, memory }: StackStatistics,
    known: ReadonlySet<string>,
    heard: string,
  ): void {
    const { drops: after, memory: now } = this.#stack.statistics();
    const reasons = new Map<string, number>();
    for (const { drop } of verdicts) if (drop !== undefined) reasons.set(drop, (reasons.get(drop) ?? 0) + 1);
    reasons.delete(FRAGMENT);
    for (const [name, n] of reasons) {
      const counted = (after[name] ?? 0) - (before[name] ?? 0);
      if (counted !== n) this.#complain(`${name} was counted ${counted} times, not ${n}`, undefined, verdicts);
    }
    const { value, drop } = verdicts[0]!;
    if (verdicts.length > 1 || (drop !== undefined && drop !== FRAGMENT)) return;
    // What the stack has joined no groups for changes nothing.
    if (value?.ip.protocol === Protocol.IGMP) return;
    const kept = drop === FRAGMENT && now.used !== memory.used;
    const counted = kept || Object.entries(after).some(([name, n]) => n !== before[name]);
    const quoted =
      value?.icmp !== undefined && value.icmp.type !== IcmpType.ECHO_REQUEST && known.has(quotedKey(value));
    if (!counted && !quoted && this.#heard() === heard) {
      this.#complain('neither counted nor delivered', undefined, verdicts);
    }
  }

  /** Segments and datagrams that have reached a socket, and packets sent, and to or by whom. */
  #heard(): string {
    const heard: (number | string)[] = [];
    for (const c of this.#stack.tcp.connections) heard.push(c.remotePort, c.info().segmentsReceived);
    for (const { counters } of this.#udp) heard.push(counters.received, counters.errors);
    for (const { counters } of this.#stack.interfaces) heard.push(counters.packetsSent);
    return heard.join(' ');
  }

  #connectionKeys(): Set<string> {
    return new Set(this.#stack.tcp.connections.map(keyOf));
  }

  /** Whatever leaves the stack is itself well-formed and goes to one other host. */
  #checkForm(bytes: Uint8Array): PacketValue {
    const packet = parsePacket(bytes);
    if (typeof packet === 'string') throw new Error(`the stack sent a packet that is ${packet}`);
    const { ip, tcp, udp, icmp, flaw } = packet;
    const { source, destination } = ip;
    const wrong =
      flaw ??
      (ip.options.length > 0 || ip.reservedFlag ? 'odd' : undefined) ??
      (ip.ttl === 0 ? 'dead on arrival' : undefined) ??
      (FACTS.own.includes(source.toString()) ? undefined : 'from a foreign address') ??
      (isGroup(destination, FACTS) || isUnspecified(destination) ? 'to more than one host' : undefined) ??
      (isLoopback(destination) || FACTS.own.includes(destination.toString()) ? 'to itself' : undefined) ??
      (tcp?.checksum !== undefined || udp?.checksum !== undefined ? 'with a bad checksum' : undefined) ??
      (tcp === undefined && udp === undefined && icmp === undefined ? 'of an unknown protocol' : undefined) ??
      (tcp !== undefined && (tcp.destinationPort === 0 || tcp.reserved !== 0) ? 'odd' : undefined) ??
      (tcp !== undefined && tcp.flags & SYN && tcp.flags & (RST | FIN) ? 'contradicting itself' : undefined);
    if (wrong !== undefined) throw new Error(`the stack sent a packet that is ${wrong}: ${describePacket(bytes)}`);
    this.#sentBytes += bytes.length;
    if (tcp !== undefined) this.#count(`${nameOf(tcp.flags)} sent`);
    else if (udp !== undefined) this.#count('datagram sent');
    else if (icmp!.type === IcmpType.ECHO_REPLY) this.#count('echo reply sent');
    else this.#count(icmp!.type === IcmpType.TIME_EXCEEDED ? 'time exceeded sent' : 'unreachable sent');
    return packet;
  }

  /** Is there a packet in the batch, or a connection, that this one may answer or belong to? */
  #isJustified(packet: PacketValue, verdicts: readonly Verdict[], known: ReadonlySet<string>): boolean {
    const { ip, tcp, udp, icmp } = packet;
    const to = ip.destination.toString();
    if (tcp !== undefined) {
      const key = `${to} ${tcp.destinationPort} ${tcp.sourcePort}`;
      if ((tcp.flags & RST) === 0) return known.has(key) || isCookie(packet, verdicts);
      return (
        this.#ended.has(key) ||
        verdicts.some(
          ({ value, drop }) =>
            // RFC 9293 §3.10.7: a RST is never answered with one.
            drop === undefined &&
            value?.tcp !== undefined &&
            (value.tcp.flags & RST) === 0 &&
            incomingKey(value) === key,
        )
      );
    }
    if (udp !== undefined) {
      return verdicts.some(
        ({ value, drop }) =>
          drop === undefined &&
          value?.udp !== undefined &&
          value.ip.source.toString() === to &&
          value.udp.sourcePort === udp.destinationPort &&
          value.udp.destinationPort === udp.sourcePort &&
          startsWith(value.udp.payload, udp.payload),
      );
    }
    if (icmp!.type === IcmpType.ECHO_REPLY) {
      return verdicts.some(
        ({ value, drop }) =>
          drop === undefined &&
          value?.icmp?.type === IcmpType.ECHO_REQUEST &&
          value.ip.source.toString() === to &&
          value.icmp.rest === icmp!.rest &&
          value.icmp.payload.length === icmp!.payload.length &&
          startsWith(value.icmp.payload, icmp!.payload),
      );
    }
    // [S-012] RFC 1122 §3.2.2: an error is sent about a datagram for this host alone, and never about an error.
    return (
      icmp!.type === IcmpType.DESTINATION_UNREACHABLE &&
      (icmp!.code === 2 || icmp!.code === 3) &&
      verdicts.some(
        ({ value, drop, bytes }) =>
          drop === (icmp!.code === 2 ? 'ip-unknown-protocol' : 'udp-no-listener') &&
          value?.ip.source.toString() === to &&
          !isGroup(value.ip.destination, FACTS) &&
          icmp!.payload.length >= Math.min(bytes.length, 28) &&
          startsWith(bytes, icmp!.payload),
      )
    );
  }

  /** What an attacker on the path learns from the packets it sees. */
  #remember(sent: readonly Uint8Array[]): void {
    for (const bytes of sent) {
      this.#sent.push(bytes);
      if (this.#sent.length > REMEMBERED) this.#sent.shift();
      const packet = parsePacket(bytes);
      if (typeof packet === 'string' || packet.tcp === undefined || packet.tcp.flags & RST) continue;
      const { ip, tcp } = packet;
      const key = `${ip.destination} ${tcp.destinationPort} ${tcp.sourcePort}`;
      const extra = (tcp.flags & SYN ? 1 : 0) + (tcp.flags & FIN ? 1 : 0);
      this.#targets.delete(key);
      this.#targets.set(key, {
        own: ip.source.toString(),
        address: ip.destination.toString(),
        port: tcp.destinationPort,
        stackPort: tcp.sourcePort,
        sequence: tcp.flags & ACK ? tcp.acknowledgment : this.#random.uint32(),
        acknowledgment: (tcp.sequence + tcp.payload.length + extra) >>> 0,
      });
      if (this.#targets.size > REMEMBERED) this.#targets.delete(this.#targets.keys().next().value!);
    }
  }

  /** The neighbour's connection by its ports, but with numbers that are guessed. */
  #blindShot(): Target {
    const { localPort } = this.#dear;
    const random = this.#random;
    return {
      own: '10.1.0.1',
      address: '10.1.0.2',
      port: localPort,
      stackPort: ECHO,
      sequence: random.uint32(),
      acknowledgment: random.uint32(),
    };
  }

  /** The program opens and ends connections of its own accord. */
  #programActs(): void {
    const random = this.#random;
    if (chance(random, 0.02)) {
      const remotePort = 1 + uniform(random, 60_000);
      const c = this.#stack.tcp.connect(
        { remoteAddress: '10.0.0.9', remotePort },
        { onConnect: (open) => this.#accepted.push(open) },
      );
      c.write(new Uint8Array(uniform(random, 5000)));
      if (chance(random, 0.3)) c.shutdown();
    }
    for (let i = this.#accepted.length - 1; i >= 0; i--) {
      const c = this.#accepted[i]!;
      if (c.state !== 'CLOSED') continue;
      c.close(); // what it has not read goes
      this.#accepted.splice(i, 1);
    }
    const surplus = this.#accepted.length > KEPT || chance(random, 0.02);
    const c = surplus ? this.#accepted.shift() : undefined;
    if (c === undefined) return;
    this.#ended.add(keyOf(c));
    switch (uniform(random, 4)) {
      case 0:
        return c.abort();
      case 1:
        return c.close();
      case 2:
        c.read(100);
        return c.close();
      default:
        c.shutdown();
        while (c.read() !== undefined);
        return this.#later(() => c.close());
    }
  }

  #later(fn: () => void): void {
    const timer = this.#clock.timer(() => {
      this.#timers.delete(timer);
      fn();
    });
    this.#timers.set(timer, fn);
    timer.at(this.#clock.now() + uniform(this.#random, 30_000_000));
  }

  /** Time passes: mostly little, now and then enough for retransmissions, seldom for TIME-WAIT to end. */
  #wait(): void {
    const dice = uniform(this.#random, 1000);
    const us = dice < 500 ? 0 : dice < 900 ? uniform(this.#random, 2000) : dice < 998 ? 300_000 : 70_000_000;
    const known = this.#connectionKeys();
    this.#clock.advance(us);
    for (const key of this.#connectionKeys()) known.add(key);
    const sent = this.#taken();
    for (const bytes of sent) {
      const { ip, tcp, icmp } = this.#checkForm(bytes);
      if (icmp?.type === IcmpType.TIME_EXCEEDED && icmp.code === 1 && this.#begun.has(beginning(icmp.payload)))
        continue;
      const key = `${ip.destination} ${tcp?.destinationPort} ${tcp?.sourcePort}`;
      // Only connections speak unasked.
      if (!known.has(key) && !this.#ended.has(key)) this.#complain('spoken unasked', bytes, []);
    }
    const most = known.size * (us > 1_000_000 ? 200 : 64);
    if (sent.length > most) throw new Error(`${sent.length} packets from ${known.size} connections in ${us} µs`);
    this.#remember(sent);
  }

  /** Bounds hold, and the neighbour's connection works. */
  #checkHealth(): void {
    const { memory } = this.#stack.statistics();
    const connections = this.#stack.tcp.connections;
    // Each connection has a little whatever the others hold.
    if (memory.used > this.#memory + 65_536 + 8192 * connections.length)
      throw new Error(`${memory.used} bytes of ${memory.limit} are held`);
    const half = connections.filter(({ state }) => state === 'SYN_RECV').length;
    if (half > 3 * BACKLOG + 8) throw new Error(`${half} handshakes under way`);
    if (this.#stack.wheel.count > connections.length) throw new Error('more timers than connections');
    // Without memory the neighbour's connection can only stay open.
    if (this.#memory === MEMORY.ample)
      this.#dearSent += this.#dear.write(counting(this.#dearSent, 1 + uniform(this.#random, 3000)));
    this.#clock.advance(1_000_000);
    for (const bytes of this.#taken()) this.#checkForm(bytes);
    if (this.#dear.state !== 'ESTABLISHED') throw new Error(`the neighbour's connection is ${this.#dear.state}`);
    if (this.#dearReceived !== this.#dearSent) {
      throw new Error(`of the neighbour's ${this.#dearSent} bytes ${this.#dearReceived} came back`);
    }
    if (this.#sentBytes > 4 * this.#injectedBytes + 100_000) throw new Error('the stack amplifies');
  }

  #complain(what: string, bytes: Uint8Array | undefined, verdicts: readonly Verdict[]): never {
    const lines = verdicts.map(({ bytes: packet, drop }) => `  in  ${describePacket(packet)} ${drop ?? ''}`);
    if (bytes !== undefined) lines.push(`  out ${describePacket(bytes)}`);
    throw new Error(`${what}:\n${lines.join('\n')}\n${JSON.stringify(this.#stack.statistics().drops)}`);
  }
}

/** What tells the first fragment of a datagram from others: header, and the 8 bytes that an error quotes at least. */
function beginning(bytes: Uint8Array): string {
  return bytes.subarray(0, 4 * (bytes[0]! & 15) + 8).join();
}

/** A connection's name: remote address, remote port, local port. */
function keyOf(c: Connection): string {
  return `${c.remoteAddress} ${c.remotePort} ${c.localPort}`;
}

/** A SYN-ACK answers a SYN of which nothing was kept (RFC 4987 §3.6). */
function isCookie(packet: PacketValue, verdicts: readonly Verdict[]): boolean {
  const { tcp, ip } = packet;
  const key = `${ip.destination} ${tcp!.destinationPort} ${tcp!.sourcePort}`;
  if (tcp!.flags !== (SYN | ACK) || tcp!.payload.length > 0) return false;
  return verdicts.some(
    ({ value, drop }) =>
      drop === undefined &&
      value?.tcp !== undefined &&
      (value.tcp.flags & (SYN | ACK | RST)) === SYN &&
      incomingKey(value) === key &&
      (value.tcp.sequence + 1) >>> 0 === tcp!.acknowledgment,
  );
}

function incomingKey({ ip, tcp }: PacketValue): string {
  return `${ip.source} ${tcp?.sourcePort} ${tcp?.destinationPort}`;
}

/** The connection, if it is one, that an ICMP error's quote names. */
function quotedKey({ icmp }: PacketValue): string {
  const quote = icmp!.payload;
  const view = new DataView(quote.buffer, quote.byteOffset, quote.byteLength);
  const at = (view.getUint8(0) & 15) * 4;
  return `${Address.fromIpv4(view.getInt32(16))} ${view.getUint16(at + 2)} ${view.getUint16(at)}`;
}

function startsWith(whole: Uint8Array, part: Uint8Array): boolean {
  return part.length <= whole.length && part.every((byte, i) => byte === whole[i]);
}

function nameOf(flags: number): string {
  return Object.entries(TcpFlag)
    .filter(([name, bit]) => name !== 'PSH' && (flags & bit) !== 0)
    .map(([name]) => name)
    .join(', ');
}

/** Bytes that count on from `start`. */
function counting(start: number, length: number): Uint8Array {
  return new Uint8Array(length).map((_, i) => start + i);
}

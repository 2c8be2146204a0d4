import { describe, expect, it } from 'vitest';
import type { Connection, UdpSocket } from '../../src/index.ts';
import { Stack } from '../../src/index.ts';
import { VirtualClock, seededRandom } from '../../src/sim/index.ts';
import { Address, isIpv4Mapped, isLoopback, isMulticast, isUnspecified } from '../../src/wire/address.ts';
import { describePacket } from '../../src/wire/describe.ts';
import { parsePacket6 } from '../../src/wire/packet.ts';
import type { Packet6Value } from '../../src/wire/packet.ts';
import { TcpFlag } from '../../src/wire/tcp.ts';
import { RawLink } from '../support/raw-link.ts';
import { viewOf } from '../support/wire.ts';
import { PacketMaker6 } from './packet-maker6.ts';
import { wholes } from './whole.ts';

const PACKETS = Number(process.env['USERNET_FUZZ_PACKETS'] ?? 40_000);
const SEED = Number(process.env['USERNET_FUZZ_SEED'] ?? 1);
const PACKETS_A_SEED = 10_000;
const OWN = ['fd00::1', 'fe80::1'];
const ECHO = 7;
const SINK = 9;
const PORTS = [ECHO, SINK, 8080];
/** Connections that the program keeps. */
const KEPT = 20;

/** What an attacker's packet is behind its extension headers: read here by hand, without the stack's own code. */
function upperLayer(bytes: Uint8Array): { protocol: number; at: number } {
  let protocol = bytes[6]!;
  let at = 40;
  while ([0, 43, 44, 60].includes(protocol) && at + 8 <= bytes.length) {
    const laterFragment = protocol === 44 && (viewOf(bytes).getUint16(at + 2) & 0xfff8) !== 0;
    const length = protocol === 44 ? 8 : 8 + bytes[at + 1]! * 8;
    protocol = bytes[at]!;
    at = laterFragment ? bytes.length : at + length;
  }
  return { protocol, at };
}

/** Is it a fragment that is not whole? Then an answer is about what it and others made together. */
function isFragment(bytes: Uint8Array): boolean {
  let protocol = bytes[6]!;
  let at = 40;
  while ([0, 43, 44, 60].includes(protocol) && at + 8 <= bytes.length) {
    if (protocol === 44 && (viewOf(bytes).getUint16(at + 2) & 0xfff9) !== 0) return true;
    const length = protocol === 44 ? 8 : 8 + bytes[at + 1]! * 8;
    protocol = bytes[at]!;
    at += length;
  }
  return false;
}

/** A stack with a TCP and a UDP echo and a sink, and an attacker on its only link. */
class World6 {
  readonly effects: Record<string, number> = {};
  readonly #clock = new VirtualClock();
  readonly #link = new RawLink();
  readonly #stack: Stack;
  readonly #maker: PacketMaker6;
  readonly #sent: Uint8Array[] = [];
  readonly #accepted: Connection[] = [];
  readonly #udp: UdpSocket;

  constructor(seed: number) {
    const clock = this.#clock;
    this.#maker = new PacketMaker6(seededRandom(seed));
    this.#stack = new Stack({ clock, random: seededRandom(seed + 0x1_0000) });
    this.#stack.attach(this.#link, { name: 'tun0', addresses: ['fd00::1/64', 'fe80::1/64'] });
    this.#stack.routes.add('::/0', { via: 'fd00::fe' });
    for (const port of [ECHO, SINK]) {
      this.#stack.tcp.listen({ address: '::', port, backlog: 4 }, (c) => {
        this.#accepted.push(c);
        if (port === ECHO) c.handler = { onReadable: () => void c.write(c.read() ?? new Uint8Array(0)) };
        if (this.#accepted.length > KEPT) this.#accepted.shift()!.abort();
      });
    }
    this.#udp = this.#stack.udp.bind(
      { address: '::', port: ECHO },
      {
        onMessage: (bytes, { remotePort, remoteAddress }, socket) => {
          if (remotePort > 0) socket.send(bytes.subarray(0, 1000), remotePort, remoteAddress);
        },
      },
    );
    clock.advance(0);
  }

  fire(): void {
    const bytes = this.#maker.next(PORTS, this.#sent);
    const before = this.#state();
    this.#link.inject(bytes);
    this.#clock.advance(0);
    const answers = wholes(this.#link.take(), this.#link.mtu);
    for (const answer of answers) this.#check(answer, bytes);
    // Nothing vanishes: it was counted, taken by a socket, or answered. An error about a connection only leaves its trace there.
    const { protocol, at } = upperLayer(bytes);
    const isError = protocol === 58 && (bytes[at] ?? 128) < 128;
    if (!isError && this.#state() === before && answers.length === 0)
      this.#complain('neither counted, taken nor answered', bytes);
    this.#sent.push(...answers);
    this.#sent.splice(0, Math.max(0, this.#sent.length - 32));
    this.#clock.advance(20_000);
    for (const late of wholes(this.#link.take(), this.#link.mtu)) this.#form(late, bytes);
  }

  async end(): Promise<void> {
    for (const [name, n] of Object.entries(this.#stack.statistics().drops)) this.#count(name, n);
    const ended = this.#stack.destroy();
    this.#clock.advance(0);
    await ended;
    this.#stack.assertQuiescent();
    if (this.#clock.pending > 0) throw new Error(`${this.#clock.pending} timers or deferred functions are left`);
  }

  #count(what: string, n: number = 1): void {
    this.effects[what] = (this.effects[what] ?? 0) + n;
  }

  /** Everything that a packet can move. */
  #state(): string {
    const { tcp, udp } = this.#stack;
    const heard = tcp.connections.map((c) => `${c.remoteAddress} ${c.remotePort} ${c.info().segmentsReceived}`);
    const { received, errors } = this.#udp.counters;
    const { drops, memory } = this.#stack.statistics();
    return JSON.stringify([drops, memory.used, heard, received, errors, udp.sockets.length]);
  }

  /** Whatever leaves the stack is itself well-formed and goes to one other host. */
  #form(answer: Uint8Array, question: Uint8Array): Packet6Value {
    const packet = parsePacket6(answer);
    if (typeof packet === 'string') return this.#complain(`sent what is ${packet}`, question, answer);
    const { ip, tcp, udp, icmp, flaw } = packet;
    const { source, destination } = ip;
    const wrong =
      flaw ??
      (ip.extensions.length > 0 || ip.hopLimit === 0 ? 'odd' : undefined) ??
      // RFC 6437: flows have a label, errors and answers are of none.
      (ip.flowLabel > 0 === (icmp === undefined) ? undefined : 'with a wrong label') ??
      (OWN.includes(source.toString()) ? undefined : 'from a foreign address') ??
      (isMulticast(destination) || isUnspecified(destination) ? 'to more than one host' : undefined) ??
      (isLoopback(destination) || isIpv4Mapped(destination) ? 'to no host of the network' : undefined) ??
      (OWN.includes(destination.toString()) ? 'to itself' : undefined) ??
      (tcp?.checksum !== undefined || udp?.checksum !== undefined ? 'with a bad checksum' : undefined) ??
      (tcp === undefined && udp === undefined && icmp === undefined ? 'of an unknown protocol' : undefined);
    if (wrong !== undefined) this.#complain(`sent a packet ${wrong}`, question, answer);
    return packet;
  }

  #check(answer: Uint8Array, question: Uint8Array): void {
    const { ip, icmp, tcp, udp } = this.#form(answer, question);
    const asker = Address.fromBytes(question.subarray(8, 24));
    if (tcp !== undefined) {
      this.#count(tcp.flags & TcpFlag.RST ? 'RST sent' : 'segment sent');
      const { at } = upperLayer(question);
      // RFC 9293 §3.10.7: a RST is never answered with one.
      const toRst = upperLayer(question).protocol === 6 && (question[at + 13] ?? 0) & TcpFlag.RST;
      if (tcp.flags & TcpFlag.RST && toRst && this.#isAbout(ip, asker)) {
        this.#complain('a RST in answer to a RST', question, answer);
      }
      return;
    }
    if (!this.#isAbout(ip, asker)) this.#complain('answered somebody else', question, answer);
    if (udp !== undefined) return this.#count('datagram sent');
    const { protocol, at } = upperLayer(question);
    if (icmp!.type === 129) {
      this.#count('echo reply sent');
      if (isFragment(question)) return;
      const same = icmp!.payload.every((byte, i) => byte === question[at + 8 + i]);
      if (protocol !== 58 || question[at] !== 128 || !same) this.#complain('a reply to no request', question, answer);
      return;
    }
    this.#checkError(icmp!, { protocol, at }, question, answer);
  }

  /** [S-047] RFC 4443 §2.4 (c), (e). */
  #checkError(
    icmp: NonNullable<Packet6Value['icmp']>,
    { protocol, at }: { protocol: number; at: number },
    question: Uint8Array,
    answer: Uint8Array,
  ): void {
    const { type, code, rest, payload } = icmp;
    this.#count(type === 1 ? 'unreachable sent' : `parameter problem ${code} sent`);
    // The first fragment that an error may be about, and the whole, are longer than the last.
    if (isFragment(question) && !payload.every((byte, i) => byte === question[i])) {
      this.#count('error about a whole');
      if (payload.length > 1232) this.#complain('a quote too long', question, answer);
      return;
    }
    const quoted = payload.every((byte, i) => byte === question[i]);
    const length = Math.min(40 + viewOf(question).getUint16(4), 1232);
    if (!quoted || payload.length !== length) this.#complain('a wrong quote', question, answer);
    const asked = question[at] ?? 0;
    if (protocol === 58 && (asked < 128 || asked === 137)) {
      this.#complain('an error about an error', question, answer);
    }
    const option = type === 4 && code === 2 && question[rest]! >>> 6 === 2;
    if (question[24] === 0xff && !option) this.#complain('an error about what was for a group', question, answer);
    if (type === 4 && rest >= question.length) this.#complain('a pointer to nothing', question, answer);
    if (type === 1 && protocol !== 17) this.#complain('an unreachable port of no datagram', question, answer);
  }

  #isAbout(ip: Packet6Value['ip'], asker: Address): boolean {
    return ip.destination.equals(asker);
  }

  #complain(what: string, question: Uint8Array, answer?: Uint8Array): never {
    const out = answer === undefined ? '' : `\n  out ${describePacket(answer)}`;
    const bytes = [...question.subarray(0, 120)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    throw new Error(`${what}:\n  in  ${describePacket(question)} ${bytes}${out}`);
  }
}

describe('a stack under fire of IPv6', () => {
  it(`survives ${PACKETS} malicious packets, and answers only what may be answered`, async () => {
    const effects: Record<string, number> = {};
    for (let seed = SEED; seed < SEED + Math.ceil(PACKETS / PACKETS_A_SEED); seed++) {
      const world = new World6(seed);
      let fired = 0;
      try {
        while (fired++ < PACKETS_A_SEED) world.fire();
        await world.end();
      } catch (error) {
        const again = `USERNET_FUZZ_SEED=${seed} USERNET_FUZZ_PACKETS=${PACKETS_A_SEED}`;
        throw new Error(`seed ${seed}, packet ${fired} (${again} repeats it): ${String(error)}`, { cause: error });
      }
      for (const [name, n] of Object.entries(world.effects)) effects[name] = (effects[name] ?? 0) + n;
    }
    if (process.env['USERNET_FUZZ_VERBOSE'] !== undefined) console.log(effects);
    // The fire has reached every room; else the test would prove little.
    for (const name of EXPECTED_EFFECTS) expect(effects[name] ?? 0, `how often ${name}`).toBeGreaterThan(0);
  });
});

/** Reasons and answers that must have happened. */
const EXPECTED_EFFECTS = [
  'ipv6-truncated',
  'ipv6-bad-payload-length',
  'ipv6-martian-source',
  'ipv6-martian-destination',
  'ipv6-not-for-us',
  'ipv6-reassembly-unaligned',
  'ipv6-reassembly-too-long',
  'ipv6-reassembly-overlap',
  'ipv6-reassembly-discarded',
  'ipv6-reassembly-timeout',
  'ipv6-reassembly-incomplete-headers',
  'ipv6-no-next-header',
  'ipv6-extension-truncated',
  'ipv6-too-many-extensions',
  'ipv6-hop-by-hop-misplaced',
  'ipv6-bad-option-length',
  'ipv6-unknown-option',
  'ipv6-routing-header',
  'ip-unknown-protocol',
  'icmpv6-truncated',
  'icmpv6-bad-checksum',
  'icmpv6-bad-quote',
  'icmpv6-unknown-type',
  'icmpv6-redirect-ignored',
  'icmpv6-neighbor-ignored',
  'mld-truncated',
  'icmpv6-group-ignored',
  'icmpv6-error-not-ours',
  'icmpv6-error-suppressed',
  'icmpv6-error-rate-limited',
  'tcp-no-socket',
  'tcp-to-group',
  'tcp-icmp-no-socket',
  'udp-bad-checksum',
  'udp-no-listener',
  'echo reply sent',
  'unreachable sent',
  'parameter problem 0 sent',
  'parameter problem 1 sent',
  'parameter problem 2 sent',
  'RST sent',
  'segment sent',
  'datagram sent',
];

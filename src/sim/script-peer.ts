import { seqAdd } from '../buffer/seq.ts';
import { requireOptions, requireType } from '../errors.ts';
import { formatPacket, isIpv6Packet } from '../wire/packet.ts';
import type { AnyPacketValue } from '../wire/packet.ts';
import { Protocol } from '../wire/protocol.ts';
import { TcpFlag } from '../wire/tcp.ts';
import type { TcpSegment } from '../wire/tcp.ts';
import { differences, valueText } from './script-compare.ts';
import {
  EXPECTED_FIELDS,
  SEGMENT_FIELDS,
  controlLength,
  flagsFrom,
  optionBytes,
  packetAround,
  readSegment,
} from './script-segment.ts';
import type { Ect, Expected, Heard, SegmentSpec } from './script-segment.ts';
import { differsFromStream, stream } from './script-stream.ts';
import { segmentText } from './script-text.ts';

/** What a peer needs of the world it lives in. */
export interface PeerHost {
  readonly stackAddress: string;
  /** Microseconds. */
  now(): number;
  /** Puts packets on the cable, as one batch, and lets the stack deal with them. */
  transmit(packets: Uint8Array[]): void;
  /** Adds a line to the conversation that failures show. */
  note(line: string, peer?: ScriptPeer): void;
  /** An error with the conversation so far. */
  failure(message: string): Error;
}

/** Where a peer stands, and how it counts. */
export interface PeerOptions {
  address: string;
  port: number;
  /** The stack's port; learnt from its SYN when left out. */
  stackPort?: number | undefined;
  /** The peer's initial sequence number. Default: shortly before the numbers wrap. */
  iss?: number;
}

/**
 * One end of a TCP connection, played by hand: nothing is sent or acknowledged unless the script says so.
 *
 * Sequence numbers are relative in both directions, as in the RFC's figures: a SYN is 0, the first byte of data 1.
 * What is wrong with a segment in any case (its checksum, a byte of its payload) fails when it is heard.
 *
 * @example
 * peer.send({ flags: 'S', mss: 1460, sackPermitted: true, timestamps: true });
 * peer.expect({ flags: 'SA', seq: 0, ack: 1 });
 * peer.ack(1);
 * peer.send({ flags: 'A', seq: 1001, data: 1000 });
 * peer.expect({ flags: 'A', ack: 1, sack: [[1001, 2001]] });
 */
export class ScriptPeer {
  readonly address: string;
  readonly port: number;
  /** The stack's port; learnt from its SYN when the stack opens. */
  stackPort: number | undefined;
  readonly iss: number;
  /** The stack's initial sequence number, from its first SYN; until then its numbers count from 0. */
  irs: number | undefined;
  /** The relative number at which the peer's stream goes on. */
  next: number = 0;
  /** The relative number behind everything heard. */
  heardUpTo: number = 0;
  /** The end of the window that the stack has offered. */
  rightEdge: number = 0;
  /** The window field of what is sent. */
  wnd: number = 65_535;
  /** The ECN field of what is sent. */
  ect: Ect = 'not-ect';
  /** Whether segments carry timestamps by themselves: true once both sides' SYNs had the option. */
  timestamps: boolean = false;
  /** What the peer's timestamp clock, which counts milliseconds of virtual time, said at time 0. */
  tsOffset: number = 1_000_000;
  /** The latest TSval heard: what TSecr says. */
  tsRecent: number = 0;
  readonly #host: PeerHost;
  #unheard: Heard[] = [];
  /** Of the SYNs sent and heard; undefined without the option, or before there was one. */
  #shifts: { own: number | undefined; stack: number | undefined } = { own: undefined, stack: undefined };
  #stamps: { own: boolean; stack: boolean } = { own: false, stack: false };

  constructor(host: PeerHost, { address, port, stackPort, iss = 0xffff_ff38 }: PeerOptions) {
    this.#host = host;
    this.address = address;
    this.port = port;
    this.stackPort = stackPort;
    this.iss = iss;
  }

  /** What the peer's timestamp clock says. */
  get tsNow(): number {
    return (Math.floor(this.#host.now() / 1000) + this.tsOffset) >>> 0;
  }

  /** What has come and was not taken yet. */
  get unheard(): readonly Heard[] {
    return this.#unheard;
  }

  send(segment: SegmentSpec): void {
    this.sendAll([segment]);
  }

  /** Sends several segments that arrive as one batch. */
  sendAll(segments: readonly SegmentSpec[]): void {
    this.#transmit(segments.map((segment) => this.make(segment)));
  }

  /** Sends what `make` made, changed by hand. */
  sendPacket(packet: AnyPacketValue): void {
    this.#transmit([packet]);
  }

  /** Acknowledges up to `ack`, by default everything heard: a segment without data. */
  ack(ack: number = this.heardUpTo, rest: Omit<SegmentSpec, 'flags' | 'ack'> = {}): void {
    this.send({ flags: 'A', ack, ...rest });
  }

  /**
   * The packet that `send` sends; the peer's stream goes on behind it.
   *
   * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
   */
  make(spec: SegmentSpec): AnyPacketValue {
    requireOptions('peer.send', spec, SEGMENT_FIELDS);
    requireType('flags', spec.flags, 'string');
    const { seq = this.next, ack = this.heardUpTo, wnd = this.wnd, data = 0, urgent = 0, ect = this.ect } = spec;
    const { from = this.address, to = this.#host.stackAddress } = spec;
    const flags = flagsFrom(spec.flags);
    const syn = (flags & TcpFlag.SYN) !== 0;
    const payload = typeof data === 'number' ? stream(seq - 1 + (syn ? 1 : 0), data) : data;
    this.next = Math.max(this.next, seq + payload.byteLength + controlLength(flags));
    const stamped = this.#stamped(spec, flags);
    if (syn) {
      this.#shifts.own = spec.windowScale;
      this.#stamps.own = stamped.timestamps === true;
      this.#agree();
    }
    const tcp: TcpSegment = {
      sourcePort: this.port,
      destinationPort: this.stackPort ?? 0,
      sequence: seqAdd(this.iss, seq),
      acknowledgment: flags & TcpFlag.ACK ? seqAdd(this.irs ?? 0, ack) : 0,
      flags,
      reserved: 0,
      window: wnd,
      urgentPointer: urgent,
      options: optionBytes(stamped, this.irs ?? 0),
      payload,
    };
    return packetAround(from, to, Protocol.TCP, { tcp }, ect);
  }

  /**
   * Takes the next segment from the stack and compares what `expected` names.
   *
   * @throws Error when none has come, or another one; ERR_INVALID_ARG_VALUE for a field that there is not
   */
  expect(expected: Expected): Heard {
    requireOptions('peer.expect', expected, EXPECTED_FIELDS);
    const heard = this.#unheard.shift();
    if (heard === undefined) {
      throw this.#host.failure(`Nothing came from the stack.\n  expected  ${valueText(expected)}`);
    }
    const wrong = differences(expected, heard);
    if (wrong.length === 0) return heard;
    const lines = [`expected  ${valueText(expected)}`, `came      ${segmentText(heard)}`, ...wrong];
    throw this.#host.failure(['The stack sent something else.', ...lines].join('\n  '));
  }

  /**
   * Nothing has come that was not taken yet.
   *
   * @throws Error
   */
  expectNothing(): void {
    if (this.#unheard.length === 0) return;
    const lines = this.#unheard.map((heard) => `came      ${segmentText(heard)}`);
    throw this.#host.failure(['The stack sent what nobody expected.', ...lines].join('\n  '));
  }

  /** Everything that has come and was not taken yet. */
  take(): Heard[] {
    const all = this.#unheard;
    this.#unheard = [];
    return all;
  }

  /** @internal A packet from the stack for this peer. */
  hear(packet: AnyPacketValue): void {
    const { tcp } = packet;
    if (tcp === undefined) throw this.#host.failure('not TCP');
    const { flags, payload } = tcp;
    const syn = (flags & TcpFlag.SYN) !== 0;
    if (syn) {
      this.irs = tcp.sequence;
      this.stackPort ??= tcp.destinationPort === this.port ? tcp.sourcePort : undefined;
    }
    const heard = readSegment(packet, tcp, { iss: this.irs ?? 0, irs: this.iss }, this.#host.now());
    if (syn) {
      this.#shifts.stack = heard.windowScale;
      this.#stamps.stack = heard.timestamps;
      this.#agree();
    } else if (this.#shifts.own !== undefined && this.#shifts.stack !== undefined) {
      // RFC 7323 §2.2: the window of a SYN is never scaled, others when both SYNs had the option.
      heard.window = tcp.window * 2 ** this.#shifts.stack;
    }
    if (heard.tsval !== undefined) this.tsRecent = heard.tsval;
    if (flags & TcpFlag.ACK) this.rightEdge = heard.ack + heard.window;
    this.heardUpTo = Math.max(this.heardUpTo, heard.seq + heard.length + controlLength(flags));
    this.#unheard.push(heard);
    this.#host.note(`> ${segmentText(heard)}`, this);
    // Whatever else a script looks at: the checksum is right, the bytes are those that were written.
    if (tcp.checksum !== undefined) throw this.#host.failure(`The checksum is wrong: ${segmentText(heard)}`);
    const wrong = differsFromStream(payload, heard.seq - (syn ? 0 : 1));
    if (wrong >= 0) throw this.#host.failure(`A byte is wrong, at ${heard.seq + wrong}: ${segmentText(heard)}`);
  }

  /** An ICMP or ICMPv6 error about a segment that the stack sent; it quotes the IP header and 8 bytes. */
  icmp(type: number, code: number, about: Heard, rest: number = 0): void {
    const isIpv6 = isIpv6Packet(about.packet);
    const payload = formatPacket(about.packet).subarray(0, isIpv6 ? 48 : 28);
    const protocol = isIpv6 ? Protocol.ICMPV6 : Protocol.ICMP;
    const icmp = { type, code, rest, payload };
    this.#host.note(`< ICMP type ${type} code ${code} about ${segmentText(about)}`, this);
    this.#host.transmit([formatPacket(packetAround(this.address, this.#host.stackAddress, protocol, { icmp }))]);
  }

  #transmit(packets: readonly AnyPacketValue[]): void {
    const origins = { iss: this.iss, irs: this.irs ?? 0 };
    for (const packet of packets) {
      const { tcp } = packet;
      if (tcp === undefined) continue;
      this.#host.note(`< ${segmentText(readSegment(packet, tcp, origins, this.#host.now()))}`, this);
    }
    this.#host.transmit(packets.map(formatPacket));
  }

  /** The segment with its timestamps filled in, where it has them. */
  #stamped(spec: SegmentSpec, flags: number): SegmentSpec {
    const told = spec.tsval !== undefined || spec.tsecr !== undefined;
    const { timestamps = told || (this.timestamps && (flags & TcpFlag.SYN) === 0) } = spec;
    if (!timestamps) return { ...spec, timestamps: false };
    // RFC 7323 §3.2: TSecr is zero without ACK.
    const echo = flags & TcpFlag.ACK ? this.tsRecent : 0;
    return { ...spec, timestamps: true, tsval: spec.tsval ?? this.tsNow, tsecr: spec.tsecr ?? echo };
  }

  #agree(): void {
    this.timestamps = this.#stamps.own && this.#stamps.stack;
  }
}

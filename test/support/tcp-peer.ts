import { expect } from 'vitest';
import { Address } from '../../src/index.ts';
import { seqAdd, seqDiff } from '../../src/buffer/seq.ts';
import { formatPacket, parsePacket } from '../../src/wire/packet.ts';
import type { PacketValue } from '../../src/wire/packet.ts';
import { Protocol } from '../../src/wire/protocol.ts';
import { formatTcpOptions, parseTcpOptions } from '../../src/wire/tcp-option-list.ts';
import type { TcpOption } from '../../src/wire/tcp-option-list.ts';
import { TcpFlag } from '../../src/wire/tcp.ts';

/** A segment to send. Sequence numbers are relative, as in the RFC's figures: a SYN is 0, the first byte of data 1. */
export interface SegmentSpec {
  /** Letters of S F R P A U E C; empty for none. */
  flags: string;
  /** Default: where the peer's stream goes on. */
  seq?: number;
  /** Default: everything heard so far. Written only with A. */
  ack?: number;
  /** The window field. Default `peer.wnd`. */
  wnd?: number;
  /** A length, for that much of the stream at `seq`; or bytes. */
  data?: number | Uint8Array;
  mss?: number;
  windowScale?: number;
  /** Options in front of those two. */
  options?: readonly TcpOption[];
  /** Default: the peer's own. */
  from?: string;
  to?: string;
}

/** A segment that came from the stack, with relative numbers; `ack` is 0 without A. */
export interface Heard {
  flags: string;
  seq: number;
  ack: number;
  /** The window field as it stands. */
  wnd: number;
  /** Bytes of payload. */
  length: number;
  /** What its SYN options say; undefined when absent. */
  mss: number | undefined;
  windowScale: number | undefined;
  options: TcpOption[];
  ttl: number;
  trafficClass: number;
  /** When it came, in microseconds. */
  at: number;
  packet: PacketValue;
}

/** What a segment must be like; fields left out may be anything. */
export type Expected = Partial<Omit<Heard, 'packet'>>;

/** What a peer needs of the world it lives in. */
export interface PeerHost {
  now(): number;
  /** Puts packets on the cable, as one batch, and lets the stack deal with them. */
  transmit(packets: Uint8Array[]): void;
  readonly stackAddress: string;
}

const LETTERS: readonly [letter: string, flag: number][] = [
  ['S', TcpFlag.SYN],
  ['F', TcpFlag.FIN],
  ['R', TcpFlag.RST],
  ['P', TcpFlag.PSH],
  ['A', TcpFlag.ACK],
  ['U', TcpFlag.URG],
  ['E', TcpFlag.ECE],
  ['C', TcpFlag.CWR],
];

function flagsFrom(letters: string): number {
  let flags = 0;
  for (const letter of letters) flags |= LETTERS.find(([name]) => name === letter)![1];
  return flags;
}

function lettersOf(flags: number): string {
  return LETTERS.map(([letter, flag]) => (flags & flag ? letter : '')).join('');
}

/** Bytes `[from, from + length)` of the one stream that every test sends in both directions. */
export function stream(from: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0, at = from; i < length; i++, at++) bytes[i] = at + (at >>> 8) * 7;
  return bytes;
}

/** These bytes are those of the stream from `from` on. */
export function expectStream(bytes: Uint8Array, from: number): void {
  const wrong = bytes.findIndex((byte, i) => byte !== ((from + i + ((from + i) >>> 8) * 7) & 255));
  expect(wrong, `bytes from ${from} on differ at`).toBe(-1);
}

/**
 * One end of a TCP connection, played by hand: nothing is sent or acknowledged unless the test says so.
 *
 * @example
 * peer.send({ flags: 'S', seq: 0, mss: 1460 });
 * peer.expect({ flags: 'SA', seq: 0, ack: 1 });
 */
export class TcpPeer {
  readonly address: string;
  readonly port: number;
  /** The stack's port; learnt from its SYN when the stack opens. */
  stackPort: number | undefined;
  /** The peer's initial sequence number: shortly before the numbers wrap, unless told. */
  readonly iss: number;
  /** The stack's initial sequence number, from its first SYN; until then its numbers count from 0. */
  irs: number | undefined;
  /** The relative number at which the peer's stream goes on. */
  next: number = 0;
  /** The relative number behind everything heard. */
  heardUpTo: number = 0;
  /** The end of the window that the stack has offered; right where window scaling is not in use. */
  rightEdge: number = 0;
  /** The window field of what is sent. */
  wnd: number = 65_535;
  readonly #host: PeerHost;
  #unheard: Heard[] = [];

  constructor(host: PeerHost, at: { address: string; port: number; stackPort?: number | undefined; iss?: number }) {
    this.#host = host;
    this.address = at.address;
    this.port = at.port;
    this.stackPort = at.stackPort;
    this.iss = at.iss ?? 0xffff_ff38;
  }

  send(segment: SegmentSpec): void {
    this.sendAll([segment]);
  }

  /** Sends several segments that arrive as one batch. */
  sendAll(segments: readonly SegmentSpec[]): void {
    this.#host.transmit(segments.map((segment) => formatPacket(this.make(segment))));
  }

  /** Sends what `make` made, changed by hand. */
  sendPacket(packet: PacketValue): void {
    this.#host.transmit([formatPacket(packet)]);
  }

  /** The packet that `send` sends; the peer's stream goes on behind it. */
  make(spec: SegmentSpec): PacketValue {
    const { seq = this.next, ack = this.heardUpTo, wnd = this.wnd, data = 0 } = spec;
    const flags = flagsFrom(spec.flags);
    const payload = typeof data === 'number' ? stream(seq - 1 + (flags & TcpFlag.SYN ? 1 : 0), data) : data;
    const options: TcpOption[] = [...(spec.options ?? [])];
    if (spec.mss !== undefined) options.push({ name: 'mss', value: spec.mss });
    if (spec.windowScale !== undefined) options.push({ name: 'nop' }, { name: 'windowScale', shift: spec.windowScale });
    const length = payload.byteLength + (flags & TcpFlag.SYN ? 1 : 0) + (flags & TcpFlag.FIN ? 1 : 0);
    this.next = Math.max(this.next, seq + length);
    const { from = this.address, to = this.#host.stackAddress } = spec;
    return {
      ip: ipPacket(from, to, Protocol.TCP),
      tcp: {
        sourcePort: this.port,
        destinationPort: this.stackPort ?? 0,
        sequence: seqAdd(this.iss, seq),
        acknowledgment: flags & TcpFlag.ACK ? seqAdd(this.irs ?? 0, ack) : 0,
        flags,
        reserved: 0,
        window: wnd,
        urgentPointer: 0,
        options: formatTcpOptions(options),
        payload,
      },
    };
  }

  /** Takes the next segment from the stack and compares what `expected` names. */
  expect(expected: Expected): Heard {
    const heard = this.#unheard.shift();
    if (heard === undefined) throw new Error(`nothing came from the stack, expected ${JSON.stringify(expected)}`);
    expect(heard).toMatchObject(expected);
    return heard;
  }

  /** Nothing has come that was not taken yet. */
  expectNothing(): void {
    expect(this.#unheard.map(summary)).toEqual([]);
  }

  /** Everything that has come and was not taken yet. */
  take(): Heard[] {
    const all = this.#unheard;
    this.#unheard = [];
    return all;
  }

  /** @internal A packet from the stack for this peer. */
  hear(packet: PacketValue): void {
    const { tcp, ip } = packet;
    if (tcp === undefined) throw new Error('not TCP');
    if (tcp.flags & TcpFlag.SYN) {
      this.irs = tcp.sequence;
      this.stackPort ??= tcp.destinationPort === this.port ? tcp.sourcePort : undefined;
    }
    const options = parseTcpOptions(tcp.options);
    const seq = seqDiff(tcp.sequence, this.irs ?? 0);
    const { payload, flags } = tcp;
    const length = payload.byteLength;
    const ack = flags & TcpFlag.ACK ? seqDiff(tcp.acknowledgment, this.iss) : 0;
    if (flags & TcpFlag.ACK) this.rightEdge = ack + tcp.window;
    this.heardUpTo = Math.max(this.heardUpTo, seq + length + (flags & (TcpFlag.SYN | TcpFlag.FIN) ? 1 : 0));
    this.#unheard.push({
      flags: lettersOf(flags),
      seq,
      ack,
      wnd: tcp.window,
      length,
      mss: options.find((option) => option.name === 'mss')?.value,
      windowScale: options.find((option) => option.name === 'windowScale')?.shift,
      options,
      ttl: ip.ttl,
      trafficClass: ip.trafficClass,
      at: this.#host.now(),
      packet,
    });
    // [MUST-2] Whatever else a test looks at: the bytes are those that were written, the checksum is right.
    expect(tcp.checksum).toBeUndefined();
    if (length > 0) expectStream(payload, seq - 1);
  }

  /** An ICMP error about a segment that the stack sent; it quotes the IP header and 8 bytes. */
  icmp(type: number, code: number, about: Heard, rest: number = 0): void {
    const quoted = formatPacket(about.packet).subarray(0, 28);
    const ip = ipPacket(this.address, this.#host.stackAddress, Protocol.ICMP);
    this.#host.transmit([formatPacket({ ip, icmp: { type, code, rest, payload: quoted } })]);
  }
}

function summary({ flags, seq, ack, length }: Heard): string {
  return `${flags} seq=${seq} ack=${ack} length=${length}`;
}

function ipPacket(source: string, destination: string, protocol: number): PacketValue['ip'] {
  return {
    trafficClass: 0,
    identification: 0,
    reservedFlag: false,
    dontFragment: true,
    moreFragments: false,
    fragmentOffset: 0,
    ttl: 64,
    protocol,
    source: Address.parse(source),
    destination: Address.parse(destination),
    options: new Uint8Array(0),
    payload: new Uint8Array(0),
  };
}

/** Reads a packet that came over the cable. */
export function readPacket(bytes: Uint8Array): PacketValue {
  const packet = parsePacket(bytes);
  if (typeof packet === 'string') throw new Error(packet);
  return packet;
}

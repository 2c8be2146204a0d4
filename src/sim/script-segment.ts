import { seqAdd, seqDiff } from '../buffer/seq.ts';
import { usageError } from '../errors.ts';
import { Address } from '../wire/address.ts';
import type { Ipv6Packet } from '../wire/ipv6.ts';
import type { Ipv4Packet } from '../wire/ipv4.ts';
import { isIpv6Packet } from '../wire/packet.ts';
import type { AnyPacketValue } from '../wire/packet.ts';
import { formatTcpOptions, parseTcpOptions } from '../wire/tcp-option-list.ts';
import type { TcpOption } from '../wire/tcp-option-list.ts';
import { TcpFlag } from '../wire/tcp.ts';
import type { TcpSegment } from '../wire/tcp.ts';

/** The ECN field of the IP header, by name (RFC 3168 §5). */
export type Ect = 'not-ect' | 'ect0' | 'ect1' | 'ce';

/** By the field's value. */
const ECT: readonly Ect[] = ['not-ect', 'ect1', 'ect0', 'ce'];

/** From the first sequence number up to and without the second, both relative. */
export type SackBlock = readonly [left: number, right: number];

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
  /** The urgent pointer: bytes from `seq` to behind the urgent data. Means something only with U. Default 0. */
  urgent?: number;
  mss?: number;
  windowScale?: number;
  sackPermitted?: boolean;
  /** Blocks of the stack's stream, in this order; a D-SACK is just a first block (RFC 2883). */
  sack?: readonly SackBlock[];
  /**
   * The timestamps option. Default: as negotiated, that is on every segment once the SYN of either side had it.
   * Its values are `peer.tsNow` and the latest TSval heard, unless told.
   */
  timestamps?: boolean;
  /** TSval and TSecr as they stand on the wire; either of them makes the option be there. */
  tsval?: number;
  tsecr?: number;
  /** A Fast Open cookie, or the request for one (RFC 7413, kind 34). */
  fastOpen?: Uint8Array | 'request';
  /** The 16 bits of a user timeout (RFC 5482, kind 28). */
  userTimeout?: number;
  /** Options in front of all those. */
  options?: readonly TcpOption[];
  /** The ECN field. Default `peer.ect`. */
  ect?: Ect;
  /** Default: the peer's own. */
  from?: string;
  to?: string;
}

/** The names of its fields. */
export const SEGMENT_FIELDS: readonly string[] = Object.keys({
  flags: true,
  seq: true,
  ack: true,
  wnd: true,
  data: true,
  urgent: true,
  mss: true,
  windowScale: true,
  sackPermitted: true,
  sack: true,
  timestamps: true,
  tsval: true,
  tsecr: true,
  fastOpen: true,
  userTimeout: true,
  options: true,
  ect: true,
  from: true,
  to: true,
} satisfies Record<keyof SegmentSpec, true>);

/** A segment that came from the stack, with relative numbers; `ack` is 0 without A. */
export interface Heard {
  flags: string;
  seq: number;
  ack: number;
  /** The window field as it stands. */
  wnd: number;
  /** The window in bytes: scaled, once both SYNs had the option. */
  window: number;
  /** Bytes of payload. */
  length: number;
  /** The urgent pointer; undefined without U. */
  urgent: number | undefined;
  /** What its options say; undefined when absent. */
  mss: number | undefined;
  windowScale: number | undefined;
  sackPermitted: boolean;
  /** Blocks of the peer's stream; none without the option. */
  sack: readonly SackBlock[];
  timestamps: boolean;
  /** As they stand on the wire. TSecr is one of the peer's own values: `heard.tsecr - peer.tsOffset` is milliseconds. */
  tsval: number | undefined;
  tsecr: number | undefined;
  fastOpen: Uint8Array | 'request' | undefined;
  userTimeout: number | undefined;
  options: TcpOption[];
  ect: Ect;
  /** Time to live or hop limit. */
  ttl: number;
  trafficClass: number;
  /** When it came, in microseconds. */
  at: number;
  packet: AnyPacketValue;
}

/** What a segment must be like; fields left out may be anything. `undefined` means that an option must be absent. */
export type Expected = Partial<Omit<Heard, 'packet'>>;

/** The names of its fields. */
export const EXPECTED_FIELDS: readonly string[] = Object.keys({
  flags: true,
  seq: true,
  ack: true,
  wnd: true,
  window: true,
  length: true,
  urgent: true,
  mss: true,
  windowScale: true,
  sackPermitted: true,
  sack: true,
  timestamps: true,
  tsval: true,
  tsecr: true,
  fastOpen: true,
  userTimeout: true,
  options: true,
  ect: true,
  ttl: true,
  trafficClass: true,
  at: true,
} satisfies Record<keyof Expected, true>);

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

/**
 * Control bits from letters.
 *
 * @throws ERR_INVALID_ARG_VALUE
 */
export function flagsFrom(letters: string): number {
  let flags = 0;
  for (const letter of letters) {
    const found = LETTERS.find(([name]) => name === letter);
    if (found === undefined) {
      throw usageError('ERR_INVALID_ARG_VALUE', `flags must be letters of SFRPAUEC, not '${letters}'`);
    }
    flags |= found[1];
  }
  return flags;
}

/** The letters of control bits, in the order of `SFRPAUEC`. */
export function lettersOf(flags: number): string {
  return LETTERS.map(([letter, flag]) => (flags & flag ? letter : '')).join('');
}

/** The numbers of the sequence space that SYN and FIN take. */
export function controlLength(flags: number): number {
  return (flags & TcpFlag.SYN ? 1 : 0) + (flags & TcpFlag.FIN ? 1 : 0);
}

/**
 * Option bytes of a segment that says all its values.
 *
 * @param irs where the stream begins that SACK blocks speak of
 */
export function optionBytes(spec: SegmentSpec, irs: number): Uint8Array {
  const options: TcpOption[] = [...(spec.options ?? [])];
  const { mss, windowScale, sack = [], fastOpen, userTimeout, tsval, tsecr } = spec;
  if (mss !== undefined) options.push({ name: 'mss', value: mss });
  if (spec.sackPermitted === true) options.push({ name: 'nop' }, { name: 'nop' }, { name: 'sackPermitted' });
  if (spec.timestamps === true) {
    options.push({ name: 'nop' }, { name: 'nop' }, { name: 'timestamps', value: tsval ?? 0, echo: tsecr ?? 0 });
  }
  if (windowScale !== undefined) options.push({ name: 'nop' }, { name: 'windowScale', shift: windowScale });
  if (sack.length > 0) {
    const blocks = sack.map(([left, right]) => ({ left: seqAdd(irs, left), right: seqAdd(irs, right) }));
    options.push({ name: 'nop' }, { name: 'nop' }, { name: 'sack', blocks });
  }
  if (userTimeout !== undefined) options.push({ name: 'userTimeout', value: userTimeout });
  if (fastOpen !== undefined) {
    options.push({ name: 'fastOpen', cookie: fastOpen === 'request' ? new Uint8Array(0) : fastOpen });
  }
  return formatTcpOptions(options);
}

/** Where the streams of the two sides begin: the sender's and the receiver's initial sequence number. */
export interface Origins {
  iss: number;
  irs: number;
}

/** Reads a segment with numbers relative to where the two streams begin, seen from its sender. */
export function readSegment(packet: AnyPacketValue, tcp: TcpSegment, { iss, irs }: Origins, at: number): Heard {
  const { ip } = packet;
  const { flags, payload } = tcp;
  const options = parseTcpOptions(tcp.options);
  const stamps = options.find((option) => option.name === 'timestamps');
  const sack = options.find((option) => option.name === 'sack');
  const cookie = options.find((option) => option.name === 'fastOpen')?.cookie;
  return {
    flags: lettersOf(flags),
    seq: seqDiff(tcp.sequence, iss),
    ack: flags & TcpFlag.ACK ? seqDiff(tcp.acknowledgment, irs) : 0,
    wnd: tcp.window,
    window: tcp.window,
    length: payload.byteLength,
    urgent: flags & TcpFlag.URG ? tcp.urgentPointer : undefined,
    mss: options.find((option) => option.name === 'mss')?.value,
    windowScale: options.find((option) => option.name === 'windowScale')?.shift,
    sackPermitted: options.some((option) => option.name === 'sackPermitted'),
    sack: (sack?.blocks ?? []).map(({ left, right }) => [seqDiff(left, irs), seqDiff(right, irs)]),
    timestamps: stamps !== undefined,
    tsval: stamps?.value,
    tsecr: stamps?.echo,
    fastOpen: cookie?.byteLength === 0 ? 'request' : cookie,
    userTimeout: options.find((option) => option.name === 'userTimeout')?.value,
    options,
    ect: ECT[ip.trafficClass & 3]!,
    ttl: isIpv6Packet(packet) ? packet.ip.hopLimit : packet.ip.ttl,
    trafficClass: ip.trafficClass,
    at,
    packet,
  };
}

/** An IP packet of the addresses' version around something. */
export function packetAround(
  source: string,
  destination: string,
  protocol: number,
  carried: Pick<AnyPacketValue, 'tcp' | 'icmp'>,
  ect: Ect = 'not-ect',
): AnyPacketValue {
  const ends = { source: Address.parse(source), destination: Address.parse(destination) };
  const trafficClass = ECT.indexOf(ect);
  const ip = ends.source.family === 6 ? ipv6(protocol) : ipv4(protocol);
  return { ip: { ...ip, ...ends, trafficClass }, ...carried } as AnyPacketValue;
}

const NOTHING = new Uint8Array(0);

function ipv4(protocol: number): Omit<Ipv4Packet, 'source' | 'destination' | 'trafficClass'> {
  return {
    identification: 0,
    reservedFlag: false,
    dontFragment: true,
    moreFragments: false,
    fragmentOffset: 0,
    ttl: 64,
    protocol,
    options: NOTHING,
    payload: NOTHING,
  };
}

function ipv6(protocol: number): Omit<Ipv6Packet, 'source' | 'destination' | 'trafficClass'> {
  return { flowLabel: 0, nextHeader: protocol, hopLimit: 64, extensions: NOTHING, protocol, payload: NOTHING };
}

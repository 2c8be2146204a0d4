import type { VirtualClock } from '../../src/sim/index.ts';
import { Address } from '../../src/wire/address.ts';
import { IcmpType } from '../../src/wire/icmp.ts';
import type { Ipv4Packet } from '../../src/wire/ipv4.ts';
import { formatPacket, isIpv6Packet, parsePacket } from '../../src/wire/packet.ts';
import type { AnyPacketValue, PacketValue } from '../../src/wire/packet.ts';
import { TcpFlag } from '../../src/wire/tcp.ts';
import type { TcpSegment } from '../../src/wire/tcp.ts';
import type { RawLink } from './raw-link.ts';

const EMPTY = new Uint8Array(0);

const PROTOCOLS = { icmp: 1, tcp: 6, udp: 17 } as const;

/** A whole IPv4 packet; what is not given has a harmless value. */
export function rawPacket(
  source: string,
  destination: string,
  carried: Omit<PacketValue, 'ip' | 'flaw'>,
  ip: Partial<Ipv4Packet> = {},
): Uint8Array {
  const [kind] = Object.keys(carried) as (keyof typeof PROTOCOLS)[];
  return formatPacket({
    ip: {
      trafficClass: 0,
      identification: 0,
      reservedFlag: false,
      dontFragment: true,
      moreFragments: false,
      fragmentOffset: 0,
      ttl: 64,
      protocol: kind === undefined ? 253 : PROTOCOLS[kind],
      source: Address.parse(source),
      destination: Address.parse(destination),
      options: EMPTY,
      payload: EMPTY,
      ...ip,
    },
    ...carried,
  });
}

/** A TCP segment's fields; what is not given has a harmless value. */
export function tcpFields(fields: Partial<TcpSegment>): TcpSegment {
  return {
    sourcePort: 1,
    destinationPort: 1,
    sequence: 0,
    acknowledgment: 0,
    flags: 0,
    reserved: 0,
    window: 65_535,
    urgentPointer: 0,
    options: EMPTY,
    payload: EMPTY,
    ...fields,
  };
}

/** An ICMP error from `reporter` about a packet that the stack sent: quoted whole. */
export function icmpErrorAbout(packet: Uint8Array, reporter: string, code: number, type?: number): Uint8Array {
  const about = parsePacket(packet);
  if (typeof about === 'string') throw new Error(about);
  const kind = type ?? IcmpType.DESTINATION_UNREACHABLE;
  return rawPacket(reporter, about.ip.source.toString(), { icmp: { type: kind, code, rest: 0, payload: packet } });
}

/** One end of a TCP connection made by hand: it does only what the test says. */
export class RawPeer {
  readonly link: RawLink;
  readonly address: string;
  readonly port: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** The next sequence number to send. */
  nxt: number = 1_000_000;
  /** What it acknowledges: moved by `absorb`. */
  ack: number = 0;
  window: number = 65_535;

  constructor(link: RawLink, own: readonly [address: string, port: number], remote: readonly [string, number]) {
    this.link = link;
    [this.address, this.port] = own;
    [this.remoteAddress, this.remotePort] = remote;
  }

  /** A segment's bytes; sends nothing and moves nothing. */
  segment(flags: number, fields: Partial<TcpSegment> = {}): Uint8Array {
    const tcp = tcpFields({
      sourcePort: this.port,
      destinationPort: this.remotePort,
      sequence: this.nxt,
      acknowledgment: this.ack,
      flags,
      window: this.window,
      ...fields,
    });
    return rawPacket(this.address, this.remoteAddress, { tcp });
  }

  /** Sends a segment and counts what it takes of the sequence space. */
  send(flags: number, fields: Partial<TcpSegment> = {}): void {
    const bytes = this.segment(flags, fields);
    const syn = flags & TcpFlag.SYN ? 1 : 0;
    const fin = flags & TcpFlag.FIN ? 1 : 0;
    if (fields.sequence === undefined) this.nxt = (this.nxt + syn + fin + (fields.payload?.length ?? 0)) >>> 0;
    this.link.inject(bytes);
  }

  /** The segments among `packets` that are for this peer; moves `ack` behind what they carry. */
  absorb(packets: readonly Uint8Array[]): TcpSegment[] {
    const mine: TcpSegment[] = [];
    for (const bytes of packets) {
      const packet = parsePacket(bytes);
      if (typeof packet === 'string' || packet.tcp === undefined) continue;
      const { ip, tcp } = packet;
      if (tcp.destinationPort !== this.port || tcp.sourcePort !== this.remotePort) continue;
      if (ip.destination.toString() !== this.address) continue;
      mine.push(tcp);
      const extra = (tcp.flags & TcpFlag.SYN ? 1 : 0) + (tcp.flags & TcpFlag.FIN ? 1 : 0);
      const end = (tcp.sequence + tcp.payload.length + extra) >>> 0;
      if (tcp.flags & TcpFlag.SYN || ((end - this.ack) | 0) > 0) this.ack = end;
    }
    return mine;
  }

  /** Opens a connection to a listener of the stack. */
  connect(clock: VirtualClock): void {
    this.link.take();
    this.send(TcpFlag.SYN);
    clock.advance(0);
    const [synAck] = this.absorb(this.link.take());
    if (synAck === undefined || synAck.flags !== (TcpFlag.SYN | TcpFlag.ACK)) throw new Error('no SYN-ACK');
    this.send(TcpFlag.ACK);
    clock.advance(0);
  }

  /** Answers the SYN of the stack that is among `packets`. */
  accept(packets: readonly Uint8Array[], clock: VirtualClock): void {
    const [syn] = this.absorb(packets);
    if (syn === undefined || syn.flags !== TcpFlag.SYN) throw new Error('no SYN');
    this.send(TcpFlag.SYN | TcpFlag.ACK);
    clock.advance(0);
    this.absorb(this.link.take());
  }
}

/** A packet that must be IPv4. */
export function asIpv4(packet: AnyPacketValue): PacketValue {
  if (isIpv6Packet(packet)) throw new Error('the packet is IPv6');
  return packet;
}

import type { Random } from '../../src/time/clock.ts';
import { Address } from '../../src/wire/address.ts';
import type { GroupMessage } from '../../src/wire/group-records.ts';
import { IcmpType, writeIcmpChecksum } from '../../src/wire/icmp.ts';
import { formatIgmp, IgmpType } from '../../src/wire/igmp.ts';
import type { Ipv4Packet } from '../../src/wire/ipv4.ts';
import { formatPacket, parsePacket } from '../../src/wire/packet.ts';
import type { TcpSegment } from '../../src/wire/tcp.ts';
import { TcpFlag } from '../../src/wire/tcp.ts';
import { rawPacket, tcpFields } from '../support/raw-peer.ts';
import { viewOf } from '../support/wire.ts';
import { Draw } from './draw.ts';

/** A connection of the stack, as an attacker on its path knows it: numbers as the attacker's segments would carry them. */
export interface Target {
  /** The stack's address. */
  own: string;
  address: string;
  port: number;
  stackPort: number;
  /** What the stack expects next. */
  sequence: number;
  /** What the stack has sent, and how much of it is outstanding at most. */
  acknowledgment: number;
}

/** What there is to aim at. */
export interface Targets {
  own: string;
  /** Ports that listen, that are bound, and some that are neither. */
  ports: readonly number[];
  connections: readonly Target[];
  /** Packets that the stack has sent: errors quote them. */
  sent: readonly Uint8Array[];
}

const STRANGERS = ['10.0.0.9', '10.0.0.77', '10.0.0.254', '192.0.2.33', '8.8.8.8'];
/** Addresses that are nobody's, everybody's, or the stack's own. */
const IMPOSSIBLE_SOURCES = [
  '255.255.255.255',
  '10.0.0.255',
  '224.0.0.1',
  '239.1.2.3',
  '127.0.0.1',
  '127.3.2.1',
  '10.0.0.1',
  '10.1.0.1',
  '0.0.0.0',
  '0.1.2.3',
];
const OTHER_DESTINATIONS = [
  '255.255.255.255',
  '10.0.0.255',
  '224.0.0.1',
  '224.0.0.251',
  '127.0.0.1',
  '10.0.0.2',
  '8.8.8.8',
  '0.0.0.0',
  '10.1.0.1',
];
const { SYN, ACK, RST, FIN, PSH, URG } = TcpFlag;
const LIKELY_FLAGS = [
  SYN,
  ACK,
  RST,
  FIN | ACK,
  SYN | ACK,
  RST | ACK,
  PSH | ACK,
  FIN,
  0,
  URG | ACK,
  SYN | FIN,
  SYN | RST,
  0x1ff,
];

/** Makes packets that no honest host sends, from a seed. */
export class PacketMaker {
  readonly #draw: Draw;

  constructor(random: Random) {
    this.#draw = new Draw(random);
  }

  /** One packet: mostly well-formed outside and wrong inside, else damaged or garbage. */
  next(targets: Targets): Uint8Array {
    const packet = this.#any(targets);
    // What says that it is of IPv6 is made, and judged, in stack6.test.ts.
    if (packet.length > 0 && packet[0]! >>> 4 === 6) packet[0] = packet[0]! ^ 0x10;
    return packet;
  }

  #any(targets: Targets): Uint8Array {
    const kind = this.#draw.below(100);
    if (kind < 4) return this.#draw.bytes(this.#draw.below(120));
    if (kind < 7) return this.#looksLikeIp();
    const packet = this.#wellFormed(targets);
    if (kind < 15) return this.#flip(packet);
    if (kind < 22) return this.#flipAndRepair(packet);
    if (kind < 28) return packet.subarray(0, this.#draw.below(packet.length + 1));
    if (kind < 32) return this.#lengthen(packet);
    if (kind < 35) return this.#cutAndRepair(packet);
    if (kind < 38) return this.#withIpOptions(packet);
    if (kind < 42) return this.#asFragment(packet);
    return packet;
  }

  /** Garbage behind a first byte, lengths and checksum that hold. */
  #looksLikeIp(): Uint8Array {
    const bytes = this.#draw.bytes(20 + this.#draw.below(60));
    return formatPacket({
      ip: {
        ...parsed(rawPacket('10.0.0.9', '10.0.0.1', {})),
        payload: bytes,
        protocol: this.#draw.pick([1, 6, 17, 2, 41, 50, 255, this.#draw.below(256)]),
      },
    });
  }

  #wellFormed(targets: Targets): Uint8Array {
    const source = this.#draw.chance(0.1) ? this.#draw.pick(IMPOSSIBLE_SOURCES) : this.#draw.pick(STRANGERS);
    const destination = this.#draw.chance(0.12) ? this.#draw.pick(OTHER_DESTINATIONS) : targets.own;
    const ip: Partial<Ipv4Packet> = {
      ttl: this.#draw.pick([64, 1, 0, 255]),
      trafficClass: this.#draw.below(256),
      identification: this.#draw.below(0x1_0000),
    };
    const kind = this.#draw.below(100);
    if (kind < 10) return rawPacket(source, destination, { icmp: this.#icmp() }, ip);
    if (kind < 20) return rawPacket(source, destination, { icmp: this.#icmpError(targets, source) }, ip);
    if (kind < 32) return rawPacket(source, destination, { udp: this.#udp(targets) }, ip);
    if (kind < 34) return rawPacket(source, destination, {}, { ...ip, payload: this.#draw.bytes(30) });
    if (kind < 35) return this.#igmp(source, destination);
    if (kind < 50 || targets.connections.length === 0) {
      return rawPacket(source, destination, { tcp: this.#anyTcp(targets) }, ip);
    }
    const target = this.#draw.pick(targets.connections);
    const tcp = this.#aimed(target);
    return rawPacket(
      this.#draw.chance(0.03) ? source : target.address,
      this.#draw.chance(0.03) ? destination : target.own,
      {
        tcp,
      },
    );
  }

  #icmp(): { type: number; code: number; rest: number; payload: Uint8Array } {
    const type = this.#draw.chance(0.5) ? IcmpType.ECHO_REQUEST : this.#draw.below(20);
    const size = this.#draw.pick([0, 8, 56, 1472, this.#draw.below(3000)]);
    return { type, code: this.#draw.below(3), rest: this.#draw.uint32(), payload: this.#draw.bytes(size) };
  }

  /** A message about groups, mostly as a querier or a member sends it. */
  #igmp(source: string, destination: string): Uint8Array {
    const { MEMBERSHIP_QUERY, MEMBERSHIP_REPORT_V2, MEMBERSHIP_REPORT_V3 } = IgmpType;
    const type = this.#draw.pick([
      MEMBERSHIP_QUERY,
      MEMBERSHIP_QUERY,
      MEMBERSHIP_REPORT_V2,
      0x17,
      this.#draw.below(256),
    ]);
    const group = Address.parse(this.#draw.pick(['0.0.0.0', '239.1.2.3', '224.0.0.1', destination]));
    const query = { suppress: false, robustness: 2, intervalCode: 125, sources: this.#draw.chance(0.5) ? [group] : [] };
    const message: GroupMessage = { type, responseCode: this.#draw.pick([0, 1, 255]), group };
    if (type === MEMBERSHIP_REPORT_V3) message.records = [{ type: 1, group, sources: [] }];
    else if (type === MEMBERSHIP_QUERY && this.#draw.chance(0.5)) message.query = query;
    const ip = { protocol: 2, ttl: this.#draw.chance(0.8) ? 1 : 64, payload: formatIgmp(message) };
    const options = this.#draw.chance(0.8) ? Uint8Array.of(148, 4, 0, 0) : new Uint8Array(0);
    const to = this.#draw.chance(0.5) ? '224.0.0.1' : destination;
    return rawPacket(this.#draw.chance(0.1) ? '0.0.0.0' : source, to, {}, { ...ip, options });
  }

  /** An error that quotes something the stack sent, something it didn't, or garbage. */
  #icmpError(targets: Targets, source: string): { type: number; code: number; rest: number; payload: Uint8Array } {
    const type = this.#draw.pick([3, 3, 3, 4, 5, 11, 12]);
    const code = this.#draw.below(this.#draw.chance(0.9) ? 16 : 256);
    let quote: Uint8Array = this.#draw.bytes(this.#draw.below(60));
    if (this.#draw.chance(0.5) && targets.sent.length > 0) quote = this.#draw.pick(targets.sent);
    else if (this.#draw.chance(0.6)) quote = rawPacket(targets.own, source, { tcp: this.#anyTcp(targets) });
    if (this.#draw.chance(0.2)) quote = this.#flip(quote);
    if (this.#draw.chance(0.3)) quote = quote.subarray(0, this.#draw.below(quote.length + 1));
    return { type, code, rest: this.#draw.uint32(), payload: quote };
  }

  #udp(targets: Targets): { sourcePort: number; destinationPort: number; payload: Uint8Array; checksum?: number } {
    const datagram = {
      sourcePort: this.#draw.chance(0.1) ? 0 : this.#draw.below(0x1_0000),
      destinationPort: this.#port(targets),
      payload: this.#draw.bytes(this.#draw.pick([0, 1, 100, 1472, this.#draw.below(4000)])),
    };
    const choice = this.#draw.below(10);
    if (choice === 0) return { ...datagram, checksum: 0 };
    return choice === 1 ? { ...datagram, checksum: this.#draw.below(0x1_0000) } : datagram;
  }

  #port(targets: Targets): number {
    return this.#draw.chance(0.75) ? this.#draw.pick(targets.ports) : this.#draw.below(0x1_0000);
  }

  /** A segment for nobody in particular: mostly SYNs for a listener. */
  #anyTcp(targets: Targets): TcpSegment {
    return tcpFields({
      sourcePort: this.#draw.chance(0.02) ? 0 : this.#draw.below(0x1_0000),
      destinationPort: this.#port(targets),
      sequence: this.#draw.uint32(),
      acknowledgment: this.#draw.uint32(),
      flags: this.#draw.chance(0.4) ? SYN : this.#flags(),
      reserved: this.#draw.chance(0.1) ? this.#draw.below(8) : 0,
      window: this.#draw.below(0x1_0000),
      urgentPointer: this.#draw.below(0x1_0000),
      options: this.#options(),
      payload: this.#draw.bytes(this.#draw.pick([0, 0, 1, 536, 1400])),
    });
  }

  /** A segment for a connection whose numbers are known: around what is expected. */
  #aimed(target: Target): TcpSegment {
    if (this.#draw.chance(0.4)) return this.#playedAlong(target);
    return tcpFields({
      sourcePort: target.port,
      destinationPort: target.stackPort,
      sequence: (target.sequence + this.#offset()) >>> 0,
      acknowledgment: (target.acknowledgment + (this.#draw.chance(0.6) ? 0 : this.#offset())) >>> 0,
      flags: this.#flags(),
      window: this.#draw.pick([0, 1, 100, 65_535, this.#draw.below(0x1_0000)]),
      urgentPointer: this.#draw.pick([0, 1, 65_535]),
      options: this.#draw.chance(0.7) ? new Uint8Array(0) : this.#options(),
      payload: this.#draw.bytes(this.#draw.pick([0, 0, 1, 2, 100, 1400])),
    });
  }

  /** A segment as an honest peer would send it: leads deeper into the connection. */
  #playedAlong(target: Target): TcpSegment {
    return tcpFields({
      sourcePort: target.port,
      destinationPort: target.stackPort,
      sequence: target.sequence,
      acknowledgment: target.acknowledgment,
      flags: this.#draw.chance(0.03) ? FIN | ACK : ACK | PSH,
      window: this.#draw.pick([65_535, 5000, 0]),
      payload: this.#draw.bytes(this.#draw.pick([0, 0, 1, 500, 1400])),
    });
  }

  #offset(): number {
    switch (this.#draw.below(8)) {
      case 0:
      case 1:
      case 2:
        return 0;
      case 3:
        return this.#draw.below(5) - 2;
      case 4:
        return this.#draw.below(4000) - 2000;
      case 5:
        return this.#draw.below(140_000) - 70_000;
      case 6:
        return this.#draw.pick([0x7fff_ffff, -0x8000_0000, 0x4000_0000, 524_288, -524_288]);
      default:
        return this.#draw.uint32() | 0;
    }
  }

  #flags(): number {
    return this.#draw.chance(0.85) ? this.#draw.pick(LIKELY_FLAGS) : this.#draw.below(512);
  }

  /** Option bytes: right, with lengths that lie, or noise. */
  #options(): Uint8Array {
    const choice = this.#draw.below(6);
    if (choice === 0) return Uint8Array.of(2, 4, this.#draw.below(256), this.#draw.below(256));
    if (choice === 1) return Uint8Array.of(2, 4, 0, this.#draw.below(3), 3, 3, this.#draw.below(256), 1);
    const bytes = this.#draw.bytes(4 * this.#draw.below(11));
    if (choice > 3 && bytes.length > 1) {
      bytes[0] = this.#draw.pick([2, 3, 4, 5, 8, 254]);
      bytes[1] = this.#draw.pick([0, 1, 2, 3, 40, 255]);
    }
    return bytes;
  }

  #flip(packet: Uint8Array): Uint8Array {
    const bytes = packet.slice();
    for (let i = 1 + this.#draw.below(4); i > 0 && bytes.length > 0; i--) {
      bytes[this.#draw.below(Math.min(bytes.length, 64))]! ^= 1 << this.#draw.below(8);
    }
    return bytes;
  }

  /** Flipped bits under checksums that hold: nothing but the fields themselves shows the damage. */
  #flipAndRepair(packet: Uint8Array): Uint8Array {
    const value = parsePacket(packet);
    const damaged = this.#flip(packet);
    if (typeof value === 'string') return damaged;
    const payload = damaged.subarray(20);
    const { protocol } = value.ip;
    if (protocol === 1 && payload.length >= 8) writeIcmpChecksum(viewOf(payload), 0, payload.length);
    const again = parsePacket(formatPacket({ ip: { ...value.ip, options: new Uint8Array(0), payload } }));
    if (typeof again === 'string') return damaged;
    for (const part of [again.tcp, again.udp]) if (part !== undefined) delete part.checksum;
    return formatPacket(again);
  }

  #lengthen(packet: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(packet.length + 1 + this.#draw.below(this.#draw.pick([8, 2000, 60_000])));
    bytes.set(packet);
    return bytes;
  }

  /** A transport part cut short under an IP header that agrees. */
  #cutAndRepair(packet: Uint8Array): Uint8Array {
    const ip = parsed(packet);
    return formatPacket({ ip: { ...ip, payload: ip.payload.subarray(0, this.#draw.below(30)) } });
  }

  #withIpOptions(packet: Uint8Array): Uint8Array {
    const options = this.#draw.bytes(4 * (1 + this.#draw.below(10)));
    if (this.#draw.chance(0.6)) {
      options[0] = this.#draw.pick([0, 1, 7, 68, 131, 137, 148]);
      options[1] = this.#draw.pick([0, 1, 2, 3, 4, 11, options.length, 255]);
    }
    const ip = parsed(packet);
    return formatPacket({ ip: { ...ip, options, payload: ip.payload.subarray(0, 1400) } });
  }

  #asFragment(packet: Uint8Array): Uint8Array {
    const fragmentOffset = this.#draw.chance(0.3) ? 0 : 8 * this.#draw.below(8192);
    return formatPacket({ ip: { ...parsed(packet), moreFragments: this.#draw.chance(0.5), fragmentOffset } });
  }
}

function parsed(packet: Uint8Array): Ipv4Packet {
  const value = parsePacket(packet);
  if (typeof value === 'string') throw new Error(value);
  return value.ip;
}

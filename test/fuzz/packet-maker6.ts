import type { Random } from '../../src/time/clock.ts';
import { Address } from '../../src/wire/address.ts';
import { IPV6_HEADER_LENGTH } from '../../src/wire/ipv6.ts';
import { formatPacket } from '../../src/wire/packet.ts';
import type { Packet6Value } from '../../src/wire/packet.ts';
import { TcpFlag } from '../../src/wire/tcp.ts';
import { tcpFields } from '../support/raw-peer.ts';
import { viewOf } from '../support/wire.ts';
import { Draw } from './draw.ts';

const SOURCES = ['fd00::9', 'fd00::77', '2001:db8::33', 'fe80::9'];
/** Nobody's, everybody's, the stack's own, or none of IPv6. */
const IMPOSSIBLE_SOURCES = ['::', '::1', 'ff02::1', 'fd00::1', 'fe80::1', '::ffff:10.0.0.9'];
const OWN = ['fd00::1', 'fe80::1'];
const OTHER_DESTINATIONS = ['ff02::1', 'ff02::fb', 'ff01::1', 'ff00::1', '::1', '::', 'fd00::9', '::ffff:10.0.0.1'];
/** Extension headers, transports, and what is neither. */
const NEXT_HEADERS = [0, 0, 43, 44, 60, 60, 6, 17, 58, 59, 1, 50, 51, 135, 253];
const { SYN, ACK, RST, FIN, PSH } = TcpFlag;

/** Makes IPv6 packets that no honest host sends, from a seed. */
export class PacketMaker6 {
  readonly #draw: Draw;

  constructor(random: Random) {
    this.#draw = new Draw(random);
  }

  /**
   * One packet: mostly well-formed outside and wrong inside, else damaged or garbage.
   *
   * @param ports that listen, and some that don't
   * @param sent packets that the stack has sent: errors quote them
   */
  next(ports: readonly number[], sent: readonly Uint8Array[]): Uint8Array {
    const kind = this.#draw.below(100);
    if (kind < 5) return this.#garbage();
    const packet = this.#extended(this.#carried(ports, sent));
    if (kind < 15) return this.#flip(packet);
    if (kind < 22) return packet.subarray(0, 1 + this.#draw.below(packet.length));
    if (kind < 26) return Uint8Array.from([...packet, ...this.#draw.bytes(1 + this.#draw.below(40))]);
    return packet;
  }

  #garbage(): Uint8Array {
    const bytes = this.#draw.bytes(1 + this.#draw.below(120));
    bytes[0] = 0x60 | (bytes[0]! & 15);
    if (bytes.length >= IPV6_HEADER_LENGTH && this.#draw.chance(0.7)) {
      viewOf(bytes).setUint16(4, bytes.length - IPV6_HEADER_LENGTH);
      bytes[6] = this.#draw.pick(NEXT_HEADERS);
      bytes.set(Address.parse(this.#draw.pick(OWN)).bytes(), 24);
    }
    return bytes;
  }

  /** A packet without extension headers. */
  #carried(ports: readonly number[], sent: readonly Uint8Array[]): Packet6Value {
    const source = this.#draw.chance(0.1) ? this.#draw.pick(IMPOSSIBLE_SOURCES) : this.#draw.pick(SOURCES);
    const destination = this.#draw.chance(0.15) ? this.#draw.pick(OTHER_DESTINATIONS) : this.#draw.pick(OWN);
    const port = this.#draw.chance(0.7) ? this.#draw.pick(ports) : this.#draw.below(0x1_0000);
    const kind = this.#draw.below(100);
    const carried = (): [protocol: number, Omit<Packet6Value, 'ip'>] => {
      if (kind < 20) return [58, { icmp: this.#echo() }];
      if (kind < 40) return [58, { icmp: this.#error(sent) }];
      if (kind < 60) return [17, { udp: this.#udp(port) }];
      if (kind < 95) return [6, { tcp: this.#tcp(port) }];
      return [this.#draw.pick(NEXT_HEADERS), {}];
    };
    const [protocol, parts] = carried();
    return {
      ip: {
        trafficClass: this.#draw.below(256),
        flowLabel: this.#draw.below(0x10_0000),
        nextHeader: protocol,
        hopLimit: this.#draw.pick([64, 1, 0, 255]),
        source: Address.parse(source),
        destination: Address.parse(destination),
        extensions: new Uint8Array(0),
        protocol,
        payload: this.#draw.bytes(this.#draw.below(60)),
      },
      ...parts,
    };
  }

  #echo(): NonNullable<Packet6Value['icmp']> {
    const type = this.#draw.chance(0.6) ? 128 : this.#draw.below(256);
    const size = this.#draw.pick([0, 8, 56, 1452, this.#draw.below(3000)]);
    return { type, code: this.#draw.below(3), rest: this.#draw.uint32(), payload: this.#draw.bytes(size) };
  }

  /** An error that quotes something the stack sent, or garbage. */
  #error(sent: readonly Uint8Array[]): NonNullable<Packet6Value['icmp']> {
    const type = this.#draw.pick([1, 1, 2, 3, 4, 100, 137]);
    let quote: Uint8Array = this.#draw.bytes(this.#draw.below(80));
    if (this.#draw.chance(0.7) && sent.length > 0) quote = this.#draw.pick(sent).subarray(0, 1232);
    if (this.#draw.chance(0.2)) quote = this.#flip(quote);
    if (this.#draw.chance(0.2)) quote = quote.subarray(0, this.#draw.below(quote.length + 1));
    const rest = this.#draw.chance(0.5) ? 1000 + this.#draw.below(800) : this.#draw.uint32();
    return { type, code: this.#draw.below(this.#draw.chance(0.9) ? 7 : 256), rest, payload: quote };
  }

  #udp(destinationPort: number): NonNullable<Packet6Value['udp']> {
    const datagram = {
      sourcePort: this.#draw.chance(0.1) ? 0 : this.#draw.below(0x1_0000),
      destinationPort,
      payload: this.#draw.bytes(this.#draw.pick([0, 1, 100, 1452])),
    };
    return this.#draw.chance(0.15) ? { ...datagram, checksum: this.#draw.pick([0, 1, 0xffff]) } : datagram;
  }

  #tcp(destinationPort: number): NonNullable<Packet6Value['tcp']> {
    return tcpFields({
      sourcePort: this.#draw.chance(0.02) ? 0 : 1 + this.#draw.below(50),
      destinationPort,
      sequence: this.#draw.pick([1000, 1001, 1002, this.#draw.uint32()]),
      acknowledgment: this.#draw.uint32(),
      flags: this.#draw.chance(0.5)
        ? SYN
        : this.#draw.pick([ACK, RST, RST | ACK, FIN | ACK, PSH | ACK, SYN | ACK, 0, 0x1ff]),
      window: this.#draw.below(0x1_0000),
      payload: this.#draw.bytes(this.#draw.pick([0, 0, 1, 100, 1220])),
    });
  }

  /** With extension headers in front, or without. */
  #extended(packet: Packet6Value): Uint8Array {
    if (this.#draw.chance(0.6)) return formatPacket(packet);
    const { nextHeader } = packet.ip;
    // A long row of headers that are harmless one by one, or a few that may be anything.
    const row = this.#draw.chance(0.05);
    const types = Array.from({ length: row ? 12 : 1 + this.#draw.below(3) }, () =>
      row ? 60 : this.#draw.pick([0, 43, 44, 60]),
    );
    const headers = types.map((type, i) => {
      const next = types[i + 1] ?? nextHeader;
      return row ? Uint8Array.of(next, 0, 1, 4, 0, 0, 0, 0) : this.#header(type, next);
    });
    const extensions = Uint8Array.from(headers.flatMap((bytes) => [...bytes]));
    return formatPacket({ ...packet, ip: { ...packet.ip, nextHeader: types[0]!, extensions } });
  }

  #header(type: number, next: number): Uint8Array {
    if (type === 44) {
      const field = this.#draw.chance(0.5) ? 0 : this.#draw.pick([1, 8, 0xfff8, 6]);
      return Uint8Array.of(next, 0, field >>> 8, field & 255, 0, 0, 0, this.#draw.below(4));
    }
    if (type === 43)
      return Uint8Array.of(next, 0, this.#draw.pick([0, 2, 3, 4, 253]), this.#draw.chance(0.5) ? 0 : 1, 0, 0, 0, 0);
    const option = this.#draw.pick([0x01, 0x05, 0x1e, 0x4b, 0x85, 0xc2, 0xc9]);
    const length = this.#draw.chance(0.9) ? 4 : this.#draw.below(256);
    return Uint8Array.of(next, 0, this.#draw.chance(0.5) ? 1 : option, length, 0, 0, 0, 0);
  }

  #flip(packet: Uint8Array): Uint8Array {
    const bytes = packet.slice();
    for (let i = 1 + this.#draw.below(4); i > 0 && bytes.length > 0; i--) {
      bytes[this.#draw.below(Math.min(bytes.length, 80))]! ^= 1 << this.#draw.below(8);
    }
    return bytes;
  }
}

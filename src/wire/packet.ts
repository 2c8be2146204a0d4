import { transportChecksum } from './checksum.ts';
import { formatIcmp, parseIcmp } from './icmp.ts';
import type { IcmpFlaw, IcmpMessage } from './icmp.ts';
import { formatIcmpv6, parseIcmpv6 } from './icmpv6.ts';
import type { Icmpv6Flaw } from './icmpv6.ts';
import { formatIpv4, parseIpv4 } from './ipv4.ts';
import type { Ipv4Flaw, Ipv4Packet } from './ipv4.ts';
import type { Ipv6ExtensionFlaw } from './ipv6-extensions.ts';
import { formatIpv6, parseIpv6 } from './ipv6.ts';
import type { Ipv6Flaw, Ipv6Packet } from './ipv6.ts';
import { Protocol } from './protocol.ts';
import { formatTcp, parseTcp } from './tcp.ts';
import type { TcpFlaw, TcpSegment } from './tcp.ts';
import { checkUdpChecksum, formatUdp, parseUdp } from './udp.ts';
import type { UdpDatagram, UdpFlaw } from './udp.ts';

/** Why what an IP datagram carries could not be read. */
export type TransportFlaw = TcpFlaw | UdpFlaw | IcmpFlaw | Icmpv6Flaw;
/** Why bytes are no IP packet of either version. */
export type IpFlaw = Ipv4Flaw | Ipv6Flaw | Ipv6ExtensionFlaw;

/**
 * An IP datagram with what it carries, as plain values: for tests, traces and made-up packets, not for the data path.
 * At most one of `tcp`, `udp`, `icmp`, `flaw` is there; none for other protocols and for fragments.
 */
export interface PacketValue<Ip extends Ipv4Packet | Ipv6Packet = Ipv4Packet> {
  ip: Ip;
  tcp?: TcpSegment;
  udp?: UdpDatagram;
  /** ICMP in IPv4, ICMPv6 in IPv6. */
  icmp?: IcmpMessage;
  /** Why `ip.payload` is not what its protocol number says. */
  flaw?: TransportFlaw;
}

/** The same of IPv6. */
export type Packet6Value = PacketValue<Ipv6Packet>;
/** The same of either version. */
export type AnyPacketValue = PacketValue | Packet6Value;

/** Tells the versions apart. */
export function isIpv6Packet(packet: AnyPacketValue): packet is Packet6Value {
  return 'hopLimit' in packet.ip;
}

/**
 * Reads an IPv4 datagram and what it carries. A transport checksum that is right is left out, so that the value stays
 * right when a field of it is changed and it is written again; one that is wrong, partial or missing is kept.
 *
 * @example
 * const packet = parsePacket(bytes);
 * if (typeof packet !== 'string' && packet.tcp) packet.tcp.flags === TcpFlag.SYN;
 */
export function parsePacket(bytes: Uint8Array): PacketValue | Ipv4Flaw {
  const ip = parseIpv4(bytes);
  if (typeof ip === 'string') return ip;
  if (ip.moreFragments || ip.fragmentOffset > 0) return { ip };
  if (ip.protocol !== Protocol.ICMP) return withTransport(ip);
  const icmp = parseIcmp(ip.payload);
  return typeof icmp === 'string' ? { ip, flaw: icmp } : { ip, icmp };
}

/** Reads an IPv6 packet and what it carries, as `parsePacket`. */
export function parsePacket6(bytes: Uint8Array): Packet6Value | Ipv6Flaw | Ipv6ExtensionFlaw {
  const ip = parseIpv6(bytes);
  if (typeof ip === 'string') return ip;
  if (ip.protocol !== Protocol.ICMPV6) return withTransport(ip);
  const icmp = parseIcmpv6(ip.payload, ip.source, ip.destination);
  return typeof icmp === 'string' ? { ip, flaw: icmp } : { ip, icmp };
}

/** Reads a packet of either version: what is neither is taken for IPv4. */
export function parseAnyPacket(bytes: Uint8Array): AnyPacketValue | IpFlaw {
  return (bytes[0] ?? 0) >>> 4 === 6 ? parsePacket6(bytes) : parsePacket(bytes);
}

function withTransport<Ip extends Ipv4Packet | Ipv6Packet>(ip: Ip): PacketValue<Ip> {
  if (ip.protocol === Protocol.TCP) return withTcp(ip);
  return ip.protocol === Protocol.UDP ? withUdp(ip) : { ip };
}

function withTcp<Ip extends Ipv4Packet | Ipv6Packet>(ip: Ip): PacketValue<Ip> {
  const tcp = parseTcp(ip.payload);
  if (typeof tcp === 'string') return { ip, flaw: tcp };
  const { source, destination, payload } = ip;
  if (transportChecksum(viewOf(payload), 0, payload.byteLength, source, destination, Protocol.TCP) === 0) {
    delete tcp.checksum;
  }
  return { ip, tcp };
}

function withUdp<Ip extends Ipv4Packet | Ipv6Packet>(ip: Ip): PacketValue<Ip> {
  const udp = parseUdp(ip.payload);
  if (typeof udp === 'string') return { ip, flaw: udp };
  const right = checkUdpChecksum(viewOf(ip.payload), 0, ip.source, ip.destination) === undefined;
  // Zero is no checksum: it stays, so that writing the value again makes none.
  if (right && udp.checksum !== 0) delete udp.checksum;
  return { ip, udp };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Writes a packet of either version: with `tcp`, `udp` or `icmp` where one is given (`ip.payload` does not count then),
 * else with `ip.payload` as it is.
 *
 * @throws ERR_OUT_OF_RANGE when a part does not fit its length field
 */
export function formatPacket(packet: AnyPacketValue): Uint8Array {
  const { ip, tcp, udp, icmp } = packet;
  const { source, destination } = ip;
  let { payload } = ip;
  if (tcp !== undefined) payload = formatTcp(tcp, source, destination);
  else if (udp !== undefined) payload = formatUdp(udp, source, destination);
  else if (icmp !== undefined) {
    payload = isIpv6Packet(packet) ? formatIcmpv6(icmp, source, destination) : formatIcmp(icmp);
  }
  return isIpv6Packet(packet) ? formatIpv6({ ...packet.ip, payload }) : formatIpv4({ ...packet.ip, payload });
}

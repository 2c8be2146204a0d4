import { transportChecksum } from './checksum.ts';
import { formatIcmp, parseIcmp } from './icmp.ts';
import type { IcmpFlaw, IcmpMessage } from './icmp.ts';
import { formatIpv4, parseIpv4 } from './ipv4.ts';
import type { Ipv4Flaw, Ipv4Packet } from './ipv4.ts';
import { Protocol } from './protocol.ts';
import { formatTcp, parseTcp } from './tcp.ts';
import type { TcpFlaw, TcpSegment } from './tcp.ts';
import { checkUdpChecksum, formatUdp, parseUdp } from './udp.ts';
import type { UdpDatagram, UdpFlaw } from './udp.ts';

/** Why what an IP datagram carries could not be read. */
export type TransportFlaw = TcpFlaw | UdpFlaw | IcmpFlaw;

/**
 * An IP datagram with what it carries, as plain values: for tests, traces and made-up packets, not for the data path.
 * At most one of `tcp`, `udp`, `icmp`, `flaw` is there; none for other protocols and for fragments.
 */
export interface PacketValue {
  ip: Ipv4Packet;
  tcp?: TcpSegment;
  udp?: UdpDatagram;
  icmp?: IcmpMessage;
  /** Why `ip.payload` is not what its protocol number says. */
  flaw?: TransportFlaw;
}

/**
 * Reads a datagram and what it carries. A transport checksum that is right is left out, so that the value stays right
 * when a field of it is changed and it is written again; one that is wrong, partial or missing is kept.
 *
 * @example
 * const packet = parsePacket(bytes);
 * if (typeof packet !== 'string' && packet.tcp) packet.tcp.flags === TcpFlag.SYN;
 */
export function parsePacket(bytes: Uint8Array): PacketValue | Ipv4Flaw {
  const ip = parseIpv4(bytes);
  if (typeof ip === 'string') return ip;
  if (ip.moreFragments || ip.fragmentOffset > 0) return { ip };
  switch (ip.protocol) {
    case Protocol.TCP:
      return withTcp(ip);
    case Protocol.UDP:
      return withUdp(ip);
    case Protocol.ICMP: {
      const icmp = parseIcmp(ip.payload);
      return typeof icmp === 'string' ? { ip, flaw: icmp } : { ip, icmp };
    }
    default:
      return { ip };
  }
}

function withTcp(ip: Ipv4Packet): PacketValue {
  const tcp = parseTcp(ip.payload);
  if (typeof tcp === 'string') return { ip, flaw: tcp };
  const { source, destination, payload } = ip;
  if (transportChecksum(viewOf(payload), 0, payload.byteLength, source, destination, Protocol.TCP) === 0) {
    delete tcp.checksum;
  }
  return { ip, tcp };
}

function withUdp(ip: Ipv4Packet): PacketValue {
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
 * Writes a datagram: with `tcp`, `udp` or `icmp` where one is given (`ip.payload` does not count then), else with
 * `ip.payload` as it is.
 *
 * @throws ERR_OUT_OF_RANGE when a part does not fit its length field
 */
export function formatPacket(packet: PacketValue): Uint8Array {
  const { ip, tcp, udp, icmp } = packet;
  let { payload } = ip;
  if (tcp !== undefined) payload = formatTcp(tcp, ip.source, ip.destination);
  else if (udp !== undefined) payload = formatUdp(udp, ip.source, ip.destination);
  else if (icmp !== undefined) payload = formatIcmp(icmp);
  return formatIpv4({ ...ip, payload });
}

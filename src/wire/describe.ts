import { Address, AddressRegister } from './address.ts';
import { checksumFold, pseudoHeaderSum } from './checksum.ts';
import { describeIgmp, describeMld } from './describe-groups.ts';
import { checkIcmpQuote, IcmpType, IcmpUnreachable } from './icmp.ts';
import type { IcmpMessage } from './icmp.ts';
import { checkIcmpv6Quote, Icmpv6Type, Icmpv6Unreachable, isIcmpv6Error } from './icmpv6.ts';
import { ipv4Destination, ipv4HeaderLength, ipv4Protocol, ipv4Source } from './ipv4.ts';
import type { Ipv4Packet } from './ipv4.ts';
import { ExtensionChain, skipExtensions } from './ipv6-extensions.ts';
import { ipv6DestinationAt, ipv6SourceAt } from './ipv6.ts';
import type { Ipv6Packet } from './ipv6.ts';
import { isIpv6Packet, parseAnyPacket } from './packet.ts';
import { Protocol } from './protocol.ts';
import { TcpFlag } from './tcp.ts';
import type { TcpSegment } from './tcp.ts';
import { parseTcpOptions } from './tcp-option-list.ts';
import type { TcpOption } from './tcp-option-list.ts';
import type { UdpDatagram } from './udp.ts';

const UNREACHABLE: Readonly<Record<number, string>> = {
  [IcmpUnreachable.NETWORK]: 'network unreachable',
  [IcmpUnreachable.HOST]: 'host unreachable',
  [IcmpUnreachable.PROTOCOL]: 'protocol unreachable',
  [IcmpUnreachable.PORT]: 'port unreachable',
  [IcmpUnreachable.FRAGMENTATION_NEEDED]: 'fragmentation needed',
  [IcmpUnreachable.SOURCE_ROUTE_FAILED]: 'source route failed',
  [IcmpUnreachable.ADMINISTRATIVELY_PROHIBITED]: 'administratively prohibited',
};

const ICMP_NAMES: Readonly<Record<number, string>> = {
  [IcmpType.ECHO_REPLY]: 'echo reply',
  [IcmpType.ECHO_REQUEST]: 'echo request',
  [IcmpType.SOURCE_QUENCH]: 'source quench',
  [IcmpType.REDIRECT]: 'redirect',
  [IcmpType.TIME_EXCEEDED]: 'time exceeded',
  [IcmpType.PARAMETER_PROBLEM]: 'parameter problem',
};

const UNREACHABLE6: Readonly<Record<number, string>> = {
  [Icmpv6Unreachable.NO_ROUTE]: 'no route',
  [Icmpv6Unreachable.ADMINISTRATIVELY_PROHIBITED]: 'administratively prohibited',
  [Icmpv6Unreachable.BEYOND_SCOPE]: 'beyond scope of source address',
  [Icmpv6Unreachable.ADDRESS]: 'address unreachable',
  [Icmpv6Unreachable.PORT]: 'port unreachable',
  [Icmpv6Unreachable.SOURCE_POLICY]: 'source address failed policy',
  [Icmpv6Unreachable.REJECT_ROUTE]: 'reject route',
};

const ICMPV6_NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(Icmpv6Type).map(([name, type]) => [type, name.toLowerCase().replaceAll('_', ' ')]),
);

const PROTOCOL_NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(Protocol).map(([name, number]) => [number, name]),
);

/**
 * One line about a packet, for people: addresses, flags, numbers, options. Never throws: of bytes that are no packet
 * it says why.
 *
 * @example
 * describePacket(syn); // '10.0.0.1:40000 → 10.0.0.2:80 [SYN] seq=1000 win=64240 len=0 mss=1460'
 */
export function describePacket(bytes: Uint8Array): string {
  const packet = parseAnyPacket(bytes);
  if (typeof packet === 'string') return `${packet} (${bytes.byteLength} bytes)`;
  const { ip, tcp, udp, icmp, flaw } = packet;
  if (tcp !== undefined) return describeTcp(ip, tcp);
  if (udp !== undefined) return describeUdp(ip, udp);
  const ends = `${ip.source} → ${ip.destination}`;
  if (icmp !== undefined) {
    return isIpv6Packet(packet)
      ? `${ends} ICMPv6 ${describeIcmpv6(icmp)}${describeMld(packet.ip)}`
      : `${ends} ICMP ${describeIcmp(icmp)}`;
  }
  const line = `${ends} ${protocolName(ip.protocol)}`;
  if (flaw !== undefined) return `${line} ${flaw} (${ip.payload.byteLength} bytes)`;
  const fragment = isIpv6Packet(packet) ? '' : describeFragment(packet.ip);
  if (!isIpv6Packet(packet) && fragment === '' && ip.protocol === Protocol.IGMP)
    return `${line} ${describeIgmp(packet.ip)}`;
  return `${line}${fragment} len=${ip.payload.byteLength}`;
}

function describeFragment(ip: Ipv4Packet): string {
  if (!ip.moreFragments && ip.fragmentOffset === 0) return '';
  return ` fragment id=${ip.identification} offset=${ip.fragmentOffset}${ip.moreFragments ? ' more' : ''}`;
}

/** An address with a port: `10.0.0.1:80`, `[fd00::1]:80`. */
export function endText(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function endsText({ source, destination }: Ipv4Packet | Ipv6Packet, ports: TcpSegment | UdpDatagram): string {
  const { sourcePort, destinationPort } = ports;
  return `${endText(source.toString(), sourcePort)} → ${endText(destination.toString(), destinationPort)}`;
}

function describeTcp(ip: Ipv4Packet | Ipv6Packet, tcp: TcpSegment): string {
  const parts = [endsText(ip, tcp), `[${flagNames(tcp.flags).join(', ')}]`, `seq=${tcp.sequence}`];
  if ((tcp.flags & TcpFlag.ACK) !== 0) parts.push(`ack=${tcp.acknowledgment}`);
  parts.push(`win=${tcp.window}`);
  if ((tcp.flags & TcpFlag.URG) !== 0) parts.push(`urg=${tcp.urgentPointer}`);
  parts.push(`len=${tcp.payload.byteLength}`, ...parseTcpOptions(tcp.options).map(describeOption));
  if (isWrong(tcp.checksum, ip)) parts.push('(bad checksum)');
  return parts.filter((part) => part !== '').join(' ');
}

/** The names of the TCP flags that are set, in the order of their bits. */
export function flagNames(flags: number): string[] {
  return Object.entries(TcpFlag)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([name]) => name);
}

function describeOption(option: TcpOption): string {
  switch (option.name) {
    case 'end':
    case 'nop':
      return '';
    case 'mss':
      return `mss=${option.value}`;
    case 'windowScale':
      return `wscale=${option.shift}`;
    case 'sackPermitted':
      return 'sackOK';
    case 'sack':
      return `sack=${option.blocks.map(({ left, right }) => `${left}-${right}`).join(',')}`;
    case 'timestamps':
      return `ts=${option.value}/${option.echo}`;
    case 'userTimeout':
      return `uto=${option.value & 0x7fff}${option.value & 0x8000 ? 'min' : 's'}`;
    case 'fastOpen':
      return `fastopen(${option.cookie.byteLength})`;
    case 'other':
      return `option-${option.kind}(${option.data.byteLength + 2})`;
    default:
      return 'broken-options';
  }
}

function describeUdp(ip: Ipv4Packet | Ipv6Packet, udp: UdpDatagram): string {
  const absent = udp.checksum === 0 && ip.source.family === 4;
  const bad = !absent && isWrong(udp.checksum, ip) ? ' (bad checksum)' : '';
  return `${endsText(ip, udp)} UDP len=${udp.payload.byteLength}${bad}`;
}

/** A checksum that `parsePacket` kept is wrong, unless it is partial: left to the link to complete. */
function isWrong(checksum: number | undefined, ip: Ipv4Packet | Ipv6Packet): boolean {
  if (checksum === undefined) return false;
  const { source, destination, protocol, payload } = ip;
  return checksum !== checksumFold(pseudoHeaderSum(source, destination, protocol, payload.byteLength));
}

function describeIcmp(icmp: IcmpMessage): string {
  const { type, code, rest, payload } = icmp;
  if (type === IcmpType.ECHO_REQUEST || type === IcmpType.ECHO_REPLY) {
    return `${ICMP_NAMES[type]} id=${rest >>> 16} seq=${rest & 0xffff} len=${payload.byteLength}`;
  }
  const unreachable = type === IcmpType.DESTINATION_UNREACHABLE;
  const name = unreachable ? (UNREACHABLE[code] ?? `unreachable code=${code}`) : (ICMP_NAMES[type] ?? `type=${type}`);
  const mtu = unreachable && code === IcmpUnreachable.FRAGMENTATION_NEEDED ? ` mtu=${rest & 0xffff}` : '';
  return `${name}${mtu}${isError(type) ? describeQuote(icmp) : ''}`;
}

/** Whether the message is an error that quotes a datagram (RFC 1122 §3.2.2). */
function isError(type: number): boolean {
  const { DESTINATION_UNREACHABLE, SOURCE_QUENCH, REDIRECT, TIME_EXCEEDED, PARAMETER_PROBLEM } = IcmpType;
  const errors: number[] = [DESTINATION_UNREACHABLE, SOURCE_QUENCH, REDIRECT, TIME_EXCEEDED, PARAMETER_PROBLEM];
  return errors.includes(type);
}

function describeIcmpv6(icmp: IcmpMessage): string {
  const { type, code, rest, payload } = icmp;
  const { DESTINATION_UNREACHABLE, PACKET_TOO_BIG, PARAMETER_PROBLEM, ECHO_REQUEST, ECHO_REPLY } = Icmpv6Type;
  const name = ICMPV6_NAMES[type] ?? `type=${type}`;
  if (type === ECHO_REQUEST || type === ECHO_REPLY) {
    return `${name} id=${rest >>> 16} seq=${rest & 0xffff} len=${payload.byteLength}`;
  }
  if (!isIcmpv6Error(type)) return `${name}${describeTarget(type, payload)}`;
  const quote = describeQuote6(payload);
  if (type === DESTINATION_UNREACHABLE) return `${UNREACHABLE6[code] ?? `unreachable code=${code}`}${quote}`;
  if (type === PACKET_TOO_BIG) return `${name} mtu=${rest}${quote}`;
  return type === PARAMETER_PROBLEM ? `${name} code=${code} pointer=${rest}${quote}` : `${name}${quote}`;
}

/** Whom a message of neighbour discovery asks for, or tells of. */
function describeTarget(type: number, payload: Uint8Array): string {
  const { NEIGHBOR_SOLICITATION, REDIRECT } = Icmpv6Type;
  if (type < NEIGHBOR_SOLICITATION || type > REDIRECT || payload.byteLength < 16) return '';
  return ` target=${Address.fromBytes(payload.subarray(0, 16))}`;
}

/** The ends of the datagram that an error quotes. */
function describeQuote(icmp: IcmpMessage): string {
  const view = viewOf(icmp.payload);
  if (checkIcmpQuote(view, 0, view.byteLength) !== undefined) return '';
  const source = new AddressRegister();
  const destination = new AddressRegister();
  source.setIpv4(ipv4Source(view, 0));
  destination.setIpv4(ipv4Destination(view, 0));
  return quoteText(view, source, destination, ipv4Protocol(view, 0), ipv4HeaderLength(view, 0));
}

/** The same of an ICMPv6 error. */
function describeQuote6(payload: Uint8Array): string {
  const view = viewOf(payload);
  if (checkIcmpv6Quote(view, 0, view.byteLength) !== undefined) return '';
  const source = new AddressRegister();
  const destination = new AddressRegister();
  source.setIpv6(view, ipv6SourceAt(0));
  destination.setIpv6(view, ipv6DestinationAt(0));
  const chain = new ExtensionChain();
  skipExtensions(view, 0, view.byteLength, chain);
  return quoteText(view, source, destination, chain.protocol, chain.start);
}

function quoteText(
  view: DataView,
  source: AddressRegister,
  destination: AddressRegister,
  protocol: number,
  at: number,
): string {
  const ported = (protocol === Protocol.TCP || protocol === Protocol.UDP) && at + 4 <= view.byteLength;
  const end = (address: AddressRegister, portAt: number): string =>
    ported ? endText(address.toString(), view.getUint16(portAt)) : address.toString();
  return ` (${end(source, at)} → ${end(destination, at + 2)} ${protocolName(protocol)})`;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function protocolName(protocol: number): string {
  return PROTOCOL_NAMES[protocol] ?? `protocol=${protocol}`;
}

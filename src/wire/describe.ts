import { checksumFold, pseudoHeaderSum } from './checksum.ts';
import { checkIcmpQuote, IcmpType, IcmpUnreachable } from './icmp.ts';
import type { IcmpMessage } from './icmp.ts';
import { ipv4Destination, ipv4HeaderLength, ipv4Protocol, ipv4Source } from './ipv4.ts';
import type { Ipv4Packet } from './ipv4.ts';
import { writeIpv4Text } from './address-text.ts';
import { parsePacket } from './packet.ts';
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
  const packet = parsePacket(bytes);
  if (typeof packet === 'string') return `${packet} (${bytes.byteLength} bytes)`;
  const { ip, tcp, udp, icmp, flaw } = packet;
  if (tcp !== undefined) return describeTcp(ip, tcp);
  if (udp !== undefined) return describeUdp(ip, udp);
  if (icmp !== undefined) return `${ip.source} → ${ip.destination} ICMP ${describeIcmp(icmp)}`;
  const line = `${ip.source} → ${ip.destination} ${protocolName(ip.protocol)}`;
  if (flaw !== undefined) return `${line} ${flaw} (${ip.payload.byteLength} bytes)`;
  const fragment = ip.moreFragments || ip.fragmentOffset > 0;
  const piece = fragment ? ` fragment id=${ip.identification} offset=${ip.fragmentOffset}` : '';
  return `${line}${piece}${ip.moreFragments ? ' more' : ''} len=${ip.payload.byteLength}`;
}

function describeTcp(ip: Ipv4Packet, tcp: TcpSegment): string {
  const parts = [
    `${ip.source}:${tcp.sourcePort} → ${ip.destination}:${tcp.destinationPort}`,
    `[${flagNames(tcp.flags).join(', ')}]`,
    `seq=${tcp.sequence}`,
  ];
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

function describeUdp(ip: Ipv4Packet, udp: UdpDatagram): string {
  const ends = `${ip.source}:${udp.sourcePort} → ${ip.destination}:${udp.destinationPort}`;
  const bad = udp.checksum !== 0 && isWrong(udp.checksum, ip) ? ' (bad checksum)' : '';
  return `${ends} UDP len=${udp.payload.byteLength}${bad}`;
}

/** A checksum that `parsePacket` kept is wrong, unless it is partial: left to the link to complete. */
function isWrong(checksum: number | undefined, ip: Ipv4Packet): boolean {
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

/** The ends of the datagram that an error quotes. */
function describeQuote(icmp: IcmpMessage): string {
  const bytes = icmp.payload;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (checkIcmpQuote(view, 0, bytes.byteLength) !== undefined) return '';
  const protocol = ipv4Protocol(view, 0);
  const ports = protocol === Protocol.TCP || protocol === Protocol.UDP;
  const at = ipv4HeaderLength(view, 0);
  const source = `${writeIpv4Text(ipv4Source(view, 0))}${ports ? `:${view.getUint16(at)}` : ''}`;
  const destination = `${writeIpv4Text(ipv4Destination(view, 0))}${ports ? `:${view.getUint16(at + 2)}` : ''}`;
  return ` (${source} → ${destination} ${protocolName(protocol)})`;
}

function protocolName(protocol: number): string {
  return PROTOCOL_NAMES[protocol] ?? `protocol=${protocol}`;
}

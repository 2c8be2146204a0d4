import { Address, isLimitedBroadcast, isLoopback, isMulticast, isUnspecified } from '../../src/wire/address.ts';
import { checkIcmpQuote, IcmpType } from '../../src/wire/icmp.ts';
import { IgmpType, parseIgmp } from '../../src/wire/igmp.ts';
import { checkIpv4Options } from '../../src/wire/ipv4-options.ts';
import { ipv4FragmentOffset, ipv4Source } from '../../src/wire/ipv4.ts';
import type { Ipv4Packet } from '../../src/wire/ipv4.ts';
import { parsePacket } from '../../src/wire/packet.ts';
import type { PacketValue } from '../../src/wire/packet.ts';
import { Protocol } from '../../src/wire/protocol.ts';
import { hasIpv4RouterAlert } from '../../src/wire/router-alert.ts';
import { viewOf } from '../support/wire.ts';

/** The stack under fire, as the oracle knows it. */
export interface Facts {
  own: readonly string[];
  broadcasts: readonly string[];
  /** UDP ports with a socket that takes a datagram from anybody. */
  udpPorts: readonly number[];
}

/** What must become of a packet: dropped under this reason, in silence unless said otherwise; or handed on. */
export interface Verdict {
  bytes: Uint8Array;
  value: PacketValue | undefined;
  drop: string | undefined;
}

/** Judges a packet that arrives from outside, by the RFCs and without the stack: no state of connections comes in. */
export function judge(bytes: Uint8Array, facts: Facts): Verdict {
  const value = parsePacket(bytes);
  if (typeof value === 'string') return { bytes, value: undefined, drop: value };
  return { bytes, value, drop: ipFlaw(bytes, value, facts) ?? transportFlaw(value, facts) };
}

function isBroadcast(address: Address, facts: Facts): boolean {
  return isLimitedBroadcast(address) || facts.broadcasts.includes(address.toString());
}

/** For many: nobody may answer it with an error (RFC 1122 §3.2.2), and TCP not at all. */
export function isGroup(address: Address, facts: Facts): boolean {
  return isMulticast(address) || isBroadcast(address, facts);
}

/** A fragment waits for others, or is dropped for a reason that depends on them. */
export const FRAGMENT = 'fragment';

/** The addresses of IP, its options, and fragments. */
function ipFlaw(bytes: Uint8Array, { ip }: PacketValue, facts: Facts): string | undefined {
  const { source, destination } = ip;
  // RFC 3376 §4.2.13: in IGMP whoever has no address yet.
  const thisHost = isUnspecified(source) && (isLimitedBroadcast(destination) || ip.protocol === Protocol.IGMP);
  if (isGroup(source, facts) || (source.d >>> 24 === 0 && !thisHost)) return 'ipv4-martian-source';
  if (isLoopback(source) || facts.own.includes(source.toString())) return 'ipv4-martian-source';
  if (isLoopback(destination)) return 'ipv4-martian-destination';
  if (!isGroup(destination, facts) && !facts.own.includes(destination.toString())) return 'ipv4-not-for-us';
  const view = viewOf(bytes);
  const flaw = ip.options.length > 0 ? checkIpv4Options(view, 20, 20 + ip.options.length) : undefined;
  if (flaw !== undefined) return flaw;
  return ip.moreFragments || ip.fragmentOffset > 0 ? FRAGMENT : undefined;
}

function transportFlaw(value: PacketValue, facts: Facts): string | undefined {
  const { ip, tcp, udp, icmp, flaw } = value;
  if (flaw !== undefined) return flaw;
  const group = isGroup(ip.destination, facts);
  if (tcp !== undefined) {
    if (tcp.checksum !== undefined) return 'tcp-bad-checksum';
    if (group) return 'tcp-to-group';
    return tcp.sourcePort === 0 || tcp.destinationPort === 0 ? 'tcp-port-zero' : undefined;
  }
  if (udp !== undefined) {
    if (udp.checksum !== undefined && udp.checksum !== 0) return 'udp-bad-checksum';
    if (udp.destinationPort === 0) return 'udp-port-zero';
    // RFC 1112 §4: nobody has joined a group; that of all hosts needs no joining.
    const unjoined = isMulticast(ip.destination) && ip.destination.toString() !== '224.0.0.1';
    return facts.udpPorts.includes(udp.destinationPort) && !unjoined ? undefined : 'udp-no-listener';
  }
  if (icmp !== undefined) return group ? 'icmp-group-ignored' : icmpDrop(icmp.type, icmp.code, icmp.payload, facts);
  return ip.protocol === Protocol.IGMP ? igmpDrop(ip, facts) : 'ip-unknown-protocol';
}

/** RFC 3376 §4, §7.1, §9.1. */
function igmpDrop({ destination, options, payload, ttl }: Ipv4Packet, facts: Facts): string | undefined {
  const message = parseIgmp(payload);
  if (typeof message === 'string') return message;
  if (ttl !== 1) return 'igmp-bad-ttl';
  const { type, group, query, responseCode } = message;
  const reports: number[] = [IgmpType.MEMBERSHIP_REPORT_V1, IgmpType.MEMBERSHIP_REPORT_V2];
  if (reports.includes(type)) return group!.equals(destination) ? undefined : 'igmp-bad-destination';
  if (type === IgmpType.LEAVE_GROUP || type === IgmpType.MEMBERSHIP_REPORT_V3) return 'igmp-report-ignored';
  if (type !== IgmpType.MEMBERSHIP_QUERY) return 'igmp-unknown-type';
  const version1 = query === undefined && responseCode === 0;
  if (!version1 && !hasIpv4RouterAlert(viewOf(options), 0, options.length)) return 'igmp-no-router-alert';
  if (!isUnspecified(group!) && !isMulticast(group!)) return 'igmp-bad-group';
  const toGroup = !isUnspecified(group!) && group!.equals(destination);
  const forUs = !isGroup(destination, facts) || toGroup || destination.toString() === '224.0.0.1';
  return forUs ? undefined : 'igmp-bad-destination';
}

function icmpDrop(type: number, code: number, quote: Uint8Array, facts: Facts): string | undefined {
  switch (type) {
    case IcmpType.ECHO_REQUEST:
      return undefined;
    case IcmpType.ECHO_REPLY:
      return 'icmp-echo-reply-unexpected';
    case IcmpType.SOURCE_QUENCH:
      return 'icmp-source-quench-ignored';
    case IcmpType.REDIRECT:
      return 'icmp-redirect-ignored';
    case IcmpType.DESTINATION_UNREACHABLE:
    case IcmpType.TIME_EXCEEDED:
    case IcmpType.PARAMETER_PROBLEM:
      break;
    default:
      return 'icmp-unknown-type';
  }
  const view = viewOf(quote);
  if (checkIcmpQuote(view, 0, quote.length) !== undefined) return 'icmp-bad-quote';
  const mostCode = type === IcmpType.DESTINATION_UNREACHABLE ? 15 : type === IcmpType.TIME_EXCEEDED ? 1 : 2;
  if (code > mostCode) return 'icmp-unknown-code';
  if (ipv4FragmentOffset(view, 0) !== 0) return 'icmp-quoted-fragment';
  const about = Address.fromIpv4(ipv4Source(view, 0));
  return isLoopback(about) || facts.own.includes(about.toString()) ? undefined : 'icmp-error-not-ours';
}

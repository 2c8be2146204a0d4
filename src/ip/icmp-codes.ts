import type { ErrorCode } from '../errors.ts';
import { IcmpType } from '../wire/icmp.ts';
import { Icmpv6Type } from '../wire/icmpv6.ts';

/** What an ICMP error means to a socket. */
export interface IcmpMeaning {
  readonly code: ErrorCode;
  /** Told to an established UDP socket at once; soft errors may pass. */
  readonly hard: boolean;
}

/**
 * Destination unreachable by ICMP code, as Linux converts it (icmp_err_convert). Where Linux uses a code that Node
 * programs hardly know, the nearest one stands: ENOPROTOOPT, EOPNOTSUPP, EHOSTDOWN and ENONET in the comments.
 */
const UNREACHABLE: readonly IcmpMeaning[] = [
  { code: 'ENETUNREACH', hard: false }, // 0 network unreachable
  { code: 'EHOSTUNREACH', hard: false }, // 1 host unreachable
  { code: 'EPROTONOSUPPORT', hard: true }, // 2 protocol unreachable: ENOPROTOOPT
  { code: 'ECONNREFUSED', hard: true }, // 3 port unreachable
  { code: 'EMSGSIZE', hard: true }, // 4 fragmentation needed and DF set: Linux reports it where DF is set, as here
  { code: 'EHOSTUNREACH', hard: false }, // 5 source route failed: EOPNOTSUPP
  { code: 'ENETUNREACH', hard: true }, // 6 destination network unknown
  { code: 'EHOSTUNREACH', hard: true }, // 7 destination host unknown: EHOSTDOWN
  { code: 'EHOSTUNREACH', hard: true }, // 8 source host isolated: ENONET
  { code: 'ENETUNREACH', hard: true }, // 9 network administratively prohibited ([S-040])
  { code: 'EHOSTUNREACH', hard: true }, // 10 host administratively prohibited
  { code: 'ENETUNREACH', hard: false }, // 11 network unreachable for this type of service
  { code: 'EHOSTUNREACH', hard: false }, // 12 host unreachable for this type of service
  { code: 'EHOSTUNREACH', hard: true }, // 13 communication administratively prohibited
  { code: 'EHOSTUNREACH', hard: true }, // 14 host precedence violation
  { code: 'EHOSTUNREACH', hard: true }, // 15 precedence cut-off
];

const TIME_EXCEEDED: IcmpMeaning = { code: 'EHOSTUNREACH', hard: false };
/** Linux: EPROTO. */
const PARAMETER_PROBLEM: IcmpMeaning = { code: 'EINVAL', hard: true };

/** What an error of this type and code means; nothing for those that no RFC defines. */
export function meaningOf(type: number, code: number): IcmpMeaning | undefined {
  if (type === IcmpType.DESTINATION_UNREACHABLE) return UNREACHABLE[code];
  if (type === IcmpType.TIME_EXCEEDED) return code <= 1 ? TIME_EXCEEDED : undefined;
  return code <= 2 ? PARAMETER_PROBLEM : undefined;
}

/** The same for ICMPv6, by code (Linux: icmpv6_err_convert). */
const UNREACHABLE6: readonly IcmpMeaning[] = [
  { code: 'ENETUNREACH', hard: false }, // 0 no route
  { code: 'EACCES', hard: true }, // 1 administratively prohibited
  { code: 'EHOSTUNREACH', hard: false }, // 2 beyond scope of source address
  { code: 'EHOSTUNREACH', hard: false }, // 3 address unreachable
  { code: 'ECONNREFUSED', hard: true }, // 4 port unreachable
  { code: 'EACCES', hard: true }, // 5 source address failed ingress/egress policy
  { code: 'EACCES', hard: true }, // 6 reject route to destination
];

/** Linux reports it where packets are not to be fragmented, as here. */
const PACKET_TOO_BIG: IcmpMeaning = { code: 'EMSGSIZE', hard: true };

/** What an ICMPv6 error means. One that no RFC defines is something that may pass. */
export function meaningOfIcmpv6(type: number, code: number): IcmpMeaning {
  switch (type) {
    case Icmpv6Type.DESTINATION_UNREACHABLE:
      return UNREACHABLE6[code] ?? TIME_EXCEEDED;
    case Icmpv6Type.PACKET_TOO_BIG:
      return PACKET_TOO_BIG;
    case Icmpv6Type.PARAMETER_PROBLEM:
      return PARAMETER_PROBLEM;
    default:
      return TIME_EXCEEDED;
  }
}

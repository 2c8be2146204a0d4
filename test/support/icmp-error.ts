import type { ErrorCode } from '../../src/errors.ts';
import type { Heard, ScriptPeer } from '../../src/sim/index.ts';
import { IcmpType, IcmpUnreachable } from '../../src/wire/icmp.ts';
import { Icmpv6Type, Icmpv6Unreachable } from '../../src/wire/icmpv6.ts';
import { FAMILY, HEADERS } from './family.ts';

/** An error's name, type and code, and what the application hears of it. */
export type ErrorKind = readonly [name: string, type: number, code: number, error: ErrorCode];

/** RFC 9293 §3.9.2.2: what may pass. */
const SOFT4: readonly ErrorKind[] = [
  ['network unreachable', IcmpType.DESTINATION_UNREACHABLE, IcmpUnreachable.NETWORK, 'ENETUNREACH'],
  ['host unreachable', IcmpType.DESTINATION_UNREACHABLE, IcmpUnreachable.HOST, 'EHOSTUNREACH'],
  ['source route failed', IcmpType.DESTINATION_UNREACHABLE, 5, 'EHOSTUNREACH'],
  ['time to live exceeded', IcmpType.TIME_EXCEEDED, 0, 'EHOSTUNREACH'],
  ['reassembly time exceeded', IcmpType.TIME_EXCEEDED, 1, 'EHOSTUNREACH'],
  ['parameter problem', IcmpType.PARAMETER_PROBLEM, 0, 'EINVAL'],
];

/** RFC 9293 leaves beyond scope, and what no RFC defines, to others: Linux takes them for soft, too. */
const SOFT6: readonly ErrorKind[] = [
  ['no route to destination', Icmpv6Type.DESTINATION_UNREACHABLE, Icmpv6Unreachable.NO_ROUTE, 'ENETUNREACH'],
  ['beyond scope', Icmpv6Type.DESTINATION_UNREACHABLE, Icmpv6Unreachable.BEYOND_SCOPE, 'EHOSTUNREACH'],
  ['address unreachable', Icmpv6Type.DESTINATION_UNREACHABLE, Icmpv6Unreachable.ADDRESS, 'EHOSTUNREACH'],
  ['unreachable by a code unknown', Icmpv6Type.DESTINATION_UNREACHABLE, 77, 'EHOSTUNREACH'],
  ['hop limit exceeded', Icmpv6Type.TIME_EXCEEDED, 0, 'EHOSTUNREACH'],
  ['reassembly time exceeded', Icmpv6Type.TIME_EXCEEDED, 1, 'EHOSTUNREACH'],
  ['erroneous header field', Icmpv6Type.PARAMETER_PROBLEM, 0, 'EINVAL'],
  ['unrecognized next header', Icmpv6Type.PARAMETER_PROBLEM, 1, 'EINVAL'],
  ['unrecognized option', Icmpv6Type.PARAMETER_PROBLEM, 2, 'EINVAL'],
  ['an error unknown', 100, 0, 'EHOSTUNREACH'],
];

const HARD4: readonly ErrorKind[] = [
  ['protocol unreachable', IcmpType.DESTINATION_UNREACHABLE, IcmpUnreachable.PROTOCOL, 'EPROTONOSUPPORT'],
  ['port unreachable', IcmpType.DESTINATION_UNREACHABLE, IcmpUnreachable.PORT, 'ECONNREFUSED'],
];

/** RFC 5927 §5.1 extrapolates to codes 1 and 4; RFC 4443 §3.1: 5 and 6 are "more informative subsets of code 1". */
const HARD6: readonly ErrorKind[] = [
  ['prohibited', Icmpv6Type.DESTINATION_UNREACHABLE, Icmpv6Unreachable.ADMINISTRATIVELY_PROHIBITED, 'EACCES'],
  ['port unreachable', Icmpv6Type.DESTINATION_UNREACHABLE, Icmpv6Unreachable.PORT, 'ECONNREFUSED'],
  ['source address against policy', Icmpv6Type.DESTINATION_UNREACHABLE, Icmpv6Unreachable.SOURCE_POLICY, 'EACCES'],
  ['reject route', Icmpv6Type.DESTINATION_UNREACHABLE, Icmpv6Unreachable.REJECT_ROUTE, 'EACCES'],
];

/** Errors of the family that never end a connection. */
export const SOFT: readonly ErrorKind[] = FAMILY === 6 ? SOFT6 : SOFT4;
/** Those that end it before it is synchronized. */
export const HARD: readonly ErrorKind[] = FAMILY === 6 ? HARD6 : HARD4;

/** The error of the family that says: a link on the way takes no segments with more than `mss` bytes. */
export function tooBig(peer: ScriptPeer, about: Heard, mss: number): void {
  if (FAMILY === 6) peer.icmp(Icmpv6Type.PACKET_TOO_BIG, 0, about, mss + HEADERS);
  else peer.icmp(IcmpType.DESTINATION_UNREACHABLE, IcmpUnreachable.FRAGMENTATION_NEEDED, about, mss + HEADERS);
}

/** The error of the family that says: the host is not there. */
export function hostUnreachable(peer: ScriptPeer, about: Heard): void {
  if (FAMILY === 6) peer.icmp(Icmpv6Type.DESTINATION_UNREACHABLE, Icmpv6Unreachable.ADDRESS, about);
  else peer.icmp(IcmpType.DESTINATION_UNREACHABLE, IcmpUnreachable.HOST, about);
}

/** The error of the family that says: there is no way to the network. */
export function noRoute(peer: ScriptPeer, about: Heard): void {
  if (FAMILY === 6) peer.icmp(Icmpv6Type.DESTINATION_UNREACHABLE, Icmpv6Unreachable.NO_ROUTE, about);
  else peer.icmp(IcmpType.DESTINATION_UNREACHABLE, IcmpUnreachable.NETWORK, about);
}

/** The error of the family that says: nobody listens. */
export function portUnreachable(peer: ScriptPeer, about: Heard): void {
  if (FAMILY === 6) peer.icmp(Icmpv6Type.DESTINATION_UNREACHABLE, Icmpv6Unreachable.PORT, about);
  else peer.icmp(IcmpType.DESTINATION_UNREACHABLE, IcmpUnreachable.PORT, about);
}

/** The error of the family that says: an administrator does not want it. */
export function prohibited(peer: ScriptPeer, about: Heard): void {
  if (FAMILY === 6) peer.icmp(Icmpv6Type.DESTINATION_UNREACHABLE, Icmpv6Unreachable.ADMINISTRATIVELY_PROHIBITED, about);
  else peer.icmp(IcmpType.DESTINATION_UNREACHABLE, IcmpUnreachable.ADMINISTRATIVELY_PROHIBITED, about);
}

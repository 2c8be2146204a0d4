import type { Heard, ScriptPeer } from '../../src/sim/index.ts';
import { IcmpType, IcmpUnreachable } from '../../src/wire/icmp.ts';
import { Icmpv6Type, Icmpv6Unreachable } from '../../src/wire/icmpv6.ts';
import { FAMILY, HEADERS } from './family.ts';

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

/** The error of the family that says: an administrator does not want it. */
export function prohibited(peer: ScriptPeer, about: Heard): void {
  if (FAMILY === 6) peer.icmp(Icmpv6Type.DESTINATION_UNREACHABLE, Icmpv6Unreachable.ADMINISTRATIVELY_PROHIBITED, about);
  else peer.icmp(IcmpType.DESTINATION_UNREACHABLE, IcmpUnreachable.ADMINISTRATIVELY_PROHIBITED, about);
}

import type { Counters } from '../buffer/counters.ts';
import type { Datagram } from '../buffer/datagram.ts';
import type { SendOptions } from '../buffer/path.ts';
import {
  Address,
  AddressRegister,
  isAllHosts,
  isMulticast,
  isUnspecified,
  needsZone,
  sameAddress,
} from '../wire/address.ts';
import { dealOutRecords, fromCode16, fromCode8, readAddresses } from '../wire/group-records.ts';
import type { GroupRecord } from '../wire/group-records.ts';
import { ICMP_HEADER_LENGTH, icmpType } from '../wire/icmp.ts';
import { Icmpv6Type, writeIcmpv6Checksum } from '../wire/icmpv6.ts';
import { IPV6_HEADER_LENGTH } from '../wire/ipv6.ts';
import {
  checkMld,
  MLD_LENGTH,
  mldGroupAt,
  mldIntervalCode,
  mldQueryVersion,
  mldReportLength,
  mldResponseCode,
  mldRobustness,
  mldSourceCount,
  mldSourcesAt,
  writeMldGroupMessage,
  writeMldReport,
} from '../wire/mld.ts';
import type { MldFlaw } from '../wire/mld.ts';
import { Protocol } from '../wire/protocol.ts';
import { hasIpv6RouterAlert, IPV6_ROUTER_ALERT_LENGTH, writeIpv6RouterAlert } from '../wire/router-alert.ts';
import type { GroupMembership, GroupQuery, MembershipReports } from './group-membership.ts';
import type { NetworkInterface } from './interface.ts';
import type { IpOutput } from './output.ts';

/** Why an MLD message had no effect: the names it is counted under. */
export type MldDrop =
  | MldFlaw
  | 'mld-bad-hop-limit'
  | 'mld-bad-source'
  | 'mld-no-router-alert'
  | 'mld-bad-destination'
  | 'mld-bad-group'
  | 'mld-report-ignored'
  | 'mld-not-spoken';

/** RFC 3810 §5.2.14, RFC 2710 §5. */
const MLDV2_ROUTERS = Address.parse('ff02::16');
const ALL_ROUTERS = Address.parse('ff02::2');
const UNSPECIFIED = Address.parse('::');
/** RFC 3810 §5. */
const HOP_LIMIT = 1;
const SEND_OPTIONS: SendOptions = { ttl: HOP_LIMIT, trafficClass: 0 };
const HEADERS = IPV6_HEADER_LENGTH + IPV6_ROUTER_ALERT_LENGTH;
/** Microseconds of a millisecond, and of a second. */
const MILLISECOND = 1000;
const SECOND = 1_000_000;

/** The address that MLD speaks from: link-local, `::` while there is none (RFC 3810 §5.2.13). */
export function mldSource(iface: NetworkInterface): Address {
  return iface.addresses.find(({ address }) => needsZone(address))?.address ?? UNSPECIFIED;
}

/** MLD's way out on one interface. */
export class MldReports implements MembershipReports {
  readonly #iface: NetworkInterface;
  readonly #counters: Counters;
  readonly #output: IpOutput;

  constructor(iface: NetworkInterface, counters: Counters, output: IpOutput) {
    this.#iface = iface;
    this.#counters = counters;
    this.#output = output;
  }

  report(records: readonly GroupRecord[]): void {
    const room = this.#iface.mtu - HEADERS - ICMP_HEADER_LENGTH;
    for (const some of dealOutRecords(records, room)) {
      this.#send(MLDV2_ROUTERS, mldReportLength(some), (view, at) => writeMldReport(view, at, some));
    }
  }

  memberReport(group: Address): void {
    this.#sendOlder(group, Icmpv6Type.MULTICAST_LISTENER_REPORT, group);
  }

  leave(group: Address): void {
    this.#sendOlder(ALL_ROUTERS, Icmpv6Type.MULTICAST_LISTENER_DONE, group);
  }

  #sendOlder(to: Address, type: number, group: Address): void {
    this.#send(to, MLD_LENGTH, (view, at) => writeMldGroupMessage(view, at, type, group));
  }

  // [S-022] RFC 3810 §5: with the router alert option in a hop-by-hop header.
  #send(to: Address, length: number, write: (view: DataView, at: number) => void): void {
    const iface = this.#iface;
    const packet = iface.queue.reserve(length);
    if (packet === undefined) return this.#counters.add('mld-report-queue-full');
    const { view } = packet.memory;
    const source = mldSource(iface);
    write(view, packet.start);
    writeIcmpv6Checksum(view, packet.start, length, source, to);
    writeIpv6RouterAlert(view, packet.prepend(IPV6_ROUTER_ALERT_LENGTH));
    this.#output.send(iface, packet, source, to, to, Protocol.HOPOPT, SEND_OPTIONS);
  }
}

/** MLD's way in, as listeners hear it. */
export class Mld {
  readonly #membership: (interfaceIndex: number) => GroupMembership | undefined;
  readonly #group: AddressRegister = new AddressRegister();

  /** @param membership the groups of IPv6 of an interface that has reports; none of the loopback */
  constructor(membership: (interfaceIndex: number) => GroupMembership | undefined) {
    this.#membership = membership;
  }

  /** Takes an ICMPv6 message of one of MLD's types, checked as such. */
  input(datagram: Datagram): MldDrop | undefined {
    const { memory, start, length, packetStart, interfaceIndex, destination, now } = datagram;
    const { view } = memory;
    const flaw = checkMld(view, start, length);
    if (flaw !== undefined) return flaw;
    const membership = this.#membership(interfaceIndex);
    if (membership === undefined) return 'mld-not-spoken';
    // RFC 3810 §6.2: all three, or it is dropped.
    if (datagram.ttl !== HOP_LIMIT) return 'mld-bad-hop-limit';
    if (!needsZone(datagram.source)) return 'mld-bad-source';
    if (!hasIpv6RouterAlert(view, packetStart)) return 'mld-no-router-alert';
    const type = icmpType(view, start);
    const { MULTICAST_LISTENER_QUERY, MULTICAST_LISTENER_REPORT } = Icmpv6Type;
    // RFC 3810 §6: for routers.
    if (type !== MULTICAST_LISTENER_QUERY && type !== MULTICAST_LISTENER_REPORT) return 'mld-report-ignored';
    const group = this.#group;
    group.setIpv6(view, mldGroupAt(start));
    if (type === MULTICAST_LISTENER_QUERY) return this.#query(datagram, membership);
    if (!sameAddress(group, destination)) return 'mld-bad-destination';
    membership.heard(group, now);
    return undefined;
  }

  #query(datagram: Datagram, membership: GroupMembership): MldDrop | undefined {
    const { length, destination, now } = datagram;
    const group = this.#group;
    const general = isUnspecified(group);
    if (!general && !isMulticast(group)) return 'mld-bad-group';
    // RFC 3810 §5.1.15: for one of our addresses, the group asked for, or all nodes.
    const forUs = !datagram.group || isAllHosts(destination) || sameAddress(group, destination);
    if (!forUs) return 'mld-bad-destination';
    const asked = general ? undefined : group;
    membership.query(mldQueryVersion(length) === 2 ? newestQuery(datagram, asked) : olderQuery(datagram, asked), now);
    return undefined;
  }
}

function olderQuery({ memory: { view }, start }: Datagram, group: AddressRegister | undefined): GroupQuery {
  // RFC 3810 §8.2.1: milliseconds without an exponent.
  const maxResponse = mldResponseCode(view, start) * MILLISECOND;
  return { version: 'groups', group, maxResponse, robustness: 0, interval: 0, sourceCount: 0, sources: () => [] };
}

function newestQuery({ memory: { view, bytes }, start }: Datagram, group: AddressRegister | undefined): GroupQuery {
  const sourceCount = mldSourceCount(view, start);
  return {
    version: 'sources',
    group,
    maxResponse: fromCode16(mldResponseCode(view, start)) * MILLISECOND,
    robustness: mldRobustness(view, start),
    interval: fromCode8(mldIntervalCode(view, start)) * SECOND,
    sourceCount,
    sources: () => readAddresses(bytes, mldSourcesAt(start), sourceCount, 16),
  };
}

import { Checksum } from '../buffer/batch.ts';
import type { Counters } from '../buffer/counters.ts';
import type { Datagram } from '../buffer/datagram.ts';
import { Address, AddressRegister, isAllHosts, isMulticast, isUnspecified, sameAddress } from '../wire/address.ts';
import { dealOutRecords, fromCode8, readAddresses } from '../wire/group-records.ts';
import type { GroupRecord } from '../wire/group-records.ts';
import {
  checkIgmp,
  IGMP_HEADER_LENGTH,
  igmpGroup,
  igmpIntervalCode,
  igmpQueryVersion,
  igmpReportLength,
  igmpResponseCode,
  igmpRobustness,
  igmpSourceCount,
  igmpSourcesAt,
  igmpType,
  IgmpType,
  writeIgmpGroupMessage,
  writeIgmpReport,
} from '../wire/igmp.ts';
import type { IgmpFlaw } from '../wire/igmp.ts';
import { IPV4_HEADER_LENGTH, writeIpv4Header } from '../wire/ipv4.ts';
import { Protocol } from '../wire/protocol.ts';
import { hasIpv4RouterAlert, IPV4_ROUTER_ALERT_LENGTH, writeIpv4RouterAlert } from '../wire/router-alert.ts';
import type { Compatibility, GroupMembership, GroupQuery, MembershipReports } from './group-membership.ts';
import type { NetworkInterface } from './interface.ts';

/** Why an IGMP message had no effect: the names it is counted under. */
export type IgmpDrop =
  | IgmpFlaw
  | 'igmp-bad-ttl'
  | 'igmp-no-router-alert'
  | 'igmp-bad-destination'
  | 'igmp-bad-group'
  | 'igmp-report-ignored'
  | 'igmp-unknown-type'
  | 'igmp-not-spoken';

/** RFC 3376 §4.2.14, RFC 2236 §3. */
const IGMPV3_ROUTERS = Address.parse('224.0.0.22');
const ALL_ROUTERS = Address.parse('224.0.0.2');
/** RFC 3376 §4: TTL 1, precedence of internetwork control. */
const TTL = 1;
const TRAFFIC_CLASS = 0xc0;
const HEADERS = IPV4_HEADER_LENGTH + IPV4_ROUTER_ALERT_LENGTH;
/** RFC 3376 §7.2.1: what an IGMPv1 querier means by 0, in tenths of a second. */
const VERSION_1_RESPONSE_TIME = 100;
/** Microseconds of a tenth of a second, and of a second. */
const TENTH = 100_000;
const SECOND = 1_000_000;

/** IGMP's way out on one interface. */
export class IgmpReports implements MembershipReports {
  readonly #iface: NetworkInterface;
  readonly #counters: Counters;

  constructor(iface: NetworkInterface, counters: Counters) {
    this.#iface = iface;
    this.#counters = counters;
  }

  report(records: readonly GroupRecord[]): void {
    const room = this.#iface.mtu - HEADERS - IGMP_HEADER_LENGTH;
    for (const some of dealOutRecords(records, room)) {
      this.#send(IGMPV3_ROUTERS, igmpReportLength(some), (view, at) => writeIgmpReport(view, at, some));
    }
  }

  memberReport(group: Address, compatibility: Compatibility): void {
    const { MEMBERSHIP_REPORT_V1, MEMBERSHIP_REPORT_V2 } = IgmpType;
    this.#sendOlder(group, compatibility === 'reports' ? MEMBERSHIP_REPORT_V1 : MEMBERSHIP_REPORT_V2, group);
  }

  leave(group: Address): void {
    this.#sendOlder(ALL_ROUTERS, IgmpType.LEAVE_GROUP, group);
  }

  #sendOlder(to: Address, type: number, group: Address): void {
    this.#send(to, IGMP_HEADER_LENGTH, (view, at) => writeIgmpGroupMessage(view, at, type, group.d));
  }

  // [S-022] RFC 3376 §4, RFC 2236 §2: with the router alert option, from 0.0.0.0 while there is no other address.
  #send(to: Address, length: number, write: (view: DataView, at: number) => void): void {
    const iface = this.#iface;
    const packet = iface.queue.reserve(length);
    if (packet === undefined) return this.#counters.add('igmp-report-queue-full');
    const { view } = packet.memory;
    write(view, packet.start);
    const source = iface.sourceFor(to)?.d ?? 0;
    const start = packet.prepend(HEADERS);
    writeIpv4Header(view, start, source, to.d, Protocol.IGMP, packet.length, TTL, TRAFFIC_CLASS, 0, true);
    writeIpv4RouterAlert(view, start);
    iface.transmit(packet, to);
  }
}

/** IGMP's way in, as members hear it: queries, and what other members say to queriers of older versions. */
export class Igmp {
  readonly #counters: Counters;
  readonly #membership: (interfaceIndex: number) => GroupMembership | undefined;
  readonly #group: AddressRegister = new AddressRegister();

  /** @param membership the groups of IPv4 of an interface that has reports; none of the loopback */
  constructor(counters: Counters, membership: (interfaceIndex: number) => GroupMembership | undefined) {
    this.#counters = counters;
    this.#membership = membership;
  }

  input(datagram: Datagram): void {
    const drop = this.#process(datagram);
    if (drop !== undefined) this.#counters.add(drop);
  }

  #process(datagram: Datagram): IgmpDrop | undefined {
    const { memory, start, length, interfaceIndex } = datagram;
    const flaw = checkIgmp(memory.view, start, length, datagram.checksum === Checksum.none);
    if (flaw !== undefined) return flaw;
    const membership = this.#membership(interfaceIndex);
    if (membership === undefined) return 'igmp-not-spoken';
    const type = igmpType(memory.view, start);
    const { LEAVE_GROUP, MEMBERSHIP_QUERY, MEMBERSHIP_REPORT_V1, MEMBERSHIP_REPORT_V2, MEMBERSHIP_REPORT_V3 } =
      IgmpType;
    // What does not come from this link is not believed.
    if (datagram.ttl !== TTL) return 'igmp-bad-ttl';
    this.#group.setIpv4(igmpGroup(memory.view, start));
    switch (type) {
      case MEMBERSHIP_QUERY:
        return this.#query(datagram, membership);
      case MEMBERSHIP_REPORT_V1:
      case MEMBERSHIP_REPORT_V2:
        if (!sameAddress(this.#group, datagram.destination)) return 'igmp-bad-destination';
        membership.heard(this.#group, datagram.now);
        return undefined;
      case MEMBERSHIP_REPORT_V3:
      case LEAVE_GROUP:
        // RFC 3376 §5: for routers.
        return 'igmp-report-ignored';
      default:
        return 'igmp-unknown-type';
    }
  }

  #query(datagram: Datagram, membership: GroupMembership): IgmpDrop | undefined {
    const { memory, start, length, packetStart, destination, now } = datagram;
    const { view } = memory;
    const group = this.#group;
    const version = igmpQueryVersion(view, start, length);
    // RFC 3376 §9.1: not from routers that older ones passed it on to. Those of version 1 know no option.
    if (version !== 1 && !hasIpv4RouterAlert(view, packetStart + IPV4_HEADER_LENGTH, start))
      return 'igmp-no-router-alert';
    const general = isUnspecified(group);
    if (!general && !isMulticast(group)) return 'igmp-bad-group';
    // RFC 3376 §4.1.12, §9.1: for one of our addresses, the group asked for, or all hosts.
    const forUs = !datagram.group || isAllHosts(destination) || sameAddress(group, destination);
    if (!forUs) return 'igmp-bad-destination';
    membership.query(version === 3 ? newestQuery(datagram, group, general) : olderQuery(datagram, group, general), now);
    return undefined;
  }
}

function olderQuery({ memory: { view }, start }: Datagram, group: AddressRegister, general: boolean): GroupQuery {
  // RFC 3376 §7.2.1: tenths of a second without an exponent.
  const code = igmpResponseCode(view, start);
  return {
    version: code === 0 ? 'reports' : 'groups',
    // A querier of version 1 asks for all.
    group: general || code === 0 ? undefined : group,
    maxResponse: (code === 0 ? VERSION_1_RESPONSE_TIME : code) * TENTH,
    robustness: 0,
    interval: 0,
    sourceCount: 0,
    sources: () => [],
  };
}

function newestQuery(
  { memory: { view, bytes }, start }: Datagram,
  group: AddressRegister,
  general: boolean,
): GroupQuery {
  const sourceCount = igmpSourceCount(view, start);
  return {
    version: 'sources',
    group: general ? undefined : group,
    maxResponse: fromCode8(igmpResponseCode(view, start)) * TENTH,
    robustness: igmpRobustness(view, start),
    interval: fromCode8(igmpIntervalCode(view, start)) * SECOND,
    sourceCount,
    sources: () => readAddresses(bytes, igmpSourcesAt(start), sourceCount, 4),
  };
}

import type { Counters } from '../buffer/counters.ts';
import type { GroupFilter } from '../buffer/group-filter.ts';
import type { Clock, Random } from '../time/clock.ts';
import type { TimerWheel } from '../time/timer-wheel.ts';
import type { Address, AddressWords } from '../wire/address.ts';
import { isAllHosts, isUnspecified } from '../wire/address.ts';
import { GroupMembership } from './group-membership.ts';
import { IgmpReports } from './igmp.ts';
import type { NetworkInterface } from './interface.ts';
import { mldSource, MldReports } from './mld.ts';
import type { IpOutput } from './output.ts';

/** What memberships need of the stack. */
export interface MembershipsParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: TimerWheel;
  readonly counters: Counters;
  /** IPv6's way out. */
  readonly output6: IpOutput;
}

/** An interface with its groups. */
interface Member {
  readonly iface: NetworkInterface;
  readonly families: Readonly<Record<4 | 6, GroupMembership>>;
  /** MLD has no link-local address to speak from yet. */
  sourceless: boolean;
}

/** Which multicast groups the stack is in, on each of its interfaces: by its sockets, and by itself. */
export class Memberships {
  readonly #parts: MembershipsParts;
  readonly #members = new Map<number, Member>();

  constructor(parts: MembershipsParts) {
    this.#parts = parts;
  }

  /** An interface came. */
  add(iface: NetworkInterface): void {
    const { output6, ...parts } = this.#parts;
    const { counters } = parts;
    const families = {
      4: new GroupMembership({ ...parts, name: 'igmp', reports: new IgmpReports(iface, counters) }),
      6: new GroupMembership({ ...parts, name: 'mld', reports: new MldReports(iface, counters, output6) }),
    };
    this.#members.set(iface.index, { iface, families, sourceless: true });
    this.changed(iface);
  }

  /** It has gone: its groups are forgotten. */
  remove(iface: NetworkInterface): void {
    const member = this.#members.get(iface.index);
    if (member === undefined) return;
    this.#members.delete(iface.index);
    for (const family of [4, 6] as const) member.families[family].close();
  }

  /** Its link came up or went down, or its addresses are others. */
  changed(iface: NetworkInterface): void {
    const member = this.#members.get(iface.index);
    if (member === undefined) return;
    // Nobody listens on the loopback.
    const speaks = iface.up && !iface.loopback;
    const { families } = member;
    const wasSourceless = member.sourceless;
    member.sourceless = isUnspecified(mldSource(iface));
    families[4].setReporting(speaks);
    families[6].setReporting(speaks && iface.carries(6));
    // RFC 3810 §5.2.13: routers have not heeded what came from `::`.
    if (wasSourceless && !member.sourceless) families[6].announce();
  }

  /** Sockets want this of a group from now on, all together. For interfaces that there are not nothing is done. */
  listen(interfaceIndex: number, group: Address, filter: GroupFilter): void {
    this.#of(interfaceIndex, group)?.listen(group, filter);
  }

  /** The stack itself joins a group, as the solicited-node groups of its addresses; to be undone as often. */
  join(interfaceIndex: number, group: Address): void {
    this.#of(interfaceIndex, group)?.join(group);
  }

  leave(interfaceIndex: number, group: Address): void {
    this.#of(interfaceIndex, group)?.leave(group);
  }

  /** Whether the interface hears the group, from whatever source. */
  has(interfaceIndex: number, group: AddressWords): boolean {
    return isAllHosts(group) || this.#of(interfaceIndex, group)?.filterOf(group) !== undefined;
  }

  /** The groups joined on an interface; those of all hosts, which need no joining, are left out. */
  groups(interfaceIndex: number): Address[] {
    const member = this.#members.get(interfaceIndex);
    return member === undefined ? [] : [...member.families[4].groups, ...member.families[6].groups];
  }

  /** The groups of an interface where IGMP or MLD is spoken: not of the loopback. */
  speaking(interfaceIndex: number, family: 4 | 6): GroupMembership | undefined {
    const member = this.#members.get(interfaceIndex);
    return member === undefined || member.iface.loopback ? undefined : member.families[family];
  }

  #of(interfaceIndex: number, { family }: AddressWords): GroupMembership | undefined {
    return this.#members.get(interfaceIndex)?.families[family];
  }
}

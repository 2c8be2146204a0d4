import { admits, EVERYBODY, mergeFilters, NOBODY } from '../buffer/group-filter.ts';
import type { GroupFilter } from '../buffer/group-filter.ts';
import type { ErrorCode } from '../errors.ts';
import type { Address, AddressWords } from '../wire/address.ts';
import { isAllHosts, isMulticast, sameAddress } from '../wire/address.ts';

/** Groups that a member may be in. Linux: net.ipv4.igmp_max_memberships; of IPv6 its limit is one of memory. */
const MOST_GROUPS: Readonly<Record<4 | 6, number>> = { 4: 20, 6: 256 };
/** Sources that it may name of one. Linux: net.ipv4.igmp_max_msf, net.ipv6.mld_max_msf. */
const MOST_SOURCES: Readonly<Record<4 | 6, number>> = { 4: 10, 6: 64 };

/** A group on an interface, with its members. */
interface Group<Member> {
  readonly group: Address;
  readonly interfaceIndex: number;
  readonly members: Map<Member, GroupFilter>;
  /** What all members together hear (RFC 3376 §3.2). */
  filter: GroupFilter;
}

/** Learns what the members of a group on an interface want together: `NOBODY` when the last has gone. */
export type GroupListener = (interfaceIndex: number, group: Address, filter: GroupFilter) => void;

/** Who has joined which multicast group on which interface (RFC 1112 §7, RFC 3376 §3). Errors are those of Linux. */
export class Groups<Member> {
  readonly #groups: Group<Member>[] = [];
  readonly #listen: GroupListener;

  /** @param listen is told whenever what an interface is to hear of a group changes */
  constructor(listen: GroupListener) {
    this.#listen = listen;
  }

  /** @returns `EADDRINUSE` when it is a member already, `ENOBUFS` when it is in too many groups */
  join(member: Member, group: Address, interfaceIndex: number): ErrorCode | undefined {
    const known = this.#find(group, interfaceIndex);
    if (known?.members.has(member) === true) return 'EADDRINUSE';
    return this.#enter(member, group, interfaceIndex, EVERYBODY);
  }

  /** @returns `EADDRNOTAVAIL` when it is no member */
  leave(member: Member, group: Address, interfaceIndex: number): ErrorCode | undefined {
    const known = this.#find(group, interfaceIndex);
    if (known?.members.has(member) !== true) return 'EADDRNOTAVAIL';
    this.#set(known, member, NOBODY);
    return undefined;
  }

  /**
   * Joins for one source more; who heard everyone hears only this one.
   *
   * @returns `EADDRNOTAVAIL` when it does already, `EINVAL` when it is a member that has blocked sources, `ENOBUFS`
   * when it is in too many groups or names too many sources
   */
  joinSource(member: Member, group: Address, interfaceIndex: number, source: Address): ErrorCode | undefined {
    const known = this.#membership(member, group, interfaceIndex);
    if (known === undefined) {
      return this.#enter(member, group, interfaceIndex, { exclude: false, sources: [source] });
    }
    if (hasBlocked(known.filter)) return 'EINVAL';
    return this.#name(known.joined, member, { exclude: false, sources: known.filter.sources }, source);
  }

  /** @returns `EINVAL` when it is no member or has blocked sources, `EADDRNOTAVAIL` when it is none for this source */
  leaveSource(member: Member, group: Address, interfaceIndex: number, source: Address): ErrorCode | undefined {
    const known = this.#membership(member, group, interfaceIndex);
    if (known === undefined || hasBlocked(known.filter)) return 'EINVAL';
    return this.#unname(known.joined, member, known.filter, source);
  }

  /**
   * A member that hears everyone hears everyone but this source.
   *
   * @returns `EINVAL` when it is no member or has joined for sources, `EADDRNOTAVAIL` when it is blocked already, `ENOBUFS`
   */
  blockSource(member: Member, group: Address, interfaceIndex: number, source: Address): ErrorCode | undefined {
    const known = this.#membership(member, group, interfaceIndex);
    if (known?.filter.exclude !== true) return 'EINVAL';
    return this.#name(known.joined, member, known.filter, source);
  }

  /** @returns `EINVAL` when it is no member or has joined for sources, `EADDRNOTAVAIL` when it is not blocked */
  unblockSource(member: Member, group: Address, interfaceIndex: number, source: Address): ErrorCode | undefined {
    const known = this.#membership(member, group, interfaceIndex);
    if (known?.filter.exclude !== true) return 'EINVAL';
    return this.#unname(known.joined, member, known.filter, source);
  }

  /** What one has joined is another's from now on, which has joined nothing. */
  handOver(from: Member, to: Member): void {
    for (const known of this.#groups.filter(({ members }) => members.has(from))) {
      this.#set(known, to, known.members.get(from)!);
      this.#set(known, from, NOBODY);
    }
  }

  /** The member is gone. */
  forget(member: Member): void {
    for (const group of this.#groups.filter(({ members }) => members.has(member))) this.#set(group, member, NOBODY);
  }

  /** The interface is gone, and all that was joined there. Nobody is told. */
  forgetInterface(interfaceIndex: number): void {
    const rest = this.#groups.filter((group) => group.interfaceIndex !== interfaceIndex);
    this.#groups.splice(0, this.#groups.length, ...rest);
  }

  /** Does anybody of this host hear the group there, from this source? */
  heard(group: AddressWords, interfaceIndex: number, source: AddressWords): boolean {
    // RFC 1112 §4, RFC 4291 §2.7.1: every host is in the group of all hosts.
    if (isAllHosts(group)) return true;
    const known = this.#find(group, interfaceIndex);
    return known !== undefined && admits(known.filter, source);
  }

  /** Does a member hear what goes to `destination`? Broadcasts are heard by all. */
  hears(member: Member, destination: AddressWords, interfaceIndex: number, source: AddressWords): boolean {
    if (!isMulticast(destination)) return true;
    return this.heard(destination, interfaceIndex, source) && this.admits(member, destination, interfaceIndex, source);
  }

  /**
   * Does a member hear what the host hears? As Linux (IP_MULTICAST_ALL) one that has not joined the group does: only
   * whoever chose sources hears no others.
   */
  admits(member: Member, group: AddressWords, interfaceIndex: number, source: AddressWords): boolean {
    const filter = this.#find(group, interfaceIndex)?.members.get(member);
    return filter === undefined || admits(filter, source);
  }

  #find(group: AddressWords, interfaceIndex: number): Group<Member> | undefined {
    for (const known of this.#groups) {
      if (known.interfaceIndex === interfaceIndex && sameAddress(known.group, group)) return known;
    }
    return undefined;
  }

  /** A group that the member is in, and what it wants of it. */
  #membership(
    member: Member,
    group: AddressWords,
    interfaceIndex: number,
  ): { joined: Group<Member>; filter: GroupFilter } | undefined {
    const joined = this.#find(group, interfaceIndex);
    const filter = joined?.members.get(member);
    return joined === undefined || filter === undefined ? undefined : { joined, filter };
  }

  #enter(member: Member, group: Address, interfaceIndex: number, filter: GroupFilter): ErrorCode | undefined {
    const { family } = group;
    const joined = this.#groups.filter((known) => known.group.family === family && known.members.has(member));
    if (joined.length >= MOST_GROUPS[family]) return 'ENOBUFS';
    let known = this.#find(group, interfaceIndex);
    if (known === undefined) {
      known = { group, interfaceIndex, members: new Map<Member, GroupFilter>(), filter: NOBODY };
      this.#groups.push(known);
    }
    this.#set(known, member, filter);
    return undefined;
  }

  #name(
    known: Group<Member>,
    member: Member,
    { exclude, sources }: GroupFilter,
    source: Address,
  ): ErrorCode | undefined {
    if (sources.some((named) => named.equals(source))) return 'EADDRNOTAVAIL';
    if (sources.length >= MOST_SOURCES[known.group.family]) return 'ENOBUFS';
    this.#set(known, member, { exclude, sources: [...sources, source] });
    return undefined;
  }

  #unname(
    known: Group<Member>,
    member: Member,
    { exclude, sources }: GroupFilter,
    source: Address,
  ): ErrorCode | undefined {
    const rest = sources.filter((named) => !named.equals(source));
    if (rest.length === sources.length) return 'EADDRNOTAVAIL';
    // As Linux: who hears no source any more has left.
    this.#set(known, member, exclude || rest.length > 0 ? { exclude, sources: rest } : NOBODY);
    return undefined;
  }

  /** The member wants this of the group from now on; `NOBODY` is none any more. */
  #set(known: Group<Member>, member: Member, filter: GroupFilter): void {
    if (filter === NOBODY) known.members.delete(member);
    else known.members.set(member, filter);
    known.filter = mergeFilters(known.members.values());
    if (known.members.size === 0) this.#groups.splice(this.#groups.indexOf(known), 1);
    this.#listen(known.interfaceIndex, known.group, known.filter);
  }
}

/** RFC 3376 §3.1: a member names either whom it hears, or whom it does not. */
function hasBlocked({ exclude, sources }: GroupFilter): boolean {
  return exclude && sources.length > 0;
}

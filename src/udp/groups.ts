import type { ErrorCode } from '../errors.ts';
import type { Address, AddressWords } from '../wire/address.ts';
import { isAllHosts, sameAddress } from '../wire/address.ts';

/** From whom a member hears: from everyone, or from the sources named. */
type Sources = 'any' | Address[];

/** A group on an interface, with its members. */
interface Group<Member> {
  readonly group: Address;
  readonly interfaceIndex: number;
  readonly members: Map<Member, Sources>;
}

/** Who has joined which multicast group on which interface (RFC 1112 §7, RFC 3376 §3). Errors are those of Linux. */
export class Groups<Member> {
  readonly #groups: Group<Member>[] = [];

  /** @returns `EADDRINUSE` when it is a member already */
  join(member: Member, group: Address, interfaceIndex: number): ErrorCode | undefined {
    const { members } = this.#get(group, interfaceIndex);
    if (members.has(member)) return 'EADDRINUSE';
    members.set(member, 'any');
    return undefined;
  }

  /** @returns `EADDRNOTAVAIL` when it is no member */
  leave(member: Member, group: Address, interfaceIndex: number): ErrorCode | undefined {
    return this.#remove(member, group, interfaceIndex) ? undefined : 'EADDRNOTAVAIL';
  }

  /** Joins for one source more; who heard everyone hears only this one. @returns `EADDRNOTAVAIL` when it does already */
  joinSource(member: Member, group: Address, interfaceIndex: number, source: Address): ErrorCode | undefined {
    const { members } = this.#get(group, interfaceIndex);
    const sources = members.get(member);
    if (sources === undefined || sources === 'any') members.set(member, [source]);
    else if (sources.some((known) => known.equals(source))) return 'EADDRNOTAVAIL';
    else sources.push(source);
    return undefined;
  }

  /** @returns `EINVAL` when it is no member, `EADDRNOTAVAIL` when it is none for this source */
  leaveSource(member: Member, group: Address, interfaceIndex: number, source: Address): ErrorCode | undefined {
    const sources = this.#find(group, interfaceIndex)?.members.get(member);
    if (sources === undefined) return 'EINVAL';
    const at = sources === 'any' ? -1 : sources.findIndex((known) => known.equals(source));
    if (sources === 'any' || at < 0) return 'EADDRNOTAVAIL';
    sources.splice(at, 1);
    if (sources.length === 0) this.#remove(member, group, interfaceIndex);
    return undefined;
  }

  /** The member is gone. */
  forget(member: Member): void {
    const joined = this.#groups.filter(({ members }) => members.has(member));
    for (const { group, interfaceIndex } of joined) this.#remove(member, group, interfaceIndex);
  }

  /** Does anybody of this host hear the group there, from this source? */
  heard(group: AddressWords, interfaceIndex: number, source: AddressWords): boolean {
    // RFC 1112 §4, RFC 4291 §2.7.1: every host is in the group of all hosts.
    if (isAllHosts(group)) return true;
    const members = this.#find(group, interfaceIndex)?.members;
    if (members === undefined) return false;
    for (const sources of members.values()) if (admits(sources, source)) return true;
    return false;
  }

  /**
   * Does a member hear what the host hears? As Linux (IP_MULTICAST_ALL) one that has not joined the group does: only
   * whoever chose sources hears no others.
   */
  admits(member: Member, group: AddressWords, interfaceIndex: number, source: AddressWords): boolean {
    const sources = this.#find(group, interfaceIndex)?.members.get(member);
    return sources === undefined || admits(sources, source);
  }

  #find(group: AddressWords, interfaceIndex: number): Group<Member> | undefined {
    for (const known of this.#groups) {
      if (known.interfaceIndex === interfaceIndex && sameAddress(known.group, group)) return known;
    }
    return undefined;
  }

  #get(group: Address, interfaceIndex: number): Group<Member> {
    const known = this.#find(group, interfaceIndex);
    if (known !== undefined) return known;
    const made = { group, interfaceIndex, members: new Map<Member, Sources>() };
    this.#groups.push(made);
    return made;
  }

  #remove(member: Member, group: Address, interfaceIndex: number): boolean {
    const known = this.#find(group, interfaceIndex);
    if (known === undefined || !known.members.delete(member)) return false;
    if (known.members.size === 0) this.#groups.splice(this.#groups.indexOf(known), 1);
    return true;
  }
}

function admits(sources: Sources, source: AddressWords): boolean {
  if (sources === 'any') return true;
  for (const known of sources) if (sameAddress(known, source)) return true;
  return false;
}

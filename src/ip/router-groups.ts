import { Address, solicitedNode } from '../wire/address.ts';
import { subnetRouterAddress } from './local-addresses.ts';
import type { NetworkInterface } from './interface.ts';
import type { Memberships } from './memberships.ts';

/** RFC 4291 §2.7.1: all routers, of the interface, of the link and of the site. */
const ALL_ROUTERS_6 = ['ff01::2', 'ff02::2', 'ff05::2'].map((text) => Address.parse(text));
/** RFC 1256 §4.3: also of a router that advertises nothing. */
const ALL_ROUTERS_4 = [Address.parse('224.0.0.2')];

/**
 * The groups in which a router is on each of its interfaces, in the family that it forwards and where it has an address of it: those
 * of all routers ([S-107] RFC 4291 §2.8), and on Ethernet those by which neighbours ask for its subnet-router anycast addresses.
 */
export class RouterGroups {
  readonly #memberships: Memberships;
  readonly #forwarding: Readonly<{ ipv4: boolean; ipv6: boolean }>;
  /** By the interface's index: by the text of each group. */
  readonly #joined = new Map<number, Map<string, Address>>();

  constructor(memberships: Memberships, forwarding: Readonly<{ ipv4: boolean; ipv6: boolean }>) {
    this.#memberships = memberships;
    this.#forwarding = forwarding;
  }

  /** The interface is new or has other addresses, or something else is forwarded than before. */
  follow(iface: NetworkInterface): void {
    const wanted = this.#wanted(iface);
    const joined = this.#joined.get(iface.index) ?? new Map<string, Address>();
    if (wanted.size + joined.size === 0) return;
    this.#joined.set(iface.index, wanted);
    for (const [key, group] of wanted) if (!joined.has(key)) this.#memberships.join(iface.index, group);
    for (const [key, group] of joined) if (!wanted.has(key)) this.#memberships.leave(iface.index, group);
  }

  /** It has gone, and its memberships with it. */
  forget({ index }: NetworkInterface): void {
    this.#joined.delete(index);
  }

  #wanted({ addresses, medium }: NetworkInterface): Map<string, Address> {
    const { ipv4, ipv6 } = this.#forwarding;
    const groups: Address[] = [];
    if (ipv4 && addresses.some(({ address }) => address.family === 4)) groups.push(...ALL_ROUTERS_4);
    if (ipv6 && addresses.some(({ address }) => address.family === 6)) groups.push(...ALL_ROUTERS_6);
    if (ipv6 && medium === 'ethernet') {
      groups.push(...addresses.flatMap((cidr) => subnetRouterAddress(cidr) ?? []).map(solicitedNode));
    }
    return new Map(groups.map((group) => [group.toString(), group]));
  }
}

import type { Address, AddressWords } from '../wire/address.ts';
import { isLimitedBroadcast, isLoopback, isMulticast, isUnspecified, needsZone, sameAddress } from '../wire/address.ts';
import type { Cidr } from '../wire/cidr.ts';
import type { NetworkInterface } from './interface.ts';

/** What an address is to this stack; `other` is everything that lives elsewhere, and 0.0.0.0. */
export type AddressKind = 'local' | 'broadcast' | 'multicast' | 'other';

/**
 * To whom an address belongs ([S-026] RFC 1122 §3.3.4.2). `weak`: to the stack; a datagram for it is taken by whichever
 * interface it comes, and what is sent from it leaves by any. `strong`: to its interface, both ways.
 */
export type HostModel = 'weak' | 'strong';

/**
 * The anycast address of the routers of an IPv6 network ([S-107] RFC 4291 §2.6.1): its first address. Networks of two (RFC 6164
 * §4) and of one have none; nor have those that begin with ::, which is nobody's (RFC 4291 §2.5.2).
 */
export function subnetRouterAddress({ address, network, prefixLength }: Cidr): Address | undefined {
  return address.family === 6 && prefixLength <= 126 && !isUnspecified(network) ? network : undefined;
}

/** Which addresses are this stack's own. */
export class LocalAddresses {
  readonly hostModel: HostModel;
  /** IPv6 is forwarded: the subnet-router anycast addresses of the interfaces' networks are the stack's, too. */
  isRouter6: boolean = false;
  /** Changes whenever what is said of an address may change. */
  generation: number = 0;
  /** Bits of the last word that are 0 in all of these. */
  #anycastZeros: number = -1;
  /** IPv4, keyed by the address as an int32. */
  readonly #ipv4 = new Map<number, 'local' | 'broadcast'>();
  /** The objects themselves, which all that are bound to them share. */
  readonly #own = new Map<number, Address>();
  #ipv6: AddressWords[] = [];
  #interfaces: readonly NetworkInterface[] = [];

  constructor(hostModel: HostModel = 'weak') {
    this.hostModel = hostModel;
  }

  /** Learns all addresses anew. */
  rebuild(interfaces: Iterable<NetworkInterface>): void {
    this.generation++;
    this.#ipv4.clear();
    this.#own.clear();
    this.#ipv6 = [];
    this.#anycastZeros = -1;
    this.#interfaces = [...interfaces];
    for (const iface of this.#interfaces) {
      for (const cidr of iface.addresses) {
        const { address, broadcast } = cidr;
        if (cidr.prefixLength > 96 && subnetRouterAddress(cidr) !== undefined) {
          this.#anycastZeros &= ~(-1 << (128 - cidr.prefixLength));
        }
        if (address.family === 6) this.#ipv6.push(address);
        else {
          this.#ipv4.set(address.d, 'local');
          this.#own.set(address.d, address);
        }
        // An address that is some network's broadcast address and also ours is ours.
        if (broadcast !== undefined && !this.#ipv4.has(broadcast.d)) this.#ipv4.set(broadcast.d, 'broadcast');
      }
    }
  }

  /** The same address: the interface's own object where it is an IPv4 address of the stack, so that connections share it. */
  shared(address: Address): Address {
    return (address.family === 4 ? this.#own.get(address.d) : undefined) ?? address;
  }

  /** The interface whose address this is. */
  holder(words: AddressWords): NetworkInterface | undefined {
    for (const iface of this.#interfaces) if (iface.has(words)) return iface;
    return undefined;
  }

  /**
   * Is a datagram for this address or broadcast of the stack taken by this interface? What comes from inside is; the
   * limited broadcast and groups belong to no interface.
   */
  takes(iface: NetworkInterface, words: AddressWords): boolean {
    if (this.hostModel === 'weak' || iface.loopback) return true;
    return isLimitedBroadcast(words) || isMulticast(words) || iface.has(words) || iface.hasBroadcast(words);
  }

  /**
   * An anycast address of a router's own network, on the link that it is reached by. It is none of the stack's addresses: nobody
   * can bind it, and nothing is sent from it.
   */
  isAnycast(iface: NetworkInterface, words: AddressWords): boolean {
    // Of packets that are passed on hardly one gets further.
    if (!this.isRouter6 || (words.d & this.#anycastZeros) !== 0) return false;
    // RFC 4007 §9: a link-local address belongs to one link.
    if (this.hostModel === 'strong' || needsZone(words)) return hasAnycast(iface, words);
    return this.#interfaces.some((one) => hasAnycast(one, words));
  }

  /** One of the stack's own unicast addresses; all of 127.0.0.0/8 is (RFC 1122 §3.2.1.3 (g)). */
  isLocal(words: AddressWords): boolean {
    return this.classify(words) === 'local';
  }

  // [S-028] RFC 1122 §3.3.6: 255.255.255.255 and the directed broadcasts of the stack's networks. The obsolete
  // all-zeros forms are ordinary addresses, as in Linux since 5.14.
  classify(words: AddressWords): AddressKind {
    if (words.family === 4) {
      const known = this.#ipv4.get(words.d);
      if (known !== undefined) return known;
      if (isLimitedBroadcast(words)) return 'broadcast';
    } else {
      for (const own of this.#ipv6) if (sameAddress(own, words)) return 'local';
    }
    if (isLoopback(words)) return 'local';
    return isMulticast(words) ? 'multicast' : 'other';
  }
}

/** One of the interface's own networks has this subnet-router anycast address. */
export function hasAnycast({ addresses }: NetworkInterface, words: AddressWords): boolean {
  for (const cidr of addresses) {
    const address = subnetRouterAddress(cidr);
    if (address !== undefined && sameAddress(address, words)) return true;
  }
  return false;
}

import type { Address, AddressWords } from '../wire/address.ts';
import { isUnspecified, sameAddress } from '../wire/address.ts';

/**
 * What a socket is bound to. One of IPv6 that is bound to `::` takes IPv4 as well, unless it is `ipv6Only`; one that is
 * bound to `::ffff:a.b.c.d` takes IPv4 alone (RFC 3493 §3.7, §5.3).
 */
export class Binding {
  /** As it was given. */
  readonly given: Address;
  /** The address that packets carry: IPv4 where a mapped one was given. Unspecified for all. */
  readonly address: Address;
  readonly ipv6Only: boolean;
  /** Index of the interface that packets must come by. Linux: SO_BINDTODEVICE. */
  readonly device: number | undefined;

  constructor(given: Address, ipv6Only: boolean, device?: number) {
    this.given = given;
    this.address = given.unmapped();
    this.ipv6Only = ipv6Only;
    this.device = device;
  }

  /** Takes packets for any address of both families. */
  get dual(): boolean {
    return this.address.family === 6 && !this.ipv6Only && isUnspecified(this.address);
  }

  /**
   * How well a local address fits: 0 not at all, 1 as any of both families, 2 as any of its own, 3 exactly; half more
   * where it is bound to the interface, too.
   *
   * @param interfaceIndex the interface that a packet came by; undefined where that does not matter
   */
  fit(local: AddressWords, interfaceIndex?: number): number {
    const { device } = this;
    const fit = this.#fit(local);
    if (device === undefined || fit === 0) return fit;
    return interfaceIndex === undefined || interfaceIndex === device ? fit + 0.5 : 0;
  }

  #fit(local: AddressWords): 0 | 1 | 2 | 3 {
    const { address } = this;
    if (!isUnspecified(address)) return sameAddress(address, local) ? 3 : 0;
    if (address.family === local.family) return 2;
    return this.dual ? 1 : 0;
  }

  /**
   * Is there an address that both stand for? Linux (ipv6_rcv_saddr_equal): `::` and `0.0.0.0` meet, and any IPv4 address
   * meets `::`, unless that is for IPv6 only. Bindings to two interfaces never meet (inet_csk_bind_conflict).
   */
  overlaps(other: Binding): boolean {
    if (this.device !== undefined && other.device !== undefined && this.device !== other.device) return false;
    return this.#covers(other) || other.#covers(this);
  }

  /** Does every address of the other fit? */
  #covers({ address, dual }: Binding): boolean {
    return dual ? this.dual : this.fit(address) > 0;
  }
}

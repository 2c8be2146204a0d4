import type { Address, AddressWords } from '../wire/address.ts';
import { isMulticast, isUnspecified, sameAddress } from '../wire/address.ts';

/** The loopback interface is the first of each stack. */
const LOOPBACK_INDEX = 1;

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
  /** Index of the interface of a link-local address's zone (Linux, inet6_bind: sk_bound_dev_if), else `device`. */
  readonly #link: number | undefined;

  constructor(given: Address, ipv6Only: boolean, device?: number, zone?: number) {
    this.given = given;
    this.address = given.unmapped();
    this.ipv6Only = ipv6Only;
    this.device = device;
    this.#link = device ?? zone;
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
    const link = this.#link;
    const fit = this.#fit(local);
    if (link === undefined || fit === 0) return fit;
    if (interfaceIndex === undefined || interfaceIndex === link) return fit + 0.5;
    // What the stack sends to an address of its own comes by the loopback interface, whatever link that is of.
    return this.device === undefined && interfaceIndex === LOOPBACK_INDEX && !isMulticast(local) ? fit : 0;
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
    const [one, two] = [this.#link, other.#link];
    if (one !== undefined && two !== undefined && one !== two) return false;
    return this.#covers(other) || other.#covers(this);
  }

  /** Does every address of the other fit? */
  #covers({ address, dual }: Binding): boolean {
    return dual ? this.dual : this.fit(address) > 0;
  }
}

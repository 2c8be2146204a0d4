import { usageError } from '../errors.ts';
import type { NetworkInterface } from '../ip/interface.ts';
import type { NeighbourCache } from '../ip/neighbour-cache.ts';
import type { NeighbourInfo } from '../ip/neighbour.ts';
import { Address, isIpv4Mapped, isUnspecified, needsZone } from '../wire/address.ts';
import type { AddressWords } from '../wire/address.ts';
import { isStationMac, MacAddress } from '../wire/mac.ts';

/**
 * The neighbours of an interface with their hardware addresses: those that ARP and neighbour discovery have found, and
 * those that the program has set. Links that carry IP packets have none.
 *
 * @example
 * const eth = stack.attach(link, { addresses: ['10.0.0.2/24'] });
 * eth.neighbours.set('10.0.0.1', '02:00:00:00:00:01'); // never asked for
 * eth.neighbours.list(); // [{ address: '10.0.0.1', mac: '02:00:00:00:00:01', state: 'PERMANENT', router: false }]
 * eth.neighbours.delete('10.0.0.1');
 */
export class Neighbours {
  readonly #iface: NetworkInterface;
  readonly #isElsewhere: (words: AddressWords) => boolean;

  /**
   * @internal Made by `Interface`.
   * @param isElsewhere is it no address of the stack, no broadcast and no group?
   */
  constructor(iface: NetworkInterface, isElsewhere: (words: AddressWords) => boolean) {
    this.#iface = iface;
    this.#isElsewhere = isElsewhere;
  }

  /**
   * Gives a neighbour its hardware address for good: it is not asked, and nothing that is heard changes it.
   *
   * @param mac like `02:00:00:00:00:01`, or in six bytes
   * @throws ERR_INVALID_ARG_VALUE for an address that is not unicast or the stack's own, and for a hardware address that is not
   * that of one other station; ERR_INVALID_ARG_TYPE; ERR_INVALID_STATE for an interface that is not on Ethernet
   */
  set(address: string | Address, mac: string | Uint8Array): void {
    const words = parse(address);
    if (!this.#isNeighbour(words)) {
      throw usageError('ERR_INVALID_ARG_VALUE', `${words} is not the address of one neighbour on ${this.#iface.name}`);
    }
    const hardware = mac instanceof Uint8Array ? MacAddress.fromBytes(mac) : MacAddress.parse(mac);
    const { ethernet, name } = this.#iface;
    // RFC 1812 §3.3.2: a group's or nobody's hardware address is never a neighbour's.
    if (!isStationMac(hardware) || ethernet?.mac.equals(hardware) === true) {
      throw usageError('ERR_INVALID_ARG_VALUE', `${hardware} is not the hardware address of one other station`);
    }
    if (ethernet === undefined) {
      const message = `${name} is not on Ethernet: it has no neighbours with hardware addresses`;
      throw usageError('ERR_INVALID_STATE', message, Error);
    }
    ethernet.neighbours.set(words, hardware);
  }

  /** What is known of a neighbour; undefined for nothing. */
  get(address: string | Address): NeighbourInfo | undefined {
    return this.#cache?.find(parse(address))?.describe();
  }

  /** Forgets a neighbour; the next packet to it asks for it. False when it was not known. */
  delete(address: string | Address): boolean {
    return this.#cache?.delete(parse(address)) ?? false;
  }

  /** All neighbours: a new array. */
  list(): NeighbourInfo[] {
    return this.#cache?.list() ?? [];
  }

  get #cache(): NeighbourCache | undefined {
    return this.#iface.ethernet?.neighbours;
  }

  #isNeighbour(address: Address): boolean {
    if (isUnspecified(address) || isIpv4Mapped(address)) return false;
    const { index, name, tentative } = this.#iface;
    // RFC 4007 §6: what is link-local is another host's on the link of another.
    if (needsZone(address) ? this.#iface.has(address) : !this.#isElsewhere(address)) return false;
    if (![undefined, name, String(index)].includes(address.zone)) return false;
    return !tentative.some((own) => own.address.equals(address));
  }
}

function parse(address: string | Address): Address {
  return address instanceof Address ? address : Address.parse(address);
}

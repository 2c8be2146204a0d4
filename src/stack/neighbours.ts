import { usageError } from '../errors.ts';
import type { NeighbourCache } from '../ip/neighbour-cache.ts';
import type { NeighbourInfo } from '../ip/neighbour.ts';
import { Address, isLimitedBroadcast, isMulticast, isUnspecified } from '../wire/address.ts';
import { MacAddress, NO_MAC } from '../wire/mac.ts';

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
  readonly #name: string;
  readonly #cache: NeighbourCache | undefined;

  /** @internal Made by `Interface`. */
  constructor(name: string, cache: NeighbourCache | undefined) {
    this.#name = name;
    this.#cache = cache;
  }

  /**
   * Gives a neighbour its hardware address for good: it is not asked, and nothing that is heard changes it.
   *
   * @param mac like `02:00:00:00:00:01`, or in six bytes
   * @throws ERR_INVALID_ARG_VALUE for an address that is not unicast or a wrong hardware address, ERR_INVALID_ARG_TYPE,
   * ERR_INVALID_STATE for an interface that is not on Ethernet
   */
  set(address: string | Address, mac: string | Uint8Array): void {
    const words = parse(address);
    if (isMulticast(words) || isUnspecified(words) || isLimitedBroadcast(words)) {
      throw usageError('ERR_INVALID_ARG_VALUE', `${words} is not the address of one neighbour`);
    }
    const hardware = mac instanceof Uint8Array ? MacAddress.fromBytes(mac) : MacAddress.parse(mac);
    if (hardware.equals(NO_MAC)) throw usageError('ERR_INVALID_ARG_VALUE', `${hardware} is nobody's address`);
    if (this.#cache === undefined) {
      const message = `${this.#name} is not on Ethernet: it has no neighbours with hardware addresses`;
      throw usageError('ERR_INVALID_STATE', message, Error);
    }
    this.#cache.set(words, hardware);
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
}

function parse(address: string | Address): Address {
  return address instanceof Address ? address : Address.parse(address);
}

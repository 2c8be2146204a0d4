import type { AddressWords } from '../wire/address.ts';
import type { NetworkInterface } from './interface.ts';

/**
 * The pair of addresses that was last found to be right by all rules: from a host elsewhere to one of the stack's own
 * addresses, by this interface. The packets of a batch mostly have the same pair, and the rules say the same of it until
 * an interface or an address changes.
 */
export class KnownPair {
  #interface: NetworkInterface | undefined = undefined;
  #generation: number = -1;
  #sourceA: number = 0;
  #sourceB: number = 0;
  #sourceC: number = 0;
  #sourceD: number = 0;
  #destinationA: number = 0;
  #destinationB: number = 0;
  #destinationC: number = 0;
  #destinationD: number = 0;

  /** @param generation that of `LocalAddresses` */
  is(iface: NetworkInterface, source: AddressWords, destination: AddressWords, generation: number): boolean {
    return (
      this.#sourceD === source.d &&
      this.#destinationD === destination.d &&
      this.#interface === iface &&
      this.#generation === generation &&
      this.#sourceA === source.a &&
      this.#sourceB === source.b &&
      this.#sourceC === source.c &&
      this.#destinationA === destination.a &&
      this.#destinationB === destination.b &&
      this.#destinationC === destination.c
    );
  }

  learn(iface: NetworkInterface, source: AddressWords, destination: AddressWords, generation: number): void {
    this.#interface = iface;
    this.#generation = generation;
    this.#sourceA = source.a;
    this.#sourceB = source.b;
    this.#sourceC = source.c;
    this.#sourceD = source.d;
    this.#destinationA = destination.a;
    this.#destinationB = destination.b;
    this.#destinationC = destination.c;
    this.#destinationD = destination.d;
  }
}

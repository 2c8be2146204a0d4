import type { Counters } from '../../buffer/counters.ts';
import { needsZone, solicitedNode } from '../../wire/address.ts';
import type { Address } from '../../wire/address.ts';
import type { Cidr } from '../../wire/cidr.ts';
import type { NetworkInterface } from '../interface.ts';
import { Autoconfiguration } from './autoconfiguration.ts';
import type { AutoconfigurationParts } from './autoconfiguration.ts';
import type { OwnAddress } from './own-address.ts';

export interface InterfaceAddressesParts extends Omit<AutoconfigurationParts, 'changed' | 'removed'> {
  readonly iface: NetworkInterface;
  readonly counters: Counters;
  /** Somebody else has an address. @param kept it stays in use here */
  readonly conflict: (address: Address, kept: boolean) => void;
  /** An address has another state; `removed`: its time is over. */
  readonly addressChanged: (own: OwnAddress, removed: boolean) => void;
  /** The solicited-node group of an address is needed, or no more (RFC 4861 §7.2.1). */
  readonly join?: ((group: Address) => void) | undefined;
  readonly leave?: ((group: Address) => void) | undefined;
}

/** Carries what autoconfiguration decides to the interface, and what the program does with the interface back. */
export class InterfaceAddresses {
  readonly autoconfiguration: Autoconfiguration;
  readonly #parts: InterfaceAddressesParts;
  /** Groups joined, by their text, with how many addresses need each. */
  readonly #groups = new Map<string, number>();

  constructor(parts: InterfaceAddressesParts) {
    this.#parts = parts;
    this.autoconfiguration = new Autoconfiguration({
      ...parts,
      changed: (own, from) => this.#changed(own, from !== undefined),
      removed: (own) => this.#removed(own),
    });
  }

  /** The interface may have other addresses: the program's are tried for duplicates, what it took away is forgotten. */
  follow(now: number): void {
    const { autoconfiguration } = this;
    const { addresses, tentative } = this.#parts.iface;
    for (const cidr of addresses) {
      if (autoconfiguration.find(cidr.address)?.usable !== true) this.#adopt(cidr, true, now);
    }
    for (const cidr of tentative) {
      const own = autoconfiguration.find(cidr.address);
      if (own?.origin !== 'manual' || own.state === 'duplicate') this.#adopt(cidr, false, now);
    }
    const held = [...addresses, ...tentative];
    for (const { cidr, origin, state, usable } of autoconfiguration.list()) {
      if (!usable && (origin !== 'manual' || state === 'duplicate')) continue;
      if (held.some(({ address }) => address.equals(cidr.address))) continue;
      autoconfiguration.release(cidr.address);
      this.#leave(cidr.address);
    }
  }

  #adopt(cidr: Cidr, inUse: boolean, now: number): void {
    if (cidr.address.family !== 6) return;
    const known = this.autoconfiguration.find(cidr.address);
    this.autoconfiguration.adopt(cidr, inUse, now);
    // One that was made by itself and is still tried has joined; a duplicate has left.
    if (known === undefined || known.state === 'duplicate') this.#join(cidr.address);
  }

  #changed(own: OwnAddress, known: boolean): void {
    const { cidr, state } = own;
    if (!known) this.#join(cidr.address);
    if (state === 'duplicate') this.#giveUp(cidr.address);
    else if (own.usable) this.#use(own);
    this.#parts.addressChanged(own, false);
  }

  #giveUp(address: Address): void {
    const { iface, counters, conflict } = this.#parts;
    counters.add('ndp-duplicate-address');
    this.#leave(address);
    conflict(address, false);
    if (iface.has(address)) iface.removeAddress(address);
    else iface.settle(address, false);
  }

  #use({ cidr, origin, state }: OwnAddress): void {
    const { iface } = this.#parts;
    const { address } = cidr;
    const deprecated = state === 'deprecated';
    const held = iface.addresses.find((other) => other.address.equals(address));
    if (held !== undefined) iface.describeAddress(held, { deprecated });
    else if (origin === 'manual') iface.settle(address, true);
    // RFC 5942 §4: that an address was made of a prefix does not say that the prefix is on the link.
    else iface.assign(cidr, { onLink: needsZone(address), temporary: origin === 'temporary', deprecated });
  }

  #removed(own: OwnAddress): void {
    const { iface, addressChanged } = this.#parts;
    const { address } = own.cidr;
    this.#leave(address);
    if (iface.has(address)) iface.removeAddress(address);
    addressChanged(own, true);
  }

  #join(address: Address): void {
    const group = solicitedNode(address);
    const key = group.toString();
    const count = this.#groups.get(key) ?? 0;
    this.#groups.set(key, count + 1);
    if (count === 0) this.#parts.join?.(group);
  }

  #leave(address: Address): void {
    const group = solicitedNode(address);
    const key = group.toString();
    const count = this.#groups.get(key) ?? 0;
    if (count > 1) this.#groups.set(key, count - 1);
    else if (this.#groups.delete(key)) this.#parts.leave?.(group);
  }
}

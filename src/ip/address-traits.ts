import type { Cidr } from '../wire/cidr.ts';

/** What is known of an interface's address besides its numbers. */
export interface AddressTraits {
  /** Its network is on the link: a connected route leads there. Else others say what is (RFC 5942 §4). */
  readonly onLink: boolean;
  /** It changes from time to time (RFC 8981). */
  readonly temporary: boolean;
  /** What begins now should take another (RFC 4862 §5.5.4). */
  deprecated: boolean;
}

/** Addresses that somebody gave an interface by hand. */
const ORDINARY: AddressTraits = { onLink: true, temporary: false, deprecated: false };

/** By the object that an interface has among its addresses. */
const known = new WeakMap<Cidr, AddressTraits>();

export function traitsOf(cidr: Cidr): Readonly<AddressTraits> {
  return known.get(cidr) ?? ORDINARY;
}

export function setTraits(cidr: Cidr, traits: AddressTraits): void {
  known.set(cidr, traits);
}

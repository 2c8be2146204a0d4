import type { Address, AddressWords } from '../wire/address.ts';
import { isLinkLocal, isLoopback, Scope, scopeOf } from '../wire/address.ts';
import type { Cidr } from '../wire/cidr.ts';
import { labelOf, precedenceOf } from './address-labels.ts';
import { traitsOf } from './address-traits.ts';
import { commonPrefix } from './source-address.ts';

/** What the rules ask of a destination and of the source that it would be sent to from. */
interface Candidate {
  readonly address: Address;
  readonly usable: boolean;
  readonly scopesMatch: boolean;
  readonly deprecated: boolean;
  readonly labelsMatch: boolean;
  readonly precedence: number;
  readonly scope: number;
  readonly prefix: number;
}

/**
 * The destinations in the order in which they should be tried ([S-048] RFC 6724 §6): a new array, stable.
 *
 * @param sourceTo the stack's own address that would be the source; undefined where there is none, or no way
 */
export function orderDestinations(
  destinations: readonly Address[],
  sourceTo: (destination: Address) => Cidr | undefined,
): Address[] {
  const candidates = destinations.map((address) => candidateOf(address, sourceTo(address)));
  // Rule 10: otherwise, leave the order unchanged.
  return candidates.toSorted(compare).map(({ address }) => address);
}

function candidateOf(address: Address, source: Cidr | undefined): Candidate {
  const own = source?.address;
  const scope = reachOf(address);
  const label = labelOf(address);
  return {
    address,
    usable: own !== undefined,
    scopesMatch: own !== undefined && reachOf(own) === scope,
    deprecated: source !== undefined && traitsOf(source).deprecated,
    labelsMatch: own !== undefined && labelOf(own) === label,
    precedence: precedenceOf(label),
    scope,
    prefix: source === undefined ? 0 : prefixInCommon(source, address),
  };
}

/** Negative where `one` is preferred. Rules 4 and 7 are about mobility and tunnels, which the stack does not have. */
function compare(one: Candidate, other: Candidate): number {
  // Rule 1: avoid unusable destinations.
  if (one.usable !== other.usable) return one.usable ? -1 : 1;
  // Rule 2: prefer matching scope.
  if (one.scopesMatch !== other.scopesMatch) return one.scopesMatch ? -1 : 1;
  // Rule 3: avoid deprecated addresses.
  if (one.deprecated !== other.deprecated) return one.deprecated ? 1 : -1;
  // Rule 5: prefer matching label.
  if (one.labelsMatch !== other.labelsMatch) return one.labelsMatch ? -1 : 1;
  // Rule 6: prefer higher precedence.
  if (one.precedence !== other.precedence) return other.precedence - one.precedence;
  // Rule 8: prefer smaller scope.
  if (one.scope !== other.scope) return one.scope - other.scope;
  // Rule 9: use longest matching prefix.
  return one.address.family === other.address.family ? other.prefix - one.prefix : 0;
}

/** RFC 6724 §3.2: of IPv4, 169.254/16 and 127/8 have link-local scope, others, private ones among them, global. */
function reachOf(words: AddressWords): number {
  if (words.family === 6) return scopeOf(words);
  return isLinkLocal(words) || isLoopback(words) ? Scope.LINK : Scope.GLOBAL;
}

/**
 * Of IPv4 only a network of the stack's own is near; further bits say nothing, and to count them would undo the rotation by
 * which names spread their load (glibc does so, too; §6 allows it).
 */
function prefixInCommon(source: Cidr, destination: Address): number {
  if (destination.family === 6) return commonPrefix(source, destination);
  return source.contains(destination) ? source.prefixLength : 0;
}

import type { Address, AddressWords } from '../wire/address.ts';
import { needsZone, scopeOf } from '../wire/address.ts';
import type { Cidr } from '../wire/cidr.ts';
import { labelOf } from './address-labels.ts';
import type { NetworkInterface } from './interface.ts';
import { traitsOf } from './address-traits.ts';

/**
 * The IPv6 address to send from towards `destination` ([S-048] RFC 6724 §5): the one whose scope fits, among equals one that is
 * not deprecated, that with the destination's label, a temporary one, then that with the longest common prefix, then the first.
 * Rules 1 and 5 are met by whoever calls: what is the stack's own it reaches inside, and the candidates are those of the
 * outgoing interface where it has any.
 */
export function selectSource(candidates: readonly Cidr[], destination: AddressWords): Address | undefined {
  let best: Cidr | undefined;
  for (const candidate of candidates) {
    if (candidate.address.family !== 6) continue;
    if (best === undefined || isBetter(candidate, best, destination)) best = candidate;
  }
  return best?.address;
}

/**
 * The address to send from by `iface` towards `peer`: its own, or where it has none that would do one of another
 * interface, as Linux does.
 *
 * @param target the peer, or the gateway to it
 */
export function sourceBy(
  iface: NetworkInterface,
  target: AddressWords,
  peer: AddressWords,
  interfaces: Iterable<NetworkInterface>,
): Address | undefined {
  const own = iface.sourceFor(target);
  return own !== undefined && scopeSuffices(own, peer) ? own : (lentSource(interfaces, peer) ?? own);
}

function lentSource(interfaces: Iterable<NetworkInterface>, peer: AddressWords): Address | undefined {
  const candidates: Cidr[] = [];
  for (const iface of interfaces) {
    if (iface.loopback) continue;
    if (peer.family === 6) candidates.push(...iface.addresses.filter(({ address }) => !needsZone(address)));
    const lent = peer.family === 4 ? iface.sourceFor(peer) : undefined;
    if (lent !== undefined) return lent;
  }
  return peer.family === 6 ? selectSource(candidates, peer) : undefined;
}

/** Whether an address of this scope reaches as far as the destination. Of IPv4 addresses all do. */
function scopeSuffices(source: AddressWords, destination: AddressWords): boolean {
  return destination.family === 4 || scopeOf(source) >= scopeOf(destination);
}

function isBetter(candidate: Cidr, best: Cidr, destination: AddressWords): boolean {
  const ours = scopeOf(candidate.address);
  const theirs = scopeOf(best.address);
  // Rule 2: prefer appropriate scope.
  if (ours !== theirs) {
    const wanted = scopeOf(destination);
    return ours < theirs ? ours >= wanted : theirs < wanted;
  }
  // Rule 3: avoid deprecated addresses.
  const [traits, bestTraits] = [traitsOf(candidate), traitsOf(best)];
  if (traits.deprecated !== bestTraits.deprecated) return bestTraits.deprecated;
  // Rule 6: prefer matching label.
  const label = labelOf(destination);
  const [matches, bestMatches] = [labelOf(candidate.address) === label, labelOf(best.address) === label];
  if (matches !== bestMatches) return matches;
  // Rule 7: prefer temporary addresses, as those who want them do.
  if (traits.temporary !== bestTraits.temporary) return traits.temporary;
  // Rule 8: use longest matching prefix, as far as the source's own prefix goes.
  return commonPrefix(candidate, destination) > commonPrefix(best, destination);
}

/** Bits that a source and a destination have in common, as far as the source's own prefix goes (RFC 6724 §2.2). Of IPv6. */
export function commonPrefix({ address, prefixLength }: Cidr, { a, b, c, d }: AddressWords): number {
  let bits = Math.clz32(address.a ^ a);
  if (bits === 32) bits += Math.clz32(address.b ^ b);
  if (bits === 64) bits += Math.clz32(address.c ^ c);
  if (bits === 96) bits += Math.clz32(address.d ^ d);
  return Math.min(bits, prefixLength);
}

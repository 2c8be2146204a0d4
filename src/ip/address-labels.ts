import type { AddressWords } from '../wire/address.ts';
import { isIpv4Mapped, isLoopback, Scope, scopeOf } from '../wire/address.ts';

/**
 * The label of an IPv6 address: source and destination should have the same one, so that 6to4 goes to 6to4 and unique local
 * to unique local. The default policy table of RFC 6724 §2.1; its precedences order destinations, which is done by whoever
 * finds a name's addresses.
 */
export function labelOf(words: AddressWords): number {
  const { a, b, c } = words;
  if (isLoopback(words)) return 0;
  if (isIpv4Mapped(words)) return 4;
  // ::/96: IPv4-compatible addresses.
  if (a === 0 && b === 0 && c === 0) return 3;
  // Teredo, 6to4, 6bone.
  if (a === 0x2001_0000) return 5;
  if (a >>> 16 === 0x2002) return 2;
  if (a >>> 16 === 0x3ffe) return 12;
  if (scopeOf(words) === Scope.SITE) return 11;
  // fc00::/7: unique local.
  return a >>> 25 === 0x7e ? 13 : 1;
}

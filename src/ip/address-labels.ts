import type { AddressWords } from '../wire/address.ts';
import { isIpv4Mapped, isLoopback, Scope, scopeOf } from '../wire/address.ts';

/**
 * The label of an IPv6 address: source and destination should have the same one, so that 6to4 goes to 6to4 and unique local
 * to unique local. IPv4 is looked up as `::ffff:0:0/96` (§3.2). The default policy table of RFC 6724 §2.1.
 */
export function labelOf(words: AddressWords): number {
  const { a, b, c } = words;
  if (words.family === 6 && isLoopback(words)) return 0;
  if (words.family === 4 || isIpv4Mapped(words)) return 4;
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

/** By label, which each line of the table has to itself. */
const PRECEDENCES: Readonly<Record<number, number>> = { 0: 50, 1: 40, 2: 30, 3: 1, 4: 35, 5: 5, 11: 1, 12: 1, 13: 3 };

/** The precedence that the same table gives to what has this label: destinations with a higher one are tried first. */
export function precedenceOf(label: number): number {
  return PRECEDENCES[label]!;
}

import type { AddressWords } from '../wire/address.ts';
import { isIpv4Mapped, isLinkLocal, isLoopback, isMulticast, isUnspecified } from '../wire/address.ts';

/**
 * May a packet from or to this address pass a router? RFC 1812 §4.2.2.11, §5.3.7, RFC 3927 §2.7, RFC 4291 §2.5, and what
 * RFC 6890 calls not forwardable. The networks for documentation are let through, though they are among these: in a
 * network of a program's own they are as good as any.
 */
export function passes(words: AddressWords): boolean {
  if (words.family === 4)
    return !isThisNetwork(words) && !isLoopback(words) && !isLinkLocal(words) && isClassABC(words);
  return (
    !isUnspecified(words) && !isLoopback(words) && !isMulticast(words) && !isLinkLocal(words) && !isIpv4Mapped(words)
  );
}

/** 0.0.0.0/8: "this host on this network" (RFC 1122 §3.2.1.3 (a), (b)). */
export function isThisNetwork(words: AddressWords): boolean {
  return words.family === 4 && words.d >>> 24 === 0;
}

/** 240.0.0.0/4: reserved, no host's address (RFC 1112 §4, RFC 6890 §2.2.2). 255.255.255.255 is in it. */
export function isReserved(words: AddressWords): boolean {
  return words.family === 4 && words.d >>> 28 === 15;
}

/** Below 224.0.0.0: neither a group nor reserved. */
function isClassABC({ d }: AddressWords): boolean {
  return d >>> 29 !== 7;
}

/** A network in which no host can be: of groups, of the host itself, of addresses that stand for IPv4's (RFC 4291 §2.5, §2.7). */
export function isNobodysNetwork({ prefix, prefixLength }: { prefix: AddressWords; prefixLength: number }): boolean {
  if (prefixLength === 0) return false;
  return isMulticast(prefix) || isLoopback(prefix) || isUnspecified(prefix) || isIpv4Mapped(prefix);
}

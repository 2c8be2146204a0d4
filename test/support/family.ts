/**
 * The family of addresses that tests of the layers above IP run with. They say nothing of it themselves, and so run twice:
 * the project `ipv6` of vitest.config.ts runs them again over IPv6.
 */
export const FAMILY: 4 | 6 = process.env['USERNET_TEST_FAMILY'] === '6' ? 6 : 4;

/** Segments are as long over IPv6 as over IPv4: its links carry as much more as its header is longer, in bytes. */
export const MORE_HEADER: number = FAMILY === 6 ? 20 : 0;

/** Bytes of an IP and a TCP header without options. */
export const HEADERS: number = 40 + MORE_HEADER;

/** RFC 9293 §3.7.1: the segments that a peer takes that says nothing of them, [MUST-15]. */
export const DEFAULT_MSS: number = FAMILY === 6 ? 1220 : 536;

/**
 * Segments that carry this much fill the smallest link of a test: what every link must carry of IPv6 (RFC 8200 §5), and
 * less over IPv4.
 */
export const SMALLER_MSS: number = FAMILY === 6 ? 1220 : 960;

/** Segments with which a search for the path's MTU begins, search_low of RFC 4821 §7.2, and its first probe. */
export const SEARCH: { begin: number; probe: number } =
  FAMILY === 6 ? { begin: 1220, probe: 1340 } : { begin: 1024, probe: 1240 };

const PREFIX = FAMILY === 6 ? 'fd00::' : '10.0.0.';
const LENGTH = FAMILY === 6 ? 64 : 24;

/** The hosts of a network, by their number from 1 to 254: its digits are the end of the address. */
export function hostAt(n: number): string {
  return `${PREFIX}${n}`;
}

/** The same with the length of the network's prefix, as interfaces are given it. */
export function cidrAt(n: number): string {
  return `${hostAt(n)}/${LENGTH}`;
}

/** Where a listener hears all of the family's addresses. */
export const ANY: string = FAMILY === 6 ? '::' : '0.0.0.0';

/** The host itself. */
export const LOOPBACK: string = FAMILY === 6 ? '::1' : '127.0.0.1';

/** An address that nobody has (RFC 5737, RFC 3849). */
export const FOREIGN: string = FAMILY === 6 ? '2001:db8::1' : '192.0.2.1';

/** What Node calls the family. */
export const FAMILY_NAME: 'IPv4' | 'IPv6' = FAMILY === 6 ? 'IPv6' : 'IPv4';

/** An address as a socket that hears both families sees it. */
export function seenByBoth(address: string): string {
  return FAMILY === 6 ? address : `::ffff:${address}`;
}

/** An address as it stands in a URL (RFC 3986 §3.2.2). */
export function inUrl(address: string): string {
  return FAMILY === 6 ? `[${address}]` : address;
}

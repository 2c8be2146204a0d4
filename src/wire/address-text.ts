/**
 * The text forms of IP addresses: dotted decimal, RFC 4291 §2.2 (read), RFC 5952 (written).
 * Addresses are int32 words in network order here; `Address` is the form that users see.
 */

const DECIMAL_OCTET = /^(?:0|[1-9]\d{0,2})$/;
const HEX_GROUP = /^[0-9a-fA-F]{1,4}$/;
/** `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255` */
const LONGEST_IPV6 = 45;

/** The four words of an IPv6 address. */
export type Ipv6Words = readonly [a: number, b: number, c: number, d: number];

/** Four decimal octets without leading zeros, as an int32; `undefined` when the text is anything else. */
export function readIpv4Text(text: string): number | undefined {
  const octets = text.split('.', 5);
  if (octets.length !== 4) return undefined;
  let word = 0;
  for (const octet of octets) {
    // A leading zero is refused: some readers take it for octal (RFC 6943 §3.1.1).
    if (!DECIMAL_OCTET.test(octet)) return undefined;
    const value = Number(octet);
    if (value > 255) return undefined;
    word = (word << 8) | value;
  }
  return word;
}

/** An IPv6 address without a zone, in any form of RFC 4291 §2.2; `undefined` when the text is anything else. */
export function readIpv6Text(text: string): Ipv6Words | undefined {
  if (text.length > LONGEST_IPV6) return undefined;
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const compressed = halves.length === 2;
  const head = readGroups(halves[0]!, !compressed);
  const tail = compressed ? readGroups(halves[1]!, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  // RFC 4291 §2.2: "::" stands for one or more groups.
  if (compressed ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  const word = (i: number): number => (groups[2 * i]! << 16) | groups[2 * i + 1]!;
  return [word(0), word(1), word(2), word(3)];
}

/** Groups of hexadecimal digits between colons; the last may be an IPv4 address where `mayEndInIpv4`. */
function readGroups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  const last = parts.length - 1;
  for (const [i, part] of parts.entries()) {
    if (HEX_GROUP.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const word = i === last && mayEndInIpv4 ? readIpv4Text(part) : undefined;
    if (word === undefined) return undefined;
    groups.push(word >>> 16, word & 0xffff);
  }
  return groups;
}

/** Dotted decimal. */
export function writeIpv4Text(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

/** The canonical form of RFC 5952: lower case, no leading zeros, the longest run of zeros as `::`. */
export function writeIpv6Text(a: number, b: number, c: number, d: number): string {
  // RFC 5952 §5: IPv4-mapped addresses end in dotted decimal.
  if (a === 0 && b === 0 && c === 0xffff) return `::ffff:${writeIpv4Text(d)}`;
  const groups = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff, c >>> 16, c & 0xffff, d >>> 16, d & 0xffff];
  const [start, length] = longestZeroRun(groups);
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  // RFC 5952 §4.2.2: a single zero group is not shortened.
  return length < 2 ? hex(0, 8) : `${hex(0, start)}::${hex(start + length, 8)}`;
}

/** RFC 5952 §4.2.3: the longest run is shortened, the first of several. */
function longestZeroRun(groups: readonly number[]): [start: number, length: number] {
  let start = 0;
  let length = 0;
  let run = 0;
  for (const [i, group] of groups.entries()) {
    run = group === 0 ? run + 1 : 0;
    if (run > length) {
      length = run;
      start = i + 1 - run;
    }
  }
  return [start, length];
}

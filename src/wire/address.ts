import { usageError } from '../errors.ts';
import { readIpv4Text, readIpv6Text, writeIpv4Text, writeIpv6Text } from './address-text.ts';
import { showText } from './inspect.ts';

/**
 * An address as four int32 words in network order, so that the data path compares and hashes plain numbers.
 * IPv4 is kept in mapped form (a = 0, b = 0, c = 0xffff, d = the address); `family` tells it apart from the IPv6
 * address `::ffff:…`.
 */
export interface AddressWords {
  readonly family: 4 | 6;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}

/** The third word of an IPv4-mapped address. */
const MAPPED = 0xffff;
const ALL_HOSTS = 0xe000_0001 | 0;
const ALL_NODES_OF_INTERFACE = 0xff01_0000 | 0;
const ALL_NODES_OF_LINK = 0xff02_0000 | 0;
/** The first byte of the last word of a solicited-node group. */
const SOLICITED = 0xff00_0000 | 0;
const ZONE = /^[^\s%/]+$/;

/**
 * An IP address of either family. Immutable.
 *
 * @example
 * Address.parse('2001:DB8:0:0::1').toString(); // '2001:db8::1'
 * Address.parse('10.0.0.1').equals(Address.fromIpv4(0x0a000001)); // true
 */
export class Address implements AddressWords {
  static {
    showText(this.prototype, 'Address');
  }

  readonly family: 4 | 6;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
  /** Which link a link-local IPv6 address belongs to: `eth0` in `fe80::1%eth0` (RFC 4007 §11). */
  readonly zone: string | undefined;
  #text: string | undefined;

  private constructor(family: 4 | 6, a: number, b: number, c: number, d: number, zone?: string) {
    this.family = family;
    this.a = a;
    this.b = b;
    this.c = c;
    this.d = d;
    this.zone = zone;
  }

  /**
   * Reads an address: IPv4 as four decimal numbers without leading zeros, IPv6 in every form of RFC 4291 §2.2,
   * with an optional `%zone`.
   *
   * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
   */
  static parse(text: string): Address {
    if (typeof text !== 'string') {
      throw usageError('ERR_INVALID_ARG_TYPE', `an address must be a string, not ${typeof text}`);
    }
    const address = Address.tryParse(text);
    if (address !== undefined) return address;
    const hint = text.includes('/') ? 'leave the prefix length out' : 'write it like 10.0.0.1';
    throw usageError('ERR_INVALID_ARG_VALUE', `'${text}' is not an IP address: ${hint}`);
  }

  /** Reads an address as `parse` does; `undefined` when the text is none. */
  static tryParse(text: string): Address | undefined {
    if (!text.includes(':')) {
      const word = readIpv4Text(text);
      return word === undefined ? undefined : Address.fromIpv4(word);
    }
    const percent = text.indexOf('%');
    const zone = percent < 0 ? undefined : text.slice(percent + 1);
    if (zone !== undefined && !ZONE.test(zone)) return undefined;
    const words = readIpv6Text(percent < 0 ? text : text.slice(0, percent));
    return words === undefined ? undefined : new Address(6, ...words, zone);
  }

  /** The IPv4 address with this value (signed or unsigned 32 bits, network order). */
  static fromIpv4(word: number): Address {
    return new Address(4, 0, 0, MAPPED, word | 0);
  }

  /** The address that these words stand for at this moment, with a zone where one is given. */
  static fromWords(words: AddressWords, zone?: string): Address {
    if (words instanceof Address && zone === undefined) return words;
    return new Address(words.family, words.a, words.b, words.c, words.d, zone);
  }

  /**
   * The address in 4 or 16 bytes.
   *
   * @throws ERR_INVALID_ARG_VALUE for any other length
   */
  static fromBytes(bytes: Uint8Array): Address {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.byteLength === 4) return Address.fromIpv4(view.getInt32(0));
    if (bytes.byteLength === 16) {
      return new Address(6, view.getInt32(0), view.getInt32(4), view.getInt32(8), view.getInt32(12));
    }
    throw usageError('ERR_INVALID_ARG_VALUE', `an address has 4 or 16 bytes, not ${bytes.byteLength}`);
  }

  /** The address in 4 or 16 bytes, newly allocated. */
  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.family === 4 ? 4 : 16);
    writeAddress(new DataView(bytes.buffer), 0, this);
    return bytes;
  }

  /** IPv4 as the IPv6 address `::ffff:a.b.c.d` that stands for it (RFC 4291 §2.5.5.2); IPv6 as it is. */
  mapped(): Address {
    return this.family === 6 ? this : new Address(6, this.a, this.b, this.c, this.d);
  }

  /** The IPv4 address that `::ffff:a.b.c.d` stands for; any other address as it is. */
  unmapped(): Address {
    return isIpv4Mapped(this) ? Address.fromIpv4(this.d) : this;
  }

  /** Same family, same words; zones are not compared. */
  equals(other: AddressWords): boolean {
    return sameAddress(this, other);
  }

  /** Dotted decimal, or the canonical form of RFC 5952 with the zone behind it. */
  toString(): string {
    this.#text ??= this.family === 4 ? writeIpv4Text(this.d) : this.#ipv6Text();
    return this.#text;
  }

  #ipv6Text(): string {
    const text = writeIpv6Text(this.a, this.b, this.c, this.d);
    return this.zone === undefined ? text : `${text}%${this.zone}`;
  }
}

/** An address that is overwritten packet after packet. Whoever keeps it calls `toAddress`. */
export class AddressRegister implements AddressWords {
  family: 4 | 6 = 4;
  a: number = 0;
  b: number = 0;
  c: number = MAPPED;
  d: number = 0;

  /** Takes an IPv4 address as a signed or unsigned 32-bit number. */
  setIpv4(word: number): void {
    this.family = 4;
    this.a = 0;
    this.b = 0;
    this.c = MAPPED;
    this.d = word | 0;
  }

  /** Takes the 16 bytes at `offset`. */
  setIpv6(view: DataView, offset: number): void {
    this.family = 6;
    this.a = view.getInt32(offset);
    this.b = view.getInt32(offset + 4);
    this.c = view.getInt32(offset + 8);
    this.d = view.getInt32(offset + 12);
  }

  /** Takes over another address. */
  set(words: AddressWords): void {
    this.family = words.family;
    this.a = words.a;
    this.b = words.b;
    this.c = words.c;
    this.d = words.d;
  }

  /** @param zone which link a link-local address belongs to */
  toAddress(zone?: string): Address {
    return Address.fromWords(this, zone);
  }

  /** The text of the address at this moment. */
  toString(): string {
    return this.toAddress().toString();
  }
}

/** Same family, same words. */
export function sameAddress(x: AddressWords, y: AddressWords): boolean {
  return x.d === y.d && x.c === y.c && x.b === y.b && x.a === y.a && x.family === y.family;
}

/** Writes the 4 or 16 bytes of an address in network order. */
export function writeAddress(view: DataView, offset: number, words: AddressWords): void {
  if (words.family === 4) return view.setInt32(offset, words.d);
  view.setInt32(offset, words.a);
  view.setInt32(offset + 4, words.b);
  view.setInt32(offset + 8, words.c);
  view.setInt32(offset + 12, words.d);
}

/** `0.0.0.0` or `::`. */
export function isUnspecified(words: AddressWords): boolean {
  if (words.family === 4) return words.d === 0;
  return words.a === 0 && words.b === 0 && words.c === 0 && words.d === 0;
}

/** `127.0.0.0/8` (RFC 1122 §3.2.1.3) or `::1` (RFC 4291 §2.5.3). */
export function isLoopback(words: AddressWords): boolean {
  if (words.family === 4) return words.d >>> 24 === 127;
  return words.a === 0 && words.b === 0 && words.c === 0 && words.d === 1;
}

/** `224.0.0.0/4` (RFC 1112 §4) or `ff00::/8` (RFC 4291 §2.7). */
export function isMulticast(words: AddressWords): boolean {
  return words.family === 4 ? words.d >>> 28 === 14 : words.a >>> 24 === 255;
}

/** `255.255.255.255`. A subnet's own broadcast address is `Cidr.broadcast`. */
export function isLimitedBroadcast(words: AddressWords): boolean {
  return words.family === 4 && words.d === -1;
}

/** `169.254.0.0/16` (RFC 3927) or `fe80::/10` (RFC 4291 §2.5.6). */
export function isLinkLocal(words: AddressWords): boolean {
  return words.family === 4 ? words.d >>> 16 === 0xa9fe : words.a >>> 22 === 0x3fa;
}

/** `::ffff:0:0/96`: an IPv4 address in the clothes of IPv6, for sockets of both; never in a packet (RFC 4291 §2.5.5.2). */
export function isIpv4Mapped(words: AddressWords): boolean {
  return words.family === 6 && words.a === 0 && words.b === 0 && words.c === MAPPED;
}

/** `fe80::/10`: means a host only together with a zone, the interface (RFC 4007 §6). */
export function needsZone(words: AddressWords): boolean {
  return words.family === 6 && isLinkLocal(words);
}

/** `ff01::/16`: never leaves the interface (RFC 4291 §2.7). */
export function isInterfaceLocal(words: AddressWords): boolean {
  return words.family === 6 && isMulticast(words) && scopeOf(words) === Scope.INTERFACE;
}

/** The group that every host is in: 224.0.0.1 (RFC 1112 §4), `ff01::1` and `ff02::1` (RFC 4291 §2.7.1). */
export function isAllHosts(words: AddressWords): boolean {
  if (words.family === 4) return words.d === ALL_HOSTS;
  const { a, b, c, d } = words;
  return (a === ALL_NODES_OF_INTERFACE || a === ALL_NODES_OF_LINK) && b === 0 && c === 0 && d === 1;
}

/** The group that whoever has an IPv6 address joins, so that few are asked for it (RFC 4291 §2.7.1). */
export function solicitedNode(words: AddressWords): Address {
  return Address.fromWords({ family: 6, a: ALL_NODES_OF_LINK, b: 0, c: 1, d: SOLICITED | (words.d & 0xff_ffff) });
}

/** `ff02::1:ff00:0/104` */
export function isSolicitedNode(words: AddressWords): boolean {
  const { family, a, b, c, d } = words;
  return family === 6 && a === ALL_NODES_OF_LINK && b === 0 && c === 1 && d >>> 24 === 255;
}

/** How far an IPv6 address reaches, as RFC 4291 §2.7 numbers it: unicast ones are of link, site or global scope. */
export const Scope = { INTERFACE: 1, LINK: 2, SITE: 5, GLOBAL: 14 } as const;

/** The scope of an IPv6 address: a `Scope`, or another value that a multicast address has. */
export function scopeOf(words: AddressWords): number {
  if (isMulticast(words)) return (words.a >>> 16) & 15;
  // RFC 6724 §3.1, §3.4: ::1 has link-local scope; unique local addresses (RFC 4193 §3.3) have global scope.
  if (isLinkLocal(words) || isLoopback(words)) return Scope.LINK;
  // fec0::/10: nobody gives these any more (RFC 4291 §2.5.7), but whoever has them has them.
  return words.a >>> 22 === 0x3fb ? Scope.SITE : Scope.GLOBAL;
}

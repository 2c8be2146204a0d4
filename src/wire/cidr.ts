import { usageError } from '../errors.ts';
import { Address } from './address.ts';
import type { AddressWords } from './address.ts';
import { showText } from './inspect.ts';

const PREFIX_LENGTH = /^(?:0|[1-9]\d{0,2})$/;

/**
 * An address with the length of its network's prefix: what an interface or a route is given. Immutable.
 *
 * @example
 * const cidr = Cidr.parse('10.0.0.2/24');
 * cidr.network.toString(); // '10.0.0.0'
 * cidr.contains(Address.parse('10.0.0.77')); // true
 */
export class Cidr {
  static {
    showText(this.prototype, 'Cidr');
  }

  /** The address as given, host bits included. */
  readonly address: Address;
  /** 0 to 32 for IPv4, 0 to 128 for IPv6. */
  readonly prefixLength: number;
  /** The first address of the network: all host bits zero. */
  readonly network: Address;
  /** The network's broadcast address; `undefined` for IPv6, /31 (RFC 3021 §2.1) and /32. */
  readonly broadcast: Address | undefined;
  readonly #mask: AddressWords;

  /** @throws ERR_OUT_OF_RANGE when the family has no such prefix length */
  constructor(address: Address, prefixLength: number) {
    const bits = address.family === 4 ? 32 : 128;
    if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > bits) {
      const message = `the prefix length of ${address} must be a whole number from 0 to ${bits}, not ${prefixLength}`;
      throw usageError('ERR_OUT_OF_RANGE', message, RangeError);
    }
    const { family } = address;
    const mask = maskOf(family, prefixLength);
    this.address = address;
    this.prefixLength = prefixLength;
    this.network = Address.fromWords({
      family,
      a: address.a & mask.a,
      b: address.b & mask.b,
      c: address.c & mask.c,
      d: address.d & mask.d,
    });
    this.broadcast = family === 4 && prefixLength < 31 ? Address.fromIpv4(address.d | ~mask.d) : undefined;
    this.#mask = mask;
  }

  /**
   * Reads `address/prefixLength`.
   *
   * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
   */
  static parse(text: string): Cidr {
    if (typeof text !== 'string') {
      throw usageError('ERR_INVALID_ARG_TYPE', `a network must be a string, not ${typeof text}`);
    }
    const cidr = Cidr.tryParse(text);
    if (cidr !== undefined) return cidr;
    throw usageError('ERR_INVALID_ARG_VALUE', `'${text}' is not a network: ${hintFor(text)}`);
  }

  /** Reads `address/prefixLength` as `parse` does; `undefined` when the text is none. */
  static tryParse(text: string): Cidr | undefined {
    const slash = text.lastIndexOf('/');
    if (slash < 0) return undefined;
    const address = Address.tryParse(text.slice(0, slash));
    const length = text.slice(slash + 1);
    if (address === undefined || !PREFIX_LENGTH.test(length)) return undefined;
    const prefixLength = Number(length);
    return prefixLength > (address.family === 4 ? 32 : 128) ? undefined : new Cidr(address, prefixLength);
  }

  /** Whether the address lies in the network. An address of the other family never does. */
  contains(words: AddressWords): boolean {
    const { network } = this;
    const mask = this.#mask;
    return (
      words.family === network.family &&
      ((words.d ^ network.d) & mask.d) === 0 &&
      ((words.c ^ network.c) & mask.c) === 0 &&
      ((words.b ^ network.b) & mask.b) === 0 &&
      ((words.a ^ network.a) & mask.a) === 0
    );
  }

  /** The address as given with its prefix length: `10.0.0.2/24`. */
  toString(): string {
    return `${this.address}/${this.prefixLength}`;
  }
}

/** What to write in place of a text that is no network. */
function hintFor(text: string): string {
  const slash = text.lastIndexOf('/');
  const address = Address.tryParse(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return 'write an address and its prefix length, like 10.0.0.2/24';
  const bits = address.family === 4 ? 32 : 128;
  if (slash < 0) return `append the prefix length (/${bits} for this address alone)`;
  return `the prefix length of an IPv${address.family} address is a whole number from 0 to ${bits}`;
}

function maskOf(family: 4 | 6, prefixLength: number): AddressWords {
  // IPv4 lies in the last word of the mapped form.
  const bits = family === 4 ? prefixLength + 96 : prefixLength;
  return { family, a: maskWord(bits), b: maskWord(bits - 32), c: maskWord(bits - 64), d: maskWord(bits - 96) };
}

/** A word whose first `bits` bits are set; shifts by 32 are no shifts in JavaScript. */
function maskWord(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? -1 : -1 << (32 - bits);
}

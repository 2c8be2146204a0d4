import { usageError } from '../errors.ts';
import { showText } from './inspect.ts';

/** A hardware address as two numbers, so that the data path compares and writes them without an object. */
export interface MacWords {
  /** The first 16 bits. */
  readonly high: number;
  /** The last 32 bits, as an int32. */
  readonly low: number;
}

/** Bytes of a hardware address. */
export const MAC_LENGTH = 6;

const TEXT = /^[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}$/i;

/**
 * A hardware address of Ethernet (EUI-48). Immutable.
 *
 * @example
 * MacAddress.parse('02-00-00-00-00-0A').toString(); // '02:00:00:00:00:0a'
 */
export class MacAddress implements MacWords {
  static {
    showText(this.prototype, 'MacAddress');
  }

  readonly high: number;
  readonly low: number;

  constructor(high: number, low: number) {
    this.high = high & 0xffff;
    this.low = low | 0;
  }

  /**
   * Reads six bytes in hexadecimal, separated by colons or by hyphens.
   *
   * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
   */
  static parse(text: string): MacAddress {
    if (typeof text !== 'string') {
      throw usageError('ERR_INVALID_ARG_TYPE', `a hardware address must be a string, not ${typeof text}`);
    }
    if (!TEXT.test(text)) {
      const message = `'${text}' is not a hardware address: write it like 02:00:00:00:00:01`;
      throw usageError('ERR_INVALID_ARG_VALUE', message);
    }
    const digits = text.replaceAll(/[:-]/g, '');
    return new MacAddress(parseInt(digits.slice(0, 4), 16), parseInt(digits.slice(4), 16));
  }

  /**
   * The address in six bytes.
   *
   * @throws ERR_INVALID_ARG_VALUE for any other length
   */
  static fromBytes(bytes: Uint8Array): MacAddress {
    if (bytes.byteLength !== MAC_LENGTH) {
      const message = `a hardware address has ${MAC_LENGTH} bytes, not ${bytes.byteLength}`;
      throw usageError('ERR_INVALID_ARG_VALUE', message);
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return new MacAddress(view.getUint16(0), view.getInt32(2));
  }

  /** The address that these words stand for at this moment. */
  static fromWords(words: MacWords): MacAddress {
    return words instanceof MacAddress ? words : new MacAddress(words.high, words.low);
  }

  /** The address in six bytes, newly allocated. */
  bytes(): Uint8Array {
    const bytes = new Uint8Array(MAC_LENGTH);
    writeMac(new DataView(bytes.buffer), 0, this);
    return bytes;
  }

  equals(other: MacWords): boolean {
    return sameMac(this, other);
  }

  /** Lower-case hexadecimal with colons. */
  toString(): string {
    const digits = this.high.toString(16).padStart(4, '0') + (this.low >>> 0).toString(16).padStart(8, '0');
    return digits.replaceAll(/..(?=.)/g, '$&:');
  }
}

/** A hardware address that is overwritten again and again. Whoever keeps it makes a `MacAddress` of it. */
export class MacRegister implements MacWords {
  high: number = 0;
  low: number = 0;

  /** Takes the six bytes at `offset`. */
  read(view: DataView, offset: number): void {
    this.high = view.getUint16(offset);
    this.low = view.getInt32(offset + 2);
  }

  /** Takes over another address. */
  set(words: MacWords): void {
    this.high = words.high;
    this.low = words.low;
  }

  /** The text of the address at this moment. */
  toString(): string {
    return MacAddress.fromWords(this).toString();
  }
}

/** `ff:ff:ff:ff:ff:ff`: every station. */
export const BROADCAST_MAC: MacAddress = new MacAddress(0xffff, -1);
/** `00:00:00:00:00:00`: nobody. */
export const NO_MAC: MacAddress = new MacAddress(0, 0);

/** Writes the six bytes of an address. */
export function writeMac(view: DataView, offset: number, { high, low }: MacWords): void {
  view.setUint16(offset, high);
  view.setInt32(offset + 2, low);
}

export function sameMac(x: MacWords, y: MacWords): boolean {
  return x.low === y.low && x.high === y.high;
}

/** Several stations, or all: the lowest bit of the first byte (IEEE 802 §8.2). */
export function isGroupMac({ high }: MacWords): boolean {
  return (high & 0x0100) !== 0;
}

/** The address of one station: neither a group nor all zeros. */
export function isStationMac(words: MacWords): boolean {
  return !isGroupMac(words) && !sameMac(words, NO_MAC);
}

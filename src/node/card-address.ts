import { randomFillSync } from 'node:crypto';
import { wrongType, wrongValue } from './device-options.ts';

/** A card's address: `'02:00:00:00:00:01'`, or its 6 bytes. */
export type CardAddress = string | Uint8Array;

export const CARD_ADDRESS_BYTES = 6;
const TEXT = /^[\da-f]{2}(?:([:-])[\da-f]{2})(?:\1[\da-f]{2}){4}$/i;
const WANTED = "a card's address, such as '02:00:00:00:00:01' or its 6 bytes: not all zero, and not a group's";

/** The bytes of the option `address`, a copy. */
export function cardAddress(value: unknown): Uint8Array {
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
    throw wrongType('address', 'a string or a Uint8Array', value);
  }
  if (typeof value === 'string' && !TEXT.test(value)) throw wrongValue('address', WANTED, value);
  const bytes =
    typeof value === 'string' ? Uint8Array.from(value.split(/[:-]/), (two) => parseInt(two, 16)) : value.slice();
  // IEEE 802: the lowest bit of the first byte makes it a group's.
  const group = (bytes[0]! & 1) !== 0;
  if (bytes.length !== CARD_ADDRESS_BYTES || group || bytes.every((byte) => byte === 0)) {
    throw wrongValue('address', WANTED, value);
  }
  return bytes;
}

/** A unicast address that no vendor has given away (the second-lowest bit of the first byte). */
export function randomCardAddress(): Uint8Array {
  const address = randomFillSync(new Uint8Array(CARD_ADDRESS_BYTES));
  address[0] = (address[0]! & 0xfc) | 0x02;
  return address;
}

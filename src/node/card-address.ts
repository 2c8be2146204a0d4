import { randomFillSync } from 'node:crypto';
import { MAC_LENGTH } from '../wire/mac.ts';

/** A card's address: `'02:00:00:00:00:01'`, or its 6 bytes. */
export type CardAddress = string | Uint8Array;

/** A unicast address that no vendor has given away (the second-lowest bit of the first byte). */
export function randomCardAddress(): Uint8Array {
  const address = randomFillSync(new Uint8Array(MAC_LENGTH));
  address[0] = (address[0]! & 0xfc) | 0x02;
  return address;
}

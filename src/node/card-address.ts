import { randomFillSync } from 'node:crypto';

/** A unicast address that no vendor has given away (the second-lowest bit of the first byte). */
export function randomCardAddress(): Uint8Array {
  const address = randomFillSync(new Uint8Array(6));
  address[0] = (address[0]! & 0xfc) | 0x02;
  return address;
}

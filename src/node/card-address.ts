import { randomFillSync } from 'node:crypto';
import { isStationMac, MAC_LENGTH, MacAddress } from '../wire/mac.ts';
import { wrongType, wrongValue } from './device-options.ts';

/** A card's address: `'02:00:00:00:00:01'`, or its 6 bytes. */
export type CardAddress = string | Uint8Array;

/** The bytes of the option `address`, a copy. */
export function cardAddress(value: unknown): Uint8Array {
  const isText = typeof value === 'string';
  if (!isText && !(value instanceof Uint8Array)) throw wrongType('address', 'a string or a Uint8Array', value);
  const mac = isText ? MacAddress.parse(value) : MacAddress.fromBytes(value);
  if (!isStationMac(mac)) throw wrongValue('address', 'the address of one card, not of a group or of nobody', `${mac}`);
  return mac.bytes();
}

/** A unicast address that no vendor has given away (the second-lowest bit of the first byte). */
export function randomCardAddress(): Uint8Array {
  const address = randomFillSync(new Uint8Array(MAC_LENGTH));
  address[0] = (address[0]! & 0xfc) | 0x02;
  return address;
}

import type { AddressInfo } from 'node:net';
import type { Address } from '../wire/address.ts';

/** The family in Node's words. */
export function familyName({ family }: Address): 'IPv4' | 'IPv6' {
  return family === 4 ? 'IPv4' : 'IPv6';
}

/** An end of a connection, as `address()` gives it. */
export function addressInfo(address: Address, port: number): AddressInfo {
  return { address: address.toString(), family: familyName(address), port };
}

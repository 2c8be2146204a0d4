import type { AddressInfo } from 'node:net';
import type { Connection } from '../tcp/connection.ts';
import { isLinkLocal } from '../wire/address.ts';
import type { Address } from '../wire/address.ts';

/** The family in Node's words. */
function familyName({ family }: Address): 'IPv4' | 'IPv6' {
  return family === 4 ? 'IPv4' : 'IPv6';
}

/**
 * An end of a connection, or a socket's, as `address()` gives it. To a socket of IPv6 IPv4 is `::ffff:a.b.c.d`; a zone
 * stands behind link-local addresses alone.
 *
 * @param family of the socket.
 */
export function addressInfo(address: Address, port: number, family: 4 | 6 = address.family): AddressInfo {
  const shown = family === 6 ? address.mapped() : address;
  const text = shown.toString();
  const zoned = shown.zone !== undefined && !isLinkLocal(shown);
  return { address: zoned ? text.slice(0, text.indexOf('%')) : text, family: familyName(shown), port };
}

export function localInfo({ localAddress, localPort, family }: Connection): AddressInfo {
  return addressInfo(localAddress, localPort, family);
}

export function remoteInfo({ remoteAddress, remotePort, family }: Connection): AddressInfo {
  return addressInfo(remoteAddress, remotePort, family);
}

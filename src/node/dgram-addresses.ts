import { isIPv4, isIPv6 } from 'node:net';
import type { AddressInfo } from 'node:net';
import { systemError } from '../errors.ts';
import type { Address } from '../wire/address.ts';
import { addressInfo } from './address-info.ts';
import type { SocketType } from './dgram-lookup.ts';
import { isSystemError } from './net-errors.ts';

/** Is it an address that a socket of this type takes? */
export function isOf(type: SocketType, address: unknown): address is string {
  return typeof address === 'string' && (type === 'udp4' ? isIPv4(address) : isIPv6(address));
}

/** The family of an address. @throws EINVAL for what is none */
export function familyOf(address: unknown): 4 | 6 {
  if (isOf('udp4', address)) return 4;
  if (isOf('udp6', address)) return 6;
  throw systemError('EINVAL', 'inet_pton');
}

/** The address without its zone, and the zone: `fe80::1%tun0`. */
export function splitZone(address: string): [address: string, zone: string | undefined] {
  const at = address.indexOf('%');
  return at < 0 ? [address, undefined] : [address.slice(0, at), address.slice(at + 1)];
}

/** An end as Node shows it to a socket of this type. */
export function endpointInfo(type: SocketType, address: Address, port: number): AddressInfo {
  return addressInfo(address, port, type === 'udp6' ? 6 : 4);
}

/** Runs what sets an option: its system errors bear the name of the call and say no more, as Node's do. */
export function asCall<Result>(name: string, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    throw isSystemError(error) ? systemError(error.code, name, { cause: error }) : error;
  }
}

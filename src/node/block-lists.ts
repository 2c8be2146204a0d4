import { BlockList, isIPv6 } from 'node:net';
import { usageError } from '../errors.ts';
import { invalidArgType } from './net-errors.ts';

/** @throws ERR_INVALID_ARG_TYPE */
export function checkBlockList(value: unknown, name: string): void {
  if (value && !(value instanceof BlockList)) throw invalidArgType(name, 'an net.BlockList', value);
}

/** Is the address on the list? */
export function isBlocked(list: BlockList | undefined, ip: string): boolean {
  return list ? list.check(ip, isIPv6(ip) ? 'ipv6' : 'ipv4') : false;
}

export function ipBlocked(ip: string): Error {
  return usageError('ERR_IP_BLOCKED', `IP(${ip}) is blocked by net.BlockList`, Error);
}

import { isIPv4 } from 'node:net';
import { systemError } from '../errors.ts';
import { isSystemError } from './net-errors.ts';

/** An address as inet_pton takes it. */
export function toIpv4(address: unknown): string {
  if (typeof address === 'string' && isIPv4(address)) return address;
  throw systemError('EINVAL', 'inet_pton');
}

/** The address of an interface; none leaves it to the routes. */
export function toInterface(address: unknown): string | undefined {
  return address === undefined || address === null ? undefined : toIpv4(address);
}

/** Runs what sets an option: its system errors bear the name of the call and say no more, as Node's do. */
export function asCall<Result>(name: string, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    throw isSystemError(error) ? systemError(error.code, name, { cause: error }) : error;
  }
}

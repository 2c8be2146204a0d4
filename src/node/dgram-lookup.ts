import dns from 'node:dns';
import { isIP } from 'node:net';
import type { DgramOptions } from './dgram-options.ts';
import { SKIPS_LITERALS } from './node-features.ts';

/** The families of addresses that datagram sockets may have. */
export type SocketType = 'udp4' | 'udp6';

/** Told what a name stands for, always later than the call. */
export type LookupCallback = (error: Error | null, ip: string) => void;

/** Finds the address for a name; none is the loopback. */
export type Lookup = (name: string | null | undefined, callback: LookupCallback) => void;

/** How a socket finds addresses: with the function given, else `dns.lookup`. */
export function lookupOf(type: SocketType, given: DgramOptions['lookup']): Lookup {
  const lookup = given ?? (SKIPS_LITERALS ? lookUpNames : dns.lookup);
  const family = type === 'udp4' ? 4 : 6;
  const loopback = type === 'udp4' ? '127.0.0.1' : '::1';
  // As in Node the family goes as a number, whatever the typings say.
  return (name, callback) => Reflect.apply(lookup, undefined, [name || loopback, family, callback]);
}

function lookUpNames(name: string, family: 4 | 6, callback: (...args: unknown[]) => void): void {
  if (isIP(name) === family) process.nextTick(callback, null, name, family);
  else dns.lookup(name, family, callback);
}

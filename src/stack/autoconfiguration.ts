import { requireInteger, requireOptions, requireType, usageError } from '../errors.ts';
import { SECRET_LENGTH } from '../ip/ndp/interface-identifier.ts';
import type { DiscoveryOptions } from '../ip/ndp/options.ts';
import type { AddressOrigin, AddressState, OwnAddress } from '../ip/ndp/own-address.ts';
import { TEMPORARY_PREFERRED_LIFETIME, TEMPORARY_VALID_LIFETIME } from '../ip/ndp/temporary.ts';
import type { TemporaryLifetimes } from '../ip/ndp/temporary.ts';

/** How an Ethernet interface gets its IPv6 addresses, routes and parameters by itself: option `autoconfiguration` of `attach`. */
export interface AutoconfigurationOptions {
  /** Make a link-local address (RFC 4862 §5.3). Default true. */
  linkLocal?: boolean;
  /**
   * Ask routers for advertisements and believe them: addresses, routes, MTU, hop limit, name servers. Default true. A stack
   * that forwards IPv6 believes none. Linux: net.ipv6.conf.*.accept_ra.
   */
  routers?: boolean;
  /** Let the router in use show better ways (RFC 4861 §8). Default true. Linux: net.ipv6.conf.*.accept_redirects. */
  redirects?: boolean;
  /**
   * What the last 64 bits of addresses are made of: `stable` of the network, the hardware address and a secret (RFC 7217), so
   * that they tell nobody anything; `eui64` of the hardware address alone. Default `stable`. Linux: addr_gen_mode.
   */
  identifiers?: 'stable' | 'eui64';
  /** 16 bytes for `stable`: with the same secret and hardware address the addresses are the same again. Default random. */
  secret?: Uint8Array;
  /**
   * Make temporary addresses beside the stable ones, and begin connections from them (RFC 8981). Default false. Linux:
   * use_tempaddr. Lifetimes in milliseconds, by default two days and one day.
   */
  temporary?: boolean | { validLifetime?: number; preferredLifetime?: number };
  /** How often others are asked whether an address is theirs, 0 to 10. Default 1. Linux: dad_transmits. */
  duplicateProbes?: number;
}

const OPTIONS = ['linkLocal', 'routers', 'redirects', 'identifiers', 'secret', 'temporary', 'duplicateProbes'];
const MOST_PROBES = 10;
/** The longest lifetime that can be given, in milliseconds: what an advertisement can say in seconds. */
const LONGEST_LIFETIME = 0xffff_fffe * 1000;

/**
 * The options with all defaults.
 *
 * @param secret gives the secret where none is given
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE
 */
export function resolveAutoconfiguration(
  given: boolean | AutoconfigurationOptions,
  secret: () => Uint8Array,
): DiscoveryOptions {
  if (typeof given === 'boolean') {
    // Also then the program's own addresses are tried for duplicates.
    return given ? resolve({}, secret) : resolve({ linkLocal: false, routers: false, redirects: false }, secret);
  }
  requireOptions('stack.attach, autoconfiguration', given, OPTIONS);
  return resolve(given, secret);
}

function resolve(given: AutoconfigurationOptions, makeSecret: () => Uint8Array): DiscoveryOptions {
  const { linkLocal = true, routers = true, redirects = true, identifiers = 'stable', duplicateProbes = 1 } = given;
  requireType('autoconfiguration.linkLocal', linkLocal, 'boolean');
  requireType('autoconfiguration.routers', routers, 'boolean');
  requireType('autoconfiguration.redirects', redirects, 'boolean');
  requireInteger('autoconfiguration.duplicateProbes', duplicateProbes, 0, MOST_PROBES);
  if (identifiers !== 'stable' && identifiers !== 'eui64') {
    const message = `autoconfiguration.identifiers must be 'stable' or 'eui64', not ${String(identifiers)}`;
    throw usageError('ERR_INVALID_ARG_VALUE', message);
  }
  const secret = given.secret ?? makeSecret();
  if (!(secret instanceof Uint8Array) || secret.byteLength !== SECRET_LENGTH) {
    const message = `autoconfiguration.secret must be a Uint8Array of ${SECRET_LENGTH} bytes`;
    throw usageError('ERR_INVALID_ARG_VALUE', message);
  }
  const temporary = resolveTemporary(given.temporary ?? false);
  return { linkLocal, routers, redirects, identifiers, secret, temporary, transmits: duplicateProbes };
}

function resolveTemporary(given: NonNullable<AutoconfigurationOptions['temporary']>): TemporaryLifetimes | undefined {
  if (given === false) return undefined;
  const options = given === true ? {} : given;
  requireOptions('autoconfiguration.temporary', options, ['validLifetime', 'preferredLifetime']);
  const { validLifetime = TEMPORARY_VALID_LIFETIME * 1000, preferredLifetime = TEMPORARY_PREFERRED_LIFETIME * 1000 } =
    options;
  requireInteger('autoconfiguration.temporary.validLifetime', validLifetime, 1, LONGEST_LIFETIME);
  // RFC 8981 §3.8: it must be smaller.
  requireInteger('autoconfiguration.temporary.preferredLifetime', preferredLifetime, 1, validLifetime - 1);
  return { valid: validLifetime * 1000, preferred: preferredLifetime * 1000 };
}

/** An IPv6 address of an Ethernet interface, and what is known of it. */
export interface Ipv6AddressInfo {
  /** With the prefix length of its network: `fe80::…/64`. */
  address: string;
  /** Who made it: the program (`manual`), or the stack (`link-local`, `stable`, `temporary`). */
  origin: AddressOrigin;
  /** `tentative` and `duplicate` ones are not used. */
  state: AddressState;
  /** Milliseconds until it is deprecated, and until it is gone; Infinity: never. */
  preferredLifetime: number;
  validLifetime: number;
}

export function describeOwnAddress({ cidr, origin, state, lifetimes }: OwnAddress, now: number): Ipv6AddressInfo {
  return {
    address: cidr.toString(),
    origin,
    state,
    preferredLifetime: Math.max(0, lifetimes.preferredUntil - now) / 1000,
    validLifetime: Math.max(0, lifetimes.validUntil - now) / 1000,
  };
}

import { AddressLifetimes } from './address-lifetimes.ts';

/** TEMP_VALID_LIFETIME and TEMP_PREFERRED_LIFETIME (RFC 8981 §3.8), in microseconds. */
export interface TemporaryLifetimes {
  readonly valid: number;
  readonly preferred: number;
}

/** RFC 8981 §3.8, in seconds. */
export const TEMPORARY_VALID_LIFETIME = 172_800;
export const TEMPORARY_PREFERRED_LIFETIME = 86_400;
/** How many addresses in a row may turn out to be somebody else's. */
export const TEMP_IDGEN_RETRIES = 3;
/** MAX_DESYNC_FACTOR as a part of the preferred lifetime. */
const MAX_DESYNC = 0.4;

/** REGEN_ADVANCE (RFC 8981 §3.8), in microseconds: so long before an address is deprecated the next one is made. */
export function regenAdvance(transmits: number, retransTimer: number): number {
  return 2_000_000 + TEMP_IDGEN_RETRIES * transmits * retransTimer;
}

/**
 * The lifetimes of a temporary address that is made now of a prefix whose own end then ([S-049] RFC 8981 §3.4, 4.). Nothing where
 * they would be too short to be worth an address (5.).
 *
 * @param fraction random, from 0 to 1: hosts that began together don't change addresses together
 */
export function temporaryLifetimes(
  { validUntil, preferredUntil }: Pick<AddressLifetimes, 'validUntil' | 'preferredUntil'>,
  { valid, preferred }: TemporaryLifetimes,
  advance: number,
  fraction: number,
  now: number,
): AddressLifetimes | undefined {
  const most = Math.min(MAX_DESYNC * preferred, Math.max(0, preferred - advance));
  const lifetimes = new AddressLifetimes(now + valid, now + preferred - Math.floor(fraction * most));
  lifetimes.limit(validUntil, preferredUntil);
  return lifetimes.preferredUntil - now > advance ? lifetimes : undefined;
}

import { lifetimeEnd } from './lifetimes.ts';

/** Shorter than this no unauthenticated advertisement makes a valid lifetime, in microseconds. */
const TWO_HOURS = 7_200_000_000;

/** The two lifetimes of an address, as the moments in which they end: microseconds, Infinity for never. */
export class AddressLifetimes {
  validUntil: number = Infinity;
  preferredUntil: number = Infinity;
  /** No advertisement makes them end later: those of temporary addresses (RFC 8981 §3.4). */
  readonly #latestValid: number;
  readonly #latestPreferred: number;

  constructor(latestValid: number = Infinity, latestPreferred: number = Infinity) {
    this.#latestValid = latestValid;
    this.#latestPreferred = latestPreferred;
  }

  /** They end then, or earlier: microseconds. */
  limit(validUntil: number, preferredUntil: number): void {
    this.validUntil = Math.min(validUntil, this.#latestValid);
    this.preferredUntil = Math.min(preferredUntil, this.#latestPreferred, this.validUntil);
  }

  /** The prefix says this of an address that is being made of it. Lifetimes in seconds, 0xffffffff for ever. */
  begin(valid: number, preferred: number, now: number): void {
    this.limit(lifetimeEnd(valid, now), lifetimeEnd(preferred, now));
  }

  /** The prefix says this of an address that there is: [S-049] RFC 4862 §5.5.3 (e). */
  refresh(valid: number, preferred: number, now: number): void {
    const remaining = this.validUntil - now;
    const end = lifetimeEnd(valid, now);
    let until = this.validUntil;
    // 1.
    if (end - now > TWO_HOURS || end - now > remaining) until = end;
    // 2. and 3.: nobody can end an address by one forged advertisement.
    else if (remaining > TWO_HOURS) until = now + TWO_HOURS;
    this.limit(until, lifetimeEnd(preferred, now));
  }
}

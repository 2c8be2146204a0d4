import type { Cidr } from '../../wire/cidr.ts';
import type { AddressLifetimes } from './address-lifetimes.ts';
import type { Source } from './known-routers.ts';
import type { DuplicateDetection } from './duplicate-detection.ts';

/**
 * - `manual`: the program gave it
 * - `link-local`: made by itself when the link came up
 * - `stable`, `temporary`: made of a prefix that a router advertises (RFC 4862, RFC 8981)
 */
export type AddressOrigin = 'manual' | 'link-local' | 'stable' | 'temporary';

/**
 * - `tentative`: others are being asked whether it is theirs; it is not used (RFC 4862 §5.4)
 * - `preferred`: in use
 * - `deprecated`: valid, but not for what begins now, where another will do (RFC 4862 §5.5.4)
 * - `duplicate`: somebody else has it; it is not used
 */
export type AddressState = 'tentative' | 'preferred' | 'deprecated' | 'duplicate';

/** An IPv6 address of an interface, with what is known of it. To be changed by `Autoconfiguration` alone. */
export class OwnAddress {
  readonly cidr: Cidr;
  readonly origin: AddressOrigin;
  readonly lifetimes: AddressLifetimes;
  /** DAD_Counter: how many before it, of the same prefix, were somebody else's. */
  readonly attempt: number;
  state: AddressState = 'tentative';
  /** The router that advertises its prefix: of several the one of whom most is known. */
  source: Source | undefined;
  /** While it goes on. */
  detection: DuplicateDetection | undefined;
  /** A temporary address: when the next is made, in microseconds; Infinity when that was done. */
  successorAt: number = Infinity;
  /** It is tried again after an outage, and is to be announced when it is still nobody else's. */
  returning: boolean = false;
  /** When it was last defended, in microseconds. */
  defendedAt: number = -Infinity;

  constructor(
    cidr: Cidr,
    origin: AddressOrigin,
    lifetimes: AddressLifetimes,
    detection: DuplicateDetection,
    attempt: number,
  ) {
    this.cidr = cidr;
    this.origin = origin;
    this.lifetimes = lifetimes;
    this.detection = detection;
    this.attempt = attempt;
  }

  /** It is one of the interface's addresses: packets are taken and sent. */
  get usable(): boolean {
    return this.state === 'preferred' || this.state === 'deprecated';
  }

  /** When something is to be done, in microseconds. */
  get deadline(): number {
    return Math.min(this.expiry, this.detection?.deadline ?? Infinity, this.successorAt);
  }

  /** When it is deprecated, or gone, in microseconds. */
  get expiry(): number {
    const { validUntil, preferredUntil } = this.lifetimes;
    return this.state === 'preferred' ? preferredUntil : validUntil;
  }
}

import type { Random } from '../../time/clock.ts';
import { Address, sameAddress } from '../../wire/address.ts';
import type { AddressWords } from '../../wire/address.ts';

/** MAX_ANYCAST_DELAY_TIME (RFC 4861 §10), in microseconds. */
const MAX_ANYCAST_DELAY_TIME = 1_000_000;
/** Answers that wait, the most. */
const MOST = 64;

/** An answer to a neighbour that has asked for an anycast address. */
export interface AnycastAnswer {
  readonly target: Address;
  readonly solicitor: Address;
  /** When it is due, in microseconds. */
  readonly at: number;
}

/**
 * Answers for anycast addresses, each put off for a random while, since others answer as well: RFC 4861 §7.2.7. It sends nothing.
 */
export class AnycastAnswers {
  readonly #random: Random;
  #waiting: AnycastAnswer[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  get deadline(): number {
    return this.#waiting.reduce((first, { at }) => Math.min(first, at), Infinity);
  }

  /** Somebody asks. @returns false when too many have asked */
  add(target: AddressWords, solicitor: AddressWords, now: number): boolean {
    const isSame = (one: AnycastAnswer): boolean =>
      sameAddress(one.target, target) && sameAddress(one.solicitor, solicitor);
    if (this.#waiting.some(isSame)) return true;
    if (this.#waiting.length >= MOST) return false;
    const at = now + Math.floor((MAX_ANYCAST_DELAY_TIME * this.#random.uint32()) / 2 ** 32);
    this.#waiting.push({ target: Address.fromWords(target), solicitor: Address.fromWords(solicitor), at });
    return true;
  }

  /** Those that are due: they wait no more. */
  take(now: number): AnycastAnswer[] {
    if (this.deadline > now) return [];
    const due = this.#waiting.filter(({ at }) => at <= now);
    this.#waiting = this.#waiting.filter(({ at }) => at > now);
    return due;
  }
}

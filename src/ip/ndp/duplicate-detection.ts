import type { Random } from '../../time/clock.ts';
import type { SixBytes } from '../../wire/ndp-options.ts';

/** Probes more when one came back (RFC 7527 §4.1: MAX_MULTICAST_SOLICIT). */
const PROBES_AFTER_LOOP = 3;

export interface DuplicateDetectionOptions {
  readonly random: Random;
  /** DupAddrDetectTransmits: how many probes; 0 asks nobody. */
  readonly transmits: number;
  /** RetransTimer, in microseconds. */
  readonly interval: number;
  /** The first probe leaves at a random moment within this time, in microseconds: not all hosts ask at once. */
  readonly delay: number;
}

/**
 * Duplicate address detection for one address ([S-049] RFC 4862 §5.4), with nonces, so that probes which the link brings back
 * are no duplicates (RFC 7527). It sends nothing: `advance` says when a probe is due.
 */
export class DuplicateDetection {
  /** Nothing while it is not decided. */
  verdict: 'unique' | 'duplicate' | undefined;
  /** When `advance` wants to be called, in microseconds; Infinity when it is decided. */
  deadline: number;
  /** Of the probe that is due. */
  nonce: SixBytes = { high: 0, low: 0 };
  readonly #random: Random;
  readonly #interval: number;
  readonly #sent: SixBytes[] = [];
  #left: number;
  #looped: boolean = false;

  constructor({ random, transmits, interval, delay }: DuplicateDetectionOptions, now: number) {
    this.#random = random;
    this.#interval = interval;
    this.#left = transmits;
    this.deadline = transmits === 0 || delay === 0 ? now : now + Math.floor((delay * random.uint32()) / 2 ** 32);
  }

  /** To be called when `deadline` has come; true: a probe with `nonce` is to be sent. */
  advance(now: number): boolean {
    if (this.verdict !== undefined || now < this.deadline) return false;
    if (this.#left === 0) {
      this.#decide('unique');
      return false;
    }
    this.#left--;
    this.deadline = now + this.#interval;
    // RFC 7527 §4.1: each probe has another.
    this.nonce = { high: this.#random.uint32() & 0xffff, low: this.#random.uint32() | 0 };
    this.#sent.push(this.nonce);
    return true;
  }

  /** One of the probes that were sent has this nonce: the link has brought it back. */
  isOwn(nonce: SixBytes | undefined): boolean {
    return nonce !== undefined && this.#sent.some(({ high, low }) => high === nonce.high && low === nonce.low);
  }

  /**
   * Another node, or a loop, asks for the same address without having one.
   *
   * @returns whether it was a probe of this host that came back
   */
  onProbe(nonce: SixBytes | undefined): boolean {
    if (this.verdict !== undefined) return false;
    if (!this.isOwn(nonce)) {
      // RFC 4862 §5.4.3: also before the first probe was sent.
      this.#decide('duplicate');
      return false;
    }
    // RFC 7527 §4.1: some more probes, so that what is new on the link can answer; but not for ever, where the loop stays.
    if (!this.#looped) this.#left += PROBES_AFTER_LOOP;
    this.#looped = true;
    return true;
  }

  /** Somebody says that the address is his (RFC 4862 §5.4.4). */
  onAdvertisement(): void {
    if (this.verdict === undefined) this.#decide('duplicate');
  }

  #decide(verdict: 'unique' | 'duplicate'): void {
    this.verdict = verdict;
    this.deadline = Infinity;
  }
}

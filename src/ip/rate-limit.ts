import type { Random } from '../time/clock.ts';
import type { AddressWords } from '../wire/address.ts';

/** Messages a second and at once, to all together. Linux: net.ipv4.icmp_msgs_per_sec, net.ipv4.icmp_msgs_burst. */
const GLOBAL_RATE = 1000;
const GLOBAL_BURST = 50;
/** Microseconds between messages to one target, and how many may come at once. Linux: net.ipv4.icmp_ratelimit, 6. */
const TARGET_INTERVAL = 1_000_000;
const TARGET_BURST = 6;
/** Targets remembered: a power of two. */
const TARGETS = 256;

/**
 * A token bucket: `burst` tokens at first, one more every `interval` microseconds. The account is kept in
 * microseconds, so that nothing is rounded.
 */
export class TokenBucket {
  readonly #interval: number;
  readonly #full: number;
  #credit: number;
  #last: number;

  constructor(interval: number, burst: number, now: number) {
    this.#interval = interval;
    this.#full = interval * burst;
    this.#credit = this.#full;
    this.#last = now;
  }

  /** Fills up for the time that has passed and says whether there is a token. */
  ready(now: number): boolean {
    this.#credit = Math.min(this.#full, this.#credit + Math.max(0, now - this.#last));
    this.#last = now;
    return this.#credit >= this.#interval;
  }

  take(): void {
    this.#credit -= this.#interval;
  }
}

interface Target {
  a: number;
  b: number;
  c: number;
  d: number;
  bucket: TokenBucket;
}

/**
 * How many ICMP errors may be sent ([S-040] RFC 1812 §4.3.2.8, RFC 4443 §2.4 (f)): so many to all, so many to each
 * target. The targets stand in a small table where a new one displaces whoever has its slot; a flood of forged sources
 * gets fresh buckets that way and is held by the global one.
 */
export class IcmpRateLimit {
  readonly #global: TokenBucket;
  readonly #targets: (Target | undefined)[] = new Array<Target | undefined>(TARGETS).fill(undefined);
  /** Makes slots unpredictable: nobody can displace a chosen target. */
  readonly #secret: number;

  constructor(random: Random, now: number) {
    this.#global = new TokenBucket(1_000_000 / GLOBAL_RATE, GLOBAL_BURST, now);
    this.#secret = random.uint32();
  }

  /** Whether a message may go to the target now; takes its tokens when it may. */
  allow(target: AddressWords, now: number): boolean {
    // The target's own bucket first: one noisy target must not use up what the others need.
    const { bucket } = this.#target(target, now);
    if (!bucket.ready(now) || !this.#global.ready(now)) return false;
    bucket.take();
    this.#global.take();
    return true;
  }

  #target({ a, b, c, d }: AddressWords, now: number): Target {
    const mixed = Math.imul(a ^ b ^ c ^ d ^ this.#secret, 0x9e37_79b1);
    const slot = (mixed ^ (mixed >>> 15)) & (TARGETS - 1);
    const known = this.#targets[slot];
    if (known !== undefined && known.d === d && known.c === c && known.b === b && known.a === a) return known;
    const target = { a, b, c, d, bucket: new TokenBucket(TARGET_INTERVAL, TARGET_BURST, now) };
    this.#targets[slot] = target;
    return target;
  }
}

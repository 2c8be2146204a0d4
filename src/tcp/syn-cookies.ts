import { KeyedHash, TUPLE_WORDS, loadTuple } from '../buffer/keyed-hash.ts';
import { seqAdd, seqGt } from '../buffer/seq.ts';
import type { Random } from '../time/clock.ts';
import type { AddressWords } from '../wire/address.ts';

/** A cookie's clock: one tick in so many microseconds. Linux: COUNTER_TRIES, jiffies of a minute. */
const TICK_US = 60_000_000;
/** A cookie is good in the tick of its making and the next: for one to two minutes. Linux: MAX_SYNCOOKIE_AGE. */
const MAX_AGE = 1;
/** After the last cookie sent ACKs are looked at for so long. Linux: TCP_SYNCOOKIE_VALID. */
const VALID_US = 2 * TICK_US;

/**
 * The segment sizes that a cookie can remember; of the peer's the largest that is not above it is taken. The least
 * believed, the defaults of RFC 9293 (IPv4) and IPv6, tunnels, Ethernet with both, jumbo frames, no limit.
 */
export const COOKIE_MSS: readonly number[] = [48, 536, 1220, 1360, 1440, 1460, 8960, 65_495];

/** Words that are hashed: two addresses, the ports, the peer's ISN, and what the cookie says itself. */
const WORDS = TUPLE_WORDS + 2;

/** The addresses and ports of a handshake, as a `Path` and `Endpoints` have them. */
export interface CookieAddresses {
  readonly local: AddressWords;
  readonly remote: AddressWords;
}
export interface CookiePorts {
  readonly localPort: number;
  readonly remotePort: number;
}

/**
 * SYN cookies ([S-096] RFC 4987 §3.6): the state of a handshake as the initial sequence number of the SYN-ACK, so that
 * a flood of SYNs finds nothing to fill. The ACK brings it back.
 *
 * ```
 *   31      27 26 24 23            0
 *  |  minutes |  MSS |  keyed hash  |   + keyed hash of the four-tuple + the peer's ISN
 * ```
 *
 * The hash covers the four-tuple, the peer's ISN, the minute and the MSS: nobody can make a cookie, or use one for
 * another connection, but by guessing 24 bits within two minutes. The sum keeps the numbers of one four-tuple growing
 * with the peer's, and hides the rest from whoever does not see the SYN-ACK.
 */
export class SynCookies {
  readonly #mac: KeyedHash;
  readonly #offset: KeyedHash;
  readonly #words: Int32Array = new Int32Array(WORDS);
  #lastSent: number = -Infinity;

  /** @param random gives the two secret keys. */
  constructor(random: Random) {
    this.#mac = new KeyedHash(random);
    this.#offset = new KeyedHash(random);
  }

  /**
   * The initial sequence number that remembers this handshake.
   *
   * @param irs the peer's initial sequence number.
   * @param mss what the peer takes, in bytes.
   * @param now microseconds.
   */
  make(addresses: CookieAddresses, ports: CookiePorts, irs: number, mss: number, now: number): number {
    this.#lastSent = now;
    this.#fill(addresses, ports, irs);
    let index = COOKIE_MSS.length - 1;
    while (index > 0 && COOKIE_MSS[index]! > mss) index--;
    return seqAdd(this.#pack(Math.floor(now / TICK_US), index), this.#base());
  }

  /**
   * The MSS that the cookie remembers; 0 when it is none of ours for this handshake, or too old.
   *
   * @param cookie the number that the peer acknowledges, less one.
   */
  check(addresses: CookieAddresses, ports: CookiePorts, irs: number, cookie: number, now: number): number {
    this.#fill(addresses, ports, irs);
    const packed = seqAdd(cookie, -this.#base());
    const tick = Math.floor(now / TICK_US);
    const age = (tick - (packed >>> 27)) & 31;
    if (age > MAX_AGE) return 0;
    const index = (packed >>> 24) & 7;
    return this.#pack(tick - age, index) === packed ? COOKIE_MSS[index]! : 0;
  }

  /** Whether an ACK may answer a cookie at all; if not, it is not worth a hash, and not a guess. */
  expected(now: number): boolean {
    return now - this.#lastSent <= VALID_US;
  }

  #pack(tick: number, index: number): number {
    const words = this.#words;
    words[TUPLE_WORDS + 1] = tick * COOKIE_MSS.length + index;
    return (((tick & 31) << 27) | (index << 24) | (this.#mac.hash(words, WORDS) & 0xff_ffff)) >>> 0;
  }

  #base(): number {
    const words = this.#words;
    return seqAdd(this.#offset.hash(words, TUPLE_WORDS), words[TUPLE_WORDS]!);
  }

  #fill({ local, remote }: CookieAddresses, { localPort, remotePort }: CookiePorts, irs: number): void {
    const words = this.#words;
    loadTuple(words, local, remote, (localPort << 16) | remotePort);
    words[TUPLE_WORDS] = irs;
  }
}

/** What a SYN offered besides the MSS. */
export interface CookieOffer {
  /** Shift count; -1 when there is none. */
  windowScale: number;
  sackPermitted: boolean;
  /** We have agreed to ECN. */
  ecn: boolean;
}

/** Low bits of a timestamp that remember an offer. Linux: TS_OPT_WSCALE_MASK, TS_OPT_SACK, TS_OPT_ECN. */
const OFFER_BITS = 0x3f;
const SCALE_MASK = 0xf;
const SACK_BIT = 0x10;
const ECN_BIT = 0x20;

/**
 * Our TSval `value` with an offer in its low six bits: at most 64 ticks back, never ahead, so that timestamps only grow
 * (Linux: cookie_init_timestamp).
 */
export function rememberOffer(value: number, { windowScale, sackPermitted, ecn }: CookieOffer): number {
  // [S-063] RFC 7323 §2.3: a shift above 14 counts as 14; 15 says that there is none.
  const scale = windowScale < 0 ? SCALE_MASK : Math.min(windowScale, 14);
  const bits = scale | (sackPermitted ? SACK_BIT : 0) | (ecn ? ECN_BIT : 0);
  const marked = ((value & ~OFFER_BITS) | bits) >>> 0;
  return seqGt(marked, value) ? seqAdd(marked, -(OFFER_BITS + 1)) : marked;
}

/** The offer that TSecr brings back. */
export function recallOffer(echo: number): CookieOffer {
  const scale = echo & SCALE_MASK;
  return {
    windowScale: scale === SCALE_MASK ? -1 : scale,
    sackPermitted: (echo & SACK_BIT) !== 0,
    ecn: (echo & ECN_BIT) !== 0,
  };
}

import { KeyedHash, loadTuple, TUPLE_WORDS } from '../buffer/keyed-hash.ts';
import type { Random } from '../time/clock.ts';
import type { AddressWords } from '../wire/address.ts';

/** Counters: a power of two. Destinations that share one see each other's pace, and nothing more. */
const COUNTERS = 2048;

/**
 * The identifications of what is sent in fragments, or may be cut up on its way: RFC 7739 §5.3, "hash-based". To each pair of
 * addresses (IPv4: and protocol) they count up from a number that nobody can guess, by a counter that few others share: so
 * none comes again before all have been used ([S-043] RFC 6864 §4.3), and whoever sees those of his own knows none of others.
 */
export class FragmentIdentifications {
  readonly #random: Random;
  /** Made with the first that is asked for: most stacks send nothing in fragments. */
  #hash: KeyedHash | undefined;
  #counters: Uint32Array = new Uint32Array(0);
  readonly #words: Int32Array = new Int32Array(TUPLE_WORDS);

  constructor(random: Random) {
    this.#random = random;
  }

  /** The next for a datagram of IPv4 (16 bits) or IPv6 (32 bits). */
  next(source: AddressWords, destination: AddressWords, protocol: number): number {
    const { family } = source;
    // RFC 8200 §4.5: of IPv6 the protocol is no part of what fragments are known by.
    loadTuple(this.#words, source, destination, family === 4 ? protocol : 0);
    const hash = (this.#hash ??= this.#begin());
    const first = hash.hash(this.#words, TUPLE_WORDS);
    const slot = hash.high & (COUNTERS - 1);
    const count = this.#counters[slot]!++;
    return family === 4 ? (first + count) & 0xffff : (first + count) >>> 0;
  }

  #begin(): KeyedHash {
    this.#counters = Uint32Array.from({ length: COUNTERS }, () => this.#random.uint32());
    return new KeyedHash(this.#random);
  }
}

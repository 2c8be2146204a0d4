import type { Random } from '../time/clock.ts';
import type { AddressWords } from '../wire/address.ts';

/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012) over 32-bit words with a random key: a hash that nobody outside can
 * compute. The message is the words' bytes in little-endian order. Half a microsecond for nine words, no allocation.
 */
export class KeyedHash {
  /** The upper 32 bits of the last hash; `hash` returns the lower. */
  high: number = 0;
  readonly #key: Int32Array = new Int32Array(4);

  /** @param random gives the 128 bits of the key. */
  constructor(random: Pick<Random, 'fill'>) {
    const bytes = new Uint8Array(16);
    random.fill(bytes);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < 4; i++) this.#key[i] = view.getInt32(4 * i, true);
  }

  /**
   * The hash of the first `count` words, as a uint32.
   *
   * @param byteLength when the last word is only partly message (its other bytes are 0). Default all of it.
   */
  hash(words: Int32Array, count: number, byteLength: number = 4 * count): number {
    const key = this.#key;
    // 64-bit words as halves: l is the lower, h the upper.
    let l0 = key[0]! ^ 0x70736575;
    let h0 = key[1]! ^ 0x736f6d65;
    let l1 = key[2]! ^ 0x6e646f6d;
    let h1 = key[3]! ^ 0x646f7261;
    let l2 = key[0]! ^ 0x6e657261;
    let h2 = key[1]! ^ 0x6c796765;
    let l3 = key[2]! ^ 0x79746573;
    let h3 = key[3]! ^ 0x74656462;
    // Whole blocks of two words, the last block with the length in its top byte, then the finish.
    const lastBlock = byteLength >>> 3;
    for (let block = 0; block <= lastBlock + 1; block++) {
      let low = 0;
      let high = 0;
      if (block <= lastBlock) {
        if (2 * block < count) low = words[2 * block]!;
        if (2 * block + 1 < count) high = words[2 * block + 1]!;
        if (block === lastBlock) high |= byteLength << 24;
        l3 ^= low;
        h3 ^= high;
      } else {
        l2 ^= 0xff;
      }
      for (let round = block <= lastBlock ? 2 : 4; round > 0; round--) {
        let t: number;
        // v0 += v1; v1 <<<= 13; v1 ^= v0; v0 <<<= 32
        t = (l0 >>> 0) + (l1 >>> 0);
        h0 = (h0 + h1 + (t > 0xffff_ffff ? 1 : 0)) | 0;
        l0 = t | 0;
        t = (l1 << 13) | (h1 >>> 19);
        h1 = ((h1 << 13) | (l1 >>> 19)) ^ h0;
        l1 = t ^ l0;
        t = l0;
        l0 = h0;
        h0 = t;
        // v2 += v3; v3 <<<= 16; v3 ^= v2
        t = (l2 >>> 0) + (l3 >>> 0);
        h2 = (h2 + h3 + (t > 0xffff_ffff ? 1 : 0)) | 0;
        l2 = t | 0;
        t = (l3 << 16) | (h3 >>> 16);
        h3 = ((h3 << 16) | (l3 >>> 16)) ^ h2;
        l3 = t ^ l2;
        // v0 += v3; v3 <<<= 21; v3 ^= v0
        t = (l0 >>> 0) + (l3 >>> 0);
        h0 = (h0 + h3 + (t > 0xffff_ffff ? 1 : 0)) | 0;
        l0 = t | 0;
        t = (l3 << 21) | (h3 >>> 11);
        h3 = ((h3 << 21) | (l3 >>> 11)) ^ h0;
        l3 = t ^ l0;
        // v2 += v1; v1 <<<= 17; v1 ^= v2; v2 <<<= 32
        t = (l2 >>> 0) + (l1 >>> 0);
        h2 = (h2 + h1 + (t > 0xffff_ffff ? 1 : 0)) | 0;
        l2 = t | 0;
        t = (l1 << 17) | (h1 >>> 15);
        h1 = ((h1 << 17) | (l1 >>> 15)) ^ h2;
        l1 = t ^ l2;
        t = l2;
        l2 = h2;
        h2 = t;
      }
      l0 ^= low;
      h0 ^= high;
    }
    this.high = (h0 ^ h1 ^ h2 ^ h3) >>> 0;
    return (l0 ^ l1 ^ l2 ^ l3) >>> 0;
  }
}

/** Words that `loadTuple` writes. */
export const TUPLE_WORDS = 9;

/** Writes what a connection is known by at the front of `words`: two addresses of four words each, and one for ports. */
export function loadTuple(words: Int32Array, local: AddressWords, remote: AddressWords, ports: number): void {
  words[0] = local.a;
  words[1] = local.b;
  words[2] = local.c;
  words[3] = local.d;
  words[4] = remote.a;
  words[5] = remote.b;
  words[6] = remote.c;
  words[7] = remote.d;
  words[8] = ports;
}

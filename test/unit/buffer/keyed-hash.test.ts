import { describe, expect, it } from 'vitest';
import { KeyedHash } from '../../../src/buffer/keyed-hash.ts';
import { seededRandom } from '../../../src/time/seeded-random.ts';
import type { Random } from '../../../src/time/clock.ts';

/** The key of the paper's appendix A: bytes 0 to 15. */
const paperKey: Random = {
  fill(bytes) {
    bytes.forEach((_, i) => (bytes[i] = i));
  },
  uint32: () => 0,
};

/** The message 00 01 02 … of so many bytes, as little-endian words with zeros behind. */
function message(length: number): Int32Array {
  const view = new DataView(new ArrayBuffer(64));
  for (let i = 0; i < length; i++) view.setUint8(i, i);
  return Int32Array.from({ length: Math.ceil(length / 4) }, (_, i) => view.getInt32(4 * i, true));
}

function digest(length: number): string {
  const hash = new KeyedHash(paperKey);
  const words = message(length);
  const view = new DataView(new ArrayBuffer(8));
  view.setUint32(0, hash.hash(words, words.length, length), true);
  view.setUint32(4, hash.high, true);
  return [...new Uint8Array(view.buffer)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

describe('KeyedHash', () => {
  it('gives the result of the SipHash paper, appendix A', () => {
    expect(digest(15)).toBe('e545be4961ca29a1');
  });

  // From the reference implementation, cross-checked with OpenSSL 3.
  it.each([
    [0, '310e0edd47db6f72'],
    [4, 'b7877127e09427cf'],
    [8, '6224939a79f5f593'],
    [12, 'fbe50e86bc8f1e75'],
    [36, 'b4a31508beff4d31'],
  ])('gives the reference result for %i bytes', (length, expected) => {
    expect(digest(length)).toBe(expected);
  });

  it('takes the length from the number of words', () => {
    const hash = new KeyedHash(paperKey);
    const whole = hash.hash(message(12), 3);
    expect(whole).toBe(hash.hash(message(12), 3, 12));
    expect(whole).toBe(0x860e_e5fb);
    expect(hash.high).toBe(0x751e_8fbc);
  });

  it('reads only the words it is told to', () => {
    const hash = new KeyedHash(paperKey);
    expect(hash.hash(message(36), 2)).toBe(hash.hash(message(8), 2));
  });

  it('depends on every key bit', () => {
    const reference = new KeyedHash(paperKey).hash(message(36), 9);
    for (let bit = 0; bit < 128; bit++) {
      const flipped = new KeyedHash({
        fill(bytes) {
          paperKey.fill(bytes);
          bytes[bit >> 3]! ^= 1 << (bit & 7);
        },
      });
      expect(flipped.hash(message(36), 9)).not.toBe(reference);
    }
  });

  it('takes its key from the random source', () => {
    const words = message(36);
    const one = new KeyedHash(seededRandom(1)).hash(words, 9);
    expect(new KeyedHash(seededRandom(1)).hash(words, 9)).toBe(one);
    expect(new KeyedHash(seededRandom(2)).hash(words, 9)).not.toBe(one);
  });
});

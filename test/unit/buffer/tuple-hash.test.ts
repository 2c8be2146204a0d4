import { describe, expect, it } from 'vitest';
import { finishHash, mix4, tupleHash } from '../../../src/buffer/tuple-hash.ts';

const KEY0 = 0x1234_5678;
const KEY1 = -0x0fed_cba9;
const MAPPED = 0xffff;

function ipv4(local: number, remote: number, ports: number, key0: number = KEY0, key1: number = KEY1): number {
  return tupleHash(key0, key1, 0, 0, MAPPED, local, 0, 0, MAPPED, remote, ports);
}

/** Chi-square of hashes thrown into 1024 buckets by their lower bits, divided by its degrees of freedom: near 1 when even. */
function unevenness(hashes: number[], shift: number): number {
  const buckets = new Float64Array(1024);
  for (const hash of hashes) buckets[(hash >>> shift) & 1023]!++;
  const expected = hashes.length / buckets.length;
  return buckets.reduce((sum, n) => sum + ((n - expected) * (n - expected)) / expected, 0) / (buckets.length - 1);
}

describe('tupleHash', () => {
  const families: [string, (i: number) => number][] = [
    ['sequential remote ports', (i) => ipv4(0x0a000001, 0x0a000002, (80 << 16) | (1024 + i))],
    ['sequential local ports', (i) => ipv4(0x0a000001, 0x0a000002, ((1024 + i) << 16) | 80)],
    ['sequential remote addresses', (i) => ipv4(0x0a000001, 0x0b000000 + i, (80 << 16) | 40_000)],
    ['addresses and ports that rise together', (i) => ipv4(0x0a000001, 0x0b000000 + i, (80 << 16) | (1024 + i))],
    [
      'sequential IPv6 interface ids',
      (i) => tupleHash(KEY0, KEY1, 1, 2, 3, 4, 0x20010db8, 0, i, i, (80 << 16) | 40_000),
    ],
    [
      'sequential IPv6 networks',
      (i) => tupleHash(KEY0, KEY1, 1, 2, 3, 4, 0x20010db8, i << 16, 0, 1, (80 << 16) | 40_000),
    ],
  ];

  it.each(families)('spreads %s over all buckets', (_title, hashOf) => {
    const hashes = Array.from({ length: 32_768 }, (_, i) => hashOf(i));
    // The standard deviation of this figure for an ideal hash is 0.044.
    for (const shift of [0, 11, 22]) expect(unevenness(hashes, shift)).toBeLessThan(1.25);
  });

  it('changes about half of its bits with every bit of its input', () => {
    const words = [3, -7, MAPPED, 0x0a000001, 99, 0, MAPPED, 0x0a000002, (80 << 16) | 40_000];
    const hashOf = (list: number[], key0 = KEY0, key1 = KEY1): number =>
      tupleHash(key0, key1, ...(list as [number, number, number, number, number, number, number, number, number]));
    const flips = new Float64Array(32);
    let inputs = 0;
    for (let sample = 0; sample < 64; sample++) {
      const base = words.map((word) => word + Math.imul(sample, 0x2545_f491));
      const reference = hashOf(base);
      for (let bit = 0; bit < 288; bit++) {
        const changed = [...base];
        changed[bit >> 5]! ^= 1 << (bit & 31);
        const difference = hashOf(changed) ^ reference;
        for (let out = 0; out < 32; out++) flips[out]! += (difference >>> out) & 1;
        inputs++;
      }
    }
    for (const count of flips) {
      expect(count / inputs).toBeGreaterThan(0.48);
      expect(count / inputs).toBeLessThan(0.52);
    }
  });

  it('is a uint32 that depends on both keys and tells the two directions apart', () => {
    const hashes = [
      ipv4(1, 2, 3),
      ipv4(2, 1, 3),
      ipv4(1, 2, 3, KEY0 + 1),
      ipv4(1, 2, 3, KEY0, KEY1 + 1),
      ipv4(1, 2, 4),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
    for (const hash of hashes) expect(hash).toBe(hash >>> 0);
  });

  it('moves collisions elsewhere under another key', () => {
    const seen = new Map<number, number>();
    const pairs: [number, number][] = [];
    for (let i = 0; i < 4096; i++) {
      const bucket = ipv4(1, i, 80) & 1023;
      const other = seen.get(bucket);
      if (other === undefined) seen.set(bucket, i);
      else pairs.push([other, i]);
    }
    const still = pairs.filter(([x, y]) => (ipv4(1, x, 80, 77, 99) & 1023) === (ipv4(1, y, 80, 77, 99) & 1023)).length;
    expect(pairs.length).toBeGreaterThan(3000);
    expect(still).toBeLessThan(40);
  });
});

describe('mix4 and finishHash', () => {
  it('hash any number of words by chaining', () => {
    const one = finishHash(mix4(mix4(KEY0, KEY1, 1, 2, 3, 4), KEY1, 5, 6, 7, 8));
    const other = finishHash(mix4(mix4(KEY0, KEY1, 1, 2, 3, 4), KEY1, 5, 6, 8, 7));
    expect(one).toBe(one >>> 0);
    expect(one).not.toBe(other);
  });

  it('finishHash is a permutation on a sample', () => {
    const sample = Array.from({ length: 65_536 }, (_, i) => finishHash(i << 8));
    expect(new Set(sample).size).toBe(sample.length);
  });
});

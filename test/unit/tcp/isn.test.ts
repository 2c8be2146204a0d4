import { describe, expect, it } from 'vitest';
import { KeyedHash } from '../../../src/buffer/keyed-hash.ts';
import { seededRandom } from '../../../src/time/seeded-random.ts';
import { IsnGenerator } from '../../../src/tcp/isn.ts';
import { Address } from '../../../src/wire/address.ts';

const local = Address.parse('10.0.0.1');
const remote = Address.parse('10.0.0.2');

describe('IsnGenerator', () => {
  it('gives unsigned 32-bit numbers, also late', () => {
    const isn = new IsnGenerator(seededRandom(1));
    for (const now of [0, 1, 2 ** 34 - 1, 2 ** 34, 2 ** 52]) {
      const value = isn.generate(local, 80, remote, 5000, now);
      expect(value).toBe(value >>> 0);
    }
  });

  it('is the same for the same connection, time and seed', () => {
    const [one, two] = [new IsnGenerator(seededRandom(3)), new IsnGenerator(seededRandom(3))];
    expect(one.generate(local, 80, remote, 5000, 99)).toBe(two.generate(local, 80, remote, 5000, 99));
  });

  it('is the clock plus the hash of both addresses and both ports', () => {
    const isn = new IsnGenerator(seededRandom(6));
    const words = Int32Array.of(0, 0, 0xffff, 0x0a000001, 0, 0, 0xffff, 0x0a000002, (80 << 16) | 5000);
    const hash = new KeyedHash(seededRandom(6)).hash(words, 9);
    expect(isn.generate(local, 80, remote, 5000, 4000)).toBe((hash + 1000) >>> 0);
  });

  it('takes a fraction of a microsecond', () => {
    const isn = new IsnGenerator(seededRandom(1));
    expect(isn.generate(local, 80, remote, 5000, 7.9)).toBe(isn.generate(local, 80, remote, 5000, 4));
  });

  it('tells the two directions apart', () => {
    const isn = new IsnGenerator(seededRandom(1));
    expect(isn.generate(local, 80, remote, 5000, 0)).not.toBe(isn.generate(remote, 80, local, 5000, 0));
    expect(isn.generate(local, 80, remote, 5000, 0)).not.toBe(isn.generate(local, 5000, remote, 80, 0));
  });

  it('uses all of an IPv6 address', () => {
    const isn = new IsnGenerator(seededRandom(1));
    const peers = ['2001:db8::1', '2001:db9::1', '2001:db8:1::1', '2001:db8:0:0:1::1', '2001:db8::2'];
    const values = peers.map((peer) => isn.generate(local, 80, Address.parse(peer), 5000, 0));
    const reversed = peers.map((peer) => isn.generate(Address.parse(peer), 80, remote, 5000, 0));
    expect(new Set([...values, ...reversed]).size).toBe(10);
  });
});

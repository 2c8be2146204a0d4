import { describe, expect, it } from 'vitest';
import { FragmentIdentifications } from '../../src/ip/fragment-identification.ts';
import { seededRandom } from '../../src/time/seeded-random.ts';
import { address } from '../unit/ip/fixture.ts';
import { FAR6, LOCAL6, PEER6 } from '../unit/ip/fixture6.ts';

/** RFC 7739: Security Implications of Predictable Fragment Identification Values. */

const own = address(LOCAL6);

function ids(seed: number): FragmentIdentifications {
  return new FragmentIdentifications(seededRandom(seed));
}

function host(n: number): ReturnType<typeof address> {
  return address(`2001:db8::${n.toString(16)}`);
}

describe('RFC 7739 §5: identifications of IPv6', () => {
  it('[S-044] differ from each other to one host: a sequence of its own', () => {
    const made = ids(1);
    const sequence = Array.from({ length: 1000 }, () => made.next(own, address(PEER6), 17));
    expect(new Set(sequence).size).toBe(1000);
    expect(sequence.every((id, i) => i === 0 || id === (sequence[i - 1]! + 1) >>> 0)).toBe(true);
  });

  it('are the same for all protocols: fragments are not told apart by them', () => {
    const made = ids(1);
    const first = made.next(own, address(PEER6), 17);
    expect(made.next(own, address(PEER6), 58)).toBe((first + 1) >>> 0);
  });

  it('begin elsewhere for each host, source and stack, all over the 32 bits', () => {
    const firsts = Array.from({ length: 2000 }, (_, n) => ids(1).next(own, host(n), 17));
    expect(new Set(firsts).size).toBeGreaterThan(1990);
    // Of each bit about one half.
    for (let bit = 0; bit < 32; bit++) {
      const ones = firsts.filter((id) => (id >>> bit) & 1).length;
      expect(Math.abs(ones - 1000)).toBeLessThan(150);
    }
    const here = ids(1).next(own, address(PEER6), 17);
    expect(ids(2).next(own, address(PEER6), 17)).not.toBe(here);
    expect(ids(1).next(address(FAR6), address(PEER6), 17)).not.toBe(here);
  });

  it('of one host do not show how much goes to another: few share a counter', () => {
    const made = ids(7);
    const before = made.next(own, address(PEER6), 17);
    let shared = 0;
    for (let n = 0; n < 500; n++) {
      made.next(own, host(n), 17);
      const now = made.next(own, address(PEER6), 17);
      shared += now - before - n - 1 - shared;
    }
    // 500 hosts in 2048 counters: the expected number is a quarter.
    expect(shared).toBeLessThanOrEqual(3);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addressKey,
  admits,
  EVERYBODY,
  isJoined,
  mergeFilters,
  namedByOne,
  NOBODY,
} from '../../../src/buffer/group-filter.ts';
import type { GroupFilter } from '../../../src/buffer/group-filter.ts';
import { Address } from '../../../src/wire/address.ts';

const SOURCES = [1, 2, 3, 4].flatMap((n) => [Address.fromIpv4(n), Address.parse(`::${n}`)]);
const filter: fc.Arbitrary<GroupFilter> = fc.record({
  exclude: fc.boolean(),
  sources: fc.uniqueArray(fc.constantFrom(...SOURCES)),
});

describe('filters of groups', () => {
  it('[S-022] RFC 3376 §3.2: together they admit what one of them admits', () => {
    fc.assert(
      fc.property(fc.array(filter, { maxLength: 5 }), (filters) => {
        const merged = mergeFilters(filters);
        for (const source of SOURCES) {
          expect(admits(merged, source)).toBe(filters.some((one) => admits(one, source)));
        }
        // Each source once.
        expect(new Set(merged.sources.map(addressKey)).size).toBe(merged.sources.length);
        expect(isJoined(merged)).toBe(filters.some(isJoined));
        expect(merged.exclude).toBe(filters.some(({ exclude }) => exclude));
      }),
    );
  });

  it('of nobody and of everybody', () => {
    expect([mergeFilters([]), mergeFilters([NOBODY]), mergeFilters([NOBODY, EVERYBODY])]).toEqual([
      NOBODY,
      NOBODY,
      EVERYBODY,
    ]);
    expect([isJoined(NOBODY), isJoined(EVERYBODY)]).toEqual([false, true]);
  });

  it('differ by the sources that one of them names', () => {
    fc.assert(
      fc.property(filter, filter, (one, other) => {
        const names = ({ sources }: GroupFilter, source: Address): boolean => sources.includes(source);
        const expected = SOURCES.filter((source) => names(one, source) !== names(other, source)).map(addressKey);
        expect(namedByOne(one, other).map(addressKey).toSorted()).toEqual(expected.toSorted());
      }),
    );
  });

  it('tell the families apart, and no zones', () => {
    const only: GroupFilter = {
      exclude: false,
      sources: [Address.parse('::ffff:1.2.3.4'), Address.parse('fe80::1%eth0')],
    };
    expect(admits(only, Address.parse('1.2.3.4'))).toBe(false);
    expect(admits(only, Address.parse('fe80::1'))).toBe(true);
    expect(addressKey(Address.parse('1.2.3.4'))).not.toBe(addressKey(Address.parse('::ffff:1.2.3.4')));
    expect(addressKey(Address.parse('fe80::1%eth0'))).toBe(addressKey(Address.parse('fe80::1')));
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/time/seeded-random.ts';
import { Address } from '../../src/wire/address.ts';
import { writeIcmpv6Checksum } from '../../src/wire/icmpv6.ts';
import { formatNdp, parseNdp } from '../../src/wire/ndp.ts';
import { ndpMessage, viewOf } from '../support/wire.ts';
import { Draw } from './draw.ts';

const ROUNDS = Number(process.env['USERNET_FUZZ_PACKETS'] ?? 20_000);
const SEED = Number(process.env['USERNET_FUZZ_SEED'] ?? 1);
const ENDS = ['fe80::1', 'fe80::2', 'ff02::1', 'ff02::1:ff00:2', '::', '2001:db8::1'].map((text) =>
  Address.parse(text),
);

/** Messages that are in order, cut off or with some bytes changed, and the checksum made right again. */
describe('bytes of any kind as neighbour discovery', () => {
  it('[S-049] give a message or a reason, and throw nothing', () => {
    const draw = new Draw(seededRandom(SEED));
    const seeds = fc
      .sample(ndpMessage, { numRuns: 500, seed: SEED })
      .map((value) => formatNdp(value, ENDS[0]!, ENDS[1]!));
    const tally = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round++) {
      const seed = draw.pick(seeds);
      // At the very end of their memory, so that reading one too many throws.
      const bytes = seed.slice(0, draw.chance(0.3) ? draw.below(seed.length + 1) : seed.length);
      for (let n = draw.below(4); n > 0 && bytes.length > 0; n--) bytes[draw.below(bytes.length)] = draw.uint32();
      const source = draw.pick(ENDS);
      const destination = draw.pick(ENDS);
      if (bytes.length >= 4) writeIcmpv6Checksum(viewOf(bytes), 0, bytes.length, source, destination);
      const outcome = parseNdp(bytes, source, destination, draw.chance(0.1) ? draw.below(256) : 255);
      const key = typeof outcome === 'object' ? outcome.name : String(outcome);
      tally.set(key, (tally.get(key) ?? 0) + 1);
      // Whatever was understood can be written and read again.
      if (typeof outcome === 'object') {
        expect(parseNdp(formatNdp(outcome, source, destination), source, destination)).toEqual(outcome);
      }
    }
    expect([...tally.keys()].toSorted()).toEqual([
      'icmpv6-truncated',
      'ndp-bad-code',
      'ndp-bad-destination',
      'ndp-bad-hop-limit',
      'ndp-bad-option-length',
      'ndp-bad-source',
      'ndp-bad-target',
      'ndp-solicited-to-group',
      'ndp-truncated',
      'ndp-unexpected-link-address',
      'neighbourAdvertisement',
      'neighbourSolicitation',
      'redirect',
      'routerAdvertisement',
      'routerSolicitation',
      'undefined',
    ]);
  });
});

import { expect, describe, it } from 'vitest';
import { LONG_BUDGET } from '../support/budget.ts';
import { CODEC_WAYS } from './codec-ways.ts';
import { STACK_WAYS } from './stack-ways.ts';
import { fuzz } from './way.ts';

const PACKETS = Number(process.env['USERNET_FUZZ_PACKETS'] ?? 1_000_000);
const SEED = Number(process.env['USERNET_FUZZ_SEED'] ?? 1000);
const ONLY = process.env['USERNET_FUZZ_WAY'];

const ways = [...CODEC_WAYS, ...STACK_WAYS].filter(({ name }) => ONLY === undefined || ONLY === name);
/** What is done is heard within the budget, this much of it. */
const SHARE = 0.9;

describe('a million damaged packets for each parser and each way in, or as many as the budget has time for', () => {
  const began = performance.now();
  let left = ways.length;

  it.each(ways)('$name', async (way) => {
    // Time that others have not used is there for those behind.
    const share = (LONG_BUDGET * SHARE - (performance.now() - began)) / left--;
    const { packets, seconds, memory, tally } = await fuzz(way, PACKETS, SEED, Math.max(share, 0));
    const rate = `${(packets / seconds / 1000).toFixed(0)} k/s`;
    const few = packets < PACKETS ? `, of ${PACKETS}: the budget has no time for more` : '';
    const reasons = [...tally.keys()].length - 1;
    console.log(
      `fuzz ${way.name}: ${packets} packets in ${seconds.toFixed(1)} s (${rate}), ${reasons} reasons, ` +
        `${tally.get('accepted')} accepted, at most ${(memory / 1e6).toFixed(0)} MB, seed ${SEED}${few}`,
    );
    expect(tally.get('accepted')).toBeGreaterThan(packets / 50);
    expect(reasons).toBeGreaterThan(0);
  });
});

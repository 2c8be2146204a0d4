import { describe, expect, it } from 'vitest';
import { CODEC_WAYS } from './codec-ways.ts';
import { STACK_WAYS } from './stack-ways.ts';
import { corpusOf, fuzz, replay } from './way.ts';

const PACKETS = Number(process.env['USERNET_FUZZ_PACKETS'] ?? 4000);
const SEED = Number(process.env['USERNET_FUZZ_SEED'] ?? 1);

describe.each([...CODEC_WAYS, ...STACK_WAYS])('damaged bytes by way of $name', (way) => {
  it('[S-001] [S-002] are taken or refused for a reason that is counted; nothing throws, all bounds hold', async () => {
    const { tally, packets } = await fuzz(way, PACKETS, SEED);
    expect(packets).toBe(PACKETS);
    expect(tally.get('accepted')).toBeGreaterThan(PACKETS / 50);
    expect(tally.size).toBeGreaterThan(1);
    for (const reason of tally.keys()) expect(reason).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
  });

  it('that failed once fail no more', async () => {
    let replayed = 0;
    for (const packets of corpusOf(way.name)) {
      await replay(way, packets);
      replayed++;
    }
    expect(replayed).toBe(corpusOf(way.name).length);
  });
});

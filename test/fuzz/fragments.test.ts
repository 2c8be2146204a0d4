import { describe, expect, it } from 'vitest';
import { chance, seededRandom, uniform } from '../../src/time/seeded-random.ts';
import { BOTH_FAMILIES } from '../support/fragments.ts';

const FRAGMENTS = Number(process.env['USERNET_FUZZ_PACKETS'] ?? 20_000);
const SEED = Number(process.env['USERNET_FUZZ_SEED'] ?? 1);
const MINUTE = 60_000_000;
const MOST_BYTES = 4 * 1024 * 1024;

/** One datagram as the RFCs have it, byte by byte: slow and plain. */
class Model {
  readonly #bytes = new Map<number, number>();
  readonly #pieces: { from: number; to: number; more: boolean; text: string }[] = [];
  #end: number | undefined;
  #given = false;

  /** The whole payload when this fragment was what it lacked. */
  add(from: number, to: number, more: boolean, payload: Uint8Array): number[] | undefined {
    const text = payload.subarray(from, to).join();
    if (this.#given) return undefined;
    const end = this.#end;
    const same = this.#pieces.some((p) => p.from === from && p.to === to && p.more === more && p.text === text);
    if (same) return undefined;
    const places = Array.from({ length: to - from }, (_, i) => from + i);
    const overlaps = places.some((place) => this.#bytes.has(place));
    const contradicts = more
      ? end !== undefined && to >= end
      : end === undefined
        ? [...this.#bytes.keys()].some((place) => place >= to)
        : to !== end;
    this.#given = overlaps || contradicts;
    if (this.#given) return undefined;
    for (const place of places) this.#bytes.set(place, payload[place]!);
    this.#pieces.push({ from, to, more, text });
    if (!more) this.#end = to;
    if (this.#end === undefined || this.#bytes.size < this.#end) return undefined;
    return Array.from({ length: this.#end }, (_, place) => this.#bytes.get(place)!);
  }
}

describe.each(BOTH_FAMILIES)('fragments of IPv$family that contradict each other', (family) => {
  it(`${FRAGMENTS} of them: what comes out is what a plain model has`, () => {
    const random = seededRandom(SEED);
    const bench = family.bench();
    let models = new Map<string, Model>();
    let delivered = 0;
    for (let n = 0; n < FRAGMENTS; n++) {
      if (n % 61 === 0) {
        bench.clock.advance(MINUTE);
        models = new Map();
        bench.sent();
        expect(bench.budget.used).toBe(0);
      }
      const identification = uniform(random, 4);
      const source = chance(random, 0.5) ? family.peer : family.other;
      const payload = new Uint8Array(96).fill(chance(random, 0.98) ? 7 : 8);
      payload.set([0, 9, 0, 9, 0, 96, 0, 0]);
      // The first holds a header, so that it is not refused for that.
      const from = 8 * uniform(random, 4);
      const more = chance(random, 0.7);
      const to = more ? from + (chance(random, 0.8) ? 8 : 16) : from + 8;
      // It is no fragment.
      if (from === 0 && !more) continue;
      bench.arrive(family.fragment(payload, from, to, more, { identification, source }));
      const key = `${identification} ${source}`;
      const model = models.get(key) ?? new Model();
      models.set(key, model);
      const whole = model.add(from, to, more, payload);
      if (whole !== undefined) {
        delivered++;
        models.delete(key);
        expect([...bench.delivered.at(-1)!.payload]).toEqual(whole);
      }
      expect(bench.delivered.length, `fragment ${n} of seed ${SEED}`).toBe(delivered);
    }
    expect(delivered).toBeGreaterThan(FRAGMENTS / 400);
  });

  it(`${FRAGMENTS} that never become whole, from everywhere: bounded in all ways, and forgotten`, () => {
    const random = seededRandom(SEED + 1);
    const bench = family.bench();
    const long = new Uint8Array(65_536);
    for (let n = 0; n < FRAGMENTS / 4; n++) {
      const host = uniform(random, 200);
      const source = chance(random, 0.3) ? family.peer : family.family === 4 ? `10.0.2.${1 + host}` : `fd00::2:${host}`;
      const from = 8 * uniform(random, 8000);
      const length = chance(random, 0.1) ? 8 * uniform(random, 8000) : uniform(random, 1480);
      const to = Math.min(from + length, 65_535);
      const identification = chance(random, 0.3) ? uniform(random, 4) : random.uint32() & 0xffff;
      if (from > 0) bench.arrive(family.fragment(long, from, to, chance(random, 0.9), { source, identification }));
      if (chance(random, 0.001)) bench.clock.advance(uniform(random, MINUTE));
      expect(bench.budget.used).toBeLessThanOrEqual(MOST_BYTES);
      if (n % 64 === 0) bench.sent();
    }
    expect(bench.counters.get(`${family.reason}evicted`)).toBeGreaterThan(100);
    expect(bench.delivered).toEqual([]);
    bench.clock.advance(MINUTE);
    expect(bench.budget.used).toBe(0);
    expect(bench.clock.pending).toBe(0);
  });
});

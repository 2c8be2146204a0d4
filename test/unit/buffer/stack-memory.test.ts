import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import wabt from 'wabt';
import type { Memory } from '../../../src/buffer/memory.ts';
import { allocateMemory } from '../../../src/buffer/memory.ts';
import { SUM_COPY } from '../../../src/buffer/sum-copy.ts';
import { checksumAdd, checksumFold } from '../../../src/wire/checksum.ts';

const PIECE = 65_536;

// Of its own: other tests may have used up all there is.
vi.resetModules();
const { allocateStackMemory, copyMemory, copySumMemory, sumMemory } =
  await import('../../../src/buffer/stack-memory.ts');

function filled(memory: Memory, seed: number): Memory {
  memory.bytes.forEach((_, i) => (memory.bytes[i] = (i * 31 + (i >>> 8) * 7 + seed) & 0xff));
  return memory;
}

/** Stack memory and ordinary memory with the same bytes, and a place that is not aligned. */
const inside = filled(allocateStackMemory(PIECE), 1);
const outside = filled(allocateMemory(PIECE), 1);
const place = fc.integer({ min: 0, max: 300 });
const length = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 1400, max: 1500 }), fc.constant(65_000));

it('the module is what its text says: node scripts/wasm.mjs', async () => {
  const tools = await wabt();
  const text = readFileSync(new URL('../../../src/buffer/sum-copy.wat', import.meta.url), 'utf8');
  const module = tools.parseWat('sum-copy.wat', text, { simd: true, bulk_memory: true });
  expect(SUM_COPY).toBe(Buffer.from(module.toBinary({}).buffer).toString('hex'));
});

describe('stack memory', () => {
  it('is of WebAssembly, in the sizes that queues use', () => {
    expect(inside.base).toBeGreaterThanOrEqual(0);
    expect(allocateStackMemory(4 * PIECE).base).toBeGreaterThanOrEqual(0);
    expect([allocateStackMemory(2048), allocateMemory(PIECE)].map(({ base }) => base)).toEqual([-1, -1]);
  });

  it('is summed as JavaScript sums, whatever the bytes, the place and the length', () => {
    fc.assert(
      fc.property(place, length, fc.integer({ min: 0, max: 0xffff }), (at, n, sum) => {
        const right = checksumFold(checksumAdd(sum, outside.view, at, n));
        expect(checksumFold(sumMemory(sum, inside, at, n))).toBe(right);
        expect(sumMemory(sum, outside, at, n)).toBe(checksumAdd(sum, outside.view, at, n));
      }),
      { numRuns: 300 },
    );
  });

  it('sums the largest values without losing a carry', () => {
    const most = allocateStackMemory(PIECE);
    most.bytes.fill(0xff);
    for (const n of [96, 65_535, 65_536]) {
      expect(checksumFold(sumMemory(0, most, 0, n))).toBe(checksumFold(checksumAdd(0, most.view, 0, n)));
    }
  });

  it.each([
    ['from stack to stack memory', inside, allocateStackMemory(PIECE)],
    ['from ordinary to stack memory', outside, allocateStackMemory(PIECE)],
    ['from stack to ordinary memory', inside, allocateMemory(PIECE)],
    ['within ordinary memory', outside, allocateMemory(PIECE)],
  ])('copies %s, and sums on the way, and touches nothing else', (_, source, target) => {
    fc.assert(
      fc.property(place, place, length, (from, to, n) => {
        const right = outside.bytes.subarray(from, from + n);
        for (const copy of [copyMemory, (...args: Parameters<typeof copyMemory>) => copySumMemory(7, ...args)]) {
          target.bytes.fill(0xee);
          const sum = copy(target, to, source, from, n);
          expect(Buffer.compare(target.bytes.subarray(to, to + n), right)).toBe(0);
          expect(target.bytes.subarray(0, to).every((byte) => byte === 0xee)).toBe(true);
          expect(target.bytes.subarray(to + n).every((byte) => byte === 0xee)).toBe(true);
          if (sum !== undefined) {
            expect(checksumFold(sum)).toBe(checksumFold(checksumAdd(7, outside.view, from, n)));
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it('has an end: what comes then is ordinary memory, and no two pieces overlap', () => {
    const pieces = Array.from({ length: 300 }, () => allocateStackMemory(PIECE));
    const bases = pieces.map(({ base = -1 }) => base).filter((base) => base >= 0);
    expect(pieces.at(-1)!.base).toBe(-1);
    expect(new Set(bases).size).toBe(bases.length);
    pieces.forEach((piece, i) => piece.bytes.fill(i & 0xff));
    expect(pieces.every(({ bytes }, i) => bytes.every((byte) => byte === (i & 0xff)))).toBe(true);
  });
});

describe('without WebAssembly', () => {
  it.each([
    ['where there is none', undefined],
    [
      'where a page forbids it',
      {
        Memory: Object,
        Module: function refuse() {
          throw new EvalError('Refused to compile');
        },
      },
    ],
  ])('%s all is done in JavaScript', async (_, engine) => {
    vi.stubGlobal('WebAssembly', engine);
    vi.resetModules();
    try {
      const fresh = await import('../../../src/buffer/stack-memory.ts');
      const [source, target] = [filled(fresh.allocateStackMemory(PIECE), 1), fresh.allocateStackMemory(PIECE)];
      expect([source.base, target.base]).toEqual([-1, -1]);
      const sum = fresh.copySumMemory(3, target, 1, source, 2, 1459);
      expect(sum).toBe(checksumAdd(3, outside.view, 2, 1459));
      expect(Buffer.compare(target.bytes.subarray(1, 1460), outside.bytes.subarray(2, 1461))).toBe(0);
    } finally {
      vi.unstubAllGlobals();
      vi.resetModules();
    }
  });
});

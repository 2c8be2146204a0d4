import { checksumAdd, checksumFinish, checksumUpdate } from '../src/wire/checksum.ts';
import { allocateMemory } from '../src/buffer/memory.ts';
import { allocateStackMemory, copyMemory, copySumMemory, sumMemory } from '../src/buffer/stack-memory.ts';
import { report } from './support/report.ts';

const bytes = new Uint8Array(65_536).map((_, i) => i * 7);
const view = new DataView(bytes.buffer);
let sink = 0;

/** Stack memory, and what stands in for it where there is no WebAssembly. */
const kinds = {
  stack: [allocateStackMemory(262_144), allocateStackMemory(262_144)],
  ordinary: [allocateMemory(262_144), allocateMemory(262_144)],
} as const;

const sizes: Record<string, number> = {
  '20 B': 20,
  '64 B': 64,
  '1460 B': 1460,
  '1460 B, odd offset': 1460,
  '64 KB': 65_535,
};
await report(
  'checksum',
  {
    ...Object.fromEntries(
      Object.entries(sizes).map(([name, size]) => [
        name,
        () => () => {
          sink ^= checksumFinish(checksumAdd(0, view, name.includes('odd') ? 1 : 0, size));
        },
      ]),
    ),
    'incremental update (RFC 1624)': () => () => {
      sink ^= checksumUpdate(sink & 0xffff, 0x4000, 0x3f00);
    },
  },
  sizes,
);

const works: Record<string, () => () => void> = {};
const rates: Record<string, number> = {};
for (const size of [64, 1460, 65_536]) {
  for (const [kind, [from, to]] of Object.entries(kinds)) {
    works[`copy ${size} B, ${kind}`] = () => () => copyMemory(to, 128, from, 0, size);
    works[`sum ${size} B, ${kind}`] = () => () => void (sink ^= sumMemory(0, from, 0, size));
    works[`copy + sum ${size} B, ${kind}`] = () => () => void (sink ^= copySumMemory(0, to, 128, from, 0, size));
    for (const name of Object.keys(works)) rates[name] ??= size;
  }
}
await report('stack memory', works, rates);
if (sink < 0) console.log(sink);

import { checksumAdd, checksumFinish, checksumUpdate } from '../src/wire/checksum.ts';
import { report } from './support/report.ts';

const bytes = new Uint8Array(65_536).map((_, i) => i * 7);
const view = new DataView(bytes.buffer);
let sink = 0;

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
if (sink < 0) console.log(sink);

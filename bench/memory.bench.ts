import { Stack } from '../src/stack/stack.ts';
import { cable } from '../src/link/cable.ts';
import type { Connection } from '../src/tcp/connection.ts';
import { VirtualClock } from '../src/time/virtual-clock.ts';
import { quick } from './support/report.ts';

/** Two stacks in one process, joined by a cable: segments a second, on one core, both ends included. */
const BYTES = quick ? 20_000_000 : 500_000_000;
const RUNS = quick ? 5 : 7;
const MSS = 1460;

function transfer(offload: boolean): number {
  const clock = new VirtualClock();
  const [a, b] = cable({ mtu: 1500, offload });
  const sender = new Stack({ clock });
  const receiver = new Stack({ clock });
  sender.attach(a, { addresses: ['10.0.0.1/24'] });
  receiver.attach(b, { addresses: ['10.0.0.2/24'] });
  let received = 0;
  receiver.tcp.listen({ port: 9 }, (connection) => {
    connection.handler = {
      onReadable: () => {
        for (let bytes = connection.read(); bytes; bytes = connection.read()) received += bytes.length;
      },
      onEnd: () => connection.shutdown(),
    };
  });
  const chunk = new Uint8Array(65_536);
  let left = BYTES;
  const push = (connection: Connection): void => {
    while (left > 0) {
      const taken = connection.write(left < chunk.length ? chunk.subarray(0, left) : chunk);
      left -= taken;
      if (taken === 0) return;
    }
    connection.shutdown();
  };
  const began = performance.now();
  sender.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: 9 }, { onConnect: push, onWritable: push });
  while (received < BYTES) clock.advance(1000);
  const seconds = (performance.now() - began) / 1000;
  void sender.destroy();
  void receiver.destroy();
  return seconds;
}

const rows = [false, true].map((offload) => {
  transfer(offload);
  const seconds = Array.from({ length: RUNS }, () => transfer(offload)).sort((x, y) => x - y);
  const gbits = (s: number): string => ((BYTES * 8) / s / 1e9).toFixed(2);
  const median = seconds[seconds.length >> 1]!;
  return {
    case: offload ? 'offload marks (64 KB super-segments, no checksums)' : `${MSS} B segments, checksums on`,
    'median Gbit/s': gbits(median),
    'min Gbit/s': gbits(seconds.at(-1)!),
    'max Gbit/s': gbits(seconds[0]!),
    'median M segments/s': (BYTES / MSS / median / 1e6).toFixed(3),
  };
});
console.table(rows);

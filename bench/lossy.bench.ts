import { cable } from '../src/link/cable.ts';
import { impair } from '../src/link/impair.ts';
import { Stack } from '../src/stack/stack.ts';
import type { Connection } from '../src/tcp/connection.ts';
import { VirtualClock } from '../src/time/virtual-clock.ts';
import { seededRandom } from '../src/time/seeded-random.ts';
import { quick } from './support/report.ts';

/**
 * What losses cost: two stacks in one process and in virtual time, joined by a cable of 1 Gbit/s and a round trip of 20 ms,
 * without losses and with one packet in a hundred lost, in turns. The figure is time on a processor for each byte that
 * the reader gets, both ends, the cable and its faults included; how long the transfer takes by the virtual clock is
 * another matter.
 */
const BYTES = quick ? 10_000_000 : 40_000_000;
const RUNS = quick ? 3 : 7;
const RATE = 1e9;
const ONE_WAY_MS = 10;
const LOSS = 0.01;

interface Spent {
  /** Nanoseconds on a processor for a byte. */
  readonly cpu: number;
  /** By the virtual clock. */
  readonly mbits: number;
}

function transfer(loss: number, congestion: 'cubic' | 'bbr', seed: number): Spent {
  const clock = new VirtualClock();
  const [a, b] = cable({ mtu: 1500 });
  const tcp = { congestion };
  const sender = new Stack({ clock, random: seededRandom(seed), tcp });
  const receiver = new Stack({ clock, random: seededRandom(seed + 1), tcp });
  sender.attach(impair(a, { send: { loss }, rate: RATE, delay: ONE_WAY_MS, seed }), { addresses: ['10.0.0.1/24'] });
  receiver.attach(b, { addresses: ['10.0.0.2/24'] });
  let received = 0;
  receiver.tcp.listen({ port: 9 }, (connection) => {
    connection.handler = {
      onReadable: () => {
        for (let bytes = connection.read(); bytes; bytes = connection.read()) received += bytes.length;
      },
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
  };
  const used = process.cpuUsage();
  sender.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: 9 }, { onConnect: push, onWritable: push });
  while (received < BYTES) clock.advance(10_000);
  const { user, system } = process.cpuUsage(used);
  void sender.destroy();
  void receiver.destroy();
  return { cpu: ((user + system) * 1000) / BYTES, mbits: (BYTES * 8) / clock.now() };
}

function median(values: readonly number[]): number {
  return values.toSorted((x, y) => x - y)[values.length >> 1]!;
}

const rows = (['cubic', 'bbr'] as const).map((congestion) => {
  const clean: Spent[] = [];
  const lossy: Spent[] = [];
  transfer(0, congestion, 1);
  transfer(LOSS, congestion, 1);
  for (let run = 0; run < RUNS; run++) {
    clean.push(transfer(0, congestion, run + 2));
    lossy.push(transfer(LOSS, congestion, run + 2));
  }
  return {
    case: `${congestion}, ${LOSS * 100} % lost, 1 Gbit/s, 20 ms`,
    'clean ns/byte': median(clean.map(({ cpu }) => cpu)).toFixed(2),
    'lossy ns/byte': median(lossy.map(({ cpu }) => cpu)).toFixed(2),
    // Each run by the one in front of it: others may use the machine.
    'lossy / clean': median(lossy.map(({ cpu }, run) => cpu / clean[run]!.cpu)).toFixed(2),
    'clean Mbit/s': median(clean.map(({ mbits }) => mbits)).toFixed(1),
    'lossy Mbit/s': median(lossy.map(({ mbits }) => mbits)).toFixed(1),
  };
});
console.table(rows);

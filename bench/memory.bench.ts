import { Stack } from '../src/stack/stack.ts';
import { cable } from '../src/link/cable.ts';
import type { Connection } from '../src/tcp/connection.ts';
import { VirtualClock } from '../src/time/virtual-clock.ts';
import { execFileSync } from 'node:child_process';
import { median, quick } from './support/report.ts';
import { PEERS, buildLwip } from './tun/peers.ts';

/**
 * Two stacks in one process, joined by a cable: segments a second, on one core, both ends included; over IPv4 and IPv6 in
 * turns, so that both meet the same machine.
 */
const BYTES = quick ? 40_000_000 : 500_000_000;
/** Super-segments are so much faster that as many bytes would tell nothing. */
const OFFLOAD_BYTES = 10 * BYTES;
const RUNS = quick ? 9 : 7;

interface Spent {
  readonly seconds: number;
  readonly cpu: number;
}

interface Family {
  readonly name: string;
  readonly near: string;
  readonly far: string;
  /** Bytes of payload in a full segment. */
  readonly mss: number;
}

const FAMILIES: readonly Family[] = [
  { name: 'IPv4', near: '10.0.0.1', far: '10.0.0.2', mss: 1460 },
  { name: 'IPv6', near: 'fd00::1', far: 'fd00::2', mss: 1440 },
];

/** How long a transfer takes, by the clock and in time on a processor. */
function transfer(offload: boolean, { near, far }: Family): Spent {
  const bytesInAll = offload ? OFFLOAD_BYTES : BYTES;
  const clock = new VirtualClock();
  const [a, b] = cable({ mtu: 1500, offload });
  const sender = new Stack({ clock });
  const receiver = new Stack({ clock });
  sender.attach(a, { addresses: [`${near}/24`] });
  receiver.attach(b, { addresses: [`${far}/24`] });
  let received = 0;
  receiver.tcp.listen({ address: '::', port: 9 }, (connection) => {
    connection.handler = {
      onReadable: () => {
        for (let bytes = connection.read(); bytes; bytes = connection.read()) received += bytes.length;
      },
      onEnd: () => connection.shutdown(),
    };
  });
  const chunk = new Uint8Array(65_536);
  let left = bytesInAll;
  const push = (connection: Connection): void => {
    while (left > 0) {
      const taken = connection.write(left < chunk.length ? chunk.subarray(0, left) : chunk);
      left -= taken;
      if (taken === 0) return;
    }
    connection.shutdown();
  };
  const [began, used] = [performance.now(), process.cpuUsage()];
  sender.tcp.connect({ remoteAddress: far, remotePort: 9 }, { onConnect: push, onWritable: push });
  while (received < bytesInAll) clock.advance(1000);
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(used);
  void sender.destroy();
  void receiver.destroy();
  return { seconds, cpu: (user + system) / 1e6 };
}

/** lwIP in C on the same machine, in turns with ours: segments of 1460 B with checksums over IPv4, both ends on one core. */
function lwip(): void {
  const { packages, installed } = PEERS.lwIP;
  if (!installed())
    return console.log(`without lwIP: apt-get install -y --no-install-recommends ${packages.join(' ')}`);
  const program = buildLwip('lwip-memory');
  const spent: Record<string, Spent[]> = { usernet: [], lwIP: [] };
  for (let run = 0; run < RUNS; run++) {
    spent['usernet']!.push(transfer(false, FAMILIES[0]!));
    spent['lwIP']!.push(JSON.parse(execFileSync(program, [String(BYTES)], { encoding: 'utf8' })) as Spent);
  }
  const gbits = (s: number): string => ((BYTES * 8) / s / 1e9).toFixed(2);
  const table = Object.entries(spent).map(([stack, runs]) => {
    const [seconds, cpu] = [runs.map((one) => one.seconds), runs.map((one) => one.cpu)];
    const row = { stack, 'median Gbit/s': gbits(median(seconds)), 'min Gbit/s': gbits(Math.max(...seconds)) };
    return { ...row, 'max Gbit/s': gbits(Math.min(...seconds)), 'Gbit/s of CPU time': gbits(median(cpu)) };
  });
  console.table(table);
}

const rows = [false, true].flatMap((offload) => {
  const spent = FAMILIES.map((): Spent[] => []);
  for (let i = 0; i < 2; i++) for (const family of FAMILIES) transfer(offload, family);
  for (let run = 0; run < RUNS; run++) {
    for (const [i, family] of FAMILIES.entries()) spent[i]!.push(transfer(offload, family));
  }
  const bytes = offload ? OFFLOAD_BYTES : BYTES;
  const gbits = (s: number): string => ((bytes * 8) / s / 1e9).toFixed(2);
  return FAMILIES.map(({ name, mss }, i) => {
    const seconds = spent[i]!.map((one) => one.seconds);
    return {
      case: `${name}, ${offload ? 'offload marks (64 KB super-segments, no checksums)' : `${mss} B segments, checksums on`}`,
      'median Gbit/s': gbits(median(seconds)),
      'min Gbit/s': gbits(Math.max(...seconds)),
      'max Gbit/s': gbits(Math.min(...seconds)),
      'median M segments/s': (bytes / mss / median(seconds) / 1e6).toFixed(3),
      // By time on a processor, each run by that of IPv4 in front of it: others may use the machine.
      'speed of IPv4': median(spent[i]!.map(({ cpu }, run) => spent[0]![run]!.cpu / cpu)).toFixed(2),
    };
  });
});
console.table(rows);
lwip();

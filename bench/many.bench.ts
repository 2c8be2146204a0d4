import { setTimeout as sleep } from 'node:timers/promises';
import { cable } from '../src/link/cable.ts';
import { Stack } from '../src/stack/stack.ts';
import type { Connection } from '../src/tcp/connection.ts';
import { median, quick } from './support/report.ts';

/**
 * Many connections that all carry bulk data at once, from one stack to another, beside one that carries as much alone:
 * what they reach together, by the clock, and how fair they are to each other (Jain's index of the bytes that each had
 * got when the time was up; 1: all the same).
 */
const COUNTS = quick ? [1, 100] : [1, 100, 1000, 10_000];
const RUNS = quick ? 1 : 3;
const SECONDS = quick ? 1 : 4;

interface Result {
  readonly gbits: number;
  readonly cpuNsPerKb: number;
  readonly jain: number;
  /** Connections that have got nothing. */
  readonly starved: number;
}

/** In the host's time: in virtual time all would happen at one moment, and a round trip take none. */
async function run(count: number, offload: boolean): Promise<Result> {
  const [a, b] = cable({ mtu: 1500, offload });
  const [sender, receiver] = [new Stack(), new Stack()];
  sender.attach(a, { addresses: ['10.0.0.1/24'] });
  receiver.attach(b, { addresses: ['10.0.0.2/24'] });
  const received: { bytes: number }[] = [];
  receiver.tcp.listen({ port: 9, backlog: count }, (connection) => {
    const got = { bytes: 0 };
    received.push(got);
    connection.handler = {
      onReadable: () => {
        for (let bytes = connection.read(); bytes; bytes = connection.read()) got.bytes += bytes.length;
      },
    };
  });
  const chunk = new Uint8Array(65_536);
  const push = (connection: Connection): void => {
    while (connection.write(chunk) === chunk.length);
  };
  const senders: Connection[] = [];
  for (let i = 0; i < count; i++) {
    senders.push(sender.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: 9 }, { onWritable: push }));
    if (i % 100 === 99) await sleep(1);
  }
  while (received.length < count) await sleep(10);
  for (const connection of senders) push(connection);
  // Windows open, code is compiled.
  await sleep(SECONDS * 500);
  const before = received.map(({ bytes }) => bytes);
  const [began, used] = [performance.now(), process.cpuUsage()];
  await sleep(SECONDS * 1000);
  const { user, system } = process.cpuUsage(used);
  const seconds = (performance.now() - began) / 1000;
  const shares = received.map(({ bytes }, i) => bytes - before[i]!);
  const total = shares.reduce((sum, share) => sum + share, 0);
  const squares = shares.reduce((sum, share) => sum + share * share, 0);
  await Promise.all([sender.destroy(), receiver.destroy()]);
  return {
    gbits: (total * 8) / seconds / 1e9,
    cpuNsPerKb: ((user + system) * 1000) / (total / 1000),
    jain: (total * total) / (count * squares),
    starved: shares.filter((share) => share === 0).length,
  };
}

const rows: object[] = [];
for (const offload of [false, true]) {
  const results = COUNTS.map((): Result[] => []);
  // In turns, so that all meet the same machine.
  for (let i = 0; i < RUNS; i++) for (const [k, count] of COUNTS.entries()) results[k]!.push(await run(count, offload));
  const rate = (of: Result[]): number => median(of.map(({ gbits }) => gbits));
  const cost = (of: Result[]): number => median(of.map(({ cpuNsPerKb }) => cpuNsPerKb));
  for (const [k, count] of COUNTS.entries()) {
    const of = results[k]!;
    rows.push({
      case: offload ? 'offload marks' : '1460 B segments',
      connections: count,
      'Gbit/s together': rate(of).toFixed(2),
      'CPU ns a KB': cost(of).toFixed(0),
      'speed of one, by CPU': (cost(results[0]!) / cost(of)).toFixed(2),
      'Jain, least': Math.min(...of.map(({ jain }) => jain)).toFixed(3),
      starved: Math.max(...of.map(({ starved }) => starved)),
    });
  }
}
console.table(rows);
process.exit(0);

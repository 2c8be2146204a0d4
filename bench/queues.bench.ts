import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { digits, median } from './tun/results.ts';
import { compile, missing } from './tun/scene.ts';
import type { WorkersJob } from './tun/workers.ts';
import { measureWorkers } from './tun/workers.ts';

/**
 * A TUN device with a queue for each of one or two workers, with a stack in each, and two clients of the kernel's: what all together do,
 * and how much more that is with two. docs/workers.md.
 *
 *     npm run bench -- queues [--quick] [--only JOB,…] [--runs N]
 */
const { values: options } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string' }, runs: { type: 'string' } },
});

const CLIENTS = 2;
const WORKERS = [1, 2] as const;
/** Seconds of a run before the clock starts, and about as many that are timed. */
const [WARM, TIMED] = options.quick ? [0.3, 0.2] : [2, 1];
const RUNS = options.runs === undefined ? (options.quick ? 1 : 5) : Number(options.runs);

const [ECHO, DISCARD, CHARGEN] = [7, 9, 19];
const BULK = { unit: 'Gbit/s', perUnit: 1e9 / 8, first: 2e7 } as const;
const RATE = { unit: 'k/s', perUnit: 1000, first: 500 } as const;

const JOBS: readonly WorkersJob[] = [
  { ...BULK, name: 'receive', driver: ['source'], port: DISCARD },
  { ...BULK, name: 'send', driver: ['sink'], port: CHARGEN },
  { ...RATE, name: 'ping-pong', driver: ['ping-pong', '--size', '64'], port: ECHO },
  { ...RATE, name: 'connect', driver: ['connect', '--window', '32'] },
  { ...RATE, name: 'udp-64', driver: ['udp-echo', '--size', '64', '--window', '64'], port: ECHO },
];

/** With one and with two in turns, so that what else the machine does hits both alike. */
async function run(job: WorkersJob): Promise<Record<string, string>> {
  const rates = new Map<number, number[]>(WORKERS.map((workers) => [workers, []]));
  const speeds = new Map<number, number>();
  for (let round = 0; round <= RUNS; round++) {
    for (const workers of WORKERS) {
      const speed = speeds.get(workers);
      const count = speed === undefined ? job.first : (speed * TIMED) / CLIENTS;
      const measured = await measureWorkers(job, workers, CLIENTS, WARM, count);
      speeds.set(workers, measured);
      if (speed === undefined) continue;
      rates.get(workers)!.push(measured / job.perUnit);
      console.log(`${job.name}, ${workers} workers: ${digits(measured / job.perUnit)} ${job.unit}`);
    }
  }
  const [one, two] = WORKERS.map((workers) => rates.get(workers)!);
  const shown = (all: number[]): string =>
    `${digits(median(all))} (${digits(Math.min(...all))}–${digits(Math.max(...all))})`;
  return {
    job: job.name,
    unit: job.unit,
    '1 worker': shown(one!),
    '2 workers': shown(two!),
    ratio: (median(two!) / median(one!)).toFixed(2),
  };
}

// Whatever ends this ends the programs and namespaces that it has made, when the process exits.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const reason = await missing();
if (reason !== undefined) {
  console.log(`skipped: ${reason}`);
} else {
  compile();
  const wanted = options.only?.split(',');
  const rows: Record<string, string>[] = [];
  for (const job of JOBS) if (wanted === undefined || wanted.includes(job.name)) rows.push(await run(job));
  console.log(`${CLIENTS} clients, ${availableParallelism()} processors: medians (least–most) of ${RUNS} runs`);
  console.table(rows);
}

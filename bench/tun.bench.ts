import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { compare } from './tun/compare.ts';
import type { Job, WorldName } from './tun/jobs.ts';
import { JOBS } from './tun/jobs.ts';
import type { JobResult, Report, Runs } from './tun/results.ts';
import { digits, newReport, rowsOf } from './tun/results.ts';
import { compile, measure, missing } from './tun/scene.ts';

/**
 * The stack on a TUN device, with the kernel's TCP and UDP on the other side; beside it a plain C loop that does the same
 * packet work, and Node's own sockets over the kernel's loopback. docs/benchmarks.md says what is measured and how.
 *
 *     npm run bench -- tun [--quick] [--only JOB,…] [--runs N] [--json FILE] [--compare FILE]
 */
const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    runs: { type: 'string' },
    json: { type: 'string' },
    compare: { type: 'string' },
  },
});

/** Seconds of a run before the clock starts, and of what is timed. */
const [WARM, TIMED] = options.quick ? [0.3, 0.2] : [1, 1];
const RUNS = options.runs === undefined ? (options.quick ? 2 : 5) : Number(options.runs);

function wanted(): readonly Job[] {
  if (options.only === undefined) return JOBS.filter(({ quick }) => quick || !options.quick);
  const names = options.only.split(',');
  const unknown = names.filter((name) => !JOBS.some((job) => job.name === name));
  if (unknown.length > 0) {
    throw new Error(`no such job: ${unknown.join(' ')} (there are: ${JOBS.map(({ name }) => name).join(' ')})`);
  }
  return JOBS.filter(({ name }) => names.includes(name));
}

/** One line for each run, so that one sees how far it is. */
class Progress {
  #done = 0;
  readonly #all: number;
  readonly #start: number = performance.now();

  constructor(all: number) {
    this.#all = all;
  }

  step(text: string): void {
    this.#done++;
    const left = ((performance.now() - this.#start) / this.#done / 1000) * (this.#all - this.#done);
    console.log(`[${this.#done}/${this.#all}] ${text} (${left.toFixed(0)} s left)`);
  }
}

/** All worlds take turns, so that what else the machine does hits all alike. */
async function run(job: Job, progress: Progress): Promise<JobResult> {
  const worlds: Partial<Record<WorldName, Runs>> = {};
  const result: JobResult = { name: job.name, title: job.title, unit: job.unit, worlds };
  // The first run only shows how much to do in the others.
  const speeds = new Map<WorldName, number>();
  for (const world of job.worlds) worlds[world] = { rates: [], lost: 0, failures: [] };
  for (let round = 0; round <= RUNS; round++) {
    for (const world of job.worlds) {
      const speed = speeds.get(world);
      const runs = worlds[world]!;
      const where = `${job.name}, ${world}`;
      try {
        const measured = await measure(
          job,
          world,
          (speed ?? 0) * WARM,
          speed === undefined ? job.first : speed * TIMED,
        );
        speeds.set(world, measured.perSecond);
        if (speed === undefined) {
          progress.step(`${where}: a first look`);
          continue;
        }
        runs.rates.push(measured.perSecond / job.perUnit);
        runs.lost += measured.lost;
        progress.step(`${where}: ${digits(measured.perSecond / job.perUnit)} ${job.unit}`);
      } catch (error) {
        runs.failures.push((error as Error).message);
        progress.step(`${where}: failed: ${(error as Error).message}`);
      }
    }
  }
  return result;
}

async function main(): Promise<void> {
  const reason = await missing();
  if (reason !== undefined) {
    console.log(`skipped: ${reason}`);
    return;
  }
  const jobs = wanted();
  const before =
    options.compare === undefined ? undefined : (JSON.parse(readFileSync(options.compare, 'utf8')) as Report);
  compile();
  const report = newReport();
  const progress = new Progress(jobs.reduce((sum, { worlds }) => sum + worlds.length * (RUNS + 1), 0));
  for (const job of jobs) {
    report.jobs.push(await run(job, progress));
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 1)}\n`);
  }
  console.log(
    `${report.machine}, Node ${report.node}, load ${report.load.join(' ')}; medians of ${RUNS} runs (least–most)`,
  );
  console.table(rowsOf(report, jobs));
  if (before !== undefined) {
    console.log(`since ${before.date} (${before.commit})`);
    console.table(compare(before, report));
  }
  const failed = report.jobs.some(({ worlds }) => Object.values(worlds).some(({ failures }) => failures.length > 0));
  if (failed) process.exitCode = 1;
}

// Whatever ends this ends the programs and namespaces that it has made, when the process exits.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
await main();

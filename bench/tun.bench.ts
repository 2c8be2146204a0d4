import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { chart } from './tun/chart.ts';
import { compare } from './tun/compare.ts';
import type { Job, WorldName } from './tun/jobs.ts';
import { JOBS } from './tun/jobs.ts';
import type { JobResult, Report, Runs } from './tun/results.ts';
import { PEERS, preparePeers } from './tun/peers.ts';
import { digits, newReport, rowsOf, select } from './tun/results.ts';
import { compile, measure, missing } from './tun/scene.ts';

/**
 * The stack on a TUN device, with the kernel's TCP and UDP on the other side; beside it a plain C loop that does the same
 * packet work, Node's own sockets over the kernel's loopback, and a program in C with the kernel's sockets over a veth pair. docs/benchmarks.md says what is measured and how.
 *
 *     npm run bench -- tun [--quick] [--only JOB,…] [--worlds NAME,…] [--runs N] [--json FILE] [--compare FILE] [--svg FILE]
 *     npm run bench -- tun --from FILE [--only JOB,…] [--worlds NAME,…] [--compare FILE] [--svg FILE]     shows what --json wrote
 */
const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    worlds: { type: 'string' },
    runs: { type: 'string' },
    json: { type: 'string' },
    compare: { type: 'string' },
    svg: { type: 'string' },
    from: { type: 'string' },
  },
});

/** Seconds of a run before the clock starts, and about as many that are timed. */
const [WARM, TIMED] = options.quick ? [0.45, 0.15] : [2, 1];
const RUNS = options.runs === undefined ? (options.quick ? 2 : 5) : Number(options.runs);

/** The names of a list, each of which must be known. */
function listed(list: string, what: string, known: readonly string[]): string[] {
  const names = list.split(',');
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    console.error(`no such ${what}: ${unknown.join(' ')} (there are: ${known.join(' ')})`);
    process.exit(2);
  }
  return names;
}

function wantedJobs(): readonly Job[] {
  if (options.only === undefined) return JOBS.filter(({ quick }) => quick || !options.quick);
  const all = JOBS.map(({ name }) => name);
  const names = listed(options.only, 'job', all);
  return JOBS.filter(({ name }) => names.includes(name));
}

/** What is only good to know is left out of the short run. */
function wantedWorlds(): readonly string[] {
  const all = [...new Set(JOBS.flatMap(({ worlds }) => worlds))];
  if (options.worlds !== undefined) return listed(options.worlds, 'world', all);
  return options.quick ? ['usernet', 'C', 'node:net'] : all;
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
async function run(job: Job, names: readonly WorldName[], progress: Progress): Promise<JobResult> {
  const worlds: Partial<Record<WorldName, Runs>> = {};
  const result: JobResult = { name: job.name, title: job.title, unit: job.unit, worlds };
  // The first run only shows how much to do in the others.
  const speeds = new Map<WorldName, number>();
  for (const world of names) worlds[world] = { rates: [], lost: 0, failures: [] };
  for (let round = 0; round <= RUNS; round++) {
    for (const world of names) {
      const speed = speeds.get(world);
      const runs = worlds[world]!;
      const where = `${job.name}, ${world}`;
      try {
        const measured = await measure(job, world, WARM, speed === undefined ? job.first : speed * TIMED);
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

async function measureAll(jobs: readonly Job[], wanted: readonly string[]): Promise<Report> {
  compile();
  const peers = preparePeers(wanted);
  const able = wanted.filter((world) => PEERS[world] === undefined || peers.has(world));
  const worldsOf = (job: Job): readonly WorldName[] => job.worlds.filter((world) => able.includes(world));
  const report = newReport({ warm: WARM, timed: TIMED });
  const progress = new Progress(jobs.reduce((sum, job) => sum + worldsOf(job).length * (RUNS + 1), 0));
  for (const job of jobs) {
    report.jobs.push(await run(job, worldsOf(job), progress));
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 1)}\n`);
  }
  const failed = report.jobs.some(({ worlds }) => Object.values(worlds).some(({ failures }) => failures.length > 0));
  if (failed) process.exitCode = 1;
  return report;
}

function read(file: string): Report {
  return JSON.parse(readFileSync(file, 'utf8')) as Report;
}

function show(report: Report, before: Report | undefined): void {
  console.log(`${report.machine}, Node ${report.node}, load ${report.load.join(' ')}: medians (least–most)`);
  console.table(rowsOf(report, JOBS));
  if (options.svg !== undefined) writeFileSync(options.svg, chart(report));
  if (before === undefined) return;
  if (before.seconds.warm !== report.seconds.warm || before.seconds.timed !== report.seconds.timed) {
    console.log('not compared: the runs of one report were longer, so that more of the program was compiled');
    return;
  }
  console.log(`since ${before.date} (${before.commit})`);
  console.table(compare(before, report));
}

async function main(): Promise<void> {
  // What is wrong with the options shows before minutes have passed.
  const before = options.compare === undefined ? undefined : read(options.compare);
  const [jobs, worlds] = [wantedJobs(), wantedWorlds()];
  for (const file of [options.json, options.svg]) if (file !== undefined) mkdirSync(dirname(file), { recursive: true });
  if (options.from !== undefined) {
    const names = jobs.map(({ name }) => name);
    return show(select(read(options.from), names, worlds), before);
  }
  const reason = await missing();
  if (reason !== undefined) console.log(`skipped: ${reason}`);
  else show(await measureAll(jobs, worlds), before);
}

// Whatever ends this ends the programs and namespaces that it has made, when the process exits.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
await main();

import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release } from 'node:os';
import type { Job, WorldName } from './jobs.ts';

/** The runs of a job in one world, in the job's unit, in the order in which they took place. */
export interface Runs {
  readonly rates: number[];
  /** Datagrams lost, in all of them. */
  lost: number;
  /** Why runs failed. */
  readonly failures: string[];
}

export interface JobResult {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly worlds: Partial<Record<WorldName, Runs>>;
}

/** What `--json` writes and `--compare` reads. */
export interface Report {
  readonly version: 1;
  readonly date: string;
  readonly commit: string;
  readonly machine: string;
  readonly node: string;
  /** Of each run: before the clock started, and about as many that were timed. */
  readonly seconds: { readonly warm: number; readonly timed: number };
  /** Load averages at the start: what else the machine did. */
  readonly load: readonly number[];
  readonly jobs: JobResult[];
}

export function newReport(seconds: Report['seconds']): Report {
  const processors = cpus();
  return {
    version: 1,
    date: new Date().toISOString(),
    commit: commit(),
    machine: `${processors.length} × ${processors[0]?.model ?? 'unknown'}, Linux ${release()}`,
    node: process.version,
    seconds,
    load: loadavg().map((load) => Math.round(load * 100) / 100),
    jobs: [],
  };
}

function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return 'unknown';
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((x, y) => x - y);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Of a report these jobs, each with what these worlds gave. */
export function select(report: Report, jobs: readonly string[], worlds: readonly string[]): Report {
  const chosen = report.jobs.filter(({ name }) => jobs.includes(name));
  const among = (all: JobResult['worlds']): JobResult['worlds'] =>
    Object.fromEntries(Object.entries(all).filter(([world]) => worlds.includes(world)));
  return { ...report, jobs: chosen.map((job) => ({ ...job, worlds: among(job.worlds) })) };
}

/** Three digits. */
export function digits(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : '–';
}

/** A row of the table for each job. */
export function rowsOf(report: Report, jobs: readonly Job[]): Record<string, string>[] {
  return report.jobs.flatMap((result): Record<string, string>[] => {
    const job = jobs.find(({ name }) => name === result.name);
    // Measured by another version.
    if (job === undefined) return [];
    const row: Record<string, string> = { job: result.name, unit: result.unit };
    for (const [world, runs] of Object.entries(result.worlds)) {
      const { rates } = runs;
      row[world] =
        rates.length === 0
          ? 'failed'
          : `${digits(median(rates))} (${digits(Math.min(...rates))}–${digits(Math.max(...rates))})`;
      if (runs.lost > 0) row[world] += ` ${runs.lost} lost`;
      if (rates.length > 0 && runs.failures.length > 0) row[world] += ` ${runs.failures.length} failed`;
    }
    row['of C'] = percent(ratio(result, 'C'));
    row['of node:net'] = percent(ratio(result, 'node:net'));
    row['target'] = job.target === undefined ? '–' : verdict(ratio(result, job.target.of), job.target);
    if (job.ceilingShouldGive !== undefined) row['C should give'] = String(job.ceilingShouldGive);
    return [row];
  });
}

/** Our median by another's. */
function ratio({ worlds }: JobResult, of: 'C' | 'node:net'): number | undefined {
  const [ours, other] = [worlds.usernet?.rates ?? [], worlds[of]?.rates ?? []];
  return ours.length === 0 || other.length === 0 ? undefined : median(ours) / median(other);
}

function percent(share: number | undefined): string {
  return share === undefined ? '–' : `${(share * 100).toFixed(0)} %`;
}

function verdict(reached: number | undefined, target: NonNullable<Job['target']>): string {
  const wanted = `${percent(target.share)} of ${target.of}`;
  if (reached === undefined) return wanted;
  return `${wanted}: ${reached >= target.share ? 'met' : 'missed'}`;
}

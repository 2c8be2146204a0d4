import type { JobResult, Report } from './results.ts';
import { digits, median } from './results.ts';

/** A row for each job of both reports: how the stack's speed has changed. */
export function compare(before: Report, after: Report): Record<string, string>[] {
  return after.jobs.flatMap((job) => {
    const earlier = before.jobs.find(({ name }) => name === job.name);
    return earlier === undefined ? [] : [compareJob(earlier, job)];
  });
}

function compareJob(before: JobResult, after: JobResult): Record<string, string> {
  const withCeiling = [before, after].every(({ worlds }) => pairs(worlds.usernet?.rates, worlds.C?.rates).length > 0);
  // Beside the C loop of the same minute a busy machine, or another one, matters less.
  const speed = ({ worlds }: JobResult): number[] =>
    withCeiling ? pairs(worlds.usernet?.rates, worlds.C?.rates) : (worlds.usernet?.rates ?? []);
  return {
    job: after.name,
    measure: withCeiling ? 'share of C' : after.unit,
    before: range(speed(before)),
    after: range(speed(after)),
    verdict: verdict(speed(before), speed(after)),
  };
}

/** The shares in runs that took place one after the other. */
function pairs(ours: readonly number[] = [], ceiling: readonly number[] = []): number[] {
  return ours.slice(0, ceiling.length).map((rate, i) => rate / ceiling[i]!);
}

function range(values: readonly number[]): string {
  if (values.length === 0) return '–';
  return `${digits(median(values))} (${digits(Math.min(...values))}–${digits(Math.max(...values))})`;
}

/**
 * A change is seen when all runs of one side are faster than all of the other. Of runs that do not differ it says so
 * by chance in 2 of C(n + m, n) cases: of 252 with five runs each.
 */
function verdict(before: readonly number[], after: readonly number[]): string {
  if (before.length === 0 || after.length === 0) return 'nothing to compare';
  const apart = Math.min(...after) > Math.max(...before) || Math.max(...after) < Math.min(...before);
  if (!apart) return 'no change seen';
  if (chance(before.length, after.length) > 0.05) return 'too few runs to tell';
  const change = median(after) / median(before) - 1;
  return `${change > 0 ? 'faster' : 'slower'} by ${(Math.abs(change) * 100).toFixed(0)} %`;
}

function chance(n: number, m: number): number {
  let ways = 1;
  for (let i = 1; i <= n; i++) ways = (ways * (m + i)) / i;
  return 2 / ways;
}

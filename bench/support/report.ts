import b from 'benny';

/** Short runs, to see that the benchmarks work: `npm run bench -- --quick`. */
export const quick: boolean = process.argv.includes('--quick');

/** The middle one, and of an even number the higher of the two. */
export function median(values: readonly number[]): number {
  return values.toSorted((x, y) => x - y)[values.length >> 1]!;
}

const options = quick ? { minSamples: 5, maxTime: 0.1 } : { minSamples: 50, maxTime: 1 };

/**
 * Runs a suite of synchronous cases and prints a table of medians: the machine is noisy, means jump.
 *
 * @param cases name → prepares the case and returns what is measured.
 * @param bytes bytes that one operation of a case works on, for a rate.
 */
export async function report(
  suite: string,
  cases: Record<string, () => () => void>,
  bytes: Record<string, number> = {},
): Promise<void> {
  const added = Object.entries(cases).map(([name, prepare]) => b.add(name, prepare, options));
  const { results } = await b.suite(suite, ...added);
  const rows = results.map(({ name, details, samples }) => {
    const row: Record<string, string | number> = { case: name, 'median ns': nanoseconds(details.median) };
    row['min ns'] = nanoseconds(details.min);
    row['max ns'] = nanoseconds(details.max);
    const size = bytes[name];
    if (size !== undefined) row['Gbit/s'] = ((size * 8) / details.median / 1e9).toFixed(1);
    row['samples'] = samples;
    return row;
  });
  console.table(rows);
}

/**
 * Runs the same operation in several worlds, one after the other, and gives the median rate in each, in operations a
 * second.
 *
 * @param worlds name → prepares the world and returns the operation.
 */
export async function rates(
  suite: string,
  worlds: Record<string, () => Promise<() => Promise<void>>>,
): Promise<Record<string, number>> {
  const added = [];
  for (const [name, prepare] of Object.entries(worlds)) {
    const operation = await prepare();
    // Compiled code is what is measured; by CPU time, since others may use the machine.
    const warm = quick ? 300_000 : 1_500_000;
    for (const start = process.cpuUsage(); process.cpuUsage(start).user < warm;) await operation();
    // Benny tries each case once without waiting for it.
    let last = operation();
    added.push(b.add(name, () => () => (last = last.then(operation)), options));
  }
  const { results } = await b.suite(suite, ...added);
  return Object.fromEntries(results.map(({ name, details }) => [name, 1 / details.median]));
}

function nanoseconds(seconds: number): string {
  return (seconds * 1e9).toFixed(seconds < 1e-6 ? 1 : 0);
}

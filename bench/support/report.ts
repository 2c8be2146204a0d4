import b from 'benny';

/** Short runs, to see that the benchmarks work: `npm run bench -- --quick`. */
export const quick: boolean = process.argv.includes('--quick');

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
  const options = quick ? { minSamples: 5, maxTime: 0.1 } : { minSamples: 50, maxTime: 1 };
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

function nanoseconds(seconds: number): string {
  return (seconds * 1e9).toFixed(seconds < 1e-6 ? 1 : 0);
}

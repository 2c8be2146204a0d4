import { configDefaults, defineConfig } from 'vitest/config';

const LONG = 'test/**/*.long.test.ts';

interface Tier {
  name: string;
  /** Milliseconds until a hung test is given up: a safety net, never a measure. */
  timeout: number;
  /** The files share the machine's network devices, so they run one by one, after the pure tiers. */
  serial?: boolean;
}

const tiers: Tier[] = [
  { name: 'unit', timeout: 60_000 },
  { name: 'rfc', timeout: 60_000 },
  { name: 'node-api', timeout: 60_000 },
  { name: 'sim', timeout: 120_000 },
  { name: 'fuzz', timeout: 120_000 },
  { name: 'interop', timeout: 180_000, serial: true },
  { name: 'apps', timeout: 180_000, serial: true },
];

const budgetMinutes = Number(process.env['USERNET_BUDGET_MINUTES'] ?? 15);

export default defineConfig({
  test: {
    projects: [
      ...tiers.map(({ name, timeout, serial = false }) => ({
        test: {
          name,
          include: [`test/${name}/**/*.test.ts`],
          exclude: [...configDefaults.exclude, LONG],
          testTimeout: timeout,
          hookTimeout: timeout,
          fileParallelism: !serial,
          maxWorkers: serial ? 1 : '100%',
          sequence: { groupOrder: serial ? 1 : 0 },
        },
      })),
      {
        test: {
          name: 'long',
          include: [LONG],
          fileParallelism: false,
          maxWorkers: 1,
          // A long test ends itself when its budget is used up; twice that means that it hangs.
          testTimeout: (2 * budgetMinutes + 1) * 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
    coverage: { provider: 'v8', include: ['src/**/*.ts'], reportsDirectory: 'coverage', reporter: ['text', 'html'] },
  },
});

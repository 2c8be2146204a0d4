import { configDefaults, defineConfig } from 'vitest/config';
import { ipv6Tests } from './test/support/ipv6-tests.ts';

const LONG = 'test/**/*.long.test.ts';

interface Tier {
  name: string;
  /** Milliseconds until a hung test is given up: a safety net, never a measure. */
  timeout: number;
  /**
   * The files share a worker's modules, which are then loaded once a worker and not once a file (more than half of the time of
   * rfc). Only where a test leaves nothing behind in the process, and finds there nothing of another's.
   */
  shared?: boolean;
  /**
   * The files start programs and wait for them, in namespaces of their own: two at a time, after the pure tiers, which need the
   * processors.
   */
  programs?: boolean;
}

const tiers: Tier[] = [
  { name: 'unit', timeout: 60_000, shared: true },
  { name: 'rfc', timeout: 60_000, shared: true },
  { name: 'node-api', timeout: 60_000 },
  { name: 'sim', timeout: 120_000 },
  { name: 'fuzz', timeout: 120_000 },
  { name: 'interop', timeout: 180_000, programs: true },
  { name: 'apps', timeout: 180_000, programs: true },
];

const budgetMinutes = Number(process.env['USERNET_BUDGET_MINUTES'] ?? 15);

export default defineConfig({
  test: {
    projects: [
      ...tiers.map(({ name, timeout, shared = false, programs = false }) => ({
        test: {
          name,
          include: [`test/${name}/**/*.test.ts`],
          exclude: [...configDefaults.exclude, LONG],
          testTimeout: timeout,
          hookTimeout: timeout,
          isolate: !shared,
          maxWorkers: programs ? 2 : '100%',
          sequence: { groupOrder: programs ? 1 : 0 },
        },
      })),
      {
        test: {
          // What says nothing of the family of its addresses, once more over IPv6 (test/support/family.ts).
          name: 'ipv6',
          include: ipv6Tests(),
          env: { USERNET_TEST_FAMILY: '6' },
          isolate: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
        },
      },
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

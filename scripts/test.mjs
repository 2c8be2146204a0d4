// @ts-check
// Runs the tests and ends with `N passed, N failed` alone on a line.
//
//   node scripts/test.mjs [options] [projects…]     projects: unit rfc node-api sim fuzz ipv6 interop apps (default: all of them)
//     --no-build        test the dist/ that is there
//     --long            the long tier (*.long.test.ts) instead
//     --minutes N       how long the long tier may take in all (default 15)
//     --report NAME     the JSON report goes to reports/NAME.json (default: test, or long)
//     --totals          run nothing: add up the reports that are there
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const PROJECTS = ['unit', 'rfc', 'node-api', 'sim', 'fuzz', 'ipv6', 'interop', 'apps'];

const root = fileURLToPath(new URL('..', import.meta.url));
const reports = join(root, 'reports');

/** @typedef {{ passed: number, failed: number, skipped: number, failures: string[] }} Totals failures: titles */

/**
 * Reads a report of vitest. A file that could not be loaded has no tests and counts as one failure.
 *
 * @param {string} file
 * @returns {Totals}
 */
function readReport(file) {
  const report = JSON.parse(readFileSync(file, 'utf8'));
  const failures = [];
  for (const { name, status, assertionResults, message } of report.testResults) {
    const path = relative(root, name);
    if (status === 'failed' && assertionResults.length === 0) failures.push(`${path}: ${firstLine(message)}`);
    for (const test of assertionResults) {
      if (test.status !== 'failed') continue;
      failures.push(`${path}: ${test.fullName}: ${firstLine(test.failureMessages[0])}`);
    }
  }
  const skipped = report.numPendingTests + report.numTodoTests;
  return { passed: report.numPassedTests, failed: failures.length, skipped, failures };
}

/** @param {string | undefined} message */
function firstLine(message) {
  return message?.split('\n', 1)[0] ?? '';
}

/** @param {Totals} totals */
function printTotals({ passed, failed, skipped, failures }) {
  for (const failure of failures) console.log(`failed: ${failure}`);
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
}

/** Adds up all reports in reports/. */
function sumReports() {
  /** @type {Totals} */
  const sum = { passed: 0, failed: 0, skipped: 0, failures: [] };
  for (const name of readdirSync(reports)) {
    if (!name.endsWith('.json')) continue;
    const { passed, failed, skipped, failures } = readReport(join(reports, name));
    sum.passed += passed;
    sum.failed += failed;
    sum.skipped += skipped;
    for (const failure of failures) sum.failures.push(`${name.replace('.json', '')}: ${failure}`);
  }
  return sum;
}

/**
 * Runs vitest under this very Node, so that its workers do too.
 *
 * @param {string[]} projects
 * @param {string} report
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>} its exit code
 */
function vitest(projects, report, env) {
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  for (const project of projects) args.push('--project', project);
  // There may be no long tests yet; any other tier without a test is a mistake.
  if (projects.includes('long')) args.push('--passWithNoTests');
  const child = spawn(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), ...args], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/**
 * Says every half minute how far the long tier is.
 *
 * @param {number} minutes the budget
 */
function showProgress(minutes) {
  const start = performance.now();
  const timer = setInterval(() => {
    console.log(`long: ${((performance.now() - start) / 60_000).toFixed(1)} of ${minutes} min`);
  }, 30_000);
  return () => clearInterval(timer);
}

/** How many files share the budget of the long tier. */
function countLongFiles() {
  const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' });
  return files.filter((file) => file.endsWith('.long.test.ts')).length;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'no-build': { type: 'boolean', default: false },
    long: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '15' },
    report: { type: 'string' },
    totals: { type: 'boolean', default: false },
  },
});

if (values.totals) {
  printTotals(sumReports());
  process.exit(0);
}

const unknown = positionals.filter((name) => !PROJECTS.includes(name));
const minutes = Number(values.minutes);
if (unknown.length > 0 || !(minutes > 0)) {
  console.error(unknown.length > 0 ? `no such project: ${unknown.join(' ')}` : '--minutes must be a number above 0');
  process.exit(2);
}

// The interop and apps tests run programs from dist/: never test yesterday's.
if (!values['no-build']) {
  const { status } = spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

mkdirSync(reports, { recursive: true });
const report = join(reports, `${values.report ?? (values.long ? 'long' : 'test')}.json`);
rmSync(report, { force: true });

let code;
if (values.long) {
  // Files run one after the other; each may use its share, told in USERNET_BUDGET_MINUTES.
  const share = minutes / Math.max(1, countLongFiles());
  const stop = showProgress(minutes);
  code = await vitest(['long'], report, { USERNET_BUDGET_MINUTES: String(share) });
  stop();
} else {
  code = await vitest(positionals.length > 0 ? positionals : PROJECTS, report, {});
}

/** @type {Totals} */
let totals = { passed: 0, failed: 0, skipped: 0, failures: [] };
try {
  totals = readReport(report);
} catch (error) {
  console.error(`no report was written: ${error instanceof Error ? error.message : error}`);
  code ||= 1;
}
// An error outside of any test (a rejection nobody handled, a crash) fails the run and must show in the count.
if (code !== 0 && totals.failed === 0) totals.failed = 1;
printTotals(totals);
process.exitCode = code;

// @ts-check
// Removes the conditions of sources one by one and looks whether a test notices. docs/mutation.md has the results.
//
//   node scripts/mutate.mjs [options] files or folders…      (default: src/tcp)
//     --tests A,B…      folders or files of tests (default: test/unit/tcp,test/unit/stack,test/rfc,test/sim/sack-model.test.ts)
//     --cover FOLDER    what is instrumented, and so may be named above (default: src/tcp)
//     --costliest MS    leave out tests that take longer than this (default: 2000)
//     --budget MS       tests that take longer than this together are enough to say that a mutant survives (default: 3000)
//     --again FILE      only the mutants that survived according to this report
//     --report FILE     JSON (default: reports/mutation.json)
//
// All mutants are compiled in at once, behind switches, and all tests are loaded once into one process: a mutant costs no more
// than the tests in which its condition is ever otherwise, cheapest and most successful first, until one fails.
import { fork } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { instrument } from './mutation/conditions.mjs';

/** @typedef {import('./mutation/conditions.mjs').Mutant} Mutant */

/** Milliseconds without an answer until the worker counts as lost; the longest job is to run all tests once. */
const LOST = 600_000;

const root = fileURLToPath(new URL('..', import.meta.url));
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tests: { type: 'string', default: 'test/unit/tcp,test/unit/stack,test/rfc,test/sim/sack-model.test.ts' },
    cover: { type: 'string', default: 'src/tcp' },
    costliest: { type: 'string', default: '2000' },
    again: { type: 'string' },
    budget: { type: 'string', default: '3000' },
    report: { type: 'string', default: 'reports/mutation.json' },
  },
});

/** @param {string[]} names @param {string} ending @returns {string[]} files, relative to the root */
function filesOf(names, ending) {
  return names.flatMap((name) => {
    const path = join(root, name);
    if (!statSync(path).isDirectory()) return [relative(root, path)];
    const inside = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith(ending));
    return inside.sort().map((file) => relative(root, join(path, file)));
  });
}

const sources = filesOf([options.cover], '.ts');
const testFiles = filesOf(options.tests.split(','), '.test.ts').filter((file) => !file.endsWith('.long.test.ts'));
const wanted = filesOf(positionals.length > 0 ? positionals : [options.cover], '.ts');

/** @type {Mutant[]} */
const all = [];
/** @type {Map<string, string>} */
const instrumented = new Map();
let sites = 0;
for (const file of sources) {
  const result = instrument(file, readFileSync(join(root, file), 'utf8'), sites);
  sites += result.sites;
  all.push(...result.mutants);
  instrumented.set(pathToFileURL(join(root, file)).href, result.code);
}

/** @type {import('node:child_process').ChildProcess | undefined} */
let worker;

/** @param {object} job @returns {Promise<any>} the worker's answer, `undefined` when it got lost */
function ask(job) {
  return new Promise((resolve, reject) => {
    const child = worker;
    if (!child) return reject(new Error('no worker'));
    const timer = setTimeout(() => child.kill('SIGKILL'), LOST);
    const done = (/** @type {any} */ message) => {
      clearTimeout(timer);
      child.removeAllListeners();
      if (message?.error) reject(new Error(message.error));
      else resolve(message?.answer);
    };
    child.once('message', done);
    child.once('exit', () => done(undefined));
    child.send(job);
  });
}

async function startWorker() {
  worker?.kill('SIGKILL');
  worker = fork(join(root, 'scripts/mutation/worker.mjs'), { serialization: 'advanced', cwd: root });
  return ask({ job: 'load', files: testFiles.map((file) => join(root, file)), instrumented });
}

/** @type {Array<{ file: string, title: string }>} */
const tests = await startWorker();
console.log(`${all.length} mutants in ${sources.length} files, ${tests.length} tests`);
/** @type {Array<{ failure?: string, cost: number, count: number, seen: number[] }>} */
const survey = await ask({ job: 'survey' });
if (survey === undefined) throw new Error(`the tests did not come to an end within ${LOST / 1000} s`);
/** What a condition was → the tests in which it was. @type {Map<number, number[]>} */
const reach = new Map();
let total = 0;
for (const [index, { failure, cost, seen }] of survey.entries()) {
  total += cost;
  const test = tests[index];
  if (failure !== undefined) console.log(`left out, fails without a mutant: ${test?.file} ${test?.title}: ${failure}`);
  else if (cost / 1000 > Number(options.costliest)) console.log(`left out, slow: ${test?.file} ${test?.title}`);
  else for (const what of seen) reach.set(what, [...(reach.get(what) ?? []), index]);
}
console.log(`all tests once: ${(total / 1e6).toFixed(1)} s`);

/** @type {Map<string, Map<number, number>>} source file → test → mutants killed */
const kills = new Map();
/** @type {Array<Mutant & { outcome: string, by?: string, reason?: string, reached: number }>} */
const results = [];

/** @param {Mutant} mutant */
async function judge(mutant) {
  const scores = kills.get(mutant.file) ?? new Map();
  kills.set(mutant.file, scores);
  const rank = (/** @type {number} */ index) => ((survey[index]?.cost ?? 0) + 500) / (1 + 5 * (scores.get(index) ?? 0));
  // Only where the condition was the opposite at least once does the mutant change anything.
  const reached = (reach.get(2 * mutant.site + (mutant.value ? 0 : 1)) ?? []).toSorted((a, b) => rank(a) - rank(b));
  if (reached.length === 0) return { ...mutant, outcome: 'never otherwise', reached: 0 };
  let spent = 0;
  const tried = reached.filter((index) => (spent += survey[index]?.cost ?? 0) <= 1000 * Number(options.budget));
  const candidates = tried.map((index) => ({ index, count: survey[index]?.count ?? 0 }));
  const answer = await ask({ job: 'hunt', site: mutant.site, value: mutant.value, candidates });
  if (answer === undefined || answer.sick) await startWorker();
  if (answer === undefined) return { ...mutant, outcome: 'hung', reached: reached.length };
  const killer = tests[answer.killer];
  if (!killer) return { ...mutant, outcome: 'SURVIVED', reached: tried.length };
  scores.set(answer.killer, (scores.get(answer.killer) ?? 0) + 1);
  return {
    ...mutant,
    outcome: 'killed',
    by: `${killer.file}: ${killer.title}`,
    reason: answer.reason,
    reached: reached.length,
  };
}

/** Says which mutant of a file it is, also after lines have moved. @param {Mutant} mutant */
const nameOf = ({ file, text, value }) => `${file} ${value} for ${text}`;
const survived = (/** @type {{ outcome: string }} */ { outcome }) =>
  outcome === 'SURVIVED' || outcome === 'never otherwise';
const again =
  options.again === undefined
    ? undefined
    : new Set(JSON.parse(readFileSync(options.again, 'utf8')).filter(survived).map(nameOf));

for (const file of wanted) {
  const started = Date.now();
  for (const mutant of all.filter((one) => one.file === file && again?.has(nameOf(one)) !== false)) {
    const result = await judge(mutant);
    results.push(result);
    if (result.outcome === 'killed') continue;
    console.log(
      `${result.outcome} ${file}:${mutant.line} ${mutant.value} for ${mutant.text} (${result.reached} tests)`,
    );
  }
  const own = results.filter((result) => result.file === file);
  const alive = own.filter(survived).length;
  const seconds = Math.round((Date.now() - started) / 1000);
  console.log(`${file}: ${own.length} mutants, ${own.length - alive} killed, ${alive} alive, ${seconds} s`);
  const report = join(root, options.report);
  mkdirSync(dirname(report), { recursive: true });
  writeFileSync(report, JSON.stringify(results, undefined, 1));
}
worker?.kill('SIGKILL');

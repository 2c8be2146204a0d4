// @ts-check
// Holds all tests and all mutants in one process. Asked by scripts/mutate.mjs: once which test reaches which condition, then, for
// each mutant, which of some tests fails first.
import fc from 'fast-check';
import { register } from 'node:module';
import { relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beginFile, runTest, tests } from './harness.mjs';

/** Milliseconds that a test may wait for something that doesn't come. */
const PATIENCE = 20_000;
/** How many times more conditions than normal a test may evaluate before it counts as endless. */
const EXCESS = 20;

fc.configureGlobal({ seed: 1 });

/** What conditions were: twice the site, plus one for true. @type {Set<number>} */
let hits = new Set();
let evaluated = 0;
let limit = Infinity;
let activeSite = -1;
let activeValue = false;

Object.assign(globalThis, {
  __mutant(/** @type {number} */ site, /** @type {boolean} */ value) {
    if (++evaluated > limit) throw new Error('endless');
    return site === activeSite && value === activeValue;
  },
  __seen(/** @type {number} */ site, /** @type {unknown} */ value) {
    hits.add(2 * site + (value ? 1 : 0));
    return value;
  },
});

/** @type {unknown} */
let stray;
process.on('uncaughtException', (error) => (stray ??= error));
process.on('unhandledRejection', (error) => (stray ??= error));

/** @param {number} index @param {number} normal how many conditions it evaluates without a mutant */
async function run(index, normal) {
  const test = tests[index];
  if (!test) throw new Error(`no test ${index}`);
  hits = new Set();
  evaluated = 0;
  stray = undefined;
  limit = normal * EXCESS + 100_000;
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve(new Error('no end')), PATIENCE);
  });
  const started = process.cpuUsage().user;
  const failure = (await Promise.race([runTest(test), late])) ?? stray;
  clearTimeout(timer);
  return { failure, cost: process.cpuUsage().user - started, evaluated, hits };
}

/** @param {{ files: string[], instrumented: Map<string, string> }} task */
async function load({ files, instrumented }) {
  register(new URL('hooks.mjs', import.meta.url), { data: { instrumented } });
  for (const file of files) {
    beginFile(file);
    await import(pathToFileURL(file).href);
  }
  return tests.map(({ file, title }) => ({ file: relative(process.cwd(), file), title }));
}

async function survey() {
  const found = [];
  for (const index of tests.keys()) {
    const { failure, cost, evaluated: count, hits: seen } = await run(index, Infinity);
    found.push({ failure: failure === undefined ? undefined : String(failure), cost, count, seen: [...seen] });
  }
  return found;
}

/** @param {{ site: number, value: boolean, candidates: Array<{ index: number, count: number }> }} task */
async function hunt({ site, value, candidates }) {
  for (const { index, count } of candidates) {
    activeSite = site;
    activeValue = value;
    const { failure } = await run(index, count);
    activeSite = -1;
    if (failure === undefined) continue;
    // The killer must be well again without the mutant, else something was left behind and nothing more can be believed.
    const sick = (await run(index, count)).failure !== undefined;
    return { killer: index, reason: String(failure).slice(0, 200), sick };
  }
  return { killer: -1 };
}

/** @type {Record<string, (task: any) => Promise<unknown>>} */
const jobs = { load, survey, hunt };

process.on('message', (/** @type {{ job: string }} */ message) => {
  void jobs[message.job]?.(message).then(
    (answer) => process.send?.({ answer }),
    (error) => process.send?.({ error: String(error?.stack ?? error) }),
  );
});

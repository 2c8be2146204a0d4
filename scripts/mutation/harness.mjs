// @ts-check
// What test files import instead of vitest: it collects tests as functions that can be run again and again in one process.
import { expect, vi } from 'vitest';
import { format } from 'node:util';

/** @typedef {() => unknown} Hook */
/** @typedef {{ each: { before: Hook[], after: Hook[] }, all: { before: Hook[], after: Hook[] }, parent?: Suite }} Suite */
/** @typedef {{ file: string, title: string, body: (context: object) => unknown, suite: Suite }} Test */

/** @type {Test[]} */
export const tests = [];

/** @returns {Suite} */
function newSuite(/** @type {Suite | undefined} */ parent) {
  return { each: { before: [], after: [] }, all: { before: [], after: [] }, ...(parent && { parent }) };
}

let file = '';
let suite = newSuite(undefined);
/** @type {Array<(context: object) => unknown>} */
let finishers = [];

/** Says which file's tests are being collected. @param {string} name */
export function beginFile(name) {
  file = name;
  suite = newSuite(undefined);
}

/** @param {(title: string, row: unknown[], fn: Function) => void} declare */
function each(declare) {
  return (/** @type {unknown[]} */ rows) => (/** @type {string} */ title, /** @type {Function} */ fn) => {
    for (const row of rows) {
      const values = Array.isArray(row) ? row : [row];
      declare(format(title, ...values.map((value) => (typeof value === 'object' ? '…' : value))), values, fn);
    }
  };
}

/** @param {string} _title @param {Function} fn */
export function describe(_title, fn) {
  const outer = suite;
  suite = newSuite(outer);
  fn();
  suite = outer;
}
describe.each = each((title, row, fn) => describe(title, () => fn(...row)));

/** @param {string} title @param {Function} body */
export function it(title, body) {
  tests.push({ file, title, body: (context) => body(context), suite });
}
it.each = each((title, row, fn) => tests.push({ file, title, body: () => fn(...row), suite }));
it.skipIf = (/** @type {unknown} */ skip) => (skip ? () => {} : it);

export const beforeEach = (/** @type {Hook} */ hook) => void suite.each.before.push(hook);
export const afterEach = (/** @type {Hook} */ hook) => void suite.each.after.push(hook);
export const beforeAll = (/** @type {Hook} */ hook) => void suite.all.before.push(hook);
export const afterAll = (/** @type {Hook} */ hook) => void suite.all.after.push(hook);
export const onTestFinished = (/** @type {(context: object) => unknown} */ hook) => void finishers.push(hook);

/** @param {Suite} of @returns {Suite[]} */
function lineage(of) {
  return of.parent ? [...lineage(of.parent), of] : [of];
}

/** Runs one test with its hooks; `beforeAll` counts as `beforeEach`. @param {Test} test @returns {Promise<unknown>} what failed */
export async function runTest(test) {
  finishers = [];
  const suites = lineage(test.suite);
  /** @type {unknown} */
  let failure;
  const attempt = async (/** @type {() => unknown} */ step) => {
    try {
      await step();
    } catch (error) {
      failure ??= error ?? 'undefined thrown';
    }
  };
  await attempt(async () => {
    for (const { all } of suites) for (const hook of all.before) await hook();
    for (const { each: hooks } of suites) for (const hook of hooks.before) await hook();
    await test.body({ task: test, expect, onTestFinished });
  });
  for (const { each: hooks } of suites.toReversed()) for (const hook of hooks.after) await attempt(hook);
  const result = { state: failure === undefined ? 'pass' : 'fail' };
  for (const hook of finishers.toReversed()) await attempt(() => hook({ task: { ...test, result } }));
  for (const { all } of suites.toReversed()) for (const hook of all.after) await attempt(hook);
  return failure;
}

export { expect, vi };
export { describe as suite, it as test };

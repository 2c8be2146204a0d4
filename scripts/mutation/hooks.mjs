// @ts-check
// Module hooks: TypeScript is stripped, the files under test come instrumented, and `vitest` is our small harness.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { transformWithOxc } from 'vite';

const harness = new URL('harness.mjs', import.meta.url).href;

/** @type {Map<string, string>} URL → instrumented source */
let instrumented = new Map();

/** @param {{ instrumented: Map<string, string> }} data */
export function initialize(data) {
  ({ instrumented } = data);
}

/** @type {import('node:module').ResolveHook} */
export function resolve(specifier, context, next) {
  if (specifier === 'vitest' && context.parentURL !== harness) return { url: harness, shortCircuit: true };
  return next(specifier, context);
}

/** @type {import('node:module').LoadHook} */
export async function load(url, context, next) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return next(url, context);
  const path = fileURLToPath(url);
  const { code } = await transformWithOxc(instrumented.get(url) ?? (await readFile(path, 'utf8')), path);
  return { format: 'module', source: code, shortCircuit: true };
}

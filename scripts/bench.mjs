// @ts-check
// Compiles bench/*.ts with the sources they measure and runs them one after the other, each in a process of its own.
//
//   node scripts/bench.mjs [names…] [-- options for the benchmarks, such as --quick]
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** @param {string[]} args */
function node(args) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  return status ?? 1;
}

const options = process.argv.slice(2).filter((arg) => arg.startsWith('-') && arg !== '--');
const wanted = process.argv.slice(2).filter((arg) => !arg.startsWith('-'));
const all = readdirSync(join(root, 'bench'))
  .filter((file) => file.endsWith('.bench.ts'))
  .map((file) => file.slice(0, -'.bench.ts'.length));

const unknown = wanted.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`no such benchmark: ${unknown.join(' ')} (there are: ${all.join(' ')})`);
  process.exit(2);
}
if (node(['node_modules/typescript/bin/tsc', '-p', 'bench']) !== 0) process.exit(1);

let failed = 0;
for (const name of wanted.length > 0 ? wanted : all) {
  console.log(`\n# ${name}`);
  if (node([join('build/bench', `${name}.bench.js`), ...options]) !== 0) failed++;
}
process.exitCode = failed > 0 ? 1 : 0;

// @ts-check
// Compiles bench/*.ts with the sources they measure and runs them one after the other, each in a process of its own.
//
//   node scripts/bench.mjs [names…] [options for the benchmarks: --quick; of `tun`, see there]
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

/** What stands behind these is no benchmark's name. */
const WITH_VALUE = ['--only', '--runs', '--json', '--compare', '--svg', '--from'];

/** @type {string[]} */
const options = [];
/** @type {string[]} */
const wanted = [];
const args = process.argv.slice(2);
for (let arg = args.shift(); arg !== undefined; arg = args.shift()) {
  if (WITH_VALUE.includes(arg)) options.push(`${arg}=${args.shift() ?? ''}`);
  else if (arg.startsWith('-')) options.push(arg);
  else wanted.push(arg);
}
const all = readdirSync(join(root, 'bench'))
  .filter((file) => file.endsWith('.bench.ts'))
  .map((file) => file.slice(0, -'.bench.ts'.length));

const unknown = wanted.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`no such benchmark: ${unknown.join(' ')} (there are: ${all.join(' ')})`);
  process.exit(2);
}
const names = wanted.length > 0 ? wanted : all;
if (node(['node_modules/typescript/bin/tsc', '-p', 'bench']) !== 0) process.exit(1);
// Its server uses the package as users get it.
if ((names.includes('tun') || names.includes('queues')) && node(['scripts/build.mjs']) !== 0) process.exit(1);

let failed = 0;
for (const name of names) {
  console.log(`\n# ${name}`);
  if (node([join('build/bench', `${name}.bench.js`), ...options]) !== 0) failed++;
}
process.exitCode = failed > 0 ? 1 : 0;

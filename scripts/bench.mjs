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
const WITH_VALUE = ['--only', '--worlds', '--runs', '--json', '--compare', '--svg', '--from'];

/**
 * Tells the names of benchmarks from the options for them.
 *
 * @param {readonly string[]} args
 */
export function parse(args) {
  /** @type {string[]} */
  const options = [];
  /** @type {string[]} */
  const wanted = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    if (WITH_VALUE.includes(arg)) options.push(`${arg}=${args[++i] ?? ''}`);
    else if (arg.startsWith('-')) options.push(arg);
    else wanted.push(arg);
  }
  return { options, wanted };
}

/** @param {readonly string[]} args */
function main(args) {
  const { options, wanted } = parse(args);
  const all = readdirSync(join(root, 'bench'))
    .filter((file) => file.endsWith('.bench.ts'))
    .map((file) => file.slice(0, -'.bench.ts'.length));

  const unknown = wanted.filter((name) => !all.includes(name));
  if (unknown.length > 0) {
    console.error(`no such benchmark: ${unknown.join(' ')} (there are: ${all.join(' ')})`);
    return 2;
  }
  const names = wanted.length > 0 ? wanted : all;
  if (node(['node_modules/typescript/bin/tsc', '-p', 'bench']) !== 0) return 1;
  // Their servers use the package as users get it.
  if (['tun', 'gateway', 'queues'].some((name) => names.includes(name)) && node(['scripts/build.mjs']) !== 0) return 1;

  let failed = 0;
  for (const name of names) {
    console.log(`\n# ${name}`);
    if (node([join('build/bench', `${name}.bench.js`), ...options]) !== 0) failed++;
  }
  return failed > 0 ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main(process.argv.slice(2));

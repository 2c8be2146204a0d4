// node scripts/build-native.mjs     (in an installed package: node node_modules/usernet/scripts/build-native.mjs)
//
// Builds native/*.c into prebuilds/<platform>-<arch>/usernet-tun.node, where src/node/addon.ts looks for it.
// N-API: one binary serves all versions of Node. Without a compiler or outside Linux the rest of the package works
// without it, so a single line says so and the build goes on; with CI=true that is an error.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const native = join(root, 'native');
const target = join(root, 'prebuilds', `${process.platform}-${process.arch}`, 'usernet-tun.node');
const sources = readdirSync(native)
  .filter((name) => /\.(c|h|gyp)$/.test(name))
  .map((name) => join(native, name))
  .concat(fileURLToPath(import.meta.url));

/** Ends the script: no addon, and why. */
function giveUp(reason) {
  console.warn(`warning: the native addon was not built, TUN devices will not work: ${reason}`);
  process.exit(process.env.CI === 'true' ? 1 : 0);
}

function isFresh() {
  if (!existsSync(target)) return false;
  const built = statSync(target).mtimeMs;
  return sources.every((source) => statSync(source).mtimeMs <= built);
}

function works(program) {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** The arguments that make node-gyp take the headers beside this Node instead of downloading them. */
function headers() {
  const prefix = process.env.npm_config_nodedir || resolve(process.execPath, '..', '..');
  return existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? [`--nodedir=${prefix}`] : [];
}

/** node-gyp as it is installed here, else the one that npm brings with it. */
function nodeGyp() {
  const npm = resolve(process.execPath, '..', '..', 'lib', 'node_modules', 'npm', 'package.json');
  for (const place of [import.meta.url, npm]) {
    try {
      return createRequire(place).resolve('node-gyp/bin/node-gyp.js');
    } catch {
      // The next place.
    }
  }
  return giveUp('node-gyp is not installed (npm install node-gyp)');
}

if (process.platform !== 'linux') giveUp('they exist on Linux only');
if (!isFresh()) {
  const compiler = process.env.CC || 'cc';
  for (const program of [compiler, 'make', 'python3']) {
    if (!works(program)) giveUp(`${program} is missing (on Debian: apt-get install gcc make python3 libc6-dev)`);
  }
  const build = spawnSync(process.execPath, [nodeGyp(), 'rebuild', '--silent', ...headers()], {
    cwd: native,
    encoding: 'utf8',
  });
  const log = `${build.stdout}${build.stderr}`.trim();
  if (build.status !== 0 || /warning:/.test(log)) console.warn(log);
  if (build.status !== 0) giveUp(`node-gyp failed (${build.signal ?? `status ${build.status}`})`);
  mkdirSync(dirname(target), { recursive: true });
  // Renamed into place: a running program may have the old file mapped.
  const fresh = `${target}.${process.pid}`;
  copyFileSync(join(native, 'build', 'Release', 'usernet-tun.node'), fresh);
  renameSync(fresh, target);
  console.log(`built ${relative(root, target)}`);
}

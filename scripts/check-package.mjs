// @ts-check
// Checks what users would get: packs the package, looks into the tarball, installs it into an empty folder and
// loads each subpath there by `import` and by `require`.
//
//   node scripts/check-package.mjs     (after npm run build)
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const modules = Object.keys(manifest.exports)
  .filter((path) => path !== './package.json')
  .map((path) => manifest.name + path.slice(1));

/**
 * Runs a program and returns what it prints; what it complains about is shown. Throws when it fails.
 *
 * @param {string} cwd
 * @param {string} program
 * @param {string[]} args
 */
function run(cwd, program, ...args) {
  return execFileSync(program, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

/**
 * Installs without network or scripts to review: npm must have nothing to say about the package.
 *
 * @param {string} folder
 * @param {string} tarball
 */
function install(folder, tarball) {
  const args = ['install', '--offline', '--no-audit', '--no-fund', tarball];
  const { status, stderr } = spawnSync('npm', args, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`npm install failed:\n${stderr}`);
  const warnings = stderr.split('\n').filter((line) => /\bwarn\b/i.test(line) && line.includes(manifest.name));
  if (warnings.length > 0) throw new Error(`npm warns whoever installs the package:\n${warnings.join('\n')}`);
  const { packages } = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'));
  const installed = Object.keys(packages).filter((path) => path !== '');
  if (installed.length !== 1) throw new Error(`more than the package is installed: ${installed.join(' ')}`);
}

/** @param {string} folder */
function pack(folder) {
  const [packed] = JSON.parse(run(root, 'npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', folder));
  return {
    tarball: join(folder, packed.filename),
    files: packed.files.map((/** @type {{ path: string }} */ f) => f.path),
  };
}

/** What is built, what the addon is built from, and what README.md links to. */
const MEANT_FOR_USERS =
  /^(dist\/.+\.(js|js\.map|d\.ts)|prebuilds\/.+\.node|native\/[\w.]+\.(c|h|gyp)|docs\/[\w-]+\.md|docs\/benchmarks\/[\w-]+\.svg|examples\/[\w-]+\.mjs)$/;

/**
 * Nothing is missing from the tarball, nothing is in it that is not meant for users.
 *
 * @param {string[]} files
 */
function checkFiles(files) {
  const wanted = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'CONTRIBUTING.md'];
  wanted.push('native/binding.gyp', 'scripts/build-native.mjs', ...linksOf('README.md'));
  for (const target of Object.values(manifest.exports)) {
    if (typeof target === 'object') wanted.push(...Object.values(target).map((/** @type {string} */ p) => p.slice(2)));
  }
  const missing = wanted.filter((file) => !files.includes(file));
  const surplus = files.filter((file) => !wanted.includes(file) && !MEANT_FOR_USERS.test(file));
  if (missing.length > 0) throw new Error(`missing from the tarball: ${missing.join(' ')}`);
  if (surplus.length > 0) throw new Error(`not meant for the tarball: ${surplus.join(' ')}`);
  // Without a compiler the addon may be missing from a developer's build, never from a release.
  if (process.env['CI'] && !files.some((file) => file.endsWith('.node'))) throw new Error('the addon is missing');
  // npm runs `prepare` for nobody who installs a tarball, but warns of it. `dependencies` builds in a clone, and only there.
  for (const script of ['preinstall', 'install', 'postinstall', 'prepublish', 'preprepare', 'prepare', 'postprepare']) {
    if (manifest.scripts[script]) throw new Error(`users would run, or be warned of, a script: ${script}`);
  }
  if (manifest.dependencies) throw new Error('usernet has no runtime dependencies');
}

/**
 * The files that a page links to.
 *
 * @param {string} page
 */
function linksOf(page) {
  const links = readFileSync(join(root, page), 'utf8').matchAll(/\]\((?!https?:)([^)#]+)/g);
  return [...links].map(([, path = '']) => path);
}

/**
 * Installs the tarball into an empty folder and loads each subpath both ways: they must be the same module.
 *
 * @param {string} folder
 * @param {string} tarball
 */
function checkInstall(folder, tarball) {
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  install(folder, tarball);
  const script = `
    for (const name of ${JSON.stringify(modules)}) {
      const names = Object.keys(require(name)).sort();
      import(name).then((module) => {
        if (names.length === 0) throw new Error(name + ' exports nothing');
        // One module for both, or (register: its import may wait, which require can't) the same exports from two.
        const required = require(name);
        const twice = module !== required && names.some((each) => module[each] !== required[each]);
        if (twice || Object.keys(module).length !== names.length) throw new Error(name + ' is loaded twice');
        console.log(name + ': ' + names.join(' '));
      });
    }`;
  writeFileSync(join(folder, 'load.cjs'), script);
  process.stdout.write(run(folder, process.execPath, '--no-warnings', 'load.cjs'));
}

const folder = mkdtempSync(join(tmpdir(), 'usernet-package-'));
try {
  const { tarball, files } = pack(folder);
  checkFiles(files);
  console.log(`${files.length} files in the tarball`);
  checkInstall(folder, tarball);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

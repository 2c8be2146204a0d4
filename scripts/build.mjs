// @ts-check
// Builds what is shipped: dist/ from src/ and, where there is a compiler, the native addon.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Runs a script with this Node; a failure ends the build with the script's exit code.
 *
 * @param {string} script
 */
function run(script) {
  const { status, error } = spawnSync(process.execPath, [script], { cwd: root, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

/** Removes from dist/ what no source stands behind any more, so that a deleted file is not shipped. */
function removeOrphans() {
  for (const entry of readdirSync(join(root, 'dist'), { recursive: true, encoding: 'utf8' })) {
    const source = entry.replace(/(\.d\.ts|\.js\.map|\.js)$/, '.ts');
    if (source !== entry && !existsSync(join(root, 'src', source))) rmSync(join(root, 'dist', entry));
  }
}

run('node_modules/typescript/bin/tsc');
removeOrphans();
run('scripts/build-native.mjs');

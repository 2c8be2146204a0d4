import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Who may import whom: the table of docs/architecture.md. Each room may import errors.ts as well. */
const LAYERS: Record<string, string[]> = {
  wire: [],
  buffer: ['wire', 'time'],
  time: ['wire', 'buffer'],
  link: ['wire', 'buffer', 'time'],
  udp: ['wire', 'buffer', 'time'],
  tcp: ['wire', 'buffer', 'time'],
  raw: ['wire', 'buffer', 'time'],
  ip: ['wire', 'buffer', 'time'],
  stack: ['wire', 'buffer', 'time', 'link', 'udp', 'tcp', 'raw', 'ip'],
  sim: ['wire', 'buffer', 'time', 'link', 'udp', 'tcp', 'raw', 'ip', 'stack'],
  node: ['wire', 'buffer', 'time', 'link', 'udp', 'tcp', 'raw', 'ip', 'stack', 'sim'],
};
const ROOMS = Object.keys(LAYERS);

/** Planted files by path, and the rules that the linter must report for each. */
const planted = new Map<string, { text: string; rules: string[] }>();

function plant(path: string, text: string, ...rules: string[]): string {
  planted.set(path, { text, rules });
  return path;
}

const LAYER = 'eslint(no-restricted-imports)';
const GLOBAL = 'eslint(no-restricted-globals)';
const PROPERTY = 'eslint(no-restricted-properties)';

function plantLayers(): void {
  for (const room of ROOMS) {
    for (const other of ROOMS) {
      if (other === room) continue;
      const rules = LAYERS[room]!.includes(other) ? [] : [LAYER];
      plant(`src/${room}/value-${other}.ts`, `export { x } from '../${other}/x.ts';\n`, ...rules);
      plant(`src/${room}/type-${other}.ts`, `export type { X } from '../${other}/x.ts';\n`, ...rules);
      plant(
        `src/${room}/deep/${other}.ts`,
        `import { x } from '../../${other}/x.ts';\nexport const y = x;\n`,
        ...rules,
      );
    }
    plant(`src/${room}/errors-user.ts`, `export { usageError } from '../errors.ts';\n`);
    plant(`src/${room}/own.ts`, `export { x } from './x.ts';\n`);
    plant(`src/${room}/top.ts`, `export { x } from '../index.ts';\n`, LAYER);
    plant(`src/${room}/builtin.ts`, `export { join } from 'node:path';\n`, ...(room === 'node' ? [] : [LAYER]));
    plant(`src/${room}/package.ts`, `export { x } from 'left-pad';\n`, LAYER);
  }
  // The one exception: ip knows the interface of a link, as a type.
  plant('src/ip/link-type.ts', `import type { Link } from '../link/link.ts';\nexport type L = Link;\n`);
  plant('src/ip/link-value.ts', `export { NO_OFFLOAD } from '../link/link.ts';\n`, LAYER);
  plant('src/errors.ts', `export { x } from './wire/x.ts';\n`, LAYER);
  plant('src/index.ts', `export { x } from './stack/x.ts';\nexport { y } from './node/x.ts';\n`, LAYER);
}

function plantHost(): void {
  const uses: [name: string, text: string, rule: string][] = [
    ['date', 'export const x = Date.now();\n', GLOBAL],
    ['performance', 'export const x = performance.now();\n', GLOBAL],
    ['timeout', 'setTimeout(() => {}, 1);\n', GLOBAL],
    ['immediate', 'setImmediate(() => {});\n', GLOBAL],
    ['microtask', 'queueMicrotask(() => {});\n', GLOBAL],
    ['buffer', 'export const x = Buffer.alloc(1);\n', GLOBAL],
    ['process', 'export const x = process.pid;\n', GLOBAL],
    ['dodge', 'export const x = globalThis.performance;\n', GLOBAL],
    ['crypto', 'crypto.getRandomValues(new Uint8Array(1));\n', GLOBAL],
    ['random', 'export const x = Math.random();\n', PROPERTY],
    ['pow', 'export const x = Math.pow(2, 3);\n', PROPERTY],
    ['cbrt', 'export const x = Math.cbrt(8);\n', PROPERTY],
    ['log', 'export const x = Math.log(8);\n', PROPERTY],
    ['console', `console.log('x');\n`, 'eslint(no-console)'],
  ];
  for (const [name, text, rule] of uses) {
    plant(`src/tcp/uses-${name}.ts`, text, rule);
    plant(`src/sim/uses-${name}.ts`, text, rule);
    plant(`src/node/uses-${name}.ts`, text);
  }
  plant('src/wire/sqrt.ts', 'export const x = Math.sqrt(4);\n');
  plant('src/time/host.ts', 'export const x = globalThis.performance;\n');
}

function plantHabits(): void {
  plant(
    'src/tcp/cycle-a.ts',
    `import { b } from './cycle-b.ts';\nexport const a = (): number => b();\n`,
    'import(no-cycle)',
  );
  plant(
    'src/tcp/cycle-b.ts',
    `import { a } from './cycle-a.ts';\nexport const b = (): number => a();\n`,
    'import(no-cycle)',
  );
  plant('src/node/any.ts', 'export const x: any = 1;\n', 'typescript(no-explicit-any)');
  plant('src/node/floating.ts', 'async function f(): Promise<void> {}\nf();\n', 'typescript(no-floating-promises)');
  const typeOnly = `import { X } from './x.ts';\nexport const x: X = 1;\n`;
  plant('src/node/type-import.ts', typeOnly, 'typescript(consistent-type-imports)');
}

interface Diagnostic {
  code: string;
  filename: string;
}

describe('the linter', () => {
  let folder: string;
  const reported = new Map<string, Set<string>>();
  let status: number | null;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'usernet-layers-'));
    plantLayers();
    plantHost();
    plantHabits();
    for (const room of ROOMS) plant(`src/${room}/x.ts`, 'export type X = number;\nexport const x = 1;\n');
    for (const [path, { text }] of planted) {
      mkdirSync(join(folder, dirname(path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    copyFileSync(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
    writeFileSync(join(folder, 'tsconfig.json'), '{ "compilerOptions": { "strict": true, "types": [] } }\n');
    const oxlint = join(root, 'node_modules/oxlint/bin/oxlint');
    // The type-aware rules live in a program of their own, which is looked for in the project that is checked.
    const env = { ...process.env, OXLINT_TSGOLINT_PATH: join(root, 'node_modules/.bin/tsgolint') };
    const run = spawnSync(process.execPath, [oxlint, '--format=json', 'src'], { cwd: folder, encoding: 'utf8', env });
    ({ status } = run);
    const { diagnostics } = JSON.parse(run.stdout) as { diagnostics: Diagnostic[] };
    for (const { code, filename } of diagnostics) {
      const rules = reported.get(filename) ?? new Set();
      reported.set(filename, rules.add(code));
    }
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('reports exactly the planted violations', () => {
    expect(status).toBe(1);
    const expected = [...planted].map(([path, { rules }]) => `${path}: ${rules.join(' ')}`);
    const actual = [...planted.keys()].map((path) => `${path}: ${[...(reported.get(path) ?? [])].join(' ')}`);
    expect(actual).toEqual(expected);
  });

  it('knows every room of the house', () => {
    const entries = readdirSync(join(root, 'src'), { withFileTypes: true });
    const rooms = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    expect(ROOMS).toEqual(expect.arrayContaining(rooms));
  });
});

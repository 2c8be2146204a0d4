import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { check, collect, render, suggest } from '../../../scripts/conformance.mjs';

const SCRIPT = fileURLToPath(new URL('../../../scripts/conformance.mjs', import.meta.url));

// Written in two parts, so that this file itself cites nothing.
const must = (n: number): string => `[MUST-${n}]`;

let root: string;

function write(path: string, ...lines: string[]): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), `${lines.join('\n')}\n`);
}

function claim(...rows: [id: string, status: string, reason?: string][]): void {
  write(
    'docs/requirements/status.tsv',
    'id\tstatus\treason',
    ...rows.map(([id, status, reason = '']) => `${id}\t${status}\t${reason}`),
  );
}

/** Writes the page, then returns what a check finds. */
function problems(): string[] {
  writeFileSync(join(root, 'docs/conformance.md'), render(collect(root)));
  return check(root);
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'usernet-conformance-'));
  const rows = [1, 2, 3, 4].map((n) => `MUST-${n}\tMUST\tRequirement | ${n}\t3.${n}`);
  write('docs/requirements/rfc1.tsv', 'id\tlevel\trequirement\tsection', ...rows);
  const stack = 'S-001\t791\tIPv4 header\tSHOULD\tverify the checksum';
  write('docs/requirements/stack.tsv', 'id\trfc\ttopic\tlevel\twhat a modern host stack must do', stack);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('citations in code', () => {
  const cited = (): string[] => collect(root).code.map(({ id, file, line }) => `${id} ${file}:${line}`);

  it('stand in line comments, block comments and the addon', () => {
    write('src/tcp/a.ts', '// a', `if (x) y(); // ${must(1)} ${must(2)} RFC 1 §3`, '/**', ` * ${must(3)}`, ' */');
    write('native/tun.c', `/* ${must(4)} */`);
    expect(cited()).toEqual([
      'MUST-1 src/tcp/a.ts:2',
      'MUST-2 src/tcp/a.ts:2',
      'MUST-3 src/tcp/a.ts:4',
      'MUST-4 native/tun.c:1',
    ]);
  });

  it('are not strings, code or an index in prose', () => {
    write(
      'src/a.ts',
      `const s = '// ${must(1)}';`,
      `const t = \`// ${must(2)}\`;`,
      'b[N-1];',
      '// b[N-1] and b()[N-1]',
    );
    expect(cited()).toEqual([]);
  });
});

describe('citations in tests', () => {
  const cited = (): string[] => collect(root).tests.map(({ id, line }) => `${id}:${line}`);

  it('begin the titles of it, describe and it.each and of rows', () => {
    write(
      'test/rfc/a.test.ts',
      `describe('${must(1)} x', () => {`,
      `  it("${must(2)} ${must(3)} y", () => {});`,
      `  it.each([1, 2])(\`${must(4)} %i\`, () => {});`,
      `  for (const title of ['${must(1)} z']) it(title, () => {});`,
      '});',
    );
    expect(cited()).toEqual(['MUST-1:1', 'MUST-2:2', 'MUST-3:2', 'MUST-4:3', 'MUST-1:4']);
  });

  /** Vitest's word for a test without a body; composed, so that this file is not taken to have one. */
  const UNWRITTEN = ['to', 'do'].join('');

  it('are not comments, later words of a title, skipped or unwritten tests', () => {
    write(
      'test/rfc/a.test.ts',
      `// it('${must(1)} x', () => {});`,
      `it('see ${must(2)}', () => {});`,
      `it.skip('${must(3)} x', () => {});`,
      `it.${UNWRITTEN}('${must(4)} x');`,
    );
    expect(cited()).toEqual([]);
  });
});

describe('a check', () => {
  it('passes when nothing is claimed', () => {
    write('src/a.ts', `// ${must(1)}`);
    expect(problems()).toEqual([]);
  });

  it('passes when each claim has its test and its reason', () => {
    claim(
      ['MUST-1', 'met'],
      ['MUST-2', 'deliberately not met', 'RFC 2'],
      ['MUST-3', 'out of scope', 'no TCP-AO'],
      ['MUST-4', 'not yet'],
    );
    write('test/a.test.ts', `it('${must(1)} ${must(2)} x', () => {});`);
    expect(problems()).toEqual([]);
  });

  it('fails for a claim without a test', () => {
    claim(['MUST-1', 'met'], ['MUST-2', 'deliberately not met', 'RFC 2']);
    write('src/a.ts', `// ${must(1)}`);
    expect(problems()).toEqual([
      'docs/requirements/status.tsv: MUST-1 is marked met and has no test',
      'docs/requirements/status.tsv: MUST-2 is deliberately not met and has no test of what happens instead',
    ]);
  });

  it('fails for a missing reason, an unknown status, an unknown or repeated id', () => {
    claim(['MUST-1', 'out of scope'], ['MUST-2', 'done'], ['MUST-9', 'not yet'], ['MUST-9', 'not yet']);
    expect(problems()).toEqual([
      'docs/requirements/status.tsv: MUST-2 has the unknown status "done"',
      'docs/requirements/status.tsv: MUST-9 stands twice',
      'docs/requirements/status.tsv: MUST-1 is out of scope without a reason',
      'docs/requirements/status.tsv: MUST-9 is no requirement',
    ]);
  });

  it('fails when code or a test names an unknown id', () => {
    write('src/a.ts', '', `// ${must(77)}`);
    write('test/a.test.ts', `it('${must(78)} x', () => {});`);
    expect(problems()).toEqual([
      'src/a.ts:2: names the unknown requirement MUST-77',
      'test/a.test.ts:1: names the unknown requirement MUST-78',
    ]);
  });

  it('fails when the page is missing or out of date', () => {
    const stale = ['docs/conformance.md is out of date: run npm run conformance'];
    expect(check(root)).toEqual(stale);
    expect(problems()).toEqual([]);
    write('src/a.ts', `// ${must(1)}`);
    expect(check(root)).toEqual(stale);
  });
});

describe('the page', () => {
  it('shows status, code and test of each requirement of each table', () => {
    claim(['MUST-1', 'met'], ['S-001', 'out of scope', 'a | b']);
    write('src/a.ts', '', `// ${must(1)}`);
    write('test/a.test.ts', `it('${must(1)} x', () => {});`);
    const page = render(collect(root));
    const code = '[src/a.ts:2](../src/a.ts#L2)';
    const test = '[test/a.test.ts:1](../test/a.test.ts#L1)';
    expect(page).toContain(`| MUST-1 | MUST | Requirement \\| 1 (§3.1) | met | ${code} | ${test} |  |\n`);
    expect(page).toContain('| MUST-2 | MUST | Requirement \\| 2 (§3.2) | not yet |  |  |  |\n');
    expect(page).toContain(
      '| S-001 | SHOULD | IPv4 header: verify the checksum (RFC 791) | out of scope |  |  | a \\| b |\n',
    );
    expect(page).toContain('| MUST | 1 | 3 | 0 | 0 |\n');
  });
});

describe('the command', () => {
  const run = (...args: string[]): ReturnType<typeof spawnSync> =>
    spawnSync(process.execPath, [SCRIPT, '--root', root, ...args], { encoding: 'utf8' });

  it('suggests what has code and a test and is not yet met', () => {
    claim(['MUST-1', 'met']);
    write('src/a.ts', `// ${must(1)} ${must(2)} ${must(3)}`);
    write('test/a.test.ts', `it('${must(1)} ${must(2)} ${must(4)} x', () => {});`);
    expect(suggest(collect(root))).toEqual(['MUST-2\tmet\t']);
    expect(run('--suggest').stdout).toBe('MUST-2\tmet\t\n');
  });

  it('writes the page, checks it, and says what is wrong', () => {
    expect(run('--check').status).toBe(1);
    expect(run().status).toBe(0);
    expect(readFileSync(join(root, 'docs/conformance.md'), 'utf8')).toBe(render(collect(root)));
    expect(run('--check').status).toBe(0);
    write('src/a.ts', `// ${must(77)}`);
    const failed = run();
    expect(failed.stderr).toBe('src/a.ts:1: names the unknown requirement MUST-77\n');
    expect(failed.status).toBe(1);
  });
});

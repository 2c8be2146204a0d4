import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);

export interface Ended {
  /** What the program wrote to standard output, line by line. */
  readonly lines: string[];
  /** What it wrote to standard error. */
  readonly errors: string;
  readonly code: number | null;
}

/**
 * Runs a program of `programs/` on Node's own modules or on ours, as `dist/` has them, until it ends. To each line it
 * gives the answer of `answer`, if there is one.
 */
export function runProgram(
  program: string,
  args: readonly string[],
  answer: (line: string) => string | undefined = () => undefined,
): Promise<Ended> {
  if (!existsSync(new URL('dist/node/index.js', root))) throw new Error('there is no dist/: run `npm run build`');
  const path = fileURLToPath(new URL(`programs/${program}`, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], { stdio: 'pipe', timeout: 50_000 });
  const lines: string[] = [];
  let errors = '';
  let rest = '';
  // The program may be gone when the answer comes.
  child.stdin.on('error', () => {});
  child.stderr.on('data', (text) => {
    errors += String(text);
  });
  child.stdout.on('data', (text) => {
    const parts = (rest + String(text)).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) {
      lines.push(line);
      const reply = answer(line);
      if (reply !== undefined) child.stdin.write(`${reply}\n`);
    }
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (rest !== '') lines.push(rest);
      resolve({ lines, errors, code });
    });
  });
}

import process from 'node:process';

/** Ends a program that can't begin: one line on standard error, exit code 1. */
export function endWith(error: unknown): never {
  const reason = error instanceof Error ? error.message : String(error);
  process.stderr.write(`usernet/register: ${reason.replaceAll(/\s*\n\s*/g, ' ')}\n`);
  process.exit(1);
}

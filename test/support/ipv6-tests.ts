import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Whatever stands on this says nothing of the family of its addresses. */
const FAMILY = 'test/support/family.ts';
const IMPORT = /\b(?:from|import) '(\.{1,2}\/[^']+)'/g;

/** Tests that stand on `support/family.ts` and are not run over IPv6 all the same, and why. */
export const LEFT_OUT: Readonly<Record<string, string>> = {
  'test/rfc/rfc1191.test.ts': 'path MTU discovery of IPv4: IPv6 has rfc8201.test.ts',
  'test/rfc/rfc8201.test.ts': 'of IPv6 by itself',
  'test/rfc/rfc5927-forged.test.ts': 'of both by itself',
};

/** The test files that stand on `support/family.ts`, through whatever they import of `test/`. */
export function familyTests(): string[] {
  const known = new Map<string, boolean>();
  return readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
    .map((file) => `test/${file.replaceAll('\\', '/')}`)
    .filter((file) => file.endsWith('.test.ts') && !file.endsWith('.long.test.ts') && standsOnFamily(file, known))
    .toSorted();
}

/** What the project `ipv6` of vitest.config.ts runs. */
export function ipv6Tests(): string[] {
  return familyTests().filter((file) => !Object.hasOwn(LEFT_OUT, file));
}

function standsOnFamily(file: string, known: Map<string, boolean>): boolean {
  if (file === FAMILY) return true;
  const before = known.get(file);
  if (before !== undefined) return before;
  // A circle of imports adds nothing.
  known.set(file, false);
  const text = readFileSync(join(ROOT, file), 'utf8');
  const stands = [...text.matchAll(IMPORT)]
    .map((match) => relative(ROOT, join(ROOT, dirname(file), match[1]!)).replaceAll('\\', '/'))
    // What stands in a string may look like an import of a file that is not there.
    .some((other) => other.startsWith('test/') && existsSync(join(ROOT, other)) && standsOnFamily(other, known));
  known.set(file, stands);
  return stands;
}

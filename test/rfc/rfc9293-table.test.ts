import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** The rows of a table of requirements, without its head. */
function rows(name: string): string[][] {
  const text = readFileSync(new URL(`../../docs/requirements/${name}`, import.meta.url), 'utf8');
  const [, ...lines] = text.trimEnd().split('\n');
  return lines.map((line) => line.split('\t'));
}

describe('docs/requirements/rfc9293.tsv', () => {
  it('[S-058] every MUST and SHOULD is met, or not met on purpose with a reason', () => {
    const claims = new Map(rows('status.tsv').map(([id, status, reason]) => [id!, { status, reason }]));
    const table = rows('rfc9293.tsv').filter(([, level]) => level!.startsWith('MUST') || level!.startsWith('SHOULD'));
    expect(table.length).toBeGreaterThan(90);
    for (const [id] of table) {
      const { status, reason } = claims.get(id!) ?? {};
      expect(['met', 'deliberately not met'], id).toContain(status);
      if (status !== 'met') expect(reason, id).not.toBe('');
    }
  });
});

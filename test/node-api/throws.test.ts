import { beforeAll, describe, expect, it } from 'vitest';
import { runProgram } from './programs.ts';

/** By emitter, what it told. */
type Journals = Record<string, string[]>;

/** `programs/throws.mjs`: what each scenario led to. */
async function journals(module: string): Promise<Record<string, Journals>> {
  const { lines, errors, code } = await runProgram('throws.mjs', [module]);
  expect({ errors, code }).toEqual({ errors: '', code: 0 });
  return JSON.parse(lines.join('\n')) as Record<string, Journals>;
}

/** Without an error that reaches 'uncaughtException': the call throws, or the socket is told. */
const CAUGHT = /^a lookup$|captureRejections$/;

describe('what a listener or callback throws, and what comes after', () => {
  let node: Record<string, Journals>;
  let ours: Record<string, Journals>;
  beforeAll(async () => {
    [node, ours] = await Promise.all([journals('node'), journals('usernet')]);
  });

  it('goes where Node sends it', () => {
    expect(Object.keys(node).length).toBeGreaterThan(25);
    for (const [title, told] of Object.entries(node)) {
      const errors = CAUGHT.test(title) ? /^(thrown|error) / : /^(uncaught|reset:) /;
      expect(Object.values(told).flat(), title).toContainEqual(expect.stringMatching(errors));
    }
  });

  it('is the same on both', () => {
    expect(Object.keys(ours)).toEqual(Object.keys(node));
    // One by one: a difference shows which scenario it is.
    for (const [title, told] of Object.entries(node)) expect(ours[title], title).toEqual(told);
  });
});

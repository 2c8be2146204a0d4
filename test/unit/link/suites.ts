import { describe, it } from 'vitest';
import type { LinkPair } from '../../../src/link/suite.ts';
import { linkSuite } from '../../../src/link/suite.ts';

/** Runs the link suite as tests. */
export function expectSuite(title: string, makePair: () => LinkPair | Promise<LinkPair>): void {
  describe(`${title} passes the suite:`, () => {
    // A test of the suite rejects when its rule is broken.
    // oxlint-disable-next-line vitest/expect-expect
    it.each(linkSuite(makePair))('$name', ({ run }) => run());
  });
}

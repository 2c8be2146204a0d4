import { expect, it } from 'vitest';
import { fileURLToPath } from 'node:url';
import { canUseTun, withNamespace } from '../support/namespace.ts';

const KEEPER = fileURLToPath(new URL('fixtures/keeper.mjs', import.meta.url));

it.skipIf(canUseTun('python3') !== undefined)(
  'received memory is the program’s: what it keeps is never rewritten, and each chunk has its own ticks and promises',
  () =>
    withNamespace(async (ns) => {
      const { stdout, stderr } = await ns.run(process.execPath, [KEEPER], { timeout: 70_000 });
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toEqual({ received: true, wrong: 0, ordered: true, external: true });
    }),
);

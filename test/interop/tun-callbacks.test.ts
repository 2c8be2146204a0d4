import { expect, it } from 'vitest';
import { fileURLToPath } from 'node:url';
import { canUseTun, withNamespace } from '../support/namespace.ts';

const CLOSER = fileURLToPath(new URL('fixtures/closer.mjs', import.meta.url));

it.skipIf(canUseTun('python3') !== undefined)(
  'a device that a listener closes: what its last packets have brought to sockets still comes',
  () =>
    withNamespace(async (ns) => {
      const { stdout, stderr } = await ns.run(process.execPath, [CLOSER], { timeout: 30_000 });
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toEqual(['data 0', 'data 1', 'end 0', 'end 1']);
    }),
);

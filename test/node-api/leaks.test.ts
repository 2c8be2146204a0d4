import { expect, it } from 'vitest';
import { churn } from './churn.ts';

// A socket is 4 KB and more. 100,000 of them: leaks.long.test.ts.
it('a thousand connections leave no listener, timer or socket behind', { timeout: 240_000 }, async () => {
  expect(await churn(1000, 600)).toBeLessThan(2_500_000);
});

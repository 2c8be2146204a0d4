import { expect, it } from 'vitest';
import { churn } from './churn.ts';

it('100,000 connections leave no listener, timer or buffer behind: less than 20 bytes each', async () => {
  const left = await churn(100_000, 5000);
  console.log(`100,000 connections have left ${left} bytes`);
  expect(left).toBeLessThan(2_000_000);
}, 900_000);

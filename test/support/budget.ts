/** Milliseconds that one of the three long tests may take: a third of what `npm run test:long -- --minutes N` gives. */
export const LONG_BUDGET: number = (Number(process.env['USERNET_BUDGET_MINUTES'] ?? 15) * 60_000) / 3;

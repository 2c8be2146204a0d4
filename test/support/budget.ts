/** Milliseconds that a long test may take: `npm run test:long -- --minutes N` gives each file its share. */
export const LONG_BUDGET: number = Number(process.env['USERNET_BUDGET_MINUTES'] ?? 15) * 60_000;

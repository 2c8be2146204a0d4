import type { Clock } from '../time/clock.ts';

const NOTHING = (): void => {};

/** Calls the function in a macrotask of its own, with the ticks and promises of those before it behind it. */
export function inMacrotask(clock: Clock, fn: () => void): void {
  // A virtual clock counts only what passes through it.
  clock.defer(NOTHING);
  setImmediate(fn);
}

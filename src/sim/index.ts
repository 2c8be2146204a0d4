/** `usernet/sim`: time that stands still until it is told to move, and randomness that repeats itself. */

export { Ladder } from './ladder.ts';
export type { LadderOptions } from './ladder.ts';
export { chance, seededRandom, uniform } from '../time/seeded-random.ts';
export { VirtualClock } from '../time/virtual-clock.ts';
export type { RunFor, RunUntil, VirtualClockOptions } from '../time/virtual-clock.ts';

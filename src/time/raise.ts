import type { Clock } from './clock.ts';

/** Hands what a callback of the program has thrown to the host, as what its own callbacks throw: never to the caller. */
export function raise(clock: Clock, error: unknown): void {
  if (clock.raise !== undefined) return clock.raise(error);
  clock.defer(() => {
    throw error;
  });
}

import type { Clock } from '../time/clock.ts';

const NOTHING = (): void => {};

/** Calls the function in a macrotask of its own, with the ticks and promises of those before it behind it. */
export function inMacrotask(clock: Clock, fn: () => void): void {
  // A virtual clock counts only what passes through it.
  clock.defer(NOTHING);
  setImmediate(fn);
}

/** Something that waits for a callback of its own. */
export interface Waiting {
  /** There is something to tell. Where there is not, `run` calls nothing of the program's, and needs no callback. */
  readonly due: boolean;
  readonly run: () => void;
}

/** What waits while a device's wake-up lasts, and the clocks of those who wait. */
const waiting: { clock: Clock; one: Waiting }[] = [];
let wakeUps = 0;

/**
 * The same for what a packet has brought, which a device's addon can call from outside JavaScript itself, as libuv calls
 * Node's sockets: the ticks and promises of each call run before the next, and no turn of the event loop lies in between.
 * It looks after its asynchronous context itself.
 */
export function inCallback(clock: Clock, one: Waiting): void {
  if (wakeUps === 0) return inMacrotask(clock, one.run);
  waiting.push({ clock, one });
}

/** A device's wake-up begins: whoever says so calls `nextCallback` until nothing waits. */
export function beginWakeUp(): void {
  wakeUps = 1;
}

/** Is there more to call? */
export function callbacksWait(): boolean {
  while (waiting.length > 0 && !waiting[0]!.one.due) waiting.shift()!.one.run();
  if (waiting.length === 0) wakeUps = 0;
  return wakeUps > 0;
}

/** The device's addon calls no more, since the device was closed: what still waits gets macrotasks. */
export function endWakeUp(): void {
  wakeUps = 0;
  for (const { clock, one } of waiting.splice(0)) inMacrotask(clock, one.run);
}

/**
 * Calls what has waited longest; called from outside JavaScript. Returns whether more wait.
 *
 * @param last the wake-up has lasted long enough: the others get macrotasks.
 */
export function nextCallback(last: boolean): boolean {
  const next = waiting.shift();
  if (last) endWakeUp();
  try {
    next?.one.run();
  } finally {
    callbacksWait();
  }
  return wakeUps > 0;
}

import { afterEach, expect, it } from 'vitest';
import type { Waiting } from '../../../src/node/macrotask.ts';
import { beginWakeUp, callbacksWait, endWakeUp, inCallback, nextCallback } from '../../../src/node/macrotask.ts';
import { hostClock } from '../../../src/time/host.ts';

const clock = hostClock();
/** It has something to tell, or not. */
const one = (run: () => void, due = true): Waiting => ({ due, run });
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

afterEach(() => {
  expect(callbacksWait()).toBe(false);
});

it('outside of a wake-up it is a macrotask', async () => {
  const calls: string[] = [];
  inCallback(
    clock,
    one(() => calls.push('called')),
  );
  expect(callbacksWait()).toBe(false);
  await Promise.resolve();
  expect(calls).toEqual([]);
  await turn();
  expect(calls).toEqual(['called']);
});

it('inside of one they are called in order, also those that come meanwhile, one a call', () => {
  const calls: string[] = [];
  beginWakeUp();
  inCallback(
    clock,
    one(() => {
      calls.push('a');
      inCallback(
        clock,
        one(() => calls.push('c')),
      );
    }),
  );
  inCallback(
    clock,
    one(() => calls.push('b')),
  );
  expect(callbacksWait()).toBe(true);
  const more = [nextCallback(false), nextCallback(false), nextCallback(false)];
  expect([calls, more]).toEqual([
    ['a', 'b', 'c'],
    [true, true, false],
  ]);
});

it('at the last call of a wake-up the others get macrotasks', async () => {
  const calls: string[] = [];
  beginWakeUp();
  for (const name of ['a', 'b', 'c'])
    inCallback(
      clock,
      one(() => calls.push(name)),
    );
  expect([nextCallback(true), calls]).toEqual([false, ['a']]);
  await turn();
  expect(calls).toEqual(['a', 'b', 'c']);
});

it('when the wake-up ends early the others get macrotasks, in order, with those that come later', async () => {
  const calls: string[] = [];
  beginWakeUp();
  inCallback(
    clock,
    one(() => {
      calls.push('a');
      endWakeUp();
      inCallback(
        clock,
        one(() => calls.push('c')),
      );
    }),
  );
  inCallback(
    clock,
    one(() => calls.push('b')),
  );
  expect(nextCallback(false)).toBe(false);
  expect(calls).toEqual(['a']);
  await turn();
  expect(calls).toEqual(['a', 'b', 'c']);
});

it('what has nothing to tell is let go at once, where nothing waits before it', () => {
  const calls: string[] = [];
  beginWakeUp();
  inCallback(
    clock,
    one(() => calls.push('a'), false),
  );
  inCallback(
    clock,
    one(() => calls.push('b')),
  );
  inCallback(
    clock,
    one(() => calls.push('c'), false),
  );
  expect([callbacksWait(), calls]).toEqual([true, ['a']]);
  expect([nextCallback(false), calls]).toEqual([false, ['a', 'b', 'c']]);
});

it('one that throws takes nobody else the call', () => {
  const calls: string[] = [];
  beginWakeUp();
  inCallback(
    clock,
    one(() => {
      throw new Error('of the program');
    }),
  );
  inCallback(
    clock,
    one(() => calls.push('b')),
  );
  expect(() => nextCallback(false)).toThrow('of the program');
  expect(callbacksWait()).toBe(true);
  expect(nextCallback(false)).toBe(false);
  expect(calls).toEqual(['b']);
});

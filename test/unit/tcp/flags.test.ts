import { describe, expect, it } from 'vitest';
import { ConnectionFlags } from '../../../src/tcp/flags.ts';

/** The names of the accessors that a class declares. */
function accessors(prototype: object): (keyof ConnectionFlags)[] {
  const all = Object.entries(Object.getOwnPropertyDescriptors(prototype));
  return all.flatMap(([name, { set }]) => (set === undefined ? [] : [name as keyof ConnectionFlags]));
}

describe('ConnectionFlags', () => {
  const names = accessors(ConnectionFlags.prototype);

  it('are all false at first, and each is itself only', () => {
    expect(names.length).toBeGreaterThan(10);
    for (const name of names) {
      const flags = new ConnectionFlags();
      expect(names.filter((each) => flags[each])).toEqual([]);
      flags[name] = true;
      expect(names.filter((each) => flags[each])).toEqual([name]);
      flags[name] = false;
      expect(names.filter((each) => flags[each])).toEqual([]);
    }
  });

  it('keep the others when one is put out', () => {
    const flags = new ConnectionFlags();
    for (const name of names) flags[name] = true;
    flags.orphan = false;
    expect(names.filter((each) => !flags[each])).toEqual(['orphan']);
  });
});

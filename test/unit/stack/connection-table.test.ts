import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/sim/index.ts';
import type { FourTuple } from '../../../src/stack/connection-table.ts';
import { ConnectionTable } from '../../../src/stack/connection-table.ts';
import { Address } from '../../../src/wire/address.ts';

const addresses = ['10.0.0.1', '10.0.0.2', '::1', '::ffff:10.0.0.1'].map((text) => Address.parse(text));

function tuple(local: number, localPort: number, remote: number, remotePort: number): FourTuple {
  return { localAddress: addresses[local]!, localPort, remoteAddress: addresses[remote]!, remotePort };
}

function find(table: ConnectionTable<FourTuple>, entry: FourTuple): FourTuple | undefined {
  return table.find(entry.localAddress, entry.localPort, entry.remoteAddress, entry.remotePort);
}

describe('ConnectionTable', () => {
  it('[MUST-42] tells four-tuples apart that differ in one member only', () => {
    const table = new ConnectionTable<FourTuple>(seededRandom(1));
    const entry = tuple(0, 80, 1, 40_000);
    table.add(entry);
    expect(find(table, entry)).toBe(entry);
    for (const other of [
      tuple(1, 80, 1, 40_000),
      tuple(0, 81, 1, 40_000),
      tuple(0, 80, 0, 40_000),
      tuple(0, 80, 1, 1),
    ]) {
      expect(find(table, other)).toBeUndefined();
    }
    // The same words as an IPv6 address that maps it: another address.
    expect(find(table, tuple(3, 80, 1, 40_000))).toBeUndefined();
  });

  it('agrees with a plain map through any adding and removing', () => {
    const member = fc.tuple(fc.nat(3), fc.nat(5), fc.nat(3), fc.nat(20));
    const step = fc.record({ add: fc.boolean(), member });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.integer(), (steps, seed) => {
        const table = new ConnectionTable<FourTuple>(seededRandom(seed));
        const model = new Map<string, FourTuple>();
        for (const { add, member: key } of steps) {
          const name = key.join();
          const known = model.get(name);
          if (add && known === undefined) {
            const entry = tuple(...key);
            model.set(name, entry);
            table.add(entry);
          } else if (!add && known !== undefined) {
            model.delete(name);
            table.delete(known);
            table.delete(known); // harmless when it is gone
          }
          expect(table.size).toBe(model.size);
        }
        expect(new Set(table)).toEqual(new Set(model.values()));
        for (const entry of model.values()) expect(find(table, entry)).toBe(entry);
      }),
      { numRuns: 200 },
    );
  });

  it('may be emptied while it is walked through', () => {
    const table = new ConnectionTable<FourTuple>(seededRandom(1));
    for (let port = 1; port <= 100; port++) table.add(tuple(0, port, 1, 9));
    let seen = 0;
    for (const entry of table) {
      table.delete(entry);
      seen++;
    }
    expect([seen, table.size]).toEqual([100, 0]);
  });
});

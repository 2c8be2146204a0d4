import { describe, expect, it } from 'vitest';
import { memoryOf } from '../../../src/buffer/memory.ts';
import { MacTable } from '../../../src/link/mac-table.ts';
import { seededRandom, uniform } from '../../../src/time/seeded-random.ts';

const SECOND = 1_000_000;
const bytes = new Uint8Array(8);
const memory = memoryOf(bytes);

/** The address with this number, two bytes into the memory. */
function mac(n: number): readonly [typeof memory, number] {
  memory.view.setUint16(2, 0x0200 + Math.floor(n / 2 ** 32));
  memory.view.setUint32(4, n % 2 ** 32);
  return [memory, 2];
}

describe('MacTable', () => {
  it('knows where an address was last seen', () => {
    const table = new MacTable(64, 300 * SECOND);
    expect(table.find(...mac(1), 0)).toBe(-1);
    table.learn(...mac(1), 3, 0);
    table.learn(...mac(2 ** 32 + 1), 4, 0);
    expect([table.find(...mac(1), 0), table.find(...mac(2 ** 32 + 1), 0), table.find(...mac(2), 0)]).toEqual([
      3, 4, -1,
    ]);
    table.learn(...mac(1), 0, SECOND);
    expect(table.find(...mac(1), SECOND)).toBe(0);
    expect([table.learned, table.moved, table.evicted]).toEqual([2, 1, 0]);
  });

  it('forgets an address that was silent for long enough', () => {
    const table = new MacTable(64, 300 * SECOND);
    table.learn(...mac(1), 3, 0);
    expect(table.find(...mac(1), 300 * SECOND - 1)).toBe(3);
    expect(table.find(...mac(1), 300 * SECOND)).toBe(-1);
    table.learn(...mac(1), 3, 299 * SECOND);
    expect(table.find(...mac(1), 598 * SECOND)).toBe(3);
    expect(table.entries(400 * SECOND)).toEqual([{ address: '02:00:00:00:00:01', port: 3, age: 101_000 }]);
    expect(table.entries(599 * SECOND)).toEqual([]);
  });

  it('forgets all that was behind a port', () => {
    const table = new MacTable(64, 300 * SECOND);
    for (let i = 0; i < 10; i++) table.learn(...mac(i), i % 2, 0);
    table.forget(1);
    expect(table.entries(0).map(({ address }) => address.slice(-2))).toEqual(['00', '02', '04', '06', '08']);
  });

  it('lets the address that was silent for longest make room, and never holds more than its size', () => {
    const table = new MacTable(8, 300 * SECOND);
    for (let i = 0; i < 8; i++) table.learn(...mac(i), 1, i);
    table.learn(...mac(0), 1, 10);
    table.learn(...mac(100), 2, 11);
    expect([table.find(...mac(1), 11), table.find(...mac(0), 11), table.find(...mac(100), 11)]).toEqual([-1, 1, 2]);
    expect(table.evicted).toBe(1);
    for (let i = 0; i < 5000; i++) table.learn(...mac(1000 + i), 3, 20 + i);
    expect(table.entries(6000).length).toBe(8);
    // What is old anyway is not evicted.
    const { evicted } = table;
    table.learn(...mac(1), 1, 1000 * SECOND);
    expect(table.evicted).toBe(evicted);
  });

  it('finds what a plain map finds, while there is room', () => {
    const random = seededRandom(5);
    const table = new MacTable(4096, 300 * SECOND);
    const model = new Map<number, number>();
    for (let now = 0; now < 20_000; now++) {
      const n = uniform(random, 500) * 0x1_0001;
      if (uniform(random, 3) === 0) {
        const port = uniform(random, 9);
        table.learn(...mac(n), port, now);
        model.set(n, port);
      }
      expect(table.find(...mac(n), now)).toBe(model.get(n) ?? -1);
    }
    expect(table.evicted).toBe(0);
  });
});

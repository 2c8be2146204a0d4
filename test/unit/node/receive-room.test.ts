import { expect, it } from 'vitest';
import { Batch } from '../../../src/buffer/batch.ts';
import { LARGEST_READ, ReceiveRoom } from '../../../src/node/receive-room.ts';
import { FakeAddon } from '../../support/fake-addon.ts';

const BIG = 65_000;

function scene(retains: boolean): { addon: FakeAddon; arrive: (...lengths: number[]) => Batch } {
  const addon = new FakeAddon();
  const room = new ReceiveRoom(addon, addon.device, { bytes: 4 * LARGEST_READ, retains });
  room.lend();
  return {
    addon,
    arrive: (...lengths) => {
      const batch = new Batch();
      let at = addon.lent.at(-1)!.from;
      for (const [row, length] of lengths.entries()) {
        batch.offset[row] = at;
        batch.length[row] = length;
        at += length;
      }
      batch.count = lengths.length;
      room.hold(batch);
      return batch;
    },
  };
}

it('small packets go to the same place again, and nobody may keep them', () => {
  const { addon, arrive } = scene(true);
  const [first, second] = [arrive(1500, 40), arrive(40)];
  expect([first.retained, second.retained]).toEqual([false, false]);
  expect(first.memory[1]).toBe(second.memory[0]);
  expect(addon.lent).toHaveLength(1);
});

it('super-segments are kept: what comes next goes behind them, and at last into a new room', () => {
  const { addon, arrive } = scene(true);
  const batches = [arrive(BIG, 40), arrive(BIG), arrive(40), arrive(BIG), arrive(BIG)];
  expect(batches.map(({ retained }) => retained)).toEqual([true, true, false, true, true]);
  // 40 bytes take nothing away, and a cache line is the least step.
  expect(addon.lent.map(({ from }) => from)).toEqual([0, 65_088, 130_112, 195_136, 0]);
  expect(addon.lent.map(({ room }) => room === addon.lent[0]!.room)).toEqual([true, true, true, true, false]);
  for (const { room, from } of addon.lent) expect(room.byteLength - from).toBeGreaterThanOrEqual(LARGEST_READ);
  // V8 hears of each room once.
  expect(addon.userMemory).toEqual([addon.lent[0]!.room, addon.lent[4]!.room]);
});

it('a device without super-segments has one room for ever', () => {
  const { addon, arrive } = scene(false);
  expect([arrive(BIG).retained, arrive(BIG).retained]).toEqual([false, false]);
  expect(addon.lent).toHaveLength(1);
  expect(addon.userMemory).toEqual([]);
});

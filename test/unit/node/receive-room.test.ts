import { expect, it } from 'vitest';
import { Batch } from '../../../src/buffer/batch.ts';
import { LARGEST_READ, ReceiveRoom } from '../../../src/node/receive-room.ts';
import { FakeAddon } from '../../support/fake-addon.ts';

const BIG = 65_000;
const BYTES = 4 * LARGEST_READ;

interface Scene {
  readonly addon: FakeAddon;
  /** A wake-up that brings packets of these lengths, of which the addon puts as many into a room as it has place for. */
  arrive(...lengths: number[]): Batch;
  /** Where the addon puts packets: what was said of each place last. */
  now(): { room: ArrayBuffer; from: number }[];
}

function scene(retains: boolean, givesMemory = true): Scene {
  const addon = new FakeAddon();
  addon.givesMemory = givesMemory;
  const room = new ReceiveRoom(addon, addon.device, { bytes: BYTES, retains });
  const batch = new Batch();
  room.lend(batch);
  const control = new Int32Array(room.tables, 2816);
  const now = (): ReturnType<Scene['now']> => {
    const places: { room: ArrayBuffer; from: number }[] = [];
    for (const { place, room: buffer, from } of addon.lent) places[place] = { room: buffer, from };
    return places;
  };
  const arrive = (...lengths: number[]): Batch => {
    const places = now();
    control.fill(0, 1);
    let i = 0;
    let at = places[control[0]!]!.from;
    for (const [row, length] of lengths.entries()) {
      if (at + LARGEST_READ > BYTES) at = places[(control[0]! + ++i) % places.length]!.from;
      batch.offset[row] = at;
      batch.length[row] = length;
      control[1 + i]!++;
      at += length;
    }
    batch.count = lengths.length;
    room.hold(batch);
    return batch;
  };
  return { addon, arrive, now };
}

it('small packets go to the same place again, and nobody may keep them', () => {
  const { addon, arrive, now } = scene(true);
  const before = now();
  const batch = arrive(1500, 40);
  expect([batch.retained, batch.memory[1]!.bytes.buffer]).toEqual([false, before[0]!.room]);
  expect(arrive(40).retained).toBe(false);
  expect(addon.lent).toHaveLength(4);
});

it('super-segments are kept: what comes next goes behind them, and at last into the next room', () => {
  const { addon, arrive, now } = scene(true);
  const rooms = now();
  const retained = [[BIG, 40], [BIG], [40], [BIG], [BIG]].map((lengths) => arrive(...lengths).retained);
  expect(retained).toEqual([true, true, false, true, true]);
  // 40 bytes take nothing away, and a cache line is the least step. The room that is full gives its place to a new one.
  expect(addon.lent.slice(4).map(({ place, from }) => [place, from])).toEqual([
    [0, 65_088],
    [0, 130_112],
    [0, 195_136],
    [0, 0],
  ]);
  expect(addon.lent.slice(4).map(({ room }) => room === rooms[0]!.room)).toEqual([true, true, true, false]);
  const next = arrive(40, BIG);
  expect(next.memory[0]!.bytes.buffer).toBe(rooms[1]!.room);
  expect(now()[1]).toEqual({ room: rooms[1]!.room, from: 65_088 });
});

it('one wake-up may fill several rooms: each row says where it lies, and all but the last are the program’s', () => {
  const { addon, arrive, now } = scene(true);
  const before = now();
  arrive(40, BIG);
  const batch = arrive(...Array.from({ length: 9 }, () => BIG));
  const rows = Array.from({ length: 9 }, (_, row) =>
    before.findIndex(({ room }) => room === batch.memory[row]!.bytes.buffer),
  );
  expect(rows).toEqual([0, 0, 0, 1, 1, 1, 1, 2, 2]);
  const after = now();
  expect(after.map(({ room }, place) => room === before[place]!.room)).toEqual([false, false, true, true]);
  expect(after.map(({ from }) => from)).toEqual([0, 0, 130_048, 0]);
  // All that is kept was the addon's memory.
  expect(new Set(addon.userMemories)).toEqual(new Set([...before, ...after].map(({ room }) => room)));
  const next = Array.from({ length: 3 }, () => arrive(BIG).memory[0]!.bytes.buffer);
  expect(next.map((buffer) => before.findIndex(({ room }) => room === buffer))).toEqual([2, 2, 3]);
});

it('a device without super-segments has one room for ever', () => {
  const { addon, arrive } = scene(false);
  expect([arrive(BIG).retained, arrive(BIG).retained]).toEqual([false, false]);
  expect(addon.lent).toHaveLength(1);
  expect(addon.userMemories).toEqual([]);
});

it('where the runtime takes no memory from an addon, it is the runtime’s own', () => {
  const { addon, arrive, now } = scene(true, false);
  const before = now();
  for (let i = 0; i < 4; i++) expect(arrive(BIG).retained).toBe(true);
  expect(now()[0]!.room).not.toBe(before[0]!.room);
  expect(addon.userMemories).toEqual([]);
});

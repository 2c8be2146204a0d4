import { describe, expect, it } from 'vitest';
import { extended, sackOf, stamp, stampOf } from '../support/tcp-extended.ts';
import type { Extended } from '../support/tcp-extended.ts';
import { stream } from '../support/tcp-peer.ts';
import { World } from '../support/tcp-world.ts';

const SECOND = 1_000_000;

/** Sends `length` bytes of the stream at `seq`; returns the ACK number and the SACK blocks of the last answer. */
function answerTo(
  { peer }: Extended,
  seq: number,
  length: number = 100,
): { ack: number; blocks: [left: number, right: number][] } {
  peer.send({ flags: 'A', seq, data: length });
  const heard = peer.take().at(-1)!;
  return { ack: heard.ack, blocks: sackOf(heard, peer) };
}

describe('RFC 2018 §2: SACK-permitted', () => {
  it('[S-076] stands in the SYN, and in no segment behind it', () => {
    const { world, peer, connection, syn } = extended({ open: 'active' });
    expect(syn.options).toContainEqual({ name: 'sackPermitted' });
    world.write(connection, 100);
    for (const { options } of peer.take()) expect(options).not.toContainEqual({ name: 'sackPermitted' });
  });

  it('[S-076] in a SYN,ACK only if the SYN had it, or the option `sack` is off', () => {
    const permitted = (offered: boolean, sack: boolean): boolean =>
      extended({ sack: offered, tcp: { sack } }).syn.options.some(({ name }) => name === 'sackPermitted');
    expect(permitted(true, true)).toBe(true);
    expect(permitted(false, true)).toBe(false);
    expect(permitted(true, false)).toBe(false);
    const world = new World({ tcp: { sack: false } });
    const peer = world.peer();
    world.connect();
    expect(peer.expect({ flags: 'S' }).options).not.toContainEqual({ name: 'sackPermitted' });
  });

  it.each([[{ sack: false }], [{ sack: true, tcp: { sack: false } }], [{ open: 'active', sack: false } as const]])(
    '[S-076] without it SACK options are not sent: %o',
    (options) => {
      const made = extended(options);
      expect(answerTo(made, 201)).toEqual({ ack: 1, blocks: [] });
      expect(answerTo(made, 201)).toEqual({ ack: 1, blocks: [] });
    },
  );
});

describe('RFC 2018 §3: the option of a peer that may not send it', () => {
  it('[S-076] is ignored, the rest of the segment is not', () => {
    const { world, peer, connection } = extended({ sack: false });
    world.write(connection, 300);
    peer.take();
    peer.send({ flags: 'A', ack: 101, sack: [[201, 301]] });
    expect(connection.info()).toMatchObject({ flight: 200, sacked: 0, sack: false });
    peer.ack(301);
    expect(connection.info().flight).toBe(0);
  });
});

describe('RFC 2018 §4: what the receiver reports', () => {
  it('[S-076] the first block holds the segment that triggered the ACK, then the most recent others', () => {
    const made = extended();
    expect(answerTo(made, 201).blocks).toEqual([[201, 301]]);
    expect(answerTo(made, 601).blocks).toEqual([
      [601, 701],
      [201, 301],
    ]);
    expect(answerTo(made, 401).blocks).toEqual([
      [401, 501],
      [601, 701],
      [201, 301],
    ]);
    // Joined with its neighbour it is the contiguous block that counts, and no subset of it is repeated.
    expect(answerTo(made, 301).blocks).toEqual([
      [201, 501],
      [601, 701],
    ]);
  });

  it('[S-076] four blocks at the most, three beside timestamps', () => {
    for (const tsValue of [undefined, 1]) {
      const { peer } = extended({ tsValue });
      for (const seq of [201, 401, 601, 801, 1001]) {
        peer.send({ flags: 'A', seq, data: 100, options: tsValue === undefined ? [] : stamp(2) });
      }
      const heard = peer.take().at(-1)!;
      expect(stampOf(heard) !== undefined).toBe(tsValue !== undefined);
      const latest: [number, number][] = [
        [1001, 1101],
        [801, 901],
        [601, 701],
        [401, 501],
      ];
      expect(sackOf(heard, peer)).toEqual(latest.slice(0, tsValue === undefined ? 4 : 3));
    }
  });

  it('[S-076] each block is reported in three successive options at least', () => {
    const { peer } = extended({ tsValue: undefined });
    const reports = new Map<number, number>();
    for (let i = 0; i < 12; i++) peer.send({ flags: 'A', seq: 201 + 200 * i, data: 100 });
    for (const heard of peer.take()) {
      for (const [left] of sackOf(heard, peer)) reports.set(left, (reports.get(left) ?? 0) + 1);
    }
    for (let i = 0; i < 9; i++) expect(reports.get(201 + 200 * i)).toBeGreaterThanOrEqual(3);
  });

  it('[S-076] every ACK below the highest octet has them, also when it fills one of several gaps', () => {
    const made = extended();
    answerTo(made, 201);
    answerTo(made, 401);
    expect(answerTo(made, 1, 200)).toEqual({ ack: 301, blocks: [[401, 501]] });
    expect(answerTo(made, 301)).toEqual({ ack: 501, blocks: [] });
  });

  it('[S-076] the RFC’s second example: each second segment is lost, and the numbers wrap', () => {
    // §7, case 3, with 5000 → 1 and 500 bytes a segment.
    const made = extended({ iss: 0xffff_fc00 });
    expect(answerTo(made, 1, 500)).toEqual({ ack: 501, blocks: [] });
    expect(answerTo(made, 1001, 500)).toEqual({ ack: 501, blocks: [[1001, 1501]] });
    expect(answerTo(made, 2001, 500)).toEqual({
      ack: 501,
      blocks: [
        [2001, 2501],
        [1001, 1501],
      ],
    });
    expect(answerTo(made, 3001, 500)).toEqual({
      ack: 501,
      blocks: [
        [3001, 3501],
        [2001, 2501],
        [1001, 1501],
      ],
    });
    // The fourth segment comes late: the block holds its neighbours.
    expect(answerTo(made, 1501, 500)).toEqual({
      ack: 501,
      blocks: [
        [1001, 2501],
        [3001, 3501],
      ],
    });
    expect(answerTo(made, 501, 500)).toEqual({ ack: 2501, blocks: [[3001, 3501]] });
  });

  it('[S-076] they ride on data that leaves room in its packet, and never make it too big', () => {
    const made = extended({ tsValue: undefined, tcp: { noDelay: true } });
    const { world, peer, connection } = made;
    answerTo(made, 201);
    world.write(connection, 100);
    const small = peer.expect({ length: 100 });
    expect(sackOf(small, peer)).toEqual([[201, 301]]);
    world.write(connection, 1450);
    const [large] = peer.take();
    expect(large).toMatchObject({ length: 1450 });
    expect(large!.packet.tcp!.options.length + 1450).toBeLessThanOrEqual(1460);
  });

  it('[S-076] a data segment that has no room for them does not stand for the ACK', () => {
    const { peer, connection } = extended();
    // Written when the batch is dealt with: the answer and the ACK for the last three segments are due at once.
    connection.handler = { onReadable: (reader) => void reader.write(stream(0, 1460)) };
    peer.sendAll([1, 201, 301, 401, 501, 601, 701].map((seq) => ({ flags: 'A', seq, data: 100 })));
    const heard = peer.take();
    expect(heard.map(({ length }) => length)).toEqual([0, 0, 0, 1460, 0]);
    expect(sackOf(heard[4]!, peer)).toEqual([[201, 801]]);
  });

  it('[S-076] [S-070] in a batch each of the first three is answered, the rest of the same range by one', () => {
    const { peer } = extended();
    peer.sendAll(Array.from({ length: 10 }, (_, i) => ({ flags: 'A', seq: 201 + 100 * i, data: 100 })));
    const blocks = peer.take().map((heard) => sackOf(heard, peer));
    expect(blocks).toEqual([[[201, 301]], [[201, 401]], [[201, 501]], [[201, 1201]]]);
    // Another range, another ACK for each.
    peer.sendAll(Array.from({ length: 6 }, (_, i) => ({ flags: 'A', seq: 2001 + 200 * i, data: 100 })));
    expect(peer.take()).toHaveLength(6);
  });

  it('[S-076] without SACK every one is answered', () => {
    const { peer } = extended({ sack: false });
    peer.sendAll(Array.from({ length: 10 }, (_, i) => ({ flags: 'A', seq: 201 + 100 * i, data: 100 })));
    expect(peer.take()).toHaveLength(10);
  });
});

describe('RFC 2018 §8: the receiver reneges', () => {
  it('[S-076] not as long as there is memory: "such discarding of SACKed packets is discouraged"', () => {
    const made = extended({ windowScale: 0, mss: 536, tcp: { receiveBuffer: 1 << 21, maxReceiveBuffer: 1 << 21 } });
    // Two thousand segments behind a gap, no one beside the one before it in memory: two streams by turns.
    const half = 1000;
    const at = (i: number): number => 537 + (i % 2 === 0 ? i / 2 : half + (i + 1) / 2) * 536;
    for (let i = 0; i < 2 * half; i++) {
      const { blocks } = answerTo(made, at(i), 536);
      expect(blocks[0]![0]).toBe(at(i % 2));
      expect(blocks[0]![1]).toBe(at(i) + 536);
    }
    made.peer.send({ flags: 'A', seq: 1, data: 536 });
    expect(made.peer.take().at(-1)!.ack).toBe(at(2 * half - 2) + 536);
  });

  it('[S-076] what was dropped for want of memory is reported no more', () => {
    const world = new World({ memory: 300_000, tcp: { receiveBuffer: 1 << 20 } });
    const accepted = world.listen();
    const [one, other] = [world.client(41_000), world.client(41_001)];
    for (const peer of [one, other]) {
      peer.send({ flags: 'S', mss: 1460, options: [{ name: 'sackPermitted' }] });
      peer.expect({ flags: 'SA' });
      peer.send({ flags: 'A' });
    }
    one.send({ flags: 'A', seq: 2001, data: 1000 });
    expect(sackOf(one.expect({ ack: 1 }), one)).toEqual([[2001, 3001]]);
    // Another connection fills the stack's memory with what nobody reads.
    for (let i = 0; i < 300 && world.stack.statistics().drops['tcp-memory-budget'] === undefined; i++) {
      other.send({ flags: 'A', data: 1400 });
      world.advance(SECOND);
    }
    other.take();
    // This segment finds no room, nor does it when what is behind the gap has gone.
    one.send({ flags: 'A', seq: 5001, data: 1000 });
    expect(world.stack.statistics().drops['tcp-out-of-order-pruned']).toBe(1);
    const pruned = sackOf(one.expect({ ack: 1 }), one);
    expect(pruned.every(([left]) => left === 5001)).toBe(true);
    // Once there is room again only what is really there is told.
    world.read(accepted[1]!.connection);
    one.take();
    one.send({ flags: 'A', seq: 7001, data: 1000 });
    const told = sackOf(one.take().at(-1)!, one);
    expect(told[0]).toEqual([7001, 8001]);
    expect(told.some(([left]) => left === 2001)).toBe(false);
    other.take();
  });
});

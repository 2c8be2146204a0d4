import { describe, expect, it } from 'vitest';
import { extended, stamp, stampOf } from '../support/tcp-extended.ts';
import { World } from '../support/tcp-world.ts';

const SECOND = 1_000_000;

describe('RFC 7323 §3.2: the timestamps option', () => {
  it('[S-064] stands in the SYN, with TSecr 0', () => {
    const world = new World();
    const peer = world.peer();
    world.connect();
    const syn = stampOf(peer.expect({ flags: 'S' }));
    expect(syn?.echo).toBe(0);
    world.advance(SECOND);
    const again = stampOf(peer.expect({ flags: 'S' }));
    expect(((again?.value ?? 0) - (syn?.value ?? 0)) | 0).toBe(1000);
  });

  it('[S-064] in a SYN,ACK only if the SYN had it', () => {
    const world = new World();
    world.listen();
    const without = world.client(41_000);
    without.send({ flags: 'S', mss: 1460 });
    expect(stampOf(without.expect({ flags: 'SA' }))).toBeUndefined();
    const with7 = world.client(41_001);
    with7.send({ flags: 'S', mss: 1460, options: stamp(7) });
    expect(stampOf(with7.expect({ flags: 'SA' }))).toMatchObject({ echo: 7 });
  });

  it('[S-064] and not at all where the option `timestamps` is off', () => {
    const { syn, peer, stamped } = extended({ tsValue: 5, tcp: { timestamps: false } });
    expect(stampOf(syn)).toBeUndefined();
    stamped(6, { flags: 'A', data: 10 });
    expect(stampOf(peer.expect({ ack: 11 }))).toBeUndefined();
    const world = new World({ tcp: { timestamps: false } });
    const other = world.peer();
    world.connect();
    expect(stampOf(other.expect({ flags: 'S' }))).toBeUndefined();
  });

  it.each(['passive', 'active'] as const)('[S-064] stands in every segment once agreed upon (%s open)', (open) => {
    const { world, peer, connection, stamped } = extended({ open, tsValue: 100 });
    world.write(connection, 3000);
    stamped(101, { flags: 'A', data: 10 });
    stamped(102, { flags: 'A', seq: 200, data: 10 });
    stamped(103, { flags: 'A', ack: 3001 });
    world.advance(SECOND);
    world.act(() => connection.shutdown());
    stamped(104, { flags: 'A', seq: 11 });
    world.act(() => connection.abort());
    const heard = peer.take();
    expect(heard.map(({ flags }) => flags).join(' ')).toMatch(/FA .*RA$/);
    for (const segment of heard) expect(stampOf(segment)).toBeDefined();
  });

  it('[S-064] a TSopt that was not agreed upon is ignored and the segment taken', () => {
    const { peer, stamped } = extended({ tsValue: undefined });
    stamped(101, { flags: 'A', data: 10 });
    stamped(50, { flags: 'A', data: 10 });
    for (const segment of peer.take()) expect(stampOf(segment)).toBeUndefined();
    expect(peer.heardUpTo).toBe(1);
  });

  it('[S-064] crossing SYNs: used when both have it', () => {
    for (const both of [true, false]) {
      const world = new World();
      const peer = world.peer();
      world.connect();
      peer.expect({ flags: 'S' });
      peer.send({ flags: 'S', mss: 1460, options: both ? stamp(9) : [] });
      expect(stampOf(peer.expect({ flags: 'SA' }))?.echo).toBe(both ? 9 : undefined);
    }
  });

  it('[MUST-16] [S-100] takes 12 bytes of each segment, not of the MSS announced (RFC 6691)', () => {
    const { world, peer, connection, syn } = extended({ tsValue: 1 });
    expect(syn.mss).toBe(1460);
    expect(connection.info().mss).toBe(1448);
    world.write(connection, 3000);
    expect(peer.take().map(({ length }) => length)).toContain(1448);
    const small = extended({ tsValue: 1, mss: 536 });
    expect(small.connection.info().mss).toBe(524);
  });
});

describe('RFC 7323 §5.4: the timestamp clock', () => {
  it('[S-064] ticks once a millisecond', () => {
    const { world, peer, stamped } = extended({ tsValue: 1 });
    stamped(1, { flags: 'A', data: 1000 });
    const first = stampOf(peer.expect({ ack: 1001 }))!.value;
    world.advance(12_345_000);
    stamped(2, { flags: 'A', data: 1000 });
    expect((stampOf(peer.expect({ ack: 2001 }))!.value - first) | 0).toBe(12_345);
  });

  it('[S-064] begins elsewhere for each connection, and where it was for the same one again', () => {
    const world = new World();
    world.listen();
    const value = (port: number): number => {
      const peer = world.client(port);
      peer.send({ flags: 'S', options: stamp(7) });
      const heard = peer.expect({ flags: 'SA' });
      peer.send({ flags: 'R', seq: 1 });
      return stampOf(heard)!.value;
    };
    const [one, two] = [value(41_000), value(41_001)];
    expect(Math.abs((one - two) | 0)).toBeGreaterThan(1000);
    expect(value(41_000)).toBe(one);
    world.advance(SECOND);
    expect((value(41_000) - one) | 0).toBe(1000);
  });
});

describe('RFC 7323 §4.3: which timestamp to echo', () => {
  it('[S-064] (A) delayed ACKs: the earliest segment not yet acknowledged', () => {
    const { world, peer } = extended({ tsValue: 0 });
    const echo = (): number | undefined => stampOf(peer.take().at(-1)!)?.echo;
    // As one batch: one ACK for all.
    const batch = [1, 2, 3].map((value) => ({ flags: 'A', data: 100, options: stamp(value) }));
    const from = peer.next;
    peer.sendAll(batch.map((segment, i) => ({ ...segment, seq: from + 100 * i })));
    world.advance(SECOND);
    expect(echo()).toBe(1);
  });

  it('[S-064] (B), (C) the RFC’s second example: out of order, every segment acknowledged', () => {
    const { peer, stamped } = extended({ tsValue: 0 });
    const at = (letter: string): number => 1 + 100 * (letter.charCodeAt(0) - 65);
    const steps: [letter: string, tsValue: number, ack: string, tsEcho: number][] = [
      ['A', 1, 'B', 1],
      ['C', 3, 'B', 1],
      ['B', 2, 'D', 2],
      ['E', 5, 'D', 2],
      ['D', 4, 'F', 4],
    ];
    for (const [letter, tsValue, ack, tsEcho] of steps) {
      stamped(tsValue, { flags: 'A', seq: at(letter), data: 100 });
      const heard = peer.take().at(-1)!;
      expect([letter, heard.ack, stampOf(heard)?.echo]).toEqual([letter, at(ack), tsEcho]);
    }
  });
});

import { describe, expect, it } from 'vitest';
import { stream } from '../support/tcp-peer.ts';
import type { TcpPeer } from '../support/tcp-peer.ts';
import { established } from '../support/tcp-world.ts';
import type { Established, EstablishedOptions } from '../support/tcp-world.ts';

const MILLISECOND = 1000;
const SECOND = 1_000_000;
const MSS = 1460;

describe('room in the send buffer', () => {
  it('the owner hears of it when a third is free, once, and only when a write was cut short', () => {
    const { world, peer, connection, events } = established({ tcp: { sendBuffer: 30_000 } });
    const first = 4 * MSS;
    world.write(connection, first);
    peer.take();
    peer.ack(1 + first);
    expect(events).toEqual([]);
    world.act(() => expect(connection.write(stream(first, 40_000))).toBe(30_000));
    for (let acked = first + MSS; acked < first + 10_000; acked += MSS) {
      peer.ack(1 + acked);
      expect(events).toEqual([]);
    }
    peer.ack(1 + first + 10_000);
    peer.ack(1 + first + 20_000);
    peer.take();
    expect(events).toEqual(['writable']);
  });
});

describe('what an acknowledgment lets go', () => {
  it.each([true, false])(
    'the next segments, though the right edge of the window stays where it was; SACK: %s',
    (sack) => {
      const { world, peer, connection } = established({ sack, wnd: 60_000 });
      world.write(connection, 40 * MSS);
      expect(peer.take().length).toBe(10);
      // The peer's application does not read: what is acknowledged is missing from the window.
      peer.ack(1 + 2 * MSS, { wnd: 60_000 - 2 * MSS });
      expect(peer.take().length).toBeGreaterThanOrEqual(2);
    },
  );
});

describe('RFC 9293 §3.7.4: the Nagle algorithm', () => {
  it('[SHLD-7] while data is unacknowledged small writes are gathered', () => {
    const { world, peer, connection } = established();
    world.write(connection, 10);
    peer.expect({ flags: 'PA', seq: 1, length: 10 });
    for (let i = 0; i < 5; i++) world.write(connection, 20);
    peer.expectNothing();
    peer.send({ flags: 'A', ack: 11 });
    peer.expect({ flags: 'PA', seq: 11, length: 100 });
    peer.expectNothing();
  });

  it('[SHLD-7] a full segment does not wait, what is left over does', () => {
    const { world, peer, connection } = established();
    world.write(connection, 10);
    peer.expect({ length: 10 });
    world.write(connection, MSS + 500);
    peer.expect({ seq: 11, length: MSS });
    peer.expectNothing();
    peer.send({ flags: 'A', ack: 11 + MSS });
    peer.expect({ flags: 'PA', seq: 11 + MSS, length: 500 });
  });

  it('[SHLD-7] nothing unacknowledged: sent at once', () => {
    const { world, peer, connection } = established();
    for (let i = 0; i < 5; i++) {
      world.write(connection, 1);
      peer.expect({ flags: 'PA', seq: 1 + i, length: 1 });
      peer.send({ flags: 'A' });
    }
  });

  it('[MUST-17] off by option', () => {
    const { world, peer, connection } = established({ tcp: { noDelay: true } });
    for (let i = 0; i < 5; i++) {
      world.write(connection, 20);
      peer.expect({ flags: 'PA', seq: 1 + 20 * i, length: 20 });
    }
  });

  it('[MUST-17] off and on again during the connection', () => {
    const { world, peer, connection } = established();
    world.write(connection, 10);
    peer.expect({ length: 10 });
    world.write(connection, 10);
    peer.expectNothing();
    // What was held back goes.
    world.act(() => connection.set('noDelay', true));
    peer.expect({ flags: 'PA', seq: 11, length: 10 });
    world.write(connection, 10);
    peer.expect({ flags: 'PA', seq: 21, length: 10 });
    world.act(() => connection.set('noDelay', false));
    world.write(connection, 10);
    peer.expectNothing();
    peer.send({ flags: 'A' });
    peer.expect({ seq: 31, length: 10 });
  });

  it('the last data before a FIN does not wait', () => {
    const { world, peer, connection } = established();
    world.write(connection, 10);
    peer.expect({ length: 10 });
    world.write(connection, 10);
    world.act(() => connection.shutdown());
    peer.expect({ flags: 'FPA', seq: 11, length: 10 });
  });
});

describe('RFC 9293 §3.9.1.2: SEND', () => {
  it('[MUST-61] [SHLD-27] PSH stands on the last buffered segment, and on no other', () => {
    const { world, peer, connection } = established();
    world.write(connection, 3 * MSS);
    expect(peer.take().map(({ flags }) => flags)).toEqual(['A', 'A', 'PA']);
    peer.send({ flags: 'A' });
    world.act(() => connection.write([new Uint8Array(0)]));
    peer.expectNothing();
  });

  it('[SHLD-28] writes that wait together leave in segments of full size', () => {
    const { world, peer, connection } = established({ wnd: 0 });
    for (let i = 0; i < 30; i++) world.write(connection, 100);
    peer.send({ flags: 'A', wnd: 10_000 });
    expect(peer.take().map(({ length }) => length)).toEqual([MSS, MSS]);
    peer.send({ flags: 'A', wnd: 10_000 });
    peer.expect({ flags: 'PA', length: 3000 - 2 * MSS });
  });

  it('[MUST-60] nothing stays buffered without end: what is written is sent when its turn has come', () => {
    const { world, peer, connection } = established();
    for (let i = 0; i < 50; i++) {
      world.write(connection, 777);
      world.advance(MILLISECOND);
      peer.take();
      peer.send({ flags: 'A' });
    }
    world.advance(SECOND);
    peer.take();
    peer.send({ flags: 'A' });
    expect(connection.unacknowledged).toBe(0);
  });

  it('an empty write sends nothing', () => {
    const { world, peer, connection } = established();
    world.act(() => expect(connection.write(new Uint8Array(0))).toBe(0));
    peer.expectNothing();
  });
});

describe('RFC 9293 §3.9.1.9, §3.9.2: Diffserv and TTL', () => {
  it('[MUST-48] [SHLD-22] the application’s code point stands in every segment, from the SYN on', () => {
    const dscp = 46;
    const { world, peer, connection } = established({ open: 'active', tcp: { dscp } });
    world.write(connection, 10);
    const { trafficClass } = peer.expect({ length: 10 });
    expect(trafficClass >> 2).toBe(dscp);
    peer.send({ flags: 'R', seq: 5 });
    expect(peer.expect({ flags: 'A' }).trafficClass >> 2).toBe(dscp);
  });

  it('[SHLD-23] nobody changes it who was not asked to', () => {
    const { world, peer, connection } = established();
    world.write(connection, 100);
    peer.send({ flags: 'A', data: 100 });
    world.act(() => connection.set('noDelay', true));
    world.read(connection);
    world.advance(SECOND);
    world.act(() => connection.abort());
    const heard = peer.take();
    expect(heard.length).toBeGreaterThan(2);
    for (const { packet } of heard) expect(packet.ip.trafficClass).toBe(0);
  });

  it('[SHLD-21] it may change during the connection', () => {
    const { world, peer, connection } = established();
    world.write(connection, 10);
    expect(peer.expect({ length: 10 }).trafficClass).toBe(0);
    connection.set('dscp', 10);
    peer.send({ flags: 'A' });
    world.write(connection, 10);
    expect(peer.expect({ length: 10 }).trafficClass >> 2).toBe(10);
  });

  it('[MUST-49] the TTL of segments is 64 unless told', () => {
    const { world, peer, connection } = established();
    world.write(connection, 10);
    peer.expect({ length: 10, ttl: 64 });
  });

  it('[MUST-49] the TTL of segments is configurable, also during the connection', () => {
    const { world, peer, connection } = established({ tcp: { ttl: 7 } });
    world.write(connection, 10);
    peer.expect({ length: 10, ttl: 7 });
    connection.set('ttl', 200);
    peer.send({ flags: 'A' });
    world.write(connection, 10);
    peer.expect({ length: 10, ttl: 200 });
  });
});

/** A connection that is past the quick acknowledgments of its beginning. */
function warm(options: EstablishedOptions = {}): Established {
  const made = established(options);
  const { world, peer, connection } = made;
  for (let i = 0; i < 40; i++) peer.send({ flags: 'A', data: MSS });
  world.advance(SECOND / 2);
  peer.take();
  world.read(connection);
  peer.take();
  return made;
}

/** The time until the next segment comes. */
function delay(made: Established): number {
  const { world, peer } = made;
  const since = world.clock.now();
  world.advance(SECOND / 2);
  const heard = peer.take();
  expect(heard.length).toBe(1);
  return heard[0]!.at - since;
}

describe('RFC 9293 §3.8.6.3: delayed acknowledgments', () => {
  it('[SHLD-18] [MUST-40] a single segment is acknowledged after a delay of at most 40 ms', () => {
    const made = warm();
    made.peer.send({ flags: 'A', data: MSS });
    made.peer.expectNothing();
    const waited = delay(made);
    expect(waited).toBeGreaterThan(0);
    expect(waited).toBeLessThanOrEqual(40 * MILLISECOND);
  });

  it('[MUST-40] the delay counts from the first segment that waits', () => {
    const made = warm();
    const { world, peer } = made;
    peer.send({ flags: 'A', data: 10 });
    world.advance(20 * MILLISECOND);
    peer.send({ flags: 'A', data: 10 });
    peer.expectNothing();
    expect(delay(made)).toBeLessThanOrEqual(20 * MILLISECOND);
  });

  it('[SHLD-19] [S-102] the second full-sized segment is acknowledged at once', () => {
    const { peer } = warm();
    const from = peer.next;
    for (let i = 1; i <= 5; i++) {
      peer.send({ flags: 'A', data: MSS });
      peer.expectNothing();
      peer.send({ flags: 'A', data: MSS });
      peer.expect({ flags: 'A', ack: from + 2 * i * MSS });
    }
  });

  it('[SHLD-19] 2 · RMSS bytes count, in however many segments', () => {
    const { peer } = warm();
    const from = peer.next;
    let answered = 0;
    for (let i = 0; i < 30; i++) {
      peer.send({ flags: 'A', data: 500 });
      for (const { ack } of peer.take()) {
        expect(ack - from - answered).toBeLessThan(2 * MSS + 500);
        answered = ack - from;
      }
    }
    expect(answered).toBeGreaterThan(10_000);
  });

  it('at the beginning, and after idleness, ACKs come at once: the sender waits for each of them', () => {
    const { world, peer } = warm();
    world.advance(60 * SECOND);
    peer.send({ flags: 'A', data: 10 });
    peer.expect({ flags: 'A', ack: peer.next });
  });

  it('an ACK rides on data where there is some', () => {
    const { world, peer, connection } = warm();
    peer.send({ flags: 'A', data: 10 });
    peer.expectNothing();
    world.write(connection, 5);
    peer.expect({ flags: 'PA', length: 5, ack: peer.next });
    peer.send({ flags: 'A' });
    world.advance(SECOND);
    peer.expectNothing();
  });

  it('[SHLD-18] the answer of an application that answers at once carries the ACK', () => {
    const { peer, connection } = established();
    connection.handler = {
      onReadable: (c) => {
        for (let bytes = c.read(); bytes !== undefined; bytes = c.read()) c.write(bytes);
      },
    };
    peer.send({ flags: 'A', data: 10 });
    peer.expect({ flags: 'PA', seq: 1, ack: 11, length: 10 });
    peer.expectNothing();
  });

  it('[MUST-58] [MUST-59] segments that are queued are all processed before one ACK goes', () => {
    const { peer } = established();
    peer.sendAll(Array.from({ length: 10 }, (_, i) => ({ flags: 'A', seq: 1 + i * MSS, data: MSS })));
    peer.expect({ flags: 'A', ack: 1 + 10 * MSS });
    peer.expectNothing();
  });

  it('[MUST-58] [MUST-59] data with FIN and their ACK field, in one batch: one ACK', () => {
    const { world, peer, connection } = established();
    world.write(connection, 10);
    peer.expect({ length: 10 });
    peer.sendAll([
      { flags: 'A', data: MSS, ack: 5 },
      { flags: 'PA', data: 100, ack: 11 },
      { flags: 'FA', ack: 11 },
    ]);
    peer.expect({ flags: 'A', seq: 11, ack: 1 + MSS + 100 + 1 });
    peer.expectNothing();
    expect(connection.unacknowledged).toBe(0);
  });

  it('a pure ACK is never acknowledged', () => {
    const { world, peer } = established();
    for (let i = 0; i < 10; i++) peer.send({ flags: 'A' });
    world.advance(60 * SECOND);
    peer.expectNothing();
  });
});

describe('RFC 5681 §4.2 with RFC 9293 §3.10.7.4: data out of order', () => {
  const behindGap = (peer: TcpPeer, count: number) =>
    Array.from({ length: count }, (_, i) => ({ flags: 'A', seq: peer.next + (i + 1) * MSS, data: MSS }));

  it('[MAY-13] [S-070] a duplicate ACK at once for each segment, also within a batch', () => {
    const { peer } = warm();
    const gap = peer.next;
    peer.sendAll(behindGap(peer, 4));
    for (let i = 0; i < 4; i++) peer.expect({ flags: 'A', ack: gap, length: 0 });
    peer.expectNothing();
  });

  it('[S-070] they are duplicates: the same window and number, also when an ACK was being delayed', () => {
    const { peer } = warm();
    peer.send({ flags: 'A', data: 100 });
    peer.expectNothing();
    const gap = peer.next;
    for (let i = 1; i <= 3; i++) peer.send({ flags: 'A', seq: gap + i * MSS, data: MSS });
    const acks = peer.take();
    expect(new Set(acks.map(({ ack }) => ack))).toEqual(new Set([gap]));
    // The one that was delayed, and three that count as duplicates of it.
    expect(acks.length).toBe(4);
    expect(new Set(acks.map(({ wnd }) => wnd)).size).toBe(1);
  });

  it('[SHLD-31] [S-070] the segment that fills the gap is acknowledged at once, with all that waited', () => {
    const { world, peer, connection } = warm();
    const gap = peer.next;
    peer.sendAll(behindGap(peer, 3));
    peer.take();
    peer.send({ flags: 'A', seq: gap, data: MSS });
    peer.expect({ flags: 'A', ack: gap + 4 * MSS });
    expect(world.read(connection)).toBe(4 * MSS);
    peer.take();
  });

  it('[S-070] also one that fills it in part', () => {
    const { peer } = warm();
    const gap = peer.next;
    peer.sendAll(behindGap(peer, 3).slice(1));
    peer.take();
    peer.send({ flags: 'A', seq: gap, data: MSS });
    peer.expect({ flags: 'A', ack: gap + MSS });
  });

  it('[SHLD-31] overlapping pieces in any order give the stream back', () => {
    const { world, peer, connection } = established();
    const pieces = [
      [900, 300],
      [400, 200],
      [350, 700],
      [1100, 50],
      [100, 100],
      [1300, 100],
      [50, 400],
      [0, 60],
      [1000, 400],
    ] as const;
    for (const [from, length] of pieces) peer.send({ flags: 'A', seq: 1 + from, data: length });
    expect(peer.take().at(-1)!.ack).toBe(1 + 1400);
    expect(world.read(connection)).toBe(1400);
  });
});

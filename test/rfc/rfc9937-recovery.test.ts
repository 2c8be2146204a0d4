import { describe, expect, it } from 'vitest';
import type { ConnectionOptions } from '../../src/index.ts';
import { MSS, RTT, ack, connected, range, repairs, segments, twenty } from '../support/sack-world.ts';
import type { Established } from '../support/tcp-world.ts';
import { World } from '../support/tcp-world.ts';

/** Segments 10 to 29 are in flight, those in `lost` do not arrive: sends an ACK for each of the others. */
function acks(made: Established, lost: readonly number[]): number[][] {
  const got = range(10, 30).filter((n) => !lost.includes(n));
  const sent: number[][] = [];
  const blocks: [number, number][] = [];
  for (const n of got) {
    const last = blocks.at(-1);
    if (last !== undefined && last[1] === n) last[1] = n + 1;
    else blocks.push([n, n + 1]);
    ack(made, 10, ...blocks.slice(-3).reverse());
    sent.push(segments(made));
    made.world.advance(100);
  }
  return sent;
}

describe('RFC 9937 on a flight of twenty segments', () => {
  it('[S-079] one is lost: one segment for every other ACK, and half of the flight is left', () => {
    const made = twenty({}, 100);
    const sent = acks(made, [10]);
    expect(sent[2]).toEqual([10]);
    // Two by limited transmit before; from then on evenly.
    const counts = sent.slice(3).map((some) => some.length);
    expect(Math.max(...counts)).toBe(1);
    for (let i = 0; i + 2 < counts.length; i++) expect(counts[i]! + counts[i + 1]! + counts[i + 2]!).toBeGreaterThan(0);
    expect(sent.flat().length).toBe(made.connection.info().ssthresh / MSS);
    expect(made.connection.info().ssthresh).toBe(10 * MSS);
  });

  it.each([
    ['three', [10, 14, 20]],
    ['half, in front', range(10, 20)],
    ['every other', range(5, 15).map((n) => 2 * n)],
    ['all but three', range(10, 27)],
  ])('[S-079] %s lost: no more is sent than was delivered, and the flight stays within ssthresh', (_, lost) => {
    const made = twenty({}, 100);
    const sent = acks(made, lost);
    let total = 0;
    // §4, strong packet conservation bound: each ACK delivers one segment.
    sent.forEach((some, i) => {
      total += some.length;
      expect(total).toBeLessThanOrEqual(i + 1);
    });
    const { ssthresh } = made.connection.info();
    expect(sent.flat().length * MSS).toBeLessThanOrEqual(ssthresh);
    // The lost ones go first, from the lowest on.
    const again = sent.flat().filter((n) => n < 30);
    expect(again).toEqual(lost.slice(0, again.length));
  });

  it('[S-079] all but three lost: repaired within some round trips, without a timeout', () => {
    const made = twenty({}, 20);
    const lost = range(10, 27);
    let fly = acks(made, lost).flat();
    const got = new Set<number>([27, 28, 29]);
    for (let round = 0; round < 12 && made.connection.info().flight > 0; round++) {
      made.world.advance(RTT);
      const next: number[] = [];
      for (const n of fly) {
        got.add(n);
        let una = 10;
        while (got.has(una)) una++;
        const top = Math.max(...got) + 1;
        const blocks: [number, number][] = [];
        for (let i = una + 1; i < top; i++) {
          if (!got.has(i)) continue;
          if (blocks.at(-1)?.[1] === i) blocks.at(-1)![1] = i + 1;
          else blocks.push([i, i + 1]);
        }
        ack(made, una, ...blocks.slice(-3));
        next.push(...segments(made));
      }
      fly = next;
    }
    expect(made.connection.info().flight).toBe(0);
    expect(repairs(made)).toEqual({ retransmits: 17, timeouts: 0 });
  });
});

describe('RFC 9937 when many ACKs come in one batch, and nothing is sent between them', () => {
  it('[S-067] [S-079] the flight before the batch is halved, and what is left of it is kept on its way', () => {
    const made = twenty({}, 100);
    const { peer, connection } = made;
    // Segments 10 to 21 arrive, 22 does not, the rest does.
    const cumulative = range(11, 23).map((n) => ({ flags: 'A', ack: 1 + n * MSS }));
    const selective = range(24, 31).map((n) => ({
      flags: 'A',
      ack: 1 + 22 * MSS,
      sack: [[1 + 23 * MSS, 1 + n * MSS]] as [number, number][],
    }));
    peer.sendAll([...cumulative, ...selective]);
    expect(connection.info()).toMatchObject({ ssthresh: 10 * MSS, pipe: 10 * MSS });
    expect(segments(made)).toHaveLength(10);
  });

  it.each([
    ['all of it in the batch', 0],
    ['the first duplicate before it', 1],
  ])('[S-067] [S-068] without SACK, too: %s', (_, before) => {
    const made = twenty({ sack: false }, 100);
    const { peer, connection } = made;
    // Segments 10 to 21 arrive, 22 does not, of the rest some do.
    const batch = [...range(11, 23), 22, 22, 22].map((n) => ({ flags: 'A', ack: 1 + n * MSS }));
    if (before > 0) {
      peer.sendAll(batch.slice(0, -2));
      expect(segments(made)).not.toEqual([]);
      peer.sendAll(batch.slice(-2));
    } else peer.sendAll(batch);
    expect(connection.info().ssthresh).toBe(10 * MSS);
    expect(segments(made)[0]).toBe(22);
  });
});

describe('RFC 9937 §4: an ECN mark is answered as a loss is, for one round trip of ACKs', () => {
  /** Segments 10 to 29 are in flight, and a hundred more wait. */
  function marked(tcp: ConnectionOptions = {}): Established {
    const world = new World({ tcp: { congestion: 'reno', pathMtuDiscovery: 'icmp', ...tcp } });
    const accepted = world.listen();
    const peer = world.client();
    peer.send({ flags: 'SEC', mss: MSS, sackPermitted: true });
    peer.expect({ flags: 'SAE' });
    world.advance(RTT);
    peer.send({ flags: 'A' });
    const made = { world, peer, ...accepted[0]! };
    world.write(made.connection, 130 * MSS);
    world.advance(RTT);
    for (const n of range(1, 11)) ack(made, n);
    expect(segments(made)).toHaveLength(30);
    world.advance(RTT);
    return made;
  }

  it('[S-079] [S-086] one segment for every other ACK, and half of the flight is left', () => {
    const made = marked();
    const { peer, connection } = made;
    peer.send({ flags: 'AE', ack: 1 + 11 * MSS });
    expect(connection.info()).toMatchObject({ cwnd: 10 * MSS, ssthresh: 10 * MSS, recovery: 'open' });
    const counts = [segments(made).length];
    for (const n of range(12, 31)) {
      ack(made, n);
      counts.push(segments(made).length);
    }
    // RFC 3168 §6.1.2: CWR goes with the first, at once.
    expect(counts[0]).toBe(1);
    expect(Math.max(...counts)).toBe(1);
    for (let i = 0; i + 2 < counts.length; i++) expect(counts[i]! + counts[i + 1]! + counts[i + 2]!).toBeGreaterThan(0);
    expect(connection.info()).toMatchObject({ cwnd: 10 * MSS, pipe: 10 * MSS });
    // The round trip is over: cwnd is used and grows as ever.
    for (const n of range(31, 42)) ack(made, n);
    expect(connection.info().cwnd).toBe(11 * MSS);
    segments(made);
  });

  it('[S-079] a loss meanwhile goes on with the same reduction', () => {
    const made = marked();
    const { peer, connection } = made;
    peer.send({ flags: 'AE', ack: 1 + 11 * MSS });
    let sent = segments(made).length;
    // 11 is lost.
    for (const n of range(13, 31)) {
      ack(made, 11, [12, n]);
      sent += segments(made).length;
    }
    expect(connection.info()).toMatchObject({ recovery: 'recovery', ssthresh: 10 * MSS });
    expect(sent).toBeGreaterThanOrEqual(9);
    expect(sent).toBeLessThanOrEqual(11);
    ack(made, 31);
    expect(connection.info()).toMatchObject({ recovery: 'open', cwnd: 10 * MSS });
    segments(made);
  });
});

describe('RFC 9937 where little or nothing is left in the network to bring ACKs', () => {
  it('[S-079] nothing is in flight: one segment may go, however few octets were delivered', () => {
    const made = connected({ tcp: { congestion: 'reno', noDelay: true } });
    const { world, peer, connection } = made;
    // A (lost), B, C, D of 100 octets each, E (lost) a full segment, F of 100.
    for (const length of [100, 100, 100, 100, MSS, 100]) {
      world.write(connection, length);
      world.advance(1000);
    }
    expect(peer.take().map(({ length }) => length)).toEqual([100, 100, 100, 100, MSS, 100]);
    world.advance(RTT);
    peer.send({ flags: 'A', ack: 1, sack: [[101, 401]] });
    peer.expect({ seq: 1, length: 100 });
    world.advance(RTT);
    peer.send({ flags: 'A', ack: 401, sack: [[1401, 1501]] });
    peer.expect({ seq: 401, length: MSS });
    expect(repairs(made)).toEqual({ retransmits: 2, timeouts: 0 });
  });

  it('[S-079] [SHLD-16] a window that was closed opens in fast recovery: what waits needs no timeout', () => {
    const made = twenty({}, 100);
    const { world, peer, connection } = made;
    // 10 and 11 are lost: 10 goes again, for 11 too little was delivered.
    ack(made, 10, [12, 15]);
    expect(segments(made)).toEqual([10]);
    // Another window alone lets nothing go.
    peer.send({ flags: 'A', ack: 1 + 10 * MSS, wnd: 60_000, sack: [[1 + 12 * MSS, 1 + 15 * MSS]] });
    expect(segments(made)).toEqual([]);
    // The peer has run out of memory: what arrives from here on it throws away.
    peer.send({ flags: 'A', ack: 1 + 10 * MSS, wnd: 0, sack: [[1 + 12 * MSS, 1 + 15 * MSS]] });
    world.advance(RTT);
    expect(segments(made)).toEqual([]);
    peer.send({ flags: 'A', ack: 1 + 10 * MSS, sack: [[1 + 12 * MSS, 1 + 15 * MSS]] });
    expect(segments(made)).toEqual([11]);
    // It was sent last: that it arrives shows what is missing.
    world.advance(RTT);
    ack(made, 10, [11, 15]);
    expect(segments(made)[0]).toBe(10);
    expect(connection.info()).toMatchObject({ recovery: 'recovery', timeouts: 0 });
  });
});

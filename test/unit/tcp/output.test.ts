import { describe, expect, it } from 'vitest';
import { MSS as SMALL_MSS, RTT, ack, connected as sacking, segments } from '../../support/sack-world.ts';
import { extended } from '../../support/tcp-extended.ts';
import { connected } from '../../support/tcp-gate.ts';
import { established } from '../../support/tcp-world.ts';

const SECOND = 1_000_000;
const MSS = 1460;

describe('a FIN', () => {
  it('waits, as data does, while the congestion window is full', () => {
    const { world, peer, connection } = established();
    world.write(connection, 10 * MSS);
    expect(peer.take()).toHaveLength(10);
    world.act(() => connection.shutdown());
    peer.expectNothing();
    peer.ack(1 + MSS);
    peer.expect({ flags: 'FA', length: 0 });
  });

  it('that was lost with the data before it goes again with it, once', () => {
    const { world, peer, connection } = established({ rtt: 100_000 });
    world.write(connection, 2 * MSS);
    peer.take();
    peer.ack();
    world.write(connection, 100);
    world.act(() => connection.shutdown());
    peer.take();
    world.advance(3 * SECOND);
    for (const { flags, seq, length } of peer.take()) expect([flags, seq, length]).toEqual(['FPA', 1 + 2 * MSS, 100]);
    peer.ack();
    expect(connection.state).toBe('FIN_WAIT_2');
  });
});

describe('limitedBy', () => {
  it('application: Nagle holds back what is no full segment', () => {
    const { world, peer, connection } = established();
    world.write(connection, 100);
    world.write(connection, 100);
    expect(connection.info()).toMatchObject({ limitedBy: 'application', unsent: 100 });
    peer.take();
  });

  it('receive-window: what it has room for is no full segment', () => {
    const { world, peer, connection } = established({ wnd: 3 * MSS + 100 });
    world.write(connection, 6 * MSS);
    expect(connection.info()).toMatchObject({ limitedBy: 'receive-window', unsent: 3 * MSS });
    peer.take();
  });

  it('congestion-window: what it has room for is no full segment', () => {
    // RFC 6928: max(2 · MSS, 14,600) bytes to begin with.
    const { world, peer, connection } = extended({ mtu: 9000, mss: 7000, wnd: 65_535 });
    world.write(connection, 21_000);
    expect(connection.info()).toMatchObject({ limitedBy: 'congestion-window', unsent: 7000 });
    peer.take();
  });

  it('receive-window: what was lost lies beyond a window that has shrunk', () => {
    const { world, peer, connection } = established({ rtt: 100_000 });
    world.write(connection, 4 * MSS);
    peer.take();
    peer.send({ flags: 'A', ack: 1, wnd: MSS });
    world.advance(SECOND);
    peer.take();
    expect(connection.info()).toMatchObject({ limitedBy: 'receive-window', recovery: 'loss' });
  });
});

describe('RFC 9293 §3.8.6.2.1: the sender’s silly window', () => {
  it('[MUST-38] [SHLD-7] half of the largest window is worth a segment only when nothing is on its way', () => {
    const { world, peer, connection } = established({ wnd: 1000 });
    world.write(connection, 500);
    peer.expect({ seq: 1, length: 500 });
    world.write(connection, 600);
    peer.expectNothing();
    peer.ack();
    peer.expect({ seq: 501, length: 600 });
  });
});

describe('RFC 5681 §4.1: restarting idle connections', () => {
  it('[S-069] a sender that waits for the window while data is on its way is not idle', () => {
    const { world, peer, connection } = established({ rtt: 100_000 });
    world.write(connection, 40 * MSS);
    peer.take();
    world.advance(100_000);
    peer.ack(1 + 10 * MSS, { wnd: 10 * MSS });
    const { cwnd } = connection.info();
    expect(cwnd).toBeGreaterThan(10 * MSS);
    peer.take();
    // One ACK at a time, and the right edge stays where it is: nothing can be sent for longer than a time-out.
    for (let i = 1; i < 10; i++) {
      world.advance(150_000);
      peer.ack(1 + (10 + i) * MSS, { wnd: (10 - i) * MSS });
    }
    peer.expectNothing();
    peer.ack(1 + 19 * MSS, { wnd: 40 * MSS });
    expect(peer.take().length).toBeGreaterThan(10);
    expect(connection.info()).toMatchObject({ timeouts: 0 });
  });
});

describe('RFC 8985 §7.2: a loss probe', () => {
  it('[S-080] is not put off by what the peer sends', () => {
    const made = sacking();
    const { world, peer, connection } = made;
    world.write(connection, SMALL_MSS);
    expect(segments(made)).toHaveLength(1);
    world.advance(RTT);
    ack(made, 1);
    world.write(connection, 2 * SMALL_MSS);
    expect(segments(made)).toHaveLength(2);
    const due = world.clock.now() + 2 * RTT;
    for (let i = 0; i < 15; i++) {
      world.clock.advanceTo(due - (15 - i) * 10_000);
      peer.send({ flags: 'A', ack: 1 + SMALL_MSS, data: 10 });
      expect(peer.take().filter(({ length }) => length > 0)).toEqual([]);
    }
    world.clock.advanceTo(due);
    expect(peer.take().filter(({ length }) => length > 0)).toHaveLength(1);
  });
});

describe('RFC 8985 §7.3: what a loss probe sends', () => {
  /** The probe's time has come while the interface's queue was full. */
  function blocked() {
    const made = connected({}, { sackPermitted: true });
    made.write(3 * MSS);
    made.peer.take();
    made.fill();
    // Two round trips of 50 ms, and before the retransmission timer.
    made.clock.advance(120_000);
    expect(made.connection.info()).toMatchObject({ retransmits: 0, timeouts: 0 });
    return made;
  }

  it('[S-080] waits for room in the queue', () => {
    const { peer, open } = blocked();
    open();
    expect(peer.take().map(({ seq }) => seq)).toEqual([1 + 2 * MSS]);
  });

  it('[S-080] §8: not any more when the window has closed meanwhile', () => {
    const { peer, open } = blocked();
    peer.send({ flags: 'A', ack: 1, wnd: 0 });
    open();
    peer.expectNothing();
  });

  it('[S-080] not any more when SACK has told something meanwhile', () => {
    const { peer, open } = blocked();
    peer.send({ flags: 'A', ack: 1, sack: [[1 + MSS, 1 + 2 * MSS]] });
    open();
    peer.expectNothing();
  });

  it('[S-080] of a window that has shrunk: the last segment inside of it', () => {
    const made = sacking();
    const { world, peer, connection } = made;
    world.write(connection, 4 * SMALL_MSS);
    peer.take();
    peer.send({ flags: 'A', ack: 1, wnd: 2500 });
    world.advance(2 * RTT + 2 * world.clock.resolution);
    expect(peer.take().map(({ seq, length }) => [seq, length])).toEqual([[1501, SMALL_MSS]]);
  });

  it('[S-080] of a window that has shrunk by more than what was sent last', () => {
    const made = sacking();
    const { world, peer, connection } = made;
    world.write(connection, 2 * SMALL_MSS);
    world.advance(10_000);
    world.write(connection, 2 * SMALL_MSS);
    peer.take();
    peer.send({ flags: 'A', ack: 1, wnd: 1500 });
    world.advance(2 * RTT + 2 * world.clock.resolution);
    expect(peer.take().map(({ seq, length }) => [seq, length])).toEqual([[501, SMALL_MSS]]);
  });

  it('[S-080] "the highest-sequence segment": when that was small no more than that', () => {
    const made = sacking({ tcp: { noDelay: true } });
    const { world, peer, connection } = made;
    world.write(connection, SMALL_MSS);
    world.advance(10_000);
    world.write(connection, 300);
    peer.take();
    world.advance(2 * RTT + 2 * world.clock.resolution);
    expect(peer.take().map(({ seq, length }) => [seq, length])).toEqual([[1 + SMALL_MSS, 300]]);
  });

  it('[S-080] a FIN alone when that was sent alone', () => {
    const made = sacking();
    const { world, peer, connection } = made;
    world.write(connection, SMALL_MSS);
    world.advance(10_000);
    world.act(() => connection.shutdown());
    peer.take();
    world.advance(2 * RTT + 2 * world.clock.resolution);
    expect(peer.take().map(({ flags, seq, length }) => [flags, seq, length])).toEqual([['FA', 1 + SMALL_MSS, 0]]);
  });
});

describe('a peer that can not be reached', () => {
  it('[MUST-47] is told of once, not with every write', () => {
    const { clock, connection, carrier, write, peer } = connected();
    const told: string[] = [];
    connection.handler = { ...connection.handler, onSoftError: ({ code }) => told.push(code) };
    carrier(false);
    for (let i = 0; i < 5; i++) {
      write(10);
      clock.advance(1000);
    }
    expect(told).toEqual(['ENETDOWN']);
    carrier(true);
    peer.take();
  });
});

import { describe, expect, it } from 'vitest';
import type { ConnectionInfo } from '../../../src/index.ts';
import { PathWorld } from '../../support/path-world.ts';
import { FIRST_RTO, INITIAL_WINDOW, MSS, RTT, ack, connected, flying, segments } from '../../support/sack-world.ts';
import type { Established } from '../../support/tcp-world.ts';
import { World, established } from '../../support/tcp-world.ts';

const SECOND = 1_000_000;

/** Some of what `info()` says. */
function pick({ connection }: Established, ...names: (keyof ConnectionInfo)[]): unknown[] {
  const info = connection.info();
  return names.map((name) => info[name]);
}

/** All numbers are numbers: none is NaN or negative, and only the pacing rate may be Infinity. */
function expectSane(info: ConnectionInfo): void {
  for (const [name, value] of Object.entries(info)) {
    if (typeof value !== 'number') continue;
    expect(value, name).toBeGreaterThanOrEqual(0);
    if (name !== 'pacingRate') expect(value, name).toBeLessThan(Infinity);
  }
}

describe('limitedBy', () => {
  it('application: at rest, and when all that was written has left', () => {
    const made = connected();
    expect(pick(made, 'limitedBy')).toEqual(['application']);
    made.world.write(made.connection, 2 * MSS);
    expect(pick(made, 'limitedBy', 'unsent', 'flight')).toEqual(['application', 0, 2 * MSS]);
    expect(segments(made)).toEqual([0, 1]);
  });

  it('receive-window: the peer has room for three segments, and then for all', () => {
    const made = connected({ wnd: 3 * MSS });
    const { world, connection, peer } = made;
    world.write(connection, 5 * MSS);
    expect(pick(made, 'limitedBy', 'unsent', 'sendWindow')).toEqual(['receive-window', 2 * MSS, 3 * MSS]);
    expect(segments(made)).toEqual([0, 1, 2]);
    peer.wnd = 10 * MSS;
    ack(made, 3);
    expect(pick(made, 'limitedBy', 'unsent', 'sendWindow')).toEqual(['application', 0, 10 * MSS]);
    expect(segments(made)).toEqual([3, 4]);
  });

  it('congestion-window: the initial one is full, and opens', () => {
    const made = connected();
    made.world.write(made.connection, (INITIAL_WINDOW + 2) * MSS);
    expect(pick(made, 'limitedBy', 'unsent', 'cwnd', 'flight')).toEqual([
      'congestion-window',
      2 * MSS,
      INITIAL_WINDOW * MSS,
      INITIAL_WINDOW * MSS,
    ]);
    made.world.advance(RTT);
    ack(made, 1);
    expect(pick(made, 'limitedBy', 'unsent')).toEqual(['application', 0]);
    expect(segments(made)).toHaveLength(INITIAL_WINDOW + 2);
  });

  it('congestion-window: nothing new is to be sent, but what was lost waits for it', () => {
    const made = flying({ flight: 4 });
    // Of the two that the reordering timer finds lost, proportional rate reduction lets only one go again.
    ack(made, 1, [3, 4]);
    made.world.advance(RTT / 4);
    expect(segments(made)).toEqual([1]);
    expect(pick(made, 'unsent', 'lost', 'retransmits')).toEqual([0, 2 * MSS, 1]);
    expect(pick(made, 'limitedBy')).toEqual(['congestion-window']);
    made.world.advance(RTT);
    ack(made, 4);
    expect(pick(made, 'lost', 'limitedBy')).toEqual([0, 'application']);
    segments(made);
  });

  it('pacing: the window has room, the next quantum has not its time yet', () => {
    const made = connected({ tcp: { congestion: 'bbr' } });
    made.world.write(made.connection, 8 * MSS);
    expect(pick(made, 'limitedBy')).toEqual(['pacing']);
    const { cwnd, flight } = made.connection.info();
    expect(cwnd - flight).toBeGreaterThanOrEqual(MSS);
    // Eight segments at more than an initial window a round trip.
    made.world.advance(RTT);
    expect(pick(made, 'limitedBy', 'unsent')).toEqual(['application', 0]);
    expect(segments(made)).toHaveLength(8);
  });
});

describe('what is on its way', () => {
  it('flight, pipe, sacked and lost, with SACK: RFC 6675 §4', () => {
    const made = flying();
    expect(pick(made, 'flight', 'pipe', 'sacked', 'lost')).toEqual([10 * MSS, 10 * MSS, 0, 0]);
    ack(made, 1, [2, 4]);
    expect(pick(made, 'flight', 'pipe', 'sacked', 'lost')).toEqual([9 * MSS, 7 * MSS, 2 * MSS, 0]);
    expect(pick(made, 'recovery')).toEqual(['open']);
    ack(made, 1, [2, 5]);
    expect(segments(made)).toEqual([1]);
    // One is lost and was sent again, so that it counts once.
    expect(pick(made, 'flight', 'pipe', 'sacked', 'lost')).toEqual([9 * MSS, 6 * MSS, 3 * MSS, MSS]);
    expect(pick(made, 'recovery', 'retransmits')).toEqual(['recovery', 1]);
    made.world.advance(RTT);
    ack(made, 10);
    expect(pick(made, 'flight', 'pipe', 'sacked', 'lost')).toEqual([0, 0, 0, 0]);
    expect(pick(made, 'recovery')).toEqual(['open']);
  });

  it('without SACK: after a timeout all is lost, and one segment in the network again', () => {
    const made = flying({ sack: false });
    made.world.advance(FIRST_RTO - RTT);
    expect(segments(made)).toEqual([0]);
    expect(pick(made, 'recovery', 'timeouts')).toEqual(['loss', 1]);
    expect(pick(made, 'flight', 'pipe', 'sacked', 'lost')).toEqual([10 * MSS, MSS, 0, 10 * MSS]);
    ack(made, 10);
    expect(pick(made, 'recovery', 'flight', 'pipe', 'lost')).toEqual(['open', 0, 0, 0]);
  });

  it('without SACK: in fast recovery the hole is lost, until it is acknowledged', () => {
    const made = flying({ sack: false });
    for (let i = 0; i < 3; i++) ack(made, 0);
    expect(segments(made)).toEqual([0]);
    expect(pick(made, 'recovery', 'duplicateAcks')).toEqual(['recovery', 3]);
    expect(pick(made, 'flight', 'pipe', 'lost')).toEqual([10 * MSS, 10 * MSS, MSS]);
    made.world.advance(RTT);
    ack(made, 10);
    expect(pick(made, 'recovery', 'lost')).toEqual(['open', 0]);
  });
});

describe('what has arrived', () => {
  it('delivered counts what is SACKed at once, bytesAcked only what is acknowledged; both each octet once', () => {
    const made = flying();
    // The SYN took a number.
    expect(pick(made, 'delivered', 'bytesAcked')).toEqual([1, 0]);
    ack(made, 2, [4, 6]);
    expect(pick(made, 'delivered', 'bytesAcked')).toEqual([1 + 4 * MSS, 2 * MSS]);
    ack(made, 2, [4, 6]);
    ack(made, 10);
    expect(pick(made, 'delivered', 'bytesAcked')).toEqual([1 + 10 * MSS, 10 * MSS]);
  });

  it('deliveryRate: bits a second, nothing of the handshake', () => {
    const made = connected();
    expect(pick(made, 'deliveryRate')).toEqual([0]);
    made.world.write(made.connection, 5 * MSS);
    made.world.advance(RTT);
    ack(made, 5);
    segments(made);
    expect(pick(made, 'deliveryRate')).toEqual([(5 * MSS * 8 * SECOND) / RTT]);
    // The next round trip takes twice as long: half of it. It stays while nothing is measured.
    made.world.write(made.connection, 5 * MSS);
    made.world.advance(2 * RTT);
    ack(made, 10);
    segments(made);
    made.world.advance(10 * SECOND);
    expect(pick(made, 'deliveryRate')).toEqual([(5 * MSS * 8 * SECOND) / (2 * RTT)]);
  });

  it('deliveryRate: over a path it is the rate of the bottleneck, its headers off', () => {
    const rate = 8_000_000;
    const world = new PathWorld({ rtt: 20, rate, sender: { pathMtuDiscovery: 'icmp' } });
    world.advance(1000);
    const { deliveryRate, mss } = world.flows[0]!.connection!.info();
    const expected = (rate * mss) / 1500;
    expect(deliveryRate).toBeGreaterThan(0.95 * expected);
    expect(deliveryRate).toBeLessThan(1.05 * expected);
    world.end();
  });

  it('pacingRate: Infinity with Reno; with BBR 2/ln 2 initial windows a round trip, less 1 %', () => {
    const reno = connected();
    expect(pick(reno, 'pacingRate')).toEqual([Infinity]);
    const bbr = connected({ tcp: { congestion: 'bbr' } });
    const [rate] = pick(bbr, 'pacingRate');
    // draft-cardwell-iccrg-bbr-congestion-control-00 §4.2.1; Linux: bbr_pacing_margin_percent.
    const expected = ((2 / Math.LN2) * 0.99 * INITIAL_WINDOW * MSS * 8 * SECOND) / RTT;
    expect(Number(rate) / expected).toBeCloseTo(1, 2);
  });
});

describe('what is known of the path', () => {
  it('minRtt: the least of the round-trip times, in milliseconds', () => {
    const made = connected();
    expect(pick(made, 'minRtt', 'rtt', 'rttvar')).toEqual([RTT / 1000, RTT / 1000, RTT / 2000]);
    let acked = 0;
    for (const rtt of [2 * RTT, RTT / 2, RTT]) {
      made.world.write(made.connection, MSS);
      made.world.advance(rtt);
      ack(made, ++acked);
      segments(made);
      expect(pick(made, 'minRtt')).toEqual([Math.min(RTT, acked > 1 ? RTT / 2 : RTT) / 1000]);
    }
  });

  it('reorderingSeen: a segment that was sent once arrives behind a later one', () => {
    const made = flying({ flight: 2 });
    ack(made, 0, [1, 2]);
    expect(pick(made, 'reorderingSeen')).toEqual([false]);
    ack(made, 2);
    expect(pick(made, 'reorderingSeen', 'retransmits')).toEqual([true, 0]);
  });

  it('undos: a D-SACK takes back a recovery, the window with it', () => {
    const made = flying();
    const [ssthresh] = pick(made, 'ssthresh');
    for (const end of [2, 3, 4]) ack(made, 0, [1, end]);
    expect(segments(made)).toEqual([0]);
    expect(pick(made, 'undos', 'recovery', 'ssthresh')).toEqual([0, 'recovery', 5 * MSS]);
    ack(made, 4, [0, 1]);
    expect(pick(made, 'undos', 'recovery', 'ssthresh', 'reorderingSeen')).toEqual([1, 'open', ssthresh, true]);
  });
});

describe('before and after', () => {
  /** Nothing was measured yet. */
  const nothing = { rtt: 0, rttvar: 0, minRtt: 0, cwnd: 0, ssthresh: 0, deliveryRate: 0, delivered: 0, undos: 0 };

  it.each(['SYN_SENT', 'SYN_RECV'])('in %s nothing is known', (state) => {
    const world = new World();
    const peer = state === 'SYN_SENT' ? world.peer() : world.client();
    if (state === 'SYN_SENT') world.connect();
    else {
      world.listen();
      peer.send({ flags: 'S', mss: MSS });
    }
    const info = world.stack.tcp.connections[0]!.info();
    expectSane(info);
    // RFC 6298 §2.1; the SYN takes a number.
    expect(info).toMatchObject({ ...nothing, state, rto: 1000, flight: 1, unsent: 0, limitedBy: 'application' });
    expect(info).toMatchObject({ pacingRate: Infinity, recovery: 'open', lost: 0, sacked: 0, pipe: 1 });
    peer.take();
  });

  it('a handshake without a round-trip time divides by nothing', () => {
    for (const congestion of ['reno', 'cubic', 'bbr'] as const) {
      const made = established({ rtt: 0, tcp: { congestion } });
      made.world.write(made.connection, 100);
      made.peer.ack(101);
      made.peer.take();
      expectSane(made.connection.info());
    }
  });

  it('after an abort nothing is in the network or waits; what was done stays known', () => {
    const made = flying({ more: 5 });
    ack(made, 2, [4, 7]);
    segments(made);
    const before = made.connection.info();
    expect(before.lost).toBe(2 * MSS);
    made.world.act(() => made.connection.abort());
    made.peer.expect({ flags: 'RA' });
    const after = made.connection.info();
    expectSane(after);
    expect(after).toMatchObject({ state: 'CLOSED', pipe: 0, lost: 0, sacked: 0, unsent: 0, outOfOrder: 0 });
    const { bytesAcked, delivered, minRtt, flight, deliveryRate } = before;
    expect(after).toMatchObject({ bytesAcked, delivered, minRtt, flight, deliveryRate });
  });

  it('after an orderly end nothing is left', () => {
    const made = flying({ flight: 3 });
    const { world, peer, connection } = made;
    ack(made, 3);
    peer.send({ flags: 'FA' });
    world.act(() => connection.shutdown());
    peer.take();
    peer.ack();
    const info = connection.info();
    expectSane(info);
    expect(info).toMatchObject({ state: 'CLOSED', flight: 0, pipe: 0, unsent: 0, limitedBy: 'application' });
    // SYN and FIN took a number each.
    expect(info).toMatchObject({ bytesAcked: 3 * MSS, delivered: 1 + 3 * MSS + 1 });
  });
});

describe('info() of a connection whose first segment is missing', () => {
  it('has a delivery rate as soon as SACK tells of what has come', () => {
    const made = flying();
    expect(made.connection.info()).toMatchObject({ bytesAcked: 0, deliveryRate: 0 });
    ack(made, 0, [1, 2]);
    expect(made.connection.info().bytesAcked).toBe(0);
    expect(made.connection.info().deliveryRate).toBeGreaterThan(0);
  });
});

import { describe, expect, it } from 'vitest';
import { Reno } from '../../src/tcp/congestion/reno.ts';
import { NewRenoRecovery } from '../../src/tcp/recovery.ts';
import { congestionSample } from '../support/congestion.ts';
import { established } from '../support/tcp-world.ts';

const SMSS = 1000;
const ISS = 0xffff_f000;

/** The sequence number of the nth segment of the connection. */
function at(segment: number): number {
  return (ISS + 1 + segment * SMSS) >>> 0;
}

/** Three duplicate ACKs for segment `una` while the segments below `nxt` were sent; gives what the third caused. */
function threeDuplicates(recovery: NewRenoRecovery, una: number, nxt: number): string {
  recovery.onDuplicateAck(at(una), at(nxt), SMSS);
  recovery.onDuplicateAck(at(una), at(nxt), SMSS);
  return recovery.onDuplicateAck(at(una), at(nxt), SMSS);
}

function inRecovery(una: number, nxt: number): NewRenoRecovery {
  const recovery = new NewRenoRecovery(ISS);
  expect(threeDuplicates(recovery, una, nxt)).toBe('enter');
  recovery.onRetransmitted(at(una + 1));
  return recovery;
}

describe('RFC 6582 §3.2: NewReno', () => {
  it('[S-075] step 1: recover begins at the initial send sequence number', () => {
    expect(new NewRenoRecovery(ISS).recover).toBe(ISS);
  });

  it('[S-075] step 2: the third duplicate ACK sets recover to the highest sequence number sent', () => {
    expect(inRecovery(0, 10).recover).toBe(at(10));
  });

  it('[S-075] step 2: no second fast retransmit in the same window', () => {
    const recovery = inRecovery(0, 10);
    recovery.onNewAck(at(10), 10 * SMSS, at(12), SMSS);
    // ack_number − 1 > recover does not hold: exactly recover is acknowledged.
    expect(threeDuplicates(recovery, 10, 12)).toBe('none');
    expect(recovery.phase).toBe('open');
  });

  it('[S-075] step 2: one byte more than recover is enough', () => {
    const recovery = inRecovery(0, 10);
    recovery.onNewAck((at(10) + 1) >>> 0, 10 * SMSS + 1, at(16), SMSS);
    expect(recovery.phase).toBe('open');
    const una = (at(10) + 1) >>> 0;
    recovery.onDuplicateAck(una, at(16), SMSS);
    recovery.onDuplicateAck(una, at(16), SMSS);
    expect(recovery.onDuplicateAck(una, at(16), SMSS)).toBe('enter');
  });

  it('[S-075] step 3: an ACK of everything up to recover is a full acknowledgement and ends recovery', () => {
    const recovery = inRecovery(0, 10);
    expect(recovery.onNewAck(at(10), 10 * SMSS, at(13), SMSS)).toBe('recovered');
    expect([recovery.phase, recovery.inflation]).toEqual(['open', 0]);
  });

  it.each([10, 13, 40])('[S-075] step 3, option 2: then cwnd = ssthresh, with %d segments in flight', (flight) => {
    const reno = new Reno({ mss: SMSS, initialWindow: 20 * SMSS, now: 0 });
    reno.onCongestion('loss', congestionSample({ acked: 0, flight: 20 * SMSS }));
    reno.onRecovered(congestionSample({ acked: 10 * SMSS, flight: flight * SMSS }));
    expect(reno.cwnd).toBe(10 * SMSS);
  });

  it('[S-075] step 3: an ACK of less is partial: the first unacknowledged segment is retransmitted', () => {
    const recovery = inRecovery(0, 10);
    expect(recovery.onNewAck(at(4), 4 * SMSS, at(10), SMSS)).toBe('partial');
    expect([recovery.lostNext, recovery.lostEnd]).toEqual([at(4), at(5)]);
    expect(recovery.phase).toBe('recovery');
  });

  it('[S-075] step 3: a partial ACK deflates by what it acknowledges and adds back one SMSS', () => {
    const recovery = inRecovery(0, 10);
    recovery.onDuplicateAck(at(0), at(10), SMSS);
    recovery.onDuplicateAck(at(0), at(10), SMSS);
    expect(recovery.inflation).toBe(5 * SMSS);
    recovery.onNewAck(at(3), 3 * SMSS, at(10), SMSS);
    expect(recovery.inflation).toBe(3 * SMSS);
    recovery.onNewAck((at(3) + 400) >>> 0, 400, at(10), SMSS);
    expect(recovery.inflation).toBe(3 * SMSS - 400);
    recovery.onNewAck((at(4) + 400) >>> 0, SMSS, at(10), SMSS);
    expect(recovery.inflation).toBe(3 * SMSS - 400);
  });

  it('[S-075] step 3: a partial ACK of nearly the window does not allow a burst', () => {
    const recovery = inRecovery(0, 20);
    const before = recovery.pipe(at(0), at(20)) - recovery.inflation;
    recovery.onNewAck(at(18), 18 * SMSS, at(20), SMSS);
    recovery.onRetransmitted(at(19));
    // Room for new data is cwnd + inflation − pipe: it has grown by the one segment added back.
    expect(before - (recovery.pipe(at(18), at(20)) - recovery.inflation)).toBe(SMSS);
  });

  it('[S-075] step 3: duplicates after a partial ACK inflate again, without a new retransmission', () => {
    const recovery = inRecovery(0, 10);
    recovery.onNewAck(at(4), 4 * SMSS, at(10), SMSS);
    recovery.onRetransmitted(at(5));
    const before = recovery.inflation;
    const actions = [1, 2, 3, 4].map(() => recovery.onDuplicateAck(at(4), at(10), SMSS));
    expect(actions).toEqual(['inflate', 'inflate', 'inflate', 'inflate']);
    expect(recovery.inflation - before).toBe(4 * SMSS);
    expect(recovery.lostNext).toBe(recovery.lostEnd);
  });

  it('[S-075] step 3: partial ACKs are counted, so that only the first resets the retransmission timer', () => {
    const recovery = inRecovery(0, 10);
    expect(recovery.partialAcks).toBe(0);
    recovery.onNewAck(at(2), 2 * SMSS, at(10), SMSS);
    recovery.onNewAck(at(5), 3 * SMSS, at(10), SMSS);
    expect(recovery.partialAcks).toBe(2);
  });

  it('[S-075] step 4: a timeout records the highest sequence number sent and exits fast recovery', () => {
    const recovery = inRecovery(0, 10);
    recovery.onTimeout(at(0), at(12));
    expect([recovery.phase, recovery.recover, recovery.inflation]).toEqual(['loss', at(12), 0]);
  });
});

describe('RFC 6582 §4: duplicate acknowledgements after a timeout', () => {
  /** Timeout with ten segments outstanding; all are sent again, then `una` advances to `acked`. */
  function afterTimeout(acked: number): NewRenoRecovery {
    const recovery = new NewRenoRecovery(ISS);
    recovery.onTimeout(at(0), at(10));
    recovery.onRetransmitted(at(10));
    if (acked > 0) recovery.onNewAck(at(acked), acked * SMSS, at(10), SMSS);
    return recovery;
  }

  it('[S-075] §4: duplicates of needless retransmissions don’t start fast retransmit', () => {
    expect(threeDuplicates(afterTimeout(5), 5, 10)).toBe('none');
  });

  it('[S-075] §4.1: after an advance of at most four segments they tell of a lost retransmission', () => {
    expect(threeDuplicates(afterTimeout(4), 4, 10)).toBe('enter');
    expect(threeDuplicates(afterTimeout(1), 1, 10)).toBe('enter');
  });

  it('[S-075] §4.1: immediately after the timeout, with cwnd of one segment, they don’t', () => {
    expect(threeDuplicates(afterTimeout(0), 0, 10)).toBe('none');
  });
});

describe('RFC 3042: limited transmit', () => {
  it('[S-073] §2: cwnd plus two segments at most may be outstanding, and cwnd does not change', () => {
    const recovery = new NewRenoRecovery(ISS);
    expect(recovery.onDuplicateAck(at(0), at(4), SMSS)).toBe('limited-transmit');
    expect(recovery.inflation).toBe(SMSS);
    expect(recovery.onDuplicateAck(at(0), at(5), SMSS)).toBe('limited-transmit');
    expect(recovery.inflation).toBe(2 * SMSS);
    recovery.onNewAck(at(1), SMSS, at(6), SMSS);
    expect(recovery.inflation).toBe(0);
  });
});

describe('RFC 6582 §3.2 in a connection', () => {
  const RTT = 100_000;

  /** Ten segments are out, the first is sent again after three duplicate ACKs. */
  function recovering(): ReturnType<typeof established> {
    const made = established({ rtt: RTT, mss: SMSS, tcp: { congestion: 'reno', pathMtuDiscovery: 'icmp' } });
    made.world.write(made.connection, 10 * SMSS);
    expect(made.peer.take().length).toBe(10);
    made.world.advance(RTT);
    for (let i = 0; i < 3; i++) made.peer.ack(1);
    made.peer.expect({ seq: 1, length: SMSS });
    made.peer.expectNothing();
    expect(made.connection.info().recovery).toBe('recovery');
    return made;
  }

  it('[S-075] step 3: each partial ACK sends the next hole, the window does not grow', () => {
    const { world, peer, connection } = recovering();
    const { cwnd } = connection.info();
    for (const segment of [1, 2, 3]) {
      world.advance(RTT);
      peer.ack(1 + segment * SMSS);
      peer.expect({ seq: 1 + segment * SMSS, length: SMSS });
      peer.expectNothing();
      expect(connection.info().cwnd).toBe(cwnd);
    }
    peer.ack(1 + 10 * SMSS);
    expect(connection.info().recovery).toBe('open');
    expect(connection.info().cwnd).toBe(connection.info().ssthresh);
  });

  it('[S-075] step 3, "impatient": the first partial ACK restarts the timer, the second does not', () => {
    const { world, peer, connection } = recovering();
    world.advance(RTT);
    peer.ack(1 + SMSS);
    peer.expect({ seq: 1 + SMSS });
    const rto = connection.info().rto * 1000;
    world.advance(rto - 1000);
    peer.ack(1 + 2 * SMSS);
    peer.expect({ seq: 1 + 2 * SMSS });
    expect(connection.info().timeouts).toBe(0);
    world.advance(1000);
    expect(connection.info().timeouts).toBe(1);
    peer.take();
  });
});

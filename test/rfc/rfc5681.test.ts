import { describe, expect, it } from 'vitest';
import { Acker } from '../../src/tcp/acker.ts';
import type { CongestionSample } from '../../src/tcp/congestion/controller.ts';
import { initialWindow } from '../../src/tcp/congestion/initial-window.ts';
import { Reno } from '../../src/tcp/congestion/reno.ts';
import { NewRenoRecovery } from '../../src/tcp/recovery.ts';
import { congestionSample } from '../support/congestion.ts';
import { ack, segments, twenty } from '../support/sack-world.ts';
import { established } from '../support/tcp-world.ts';

const SMSS = 1000;

function sample(values: Partial<CongestionSample> = {}): CongestionSample {
  return congestionSample({ flight: 20 * SMSS, ...values });
}

function sender(window: number = 10 * SMSS): Reno {
  return new Reno({ mss: SMSS, initialWindow: window, now: 0 });
}

describe('RFC 5681 §3.1: slow start and congestion avoidance', () => {
  it('[S-071] [S-072] the initial window is that of RFC 6928: min(10 SMSS, max(2 SMSS, 14600))', () => {
    expect([536, 1460, 2190, 8960].map((mss) => initialWindow(mss, false))).toEqual([5360, 14_600, 14_600, 17_920]);
  });

  it('[S-071] after a lost SYN or SYN-ACK it is one segment', () => {
    expect([536, 1460, 8960].map((mss) => initialWindow(mss, true))).toEqual([536, 1460, 8960]);
  });

  it('the initial ssthresh is as high as the largest window', () => {
    expect(sender().ssthresh).toBe(2 ** 30);
  });

  it('[S-067] slow start: cwnd += min(N, SMSS) for an ACK of up to one segment', () => {
    const reno = sender();
    reno.onAck(sample({ acked: SMSS }));
    expect(reno.cwnd).toBe(11_000);
    reno.onAck(sample({ acked: 10 }));
    expect(reno.cwnd).toBe(11_010);
  });

  it('[S-074] RFC 3465 §2.3: an ACK of more adds two segments at most', () => {
    const reno = sender();
    reno.onAck(sample({ acked: 2 * SMSS }));
    expect(reno.cwnd).toBe(12_000);
    reno.onAck(sample({ acked: 10 * SMSS }));
    expect(reno.cwnd).toBe(14_000);
  });

  it('[S-074] RFC 3465 §2.3: in slow start after a timeout, one segment at most', () => {
    const reno = sender();
    reno.onCongestion('timeout', sample({ flight: 40 * SMSS }));
    reno.onAck(sample({ acked: 10 * SMSS }));
    expect(reno.cwnd).toBe(2000);
  });

  it('[S-067] ACK division does not inflate cwnd', () => {
    const whole = sender();
    whole.onAck(sample({ acked: SMSS }));
    const divided = sender();
    for (let i = 0; i < 10; i++) divided.onAck(sample({ acked: SMSS / 10 }));
    expect(divided.cwnd).toBe(whole.cwnd);
  });

  it('[S-067] congestion avoidance: at most one SMSS for each cwnd of bytes acknowledged, and no less', () => {
    const reno = sender();
    reno.onCongestion('loss', sample({ flight: 20 * SMSS }));
    expect(reno.cwnd).toBe(10_000);
    for (let window = 10; window < 20; window++) {
      for (let i = 0; i < window - 1; i++) reno.onAck(sample());
      expect(reno.cwnd).toBe(window * SMSS);
      reno.onAck(sample());
      expect(reno.cwnd).toBe((window + 1) * SMSS);
    }
  });

  it('[S-067] a timeout sets ssthresh = max(FlightSize / 2, 2 SMSS), from what is in flight and not from cwnd', () => {
    const reno = sender(100 * SMSS);
    reno.onCongestion('timeout', sample({ flight: 12 * SMSS }));
    expect(reno.ssthresh).toBe(6000);
    const little = sender();
    little.onCongestion('timeout', sample({ flight: SMSS }));
    expect(little.ssthresh).toBe(2 * SMSS);
  });

  it('[S-067] [MUST-19] a timeout sets cwnd to the loss window of one segment, whatever IW is', () => {
    const reno = sender();
    reno.onCongestion('timeout', sample());
    expect(reno.cwnd).toBe(SMSS);
  });

  it('[S-067] a repeated timeout of the same segment holds ssthresh constant', () => {
    const reno = sender();
    reno.onCongestion('timeout', sample({ flight: 20 * SMSS }));
    reno.onCongestion('timeout', sample({ flight: 4 * SMSS }));
    expect([reno.cwnd, reno.ssthresh]).toEqual([SMSS, 10 * SMSS]);
  });

  it('[S-067] after a timeout slow start leads up to ssthresh, then congestion avoidance takes over', () => {
    const reno = sender();
    reno.onCongestion('timeout', sample({ flight: 8 * SMSS }));
    const seen: number[] = [];
    for (let i = 0; i < 8; i++) {
      reno.onAck(sample());
      seen.push(reno.cwnd);
    }
    expect(seen).toEqual([2000, 3000, 4000, 4000, 4000, 4000, 5000, 5000]);
  });

  it('[S-083] a window that is not used does not grow', () => {
    const reno = sender();
    for (let i = 0; i < 50; i++) reno.onAck(sample({ limited: false, flight: 5 * SMSS }));
    expect(reno.cwnd).toBe(10_000);
  });
});

describe('RFC 5681 §3.2: fast retransmit and fast recovery', () => {
  /** A connection with ten segments outstanding from 1 on; duplicate ACKs are counted in `actions`. */
  function duplicates(n: number): { recovery: NewRenoRecovery; actions: string[] } {
    const recovery = new NewRenoRecovery(0);
    const actions: string[] = [];
    for (let i = 0; i < n; i++) actions.push(recovery.onDuplicateAck(1, 1 + 10 * SMSS, SMSS));
    return { recovery, actions };
  }

  it('[S-073] [S-068] step 1: the first two duplicate ACKs allow one new segment each, beyond cwnd', () => {
    expect(duplicates(1).recovery.inflation).toBe(SMSS);
    const { recovery, actions } = duplicates(2);
    expect(actions).toEqual(['limited-transmit', 'limited-transmit']);
    expect(recovery.inflation).toBe(2 * SMSS);
    expect(recovery.phase).toBe('open');
  });

  it('[S-068] step 2: the third, not the second or the fourth, is the sign of a loss', () => {
    expect(duplicates(6).actions).toEqual([
      'limited-transmit',
      'limited-transmit',
      'enter',
      'inflate',
      'inflate',
      'inflate',
    ]);
  });

  it('[S-067] [S-068] step 2: ssthresh does not count what limited transmit sent', () => {
    const recovery = new NewRenoRecovery(0);
    recovery.onDuplicateAck(1, 1 + 10 * SMSS, SMSS);
    recovery.onDuplicateAck(1, 1 + 11 * SMSS, SMSS);
    recovery.onDuplicateAck(1, 1 + 12 * SMSS, SMSS);
    const reno = sender();
    reno.onCongestion('loss', sample({ flight: recovery.flightAtLoss(1, 1 + 12 * SMSS) }));
    expect(reno.ssthresh).toBe(5 * SMSS);
  });

  it('[S-068] step 3: the segment at SND.UNA is retransmitted and cwnd = ssthresh + 3 SMSS', () => {
    const { recovery } = duplicates(3);
    expect([recovery.lostNext, recovery.lostEnd]).toEqual([1, 1 + SMSS]);
    const reno = sender();
    reno.onCongestion('loss', sample({ flight: recovery.flightAtLoss(1, 1 + 10 * SMSS) }));
    expect(reno.cwnd + recovery.inflation).toBe(5 * SMSS + 3 * SMSS);
  });

  it('[S-068] step 4: each further duplicate ACK adds one SMSS', () => {
    expect([4, 5, 6, 9].map((n) => duplicates(n).recovery.inflation)).toEqual([4000, 5000, 6000, 9000]);
  });

  it('[S-068] step 4: no more than was outstanding, against forged ACKs', () => {
    expect(duplicates(1000).recovery.inflation).toBe(10 * SMSS);
  });

  it('[S-068] step 6: the ACK of new data deflates the window', () => {
    const { recovery } = duplicates(8);
    const reno = sender();
    reno.onCongestion('loss', sample({ flight: 10 * SMSS }));
    expect(recovery.onNewAck(1 + 10 * SMSS, 10 * SMSS, 1 + 14 * SMSS, SMSS)).toBe('recovered');
    reno.onRecovered(sample({ flight: 14 * SMSS, acked: 10 * SMSS }));
    expect(reno.cwnd + recovery.inflation).toBe(5 * SMSS);
  });
});

describe('RFC 5681 §4.1: restarting idle connections', () => {
  it('[S-069] after more than one RTO without sending, cwnd is at most min(IW, cwnd)', () => {
    const reno = sender(4 * SMSS);
    for (let i = 0; i < 20; i++) reno.onAck(sample());
    reno.onIdle(1_000_000, 1_000_000);
    expect(reno.cwnd).toBe(24 * SMSS);
    reno.onIdle(1_000_001, 1_000_000);
    expect(reno.cwnd).toBe(4 * SMSS);
    reno.onCongestion('timeout', sample());
    reno.onIdle(9_000_000, 1_000_000);
    expect(reno.cwnd).toBe(SMSS);
  });
});

describe('RFC 5681 §4.2: generating acknowledgements', () => {
  /** An acker past the quick ACKs of a connection's beginning. */
  function settled(): Acker {
    const acker = new Acker();
    for (let i = 0; i < 16; i++) acker.onInOrder(1, SMSS, 0);
    acker.sent();
    return acker;
  }

  it('[S-070] [SHLD-19] at least every second full-sized segment is acknowledged', () => {
    const acker = settled();
    let acks = 0;
    for (let i = 0; i < 20; i++) {
      acker.onInOrder(SMSS, SMSS, i);
      if (!acker.due(i)) continue;
      acks++;
      acker.sent();
    }
    expect(acks).toBe(10);
  });

  it('[S-070] [SHLD-19] also when the peer’s full size is less than the MSS announced', () => {
    const acker = settled();
    acker.onInOrder(988, SMSS, 0);
    acker.onInOrder(988, SMSS, 0);
    expect(acker.due(0)).toBe(true);
  });

  it('[S-070] [MUST-40] an ACK is generated within 500 ms of the first unacknowledged segment', () => {
    const acker = settled();
    acker.onInOrder(1, SMSS, 1_000_000);
    acker.onInOrder(1, SMSS, 1_030_000);
    expect(acker.deadline - 1_000_000).toBeLessThan(500_000);
    expect(acker.due(acker.deadline)).toBe(true);
  });

  it('[S-070] a segment that fills a gap is acknowledged immediately', () => {
    const acker = settled();
    acker.onInOrder(10, SMSS, 0);
    expect(acker.due(0)).toBe(false);
    acker.ackNow();
    expect(acker.due(0)).toBe(true);
  });
});

describe('RFC 5681 §4.1 in a connection', () => {
  it.each([
    ['longer than a retransmission time-out: the initial window goes', true, 10],
    ['for less: the window stays', false, 20],
  ])('[S-069] idle %s', (_, long, burst) => {
    const made = twenty();
    for (let n = 11; n <= 30; n++) ack(made, n);
    segments(made);
    made.world.advance(long ? 10_000_000 : 100_000);
    made.world.write(made.connection, 60 * 1000);
    const sent = segments(made).length;
    if (long) expect(sent).toBe(burst);
    else expect(sent).toBeGreaterThanOrEqual(burst);
  });
});

describe('RFC 5681 §4.2: segments that arrive as one batch', () => {
  it('[S-070] are acknowledged together, but each 512 KB by themselves, for senders that ACKs clock', () => {
    const { peer } = established({ windowScale: 7, mss: 1460, tcp: { receiveBuffer: 1 << 21 } });
    peer.send({ flags: 'A', data: 1460 });
    expect(peer.take().at(-1)?.window).toBeGreaterThan(800_000);
    peer.sendAll(Array.from({ length: 500 }, () => ({ flags: 'A', data: 1460 })));
    const acks = peer.take().map((heard) => heard.ack);
    expect(acks.length).toBe(2);
    expect(acks.at(-1)).toBe(1 + 501 * 1460);
    for (const [i, upTo] of acks.entries()) expect(upTo - (acks[i - 1] ?? 1461)).toBeLessThan(524_288 + 1460);
  });
});

describe('RFC 5681 §2: what a duplicate acknowledgment is', () => {
  it('[S-068] "the SYN and FIN bits are both off": a FIN as the third is none', () => {
    const made = established({ rtt: 100_000, mss: 1000 });
    const { world, peer, connection } = made;
    world.write(connection, 5000);
    world.advance(100_000);
    expect(peer.take()).toHaveLength(5);
    for (let i = 0; i < 2; i++) peer.send({ flags: 'A', ack: 1 });
    peer.send({ flags: 'FA', ack: 1 });
    expect(peer.take().map(({ length }) => length)).toEqual([0]);
    expect(connection.info()).toMatchObject({ recovery: 'open', duplicateAcks: 2, retransmits: 0 });
    peer.send({ flags: 'A', ack: 1 });
    expect(peer.take()[0]).toMatchObject({ seq: 1, length: 1000 });
    peer.send({ flags: 'A', ack: 5001 });
    peer.take();
  });
});

describe('RFC 5681 §2: what is a duplicate acknowledgment', () => {
  it('(b) it carries no data: a peer that probes our closed window counts for none', () => {
    const { peer, world, connection } = established({ rtt: 100_000, tcp: { receiveBuffer: 2048 } });
    for (let i = 0; i < 4; i++) peer.send({ flags: 'A', data: 512 });
    peer.take();
    world.write(connection, 1000);
    peer.expect({ flags: 'PA', length: 1000 });
    for (let i = 0; i < 3; i++) {
      peer.send({ flags: 'A', seq: 2049, ack: 1, data: 1 });
      world.advance(1000);
    }
    expect(peer.take().filter(({ length }) => length > 0)).toEqual([]);
    world.read(connection);
    peer.take();
    peer.send({ flags: 'R', seq: 2049 });
  });
});

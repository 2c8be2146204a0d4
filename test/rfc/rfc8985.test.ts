import { describe, expect, it } from 'vitest';
import { AckReport } from '../../src/tcp/ack-report.ts';
import { DeliveryRate } from '../../src/tcp/delivery-rate.ts';
import { Rack } from '../../src/tcp/rack.ts';
import { Mark, Scoreboard } from '../../src/tcp/scoreboard.ts';
import { TailLossProbe } from '../../src/tcp/tail-loss-probe.ts';
import {
  FIRST_RTO,
  MSS,
  RTT,
  ack,
  connected,
  flying,
  range,
  repairs,
  segments,
  twenty,
} from '../support/sack-world.ts';
import type { Established } from '../support/tcp-world.ts';

const MS = 1000;
/** RACK.reo_wnd with a multiplier of 1. */
const REO_WND = RTT / 4;

/** Reordering that does no harm: the second of two segments is reported before the first. Behind it, `n` are sent. */
function reordered(n: number): Established {
  const made = connected();
  const { world, connection } = made;
  world.write(connection, 2 * MSS);
  world.advance(RTT);
  ack(made, 0, [1, 2]);
  ack(made, 2);
  expect(segments(made)).toEqual([0, 1]);
  world.write(connection, n * MSS);
  world.advance(RTT);
  expect(segments(made)).toEqual(range(2, 2 + n));
  return made;
}

describe('RFC 8985 §6.2 step 1: RACK.min_RTT', () => {
  it('[S-080] reo_wnd is a quarter of the least round-trip time, not of the last one', () => {
    const made = connected();
    made.world.write(made.connection, 2 * MSS);
    // Half as long again as the handshake took.
    made.world.advance(1.5 * RTT);
    segments(made);
    ack(made, 0, [1, 2]);
    made.world.advance(REO_WND - 1);
    expect(segments(made)).toEqual([]);
    made.world.advance(1);
    expect(segments(made)).toEqual([0]);
  });
});

describe('RFC 8985 §6.2 step 2: the segment that was sent last among those delivered', () => {
  it('[S-080] what was sent before it, and is overdue, is lost, however few are SACKed', () => {
    const made = connected();
    for (let i = 0; i < 3; i++) {
      made.world.write(made.connection, MSS);
      made.world.act(() => made.connection.set('noDelay', true));
      made.world.advance(REO_WND);
    }
    made.world.advance(RTT - REO_WND);
    expect(segments(made)).toEqual([0, 1, 2]);
    // Sent so much later than 0 and 1 that there is no need to wait; PRR lets go one of them.
    ack(made, 0, [2, 3]);
    expect(segments(made)).toEqual([0]);
    ack(made, 1, [2, 3]);
    expect(segments(made)).toEqual([1]);
  });

  it('[S-080] of segments sent at the same time the number decides', () => {
    const board = new Scoreboard();
    const rack = new Rack(0);
    const report = new AckReport(rack, new DeliveryRate());
    const stamp = { delivered: 0, deliveredAt: 0, firstSentAt: 0, isAppLimited: false };
    board.push(0, 10 * MSS, MSS, 0, stamp);
    report.begin(RTT, RTT, -1);
    board.sack(4 * MSS, 5 * MSS, report);
    expect(board.markOlder(rack.xmitTs, rack.endSeq, rack.rtt + REO_WND, RTT)).toBe(REO_WND);
    expect(board.lost).toBe(0);
    expect(board.markOlder(rack.xmitTs, rack.endSeq, rack.rtt + REO_WND, RTT + REO_WND)).toBe(0);
    expect([board.lost, board.findLost(), board.lostStart, board.lostEnd]).toEqual([4 * MSS, true, 0, 4 * MSS]);
  });

  it('[S-080] RACK.rtt is the round-trip time of what this ACK delivers, be it older than RACK.xmit_ts', () => {
    const rack = new Rack(0);
    rack.begin();
    rack.onDelivered(3000, 20, 0, 120, 100, false);
    rack.begin();
    rack.onDelivered(2000, 10, 0, 150, 100, false);
    expect([rack.xmitTs, rack.endSeq, rack.rtt]).toEqual([20, 3000, 140]);
    // Of those that one ACK delivers it is that of the youngest.
    rack.begin();
    rack.onDelivered(5000, 40, 0, 170, 100, false);
    rack.onDelivered(4000, 30, 0, 170, 100, false);
    expect([rack.xmitTs, rack.endSeq, rack.rtt]).toEqual([40, 5000, 130]);
  });

  it('[S-080] condition 1: a timestamp echo older than the retransmission answers the original', () => {
    const made = flying({ timestamps: true });
    const original = made.peer.tsRecent;
    for (const n of [2, 3, 4]) ack(made, 0, [1, n]);
    expect(segments(made)).toEqual([0]);
    made.world.advance(1.5 * RTT);
    // The original arrives after all. Were it the retransmission, 4 to 9 would be older and lost.
    made.peer.ack(1 + 4 * MSS, { tsecr: original });
    expect(segments(made)).toEqual([]);
  });

  it('[S-080] condition 2: sooner than the least round trip it is the original that is answered', () => {
    const made = flying();
    for (const n of [2, 3, 4]) ack(made, 0, [1, n]);
    expect(segments(made)).toEqual([0]);
    made.world.advance(RTT - 1);
    ack(made, 4);
    expect(segments(made)).toEqual([]);
  });

  it('[S-080] otherwise it is the retransmission: all that was sent before it is lost', () => {
    const made = flying();
    for (const n of [2, 3, 4]) ack(made, 0, [1, n]);
    expect(segments(made)).toEqual([0]);
    made.world.advance(RTT);
    ack(made, 4);
    expect(segments(made)[0]).toBe(4);
    expect(repairs(made).timeouts).toBe(0);
  });
});

describe('RFC 8985 §6.2 step 3: reordering', () => {
  it('[S-080] a never retransmitted segment below RACK.fack is delivered: from then on three SACKed mean nothing', () => {
    const made = reordered(10);
    for (const n of [4, 5, 6, 7, 8]) ack(made, 2, [3, n]);
    expect(segments(made)).toEqual([]);
    made.world.advance(REO_WND - 1);
    expect(segments(made)).toEqual([]);
    ack(made, 12);
    made.world.advance(RTT);
    expect(repairs(made)).toEqual({ retransmits: 0, timeouts: 0 });
    expect(made.connection.info().cwnd).toBeGreaterThanOrEqual(10 * MSS);
  });

  it('[S-080] a retransmission below RACK.fack is no reordering', () => {
    const made = flying({ more: 10 });
    for (const n of [2, 3, 4]) ack(made, 0, [1, n]);
    made.world.advance(RTT);
    ack(made, 10);
    segments(made);
    made.world.advance(RTT);
    // Three are enough, still.
    for (const n of [12, 13, 14]) ack(made, 10, [11, n]);
    expect(segments(made)).toContain(10);
  });

  it('[S-080] in ascending order of end_seq: blocks of one ACK, the newest first, are no reordering', () => {
    const made = flying();
    // The ACK that reported 2 was lost.
    ack(made, 0, [4, 5], [2, 3]);
    ack(made, 0, [6, 7], [4, 5], [2, 3]);
    expect(segments(made)[0]).toBe(0);
  });

  it('[S-080] in ascending order of end_seq: also where four blocks come in any order', () => {
    const made = flying();
    ack(made, 0, [2, 3], [8, 9], [4, 5], [6, 7]);
    expect(segments(made)[0]).toBe(0);
  });
});

describe('RFC 8985 §6.2 step 4: the reordering window', () => {
  it('[S-080] min_RTT / 4 while fewer than DupThresh are SACKed, by the reordering timer', () => {
    const made = flying({ flight: 3 });
    ack(made, 0, [1, 3]);
    made.world.advance(REO_WND - 1);
    expect(segments(made)).toEqual([]);
    made.world.advance(1);
    expect(segments(made)).toEqual([0]);
    expect(repairs(made)).toEqual({ retransmits: 1, timeouts: 0 });
  });

  it('[S-080] DupThresh SACKed segments end the wait at once', () => {
    const made = flying();
    ack(made, 0, [1, 3]);
    made.world.advance(1);
    expect(segments(made)).toEqual([]);
    ack(made, 0, [1, 4]);
    expect(segments(made)).toEqual([0]);
  });

  it('[S-080] no wait in recovery as long as no reordering was seen', () => {
    const made = flying();
    for (const n of [2, 3, 4]) ack(made, 0, [1, n]);
    ack(made, 0, [5, 6], [1, 4]);
    for (const n of [7, 8, 9, 10]) ack(made, 0, [5, n], [1, 4]);
    expect(segments(made)).toEqual([0, 4]);
  });

  it('[S-080] each round with a D-SACK widens it by min_RTT / 4; a second D-SACK of the round does not', () => {
    const made = reordered(4);
    ack(made, 5, [3, 4]);
    ack(made, 5, [4, 5]);
    ack(made, 6);
    made.world.write(made.connection, 2 * MSS);
    segments(made);
    made.world.advance(RTT);
    ack(made, 6, [7, 8]);
    made.world.advance(2 * REO_WND - 1);
    expect(segments(made)).toEqual([]);
    made.world.advance(1);
    expect(segments(made)).toEqual([6]);
  });

  it('[S-080] up to SRTT', () => {
    const made = reordered(1);
    let n = 3;
    for (let round = 0; round < 20; round++) {
      ack(made, n, [n - 1, n]);
      made.world.write(made.connection, MSS);
      made.world.advance(RTT);
      n++;
    }
    ack(made, n);
    made.world.write(made.connection, 2 * MSS);
    segments(made);
    made.world.advance(RTT);
    ack(made, n, [n + 1, n + 2]);
    const due = made.connection.info().rtt * MS;
    made.world.advance(Math.floor(due) - 1);
    expect(segments(made)).toEqual([]);
    made.world.advance(2);
    expect(segments(made)).toContain(n);
  });

  it('[S-080] after sixteen recoveries without a D-SACK it shrinks again', () => {
    const rack = new Rack(0);
    rack.onDelivered(2000, 10, 0, 110, 100, false);
    rack.begin();
    rack.onDelivered(1000, 0, 0, 110, 100, false);
    expect(rack.reorderingSeen).toBe(true);
    rack.onAck(2000, 5000, true);
    rack.onAck(5000, 6000, true);
    expect(rack.reorderingWindow(3, true, 100, 1000)).toBe(75);
    for (let i = 0; i < 15; i++) rack.onRecovered();
    expect(rack.reorderingWindow(3, true, 100, 1000)).toBe(75);
    rack.onRecovered();
    expect(rack.reorderingWindow(3, true, 100, 1000)).toBe(25);
  });
});

describe('RFC 8985 §6.2 step 5: losses', () => {
  it('[S-080] the reordering timer is taken back when what it waits for arrives: no spurious retransmission', () => {
    const made = flying({ flight: 3 });
    ack(made, 0, [1, 2]);
    made.world.advance(REO_WND - 1);
    ack(made, 2);
    made.world.advance(MS);
    expect(repairs(made)).toEqual({ retransmits: 0, timeouts: 0 });
    ack(made, 3);
    made.world.advance(10 * RTT);
    expect(segments(made)).toEqual([]);
  });

  it('[S-080] it waits until all segments within the window would be lost', () => {
    const made = connected();
    made.world.act(() => made.connection.set('noDelay', true));
    for (let i = 0; i < 3; i++) {
      made.world.write(made.connection, MSS);
      made.world.advance(5 * MS);
    }
    segments(made);
    made.world.advance(RTT - 5 * MS);
    // 0, 1 and 2 were sent at 0, 5 and 10 ms, which is now 110 ms: 1 is overdue at 130.
    ack(made, 0, [2, 3]);
    made.world.advance(20 * MS - 1);
    expect(segments(made)).toEqual([]);
    made.world.advance(1);
    expect(segments(made)).toEqual([0]);
    // Both were marked: 1 waits for PRR only, and not for the repeated 0 to be overdue.
    ack(made, 1, [2, 3]);
    expect(segments(made)).toEqual([1]);
  });

  it.each([false, true])('[S-080] a lost retransmission is found without a timeout; timestamps: %s', (timestamps) => {
    const made = flying({ timestamps });
    const { tsRecent } = made.peer;
    const stale = timestamps ? { tsecr: tsRecent } : {};
    const sack = (...blocks: [number, number][]): void => {
      const list = blocks.map(([from, to]): [number, number] => [1 + from * MSS, 1 + to * MSS]);
      // RFC 7323 §4.3: the echo is that of the last segment in order, as long as 0 is missing.
      made.peer.ack(1, { sack: list, ...stale });
    };
    for (const n of [3, 4, 5, 6, 7, 8, 9, 10]) sack([2, n]);
    expect(segments(made)).toEqual([0, 1]);
    made.world.advance(RTT);
    // §9.1, example 2: R1 is lost, R2 is SACKed.
    sack([1, 10]);
    expect(segments(made)).toEqual([0]);
    made.world.advance(RTT);
    made.peer.ack(1 + 10 * MSS);
    expect(repairs(made)).toEqual({ retransmits: 3, timeouts: 0 });
  });

  it('[S-080] a lost retransmission is found by new data sent behind it', () => {
    const made = twenty({}, 40);
    for (let n = 12; n <= 30; n++) ack(made, 10, [11, n]);
    const sent = segments(made);
    expect(sent.filter((n) => n === 10).length).toBe(1);
    made.world.advance(RTT);
    ack(made, 10, [11, 33]);
    expect(segments(made)).toContain(10);
    expect(repairs(made)).toEqual({ retransmits: 2, timeouts: 0 });
  });
});

describe('RFC 6675 §6: the retransmission timer in recovery', () => {
  it('[S-078] runs anew from the repetition of the first segment: on a long path it is no timeout', () => {
    const made = connected({ rtt: 9 * RTT });
    const { world, connection } = made;
    // Long round trips, so that RTO is little more.
    for (let n = 1; n <= 60; n++) {
      world.write(connection, MSS);
      world.advance(9 * RTT);
      ack(made, n);
    }
    world.write(connection, 5 * MSS);
    segments(made);
    expect(connection.info().rto).toBeLessThan(1200);
    world.advance(9 * RTT);
    for (const n of [62, 63, 64]) ack(made, 60, [61, n]);
    expect(segments(made)).toContain(60);
    world.advance(9 * RTT - 1);
    ack(made, 65);
    expect(repairs(made)).toEqual({ retransmits: 1, timeouts: 0 });
  });
});

describe('RFC 8985 §6.3: the retransmission timer', () => {
  it('[S-080] the first segment is lost, others only when RACK.rtt + reo_wnd is over', () => {
    const made = connected();
    const { world, connection } = made;
    world.act(() => connection.set('noDelay', true));
    world.write(connection, 4 * MSS);
    world.advance(2 * RTT);
    // The probe is the last of the four.
    expect(segments(made)).toEqual([0, 1, 2, 3, 3]);
    world.advance(FIRST_RTO - 1);
    // Just now, so that it has no chance to be acknowledged before the timer expires.
    world.write(connection, MSS);
    expect(segments(made)).toEqual([4]);
    world.advance(1);
    expect(segments(made)).toEqual([0]);
    expect(repairs(made).timeouts).toBe(1);
    // Of the original, so soon: it says nothing of what was sent since.
    ack(made, 1);
    // 4 is not lost: it fills half of the window of two.
    expect(segments(made)).toEqual([1]);
    ack(made, 3);
    expect(segments(made)).toEqual([3]);
  });
});

describe('RFC 8985 §7.2: scheduling a loss probe', () => {
  it('[S-080] after 2 SRTT', () => {
    const made = flying({ flight: 3 });
    const resolution = made.world.clock.resolution;
    made.world.advance(RTT + 2 * resolution - 1);
    expect(segments(made)).toEqual([]);
    made.world.advance(1);
    expect(segments(made)).toEqual([2]);
    expect(repairs(made).timeouts).toBe(0);
  });

  it('[S-080] a lone segment may be acknowledged late: 200 ms more, when the retransmission timer leaves as much', () => {
    const made = connected({ rtt: RTT });
    made.world.write(made.connection, MSS);
    // RTO is 3 RTT, PTO 4: the probe goes in its place.
    made.world.advance(FIRST_RTO - 1);
    expect(segments(made)).toEqual([0]);
    made.world.advance(1);
    expect(segments(made)).toEqual([0]);
    expect(repairs(made)).toEqual({ retransmits: 1, timeouts: 0 });
    // And then the timer.
    made.world.advance(FIRST_RTO);
    expect(repairs(made)).toEqual({ retransmits: 2, timeouts: 1 });
    segments(made);
  });

  it('[S-080] without a round-trip time after a second', () => {
    expect(TailLossProbe.timeout(0, false, 1)).toBe(1000 * MS);
    expect(TailLossProbe.timeout(0, true, 1)).toBe(1000 * MS);
  });

  it('[S-080] each new transmission and each cumulative ACK begins it anew', () => {
    const made = flying({ flight: 4 });
    ack(made, 1);
    made.world.advance(RTT);
    made.world.write(made.connection, MSS);
    made.world.advance(2 * RTT - 1);
    expect(segments(made)).toEqual([4]);
    made.world.advance(1 + 2 * made.world.clock.resolution);
    expect(segments(made)).toEqual([4]);
    expect(repairs(made)).toEqual({ retransmits: 1, timeouts: 0 });
  });

  it('[S-080] not while something is SACKed: the reordering timer sees to that', () => {
    const made = reordered(3);
    // The window is wide: SRTT.
    for (let i = 0; i < 6; i++) ack(made, 2, [0, 1]);
    ack(made, 2, [3, 4]);
    const { rtt } = made.connection.info();
    made.world.advance(rtt * MS);
    expect(segments(made)).toEqual([2]);
    expect(repairs(made)).toEqual({ retransmits: 1, timeouts: 0 });
  });

  it('[S-080] not in recovery', () => {
    const made = flying();
    for (const n of [2, 3, 4]) ack(made, 0, [1, n]);
    expect(segments(made)).toEqual([0]);
    made.world.advance(FIRST_RTO - 1);
    expect(segments(made)).toEqual([]);
  });

  it('[S-080] not with a window of zero: that is the persist timer’s', () => {
    const made = flying({ flight: 3, more: 0 });
    made.peer.send({ flags: 'A', ack: 1001, wnd: 0 });
    const { rto } = made.connection.info();
    made.world.advance(rto * MS - 1);
    expect(segments(made)).toEqual([]);
    made.world.advance(1);
    // The probe of the window: one octet.
    made.peer.expect({ seq: 1001, length: 1 });
  });
});

describe('RFC 8985 §7.3: sending a loss probe', () => {
  it('[S-080] new data is preferred, one segment beyond the congestion window', () => {
    const made = flying({ more: 10 });
    made.world.advance(2 * RTT - RTT + 2 * made.world.clock.resolution);
    expect(segments(made)).toEqual([10]);
    expect(repairs(made)).toEqual({ retransmits: 0, timeouts: 0 });
  });

  it('[S-080] when the window has no room for it, the last segment', () => {
    const made = connected({ wnd: 5 * MSS });
    made.world.write(made.connection, 10 * MSS);
    expect(segments(made)).toEqual(range(0, 5));
    made.world.advance(2 * RTT + 2 * made.world.clock.resolution);
    expect(segments(made)).toEqual([4]);
  });

  describe.each([
    ['inside of a segment', 2 * MSS + 500, [[1 + MSS + 500, MSS]]],
    ['between segments', 3 * MSS, [[1 + 2 * MSS, MSS]]],
    ['inside of the first', 300, [[1, 300]]],
  ])('[S-080] [SHLD-16] the window shrank, its edge %s', (_, wnd, expected) => {
    function probed(fin: boolean): Established {
      const made = connected();
      made.world.write(made.connection, 5 * MSS);
      if (fin) made.world.act(() => made.connection.shutdown());
      expect(made.peer.take()).toHaveLength(fin ? 6 : 5);
      made.peer.send({ flags: 'A', ack: 1, wnd });
      made.world.advance(2 * RTT + 2 * made.world.clock.resolution);
      return made;
    }

    it('the last octets inside of it, without the FIN', () => {
      const { peer } = probed(true);
      const heard = peer.take();
      expect(heard.map(({ seq, length }) => [seq, length])).toEqual(expected);
      expect(heard[0]!.flags).not.toContain('F');
    });

    it('a D-SACK of the probe tells that nothing was lost', () => {
      const made = probed(false);
      const { seq, length } = made.peer.take()[0]!;
      const { cwnd } = made.connection.info();
      made.world.advance(RTT);
      made.peer.send({ flags: 'A', ack: 1 + 5 * MSS, sack: [[seq, seq + length]] });
      made.world.write(made.connection, MSS);
      expect(segments(made)).toEqual([5]);
      ack(made, 6);
      expect(made.connection.info().cwnd).toBeGreaterThanOrEqual(cwnd);
    });
  });

  it('[S-080] new data that does not fit the window whole is none', () => {
    const made = connected({ wnd: 5 * MSS + 200 });
    made.world.write(made.connection, 10 * MSS);
    expect(segments(made)).toEqual(range(0, 5));
    made.world.advance(2 * RTT + 2 * made.world.clock.resolution);
    expect(segments(made)).toEqual([4]);
  });

  it('[S-080] a last segment that is small, and the FIN with it', () => {
    const made = connected();
    made.world.write(made.connection, 2 * MSS + 300);
    made.world.act(() => made.connection.shutdown());
    segments(made);
    made.world.advance(2 * RTT + 2 * made.world.clock.resolution);
    const probe = made.peer.take();
    expect(probe.length).toBe(1);
    expect(probe[0]!.flags).toContain('F');
    expect(probe[0]!.seq + probe[0]!.length).toBe(1 + 2 * MSS + 300);
  });

  it('[S-080] one probe for a tail; then the retransmission timer, begun anew', () => {
    const made = flying({ flight: 3 });
    made.world.advance(RTT + 2 * made.world.clock.resolution);
    expect(segments(made)).toEqual([2]);
    made.world.advance(FIRST_RTO - 1);
    expect(segments(made)).toEqual([]);
    made.world.advance(1);
    expect(segments(made)).toEqual([0]);
    expect(repairs(made)).toEqual({ retransmits: 2, timeouts: 1 });
  });

  it('[S-080] no second probe before a round-trip time was measured since the first', () => {
    const made = flying({ flight: 3 });
    made.world.advance(RTT + 2 * made.world.clock.resolution);
    expect(segments(made)).toEqual([2]);
    // All are acknowledged, which gives no sample (Karn), by a D-SACK: the probe was for nothing.
    made.world.advance(RTT);
    ack(made, 3, [2, 3]);
    const { rto } = made.connection.info();
    made.world.write(made.connection, 3 * MSS);
    expect(segments(made)).toEqual([3, 4, 5]);
    made.world.advance(rto * MS - 1);
    expect(segments(made)).toEqual([]);
    made.world.advance(1);
    expect(segments(made)).toEqual([3]);
    expect(repairs(made).timeouts).toBe(1);
  });
});

describe('RFC 8985 §7.4: what the answer to a probe tells', () => {
  /** Three segments and the probe, which repeats the last. */
  function probed(more: number = 0): Established {
    const made = flying({ flight: 3 });
    made.world.advance(RTT + 2 * made.world.clock.resolution);
    expect(segments(made)).toEqual([2]);
    made.world.advance(RTT);
    if (more > 0) made.world.write(made.connection, more * MSS);
    return made;
  }

  it('[S-080] §7.4.1: the probe is SACKed: all before it is lost, and fast recovery repairs it', () => {
    const made = probed();
    ack(made, 0, [2, 3]);
    // The reordering window has long passed.
    made.world.advance(REO_WND);
    expect(segments(made)).toEqual([0]);
    made.world.advance(RTT);
    ack(made, 1, [2, 3]);
    expect(segments(made)).toEqual([1]);
    made.world.advance(RTT);
    ack(made, 3);
    expect(repairs(made)).toEqual({ retransmits: 3, timeouts: 0 });
  });

  it('[S-080] §7.4.2 case 1: a D-SACK of the probe: nothing was lost', () => {
    const made = probed();
    const { cwnd, ssthresh } = made.connection.info();
    ack(made, 3, [2, 3]);
    made.world.write(made.connection, 2 * MSS);
    made.world.advance(RTT);
    ack(made, 5);
    segments(made);
    expect(made.connection.info()).toMatchObject({ cwnd, ssthresh });
  });

  it('[S-080] §7.4.2 case 2: a duplicate ACK without SACK: nothing was lost', () => {
    const made = probed();
    const { cwnd, ssthresh } = made.connection.info();
    ack(made, 3);
    ack(made, 3);
    made.world.write(made.connection, 2 * MSS);
    made.world.advance(RTT);
    ack(made, 5);
    segments(made);
    expect(made.connection.info()).toMatchObject({ cwnd, ssthresh });
  });

  it('[S-080] §7.4.2 case 1: a D-SACK of something else says nothing of the probe', () => {
    const made = probed();
    const { ssthresh } = made.connection.info();
    ack(made, 3, [0, 1]);
    made.world.write(made.connection, 2 * MSS);
    made.world.advance(RTT);
    ack(made, 5);
    segments(made);
    expect(made.connection.info().ssthresh).toBeLessThan(ssthresh);
  });

  it('[S-080] §7.4.2 case 2: one with a SACK option tells of later data, not of the probe', () => {
    const made = probed(2);
    const { ssthresh } = made.connection.info();
    ack(made, 3);
    made.world.advance(RTT);
    ack(made, 3, [4, 5]);
    ack(made, 5);
    segments(made);
    expect(made.connection.info().ssthresh).toBeLessThan(ssthresh);
    expect(repairs(made)).toEqual({ retransmits: 1, timeouts: 0 });
  });

  it('[S-080] §7.4.2: neither, and more is acknowledged: the probe has repaired a loss, and the window shrinks', () => {
    const made = probed();
    const { ssthresh } = made.connection.info();
    ack(made, 3);
    expect(made.connection.info().ssthresh).toBe(ssthresh);
    made.world.write(made.connection, 2 * MSS);
    made.world.advance(RTT);
    ack(made, 5);
    segments(made);
    expect(made.connection.info().ssthresh).toBeLessThan(ssthresh);
    expect(repairs(made)).toEqual({ retransmits: 1, timeouts: 0 });
  });

  it('[S-080] §7.4.2: a probe of new data tells of no loss', () => {
    const made = flying({ more: 10 });
    made.world.advance(RTT + 2 * made.world.clock.resolution);
    expect(segments(made)).toEqual([10]);
    const { ssthresh } = made.connection.info();
    ack(made, 11);
    segments(made);
    made.world.advance(RTT);
    ack(made, 13);
    segments(made);
    expect(made.connection.info().ssthresh).toBe(ssthresh);
  });
});

describe('RACK and old ACKs', () => {
  it('[S-077] an ACK overtaken by another reports no duplicate, though its blocks lie below SND.UNA by now', () => {
    const made = reordered(4);
    ack(made, 6);
    // Sent before, arrives behind.
    ack(made, 2, [3, 4]);
    made.world.write(made.connection, 2 * MSS);
    segments(made);
    made.world.advance(RTT);
    ack(made, 6, [7, 8]);
    // The reordering window has not grown.
    made.world.advance(REO_WND);
    expect(segments(made)).toEqual([6]);
  });

  it('[S-080] what was acknowledged is no reordering, and Mark.repeated no first delivery', () => {
    const rack = new Rack(0);
    rack.onDelivered(2000, 10, 0, 110, 100, false);
    rack.begin();
    rack.onDelivered(1000, 0, Mark.repeated, 110, 100, false);
    expect(rack.reorderingSeen).toBe(false);
  });
});

describe('A single loss', () => {
  it.each(range(0, 10))('[S-080] of segment %i of ten is repaired without a timeout, by one retransmission', (lost) => {
    const made = flying();
    for (let n = 0; n < 10; n++) {
      if (n < lost) ack(made, n + 1);
      else if (n > lost) ack(made, lost, [lost + 1, n + 1]);
    }
    // The reordering window, and for the last one the probe.
    made.world.advance(lost < 9 ? RTT : 3 * RTT);
    expect(segments(made)).toContain(lost);
    ack(made, 10);
    made.world.advance(100 * RTT);
    expect(segments(made)).toEqual([]);
    expect(repairs(made)).toEqual({ retransmits: 1, timeouts: 0 });
  });
});

describe('RFC 8985 §6.3: the reordering timer in fast recovery', () => {
  it('[S-080] what it finds is sent again at once, though PRR has given everything to new data', () => {
    const made = reordered(10);
    const { world, connection } = made;
    world.write(connection, 40 * MSS);
    segments(made);
    ack(made, 2, [3, 8]);
    // The path is known to reorder: 2 is lost when the timer says so.
    world.advance(REO_WND);
    expect(segments(made)).toContain(2);
    expect(connection.info().recovery).toBe('recovery');
    world.advance(5 * MS);
    ack(made, 2, [3, 12]);
    const fresh = segments(made);
    expect(fresh.length).toBeGreaterThan(0);
    world.advance(RTT - 5 * MS);
    ack(made, 2, [3, fresh[0]!]);
    segments(made);
    world.advance(5 * MS);
    // What was sent 5 ms after 2 was sent again has arrived, and 2 has not.
    ack(made, 2, [3, fresh.at(-1)! + 1]);
    expect(segments(made)).not.toContain(2);
    world.advance(REO_WND - 5 * MS - 1);
    expect(segments(made)).toEqual([]);
    world.advance(1);
    expect(segments(made)).toContain(2);
    expect(repairs(made)).toEqual({ retransmits: 2, timeouts: 0 });
  });
});

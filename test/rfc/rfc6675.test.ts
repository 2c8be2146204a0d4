import { describe, expect, it } from 'vitest';
import {
  FIRST_RTO,
  INITIAL_WINDOW,
  MSS,
  RTT,
  ack,
  flying,
  lies,
  range,
  repairs,
  segments,
  twenty,
} from '../support/sack-world.ts';

/**
 * RFC 6675 as a peer sees it. What is lost is RACK's to say (rfc8985), which as long as nothing was ever reordered
 * agrees with IsLost() here; how much may be sent in recovery is PRR's (rfc9937).
 */
describe('RFC 6675 §3, §4: the scoreboard', () => {
  it('[S-078] §4 Update(): what is cumulatively acknowledged or SACKed is not sent again', () => {
    const made = flying();
    ack(made, 0, [1, 4]);
    expect(segments(made)).toEqual([0]);
    ack(made, 0, [1, 5], [7, 9]);
    ack(made, 0, [1, 5], [7, 10]);
    // 5 and 6 are all that is missing.
    expect(segments(made)).toEqual([5, 6]);
    ack(made, 10);
    expect(segments(made)).toEqual([]);
    expect(repairs(made)).toEqual({ retransmits: 3, timeouts: 0 });
  });

  it('[S-078] §4 IsLost(): three discontiguous SACKed ranges above it', () => {
    const made = flying();
    ack(made, 0, [2, 3]);
    ack(made, 0, [4, 5], [2, 3]);
    expect(segments(made)).toEqual([]);
    ack(made, 0, [6, 7], [4, 5], [2, 3]);
    expect(segments(made)[0]).toBe(0);
  });

  it('[S-078] §4 IsLost(): more than (DupThresh − 1) · SMSS bytes SACKed above it, in one ACK', () => {
    const made = flying();
    ack(made, 0, [1, 3]);
    expect(segments(made)).toEqual([]);
    ack(made, 0, [1, 4]);
    expect(segments(made)).toEqual([0]);
  });

  it('[S-078] §4 SetPipe(): what is SACKed or lost is not in the pipe, what was sent again is', () => {
    const made = twenty({}, 40);
    // 19 of 20 arrive, and an ACK for each: PRR lets the pipe come down to ten segments, where it stays.
    for (let n = 12; n <= 30; n++) ack(made, 10, [11, n]);
    const sent = segments(made);
    const fresh = sent.filter((n) => n >= 30).length;
    expect(sent.filter((n) => n === 10).length).toBe(1);
    // In the pipe: one retransmission and the new segments.
    expect(1 + fresh).toBe(made.connection.info().ssthresh / MSS);
  });

  it('[S-078] §4 NextSeg() rules 1 and 2: lost segments from the lowest on, then new ones', () => {
    const made = twenty({}, 40);
    // 10, 12 and 14 are lost.
    ack(made, 10, [11, 12]);
    ack(made, 10, [13, 14], [11, 12]);
    // RFC 3042 for each.
    expect(segments(made)).toEqual([30, 31]);
    const order: number[] = [];
    for (let n = 16; n <= 30; n++) {
      ack(made, 10, [15, n], [13, 14], [11, 12]);
      order.push(...segments(made));
    }
    expect(order.slice(0, 3)).toEqual([10, 12, 14]);
    expect(order.slice(3)).toEqual(range(32, 32 + order.length - 3));
    expect(order.length).toBeGreaterThan(3);
  });

  it('[S-078] §4 NextSeg(): HighRxt: nothing is sent again twice while it may be on its way', () => {
    const made = flying();
    for (let n = 2; n <= INITIAL_WINDOW; n++) ack(made, 0, [1, n]);
    expect(segments(made)).toEqual([0]);
    made.world.advance(RTT / 2);
    for (let i = 0; i < 5; i++) ack(made, 0, [1, INITIAL_WINDOW]);
    expect(segments(made)).toEqual([]);
  });
});

describe('RFC 6675 §5: the algorithm', () => {
  it('[S-078] [S-073] step 3: before loss recovery new segments go as the pipe shrinks', () => {
    const made = flying({ more: 40 });
    ack(made, 0, [1, 2]);
    expect(segments(made)).toEqual([10]);
    ack(made, 0, [1, 3]);
    expect(segments(made)).toEqual([11]);
  });

  it('[S-078] step 4.2: ssthresh = cwnd = FlightSize / 2, without what Limited Transmit has sent', () => {
    const made = twenty({}, 40);
    for (const n of [12, 13, 14]) ack(made, 10, [11, n]);
    expect(segments(made)).toEqual([30, 31, 10]);
    expect(made.connection.info().ssthresh).toBe(10 * MSS);
  });

  it('[S-078] step 4.3: the first lost segment goes whatever the pipe says', () => {
    const made = twenty();
    // The window is halved, the pipe above it.
    for (const n of [12, 13, 14]) ack(made, 10, [11, n]);
    expect(segments(made)).toEqual([10]);
  });

  it('[S-078] §6: the timer begins anew for the first segment that goes again, and for no other', () => {
    const made = flying({ more: 20 });
    const { world, peer } = made;
    ack(made, 0, [4, 7]);
    const since = world.clock.now();
    const { rto } = made.connection.info();
    expect(peer.take().map(({ seq }) => seq)).toContain(1);
    // Others that were lost follow, as ACKs have it.
    for (const n of [8, 9, 10]) {
      world.advance(RTT / 4);
      ack(made, 0, [4, n]);
    }
    expect(segments(made)).toEqual([2, 3, 10]);
    world.clock.advanceTo(since + rto * 1000 - 1);
    expect(made.connection.info().timeouts).toBe(0);
    world.clock.advanceTo(since + rto * 1000);
    expect(made.connection.info().timeouts).toBe(1);
    segments(made);
  });

  it('[S-078] step A: a partial ACK stays in recovery: the window is not reduced again nor grown', () => {
    const made = twenty({}, 40);
    for (let n = 13; n <= 30; n++) ack(made, 10, [12, n]);
    const { ssthresh, cwnd } = made.connection.info();
    const sent = segments(made);
    expect(sent.filter((n) => n < 30)).toEqual([10, 11]);
    made.world.advance(RTT);
    // The retransmission of 10 has arrived, that of 11 not yet.
    ack(made, 11, [12, 30]);
    expect(made.connection.info()).toMatchObject({ ssthresh, cwnd });
    expect(segments(made).filter((n) => n < 30)).toEqual([]);
  });

  it('[S-078] step A: RecoveryPoint is the highest octet sent at its beginning; its ACK ends recovery at ssthresh', () => {
    const made = twenty({}, 100);
    for (let n = 12; n <= 30; n++) ack(made, 10, [11, n]);
    const sent = segments(made);
    // Limited Transmit sent two: 32 it is.
    expect(sent.slice(0, 3)).toEqual([30, 31, 10]);
    made.world.advance(RTT);
    ack(made, 31);
    segments(made);
    expect(made.connection.info().cwnd).toBeLessThanOrEqual(10 * MSS);
    const before = made.connection.info().cwnd;
    // Still in recovery: its ACKs open no window.
    ack(made, 32);
    expect(made.connection.info().cwnd).toBe(before);
    // Over: congestion avoidance, one segment for each window.
    const high = sent.at(-1)! + 1;
    for (let n = 33; n <= high; n++) ack(made, n);
    segments(made);
    expect(made.connection.info().cwnd).toBeGreaterThanOrEqual(before);
    expect(made.connection.info().cwnd).toBeLessThanOrEqual(before + MSS);
    expect(repairs(made)).toEqual({ retransmits: 1, timeouts: 0 });
  });

  it('[S-078] losses behind RecoveryPoint begin a new recovery, and reduce the window again', () => {
    const made = twenty({}, 100);
    for (let n = 12; n <= 30; n++) ack(made, 10, [11, n]);
    const sent = segments(made);
    const high = sent.at(-1)! + 1;
    made.world.advance(RTT);
    // 32 was sent in recovery and is lost.
    ack(made, 32);
    segments(made);
    for (let n = 34; n <= high; n++) ack(made, 32, [33, n]);
    expect(segments(made)).toContain(32);
    expect(made.connection.info().ssthresh).toBeLessThan(10 * MSS);
  });
});

describe('RFC 6675 §5.1: retransmission timeouts', () => {
  it('[S-078] [S-076] what is SACKed is not sent again, as long as the peer does not renege', () => {
    const made = flying();
    ack(made, 0, [1, 2], [4, 5]);
    // The retransmissions after the reordering timer are lost, and so is the probe of them.
    made.world.advance(10 * FIRST_RTO);
    const sent = segments(made);
    expect(sent.length).toBeGreaterThan(2);
    expect(sent).not.toContain(1);
    expect(sent).not.toContain(4);
    ack(made, 2, [4, 5]);
    ack(made, 3, [4, 5]);
    ack(made, 5);
    ack(made, 7);
    expect(segments(made)).not.toContain(4);
  });

  it('[S-078] RecoveryPoint is HighData: no fast recovery before it is acknowledged', () => {
    const made = twenty({}, 40);
    made.world.advance(2 * FIRST_RTO);
    segments(made);
    expect(made.connection.info().timeouts).toBeGreaterThan(0);
    const { ssthresh } = made.connection.info();
    // RFC 5682 §3.1: two new segments, which arrive where nothing else has: the losses were real.
    ack(made, 11);
    const [fresh = 0] = segments(made);
    expect(fresh).toBeGreaterThanOrEqual(30);
    ack(made, 11, [fresh, fresh + 1]);
    expect(segments(made)[0]).toBe(11);
    ack(made, 11, [fresh, fresh + 2]);
    for (const n of [14, 15, 16, 17]) ack(made, 11, [13, n], [fresh, fresh + 2]);
    expect(made.connection.info().ssthresh).toBe(ssthresh);
    expect(made.connection.info().recovery).toBe('loss');
    made.peer.take();
  });

  it('[S-078] holes are filled in from the front, as slow start allows', () => {
    const made = flying();
    made.world.advance(2 * FIRST_RTO);
    segments(made);
    ack(made, 1);
    expect(segments(made)[0]).toBe(1);
    const { cwnd } = made.connection.info();
    expect(cwnd).toBeLessThanOrEqual(3 * MSS);
  });
});

describe('RFC 2018 §8: the sender', () => {
  it('[S-076] reneging: what was SACKed and is waited for is sent again after a timeout, all of it', () => {
    const made = flying();
    ack(made, 0, [1, 10]);
    expect(segments(made)).toEqual([0]);
    made.world.advance(RTT);
    // Segment 0 arrives, and nothing of what was reported is there any more.
    ack(made, 1);
    expect(segments(made)).toEqual([]);
    made.world.advance(2 * FIRST_RTO);
    expect(made.connection.info().timeouts).toBeGreaterThan(0);
    expect(segments(made)[0]).toBe(1);
    for (let n = 2; n <= 10; n++) {
      ack(made, n);
      segments(made);
    }
    expect(made.connection.info().flight).toBe(0);
    // None was taken for granted.
    expect(made.connection.info().retransmits).toBeGreaterThanOrEqual(10);
  });

  it('[S-076] SACKed data is kept until it is acknowledged: a peer that reneges twice gets it twice more', () => {
    const made = flying({ flight: 4 });
    for (let round = 1; round < 4; round++) {
      ack(made, round - 1, [round, 4]);
      ack(made, round);
      made.world.advance(1000 * FIRST_RTO);
      expect(segments(made)).toContain(round);
    }
    ack(made, 4);
    expect(made.connection.info().flight).toBe(0);
  });
});

describe('Blocks that tell no truth', () => {
  const truths = { seq: 1, all: 1 + INITIAL_WINDOW * MSS };

  it('[S-078] beyond SND.NXT: nobody can have what was not sent', () => {
    const made = flying();
    made.peer.send({ flags: 'A', ack: 1, sack: [[truths.all, truths.all + 1]] });
    made.peer.send({ flags: 'A', ack: 1, sack: [[1 + 5 * MSS, truths.all + 1]] });
    made.peer.send({ flags: 'A', ack: 1, sack: [[0x4000_0000, 0x4000_1000]] });
    expect(segments(made)).toEqual([]);
    expect(lies(made)).toBe(3);
  });

  it('[S-078] left ≥ right', () => {
    const made = flying();
    made.peer.send({
      flags: 'A',
      ack: 1,
      sack: [
        [5001, 5001],
        [6001, 4001],
      ],
    });
    made.peer.send({ flags: 'A', ack: 1, sack: [[truths.all, 1001]] });
    made.peer.send({ flags: 'A', ack: 1, sack: [[1, 1]] });
    expect(segments(made)).toEqual([]);
    expect(lies(made)).toBe(4);
  });

  it('[S-078] half the sequence space wide', () => {
    const made = flying();
    made.peer.send({ flags: 'A', ack: 1, sack: [[1 - 0x7fff_ffff, 5001]] });
    made.peer.send({ flags: 'A', ack: 1, sack: [[1 - 0x8000_0000, truths.all]] });
    expect(segments(made)).toEqual([]);
    ack(made, 10);
    expect(made.connection.info().flight).toBe(0);
  });

  it('[S-076] a block that begins below the ACK number counts for what lies above; the connection goes on', () => {
    const made = flying({ more: 10 });
    ack(made, 2);
    segments(made);
    made.peer.send({ flags: 'A', ack: 2001, sack: [[1001, 4001]] });
    made.world.advance(60 * FIRST_RTO);
    // The octet that the peer waits for is among those that it has: after a timeout it is believed no more.
    expect(segments(made)).toContain(2);
    ack(made, 16);
    expect(segments(made)).toEqual([16, 17]);
    ack(made, 18);
    expect(segments(made)).toEqual([18, 19]);
  });

  it('[S-078] edges inside of segments: exactly what was reported is not sent again', () => {
    const made = flying();
    made.peer.send({ flags: 'A', ack: 1, sack: [[1301, 4701]] });
    const first = made.peer.expect({ seq: 1, length: 1000 });
    expect(first.length).toBe(1000);
    made.world.advance(RTT);
    ack(made, 1, [9, 10]);
    made.peer.send({
      flags: 'A',
      ack: 1001,
      sack: [
        [1301, 4701],
        [9001, 10_001],
      ],
    });
    const octets = made.peer.take().map(({ seq, length }) => [seq, seq + length]);
    // Between 1001 and 1301, and from 4701 to 9001.
    expect(octets[0]).toEqual([1001, 1301]);
    for (const [from, to] of octets.slice(1)) {
      expect(from).toBeGreaterThanOrEqual(4701);
      expect(to).toBeLessThanOrEqual(9001);
    }
    expect(lies(made)).toBe(0);
  });

  it('[S-078] single octets, everywhere: the flight is repaired all the same', () => {
    const made = flying();
    for (let seq = 1 + 37; seq + 41 < truths.all; seq += 41) {
      made.peer.send({ flags: 'A', ack: 1, sack: [[seq, seq + 1]] });
    }
    made.world.advance(RTT);
    for (let i = 0; i < 2000 && made.connection.info().flight > 0; i++) {
      const heard = made.peer.take();
      for (const { seq, length } of heard) made.peer.send({ flags: 'A', ack: seq + length });
      if (heard.length === 0) made.world.advance(FIRST_RTO);
    }
    expect(made.connection.info().flight).toBe(0);
  });

  it('[S-077] a D-SACK tells nothing of what is outstanding', () => {
    const made = flying({ more: 20 });
    ack(made, 3);
    segments(made);
    // Below the ACK number, and inside of the second block.
    ack(made, 3, [0, 3]);
    ack(made, 3, [5, 6], [5, 7]);
    expect(lies(made)).toBe(0);
    // Two are SACKed, and not three: no loss yet.
    expect(repairs(made)).toEqual({ retransmits: 0, timeouts: 0 });
    expect(segments(made).every((n) => n >= 10)).toBe(true);
  });
});

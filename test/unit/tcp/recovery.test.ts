import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seqAdd, seqDiff, seqLt } from '../../../src/buffer/seq.ts';
import { NewRenoRecovery } from '../../../src/tcp/recovery.ts';

const MSS = 100;

/** A sender that has sent [una, nxt) after ISS 0 and received so many duplicate ACKs. */
function after(duplicates: number, una: number, nxt: number): NewRenoRecovery {
  const recovery = new NewRenoRecovery(0);
  for (let i = 0; i < duplicates; i++) recovery.onDuplicateAck(una, nxt, MSS);
  return recovery;
}

function lost(recovery: NewRenoRecovery): [number, number] {
  return [recovery.lostNext, recovery.lostEnd];
}

describe('NewRenoRecovery', () => {
  it('knows of no loss at first', () => {
    const recovery = new NewRenoRecovery(77);
    expect([recovery.phase, recovery.recover, recovery.inflation, recovery.dupAcks]).toEqual(['open', 77, 0, 0]);
    expect(recovery.lostNext).toBe(recovery.lostEnd);
    expect(recovery.pipe(78, 578)).toBe(500);
  });

  it('recovers the first segment of a connection, too', () => {
    expect(after(3, 1, 1001).phase).toBe('recovery');
  });

  it('[S-075] RFC 6582 §3.2 step 2: only the third duplicate ACK begins a recovery, no later one', () => {
    const recovery = new NewRenoRecovery(0);
    recovery.onTimeout(0, 10 * MSS);
    recovery.onRetransmitted(MSS);
    recovery.onNewAck(MSS, MSS, 10 * MSS, MSS);
    // While what the timeout has marked is still being sent again.
    for (let i = 0; i < 3; i++) expect(recovery.onDuplicateAck(MSS, 10 * MSS, MSS)).toBe('none');
    recovery.onRetransmitted(10 * MSS);
    expect(recovery.findLost()).toBe(false);
    expect(recovery.onDuplicateAck(MSS, 10 * MSS, MSS)).toBe('none');
    expect(recovery.phase).toBe('loss');
  });

  it('marks the segment at una, not beyond what was sent', () => {
    expect(lost(after(3, 1, 1001))).toEqual([1, 101]);
    expect(lost(after(3, 1, 61))).toEqual([1, 61]);
  });

  it('counts what is lost and not sent again out of the pipe', () => {
    const recovery = after(3, 1, 1001);
    expect(recovery.pipe(1, 1001)).toBe(900);
    recovery.onRetransmitted(41);
    expect(lost(recovery)).toEqual([41, 101]);
    expect(recovery.pipe(1, 1001)).toBe(940);
    recovery.onRetransmitted(101);
    expect(recovery.pipe(1, 1001)).toBe(1000);
  });

  it('goes neither back nor beyond what was lost when something is sent again', () => {
    const recovery = after(3, 1, 1001);
    recovery.onRetransmitted(61);
    recovery.onRetransmitted(31);
    expect(lost(recovery)).toEqual([61, 101]);
    recovery.onRetransmitted(500);
    expect(lost(recovery)).toEqual([101, 101]);
  });

  it('forgets duplicates and limited transmit when new data is acknowledged', () => {
    const recovery = after(2, 1, 1001);
    expect(recovery.inflation).toBe(200);
    expect(recovery.onNewAck(101, 100, 1001, MSS)).toBe('none');
    expect([recovery.dupAcks, recovery.inflation]).toEqual([0, 0]);
  });

  it('tells the flight without what limited transmit added', () => {
    const recovery = new NewRenoRecovery(0);
    expect(recovery.flightAtLoss(1, 1001)).toBe(1000);
    recovery.onDuplicateAck(1, 1001, MSS);
    recovery.onDuplicateAck(1, 1101, MSS);
    expect(recovery.onDuplicateAck(1, 1201, MSS)).toBe('enter');
    expect(recovery.flightAtLoss(1, 1201)).toBe(1000);
    expect(recovery.recover).toBe(1201);
  });

  it('does nothing about further duplicates when the third did not start recovery', () => {
    const recovery = after(3, 1, 1001);
    recovery.onNewAck(1001, 1000, 1501, MSS);
    expect(recovery.phase).toBe('open');
    const actions = [1, 2, 3, 4, 5].map(() => recovery.onDuplicateAck(1001, 1501, MSS));
    expect(actions).toEqual(['limited-transmit', 'limited-transmit', 'none', 'none', 'none']);
    expect([recovery.phase, recovery.inflation]).toEqual(['open', 0]);
  });

  it('inflates by no more than what is outstanding', () => {
    const recovery = after(3, 1, 501);
    for (let i = 0; i < 50; i++) recovery.onDuplicateAck(1, 501, MSS);
    expect(recovery.inflation).toBe(500);
  });

  it('retransmits hole after hole, counting partial acknowledgements', () => {
    const recovery = after(3, 1, 1001);
    recovery.onRetransmitted(101);
    expect(recovery.onNewAck(301, 300, 1001, MSS)).toBe('partial');
    expect([lost(recovery), recovery.partialAcks]).toEqual([[301, 401], 1]);
    expect(recovery.onNewAck(951, 650, 1001, MSS)).toBe('partial');
    expect([lost(recovery), recovery.partialAcks]).toEqual([[951, 1001], 2]);
    expect(recovery.onNewAck(1001, 50, 1001, MSS)).toBe('recovered');
    expect([recovery.phase, recovery.inflation, recovery.partialAcks]).toEqual(['open', 0, 0]);
    expect(recovery.pipe(1001, 1001)).toBe(0);
  });

  it('marks everything after a timeout and unmarks what is acknowledged', () => {
    const recovery = after(2, 1, 1001);
    recovery.onTimeout(1, 1001);
    expect([recovery.phase, recovery.inflation, recovery.dupAcks]).toEqual(['loss', 0, 0]);
    expect(lost(recovery)).toEqual([1, 1001]);
    expect(recovery.pipe(1, 1001)).toBe(0);
    recovery.onRetransmitted(101);
    expect(recovery.onNewAck(401, 400, 1001, MSS)).toBe('none');
    expect(lost(recovery)).toEqual([401, 1001]);
    recovery.onRetransmitted(601);
    recovery.onNewAck(501, 100, 1001, MSS);
    expect(lost(recovery)).toEqual([601, 1001]);
    expect(recovery.pipe(501, 1001)).toBe(100);
    expect(recovery.onNewAck(1001, 500, 1301, MSS)).toBe('recovered');
    expect([recovery.phase, recovery.pipe(1001, 1301)]).toEqual(['open', 300]);
  });

  it('has nothing to repair when a timer expires with nothing outstanding', () => {
    const recovery = new NewRenoRecovery(0);
    recovery.onTimeout(500, 500);
    expect([recovery.phase, recovery.pipe(500, 500)]).toEqual(['open', 0]);
  });

  it('leaves fast recovery at a timeout', () => {
    const recovery = after(5, 1, 1001);
    recovery.onTimeout(1, 1201);
    expect([recovery.phase, recovery.inflation, recovery.recover]).toEqual(['loss', 0, 1201]);
    expect(lost(recovery)).toEqual([1, 1201]);
  });

  it('does not let duplicates send anything while a timeout is being repaired', () => {
    const recovery = new NewRenoRecovery(0);
    recovery.onTimeout(1, 1001);
    recovery.onRetransmitted(101);
    recovery.onNewAck(101, 100, 1001, MSS);
    const actions = [1, 2, 3, 4].map(() => recovery.onDuplicateAck(101, 1001, MSS));
    expect(actions).toEqual(['none', 'none', 'none', 'none']);
    expect(recovery.inflation).toBe(0);
  });

  it('sees the loss of a retransmission once everything was sent again', () => {
    const recovery = new NewRenoRecovery(0);
    recovery.onTimeout(1, 1001);
    recovery.onRetransmitted(1001);
    recovery.onNewAck(101, 100, 1001, MSS);
    const actions = [1, 2, 3].map(() => recovery.onDuplicateAck(101, 1001, MSS));
    expect(actions).toEqual(['none', 'none', 'enter']);
    expect(recovery.phase).toBe('recovery');
    expect(lost(recovery)).toEqual([101, 201]);
  });

  it('recovers after more bytes without a loss than half the sequence space', () => {
    const recovery = new NewRenoRecovery(0);
    let una = 0;
    for (let i = 0; i < 10; i++) {
      una = seqAdd(una, 2 ** 28);
      recovery.onNewAck(una, 2 ** 28, seqAdd(una, 1000), MSS);
    }
    for (let i = 0; i < 2; i++) recovery.onDuplicateAck(una, seqAdd(una, 1000), MSS);
    expect(recovery.onDuplicateAck(una, seqAdd(una, 1000), MSS)).toBe('enter');
  });

  it('begins anew when reset', () => {
    const recovery = after(5, 1, 1001);
    recovery.reset(9000);
    expect([recovery.phase, recovery.recover, recovery.inflation, recovery.dupAcks]).toEqual(['open', 9000, 0, 0]);
    expect(recovery.pipe(9001, 9101)).toBe(100);
  });

  it('brings every byte over, whatever is lost, and ends open', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { maxLength: 120 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 12 }),
        fc.nat({ max: 0xffff_ffff }),
        (losses, segments, window, iss) => {
          const result = transfer(losses, segments * MSS - 30, window * MSS, iss);
          expect(result).toEqual({ delivered: segments * MSS - 30, phase: 'open', inflation: 0, pipe: 0 });
        },
      ),
      { numRuns: 500 },
    );
  });
});

/**
 * A sender with a fixed congestion window and a receiver that keeps what is out of order, over a wire that loses the
 * segments marked in `losses` (later ones all arrive). When nothing is in flight, the timer expires.
 */
function transfer(losses: boolean[], size: number, cwnd: number, iss: number): object {
  const recovery = new NewRenoRecovery(iss);
  const first = seqAdd(iss, 1);
  const last = seqAdd(first, size);
  const received = new Set<number>();
  let una = first;
  let nxt = first;
  let sent = 0;
  const wire: [number, number][] = [];
  const transmit = (from: number, length: number): void => {
    if (losses[sent++] !== true) wire.push([from, length]);
  };
  const output = (must: boolean): void => {
    while (recovery.lostNext !== recovery.lostEnd) {
      const length = Math.min(MSS, seqDiff(recovery.lostEnd, recovery.lostNext));
      if (!must && recovery.pipe(una, nxt) + length > cwnd + recovery.inflation) break;
      must = false;
      transmit(recovery.lostNext, length);
      recovery.onRetransmitted(seqAdd(recovery.lostNext, length));
    }
    while (seqLt(nxt, last) && recovery.pipe(una, nxt) + MSS <= cwnd + recovery.inflation) {
      const length = Math.min(MSS, seqDiff(last, nxt));
      transmit(nxt, length);
      nxt = seqAdd(nxt, length);
    }
  };
  output(false);
  for (let steps = 0; una !== last; steps++) {
    if (steps > 5000) throw new Error('no progress');
    const segment = wire.shift();
    if (segment === undefined) {
      recovery.onTimeout(una, nxt);
      output(true);
      continue;
    }
    for (let i = 0; i < segment[1]; i++) received.add(seqAdd(segment[0], i));
    let ack = una;
    while (received.has(ack)) ack = seqAdd(ack, 1);
    if (ack === una) output(recovery.onDuplicateAck(una, nxt, MSS) === 'enter');
    else {
      const acked = seqDiff(ack, una);
      una = ack;
      output(recovery.onNewAck(una, acked, nxt, MSS) === 'partial');
    }
    if (recovery.pipe(una, nxt) < 0) throw new Error('negative pipe');
  }
  return {
    delivered: received.size,
    phase: recovery.phase,
    inflation: recovery.inflation,
    pipe: recovery.pipe(una, nxt),
  };
}

import { describe, expect, it } from 'vitest';
import { established } from '../support/tcp-world.ts';
import type { Established } from '../support/tcp-world.ts';

/**
 * Loss recovery and congestion control as a peer sees them (RFC 9293 §3.8.2 with RFC 5681, 6582, 3042, 6928); their
 * parts alone are tested in rfc5681, rfc6582 and rfc6298.
 */
const SECOND = 1_000_000;
const MSS = 1460;
const RTT = 100_000;
/** RFC 6298 §2.2: SRTT + 4 · RTTVAR with RTTVAR = R / 2. */
const RTO = RTT + 4 * (RTT / 2);
/** RFC 6928 §2. */
const INITIAL_WINDOW = 10;

/** The numbers of the segments that came, the first data segment being 0. */
function segments({ peer }: Established): number[] {
  return peer.take().map(({ seq }) => (seq - 1) / MSS);
}

/** Acknowledges the first `n` segments. */
function ack({ peer }: Established, n: number): void {
  peer.send({ flags: 'A', ack: 1 + n * MSS });
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

/** A connection with much to send, whose initial window is on its way. */
function sending(): Established {
  const made = established({ rtt: RTT, tcp: { congestion: 'reno' } });
  made.world.write(made.connection, 100 * MSS);
  expect(segments(made)).toEqual(range(0, INITIAL_WINDOW));
  made.world.advance(RTT);
  return made;
}

describe('slow start', () => {
  it('[MUST-19] [S-071] [S-102] begins with ten segments and sends two for each that is acknowledged', () => {
    const made = sending();
    for (let n = 1; n <= INITIAL_WINDOW; n++) {
      ack(made, n);
      expect(segments(made).length).toBe(2);
    }
    expect(made.connection.info().cwnd).toBe(2 * INITIAL_WINDOW * MSS);
  });
});

describe('fast retransmit and fast recovery', () => {
  it('[S-068] [S-073] two duplicates bring new segments, the third the lost one', () => {
    const made = sending();
    ack(made, 1);
    expect(segments(made)).toEqual([10, 11]);
    ack(made, 1);
    expect(segments(made)).toEqual([12]);
    ack(made, 1);
    expect(segments(made)).toEqual([13]);
    ack(made, 1);
    expect(segments(made)).toEqual([1]);
  });

  it('[S-068] not if they bring data, change the window, or acknowledge nothing outstanding', () => {
    const made = sending();
    ack(made, 1);
    segments(made);
    const { peer } = made;
    for (let i = 0; i < 5; i++) {
      peer.send({ flags: 'A', ack: 1 + MSS, data: 1 });
      peer.send({ flags: 'A', ack: 1 + MSS, wnd: 60_000 + i });
    }
    expect(made.connection.info()).toMatchObject({ duplicateAcks: 0, retransmits: 0 });
    peer.take();
    const idle = established();
    for (let i = 0; i < 5; i++) idle.peer.send({ flags: 'A' });
    expect(idle.connection.info()).toMatchObject({ duplicateAcks: 0, retransmits: 0 });
  });

  it('[S-068] [S-067] further duplicates let new segments out, the ACK of everything halves the window', () => {
    const made = sending();
    const flight = INITIAL_WINDOW;
    // Segment 0 is lost, 1 to 9 arrive.
    const sent: number[] = [];
    for (let i = 1; i < flight; i++) {
      ack(made, 0);
      sent.push(...segments(made));
    }
    expect(sent.filter((n) => n < flight)).toEqual([0]);
    const newOnes = sent.filter((n) => n >= flight);
    expect(newOnes).toEqual(range(flight, flight + newOnes.length));
    ack(made, flight + newOnes.length);
    segments(made);
    // ssthresh = max(FlightSize / 2, 2 SMSS), FlightSize as it was when the loss was seen (RFC 5681 §3.2).
    expect(made.connection.info().ssthresh).toBe((flight / 2) * MSS);
    expect(made.connection.info().cwnd).toBeLessThanOrEqual((flight / 2 + 1) * MSS);
    expect(made.connection.info().retransmits).toBe(1);
  });

  it('[S-075] a partial ACK retransmits the next hole at once: several losses in one window without a time-out', () => {
    const made = sending();
    const lost = [0, 3, 4, 8];
    const arrived = new Set(range(0, INITIAL_WINDOW).filter((n) => !lost.includes(n)));
    const retransmitted: number[] = [];
    const cumulative = () => {
      let n = 0;
      while (arrived.has(n)) n++;
      return n;
    };
    // One duplicate for each that arrived; then what the stack sends arrives in turn.
    let acks = arrived.size;
    for (let round = 0; round < 200 && made.connection.unacknowledged > 0; round++) {
      const heard = segments(made);
      for (const n of heard) {
        if (lost.includes(n)) retransmitted.push(n);
        arrived.add(n);
        acks++;
      }
      if (acks === 0) break;
      acks--;
      ack(made, cumulative());
    }
    expect(retransmitted).toEqual(lost);
    expect(made.connection.info()).toMatchObject({ timeouts: 0, flight: 0, retransmits: lost.length });
  });

  it('[S-075] one loss, one halving: duplicates of the same window start nothing new', () => {
    const made = sending();
    for (let i = 0; i < 9; i++) ack(made, 0);
    const { ssthresh } = made.connection.info();
    for (let i = 0; i < 20; i++) ack(made, 0);
    expect(made.connection.info().ssthresh).toBe(ssthresh);
    expect(made.connection.info().retransmits).toBe(1);
    made.peer.take();
  });
});

describe('the retransmission timer', () => {
  it('[MUST-19] [S-067] brings the window down to one segment and goes back to slow start', () => {
    const made = sending();
    const { world, connection } = made;
    world.advance(RTO);
    expect(segments(made)).toEqual([0]);
    expect(connection.info().cwnd).toBe(MSS);
    expect(connection.info().ssthresh).toBe((INITIAL_WINDOW / 2) * MSS);
    ack(made, 1);
    expect(segments(made)).toEqual([1, 2]);
    ack(made, 3);
    expect(segments(made).length).toBeGreaterThanOrEqual(2);
  });

  it('[S-062] goes off once for a window, not once for a segment', () => {
    const made = sending();
    made.world.advance(RTO);
    expect(segments(made)).toEqual([0]);
    made.world.advance(2 * RTO - RTT);
    expect(made.connection.info().timeouts).toBeLessThanOrEqual(2);
    made.peer.take();
  });

  it('everything arrives in the end when every second segment is lost at first', () => {
    const made = established({ rtt: RTT });
    const { world, peer, connection } = made;
    const total = 31;
    world.write(connection, total * MSS);
    world.act(() => connection.shutdown());
    const seen = new Set<number>();
    const arrived = new Set<number>();
    let finArrived = false;
    for (let round = 0; round < 2000 && connection.state === 'FIN_WAIT_1'; round++) {
      world.advance(RTT);
      for (const { seq, length, flags } of peer.take()) {
        const n = (seq - 1) / MSS;
        const again = seen.has(n);
        seen.add(n);
        if (n % 2 === 1 && !again) continue;
        if (length > 0) arrived.add(n);
        if (flags.includes('F')) finArrived = true;
        let next = 0;
        while (arrived.has(next)) next++;
        const all = finArrived && next === total;
        peer.send({ flags: 'A', ack: 1 + next * MSS + (all ? 1 : 0) });
      }
    }
    expect(connection.state).toBe('FIN_WAIT_2');
    expect(connection.info().timeouts).toBeGreaterThan(0);
    expect(world.clock.now()).toBeLessThan(100 * SECOND);
  });
});

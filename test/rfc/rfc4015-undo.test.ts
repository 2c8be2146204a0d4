import { describe, expect, it } from 'vitest';
import { FIRST_RTO, MSS, RTT, ack, connected, flying, segments } from '../support/sack-world.ts';
import type { Established, EstablishedOptions } from '../support/tcp-world.ts';

/** Names of what an observer of the stack was told of loss recovery from here on. */
function observe({ world }: Established): string[] {
  const told: string[] = [];
  world.stack.on(
    'tcp-recovery',
    (event) => void told.push('cause' in event ? `${event.type} ${event.cause}` : event.type),
  );
  return told;
}

/** The timer has expired for ten segments of which none is lost, only late; the first was sent again. */
function late(more: number = 0, options: EstablishedOptions = {}): Established {
  const made = flying({ more, ...options });
  made.world.advance(2 * RTT + FIRST_RTO);
  expect(made.connection.info()).toMatchObject({ timeouts: 1, recovery: 'loss', cwnd: MSS, undos: 0 });
  segments(made);
  return made;
}

/** The first of ten segments is late: nine are reported, and it was sent again before it arrived. */
function overtaken(): Established {
  const made = flying();
  ack(made, 0, [1, 10]);
  made.world.advance(RTT);
  expect(segments(made)).toEqual([0]);
  expect(made.connection.info()).toMatchObject({ recovery: 'recovery', ssthresh: 5 * MSS });
  return made;
}

describe('RFC 4015 §3: what was done for a loss that was none is taken back', () => {
  it('[S-081] [S-082] a timeout, found out by F-RTO: window and phase are as before, nothing more is sent again', () => {
    const made = late(20);
    const told = observe(made);
    ack(made, 1);
    // RFC 5682 §2.1 step 2b: two new segments.
    expect(segments(made)).toEqual([11, 12]);
    ack(made, 2);
    expect(segments(made)).toEqual([]);
    expect(made.connection.info()).toMatchObject({ recovery: 'open', undos: 1, cwnd: 11 * MSS });
    expect(told).toEqual(['undo frto']);
  });

  it('[S-082] step 11: the first round-trip time of data sent afterwards corrects the timer that was too quick', () => {
    const made = late(20);
    ack(made, 1);
    ack(made, 2);
    expect(segments(made)).toEqual([11, 12]);
    ack(made, 11);
    segments(made);
    expect(made.connection.info().rtt).toBeLessThan((3 * RTT) / 1000);
    made.world.advance(3 * RTT);
    ack(made, 13);
    segments(made);
    // Not smoothed: SRTT is the sample.
    expect(made.connection.info()).toMatchObject({ rtt: (3 * RTT) / 1000, rttvar: (1.5 * RTT) / 1000 });
  });

  it('[S-082] a fast retransmit, found out by a D-SACK of all that was sent again', () => {
    const made = overtaken();
    const told = observe(made);
    const { rtt } = made.connection.info();
    ack(made, 10, [0, 1]);
    expect(made.connection.info()).toMatchObject({ recovery: 'open', undos: 1 });
    expect(made.connection.info().cwnd).toBeGreaterThanOrEqual(10 * MSS);
    expect(made.connection.info().ssthresh).toBeGreaterThan(10 * MSS);
    expect(told).toEqual(['undo dsack']);
    // The timer had done nothing wrong: the next sample is smoothed as ever.
    made.world.write(made.connection, MSS);
    made.world.advance(2 * RTT);
    segments(made);
    ack(made, 11);
    expect(made.connection.info().rtt).toBe(rtt + rtt / 8);
  });

  it('[S-082] §3.1 step 9: not when the ACK says that there was congestion', () => {
    const made = overtaken();
    made.peer.send({ flags: 'AE', ack: 1 + 10 * MSS, sack: [[1, 1 + MSS]] });
    expect(made.connection.info()).toMatchObject({ undos: 0, ssthresh: 5 * MSS });
  });

  it('[S-082] RFC 3522 §3.2 step 2: a second time-out of the same loss does not overwrite RetransmitTS', () => {
    const made = flying({ timestamps: true });
    const { world, peer, connection } = made;
    segments(made);
    const { ssthresh } = connection.info();
    world.advance(2 * RTT + FIRST_RTO);
    const again = peer.take().filter(({ seq }) => seq === 1);
    expect(again).toHaveLength(1);
    world.advance(2 * FIRST_RTO);
    expect(peer.take().filter(({ seq }) => seq === 1)).toHaveLength(1);
    expect(connection.info()).toMatchObject({ timeouts: 2, recovery: 'loss' });
    // The first segment was lost, the second transmission of it has arrived, and its answer was late.
    peer.send({ flags: 'A', ack: 1 + MSS, tsecr: again[0]!.tsval! });
    expect(connection.info()).toMatchObject({ undos: 0, recovery: 'loss' });
    expect(connection.info().ssthresh).toBeLessThan(ssthresh);
    segments(made);
  });

  it('a real loss is not taken back, and its end is told', () => {
    const made = overtaken();
    const told = observe(made);
    ack(made, 10);
    expect(made.connection.info()).toMatchObject({ recovery: 'open', undos: 0, ssthresh: 5 * MSS });
    expect(told).toEqual(['recovered']);
  });

  it.each([
    ['a peer that is known to send D-SACKs', true],
    ['another peer', false],
  ])('[S-082] RFC 3522 §3.2 step 5: a late ACK of all, from %s', (_, known) => {
    const made = connected({ timestamps: true });
    const { world, peer, connection } = made;
    world.write(connection, 3 * MSS);
    world.advance(RTT);
    peer.take();
    ack(made, 3, ...(known ? [[0, 1] as const] : []));
    world.write(connection, 3 * MSS);
    const tsecr = peer.take().at(-1)?.tsval ?? 0;
    world.advance(20 * RTT);
    expect(connection.info()).toMatchObject({ recovery: 'loss', undos: 0 });
    peer.take();
    peer.send({ flags: 'A', ack: 1 + 6 * MSS, tsecr });
    expect(connection.info().undos).toBe(known ? 1 : 0);
  });
});

describe('what an undo concludes, and what keeps it from concluding', () => {
  it('[S-080] a timeout that was none says nothing of reordering, a fast retransmit that was none does', () => {
    const timeout = late(20);
    ack(timeout, 1);
    ack(timeout, 2);
    expect(timeout.connection.info()).toMatchObject({ undos: 1, reorderingSeen: false });
    segments(timeout);
    const fast = overtaken();
    ack(fast, 10, [0, 1]);
    expect(fast.connection.info()).toMatchObject({ undos: 1, reorderingSeen: true });
  });

  it('[S-082] RFC 3522 §3.2 step 5: an ACK with a D-SACK is no proof by its timestamp', () => {
    const made = connected({ timestamps: true });
    const { world, peer, connection } = made;
    world.write(connection, 10 * MSS);
    const [original] = peer.take();
    world.advance(RTT + FIRST_RTO + RTT);
    expect(connection.info()).toMatchObject({ timeouts: 1, recovery: 'loss' });
    peer.take();
    // 1 came twice, by the network's doing; 0 alone, and perhaps the tail, were sent again.
    peer.send({ flags: 'A', ack: 1 + 3 * MSS, tsecr: original!.tsval!, sack: [[1 + MSS, 1 + 2 * MSS]] });
    peer.take();
    expect(connection.info().undos).toBe(0);
  });

  it('[S-081] [S-082] F-RTO goes on when what timestamps say may not be taken back', () => {
    const made = connected({ timestamps: true });
    const { world, peer, connection } = made;
    world.write(connection, 30 * MSS);
    const [original] = peer.take();
    const tsecr = original!.tsval!;
    world.advance(RTT + FIRST_RTO + RTT);
    expect(connection.info()).toMatchObject({ timeouts: 1, recovery: 'loss' });
    peer.take();
    peer.send({ flags: 'AE', ack: 1 + MSS, tsecr });
    expect(connection.info().undos).toBe(0);
    // RFC 5682 §3.1 step 2b: two new segments.
    expect(peer.take().map(({ seq }) => (seq - 1) / MSS)).toEqual([11, 12]);
    peer.send({ flags: 'A', ack: 1 + 2 * MSS, tsecr });
    expect(connection.info()).toMatchObject({ undos: 1, recovery: 'open' });
    peer.take();
  });
});

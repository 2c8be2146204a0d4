import { describe, expect, it } from 'vitest';
import { World, established } from '../support/tcp-world.ts';

const MSS = 1448;
const RTT = 100_000;

/** Four segments on their way on a path of 100 ms, without SACK: only a timestamp can time what is sent twice. */
function sending(): ReturnType<typeof established> {
  const made = established({ rtt: RTT, mss: 1460, timestamps: true, tcp: { noDelay: true } });
  made.world.write(made.connection, 4 * MSS);
  expect(made.peer.take().length).toBe(4);
  return made;
}

describe('RFC 7323 §4.1: round-trip time measurement by timestamps', () => {
  it('[S-065] takes no sample from a segment that acknowledges nothing new', () => {
    const { world, peer, connection } = sending();
    const { rtt } = connection.info();
    world.advance(3 * RTT);
    peer.take();
    peer.send({ flags: 'A', ack: 1, tsecr: peer.tsRecent });
    peer.take();
    expect(connection.info().rtt).toBe(rtt);
  });

  it('[S-065] takes one from an acknowledgment of what was sent twice: the echo says which of both it answers', () => {
    const { world, peer, connection } = sending();
    world.advance(2_000_000);
    const [, last] = [peer.take(), connection.info()];
    expect(last.timeouts).toBeGreaterThan(0);
    world.write(connection, 1);
    world.advance(last.rto * 1000);
    const again = peer.take().at(-1);
    expect(again?.seq).toBe(1);
    world.advance(250_000);
    const sample = (world.clock.now() - (again?.at ?? 0)) / 1000;
    peer.send({ flags: 'A', ack: 1 + MSS, tsecr: again?.tsval ?? 0 });
    peer.take();
    // RFC 6298 §2.3: SRTT moves by an eighth of the difference; the timestamp is right to a millisecond.
    expect(connection.info().rtt).toBeGreaterThanOrEqual(last.rtt + (sample - last.rtt) / 8);
    expect(connection.info().rtt).toBeLessThanOrEqual(last.rtt + (sample + 1 - last.rtt) / 8);
  });
});

describe('RFC 7323 §4.1: a SYN that was sent more than once', () => {
  it('[S-065] gives no sample when the answer echoes the first of them: how long it waited for the timer is unknown', () => {
    const world = new World({ tcp: { timestamps: true } });
    const peer = world.peer();
    const { connection } = world.connect();
    const syn = peer.expect({ flags: 'S', seq: 0 });
    world.advance(7_100_000);
    expect(peer.take().length).toBe(3);
    peer.send({ flags: 'SA', mss: 1460, tsval: 1, tsecr: syn.tsval ?? 0 });
    peer.expect({ flags: 'A', seq: 1 });
    // RFC 6298 §5.7: three seconds where the timer has expired for a SYN.
    expect(connection.info()).toMatchObject({ rtt: 0, rto: 3000 });
  });

  it('[S-065] gives one when the answer echoes the last', () => {
    const world = new World({ tcp: { timestamps: true } });
    const peer = world.peer();
    const { connection } = world.connect();
    world.advance(7_000_000);
    const last = peer.take().at(-1);
    world.advance(100_000);
    peer.send({ flags: 'SA', mss: 1460, tsval: 1, tsecr: last?.tsval ?? 0 });
    peer.expect({ flags: 'A', seq: 1 });
    expect(connection.info().rtt).toBe(100);
  });

  it('[S-064] §4.3: a listener echoes the newest', () => {
    const world = new World({ tcp: { timestamps: true } });
    world.listen();
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1460, tsval: 1000, tsecr: 0 });
    peer.expect({ flags: 'SA', tsecr: 1000 });
    peer.send({ flags: 'S', seq: 0, mss: 1460, tsval: 2000, tsecr: 0 });
    peer.expect({ flags: 'SA', tsecr: 2000 });
    peer.send({ flags: 'R', seq: 1 });
  });
});

describe('RFC 7323 §4.1: an echo of the first transmission of what was sent twice', () => {
  /** Milliseconds by which SRTT has moved, when the answer comes so long after the repetition. */
  function moved(after: number): number {
    const { world, peer, connection } = established({ rtt: RTT, mss: 1460, timestamps: true, tcp: { noDelay: true } });
    world.write(connection, 4 * MSS);
    const [original] = peer.take();
    const { rtt, rto } = connection.info();
    world.advance(rto * 1000);
    expect(peer.take().map(({ seq }) => seq)).toEqual([1]);
    world.advance(after);
    peer.send({ flags: 'A', ack: 1 + MSS, tsecr: original!.tsval! });
    peer.take();
    return connection.info().rtt - rtt;
  }

  it('[S-065] sooner than a round trip after the repetition: the first was slow, and tells how slow the path has become', () => {
    expect(moved(RTT / 2)).toBeGreaterThan(0);
  });

  it('[S-065] later: the ACK of the first was lost, and the wait for the timer is no round trip', () => {
    expect(moved(RTT)).toBe(0);
  });
});

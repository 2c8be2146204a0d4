import { describe, expect, it } from 'vitest';
import { established } from '../support/tcp-world.ts';

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

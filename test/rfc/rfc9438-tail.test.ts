import { describe, expect, it } from 'vitest';
import type { Connection } from '../../src/index.ts';
import type { Heard, TcpPeer } from '../support/tcp-peer.ts';
import { World } from '../support/tcp-world.ts';

const MSS = 1460;
const RTT = 20_000;

interface Burst {
  world: World;
  peer: TcpPeer;
  connection: Connection;
  /** The window, which four bursts have filled. */
  cwnd: number;
  /** What is in flight: all of it. */
  segments: Heard[];
}

/** Each round trip a burst fills the window; the last one is not acknowledged yet. */
function burst(congestion: string): Burst {
  const world = new World({ tcp: { ecn: 'request', noDelay: true, congestion } });
  const peer = world.peer();
  const { connection } = world.connect();
  peer.take();
  world.advance(RTT);
  peer.send({ flags: 'SAE', mss: MSS, windowScale: 7, sackPermitted: true });
  peer.take();
  for (let round = 0; round < 3; round++) {
    world.write(connection, connection.info().cwnd);
    world.advance(RTT);
    for (const { seq, length } of peer.take()) if (length > 0) peer.send({ flags: 'A', ack: seq + length });
  }
  const { cwnd } = connection.info();
  world.write(connection, cwnd);
  world.advance(RTT);
  const segments = peer.take().filter(({ length }) => length > 0);
  expect(segments).toHaveLength(cwnd / MSS);
  return { world, peer, connection, cwnd, segments };
}

/** Acknowledges all but the last `rest`. */
function acknowledge({ peer, segments }: Burst, rest: number): void {
  for (const { seq, length } of segments.slice(0, -rest)) peer.send({ flags: 'A', ack: seq + length });
}

/** The path was seen to carry nearly all of the window in a round trip: of that the share is kept, and never of more. */
function expectShare(actual: number, whole: number): void {
  expect(actual).toBeGreaterThan(0.9 * whole);
  expect(actual).toBeLessThanOrEqual(whole);
}

describe.each([
  ['cubic', 0.7],
  ['reno', 0.5],
])('RFC 9438 §4.6, RFC 5681 §3.1: what %s keeps at the end of a burst', (congestion, share) => {
  it('[S-086] [S-067] of a mark on its last ACK: the share of the window, and the next flight is not held back', () => {
    const made = burst(congestion);
    const { world, peer, connection, cwnd, segments } = made;
    acknowledge(made, 1);
    const last = segments.at(-1)!;
    peer.send({ flags: 'AE', ack: last.seq + last.length });
    const kept = connection.info();
    expect(kept).toMatchObject({ recovery: 'open', cwnd: kept.ssthresh });
    expectShare(kept.cwnd, share * cwnd);
    world.write(connection, cwnd);
    expect(peer.take().reduce((sum, { length }) => sum + length, 0)).toBeGreaterThan(kept.cwnd - MSS);
    world.act(() => connection.abort());
    peer.take();
  });

  it('[S-067] [S-079] of a loss near its end: the share of the window, which it has when that is repaired', () => {
    const made = burst(congestion);
    const { world, peer, connection, cwnd, segments } = made;
    acknowledge(made, 4);
    const [lost, behind] = segments.slice(-4);
    for (const { seq, length } of segments.slice(-3)) {
      peer.send({ flags: 'A', ack: lost!.seq, sack: [[behind!.seq, seq + length]] });
    }
    const { recovery, ssthresh } = connection.info();
    expect(recovery).toBe('recovery');
    expectShare(ssthresh, share * cwnd);
    expect(peer.take()).toMatchObject([{ seq: lost!.seq, length: MSS }]);
    world.advance(RTT);
    const last = segments.at(-1)!;
    peer.send({ flags: 'A', ack: last.seq + last.length });
    expect(connection.info()).toMatchObject({ recovery: 'open', cwnd: ssthresh });
    world.act(() => connection.abort());
    peer.take();
  });
});

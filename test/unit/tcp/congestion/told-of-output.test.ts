import { describe, expect, it } from 'vitest';
import { congestionControls } from '../../../../src/index.ts';
import { established } from '../../../support/tcp-world.ts';
import { SMALLER_MSS } from '../../../support/family.ts';
import { tooBig } from '../../../support/icmp-error.ts';

const SECOND = 1_000_000;
const MSS = 1460;

/** What a controller was told. */
const told: unknown[][] = [];
let pacingRate: number | undefined;

congestionControls.register('test-diary', ({ mss }) => ({
  name: 'test-diary',
  cwnd: 10 * mss,
  ssthresh: 2 ** 30,
  get pacingRate() {
    return pacingRate!;
  },
  onAck: () => {},
  onCongestion: () => {},
  onRecovered: () => {},
  onIdle: (idleFor, rto) => told.push(['idle', idleFor, rto]),
  onSend: (_now, inFlight, idleRestart) => told.push(['send', inFlight, idleRestart]),
  onMssChange: (size) => told.push(['mss', size]),
}));

/** A connection whose controller writes down what it is told. */
function diary(rate?: number, noDelay: boolean = true, sack: boolean = false) {
  told.length = 0;
  pacingRate = rate;
  return established({ sack, tcp: { congestion: 'test-diary', noDelay }, rtt: 100_000 });
}

describe('what a congestion controller is told', () => {
  it('of each segment: what is in the network, and whether it ends an idleness of the application’s', () => {
    const { world, peer, connection } = diary();
    world.write(connection, 100);
    world.write(connection, 100);
    expect(told).toEqual([
      ['send', 0, true],
      ['send', 100, false],
    ]);
    peer.take();
  });

  it('[S-069] of idleness: once something is to be sent, longer than a time-out after the last, with nothing on its way', () => {
    const { world, peer, connection } = diary();
    const idle = () => told.filter(([what]) => what === 'idle');
    world.write(connection, 100);
    peer.ack();
    world.advance(100_000);
    world.write(connection, 100);
    peer.ack();
    expect(idle()).toEqual([]);
    world.advance(60 * SECOND);
    peer.send({ flags: 'A', data: 10 });
    world.advance(SECOND);
    expect(idle()).toEqual([]);
    world.write(connection, 100);
    expect(idle()).toHaveLength(1);
    peer.take();
  });

  it('of the segment size when it is another', () => {
    const { world, peer, connection } = diary();
    world.write(connection, MSS);
    tooBig(peer, peer.expect({ length: MSS }), SMALLER_MSS);
    peer.take();
    peer.ack(1 + MSS);
    expect(told.filter(([what]) => what === 'mss')).toEqual([['mss', SMALLER_MSS]]);
  });
});

describe('a controller that paces slowly', () => {
  it('[MUST-36] waiting for its time is no small window either: no probe is counted, what is small goes on waiting', () => {
    // Three seconds a segment, ten times the time-out.
    const { world, peer, connection } = diary(500, false);
    const trouble: string[] = [];
    connection.handler = { ...connection.handler, onSoftError: ({ code }) => trouble.push(code) };
    world.write(connection, 4 * MSS);
    for (let i = 0; i < 4; i++) {
      world.clock.advanceTo(i * 3 * SECOND + 100_000);
      peer.expect({ length: MSS });
      peer.ack();
    }
    expect(trouble).toEqual([]);
    world.advance(60 * SECOND);
    world.write(connection, MSS);
    world.write(connection, 100);
    expect(peer.take().map(({ length }) => length)).toEqual([MSS]);
  });

  it('[S-078] what was lost waits for its time as new data does; the first goes at once', () => {
    // 14.6 ms a segment.
    const { world, peer, connection } = diary(100_000, true, true);
    world.write(connection, 6 * MSS);
    world.advance(100_000);
    expect(peer.take()).toHaveLength(6);
    peer.send({ flags: 'A', ack: 1, sack: [[1 + 3 * MSS, 1 + 6 * MSS]] });
    peer.expect({ seq: 1, length: MSS });
    expect(connection.info()).toMatchObject({ lost: 3 * MSS, limitedBy: 'pacing' });
    const since = world.clock.now();
    for (const n of [1, 2]) {
      world.clock.advanceTo(since + n * 14_600 - 10);
      peer.expectNothing();
      world.clock.advanceTo(since + n * 14_600);
      peer.expect({ seq: 1 + n * MSS, length: MSS });
    }
    expect(connection.info()).toMatchObject({ limitedBy: 'application', timeouts: 0 });
  });

  it('[MUST-35] waiting for its time is no closed window: nothing is probed, and nobody is told of trouble', () => {
    const { world, peer, connection } = diary(500);
    const trouble: string[] = [];
    connection.handler = { ...connection.handler, onSoftError: ({ code }) => trouble.push(code) };
    world.write(connection, 8 * MSS);
    for (let i = 0; i < 60; i++) {
      peer.ack();
      world.advance(SECOND);
    }
    expect(peer.heardUpTo).toBe(1 + 8 * MSS);
    expect(trouble).toEqual([]);
    expect(connection.info()).toMatchObject({ timeouts: 0, retransmits: 0 });
    for (const { length } of peer.take()) expect([0, MSS]).toContain(length);
  });
});

import { describe, expect, it } from 'vitest';
import { congestionControls } from '../../../../src/index.ts';
import { established } from '../../../support/tcp-world.ts';

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
function diary(rate?: number) {
  told.length = 0;
  pacingRate = rate;
  return established({ tcp: { congestion: 'test-diary', noDelay: true }, rtt: 100_000 });
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
    peer.icmp(3, 4, peer.expect({ length: MSS }), 1000);
    peer.take();
    peer.ack(1 + MSS);
    expect(told.filter(([what]) => what === 'mss')).toEqual([['mss', 960]]);
  });
});

describe('a controller that paces slowly', () => {
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

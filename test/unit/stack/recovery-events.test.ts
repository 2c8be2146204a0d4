import { describe, expect, it } from 'vitest';
import type { Connection } from '../../../src/index.ts';
import { congestionControls } from '../../../src/index.ts';
import { Reno } from '../../../src/tcp/congestion/reno.ts';
import type { Established, EstablishedOptions } from '../../support/tcp-world.ts';
import { established } from '../../support/tcp-world.ts';

const SECOND = 1_000_000;
const MSS = 1448;

/** A connection of which everything that loss recovery tells is written down, shortly. */
function observed(options: EstablishedOptions = {}): Established & { told: string[] } {
  const made = established({ rtt: 100_000, sack: true, timestamps: true, ...options });
  const told: string[] = [];
  made.world.stack.on('tcp-recovery', (event) => {
    expect(event.connection).toBe(made.connection);
    if (event.type === 'loss') told.push(`loss ${event.cause} ${event.lost}`);
    else if (event.type === 'retransmit') told.push(`retransmit ${event.cause} ${event.sequence}+${event.length}`);
    else if (event.type === 'undo') told.push(`undo ${event.cause}`);
    else told.push(event.type);
  });
  return { ...made, told };
}

describe('the event tcp-recovery', () => {
  it('a hole that SACK shows: the loss, its repair, the end', () => {
    const { world, peer, connection, told } = observed();
    world.write(connection, 5 * MSS);
    world.advance(100_000);
    peer.ack(1, { sack: [[1 + MSS, 1 + 5 * MSS]] });
    expect(told).toEqual([`loss sack ${MSS}`, `retransmit loss 1+${MSS}`]);
    world.advance(100_000);
    peer.ack();
    expect(told.slice(2)).toEqual(['recovered']);
    peer.take();
  });

  it('three duplicates, without SACK', () => {
    const { world, peer, connection, told } = observed({ sack: false });
    world.write(connection, 5 * MSS);
    world.advance(100_000);
    for (let i = 0; i < 3; i++) peer.ack(1);
    world.advance(100_000);
    peer.ack();
    expect(told).toEqual([`loss duplicate-acks ${MSS}`, `retransmit loss 1+${MSS}`, 'recovered']);
    peer.take();
  });

  it('a tail loss probe, then the timer', () => {
    const { world, peer, connection, told } = observed();
    world.write(connection, 1000);
    world.advance(2 * SECOND);
    expect(told.slice(0, 3)).toEqual([
      'retransmit tail-loss-probe 1+1000',
      'loss timeout 1000',
      'retransmit timeout 1+1000',
    ]);
    peer.take();
  });

  it('a path that takes only smaller packets: no loss, no time-out', () => {
    const { world, peer, connection, told } = observed();
    world.write(connection, 2 * MSS);
    const [first] = peer.take();
    peer.icmp(3, 4, first!, 1300);
    expect(told).toEqual(['retransmit path 1+1248', 'retransmit path 1249+1248', 'retransmit path 2497+400']);
    expect(connection.info().timeouts).toBe(0);
    peer.take();
  });

  it('an ACK that was only late: the undo, by its timestamp', () => {
    const { world, peer, connection, told } = observed();
    world.write(connection, 10 * MSS);
    const sent = peer.take();
    world.advance(2 * SECOND);
    peer.take();
    told.length = 0;
    peer.ack(1 + 2 * MSS, { tsecr: sent[0]!.tsval! });
    expect(told).toContain('undo eifel');
    expect(connection.info()).toMatchObject({ undos: 1, recovery: 'open', lost: 0 });
    peer.take();
  });
});

describe('info().limitedBy', () => {
  congestionControls.register('test-paced', (start) => Object.assign(new Reno(start), { pacingRate: 10_000 }));

  const limit = (connection: Connection): string => connection.info().limitedBy;

  it('tells application, receive window, congestion window and pacing apart', () => {
    const { world, peer, connection } = established({ rtt: 100_000, wnd: 20_000 });
    expect(limit(connection)).toBe('application');
    world.write(connection, 100_000);
    // Ten segments, the initial window, are less than the peer's.
    expect(peer.take().length).toBe(10);
    expect(limit(connection)).toBe('congestion-window');
    world.advance(100_000);
    peer.ack();
    expect(limit(connection)).toBe('receive-window');
    peer.take();
    const paced = established({ rtt: 100_000, tcp: { congestion: 'test-paced' } });
    paced.world.write(paced.connection, 50_000);
    expect(limit(paced.connection)).toBe('pacing');
    expect(paced.connection.info()).toMatchObject({
      pacingRate: 80_000,
      unsent: 50_000 - paced.peer.take().length * 1460,
    });
  });
});

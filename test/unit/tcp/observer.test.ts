import { describe, expect, it } from 'vitest';
import { FIRST_RTO, MSS, RTT, ack, connected, flying, segments } from '../../support/sack-world.ts';
import { World } from '../../support/tcp-world.ts';

/** What an observer of loss recovery is told from here on: type and cause. */
function observe(world: World): string[] {
  const told: string[] = [];
  world.stack.on('tcp-recovery', (event) => {
    told.push('cause' in event ? `${event.type} ${event.cause}` : event.type);
  });
  return told;
}

describe('what an observer is told of loss recovery', () => {
  it('a SYN that is sent again', () => {
    const world = new World();
    const told = observe(world);
    const peer = world.peer();
    world.connect();
    peer.expect({ flags: 'S' });
    world.advance(1_000_000);
    peer.expect({ flags: 'S' });
    expect(told).toEqual(['retransmit handshake']);
  });

  it('a tail loss probe, then a timeout', () => {
    const made = flying({ flight: 3 });
    const told = observe(made.world);
    made.world.advance(RTT + 2 * made.world.clock.resolution);
    expect(told).toEqual(['retransmit tail-loss-probe']);
    made.world.advance(FIRST_RTO);
    expect(told.slice(1)).toEqual(['loss timeout', 'retransmit timeout']);
    segments(made);
  });

  it('how much a timeout takes for lost: with SACK what is overdue, and not what was sent just before', () => {
    const made = flying({ flight: 3 });
    const lost: number[] = [];
    made.world.stack.on('tcp-recovery', (event) => {
      if (event.type === 'loss') lost.push(event.lost);
    });
    // The tail loss probe has gone; the timer expires 300 ms after it.
    made.world.advance(RTT + 2 * made.world.clock.resolution);
    made.world.advance(FIRST_RTO - 10_000);
    made.world.write(made.connection, 2 * MSS);
    made.world.advance(10_000);
    expect(made.connection.info()).toMatchObject({ timeouts: 1, flight: 5 * MSS });
    expect(lost).toEqual([3 * MSS]);
    segments(made);
  });

  it('losses that SACK shows, and the end of their repair', () => {
    const made = flying();
    const told = observe(made.world);
    ack(made, 0, [1, 10]);
    expect(told).toEqual(['loss sack', 'retransmit loss']);
    ack(made, 10);
    expect(told.slice(2)).toEqual(['recovered']);
    segments(made);
  });

  it('a loss that the reordering timer finds', () => {
    const made = flying();
    const told = observe(made.world);
    ack(made, 0, [1, 2]);
    expect(told).toEqual([]);
    made.world.advance(RTT / 4);
    expect(told).toEqual(['loss reordering-timer', 'retransmit loss']);
    segments(made);
  });

  it('without SACK: three duplicate ACKs', () => {
    const made = flying({ sack: false });
    const told = observe(made.world);
    for (let i = 0; i < 3; i++) ack(made, 0);
    expect(told).toEqual(['loss duplicate-acks', 'retransmit loss']);
    ack(made, 10);
    expect(told.slice(2)).toEqual(['recovered']);
    segments(made);
  });
});

describe('what info() counts', () => {
  it.each([true, false])('duplicate ACKs, and no others; SACK: %s', (sack) => {
    const made = flying({ sack });
    ack(made, 1);
    expect(made.connection.info().duplicateAcks).toBe(0);
    ack(made, 1);
    ack(made, 1);
    expect(made.connection.info().duplicateAcks).toBe(2);
  });

  it('the delivery rate, of which a sample shorter than a round trip says nothing', () => {
    const made = flying();
    ack(made, 10);
    // Ten segments of 1000 bytes in 100 ms.
    expect(made.connection.info().deliveryRate).toBe(800_000);
    made.world.write(made.connection, 1000);
    made.world.advance(RTT / 2);
    ack(made, 11);
    segments(made);
    expect(made.connection.info()).toMatchObject({ minRtt: RTT / 2000 });
    made.world.write(made.connection, 1000);
    ack(made, 12);
    segments(made);
    expect(made.connection.info().deliveryRate).toBeLessThanOrEqual(800_000);
    expect(made.connection.info().deliveryRate).toBeGreaterThan(0);
  });

  it('what keeps a connection from sending more', () => {
    const made = connected({ wnd: 30_000 });
    const { world, connection } = made;
    const limit = (): string => connection.info().limitedBy;
    world.write(connection, 3000);
    expect(limit()).toBe('application');
    world.write(connection, 57_000);
    expect(limit()).toBe('congestion-window');
    segments(made);
    for (let n = 1; n <= 20; n++) made.peer.ack(1 + n * 1000, { wnd: 8000 });
    expect(limit()).toBe('receive-window');
    segments(made);
  });
});

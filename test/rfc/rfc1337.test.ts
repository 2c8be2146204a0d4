import { describe, expect, it } from 'vitest';
import { TIME_WAIT_US } from '../../src/tcp/ending.ts';
import { inState } from '../support/tcp-world.ts';

/** RFC 1337 §2: what old duplicates can do to a connection in TIME-WAIT, and §3: ignoring RST. */
describe.each(['passive', 'active'] as const)('RFC 1337: TIME-WAIT assassination, %s open', (open) => {
  it('[S-094] §3 (F1): RST segments are ignored', () => {
    const { world, peer, connection, events } = inState('TIME_WAIT', { open });
    for (const flags of ['R', 'RA']) {
      for (const seq of [2, 3, 1, 1000, -1000]) peer.send({ flags, seq, ack: 2 });
    }
    peer.expectNothing();
    expect(connection.state).toBe('TIME_WAIT');
    expect(events).toEqual([]);
    // And they change nothing of its length.
    world.advance(TIME_WAIT_US - 1);
    expect(connection.state).toBe('TIME_WAIT');
    world.advance(1);
    expect(connection.state).toBe('CLOSED');
  });

  it('[S-094] §2, figure 1: old data is acknowledged, the RST that this provokes does not end TIME-WAIT', () => {
    const { peer, connection } = inState('TIME_WAIT', { open });
    peer.send({ flags: 'A', seq: -300, ack: 2, data: 50 });
    const answer = peer.expect({ flags: 'A', seq: 2, ack: 2 });
    peer.send({ flags: 'R', seq: answer.ack });
    peer.expectNothing();
    expect(connection.state).toBe('TIME_WAIT');
  });

  it('[S-094] §2: the same with an old ACK', () => {
    const { peer, connection } = inState('TIME_WAIT', { open });
    peer.send({ flags: 'A', seq: -300, ack: -200 });
    const answer = peer.expect({ flags: 'A', seq: 2, ack: 2 });
    peer.send({ flags: 'R', seq: answer.ack });
    expect(connection.state).toBe('TIME_WAIT');
  });

  it('[S-094] §1 (H1): old data is never delivered', () => {
    const { peer, connection, events } = inState('TIME_WAIT', { open });
    for (const seq of [-100, 1, 2, 3, 500]) peer.send({ flags: 'A', seq, ack: 2, data: 50 });
    for (const answer of peer.take()) expect(answer).toMatchObject({ flags: 'A', seq: 2, ack: 2, length: 0 });
    expect(connection.readableLength).toBe(0);
    expect(events).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { World, established, inState } from '../support/tcp-world.ts';

const SECOND = 1_000_000;

describe('SO_LINGER: close() with a time limit', () => {
  it('0: the connection is reset, what was written is forgotten', () => {
    const { world, peer, connection, events } = established({ wnd: 0, tcp: { linger: 0 } });
    world.write(connection, 100);
    world.act(() => connection.close());
    peer.expect({ flags: 'RA', seq: 1 });
    expect(events).toEqual(['close']);
    expect(connection.state).toBe('CLOSED');
  });

  it('more: bytes and FIN have so long to be acknowledged, then the peer is told that they are lost', () => {
    const { world, peer, connection } = established({ tcp: { linger: 5000 } });
    world.write(connection, 100);
    world.act(() => connection.close());
    world.advance(5 * SECOND - 1);
    expect(connection.state).toBe('FIN_WAIT_1');
    expect(peer.take().every(({ flags }) => !flags.includes('R'))).toBe(true);
    world.advance(1);
    peer.expect({ flags: 'RA', seq: 102 });
    expect(connection.state).toBe('CLOSED');
    expect(world.stack.statistics().drops['tcp-linger-timeout']).toBe(1);
  });

  it('the same while the window is closed, and in LAST-ACK', () => {
    const one = established({ wnd: 0, tcp: { linger: 5000 } });
    one.world.write(one.connection, 100);
    one.world.act(() => one.connection.close());
    one.world.advance(5 * SECOND);
    expect(one.peer.take().at(-1)).toMatchObject({ flags: 'RA', seq: 1 });
    const other = inState('CLOSE_WAIT', { tcp: { linger: 5000 } });
    other.world.act(() => other.connection.close());
    expect(other.connection.state).toBe('LAST_ACK');
    other.world.advance(5 * SECOND);
    expect(other.peer.take().at(-1)).toMatchObject({ flags: 'RA', seq: 2 });
    expect(other.connection.state).toBe('CLOSED');
  });

  it('acknowledged in time: an ordinary close', () => {
    const { world, peer, connection } = established({ tcp: { linger: 5000 } });
    world.write(connection, 100);
    world.act(() => connection.close());
    peer.take();
    peer.ack();
    expect(connection.state).toBe('FIN_WAIT_2');
    world.advance(6 * SECOND);
    expect(connection.state).toBe('FIN_WAIT_2');
    peer.send({ flags: 'FA' });
    expect(connection.state).toBe('TIME_WAIT');
    peer.expect({ flags: 'A', ack: 2 });
    world.advance(6 * SECOND);
    expect(connection.state).toBe('TIME_WAIT');
    peer.expectNothing();
  });

  it('[MUST-13] TIME-WAIT stays as long as it must', () => {
    const { world, connection } = inState('TIME_WAIT', { tcp: { linger: 0 } });
    world.act(() => connection.close());
    world.advance(59 * SECOND);
    expect(connection.state).toBe('TIME_WAIT');
  });

  it('a handshake that is given up sends nothing', () => {
    const world = new World({ tcp: { linger: 0 } });
    const peer = world.peer();
    const { connection, events } = world.connect();
    peer.expect({ flags: 'S' });
    world.act(() => connection.close());
    expect(events).toEqual(['close']);
  });

  it('changed at any time, and taken back', () => {
    const { world, peer, connection } = established();
    expect(connection.get('linger')).toBeUndefined();
    connection.set('linger', 0);
    connection.set('linger', undefined);
    world.act(() => connection.close());
    peer.expect({ flags: 'FA', seq: 1 });
    expect(() => established().connection.set('linger', -1)).toThrow(/linger/);
  });
});

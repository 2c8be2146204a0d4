import { describe, expect, it } from 'vitest';
import { Stack, congestionControls } from '../../../src/index.ts';
import type { Connection } from '../../../src/index.ts';
import { VirtualClock } from '../../../src/sim/index.ts';
import { failingController } from '../../support/congestion.ts';
import { stream } from '../../support/tcp-peer.ts';
import { connected } from '../../support/tcp-gate.ts';
import { World, established, inState } from '../../support/tcp-world.ts';

const SECOND = 1_000_000;

describe('Connection.set', () => {
  it('takes a name and a value, and no object', () => {
    const { connection } = established();
    expect(() => connection.set({ noDelay: true } as never, undefined as never)).toThrow(/set takes the name/);
  });

  it('knows `auto` and `undefined` only where they mean something', () => {
    const { connection } = established();
    expect(() => connection.set('noDelay', 'auto' as never)).toThrow(/noDelay/);
    expect(() => connection.set('noDelay', undefined as never)).toThrow(/noDelay/);
    connection.set('linger', undefined);
    connection.set('sendBuffer', 'auto');
  });

  it('changes this connection, and no other that was opened with the same options', () => {
    const stack = new Stack({ clock: new VirtualClock() });
    const connect = (): Connection => stack.tcp.connect({ remoteAddress: '127.0.0.1', remotePort: 7 }, {});
    const [one, other] = [connect(), connect()];
    one.set('noDelay', true);
    one.set('keepAliveIdle', 5000);
    expect([one.get('noDelay'), one.get('keepAliveIdle')]).toEqual([true, 5000]);
    for (const each of [other, connect()]) {
      expect([each.get('noDelay'), each.get('keepAliveIdle')]).toEqual([false, 7_200_000]);
    }
    one.set('noDelay', false);
    expect(one.get('noDelay')).toBe(false);
    void stack.destroy();
  });

  it('of something else leaves the send buffer as large as it has grown', () => {
    const { world, peer, connection } = established({ windowScale: 7, wnd: 65_535, rtt: 100_000 });
    const first = connection.info().sendBuffer;
    let written = 0;
    for (let i = 0; i < 8; i++) {
      while (connection.writableLength > 0) {
        const room = connection.writableLength;
        world.act(() => connection.write(stream(written, room + 1)));
        written += room;
      }
      world.advance(100_000);
      peer.take();
      peer.ack();
    }
    expect(written).toBeGreaterThan(first);
    const grown = connection.info().sendBuffer;
    expect(grown).toBeGreaterThan(first);
    connection.set('noDelay', true);
    expect(connection.info().sendBuffer).toBe(grown);
    peer.take();
  });

  it('of something else does not tell the user timeout again', () => {
    const { world, peer, connection } = established({ tcp: { userTimeoutOption: true } });
    world.write(connection, 10);
    expect(peer.expect({ length: 10 }).userTimeout).toBeDefined();
    peer.ack();
    connection.set('noDelay', true);
    world.write(connection, 10);
    expect(peer.expect({ length: 10 }).userTimeout).toBeUndefined();
  });

  it('[MUST-24] of something else does not put off a keep-alive', () => {
    const { world, peer, connection } = established({ tcp: { keepAlive: true, keepAliveIdle: 10_000 } });
    world.advance(5 * SECOND);
    connection.set('ttl', 65);
    world.advance(5 * SECOND);
    peer.expect({ flags: 'A', seq: 0, length: 0 });
    peer.ack();
  });
});

describe('Connection.close', () => {
  it('with `linger: 0` resets at once, also when nothing is on its way', () => {
    const { world, peer, connection } = established({ tcp: { linger: 0 } });
    world.act(() => connection.close());
    peer.expect({ flags: 'RA', seq: 1 });
    expect(connection.state).toBe('CLOSED');
  });

  it('called again does not begin anew: a minute counts from the first call', () => {
    const { stack, clock, connection, write, keepsAlive } = connected();
    stack.tcp.listeners[0]!.unref();
    write(100);
    connection.close();
    clock.advance(30 * SECOND);
    connection.close();
    clock.advance(30 * SECOND);
    expect(keepsAlive()).toBe(false);
  });

  it('on what the peer has reset keeps no process alive', () => {
    const { stack, clock, connection, peer, keepsAlive } = connected();
    stack.tcp.listeners[0]!.unref();
    peer.send({ flags: 'R' });
    expect(connection.state).toBe('CLOSED');
    connection.close();
    clock.advance(0);
    expect(keepsAlive()).toBe(false);
  });

  it('amid the callback that reads the last bytes: `onClose` follows though `onEnd` does not', () => {
    const { world, peer, connection } = established();
    const events: string[] = [];
    connection.handler = {
      onReadable: () => {
        connection.read();
        connection.close();
      },
      onEnd: () => events.push('end'),
      onClose: () => events.push('close'),
    };
    peer.send({ flags: 'FA', data: 10 });
    peer.take();
    peer.ack();
    world.advance(SECOND);
    expect(events).toEqual(['close']);
  });
});

describe('what the owner is told', () => {
  it('an urgent pointer beyond the end of the stream points to nothing', () => {
    const { peer, events } = established();
    peer.send({ flags: 'UFA', urgent: 5 });
    expect(events).toEqual(['end']);
    peer.take();
  });

  it('urgent data is counted without the FIN behind it', () => {
    const { peer, connection } = established();
    peer.send({ flags: 'UFA', data: 10, urgent: 5 });
    expect(connection.urgentLength).toBe(5);
    peer.take();
  });

  it('not that there is something to read when `onUrgent` has read it', () => {
    const { peer, connection } = established();
    const events: string[] = [];
    connection.handler = {
      onUrgent: () => {
        connection.read();
        events.push('urgent');
      },
      onReadable: () => events.push('readable'),
    };
    peer.send({ flags: 'UA', data: 10, urgent: 10 });
    expect(events).toEqual(['urgent']);
    peer.take();
  });

  it('nothing of a connection that an observer has aborted as it opened', () => {
    const world = new World();
    world.stack.on('tcp-state', ({ to, connection }) => to === 'ESTABLISHED' && connection.abort());
    const peer = world.peer();
    const { connection, events } = world.connect();
    peer.expect({ flags: 'S' });
    peer.send({ flags: 'SA', mss: 1460 });
    peer.take();
    expect(connection.state).toBe('CLOSED');
    expect(events).toEqual(['close']);
  });

  it('[MUST-13] an observer that aborts in TIME-WAIT ends it at once', () => {
    const { world, peer, connection } = inState('FIN_WAIT_2');
    world.stack.on('tcp-state', ({ to, connection: made }) => to === 'TIME_WAIT' && made.abort());
    peer.send({ flags: 'FA' });
    expect(connection.state).toBe('CLOSED');
    expect(world.stack.tcp.connections).toEqual([]);
    peer.take();
  });
});

describe('stack.destroy', () => {
  it('says nothing to the peer of a connection that is over, or that has not begun', () => {
    const over = inState('TIME_WAIT');
    over.peer.take();
    over.world.act(() => void over.world.stack.destroy());
    over.peer.expectNothing();
    const world = new World();
    const peer = world.peer();
    world.connect();
    peer.expect({ flags: 'S' });
    world.act(() => void world.stack.destroy());
    peer.expectNothing();
  });
});

describe('an exception', () => {
  let ending: Connection | undefined;
  congestionControls.register('test-ends-and-fails', ({ mss }) => ({
    name: 'test-ends-and-fails',
    cwnd: 10 * mss,
    ssthresh: 10 * mss,
    onAck: () => {
      ending?.abort();
      throw new Error('my controller');
    },
    onCongestion: () => {},
    onRecovered: () => {},
    onIdle: () => {},
  }));

  it('of a congestion controller resets the connection: the peer learns of it', () => {
    const controller = failingController('test-fails');
    const { world, peer, connection } = established({ tcp: { congestion: 'test-fails' } });
    controller.failing = true;
    connection.write(new Uint8Array(10));
    expect(() => world.advance(0)).toThrow('my controller');
    controller.failing = false;
    world.advance(0);
    peer.expect({ flags: 'RA', seq: 1 });
  });

  it('of one whose connection is over by then: the peer is told once', () => {
    const { world, peer, connection } = established({ tcp: { congestion: 'test-ends-and-fails' } });
    ending = connection;
    world.write(connection, 10);
    peer.expect({ length: 10 });
    expect(() => peer.ack()).toThrow('my controller');
    world.advance(0);
    expect(peer.take().map(({ flags }) => flags)).toEqual(['RA']);
  });
});

describe('info', () => {
  it('of a connection that was aborted amid a recovery without SACK: nothing is lost any more', () => {
    const { world, peer, connection } = established({ rtt: 100_000 });
    world.write(connection, 5 * 1460);
    peer.take();
    for (let i = 0; i < 3; i++) peer.ack(1);
    expect(connection.info().lost).toBeGreaterThan(0);
    world.act(() => connection.abort());
    expect(connection.info()).toMatchObject({ lost: 0, pipe: 0 });
    peer.take();
  });
});

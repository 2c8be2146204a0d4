import { describe, expect, it } from 'vitest';
import { runScript } from '../../src/sim/index.ts';
import { TIME_WAIT_US } from '../../src/tcp/ending.ts';
import { established, inState } from '../support/tcp-world.ts';
import type { OtherState } from '../support/tcp-world.ts';

const SECOND = 1_000_000;

describe('RFC 9293 §3.6: closing a connection', () => {
  it('[MUST-12] [MUST-13] figure 12, the stack as peer A: FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT, CLOSED', () => {
    runScript(
      established(),
      `
      shutdown
      > FA 1 ack 1
        state FIN_WAIT_1
      < A 1 ack 2
        nothing
        state FIN_WAIT_2
        told finished
      < FA 1 ack 2
      > A 2 ack 2
        state TIME_WAIT
        # Informed that it closed normally, not that it was aborted.
        told end, close
      +${TIME_WAIT_US - 1}us state TIME_WAIT
      +1us state CLOSED
        nothing
      `,
    );
  });

  it('[MUST-12] figure 12, the stack as peer B: CLOSE-WAIT, LAST-ACK, CLOSED', () => {
    const { world } = runScript(
      established(),
      `
      < FA 1 ack 1
      > A 1 ack 2
        state CLOSE_WAIT
        told end
      shutdown
      > FA 1 ack 2
        state LAST_ACK
      < A 2 ack 2
        state CLOSED
        told finished, close
      `,
    );
    expect(world.stack.tcp.connections).toEqual([]);
  });

  it('[MUST-13] figure 13: simultaneous close leads through CLOSING to TIME-WAIT', () => {
    runScript(
      established(),
      `
      shutdown
      > FA 1 ack 1
      < FA 1 ack 1
      > A 2 ack 2
        state CLOSING
      < A 2 ack 2
        nothing
        state TIME_WAIT
        told end, finished, close
      +${TIME_WAIT_US}us state CLOSED
      `,
    );
  });

  it('simultaneous close: our FIN is retransmitted in CLOSING, and so is the peer’s acknowledged again', () => {
    const { world, peer, connection } = inState('CLOSING');
    peer.send({ flags: 'FA', seq: 1, ack: 1 });
    peer.expect({ flags: 'A', seq: 2, ack: 2 });
    world.advance(2 * SECOND);
    for (const fin of peer.take()) expect(fin).toMatchObject({ flags: 'FA', seq: 1, ack: 2, length: 0 });
    peer.send({ flags: 'A', seq: 2, ack: 2 });
    expect(connection.state).toBe('TIME_WAIT');
  });

  it('FIN and ACK of FIN in one segment: FIN-WAIT-1 to TIME-WAIT', () => {
    const { peer, connection, events } = inState('FIN_WAIT_1');
    peer.send({ flags: 'FA', seq: 1, ack: 2 });
    peer.expect({ flags: 'A', seq: 2, ack: 2 });
    expect(connection.state).toBe('TIME_WAIT');
    expect(events).toEqual(['end', 'finished', 'close']);
  });

  it('data and FIN in one segment', () => {
    const { world, peer, connection, events } = established();
    peer.send({ flags: 'FPA', data: 100 });
    peer.expect({ flags: 'A', seq: 1, ack: 102 });
    expect(connection.state).toBe('CLOSE_WAIT');
    // The end comes behind the data.
    expect(events).toEqual(['readable']);
    expect(world.read(connection, 60)).toBe(60);
    expect(events).toEqual(['readable']);
    expect(world.read(connection)).toBe(40);
    expect(events).toEqual(['readable', 'end']);
  });

  it('our data and FIN go in one segment, and the FIN behind all data', () => {
    const { world, peer, connection } = established();
    world.write(connection, 1460 + 500);
    peer.expect({ flags: 'A', seq: 1, length: 1460 });
    peer.expectNothing();
    world.act(() => connection.shutdown());
    peer.expect({ flags: 'FPA', seq: 1461, length: 500 });
    peer.send({ flags: 'A', ack: 1961 });
    expect(connection.state).toBe('FIN_WAIT_1');
    peer.send({ flags: 'A', ack: 1962 });
    expect(connection.state).toBe('FIN_WAIT_2');
  });

  it.each([
    ['FIN alone', 0],
    ['FIN with data', 50],
  ])('[SHLD-31] a FIN that comes before the data in front of it (%s)', (_, length) => {
    const { world, peer, connection, events } = established();
    peer.send({ flags: 'FA', seq: 101, data: length });
    peer.expect({ flags: 'A', ack: 1 });
    expect(connection.state).toBe('ESTABLISHED');
    expect(events).toEqual([]);
    peer.send({ flags: 'A', seq: 1, data: 100 });
    peer.expect({ flags: 'A', ack: 102 + length });
    expect(connection.state).toBe('CLOSE_WAIT');
    expect(world.read(connection)).toBe(100 + length);
    expect(events).toEqual(['readable', 'end']);
  });

  it('a FIN that later turns out to stand inside the data takes nothing back', () => {
    const { world, peer, connection } = established();
    peer.send({ flags: 'FA', seq: 101 });
    peer.expect({ flags: 'A', ack: 1 });
    peer.send({ flags: 'A', seq: 1, data: 200 });
    const { ack } = peer.expect({ flags: 'A' });
    expect(world.read(connection)).toBe(ack - 1);
    peer.send({ flags: 'A', seq: ack, data: 10 });
    expect(peer.expect({ flags: 'A' }).ack).toBeGreaterThanOrEqual(ack);
  });

  it('no SEND after CLOSE: nothing is taken', () => {
    const { world, peer, connection } = inState('FIN_WAIT_1');
    world.act(() => expect(connection.write(new Uint8Array(5))).toBe(0));
    world.act(() => connection.shutdown());
    peer.expectNothing();
  });

  it('everything sent before the CLOSE is delivered reliably: data and FIN are retransmitted', () => {
    const { world, peer, connection } = established();
    world.write(connection, 100);
    world.act(() => connection.shutdown());
    peer.expect({ flags: 'PA', seq: 1, length: 100 });
    peer.expect({ flags: 'FA', seq: 101, length: 0 });
    world.advance(SECOND);
    const again = peer.take();
    expect(again.length).toBeGreaterThan(0);
    // Repackaged: one segment carries both.
    expect(again[0]).toMatchObject({ flags: 'FPA', seq: 1, length: 100 });
    peer.send({ flags: 'A', ack: 102 });
    expect(connection.state).toBe('FIN_WAIT_2');
    world.advance(10 * SECOND);
    peer.expectNothing();
  });
});

describe('RFC 9293 §3.6.1: half-closed connections', () => {
  it.each(['FIN_WAIT_1', 'FIN_WAIT_2'] as const)('the stack closed: %s receives and acknowledges data', (state) => {
    const { world, peer, connection, events } = inState(state);
    const ack = state === 'FIN_WAIT_1' ? 1 : 2;
    for (let i = 0; i < 3; i++) {
      peer.send({ flags: 'A', ack, data: 1000 });
      peer.expect({ flags: 'A', seq: 2, ack: 1 + 1000 * (i + 1) });
    }
    expect(world.read(connection)).toBe(3000);
    expect(connection.state).toBe(state);
    expect(new Set(events)).toEqual(new Set(['readable']));
  });

  it('the peer closed: CLOSE-WAIT goes on sending', () => {
    const { world, peer, connection } = inState('CLOSE_WAIT');
    for (let i = 0; i < 3; i++) {
      world.write(connection, 1000);
      peer.expect({ flags: 'PA', seq: 1 + 1000 * i, ack: 2, length: 1000 });
      peer.send({ flags: 'A' });
    }
    expect(connection.state).toBe('CLOSE_WAIT');
  });

  it('CLOSE-WAIT lasts as long as the owner likes, also when the FIN comes again', () => {
    const { world, peer, connection } = inState('CLOSE_WAIT');
    peer.send({ flags: 'FA', seq: 1 });
    peer.expect({ flags: 'A', seq: 1, ack: 2, length: 0 });
    world.advance(24 * 3600 * SECOND);
    expect(connection.state).toBe('CLOSE_WAIT');
    world.write(connection, 10);
    peer.expect({ flags: 'PA', seq: 1, ack: 2, length: 10 });
  });

  it('the owner hears that all has arrived when the FIN is acknowledged, not before', () => {
    const { world, peer, connection, events } = established();
    world.write(connection, 100);
    world.act(() => connection.shutdown());
    peer.take();
    peer.ack(101);
    expect(events).toEqual([]);
    peer.ack(102);
    expect(events).toEqual(['finished']);
  });

  it('FIN-WAIT-2 with an owner lasts as long as the peer keeps its side open', () => {
    const { world, peer, connection } = inState('FIN_WAIT_2');
    world.advance(24 * 3600 * SECOND);
    expect(connection.state).toBe('FIN_WAIT_2');
    peer.send({ flags: 'A', ack: 2, data: 10 });
    peer.expect({ flags: 'A', ack: 11 });
  });

  it('[SHLD-3] [MAY-1] [S-102] close() with data unread: RST', () => {
    const { world, peer, connection, events } = established();
    peer.send({ flags: 'A', data: 10 });
    peer.expect({ flags: 'A', ack: 11 });
    events.length = 0;
    world.act(() => connection.close());
    peer.expect({ flags: 'RA', seq: 1, ack: 11, length: 0 });
    expect(connection.state).toBe('CLOSED');
    expect(events).toEqual(['close']);
  });

  it.each([
    ['in order', 1],
    ['out of order', 50],
  ])('[SHLD-3] data that arrives after close(), %s: RST', (_, seq) => {
    const { world, peer, connection } = established();
    world.act(() => connection.close());
    peer.expect({ flags: 'FA', seq: 1, ack: 1 });
    peer.send({ flags: 'A', seq, ack: 2, data: 10 });
    peer.expect({ flags: 'RA', seq: 2, length: 0 });
    expect(connection.state).toBe('CLOSED');
    peer.expectNothing();
  });

  it('close() with everything read is an orderly close', () => {
    const { world, peer, connection, events } = established();
    world.act(() => connection.close());
    peer.expect({ flags: 'FA', seq: 1, ack: 1 });
    expect(events).toEqual(['close']);
    peer.send({ flags: 'A', ack: 2 });
    expect(connection.state).toBe('FIN_WAIT_2');
    peer.send({ flags: 'FA', ack: 2 });
    peer.expect({ flags: 'A', seq: 2, ack: 2 });
    expect(connection.state).toBe('TIME_WAIT');
  });

  it('nor does one that is closed when its FIN is acknowledged already', () => {
    const { world, connection } = inState('FIN_WAIT_2');
    world.act(() => connection.close());
    world.advance(60 * SECOND - 1);
    expect(connection.state).toBe('FIN_WAIT_2');
    world.advance(1);
    expect(connection.state).toBe('CLOSED');
  });

  it('an orphan does not wait for the peer’s FIN for ever (Linux: tcp_fin_timeout)', () => {
    const { world, peer, connection } = established();
    world.act(() => connection.close());
    peer.expect({ flags: 'FA' });
    peer.send({ flags: 'A', ack: 2 });
    world.advance(61 * SECOND);
    expect(connection.state).toBe('CLOSED');
    peer.expectNothing();
    peer.send({ flags: 'FA', ack: 2 });
    peer.expect({ flags: 'R', seq: 2 });
  });
});

describe('a RST when both have closed', () => {
  it.each(['CLOSING', 'LAST_ACK'] as const)(
    '[MUST-12] %s: with data unacknowledged the application hears of it',
    (state) => {
      const { world, peer, connection, events } = inState(state === 'CLOSING' ? 'ESTABLISHED' : 'CLOSE_WAIT');
      world.write(connection, 100);
      world.act(() => connection.shutdown());
      if (state === 'CLOSING') peer.send({ flags: 'FA', ack: 1 });
      expect(connection.state).toBe(state);
      peer.take();
      peer.send({ flags: 'R', seq: peer.next });
      expect(connection.state).toBe('CLOSED');
      expect(events.slice(-2)).toEqual(['error ECONNRESET', 'close']);
    },
  );

  it.each(['CLOSING', 'LAST_ACK'] as const)('%s: without, there is nothing to tell', (state) => {
    const { peer, connection, events } = inState(state);
    peer.send({ flags: 'R', seq: 2 });
    expect(connection.state).toBe('CLOSED');
    expect(events).toEqual(['close']);
  });
});

describe('data that was not read when the peer closed', () => {
  it.each(['CLOSE_WAIT', 'LAST_ACK', 'TIME_WAIT'] as const)(
    '%s: can still be read, and nothing is sent for it',
    (state) => {
      const { world, peer, connection, events } = established({ tcp: { receiveBuffer: 4096 } });
      if (state === 'TIME_WAIT') {
        world.act(() => connection.shutdown());
        peer.expect({ flags: 'FA' });
      }
      for (let i = 0; i < 4; i++) peer.send({ flags: 'A', data: 1000 });
      peer.send({ flags: 'FA' });
      if (state === 'LAST_ACK') world.act(() => connection.shutdown());
      expect(connection.state).toBe(state);
      peer.take();
      expect(events).not.toContain('end');
      expect(world.read(connection)).toBe(4000);
      expect(events).toContain('end');
      peer.expectNothing();
    },
  );
});

describe('RFC 9293 §3.10.5: ABORT', () => {
  it.each(['ESTABLISHED', 'FIN_WAIT_1', 'FIN_WAIT_2', 'CLOSE_WAIT'] as const)('%s: RST with SND.NXT', (state) => {
    const { world, peer, connection, events } = inState(state);
    const { heardUpTo, next } = peer;
    world.act(() => connection.abort());
    peer.expect({ flags: 'RA', seq: heardUpTo, ack: next, length: 0 });
    expect(connection.state).toBe('CLOSED');
    expect(events).toEqual(['close']);
  });

  it('SYN-RECEIVED from an active open: RST with SND.NXT and an ACK that the peer in SYN-SENT believes', () => {
    const { world, peer, connection } = inState('SYN_RECV', { open: 'active' });
    world.act(() => connection.abort());
    peer.expect({ flags: 'RA', seq: 1, ack: 1 });
    expect(connection.state).toBe('CLOSED');
  });

  it.each(['CLOSING', 'LAST_ACK', 'TIME_WAIT'] as const)(
    '%s: the control block is deleted, nothing is sent',
    (state) => {
      const { world, peer, connection } = inState(state);
      world.act(() => connection.abort());
      peer.expectNothing();
      expect(connection.state).toBe('CLOSED');
    },
  );

  it('what is queued is forgotten', () => {
    const { world, peer, connection } = established({ wnd: 1000 });
    world.write(connection, 5000);
    peer.expect({ flags: 'A', seq: 1, length: 1000 });
    world.act(() => connection.abort());
    peer.expect({ flags: 'RA', seq: 1001, length: 0 });
    expect(connection.unacknowledged).toBe(0);
    world.advance(600 * SECOND);
    peer.expectNothing();
  });
});

describe('RFC 9293 §3.6.1, §3.10.7.4: TIME-WAIT', () => {
  it('[MUST-13] a retransmitted FIN is acknowledged and starts 2 MSL again', () => {
    const { world, peer, connection } = inState('TIME_WAIT');
    const half = TIME_WAIT_US / 2;
    world.advance(half);
    peer.send({ flags: 'FA', seq: 1, ack: 2 });
    peer.expect({ flags: 'A', seq: 2, ack: 2 });
    world.advance(TIME_WAIT_US - 1);
    expect(connection.state).toBe('TIME_WAIT');
    world.advance(1);
    expect(connection.state).toBe('CLOSED');
  });

  it('[MUST-13] so is one that comes with the data in front of it', () => {
    const { world, peer, connection } = inState('FIN_WAIT_2');
    peer.send({ flags: 'FA', seq: 1, ack: 2, data: 100 });
    peer.expect({ flags: 'A', seq: 2, ack: 102 });
    world.advance(TIME_WAIT_US / 2);
    peer.send({ flags: 'FA', seq: 1, ack: 2, data: 100 });
    peer.expect({ flags: 'A', seq: 2, ack: 102 });
    world.advance(TIME_WAIT_US - 1);
    expect(connection.state).toBe('TIME_WAIT');
    world.read(connection);
  });

  it('other segments don’t: neither old data nor a FIN that is not the peer’s', () => {
    const { world, peer, connection } = inState('TIME_WAIT');
    world.advance(TIME_WAIT_US - 1);
    peer.send({ flags: 'A', seq: 1, ack: 2 });
    peer.send({ flags: 'PA', seq: -50, ack: 2, data: 20 });
    peer.send({ flags: 'FA', seq: -50, ack: 2 });
    for (const answer of peer.take()) expect(answer).toMatchObject({ flags: 'A', seq: 2, ack: 2 });
    world.advance(1);
    expect(connection.state).toBe('CLOSED');
  });

  it('every retransmission of the FIN is acknowledged, however fast they come', () => {
    const { peer } = inState('TIME_WAIT');
    for (let i = 0; i < 5; i++) {
      peer.send({ flags: 'FA', seq: 1, ack: 2 });
      peer.expect({ flags: 'A', seq: 2, ack: 2 });
    }
  });

  it('[MAY-2] a SYN above everything received reopens the connection', () => {
    const { world, peer, connection } = inState('TIME_WAIT');
    const again = world.client(peer.port, peer.iss + 1000);
    again.send({ flags: 'S' });
    again.expect({ flags: 'SA', seq: 0, ack: 1 });
    expect(connection.state).toBe('CLOSED');
    again.send({ flags: 'A' });
    expect(world.stack.tcp.connections.map(({ state }) => state)).toEqual(['ESTABLISHED']);
  });

  it('[MAY-2] the new initial sequence number is larger than any that the old connection used', () => {
    const { world, peer, connection } = established();
    // So much and so fast that the clock behind initial sequence numbers has not moved as far.
    world.write(connection, 500_000);
    while (connection.unacknowledged > 0) {
      peer.take();
      peer.send({ flags: 'A' });
    }
    world.act(() => connection.shutdown());
    peer.expect({ flags: 'FA' });
    peer.send({ flags: 'FA' });
    peer.expect({ flags: 'A' });
    expect(connection.state).toBe('TIME_WAIT');
    const again = world.client(peer.port, peer.iss + 1000);
    again.send({ flags: 'S' });
    const { packet } = again.expect({ flags: 'SA', ack: 1 });
    const distance = (packet.tcp!.sequence - peer.irs!) | 0;
    expect(distance).toBeGreaterThanOrEqual(peer.heardUpTo);
  });

  it.each([
    ['below', -1000],
    ['at', 1],
  ])('[MAY-2] [S-089] a SYN %s what was received does not', (_, offset) => {
    const { peer, connection } = inState('TIME_WAIT');
    peer.send({ flags: 'S', seq: offset });
    peer.expect({ flags: 'A', seq: 2, ack: 2 });
    expect(connection.state).toBe('TIME_WAIT');
  });

  it('[MAY-2] nor does one that nobody listens for', () => {
    const { peer, connection } = inState('TIME_WAIT', { open: 'active' });
    peer.send({ flags: 'S', seq: 1000 });
    peer.expect({ flags: 'A', seq: 2, ack: 2 });
    expect(connection.state).toBe('TIME_WAIT');
  });
});

describe('the peer is told the same thing again when its FIN comes again', () => {
  it.each(['CLOSE_WAIT', 'CLOSING', 'LAST_ACK', 'TIME_WAIT'] as const satisfies readonly OtherState[])(
    'in %s: acknowledged each time, no change of state',
    (state) => {
      const { peer, connection, events } = inState(state);
      const { heardUpTo } = peer;
      const ack = state === 'TIME_WAIT' ? 2 : 1;
      for (let i = 0; i < 3; i++) {
        peer.send({ flags: 'FA', seq: 1, ack });
        peer.expect({ flags: 'A', seq: heardUpTo, ack: 2, length: 0 });
      }
      expect(connection.state).toBe(state);
      expect(events).toEqual([]);
    },
  );
});

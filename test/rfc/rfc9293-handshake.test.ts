import { describe, expect, it } from 'vitest';
import { runScript } from '../../src/sim/index.ts';
import { asIpv4 } from '../support/raw-peer.ts';
import { World, established, inState } from '../support/tcp-world.ts';
import { FAMILY } from '../support/family.ts';

describe('RFC 9293 §3.5: establishing a connection', () => {
  it('figure 6, the stack as peer B: passive open', () => {
    runScript(
      new World(),
      `
      listen
        state LISTEN
      < S 0
      > SA 0 ack 1
        state SYN_RECV
        # The handshake's third segment, not the SYN, makes the connection known to the user.
        told nothing
      < A 1 ack 1
        nothing
        state ESTABLISHED
      < A 1:11(10) ack 1
      > A 1 ack 11
        told readable
      read 10
      `,
    );
  });

  it('figure 6, the stack as peer A: active open', () => {
    runScript(
      new World(),
      `
        state CLOSED
      connect
      > S 0
        state SYN_SENT
        told nothing
      < SA 0 ack 1
      > A 1 ack 1
        state ESTABLISHED
        told connect
      write 5
      > PA 1:6(5) ack 1
      `,
    );
  });

  it('what was written before the handshake ended goes out with it, in order', () => {
    const world = new World();
    const peer = world.peer();
    const { connection } = world.connect();
    peer.expect({ flags: 'S', length: 0 });
    world.write(connection, 10);
    world.act(() => connection.shutdown());
    peer.expectNothing();
    expect(connection.state).toBe('SYN_SENT');
    peer.send({ flags: 'SA', ack: 1 });
    peer.expect({ flags: 'FPA', seq: 1, ack: 1, length: 10 });
    peer.expectNothing();
    expect(connection.state).toBe('FIN_WAIT_1');
  });

  it('[MUST-10] figure 7: simultaneous open, the SYN,ACKs cross', () => {
    runScript(
      new World(),
      `
      connect
      > S 0
        state SYN_SENT
      < S 0
      > SA 0 ack 1
        state SYN_RECV
      < SA 0 ack 1
        nothing
        state ESTABLISHED
        told connect
      write 5
      > PA 1:6(5) ack 1
      < A 1:8(7)
      > A 6 ack 8
      read 7
      `,
    );
  });

  it('[MUST-10] simultaneous open, the peer answers our SYN,ACK with an ACK', () => {
    const { world, peer, connection, events } = inState('SYN_RECV', { open: 'active' });
    peer.send({ flags: 'A', seq: 1, ack: 1, data: 7 });
    peer.expect({ flags: 'A', seq: 1, ack: 8 });
    expect(connection.state).toBe('ESTABLISHED');
    expect(events).toEqual(['connect', 'readable']);
    expect(world.read(connection)).toBe(7);
  });

  it('[MUST-10] simultaneous open: a SYN,ACK that the peer repeats is acknowledged', () => {
    const { peer, connection } = inState('SYN_RECV', { open: 'active' });
    peer.send({ flags: 'SA', seq: 0, ack: 1 });
    peer.expectNothing();
    peer.send({ flags: 'SA', seq: 0, ack: 1 });
    peer.expect({ flags: 'A', seq: 1, ack: 1, length: 0 });
    expect(connection.state).toBe('ESTABLISHED');
  });

  it('[MUST-10] simultaneous open: a SYN that comes again is answered with our SYN,ACK', () => {
    const { peer, connection } = inState('SYN_RECV', { open: 'active' });
    peer.send({ flags: 'S', seq: 0 });
    peer.expect({ flags: 'SA', seq: 0, ack: 1 });
    expect(connection.state).toBe('SYN_RECV');
  });

  it('[MUST-10] [S-089] simultaneous open: another SYN is challenged, and the connection stays', () => {
    const { peer, connection } = inState('SYN_RECV', { open: 'active' });
    peer.send({ flags: 'S', seq: 50 });
    peer.expect({ flags: 'A', seq: 1, ack: 1, length: 0 });
    expect(connection.state).toBe('SYN_RECV');
  });

  it('a SYN that comes again with RST is not answered', () => {
    const { peer, connection } = inState('SYN_RECV');
    peer.send({ flags: 'SR', seq: 0 });
    peer.expectNothing();
    expect(connection.state).toBe('SYN_RECV');
  });

  it('[MUST-11] RST in SYN-RECEIVED from an active open: the user hears "connection refused"', () => {
    const { peer, connection, events } = inState('SYN_RECV', { open: 'active' });
    peer.send({ flags: 'R', seq: 1 });
    expect(connection.state).toBe('CLOSED');
    expect(events).toEqual(['error ECONNREFUSED', 'close']);
  });

  it.each([
    ['SYN_RECV', 'connect'],
    ['ESTABLISHED', 'read'],
  ] as const)('the error of a reset names the call that failed: in %s `%s`', (state, syscall) => {
    const { peer, connection } = inState(state, { open: 'active' });
    const calls: unknown[] = [];
    connection.handler = { onError: (error) => void calls.push(error.syscall) };
    peer.send({ flags: 'R', seq: 1 });
    expect(calls).toEqual([syscall]);
  });

  it('[MUST-11] RST in SYN-RECEIVED from a passive open: back to LISTEN, nobody is told', () => {
    const world = new World();
    const accepted = world.listen();
    const peer = world.client();
    peer.send({ flags: 'S' });
    peer.expect({ flags: 'SA' });
    peer.send({ flags: 'R', seq: 1 });
    expect(world.stack.tcp.connections).toEqual([]);
    expect(accepted).toEqual([]);
    // The listener is still there.
    const another = world.client(40_001);
    another.send({ flags: 'S' });
    another.expect({ flags: 'SA' });
    another.send({ flags: 'A' });
    expect(accepted.length).toBe(1);
  });

  it('figure 8: recovery from an old duplicate SYN, the stack as peer B', () => {
    const world = new World();
    const accepted = world.listen();
    const old = world.client(40_000, 90);
    old.send({ flags: 'S', seq: 0 });
    const answer = old.expect({ flags: 'SA', seq: 0, ack: 1 });
    old.send({ flags: 'R', seq: answer.ack });
    expect(world.stack.tcp.connections).toEqual([]);
    const peer = world.client(40_000, 100);
    peer.send({ flags: 'S', seq: 0 });
    peer.expect({ flags: 'SA', seq: 0, ack: 1 });
    peer.send({ flags: 'A', seq: 1, ack: 1 });
    expect(accepted[0]?.connection.state).toBe('ESTABLISHED');
  });

  it('figure 8: recovery from an old duplicate SYN, the stack as peer A', () => {
    runScript(
      new World(),
      `
      connect
      > S 0
      < SA -1000 ack -9           # answers the duplicate
      > R -9
        state SYN_SENT
      < SA 0 ack 1
      > A 1 ack 1
        told connect
      `,
    );
  });

  it('figure 9: half-open connection, the stack as peer B', () => {
    runScript(
      established(),
      `
      < S 300000                  # the peer has crashed and opens again
      > A 1 ack 1
        state ESTABLISHED
      < R 1
        state CLOSED
        told error ECONNRESET, close
      `,
    );
  });

  it('figure 9: half-open connection, the stack as peer A', () => {
    runScript(
      new World(),
      `
      connect
      > S 0
      < A 300 ack 100             # the peer has not heard of the crash
      > R 100
        state SYN_SENT
      +1 > S 0
      < SA 0 ack 1
      > A 1 ack 1
        told connect
      `,
    );
  });

  it('figure 10: data for a connection that is not there is answered with RST', () => {
    runScript(
      new World(),
      `
        state CLOSED
      < A 300:310(10) ack 100
      > R 100
      `,
    );
  });

  it('[MUST-11] figure 11: an old duplicate SYN at a listener, the other side sends RST', () => {
    const { world } = runScript(
      new World(),
      `
      listen
      < S 0
      > SA 0 ack 1
      < R 1
        state LISTEN
      +200 nothing
      `,
    );
    expect(world.stack.statistics().tcp).toMatchObject({ connections: 0, listeners: 1 });
  });

  it('a SYN that comes again gets the same SYN,ACK', () => {
    const world = new World();
    world.listen();
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1000, windowScale: 2 });
    const first = peer.expect({ flags: 'SA', seq: 0, ack: 1 });
    peer.send({ flags: 'S', seq: 0, mss: 1000, windowScale: 2 });
    const second = peer.expect({ flags: 'SA', seq: 0, ack: 1 });
    expect(second.options).toEqual(first.options);
    expect(second.packet.tcp?.sequence).toBe(first.packet.tcp?.sequence);
    expect(world.stack.statistics().tcp.connections).toBe(1);
  });

  it('another SYN in the window of a half-open passive connection returns it to LISTEN', () => {
    const { world, peer } = inState('SYN_RECV');
    peer.send({ flags: 'S', seq: 50 });
    peer.expectNothing();
    expect(world.stack.tcp.connections).toEqual([]);
    peer.send({ flags: 'S', seq: 50 });
    peer.expect({ flags: 'SA', ack: 51 });
  });

  it('data with a SYN is left to its retransmission when it would take more than half of the memory', () => {
    const world = new World({ memory: 2000 });
    const accepted = world.listen();
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1460, data: 1001 });
    peer.expect({ flags: 'SA', seq: 0, ack: 1 });
    expect(world.stack.statistics().drops['tcp-syn-text-dropped']).toBe(1);
    peer.send({ flags: 'A', seq: 1, ack: 1, data: 1001 });
    peer.expect({ flags: 'A', ack: 1002 });
    expect(world.read(accepted[0]!.connection)).toBe(1001);
    peer.take();
  });

  it('data and FIN in a SYN,ACK are processed with it (§3.10.7.3)', () => {
    const world = new World();
    const peer = world.peer();
    const { connection, events } = world.connect();
    peer.expect({ flags: 'S' });
    peer.send({ flags: 'SFA', ack: 1, data: 20 });
    peer.expect({ flags: 'A', seq: 1, ack: 22 });
    expect(connection.state).toBe('CLOSE_WAIT');
    expect(events).toEqual(['connect', 'readable']);
    expect(world.read(connection)).toBe(20);
    expect(events).toEqual(['connect', 'readable', 'end']);
  });
});

describe('RFC 9293 §3.10.7.2: text and FIN of a SYN are "queued for processing later"', () => {
  it('text is kept, and not delivered before the handshake is complete (§3.5)', () => {
    const world = new World();
    const accepted = world.listen();
    const peer = world.client();
    peer.send({ flags: 'S', data: 20 });
    // "SEG.SEQ + 1": the SYN-ACK acknowledges the SYN alone.
    peer.expect({ flags: 'SA', seq: 0, ack: 1 });
    const [connection] = world.stack.tcp.connections;
    expect(connection!.readableLength).toBe(0);
    expect(accepted).toEqual([]);
    peer.send({ flags: 'A', ack: 1 });
    peer.expect({ flags: 'A', seq: 1, ack: 21 });
    expect(accepted[0]!.events).toEqual(['readable']);
    expect(world.read(connection!)).toBe(20);
  });

  it('text that the peer sends again with its ACK is delivered once', () => {
    const world = new World();
    const accepted = world.listen();
    const peer = world.client();
    peer.send({ flags: 'S', data: 20 });
    peer.expect({ flags: 'SA', ack: 1 });
    peer.send({ flags: 'A', seq: 1, ack: 1, data: 50 });
    expect(peer.take().at(-1)).toMatchObject({ flags: 'A', ack: 51 });
    expect(world.read(accepted[0]!.connection)).toBe(50);
  });

  it('a SYN that comes again brings its text no second time', () => {
    const world = new World();
    const accepted = world.listen();
    const peer = world.client();
    for (let i = 0; i < 3; i++) {
      peer.send({ flags: 'S', seq: 0, data: 20 });
      peer.expect({ flags: 'SA', ack: 1 });
    }
    peer.send({ flags: 'A', ack: 1 });
    peer.expect({ flags: 'A', ack: 21 });
    expect(world.read(accepted[0]!.connection)).toBe(20);
  });

  it.each([0, 20])('FIN is kept with %d bytes in front of it', (data) => {
    const world = new World();
    const accepted = world.listen();
    const peer = world.client();
    peer.send({ flags: 'SF', data });
    peer.expect({ flags: 'SA', ack: 1 });
    expect(accepted).toEqual([]);
    peer.send({ flags: 'A', ack: 1 });
    peer.expect({ flags: 'A', ack: data + 2 });
    const { connection, events } = accepted[0]!;
    expect(connection.state).toBe('CLOSE_WAIT');
    expect(world.read(connection)).toBe(data);
    expect(events).toEqual(data > 0 ? ['readable', 'end'] : ['end']);
  });

  it('text of the SYN in a simultaneous open, too', () => {
    const world = new World();
    const peer = world.peer();
    const { connection, events } = world.connect();
    peer.expect({ flags: 'S' });
    peer.send({ flags: 'SF', data: 20 });
    peer.expect({ flags: 'SA', ack: 1 });
    expect(connection.readableLength).toBe(0);
    peer.send({ flags: 'SA', seq: 0, ack: 1 });
    peer.expect({ flags: 'A', ack: 22 });
    expect(events).toEqual(['connect', 'readable']);
    expect(world.read(connection)).toBe(20);
    expect(connection.state).toBe('CLOSE_WAIT');
  });

  it('[SHLD-3] whoever closed meanwhile does not read it: RST', () => {
    const world = new World();
    const peer = world.peer();
    const { connection } = world.connect();
    peer.expect({ flags: 'S' });
    peer.send({ flags: 'S', data: 20 });
    peer.expect({ flags: 'SA', ack: 1 });
    world.act(() => connection.close());
    peer.send({ flags: 'A', ack: 1 });
    peer.expect({ flags: 'RA', seq: 1 });
    expect(world.stack.tcp.connections).toEqual([]);
  });

  it('only what lies in the window of the SYN-ACK', () => {
    const world = new World({ mtu: 9000, tcp: { receiveBuffer: 2048 } });
    const accepted = world.listen();
    const peer = world.client();
    peer.send({ flags: 'SF', data: 5000 });
    peer.expect({ flags: 'SA', ack: 1 });
    peer.send({ flags: 'A', seq: 5002, ack: 1 });
    peer.take();
    peer.send({ flags: 'A', seq: 1, ack: 1 });
    expect(peer.take().at(-1)).toMatchObject({ ack: 2049 });
    expect(accepted[0]!.connection.state).toBe('ESTABLISHED');
    expect(world.read(accepted[0]!.connection)).toBe(2048);
    peer.take();
  });

  it('[S-096] with half of the backlog under way it is left to the peer’s retransmission', () => {
    const world = new World();
    const accepted = world.listen({ backlog: 4 });
    const peers = Array.from({ length: 4 }, (_, i) => world.client(41_000 + i));
    for (const peer of peers) {
      peer.send({ flags: 'S', data: 1000 });
      peer.expect({ flags: 'SA', ack: 1 });
    }
    for (const peer of peers) peer.send({ flags: 'A', seq: 1001 });
    expect(accepted.length).toBe(4);
    const kept = accepted.filter(({ connection }) => connection.readableLength > 0);
    expect(kept.length).toBe(3);
    for (const peer of peers) peer.take();
  });
});

describe('RFC 9293 §3.10.4: CLOSE in SYN-RECEIVED', () => {
  it('is queued until the handshake is complete', () => {
    const { world, peer, connection, events } = inState('SYN_RECV', { open: 'active' });
    world.write(connection, 10);
    world.act(() => connection.close());
    peer.expectNothing();
    expect(events).toEqual(['close']);
    peer.send({ flags: 'A', ack: 1 });
    peer.expect({ flags: 'FPA', seq: 1, length: 10 });
    peer.send({ flags: 'A', ack: 12 });
    expect(connection.state).toBe('FIN_WAIT_2');
  });
});

describe('what a SYN may carry besides', () => {
  it.skipIf(FAMILY === 6)('[MUST-50] an IP option that nobody knows', () => {
    const world = new World();
    const accepted = world.listen();
    const peer = world.client();
    for (const segment of [{ flags: 'S' }, { flags: 'A', seq: 1, ack: 1, data: 10 }]) {
      const packet = asIpv4(peer.make(segment));
      peer.sendPacket({ ...packet, ip: { ...packet.ip, options: Uint8Array.of(0x5e, 4, 1, 2) } });
      peer.expect({ ack: peer.next });
    }
    expect(world.read(accepted[0]!.connection)).toBe(10);
  });

  it('ECE and CWR: an offer of ECN, which is not taken up where that is off', () => {
    const world = new World({ tcp: { ecn: 'off' } });
    const accepted = world.listen();
    const peer = world.client();
    peer.send({ flags: 'SEC' });
    peer.expect({ flags: 'SA' });
    peer.send({ flags: 'A' });
    expect(accepted.length).toBe(1);
  });

  it('PSH and URG without a meaning', () => {
    const world = new World();
    const accepted = world.listen();
    const peer = world.client();
    peer.send({ flags: 'SPU' });
    peer.expect({ flags: 'SA', ack: 1 });
    peer.send({ flags: 'A' });
    expect(accepted.length).toBe(1);
  });
});

describe('RFC 9293 §3.4: sequence numbers are modulo 2³²', () => {
  it('a connection whose numbers wrap in both directions is like any other', () => {
    const world = new World();
    const first = world.peer();
    const localPort = 50_000;
    world.act(() => world.connect({ localPort }).connection.abort());
    const { at, packet } = first.expect({ flags: 'S' });
    // [MUST-8] The clock behind the numbers ticks every 4 µs: wait until they stand 1000 below the wrap.
    const wanted = 2 ** 32 - 1000;
    world.advance((wanted - packet.tcp!.sequence) * 4 - (world.clock.now() - at));
    const peer = world.peer({ iss: 2 ** 32 - 5000 });
    const { connection } = world.connect({ localPort });
    expect(peer.expect({ flags: 'S' }).packet.tcp!.sequence).toBe(wanted);
    peer.send({ flags: 'SA', mss: 1460 });
    peer.expect({ flags: 'A' });
    world.write(connection, 50_000);
    for (let i = 0; i < 30; i++) {
      peer.take();
      peer.send({ flags: 'A', data: 1000 });
    }
    expect(connection.unacknowledged).toBe(0);
    // Out of order over the wrap, too: the peer's next numbers are far behind it, its SYN was before.
    expect(world.read(connection)).toBe(30_000);
    world.act(() => connection.shutdown());
    expect(peer.take().at(-1)).toMatchObject({ flags: 'FA', seq: 50_001, ack: 30_001 });
    peer.send({ flags: 'FA' });
    peer.expect({ flags: 'A', seq: 50_002, ack: 30_002 });
    expect(connection.state).toBe('TIME_WAIT');
  });

  it('segments out of order across the wrap are put together', () => {
    const { world, peer, connection } = established({ iss: 2 ** 32 - 1500 });
    for (const n of [3, 1, 2, 4]) peer.send({ flags: 'A', seq: 1 + n * 500, data: 500 });
    expect(new Set(peer.take().map(({ ack }) => ack))).toEqual(new Set([1]));
    peer.send({ flags: 'A', seq: 1, data: 500 });
    peer.expect({ flags: 'A', ack: 2501 });
    expect(world.read(connection)).toBe(2500);
  });
});

describe('RFC 9293 §3.10.7.3: SEGMENT ARRIVES in SYN-SENT', () => {
  const inSynSent = () => {
    const world = new World();
    const peer = world.peer();
    const told = world.connect();
    peer.expect({ flags: 'S', seq: 0 });
    return { world, peer, ...told };
  };

  it.each([
    ['SEG.ACK = ISS', 0],
    ['SEG.ACK < ISS', -1],
    ['SEG.ACK > SND.NXT', 2],
  ])('first: an unacceptable ACK (%s) is answered with <SEQ=SEG.ACK><CTL=RST>', (_, ack) => {
    const { peer, connection, events } = inSynSent();
    for (const flags of ['A', 'SA', 'FA']) {
      peer.send({ flags, seq: 5, ack });
      peer.expect({ flags: 'R', seq: ack, length: 0 });
    }
    expect(connection.state).toBe('SYN_SENT');
    expect(events).toEqual([]);
  });

  it('first: unless it is a RST', () => {
    const { peer, connection, events } = inSynSent();
    for (const ack of [-1, 0, 2]) peer.send({ flags: 'RA', seq: 0, ack });
    peer.expectNothing();
    expect(connection.state).toBe('SYN_SENT');
    expect(events).toEqual([]);
  });

  it('[MUST-12] second: RST with an acceptable ACK: refused', () => {
    const { peer, connection, events } = inSynSent();
    peer.send({ flags: 'RA', seq: 0, ack: 1 });
    expect(connection.state).toBe('CLOSED');
    expect(events).toEqual(['error ECONNREFUSED', 'close']);
  });

  it('second: RST with SYN and an acceptable ACK: refused all the same', () => {
    const { peer, events } = inSynSent();
    peer.send({ flags: 'SRA', seq: 0, ack: 1 });
    peer.expectNothing();
    expect(events).toEqual(['error ECONNREFUSED', 'close']);
  });

  it('second: RST without ACK is dropped', () => {
    const { peer, connection, events } = inSynSent();
    peer.send({ flags: 'R', seq: 1 });
    peer.send({ flags: 'R', seq: 0 });
    peer.expectNothing();
    expect(connection.state).toBe('SYN_SENT');
    expect(events).toEqual([]);
  });

  it('fifth: neither SYN nor RST: dropped', () => {
    const { peer, connection } = inSynSent();
    peer.send({ flags: 'A', seq: 1, ack: 1, data: 10 });
    peer.send({ flags: 'F', seq: 1 });
    peer.send({ flags: '', seq: 1, data: 10 });
    peer.expectNothing();
    expect(connection.state).toBe('SYN_SENT');
  });

  it('§3.10.4: CLOSE deletes the connection; a late SYN,ACK is answered with RST', () => {
    const { world, peer, connection, events } = inSynSent();
    world.act(() => connection.close());
    peer.expectNothing();
    expect(connection.state).toBe('CLOSED');
    expect(events).toEqual(['close']);
    peer.send({ flags: 'SA', ack: 1 });
    peer.expect({ flags: 'R', seq: 1 });
  });

  it('§3.10.5: ABORT deletes the connection without a RST', () => {
    const { world, peer, connection, events } = inSynSent();
    world.act(() => connection.abort());
    peer.expectNothing();
    expect(connection.state).toBe('CLOSED');
    expect(events).toEqual(['close']);
  });
});

describe('RFC 9293 §3.10.7.2: SEGMENT ARRIVES in LISTEN', () => {
  it('first: RST is ignored, whatever else it carries', () => {
    const world = new World();
    world.listen();
    const peer = world.client();
    for (const flags of ['R', 'RA', 'SR', 'SRA']) peer.send({ flags, seq: 5, ack: 9 });
    peer.expectNothing();
    expect(world.stack.tcp.connections).toEqual([]);
  });

  it('second: ACK is answered with <SEQ=SEG.ACK><CTL=RST>', () => {
    const world = new World();
    world.listen();
    const peer = world.client();
    for (const flags of ['A', 'SA', 'FA', 'PA']) {
      peer.send({ flags, seq: 5, ack: 900 });
      peer.expect({ flags: 'R', seq: 900, ack: 0, length: 0 });
    }
    expect(world.stack.tcp.connections).toEqual([]);
  });

  it('fourth: anything else is dropped', () => {
    const world = new World();
    world.listen();
    const peer = world.client();
    for (const flags of ['', 'F', 'P', 'FP']) peer.send({ flags, seq: 5, data: 10 });
    peer.expectNothing();
    expect(world.stack.tcp.connections).toEqual([]);
  });

  it('[S-096] the backlog bounds half-open connections: the oldest gives way', () => {
    const world = new World();
    const backlog = 4;
    const accepted = world.listen({ backlog, synCookies: 'never' });
    const peers = Array.from({ length: backlog + 2 }, (_, i) => world.client(41_000 + i));
    for (const peer of peers) {
      peer.send({ flags: 'S' });
      peer.expect({ flags: 'SA' });
    }
    expect(world.stack.tcp.connections.length).toBe(backlog);
    // Silently: a RST would answer an address that a flood made up. Who was dropped learns it from its ACK.
    for (const peer of peers) peer.expectNothing();
    peers.forEach((peer, i) => {
      peer.send({ flags: 'A' });
      if (i < peers.length - backlog) peer.expect({ flags: 'R', seq: 1 });
      else peer.expectNothing();
    });
    expect(accepted.length).toBe(backlog);
  });

  it('[S-096] the backlog does not count connections that are open', () => {
    const world = new World();
    const accepted = world.listen({ backlog: 1 });
    for (const port of [41_000, 41_001, 41_002]) {
      const peer = world.client(port);
      peer.send({ flags: 'S' });
      peer.expect({ flags: 'SA' });
      peer.send({ flags: 'A' });
    }
    expect(accepted.map(({ connection }) => connection.state)).toEqual(['ESTABLISHED', 'ESTABLISHED', 'ESTABLISHED']);
  });

  it('[MUST-41] [MUST-42] a passive open disturbs no other connection on the port', () => {
    const world = new World();
    const accepted = world.listen();
    const first = world.client(41_000);
    first.send({ flags: 'S' });
    first.expect({ flags: 'SA' });
    first.send({ flags: 'A' });
    const second = world.client(41_001);
    second.send({ flags: 'S' });
    second.expect({ flags: 'SA' });
    first.expectNothing();
    first.send({ flags: 'A', data: 10 });
    first.expect({ flags: 'A', ack: 11 });
    second.send({ flags: 'A' });
    second.send({ flags: 'A', data: 20 });
    second.expect({ flags: 'A', ack: 21 });
    expect(accepted.map(({ connection }) => world.read(connection))).toEqual([10, 20]);
    // And the listener's end disturbs neither.
    world.act(() => world.stack.tcp.listeners[0]!.close());
    first.expectNothing();
    expect(accepted.map(({ connection }) => connection.state)).toEqual(['ESTABLISHED', 'ESTABLISHED']);
    world.act(() => void world.stack.tcp.listen({ port: 7 }, () => {}));
    first.expectNothing();
    expect(accepted.map(({ connection }) => connection.state)).toEqual(['ESTABLISHED', 'ESTABLISHED']);
  });

  it('a listener that closes resets the handshakes under way', () => {
    const { world, peer } = inState('SYN_RECV');
    world.act(() => world.stack.tcp.listeners[0]!.close());
    peer.expect({ flags: 'RA', seq: 1, ack: 1 });
    expect(world.stack.tcp.connections).toEqual([]);
  });
});

describe('RFC 9293 §3.10.7.1: SEGMENT ARRIVES in CLOSED', () => {
  const closedPort = () => new World().peer({ port: 40_000, stackPort: 9999 });

  it.each([
    ['SYN', 'S', 0, 1],
    ['SYN and data', 'S', 10, 11],
    ['data', 'P', 10, 10],
    ['FIN', 'F', 0, 1],
    ['data and FIN', 'F', 10, 11],
    ['nothing', '', 0, 0],
  ])('without ACK (%s): <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>', (_, flags, data, length) => {
    const peer = closedPort();
    peer.send({ flags, seq: 1000, data });
    peer.expect({ flags: 'RA', seq: 0, ack: 1000 + length, length: 0, wnd: 0 });
  });

  it.each(['A', 'SA', 'FA', 'PA'])('with ACK (%s): <SEQ=SEG.ACK><CTL=RST>', (flags) => {
    const peer = closedPort();
    peer.send({ flags, seq: 1000, ack: 77, data: 3 });
    peer.expect({ flags: 'R', seq: 77, ack: 0, length: 0, wnd: 0 });
  });

  it('a RST is never answered', () => {
    const peer = closedPort();
    for (const flags of ['R', 'RA', 'SR', 'FRA']) peer.send({ flags, seq: 1000, ack: 77, data: 3 });
    peer.expectNothing();
  });
});

describe('RFC 9293 §3.9.2.3: source and destination of a SYN', () => {
  it.each(['10.0.0.255', '255.255.255.255', '224.0.0.1', '239.1.2.3'])(
    '[MUST-57] a SYN to %s is silently discarded, at an open port and a closed one',
    (to) => {
      const world = new World();
      const accepted = world.listen();
      for (const stackPort of [7, 9999]) world.peer({ port: 40_000, stackPort }).send({ flags: 'S', to });
      expect(world.stack.tcp.connections).toEqual([]);
      expect(accepted).toEqual([]);
    },
  );

  it.each(['10.0.0.255', '255.255.255.255', '224.0.0.1', '10.0.0.1', '127.0.0.1', '0.0.0.0', '240.0.0.1'])(
    '[MUST-63] a SYN from %s is ignored',
    (from) => {
      const world = new World();
      world.listen();
      for (const stackPort of [7, 9999]) world.peer({ port: 40_000, stackPort }).send({ flags: 'S', from });
      expect(world.stack.tcp.connections).toEqual([]);
    },
  );

  it('[S-106] port 0 is never answered', () => {
    const world = new World();
    world.listen();
    world.peer({ port: 0, stackPort: 7 }).send({ flags: 'S' });
    world.peer({ port: 40_000, stackPort: 0 }).send({ flags: 'S' });
    expect(world.stack.tcp.connections).toEqual([]);
  });

  it.each(['10.0.0.255', '255.255.255.255', '224.0.0.1'])('[MUST-46] an active open to %s is refused', (address) => {
    const { stack } = new World();
    expect(() => stack.tcp.connect({ remoteAddress: address, remotePort: 7 }, {})).toThrow('ENETUNREACH');
    expect(stack.tcp.connections).toEqual([]);
  });
});

describe('RFC 9293 §3.9.1.1: local address', () => {
  const twoAddresses = () => new World({ addresses: ['10.0.0.1/24', '10.1.0.1/24'] });

  it('[MUST-43] [MUST-45] the address given stands in every segment', () => {
    const world = twoAddresses();
    const peer = world.peer();
    const { connection } = world.connect({ localAddress: '10.1.0.1' });
    const syn = peer.expect({ flags: 'S' });
    expect(syn.packet.ip.source.toString()).toBe('10.1.0.1');
    peer.send({ flags: 'SA', ack: 1, to: '10.1.0.1' });
    world.write(connection, 10);
    world.act(() => connection.shutdown());
    const sources = peer.take().map(({ packet }) => packet.ip.source.toString());
    expect(new Set(sources)).toEqual(new Set(['10.1.0.1']));
    expect(connection.state).toBe('FIN_WAIT_1');
  });

  it('[MUST-44] without one IP chooses that of the way to the peer', () => {
    const world = twoAddresses();
    const peer = world.peer();
    world.connect();
    const syn = peer.expect({ flags: 'S' });
    expect(syn.packet.ip.source.toString()).toBe('10.0.0.1');
  });

  it('[MUST-43] a listener bound to one address does not answer for another', () => {
    const world = twoAddresses();
    world.listen({ address: '10.0.0.1' });
    const peer = world.client();
    peer.send({ flags: 'S', to: '10.1.0.1' });
    peer.expect({ flags: 'RA', seq: 0, ack: 1 });
    peer.send({ flags: 'S', seq: 0 });
    peer.expect({ flags: 'SA', seq: 0, ack: 1 });
  });
});

describe('RFC 9293 §3.4.1: initial sequence numbers', () => {
  it('[MUST-8] [SHLD-1] [S-059] every connection has its own, in both directions of opening', () => {
    const world = new World();
    world.listen();
    const numbers = new Set<number>();
    for (let i = 0; i < 20; i++) {
      const peer = world.client(41_000 + i);
      peer.send({ flags: 'S' });
      numbers.add(peer.expect({ flags: 'SA' }).packet.tcp!.sequence);
    }
    for (let i = 0; i < 20; i++) {
      const peer = world.peer({ port: 5000 + i });
      world.connect({ remotePort: 5000 + i });
      numbers.add(peer.expect({ flags: 'S' }).packet.tcp!.sequence);
    }
    expect(numbers.size).toBe(40);
  });

  it('[MUST-9] nobody can tell it from the ports and the clock: another secret, other numbers', () => {
    const issOf = (seed: number) => {
      const world = new World({ seed });
      world.listen();
      const peer = world.client();
      peer.send({ flags: 'S' });
      return peer.expect({ flags: 'SA' }).packet.tcp!.sequence;
    };
    expect(issOf(1)).toBe(issOf(1));
    expect(new Set([1, 2, 3, 4, 5].map(issOf)).size).toBe(5);
  });
});

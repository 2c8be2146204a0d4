import { describe, expect, it } from 'vitest';
import type { ConnectionOptions, ListenOptions } from '../../src/index.ts';
import { stamp } from '../support/tcp-extended.ts';
import type { Heard, SegmentSpec, TcpPeer } from '../support/tcp-peer.ts';
import { World } from '../support/tcp-world.ts';
import { hostAt, FAMILY } from '../support/family.ts';

const SECOND = 1_000_000;
const MSS = 1000;

/** A connection that a peer has opened with this SYN, by default one that asks for ECN. */
function accepted(syn: Partial<SegmentSpec> = {}, tcp: ConnectionOptions = {}, rtt: number = 0) {
  const world = new World({ tcp });
  const list = world.listen();
  const peer = world.client();
  peer.wnd = syn.wnd ?? peer.wnd;
  peer.send({ flags: 'SEC', mss: MSS, ...syn });
  const answer = peer.take()[0]!;
  world.advance(rtt);
  peer.send({ flags: 'A' });
  return { world, peer, answer, ...list[0]! };
}

/** A connection that the stack has opened, asking for ECN, with this SYN-ACK. */
function opened(answer: Partial<SegmentSpec> = {}, tcp: ConnectionOptions = {}) {
  const world = new World({ tcp: { ecn: 'request', ...tcp } });
  const peer = world.peer();
  const told = world.connect();
  const syn = peer.take()[0]!;
  peer.send({ flags: 'SAE', mss: MSS, ...answer });
  peer.expect({ flags: 'A', seq: 1, ack: 1, ect: 'not-ect' });
  return { world, peer, syn, ...told };
}

/** The ECN side of what has come: flags without P, and codepoint. */
function marks(heard: readonly Heard[]): string[] {
  return heard.map(({ flags, ect }) => `${flags.replace('P', '')} ${ect}`);
}

describe('RFC 3168 §6.1.1: TCP initialization', () => {
  it('[S-086] [SHLD-8] a SYN that asks has ECE and CWR, its SYN-ACK ECE alone; neither is ECT', () => {
    const { syn, connection } = opened();
    expect(marks([syn])).toEqual(['SEC not-ect']);
    expect(connection.info().ecn).toBe(true);
    const { answer, connection: other } = accepted();
    expect(marks([answer])).toEqual(['SAE not-ect']);
    expect(other.info().ecn).toBe(true);
  });

  it.each([
    ['a SYN-ACK without ECE', 'SA'],
    ['one who reflects both bits (§6.1.1.2)', 'SAEC'],
    ['a SYN-ACK with CWR alone', 'SAC'],
  ])('[S-086] %s refuses: nothing is ECT', (_, flags) => {
    const { world, peer, connection } = opened({ flags });
    expect(connection.info().ecn).toBe(false);
    world.write(connection, 100);
    peer.expect({ flags: 'PA', length: 100, ect: 'not-ect' });
  });

  it.each(['S', 'SE', 'SC'])('[S-086] a SYN with flags %s does not ask', (flags) => {
    const { world, peer, answer, connection } = accepted({ flags });
    expect(answer.flags).toBe('SA');
    world.write(connection, 100);
    peer.expect({ length: 100, ect: 'not-ect' });
    // What is marked nevertheless is not echoed.
    peer.send({ flags: 'A', data: 100, ect: 'ce' });
    peer.expect({ flags: 'A', ack: 101 });
  });

  it('[S-086] the option: off never agrees, accept does not ask', () => {
    expect(accepted({}, { ecn: 'off' }).answer.flags).toBe('SA');
    expect(opened({ flags: 'SA' }, { ecn: 'accept' }).syn.flags).toBe('S');
    expect(opened({ flags: 'SA' }, { ecn: 'off' }).syn.flags).toBe('S');
    const { stack } = new World();
    const to = { remoteAddress: hostAt(2), remotePort: 7 };
    const wrong = { code: 'ERR_INVALID_ARG_VALUE', message: /'ecn' is one of off, accept, request, not 'on'/u };
    expect(() => stack.tcp.connect({ ...to, ...JSON.parse('{"ecn":"on"}') }, {})).toThrowError(
      expect.objectContaining({ code: wrong.code, message: expect.stringMatching(wrong.message) }),
    );
  });

  it('[S-086] §6.1.1.1: a SYN that is sent again does not ask any more', () => {
    const world = new World({ tcp: { ecn: 'request' } });
    const peer = world.peer();
    const { connection } = world.connect();
    peer.expect({ flags: 'SEC' });
    world.advance(SECOND);
    peer.expect({ flags: 'S', seq: 0 });
    // The answer to the first one was late: we must not set ECT, but have to echo.
    peer.send({ flags: 'SAE', mss: MSS });
    peer.expect({ flags: 'A' });
    expect(connection.info().ecn).toBe(false);
    world.write(connection, 100);
    peer.expect({ length: 100, ect: 'not-ect' });
    peer.ack();
    peer.send({ flags: 'A', data: 100, ect: 'ce' });
    peer.expect({ flags: 'AE', ack: 101 });
  });

  it('[S-086] §6.1.1.1: a SYN that is reset is sent again without ECN, once', () => {
    const world = new World({ tcp: { ecn: 'request' } });
    const peer = world.peer();
    const { events } = world.connect();
    peer.expect({ flags: 'SEC' });
    peer.send({ flags: 'RA', seq: 0, ack: 1 });
    peer.expect({ flags: 'S', seq: 0 });
    expect(events).toEqual([]);
    peer.send({ flags: 'RA', seq: 0, ack: 1 });
    peer.expectNothing();
    expect(events).toEqual(['error ECONNREFUSED', 'close']);
  });

  it('[S-086] §6.1.1.1: and may then be accepted', () => {
    const world = new World({ tcp: { ecn: 'request' } });
    const peer = world.peer();
    const { connection } = world.connect();
    peer.expect({ flags: 'SEC' });
    peer.send({ flags: 'RA', seq: 0, ack: 1 });
    peer.expect({ flags: 'S', seq: 0 });
    peer.send({ flags: 'SA', seq: 0, mss: MSS });
    peer.expect({ flags: 'A' });
    expect(connection.state).toBe('ESTABLISHED');
    expect(connection.info().ecn).toBe(false);
  });

  it('[S-086] §6.1.1.1: a peer whose SYN comes again without ECN has given it up', () => {
    const world = new World();
    const list = world.listen();
    const peer = world.client();
    peer.send({ flags: 'SEC', mss: MSS });
    peer.expect({ flags: 'SAE' });
    peer.send({ flags: 'S', seq: 0, mss: MSS });
    peer.expect({ flags: 'SA' });
    peer.send({ flags: 'A' });
    expect(list[0]!.connection.info().ecn).toBe(false);
  });

  it('[S-086] a SYN-ACK that is sent again agrees as the first did', () => {
    const world = new World();
    const list = world.listen();
    const peer = world.client();
    peer.send({ flags: 'SEC', mss: MSS });
    peer.expect({ flags: 'SAE' });
    world.advance(SECOND);
    peer.expect({ flags: 'SAE' });
    peer.send({ flags: 'A' });
    expect(list[0]!.connection.info().ecn).toBe(true);
  });

  it('[S-086] a simultaneous open agrees when both ask', () => {
    const world = new World({ tcp: { ecn: 'request' } });
    const peer = world.peer();
    const { connection } = world.connect();
    peer.expect({ flags: 'SEC' });
    peer.send({ flags: 'SEC', mss: MSS });
    peer.expect({ flags: 'SAE', ack: 1 });
    peer.send({ flags: 'SAE', seq: 0, ack: 1 });
    expect(connection.state).toBe('ESTABLISHED');
    expect(connection.info().ecn).toBe(true);
  });

  it('[S-086] [S-096] a SYN cookie remembers it, where there are timestamps', () => {
    for (const [syn, options, agreed] of [
      [{ flags: 'SEC', options: stamp(5000) }, {}, true],
      [{ flags: 'SEC' }, {}, false],
      [{ flags: 'S', options: stamp(5000) }, {}, false],
      [{ flags: 'SEC', options: stamp(5000) }, { ecn: 'off' }, false],
    ] as [SegmentSpec, ListenOptions, boolean][]) {
      const world = new World();
      const list = world.listen({ synCookies: 'always', ...options });
      const peer = world.client();
      peer.send({ mss: MSS, ...syn });
      const answer = peer.expect({ flags: agreed ? 'SAE' : 'SA', ect: 'not-ect' });
      peer.send({ flags: 'A', ...(answer.tsval === undefined ? {} : { tsval: 5001, tsecr: answer.tsval }) });
      const { connection } = list[0]!;
      expect(connection.info().ecn).toBe(agreed);
      peer.send({ flags: 'A', data: 100, ect: 'ce', ...(answer.tsval === undefined ? {} : { tsval: 5001 }) });
      peer.expect({ flags: agreed ? 'AE' : 'A', ack: 101 });
    }
  });
});

describe('RFC 3168 §6.1.2: the sender', () => {
  /** Ten segments on their way. */
  function sending(tcp: ConnectionOptions = {}, syn: Partial<SegmentSpec> = {}, rtt: number = 0) {
    const made = accepted(syn, { congestion: 'reno', ...tcp }, rtt);
    made.world.write(made.connection, 30 * MSS);
    expect(marks(made.peer.take())).toEqual(Array.from({ length: 10 }, () => 'A ect0'));
    return made;
  }

  it.each([true, false])('[S-086] halves the window once for all marks of a window; SACK: %s', (sackPermitted) => {
    const { peer, connection } = sending({}, { sackPermitted });
    peer.ack(1 + 2 * MSS, {});
    peer.take();
    const before = connection.info();
    const flight = 12 * MSS;
    expect(before.flight).toBe(flight);
    peer.send({ flags: 'AE', ack: 1 + 4 * MSS });
    const after = connection.info();
    expect([after.cwnd, after.ssthresh]).toEqual([flight / 2, flight / 2]);
    // No increase for what ECE acknowledges, and no other reduction up to SND.NXT as it was.
    for (let segments = 6; segments <= 14; segments += 2) peer.send({ flags: 'AE', ack: 1 + segments * MSS });
    expect(connection.info().cwnd).toBe(flight / 2);
    expect(connection.info().ecnEchoes).toBe(6);
    // The first data behind that is a new window.
    peer.send({ flags: 'AE', ack: 1 + 16 * MSS });
    expect(connection.info().cwnd).toBeLessThan(flight / 2);
    peer.take();
  });

  it.each([true, false])(
    '[S-086] nothing makes the window larger before its data is acknowledged; SACK: %s',
    (sack) => {
      const { peer, connection } = sending({}, { sackPermitted: sack });
      peer.send({ flags: 'AE', ack: 1 + MSS });
      const { cwnd } = connection.info();
      for (let n = 2; n < 10; n++) peer.send({ flags: 'A', ack: 1 + n * MSS });
      expect(connection.info().cwnd).toBe(cwnd);
      peer.take();
      peer.ack();
      peer.take();
      peer.ack();
      expect(connection.info().cwnd).toBeGreaterThan(cwnd);
      peer.take();
    },
  );

  it('[S-079] RFC 9937 §4: when that is over the window alone says how much may go', () => {
    const { world, peer, connection } = sending({}, { sackPermitted: true });
    peer.send({ flags: 'AE', ack: 1 + MSS });
    while (connection.info().unsent > 0) {
      peer.take();
      peer.ack();
    }
    peer.take();
    peer.ack();
    const segments = Math.floor(connection.info().cwnd / MSS);
    expect(segments).toBeGreaterThan(4);
    world.write(connection, 20 * MSS);
    expect(peer.take()).toHaveLength(segments);
  });

  it('[S-086] [S-079] a loss amid that goes on with the same reduction, and does not begin another', () => {
    const { world, peer, connection } = sending({}, { sackPermitted: true }, 50_000);
    world.write(connection, 20 * MSS);
    for (let n = 1; n <= 10; n++) {
      world.advance(5000);
      peer.send({ flags: 'A', ack: 1 + n * MSS });
    }
    expect(connection.info()).toMatchObject({ cwnd: 20 * MSS, pipe: 20 * MSS });
    world.advance(50_000);
    peer.send({ flags: 'AE', ack: 1 + 11 * MSS });
    expect(connection.info().ssthresh).toBe(10 * MSS);
    for (let n = 12; n <= 14; n++) peer.send({ flags: 'A', ack: 1 + n * MSS });
    for (let n = 16; n <= 30; n++) {
      peer.send({ flags: 'A', ack: 1 + 14 * MSS, sack: [[1 + 15 * MSS, 1 + n * MSS]] });
    }
    expect(connection.info()).toMatchObject({ recovery: 'recovery', ssthresh: 10 * MSS });
    // Nineteen of twenty segments have arrived, and half as many have left.
    expect(connection.info().pipe).toBe(10 * MSS);
    peer.take();
  });

  it('[S-086] [S-080] a loss that a probe of the tail has repaired amid that ends with it, and is told once', () => {
    const { world, peer, connection } = accepted({ sackPermitted: true }, { congestion: 'reno' }, 50_000);
    const told: string[] = [];
    world.stack.on('tcp-recovery', (event) => {
      if (event.type !== 'retransmit') told.push('cause' in event ? `${event.type} ${event.cause}` : event.type);
    });
    world.write(connection, 3 * MSS);
    world.advance(50_000);
    peer.take();
    peer.ack(1 + MSS);
    world.advance(110_000);
    // The probe.
    expect(peer.take().map(({ seq }) => seq)).toEqual([1 + 2 * MSS]);
    world.write(connection, 5 * MSS);
    peer.take();
    peer.send({ flags: 'AE', ack: 1 + 2 * MSS });
    peer.send({ flags: 'A', ack: 1 + 4 * MSS });
    expect(told).toEqual(['loss ecn', 'loss tail-loss-probe']);
    peer.ack();
    expect(told).toEqual(['loss ecn', 'loss tail-loss-probe', 'recovered']);
    peer.take();
  });

  // What is written, and when, is laid out for the sizes that are tried over IPv4.
  it.skipIf(FAMILY === 6)('[S-054] RFC 4821 §7.4: no probe of a larger size amid that', () => {
    const { world, peer, connection } = accepted(
      { mss: 1460, sackPermitted: true },
      { congestion: 'reno', pathMtuDiscovery: 'probe' },
    );
    for (const bytes of [10_000, 20_000, 40_000]) {
      world.write(connection, bytes);
      world.advance(50_000);
      for (const { seq, length } of peer.take()) if (bytes < 40_000) peer.ack(seq + length);
    }
    peer.send({ flags: 'AE', ack: peer.heardUpTo - 5000 });
    const { cwnd, flight, mss } = connection.info();
    expect(cwnd - flight).toBeGreaterThan(2 * mss);
    world.write(connection, 20_000);
    for (const { length } of peer.take()) expect(length).toBeLessThanOrEqual(mss);
    peer.ack();
    world.write(connection, 20_000);
    expect(peer.take().some(({ length }) => length > mss)).toBe(true);
  });

  it('[S-086] says CWR on the first new data after that, and on nothing else', () => {
    const { peer } = sending();
    peer.send({ flags: 'AE', ack: 1 + 2 * MSS });
    peer.expectNothing();
    peer.send({ flags: 'AE', ack: 1 + 6 * MSS });
    expect(marks(peer.take())).toEqual(['AC ect0']);
    peer.send({ flags: 'A', ack: 1 + 10 * MSS });
    expect(new Set(marks(peer.take()))).toEqual(new Set(['A ect0']));
  });

  it('[S-086] CWR and a loss of the same window: one reduction', () => {
    const { peer, connection } = sending();
    peer.send({ flags: 'AE', ack: 1 + MSS });
    const { ssthresh } = connection.info();
    expect(ssthresh).toBe(5 * MSS);
    for (let i = 0; i < 3; i++) peer.send({ flags: 'AE', ack: 1 + MSS });
    const again = peer.take().find(({ seq }) => seq === 1 + MSS)!;
    expect(marks([again])).toEqual(['A not-ect']);
    expect(connection.info().ssthresh).toBe(ssthresh);
  });

  it('[S-086] a loss says CWR, too, and its window’s marks are no news; §6.1.5: what is sent again is not ECT', () => {
    const { peer, connection } = sending();
    for (let i = 0; i < 3; i++) peer.send({ flags: 'A', ack: 1 });
    const sent = peer.take();
    const again = sent.filter(({ seq }) => seq === 1);
    expect(marks(again)).toEqual(['A not-ect']);
    const { ssthresh } = connection.info();
    peer.send({ flags: 'AE', ack: peer.heardUpTo });
    expect(connection.info().ssthresh).toBe(ssthresh);
    const fresh = [...sent, ...peer.take()].filter(({ seq }) => seq >= 1 + 12 * MSS);
    expect(marks(fresh.slice(0, 1))).toEqual(['AC ect0']);
    expect(new Set(marks(fresh.slice(1)))).toEqual(new Set(['A ect0']));
  });

  it.each([
    ['a loss that was none is taken back', 'A', true],
    ['but not when a mark was told of meanwhile (RFC 4015 §3.1 step 9)', 'AE', false],
  ])('[S-086] [S-082] %s', (_, flags, undone) => {
    const { world, peer, connection } = accepted({ timestamps: true }, { congestion: 'reno' });
    world.write(connection, 30 * MSS);
    const original = peer.take()[0]!;
    const old = { tsecr: original.tsval! };
    world.advance(50_000);
    const before = connection.info();
    for (let i = 0; i < 3; i++) peer.send({ flags: 'A', ack: 1, ...old });
    const reduced = connection.info();
    expect(reduced.ssthresh).toBeLessThan(before.ssthresh);
    peer.send({ flags, ack: 1, ...old });
    // What was sent first had only come late.
    peer.send({ flags: 'A', ack: 1 + original.length, ...old });
    peer.take();
    expect(connection.info().ssthresh).toBe(undone ? before.ssthresh : reduced.ssthresh);
  });

  it('[S-086] a timeout says CWR, too', () => {
    const { world, peer } = sending();
    world.advance(SECOND);
    const [again] = peer.take();
    expect([again!.seq, ...marks([again!])]).toEqual([1, 'A not-ect']);
    peer.send({ flags: 'A', ack: 1 + 10 * MSS });
    expect(marks(peer.take())[0]).toBe('AC ect0');
  });

  it('an ECE in an old ACK, or without agreement, means nothing', () => {
    const { peer, connection } = sending();
    peer.send({ flags: 'A', ack: 1 + 4 * MSS });
    const { cwnd } = connection.info();
    peer.send({ flags: 'AE', ack: 1 + 2 * MSS });
    expect(connection.info()).toMatchObject({ cwnd, ecnEchoes: 0 });
    peer.take();
    const plain = accepted({ flags: 'S' });
    plain.world.write(plain.connection, 30 * MSS);
    plain.peer.take();
    const before = plain.connection.info().cwnd;
    plain.peer.send({ flags: 'AE', ack: 1 + 2 * MSS });
    expect(plain.connection.info().cwnd).toBeGreaterThan(before);
    plain.peer.take();
  });

  /** Marks all the way, 10, 5, … segments, until the window is one, and that was marked, too. */
  function pausing() {
    const made = accepted();
    const { world, peer, connection } = made;
    world.write(connection, 60 * MSS);
    for (let i = 0; i < 8 && connection.info().cwnd > MSS; i++) {
      peer.take();
      peer.send({ flags: 'AE', ack: peer.heardUpTo });
    }
    expect(connection.info().cwnd).toBe(MSS);
    peer.take();
    peer.send({ flags: 'AE', ack: peer.heardUpTo });
    peer.expectNothing();
    return made;
  }

  it('a window of one segment waits for the retransmission timer', () => {
    const { world, peer, connection } = pausing();
    const { rto } = connection.info();
    world.advance(rto * 1000 - 1000);
    peer.expectNothing();
    world.advance(2000);
    expect(marks(peer.take())).toEqual(['AC ect0']);
    expect(connection.info().timeouts).toBe(0);
  });

  it('another timer does not end that wait', () => {
    const { world, peer, connection } = pausing();
    const { rto } = connection.info();
    for (let i = 0; i < 20; i++) peer.send({ flags: 'A', data: MSS });
    world.read(connection);
    peer.take();
    // The ACK of this is delayed, and due before.
    peer.send({ flags: 'A', data: 10 });
    peer.expectNothing();
    world.advance(rto * 1000 - 1000);
    expect(peer.take().map(({ length }) => length)).toEqual([0]);
    world.advance(2000);
    expect(marks(peer.take())).toEqual(['AC ect0']);
  });

  it('[SHLD-7] a sender that waits so for a mark is not one that waits for a window: what is small goes on waiting', () => {
    const { world, peer, connection } = pausing();
    world.advance(connection.info().rto * 1000 + 1000);
    expect(peer.take().map(({ length }) => length)).toEqual([MSS]);
    peer.ack();
    for (let i = 0; i < 100 && connection.info().unsent >= MSS; i++) {
      peer.take();
      peer.ack();
    }
    peer.take();
    expect(connection.info()).toMatchObject({ unsent: 0 });
    world.write(connection, 100);
    peer.expectNothing();
  });

  it('[S-009] the codepoint stands beside the DSCP', () => {
    const { world, peer, connection } = accepted({}, { dscp: 46 });
    world.write(connection, 100);
    peer.expect({ trafficClass: (46 << 2) | 2 });
    peer.send({ flags: 'A', data: MSS });
    peer.expect({ flags: 'A', trafficClass: 46 << 2 });
  });

  it('a congestion controller that does nothing about marks sends nothing that may be marked', () => {
    const { world, peer, answer, connection } = accepted({}, { congestion: 'bbr' });
    expect(answer.flags).toBe('SAE');
    world.write(connection, 100);
    peer.expect({ length: 100, ect: 'not-ect' });
    peer.send({ flags: 'A', data: 100, ect: 'ce' });
    peer.expect({ flags: 'AE', ack: 101 });
  });
});

describe('RFC 3168 §6.1.3: the receiver', () => {
  /** What the stack answers to two full segments, the second with these marks. */
  function answer(peer: TcpPeer, rest: Partial<SegmentSpec>): Heard {
    peer.sendAll([
      { flags: 'A', data: MSS, ect: 'ect0' },
      { flags: 'A', data: MSS, ect: 'ect0', ...rest },
    ]);
    return peer.expect({ length: 0 });
  }

  it('[S-086] says ECE from a mark on, in every segment, until CWR', () => {
    const { world, peer, connection } = accepted();
    expect(answer(peer, {}).flags).toBe('A');
    expect(answer(peer, { ect: 'ce' }).flags).toBe('AE');
    expect(answer(peer, {}).flags).toBe('AE');
    world.write(connection, 10);
    peer.expect({ flags: 'PAE', length: 10, ect: 'ect0' });
    peer.ack();
    expect(answer(peer, { flags: 'AC' }).flags).toBe('A');
    expect(connection.info().ecnMarks).toBe(1);
    expect(answer(peer, { flags: 'AC', ect: 'ce' }).flags).toBe('AE');
  });

  it('[S-086] an ACK for several segments says ECE if any of them was marked', () => {
    const { peer } = accepted();
    peer.sendAll([
      { flags: 'A', data: MSS, ect: 'ce' },
      { flags: 'A', data: MSS, ect: 'ect1' },
    ]);
    peer.expect({ flags: 'AE', ack: 1 + 2 * MSS, ect: 'not-ect' });
  });

  it('[S-086] a mark on what comes out of order counts, one outside the window does not (§6.1.5)', () => {
    const { peer } = accepted();
    peer.send({ flags: 'A', seq: 1, data: MSS });
    peer.expect({ flags: 'A' });
    peer.send({ flags: 'A', seq: 1, data: MSS, ect: 'ce' });
    peer.expect({ flags: 'A', ack: 1 + MSS });
    peer.send({ flags: 'A', seq: 10_000_000, data: MSS, ect: 'ce' });
    peer.expect({ flags: 'A', ack: 1 + MSS });
    peer.send({ flags: 'A', seq: 1 + 2 * MSS, data: MSS, ect: 'ce' });
    peer.expect({ flags: 'AE', ack: 1 + MSS });
  });

  it('[S-086] §6.1.4: a mark on a pure ACK means nothing', () => {
    const { peer } = accepted();
    peer.send({ flags: 'A', ect: 'ce' });
    peer.expectNothing();
    expect(answer(peer, {}).flags).toBe('A');
  });

  it('[S-086] §6.1.6: a mark on a window probe is echoed', () => {
    const { peer } = accepted({}, { receiveBuffer: 4 * MSS });
    for (let i = 0; i < 4; i++) peer.send({ flags: 'A', data: MSS });
    peer.take();
    expect(peer.rightEdge).toBe(peer.next);
    peer.send({ flags: 'A', data: 1, ect: 'ce' });
    peer.expect({ flags: 'AE', ack: 1 + 4 * MSS, wnd: 0 });
  });

  it('[S-086] §6.1.1: a SYN and a RST have neither ECT nor ECE', () => {
    const { world, peer, connection } = accepted();
    peer.send({ flags: 'A', data: MSS, ect: 'ce' });
    peer.expect({ flags: 'AE' });
    world.act(() => connection.abort());
    peer.expect({ flags: 'RA', ect: 'not-ect' });
  });
});

describe('RFC 3168 §6.1.4, §6.1.6: what is never ECT', () => {
  it('[S-086] window probes, which don’t say CWR either', () => {
    const { world, peer, connection } = accepted();
    world.write(connection, 10);
    peer.expect({ length: 10, ect: 'ect0' });
    peer.send({ flags: 'AE', ack: 11, wnd: 0 });
    world.write(connection, 10);
    world.advance(SECOND);
    const probes = peer.take();
    expect(probes.length).toBeGreaterThan(0);
    for (const { flags, length, ect } of probes) expect([flags, length, ect]).toEqual(['PA', 1, 'not-ect']);
    peer.send({ flags: 'A', ack: 11, wnd: 1000 });
    peer.expect({ seq: 11, flags: 'PAC', length: 10, ect: 'ect0' });
  });

  it('[S-086] keep-alives, FIN and its ACK', () => {
    const keepAlive = { keepAlive: true, keepAliveIdle: 1000 };
    const { world, peer, connection } = accepted({}, keepAlive);
    world.advance(SECOND);
    peer.expect({ flags: 'A', seq: 0, length: 0, ect: 'not-ect' });
    peer.ack(1);
    world.act(() => connection.shutdown());
    peer.expect({ flags: 'FA', ect: 'not-ect' });
    peer.send({ flags: 'FA' });
    peer.expect({ flags: 'A', ect: 'not-ect' });
  });
});

describe('RFC 3168 §6.1.2: marks and losses of one window, with SACK', () => {
  const SACK = { sackPermitted: true };

  it('[S-086] the ECE of a SYN-ACK echoes nothing', () => {
    const { connection } = opened();
    expect(connection.info()).toMatchObject({ ecn: true, ecnEchoes: 0 });
  });

  it('[S-086] a mark, then a loss of the same window: one reduction; the next window is another', () => {
    const { world, peer, connection } = accepted(SACK, { congestion: 'reno' });
    world.write(connection, 30 * MSS);
    expect(peer.take()).toHaveLength(10);
    peer.send({ flags: 'AE', ack: 1 + MSS });
    const { ssthresh } = connection.info();
    expect(ssthresh).toBe(5 * MSS);
    peer.send({ flags: 'AE', ack: 1 + 8 * MSS });
    expect(peer.take().at(-1)!.seq).toBeGreaterThan(1 + 10 * MSS);
    const lost = 1 + 8 * MSS;
    for (const n of [10, 11, 12]) peer.send({ flags: 'AE', ack: lost, sack: [[lost + MSS, 1 + n * MSS]] });
    // PRR has sent new data for the mark, and now what was lost.
    expect(peer.take()).toContainEqual(expect.objectContaining({ seq: lost, length: MSS }));
    expect(connection.info()).toMatchObject({ recovery: 'recovery', ssthresh });
    // Marks that come meanwhile are answered by the recovery, even when they are of the next window.
    peer.send({ flags: 'AE', ack: 1 + 12 * MSS });
    expect(connection.info()).toMatchObject({ recovery: 'recovery', ssthresh });
    peer.take();
    peer.send({ flags: 'A', ack: peer.heardUpTo });
    peer.take();
    expect(connection.info()).toMatchObject({ recovery: 'open', ssthresh });
  });

  it('[S-086] a mark, and a tail loss probe that has repaired a loss of the same window: one reduction', () => {
    const { world, peer, connection } = accepted(SACK, { congestion: 'reno' });
    world.write(connection, MSS);
    world.advance(100_000);
    peer.take();
    peer.send({ flags: 'A', ack: 1 + MSS });
    world.write(connection, 4 * MSS);
    expect(peer.take()).toHaveLength(4);
    world.advance(50_000);
    const [probe] = peer.take();
    expect(probe).toMatchObject({ seq: 1 + 4 * MSS, length: MSS });
    expect(connection.info().timeouts).toBe(0);
    world.write(connection, 3 * MSS);
    expect(peer.take()).toHaveLength(3);
    peer.send({ flags: 'AE', ack: 1 + 4 * MSS });
    const { ssthresh, cwnd } = connection.info();
    expect(ssthresh).toBe(cwnd);
    // Without a D-SACK: the probe has taken the place of its original.
    peer.send({ flags: 'A', ack: 1 + 6 * MSS });
    expect(connection.info().ssthresh).toBe(ssthresh);
    peer.send({ flags: 'A', ack: 1 + 8 * MSS });
  });
});

import { describe, expect, it } from 'vitest';
import type { SegmentSpec } from '../support/tcp-peer.ts';
import { World, established, inState } from '../support/tcp-world.ts';

/** What each state makes of each segment stands in rfc9293-input; here are the RFC's own scenes, and its throttle. */
const SECOND = 1_000_000;

describe('RFC 5961 §3: blind reset attack using the RST bit', () => {
  it('[S-088] §3.2: a genuine RST with a number inside the window works by way of the challenge', () => {
    const { peer, connection, events } = established();
    // The peer sent data that was lost, and died.
    peer.send({ flags: 'R', seq: 1001 });
    const challenge = peer.expect({ flags: 'A', seq: 1, ack: 1, length: 0 });
    expect(connection.state).toBe('ESTABLISHED');
    // Nothing is there any more: <SEQ=SEG.ACK><CTL=RST>
    peer.send({ flags: 'R', seq: challenge.ack });
    expect(connection.state).toBe('CLOSED');
    expect(events).toEqual(['error ECONNRESET', 'close']);
  });

  it('[S-088] no number but one in four thousand million resets', () => {
    const { world, peer, connection } = established();
    for (let i = 1; i < 2 ** 31; i *= 2) {
      for (const seq of [1 - i, 1 + i]) {
        peer.send({ flags: 'R', seq });
        peer.send({ flags: 'RA', seq, data: 1000 });
      }
      world.advance(SECOND);
      for (const answer of peer.take()) expect(answer).toMatchObject({ flags: 'A', seq: 1, ack: 1, length: 0 });
    }
    expect(connection.state).toBe('ESTABLISHED');
  });

  it('[S-088] §8: the corner case, in which data and RSTs overtake each other', () => {
    const { world, peer, connection } = established();
    peer.send({ flags: 'A', seq: 1, data: 100 });
    const acked = peer.expect({ flags: 'A', ack: 101 });
    // 1.c reaches A before 1.b: challenged.
    peer.send({ flags: 'R', seq: 201 });
    peer.expect({ flags: 'A', ack: 101 });
    world.read(connection);
    peer.take();
    // 1.b reaches A, the response to the challenge is too old now, 4.c ends it.
    peer.send({ flags: 'A', seq: 101, data: 100 });
    peer.expect({ flags: 'A', ack: 201 });
    peer.send({ flags: 'R', seq: acked.ack });
    peer.expectNothing();
    expect(connection.state).toBe('ESTABLISHED');
    peer.send({ flags: 'R', seq: 201 });
    expect(connection.state).toBe('CLOSED');
  });
});

describe('RFC 5961 §4: blind reset attack using the SYN bit', () => {
  it('[S-089] §4.2: a peer that restarted answers the challenge with RST, and its next SYN gets through', () => {
    const { world, peer, connection } = established();
    const restarted = world.client(peer.port, peer.iss + 1_000_000);
    restarted.irs = peer.irs;
    restarted.send({ flags: 'S' });
    const challenge = restarted.expect({ flags: 'A', seq: 1, length: 0 });
    restarted.send({ flags: 'R', seq: challenge.ack });
    expect(connection.state).toBe('CLOSED');
    restarted.send({ flags: 'S', seq: 0 });
    restarted.expect({ flags: 'SA', seq: 0, ack: 1 });
  });

  it('[S-089] the connection goes on after a spoofed SYN, whatever it says', () => {
    const { world, peer, connection } = established();
    world.write(connection, 100);
    peer.expect({ length: 100 });
    peer.send({ flags: 'S', seq: 500, mss: 100, windowScale: 14, wnd: 1, data: 50 });
    peer.expect({ flags: 'A', seq: 101, ack: 1 });
    expect(connection.info()).toMatchObject({ mss: 1460, receiveScale: 0, sendWindow: 65_535, unread: 0 });
    peer.send({ flags: 'A', seq: 1, ack: 101, data: 10 });
    peer.expect({ flags: 'A', ack: 11 });
    expect(world.read(connection)).toBe(10);
  });
});

describe('RFC 5961 §5: blind data injection attack', () => {
  it('[S-090] [MAY-12] MAX.SND.WND is the largest window that the peer ever offered, scaled', () => {
    const { world, peer, connection } = established({ wnd: 1000, windowScale: 4 });
    // Offered once: 500 << 4; now it is smaller.
    peer.send({ flags: 'A', wnd: 500 });
    peer.send({ flags: 'A', wnd: 10 });
    const largest = 1000 * 2 ** 4;
    peer.send({ flags: 'A', ack: 1 - largest, data: 10 });
    peer.expect({ flags: 'A', ack: 11 });
    peer.send({ flags: 'A', ack: 1 - largest - 1, data: 10 });
    peer.expect({ flags: 'A', ack: 11 });
    expect(world.read(connection)).toBe(10);
  });

  it('[S-090] data whose ACK is out of range never reaches the application, in order or not', () => {
    const { world, peer, connection } = established({ wnd: 1000 });
    for (const ack of [2, 100_000, -1000, -1_000_000, 2 ** 30]) {
      peer.send({ flags: 'A', seq: 1, ack, data: 50 });
      peer.send({ flags: 'A', seq: 51, ack, data: 50 });
      world.advance(SECOND);
    }
    expect(connection.info()).toMatchObject({ unread: 0, outOfOrder: 0 });
    for (const answer of peer.take()) expect(answer).toMatchObject({ flags: 'A', seq: 1, ack: 1, length: 0 });
  });
});

describe('RFC 5961 §7: ACK throttling', () => {
  const CAUSES: readonly [string, SegmentSpec][] = [
    ['RSTs inside the window', { flags: 'R', seq: 100 }],
    ['SYNs', { flags: 'S', seq: 100 }],
    ['SYNs outside of the window', { flags: 'S', seq: -100 }],
    ['ACKs of what was not sent', { flags: 'A', seq: 1, ack: 1000 }],
    ['ACKs outside of the window', { flags: 'A', seq: -100 }],
  ];

  it.each(CAUSES)(
    '[S-091] a flood of %s brings a few challenge ACKs a second, and they don’t run out',
    (_, segment) => {
      const { world, peer, connection } = established();
      const seconds = 10;
      let answers = 0;
      for (let i = 0; i < 100 * seconds; i++) {
        peer.send(segment);
        answers += peer.take().length;
        world.advance(SECOND / 100);
      }
      // §7 suggests 10 in 5 seconds.
      expect(answers).toBeLessThanOrEqual(2 * seconds + 1);
      expect(answers).toBeGreaterThanOrEqual(seconds);
      expect(connection.state).toBe('ESTABLISHED');
      expect(world.stack.statistics().drops['tcp-challenge-limited']).toBe(100 * seconds - answers);
    },
  );

  it('[S-091] the limit is each connection’s own: it tells nothing of others (CVE-2016-5696)', () => {
    const world = new World();
    world.listen();
    const peers = [41_000, 41_001, 41_002].map((port) => world.client(port));
    for (const peer of peers) {
      peer.send({ flags: 'S' });
      peer.expect({ flags: 'SA' });
      peer.send({ flags: 'A' });
    }
    const [first, ...others] = peers;
    for (let i = 0; i < 50; i++) first!.send({ flags: 'R', seq: 100 });
    first!.expect({ flags: 'A' });
    first!.expectNothing();
    for (const peer of others) {
      peer.send({ flags: 'R', seq: 100 });
      peer.expect({ flags: 'A' });
    }
  });

  it('[S-091] text out of the window is always answered: it is a retransmission whose ACK was lost', () => {
    const { peer } = established();
    peer.send({ flags: 'A', data: 100 });
    peer.expect({ ack: 101 });
    for (let i = 0; i < 10; i++) {
      peer.send({ flags: 'A', seq: 1, data: 100 });
      peer.expect({ flags: 'A', ack: 101, length: 0 });
    }
  });

  it('[S-091] SYNs are no more often answered when the receive window is closed', () => {
    const { world, peer } = established({ tcp: { receiveBuffer: 4096 } });
    for (let i = 0; i < 4; i++) peer.send({ flags: 'A', data: 1024 });
    world.advance(SECOND);
    expect(peer.take().at(-1)).toMatchObject({ ack: 4097, wnd: 0 });
    for (let i = 0; i < 10; i++) peer.send({ flags: 'S', seq: 4097 });
    peer.expect({ flags: 'A', ack: 4097, wnd: 0 });
    peer.expectNothing();
  });

  it.each(['ESTABLISHED', 'CLOSE_WAIT', 'FIN_WAIT_2', 'TIME_WAIT'] as const)(
    '[S-091] two ends that disagree don’t answer each other for ever, in %s',
    (state) => {
      const { world, peer } = inState(state);
      // The peer believes that it has sent and received 1000 bytes more, and says so to everything it hears.
      const stubborn: SegmentSpec = { flags: 'A', seq: peer.next + 100_000, ack: peer.heardUpTo + 1000 };
      peer.send(stubborn);
      const seconds = 20;
      let exchanged = 0;
      for (let i = 0; i < 1000 * seconds; i++) {
        for (const heard of peer.take()) {
          expect(heard).toMatchObject({ flags: 'A', length: 0 });
          exchanged++;
          peer.send(stubborn);
        }
        world.advance(SECOND / 1000);
      }
      expect(exchanged).toBeLessThanOrEqual(2 * seconds + 1);
    },
  );
});

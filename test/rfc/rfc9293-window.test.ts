import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stream } from '../support/tcp-peer.ts';
import type { TcpPeer } from '../support/tcp-peer.ts';
import { established } from '../support/tcp-world.ts';
import type { Established } from '../support/tcp-world.ts';

const SECOND = 1_000_000;
const HOUR = 3600 * SECOND;
const MSS = 1460;
/** A round-trip time, and what RFC 6298 §2.2 makes of the first sample: SRTT + 4 · RTTVAR, RTTVAR = R / 2. */
const RTT = 100_000;
const RTO = RTT + 4 * (RTT / 2);

/** A connection whose owner does not read, with a small receive buffer, filled to the last byte. */
function full(receiveBuffer: number = 2048): Established {
  const made = established({ tcp: { receiveBuffer } });
  const { peer } = made;
  while (peer.next - 1 < receiveBuffer) {
    peer.send({ flags: 'A', data: Math.min(512, receiveBuffer - (peer.next - 1)) });
  }
  const last = peer.take().at(-1);
  expect(last).toMatchObject({ ack: 1 + receiveBuffer, wnd: 0 });
  return made;
}

describe('RFC 9293 §3.10.7.4, first: check the sequence number, with a zero window', () => {
  it('data is not accepted, and is answered with an ACK that says so', () => {
    const { world, peer, connection } = full();
    peer.send({ flags: 'A', seq: 2049, data: 1 });
    peer.expect({ flags: 'A', ack: 2049, wnd: 0, length: 0 });
    peer.send({ flags: 'A', seq: 2049, data: 100 });
    peer.expect({ flags: 'A', ack: 2049, wnd: 0, length: 0 });
    expect(world.read(connection)).toBe(2048);
    peer.take();
  });

  it('[MUST-66] what such a segment acknowledges counts', () => {
    const { world, peer, connection } = full();
    world.write(connection, 100);
    peer.expect({ flags: 'PA', length: 100 });
    expect(connection.unacknowledged).toBe(100);
    peer.send({ flags: 'A', seq: 2049, ack: 101, data: 1 });
    peer.expect({ flags: 'A', seq: 101, ack: 2049, wnd: 0 });
    expect(connection.unacknowledged).toBe(0);
  });

  it('a bare ACK with RCV.NXT is acceptable', () => {
    const { world, peer, connection } = full();
    world.write(connection, 100);
    peer.expect({ flags: 'PA', length: 100 });
    peer.send({ flags: 'A', seq: 2049, ack: 101 });
    peer.expectNothing();
    expect(connection.unacknowledged).toBe(0);
  });

  it('one with another number is not', () => {
    const { world, peer, connection } = full();
    world.write(connection, 100);
    peer.expect({ flags: 'PA', length: 100 });
    peer.send({ flags: 'A', seq: 2050, ack: 101 });
    peer.expect({ flags: 'A', ack: 2049, wnd: 0 });
    expect(connection.unacknowledged).toBe(100);
  });

  it.each([
    ['RST', 0],
    ['RST with data', 20],
  ])('[MUST-66] [SHLD-2] %s is processed', (_, data) => {
    const { peer, connection, events } = full();
    peer.send({ flags: 'R', seq: 2049, data });
    peer.expectNothing();
    expect(connection.state).toBe('CLOSED');
    expect(events).toContain('error ECONNRESET');
  });

  it('[S-088] a RST with another number is not', () => {
    const { peer, connection } = full();
    peer.send({ flags: 'R', seq: 2050 });
    peer.send({ flags: 'R', seq: 2048 });
    peer.expectNothing();
    expect(connection.state).toBe('ESTABLISHED');
  });

  it('[MAY-8] the window may stay closed as long as the owner wants, every probe is answered', () => {
    const { world, peer, connection } = full();
    for (let i = 0; i < 100; i++) {
      world.advance(120 * SECOND);
      peer.send({ flags: 'A', seq: 2049, data: 1 });
      peer.expect({ flags: 'A', ack: 2049, wnd: 0 });
    }
    expect(connection.state).toBe('ESTABLISHED');
  });

  it('two ends with closed windows probe each other and neither is stuck', () => {
    const { world, peer, connection } = full();
    peer.send({ flags: 'A', seq: 2049, wnd: 0 });
    world.write(connection, 10);
    peer.expectNothing();
    world.advance(2 * SECOND);
    const [probe] = peer.take();
    expect(probe).toMatchObject({ seq: 1, length: 1, wnd: 0 });
    // The peer's own probe tells that it took our byte, and that its window is open.
    peer.send({ flags: 'A', seq: 2049, ack: 2, wnd: 1000, data: 1 });
    const answers = peer.take();
    expect(answers.some(({ seq, length }) => seq === 2 && length === 9)).toBe(true);
  });
});

describe('RFC 9293 §3.8.6: the receive window', () => {
  it('segments that reach over the right edge are cut there', () => {
    const { world, peer, connection } = established({ tcp: { receiveBuffer: 2048 } });
    peer.send({ flags: 'A', data: 1400 });
    peer.send({ flags: 'A', data: 1400 });
    peer.take();
    expect(world.read(connection)).toBe(2048);
    peer.take();
  });

  it('[SHLD-14] [S-063] the right edge never moves back, whatever arrives and is read', () => {
    const step = fc.oneof(
      fc.record({ send: fc.integer({ min: 1, max: 1460 }), skip: fc.nat(3000) }),
      fc.record({ read: fc.integer({ min: 1, max: 4000 }) }),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 2048, max: 200_000 }),
        fc.option(fc.nat(14)),
        fc.array(step, { maxLength: 60 }),
        (receiveBuffer, shift, steps) => {
          const scaling = shift === null ? {} : { windowScale: shift };
          const { world, peer, connection } = established({ tcp: { receiveBuffer }, ...scaling });
          const scale = connection.info().receiveScale;
          let edge = 0;
          let sent = 0;
          for (const action of steps) {
            if ('read' in action) world.read(connection, action.read);
            else {
              // Data that the window allows for; with a gap in front of it now and then.
              const seq = 1 + sent + (action.skip < 1000 ? 0 : action.skip);
              peer.send({ flags: 'A', seq, data: action.send });
              if (action.skip < 1000) sent += action.send;
            }
            for (const { ack, wnd } of peer.take()) {
              const now = ack + wnd * 2 ** connection.info().sendScale;
              expect(now).toBeGreaterThanOrEqual(edge - 2 ** connection.info().sendScale + 1);
              edge = Math.max(edge, now);
              sent = ack - 1;
            }
          }
          expect(scale).toBe(shift ?? 0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('what waits behind a gap lies inside the window, and takes no room of it', () => {
    const { world, peer, connection } = established({ tcp: { receiveBuffer: 20_000 } });
    peer.send({ flags: 'A', seq: 1 + 2 * MSS, data: MSS });
    peer.expect({ flags: 'A', ack: 1, wnd: 20_000 });
    peer.send({ flags: 'A', seq: 1, data: MSS });
    // In order and unread: that takes the buffer, and the edge stands where it stood.
    peer.expect({ flags: 'A', ack: 1 + MSS, wnd: 20_000 - MSS });
    expect(world.read(connection)).toBe(MSS);
    // Read: RCV.NXT + RCV.WND is a whole buffer ahead again, whatever lies in between.
    peer.send({ flags: 'A', seq: 1 + 3 * MSS, data: MSS });
    peer.expect({ flags: 'A', ack: 1 + MSS, wnd: 20_000 });
    peer.send({ flags: 'R', seq: 1 + MSS });
  });

  it('of a buffer that sizes itself opens by what waits behind a gap, and to twice the buffer at most', () => {
    const { peer, connection } = established({ sack: true, windowScale: 7, tcp: { maxReceiveBuffer: 65_536 } });
    const scale = 2 ** connection.info().sendScale;
    expect(connection.info().receiveBuffer).toBe(65_536);
    const windows: number[] = [];
    for (let i = 1; i < 100; i++) {
      peer.send({ flags: 'A', seq: 1 + i * MSS, data: MSS });
      for (const { ack, wnd } of peer.take()) {
        expect(ack).toBe(1);
        windows.push(wnd * scale);
      }
    }
    expect(windows[0]).toBeGreaterThan(65_536);
    // Less by what is no whole step yet ([MUST-39]).
    expect(windows.at(-1)).toBeGreaterThan(2 * 65_536 - MSS);
    expect(windows.at(-1)).toBeLessThanOrEqual(2 * 65_536);
    expect(connection.info().outOfOrder).toBeLessThanOrEqual(2 * 65_536);
    peer.send({ flags: 'R', seq: 1 });
  });

  it.each([
    ['half the buffer when that is less than a segment', 2048, 1024],
    ['a segment', 8192, MSS],
  ])('[MUST-39] a closed window opens in a step of %s', (_, receiveBuffer, step) => {
    const { world, peer, connection } = full(receiveBuffer);
    for (let read = 1; read < step; read++) world.read(connection, 1);
    peer.expectNothing();
    world.read(connection, 1);
    const update = peer.expect({ flags: 'A', ack: 1 + receiveBuffer, length: 0 });
    expect(update.wnd).toBe(step);
  });

  it('[MUST-39] small segments and small reads never lead to a small window', () => {
    const receiveBuffer = 8192;
    const { world, peer, connection } = full(receiveBuffer);
    let edge = 1 + receiveBuffer;
    for (let i = 0; i < 3000; i++) {
      world.read(connection, 10);
      const room = edge - peer.next;
      if (room > 0) peer.send({ flags: 'A', data: Math.min(room, 10) });
      for (const { ack, wnd } of peer.take()) {
        const moved = ack + wnd - edge;
        if (moved !== 0) expect(moved).toBeGreaterThanOrEqual(Math.min(receiveBuffer / 2, MSS));
        edge = ack + wnd;
      }
    }
    expect(edge).toBeGreaterThan(2 * receiveBuffer);
  });
});

/** Acknowledges everything that comes, until nothing comes any more; returns the largest amount ever in flight. */
function acknowledgeAll(peer: TcpPeer, wnd: number): number {
  let largest = 0;
  for (;;) {
    const heard = peer.take();
    if (heard.length === 0) return largest;
    const from = heard[0]!.seq;
    const last = heard.at(-1)!;
    largest = Math.max(largest, last.seq + last.length - from);
    peer.send({ flags: 'A', wnd });
  }
}

describe('RFC 9293 §3.8.6: the receive window, where SACK is not agreed on', () => {
  it('RFC 5681 §2 (e): stays as it is beside a gap, or the peer would count no duplicate ACK', () => {
    const { world, peer, connection } = established({ sack: false, windowScale: 7, rtt: 20_000 });
    for (let i = 0; i < 8; i++) {
      peer.send({ flags: 'A', data: MSS });
      world.advance(50_000);
      world.read(connection);
    }
    peer.take();
    const hole = peer.next;
    const windows: number[] = [];
    for (let i = 1; i <= 6; i++) {
      peer.send({ flags: 'A', seq: hole + i * MSS, data: MSS });
      windows.push(...peer.take().map(({ wnd }) => wnd));
    }
    expect(windows.length).toBe(6);
    expect(new Set(windows).size).toBe(1);
    peer.send({ flags: 'R', seq: hole });
  });
});

describe('RFC 9293 §3.8.6: text that finds no memory', () => {
  it('is answered, with a closed window: who heard nothing would take this end for dead', () => {
    const { world, peer, connection } = established({ rtt: 20_000, memory: 100_000, windowScale: 7 });
    const other = world.client(40_001);
    other.send({ flags: 'S', mss: 1460, windowScale: 7 });
    other.expect({ flags: 'SA' });
    other.send({ flags: 'A' });
    for (let i = 0; i < 200; i++) other.send({ flags: 'A', data: MSS });
    other.take();
    while (connection.readableLength < 4096) peer.send({ flags: 'A', data: 1400 });
    world.advance(50_000);
    peer.take();
    const seq = 1 + connection.readableLength;
    for (let i = 0; i < 3; i++) {
      peer.send({ flags: 'A', seq, data: 1400 });
      peer.expect({ flags: 'A', ack: seq, wnd: 0 });
    }
    // Memory is there again: the next probe hears of it.
    const hog = world.stack.tcp.connections.find((made) => made !== connection)!;
    world.act(() => hog.abort());
    other.expect({ flags: 'RA' });
    peer.send({ flags: 'A', seq, data: 1 });
    expect(peer.take().at(-1)!.wnd).toBeGreaterThan(0);
    peer.send({ flags: 'R', seq: seq });
    peer.send({ flags: 'R', seq: seq + 1 });
  });
});

describe('RFC 9293 §3.8.6: the send window', () => {
  it('SND.WL1: a segment that acknowledges something new brings its window, though later text came before it', () => {
    const { world, peer, connection } = established({ rtt: 20_000, wnd: 2000 });
    world.write(connection, 1000);
    peer.expect({ flags: 'PA', length: 1000 });
    peer.send({ flags: 'A', seq: 101, ack: 1, wnd: 1000, data: 100 });
    peer.expect({ ack: 1 });
    // What was lost, sent again.
    peer.send({ flags: 'A', seq: 1, ack: 1001, wnd: 30_000, data: 100 });
    peer.expect({ ack: 201 });
    expect(connection.info().sendWindow).toBe(30_000);
  });

  it('[MUST-1] a window of more than 32,767 is no negative one', () => {
    const wnd = 40_000;
    const { world, peer, connection } = established({ wnd });
    world.write(connection, 500_000);
    const largest = acknowledgeAll(peer, wnd);
    expect(largest).toBeGreaterThan(32_767);
    expect(largest).toBeLessThanOrEqual(wnd);
    expect(connection.unacknowledged).toBe(0);
  });

  it('nothing is ever sent beyond SND.UNA + SND.WND', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ opens: fc.nat(6000), acknowledges: fc.double({ min: 0, max: 1, noNaN: true }) }), {
          maxLength: 40,
        }),
        (steps) => {
          let edge = 1 + 3000;
          const { world, peer, connection } = established({ wnd: 3000 });
          world.write(connection, 100_000);
          let heard = 1;
          let una = 1;
          for (const { opens, acknowledges } of steps) {
            for (const { seq, length } of peer.take()) {
              expect(seq + length).toBeLessThanOrEqual(edge);
              heard = Math.max(heard, seq + length);
            }
            una += Math.floor((heard - una) * acknowledges);
            edge = Math.min(edge + opens, una + 65_535);
            peer.send({ flags: 'A', ack: una, wnd: edge - una });
          }
          peer.take();
        },
      ),
      { numRuns: 60 },
    );
  });

  it('a FIN takes its octet of the window, too', () => {
    const { world, peer, connection } = established({ wnd: 100 });
    world.act(() => {
      connection.write(stream(0, 100));
      connection.shutdown();
    });
    peer.expect({ flags: 'PA', seq: 1, length: 100 });
    peer.expectNothing();
    peer.send({ flags: 'A', ack: 101, wnd: 0 });
    peer.expectNothing();
    peer.send({ flags: 'A', ack: 101, wnd: 1 });
    peer.expect({ flags: 'FA', seq: 101, length: 0 });
  });

  it('SND.WL1: a segment that is older than the last one does not update the window', () => {
    const { peer, connection } = established({ wnd: 1000 });
    peer.send({ flags: 'A', seq: 101, data: 100, wnd: 2000 });
    peer.send({ flags: 'A', seq: 1, data: 100, wnd: 60_000 });
    expect(connection.info().sendWindow).toBe(2000);
    peer.send({ flags: 'A', seq: 201, wnd: 3000 });
    expect(connection.info().sendWindow).toBe(3000);
    peer.take();
  });

  it('SND.WL2: nor does an ACK that is older, with the same number or a newer one', () => {
    const { world, peer, connection } = established({ wnd: 1000 });
    world.write(connection, 100);
    peer.expect({ flags: 'PA' });
    peer.send({ flags: 'A', seq: 1, ack: 101, wnd: 3000 });
    peer.send({ flags: 'A', seq: 1, ack: 1, wnd: 50_000 });
    peer.send({ flags: 'A', seq: 1, ack: 1, data: 10, wnd: 50_000 });
    expect(peer.take().at(-1)).toMatchObject({ ack: 11 });
    peer.send({ flags: 'A', seq: 11, ack: 1, data: 10, wnd: 50_000 });
    expect(peer.take().at(-1)).toMatchObject({ ack: 21 });
    expect(connection.info().sendWindow).toBe(3000);
  });

  describe('[MUST-38] silly-window avoidance of the sender', () => {
    it('a usable window below a segment and below half the largest window is not used', () => {
      const { world, peer, connection } = established({ wnd: 2000 });
      world.write(connection, 10_000);
      peer.expect({ flags: 'A', seq: 1, length: MSS });
      peer.expectNothing();
      peer.send({ flags: 'A', ack: 1 + MSS, wnd: 999 });
      peer.expectNothing();
      peer.send({ flags: 'A', ack: 1 + MSS, wnd: 1000 });
      peer.expect({ flags: 'A', seq: 1 + MSS, length: 1000 });
    });

    it('a window that opens byte by byte brings whole segments', () => {
      const { world, peer, connection } = established({ wnd: 20_000 });
      world.write(connection, 400_000);
      let una = peer.take().reduce((end, { seq, length }) => Math.max(end, seq + length), 0);
      const before = una;
      for (let i = 0, wnd = 0; i < 400; i++, wnd += 20) {
        peer.send({ flags: 'A', ack: una, wnd });
        for (const { seq, length } of peer.take()) {
          expect(length).toBe(MSS);
          una = seq + length;
          wnd = 0;
        }
      }
      expect(una - before).toBeGreaterThan(2 * MSS);
    });

    it('[MUST-60] what is held back goes after the override time-out, between 0.1 and 1 second', () => {
      const { world, peer, connection } = established({ wnd: 2000, rtt: RTT });
      world.write(connection, 10_000);
      peer.expect({ flags: 'A', seq: 1, length: MSS });
      peer.send({ flags: 'A', ack: 1 + MSS, wnd: 500 });
      peer.expectNothing();
      const since = world.clock.now();
      world.advance(SECOND);
      const [first] = peer.take();
      expect(first).toMatchObject({ seq: 1 + MSS, length: 500 });
      expect(first!.at - since).toBeGreaterThanOrEqual(SECOND / 10);
      expect(first!.at - since).toBeLessThanOrEqual(SECOND);
    });

    it('everything that is left goes at once when the window allows it', () => {
      const { world, peer, connection } = established({ wnd: 4000 });
      world.write(connection, 300);
      peer.expect({ flags: 'PA', length: 300 });
    });
  });
});

describe('RFC 9293 §3.8.6: a window that shrinks', () => {
  it('[MUST-34] what the peer sends then is acknowledged with a number that it finds acceptable: inside its window', () => {
    const { world, peer, connection } = established();
    world.write(connection, 4 * MSS);
    expect(peer.take()).toHaveLength(4);
    // It has taken nothing of that, and has no room any more.
    peer.wnd = 0;
    peer.send({ flags: 'A', ack: 1 });
    peer.take();
    for (let i = 0; i < 4; i++) peer.send({ flags: 'PA', ack: 1, data: 1000 });
    const answers = peer.take();
    expect(answers.at(-1)).toMatchObject({ ack: 4001, length: 0 });
    // §3.10.7.4: with a window of 0 only SEG.SEQ = RCV.NXT is.
    for (const answer of answers) expect(answer.seq).toBe(1);
    world.act(() => connection.abort());
    peer.take();
  });

  /** Four segments are out, then the peer takes back all but one. */
  const shrunk = (wnd: number) => {
    const made = established({ wnd: 4 * MSS, rtt: RTT });
    const { world, peer, connection } = made;
    world.write(connection, 8 * MSS);
    expect(peer.take().map(({ seq }) => seq)).toEqual([0, 1, 2, 3].map((i) => 1 + i * MSS));
    peer.send({ flags: 'A', ack: 1, wnd });
    return made;
  };

  it('[MUST-34] [SHLD-15] no new data is sent while the usable window is negative', () => {
    const { world, peer } = shrunk(MSS);
    peer.expectNothing();
    world.advance(10 * SECOND);
    for (const { seq, length } of peer.take()) expect(seq + length).toBeLessThanOrEqual(1 + 4 * MSS);
  });

  it('[SHLD-16] old data inside SND.UNA + SND.WND is retransmitted, beyond it not', () => {
    const { world, peer } = shrunk(MSS);
    world.advance(2 * RTO);
    peer.expect({ flags: 'A', seq: 1, length: MSS });
    peer.expectNothing();
    world.advance(30 * SECOND);
    for (const { seq, length } of peer.take()) expect(seq + length).toBeLessThanOrEqual(1 + MSS);
  });

  it('[SHLD-16] also when a part of a segment is inside', () => {
    const { world, peer } = shrunk(MSS + 100);
    world.advance(2 * RTO);
    for (const { seq, length } of peer.take()) expect(seq + length).toBeLessThanOrEqual(1 + MSS + 100);
  });

  it('[SHLD-17] the connection is not given up for what lies beyond the edge, and goes on later', () => {
    const { world, peer, connection } = shrunk(MSS);
    peer.send({ flags: 'A', ack: 1 + MSS, wnd: 0 });
    for (let i = 0; i < 60; i++) {
      world.advance(HOUR / 30);
      for (const { seq, length } of peer.take()) {
        expect({ seq, length }).toEqual({ seq: 1 + MSS, length: 1 });
        peer.send({ flags: 'A', ack: 1 + MSS, wnd: 0 });
      }
    }
    expect(connection.state).toBe('ESTABLISHED');
    peer.send({ flags: 'A', ack: 1 + MSS, wnd: 8 * MSS });
    for (let i = 0; i < 20; i++) {
      world.advance(SECOND);
      peer.take();
      peer.send({ flags: 'A' });
    }
    expect(connection.unacknowledged).toBe(0);
  });

  it('[MUST-35] a window shrunk to zero is probed: the first after one RTO', () => {
    const { world, peer } = shrunk(0);
    const since = world.clock.now();
    peer.expectNothing();
    world.advance(RTO);
    const probe = peer.expect({ seq: 1, length: 1 });
    expect(probe.at - since).toBe(RTO);
    // What lies beyond the window is not retransmitted meanwhile.
    world.advance(20 * SECOND);
    for (const { seq, length } of peer.take()) expect({ seq, length }).toEqual({ seq: 1, length: 1 });
  });
});

describe('RFC 9293 §3.8.6.1: R2 of a closed window', () => {
  it.each([
    ['R2', {}],
    ['a user timeout of 30 s', { userTimeout: 30_000 }],
  ])('[MUST-37] begins with the first probe that nobody answers: an idle hour does not count towards %s', (_, tcp) => {
    const { world, peer, connection, events } = established({ rtt: RTT, tcp });
    world.write(connection, 100);
    peer.expect({ flags: 'PA', length: 100 });
    peer.send({ flags: 'A', ack: 101, wnd: 0 });
    world.advance(HOUR);
    events.length = 0;
    world.write(connection, 100);
    world.advance(10 * SECOND);
    expect(peer.take().length).toBeGreaterThan(1);
    expect(events).toEqual([]);
    expect(connection.state).toBe('ESTABLISHED');
  });

  it('[MUST-21] a user timeout is not overshot by the back-off, which goes on where it was', () => {
    const { world, peer, connection } = established({ rtt: RTT, tcp: { userTimeout: 5000 } });
    world.write(connection, 100);
    peer.expect({ flags: 'PA', length: 100 });
    peer.send({ flags: 'A', ack: 101, wnd: 0 });
    world.write(connection, 100);
    const probes: number[] = [];
    // The peer answers for a quarter of an hour. Then it is gone.
    for (let second = 0; second < 900; second++) {
      world.advance(SECOND);
      for (const _ of peer.take()) {
        peer.send({ flags: 'A', ack: 101, wnd: 0 });
        probes.push(second);
      }
    }
    expect(probes.at(-1)! - probes.at(-2)!).toBe(120);
    expect(connection.state).toBe('ESTABLISHED');
    let gone = 900 - probes.at(-1)!;
    for (; connection.state !== 'CLOSED' && gone < 1000; gone++) {
      world.advance(SECOND);
      peer.take();
    }
    // The next probe comes 120 s after the last that was answered.
    expect(gone).toBeGreaterThanOrEqual(125);
    expect(gone).toBeLessThanOrEqual(126);
  });
});

describe('RFC 9293 §3.8.6.1: zero-window probing', () => {
  const closedWindow = (options: { userTimeout?: number } = {}) => {
    const made = established({ wnd: 1000, rtt: RTT, tcp: options });
    made.peer.send({ flags: 'A', wnd: 0 });
    made.world.write(made.connection, 100);
    made.peer.expectNothing();
    return made;
  };

  it('[MUST-36] [SHLD-29] the first probe comes when the window has been zero for one RTO, with one octet', () => {
    const { world, peer } = closedWindow();
    world.advance(RTO - 1);
    peer.expectNothing();
    world.advance(1);
    peer.expect({ seq: 1, length: 1 });
  });

  it('[SHLD-30] the interval doubles from probe to probe, answered or not, up to a bound of minutes', () => {
    const { world, peer } = closedWindow();
    const times: number[] = [];
    const until = world.clock.now() + HOUR;
    while (world.clock.now() < until) {
      world.advance(RTO / 10);
      for (const { at, seq, length } of peer.take()) {
        expect({ seq, length }).toEqual({ seq: 1, length: 1 });
        times.push(at);
        peer.send({ flags: 'A', ack: 1, wnd: 0 });
      }
    }
    const intervals = times.slice(1).map((at, i) => at - times[i]!);
    const longest = Math.max(...intervals);
    expect(intervals[0]).toBe(2 * RTO);
    expect(longest).toBeGreaterThanOrEqual(60 * SECOND);
    intervals.slice(1).forEach((interval, i) => expect(interval).toBe(Math.min(2 * intervals[i]!, longest)));
  });

  it('[MUST-37] [S-101] while probes are acknowledged the connection lives on, for days', () => {
    const { world, peer, connection, events } = closedWindow({ userTimeout: 5000 });
    while (world.clock.now() < 72 * HOUR) {
      world.clock.advanceTo(world.clock.nextDeadline);
      for (const { seq, length } of peer.take()) {
        expect({ seq, length }).toEqual({ seq: 1, length: 1 });
        peer.send({ flags: 'A', ack: 1, wnd: 0 });
      }
    }
    expect(connection.state).toBe('ESTABLISHED');
    expect(events).toEqual([]);
    peer.send({ flags: 'A', ack: 1, wnd: 1000 });
    peer.expect({ flags: 'PA', seq: 1, length: 100 });
  });

  it('[S-101] RFC 6429 §4: an orphan does not wait for ever for a peer that keeps its window closed', () => {
    const { world, peer, connection } = closedWindow();
    world.act(() => connection.close());
    const answerUntil = (time: number): void => {
      while (connection.state !== 'CLOSED' && world.clock.nextDeadline <= time) {
        world.clock.advanceTo(world.clock.nextDeadline);
        for (const { flags } of peer.take()) if (!flags.includes('R')) peer.send({ flags: 'A', ack: 1, wnd: 0 });
      }
    };
    answerUntil(120 * SECOND);
    expect(connection.state).toBe('FIN_WAIT_1');
    answerUntil(1200 * SECOND);
    expect(connection.state).toBe('CLOSED');
  });

  it('[MUST-20] probes that nobody answers count towards R2', () => {
    const { world, peer, connection, events } = closedWindow({ userTimeout: 20_000 });
    world.advance(19 * SECOND);
    expect(connection.state).toBe('ESTABLISHED');
    world.advance(41 * SECOND);
    expect(connection.state).toBe('CLOSED');
    expect(events).toEqual(['error ETIMEDOUT', 'close']);
    peer.take();
  });

  it('data flows at once when the window opens, also when the peer has kept the probe’s octet', () => {
    const { world, peer, connection } = closedWindow();
    world.advance(RTO);
    peer.expect({ seq: 1, length: 1 });
    peer.send({ flags: 'A', ack: 2, wnd: 1000 });
    peer.expect({ flags: 'PA', seq: 2, length: 99 });
    peer.send({ flags: 'A', ack: 101, wnd: 1000 });
    expect(connection.unacknowledged).toBe(0);
  });

  it('octet by octet, if that is what the peer takes', () => {
    const { world, peer, connection } = closedWindow();
    for (let taken = 1; taken <= 100; taken++) {
      world.advance(121 * SECOND);
      const probes = peer.take();
      expect(probes.length).toBeGreaterThan(0);
      for (const { seq, length } of probes) expect({ seq, length }).toEqual({ seq: taken, length: 1 });
      peer.send({ flags: 'A', ack: taken + 1, wnd: 0 });
    }
    expect(connection.unacknowledged).toBe(0);
    world.advance(HOUR);
    peer.expectNothing();
  });

  it('a FIN alone is probed for, too', () => {
    const { world, peer, connection } = established({ wnd: 1000, rtt: RTT });
    peer.send({ flags: 'A', wnd: 0 });
    world.act(() => connection.shutdown());
    peer.expectNothing();
    world.advance(RTO);
    peer.expect({ flags: 'FA', seq: 1, length: 0 });
    peer.send({ flags: 'A', ack: 2, wnd: 0 });
    expect(connection.state).toBe('FIN_WAIT_2');
    world.advance(HOUR);
    peer.expectNothing();
  });

  it('[S-090] an ACK of an octet that no probe has carried is still too new', () => {
    const { world, peer, connection } = closedWindow();
    world.advance(RTO);
    peer.expect({ seq: 1, length: 1 });
    peer.send({ flags: 'A', ack: 3, wnd: 0 });
    peer.expect({ flags: 'A', seq: 1, length: 0 });
    world.write(connection, 900);
    peer.send({ flags: 'A', ack: 1, wnd: 500 });
    peer.expect({ flags: 'A', seq: 1, length: 500 });
    peer.send({ flags: 'A', ack: 502, wnd: 1000 });
    expect(connection.unacknowledged).toBe(1000);
  });
});

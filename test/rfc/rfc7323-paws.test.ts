import { describe, expect, it } from 'vitest';
import { extended, sackOf, stamp, stampOf } from '../support/tcp-extended.ts';
import type { Extended, ExtendedOptions } from '../support/tcp-extended.ts';
import type { SegmentSpec } from '../support/tcp-peer.ts';

const SECOND = 1_000_000;
const DAY = 24 * 3600 * SECOND;

/** TS.Recent is `recent`, by 100 bytes that were received and acknowledged. */
function after(recent: number, options: ExtendedOptions = {}): Extended {
  const made = extended({ tsValue: recent - 1, ...options });
  made.stamped(recent, { flags: 'A', data: 100 });
  made.peer.expect({ ack: 101 });
  return made;
}

function drops({ world }: Extended): Record<string, number> {
  return { ...world.stack.statistics().drops };
}

describe('RFC 7323 §3.2: a segment without timestamps, once they are agreed upon', () => {
  it('[S-064] is dropped silently, and never ends the connection', () => {
    const made = after(10);
    const { peer, connection } = made;
    peer.send({ flags: 'A', seq: 101, data: 100 });
    peer.send({ flags: 'FA', seq: 101 });
    peer.expectNothing();
    expect(connection.readableLength).toBe(100);
    expect(connection.state).toBe('ESTABLISHED');
    expect(drops(made)['tcp-no-timestamp']).toBe(2);
  });

  it('[S-064] but not a RST', () => {
    const { peer, events } = after(10);
    peer.send({ flags: 'R', seq: 101 });
    expect(events).toContain('error ECONNRESET');
  });

  it('[S-064] [S-089] nor a SYN, which may come from a peer that has started anew', () => {
    const { peer } = after(10);
    peer.send({ flags: 'S', seq: 70_000, mss: 1460 });
    peer.expect({ flags: 'A', seq: 1, ack: 101, length: 0 });
  });
});

describe('RFC 7323 §5.3: PAWS', () => {
  it('[S-066] R1: an older segment is answered with an ACK and dropped, wherever it lies', () => {
    const made = after(10);
    const { peer, stamped, connection } = made;
    for (const seq of [101, 301]) {
      stamped(9, { flags: 'A', seq, data: 100 });
      const ack = peer.expect({ flags: 'A', seq: 1, ack: 101, length: 0 });
      expect(sackOf(ack, peer)).toEqual([]);
      peer.expectNothing();
    }
    expect(connection.info()).toMatchObject({ unread: 100, outOfOrder: 0 });
    expect(drops(made)['tcp-paws']).toBe(2);
    stamped(10, { flags: 'A', seq: 101, data: 100 });
    peer.expect({ ack: 201 });
  });

  it.each([
    ['an ACK', { flags: 'A', ack: 1001 }],
    ['a FIN', { flags: 'FA', ack: 1001 }],
    ['a SYN', { flags: 'S' }],
    ['a window update', { flags: 'A', wnd: 1 }],
  ])('[S-066] R1: the same with %s', (_, segment) => {
    const { world, peer, connection, stamped } = after(10);
    world.write(connection, 1000);
    peer.take();
    stamped(9, { seq: 101, ...segment });
    peer.expect({ flags: 'A', ack: 101, length: 0 });
    expect(connection.info()).toMatchObject({ state: 'ESTABLISHED', flight: 1000, sendWindow: 65_535 });
  });

  it('[S-066] R1: a RST is excepted', () => {
    const { stamped, events } = after(10);
    stamped(9, { flags: 'R', seq: 101 });
    expect(events).toContain('error ECONNRESET');
  });

  it('[S-066] [S-091] R1: bare ACKs are not answered without end', () => {
    const { world, peer, stamped } = after(10);
    for (let i = 0; i < 10; i++) stamped(9, { flags: 'A', seq: 101 });
    expect(peer.take()).toHaveLength(1);
    world.advance(SECOND);
    stamped(9, { flags: 'A', seq: 101 });
    expect(peer.take()).toHaveLength(1);
  });

  it('[S-066] R1 comes before R2: an old segment outside the window leaves TS.Recent alone, as does a new one', () => {
    const { peer, stamped } = after(10);
    for (const tsValue of [9, 20]) {
      stamped(tsValue, { flags: 'A', seq: 3_000_000, data: 100 });
      expect(stampOf(peer.expect({ flags: 'A', ack: 101 }))?.echo).toBe(10);
    }
    stamped(10, { flags: 'A', seq: 101, data: 100 });
    expect(stampOf(peer.expect({ ack: 201 }))?.echo).toBe(10);
  });

  it('[S-066] R3: TS.Recent follows segments at or below Last.ACK.sent, only forward', () => {
    const { peer, stamped } = after(10);
    const echoed = (): number | undefined => stampOf(peer.take().at(-1)!)?.echo;
    stamped(12, { flags: 'A', seq: 201, data: 100 });
    expect(echoed()).toBe(10);
    stamped(13, { flags: 'A', seq: 51, data: 100 });
    expect(echoed()).toBe(13);
    // What is queued is not looked at again: the segment of 12 was delivered with the gap.
    stamped(14, { flags: 'A', seq: 151, data: 50 });
    const last = peer.take().at(-1)!;
    expect(last.ack).toBe(301);
    expect(stampOf(last)?.echo).toBe(14);
  });

  it('[S-066] §5.2: what a RST says of time changes nothing, nor does a SYN without the option', () => {
    const { world, peer, stamped } = after(0xf000_0000);
    // Its number is an old one, its last octet lies in the window: no reset, a challenge.
    stamped(0xf000_1000, { flags: 'R', seq: 91, data: 20 });
    expect(stampOf(peer.expect({ flags: 'A', ack: 101, length: 0 }))?.echo).toBe(0xf000_0000);
    world.advance(SECOND);
    peer.send({ flags: 'S', seq: 101, mss: 1460 });
    expect(stampOf(peer.expect({ flags: 'A', ack: 101, length: 0 }))?.echo).toBe(0xf000_0000);
  });

  it('[S-066] [S-090] R3: not of a segment whose ACK is for nothing, or whoever guesses our window poisons TS.Recent', () => {
    for (const ack of [0x2000_0000, -0x1000_0000]) {
      const made = after(10_000);
      const { peer, connection } = made;
      made.stamped(10_000 + 0x7000_0000, { flags: 'A', data: 100, ack });
      expect(stampOf(peer.expect({ flags: 'A', ack: 101, length: 0 }))?.echo).toBe(10_000);
      peer.next = 101;
      made.stamped(10_001, { flags: 'A', data: 100 });
      peer.expect({ flags: 'A', ack: 201 });
      expect(connection.readableLength).toBe(200);
    }
  });

  it('[S-066] timestamps are compared modulo 2³²', () => {
    const { peer, stamped } = after(0xffff_ffff);
    stamped(3, { flags: 'A', seq: 101, data: 100 });
    expect(stampOf(peer.expect({ ack: 201 }))?.echo).toBe(3);
    stamped(0xffff_fffe, { flags: 'A', seq: 201, data: 100 });
    peer.expect({ ack: 201 });
    stamped((3 + 2 ** 31) >>> 0, { flags: 'A', seq: 201, data: 100 });
    peer.expect({ ack: 201 });
  });

  it('[S-066] a segment of the last turn of the sequence numbers is not taken for new data', () => {
    // What would be right in the window, but for its age.
    const made = after(10);
    made.stamped(5, { flags: 'A', seq: 101, data: new Uint8Array(100).fill(0xee) });
    made.peer.expect({ ack: 101 });
    made.stamped(11, { flags: 'A', seq: 101, data: 100 });
    made.peer.expect({ ack: 201 });
    expect(made.world.read(made.connection)).toBe(200);
  });

  it('[S-077] and PAWS: what came twice is reported all the same (RFC 2883 §4.3)', () => {
    const { peer, stamped } = after(10);
    stamped(9, { flags: 'A', seq: 1, data: 100 });
    expect(sackOf(peer.expect({ ack: 101 }), peer)).toEqual([[1, 101]]);
  });

  it('[S-066] is not done where timestamps were not agreed upon', () => {
    const { peer } = extended();
    peer.send({ flags: 'A', data: 100, options: stamp(10) });
    peer.send({ flags: 'A', data: 100, options: stamp(9) });
    expect(peer.take().at(-1)).toMatchObject({ ack: 201 });
  });
});

describe('RFC 7323 §5.5: outdated timestamps', () => {
  it('[S-066] after 24 days of silence an older timestamp is accepted, and counts from then on', () => {
    const { world, peer, stamped } = after(10);
    world.advance(24 * DAY);
    stamped(9, { flags: 'A', seq: 101, data: 100 });
    peer.expect({ ack: 101 });
    world.advance(1);
    stamped(9, { flags: 'A', seq: 101, data: 100 });
    expect(stampOf(peer.expect({ ack: 201 }))?.echo).toBe(9);
    stamped(8, { flags: 'A', seq: 201, data: 100 });
    peer.expect({ ack: 201 });
  });
});

describe('RFC 7323 §5.3 R1: bare ACKs that were overtaken (Linux: tcp_disordered_ack)', () => {
  /** Five segments of 1000 bytes are on their way; the peer's clock ticks milliseconds, its last ACK is of `recent`. */
  function waiting(): Extended & { recent: number; late(tsValue: number, spec?: Partial<SegmentSpec>): void } {
    const made = extended({ tsValue: 1000, mss: 1012, rtt: 100_000 });
    const { world, peer, connection, stamped } = made;
    world.write(connection, 1000);
    world.advance(100_000);
    peer.take();
    // The round trip is 100 ms, the retransmission timeout at least 200 ms.
    stamped(1100, { flags: 'A', ack: 1001 });
    world.advance(3 * SECOND);
    const recent = 4100;
    stamped(recent, { flags: 'A', ack: 1001 });
    world.write(connection, 5000);
    peer.take();
    world.advance(1000);
    const late = (tsValue: number, spec: Partial<SegmentSpec> = {}): void => {
      stamped(tsValue, { flags: 'A', ack: 1001, sack: [[3001, 4001]], ...spec });
      peer.take();
    };
    return { ...made, recent, late };
  }

  it('[S-066] late by more than the least round trip and less than the timeout, its SACK blocks count', () => {
    const { late, recent, connection, peer, ...made } = waiting();
    late(recent - 150);
    expect(connection.info().sacked).toBe(1000);
    expect(drops({ ...made, connection, peer })['tcp-paws']).toBeUndefined();
  });

  it('[S-066] it turns TS.Recent not back', () => {
    const { late, recent, peer, stamped } = waiting();
    late(recent - 150);
    stamped(recent - 1, { flags: 'A', seq: 201, data: 100 });
    expect(stampOf(peer.take().at(-1)!)?.echo).toBe(recent);
  });

  it.each([
    ['later than that', -2000, {}],
    ['another number', -150, { ack: 2001 }],
    ['an old number', -150, { ack: 501 }],
    ['a larger window', -150, { wnd: 65_535 }],
    ['text', -150, { data: 10 }],
    ['a FIN', -150, { flags: 'FA' }],
    ['no ACK at all', -150, { flags: 'P' }],
    ['not the next number', -150, { seq: 0 }],
  ] satisfies [string, number, Partial<SegmentSpec>][])('[S-066] R1: but not with %s', (_, age, spec) => {
    const made = waiting();
    const { late, recent, connection, peer } = made;
    peer.wnd = 60_000;
    made.stamped(recent, { flags: 'A', ack: 1001 });
    expect(connection.info().sendWindow).toBe(60_000);
    late(recent + age, spec);
    expect(connection.info()).toMatchObject({ sacked: 0, sendWindow: 60_000, state: 'ESTABLISHED', unread: 0 });
    expect(drops(made)['tcp-paws']).toBe(1);
  });

  it('[S-066] the window that it had is over, whether it is late by much or by little', () => {
    for (const age of [10, 150]) {
      const { late, recent, connection } = waiting();
      late(recent - age, { wnd: 100 });
      expect(connection.info()).toMatchObject({ sacked: 1000, sendWindow: 65_535 });
    }
  });

  it('[S-066] also when it was larger', () => {
    const { late, recent, connection, peer, stamped } = waiting();
    stamped(recent, { flags: 'A', ack: 1001, wnd: 60_000 });
    late(recent - 10, { wnd: 65_535 });
    expect(connection.info()).toMatchObject({ sacked: 1000, sendWindow: 60_000 });
    peer.take();
  });

  it('[S-066] RFC 9293 §3.10.7.4: where the numbers say which window is newer they are believed', () => {
    const bySeq = waiting();
    bySeq.stamped(bySeq.recent, { flags: 'A', data: 100, ack: 1001 });
    bySeq.late(bySeq.recent - 10, { seq: 101, wnd: 50_000 });
    expect(bySeq.connection.info().sendWindow).toBe(50_000);
    const byAck = waiting();
    byAck.late(byAck.recent - 10, { ack: 2001, wnd: 50_000 });
    expect(byAck.connection.info().sendWindow).toBe(50_000);
  });

  it('[S-064] without agreement timestamps say nothing of the window either', () => {
    const { peer, connection } = extended();
    peer.send({ flags: 'A', wnd: 50_000, options: stamp(0xffff_ffff) });
    expect(connection.info().sendWindow).toBe(50_000);
  });
});

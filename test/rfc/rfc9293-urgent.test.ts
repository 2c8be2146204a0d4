import { describe, expect, it } from 'vitest';
import { Stack, cable } from '../../src/index.ts';
import { VirtualClock, seededRandom } from '../../src/sim/index.ts';
import { stream } from '../support/tcp-peer.ts';
import { World, established, inState } from '../support/tcp-world.ts';
import { ANY, hostAt, cidrAt } from '../support/family.ts';

const SECOND = 1_000_000;
const MSS = 1460;

/** Writes the first bytes of the stream as urgent ones. */
function urgently(made: ReturnType<typeof established>, length: number, from: number = 0): void {
  made.world.act(() => expect(made.connection.write(stream(from, length), { urgent: true })).toBe(length));
}

describe('RFC 9293 §3.8.5: urgent data is received', () => {
  it('[MUST-30] [MUST-32] [MUST-33] [S-099] the application is told, and how much of it there is; it stays in the stream', () => {
    const { world, peer, connection, events } = established();
    peer.send({ flags: 'AU', data: 100, urgent: 30 });
    expect(events).toEqual(['urgent 30', 'readable']);
    expect(connection.urgentLength).toBe(30);
    world.act(() => expect(connection.read(10)).toEqual(stream(0, 10)));
    expect(connection.urgentLength).toBe(20);
    // What follows is not handed over together with it.
    world.act(() => expect(connection.read()).toEqual(stream(10, 20)));
    expect(connection.urgentLength).toBe(0);
    world.act(() => expect(connection.read()).toEqual(stream(30, 70)));
    peer.expect({ flags: 'A', ack: 101 });
  });

  it('[MUST-32] at once: before the urgent bytes themselves have arrived', () => {
    const { world, peer, connection, events } = established();
    peer.send({ flags: 'AU', urgent: 500 });
    expect(events).toEqual(['urgent 500']);
    peer.send({ flags: 'A', data: 100 });
    peer.send({ flags: 'A', data: 400 });
    expect(events).toEqual(['urgent 500', 'readable', 'readable']);
    expect(world.read(connection)).toBe(500);
    expect(connection.urgentLength).toBe(0);
    peer.take();
  });

  it('[MUST-32] told again when the pointer advances, not when it stands', () => {
    const { world, peer, connection, events } = established();
    peer.send({ flags: 'AU', seq: 1, urgent: 10, data: 5 });
    peer.send({ flags: 'AU', seq: 6, urgent: 5, data: 5 });
    expect(events).toEqual(['urgent 10', 'readable', 'readable']);
    peer.send({ flags: 'AU', seq: 11, urgent: 5, data: 5 });
    expect(events.slice(3)).toEqual(['urgent 15', 'readable']);
    world.read(connection);
    peer.send({ flags: 'AU', seq: 16, urgent: 1, data: 1 });
    expect(events.slice(5)).toEqual(['urgent 1', 'readable']);
    peer.take();
  });

  it('the pointer never recedes, and one to what was read says nothing', () => {
    const { world, peer, connection, events } = established();
    peer.send({ flags: 'AU', seq: 1, urgent: 80, data: 100 });
    peer.send({ flags: 'AU', seq: 101, urgent: 0, data: 10 });
    expect(connection.urgentLength).toBe(80);
    world.read(connection);
    expect(connection.urgentLength).toBe(0);
    events.length = 0;
    // Old text, and a little that is new.
    peer.send({ flags: 'AU', seq: 91, urgent: 15, data: 25 });
    expect(events).toEqual(['readable']);
    peer.take();
  });

  it('[MUST-32] the pointer means nothing without URG, nor behind the FIN', () => {
    const world = new World();
    const accepted = world.listen();
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1460, data: 10, urgent: 5 });
    peer.expect({ flags: 'SA' });
    peer.send({ flags: 'A', ack: 1, urgent: 5 });
    peer.take();
    expect(accepted[0]?.events).toEqual(['readable']);
    const late = inState('CLOSE_WAIT');
    late.peer.send({ flags: 'AU', urgent: 5 });
    expect(late.events).toEqual([]);
    late.peer.take();
  });

  it('also of text that is out of order, or partly old', () => {
    const { world, peer, connection, events } = established();
    peer.send({ flags: 'AU', seq: 101, urgent: 50, data: 100 });
    expect(events).toEqual(['urgent 150']);
    peer.send({ flags: 'A', seq: 1, data: 100 });
    peer.send({ flags: 'AU', seq: 151, urgent: 60, data: 60 });
    expect(events).toEqual(['urgent 150', 'readable', 'urgent 210', 'readable']);
    expect(world.read(connection)).toBe(210);
    peer.take();
  });

  it('[MUST-66] §3.10.7.4: also while our window is closed', () => {
    const made = established({ tcp: { receiveBuffer: 2920 } });
    const { world, peer, connection, events } = made;
    peer.send({ flags: 'A', data: MSS });
    peer.send({ flags: 'A', data: MSS });
    peer.take();
    expect(peer.rightEdge).toBe(1 + 2920);
    events.length = 0;
    peer.send({ flags: 'AU', urgent: 7, data: 7 });
    expect(events).toEqual(['urgent 2927']);
    peer.expect({ flags: 'A', ack: 1 + 2920, wnd: 0 });
    expect(world.read(connection)).toBe(2920);
    expect(connection.urgentLength).toBe(7);
    peer.take();
  });

  it('a pointer beyond the FIN points to its end', () => {
    const { world, peer, connection, events } = established();
    peer.send({ flags: 'AUF', urgent: 5000, data: 10 });
    expect(connection.urgentLength).toBe(10);
    expect(world.read(connection)).toBe(10);
    expect(connection.urgentLength).toBe(0);
    expect(events).toEqual(['urgent 10', 'readable', 'end']);
    peer.expect({ flags: 'A', ack: 12 });
  });

  it('without URG the field means nothing', () => {
    const { peer, connection, events } = established();
    peer.send({ flags: 'A', urgent: 5, data: 10 });
    expect(connection.urgentLength).toBe(0);
    expect(events).toEqual(['readable']);
    peer.take();
  });

  it('after the FIN there is none: it is ignored', () => {
    const { peer, connection, events } = inState('CLOSE_WAIT');
    peer.send({ flags: 'AU', urgent: 5 });
    expect(connection.urgentLength).toBe(0);
    expect(events).toEqual([]);
  });

  it('[MUST-66] from an unacceptable segment nothing is learnt', () => {
    const { peer, connection, events } = established();
    peer.send({ flags: 'AU', seq: 3_000_000, urgent: 5 });
    expect(connection.urgentLength).toBe(0);
    expect(events).toEqual([]);
    peer.expect({ flags: 'A', ack: 1 });
  });

  it('text on a SYN may be urgent: told when the connection is open', () => {
    const world = new World();
    const accepted = world.listen();
    const peer = world.client();
    peer.send({ flags: 'SU', mss: MSS, data: 20, urgent: 11 });
    peer.expect({ flags: 'SA', ack: 1 });
    peer.send({ flags: 'A' });
    expect(accepted[0]!.events).toEqual(['urgent 10', 'readable']);
    peer.take();
  });
});

describe('RFC 9293 §3.8.5: urgent data is sent', () => {
  it('[MUST-30] [MUST-62] the pointer points to the octet following the urgent data', () => {
    const made = established();
    urgently(made, 10);
    made.peer.expect({ flags: 'PAU', seq: 1, length: 10, urgent: 10 });
  });

  it('[MUST-62] in every segment up to there, and in none behind', () => {
    const made = established();
    const { world, peer, connection } = made;
    urgently(made, 2 * MSS + 100);
    peer.expect({ flags: 'AU', seq: 1, length: MSS, urgent: 2 * MSS + 100 });
    peer.expect({ flags: 'AU', seq: 1 + MSS, length: MSS, urgent: MSS + 100 });
    peer.expect({ flags: 'PAU', seq: 1 + 2 * MSS, length: 100, urgent: 100 });
    world.act(() => connection.write(stream(2 * MSS + 100, MSS)));
    peer.expect({ flags: 'PA', seq: 2 * MSS + 101, length: MSS });
    peer.ack();
    // All of it is acknowledged: later numbers are compared with no old mark.
    world.act(() => connection.write(stream(3 * MSS + 100, 5)));
    peer.expect({ flags: 'PA', length: 5 });
  });

  it('[MUST-62] in ACKs, too; and what was written before is on the way to it', () => {
    const made = established({ wnd: 0 });
    const { world, peer } = made;
    world.write(made.connection, 300);
    peer.expectNothing();
    // The window is closed: the peer hears of it all the same.
    urgently(made, 50, 300);
    peer.expect({ flags: 'AU', seq: 1, length: 0, urgent: 350 });
    world.advance(SECOND / 4);
    peer.expect({ flags: 'PAU', seq: 1, length: 1, urgent: 350 });
    peer.wnd = 65_535;
    peer.ack(1);
    peer.expect({ flags: 'PAU', seq: 1, length: 350, urgent: 350 });
  });

  it('a retransmission has the pointer as it is now', () => {
    const made = established();
    const { world, peer } = made;
    world.write(made.connection, 100);
    peer.expect({ flags: 'PA', seq: 1, length: 100 });
    // It does not wait for Nagle.
    urgently(made, 10, 100);
    peer.expect({ flags: 'PAU', seq: 101, length: 10, urgent: 10 });
    world.advance(SECOND);
    const again = peer.take();
    expect(again.length).toBeGreaterThan(0);
    for (const { flags, seq, urgent } of again) expect([flags.includes('U'), seq + urgent!]).toEqual([true, 111]);
  });

  it('[MUST-31] of any length: the pointer of the first segments stands at the end of what the field can say', () => {
    const made = established({ windowScale: 7, wnd: 65_535, tcp: { sendBuffer: 1 << 20 } });
    const { world, peer } = made;
    const length = 100_000;
    urgently(made, length);
    const heard = [];
    for (let got = peer.take(); got.length > 0; got = peer.take()) {
      heard.push(...got);
      peer.ack();
      world.advance(0);
    }
    expect(heard.reduce((sum, segment) => sum + segment.length, 0)).toBe(length);
    for (const { seq, urgent } of heard) expect(urgent).toBe(Math.min(65_535, length + 1 - seq));
  });

  it('a short write marks the end of what it took', () => {
    const made = established({ tcp: { sendBuffer: 2048 } });
    made.world.act(() => expect(made.connection.write(stream(0, 3000), { urgent: true })).toBe(2048));
    expect(made.peer.take().map(({ seq, urgent }) => seq + urgent!)).toEqual([2049, 2049]);
  });

  it('[SHLD-13] never by itself', () => {
    const { world, peer, connection } = established();
    world.write(connection, 3 * MSS);
    for (const { flags, urgent } of peer.take()) expect([flags.includes('U'), urgent]).toEqual([false, undefined]);
    world.act(() => expect(connection.write(stream(3 * MSS, 1), { urgent: false })).toBe(1));
    peer.ack();
    peer.expect({ flags: 'PA', seq: 3 * MSS + 1, length: 1 });
  });

  it('nothing written is nothing urgent', () => {
    const made = established();
    urgently(made, 0);
    made.peer.expectNothing();
  });

  it('misuse throws', () => {
    const { connection } = established();
    const write = (options: object) => () => connection.write(new Uint8Array(1), options);
    expect(write({ urgant: true })).toThrow(/urgant/);
    expect(write({ urgent: 1 })).toThrow(/urgent/);
  });
});

describe('RFC 9293 §3.8.5: between two stacks, over a link that takes super-segments', () => {
  it('[MUST-31] [MUST-33] the end of the urgent data is known at every byte', () => {
    const clock = new VirtualClock();
    const [a, b] = cable({ mtu: 1500, offload: true });
    const alice = new Stack({ clock, random: seededRandom(1) });
    const bob = new Stack({ clock, random: seededRandom(2) });
    alice.attach(a, { addresses: [cidrAt(1)] });
    bob.attach(b, { addresses: [cidrAt(2)] });
    const told: number[] = [];
    let read = 0;
    bob.tcp.listen({ address: ANY, port: 7 }, (connection) => {
      connection.handler = {
        onUrgent: (c) => told.push(read + c.urgentLength),
        onReadable: (c) => {
          for (let bytes = c.read(); bytes !== undefined; bytes = c.read()) read += bytes.byteLength;
        },
        onEnd: (c) => c.close(),
      };
    });
    const connection = alice.tcp.connect({ remoteAddress: hostAt(2), remotePort: 7 }, {});
    clock.advance(SECOND);
    connection.write(new Uint8Array(50_000));
    connection.write(new Uint8Array(150_000), { urgent: true });
    connection.write(new Uint8Array(50_000));
    connection.close();
    clock.advance(10 * SECOND);
    expect(read).toBe(250_000);
    expect(told.at(-1)).toBe(200_000);
    expect(told).toEqual(told.toSorted((x, y) => x - y));
    clock.advance(100 * SECOND);
    void alice.destroy();
    void bob.destroy();
    clock.advance(SECOND);
    alice.assertQuiescent();
    bob.assertQuiescent();
  });
});

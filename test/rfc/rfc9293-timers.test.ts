import { describe, expect, it } from 'vitest';
import { Stack, cable, impair } from '../../src/index.ts';
import { VirtualClock, seededRandom } from '../../src/sim/index.ts';
import type { TcpPeer } from '../support/tcp-peer.ts';
import { RawLink } from '../support/raw-link.ts';
import { World, established, inState } from '../support/tcp-world.ts';

const MILLISECOND = 1000;
const SECOND = 1_000_000;
const HOUR = 3600 * SECOND;
/** A round-trip time, and what RFC 6298 §2.2 makes of the first sample: SRTT + 4 · RTTVAR, RTTVAR = R / 2. */
const RTT = 100 * MILLISECOND;
const RTO = RTT + 4 * (RTT / 2);

/** When each of these segments came, in microseconds since `since`. */
function times(peer: TcpPeer, since: number = 0): number[] {
  return peer.take().map(({ at }) => at - since);
}

/** `initial`, then twice as much each time, up to `longest`: the times at which a timer that backs off expires. */
function backOff(initial: number, longest: number, until: number): number[] {
  const at: number[] = [];
  for (let t = initial, interval = initial; t < until; t += interval) {
    at.push(t);
    interval = Math.min(2 * interval, longest);
  }
  return at;
}

describe('RFC 9293 §3.8.3: a SYN that is not answered', () => {
  it('[MUST-22] [MUST-23] [S-062] is sent again after 1, 2, 4, … seconds, for at least three minutes', () => {
    const world = new World();
    const peer = world.peer();
    const { connection, events } = world.connect();
    const first = peer.expect({ flags: 'S', seq: 0 });
    world.advance(180 * SECOND - 1);
    expect(connection.state).toBe('SYN_SENT');
    const again = peer.take();
    for (const segment of again) {
      expect(segment).toMatchObject({ flags: 'S', seq: 0, wnd: first.wnd });
      expect(segment.options.map(({ name }) => name)).toEqual(first.options.map(({ name }) => name));
    }
    expect(again.map(({ at }) => at)).toEqual(backOff(SECOND, 120 * SECOND, 180 * SECOND));
    expect(events).toEqual([]);
    world.advance(60 * SECOND);
    expect(connection.state).toBe('CLOSED');
    expect(events).toEqual(['error ETIMEDOUT', 'close']);
    peer.expectNothing();
  });

  it('[MUST-22] [MUST-23] the same for a SYN,ACK', () => {
    const { world, peer } = inState('SYN_RECV');
    world.advance(180 * SECOND - 1);
    expect(world.stack.tcp.connections.map(({ state }) => state)).toEqual(['SYN_RECV']);
    const again = peer.take();
    for (const segment of again) expect(segment).toMatchObject({ flags: 'SA', seq: 0, ack: 1 });
    expect(again.map(({ at }) => at)).toEqual(backOff(SECOND, 120 * SECOND, 180 * SECOND));
    world.advance(60 * SECOND);
    expect(world.stack.tcp.connections).toEqual([]);
    peer.expectNothing();
  });

  it('[MUST-21] the application can give up sooner', () => {
    const world = new World();
    const peer = world.peer();
    const { connection, events } = world.connect({ connectTimeout: 5000 });
    world.advance(5 * SECOND - 1);
    expect(connection.state).toBe('SYN_SENT');
    world.advance(1);
    expect(events).toEqual(['error ETIMEDOUT', 'close']);
    peer.take();
  });

  it('[S-062] RFC 6298 §5.7: after it data begins with a time-out of 3 seconds', () => {
    const world = new World();
    const peer = world.peer();
    const { connection } = world.connect();
    world.advance(SECOND);
    peer.expect({ flags: 'S' });
    peer.expect({ flags: 'S' });
    peer.send({ flags: 'SA', mss: 1460 });
    peer.expect({ flags: 'A' });
    world.write(connection, 10);
    const sent = peer.expect({ length: 10 });
    world.advance(3 * SECOND);
    const again = peer.expect({ length: 10 });
    expect(again.at - sent.at).toBe(3 * SECOND);
  });

  it('[S-071] RFC 6928 §2: and with an initial window of one segment', () => {
    const world = new World();
    const peer = world.peer();
    const { connection } = world.connect();
    world.advance(SECOND);
    peer.take();
    peer.send({ flags: 'SA', mss: 1460 });
    peer.expect({ flags: 'A' });
    world.write(connection, 14_600);
    expect(peer.take().map(({ length }) => length)).toEqual([1460]);
  });
});

describe('RFC 9293 §3.8.1, §3.8.3: data that is not acknowledged', () => {
  it('[MUST-19] [S-062] is retransmitted after the RTO, which doubles each time', () => {
    const { world, peer, connection } = established({ rtt: RTT });
    world.write(connection, 100);
    const sent = peer.expect({ flags: 'PA', seq: 1, length: 100 });
    world.advance(60 * SECOND);
    const again = peer.take();
    for (const segment of again) expect(segment).toMatchObject({ flags: 'PA', seq: 1, length: 100 });
    expect(again.map(({ at }) => at - sent.at)).toEqual(backOff(RTO, 120 * SECOND, 60 * SECOND));
  });

  it('[SHLD-11] [MUST-20] R2 is at least 100 seconds: then the connection is closed', () => {
    const { world, peer, connection, events } = established({ rtt: RTT });
    world.write(connection, 100);
    world.advance(100 * SECOND);
    expect(connection.state).toBe('ESTABLISHED');
    expect(events).toEqual([]);
    world.advance(HOUR);
    expect(connection.state).toBe('CLOSED');
    expect(events).toEqual(['error ETIMEDOUT', 'close']);
    peer.take();
    world.advance(HOUR);
    peer.expectNothing();
  });

  it('[MUST-20] R2 by default is that of Linux, about 924.6 seconds', () => {
    const { world, peer, connection } = established({ rtt: RTT });
    world.write(connection, 100);
    const since = world.clock.now();
    while (connection.state !== 'CLOSED') world.clock.advanceTo(world.clock.nextDeadline);
    const lasted = world.clock.now() - since;
    expect(lasted).toBeGreaterThanOrEqual(924.6 * SECOND);
    expect(lasted).toBeLessThanOrEqual((924.6 + 120) * SECOND);
    peer.take();
  });

  it.each(['before', 'during'])('[MUST-21] the application sets R2 for a connection, %s', (when) => {
    const userTimeout = 10_000;
    const made = established({ rtt: RTT, tcp: when === 'before' ? { userTimeout } : {} });
    const { world, peer, connection, events } = made;
    if (when === 'during') connection.set('userTimeout', userTimeout);
    world.write(connection, 100);
    world.advance(userTimeout * MILLISECOND - 1);
    expect(connection.state).toBe('ESTABLISHED');
    world.advance(2 * userTimeout * MILLISECOND);
    expect(events).toEqual(['error ETIMEDOUT', 'close']);
    peer.take();
  });

  it('[MUST-20] R2 counts from the last progress, not from the first loss', () => {
    const { world, peer, connection } = established({ rtt: RTT, tcp: { userTimeout: 10_000 } });
    world.write(connection, 2000);
    for (let acknowledged = 0; acknowledged < 1000; acknowledged += 100) {
      world.advance(6 * SECOND);
      expect(connection.state).toBe('ESTABLISHED');
      peer.take();
      peer.send({ flags: 'A', ack: 1 + acknowledged + 100 });
    }
    expect(connection.state).toBe('ESTABLISHED');
    peer.take();
  });

  it('[SHLD-10] R1 is reached with the third retransmission', () => {
    const { world, peer, connection } = established({ rtt: RTT });
    const adviceGiven = () => world.stack.statistics().drops['tcp-r1'] ?? 0;
    world.write(connection, 100);
    peer.expect({ length: 100 });
    for (let retransmissions = 0; adviceGiven() === 0;) {
      world.clock.advanceTo(world.clock.nextDeadline);
      retransmissions += peer.take().length;
      expect(adviceGiven()).toBe(retransmissions >= 3 ? 1 : 0);
    }
  });

  it('[SHLD-9] [MUST-47] [SHLD-10] the application is told at R1, once, and the connection goes on', () => {
    const { world, peer, connection, events } = established({ rtt: RTT });
    const told: string[] = [];
    connection.handler = {
      ...connection.handler,
      onSoftError: ({ code, syscall }) => told.push(`${syscall} ${code} at ${world.clock.now()}`),
    };
    world.write(connection, 100);
    world.advance(60 * SECOND);
    const thirdRetransmission = peer.take()[3]!;
    expect(told).toEqual([`read ETIMEDOUT at ${thirdRetransmission.at}`]);
    expect([connection.state, events]).toEqual(['ESTABLISHED', []]);
    peer.ack();
    world.write(connection, 100);
    // [MUST-18] the back-off is still there; what is retransmitted is another segment.
    world.advance(300 * SECOND);
    expect(told).toHaveLength(2);
    peer.take();
  });

  it('[SHLD-9] [MUST-22] the same for a SYN, and [MUST-36] for probes of a closed window', () => {
    const told: string[] = [];
    const onSoftError = ({ code, syscall }: { code: string; syscall: string }) => told.push(`${syscall} ${code}`);
    const world = new World();
    const peer = world.peer();
    const { connection } = world.connect();
    connection.handler = { onSoftError };
    world.advance(10 * SECOND);
    expect(told).toEqual(['connect ETIMEDOUT']);
    peer.take();
    const other = established({ wnd: 0, rtt: RTT });
    other.connection.handler = { onSoftError };
    other.world.write(other.connection, 100);
    other.world.advance(10 * SECOND);
    expect(told).toEqual(['connect ETIMEDOUT', 'read ETIMEDOUT']);
    other.peer.take();
  });

  it('[SHLD-20] nobody is told who did not ask, or whose connection is closed', () => {
    const { world, peer, connection, events } = established({ rtt: RTT });
    world.write(connection, 100);
    world.advance(60 * SECOND);
    expect(events).toEqual([]);
    const told: string[] = [];
    connection.handler = { onSoftError: ({ code }) => told.push(code) };
    peer.take();
    peer.ack();
    world.write(connection, 100);
    world.act(() => connection.close());
    world.advance(60 * SECOND);
    expect(told).toEqual([]);
    peer.take();
  });

  it('[MUST-20] [S-023] at R1 IP takes another gateway, if there is one', () => {
    const clock = new VirtualClock();
    const [nearOne, farOne] = cable();
    const [nearTwo, farTwo] = cable();
    const alice = new Stack({ clock, random: seededRandom(1) });
    const bob = new Stack({ clock, random: seededRandom(2) });
    const first = impair(nearOne, { seed: 1 });
    alice.attach(first, { addresses: ['10.0.0.1/24'] });
    alice.attach(nearTwo, { addresses: ['10.0.1.1/24'] });
    bob.attach(farOne, { addresses: ['10.0.0.2/24', '192.0.2.1/32'] });
    bob.attach(farTwo, { addresses: ['10.0.1.2/24'] });
    alice.routes.add('192.0.2.0/24', { via: '10.0.0.2' });
    alice.routes.add('192.0.2.0/24', { via: '10.0.1.2', metric: 10 });
    let received = 0;
    bob.tcp.listen({ port: 7 }, (connection) => {
      connection.handler = { onReadable: (c) => void (received += c.read()?.byteLength ?? 0) };
    });
    const connection = alice.tcp.connect({ remoteAddress: '192.0.2.1', remotePort: 7 }, {});
    clock.advance(SECOND);
    connection.write(new Uint8Array(100));
    clock.advance(SECOND);
    expect(received).toBe(100);
    // Nothing that alice sends gets through the first gateway any more.
    first.set({ send: { loss: 1 } });
    connection.write(new Uint8Array(100));
    clock.advance(20 * SECOND);
    expect(received).toBe(200);
    expect(connection.info()).toMatchObject({ state: 'ESTABLISHED', flight: 0 });
    // And from there on everything goes by the second.
    connection.write(new Uint8Array(100));
    clock.advance(SECOND / 10);
    expect(received).toBe(300);
    void alice.destroy();
    void bob.destroy();
    clock.advance(SECOND);
    alice.assertQuiescent();
    bob.assertQuiescent();
  });

  it('[MUST-20] [S-023] above R1 each gateway gets as many tries as the first', () => {
    const clock = new VirtualClock();
    const stack = new Stack({ clock, random: seededRandom(1) });
    const links = [new RawLink(), new RawLink()];
    for (const [i, link] of links.entries()) {
      stack.attach(link, { addresses: [`10.0.${i}.1/24`] });
      stack.routes.add('192.0.2.0/24', { via: `10.0.${i}.2`, metric: i });
    }
    const syn = () => links.map((link) => link.take().length);
    stack.tcp.connect({ remoteAddress: '192.0.2.1', remotePort: 7 }, {});
    clock.advance(0);
    expect(syn()).toEqual([1, 0]);
    const ways: number[] = [];
    // SYNs after 1, 3, 7, 15, 31, 63 and 127 seconds.
    for (const at of [1, 3, 7, 15, 31, 63, 127]) {
      clock.advanceTo(at * SECOND);
      ways.push(syn().indexOf(1));
    }
    expect(ways).toEqual([0, 0, 1, 1, 1, 0, 0]);
    void stack.destroy();
  });

  it('[MUST-20] a FIN alone is retransmitted and given up like data', () => {
    const { world, peer, connection, events } = established({ rtt: RTT, tcp: { userTimeout: 10_000 } });
    world.act(() => connection.shutdown());
    const sent = peer.expect({ flags: 'FA', seq: 1 });
    world.advance(9 * SECOND);
    const again = peer.take();
    for (const segment of again) expect(segment).toMatchObject({ flags: 'FA', seq: 1, length: 0 });
    expect(again.map(({ at }) => at - sent.at)).toEqual(backOff(RTO, 120 * SECOND, 9 * SECOND));
    world.advance(20 * SECOND);
    expect(events).toEqual(['error ETIMEDOUT', 'close']);
    peer.take();
  });

  it('[MUST-18] Karn: an ACK of a retransmission gives no sample, and the back-off stays until there is one', () => {
    const { world, peer, connection } = established({ rtt: RTT });
    world.write(connection, 100);
    const { at: since } = peer.expect({ length: 100 });
    world.advance(RTO);
    expect(times(peer, since)).toEqual([RTO]);
    world.advance(RTT / 2);
    const { rtt } = connection.info();
    peer.send({ flags: 'A', ack: 101 });
    expect(connection.info().rtt).toBe(rtt);
    // The next data still has the doubled time-out; its ACK gives a sample, and the back-off ends.
    world.write(connection, 100);
    const next = peer.expect({ length: 100 });
    world.advance(2 * RTO);
    expect(times(peer, next.at)).toEqual([2 * RTO]);
    peer.send({ flags: 'A', ack: 201 });
    world.write(connection, 100);
    peer.expect({ length: 100 });
    world.advance(RTT);
    peer.send({ flags: 'A', ack: 301 });
    world.write(connection, 100);
    const last = peer.expect({ length: 100 });
    world.advance(RTO);
    const [again] = times(peer, last.at);
    expect(again).toBeLessThanOrEqual(RTO);
    expect(again).toBeGreaterThanOrEqual(RTT);
  });

  it('an ACK of everything turns the timer off, of a part starts it anew', () => {
    const { world, peer, connection } = established({ rtt: RTT });
    world.write(connection, 100);
    peer.expect({ length: 100 });
    world.act(() => connection.set('noDelay', true));
    world.write(connection, 100);
    peer.expect({ length: 100 });
    world.advance(RTT);
    peer.send({ flags: 'A', ack: 101 });
    const since = world.clock.now();
    world.advance(RTO - 1);
    const [again] = times(peer, since);
    expect(again ?? RTO).toBeGreaterThan(RTT);
    peer.send({ flags: 'A', ack: 201 });
    world.advance(HOUR);
    peer.expectNothing();
  });

  it('a link that comes up again leads to a retransmission at once', () => {
    const { world, peer, connection } = established({ rtt: RTT });
    world.write(connection, 100);
    peer.expect({ length: 100 });
    world.advance(100 * SECOND);
    peer.take();
    world.act(() => world.stack.tcp.linkUp(world.stack.interfaces[1]!.network.index, world.clock.now()));
    peer.expect({ seq: 1, length: 100 });
  });
});

describe('RFC 9293 §3.8.4: keep-alives', () => {
  const keepAlive = { keepAlive: true, keepAliveIdle: 10_000, keepAliveInterval: 2000, keepAliveCount: 3 };
  const IDLE = keepAlive.keepAliveIdle * MILLISECOND;
  const INTERVAL = keepAlive.keepAliveInterval * MILLISECOND;

  it('[MUST-25] [MAY-5] are off unless the application asks for them', () => {
    const { world, peer, connection } = established();
    world.advance(7 * 24 * HOUR);
    peer.expectNothing();
    expect(connection.state).toBe('ESTABLISHED');
  });

  it('[MUST-24] [MUST-28] switched on: nothing for two hours, then a probe', () => {
    const { world, peer } = established({ tcp: { keepAlive: true } });
    const since = world.clock.now();
    world.advance(2 * HOUR - 1);
    peer.expectNothing();
    world.advance(1);
    expect(peer.expect({ flags: 'A' }).at - since).toBe(2 * HOUR);
  });

  it('[SHLD-12] [MUST-27] the probe has SND.NXT − 1, no data, and comes when configured', () => {
    const { world, peer } = established({ tcp: keepAlive });
    world.advance(IDLE);
    peer.expect({ flags: 'A', seq: 0, ack: 1, length: 0 });
    peer.expectNothing();
  });

  it('[MUST-29] unanswered probes: several, then the connection is dead', () => {
    const { world, peer, events } = established({ tcp: keepAlive });
    const since = world.clock.now();
    world.advance(IDLE + 3 * INTERVAL - 1);
    expect(times(peer, since)).toEqual([IDLE, IDLE + INTERVAL, IDLE + 2 * INTERVAL]);
    expect(events).toEqual([]);
    world.advance(1);
    expect(events).toEqual(['error ETIMEDOUT', 'close']);
    peer.take();
  });

  it('[MUST-29] one lost probe ends nothing, whatever is configured', () => {
    const { world, peer, connection } = established({ tcp: { ...keepAlive, keepAliveCount: 1 } });
    for (let i = 0; i < 5; i++) {
      world.advance(IDLE + INTERVAL);
      expect(peer.take().length).toBe(2);
      peer.send({ flags: 'A' });
    }
    expect(connection.state).toBe('ESTABLISHED');
  });

  it('[MUST-29] a user timeout of the application takes the place of the count (Linux: TCP_USER_TIMEOUT)', () => {
    const probing = { keepAlive: true, keepAliveIdle: 10_000, keepAliveInterval: 5000, keepAliveCount: 3 };
    const { world, peer, events } = established({ tcp: { ...probing, userTimeout: 32_000 } });
    world.advance(35 * SECOND - 1);
    expect(times(peer)).toEqual([10, 15, 20, 25, 30].map((seconds) => seconds * SECOND));
    expect(events).toEqual([]);
    world.advance(1);
    peer.expect({ flags: 'RA' });
    expect(events).toEqual(['error ETIMEDOUT', 'close']);
  });

  it('[MUST-29] but never on one unanswered probe', () => {
    const probing = { keepAlive: true, keepAliveIdle: 10_000, keepAliveInterval: 5000 };
    const { world, peer, events } = established({ tcp: { ...probing, userTimeout: 1000 } });
    world.advance(20 * SECOND - 1);
    expect(times(peer)).toEqual([10 * SECOND, 15 * SECOND]);
    expect(events).toEqual([]);
    world.advance(1);
    peer.expect({ flags: 'RA' });
    expect(events).toEqual(['error ETIMEDOUT', 'close']);
  });

  it('answered probes go on for ever', () => {
    const { world, peer, connection } = established({ tcp: keepAlive });
    for (let i = 0; i < 100; i++) {
      world.advance(IDLE);
      peer.expect({ flags: 'A', seq: 0 });
      peer.send({ flags: 'A' });
    }
    expect(connection.state).toBe('ESTABLISHED');
  });

  it('[MUST-26] nothing is sent while anything is received within the interval', () => {
    const { world, peer, connection } = established({ tcp: keepAlive });
    for (let i = 0; i < 20; i++) {
      world.advance(IDLE - 1);
      peer.expectNothing();
      if (i % 2 === 0) peer.send({ flags: 'A' });
      else {
        peer.send({ flags: 'A', data: 1 });
        peer.expect({ flags: 'A' });
      }
    }
    expect(world.read(connection)).toBe(10);
  });

  it('[MUST-26] nor while data is outstanding: the retransmission timer asks already', () => {
    const { world, peer, connection } = established({ tcp: keepAlive, rtt: RTT });
    world.write(connection, 100);
    world.advance(4 * IDLE);
    for (const segment of peer.take()) expect(segment).toMatchObject({ seq: 1, length: 100 });
    expect(connection.state).toBe('ESTABLISHED');
  });

  it('[MUST-24] on and off during the connection', () => {
    const { world, peer, connection } = established();
    world.act(() => {
      connection.set('keepAliveIdle', keepAlive.keepAliveIdle);
      connection.set('keepAlive', true);
    });
    world.advance(IDLE);
    peer.expect({ flags: 'A', seq: 0, length: 0 });
    peer.send({ flags: 'A' });
    world.act(() => connection.set('keepAlive', false));
    world.advance(7 * 24 * HOUR);
    peer.expectNothing();
  });

  it('a peer that forgot the connection answers with RST, and the application hears of it', () => {
    const { world, peer, events } = established({ tcp: keepAlive });
    world.advance(IDLE);
    const probe = peer.expect({ flags: 'A', seq: 0 });
    peer.send({ flags: 'R', seq: probe.ack });
    expect(events).toEqual(['error ECONNRESET', 'close']);
  });

  it('a probe from the peer is answered, with and without its octet of garbage', () => {
    const { world, peer } = established();
    peer.send({ flags: 'A', seq: 0 });
    peer.expect({ flags: 'A', seq: 1, ack: 1, length: 0 });
    world.advance(SECOND);
    peer.send({ flags: 'A', seq: 0, data: new Uint8Array(1) });
    peer.expect({ flags: 'A', seq: 1, ack: 1, length: 0 });
  });
});

describe('the least retransmission time-out', () => {
  it.each([
    [200, 210_000],
    [20, 30_000],
  ])('is %i ms above a steady round-trip time of 10 ms', (minimumRto, expected) => {
    const made = established({ rtt: 10 * MILLISECOND, open: 'active', mss: 1460, tcp: { minimumRto, noDelay: true } });
    const { world, peer, connection } = made;
    for (let n = 0; n < 60; n++) {
      world.write(connection, 100);
      peer.take();
      world.advance(10 * MILLISECOND);
      peer.ack();
    }
    expect(Math.round(connection.info().rto * 1000)).toBe(expected);
  });
});

describe('a sign of life', () => {
  it('[MUST-26] is no segment that lies outside of the window: whoever forges such keeps nobody alive', () => {
    const keepAlive = { keepAlive: true, keepAliveIdle: 10_000, keepAliveInterval: 1000, keepAliveCount: 2 };
    const { world, peer, connection } = established({ tcp: keepAlive });
    for (let n = 0; n < 20 && connection.state === 'ESTABLISHED'; n++) {
      world.advance(SECOND);
      peer.send({ flags: 'A', seq: 1 + 1_000_000 });
    }
    peer.take();
    expect(connection.state).toBe('CLOSED');
  });
});

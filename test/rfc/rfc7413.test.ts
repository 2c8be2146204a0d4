import { describe, expect, it } from 'vitest';
import { congestionControls } from '../../src/index.ts';
import type { ConnectOptions, Connection, ListenOptions } from '../../src/index.ts';
import type { Told } from '../../src/sim/index.ts';
import { failingController } from '../support/congestion.ts';
import type { Expected, Heard, SegmentSpec, TcpPeer } from '../support/tcp-peer.ts';
import { stream } from '../support/tcp-peer.ts';
import { World } from '../support/tcp-world.ts';
import { hostAt, ANY, DEFAULT_MSS, FAMILY, MORE_HEADER, SMALLER_MSS } from '../support/family.ts';
import { hostUnreachable, prohibited, tooBig } from '../support/icmp-error.ts';

const MS = 1000;
const SECOND = 1_000_000;
const HOUR = 3600 * SECOND;
/** The slow-start threshold of who has never reduced its window. */
const NO_LOSS = 2 ** 30;
/** §4.1.3: no more in a SYN than Ethernet carries, 1460 bytes over IPv4 and 1440 over IPv6, options among them. */
const MOST = 1460 - MORE_HEADER;
const COOKIE = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

/** Opens a connection to the peer and writes in the same turn. */
function open(world: World, bytes: number, options: Partial<ConnectOptions> = {}): Told {
  const events: string[] = [];
  const to = { remoteAddress: hostAt(2), remotePort: 7, fastOpen: true, ...options };
  const connection = world.stack.tcp.connect(to, {
    onConnect: () => events.push('connect'),
    onError: ({ code }) => events.push(`error ${code}`),
  });
  if (bytes > 0) world.write(connection, bytes);
  world.advance(0);
  return { connection, events };
}

/** Ends a connection by RST, from the peer. */
function reset(world: World, peer: TcpPeer): void {
  peer.take();
  peer.send({ flags: 'RA', seq: peer.next });
  world.advance(0);
}

/** A world whose stack has got a cookie from the server at port 7. */
function withCookie(syn: Partial<SegmentSpec> = { mss: 1460 }): World {
  const world = new World();
  const peer = world.peer();
  open(world, 0);
  peer.expect({ flags: 'S', seq: 0, length: 0, fastOpen: 'request' });
  peer.send({ flags: 'SA', ack: 1, fastOpen: COOKIE, ...syn });
  peer.expect({ flags: 'A', seq: 1, ack: 1, length: 0 });
  reset(world, peer);
  return world;
}

/** A listener with Fast Open, and the cookie that it gives to 10.0.0.2. */
function listening(options: ListenOptions = {}): { world: World; accepted: Told[]; cookie: Uint8Array } {
  const world = new World();
  const accepted = world.listen({ fastOpen: true, ...options });
  const peer = world.client(39_999);
  peer.send({ flags: 'S', mss: 1460, fastOpen: 'request' });
  const cookie = cookieOf(peer.expect({ flags: 'SA', seq: 0, ack: 1 }));
  peer.send({ flags: 'R', seq: 1 });
  return { world, accepted, cookie };
}

function cookieOf({ fastOpen }: Heard): Uint8Array {
  if (!(fastOpen instanceof Uint8Array)) throw new Error('there is no cookie');
  return fastOpen;
}

const refused: Expected = { flags: 'SA', seq: 0, ack: 1, length: 0 };
const drops = (world: World, name: string): number => world.stack.statistics().drops[name] ?? 0;
const outcome = (connection: Connection): string => connection.info().fastOpen;

describe('RFC 7413 §4.2.1: a client asks for a cookie', () => {
  it('[S-097] §2: not without being told to', () => {
    const world = new World();
    const peer = world.peer();
    const { connection } = open(world, 100, { fastOpen: false });
    peer.expect({ flags: 'S', seq: 0, length: 0, fastOpen: undefined });
    peer.send({ flags: 'SA', ack: 1, mss: 1460, fastOpen: COOKIE });
    peer.expect({ flags: 'PA', seq: 1, length: 100 });
    expect(outcome(connection)).toBe('none');
    // A cookie that nobody has asked for is not kept.
    const next = world.peer();
    open(world, 100);
    next.expect({ flags: 'S', length: 0, fastOpen: 'request' });
    expect(() => connection.set('fastOpen', true)).toThrow(/connect/);
  });

  it('[S-097] an empty option, and no data yet; the data follows the handshake', () => {
    const world = new World();
    const peer = world.peer();
    const { connection, events } = open(world, 100);
    peer.expect({ flags: 'S', seq: 0, length: 0, fastOpen: 'request' });
    expect(outcome(connection)).toBe('requested');
    peer.send({ flags: 'SA', ack: 1, mss: 1460 });
    peer.expect({ flags: 'PA', seq: 1, ack: 1, length: 100 });
    expect(events).toEqual(['connect']);
  });

  it('[S-097] what is asked for again goes without the option', () => {
    const world = new World();
    const peer = world.peer();
    open(world, 100);
    peer.expect({ flags: 'S', fastOpen: 'request' });
    world.advance(SECOND);
    peer.expect({ flags: 'S', seq: 0, length: 0, fastOpen: undefined });
    // Answered only now: the option was what something on the way disliked. For an hour nobody is asked.
    peer.send({ flags: 'SA', ack: 1, mss: 1460 });
    peer.expect({ flags: 'PA', seq: 1, length: 100 });
    reset(world, peer);
    const next = world.peer();
    open(world, 100);
    next.expect({ flags: 'S', length: 0, fastOpen: undefined });
    reset(world, next);
    world.advance(HOUR);
    const later = world.peer();
    open(world, 100);
    later.expect({ flags: 'S', length: 0, fastOpen: 'request' });
  });
});

describe('RFC 7413 §4.2.2: a client sends data in its SYN', () => {
  it('[S-097] with the cookie it was given; all acknowledged by the SYN-ACK', () => {
    const world = withCookie();
    const peer = world.peer();
    const { connection, events } = open(world, 100);
    peer.expect({ flags: 'S', seq: 0, length: 100, fastOpen: COOKIE });
    expect(connection.info()).toMatchObject({ state: 'SYN_SENT', fastOpen: 'sent', flight: 101 });
    world.advance(30 * MS);
    peer.send({ flags: 'SA', ack: 101, mss: 1460 });
    peer.expect({ flags: 'A', seq: 101, ack: 1, length: 0 });
    expect(connection.info()).toMatchObject({ fastOpen: 'accepted', bytesAcked: 100, retransmits: 0, rtt: 30 });
    expect(connection.unacknowledged).toBe(0);
    expect(events).toEqual(['connect']);
    world.write(connection, 50);
    peer.expect({ flags: 'PA', seq: 101, length: 50 });
  });

  it('[S-097] §4.2.2: what the SYN-ACK leaves out is sent again once: later ACKs are ACKs as ever', () => {
    const world = withCookie();
    const peer = world.peer();
    const { connection } = open(world, 500);
    peer.expect({ flags: 'S', length: 500 });
    peer.send({ flags: 'SA', ack: 501, mss: 1460, sackPermitted: true });
    peer.expect({ flags: 'A', seq: 501, length: 0 });
    world.write(connection, 5 * 1460);
    const sent = peer.take();
    expect(sent.length).toBeGreaterThan(3);
    peer.send({ flags: 'A', ack: sent[1]!.seq });
    peer.send({ flags: 'A', ack: sent[2]!.seq });
    peer.expectNothing();
    expect(connection.info()).toMatchObject({ retransmits: 0, recovery: 'open' });
  });

  it('[S-097] without data it is a handshake as ever', () => {
    const world = withCookie();
    const peer = world.peer();
    const { connection } = open(world, 0);
    peer.expect({ flags: 'S', length: 0, fastOpen: undefined });
    expect(outcome(connection)).toBe('none');
  });

  it.each([
    // The most and the default less 4 for MSS, 12 for SACK and timestamps, 4 for the window scale, 12 for the cookie.
    [{ mss: 1460 }, MOST - 32],
    [{ mss: 9000 }, MOST - 32],
    [{}, DEFAULT_MSS - 32],
    [{ mss: 600 }, 568],
  ])('[S-097] §4.1.3: no more than one segment holds: a server that said %j gets %d bytes', (said, length) => {
    const world = withCookie(said);
    const peer = world.peer();
    const { connection } = open(world, 5000);
    peer.expect({ flags: 'S', seq: 0, length, fastOpen: COOKIE });
    peer.send({ flags: 'SA', ack: 1 + length, mss: 1460 });
    expect(peer.expect({ flags: 'A', seq: 1 + length }).length).toBeGreaterThan(500);
    expect(connection.info()).toMatchObject({ bytesAcked: length, retransmits: 0 });
    peer.take();
  });

  it('[S-097] §4.1.3: the largest cookie and data still fit', () => {
    const cookie = Uint8Array.from({ length: 16 }, (_, i) => i);
    const world = withCookie({ mss: 1460, fastOpen: cookie });
    const peer = world.peer();
    open(world, 5000);
    peer.expect({ flags: 'S', length: MOST - 40, fastOpen: cookie });
  });

  it('[S-097] §4.2.2 step 1a: no room for the option: a handshake as ever', () => {
    const world = withCookie({ mss: 1460, fastOpen: new Uint8Array(16) });
    const peer = world.peer();
    const { connection } = open(world, 100, { userTimeoutOption: true });
    peer.expect({ flags: 'S', length: 0, fastOpen: undefined });
    expect(outcome(connection)).toBe('none');
  });

  it('[S-097] the interface is smaller than what the server takes', () => {
    const mtu = FAMILY === 6 ? 1260 : 576;
    const world = new World({ mtu });
    const first = world.peer();
    open(world, 0);
    first.take();
    first.send({ flags: 'SA', ack: 1, mss: 1460, fastOpen: COOKIE });
    reset(world, first);
    const peer = world.peer();
    open(world, 5000);
    peer.expect({ flags: 'S', length: mtu - 40 - 32 });
  });

  it('[S-097] §4.2.2 step 1: a SYN-ACK with another cookie: that is used from then on', () => {
    const world = withCookie();
    const peer = world.peer();
    open(world, 100);
    peer.expect({ flags: 'S', fastOpen: COOKIE });
    const newer = Uint8Array.of(9, 9, 9, 9);
    peer.send({ flags: 'SA', ack: 101, mss: 500, fastOpen: newer });
    reset(world, peer);
    const next = world.peer();
    open(world, 1000);
    next.expect({ flags: 'S', length: 500 - 28, fastOpen: newer });
  });

  it('[S-097] data that is not acknowledged goes out again with the ACK, and says nothing of congestion', () => {
    const world = withCookie();
    const peer = world.peer();
    const { connection } = open(world, MOST - 32 + 1460);
    peer.expect({ flags: 'S', length: MOST - 32, fastOpen: COOKIE });
    const newer = Uint8Array.of(9, 9, 9, 9);
    peer.send({ flags: 'SA', ack: 1, mss: 1460, fastOpen: newer });
    const sent = peer.take().map(({ seq, length }) => [seq, length]);
    expect(sent).toEqual([
      [1, MOST - 32],
      [1 + MOST - 32, 1460],
    ]);
    expect(connection.info()).toMatchObject({ fastOpen: 'rejected', retransmits: 1, timeouts: 0, cwnd: 14_600 });
    peer.ack();
    peer.expectNothing();
    const { recovery, ssthresh, cwnd } = connection.info();
    expect([recovery, ssthresh]).toEqual(['open', NO_LOSS]);
    expect(cwnd).toBeGreaterThanOrEqual(14_600);
    // The cookie was only too old.
    const next = world.peer();
    open(world, 100);
    next.expect({ flags: 'S', length: 100, fastOpen: newer });
  });

  it.each([true, false])('[S-097] data acknowledged in part: the rest again (SACK: %s)', (sack) => {
    const world = withCookie();
    const peer = world.peer();
    const { connection } = open(world, 1000);
    peer.expect({ flags: 'S', length: 1000 });
    peer.send({ flags: 'SA', ack: 601, mss: 1460, ...(sack ? { sackPermitted: true } : {}) });
    peer.expect({ flags: 'PA', seq: 601, length: 400 });
    peer.ack();
    expect(connection.info()).toMatchObject({ fastOpen: 'accepted', bytesAcked: 1000, recovery: 'open', flight: 0 });
  });

  it('[S-097] FIN follows the data, not in the SYN', () => {
    const world = withCookie();
    const peer = world.peer();
    const { connection } = open(world, 0);
    world.act(() => connection.abort());
    peer.take();
    const again = world.stack.tcp.connect({ remoteAddress: hostAt(2), remotePort: 7, fastOpen: true }, {});
    const next = world.peer();
    again.write(new Uint8Array(0));
    world.write(again, 10);
    world.act(() => again.shutdown());
    next.expect({ flags: 'S', length: 10 });
    next.send({ flags: 'SA', ack: 11, mss: 1460 });
    next.expect({ flags: 'FA', seq: 11, length: 0 });
    next.ack(12);
    expect(again.state).toBe('FIN_WAIT_2');
  });

  it('[S-097] a server that was given more than it said (a cookie of another address or port) is asked anew', () => {
    const world = withCookie();
    const peer = world.peer({ port: 8 });
    open(world, 100, { remotePort: 8 });
    peer.expect({ flags: 'S', length: 0, fastOpen: 'request' });
  });

  it('[S-097] simultaneous open: the SYN-ACK has no data, what the peer has not taken follows the handshake', () => {
    const world = withCookie();
    const peer = world.peer();
    const { connection } = open(world, 100);
    peer.expect({ flags: 'S', length: 100, fastOpen: COOKIE });
    peer.send({ flags: 'S', mss: 1460 });
    peer.expect({ flags: 'SA', seq: 0, ack: 1, length: 0, fastOpen: undefined });
    peer.send({ flags: 'A', seq: 1, ack: 1 });
    peer.expect({ flags: 'PA', seq: 1, length: 100 });
    expect(connection.state).toBe('ESTABLISHED');
  });
});

describe('RFC 7413 §4.1.3.1: a client remembers what failed', () => {
  it('[S-097] the SYN timer fires: again without data and option; then no Fast Open for a minute, in a row for longer', () => {
    const world = withCookie();
    const peer = world.peer();
    const { connection } = open(world, 100);
    peer.expect({ flags: 'S', length: 100, fastOpen: COOKIE });
    world.advance(SECOND);
    peer.expect({ flags: 'S', seq: 0, length: 0, fastOpen: undefined });
    peer.send({ flags: 'SA', ack: 1, mss: 1460 });
    peer.expect({ flags: 'PA', seq: 1, length: 100 });
    expect(outcome(connection)).toBe('rejected');
    reset(world, peer);
    const next = world.peer();
    open(world, 100);
    next.expect({ flags: 'S', length: 0, fastOpen: undefined });
    reset(world, next);
    world.advance(60 * SECOND);
    const later = world.peer();
    open(world, 100);
    later.expect({ flags: 'S', length: 100, fastOpen: COOKIE });
    world.advance(SECOND);
    later.expect({ flags: 'S', seq: 0, length: 0, fastOpen: undefined });
    later.send({ flags: 'SA', ack: 1, mss: 1460 });
    later.expect({ flags: 'PA', seq: 1, length: 100 });
    reset(world, later);
    world.advance(119 * SECOND);
    const still = world.peer();
    open(world, 100);
    still.expect({ flags: 'S', length: 0, fastOpen: undefined });
    reset(world, still);
    world.advance(SECOND);
    const again = world.peer();
    open(world, 100);
    again.expect({ flags: 'S', length: 100, fastOpen: COOKIE });
  });

  it('[S-097] a lost SYN, and nothing comes behind the handshake either: that is more than a lost SYN', () => {
    const world = withCookie();
    const peer = world.peer();
    const { connection } = open(world, 100);
    peer.take();
    world.advance(SECOND);
    peer.take();
    peer.send({ flags: 'SA', ack: 1, mss: 1460 });
    world.advance(60 * SECOND);
    expect(connection.info().timeouts).toBeGreaterThan(3);
    peer.take();
    reset(world, peer);
    world.advance(30 * 60 * SECOND);
    const next = world.peer();
    open(world, 100);
    next.expect({ flags: 'S', length: 0, fastOpen: undefined });
  });

  it('[S-097] a late SYN-ACK that takes the data: no failure', () => {
    const world = withCookie();
    const peer = world.peer();
    const { connection } = open(world, 100);
    world.advance(SECOND);
    peer.take();
    peer.send({ flags: 'SA', ack: 101, mss: 1460 });
    peer.expect({ flags: 'A', seq: 101 });
    expect(outcome(connection)).toBe('accepted');
    const next = world.peer();
    open(world, 100);
    next.expect({ flags: 'S', length: 100, fastOpen: COOKIE });
  });

  it('[S-097] data that is not acknowledged, and no newer cookie', () => {
    const world = withCookie();
    const peer = world.peer();
    open(world, 100);
    peer.take();
    peer.send({ flags: 'SA', ack: 1, mss: 1460 });
    peer.expect({ flags: 'PA', seq: 1, length: 100 });
    const next = world.peer();
    open(world, 100);
    next.expect({ flags: 'S', length: 0, fastOpen: undefined });
  });

  it('[S-097] no answer at all', () => {
    const world = withCookie();
    const peer = world.peer();
    const { events } = open(world, 100, { connectTimeout: 2000 });
    world.advance(2 * SECOND);
    expect(events).toEqual(['error ETIMEDOUT']);
    peer.take();
    const next = world.peer();
    open(world, 100);
    next.expect({ flags: 'S', length: 0, fastOpen: undefined });
  });

  it('[S-097] an ICMP error', () => {
    const world = withCookie();
    const peer = world.peer();
    const { connection } = open(world, 100);
    prohibited(peer, peer.expect({ flags: 'S', length: 100 }));
    world.act(() => connection.abort());
    const next = world.peer();
    open(world, 100);
    next.expect({ flags: 'S', length: 0, fastOpen: undefined });
  });

  it('[S-097] a black hole that opens behind the handshake: three time-outs in a row', () => {
    const world = withCookie();
    const peer = world.peer();
    const { connection } = open(world, 100);
    peer.take();
    peer.send({ flags: 'SA', ack: 101, mss: 1460 });
    world.write(connection, 100);
    world.advance(1000 * MS);
    expect(connection.info().timeouts).toBe(2);
    const before = world.peer();
    const { connection: other } = open(world, 100);
    before.expect({ flags: 'S', length: 100, fastOpen: COOKIE });
    world.act(() => other.abort());
    world.advance(SECOND);
    expect(connection.info().timeouts).toBe(3);
    const after = world.peer();
    open(world, 100);
    after.expect({ flags: 'S', length: 0, fastOpen: undefined });
    peer.take();
  });
});

describe('RFC 7413 §4.2: a server', () => {
  it('[S-097] §4.2: without being told to, it ignores the option', () => {
    const world = new World({ tcp: { fastOpen: true } });
    const accepted = world.listen();
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1460, fastOpen: 'request', data: 10 });
    peer.expect({ ...refused, fastOpen: undefined });
    expect(accepted).toEqual([]);
  });

  it('[S-097] gives a cookie to who asks, and to nobody else', () => {
    const { world, accepted, cookie } = listening();
    expect(cookie.length).toBe(8);
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1460 });
    peer.expect({ ...refused, fastOpen: undefined });
    expect(accepted).toEqual([]);
    const other = world.peer({ address: hostAt(9), port: 50_000, stackPort: 7 });
    other.send({ flags: 'S', mss: 1460, fastOpen: 'request' });
    expect(cookieOf(other.expect(refused))).not.toEqual(cookie);
  });

  it('[S-097] §4.2.2 step 4: data with a good cookie is read, and answered, before the handshake is over', () => {
    const { world, cookie } = listening();
    const peer = world.client(40_000);
    const connections: Connection[] = [];
    const lengths: unknown[] = [];
    world.stack.tcp.listen({ address: ANY, port: 8, fastOpen: 4 }, (connection) => {
      connections.push(connection);
      lengths.push(connection.state, connection.read()?.length);
      // The answer is there before the SYN-ACK goes out, and Nagle does not wait for that to be acknowledged.
      connection.write(stream(0, 300));
    });
    peer.stackPort = 8;
    peer.send({ flags: 'S', mss: 1460, fastOpen: cookie, data: 100 });
    peer.expect({ flags: 'SA', seq: 0, ack: 101, length: 0, fastOpen: undefined });
    peer.expect({ flags: 'PA', seq: 1, ack: 101, length: 300 });
    expect(lengths).toEqual(['SYN_RECV', 100]);
    const connection = connections[0]!;
    expect(connection.info()).toMatchObject({ state: 'SYN_RECV', fastOpen: 'accepted', bytesReceived: 100 });
    peer.ack();
    expect(connection.info()).toMatchObject({ state: 'ESTABLISHED', flight: 0, bytesAcked: 300, retransmits: 0 });
    peer.send({ flags: 'A', data: 50 });
    expect(connection.read()?.length).toBe(50);
    peer.take();
  });

  it('[S-097] the owner is told once, and of what comes in order', () => {
    const { world, accepted, cookie } = listening();
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1460, fastOpen: cookie, data: 100 });
    peer.expect({ flags: 'SA', ack: 101 });
    expect(accepted[0]!.events).toEqual(['readable']);
    peer.send({ flags: 'A', ack: 1, data: 10 });
    peer.expect({ flags: 'A', ack: 111 });
    expect(accepted.length).toBe(1);
    expect(accepted[0]!.events).toEqual(['readable', 'readable']);
    expect(world.read(accepted[0]!.connection)).toBe(110);
  });

  it('[S-097] a good cookie without data opens at once, too', () => {
    const { world, accepted, cookie } = listening();
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1460, fastOpen: cookie });
    peer.expect({ flags: 'SA', ack: 1 });
    world.write(accepted[0]!.connection, 20);
    peer.expect({ flags: 'PA', seq: 1, length: 20 });
  });

  it('[S-097] a wrong cookie: only the SYN is acknowledged, and a right one comes with it', () => {
    const { world, accepted, cookie } = listening();
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1460, fastOpen: COOKIE, data: 100 });
    peer.expect({ ...refused, fastOpen: cookie });
    expect(accepted).toEqual([]);
    expect(drops(world, 'tcp-fast-open-cookie-invalid')).toBe(1);
    peer.send({ flags: 'A', seq: 1, ack: 1, data: 100 });
    peer.expect({ flags: 'A', ack: 101 });
    const { connection } = accepted[0]!;
    expect(outcome(connection)).toBe('rejected');
    expect(world.read(connection)).toBe(100);
  });

  it('[S-097] §4.1.2: a cookie grows old: it is still good, and a new one is given; then it is not', () => {
    const { world, accepted, cookie } = listening();
    world.advance(HOUR);
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1460, fastOpen: cookie, data: 100 });
    const newer = cookieOf(peer.expect({ flags: 'SA', ack: 101 }));
    expect(newer).not.toEqual(cookie);
    expect(accepted.length).toBe(1);
    world.advance(HOUR);
    peer.take();
    const late = world.client(40_001);
    late.send({ flags: 'S', mss: 1460, fastOpen: cookie, data: 100 });
    expect(cookieOf(late.expect(refused))).not.toEqual(newer);
    expect(accepted.length).toBe(1);
  });

  it('[S-097] what is sent before the handshake is over is bounded by the initial window, and by the peer’s', () => {
    const { world, accepted, cookie } = listening();
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1000, fastOpen: cookie, data: 100 });
    peer.take();
    world.write(accepted[0]!.connection, 100_000);
    expect(peer.take().reduce((sum, { length }) => sum + length, 0)).toBe(10_000);
    const small = world.client(40_001);
    small.send({ flags: 'S', mss: 1000, fastOpen: cookie, data: 100, wnd: 2500 });
    small.take();
    world.write(accepted[1]!.connection, 100_000);
    expect(small.take().reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(2500);
  });

  it('[S-097] FIN with the SYN is read when the handshake is over; ours goes out before', () => {
    const { world, accepted, cookie } = listening();
    const peer = world.client();
    peer.send({ flags: 'SF', mss: 1460, fastOpen: cookie, data: 100 });
    peer.expect({ flags: 'SA', ack: 101 });
    const { connection, events } = accepted[0]!;
    world.write(connection, 50);
    peer.expect({ flags: 'PA', seq: 1, length: 50 });
    world.act(() => connection.shutdown());
    peer.expect({ flags: 'FA', seq: 51, length: 0 });
    expect(connection.state).toBe('SYN_RECV');
    expect(world.read(connection)).toBe(100);
    peer.send({ flags: 'A', ack: 52 });
    peer.expect({ flags: 'A', seq: 52, ack: 102 });
    expect(connection.state).toBe('TIME_WAIT');
    expect(events).toEqual(['readable', 'end', 'finished', 'close']);
  });
});

describe('RFC 7413 §4.2.2: a server whose handshake fails', () => {
  it('[S-097] the SYN-ACK timer fires: neither data nor option, and no more data until the ACK has come', () => {
    const { world, accepted, cookie } = listening();
    world.advance(HOUR);
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1460, fastOpen: cookie, data: 100 });
    cookieOf(peer.expect({ flags: 'SA', ack: 101 }));
    const { connection } = accepted[0]!;
    world.write(connection, 300);
    peer.expect({ flags: 'PA', seq: 1, length: 300 });
    world.advance(SECOND);
    peer.expect({ flags: 'SA', seq: 0, ack: 101, length: 0, fastOpen: undefined });
    world.write(connection, 300);
    peer.expectNothing();
    // The client could take nothing before the SYN-ACK: all of it again. RFC 5681 §3.1: a window of one segment.
    peer.send({ flags: 'A', ack: 1 });
    peer.expect({ flags: 'A', seq: 1, length: 300 });
    expect(connection.info()).toMatchObject({ state: 'ESTABLISHED', cwnd: 1460, ssthresh: NO_LOSS });
    peer.ack();
    peer.expect({ flags: 'PA', seq: 301, length: 300 });
    peer.ack();
    expect(connection.info()).toMatchObject({ flight: 0, recovery: 'open' });
  });

  it('[S-052] [S-097] a router finds the early answer too big: smaller, when the handshake is over', () => {
    const { world, accepted, cookie } = listening();
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1460, fastOpen: cookie, data: 100 });
    peer.expect({ flags: 'SA', ack: 101 });
    const { connection } = accepted[0]!;
    world.write(connection, 2920);
    const sent = peer.take();
    expect(sent.map(({ length }) => length)).toEqual([1460, 1460]);
    tooBig(peer, sent[0]!, SMALLER_MSS);
    peer.expectNothing();
    peer.send({ flags: 'A', ack: 1 });
    const pieces = FAMILY === 6 ? [1220, 1220, 480] : [960, 960, 960, 40];
    const again = peer.take();
    expect(again.map(({ length }) => length)).toEqual(pieces);
    expect(again.map(({ seq }) => seq)).toEqual(pieces.map((_, i) => 1 + i * SMALLER_MSS));
    peer.ack(2921);
    // Ten segments as before, no loss.
    expect(connection.info()).toMatchObject({ cwnd: 10 * SMALLER_MSS, ssthresh: NO_LOSS, flight: 0 });
  });

  it('[S-097] the client’s SYN comes again, without data: the SYN-ACK as before', () => {
    const { world, accepted, cookie } = listening();
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1460, fastOpen: cookie, data: 100 });
    peer.expect({ flags: 'SA', ack: 101 });
    peer.send({ flags: 'S', seq: 0, mss: 1460 });
    peer.expect({ flags: 'SA', seq: 0, ack: 101, length: 0 });
    expect(accepted.length).toBe(1);
  });

  it('[S-097] RST: the owner, who has it already, is told', () => {
    const { world, accepted, cookie } = listening();
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1460, fastOpen: cookie, data: 100 });
    peer.expect({ flags: 'SA', ack: 101 });
    peer.send({ flags: 'R', seq: 101 });
    expect(accepted[0]!.events).toEqual(['readable', 'error ECONNRESET', 'close']);
  });

  it('[S-097] no ACK ever comes: ETIMEDOUT', () => {
    const { world, accepted, cookie } = listening({ connectTimeout: 10_000 });
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1460, fastOpen: cookie, data: 100 });
    world.advance(10 * SECOND);
    expect(accepted[0]!.events).toEqual(['readable', 'error ETIMEDOUT', 'close']);
    expect(peer.take().every(({ flags, ack }) => flags === 'SA' && ack === 101)).toBe(true);
  });

  it('[S-089] another SYN inside the window is challenged', () => {
    const { world, accepted, cookie } = listening();
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1460, fastOpen: cookie, data: 100 });
    peer.expect({ flags: 'SA', ack: 101 });
    peer.send({ flags: 'S', seq: 500 });
    peer.expect({ flags: 'A', seq: 1, ack: 101 });
    expect(accepted[0]!.connection.state).toBe('SYN_RECV');
  });

  it('[S-097] the owner aborts, or closes with bytes unread: RST', () => {
    const { world, accepted, cookie } = listening();
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1460, fastOpen: cookie, data: 100 });
    peer.expect({ flags: 'SA', ack: 101 });
    world.act(() => accepted[0]!.connection.close());
    peer.expect({ flags: 'RA', seq: 1, ack: 101 });
    expect(world.stack.tcp.connections).toEqual([]);
  });

  it('[S-097] the listener closes: what was handed over stays', () => {
    const { world, accepted, cookie } = listening();
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1460, fastOpen: cookie, data: 100 });
    peer.expect({ flags: 'SA', ack: 101 });
    world.act(() => world.stack.tcp.listeners[0]!.close());
    peer.send({ flags: 'A', ack: 1 });
    expect(accepted[0]!.connection.state).toBe('ESTABLISHED');
  });
});

describe('RFC 7413 §5.1: limits', () => {
  it('[S-097] the queue is full: a handshake as ever, and no cookie; then Fast Open again', () => {
    const { world, accepted, cookie } = listening({ fastOpen: 1 });
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1460, fastOpen: cookie, data: 100 });
    peer.expect({ flags: 'SA', ack: 101 });
    const second = world.client(40_001);
    second.send({ flags: 'S', mss: 1460, fastOpen: cookie, data: 100 });
    second.expect({ ...refused, fastOpen: undefined });
    expect(drops(world, 'tcp-fast-open-queue-full')).toBe(1);
    expect(accepted.length).toBe(1);
    peer.send({ flags: 'A', ack: 1 });
    const third = world.client(40_002);
    third.send({ flags: 'S', mss: 1460, fastOpen: cookie, data: 100 });
    third.expect({ flags: 'SA', ack: 101 });
  });

  it('[S-097] a connection that was reset counts for a minute more', () => {
    const { world, cookie } = listening({ fastOpen: 1 });
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1460, fastOpen: cookie, data: 100 });
    peer.take();
    peer.send({ flags: 'R', seq: 101 });
    world.advance(60 * SECOND - 1);
    const soon = world.client(40_001);
    soon.send({ flags: 'S', mss: 1460, fastOpen: cookie, data: 100 });
    soon.expect(refused);
    world.advance(1);
    const later = world.client(40_002);
    later.send({ flags: 'S', mss: 1460, fastOpen: cookie, data: 100 });
    later.expect({ flags: 'SA', ack: 101 });
    soon.take();
  });

  it('[S-096] [S-097] while SYN cookies answer there is no Fast Open', () => {
    const { world, accepted, cookie } = listening({ backlog: 1 });
    const first = world.client(39_998);
    first.send({ flags: 'S', mss: 1460 });
    first.take();
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1460, fastOpen: cookie, data: 100 });
    peer.expect({ ...refused, fastOpen: undefined });
    expect(drops(world, 'tcp-syn-cookies-sent')).toBe(1);
    expect(accepted).toEqual([]);
  });

  it('a congestion controller that can not be made costs this connection, and holds no place', () => {
    congestionControls.register('test-unmakeable', () => {
      throw new Error('my factory');
    });
    const { world, accepted, cookie } = listening({ fastOpen: 1, congestion: 'test-unmakeable' });
    for (const port of [40_001, 40_002]) {
      const peer = world.client(port);
      expect(() => peer.send({ flags: 'S', mss: 1460, fastOpen: cookie, data: 100 })).toThrow('my factory');
      expect(world.stack.tcp.connections).toEqual([]);
      world.advance(61 * SECOND);
      // Its SYN is answered: it need not try again and again.
      peer.expect({ flags: 'RA', ack: 1 });
    }
    expect(accepted).toEqual([]);
  });

  it('one that fails before the handshake is over: the peer, which has our SYN-ACK, learns of it', () => {
    const controller = failingController('test-fails-early');
    const { world, accepted, cookie } = listening({ congestion: 'test-fails-early' });
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1460, fastOpen: cookie, data: 100 });
    peer.expect({ flags: 'SA', ack: 101 });
    const { connection, events } = accepted[0]!;
    expect(connection.state).toBe('SYN_RECV');
    controller.failing = true;
    connection.write(stream(0, 10));
    expect(() => world.advance(0)).toThrow('my controller');
    world.advance(0);
    peer.expect({ flags: 'RA', seq: 1, ack: 101 });
    expect(events).toEqual(['readable', 'error ECONNABORTED', 'close']);
  });

  it('refuses what is no number of connections', () => {
    const { stack } = new World();
    expect(() => stack.tcp.listen({ fastOpen: -1 }, () => {})).toThrow(/fastOpen/);
    expect(() => stack.tcp.listen({ fastOpen: 'yes' as never }, () => {})).toThrow(/fastOpen/);
    expect(() => open(new World(), 0, { fastOpen: 1 as never })).toThrow(/fastOpen/);
  });
});

describe('RFC 7413: what became of it', () => {
  it('[S-097] a request is told as such, on both sides, also when the handshake is over', () => {
    const world = new World();
    const peer = world.peer();
    const { connection } = open(world, 0);
    peer.expect({ flags: 'S', fastOpen: 'request' });
    peer.send({ flags: 'SA', ack: 1, mss: 1460, fastOpen: COOKIE });
    peer.take();
    expect(connection.info().fastOpen).toBe('requested');
    const server = listening();
    const client = server.world.client();
    client.send({ flags: 'S', mss: 1460, fastOpen: 'request' });
    client.expect({ flags: 'SA' });
    client.ack();
    expect(server.accepted[0]!.connection.info().fastOpen).toBe('requested');
  });

  it('[S-097] accepted: nothing is lost, nothing goes again', () => {
    const world = withCookie();
    const peer = world.peer();
    const { connection } = open(world, 100);
    peer.expect({ flags: 'S', length: 100 });
    peer.send({ flags: 'SA', ack: 101, mss: 1460 });
    peer.expect({ flags: 'A', length: 0 });
    expect(connection.info()).toMatchObject({ fastOpen: 'accepted', recovery: 'open', lost: 0, retransmits: 0 });
  });

  it('[S-097] a server’s early data is no loss because the handshake’s ACK was faster', () => {
    const { world, accepted, cookie } = listening();
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1460, fastOpen: cookie, data: 100 });
    peer.expect({ flags: 'SA', ack: 101 });
    const { connection } = accepted[0]!;
    world.write(connection, 100);
    peer.expect({ flags: 'PA', seq: 1, length: 100 });
    peer.ack(1);
    peer.expectNothing();
    expect(connection.info()).toMatchObject({ recovery: 'open', lost: 0, fastOpen: 'accepted' });
    peer.ack();
    expect(connection.info().fastOpen).toBe('accepted');
  });

  it('[S-097] a server that gives no cookie is asked again: that is no failure', () => {
    const world = new World();
    const peer = world.peer();
    open(world, 0);
    peer.expect({ flags: 'S', fastOpen: 'request' });
    peer.send({ flags: 'SA', ack: 1, mss: 1460 });
    peer.take();
    reset(world, peer);
    const again = world.peer();
    open(world, 0);
    again.expect({ flags: 'S', fastOpen: 'request' });
    again.send({ flags: 'RA', ack: 1 });
  });

  it('[S-097] §4.1.3.1: no answer at all is one failure, at the third time-out as at the end', () => {
    const world = withCookie();
    const peer = world.peer();
    const { events } = open(world, 100);
    world.advance(2000 * SECOND);
    expect(events).toEqual(['error ETIMEDOUT']);
    peer.take();
    world.advance(HOUR);
    const next = world.peer();
    open(world, 100);
    next.expect({ flags: 'S', length: 100 });
    next.send({ flags: 'RA', ack: 101 });
  });

  it('[S-097] §4.1.3.1: a path that breaks after something came through has not swallowed Fast Open', () => {
    const world = withCookie();
    const peer = world.peer();
    const { connection } = open(world, 100);
    peer.expect({ flags: 'S', length: 100 });
    peer.send({ flags: 'SA', ack: 101, mss: 1460 });
    peer.send({ flags: 'A', data: 10 });
    world.write(connection, 100);
    world.advance(30 * SECOND);
    expect(connection.info().timeouts).toBeGreaterThanOrEqual(3);
    reset(world, peer);
    const next = world.peer();
    open(world, 100);
    next.expect({ flags: 'S', length: 100 });
    next.send({ flags: 'RA', ack: 101 });
  });

  it('[S-097] §4.1.3.1: success ends the row of failures: the next one costs an hour again', () => {
    const world = withCookie();
    const attempt = (answered: boolean): void => {
      const peer = world.peer();
      open(world, 100);
      peer.expect({ flags: 'S', length: 100 });
      if (!answered) world.advance(SECOND);
      peer.take();
      peer.send({ flags: 'SA', ack: answered ? 101 : 1, mss: 1460 });
      reset(world, peer);
    };
    attempt(false);
    world.advance(HOUR);
    attempt(true);
    attempt(false);
    world.advance(HOUR);
    attempt(true);
  });

  it('[S-097] §4.1.3.1: an ICMP error about what follows the handshake is no failure of Fast Open', () => {
    const world = withCookie();
    const peer = world.peer();
    const { connection } = open(world, 100);
    peer.expect({ flags: 'S', length: 100 });
    peer.send({ flags: 'SA', ack: 101, mss: 1460 });
    peer.take();
    world.write(connection, 100);
    hostUnreachable(peer, peer.expect({ length: 100 }));
    reset(world, peer);
    const next = world.peer();
    open(world, 100);
    next.expect({ flags: 'S', length: 100 });
    next.send({ flags: 'RA', ack: 101 });
  });

  it('[S-097] a client that does not answer says nothing of the server that it may be', () => {
    const { world, cookie } = listening();
    const peer = world.client(40_005);
    peer.send({ flags: 'S', mss: 1460, fastOpen: cookie, data: 100 });
    peer.take();
    world.advance(2000 * SECOND);
    peer.take();
    const server = world.peer({ port: 40_005 });
    open(world, 0, { remotePort: 40_005 });
    server.expect({ flags: 'S', fastOpen: 'request' });
    server.send({ flags: 'RA', ack: 1 });
  });

  it('[S-097] a listener without Fast Open counts no queue of it', () => {
    const world = new World();
    world.listen();
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1460, fastOpen: COOKIE, data: 10 });
    peer.expect({ flags: 'SA', ack: 1 });
    expect(drops(world, 'tcp-fast-open-queue-full')).toBe(0);
  });

  it('[S-097] an owner who has the connection already hears of its end as of any other’s; a stack that ends tells the peer', () => {
    const { world, accepted, cookie } = listening();
    const syscalls: string[] = [];
    const early = (port: number): TcpPeer => {
      const peer = world.client(port);
      peer.send({ flags: 'S', mss: 1460, fastOpen: cookie, data: 100 });
      peer.expect({ flags: 'SA', ack: 101 });
      accepted.at(-1)!.connection.handler = { onError: ({ syscall }) => syscalls.push(syscall) };
      return peer;
    };
    early(40_001).send({ flags: 'R', seq: 101 });
    expect(syscalls).toEqual(['read']);
    const other = early(40_002);
    world.act(() => void world.stack.destroy());
    other.expect({ flags: 'RA' });
  });
});

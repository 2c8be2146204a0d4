import { describe, expect, it } from 'vitest';
import { Address } from '../../src/index.ts';
import type { ListenOptions } from '../../src/index.ts';
import { sackOf, stamp, stampOf } from '../support/tcp-extended.ts';
import type { Heard, SegmentSpec, TcpPeer } from '../support/tcp-peer.ts';
import { World } from '../support/tcp-world.ts';
import { DEFAULT_MSS, hostAt } from '../support/family.ts';

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;

/** A listener whose backlog is full: whoever comes now gets a cookie. */
function flooded(options: ListenOptions = {}) {
  const world = new World();
  const accepted = world.listen({ backlog: 1, ...options });
  const first = world.client(39_999);
  first.send({ flags: 'S' });
  first.expect({ flags: 'SA' });
  const drops = (name: string): number => world.stack.statistics().drops[name] ?? 0;
  return { world, accepted, drops, first };
}

/** The SYN of a peer and the cookie that answers it. */
function handshake(peer: TcpPeer, syn: Partial<SegmentSpec> = { mss: 1460 }): Heard {
  peer.send({ flags: 'S', ...syn });
  return peer.expect({ flags: 'SA', seq: 0, ack: 1, length: 0 });
}

describe('RFC 4987 §3.6: SYN cookies', () => {
  it('[S-096] a full backlog keeps nothing of a handshake; its ACK makes the connection', () => {
    const { world, accepted, drops } = flooded();
    const peer = world.client();
    handshake(peer);
    expect(world.stack.tcp.connections.length).toBe(1);
    expect(drops('tcp-syn-cookies-sent')).toBe(1);
    peer.send({ flags: 'A', ack: 1 });
    peer.expectNothing();
    expect(drops('tcp-syn-cookies-received')).toBe(1);
    const { connection, events } = accepted[0]!;
    expect(connection.state).toBe('ESTABLISHED');
    expect(connection.info()).toMatchObject({ mss: 1460, sendWindow: 65_535 });
    peer.send({ flags: 'A', data: 10 });
    peer.expect({ flags: 'A', ack: 11 });
    expect(events).toEqual(['readable']);
    expect(world.read(connection)).toBe(10);
    world.write(connection, 3000);
    expect(peer.take().map(({ length }) => length)).toEqual([1460, 1460]);
    peer.send({ flags: 'A', ack: 2921 });
    peer.expect({ flags: 'PA', seq: 2921, length: 80 });
  });

  it('[S-096] the ACK may carry text, and FIN', () => {
    const { world, accepted } = flooded();
    const peer = world.client();
    handshake(peer);
    peer.send({ flags: 'FA', ack: 1, data: 100 });
    peer.expect({ flags: 'A', ack: 102 });
    const { connection, events } = accepted[0]!;
    expect(world.read(connection)).toBe(100);
    expect(events).toEqual(['readable', 'end']);
    expect(connection.state).toBe('CLOSE_WAIT');
  });

  it('[S-096] text of the SYN is left to the peer’s retransmission', () => {
    const { world, accepted } = flooded();
    const peer = world.client();
    handshake(peer, { data: 50 });
    peer.send({ flags: 'A', seq: 1, ack: 1, data: 50 });
    peer.expect({ flags: 'A', ack: 51 });
    expect(world.read(accepted[0]!.connection)).toBe(50);
  });

  it('[S-096] a connection that was made by a cookie answers its SYN no more, and its ACK again does no harm', () => {
    const { world, accepted, drops } = flooded();
    const peer = world.client();
    handshake(peer);
    for (let i = 0; i < 3; i++) peer.send({ flags: 'A', ack: 1 });
    peer.send({ flags: 'S', seq: 0 });
    peer.expect({ flags: 'A', seq: 1, ack: 1 });
    expect(accepted.length).toBe(1);
    expect(drops('tcp-syn-cookies-received')).toBe(1);
  });

  it.each([
    [undefined, DEFAULT_MSS],
    [20, 48],
    [500, 48],
    [1300, 1220],
    [1459, 1440],
    [9000, 1460],
  ])('[S-096] [MUST-15] an MSS of %s is kept as %d, never as more', (mss, kept) => {
    const { world, accepted } = flooded();
    const peer = world.client();
    const answer = handshake(peer, mss === undefined ? {} : { mss });
    expect(answer.mss).toBe(1460);
    peer.send({ flags: 'A', ack: 1 });
    expect(accepted[0]!.connection.info().mss).toBe(kept);
  });

  it('[S-096] without timestamps window scaling and SACK are declined', () => {
    const { world, accepted } = flooded();
    const peer = world.client();
    const answer = handshake(peer, { windowScale: 7, options: [{ name: 'sackPermitted' }] });
    expect(answer.windowScale).toBeUndefined();
    expect(answer.options.map(({ name }) => name)).toEqual(['mss']);
    peer.send({ flags: 'A', ack: 1, wnd: 5000 });
    expect(accepted[0]!.connection.info()).toMatchObject({ sendScale: 0, receiveScale: 0, sendWindow: 5000 });
  });

  it.each([
    { windowScale: 7, sack: true },
    { windowScale: 0, sack: true },
    { windowScale: 14, sack: false },
    { windowScale: undefined, sack: true },
    { windowScale: undefined, sack: false },
  ])('[S-096] timestamps bring back window scaling $windowScale and SACK $sack', ({ windowScale, sack }) => {
    const { world, accepted } = flooded();
    const peer = world.client();
    const offered = [...(sack ? [{ name: 'sackPermitted' } as const] : []), ...stamp(5000)];
    const answer = handshake(peer, { options: offered, ...(windowScale === undefined ? {} : { windowScale }) });
    expect(answer.options.some(({ name }) => name === 'sackPermitted')).toBe(sack);
    expect(answer.windowScale).toBe(windowScale === undefined ? undefined : 9);
    const { value, echo } = stampOf(answer)!;
    expect(echo).toBe(5000);
    world.advance(SECOND / 2);
    peer.send({ flags: 'A', ack: 1, wnd: 5000, options: stamp(5001, value) });
    const { connection } = accepted[0]!;
    const sendWindow = 5000 * 2 ** (windowScale ?? 0);
    expect(connection.info()).toMatchObject({ receiveScale: windowScale ?? 0, sendWindow });
    // Timestamps go on, and behind a gap there is a SACK block where it was agreed upon.
    peer.send({ flags: 'A', seq: 101, data: 100, options: stamp(5002, value) });
    const duplicate = peer.take().at(-1)!;
    expect(stampOf(duplicate)!.value - value).toBeGreaterThanOrEqual(500);
    expect(sackOf(duplicate, peer)).toEqual(sack ? [[101, 201]] : []);
  });

  it('[S-096] with `timestamps: false` there are none in the cookie either', () => {
    const { world, accepted } = flooded({ timestamps: false });
    const peer = world.client();
    const answer = handshake(peer, { windowScale: 7, options: stamp(5000) });
    expect(answer.options.map(({ name }) => name)).toEqual(['mss']);
    peer.send({ flags: 'A', ack: 1 });
    expect(accepted[0]!.connection.info().receiveScale).toBe(0);
  });

  it('[S-096] the number is good for a minute, and not for ever', () => {
    const { world, accepted, drops, first } = flooded();
    const [prompt, late] = [world.client(41_000), world.client(41_001)];
    handshake(prompt);
    handshake(late);
    world.advance(MINUTE);
    prompt.send({ flags: 'A', ack: 1 });
    expect(accepted.length).toBe(1);
    handshake(world.client(41_002));
    world.advance(MINUTE);
    late.send({ flags: 'A', ack: 1 });
    late.expect({ flags: 'R', seq: 1 });
    expect(accepted.length).toBe(1);
    expect(drops('tcp-syn-cookies-failed')).toBe(1);
    first.take();
  });

  it('[S-096] blind ACKs get the usual RST, and without cookies on their way are not even looked at', () => {
    const { world, accepted, drops, first } = flooded();
    const peer = world.client();
    for (let i = 0; i < 100; i++) peer.send({ flags: 'A', seq: 1 + i * 1000, ack: i * 40_000_000 });
    expect(peer.take().every(({ flags }) => flags === 'R')).toBe(true);
    expect(drops('tcp-syn-cookies-failed')).toBe(0);
    const other = world.client(41_000);
    handshake(other);
    for (let i = 0; i < 100; i++) peer.send({ flags: 'A', seq: 1 + i * 1000, ack: i * 40_000_000 });
    expect(peer.take().every(({ flags }) => flags === 'R')).toBe(true);
    expect(drops('tcp-syn-cookies-failed')).toBe(100);
    world.advance(3 * MINUTE);
    other.send({ flags: 'A', ack: 1 });
    other.expect({ flags: 'R', seq: 1 });
    expect(drops('tcp-syn-cookies-failed')).toBe(100);
    expect(accepted).toEqual([]);
    first.take();
  });

  it('[S-096] a cookie is worth nothing to another port, nor with SYN or RST', () => {
    const { world, accepted } = flooded();
    const peer = world.client();
    handshake(peer);
    peer.send({ flags: 'SA', seq: 1, ack: 1 });
    peer.expect({ flags: 'R', seq: 1 });
    peer.send({ flags: 'R', seq: 1 });
    const thief = world.client(40_001, peer.iss);
    thief.irs = peer.irs;
    thief.send({ flags: 'A', seq: 1, ack: 1 });
    thief.expect({ flags: 'R', seq: 1 });
    expect(accepted).toEqual([]);
  });

  it('[S-096] when the flood is over handshakes are kept again', () => {
    const { world, accepted, drops, first } = flooded();
    handshake(world.client(41_000));
    first.send({ flags: 'A', ack: 1 });
    handshake(world.client(41_001));
    expect(drops('tcp-syn-cookies-sent')).toBe(1);
    expect(accepted.length).toBe(1);
  });
});

describe('RFC 4987: the option synCookies', () => {
  it('[S-096] `always`: nothing is ever kept', () => {
    const world = new World();
    const accepted = world.listen({ synCookies: 'always' });
    const peer = world.client();
    handshake(peer);
    expect(world.stack.tcp.connections).toEqual([]);
    peer.send({ flags: 'A', ack: 1 });
    expect(accepted.length).toBe(1);
  });

  it('[S-096] `never`: §3.3, the oldest half-open connection gives way', () => {
    const { world, drops, first } = flooded({ synCookies: 'never' });
    handshake(world.client());
    expect(world.stack.tcp.connections.length).toBe(1);
    expect(drops('tcp-backlog-overflow')).toBe(1);
    expect(drops('tcp-syn-cookies-sent')).toBe(0);
    first.send({ flags: 'A', ack: 1 });
    first.expect({ flags: 'R' });
  });

  it('refuses what it does not know', () => {
    const { stack } = new World();
    expect(() => stack.tcp.listen({ synCookies: 'sometimes' as never }, () => {})).toThrow(/overflow, always, never/);
  });
});

describe('RFC 4987 §2: the flood', () => {
  it('[S-096] 20,000 SYNs a second leave the memory flat, and others are let in', () => {
    const world = new World();
    const backlog = 16;
    const accepted = world.listen({ backlog });
    const liar = world.client(50_000);
    const packet = liar.make({ flags: 'S', seq: 0, data: 100 });
    const { memory } = world.stack.statistics();
    for (let n = 0; n < 20_000; n++) {
      packet.ip.source = Address.parse(hostAt(3 + (n % 200)));
      packet.tcp!.sourcePort = 1024 + n;
      liar.sendPacket(packet);
      if (n % 20 === 0) world.advance(1000);
      if (n % 4000 === 0) {
        const peer = world.client(60_000 + n / 4000);
        handshake(peer);
        peer.send({ flags: 'A', ack: 1 });
      }
    }
    expect(accepted.length).toBe(5);
    expect(world.stack.tcp.connections.length).toBe(backlog + 5);
    const after = world.stack.statistics();
    // Text of the first handshakes, while half of the backlog was free, and what is known of each SYN-ACK on its way.
    expect(after.memory.used - memory.used).toBeLessThan(backlog * 200 + (backlog + 5) * 2100);
    expect(after.drops['tcp-syn-cookies-sent']).toBeGreaterThan(19_000);
    // Nobody heard the answers: they went to made-up addresses.
    expect(world.strays.length).toBeGreaterThanOrEqual(20_000);
    world.strays.length = 0;
  });
});

describe('RFC 4987 §3.6: what a cookie can not hold', () => {
  it('[S-096] SACK is not offered by a listener that does not use it', () => {
    const world = new World();
    world.listen({ synCookies: 'always', sack: false });
    expect(handshake(world.client(), { mss: 1460, sackPermitted: true, timestamps: true })).toMatchObject({
      sackPermitted: false,
      timestamps: true,
    });
  });

  it('[S-096] nor ECN by one that uses no timestamps, in which it would be remembered', () => {
    const world = new World();
    world.listen({ synCookies: 'always', timestamps: false, ecn: 'accept' });
    const peer = world.client();
    peer.send({ flags: 'SEC', mss: 1460, timestamps: true });
    peer.expect({ flags: 'SA', timestamps: false });
  });

  it('[S-062] a time-out: data begins with the first of RFC 6298, as where no SYN was lost', () => {
    const world = new World();
    const accepted = world.listen({ synCookies: 'always' });
    const peer = world.client();
    handshake(peer);
    peer.send({ flags: 'A', ack: 1 });
    world.write(accepted[0]!.connection, 100);
    peer.expect({ length: 100 });
    world.advance(SECOND);
    peer.expect({ seq: 1, length: 100 });
  });

  it('[S-096] [MAY-2] a new incarnation gets a number above the old one’s, and no cookie', () => {
    const world = new World();
    const accepted = world.listen({ synCookies: 'always' });
    const drops = (): number => world.stack.statistics().drops['tcp-syn-cookies-sent'] ?? 0;
    const peer = world.client();
    handshake(peer);
    peer.send({ flags: 'A', ack: 1 });
    const { connection } = accepted[0]!;
    world.act(() => connection.shutdown());
    peer.send({ flags: 'FA', ack: 2 });
    expect(connection.state).toBe('TIME_WAIT');
    peer.take();
    expect(drops()).toBe(1);
    peer.send({ flags: 'S', seq: 1_000_000, mss: 1460 });
    peer.expect({ flags: 'SA', ack: 1_000_001 });
    expect(drops()).toBe(1);
  });
});

import { describe, expect, it } from 'vitest';
import { extended } from '../../support/tcp-extended.ts';
import { connected } from '../../support/tcp-gate.ts';
import { established } from '../../support/tcp-world.ts';
import { FAMILY, MORE_HEADER, SEARCH, SMALLER_MSS, HEADERS } from '../../support/family.ts';
import { hostUnreachable, tooBig } from '../../support/icmp-error.ts';

const SECOND = 1_000_000;
const MSS = 1460;
const { begin: SMALL, probe: PROBE } = SEARCH;

/** A bulk transfer that searches from small segments up, with its first probe on its way; `heard` begins with the probe. */
function probing(options: { sack?: boolean; wnd?: number; timestamps?: boolean } = {}) {
  const made = extended({ tcp: { pathMtuDiscovery: 'probe' }, wnd: 65_535, ...options });
  const { world, peer, connection } = made;
  world.write(connection, 60_000);
  peer.take();
  peer.ack();
  const flight = peer.take();
  const at = flight.findIndex(({ length }) => length > SMALL);
  expect(flight[at]!.length).toBe(PROBE);
  return { ...made, before: flight.slice(0, at), probe: flight[at]!, followers: flight.slice(at + 1) };
}

describe('RFC 4821 §7.4: room for a probe', () => {
  it('[S-054] new data waits for the ACKs that make it', () => {
    const { world, peer, connection } = extended({
      tcp: { pathMtuDiscovery: 'probe' },
      wnd: FAMILY === 6 ? 14_000 : 12_000,
    });
    world.write(connection, 30_000);
    expect(peer.take()).toHaveLength(10);
    peer.ack(1 + SMALL);
    // Eleven segments' worth of congestion window, but the peer's has no room for a probe and what follows it.
    peer.expectNothing();
    expect(connection.info().limitedBy).toBe('application');
    peer.ack(1 + 4 * SMALL);
    expect(peer.take().map(({ length }) => length)).toContain(PROBE);
  });

  it('[S-054] "no outstanding losses": none is sent while something is repaired', () => {
    const { world, peer, connection } = extended({ tcp: { pathMtuDiscovery: 'probe' }, wnd: 65_535 });
    world.write(connection, 60_000);
    peer.take();
    peer.ack(1, { sack: [[1 + SMALL, 1 + 10 * SMALL]] });
    world.advance(50_000);
    expect(connection.info().recovery).toBe('recovery');
    expect(peer.take().every(({ length }) => length <= SMALL)).toBe(true);
    peer.ack(1 + SMALL, { sack: [[1 + 2 * SMALL, 1 + 10 * SMALL]] });
    expect(peer.take().every(({ length }) => length <= SMALL)).toBe(true);
  });
});

describe('RFC 4821 §7.4: "no outstanding probes or losses"', () => {
  // What is written, and when, is laid out for the sizes that are tried over IPv4.
  it.skipIf(FAMILY === 6)('[S-054] also at the end of a recovery, when the window has room for a probe', () => {
    const { world, peer, connection } = extended({
      tcp: { pathMtuDiscovery: 'probe', congestion: 'reno' },
      wnd: 65_535,
    });
    for (const bytes of [10_000, 20_000, 40_000]) {
      world.write(connection, bytes);
      world.advance(50_000);
      if (bytes < 40_000) {
        for (const { seq, length } of peer.take()) peer.ack(seq + length);
      }
    }
    const flight = peer.take();
    const [first, last] = [flight[1]!, flight.at(-5)!];
    const between = [first.seq + first.length, last.seq] as [number, number];
    const behind = [last.seq + last.length, peer.heardUpTo] as [number, number];
    // The probe that was on its way has arrived; two segments behind it are lost, and sent again.
    peer.ack(first.seq, { sack: [behind, between] });
    peer.take();
    world.advance(50_000);
    peer.ack(last.seq, { sack: [behind] });
    peer.take();
    const { recovery, mss, cwnd, flight: outstanding } = connection.info();
    expect(recovery).toBe('recovery');
    expect(cwnd - outstanding).toBeGreaterThan(2 * mss);
    expect(cwnd).toBeGreaterThan(11 * mss);
    world.write(connection, 20_000);
    const sent = peer.take();
    expect(sent.length).toBeGreaterThan(0);
    for (const { length } of sent) expect(length).toBeLessThanOrEqual(mss);
    // When it is over the search goes on.
    peer.ack();
    world.write(connection, 20_000);
    expect(peer.take().some(({ length }) => length > mss)).toBe(true);
  });
});

describe('RFC 4821 §7.6.2: only the probe is lost', () => {
  it('[S-054] further losses that the same batch tells of are congestion all the same', () => {
    const { world, peer, connection, probe, followers } = probing();
    const { ssthresh } = connection.info();
    const end = (i: number) => followers[i]!.seq + followers[i]!.length;
    expect(followers.length).toBeGreaterThan(7);
    peer.sendAll([
      { flags: 'A', ack: probe.seq, sack: [[followers[0]!.seq, end(2)]] },
      {
        flags: 'A',
        ack: probe.seq,
        sack: [
          [followers[4]!.seq, end(6)],
          [followers[0]!.seq, end(2)],
        ],
      },
    ]);
    world.advance(50_000);
    expect(connection.info().ssthresh).toBeLessThan(ssthresh);
    peer.take();
  });

  it('[S-054] without SACK duplicates that ask for the probe say so: what follows is tried smaller', () => {
    const { world, peer, connection, probe } = probing({ sack: false });
    for (let i = 0; i < 4; i++) peer.ack(probe.seq);
    const sent = peer.take();
    expect(sent.some(({ seq }) => seq === probe.seq)).toBe(true);
    world.advance(0);
    peer.ack();
    for (let i = 0; i < 30 && connection.info().unsent > 0; i++) {
      for (const { length } of peer.take()) expect(length).toBeLessThan(PROBE);
      world.advance(100_000);
      peer.ack();
    }
    peer.take();
  });

  it('[S-054] without SACK duplicates that ask for something else say nothing of the probe', () => {
    const { peer, connection, before, probe, followers } = probing({ sack: false });
    const asked = before[0]?.seq ?? followers[0]!.seq;
    if (before.length === 0) peer.ack(asked);
    for (let i = 0; i < 4; i++) peer.ack(asked);
    peer.take();
    peer.ack();
    expect(probe.length).toBe(PROBE);
    expect(connection.info().pathMtu).toBeGreaterThan(PROBE + HEADERS);
    peer.take();
  });
});

describe('a link whose MTU has fallen', () => {
  it('[SHLD-6] while nothing was on its way: nothing is lost, the next segments are smaller', () => {
    const { connection, peer, write, resize } = connected();
    write(MSS);
    peer.take();
    peer.ack();
    resize(SMALLER_MSS + 40);
    write(2 * SMALLER_MSS);
    expect(peer.take().map(({ length }) => length)).toEqual([SMALLER_MSS, SMALLER_MSS]);
    expect(connection.info()).toMatchObject({ recovery: 'open', lost: 0, retransmits: 0 });
  });
});

describe('time-outs and sizes', () => {
  it('[S-054] RFC 4821 §7.7: with an ICMP message that gives another reason no black hole is suspected', () => {
    const { world, peer, connection } = established();
    world.write(connection, MSS);
    hostUnreachable(peer, peer.expect({ length: MSS }));
    world.advance(30 * SECOND);
    expect(new Set(peer.take().map(({ length }) => length))).toEqual(new Set([MSS]));
    expect(connection.info().pathMtu).toBe(1500 + MORE_HEADER);
  });

  it('[S-092] RFC 5927 §7.2: a pending error that a time-out confirms is no black hole, and others learn of it', () => {
    const { world, peer, connection } = established();
    world.write(connection, MSS);
    peer.take();
    peer.ack();
    world.write(connection, MSS);
    tooBig(peer, peer.expect({ length: MSS }), SMALLER_MSS);
    peer.expectNothing();
    world.advance(1.2 * SECOND);
    expect(peer.take()[0]).toMatchObject({ seq: 1 + MSS, length: SMALLER_MSS });
    const { drops } = world.stack.statistics();
    expect([drops['tcp-mtu-lowered'], drops['tcp-mtu-black-hole']]).toEqual([1, undefined]);
    const next = world.client(40_001);
    next.send({ flags: 'S', mss: MSS });
    next.expect({ flags: 'SA' });
    next.ack();
    const made = world.stack.tcp.connections.find(({ remotePort }) => remotePort === 40_001)!;
    expect(made.info().mss).toBe(SMALLER_MSS);
  });
});

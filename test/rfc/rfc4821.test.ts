import { describe, expect, it } from 'vitest';
import { seqAdd } from '../../src/buffer/seq.ts';
import { usageError } from '../../src/errors.ts';
import type { Heard, TcpPeer } from '../support/tcp-peer.ts';
import { extended } from '../support/tcp-extended.ts';
import { World, established } from '../support/tcp-world.ts';
import { HEADERS, MORE_HEADER, SEARCH } from '../support/family.ts';

const SECOND = 1_000_000;
const { begin: SMALL, probe: PROBE } = SEARCH;

/** Acknowledges what is in order and in packets of at most `hole` bytes; returns what has arrived. */
function swallowing(peer: TcpPeer, hole: number, from: number): { upTo: number; all: Heard[] } {
  let upTo = from;
  const all = peer.take();
  for (const { seq, length } of all) {
    if (length + HEADERS <= hole && seq <= upTo && seq + length > upTo) upTo = seq + length;
  }
  if (upTo > from) peer.send({ flags: 'A', ack: upTo });
  return { upTo, all };
}

describe('RFC 4821 §7.6: probes', () => {
  /** A bulk transfer that begins with small segments, up to its first probe: what is on its way, and the probe. */
  const probing = () => {
    const made = extended({ tcp: { pathMtuDiscovery: 'probe' }, wnd: 65_535 });
    const { world, peer, connection } = made;
    world.write(connection, 60_000);
    let flight = peer.take();
    for (let i = 0; i < 3 && !flight.some(({ length }) => length > SMALL); i++) {
      peer.send({ flags: 'A' });
      flight = peer.take();
    }
    const at = flight.findIndex(({ length }) => length > SMALL);
    return { ...made, flight, probe: flight[at]!, followers: flight.slice(at + 1) };
  };

  it('[S-054] §7.4, §7.5: one packet of new data, larger than the others, and full ones behind it', () => {
    const { probe, flight, followers } = probing();
    expect(probe.length).toBe(PROBE);
    expect(flight.filter(({ length }) => length > SMALL)).toEqual([probe]);
    expect(followers.length).toBeGreaterThanOrEqual(3);
  });

  it('[S-054] §7.6.1: acknowledged, it is the size of the segments that follow', () => {
    const { peer, connection } = probing();
    peer.send({ flags: 'A' });
    expect(connection.info()).toMatchObject({ mss: PROBE, pathMtu: PROBE + HEADERS });
    const sizes = new Set(peer.take().map(({ length }) => length));
    expect([...sizes]).toContain(PROBE);
  });

  it('[S-054] §7.6.2: lost alone, it is sent again in small segments, and that is no congestion signal', () => {
    const { world, peer, connection, probe, followers } = probing();
    const { cwnd, ssthresh } = connection.info();
    const left = seqAdd(peer.irs!, probe.seq + probe.length);
    const right = seqAdd(peer.irs!, followers.at(-1)!.seq + followers.at(-1)!.length);
    peer.send({ flags: 'A', ack: probe.seq, options: [{ name: 'sack', blocks: [{ left, right }] }] });
    world.advance(SECOND / 20);
    const again = peer.take().filter(({ seq }) => seq < probe.seq + probe.length);
    expect(again.map(({ seq, length }) => [seq - probe.seq, length])).toEqual([
      [0, SMALL],
      [SMALL, PROBE - SMALL],
    ]);
    expect(connection.info()).toMatchObject({ ssthresh, timeouts: 0, pathMtu: SMALL + HEADERS });
    expect(connection.info().cwnd).toBeGreaterThanOrEqual(cwnd);
    peer.send({ flags: 'A' });
    expect(connection.info()).toMatchObject({ ssthresh, timeouts: 0, pathMtu: SMALL + HEADERS });
    peer.take();
  });

  it('[S-054] §7.6.4: lost among others, it is a loss by congestion as any other', () => {
    const { world, peer, connection, probe, followers } = probing();
    const { ssthresh } = connection.info();
    const left = seqAdd(peer.irs!, followers[0]!.seq + followers[0]!.length);
    const right = seqAdd(peer.irs!, followers.at(-1)!.seq + followers.at(-1)!.length);
    peer.send({ flags: 'A', ack: probe.seq, options: [{ name: 'sack', blocks: [{ left, right }] }] });
    world.advance(SECOND / 20);
    expect(connection.info().ssthresh).toBeLessThan(ssthresh);
    peer.take();
  });
});

describe('RFC 4821 §7.7: a path that swallows large packets without a word', () => {
  it('[S-054] is found out after R1, and everything arrives in small segments', () => {
    const { world, peer, connection } = established();
    const total = 20 * SMALL;
    world.write(connection, total);
    let upTo = 1;
    const sizes: number[] = [];
    for (let i = 0; i < 200 && upTo <= total; i++) {
      const turn = swallowing(peer, 1400 + MORE_HEADER, upTo);
      upTo = turn.upTo;
      sizes.push(...turn.all.map(({ length }) => length));
      if (turn.all.length === 0) world.advance(SECOND / 10);
    }
    expect(upTo).toBe(total + 1);
    expect([...new Set(sizes)].slice(0, 2)).toEqual([1460, SMALL]);
    expect(connection.info()).toMatchObject({ mss: SMALL, pathMtu: SMALL + HEADERS, timeouts: 3 });
    expect(world.stack.statistics().drops['tcp-mtu-black-hole']).toBe(1);
    peer.take();
  });

  it('[S-054] with `pathMtuDiscovery: icmp` the segments stay large', () => {
    const { world, peer, connection } = established({ tcp: { pathMtuDiscovery: 'icmp' } });
    world.write(connection, 1460);
    world.advance(30 * SECOND);
    expect(new Set(peer.take().map(({ length }) => length))).toEqual(new Set([1460]));
    expect(connection.info().pathMtu).toBe(1500 + MORE_HEADER);
  });

  it('[S-054] §7.2: with `probe` a connection begins with small segments', () => {
    const { world, peer, connection } = established({ tcp: { pathMtuDiscovery: 'probe' } });
    world.write(connection, 2 * SMALL);
    expect(peer.take().map(({ length }) => length)).toEqual([SMALL, SMALL]);
  });

  it('any other word is refused', () => {
    const world = new World();
    const wrong: object = { pathMtuDiscovery: 'off' };
    const message = "The option 'pathMtuDiscovery' is one of auto, icmp, probe, not 'off'";
    expect(() => world.connect(wrong)).toThrow(usageError('ERR_INVALID_ARG_VALUE', message));
  });
});

import { describe, expect, it } from 'vitest';
import { usageError } from '../../src/errors.ts';
import type { Heard, TcpPeer } from '../support/tcp-peer.ts';
import { World, established } from '../support/tcp-world.ts';

const SECOND = 1_000_000;

/** Acknowledges what is in order and in packets of at most `hole` bytes; returns what has arrived. */
function swallowing(peer: TcpPeer, hole: number, from: number): { upTo: number; all: Heard[] } {
  let upTo = from;
  const all = peer.take();
  for (const { seq, length } of all) {
    if (length + 40 <= hole && seq <= upTo && seq + length > upTo) upTo = seq + length;
  }
  if (upTo > from) peer.send({ flags: 'A', ack: upTo });
  return { upTo, all };
}

describe('RFC 4821 §7.7: a path that swallows large packets without a word', () => {
  it('[S-054] is found out after R1, and everything arrives in segments of 1,024 bytes', () => {
    const { world, peer, connection } = established();
    const total = 20 * 1024;
    world.write(connection, total);
    let upTo = 1;
    const sizes: number[] = [];
    for (let i = 0; i < 200 && upTo <= total; i++) {
      const turn = swallowing(peer, 1400, upTo);
      upTo = turn.upTo;
      sizes.push(...turn.all.map(({ length }) => length));
      if (turn.all.length === 0) world.advance(SECOND / 10);
    }
    expect(upTo).toBe(total + 1);
    expect([...new Set(sizes)].slice(0, 2)).toEqual([1460, 1024]);
    expect(connection.info()).toMatchObject({ mss: 1024, pathMtu: 1064, timeouts: 3 });
    expect(world.stack.statistics().drops['tcp-mtu-black-hole']).toBe(1);
    peer.take();
  });

  it('[S-054] with `pathMtuDiscovery: icmp` the segments stay large', () => {
    const { world, peer, connection } = established({ tcp: { pathMtuDiscovery: 'icmp' } });
    world.write(connection, 1460);
    world.advance(30 * SECOND);
    expect(new Set(peer.take().map(({ length }) => length))).toEqual(new Set([1460]));
    expect(connection.info().pathMtu).toBe(1500);
  });

  it('[S-054] §7.2: with `probe` a connection begins with 1,024 bytes', () => {
    const { world, peer, connection } = established({ tcp: { pathMtuDiscovery: 'probe' } });
    world.write(connection, 2048);
    expect(peer.take().map(({ length }) => length)).toEqual([1024, 1024]);
  });

  it('any other word is refused', () => {
    const world = new World();
    const wrong: object = { pathMtuDiscovery: 'off' };
    const message = "The option 'pathMtuDiscovery' is one of auto, icmp, probe, not 'off'";
    expect(() => world.connect(wrong)).toThrow(usageError('ERR_INVALID_ARG_VALUE', message));
  });
});

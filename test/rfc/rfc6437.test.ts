import { describe, expect, it } from 'vitest';
import { Address } from '../../src/index.ts';
import { Ip6Bench } from '../unit/ip/fixture6.ts';
import { established } from '../support/tcp-world.ts';

/** The labels of what a bench has sent. */
function labels(bench: Ip6Bench): number[] {
  return bench.sent6().map(({ ip }) => ip.flowLabel);
}

describe('RFC 6437: the flow label', () => {
  const remote = Address.parse('fd00::1');
  const options = { ttl: 64, trafficClass: 0 };

  function send(bench: Ip6Bench, paths: number, packets: number, length = 8): void {
    for (let n = 0; n < paths; n++) {
      const path = bench.ip.path(undefined, remote);
      if (typeof path === 'string') throw new Error(path);
      for (let i = 0; i < packets; i++) {
        const packet = path.reserveMessage(length, 0)!;
        packet.memory.bytes.fill(0, packet.start, packet.end);
        path.send(packet, 200, options);
      }
    }
  }

  it('§2: the same in all packets of a flow, fragments among them, and 20 bits long', () => {
    const bench = new Ip6Bench();
    send(bench, 1, 2);
    send(bench, 1, 1, 3000);
    const [first, second, ...fragments] = labels(bench);
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(2 ** 20);
    expect(second).toBe(first);
    expect(fragments.length).toBeGreaterThan(1);
    expect(new Set(fragments).size).toBe(1);
  });

  it('§3: labels of flows are spread over all values, and follow from none before', () => {
    const bench = new Ip6Bench();
    send(bench, 400, 1);
    const drawn = labels(bench);
    expect(new Set(drawn).size).toBeGreaterThan(390);
    for (let bit = 0; bit < 20; bit++) {
      const ones = drawn.filter((label) => (label >>> bit) & 1).length;
      expect(ones).toBeGreaterThan(130);
      expect(ones).toBeLessThan(270);
    }
    const steps = new Set(drawn.slice(1).map((label, i) => label - drawn[i]!));
    expect(steps.size).toBeGreaterThan(390);
  });

  it('a TCP connection keeps its own from SYN to FIN', () => {
    const { world, peer, connection } = established({ family: 6, open: 'active' });
    world.write(connection, 100);
    const data = peer.expect({ flags: 'PA', seq: 1, length: 100 });
    peer.send({ flags: 'A', ack: 101 });
    world.act(() => connection.shutdown());
    const fin = peer.expect({ flags: 'FA', seq: 101 });
    const [one, other] = [data, fin].map(({ packet }) => ('flowLabel' in packet.ip ? packet.ip.flowLabel : 0));
    expect(one).toBeGreaterThan(0);
    expect(other).toBe(one);
  });
});

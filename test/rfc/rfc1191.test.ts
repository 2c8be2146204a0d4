import { describe, expect, it } from 'vitest';
import { PathMtu } from '../../src/tcp/path-mtu.ts';
import { asIpv4 } from '../support/raw-peer.ts';
import type { World } from '../support/tcp-world.ts';
import { established } from '../support/tcp-world.ts';

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const UNREACHABLE = 3;
const FRAGMENTATION_NEEDED = 4;

describe('RFC 1191 §2, §3: a host', () => {
  it('[S-052] sets DF on everything that TCP sends', () => {
    const { world, peer, connection } = established();
    world.write(connection, 4 * 1460);
    const all = peer.take();
    expect(all.length).toBeGreaterThan(2);
    expect(all.map(({ packet }) => asIpv4(packet).ip.dontFragment)).not.toContain(false);
  });

  it('[S-052] §3, §6.4: sends again at once in smaller segments, and that is no congestion', () => {
    const { world, peer, connection } = established();
    world.write(connection, 4 * 1460);
    const sent = peer.take();
    expect(sent.map(({ length }) => length)).toEqual([1460, 1460, 1460, 1460]);
    const { cwnd, ssthresh } = connection.info();
    peer.icmp(UNREACHABLE, FRAGMENTATION_NEEDED, sent[0]!, 1000);
    const again = peer.take();
    expect(again[0]).toMatchObject({ seq: 1, length: 960 });
    expect(Math.max(...again.map(({ length }) => length))).toBe(960);
    expect(connection.info()).toMatchObject({ mss: 960, pathMtu: 1000, ssthresh });
    // "should not change the congestion window", which counts segments.
    expect(connection.info().cwnd / 960).toBe(cwnd / 1460);
    // The errors about the other segments of that flight bring nothing new: "MUST not retransmit in response to every".
    for (const other of sent.slice(1)) peer.icmp(UNREACHABLE, FRAGMENTATION_NEEDED, other, 1000);
    peer.expectNothing();
    peer.send({ flags: 'A', ack: 4 * 1460 + 1 });
    expect(connection.unacknowledged).toBe(0);
  });

  it('[S-052] §3: never raises the limit by what a router says', () => {
    const mtu = new PathMtu(4, 'icmp', 1500);
    mtu.onSent(1, 1461, 1500);
    expect(mtu.onTooBig(0, 1000, 1500, 1)).toBe('lowered');
    mtu.onSent(1, 961, 1000);
    expect(mtu.onTooBig(0, 1200, 1500, 1)).not.toBe('lowered');
    expect(mtu.limit).toBe(1000);
  });

  it('[S-052] [MUST-67] §6.4: "PMTU Discovery does not affect the value sent in the TCP MSS option"', () => {
    const { world, peer, connection } = established();
    world.write(connection, 1460);
    peer.icmp(UNREACHABLE, FRAGMENTATION_NEEDED, peer.expect({ length: 1460 }), 1000);
    peer.take();
    const next = world.client(40_001);
    next.send({ flags: 'S', mss: 1460 });
    next.expect({ flags: 'SA', mss: 1460 });
    next.send({ flags: 'A' });
  });
});

describe('RFC 1191 §5, §7: routers that give no MTU', () => {
  const guesses = (link: number, quoted: (limit: number) => number): number[] => {
    const mtu = new PathMtu(4, 'icmp', link);
    const limits: number[] = [];
    for (let i = 0; i < 12; i++) {
      mtu.onSent(1, mtu.limit - 39, mtu.limit);
      if (mtu.onTooBig(0, 0, quoted(mtu.limit), 1) !== 'lowered') break;
      limits.push(mtu.limit);
    }
    return limits;
  };

  it('[S-052] "the greatest plateau value that is less than the returned Total Length", down the table', () => {
    expect(guesses(65_535, (limit) => limit)).toEqual([32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 552]);
  });

  it('[S-052] a length that is not below the estimate may have the header added, and is reduced by it', () => {
    // 1,510 + 20, as routers of 4.2BSD quote a packet of 1,510: 1,492 is right.
    expect(guesses(1510, (limit) => limit + 20)[0]).toBe(1492);
    // 1,500 may have been 1,480.
    expect(guesses(1500, (limit) => limit)[0]).toBe(1006);
    // A shorter one is taken as it is.
    expect(guesses(1500, (limit) => limit - 1)[0]).toBe(1492);
  });

  it('[S-052] on the wire', () => {
    const { world, peer, connection } = established();
    world.write(connection, 1460);
    peer.icmp(UNREACHABLE, FRAGMENTATION_NEEDED, peer.expect({ length: 1460 }), 0);
    expect(peer.take()[0]).toMatchObject({ seq: 1, length: 966 });
    expect(connection.info().pathMtu).toBe(1006);
  });
});

describe('RFC 1191 §6.2, §6.3: what was learnt', () => {
  const learnt = () => {
    const made = established();
    made.world.write(made.connection, 1460);
    made.peer.icmp(UNREACHABLE, FRAGMENTATION_NEEDED, made.peer.expect({ length: 1460 }), 1000);
    made.peer.take();
    made.peer.send({ flags: 'A', ack: 1461 });
    return made;
  };

  const mssOfNext = (world: World, port: number): number => {
    const client = world.client(port);
    client.send({ flags: 'S', mss: 1460 });
    client.expect({ flags: 'SA' });
    client.send({ flags: 'A' });
    return world.stack.tcp.connections.find(({ remotePort }) => remotePort === port)!.info().mss;
  };

  it('[S-052] is where a new connection to the same host begins', () => {
    const { world } = learnt();
    expect(mssOfNext(world, 40_001)).toBe(960);
  });

  it('[S-052] says nothing of other hosts', () => {
    const { world } = learnt();
    const other = world.peer({ address: '10.0.0.9', port: 40_002, stackPort: 7 });
    other.send({ flags: 'S', mss: 1460 });
    other.expect({ flags: 'SA' });
    other.send({ flags: 'A' });
    expect(world.stack.tcp.connections.find(({ remotePort }) => remotePort === 40_002)!.info().mss).toBe(1460);
  });

  it('[S-052] "When a PMTU value has not been decreased for 10 minutes" it is the first hop’s again', () => {
    const { world, peer, connection } = learnt();
    world.advance(9 * MINUTE);
    world.write(connection, 2 * 960);
    expect(peer.take().map(({ length }) => length)).toEqual([960, 960]);
    peer.send({ flags: 'A' });
    expect(mssOfNext(world, 40_003)).toBe(960);
    world.advance(2 * MINUTE);
    world.write(connection, 1460);
    expect(peer.take().map(({ length }) => length)).toEqual([1460]);
    peer.send({ flags: 'A' });
    expect(mssOfNext(world, 40_004)).toBe(1460);
  });

  it('[S-052] §6.3: "An upper layer MUST not retransmit datagrams in response to an increase"', () => {
    const mtu = new PathMtu(4, 'icmp', 1500);
    mtu.onSent(1, 1461, 1500);
    mtu.onTooBig(0, 1000, 1500, 1);
    mtu.oversized = false;
    expect(mtu.follow(600 * SECOND - 1, 1500, 1500)).toBe(1000);
    expect(mtu.follow(600 * SECOND, 1500, 1500)).toBe(1500);
    expect(mtu.oversized).toBe(false);
  });
});

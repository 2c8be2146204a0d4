import { describe, expect, it } from 'vitest';
import type { Heard } from '../../src/sim/index.ts';
import { PathMtu } from '../../src/tcp/path-mtu.ts';
import { Icmpv6Type } from '../../src/wire/icmpv6.ts';
import { established } from '../support/tcp-world.ts';
import type { Established } from '../support/tcp-world.ts';

/** RFC 8201: Path MTU Discovery for IP version 6. */

const MINUTE = 60_000_000;

function tooBig({ peer }: Established, about: Heard, mtu: number): void {
  peer.icmp(Icmpv6Type.PACKET_TOO_BIG, 0, about, mtu);
}

/** A connection that has sent four full segments, none acknowledged. */
function sending(): Established & { sent: Heard[] } {
  const made = established({ family: 6, mss: 1440 });
  made.world.write(made.connection, 4 * 1440);
  const sent = made.peer.take();
  expect(sent.map(({ length }) => length)).toEqual([1440, 1440, 1440, 1440]);
  return { ...made, sent };
}

describe('RFC 8201 §4: Packet Too Big', () => {
  it('[S-053] lowers the path MTU, and what did not fit goes out again at once', () => {
    const made = sending();
    const { peer, connection, sent } = made;
    tooBig(made, sent[0]!, 1400);
    const again = peer.take();
    expect(again[0]).toMatchObject({ seq: 1, length: 1340 });
    expect(Math.max(...again.map(({ length }) => length))).toBe(1340);
    expect(connection.info()).toMatchObject({ mss: 1340, pathMtu: 1400 });
    // §5.4: the same about the others of that flight brings nothing new.
    for (const other of sent.slice(1)) tooBig(made, other, 1400);
    peer.expectNothing();
    peer.send({ flags: 'A', ack: 4 * 1440 + 1 });
    expect(connection.unacknowledged).toBe(0);
  });

  it.each([0, 68, 576, 1279])('[S-053] an MTU of %i, below 1280, is discarded', (mtu) => {
    const made = sending();
    tooBig(made, made.sent[0]!, mtu);
    made.peer.expectNothing();
    expect(made.connection.info().pathMtu).toBe(1500);
    expect(made.world.stack.statistics().drops['tcp-mtu-implausible']).toBe(1);
    made.peer.send({ flags: 'A', ack: 4 * 1440 + 1 });
  });

  it('[S-053] 1280 is the least', () => {
    const made = sending();
    tooBig(made, made.sent[0]!, 1280);
    expect(made.peer.take()[0]).toMatchObject({ seq: 1, length: 1220 });
    made.peer.send({ flags: 'A', ack: 4 * 1440 + 1 });
  });

  it('[S-053] "A node MUST NOT increase its estimate of the Path MTU in response to the contents of a Packet Too Big"', () => {
    const made = sending();
    tooBig(made, made.sent[0]!, 1300);
    made.peer.take();
    tooBig(made, made.sent[0]!, 1450);
    expect(made.connection.info().pathMtu).toBe(1300);
    made.peer.send({ flags: 'A', ack: 4 * 1440 + 1 });
  });

  it('[S-053] [S-092] about a segment that is not on its way it is not believed', () => {
    const made = sending();
    made.peer.send({ flags: 'A', ack: 4 * 1440 + 1 });
    tooBig(made, made.sent[0]!, 1300);
    expect(made.connection.info().pathMtu).toBe(1500);
    expect(made.world.stack.statistics().drops['tcp-icmp-stale']).toBe(1);
  });

  it('[S-053] [S-092] RFC 5927 §7.2: while so large segments get through it is not believed', () => {
    const made = established({ family: 6, mss: 1440 });
    const { world, peer, connection } = made;
    world.write(connection, 1440);
    peer.expect({ length: 1440 });
    peer.send({ flags: 'A' });
    world.write(connection, 1440);
    tooBig(made, peer.expect({ length: 1440 }), 1300);
    peer.expectNothing();
    expect(connection.info().pathMtu).toBe(1500);
    // Nothing comes back: at the time-out it is.
    world.advance(300_000);
    expect(peer.take()[0]).toMatchObject({ seq: 1441, length: 1240 });
    peer.send({ flags: 'A', ack: 2881 });
  });

  it('a zero is no invitation to guess, as it is over IPv4', () => {
    const mtu = new PathMtu(6, 'icmp', 9000);
    mtu.onSent(1, 8941, 9000);
    expect(mtu.onTooBig(0, 0, 9000, 1)).toBe('implausible');
    expect(mtu.limit).toBe(9000);
  });
});

describe('RFC 8201 §5.2, §5.3: what was learnt', () => {
  it('[S-053] is kept for new connections, and forgotten after ten minutes: not before five', () => {
    const made = sending();
    tooBig(made, made.sent[0]!, 1400);
    made.peer.take();
    made.peer.send({ flags: 'A', ack: 4 * 1440 + 1 });
    const mssOfNext = (port: number): number => {
      const client = made.world.client(port);
      client.send({ flags: 'S', mss: 1440 });
      client.expect({ flags: 'SA', mss: 1440 });
      client.send({ flags: 'A' });
      const { length } = made.world.stack.tcp.connections;
      const next = made.world.stack.tcp.connections.find(({ remotePort }) => remotePort === port);
      if (next === undefined) throw new Error(`it is none of ${length}`);
      return next.info().mss;
    };
    expect(mssOfNext(40_001)).toBe(1340);
    made.world.advance(5 * MINUTE);
    expect(mssOfNext(40_002)).toBe(1340);
    made.world.advance(5 * MINUTE);
    expect(mssOfNext(40_003)).toBe(1440);
  });
});

describe('RFC 4821 with the sizes of IPv6', () => {
  it('[S-054] a search begins at 1280, and goes no deeper', () => {
    const mtu = new PathMtu(6, 'probe', 1500);
    expect(mtu.limit).toBe(1280);
    for (let timeouts = 1; timeouts < 15; timeouts++) mtu.onTimeout(timeouts * MINUTE, 1, timeouts, 1280, false, 0);
    expect(mtu.limit).toBe(1280);
  });
});

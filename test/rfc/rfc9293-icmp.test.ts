import { describe, expect, it } from 'vitest';
import { seqAdd } from '../../src/buffer/seq.ts';
import { IcmpType } from '../../src/wire/icmp.ts';
import { FAMILY } from '../support/family.ts';
import { HARD, SOFT, hostUnreachable, noRoute, portUnreachable } from '../support/icmp-error.ts';
import type { Heard } from '../support/tcp-peer.ts';
import { World, established } from '../support/tcp-world.ts';

const SECOND = 1_000_000;
function connecting() {
  const world = new World();
  const peer = world.peer();
  const told = world.connect();
  const syn = peer.expect({ flags: 'S' });
  return { world, peer, syn, ...told };
}

/** The same segment with another sequence number: what somebody could have made up. */
function withSequence(heard: Heard, offset: number): Heard {
  const tcp = heard.packet.tcp!;
  return { ...heard, packet: { ...heard.packet, tcp: { ...tcp, sequence: seqAdd(tcp.sequence, offset) } } };
}

describe('RFC 9293 §3.9.2.2: ICMP errors while connecting', () => {
  it.each(SOFT)('[MUST-54] [MUST-56] [S-093] %s does not abort', (_, type, code) => {
    const { peer, syn, connection, events } = connecting();
    peer.icmp(type, code, syn);
    expect(connection.state).toBe('SYN_SENT');
    expect(events).toEqual([]);
    peer.send({ flags: 'SA' });
    peer.expect({ flags: 'A' });
    expect(events).toEqual(['connect']);
  });

  it.each(SOFT)(
    '[MUST-47] [SHLD-25] %s is what the application hears when nothing else comes',
    (_, type, code, error) => {
      const { world, peer, syn, events } = connecting();
      peer.icmp(type, code, syn);
      world.advance(300 * SECOND);
      expect(events).toEqual([`error ${error}`, 'close']);
      peer.take();
    },
  );

  it.each(HARD)('[MUST-54] [SHLD-26] %s aborts', (_, type, code, error) => {
    const { peer, syn, connection, events } = connecting();
    peer.icmp(type, code, syn);
    expect(connection.state).toBe('CLOSED');
    expect(events).toEqual([`error ${error}`, 'close']);
    peer.expectNothing();
  });
});

describe('RFC 9293 §3.9.2.2: ICMP errors on an open connection', () => {
  const sending = () => {
    const made = established();
    made.world.write(made.connection, 100);
    const sent = made.peer.expect({ length: 100 });
    return { ...made, sent };
  };

  it.each(SOFT)('[MUST-56] %s does not abort', (_, type, code) => {
    const { peer, sent, connection, events } = sending();
    peer.icmp(type, code, sent);
    expect(connection.state).toBe('ESTABLISHED');
    expect(events).toEqual([]);
    peer.send({ flags: 'A', ack: 101 });
    expect(connection.unacknowledged).toBe(0);
  });

  it.each(HARD)('[SHLD-26] [S-092] deliberately not met (RFC 5927 §5.2): %s is soft, too', (_, type, code) => {
    const { peer, sent, connection, events } = sending();
    peer.icmp(type, code, sent);
    expect(connection.state).toBe('ESTABLISHED');
    expect(events).toEqual([]);
    peer.send({ flags: 'A', ack: 101 });
    expect(connection.unacknowledged).toBe(0);
  });

  it('[MUST-47] [SHLD-25] the last one is what the application hears at R2', () => {
    const { world, peer, sent, events } = sending();
    hostUnreachable(peer, sent);
    world.advance(2000 * SECOND);
    expect(events).toEqual(['error EHOSTUNREACH', 'close']);
    peer.take();
  });

  it('[MUST-47] [SHLD-25] or at once, when it asks for that', () => {
    const { peer, sent, connection, events } = sending();
    const told: string[] = [];
    connection.handler = { ...connection.handler, onSoftError: ({ code, syscall }) => told.push(`${syscall} ${code}`) };
    hostUnreachable(peer, sent);
    noRoute(peer, sent);
    expect(told).toEqual(['read EHOSTUNREACH', 'read ENETUNREACH']);
    expect([connection.state, events]).toEqual(['ESTABLISHED', []]);
  });

  it('[MUST-47] also one about a zero-window probe', () => {
    const { world, peer, connection, events } = established({ wnd: 0, tcp: { userTimeout: 5000 } });
    world.write(connection, 100);
    world.advance(SECOND);
    hostUnreachable(peer, peer.take()[0]!);
    world.advance(60 * SECOND);
    expect(events).toEqual(['error EHOSTUNREACH', 'close']);
    peer.take();
  });

  it('it is forgotten when the peer answers after all', () => {
    const { world, peer, sent, connection, events } = sending();
    hostUnreachable(peer, sent);
    peer.send({ flags: 'A', ack: 101 });
    world.write(connection, 100);
    world.advance(2000 * SECOND);
    expect(events).toEqual(['error ETIMEDOUT', 'close']);
    peer.take();
  });

  // RFC 4443 has nothing of that kind.
  it.skipIf(FAMILY === 6)('[MUST-55] Source Quench is discarded', () => {
    const { world, peer, sent, connection, events } = sending();
    const before = connection.info();
    peer.icmp(IcmpType.SOURCE_QUENCH, 0, sent);
    peer.expectNothing();
    expect(connection.info()).toEqual(before);
    expect(events).toEqual([]);
    expect(world.strays).toEqual([]);
  });

  it('[MUST-54] one about another connection disturbs nothing', () => {
    const { peer, sent, connection } = sending();
    const tcp = sent.packet.tcp!;
    for (const changed of [{ sourcePort: tcp.sourcePort + 1 }, { destinationPort: tcp.destinationPort + 1 }]) {
      portUnreachable(peer, { ...sent, packet: { ...sent.packet, tcp: { ...tcp, ...changed } } });
    }
    expect(connection.state).toBe('ESTABLISHED');
  });
});

describe('RFC 5927 §4.1: the quoted sequence number', () => {
  it.each([
    ['below SND.UNA', -1],
    ['at SND.NXT', 1],
    ['far away', 0x4000_0000],
  ])('[S-092] %s: ignored', (_, offset) => {
    const { world, peer, syn, connection, events } = connecting();
    portUnreachable(peer, withSequence(syn, offset));
    expect(connection.state).toBe('SYN_SENT');
    expect(events).toEqual([]);
    expect(world.stack.statistics().drops['tcp-icmp-stale']).toBe(1);
  });

  it('[S-092] what is acknowledged already is stale', () => {
    const { world, peer, connection, events } = established({ tcp: { userTimeout: 5000 } });
    world.write(connection, 100);
    const sent = peer.expect({ length: 100 });
    peer.send({ flags: 'A', ack: 101 });
    world.write(connection, 100);
    hostUnreachable(peer, sent);
    expect(world.stack.statistics().drops['tcp-icmp-stale']).toBe(1);
    world.advance(30 * SECOND);
    expect(events).toEqual(['error ETIMEDOUT', 'close']);
    peer.take();
  });
});

import { describe, expect, it } from 'vitest';
import { packetAround } from '../../src/sim/script-segment.ts';
import { Icmpv6Type } from '../../src/wire/icmpv6.ts';
import { IcmpType, IcmpUnreachable } from '../../src/wire/icmp.ts';
import type { AnyPacketValue } from '../../src/wire/packet.ts';
import { Protocol } from '../../src/wire/protocol.ts';
import { established } from '../support/tcp-world.ts';
import type { Established } from '../support/tcp-world.ts';

/** RFC 5927 §7, RFC 8201 §4: what somebody can forge who sees no packets. */

type Family = 4 | 6;
const STACK = { 4: '10.0.0.1', 6: 'fd00::1' } as const;
const PEER = { 4: '10.0.0.2', 6: 'fd00::2' } as const;
/** Of a packet that was too big, in bytes, without the IP header. */
const LENGTH = 1400;

/** A connection with a full segment on its way. */
function sending(family: Family): Established & { forge: (quoted: AnyPacketValue, mtu: number) => void } {
  const mss = family === 4 ? 1460 : 1440;
  const made = established({ family, mss });
  made.world.write(made.connection, mss);
  const heard = made.peer.expect({ length: mss });
  const forge = (packet: AnyPacketValue, mtu: number): void => {
    const [type, code] =
      family === 4
        ? [IcmpType.DESTINATION_UNREACHABLE, IcmpUnreachable.FRAGMENTATION_NEEDED]
        : [Icmpv6Type.PACKET_TOO_BIG, 0];
    made.peer.icmp(type, code, { ...heard, packet }, mtu);
  };
  return { ...made, forge };
}

function datagram(family: Family): AnyPacketValue {
  const udp = { sourcePort: 53, destinationPort: 4000, payload: new Uint8Array(LENGTH - 8) };
  return { ...packetAround(STACK[family], PEER[family], Protocol.UDP, {}), udp };
}

const ECHO_REPLY: AnyPacketValue = packetAround(STACK[6], PEER[6], Protocol.ICMPV6, {
  icmp: { type: Icmpv6Type.ECHO_REPLY, code: 0, rest: 1, payload: new Uint8Array(LENGTH - 8) },
});

/** Asks the stack with so many bytes of data; how many packets does the answer take? */
function answers({ world, peer }: Established): number {
  const icmp = { type: Icmpv6Type.ECHO_REQUEST, code: 0, rest: 1, payload: new Uint8Array(LENGTH) };
  peer.sendPacket(packetAround(PEER[6], STACK[6], Protocol.ICMPV6, { icmp }));
  return world.strays.splice(0).length;
}

describe('[S-092] [S-053] an error about what anybody could have been sent changes nothing for TCP', () => {
  it.each([4, 6] as const)('IPv%i: about a datagram from a port that is open; datagrams follow it', (family) => {
    const made = sending(family);
    const { world, peer, connection } = made;
    const { stack } = world;
    const socket = stack.udp.bind({ address: STACK[family], port: 53, dontFragment: true }, { onMessage: () => {} });
    made.forge(datagram(family), 1300);
    expect(stack.statistics().drops['udp-mtu-lowered']).toBe(1);
    expect(connection.info().pathMtu).toBe(1500);
    expect(() => socket.send(new Uint8Array(LENGTH), 4000, PEER[family])).toThrow('at most');
    // Nor for a connection that begins now.
    const { mss } = connection.info();
    peer.send({ flags: 'A', ack: mss + 1 });
    const next = world.client(40_001);
    next.send({ flags: 'S', mss });
    next.expect({ flags: 'SA' });
    next.send({ flags: 'A' });
    expect(stack.tcp.connections.map((each) => each.info().mss)).toEqual([mss, mss]);
    socket.close();
  });

  it('IPv6: about an echo reply; replies follow it, datagrams don’t', () => {
    const made = sending(6);
    const { world, peer, connection } = made;
    const socket = world.stack.udp.bind({ address: STACK[6], port: 53, dontFragment: true }, { onMessage: () => {} });
    expect(answers(made)).toBe(1);
    made.forge(ECHO_REPLY, 1280);
    expect(answers(made)).toBe(2);
    expect(connection.info().pathMtu).toBe(1500);
    expect(() => socket.send(new Uint8Array(1453), 4000, PEER[6])).toThrow('at most 1452 bytes');
    socket.close();
    peer.send({ flags: 'A', ack: 1441 });
  });

  it('what TCP has made sure of is true for all', () => {
    const made = sending(6);
    const { world, peer, connection } = made;
    const socket = world.stack.udp.bind({ address: STACK[6], port: 53, dontFragment: true }, { onMessage: () => {} });
    // A segment is quoted that is on its way.
    world.write(connection, 1440);
    const heard = peer.expect({ length: 1440 });
    peer.icmp(Icmpv6Type.PACKET_TOO_BIG, 0, heard, 1300);
    expect(connection.info().pathMtu).toBe(1300);
    expect(() => socket.send(new Uint8Array(1253), 4000, PEER[6])).toThrow('at most 1252 bytes');
    expect(answers(made)).toBe(2);
    peer.take();
    socket.close();
    peer.send({ flags: 'A', ack: 2881 });
  });
});

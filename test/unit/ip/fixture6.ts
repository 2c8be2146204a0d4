import type { ParameterProblemCode } from '../../../src/wire/ipv6-extensions.ts';
import type { InterfaceOptions } from '../../../src/ip/interface.ts';
import type { NetworkInterface } from '../../../src/ip/interface.ts';
import type { IcmpMessage } from '../../../src/wire/icmp.ts';
import type { Ipv6Packet } from '../../../src/wire/ipv6.ts';
import type { Packet6Value } from '../../../src/wire/packet.ts';
import { formatPacket, parsePacket6 } from '../../../src/wire/packet.ts';
import { Protocol } from '../../../src/wire/protocol.ts';
import type { UdpDatagram } from '../../../src/wire/udp.ts';
import { address, IpBench, NOTHING } from './fixture.ts';
import type { Ends } from './fixture.ts';

/** This stack's addresses on eth0, a neighbour's, a host behind the gateway. */
export const LOCAL6 = 'fd00::2';
export const LOCAL_LINK = 'fe80::2';
export const PEER6 = 'fd00::1';
export const PEER_LINK = 'fe80::1';
export const FAR6 = '2001:db8::33';

/** The bench of IPv4 with fd00::2/64 and fe80::2/64 on eth0, and a default route via fd00::1. */
export class Ip6Bench extends IpBench {
  constructor(eth0: Partial<InterfaceOptions> = {}) {
    super({ addresses: ['10.0.0.2/24', `${LOCAL6}/64`, `${LOCAL_LINK}/64`], ...eth0 });
    this.ip.routes.add('::/0', { via: PEER6 });
  }

  /** Takes all packets out of an interface's queue, read. */
  sent6(iface: NetworkInterface = this.eth0): Packet6Value[] {
    return this.sent(iface).map((bytes) => {
      const packet = parsePacket6(bytes);
      if (typeof packet === 'string') throw new Error(`not a packet: ${packet}`);
      return packet;
    });
  }

  /** The parameter problems that were sent. */
  problems(): [code: ParameterProblemCode, pointer: number][] {
    return this.sent6().map(({ icmp }) => {
      if (icmp?.type !== 4) throw new Error('it is no parameter problem');
      return [icmp.code as ParameterProblemCode, icmp.rest];
    });
  }
}

/** An IPv6 packet from the peer to this stack, changed as told. */
export function ipv6(changes: Omit<Partial<Ipv6Packet>, 'source' | 'destination'> & Ends = {}): Ipv6Packet {
  const { source = PEER6, destination = LOCAL6, protocol = Protocol.UDP, ...rest } = changes;
  return {
    trafficClass: 0,
    flowLabel: 0,
    nextHeader: protocol,
    hopLimit: 64,
    extensions: NOTHING,
    protocol,
    payload: NOTHING,
    ...rest,
    source: address(source),
    destination: address(destination),
  };
}

export function udp6Packet(udp: Partial<UdpDatagram> = {}, ip: Parameters<typeof ipv6>[0] = {}): Uint8Array {
  const datagram = { sourcePort: 4000, destinationPort: 7, payload: NOTHING, ...udp };
  return formatPacket({ ip: ipv6(ip), udp: datagram });
}

export function icmp6Packet(icmp: Partial<IcmpMessage>, ip: Parameters<typeof ipv6>[0] = {}): Uint8Array {
  const message = { type: 128, code: 0, rest: 0, payload: NOTHING, ...icmp };
  return formatPacket({ ip: ipv6({ protocol: Protocol.ICMPV6, ...ip }), icmp: message });
}

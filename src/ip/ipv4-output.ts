import type { Packet } from '../buffer/packet.ts';
import type { SendOptions } from '../buffer/path.ts';
import type { AddressWords } from '../wire/address.ts';
import { paddedLength, writeIpv4Options } from '../wire/ipv4-options.ts';
import { IPV4_HEADER_LENGTH, writeIpv4Header } from '../wire/ipv4.ts';
import type { NetworkInterface } from './interface.ts';
import type { IpOutput } from './output.ts';

/** Puts IPv4 headers in front of packets and queues them. */
export class Ipv4Output implements IpOutput {
  send(
    iface: NetworkInterface,
    packet: Packet,
    source: AddressWords,
    destination: AddressWords,
    nextHop: AddressWords,
    protocol: number,
    options: SendOptions,
  ): void {
    const { options: own } = options;
    const headerLength = IPV4_HEADER_LENGTH + (own === undefined ? 0 : paddedLength(own));
    const start = packet.prepend(headerLength);
    // DF is always set: nothing here fragments, and path MTU discovery needs it ([S-052]). Such a datagram is atomic,
    // and its identification means nothing ([S-043] RFC 6864 §4.1): zero, as Linux sends from unconnected sockets; it
    // keeps no state and tells an observer nothing.
    const { ttl, trafficClass } = options;
    const { view } = packet.memory;
    writeIpv4Header(view, start, source.d, destination.d, protocol, packet.length, ttl, trafficClass, 0, true);
    if (own !== undefined) writeIpv4Options(view, start, own);
    iface.transmit(packet, nextHop);
  }
}

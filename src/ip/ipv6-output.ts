import type { Packet } from '../buffer/packet.ts';
import type { SendOptions } from '../buffer/path.ts';
import type { AddressWords } from '../wire/address.ts';
import { IPV6_HEADER_LENGTH, setIpv6PayloadLength, writeIpv6Header } from '../wire/ipv6.ts';
import type { FragmentOutput } from './fragment-output.ts';
import type { NetworkInterface } from './interface.ts';
import type { IpOutput } from './output.ts';

/** Puts IPv6 headers in front of packets and queues them. */
export class Ipv6Output implements IpOutput {
  readonly #fragments: FragmentOutput;

  constructor(fragments: FragmentOutput) {
    this.#fragments = fragments;
  }

  reserve(iface: NetworkInterface, length: number, mtu: number): Packet | undefined {
    if (IPV6_HEADER_LENGTH + length <= mtu) return iface.queue.reserve(length);
    return this.#fragments.reserve(iface, length, mtu, 6);
  }

  lengthen(view: DataView, start: number, length: number): void {
    setIpv6PayloadLength(view, start, length - IPV6_HEADER_LENGTH);
  }

  send(
    iface: NetworkInterface,
    packet: Packet,
    source: AddressWords,
    destination: AddressWords,
    nextHop: AddressWords,
    protocol: number,
    options: SendOptions,
    flowLabel: number = 0,
  ): boolean {
    if (this.#fragments.holds(packet)) {
      this.#fragments.send(iface, packet, source, destination, nextHop, protocol, options, flowLabel);
      return false;
    }
    const payloadLength = packet.length;
    const start = packet.prepend(IPV6_HEADER_LENGTH);
    const { view } = packet.memory;
    const { trafficClass } = options;
    const ttl = options.ttl === 'auto' ? iface.hopLimitOf(6) : options.ttl;
    writeIpv6Header(view, start, source, destination, protocol, payloadLength, ttl, trafficClass, flowLabel);
    return iface.transmit(packet, nextHop);
  }
}

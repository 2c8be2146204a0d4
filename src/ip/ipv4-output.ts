import type { Packet } from '../buffer/packet.ts';
import type { SendOptions } from '../buffer/path.ts';
import type { AddressWords } from '../wire/address.ts';
import { paddedLength, writeIpv4Options } from '../wire/ipv4-options.ts';
import { IPV4_HEADER_LENGTH, setIpv4TotalLength, writeIpv4Checksum, writeIpv4Header } from '../wire/ipv4.ts';
import type { FragmentIdentifications } from './fragment-identification.ts';
import type { FragmentOutput } from './fragment-output.ts';
import type { NetworkInterface } from './interface.ts';
import type { IpOutput } from './output.ts';

/** Puts IPv4 headers in front of packets and queues them. */
export class Ipv4Output implements IpOutput {
  readonly #fragments: FragmentOutput;
  readonly #identifications: FragmentIdentifications;

  constructor(fragments: FragmentOutput, identifications: FragmentIdentifications) {
    this.#fragments = fragments;
    this.#identifications = identifications;
  }

  reserve(iface: NetworkInterface, length: number, mtu: number): Packet | undefined {
    if (IPV4_HEADER_LENGTH + length <= mtu) return iface.queue.reserve(length);
    return this.#fragments.reserve(iface, length, mtu, 4);
  }

  lengthen(view: DataView, start: number, length: number): void {
    setIpv4TotalLength(view, start, length);
    writeIpv4Checksum(view, start, IPV4_HEADER_LENGTH);
  }

  send(
    iface: NetworkInterface,
    packet: Packet,
    source: AddressWords,
    destination: AddressWords,
    nextHop: AddressWords,
    protocol: number,
    options: SendOptions,
  ): boolean {
    if (this.#fragments.holds(packet)) {
      this.#fragments.send(iface, packet, source, destination, nextHop, protocol, options);
      return false;
    }
    const { options: own } = options;
    const headerLength = IPV4_HEADER_LENGTH + (own === undefined ? 0 : paddedLength(own));
    const start = packet.prepend(headerLength);
    // DF is set in what is not cut up here: path MTU discovery needs it ([S-052]). Such a datagram is atomic, and its
    // identification means nothing ([S-008] [S-043] RFC 6864 §4.1): zero, as Linux sends from unconnected sockets; it keeps no
    // state and tells an observer nothing.
    const { trafficClass, fragmentable = false } = options;
    const id = fragmentable ? this.#identifications.next(source, destination, protocol) : 0;
    const ttl = options.ttl === 'auto' ? iface.hopLimitOf(4) : options.ttl;
    const { view } = packet.memory;
    const { length } = packet;
    writeIpv4Header(view, start, source.d, destination.d, protocol, length, ttl, trafficClass, id, !fragmentable);
    if (own !== undefined) writeIpv4Options(view, start, own);
    return iface.transmit(packet, nextHop);
  }
}

import { Checksum } from '../buffer/batch.ts';
import { copyBytes } from '../buffer/copy.ts';
import { allocateMemory } from '../buffer/memory.ts';
import { HEADROOM, Packet } from '../buffer/packet.ts';
import type { SendOptions } from '../buffer/path.ts';
import type { AddressWords } from '../wire/address.ts';
import { IPV4_HEADER_LENGTH, setIpv4Fragment, writeIpv4Header } from '../wire/ipv4.ts';
import { IPV6_FRAGMENT_HEADER_LENGTH, writeFragmentHeader } from '../wire/ipv6-fragment.ts';
import { IPV6_HEADER_LENGTH, writeIpv6Header } from '../wire/ipv6.ts';
import { Protocol } from '../wire/protocol.ts';
import type { FragmentIdentifications } from './fragment-identification.ts';
import type { NetworkInterface } from './interface.ts';

/** The longest message that IP carries, its transport header included, in bytes. */
const LONGEST = 65_535;

/**
 * Sends messages that are longer than a packet in fragments ([S-007] RFC 791 §3.2, RFC 8200 §4.5). A message is built whole in
 * memory of its own, checksum included, and cut into the queue of its interface: all of it or nothing.
 */
export class FragmentOutput {
  readonly #identifications: FragmentIdentifications;
  /** Where messages are built: the one packet, with memory from the first time on. */
  #packet: Packet | undefined;
  /** The largest packet of the message under construction, in bytes. */
  #mtu: number = 0;

  constructor(identifications: FragmentIdentifications) {
    this.#identifications = identifications;
  }

  /**
   * Room for a message of `length` bytes, transport header included; nothing when the queue has no room for all fragments.
   *
   * @param mtu largest packet in bytes
   */
  reserve(iface: NetworkInterface, length: number, mtu: number, family: 4 | 6): Packet | undefined {
    if (length > LONGEST) throw new Error(`a message of ${length} bytes cannot be sent in fragments`);
    if (!iface.queue.admits(length, Math.ceil(length / mostBytes(mtu, family)))) return undefined;
    const packet = (this.#packet ??= new Packet(allocateMemory(HEADROOM + LONGEST)));
    packet.start = HEADROOM;
    packet.end = HEADROOM + length;
    packet.checksum = Checksum.none;
    packet.segmentSize = 0;
    this.#mtu = mtu;
    return packet;
  }

  /** Is it a packet of `reserve`? */
  holds(packet: Packet): boolean {
    return packet === this.#packet;
  }

  /** Cuts up the message that was reserved last. Its checksum is complete. */
  send(
    iface: NetworkInterface,
    { memory, start, end }: Packet,
    source: AddressWords,
    destination: AddressWords,
    nextHop: AddressWords,
    protocol: number,
    options: SendOptions,
    flowLabel: number = 0,
  ): void {
    const identification = this.#identifications.next(source, destination, protocol);
    const most = mostBytes(this.#mtu, source.family);
    for (let at = start; at < end; at += most) {
      const length = Math.min(most, end - at);
      const more = at + length < end;
      // There is room: the queue was asked for all of them.
      const packet = iface.queue.reserve(length, true)!;
      copyBytes(packet.memory.bytes, packet.start, memory.bytes, at, length);
      const write = source.family === 4 ? writeHeader4 : writeHeader6;
      write(iface, packet, source, destination, protocol, options, identification, at - start, more, flowLabel);
      iface.transmit(packet, nextHop);
    }
  }
}

/** Bytes of a message that a fragment carries at most: a multiple of 8. */
function mostBytes(mtu: number, family: 4 | 6): number {
  const headers = family === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH + IPV6_FRAGMENT_HEADER_LENGTH;
  return (mtu - headers) & ~7;
}

function writeHeader4(
  iface: NetworkInterface,
  packet: Packet,
  source: AddressWords,
  destination: AddressWords,
  protocol: number,
  options: SendOptions,
  identification: number,
  offset: number,
  more: boolean,
): void {
  const at = packet.prepend(IPV4_HEADER_LENGTH);
  const { view } = packet.memory;
  const { length } = packet;
  const hops = options.ttl === 'auto' ? iface.hopLimitOf(4) : options.ttl;
  writeIpv4Header(
    view,
    at,
    source.d,
    destination.d,
    protocol,
    length,
    hops,
    options.trafficClass,
    identification,
    false,
  );
  setIpv4Fragment(view, at, offset, more);
}

function writeHeader6(
  iface: NetworkInterface,
  packet: Packet,
  source: AddressWords,
  destination: AddressWords,
  protocol: number,
  options: SendOptions,
  identification: number,
  offset: number,
  more: boolean,
  flowLabel: number,
): void {
  const { view } = packet.memory;
  const at = packet.prepend(IPV6_FRAGMENT_HEADER_LENGTH);
  writeFragmentHeader(view, at, protocol, offset, more, identification);
  const { length } = packet;
  const ip = packet.prepend(IPV6_HEADER_LENGTH);
  const hops = options.ttl === 'auto' ? iface.hopLimitOf(6) : options.ttl;
  writeIpv6Header(view, ip, source, destination, Protocol.IPV6_FRAG, length, hops, options.trafficClass, flowLabel);
}

import { Checksum } from '../buffer/batch.ts';
import { copyBytes } from '../buffer/copy.ts';
import type { Counters } from '../buffer/counters.ts';
import type { Datagram } from '../buffer/datagram.ts';
import type { Packet } from '../buffer/packet.ts';
import type { AddressWords } from '../wire/address.ts';
import { isLinkLocal } from '../wire/address.ts';
import { checksumFold, pseudoHeaderSum } from '../wire/checksum.ts';
import { IcmpUnreachable, TimeExceeded } from '../wire/icmp.ts';
import { Icmpv6Unreachable } from '../wire/icmpv6.ts';
import { laterHeaderLength, writeFragmentHeader4 } from '../wire/ipv4-fragment.ts';
import { checkIpv4Passage } from '../wire/ipv4-options.ts';
import { decrementIpv4Ttl, IPV4_HEADER_LENGTH, ipv4DontFragment, ipv4FragmentOffset } from '../wire/ipv4.ts';
import { ExtensionChain, skipExtensions } from '../wire/ipv6-extensions.ts';
import { decrementIpv6HopLimit } from '../wire/ipv6.ts';
import { Protocol } from '../wire/protocol.ts';
import { checksumFieldOf, completedChecksum, finishPiece, superSegmentHeaders } from '../wire/segmentation.ts';
import type { IcmpErrors } from './icmp-errors.ts';
import type { Icmpv6Errors } from './icmpv6-errors.ts';
import type { NetworkInterface } from './interface.ts';
import type { Route, RoutingTable } from './routes.ts';
import { passes } from './special-addresses.ts';

/** Why a packet for somebody else went no further: the names it is counted under. */
export type ForwardDrop =
  | 'forward-martian'
  | 'forward-link-group'
  | 'forward-beyond-scope'
  | 'forward-ipv4-option'
  | 'forward-no-route'
  | 'forward-same-link'
  | 'forward-time-exceeded'
  | 'forward-too-big'
  | 'forward-bad-super-segment'
  | 'forward-bad-fragment'
  | 'forward-queue-full';

/** Bytes of an IPv4 datagram, at most. */
const LONGEST = 65_535;

/** Which version of IP is forwarded. */
export interface Forwarding {
  ipv4: boolean;
  ipv6: boolean;
}

export interface ForwarderParts {
  routes: RoutingTable;
  counters: Counters;
  errors: IcmpErrors;
  errors6: Icmpv6Errors;
  /** Offers the interface's queue to its link at once. */
  drain(iface: NetworkInterface): void;
}

/**
 * Passes packets for others on from one interface to another (RFC 1812 §5.2.1, RFC 8200 §3): off by default, since a host
 * forwards nothing. Redirects are not sent: two hosts on one link that could reach each other go on by this stack.
 */
export class Forwarder {
  /** Changed at any time. */
  readonly enabled: Forwarding = { ipv4: false, ipv6: false };
  /** Passed on so far: packets as they left, pieces counted. */
  packets: number = 0;
  bytes: number = 0;
  readonly #parts: ForwarderParts;
  readonly #chain: ExtensionChain = new ExtensionChain();

  constructor(parts: ForwarderParts) {
    this.#parts = parts;
  }

  /**
   * Takes a packet whose header and source have been checked, and whose destination is not this stack's.
   *
   * @param from the interface it came in by
   */
  input(from: NetworkInterface, datagram: Datagram): void {
    datagram.group = false;
    // RFC 1812 §5.3.4: whoever sends it to all stations has not chosen this one.
    if (datagram.linkGroup) return this.#parts.counters.add('forward-link-group' satisfies ForwardDrop);
    const drop = datagram.version === 4 ? this.#input4(from, datagram) : this.#input6(from, datagram);
    if (drop !== undefined) this.#parts.counters.add(drop);
  }

  /**
   * RFC 8200 §4: options on the way are for whoever is told to look at them; only the transport is looked for, whose
   * checksum may have to be completed.
   */
  #findTransport(datagram: Datagram): void {
    const chain = this.#chain;
    skipExtensions(datagram.memory.view, datagram.packetStart, datagram.packetEnd, chain);
    datagram.protocol = chain.protocol;
    datagram.start = Math.min(chain.start, datagram.packetEnd);
  }

  #input4(from: NetworkInterface, datagram: Datagram): ForwardDrop | undefined {
    const { memory, packetStart, start } = datagram;
    const { errors } = this.#parts;
    if (!mayPass(from, datagram)) return 'forward-martian';
    const first = packetStart + IPV4_HEADER_LENGTH;
    if (start !== first && !checkIpv4Passage(memory.view, first, start)) return 'forward-ipv4-option';
    const route = this.#wayOut(datagram.destination);
    if (route === undefined) {
      errors.sendUnreachable(datagram, IcmpUnreachable.NETWORK);
      return 'forward-no-route';
    }
    if (leadsBack(route, from)) {
      errors.sendUnreachable(datagram, IcmpUnreachable.HOST);
      return 'forward-same-link';
    }
    // RFC 1812 §5.3.1
    if (datagram.ttl <= 1) {
      errors.sendTimeExceeded(datagram, TimeExceeded.IN_TRANSIT);
      return 'forward-time-exceeded';
    }
    const { mtu } = route.interface;
    // [S-007] RFC 1812 §4.2.2.7: what does not fit is cut up, unless its sender has forbidden that.
    if (largestPacket(datagram) <= mtu || !ipv4DontFragment(memory.view, packetStart))
      return this.#send(route, datagram);
    errors.sendFragmentationNeeded(datagram, mtu);
    return 'forward-too-big';
  }

  #input6(from: NetworkInterface, datagram: Datagram): ForwardDrop | undefined {
    const { errors6 } = this.#parts;
    this.#findTransport(datagram);
    if (!mayPass(from, datagram)) {
      // RFC 4007 §9, RFC 4443 §3.1: the destination is out of a link-local source's reach, which whoever has it is told.
      if (from.loopback || !isLinkLocal(datagram.source) || !passes(datagram.destination)) return 'forward-martian';
      errors6.sendUnreachable(datagram, Icmpv6Unreachable.BEYOND_SCOPE);
      return 'forward-beyond-scope';
    }
    const route = this.#wayOut(datagram.destination);
    if (route === undefined) {
      errors6.sendUnreachable(datagram, Icmpv6Unreachable.NO_ROUTE);
      return 'forward-no-route';
    }
    if (leadsBack(route, from)) {
      errors6.sendUnreachable(datagram, Icmpv6Unreachable.ADDRESS);
      return 'forward-same-link';
    }
    if (datagram.ttl <= 1) {
      errors6.sendTimeExceeded(datagram, TimeExceeded.IN_TRANSIT);
      return 'forward-time-exceeded';
    }
    const { mtu } = route.interface;
    if (largestPacket(datagram) <= mtu) return this.#send(route, datagram);
    errors6.sendPacketTooBig(datagram, mtu);
    return 'forward-too-big';
  }

  /** Never into the host: what is for it has been taken before. */
  #wayOut(destination: AddressWords): Route | undefined {
    const route = this.#parts.routes.lookup(destination);
    return route?.interface.up === true && !route.interface.loopback ? route : undefined;
  }

  #send({ interface: out, via }: Route, datagram: Datagram): ForwardDrop | undefined {
    const { segmentSize, packetStart, packetEnd, memory, destination } = datagram;
    const nextHop = via ?? destination;
    const length = packetEnd - packetStart;
    if (segmentSize === 0) {
      return length <= out.mtu ? this.#pass(out, datagram, nextHop) : this.#fragment(out, datagram, nextHop);
    }
    const headers = superSegmentHeaders(memory.view, packetStart, length);
    // Nobody vouches for the bytes, or they are not what a super-segment is: its pieces would get right checksums.
    if (headers === 0 || headers >= length || datagram.checksum === Checksum.none) return 'forward-bad-super-segment';
    const { checksum, tso, uso } = out.offload;
    const largest = datagram.protocol === Protocol.TCP ? tso : uso;
    // None of its segments may be cut up by the link.
    return checksum && length <= largest && largestPacket(datagram) <= out.mtu
      ? this.#pass(out, datagram, nextHop)
      : this.#cut(out, datagram, nextHop, headers);
  }

  /** As one packet, as it came. */
  #pass(out: NetworkInterface, datagram: Datagram, nextHop: AddressWords): ForwardDrop | undefined {
    const { memory, packetStart, packetEnd } = datagram;
    const length = packetEnd - packetStart;
    const packet = this.#reserve(out, length);
    if (packet === undefined) return 'forward-queue-full';
    copyBytes(packet.memory.bytes, packet.start, memory.bytes, packetStart, length);
    mark(packet, datagram, out.offload.checksum);
    this.#transmit(out, packet, datagram.version, nextHop);
    return undefined;
  }

  /** A super-segment as the packets that it stands for. */
  #cut(out: NetworkInterface, datagram: Datagram, nextHop: AddressWords, headers: number): ForwardDrop | undefined {
    const { memory, packetStart, packetEnd, segmentSize, version } = datagram;
    const payload = packetEnd - packetStart - headers;
    for (let done = 0, index = 0; done < payload; done += segmentSize, index++) {
      const size = Math.min(segmentSize, payload - done);
      if (headers + size > out.mtu) return 'forward-too-big';
      const packet = this.#reserve(out, headers + size);
      if (packet === undefined) return 'forward-queue-full';
      const { bytes, view } = packet.memory;
      copyBytes(bytes, packet.start, memory.bytes, packetStart, headers);
      copyBytes(bytes, packet.start + headers, memory.bytes, packetStart + headers + done, size);
      finishPiece(view, packet.start, headers + size, done, index, done + size === payload);
      packet.checksum = Checksum.valid;
      this.#transmit(out, packet, version, nextHop);
    }
    return undefined;
  }

  /** An IPv4 datagram, or a fragment of one, in as few pieces as the link takes. */
  #fragment(out: NetworkInterface, datagram: Datagram, nextHop: AddressWords): ForwardDrop | undefined {
    const { memory, packetStart, packetEnd, start, checksum, protocol } = datagram;
    const first = start - packetStart;
    const later = laterHeaderLength(memory.view, packetStart, first);
    const payload = packetEnd - start;
    // No datagram is that long: the offsets of its pieces could not be written.
    if (ipv4FragmentOffset(memory.view, packetStart) + payload > LONGEST) return 'forward-bad-fragment';
    // The payload of all but the last is a multiple of 8 bytes.
    for (let done = 0, size = 0; done < payload; done += size) {
      const header = done === 0 ? first : later;
      size = Math.min((out.mtu - header) & ~7, payload - done);
      const packet = this.#reserve(out, header + size);
      if (packet === undefined) return 'forward-queue-full';
      const { bytes, view } = packet.memory;
      const isLast = done + size === payload;
      writeFragmentHeader4(memory.view, packetStart, first, view, packet.start, header + size, done, isLast);
      copyBytes(bytes, packet.start + header, memory.bytes, start + done, size);
      const place = checksum === Checksum.partial && done === 0 ? checksumFieldOf(protocol) : undefined;
      if (place !== undefined) {
        view.setUint16(packet.start + header + place, completedChecksum(memory.view, start, payload, protocol));
      }
      this.#transmit(out, packet, 4, nextHop);
    }
    return undefined;
  }

  /** One batch may bring more than the queue holds: what waits is offered to the link before the batch is over. */
  #reserve(out: NetworkInterface, length: number): Packet | undefined {
    const packet = out.queue.reserve(length);
    if (packet !== undefined) return packet;
    this.#parts.drain(out);
    return out.queue.reserve(length);
  }

  #transmit(out: NetworkInterface, packet: Packet, version: 4 | 6, nextHop: AddressWords): void {
    if (version === 4) decrementIpv4Ttl(packet.memory.view, packet.start);
    else decrementIpv6HopLimit(packet.memory.view, packet.start);
    this.packets++;
    this.bytes += packet.length;
    out.transmit(packet, nextHop);
  }
}

/** Both ends are hosts elsewhere, and it did not come from inside. */
function mayPass(from: NetworkInterface, { source, destination }: Datagram): boolean {
  return !from.loopback && passes(source) && passes(destination);
}

/**
 * RFC 4443 §3.1: what came over a link with one other end, for a host of that link's network, would come back, again and
 * again.
 */
function leadsBack({ interface: out, via }: Route, from: NetworkInterface): boolean {
  return out === from && via === undefined && out.medium === 'ip';
}

/** The segments are what must fit, not the packet that stands for them. */
function largestPacket({ memory, packetStart, packetEnd, segmentSize }: Datagram): number {
  const length = packetEnd - packetStart;
  if (segmentSize === 0) return length;
  return Math.min(length, superSegmentHeaders(memory.view, packetStart, length) + segmentSize);
}

/** What is known of the checksum stays known; a partial one is completed unless the next link does that. */
function mark(packet: Packet, datagram: Datagram, offload: boolean): void {
  const { checksum, protocol, start, packetStart, segmentSize, source, destination } = datagram;
  packet.checksum = checksum;
  packet.segmentSize = segmentSize;
  const place = checksumFieldOf(protocol);
  if (place === undefined) return;
  const { view } = packet.memory;
  const transport = packet.start + start - packetStart;
  const length = packet.end - transport;
  if (segmentSize > 0 && checksum === Checksum.valid) {
    // Whoever cuts it expects the pseudo header's sum.
    view.setUint16(transport + place, checksumFold(pseudoHeaderSum(source, destination, protocol, length)));
    packet.checksum = Checksum.partial;
  } else if (checksum === Checksum.partial && !offload) {
    view.setUint16(transport + place, completedChecksum(view, transport, length, protocol));
    packet.checksum = Checksum.valid;
  }
}

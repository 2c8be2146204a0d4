import { Datagram } from '../buffer/datagram.ts';
import { IcmpError } from '../buffer/icmp-error.ts';
import { memoryOf } from '../buffer/memory.ts';
import { IcmpType, IcmpUnreachable } from '../wire/icmp.ts';
import { Icmpv6Type, Icmpv6Unreachable } from '../wire/icmpv6.ts';
import {
  ipv4Destination,
  ipv4FragmentOffset,
  ipv4HeaderLength,
  ipv4Protocol,
  ipv4Source,
  ipv4TotalLength,
} from '../wire/ipv4.ts';
import { ExtensionChain, skipExtensions } from '../wire/ipv6-extensions.ts';
import { ipv6DestinationAt, ipv6SourceAt, ipv6TotalLength } from '../wire/ipv6.ts';
import type { IpHost } from './host.ts';
import type { IcmpErrors } from './icmp-errors.ts';
import type { Icmpv6Errors } from './icmpv6-errors.ts';
import type { LocalAddresses } from './local-addresses.ts';
import type { WaitingPacket } from './neighbour-waiting.ts';

/** Transports look at the ports and a sequence number. */
const SHORTEST_QUOTE = 8;

export interface NeighbourFailureParts {
  readonly host: Pick<IpHost, 'icmpError'>;
  readonly local: LocalAddresses;
  readonly errors: Pick<IcmpErrors, 'sendUnreachable'>;
  readonly errors6: Pick<Icmpv6Errors, 'sendUnreachable'>;
}

/**
 * Tells whoever sent a packet that its neighbour does not answer. Own sockets learn it as from a router, but by this host
 * itself, which needs no proof (RFC 4861 §7.2.2; Linux: ipv4_link_failure, ip6_link_failure); the sender of a packet that
 * was forwarded by ICMP (RFC 1812 §4.3.3.1, §5.2.7.1).
 */
export class NeighbourFailure {
  readonly #parts: NeighbourFailureParts;
  readonly #error: IcmpError = new IcmpError(memoryOf(new Uint8Array(0)));
  readonly #datagram: Datagram = new Datagram(this.#error.memory);
  readonly #chain: ExtensionChain = new ExtensionChain();

  constructor(parts: NeighbourFailureParts) {
    this.#parts = parts;
    this.#error.code = 'EHOSTUNREACH';
    this.#error.byHost = true;
  }

  report(packet: WaitingPacket, now: number): void {
    const error = this.#error;
    error.memory = packet.memory;
    const { length } = packet.memory.bytes;
    const isWhole = packet.memory.bytes[0]! >>> 4 === 4 ? this.#readIpv4() : this.#readIpv6();
    error.length = length - error.start;
    error.now = now;
    if (!this.#parts.local.isLocal(error.source)) return this.#tellSender(packet, length, now);
    // A fragment that is not the first carries no ports.
    if (isWhole && error.length >= SHORTEST_QUOTE) this.#parts.host.icmpError(error);
  }

  /** Another host's packet, which this one has forwarded. */
  #tellSender({ memory, checksum, segmentSize }: WaitingPacket, length: number, now: number): void {
    const { source, destination, protocol, start } = this.#error;
    const datagram = this.#datagram;
    datagram.memory = memory;
    datagram.packetStart = 0;
    datagram.packetEnd = length;
    datagram.start = Math.min(start, length);
    datagram.version = source.family;
    datagram.source.set(source);
    datagram.destination.set(destination);
    datagram.protocol = protocol;
    datagram.checksum = checksum;
    datagram.segmentSize = segmentSize;
    datagram.now = now;
    if (source.family === 4) this.#parts.errors.sendUnreachable(datagram, IcmpUnreachable.HOST);
    else this.#parts.errors6.sendUnreachable(datagram, Icmpv6Unreachable.ADDRESS);
  }

  #readIpv4(): boolean {
    const error = this.#error;
    const { view } = error.memory;
    error.type = IcmpType.DESTINATION_UNREACHABLE;
    error.icmpCode = IcmpUnreachable.HOST;
    error.source.setIpv4(ipv4Source(view, 0));
    error.destination.setIpv4(ipv4Destination(view, 0));
    error.reporter.set(error.source);
    error.protocol = ipv4Protocol(view, 0);
    error.start = ipv4HeaderLength(view, 0);
    error.quotedLength = ipv4TotalLength(view, 0);
    return ipv4FragmentOffset(view, 0) === 0;
  }

  #readIpv6(): boolean {
    const error = this.#error;
    const { view } = error.memory;
    error.type = Icmpv6Type.DESTINATION_UNREACHABLE;
    error.icmpCode = Icmpv6Unreachable.ADDRESS;
    error.source.setIpv6(view, ipv6SourceAt(0));
    error.destination.setIpv6(view, ipv6DestinationAt(0));
    error.reporter.set(error.source);
    skipExtensions(view, 0, view.byteLength, this.#chain);
    error.protocol = this.#chain.protocol;
    error.start = this.#chain.start;
    error.quotedLength = ipv6TotalLength(view, 0);
    return error.start < view.byteLength;
  }
}

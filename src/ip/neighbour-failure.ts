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

/** Transports look at the ports and a sequence number. */
const SHORTEST_QUOTE = 8;

/**
 * Tells whoever sent a packet that its neighbour does not answer: "host unreachable" as from a router, but by this host
 * itself, which needs no proof (RFC 4861 §7.2.2; Linux: ipv4_link_failure, ip6_link_failure).
 */
export class NeighbourFailure {
  readonly #host: Pick<IpHost, 'icmpError'>;
  readonly #error: IcmpError = new IcmpError(memoryOf(new Uint8Array(0)));
  readonly #chain: ExtensionChain = new ExtensionChain();

  constructor(host: Pick<IpHost, 'icmpError'>) {
    this.#host = host;
    this.#error.code = 'EHOSTUNREACH';
    this.#error.byHost = true;
  }

  /** @param packet an IP packet that this host has made, from its first byte on */
  report(packet: Uint8Array, now: number): void {
    const error = this.#error;
    error.memory = memoryOf(packet);
    const isWhole = packet[0]! >>> 4 === 4 ? this.#readIpv4() : this.#readIpv6();
    error.length = packet.byteLength - error.start;
    error.now = now;
    // A fragment that is not the first carries no ports.
    if (isWhole && error.length >= SHORTEST_QUOTE) this.#host.icmpError(error);
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

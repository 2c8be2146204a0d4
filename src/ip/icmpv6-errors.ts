import { copyBytes } from '../buffer/copy.ts';
import type { Counters } from '../buffer/counters.ts';
import type { Datagram } from '../buffer/datagram.ts';
import type { SendOptions } from '../buffer/path.ts';
import { ICMP_HEADER_LENGTH, icmpType, writeIcmpHeader } from '../wire/icmp.ts';
import type { TimeExceededCode } from '../wire/icmp.ts';
import { Icmpv6Type, Icmpv6Unreachable, isIcmpv6Error, writeIcmpv6Checksum } from '../wire/icmpv6.ts';
import type { ParameterProblemCode } from '../wire/ipv6-extensions.ts';
import { ExtensionChain, isExtension, skipExtensions } from '../wire/ipv6-extensions.ts';
import { IPV6_HEADER_LENGTH, IPV6_MINIMUM_MTU } from '../wire/ipv6.ts';
import { Protocol } from '../wire/protocol.ts';
import { completeQuotedChecksum } from './icmp-errors.ts';
import type { LocalAddresses } from './local-addresses.ts';
import type { IpOutput } from './output.ts';
import type { IcmpRateLimit } from './rate-limit.ts';
import type { ReturnWays } from './return-ways.ts';

/** A code of "destination unreachable". */
export type Unreachable6Code = (typeof Icmpv6Unreachable)[keyof typeof Icmpv6Unreachable];

/** Linux sends ICMPv6 without a traffic class. */
const ERROR_OPTIONS: SendOptions = { ttl: 64, trafficClass: 0 };

export interface Icmpv6ErrorsParts {
  ways: ReturnWays;
  local: LocalAddresses;
  output: IpOutput;
  counters: Counters;
  /** One for both versions of IP. */
  limit: IcmpRateLimit;
}

/** Sends ICMPv6 errors about arrived packets, where that is allowed. */
export class Icmpv6Errors {
  readonly #parts: Icmpv6ErrorsParts;
  readonly #chain: ExtensionChain = new ExtensionChain();

  constructor(parts: Icmpv6ErrorsParts) {
    this.#parts = parts;
  }

  /** Nobody listens on the port ([S-047] RFC 4443 §3.1). */
  sendPortUnreachable(datagram: Datagram): void {
    this.sendUnreachable(datagram, Icmpv6Unreachable.PORT);
  }

  /** It could not be delivered ([S-047] RFC 4443 §3.1). */
  sendUnreachable(datagram: Datagram, code: Unreachable6Code): void {
    this.#send(datagram, Icmpv6Type.DESTINATION_UNREACHABLE, code, 0, false);
  }

  /** The next link takes packets of `mtu` bytes at most (RFC 4443 §3.2). */
  sendPacketTooBig(datagram: Datagram, mtu: number): void {
    this.#send(datagram, Icmpv6Type.PACKET_TOO_BIG, 0, mtu, true);
  }

  /** Its hop limit is used up, or the time for its fragments (RFC 4443 §3.3). */
  sendTimeExceeded(datagram: Datagram, code: TimeExceededCode): void {
    this.#send(datagram, Icmpv6Type.TIME_EXCEEDED, code, 0, false);
  }

  /**
   * A header cannot be processed (RFC 4443 §3.4).
   *
   * @param pointer which byte of the packet, counted from its start
   * @param tellGroups also when the packet was for a group (RFC 4443 §2.4 (e.3))
   */
  sendParameterProblem(datagram: Datagram, code: ParameterProblemCode, pointer: number, tellGroups: boolean): void {
    this.#send(datagram, Icmpv6Type.PARAMETER_PROBLEM, code, pointer, tellGroups);
  }

  #send(datagram: Datagram, type: number, code: number, rest: number, tellGroups: boolean): void {
    const { ways, counters, output, limit } = this.#parts;
    if (!this.#mayAnswer(datagram, tellGroups)) return counters.add('icmpv6-error-suppressed');
    const way = ways.wayBack(datagram);
    const source = way && ways.sourceFor(datagram, way.interface);
    if (way === undefined || source === undefined) return counters.add('icmpv6-error-no-route');
    const { interface: iface, nextHop } = way;
    // [S-047] RFC 4443 §2.4 (f). Inside the host there is nobody to protect.
    if (!iface.loopback && !limit.allow(datagram.source, datagram.now)) {
      return counters.add('icmpv6-error-rate-limited');
    }
    // [S-047] RFC 4443 §2.4 (c): as much as fits the smallest MTU.
    const room = IPV6_MINIMUM_MTU - IPV6_HEADER_LENGTH - ICMP_HEADER_LENGTH;
    const quote = Math.min(datagram.packetEnd - datagram.packetStart, room);
    const length = ICMP_HEADER_LENGTH + quote;
    const packet = iface.queue.reserve(length);
    if (packet === undefined) return counters.add('icmpv6-error-queue-full');
    const { bytes, view } = packet.memory;
    const at = packet.start;
    writeIcmpHeader(view, at, type, code, rest);
    copyBytes(bytes, at + ICMP_HEADER_LENGTH, datagram.memory.bytes, datagram.packetStart, quote);
    completeQuotedChecksum(datagram, view, at + ICMP_HEADER_LENGTH, quote);
    writeIcmpv6Checksum(view, at, length, source, datagram.source);
    output.send(iface, packet, source, datagram.source, nextHop, Protocol.ICMPV6, ERROR_OPTIONS);
    counters.add('icmpv6-error-sent');
  }

  /** [S-047] RFC 4443 §2.4 (e): what an error is never sent about. */
  #mayAnswer(datagram: Datagram, tellGroups: boolean): boolean {
    const { memory, packetStart, packetEnd, source, group } = datagram;
    if (group && !tellGroups) return false;
    // (e.6) RFC 4291 §2.7: what came in has been checked, but whoever asks may hold something else.
    if (this.#parts.local.classify(source) === 'multicast') return false;
    const chain = this.#chain;
    skipExtensions(memory.view, packetStart, packetEnd, chain);
    // (e.1), (e.2): that it is none, or of another type, must be there to be seen.
    if (isExtension(chain.protocol)) return false;
    if (chain.protocol !== Protocol.ICMPV6) return true;
    if (chain.start >= packetEnd) return false;
    const type = icmpType(memory.view, chain.start);
    return !isIcmpv6Error(type) && type !== Icmpv6Type.REDIRECT;
  }
}

import { Checksum } from '../buffer/batch.ts';
import { copyBytes } from '../buffer/copy.ts';
import type { Counters } from '../buffer/counters.ts';
import type { Datagram } from '../buffer/datagram.ts';
import { IcmpError } from '../buffer/icmp-error.ts';
import { allocateMemory } from '../buffer/memory.ts';
import type { SendOptions } from '../buffer/path.ts';
import { isMulticast, isUnspecified } from '../wire/address.ts';
import { ICMP_HEADER_LENGTH, icmpCode, icmpType } from '../wire/icmp.ts';
import {
  checkIcmpv6,
  checkIcmpv6Quote,
  icmpv6Rest,
  Icmpv6Type,
  isIcmpv6Error,
  writeIcmpv6Checksum,
} from '../wire/icmpv6.ts';
import type { Icmpv6Flaw } from '../wire/icmpv6.ts';
import { fragmentNextHeader, fragmentOffset, IPV6_FRAGMENT_HEADER_LENGTH } from '../wire/ipv6-fragment.ts';
import { isNdp } from '../wire/ndp.ts';
import { IPV6_HEADER_LENGTH, ipv6DestinationAt, ipv6NextHeader, ipv6SourceAt, ipv6TotalLength } from '../wire/ipv6.ts';
import { Protocol } from '../wire/protocol.ts';
import type { IpHost } from './host.ts';
import { meaningOfIcmpv6 } from './icmp-codes.ts';
import type { NdpDrop, NeighbourDiscovery } from './ndp/discovery.ts';
import type { LocalAddresses } from './local-addresses.ts';
import type { Memberships } from './memberships.ts';
import { Mld } from './mld.ts';
import type { MldDrop } from './mld.ts';
import type { IpOutput } from './output.ts';
import type { PathMtuCache } from './path-mtu-cache.ts';
import type { ReturnWays } from './return-ways.ts';

/** Why an ICMPv6 message had no effect: the names it is counted under. */
export type Icmpv6Drop =
  | Icmpv6Flaw
  | MldDrop
  | NdpDrop
  | 'icmpv6-anonymous'
  | 'icmpv6-unknown-type'
  | 'icmpv6-neighbor-ignored'
  | 'icmpv6-redirect-ignored'
  | 'icmpv6-echo-reply-unexpected'
  | 'icmpv6-group-ignored'
  | 'icmpv6-error-not-ours'
  | 'icmpv6-quoted-fragment'
  | 'icmpv6-reply-no-route'
  | 'icmpv6-reply-queue-full';

export interface Icmpv6Parts {
  ways: ReturnWays;
  local: LocalAddresses;
  output: IpOutput;
  /** What is known of the paths that echo replies take. */
  replyMtus: PathMtuCache;
  counters: Counters;
  host: IpHost;
  memberships: Memberships;
  /** Neighbour discovery of an interface; links from end to end have none. */
  discovery(interfaceIndex: number): Pick<NeighbourDiscovery, 'input'> | undefined;
}

/** What stands behind the quoted headers at least: ports, and TCP's sequence number. */
const SHORTEST_QUOTE = 8;
/** The length field of RFC 4884 §4.1 counts words of eight bytes; it is the header's fifth byte. */
const QUOTE_LENGTH = 4;

/** ICMPv6's way in: answers echoes, hands errors to the transports. */
export class Icmpv6 {
  readonly #parts: Icmpv6Parts;
  readonly #mld: Mld;
  /** The one description of an arrived error, rewritten for each. */
  readonly #error: IcmpError = new IcmpError(allocateMemory(0));
  readonly #replyOptions: SendOptions = { ttl: 64, trafficClass: 0 };

  constructor(parts: Icmpv6Parts) {
    this.#parts = parts;
    this.#mld = new Mld((index) => parts.memberships.speaking(index, 6));
  }

  input(datagram: Datagram): void {
    const drop = this.#process(datagram);
    if (drop !== undefined) this.#parts.counters.add(drop);
  }

  #process(datagram: Datagram): Icmpv6Drop | undefined {
    const { memory, start, length, source, destination, checksum } = datagram;
    const flaw = checkIcmpv6(memory.view, start, length, source, destination, checksum === Checksum.none);
    if (flaw !== undefined) return flaw;
    const type = icmpType(memory.view, start);
    if (isNdp(type)) return this.#discover(datagram, type);
    // RFC 4291 §2.5.2: nobody can be answered.
    if (isUnspecified(source)) return 'icmpv6-anonymous';
    if (isIcmpv6Error(type)) return this.#report(datagram, type);
    switch (type) {
      case Icmpv6Type.ECHO_REQUEST:
        // [S-047] RFC 4443 §4.2: also one to a group is answered, if the interface is in it.
        return isMulticast(destination) && !this.#parts.memberships.has(datagram.interfaceIndex, destination)
          ? 'icmpv6-group-ignored'
          : this.#answer(datagram);
      case Icmpv6Type.ECHO_REPLY:
        return this.#parts.host.echoReply(datagram) ? undefined : 'icmpv6-echo-reply-unexpected';
      case Icmpv6Type.MULTICAST_LISTENER_QUERY:
      case Icmpv6Type.MULTICAST_LISTENER_REPORT:
      case Icmpv6Type.MULTICAST_LISTENER_DONE:
      case Icmpv6Type.MULTICAST_LISTENER_REPORT_V2:
        return this.#mld.input(datagram);
      default:
        // RFC 4443 §2.4 (b)
        return 'icmpv6-unknown-type';
    }
  }

  /** On links from end to end there are no neighbours to be found, and no better way. */
  #discover(datagram: Datagram, type: number): Icmpv6Drop | undefined {
    const discovery = this.#parts.discovery(datagram.interfaceIndex);
    if (discovery !== undefined) return discovery.input(datagram);
    return type === Icmpv6Type.REDIRECT ? 'icmpv6-redirect-ignored' : 'icmpv6-neighbor-ignored';
  }

  // [S-047] RFC 4443 §4.2: all the data goes back, from the address that was asked.
  #answer(datagram: Datagram): Icmpv6Drop | undefined {
    const { ways, output, replyMtus } = this.#parts;
    const { memory, start, length } = datagram;
    const way = ways.wayBack(datagram);
    const source = way && ways.sourceFor(datagram, way.interface);
    if (way === undefined || source === undefined) return 'icmpv6-reply-no-route';
    const { interface: iface, nextHop } = way;
    const packet = output.reserve(iface, length, replyMtus.mtuTo(datagram.source, iface.mtuOf(6)));
    if (packet === undefined) return 'icmpv6-reply-queue-full';
    const { bytes, view } = packet.memory;
    const at = packet.start;
    copyBytes(bytes, at, memory.bytes, start, length);
    view.setUint8(at, Icmpv6Type.ECHO_REPLY);
    writeIcmpv6Checksum(view, at, length, source, datagram.source);
    const options = this.#replyOptions;
    // The request's DSCP, but not its ECN mark: ICMP does not respond to congestion (RFC 3168 §6).
    options.trafficClass = datagram.trafficClass & 0xfc;
    output.send(iface, packet, source, datagram.source, nextHop, Protocol.ICMPV6, options);
    return undefined;
  }

  // [S-047] RFC 4443 §2.4 (d): to the transport that the quoted header names. Of extension headers we send one with
  // fragments, else it stands right behind the fixed header. An error of unknown type is passed on too (§2.4 (a)).
  #report(datagram: Datagram, type: number): Icmpv6Drop | undefined {
    // An error is for the one host whose packet it is about.
    if (datagram.group) return 'icmpv6-group-ignored';
    const { view } = datagram.memory;
    const { start } = datagram;
    const quote = start + ICMP_HEADER_LENGTH;
    const flaw = checkIcmpv6Quote(view, quote, datagram.packetEnd - quote);
    if (flaw !== undefined) return flaw;
    const code = icmpCode(view, start);
    const meaning = meaningOfIcmpv6(type, code);
    const error = this.#error;
    error.source.setIpv6(view, ipv6SourceAt(quote));
    if (!this.#parts.local.isLocal(error.source)) return 'icmpv6-error-not-ours';
    error.destination.setIpv6(view, ipv6DestinationAt(quote));
    error.reporter.set(datagram.source);
    error.interfaceIndex = datagram.interfaceIndex;
    error.memory = datagram.memory;
    error.code = meaning.code;
    error.hard = meaning.hard;
    error.type = type;
    error.icmpCode = code;
    // [S-053] RFC 8201 §4: below 1280 it is nonsense, which TCP finds out ("implausible").
    error.mtu = type === Icmpv6Type.PACKET_TOO_BIG ? icmpv6Rest(view, start) : 0;
    error.protocol = ipv6NextHeader(view, quote);
    error.start = quote + IPV6_HEADER_LENGTH;
    if (error.protocol === Protocol.IPV6_FRAG) {
      // A fragment that is not the first carries no ports.
      if (fragmentOffset(view, error.start) !== 0) return 'icmpv6-quoted-fragment';
      error.protocol = fragmentNextHeader(view, error.start);
      error.start += IPV6_FRAGMENT_HEADER_LENGTH;
    }
    error.length = quoteEnd(datagram, quote, type) - error.start;
    if (error.length < SHORTEST_QUOTE) return 'icmpv6-bad-quote';
    error.quotedLength = ipv6TotalLength(view, quote);
    error.now = datagram.now;
    if (isReplyTooBig(error)) this.#parts.replyMtus.limit(error.destination, error.mtu);
    else this.#parts.host.icmpError(error);
    return undefined;
  }
}

/**
 * A router says that an echo reply was too big, and may be right: [S-053] RFC 8201 §4. Nobody keeps what was sent; who forges
 * it wins no more than replies in fragments of 1280 bytes; nothing else follows it.
 */
function isReplyTooBig({ memory: { view }, type, protocol, start, mtu, quotedLength }: IcmpError): boolean {
  if (type !== Icmpv6Type.PACKET_TOO_BIG || protocol !== Protocol.ICMPV6) return false;
  return icmpType(view, start) === Icmpv6Type.ECHO_REPLY && mtu < quotedLength;
}

/**
 * Where the quoted packet ends: at the message's end, or where the length field of RFC 4884 says that extensions begin,
 * provided that leaves what must be there. [S-041] Only unreachable and time exceeded have the field (§4.1, §4.2).
 */
function quoteEnd({ memory: { view }, start, packetEnd }: Datagram, quote: number, type: number): number {
  if (type !== Icmpv6Type.DESTINATION_UNREACHABLE && type !== Icmpv6Type.TIME_EXCEEDED) return packetEnd;
  const end = quote + view.getUint8(start + QUOTE_LENGTH) * 8;
  return end >= quote + IPV6_HEADER_LENGTH + 8 && end < packetEnd ? end : packetEnd;
}

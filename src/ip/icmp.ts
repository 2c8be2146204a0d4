import { Checksum } from '../buffer/batch.ts';
import { copyBytes } from '../buffer/copy.ts';
import type { Counters } from '../buffer/counters.ts';
import type { Datagram } from '../buffer/datagram.ts';
import { IcmpError } from '../buffer/icmp-error.ts';
import { allocateMemory } from '../buffer/memory.ts';
import type { SendOptions } from '../buffer/path.ts';
import {
  checkIcmp,
  checkIcmpQuote,
  ICMP_HEADER_LENGTH,
  icmpCode,
  icmpMtu,
  icmpType,
  IcmpType,
  IcmpUnreachable,
  writeIcmpChecksum,
} from '../wire/icmp.ts';
import type { IcmpFlaw } from '../wire/icmp.ts';
import {
  ipv4Destination,
  ipv4FragmentOffset,
  ipv4HeaderLength,
  ipv4Protocol,
  ipv4Source,
  ipv4TotalLength,
} from '../wire/ipv4.ts';
import { Protocol } from '../wire/protocol.ts';
import type { IpHost } from './host.ts';
import { meaningOf } from './icmp-codes.ts';
import type { LocalAddresses } from './local-addresses.ts';
import type { IpOutput } from './output.ts';
import type { PathMtuCache } from './path-mtu-cache.ts';
import type { ReturnWays } from './return-ways.ts';

/** Why an ICMP message had no effect: the names it is counted under. */
export type IcmpDrop =
  | IcmpFlaw
  | 'icmp-unknown-type'
  | 'icmp-unknown-code'
  | 'icmp-source-quench-ignored'
  | 'icmp-redirect-ignored'
  | 'icmp-echo-reply-unexpected'
  | 'icmp-group-ignored'
  | 'icmp-quoted-fragment'
  | 'icmp-error-not-ours'
  | 'icmp-reply-no-route'
  | 'icmp-reply-queue-full';

/** The length field of RFC 4884 §4 counts words of four bytes; it lies in the header's sixth byte. */
const QUOTE_LENGTH = 5;

export interface IcmpParts {
  ways: ReturnWays;
  local: LocalAddresses;
  output: IpOutput;
  /** What is known of the paths that echo replies take. */
  replyMtus: PathMtuCache;
  counters: Counters;
  host: IpHost;
}

/** ICMP's way in: answers echoes, hands errors to the transports. */
export class Icmp {
  readonly #parts: IcmpParts;
  /** The one description of an arrived error, rewritten for each. */
  readonly #error: IcmpError = new IcmpError(allocateMemory(0));
  /** As Linux, without DF: no transport would follow a path MTU. */
  readonly #replyOptions: SendOptions = { ttl: 64, trafficClass: 0, fragmentable: true };

  constructor(parts: IcmpParts) {
    this.#parts = parts;
  }

  input(datagram: Datagram): void {
    const drop = this.#process(datagram);
    if (drop !== undefined) this.#parts.counters.add(drop);
  }

  #process(datagram: Datagram): IcmpDrop | undefined {
    const { view } = datagram.memory;
    const flaw = checkIcmp(view, datagram.start, datagram.length, datagram.checksum === Checksum.none);
    if (flaw !== undefined) return flaw;
    // [S-018] RFC 1122 §3.2.2.6 allows to ignore echoes to groups (nobody is to be flooded by many answers); an error
    // is always for one host.
    if (datagram.group) return 'icmp-group-ignored';
    switch (icmpType(view, datagram.start)) {
      case IcmpType.ECHO_REQUEST:
        return this.#answer(datagram);
      case IcmpType.DESTINATION_UNREACHABLE:
      case IcmpType.TIME_EXCEEDED:
      case IcmpType.PARAMETER_PROBLEM:
        return this.#report(datagram);
      case IcmpType.SOURCE_QUENCH:
        // [S-015] [S-042] RFC 6633 §3
        return 'icmp-source-quench-ignored';
      case IcmpType.REDIRECT:
        // [S-014] Ignored by policy: whoever can forge one could draw the traffic to himself.
        return 'icmp-redirect-ignored';
      case IcmpType.ECHO_REPLY:
        return this.#parts.host.echoReply(datagram) ? undefined : 'icmp-echo-reply-unexpected';
      default:
        // [S-012] RFC 1122 §3.2.2; information, timestamp and mask requests among them ([S-019] [S-020] [S-021]).
        return 'icmp-unknown-type';
    }
  }

  // [S-018] RFC 1122 §3.2.2.6: all the data goes back, from the address that was asked.
  #answer(datagram: Datagram): IcmpDrop | undefined {
    const { ways, output, replyMtus } = this.#parts;
    const { memory, start, length } = datagram;
    const way = ways.wayBack(datagram);
    if (way === undefined) return 'icmp-reply-no-route';
    const { interface: iface, nextHop } = way;
    const packet = output.reserve(iface, length, replyMtus.mtuTo(datagram.source, iface.mtu));
    if (packet === undefined) return 'icmp-reply-queue-full';
    const { bytes, view } = packet.memory;
    const at = packet.start;
    copyBytes(bytes, at, memory.bytes, start, length);
    view.setUint8(at, IcmpType.ECHO_REPLY);
    // Afresh: the incremental update (RFC 1624) goes wrong on a message that is all zeros, as a reply may be, and what
    // the link vouches for may carry no checksum at all.
    writeIcmpChecksum(view, at, length);
    const options = this.#replyOptions;
    // The request's DSCP, but not its ECN mark: ICMP does not respond to congestion (RFC 3168 §6).
    options.trafficClass = datagram.trafficClass & 0xfc;
    output.send(iface, packet, datagram.destination, datagram.source, nextHop, Protocol.ICMP, options);
    return undefined;
  }

  // [S-016] [S-017] [S-039] RFC 1122 §3.2.2: to the transport that the quoted header names.
  #report(datagram: Datagram): IcmpDrop | undefined {
    const { view } = datagram.memory;
    const { start } = datagram;
    const quote = start + ICMP_HEADER_LENGTH;
    const flaw = checkIcmpQuote(view, quote, datagram.packetEnd - quote);
    if (flaw !== undefined) return flaw;
    const type = icmpType(view, start);
    const code = icmpCode(view, start);
    const meaning = meaningOf(type, code);
    if (meaning === undefined) return 'icmp-unknown-code';
    // A fragment that is not the first carries no ports.
    if (ipv4FragmentOffset(view, quote) !== 0) return 'icmp-quoted-fragment';
    const error = this.#error;
    error.source.setIpv4(ipv4Source(view, quote));
    // Nobody but this stack sends from its addresses: anything else is forged or astray.
    if (!this.#parts.local.isLocal(error.source)) return 'icmp-error-not-ours';
    error.destination.setIpv4(ipv4Destination(view, quote));
    error.reporter.set(datagram.source);
    error.interfaceIndex = datagram.interfaceIndex;
    error.memory = datagram.memory;
    error.code = meaning.code;
    error.hard = meaning.hard;
    error.type = type;
    error.icmpCode = code;
    error.mtu = isFragmentationNeeded(type, code) ? icmpMtu(view, start) : 0;
    error.protocol = ipv4Protocol(view, quote);
    error.start = quote + ipv4HeaderLength(view, quote);
    error.length = quoteEnd(datagram, quote) - error.start;
    error.quotedLength = ipv4TotalLength(view, quote);
    error.now = datagram.now;
    this.#parts.host.icmpError(error);
    return undefined;
  }
}

function isFragmentationNeeded(type: number, code: number): boolean {
  return type === IcmpType.DESTINATION_UNREACHABLE && code === IcmpUnreachable.FRAGMENTATION_NEEDED;
}

/**
 * Where the quoted datagram ends: at the message's end, or where the length field of RFC 4884 says that extensions
 * begin, provided that leaves what must be there. [S-041]
 */
function quoteEnd({ memory: { view }, start, packetEnd }: Datagram, quote: number): number {
  const end = quote + view.getUint8(start + QUOTE_LENGTH) * 4;
  const least = quote + ipv4HeaderLength(view, quote) + 8;
  return end >= least && end < packetEnd ? end : packetEnd;
}

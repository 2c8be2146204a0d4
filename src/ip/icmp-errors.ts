import { Checksum } from '../buffer/batch.ts';
import { copyBytes } from '../buffer/copy.ts';
import type { Counters } from '../buffer/counters.ts';
import type { Datagram } from '../buffer/datagram.ts';
import type { SendOptions } from '../buffer/path.ts';
import type { AddressWords } from '../wire/address.ts';
import { isUnspecified } from '../wire/address.ts';
import {
  ICMP_HEADER_LENGTH,
  icmpType,
  IcmpType,
  IcmpUnreachable,
  isIcmpError,
  writeIcmpChecksum,
  writeIcmpHeader,
} from '../wire/icmp.ts';
import type { TimeExceededCode } from '../wire/icmp.ts';
import { IPV4_HEADER_LENGTH, ipv4FragmentOffset } from '../wire/ipv4.ts';
import { Protocol } from '../wire/protocol.ts';
import { checksumFieldOf, completedChecksum } from '../wire/segmentation.ts';
import type { LocalAddresses } from './local-addresses.ts';
import type { IpOutput } from './output.ts';
import type { IcmpRateLimit } from './rate-limit.ts';
import type { ReturnWays } from './return-ways.ts';
import { isReserved } from './special-addresses.ts';

/** A code of "destination unreachable". */
export type UnreachableCode = (typeof IcmpUnreachable)[keyof typeof IcmpUnreachable];

/** An error with its quotation is no longer than this, in bytes: every host takes it (RFC 1812 §4.3.2.3). */
const LARGEST_ERROR = 576;
/** Internetwork control precedence (RFC 1812 §4.3.2.5), as Linux. */
const ERROR_OPTIONS: SendOptions = { ttl: 64, trafficClass: 0xc0 };

export interface IcmpErrorsParts {
  ways: ReturnWays;
  local: LocalAddresses;
  output: IpOutput;
  counters: Counters;
  /** One for both versions of IP. */
  limit: IcmpRateLimit;
}

/** Sends ICMP errors about arrived IPv4 datagrams, where that is allowed. */
export class IcmpErrors {
  readonly #parts: IcmpErrorsParts;

  constructor(parts: IcmpErrorsParts) {
    this.#parts = parts;
  }

  /** Tells the sender of a datagram that it could not be delivered. */
  sendUnreachable(datagram: Datagram, code: UnreachableCode): void {
    this.#send(datagram, IcmpType.DESTINATION_UNREACHABLE, code, 0);
  }

  /** The next link takes packets of `mtu` bytes at most, and this one may not be fragmented (RFC 1191 §4). */
  sendFragmentationNeeded(datagram: Datagram, mtu: number): void {
    this.#send(datagram, IcmpType.DESTINATION_UNREACHABLE, IcmpUnreachable.FRAGMENTATION_NEEDED, mtu);
  }

  /** Its time to live is over, or that of its fragments. */
  sendTimeExceeded(datagram: Datagram, code: TimeExceededCode): void {
    this.#send(datagram, IcmpType.TIME_EXCEEDED, code, 0);
  }

  #send(datagram: Datagram, type: number, code: number, rest: number): void {
    const { ways, counters, output, limit } = this.#parts;
    if (!this.#mayAnswer(datagram)) return counters.add('icmp-error-suppressed');
    const way = ways.wayBack(datagram);
    const source = way && ways.sourceFor(datagram, way.interface);
    if (way === undefined || source === undefined) return counters.add('icmp-error-no-route');
    const { interface: iface, nextHop } = way;
    // [S-040] RFC 1812 §4.3.2.8. Inside the host there is nobody to protect.
    if (!iface.loopback && !limit.allow(datagram.source, datagram.now)) {
      return counters.add('icmp-error-rate-limited');
    }
    // [S-012] RFC 1122 §3.2.2, RFC 1812 §4.3.2.3: the IP header and as much as fits 576 bytes in all.
    const room = Math.min(LARGEST_ERROR, iface.mtu) - IPV4_HEADER_LENGTH - ICMP_HEADER_LENGTH;
    const quote = Math.min(datagram.packetEnd - datagram.packetStart, room);
    const packet = iface.queue.reserve(ICMP_HEADER_LENGTH + quote);
    if (packet === undefined) return counters.add('icmp-error-queue-full');
    const { bytes, view } = packet.memory;
    const at = packet.start;
    writeIcmpHeader(view, at, type, code, rest);
    copyBytes(bytes, at + ICMP_HEADER_LENGTH, datagram.memory.bytes, datagram.packetStart, quote);
    completeQuotedChecksum(datagram, view, at + ICMP_HEADER_LENGTH, quote);
    writeIcmpChecksum(view, at, ICMP_HEADER_LENGTH + quote);
    output.send(iface, packet, source, datagram.source, nextHop, Protocol.ICMP, ERROR_OPTIONS);
    counters.add('icmp-error-sent');
  }

  /** [S-012] RFC 1122 §3.2.2: what an ICMP error is never sent about. */
  #mayAnswer(datagram: Datagram): boolean {
    const { view } = datagram.memory;
    if (datagram.group) return false;
    if (!this.#isOneHost(datagram.source)) return false;
    if (ipv4FragmentOffset(view, datagram.packetStart) !== 0) return false;
    // About an error none is sent: that it is none must be there to be seen.
    if (datagram.protocol !== Protocol.ICMP) return true;
    return datagram.length >= ICMP_HEADER_LENGTH && !isIcmpError(icmpType(view, datagram.start));
  }

  /** Not 0.0.0.0, not a broadcast, a group or one of the reserved 240.0.0.0/4. */
  #isOneHost(source: AddressWords): boolean {
    const kind = this.#parts.local.classify(source);
    if (kind === 'broadcast' || kind === 'multicast' || isUnspecified(source)) return false;
    return !isReserved(source);
  }
}

/** The quoted bytes leave the host: a checksum that offload left to the link is completed in the quotation. */
export function completeQuotedChecksum(datagram: Datagram, view: DataView, quoteAt: number, quote: number): void {
  const { memory, start, length, protocol, packetStart } = datagram;
  const place = datagram.checksum === Checksum.partial ? checksumFieldOf(protocol) : undefined;
  if (place === undefined) return;
  const field = start + place;
  if (field + 2 > packetStart + quote) return;
  view.setUint16(quoteAt + field - packetStart, completedChecksum(memory.view, start, length, protocol));
}

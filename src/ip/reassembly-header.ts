import { Checksum } from '../buffer/batch.ts';
import type { Datagram } from '../buffer/datagram.ts';
import { allocateMemory, memoryOf } from '../buffer/memory.ts';
import { rewriteIpv4Whole } from '../wire/ipv4.ts';
import { fragmentNextHeader, IPV6_FRAGMENT_HEADER_LENGTH } from '../wire/ipv6-fragment.ts';
import { IPV6_HEADER_LENGTH, rewriteIpv6Whole } from '../wire/ipv6.ts';
import { LARGEST } from './reassembly-datagram.ts';
import type { PartialDatagram } from './reassembly-datagram.ts';

/** The four codepoints of ECN (RFC 3168 §5) as bits of a set. */
const NOT_ECT = 1 << 0;
const CE = 1 << 3;

/**
 * The ECN field of a datagram whose fragments had these codepoints, one bit each: [S-086] RFC 3168 §5.3. One that was marked
 * marks the whole; none where some were ECN-capable and others not: no sender makes such, and a mark must not get lost.
 *
 * @param trafficClass of the fragment with offset 0, which decides where nothing was marked
 */
export function ecnOf(seen: number, trafficClass: number): number | undefined {
  if ((seen & NOT_ECT) !== 0 && seen !== NOT_ECT) return undefined;
  return (seen & CE) === 0 ? trafficClass & 3 : 3;
}

/**
 * Describes a complete datagram, and writes it into memory of its own: the header of the fragment with offset 0, without
 * what made it one, and the payloads.
 *
 * @returns false when it is longer than its length field can say
 */
export function describeWhole(whole: Datagram, partial: PartialDatagram, trafficClass: number): boolean {
  const { version, length } = partial;
  // Complete means that the fragment with offset 0 is there.
  const header = partial.header!;
  const kept = version === 4 ? header.length : header.length - IPV6_FRAGMENT_HEADER_LENGTH;
  // RFC 8200 §3: the length of IPv6 leaves the fixed header out.
  if (kept + length > (version === 4 ? LARGEST : IPV6_HEADER_LENGTH + LARGEST)) return false;
  const memory = allocateMemory(kept + length);
  memory.bytes.set(header.subarray(0, kept));
  partial.writePayload(memory.bytes, kept);
  if (version === 4) {
    rewriteIpv4Whole(memory.view, trafficClass);
    whole.protocol = partial.protocol;
  } else {
    const nextHeader = fragmentNextHeader(memoryOf(header).view, kept);
    memory.bytes[partial.nextHeaderAt] = nextHeader;
    rewriteIpv6Whole(memory.view, trafficClass);
    whole.protocol = nextHeader;
  }
  describe(whole, partial);
  whole.memory = memory;
  whole.packetEnd = kept + length;
  whole.start = kept;
  whole.trafficClass = trafficClass;
  // Nobody else has this memory.
  whole.retained = true;
  return true;
}

/** Describes the fragment with offset 0 as it came, for an error about it; false when it has not come. */
export function describeFirst(first: Datagram, partial: PartialDatagram): boolean {
  const { header, firstPiece } = partial;
  if (header === undefined || firstPiece === undefined) return false;
  const memory = allocateMemory(header.length + firstPiece.length);
  memory.bytes.set(header);
  memory.bytes.set(firstPiece, header.length);
  describe(first, partial);
  first.memory = memory;
  first.packetEnd = memory.bytes.length;
  first.start = header.length;
  first.protocol = partial.protocol;
  first.trafficClass = partial.trafficClass;
  first.interfaceIndex = partial.interfaceIndex;
  return true;
}

function describe(datagram: Datagram, { version, source, destination, ttl, group }: PartialDatagram): void {
  datagram.packetStart = 0;
  datagram.version = version;
  datagram.source.set(source);
  datagram.destination.set(destination);
  datagram.ttl = ttl;
  datagram.group = group;
  // Whatever a link has vouched for, it was not the whole.
  datagram.checksum = Checksum.none;
  datagram.segmentSize = 0;
  datagram.fragmented = true;
}

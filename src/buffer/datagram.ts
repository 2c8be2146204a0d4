import { AddressRegister } from '../wire/address.ts';
import type { ChecksumMark } from './batch.ts';
import { Checksum } from './batch.ts';
import type { Memory } from './memory.ts';

/**
 * An arrived IP datagram as the IP layer hands it up: where its parts are, who sent it to whom, what the link vouches
 * for. One object is reused for datagram after datagram: it is valid for the call that passes it.
 */
export class Datagram {
  memory: Memory;
  /** First byte of the IP header and the byte behind the datagram (padding of the link already cut off). */
  packetStart: number = 0;
  packetEnd: number = 0;
  /** Where the transport header begins; it ends at `packetEnd`. */
  start: number = 0;
  /** 4 or 6. */
  version: 4 | 6 = 4;
  readonly source: AddressRegister = new AddressRegister();
  readonly destination: AddressRegister = new AddressRegister();
  /** IP protocol number, behind all extension headers. */
  protocol: number = 0;
  /** Time to live or hop limit. */
  ttl: number = 0;
  /** The whole traffic-class byte: DSCP in the upper six bits, ECN in the lower two. */
  trafficClass: number = 0;
  checksum: ChecksumMark = Checksum.none;
  /** Payload bytes of each segment when this is a super-segment, else 0. */
  segmentSize: number = 0;
  /** The memory is never rewritten: slices may be kept without a copy. */
  retained: boolean = false;
  /** Sent to a broadcast or multicast address: no ICMP error, no TCP (RFC 1122 §3.2.2, RFC 9293 §3.9.2.3). */
  group: boolean = false;
  /** The frame that it came in was sent to a group or to all, on a link that has such frames. */
  linkGroup: boolean = false;
  /** It came in fragments, or with a fragment header: neighbour discovery refuses it (RFC 6980 §5). */
  fragmented: boolean = false;
  /** Index of the interface it came in by. */
  interfaceIndex: number = 0;
  /** Arrival time in microseconds: read once a batch. */
  now: number = 0;

  constructor(memory: Memory) {
    this.memory = memory;
  }

  /** Bytes from the transport header to the end. */
  get length(): number {
    return this.packetEnd - this.start;
  }
}

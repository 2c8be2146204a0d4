import { Checksum } from '../buffer/batch.ts';
import type { Counters } from '../buffer/counters.ts';
import type { Datagram } from '../buffer/datagram.ts';
import { isLimitedBroadcast, isLoopback, isUnspecified } from '../wire/address.ts';
import { IcmpUnreachable } from '../wire/icmp.ts';
import { checkIpv4Options } from '../wire/ipv4-options.ts';
import type { Ipv4OptionsFlaw } from '../wire/ipv4-options.ts';
import {
  checkIpv4,
  IPV4_HEADER_LENGTH,
  ipv4Destination,
  ipv4FragmentOffset,
  ipv4HeaderLength,
  ipv4Identification,
  ipv4IsFragment,
  ipv4MoreFragments,
  ipv4Protocol,
  ipv4Source,
  ipv4TotalLength,
  ipv4TrafficClass,
  ipv4Ttl,
} from '../wire/ipv4.ts';
import type { Ipv4Flaw } from '../wire/ipv4.ts';
import { Protocol } from '../wire/protocol.ts';
import type { Forwarder } from './forward.ts';
import type { IpHost } from './host.ts';
import type { IcmpErrors } from './icmp-errors.ts';
import type { Icmp } from './icmp.ts';
import type { Igmp } from './igmp.ts';
import type { NetworkInterface } from './interface.ts';
import { KnownPair } from './known-pair.ts';
import type { LocalAddresses } from './local-addresses.ts';
import { isReserved, isThisNetwork } from './special-addresses.ts';
import { Fragment } from './reassembly-datagram.ts';
import type { ReassemblyDrop, Reassembler } from './reassembly.ts';

/** Why an arrived packet went no further: the names it is counted under. */
export type Ipv4Drop =
  | Ipv4Flaw
  | Ipv4OptionsFlaw
  | 'ipv4-martian-source'
  | 'ipv4-martian-destination'
  | 'ipv4-not-for-us'
  | 'ipv4-other-interface'
  | 'ipv4-unicast-in-group-frame';

export interface Ipv4InputParts {
  local: LocalAddresses;
  counters: Counters;
  host: IpHost;
  icmp: Icmp;
  igmp: Igmp;
  errors: IcmpErrors;
  forwarder: Forwarder;
  reassembler: Reassembler;
}

/** IPv4's way in: check, strip, hand on. */
export class Ipv4Input {
  readonly #parts: Ipv4InputParts;
  /** The fragment at hand. */
  readonly #fragment: Fragment = new Fragment();
  readonly #known: KnownPair = new KnownPair();

  constructor(parts: Ipv4InputParts) {
    this.#parts = parts;
  }

  /**
   * @param datagram what `Ip.input` was told: memory and place, and what the link says of it; the rest is filled in here
   * @param length bytes that arrived
   */
  input(iface: NetworkInterface, datagram: Datagram, length: number): void {
    const { view } = datagram.memory;
    // [S-001] [S-004] [S-005] RFC 791 §3.1, RFC 1122 §3.2.1
    const flaw = checkIpv4(view, datagram.packetStart, length, datagram.checksum === Checksum.none);
    if (flaw !== undefined) return this.#parts.counters.add(flaw);
    describe(datagram);
    // [S-029] RFC 1122 §3.2: what is discarded in silence is counted.
    const drop = this.#addressProblem(datagram, iface) ?? optionsProblem(datagram);
    if (drop !== undefined) {
      const { forwarder, counters } = this.#parts;
      if (drop === 'ipv4-not-for-us' && forwarder.enabled.ipv4) return forwarder.input(iface, datagram);
      return counters.add(drop);
    }
    if (!ipv4IsFragment(view, datagram.packetStart)) return this.#handUp(datagram);
    const whole = this.#reassembled(datagram);
    if (whole !== undefined) this.#handUp(whole);
  }

  /** [S-003] [S-007] RFC 791 §3.2: the whole datagram, when this fragment was what it lacked. */
  #reassembled(datagram: Datagram): Datagram | undefined {
    const { packetStart, packetEnd, start } = datagram;
    const { view } = datagram.memory;
    const fragment = this.#fragment;
    fragment.identification = ipv4Identification(view, packetStart);
    fragment.offset = ipv4FragmentOffset(view, packetStart);
    fragment.more = ipv4MoreFragments(view, packetStart);
    fragment.start = start;
    fragment.end = packetEnd;
    const flaw = fragment.flaw(start - packetStart);
    if (flaw === undefined) return this.#parts.reassembler.add(datagram, fragment);
    this.#parts.counters.add(`ipv4-reassembly-${flaw}` satisfies ReassemblyDrop);
    return undefined;
  }

  #handUp(datagram: Datagram): void {
    const { icmp, igmp, host, counters, errors } = this.#parts;
    const heard = host.deliverRaw(datagram);
    if (datagram.protocol === Protocol.ICMP) return icmp.input(datagram);
    if (datagram.protocol === Protocol.IGMP) return igmp.input(datagram);
    if (host.deliver(datagram) || heard) return;
    // [S-013] RFC 1122 §3.2.2.1
    counters.add('ip-unknown-protocol');
    errors.sendUnreachable(datagram, IcmpUnreachable.PROTOCOL);
  }

  /** Also finds out whether it is for a group. */
  #addressProblem(datagram: Datagram, iface: NetworkInterface): Ipv4Drop | undefined {
    const { local } = this.#parts;
    const { source, destination } = datagram;
    if (!datagram.linkGroup && this.#known.is(iface, source, destination, local.generation)) {
      datagram.group = false;
      return undefined;
    }
    const from = local.classify(source);
    // [S-006] [S-036] RFC 1122 §3.2.1.3: a source is one host's address.
    if (from === 'broadcast' || from === 'multicast' || isReserved(source)) return 'ipv4-martian-source';
    if (isThisNetwork(source) && !mayLackSource(datagram)) return 'ipv4-martian-source';
    if (!iface.loopback) {
      // 127.0.0.0/8, and the stack's own addresses, come from inside only.
      if (from === 'local') return 'ipv4-martian-source';
      if (isLoopback(destination)) return 'ipv4-martian-destination';
    }
    const to = local.classify(destination);
    // [S-006] RFC 1122 §3.2.1.3; [S-027] a host forwards nothing unless it is told to.
    if (to === 'other') return 'ipv4-not-for-us';
    // [S-026] RFC 1122 §3.3.4.2
    if (!local.takes(iface, destination)) return 'ipv4-other-interface';
    datagram.group = to !== 'local';
    // [S-028] RFC 1122 §3.3.6: what all stations got is for all, or it is in error.
    if (datagram.linkGroup && to === 'local') return 'ipv4-unicast-in-group-frame';
    // What else a packet says doesn't matter for these.
    if (to === 'local' && from === 'other' && !isThisNetwork(source)) {
      this.#known.learn(iface, source, destination, local.generation);
    }
    return undefined;
  }
}

/** Reads a checked header. What the link padded stays behind `packetEnd`. */
function describe(datagram: Datagram): void {
  const { packetStart: offset } = datagram;
  const { view } = datagram.memory;
  datagram.packetEnd = offset + ipv4TotalLength(view, offset);
  datagram.start = offset + ipv4HeaderLength(view, offset);
  datagram.version = 4;
  datagram.source.setIpv4(ipv4Source(view, offset));
  datagram.destination.setIpv4(ipv4Destination(view, offset));
  datagram.protocol = ipv4Protocol(view, offset);
  // [S-010] RFC 1122 §3.2.1.7: a datagram is taken whatever its TTL.
  datagram.ttl = ipv4Ttl(view, offset);
  // [S-009] RFC 1122 §3.2.1.6: passed up.
  datagram.trafficClass = ipv4TrafficClass(view, offset);
}

/**
 * 0.0.0.0/8 is "this host", allowed only while a host asks all others for its address, and in IGMP: of hosts without an
 * address (RFC 3376 §4.2.13), and of switches that ask for members (RFC 4541 §2.1.1). As Linux.
 */
function mayLackSource({ source, destination, protocol }: Datagram): boolean {
  return isUnspecified(source) && (isLimitedBroadcast(destination) || protocol === Protocol.IGMP);
}

function optionsProblem({ memory: { view }, packetStart, start }: Datagram): Ipv4Drop | undefined {
  // [S-002] [S-011] [MUST-50] RFC 791 §3.1, RFC 7126: unknown ones are read over. They stay readable between the fixed header and `start`.
  const options = packetStart + IPV4_HEADER_LENGTH;
  return start === options ? undefined : checkIpv4Options(view, options, start);
}

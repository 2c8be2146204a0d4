import type { Counters } from '../buffer/counters.ts';
import type { Datagram } from '../buffer/datagram.ts';
import { isIpv4Mapped, isLoopback, isMulticast, isUnspecified, needsZone, Scope, scopeOf } from '../wire/address.ts';
import { checkExtensions, ExtensionChain, hasUpperLayerHeader, ParameterProblem } from '../wire/ipv6-extensions.ts';
import { Icmpv6Type } from '../wire/icmpv6.ts';
import type { Ipv6ExtensionFlaw } from '../wire/ipv6-extensions.ts';
import {
  fragmentIdentification,
  fragmentMore,
  fragmentOffset,
  IPV6_FRAGMENT_HEADER_LENGTH,
  IPV6_FRAGMENT_OFFSET_FIELD,
} from '../wire/ipv6-fragment.ts';
import {
  checkIpv6,
  IPV6_HEADER_LENGTH,
  IPV6_PAYLOAD_LENGTH,
  ipv6DestinationAt,
  ipv6HopLimit,
  ipv6NextHeader,
  ipv6SourceAt,
  ipv6TotalLength,
  ipv6TrafficClass,
} from '../wire/ipv6.ts';
import type { Ipv6Flaw } from '../wire/ipv6.ts';
import { Protocol } from '../wire/protocol.ts';
import type { Forwarder } from './forward.ts';
import type { IpHost } from './host.ts';
import type { Icmpv6Errors } from './icmpv6-errors.ts';
import type { Icmpv6 } from './icmpv6.ts';
import type { NetworkInterface } from './interface.ts';
import { KnownPair } from './known-pair.ts';
import type { LocalAddresses } from './local-addresses.ts';
import { Fragment } from './reassembly-datagram.ts';
import type { FragmentFlaw } from './reassembly-datagram.ts';
import type { ReassemblyDrop, Reassembler } from './reassembly.ts';

/** Why an arrived packet went no further: the names it is counted under. */
export type Ipv6Drop =
  | Ipv6Flaw
  | Ipv6ExtensionFlaw
  | 'ipv6-link-mtu'
  | 'ipv6-martian-source'
  | 'ipv6-martian-destination'
  | 'ipv6-not-for-us'
  | 'ipv6-other-interface'
  | 'ipv6-unicast-in-group-frame'
  | 'ipv6-reassembly-nested'
  | 'ipv6-reassembly-incomplete-headers'
  | 'ipv6-no-next-header';

export interface Ipv6InputParts {
  local: LocalAddresses;
  counters: Counters;
  host: IpHost;
  icmp: Icmpv6;
  errors: Icmpv6Errors;
  forwarder: Forwarder;
  reassembler: Reassembler;
}

/** IPv6's way in: check, strip, hand on. */
export class Ipv6Input {
  readonly #parts: Ipv6InputParts;
  /** What the extension headers of the packet at hand say: rewritten for each. */
  readonly #chain: ExtensionChain = new ExtensionChain();
  /** The fragment at hand. */
  readonly #fragment: Fragment = new Fragment();
  readonly #known: KnownPair = new KnownPair();

  constructor(parts: Ipv6InputParts) {
    this.#parts = parts;
  }

  /**
   * @param datagram what `Ip.input` was told: memory and place, and what the link says of it; the rest is filled in here
   * @param length bytes that arrived
   */
  input(iface: NetworkInterface, datagram: Datagram, length: number): void {
    const { view } = datagram.memory;
    const flaw = checkIpv6(view, datagram.packetStart, length);
    if (flaw !== undefined) return this.#parts.counters.add(flaw);
    describe(datagram);
    const drop = this.#addressProblem(datagram, iface);
    if (drop !== undefined) {
      const { forwarder, counters } = this.#parts;
      if (drop === 'ipv6-not-for-us' && forwarder.enabled.ipv6) return forwarder.input(iface, datagram);
      return counters.add(drop);
    }
    this.#process(datagram);
  }

  /** Extension headers and what follows them; of a whole datagram again, when its fragments are together. */
  #process(datagram: Datagram): void {
    const drop = this.#extensionProblem(datagram);
    if (drop !== undefined) return this.#parts.counters.add(drop);
    if (datagram.protocol !== Protocol.IPV6_FRAG) return this.#handUp(datagram);
    const whole = this.#reassembled(datagram);
    if (whole !== undefined) this.#process(whole);
  }

  /** [S-044] RFC 8200 §4.5: the whole datagram, when this fragment was what it lacked. */
  #reassembled(datagram: Datagram): Datagram | undefined {
    const { packetStart, packetEnd, start } = datagram;
    const { view } = datagram.memory;
    const { counters, errors, reassembler } = this.#parts;
    const fragment = this.#fragment;
    fragment.identification = fragmentIdentification(view, start);
    fragment.offset = fragmentOffset(view, start);
    fragment.more = fragmentMore(view, start);
    fragment.start = start + IPV6_FRAGMENT_HEADER_LENGTH;
    fragment.end = packetEnd;
    fragment.nextHeaderAt = this.#chain.nextHeaderAt;
    const flaw = fragment.flaw(start - packetStart - IPV6_HEADER_LENGTH);
    if (flaw !== undefined) {
      this.#tellFlaw(datagram, flaw);
      return undefined;
    }
    if (fragment.offset === 0 && !hasUpperLayerHeader(view, packetStart, packetEnd, this.#chain)) {
      // RFC 8200 §4.5, RFC 7112 §5: what fragments may hide from filters.
      counters.add('ipv6-reassembly-incomplete-headers' satisfies Ipv6Drop);
      errors.sendParameterProblem(datagram, ParameterProblem.INCOMPLETE_HEADER_CHAIN, 0, false);
      return undefined;
    }
    return reassembler.add(datagram, fragment);
  }

  /** RFC 8200 §4.5: of two flaws the sender is told, with a pointer to the field. */
  #tellFlaw(datagram: Datagram, flaw: FragmentFlaw): void {
    const { counters, errors } = this.#parts;
    counters.add(`ipv6-reassembly-${flaw}` satisfies ReassemblyDrop);
    if (flaw === 'empty') return;
    const field = datagram.start - datagram.packetStart + IPV6_FRAGMENT_OFFSET_FIELD;
    const pointer = flaw === 'unaligned' ? IPV6_PAYLOAD_LENGTH : field;
    errors.sendParameterProblem(datagram, ParameterProblem.ERRONEOUS_FIELD, pointer, false);
  }

  #handUp(datagram: Datagram): void {
    const { icmp, host, counters, errors } = this.#parts;
    const heard = host.deliverRaw(datagram);
    if (datagram.protocol === Protocol.ICMPV6) return icmp.input(datagram);
    if (host.deliver(datagram) || heard) return;
    counters.add('ip-unknown-protocol');
    // [S-045] RFC 8200 §4: the pointer names the field that has the unrecognized value.
    errors.sendParameterProblem(datagram, ParameterProblem.UNKNOWN_NEXT_HEADER, this.#chain.nextHeaderAt, false);
  }

  /** Also finds out whether it is for a group. */
  #addressProblem(datagram: Datagram, iface: NetworkInterface): Ipv6Drop | undefined {
    const { local } = this.#parts;
    const { source, destination } = datagram;
    if (!datagram.linkGroup && this.#known.is(iface, source, destination, local.generation)) {
      datagram.group = false;
      return undefined;
    }
    // [S-046] RFC 8200 §5
    if (!iface.carries(6)) return 'ipv6-link-mtu';
    const from = local.classify(source);
    // RFC 4291 §2.7, §2.5.2: a source is one host's address. Unspecified is that of a host which has none yet: only
    // neighbour discovery has a use for it.
    if (from === 'multicast' || isIpv4Mapped(source)) return 'ipv6-martian-source';
    if (isUnspecified(source) && !mayBeAnonymous(iface, datagram)) return 'ipv6-martian-source';
    if (!iface.loopback) {
      // RFC 4291 §2.5.3: ::1, and the stack's own addresses, come from inside only. RFC 4007 §6: the link-local one of another
      // interface is another host's here.
      const isOwn = from === 'local' && (!needsZone(source) || iface.has(source));
      if (isOwn && !isClaim(iface, datagram)) return 'ipv6-martian-source';
      if (isLoopback(destination)) return 'ipv6-martian-destination';
    }
    const to = local.classify(destination);
    if (to === 'other') return this.#anycastProblem(datagram, iface);
    if (!local.takes(iface, destination)) return 'ipv6-other-interface';
    datagram.group = to !== 'local';
    // As in IPv4 (RFC 1122 §3.3.6): nobody sends so in good faith, and no error may answer it (RFC 4443 §2.4 (e.4)).
    if (datagram.linkGroup && to === 'local') return 'ipv6-unicast-in-group-frame';
    if (to === 'multicast') {
      // RFC 4291 §2.7: scope 0 is reserved; scope 1 never leaves an interface.
      const scope = scopeOf(destination);
      return scope === 0 || (scope === Scope.INTERFACE && !iface.loopback) ? 'ipv6-martian-destination' : undefined;
    }
    // RFC 4007 §9: a link-local address belongs to one link, however weak the host model is else.
    if (needsZone(destination) && !iface.loopback && !iface.has(destination)) return 'ipv6-not-for-us';
    // What else a packet says doesn't matter for these.
    if (from === 'other' && !isUnspecified(source)) this.#known.learn(iface, source, destination, local.generation);
    return undefined;
  }

  /** [S-107] RFC 4291 §2.6.1: a router answers for the anycast addresses of its networks; others' packets are for nobody here. */
  #anycastProblem(datagram: Datagram, iface: NetworkInterface): Ipv6Drop | undefined {
    // A host forwards nothing unless it is told to.
    if (!this.#parts.local.isAnycast(iface, datagram.destination)) return 'ipv6-not-for-us';
    if (datagram.linkGroup) return 'ipv6-unicast-in-group-frame';
    // Answers come from another address, as those to groups do (RFC 4443 §2.2 (b)).
    datagram.group = true;
    return undefined;
  }

  #extensionProblem(datagram: Datagram): Ipv6Drop | undefined {
    const chain = this.#chain;
    const flaw = checkExtensions(datagram.memory.view, datagram.packetStart, datagram.packetEnd, chain);
    datagram.protocol = chain.protocol;
    datagram.start = chain.start;
    if (flaw !== undefined) {
      if (chain.code === undefined) return flaw;
      this.#parts.errors.sendParameterProblem(datagram, chain.code, chain.pointer, chain.tellGroups);
      return flaw;
    }
    // No sender cuts a fragment, and to follow them would have no end.
    if (chain.protocol === Protocol.IPV6_FRAG && datagram.fragmented) return 'ipv6-reassembly-nested';
    if (chain.atomic) datagram.fragmented = true;
    // RFC 8200 §4.7: nothing follows, and nobody is told.
    return chain.protocol === Protocol.IPV6_NONXT ? 'ipv6-no-next-header' : undefined;
  }
}

/** RFC 4862 §5.4.2, RFC 4861 §4.1: who has no address yet asks a group; ICMPv6 looks at the type. */
function mayBeAnonymous({ medium }: NetworkInterface, { memory, packetStart, destination }: Datagram): boolean {
  return (
    medium === 'ethernet' && isMulticast(destination) && ipv6NextHeader(memory.view, packetStart) === Protocol.ICMPV6
  );
}

/** RFC 4862 §5.4.4: whoever says that an address of this stack is his sends it from there, and must be heard. */
function isClaim({ medium }: NetworkInterface, { memory, packetStart, packetEnd }: Datagram): boolean {
  const { view } = memory;
  const type = packetStart + IPV6_HEADER_LENGTH;
  if (medium !== 'ethernet' || type >= packetEnd) return false;
  return (
    ipv6NextHeader(view, packetStart) === Protocol.ICMPV6 && view.getUint8(type) === Icmpv6Type.NEIGHBOR_ADVERTISEMENT
  );
}

/** Reads a checked fixed header. What the link padded stays behind `packetEnd`. */
function describe(datagram: Datagram): void {
  const { packetStart: offset } = datagram;
  const { view } = datagram.memory;
  datagram.packetEnd = offset + ipv6TotalLength(view, offset);
  datagram.version = 6;
  datagram.source.setIpv6(view, ipv6SourceAt(offset));
  datagram.destination.setIpv6(view, ipv6DestinationAt(offset));
  // A host takes a packet whatever its hop limit (RFC 8200 §3).
  datagram.ttl = ipv6HopLimit(view, offset);
  datagram.trafficClass = ipv6TrafficClass(view, offset);
}

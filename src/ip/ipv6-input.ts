import type { Counters } from '../buffer/counters.ts';
import type { Datagram } from '../buffer/datagram.ts';
import { isIpv4Mapped, isLoopback, isUnspecified, needsZone, Scope, scopeOf } from '../wire/address.ts';
import { checkExtensions, ExtensionChain, ParameterProblem } from '../wire/ipv6-extensions.ts';
import type { Ipv6ExtensionFlaw } from '../wire/ipv6-extensions.ts';
import {
  checkIpv6,
  ipv6DestinationAt,
  ipv6HopLimit,
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
import type { LocalAddresses } from './local-addresses.ts';

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
  | 'ipv6-fragment'
  | 'ipv6-no-next-header';

export interface Ipv6InputParts {
  local: LocalAddresses;
  counters: Counters;
  host: IpHost;
  icmp: Icmpv6;
  errors: Icmpv6Errors;
  forwarder: Forwarder;
}

/** IPv6's way in: check, strip, hand on. */
export class Ipv6Input {
  readonly #parts: Ipv6InputParts;
  /** What the extension headers of the packet at hand say: rewritten for each. */
  readonly #chain: ExtensionChain = new ExtensionChain();

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
    describeIpv6(datagram);
    const drop = this.#addressProblem(datagram, iface) ?? this.#extensionProblem(datagram);
    if (drop === undefined) return this.#handUp(datagram);
    const { forwarder, counters } = this.#parts;
    if (drop === 'ipv6-not-for-us' && forwarder.enabled.ipv6) forwarder.input(iface, datagram);
    else counters.add(drop);
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
    // [S-046] RFC 8200 §5
    if (!iface.carries(6)) return 'ipv6-link-mtu';
    const from = local.classify(source);
    // RFC 4291 §2.7, §2.5.2: a source is one host's address. Unspecified is that of a host which has none yet: only
    // neighbour discovery has a use for it.
    if (from === 'multicast' || isUnspecified(source) || isIpv4Mapped(source)) return 'ipv6-martian-source';
    if (!iface.loopback) {
      // RFC 4291 §2.5.3: ::1, and the stack's own addresses, come from inside only.
      if (from === 'local') return 'ipv6-martian-source';
      if (isLoopback(destination)) return 'ipv6-martian-destination';
    }
    const to = local.classify(destination);
    // A host forwards nothing unless it is told to.
    if (to === 'other') return 'ipv6-not-for-us';
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
    if (chain.protocol === Protocol.IPV6_FRAG) return 'ipv6-fragment';
    // RFC 8200 §4.7: nothing follows, and nobody is told.
    return chain.protocol === Protocol.IPV6_NONXT ? 'ipv6-no-next-header' : undefined;
  }
}

/** Reads a checked fixed header. What the link padded stays behind `packetEnd`. */
export function describeIpv6(datagram: Datagram): void {
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

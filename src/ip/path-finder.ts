import type { Datagram } from '../buffer/datagram.ts';
import type { ErrorCode } from '../errors.ts';
import { Address, isLoopback, isMulticast, isUnspecified, needsZone } from '../wire/address.ts';
import type { NetworkInterface } from './interface.ts';
import { IpPath, routeFor } from './path.ts';
import type { PathContext } from './path.ts';
import type { ReturnWays } from './return-ways.ts';
import { sourceBy } from './source-address.ts';

const LOOPBACK: Readonly<Record<4 | 6, Address>> = { 4: Address.parse('127.0.0.1'), 6: Address.parse('::1') };

/** What finding a path takes. */
export interface PathFinderContext extends PathContext {
  readonly interfaces: ReadonlyMap<number, NetworkInterface>;
  readonly ways: ReturnWays;
}

/** Finds the way from an address of the stack to a peer: the interface, and where nobody chose it, the source. */
export class PathFinder {
  readonly #context: PathFinderContext;

  constructor(context: PathFinderContext) {
    this.#context = context;
  }

  /** See `Ip.path`. */
  find(local: Address | undefined, remote: Address, interfaceIndex?: number, deviceIndex?: number): IpPath | ErrorCode {
    const { local: own, interfaces } = this.#context;
    const device = deviceIndex === undefined ? undefined : interfaces.get(deviceIndex);
    if (deviceIndex !== undefined && device === undefined) return 'ENODEV';
    const bound = local === undefined || isUnspecified(local) ? undefined : local;
    if (bound !== undefined && bound.family !== remote.family) return 'EAFNOSUPPORT';
    if (bound !== undefined && !own.isLocal(bound)) return 'EADDRNOTAVAIL';
    const peer = isUnspecified(remote) ? thisHost(bound, remote.family) : remote;
    const zone = this.#zone(bound, peer, device);
    if (zone === 'EINVAL') return zone;
    // RFC 4007 §6: another interface's link-local address is none of this one.
    if (bound !== undefined && needsZone(bound) && zone?.has(bound) === false) return 'EADDRNOTAVAIL';
    if (isMulticast(peer)) {
      const chosen = device ?? zone ?? (interfaceIndex === undefined ? undefined : interfaces.get(interfaceIndex));
      if (chosen !== undefined) return this.#pinned(bound, peer, chosen, device);
    }
    // What is the stack's own is reached inside, whatever link it belongs to.
    const isInside = zone !== undefined && needsZone(peer) ? zone.has(peer) : own.isLocal(peer);
    if (zone !== undefined && !isInside) return this.#pinned(bound, peer, zone, device);
    if (interfaceIndex !== undefined) {
      const chosen = interfaces.get(interfaceIndex);
      return chosen === undefined ? 'ENETUNREACH' : this.#pinned(bound, peer, chosen, device);
    }
    const route = routeFor(this.#context, bound, peer, device);
    if (route === undefined) return 'ENETUNREACH';
    if (isConfined(bound, route.interface)) return 'EINVAL';
    const source = bound ?? this.#sourceFor(route, peer);
    if (source === undefined) return 'EADDRNOTAVAIL';
    return new IpPath(this.#context, source, peer, route, { device });
  }

  /** The way back to where a datagram came from, by the interface `deviceIndex` where one is given. */
  back(datagram: Datagram, deviceIndex?: number): IpPath | ErrorCode {
    const { local, remote } = this.#context.ways.ends(datagram);
    return this.find(this.#context.local.shared(local), remote, undefined, deviceIndex);
  }

  /** See `Ip.groupInterface`. */
  groupInterface(group: Address, own: Address | undefined): number | undefined {
    const { ways, routes, interfaces } = this.#context;
    const zone = own?.zone ?? group.zone;
    if (zone !== undefined) return ways.byZone(zone)?.index;
    if (own === undefined || isUnspecified(own)) return routes.lookup(group)?.interface.index;
    for (const iface of interfaces.values()) {
      // All of 127.0.0.0/8 is the loopback's (RFC 1122 §3.2.1.3 (g)).
      if (iface.has(own) || (iface.loopback && isLoopback(own))) return iface.index;
    }
    return undefined;
  }

  /**
   * The interface that a zone says, of the peer or of the source; `EINVAL` for a zone that there is not, two that differ,
   * or none where the peer's address means nothing without (RFC 4007 §6; as Linux). A device stands in for a zone, and is
   * no other than it.
   */
  #zone(
    bound: Address | undefined,
    peer: Address,
    device: NetworkInterface | undefined,
  ): NetworkInterface | 'EINVAL' | undefined {
    if (peer.family === 4) return undefined;
    const { ways } = this.#context;
    const source = bound !== undefined && needsZone(bound) ? bound.zone : undefined;
    if (bound !== undefined && needsZone(bound) && source === undefined) return 'EINVAL';
    // Global addresses are the same everywhere: a zone on them says nothing.
    const zoned = needsZone(peer) || isMulticast(peer);
    const name = (zoned ? peer.zone : undefined) ?? source;
    if (name === undefined) return needsZone(peer) ? (device ?? 'EINVAL') : undefined;
    const iface = ways.byZone(name);
    if (iface === undefined || (device !== undefined && iface !== device)) return 'EINVAL';
    return source !== undefined && ways.byZone(source) !== iface ? 'EINVAL' : iface;
  }

  /** By an interface that the user chose: the routes are not asked. */
  #pinned(
    bound: Address | undefined,
    peer: Address,
    iface: NetworkInterface,
    device: NetworkInterface | undefined,
  ): IpPath | ErrorCode {
    if (!iface.carries(peer.family)) return 'ENETUNREACH';
    // [S-026] RFC 1122 §3.3.4.2: what is sent from an address leaves by its interface.
    const { local: own } = this.#context;
    if (own.hostModel === 'strong' && bound !== undefined && !iface.has(bound)) return 'EADDRNOTAVAIL';
    if (isConfined(bound, iface)) return 'EINVAL';
    const target = iface.loopback ? LOOPBACK[peer.family] : peer;
    const source = bound ?? this.#withZone(iface.sourceFor(target), iface);
    if (source === undefined) return 'EADDRNOTAVAIL';
    const inZone = needsZone(peer) && peer.zone === undefined ? Address.fromWords(peer, iface.name) : peer;
    return new IpPath(this.#context, source, inZone, { interface: iface, via: undefined }, { device, pinned: true });
  }

  /** [S-026] RFC 1122 §3.3.4.3: the source follows from the route. */
  #sourceFor(route: NonNullable<ReturnType<typeof routeFor>>, peer: Address): Address | undefined {
    const { interface: iface, via } = route;
    const { local, interfaces } = this.#context;
    const strong = local.hostModel === 'strong';
    // Inside, an address of the stack talks to itself.
    if (iface.loopback) return isLoopback(peer) || isMulticast(peer) ? iface.sourceFor(LOOPBACK[peer.family]) : peer;
    if (route.origin === 'static' && route.source !== undefined && (!strong || iface.has(route.source))) {
      return route.source;
    }
    const target = peer.family === 4 ? (via ?? peer) : peer;
    return this.#withZone(sourceBy(iface, target, peer, strong ? [] : interfaces.values()), iface);
  }

  #withZone(address: Address | undefined, iface: NetworkInterface): Address | undefined {
    return address !== undefined && needsZone(address) ? Address.fromWords(address, iface.name) : address;
  }
}

/** "This host": Linux takes the bound address or 127.0.0.1, and ::1. */
function thisHost(bound: Address | undefined, family: 4 | 6): Address {
  return family === 4 ? (bound ?? LOOPBACK[4]) : LOOPBACK[6];
}

/** RFC 1122 §3.2.1.3 (g), RFC 4291 §2.5.3: a loopback address never appears outside a host. Linux: EINVAL. */
function isConfined(bound: Address | undefined, iface: NetworkInterface): boolean {
  return bound !== undefined && isLoopback(bound) && !iface.loopback;
}

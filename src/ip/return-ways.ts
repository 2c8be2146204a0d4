import type { Datagram } from '../buffer/datagram.ts';
import type { Address, AddressWords } from '../wire/address.ts';
import { needsZone } from '../wire/address.ts';
import type { NetworkInterface } from './interface.ts';
import type { LocalAddresses } from './local-addresses.ts';
import type { RoutingTable } from './routes.ts';
import { sourceBy } from './source-address.ts';

/** What `ReturnWays` reads of the rest of IP. */
export interface ReturnWaysContext {
  readonly routes: RoutingTable;
  readonly local: LocalAddresses;
  readonly interfaces: ReadonlyMap<number, NetworkInterface>;
}

/** Where a packet goes first. */
export interface Way {
  interface: NetworkInterface;
  /** The gateway, or the destination itself when that is on the link. */
  nextHop: AddressWords;
}

/** How an answer goes back to where a packet came from: a link-local source is on the link that it came by. */
export class ReturnWays {
  readonly #context: ReturnWaysContext;

  /** The one answer of `wayBack`, rewritten for each. */
  #way: Way | undefined;

  constructor(context: ReturnWaysContext) {
    this.#context = context;
  }

  /** The way to answer by, if its interface is up: valid until the next is asked for. */
  wayBack({ source, interfaceIndex }: Datagram): Way | undefined {
    const { routes, local, interfaces } = this.#context;
    // [S-026] RFC 1122 §3.3.4.2: in the strong model the answer's source belongs to the interface that was asked by.
    const only = local.hostModel === 'strong' ? interfaces.get(interfaceIndex) : undefined;
    const route = needsZone(source) ? undefined : routes.lookup(source, only?.loopback ? undefined : only);
    const iface = needsZone(source) ? interfaces.get(interfaceIndex) : route?.interface;
    if (iface?.up !== true) return undefined;
    const nextHop = route?.via ?? source;
    const way = (this.#way ??= { interface: iface, nextHop });
    way.interface = iface;
    way.nextHop = nextHop;
    return way;
  }

  /**
   * The source of the answer: the address that was asked. Of a question to a group, and of a packet that was on its way
   * to somebody else, one of the interface that the answer leaves by (RFC 4443 §2.2, RFC 1812 §4.3.2.4), or of another
   * where that has none.
   */
  sourceFor({ source, destination, group }: Datagram, iface: NetworkInterface): AddressWords | undefined {
    const { local, interfaces } = this.#context;
    if (!group && local.isLocal(destination)) return destination;
    return sourceBy(iface, source, source, local.hostModel === 'strong' ? [] : interfaces.values());
  }

  /** The zone that an address of an arrived packet is in: the name of an interface; nothing for a global address. */
  zoneOf(words: AddressWords, interfaceIndex: number): string | undefined {
    if (!needsZone(words)) return undefined;
    const { interfaces } = this.#context;
    const here = interfaces.get(interfaceIndex);
    // Another interface may have the same one, on its link.
    if (here?.loopback === false) return here.name;
    for (const iface of interfaces.values()) if (iface.has(words)) return iface.name;
    return here?.name;
  }

  /** The interface of this name. */
  byName(name: string): NetworkInterface | undefined {
    for (const iface of this.#context.interfaces.values()) if (iface.name === name) return iface;
    return undefined;
  }

  /** The interface that a zone names, by name or by number (RFC 4007 §11.2). */
  byZone(zone: string): NetworkInterface | undefined {
    const { interfaces } = this.#context;
    const named = this.byName(zone);
    if (named !== undefined) return named;
    return /^\d{1,9}$/.test(zone) ? interfaces.get(Number(zone)) : undefined;
  }

  /** Both ends of the way back: where the packet went to, and where it came from, with their zones. */
  ends({ source, destination, interfaceIndex }: Datagram): { local: Address; remote: Address } {
    return {
      local: destination.toAddress(this.zoneOf(destination, interfaceIndex)),
      remote: source.toAddress(this.zoneOf(source, interfaceIndex)),
    };
  }
}

import type { ChecksumMark } from '../buffer/batch.ts';
import type { Counters } from '../buffer/counters.ts';
import type { Datagram } from '../buffer/datagram.ts';
import type { Memory } from '../buffer/memory.ts';
import type { ErrorCode } from '../errors.ts';
import { usageError } from '../errors.ts';
import type { Clock, Random } from '../time/clock.ts';
import { Address, isLoopback, isUnspecified } from '../wire/address.ts';
import type { AddressWords } from '../wire/address.ts';
import type { IpHost } from './host.ts';
import { IcmpErrors } from './icmp-errors.ts';
import type { UnreachableCode } from './icmp-errors.ts';
import { Icmp } from './icmp.ts';
import type { InterfaceOptions } from './interface.ts';
import { NetworkInterface } from './interface.ts';
import { Ipv4Input } from './ipv4-input.ts';
import { Ipv4Output } from './ipv4-output.ts';
import type { AddressKind } from './local-addresses.ts';
import { LocalAddresses } from './local-addresses.ts';
import { PathMtuCache } from './path-mtu-cache.ts';
import { IpPath } from './path.ts';
import type { PathContext } from './path.ts';
import type { Route } from './routes.ts';
import { RoutingTable } from './routes.ts';

export interface IpOptions {
  clock: Clock;
  random: Random;
  counters: Counters;
  host: IpHost;
}

const LOOPBACK = Address.parse('127.0.0.1');

/**
 * The IP layer of one stack: interfaces, routes, what comes in and what goes out. IPv4 for now; addresses, routes and
 * paths have both families in their types.
 */
export class Ip {
  readonly routes: RoutingTable;
  readonly local: LocalAddresses = new LocalAddresses();
  readonly #interfaces = new Map<number, NetworkInterface>();
  readonly #parts: PathContext;
  readonly #errors: IcmpErrors;
  readonly #input: Ipv4Input;
  #lastIndex: number = 0;

  constructor(options: IpOptions) {
    const { clock, random, counters, host } = options;
    const { local } = this;
    this.routes = new RoutingTable({ interfaces: { [Symbol.iterator]: () => this.#interfaces.values() }, local });
    const output = new Ipv4Output(host);
    const parts = { routes: this.routes, local, output, counters };
    this.#parts = { ...parts, pathMtus: new PathMtuCache(clock, counters) };
    this.#errors = new IcmpErrors({ ...parts, clock, random });
    this.#input = new Ipv4Input({ local, counters, host, errors: this.#errors, icmp: new Icmp({ ...parts, host }) });
  }

  /** The interfaces in the order they were added: a new array. */
  get interfaces(): readonly NetworkInterface[] {
    return [...this.#interfaces.values()];
  }

  /**
   * Makes an interface. Its addresses are usable and its networks routed from now on.
   *
   * @throws ERR_INVALID_ARG_VALUE for a name in use or a wrong address, ERR_OUT_OF_RANGE for a wrong MTU
   */
  addInterface(options: InterfaceOptions): NetworkInterface {
    if (this.interfaces.some((iface) => iface.name === options.name)) {
      throw usageError('ERR_INVALID_ARG_VALUE', `there is an interface ${options.name} already`);
    }
    const iface = new NetworkInterface(++this.#lastIndex, options, () => this.#changed());
    for (const { address } of iface.addresses) {
      const other = this.interfaces.find(({ addresses }) => addresses.some((own) => own.address.equals(address)));
      if (other === undefined) continue;
      throw usageError('ERR_INVALID_ARG_VALUE', `the interface ${other.name} has the address ${address} already`);
    }
    this.#interfaces.set(iface.index, iface);
    this.#changed();
    return iface;
  }

  /** Forgets an interface with its addresses and routes; harmless when it is gone. */
  removeInterface(iface: NetworkInterface): void {
    if (this.#interfaces.delete(iface.index)) this.#changed();
  }

  /** The interface with this index, as `Datagram.interfaceIndex` names it. */
  interface(index: number): NetworkInterface | undefined {
    return this.#interfaces.get(index);
  }

  /**
   * Takes one packet of a batch. Never throws on account of its bytes: what is wrong with it is counted.
   *
   * @param memory holds the packet from `offset` on, `length` bytes, lent for the call
   * @param now arrival time in microseconds, read once a batch
   */
  input(
    iface: NetworkInterface,
    memory: Memory,
    offset: number,
    length: number,
    checksum: ChecksumMark,
    segmentSize: number,
    retained: boolean,
    now: number,
  ): void {
    this.#input.input(iface, memory, offset, length, checksum, segmentSize, retained, now);
  }

  /**
   * The way to a peer, or why there is none: `ENETUNREACH` (no route), `EADDRNOTAVAIL` (`local` is not one of the
   * stack's addresses, or none fits), `EAFNOSUPPORT` (two families), `EINVAL` (a loopback address as the source of what
   * leaves the host). The link may be down: `refresh` tells. Broadcast and multicast peers are allowed here; TCP asks
   * `classify` first.
   *
   * @param local the address to send from; undefined or 0.0.0.0 leaves the choice to the route
   * @param interfaceIndex the interface to leave by, for multicast: the routes are not asked then
   */
  path(local: Address | undefined, remote: Address, interfaceIndex?: number): IpPath | ErrorCode {
    const bound = local === undefined || isUnspecified(local) ? undefined : local;
    if (bound !== undefined && bound.family !== remote.family) return 'EAFNOSUPPORT';
    if (bound !== undefined && !this.local.isLocal(bound)) return 'EADDRNOTAVAIL';
    // No IPv6 yet: there is no way to any such address.
    if (remote.family === 6) return 'ENETUNREACH';
    // "This host": Linux takes the bound address or 127.0.0.1.
    const peer = isUnspecified(remote) ? (bound ?? LOOPBACK) : remote;
    if (interfaceIndex !== undefined) return this.#groupPath(bound, peer, interfaceIndex);
    const route = this.routes.lookup(peer);
    if (route === undefined) return 'ENETUNREACH';
    // RFC 1122 §3.2.1.3 (g): 127.0.0.0/8 never appears outside a host. Linux: EINVAL.
    if (bound !== undefined && isLoopback(bound) && !route.interface.loopback) return 'EINVAL';
    const source = bound ?? this.#sourceFor(route, peer);
    if (source === undefined) return 'EADDRNOTAVAIL';
    return new IpPath(this.#parts, source, peer, route.interface);
  }

  /**
   * Index of the interface to join or send to a multicast group on: the one with this address of its own, or that of the
   * route to the group when `own` is undefined or 0.0.0.0.
   */
  groupInterface(group: Address, own: Address | undefined): number | undefined {
    if (own === undefined || isUnspecified(own)) return this.routes.lookup(group)?.interface.index;
    const { interfaces } = this;
    const holder = interfaces.find(({ addresses }) => addresses.some(({ address }) => address.equals(own)));
    // All of 127.0.0.0/8 is the loopback's (RFC 1122 §3.2.1.3 (g)).
    const lo = isLoopback(own) ? interfaces.find(({ loopback }) => loopback) : undefined;
    return (holder ?? lo)?.index;
  }

  /** One of the stack's own unicast addresses. */
  isLocal(words: AddressWords): boolean {
    return this.local.isLocal(words);
  }

  /** What an address is to this stack. */
  classify(words: AddressWords): AddressKind {
    return this.local.classify(words);
  }

  /** Tells the sender of a datagram that it could not be delivered, unless the rules of ICMP or its rate forbid it. */
  sendUnreachable(datagram: Datagram, code: UnreachableCode): void {
    this.#errors.sendUnreachable(datagram, code);
  }

  #groupPath(bound: Address | undefined, group: Address, interfaceIndex: number): IpPath | ErrorCode {
    const iface = this.#interfaces.get(interfaceIndex);
    if (iface === undefined) return 'ENETUNREACH';
    if (bound !== undefined && isLoopback(bound) && !iface.loopback) return 'EINVAL';
    const source = bound ?? iface.sourceFor(iface.loopback ? LOOPBACK : group);
    if (source === undefined) return 'EADDRNOTAVAIL';
    return new IpPath(this.#parts, source, group, iface, true);
  }

  /** [S-026] RFC 1122 §3.3.4.3: the source follows from the route. */
  #sourceFor(route: Route, peer: Address): Address | undefined {
    const { interface: iface, via } = route;
    if (iface.loopback) return isLoopback(peer) ? iface.sourceFor(LOOPBACK) : peer;
    const preferred = route.origin === 'static' ? route.source : undefined;
    if (preferred !== undefined) return preferred;
    const own = iface.sourceFor(via ?? peer);
    if (own !== undefined) return own;
    // An interface without addresses of its own borrows one, as Linux does.
    for (const other of this.#interfaces.values()) {
      const lent = other.loopback ? undefined : other.sourceFor(peer);
      if (lent !== undefined) return lent;
    }
    return undefined;
  }

  #changed(): void {
    this.local.rebuild(this.#interfaces.values());
    this.routes.rebuild();
  }
}

import { described, requireOptions, requireType, usageError } from '../errors.ts';
import { Address, isInterfaceLocal, isLimitedBroadcast, isMulticast, needsZone, sameAddress } from '../wire/address.ts';
import type { AddressWords } from '../wire/address.ts';
import { Cidr } from '../wire/cidr.ts';
import { traitsOf } from './address-traits.ts';
import type { NetworkInterface } from './interface.ts';
import type { LocalAddresses } from './local-addresses.ts';
import { Redirects } from './redirects.ts';

/** How to reach a network. */
export interface Route {
  readonly prefix: Cidr;
  readonly interface: NetworkInterface;
  /** The gateway; `undefined` when the destination is on the link itself. */
  readonly via: Address | undefined;
  /** Among routes of equal prefix length the lowest goes first. */
  readonly metric: number;
  /** Preferred source address; `undefined` leaves the choice to the interface. */
  readonly source: Address | undefined;
  /**
   * `connected` routes come and go with an interface's addresses, `static` ones are added by hand, routers have told of the
   * `advertised` ones, and of a `redirect` to a better way to one host.
   */
  readonly origin: 'connected' | 'static' | 'advertised' | 'redirect';
  /**
   * Of an advertised route whose router does not answer: such come after all others, those with the lowest number first. It
   * grows each time that the router is tried.
   */
  readonly turn?: number | undefined;
}

/** What `routes.add` is told of a route; `via` or `interface` or both. */
export interface RouteOptions {
  /** The gateway: an address in the network of one of the interfaces (with `interface` or a zone, any address). */
  via?: string | Address;
  /** Name of the interface to send by, or the interface as `stack.attach` returns it. Default the one whose network holds `via`. */
  interface?: string | { readonly name: string };
  /** Among routes of equal prefix length the lowest goes first. Default 0. */
  metric?: number;
  /** Source address of packets that leave unbound; one of the stack's own. Default chosen by the interface. */
  source?: string | Address;
}

const ROUTE_OPTIONS = ['via', 'interface', 'metric', 'source'];

/** What the table reads of the rest of IP. */
export interface RoutingContext {
  readonly interfaces: Iterable<NetworkInterface>;
  readonly local: LocalAddresses;
  /** `generation` has grown. */
  changed(): void;
  /** What would have gone by this router goes another way, since it does not answer. */
  avoided?(route: Route): void;
}

/**
 * The routing table: longest prefix first, then lowest metric. A host has few routes and its sockets remember theirs
 * (`generation` tells when to look again), so it is a sorted list that is searched from the front.
 *
 * @example
 * stack.routes.add('0.0.0.0/0', { via: '10.0.0.1' });
 * stack.routes.list().map(({ prefix, via }) => `${prefix} via ${via}`);
 */
export class RoutingTable {
  /** Grows whenever routes, addresses or interfaces change: a path with an older number looks its route up again. */
  generation: number = 1;
  readonly #context: RoutingContext;
  #static: Route[] = [];
  #advertised: Route[] = [];
  readonly #redirects: Redirects = new Redirects();
  /** All but the redirects in the order they are tried. */
  #routes: Route[] = [];
  /** Those that lead through routers which don't answer: they are among the others only where there is nothing else. */
  #suspects: Route[] = [];
  #turns: number = 0;
  /** The route to the stack's own addresses, and the loopback interface's first connected route. */
  #loopback: Route | undefined;

  constructor(context: RoutingContext) {
    this.#context = context;
  }

  /**
   * Adds a route.
   *
   * @param prefix the network: `10.1.0.0/16`, `0.0.0.0/0` for the default route
   * @throws ERR_INVALID_ARG_VALUE when no interface reaches the gateway, an address is of the other family or not the
   * stack's own, or the same route exists; ERR_MISSING_ARGS with neither gateway nor interface; ERR_OUT_OF_RANGE for a
   * metric below zero
   */
  add(prefix: string | Cidr, options: RouteOptions): void {
    const network = networkOf(prefix);
    if (options === undefined) throw nowhere(network);
    requireOptions('routes.add', options, ROUTE_OPTIONS);
    const { metric = 0 } = options;
    requireType('metric', metric, 'number');
    if (!Number.isInteger(metric) || metric < 0) {
      throw usageError('ERR_OUT_OF_RANGE', `metric must be a whole number from 0 on, not ${metric}`, RangeError);
    }
    const via = this.#address(network, 'via', options.via);
    const source = this.#address(network, 'source', options.source);
    if (source !== undefined && !this.#context.local.isLocal(source)) {
      throw invalid(`source ${source} is not an address of this stack`);
    }
    const noGateway = `via ${via} cannot be a gateway: it must be another host's unicast address`;
    const isLinkLocal = via !== undefined && needsZone(via);
    if (via !== undefined && !isLinkLocal && this.#context.local.classify(via) !== 'other') throw invalid(noGateway);
    const iface = this.#interfaceOf(network, via, options.interface);
    // RFC 4007 §6: what is another interface's there is another host's here.
    if (isLinkLocal && iface.has(via)) throw invalid(noGateway);
    const twin = this.#static.find((route) => sameKey(route, network, via, iface) && route.metric === metric);
    if (twin !== undefined) throw invalid(`there is a route to ${network} like this already`);
    this.#static.push({ prefix: network, interface: iface, via, metric, source, origin: 'static' });
    this.rebuild();
  }

  /**
   * Removes the static routes to a network: all of them, or those with this gateway, interface or metric.
   *
   * @throws ERR_INVALID_ARG_VALUE when there is none
   */
  remove(prefix: string | Cidr, options: Omit<RouteOptions, 'source'> = {}): void {
    const network = networkOf(prefix);
    requireOptions('routes.remove', options, ROUTE_OPTIONS.slice(0, 3));
    const { via, interface: iface, metric } = options;
    const name = iface === undefined ? undefined : nameOf(iface);
    const rest = this.#static.filter(
      (route) =>
        route.prefix.toString() !== network.toString() ||
        (via !== undefined && route.via?.toString() !== via.toString()) ||
        (name !== undefined && route.interface.name !== name) ||
        (metric !== undefined && route.metric !== metric),
    );
    if (rest.length === this.#static.length) {
      const other = this.#routes.find((route) => route.prefix.toString() === network.toString());
      const hint = other === undefined ? '' : ORIGIN_HINT[other.origin];
      throw invalid(`there is no static route to ${network}${hint}`);
    }
    this.#static = rest;
    this.rebuild();
  }

  /** All routes in the order they are tried: a new array. */
  list(): readonly Route[] {
    return [...this.#redirects.list(), ...this.#routes, ...this.#suspects];
  }

  /** A number greater than all before: whoever has it comes after them. */
  nextTurn(): number {
    return ++this.#turns;
  }

  /** What routers advertise on a link at present: these take the place of those before. */
  setAdvertised(iface: NetworkInterface, routes: readonly Route[]): void {
    const before = this.#advertised.filter((route) => route.interface === iface);
    const same = before.length === routes.length && routes.every((route, i) => isSame(route, before[i]!));
    if (same) return;
    this.#advertised = [...this.#advertised.filter((route) => route.interface !== iface), ...routes];
    this.rebuild();
  }

  /**
   * A router says that there is a better first hop to a host ([S-049] RFC 4861 §8.3).
   *
   * @param from the router, on the link of `iface`
   * @param via the better router; undefined: the host is on the link
   * @returns false when `from` is not the first hop to that host now (§8.1): then nothing changes
   */
  redirect(destination: AddressWords, iface: NetworkInterface, from: AddressWords, via: Address | undefined): boolean {
    const current = this.lookup(destination);
    if (current?.interface !== iface || current.via === undefined || !sameAddress(current.via, from)) return false;
    this.#redirects.set(destination, iface, via);
    this.generation++;
    return true;
  }

  /** A neighbour does not answer: what was redirected to it takes its old way (RFC 4861 §7.3.3, §8.3). */
  forgetRedirects(iface: NetworkInterface, neighbour: AddressWords): void {
    if (this.#redirects.forget(iface, neighbour)) this.generation++;
  }

  /**
   * The route to an address: the loopback interface for the stack's own addresses, else the longest prefix that holds
   * it, among equals the lowest metric whose interface is up. 255.255.255.255 and multicast groups without a route
   * leave by the first connected network that is not the loopback; IPv6 groups by the loopback where there is no other,
   * and those of interface-local scope always.
   *
   * @param only routes by this interface alone; what is inside stays inside
   */
  lookup(words: AddressWords, only?: NetworkInterface): Route | undefined {
    if (this.#loopback !== undefined && this.#context.local.isLocal(words)) return this.#loopback;
    if (isInterfaceLocal(words)) return this.#loopback;
    const redirect = this.#redirects.find(words);
    if (redirect !== undefined && (only === undefined || redirect.interface === only)) return redirect;
    const route = this.#lookIn(this.#routes, words, only);
    // [S-049] RFC 4191 §3.2, RFC 4861 §6.3.6: a router that may answer goes before those that don't, whatever the prefix.
    const found = this.#suspects.length === 0 ? route : this.#orSuspect(route, words, only);
    return found ?? this.#groupRoute(words, only);
  }

  /** A router that was avoided may be back: paths look again, and tell what they avoid ([S-049] RFC 4191 §3.5). */
  lookAgain(): void {
    this.generation++;
  }

  #orSuspect(route: Route | undefined, words: AddressWords, only: NetworkInterface | undefined): Route | undefined {
    let found = route;
    if (route?.interface.up !== true) {
      const suspect = this.#lookIn(this.#suspects, words, only);
      if (route === undefined || (suspect !== undefined && mayStandIn(suspect, route))) found = suspect;
    }
    if (found === undefined) return undefined;
    for (const suspect of this.#suspects) {
      if (suspect === found || (only !== undefined && suspect.interface !== only)) continue;
      if (suspect.prefix.contains(words) && isBetter(suspect, found)) this.#context.avoided?.(suspect);
    }
    return found;
  }

  /** The best route of a list; of those whose links are down the first where there is no other of its prefix length. */
  #lookIn(routes: readonly Route[], words: AddressWords, only: NetworkInterface | undefined): Route | undefined {
    let fallback: Route | undefined;
    for (const route of routes) {
      if (only !== undefined && route.interface !== only) continue;
      // [S-023] RFC 1122 §3.3.1.6: of several gateways one behind a working interface is preferred.
      if (fallback !== undefined && route.prefix.prefixLength < fallback.prefix.prefixLength) return fallback;
      if (!route.prefix.contains(words)) continue;
      if (route.interface.up) return route;
      fallback ??= route;
    }
    return fallback;
  }

  /**
   * Another route to an address, as good as that by `current` which seems to lead nowhere: of the same prefix length, by
   * another interface that is up. Called again and again it goes through all of them, in their order.
   */
  alternative(words: AddressWords, current: NetworkInterface): Route | undefined {
    const best = this.lookup(words);
    if (best === undefined || best === this.#loopback) return undefined;
    const { prefixLength } = best.prefix;
    const equals = [...this.#routes, ...this.#suspects].filter(
      ({ prefix, interface: iface }) => prefix.prefixLength === prefixLength && prefix.contains(words) && iface.up,
    );
    const at = equals.findIndex((route) => route.interface === current);
    const inTurn = [...equals.slice(at + 1), ...equals.slice(0, Math.max(at, 0))];
    return inTurn.find((route) => route.interface !== current);
  }

  /** Learns connected routes anew, forgets static ones whose interface has gone. */
  rebuild(): void {
    const interfaces = [...this.#context.interfaces];
    this.#static = this.#static.filter((route) => interfaces.includes(route.interface));
    this.#advertised = this.#advertised.filter((route) => interfaces.includes(route.interface));
    // The first hops may be others now: routers redirect again where they must.
    this.#redirects.clear();
    const connected = interfaces.flatMap(connectedRoutes);
    this.#loopback = connected.find((route) => route.interface.loopback);
    // The sort is stable: connected before static before advertised, older before newer.
    const carried = [...connected, ...this.#static, ...this.#advertised].filter(isCarried);
    this.#routes = carried.filter(({ turn }) => turn === undefined).sort(byRank);
    this.#suspects = carried.filter(({ turn }) => turn !== undefined).sort(byTurn);
    this.generation++;
    this.#context.changed();
  }

  #groupRoute(words: AddressWords, only: NetworkInterface | undefined): Route | undefined {
    if (!isLimitedBroadcast(words) && !isMulticast(words)) return undefined;
    const outside = this.#routes.find(
      (route) =>
        route.origin === 'connected' &&
        (only === undefined ? !route.interface.loopback : route.interface === only) &&
        route.prefix.address.family === words.family,
    );
    return outside ?? (words.family === 6 && only === undefined ? this.#loopback : undefined);
  }

  #address(network: Cidr, key: 'via' | 'source', value: string | Address | undefined): Address | undefined {
    if (value === undefined) return undefined;
    const address = value instanceof Address ? value : Address.parse(value);
    if (address.family !== network.address.family) {
      throw invalid(`${key} ${address} and the network ${network} are of different families`);
    }
    return address;
  }

  #interfaceOf(network: Cidr, via: Address | undefined, given: RouteOptions['interface']): NetworkInterface {
    const interfaces = [...this.#context.interfaces];
    // A link-local gateway may say itself where it is.
    const zone = via !== undefined && needsZone(via) ? via.zone : undefined;
    const wanted = given === undefined ? zone : given;
    if (wanted !== undefined) {
      const name = nameOf(wanted);
      const found = interfaces.find((iface) => iface.name === name);
      if (found !== undefined) return found;
      throw invalid(`there is no interface ${name}; there are: ${interfaces.map((iface) => iface.name).join(', ')}`);
    }
    if (via === undefined) throw nowhere(network);
    const connected = this.#routes.find((route) => route.origin === 'connected' && route.prefix.contains(via));
    if (connected !== undefined) return connected.interface;
    throw invalid(
      `no interface reaches the gateway ${via}: give one an address in its network first, or name the interface`,
    );
  }
}

/** [S-046] Links whose MTU is too small have no IPv6 routes. */
function isCarried({ interface: iface, prefix }: Route): boolean {
  return iface.carries(prefix.address.family);
}

const ORIGIN_HINT: Readonly<Record<Route['origin'], string>> = {
  connected: ': it comes from an address of the interface, remove that',
  static: '',
  advertised: ': a router advertises it',
  redirect: '',
};

function connectedRoutes(iface: NetworkInterface): Route[] {
  return iface.addresses
    .filter((cidr) => traitsOf(cidr).onLink)
    .map((cidr) => ({
      prefix: new Cidr(cidr.network, cidr.prefixLength),
      interface: iface,
      via: undefined,
      metric: 0,
      source: cidr.address,
      origin: 'connected',
    }));
}

/** @throws ERR_INVALID_ARG_TYPE */
function nameOf(iface: unknown): string {
  const { name } = (typeof iface === 'string' ? { name: iface } : (iface ?? {})) as { name?: unknown };
  if (typeof name === 'string') return name;
  const message = 'interface must be the name of an interface, or what stack.attach returns';
  throw usageError('ERR_INVALID_ARG_TYPE', message);
}

function nowhere(network: Cidr): Error {
  return usageError('ERR_MISSING_ARGS', `a route to ${network} needs via (a gateway) or interface`);
}

function networkOf(prefix: string | Cidr): Cidr {
  const cidr = typeof prefix === 'string' ? Cidr.parse(prefix) : prefix;
  if (!(cidr instanceof Cidr)) {
    const message = `the network of a route must be a prefix like '10.1.0.0/16', not ${described(prefix)}`;
    throw usageError('ERR_INVALID_ARG_TYPE', message);
  }
  if (cidr.address.equals(cidr.network)) return cidr;
  throw invalid(`${cidr} has host bits set: the network is ${cidr.network}/${cidr.prefixLength}`);
}

function sameKey(route: Route, network: Cidr, via: Address | undefined, iface: NetworkInterface): boolean {
  return route.interface === iface && isSameNetwork(route.prefix, network) && route.via?.toString() === via?.toString();
}

function isSameNetwork(one: Cidr, other: Cidr): boolean {
  return one.prefixLength === other.prefixLength && one.network.equals(other.network);
}

/** Leads the same way by the same rank. */
function isSame(route: Route, other: Route): boolean {
  const { prefix, via, interface: iface, metric, turn } = other;
  return sameKey(route, prefix, via, iface) && route.metric === metric && route.turn === turn;
}

function byRank(x: Route, y: Route): number {
  return y.prefix.prefixLength - x.prefix.prefixLength || x.metric - y.metric;
}

/** [S-049] RFC 4861 §6.3.6: round robin, so that each is tried. */
function byTurn(x: Route, y: Route): number {
  return y.prefix.prefixLength - x.prefix.prefixLength || x.turn! - y.turn!;
}

/** For one whose link is down, as any other of its prefix length might; a shorter one leads elsewhere. */
function mayStandIn(suspect: Route, { prefix }: Route): boolean {
  return suspect.interface.up && suspect.prefix.prefixLength >= prefix.prefixLength;
}

/** RFC 4191 §3.5: it would have been taken, if its router answered; or its router does no more answer than the one taken. */
function isBetter(suspect: Route, taken: Route): boolean {
  return taken.turn !== undefined || byRank(suspect, taken) < 0;
}

function invalid(message: string): Error {
  return usageError('ERR_INVALID_ARG_VALUE', message);
}

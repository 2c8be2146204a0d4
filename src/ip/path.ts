import type { Packet } from '../buffer/packet.ts';
import type { Path, SendOptions } from '../buffer/path.ts';
import type { ErrorCode } from '../errors.ts';
import type { Random } from '../time/clock.ts';
import { isLimitedBroadcast, isMulticast } from '../wire/address.ts';
import type { Address, AddressWords } from '../wire/address.ts';
import { IPV4_HEADER_LENGTH } from '../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH } from '../wire/ipv6.ts';
import type { NetworkInterface } from './interface.ts';
import type { LocalAddresses } from './local-addresses.ts';
import type { IpOutput } from './output.ts';
import type { LearntMtu, PathMtuCache } from './path-mtu-cache.ts';
import type { Route, RoutingTable } from './routes.ts';

/** What a length field of 16 bits can say. */
const LONGEST = 65_535;

/** What a path needs of IP. */
export interface PathContext {
  readonly routes: RoutingTable;
  readonly local: LocalAddresses;
  /** By IP version. */
  readonly outputs: Readonly<Record<4 | 6, IpOutput>>;
  readonly pathMtus: PathMtuCache;
  readonly random: Random;
}

/** Where packets go first. */
export type FirstHop = Pick<Route, 'interface' | 'via'>;

/** What the user has chosen of a path. */
export interface PathChoice {
  /** The interface that the socket is bound to. */
  device?: NetworkInterface | undefined;
  /** The peer is on the link of the interface: routes don't change that, only the interface's end does. */
  pinned?: boolean;
}

/**
 * The route to a peer by what the socket is bound to, if there is one: a route of its interface, and in the strong host
 * model of the interface that has its address ([S-026] RFC 1122 §3.3.4.2).
 *
 * @param local the address it is bound to
 */
export function routeFor(
  { routes, local: own }: Pick<PathContext, 'routes' | 'local'>,
  local: AddressWords | undefined,
  remote: AddressWords,
  device: NetworkInterface | undefined,
): Route | (FirstHop & { origin?: undefined }) | undefined {
  const only = device ?? (own.hostModel === 'strong' && local !== undefined ? own.holder(local) : undefined);
  const route = routes.lookup(remote, only?.loopback ? undefined : only);
  if (device === undefined) return route;
  // What is the stack's own is inside, whatever a socket is bound to: it would not come by the device.
  if (route !== undefined) return route.interface === device ? route : undefined;
  // Linux (ip_route_output_key): bound to a device, and no route: the peer is taken to be on its link. Not so for IPv6.
  return remote.family === 4 && !device.loopback ? { interface: device, via: undefined } : undefined;
}

/** The way from one of the stack's addresses to a peer. Made by `Ip.path`. */
export class IpPath implements Path {
  readonly local: Address;
  readonly remote: Address;
  readonly headerLength: number;
  readonly longest: number;
  readonly #context: PathContext;
  readonly #output: IpOutput;
  /** IPv6's flow label, once there is one. */
  #label: number = 0;
  /** The interface of the route in use; the last one when there is no route at the moment. */
  #interface: NetworkInterface;
  #nextHop: Address;
  readonly #pinned: boolean;
  readonly #device: NetworkInterface | undefined;
  /** The routing generation that `#interface` and `#problem` were found in. */
  #generation: number;
  #problem: ErrorCode | undefined;
  /** What the cache knew of this peer in the generation `#learntIn`. */
  #learnt: LearntMtu | undefined;
  #learntIn: number = -1;

  constructor(context: PathContext, local: Address, remote: Address, way: FirstHop, choice: PathChoice = {}) {
    this.local = local;
    this.remote = remote;
    this.headerLength = remote.family === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH;
    // RFC 791 §3.1: the length of IPv4 counts its header, that of IPv6 does not (RFC 8200 §3).
    this.longest = remote.family === 4 ? LONGEST - IPV4_HEADER_LENGTH : LONGEST;
    this.#context = context;
    this.#output = context.outputs[remote.family];
    this.#interface = way.interface;
    this.#nextHop = nextHopOf(way, remote);
    this.#pinned = choice.pinned ?? false;
    this.#device = choice.device;
    this.#generation = context.routes.generation;
  }

  /** The interface that packets leave by. */
  get interface(): NetworkInterface {
    return this.#interface;
  }

  get interfaceIndex(): number {
    return this.#interface.index;
  }

  get deviceIndex(): number | undefined {
    return this.#device?.index;
  }

  // [S-025] RFC 1122 §3.3.3: EMTU_S.
  get mtu(): number {
    const { pathMtus } = this.#context;
    if (this.#learntIn !== pathMtus.generation) {
      this.#learntIn = pathMtus.generation;
      this.#learnt = pathMtus.find(this.remote);
    }
    if (this.#learnt !== undefined && !pathMtus.holds(this.#learnt)) this.#learnt = undefined;
    const mtu = this.linkMtu;
    return this.#learnt === undefined ? mtu : Math.min(mtu, this.#learnt.mtu);
  }

  get linkMtu(): number {
    return this.#interface.mtuOf(this.remote.family);
  }

  get checksumOffload(): boolean {
    return this.#interface.offload.checksum;
  }

  get tso(): number {
    return this.#interface.offload.tso;
  }

  get uso(): number {
    return this.#interface.offload.uso;
  }

  get reservation(): number {
    return this.#interface.queue.reservation;
  }

  /**
   * `ENETUNREACH` without a route and `EADDRNOTAVAIL` when the local address has been taken away, as Linux says it.
   * `ENETDOWN` when there is a route but its link is down: Linux's word for a device that cannot send. It passes, and
   * differs from "no route", so that a connection can wait for it.
   */
  refresh(): ErrorCode | undefined {
    const { routes } = this.#context;
    if (this.#generation !== routes.generation) {
      this.#generation = routes.generation;
      this.#problem = this.#lookAgain();
    }
    return this.#problem ?? (this.#interface.up ? undefined : 'ENETDOWN');
  }

  limitMtu(mtu: number): void {
    if (mtu < this.mtu) this.#context.pathMtus.limit(this.remote, mtu);
  }

  adviseNegative(): void {
    // [S-023] RFC 1122 §3.3.1.4, §3.3.1.5: an alternate gateway is chosen; those of other paths stay.
    const { routes, local } = this.#context;
    const fixed = this.#pinned || this.#device !== undefined || local.hostModel === 'strong';
    const other = fixed ? undefined : routes.alternative(this.remote, this.#interface);
    if (other !== undefined) this.#take(other);
  }

  confirm(now: number): void {
    this.#interface.ethernet?.neighbours.confirm(this.#nextHop, now);
  }

  /** Nothing also when there is no route: callers `refresh` first. */
  reserve(length: number): Packet | undefined {
    const to = this.#interface;
    if (this.#problem !== undefined || (length > 0 && to.share <= 0)) return undefined;
    const packet = to.queue.reserve(length);
    if (packet !== undefined) to.share -= length;
    return packet;
  }

  reserveMessage(length: number, header: number): Packet | undefined {
    if (this.#problem !== undefined) return undefined;
    const packet = this.#output.reserve(this.#interface, header + length, this.mtu);
    packet?.prepend(-header);
    return packet;
  }

  send(packet: Packet, protocol: number, options: SendOptions): void {
    this.#output.send(
      this.#interface,
      packet,
      this.local,
      this.remote,
      this.#nextHop,
      protocol,
      options,
      this.#flowLabel(),
    );
  }

  extend(reservation: number, transport: number, length: number, segmentSize: number): Packet | undefined {
    const packet = this.#interface.queue.extend(reservation, length, segmentSize);
    if (packet === undefined) return undefined;
    const start = transport - this.headerLength;
    this.#output.lengthen(packet.memory.view, start, packet.end - start);
    return packet;
  }

  /** RFC 6437 §3: all packets of a flow have one label, and nobody can guess that of another. Drawn when it is needed. */
  #flowLabel(): number {
    if (this.remote.family === 4) return 0;
    // 20 bits, and 0 says that there is none.
    return (this.#label ||= this.#context.random.uint32() >>> 12 || 1);
  }

  sendWhole(packet: Packet): void {
    this.#interface.transmit(packet, this.#nextHop);
  }

  #take(route: FirstHop): void {
    this.#interface = route.interface;
    this.#nextHop = nextHopOf(route, this.remote);
  }

  #lookAgain(): ErrorCode | undefined {
    const { local } = this.#context;
    if (!local.isLocal(this.local)) return 'EADDRNOTAVAIL';
    if (this.#pinned) return this.#interface.carries(this.remote.family) ? undefined : 'ENETUNREACH';
    const route = routeFor(this.#context, this.local, this.remote, this.#device);
    if (route === undefined) return 'ENETUNREACH';
    this.#take(route);
    return undefined;
  }
}

/** A gateway leads to hosts only: groups are on the link itself. */
function nextHopOf({ via }: Pick<FirstHop, 'via'>, remote: Address): Address {
  return via === undefined || isMulticast(remote) || isLimitedBroadcast(remote) ? remote : via;
}

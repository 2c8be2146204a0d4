import type { Binding } from '../buffer/binding.ts';
import type { ChecksumMark } from '../buffer/batch.ts';
import type { Counters } from '../buffer/counters.ts';
import { Datagram } from '../buffer/datagram.ts';
import type { MemoryBudget } from '../buffer/memory-budget.ts';
import type { Memory } from '../buffer/memory.ts';
import { allocateMemory } from '../buffer/memory.ts';
import type { ErrorCode } from '../errors.ts';
import { systemError, usageError } from '../errors.ts';
import type { Clock, Random } from '../time/clock.ts';
import type { TimerWheel } from '../time/timer-wheel.ts';
import { isMulticast, isUnspecified, needsZone, Scope, scopeOf } from '../wire/address.ts';
import { Cidr } from '../wire/cidr.ts';
import type { Address, AddressWords } from '../wire/address.ts';
import { EtherType } from '../wire/ethernet.ts';
import { IcmpUnreachable, TimeExceeded } from '../wire/icmp.ts';
import { Forwarder } from './forward.ts';
import type { Forwarding } from './forward.ts';
import { isGroupMac, MacAddress } from '../wire/mac.ts';
import type { AddressConflict } from './arp-conflicts.ts';
import { EthernetPort } from './ethernet-port.ts';
import { FragmentIdentifications } from './fragment-identification.ts';
import { FragmentOutput } from './fragment-output.ts';
import type { IpHost } from './host.ts';
import { IcmpErrors } from './icmp-errors.ts';
import type { UnreachableCode } from './icmp-errors.ts';
import { Icmp } from './icmp.ts';
import { Icmpv6Errors } from './icmpv6-errors.ts';
import { Icmpv6 } from './icmpv6.ts';
import { Igmp } from './igmp.ts';
import type { InterfaceOptions } from './interface.ts';
import { NetworkInterface } from './interface.ts';
import { Ipv4Input } from './ipv4-input.ts';
import { Ipv4Output } from './ipv4-output.ts';
import { Ipv6Input } from './ipv6-input.ts';
import { Ipv6Output } from './ipv6-output.ts';
import type { AddressKind, HostModel } from './local-addresses.ts';
import { hasAnycast, LocalAddresses } from './local-addresses.ts';
import { Memberships } from './memberships.ts';
import { waitingShare } from './neighbour-waiting.ts';
import type { WaitingPacket } from './neighbour-waiting.ts';
import { NeighbourFailure } from './neighbour-failure.ts';
import { NeighbourDiscovery } from './ndp/discovery.ts';
import { orderDestinations } from './destination-selection.ts';
import { NEIGHBOURS_ALONE } from './ndp/options.ts';
import type { DiscoveryOptions } from './ndp/options.ts';
import { PathMtuCache } from './path-mtu-cache.ts';
import { PathFinder } from './path-finder.ts';
import type { IpPath } from './path.ts';
import { IcmpRateLimit } from './rate-limit.ts';
import { Reassembler } from './reassembly.ts';
import { ReturnWays } from './return-ways.ts';
import { RouterGroups } from './router-groups.ts';
import { RoutingTable } from './routes.ts';

export interface IpOptions {
  clock: Clock;
  random: Random;
  counters: Counters;
  /** What waits to be complete counts here. */
  budget: MemoryBudget;
  host: IpHost;
  /** Timers of IP's own housekeeping: none of them is unrest, none keeps the process alive. */
  timers: TimerWheel;
  /** Default 'weak'. */
  hostModel?: HostModel;
}

/**
 * The IP layer of one stack, both versions: interfaces, routes, what comes in, what goes out, and what is passed on.
 */
export class Ip {
  readonly routes: RoutingTable;
  readonly local: LocalAddresses;
  /** The multicast groups of each interface. */
  readonly memberships: Memberships;
  readonly #host: IpHost;
  readonly #options: IpOptions;
  readonly #failure: NeighbourFailure;
  readonly #output6: Ipv6Output;
  readonly #interfaces = new Map<number, NetworkInterface>();
  /** Of interfaces on Ethernet. */
  readonly #discoveries = new Map<number, NeighbourDiscovery>();
  readonly #ways: ReturnWays;
  readonly #paths: PathFinder;
  readonly #connectionPaths: PathFinder;
  readonly #errors: IcmpErrors;
  readonly #errors6: Icmpv6Errors;
  readonly #input: Ipv4Input;
  readonly #input6: Ipv6Input;
  readonly #forwarder: Forwarder;
  readonly #routerGroups: RouterGroups;
  readonly #reassembler: Reassembler;
  /** What waits for neighbours on all interfaces. */
  readonly #waitingShare: MemoryBudget;
  /** The one description of an arrived packet, rewritten for each. */
  readonly #datagram: Datagram = new Datagram(allocateMemory(0));
  #lastIndex: number = 0;

  constructor(options: IpOptions) {
    const { clock, random, counters, budget, host, timers } = options;
    this.#host = host;
    this.#options = options;
    this.#waitingShare = waitingShare(budget);
    const local = new LocalAddresses(options.hostModel);
    this.local = local;
    const interfaces = this.#interfaces;
    this.routes = new RoutingTable({
      interfaces: { [Symbol.iterator]: () => interfaces.values() },
      local,
      changed: () => host.routesChanged(),
      avoided: ({ interface: iface, via }) => this.#discoveries.get(iface.index)?.avoided(via!),
    });
    const { routes } = this;
    const ways = new ReturnWays({ routes, local, interfaces });
    this.#ways = ways;
    const identifications = new FragmentIdentifications(random);
    const fragments = new FragmentOutput(identifications);
    const output4 = new Ipv4Output(fragments, identifications);
    const output6 = new Ipv6Output(fragments);
    const memberships = new Memberships({ clock, random, counters, timers, output6 });
    this.memberships = memberships;
    this.#output6 = output6;
    // Of echo replies nothing is kept, a message has a port or an identifier, a segment a sequence number.
    const replyMtus = new PathMtuCache(clock, counters);
    const messageMtus = new PathMtuCache(clock, counters, replyMtus);
    const segmentMtus = new PathMtuCache(clock, counters, messageMtus);
    const context = { routes, local, interfaces, ways, outputs: { 4: output4, 6: output6 }, random };
    this.#paths = new PathFinder({ ...context, pathMtus: messageMtus });
    this.#connectionPaths = new PathFinder({ ...context, pathMtus: segmentMtus });
    const expired = (first: Datagram): void => this.#reassemblyExpired(first);
    const reassembler = new Reassembler({ random, counters, budget, timers, expired });
    this.#reassembler = reassembler;
    const limit = new IcmpRateLimit(random, clock.now());
    const parts = { ways, local, output: output4, replyMtus, counters, limit, host };
    this.#errors = new IcmpErrors(parts);
    const igmp = new Igmp(counters, (index) => memberships.speaking(index, 4));
    const parts6 = { ways, local, output: output6, replyMtus, counters, limit, host };
    this.#errors6 = new Icmpv6Errors(parts6);
    this.#failure = new NeighbourFailure({ host, local, errors: this.#errors, errors6: this.#errors6 });
    const [errors, errors6] = [this.#errors, this.#errors6];
    const drain = (iface: NetworkInterface): void => host.drain(iface);
    const forwarder = new Forwarder({ routes, counters, errors, errors6, drain });
    this.#forwarder = forwarder;
    this.#routerGroups = new RouterGroups(memberships, forwarder.enabled);
    this.#input = new Ipv4Input({ ...parts, errors, forwarder, icmp: new Icmp(parts), igmp, reassembler });
    const icmp = new Icmpv6({ ...parts6, memberships, discovery: (index) => this.discovery(index) });
    this.#input6 = new Ipv6Input({ ...parts6, errors: errors6, forwarder, icmp, reassembler });
  }

  /** The interfaces in the order they were added: a new array. */
  get interfaces(): readonly NetworkInterface[] {
    return [...this.#interfaces.values()];
  }

  /** What is passed on from one interface to another. */
  get forwarding(): Readonly<Forwarding> {
    return this.#forwarder.enabled;
  }

  /** Something else is from now on: a router is in other groups, and has other addresses, than a host. */
  forward(value: Partial<Forwarding>): void {
    const { enabled } = this.#forwarder;
    const was6 = enabled.ipv6;
    Object.assign(enabled, value);
    this.local.isRouter6 = enabled.ipv6;
    for (const iface of this.#interfaces.values()) this.#routerGroups.follow(iface);
    if (enabled.ipv6 === was6) return;
    for (const discovery of this.#discoveries.values()) discovery.forwardingChanged();
  }

  /** How much has been: packets, and their bytes. */
  get forwarded(): { packets: number; bytes: number } {
    const { packets, bytes } = this.#forwarder;
    return { packets, bytes };
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
    const iface: NetworkInterface = new NetworkInterface(++this.#lastIndex, options, {
      claim: (address) => this.#claim(address, iface),
      losesAddress: (address) => this.#host.losesAddress(address, iface),
      changed: () => {
        this.#changed();
        this.memberships.changed(iface);
        if (this.#interfaces.has(iface.index)) this.#routerGroups.follow(iface);
        this.#discoveries.get(iface.index)?.changed();
      },
      transmitted: (sender) => this.#host.transmitted(sender),
      tentativeChanged: (changed) => this.#host.tentativeChanged(changed),
    });
    for (const { address } of [...iface.addresses, ...iface.tentative]) this.#claim(address, iface);
    if (iface.medium === 'ethernet') iface.ethernet = this.#portFor(iface, options);
    this.#interfaces.set(iface.index, iface);
    this.#changed();
    this.memberships.add(iface);
    this.#routerGroups.follow(iface);
    iface.ethernet?.claimAll();
    if (iface.ethernet !== undefined) this.#discover(iface, iface.ethernet, options.discovery);
    if (iface.up) iface.ethernet?.linkChanged(true);
    return iface;
  }

  /** What an interface on Ethernet has besides. */
  #portFor(iface: NetworkInterface, { address, vlan = 0 }: InterfaceOptions): EthernetPort {
    const { clock, random, timers, counters, budget, host } = this.#options;
    const parts = {
      clock,
      random,
      timers,
      counters,
      budget,
      waitingShare: this.#waitingShare,
      classify: (words: AddressWords) => this.local.classify(words),
      unreachable: (packet: WaitingPacket) => this.#failure.report(packet, clock.now()),
      conflict: (where: NetworkInterface, conflict: AddressConflict) => {
        host.addressConflict(where, conflict);
        if (conflict.kept) return;
        // One that is in use was asked for again, as the link had been down.
        if (where.has(conflict.address)) where.removeAddress(conflict.address);
        else where.settle(conflict.address, false);
      },
    };
    return new EthernetPort(iface, { address, vlan }, parts);
  }

  /** Neighbour discovery begins on an interface. */
  #discover(iface: NetworkInterface, port: EthernetPort, options: DiscoveryOptions = NEIGHBOURS_ALONE): void {
    const { clock, random, timers, counters, host } = this.#options;
    const discovery = new NeighbourDiscovery({
      iface,
      options,
      clock,
      random,
      timers,
      counters,
      neighbours: port.neighbours,
      mac: () => port.mac,
      routes: this.routes,
      local: this.local,
      output: this.#output6,
      taken: (address) => this.#holderBeside(iface, address) !== undefined,
      forwarding: () => this.forwarding.ipv6,
      isAnycast: (words) => this.forwarding.ipv6 && hasAnycast(iface, words),
      conflict: (address, kept) => host.addressConflict(iface, { address, kept, mac: senderOf(port) }),
      addressChanged: (own, removed) => host.addressChanged(iface, own, removed),
      dnsChanged: (dns) => host.dnsChanged(iface, dns),
      join: (group) => this.memberships.join(iface.index, group),
      leave: (group) => this.memberships.leave(iface.index, group),
    });
    this.#discoveries.set(iface.index, discovery);
    port.neighbourDiscovery = discovery;
    port.neighbourChanged = (neighbour) => discovery.neighbourChanged(neighbour);
    port.hardwareChanged = () => discovery.hardwareChanged();
  }

  /** Neighbour discovery of an interface; links that carry IP packets have none. */
  discovery(index: number): NeighbourDiscovery | undefined {
    return this.#discoveries.get(index);
  }

  /** Forgets an interface with its addresses, routes and groups; harmless when it is gone. */
  removeInterface(iface: NetworkInterface): void {
    if (!this.#interfaces.has(iface.index)) return;
    for (const { address } of iface.addresses) this.#host.losesAddress(address, iface);
    this.memberships.remove(iface);
    this.#routerGroups.forget(iface);
    this.#interfaces.delete(iface.index);
    iface.ethernet?.linkChanged(false);
    this.#discoveries.get(iface.index)?.close();
    this.#discoveries.delete(iface.index);
    this.#changed();
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
    const datagram = this.#datagram;
    const { ethernet } = iface;
    let start = offset;
    let is6: boolean;
    if (ethernet === undefined) {
      datagram.linkGroup = false;
      is6 = length > 0 && memory.view.getUint8(offset) >>> 4 === 6;
    } else {
      if (!ethernet.input(memory, offset, length)) return;
      const { header } = ethernet;
      ({ start } = header);
      datagram.linkGroup = isGroupMac(header.destination);
      is6 = header.type === EtherType.IPV6;
    }
    datagram.memory = memory;
    datagram.packetStart = start;
    datagram.checksum = checksum;
    datagram.segmentSize = segmentSize;
    datagram.retained = retained;
    datagram.fragmented = false;
    datagram.interfaceIndex = iface.index;
    datagram.now = now;
    const rest = offset + length - start;
    if (is6) this.#input6.input(iface, datagram, rest);
    else this.#input.input(iface, datagram, rest);
  }

  /**
   * The way of messages to a peer, or why there is none: `ENETUNREACH` (no route), `EADDRNOTAVAIL` (`local` is not one of the
   * stack's addresses, or none fits), `EAFNOSUPPORT` (two families), `EINVAL` (a loopback address as the source of what
   * leaves the host; a link-local IPv6 address without a zone or with one that there is not). The link may be down:
   * `refresh` tells. Broadcast and multicast peers are allowed here; TCP asks `classify` first.
   *
   * @param local the address to send from; undefined or 0.0.0.0 leaves the choice to the route
   * @param interfaceIndex the interface to leave by, for multicast: the routes are not asked then
   * @param deviceIndex the interface that the socket is bound to (Linux: SO_BINDTODEVICE): of the routes only its own count,
   * and what they don't lead to is on its link, of IPv4. `ENODEV` when it is gone; `ENETUNREACH` for the stack's own
   * addresses, which are inside.
   */
  path(local: Address | undefined, remote: Address, interfaceIndex?: number, deviceIndex?: number): IpPath | ErrorCode {
    return this.#paths.find(local, remote, interfaceIndex, deviceIndex);
  }

  /**
   * The way of a connection to a peer: the same, but of the path's MTU it knows only what a connection has made sure of
   * ([S-092] RFC 5927 §7.2, RFC 8201 §4), not what came as an error about a message.
   */
  connectionPath(local: Address | undefined, remote: Address, deviceIndex?: number): IpPath | ErrorCode {
    return this.#connectionPaths.find(local, remote, undefined, deviceIndex);
  }

  /** The destinations in the order in which they should be tried ([S-048] RFC 6724 §6); those without a way come last. */
  orderDestinations(destinations: readonly Address[]): Address[] {
    return orderDestinations(destinations, (destination) => this.#sourceTo(destination));
  }

  #sourceTo(destination: Address): Cidr | undefined {
    const path = this.connectionPath(undefined, destination);
    // A link that is down is no way at present.
    if (typeof path === 'string' || path.refresh() !== undefined) return undefined;
    const { local } = path;
    const own = this.local.holder(local)?.addresses.find(({ address }) => address.equals(local));
    // All of 127.0.0.0/8 is the stack's (RFC 1122 §3.2.1.3 (g)).
    return own ?? new Cidr(local, local.family === 4 ? 32 : 128);
  }

  /** A connection's way back to where a datagram came from, by the interface `deviceIndex` where one is given. */
  pathBack(datagram: Datagram, deviceIndex?: number): IpPath | ErrorCode {
    return this.#connectionPaths.back(datagram, deviceIndex);
  }

  /**
   * Index of the interface of this name.
   *
   * @throws ENODEV
   */
  deviceIndex(name: string, syscall: string): number {
    const iface = this.#ways.byName(name);
    if (iface !== undefined) return iface.index;
    throw systemError('ENODEV', syscall, { hint: this.#noInterface(name) });
  }

  #noInterface(name: string): string {
    return `there is no interface ${name}; there are ${this.interfaces.map((known) => known.name).join(', ')}`;
  }

  /** What to do about an error of `path` or `connectionPath`, for its message. */
  wayHint(code: ErrorCode, remote: Address): string | undefined {
    if (code === 'ENETUNREACH') return 'no route: add one with stack.routes.add';
    const { zone } = remote;
    if (code !== 'EINVAL' || !(needsZone(remote) || (isMulticast(remote) && zone !== undefined))) return undefined;
    if (zone === undefined) return 'a link-local address takes the name of an interface: fe80::1%tun0';
    return this.#ways.byZone(zone) === undefined ? this.#noInterface(zone) : undefined;
  }

  /**
   * Index of the interface to join or send to a multicast group on: that of the zone of `own` or of the group, the one with
   * `own` among its addresses, or that of the route to the group when `own` is undefined or unspecified.
   */
  groupInterface(group: Address, own: Address | undefined): number | undefined {
    return this.#paths.groupInterface(group, own);
  }

  /** The zone that an address of an arrived packet is in: the name of an interface; nothing for a global address. */
  zoneOf(words: AddressWords, interfaceIndex: number): string | undefined {
    return this.#ways.zoneOf(words, interfaceIndex);
  }

  /** Index of the interface that a link-local address or group is bound to with its zone; nothing for others. */
  zoneIndex(address: Address): number | undefined {
    return address.zone === undefined || !isLinkScoped(address) ? undefined : this.#ways.byZone(address.zone)?.index;
  }

  /**
   * Why a socket can't be bound so: `EADDRNOTAVAIL`, or `EINVAL` where a link-local address has no zone or one that there is
   * not, or a mapped one is to be for IPv6 only (as Linux).
   *
   * @param allowed addresses that may be bound, unspecified ones excepted
   */
  bindingProblem(binding: Binding, allowed: (address: Address) => boolean): ErrorCode | undefined {
    const { given, address, ipv6Only } = binding;
    if (given.family !== address.family && ipv6Only) return 'EINVAL';
    if (isUnspecified(address)) return undefined;
    if (!isLinkScoped(address)) return allowed(address) ? undefined : 'EADDRNOTAVAIL';
    const iface = address.zone === undefined ? undefined : this.#ways.byZone(address.zone);
    if (iface === undefined) return 'EINVAL';
    return iface.has(address) || (isMulticast(address) && allowed(address)) ? undefined : 'EADDRNOTAVAIL';
  }

  /** One of the stack's own unicast addresses. */
  isLocal(words: AddressWords): boolean {
    return this.local.isLocal(words);
  }

  /** What an address is to this stack. */
  classify(words: AddressWords): AddressKind {
    return this.local.classify(words);
  }

  /** Tells the sender of an IPv4 datagram that it could not be delivered, unless the rules of ICMP or its rate forbid it. */
  sendUnreachable(datagram: Datagram, code: UnreachableCode): void {
    this.#errors.sendUnreachable(datagram, code);
  }

  /** Tells the sender of a datagram of either version that nobody listens on its port. */
  sendPortUnreachable(datagram: Datagram): void {
    if (datagram.version === 4) this.sendUnreachable(datagram, IcmpUnreachable.PORT);
    else this.#errors6.sendPortUnreachable(datagram);
  }

  /** @throws ERR_INVALID_ARG_VALUE when another interface has the address, or tries it */
  #claim(address: Address, claimant: NetworkInterface): void {
    // RFC 4007 §4: a link-local address is each link's own.
    const holder = needsZone(address) ? undefined : this.#holderBeside(claimant, address);
    if (holder === undefined) return;
    throw usageError('ERR_INVALID_ARG_VALUE', `the interface ${holder.name} has the address ${address} already`);
  }

  /** Another interface that has this address, or that asks whether it may. */
  #holderBeside(iface: NetworkInterface, address: Address): NetworkInterface | undefined {
    for (const other of this.#interfaces.values()) {
      if (other === iface) continue;
      if (other.has(address) || other.tentative.some((cidr) => cidr.address.equals(address))) return other;
      if (this.#discoveries.get(other.index)?.tries(address) === true) return other;
    }
    return undefined;
  }

  /** Lets go of what waits to be complete: the stack has ended. */
  close(): void {
    this.#reassembler.clear();
  }

  #reassemblyExpired(first: Datagram): void {
    const errors = first.version === 4 ? this.#errors : this.#errors6;
    errors.sendTimeExceeded(first, TimeExceeded.REASSEMBLY);
  }

  #changed(): void {
    this.local.rebuild(this.#interfaces.values());
    this.routes.rebuild();
  }
}

/** An IPv6 address that a socket is bound to together with its link: `fe80::/10`, `ff02::/16` (Linux: inet6_bind). */
function isLinkScoped(address: Address): boolean {
  if (address.family === 4) return false;
  return isMulticast(address) ? scopeOf(address) === Scope.LINK : needsZone(address);
}

/** Whom the frame at hand has come from. */
function senderOf({ header }: EthernetPort): MacAddress {
  return new MacAddress(header.source.high, header.source.low);
}

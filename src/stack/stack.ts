import type { Batch, ChecksumMark } from '../buffer/batch.ts';
import { Counters } from '../buffer/counters.ts';
import { ChunkPool } from '../buffer/chunk-pool.ts';
import type { Datagram } from '../buffer/datagram.ts';
import type { IcmpError } from '../buffer/icmp-error.ts';
import { MemoryBudget } from '../buffer/memory-budget.ts';
import { ReceiveMemory } from '../buffer/receive-queue.ts';
import type { UsageError } from '../errors.ts';
import { described, requireInteger, requireMethods, requireOptions, requireType, usageError } from '../errors.ts';
import type { Forwarding } from '../ip/forward.ts';
import { Ip } from '../ip/ip.ts';
import type { HostModel } from '../ip/local-addresses.ts';
import { SECRET_LENGTH } from '../ip/ndp/interface-identifier.ts';
import type { DiscoveryOptions } from '../ip/ndp/options.ts';
import type { RoutingTable } from '../ip/routes.ts';
import type { Link, OwnsFlow } from '../link/link.ts';
import { requireLink } from '../link/link.ts';
import { loopback } from '../link/loopback.ts';
import type { ControlBlock } from '../tcp/control-block.ts';
import type { ConnectionOptions } from '../tcp/options.ts';
import type { State, StateEvent } from '../tcp/states.ts';
import type { Clock, Random, Timer } from '../time/clock.ts';
import { hostClock, hostRandom } from '../time/host.ts';
import { raise } from '../time/raise.ts';
import { TimerWheel } from '../time/timer-wheel.ts';
import type { PingSocket } from '../raw/ping-socket.ts';
import type { RawSocket } from '../raw/socket.ts';
import type { UdpSocket } from '../udp/socket.ts';
import { Address } from '../wire/address.ts';
import { Cidr } from '../wire/cidr.ts';
import { Protocol } from '../wire/protocol.ts';
import { describeOwnAddress, resolveAutoconfiguration } from './autoconfiguration.ts';
import { shutDown } from './close.ts';
import { Dependents } from './dependents.ts';
import type { StackEvents } from './events.ts';
import { Events, STACK_EVENTS } from './events.ts';
import type { AttachOptions } from './interface.ts';
import { Interface } from './interface.ts';
import { PendingInterfaces } from './pending.ts';
import { DEFAULT_LIMITS } from './lingering.ts';
import type { LingeringLimits } from './lingering.ts';
import type { Loss } from './loss.ts';
import { findUnrest } from './quiescence.ts';
import { ping } from './ping.ts';
import type { PingOptions, PingResult } from './ping.ts';
import { StackRaw } from './raw.ts';
import type { StackStatistics } from './statistics.ts';
import { takeStatistics } from './statistics.ts';
import { StackTcp, checkConnectionOptions } from './tcp.ts';
import { Turn } from './turn.ts';
import { StackUdp } from './udp.ts';

/** What a stack is made with. */
export interface StackOptions extends LingeringLimits {
  /** Time. Default the host's clock. Stacks joined by a cable share one. */
  clock?: Clock;
  /** Randomness. Default the host's cryptographic source. */
  random?: Random;
  /** Bytes that all queues together may occupy. Default 64 MiB. */
  memory?: number;
  /** Defaults for all TCP connections. */
  tcp?: ConnectionOptions;
  /**
   * Pass on what is for others, from one interface to another: as a router, of both versions of IP or of one. Default
   * false. Linux: net.ipv4.ip_forward, net.ipv6.conf.all.forwarding.
   */
  forwarding?: ForwardingOption;
  /**
   * To whom an address belongs (RFC 1122 §3.3.4.2). 'weak': to the stack; what is sent to it is taken by whichever interface
   * it comes, and what is sent from it leaves by the best route. 'strong': to its interface, in both directions; a router
   * (`forwarding`) is better weak. Default 'weak', as Linux.
   */
  hostModel?: HostModel;
}

/** `true` is both versions of IP, `false` none; what an object leaves out is false. */
export type ForwardingOption = boolean | { readonly ipv4?: boolean; readonly ipv6?: boolean };

const STACK_OPTIONS = ['clock', 'random', 'memory', 'tcp', 'maxTimeWait', 'maxOrphans', 'forwarding', 'hostModel'];

/** How often the liveness timer wakes to be armed again, in microseconds. */
const ALIVE_INTERVAL_US = 3_600_000_000;
/** IEEE 802.1Q: 4095 is reserved. */
const LARGEST_VLAN = 4094;

/**
 * A TCP/IP stack: the one place where the parts are put together. It has a loopback interface `lo` (127.0.0.1/8,
 * ::1/128) from the beginning; links are attached to it.
 *
 * @example
 * const stack = new Stack();
 * stack.tcp.listen({ port: 7 }, (connection) => {
 *   connection.handler = { onReadable: (c) => { for (let b = c.read(); b; b = c.read()) c.write(b); } };
 * });
 */
export class Stack {
  readonly clock: Clock;
  readonly random: Random;
  readonly tcp: StackTcp;
  readonly udp: StackUdp;
  readonly raw: StackRaw;
  /** @internal */
  readonly ip: Ip;
  /** @internal */
  readonly turn: Turn;
  /** @internal */
  readonly wheel: TimerWheel;
  /** @internal */
  readonly budget: MemoryBudget;
  /** @internal What has no socket here, and ends with the stack all the same. */
  readonly dependents: Dependents;
  /** @internal What was dropped or refused, by reason. */
  readonly counters: Counters = new Counters();
  /** @internal */
  readonly events: Events<StackEvents>;
  /** IP's own timers: caches that age, neighbours that are asked. */
  readonly #housekeeping: TimerWheel;
  readonly #interfaces = new Map<number, Interface>();
  /** Interfaces with packets that were not offered to their link yet. */
  readonly #pending = new PendingInterfaces();
  /** Packets that links have taken in this flush. */
  #taken: number = 0;
  /** Sockets of messages that found an interface's queue full. */
  readonly #blocked = new Set<UdpSocket | RawSocket | PingSocket>();
  /** Interfaces for whose queue connections wait, so that each has but a share. */
  readonly #shared = new Set<Interface>();
  readonly #alive: Timer;
  #routesChanged: boolean = false;
  #living: number = 0;
  /** What stable interface identifiers are made with. */
  #secret: Uint8Array | undefined;
  #closing: Promise<void> | undefined;
  #closed: boolean = false;

  constructor(options: StackOptions = {}) {
    requireOptions('new Stack', options, STACK_OPTIONS);
    this.clock = options.clock ?? hostClock();
    this.random = options.random ?? hostRandom();
    requireMethods('clock', this.clock, ['now', 'wallTime', 'timer', 'defer'], 'a Clock, such as a VirtualClock');
    requireMethods('random', this.random, ['fill', 'uint32'], 'a Random, such as seededRandom(1)');
    if (options.tcp !== undefined) checkConnectionOptions('new Stack, tcp', options.tcp);
    if (options.memory !== undefined) requireInteger('memory', options.memory, 1, Number.MAX_SAFE_INTEGER);
    const { maxTimeWait = DEFAULT_LIMITS.maxTimeWait, maxOrphans = DEFAULT_LIMITS.maxOrphans } = options;
    const { forwarding = false, hostModel = 'weak' } = options;
    requireHostModel(hostModel);
    requireInteger('maxTimeWait', maxTimeWait, 1, Number.MAX_SAFE_INTEGER);
    requireInteger('maxOrphans', maxOrphans, 1, Number.MAX_SAFE_INTEGER);
    this.budget = new MemoryBudget(options.memory);
    this.dependents = new Dependents(this.clock);
    this.events = new Events(this.clock);
    this.wheel = new TimerWheel(this.clock);
    this.#housekeeping = new TimerWheel(this.clock);
    this.turn = new Turn({
      clock: this.clock,
      nextSender: () => this.#nextSender(),
      flush: () => this.#flush(),
    });
    const { clock, random, counters, budget } = this;
    const timers = this.#housekeeping;
    this.ip = new Ip({ clock, random, counters, budget, host: this.#ipHost(), timers, hostModel });
    this.forwarding = forwarding;
    this.tcp = new StackTcp(this.#tcpHost(), this.ip, options.tcp ?? {}, { maxTimeWait, maxOrphans });
    this.udp = new StackUdp(this.#udpHost());
    this.raw = new StackRaw(this.#rawHost());
    this.#alive = clock.timer(() => this.#keepAlive(0));
    this.#attach(loopback(), { name: 'lo', addresses: ['127.0.0.1/8', '::1/128'], loopback: true });
  }

  /** The routing table. */
  get routes(): RoutingTable {
    return this.ip.routes;
  }

  /**
   * What is passed on from one interface to another; may be changed at any time.
   *
   * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE when set to anything else
   * @example
   * stack.forwarding = { ipv6: true };
   * stack.forwarding; // { ipv4: false, ipv6: true }
   */
  get forwarding(): { readonly ipv4: boolean; readonly ipv6: boolean } {
    return { ...this.ip.forwarding };
  }

  set forwarding(value: ForwardingOption) {
    this.ip.forward(toForwarding(value));
  }

  /** The interfaces, `lo` first: a new array. */
  get interfaces(): Interface[] {
    return [...this.#interfaces.values()];
  }

  /** `close()` or `destroy()` was called. */
  get closing(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Attaches a link and opens it. Addresses are configured at once; packets pass when `ready` has resolved.
   *
   * @throws ERR_INVALID_ARG_VALUE for a wrong address, a name in use, an unknown option or one of Ethernet on another link, ERR_INVALID_ARG_TYPE,
   * ERR_OUT_OF_RANGE for a VLAN that there is not, ERR_INVALID_STATE on a closed stack or for a link that was attached before
   */
  attach(link: Link, options: AttachOptions = {}): Interface {
    this.assertOpen();
    requireLink(link);
    requireOptions('stack.attach', options, ['addresses', 'name', 'vlan', 'conflictDetection', 'autoconfiguration']);
    const { addresses = [], name = linkName(link) ?? this.#freeName(), vlan = 0, conflictDetection = false } = options;
    requireType('name', name, 'string');
    requireAddresses(addresses);
    requireInteger('vlan', vlan, 0, LARGEST_VLAN);
    requireType('conflictDetection', conflictDetection, 'boolean');
    if (link.medium !== 'ethernet') requireNoNeighbours({ vlan: vlan !== 0, conflictDetection });
    const discovery = this.#discoveryOptions(link, options.autoconfiguration);
    return this.#attach(link, { name, addresses, vlan, conflictDetection, discovery, loopback: false });
  }

  /**
   * Calls `listener` at every event of this kind; returns a function that ends it.
   *
   * @throws ERR_INVALID_ARG_VALUE for an event that there is not, ERR_INVALID_ARG_TYPE
   */
  on<Name extends keyof StackEvents>(name: Name, listener: (event: StackEvents[Name]) => void): () => void {
    if (!STACK_EVENTS.includes(name)) {
      const message = `there is no event '${name}'; there are ${STACK_EVENTS.join(', ')}`;
      throw usageError('ERR_INVALID_ARG_VALUE', message);
    }
    requireType('listener', listener, 'function');
    return this.events.on(name, listener);
  }

  /**
   * Asks a host whether it is there: ICMP or ICMPv6 echo. Resolves with the first answer when all requests are answered or
   * given up, with one request at once; of a broadcast address or a group that is the fastest host (`stack.raw.openPing`
   * hears all of them). Rejects when no request was answered: `EHOSTUNREACH`, `ENETUNREACH`, `EMSGSIZE` and the like as an
   * ICMP error says it (a `PingError`, with its `reporter`), `ETIMEDOUT`, `ENETUNREACH`, `ENETDOWN`, `EADDRNOTAVAIL`,
   * `EMSGSIZE`, `EACCES` where it could not be sent, `EADDRNOTAVAIL` or `ENODEV` when its source or device is taken away
   * meanwhile, `ECONNABORTED` when the stack is closed, or the signal's reason.
   *
   * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE, ERR_INVALID_STATE on a closed stack
   * @example
   * const { time, ttl } = await stack.ping('10.0.0.1'); // milliseconds
   */
  ping(address: string | Address, options?: PingOptions): Promise<PingResult> {
    this.assertOpen();
    return ping(this, address, options);
  }

  /**
   * The addresses of a host in the order in which they should be tried (RFC 6724 §6): by the stack's routes and the addresses
   * that it would send from, those that cannot be reached at present last; among equals as they were given.
   *
   * @param addresses texts; link-local ones of IPv6 with their zone
   * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE for what is no address
   * @example
   * const stack = new Stack();
   * stack.attach(cable()[0], { addresses: ['10.0.0.1/24'] });
   * stack.orderDestinations(['2001:db8::1', '10.0.0.2']); // ['10.0.0.2', '2001:db8::1']: no IPv6 there
   */
  orderDestinations(addresses: readonly string[]): string[] {
    if (!Array.isArray(addresses)) {
      throw usageError('ERR_INVALID_ARG_TYPE', `addresses must be an array of strings, not ${described(addresses)}`);
    }
    const texts = new Map(addresses.map((text) => [Address.parse(text), text]));
    return this.ip.orderDestinations([...texts.keys()]).map((address) => texts.get(address)!);
  }

  /** What has happened so far, in numbers. */
  statistics(): StackStatistics {
    return takeStatistics(this);
  }

  /**
   * Throws an error that lists what is not at rest: sockets open, packets queued, timers armed, memory held.
   *
   * @param options.timeWait TIME-WAIT connections and their timers are in order.
   */
  assertQuiescent(options: { timeWait?: boolean } = {}): void {
    requireOptions('stack.assertQuiescent', options, ['timeWait']);
    const unrest = findUnrest(this, options.timeWait ?? false);
    if (unrest.length > 0) throw new Error(`The stack is not quiescent: ${unrest.join('; ')}`);
  }

  /**
   * Ends the stack in order: listeners stop, what is queued is sent, FINs go out. Resolves when all FINs are
   * acknowledged, or at the time-out, when the rest is reset (`onError` with ECONNABORTED, `onClose`); then links are
   * closed. Idempotent.
   *
   * @param options.timeout milliseconds. Default 1000.
   * @throws ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE
   */
  close(options: { timeout?: number } = {}): Promise<void> {
    requireOptions('stack.close', options, ['timeout']);
    const { timeout = 1000 } = options;
    requireType('timeout', timeout, 'number');
    if (!(timeout >= 0)) {
      const message = `timeout must be a number of milliseconds from 0 on, not ${timeout}`;
      throw usageError('ERR_OUT_OF_RANGE', message, RangeError);
    }
    this.#closing ??= this.#end(timeout * 1000);
    return this.#closing;
  }

  /** The same at once: every connection is reset, every socket closed. */
  destroy(): Promise<void> {
    if (this.#closing === undefined) this.#closing = this.#end(0);
    else if (!this.#closed) shutDown(this, 0).catch(() => {});
    return this.#closing;
  }

  /** What neighbour discovery does on a link; nothing where there are no neighbours. */
  #discoveryOptions(link: Link, given: AttachOptions['autoconfiguration']): DiscoveryOptions | undefined {
    if (given !== undefined && typeof given !== 'boolean' && typeof given !== 'object') {
      requireType('autoconfiguration', given, 'boolean');
    }
    if (link.medium === 'ethernet')
      return resolveAutoconfiguration(given === undefined ? true : given, () => this.#addressSecret());
    if (given === undefined || given === false) return undefined;
    throw forEthernet('autoconfiguration');
  }

  /** [S-049] RFC 7217 §5: one secret for all interfaces, used for nothing else; drawn when it is first needed. */
  #addressSecret(): Uint8Array {
    if (this.#secret === undefined) {
      this.#secret = new Uint8Array(SECRET_LENGTH);
      this.random.fill(this.#secret);
    }
    return this.#secret;
  }

  /** A stack that is closing takes nothing new. */
  /** @internal @throws ERR_INVALID_STATE when the stack is closing */
  assertOpen(): void {
    if (this.closing) throw usageError('ERR_INVALID_STATE', 'The stack is closed: make a new one', Error);
  }

  #attach(link: Link, options: ConstructorParameters<typeof Interface>[2]): Interface {
    const iface = new Interface(this.#interfaceHost(), link, options);
    this.#interfaces.set(iface.network.index, iface);
    // A link that is up at once has been sent to already.
    if (!iface.network.queue.empty) this.#transmitted(iface);
    return iface;
  }

  /** `eth0`, `eth1`, …: the first that is free. */
  #freeName(): string {
    const taken = new Set(this.interfaces.map(({ name }) => name));
    let n = 0;
    while (taken.has(`eth${n}`)) n++;
    return `eth${n}`;
  }

  async #end(timeoutUs: number): Promise<void> {
    await shutDown(this, timeoutUs);
    this.#closed = true;
    this.wheel.close();
    this.#housekeeping.close();
    this.ip.close();
    this.#alive.cancel();
    this.#blocked.clear();
    for (const iface of this.#shared) iface.senders.clear();
    this.#shared.clear();
    const ends = this.interfaces.map((iface) => iface.detach());
    this.#interfaces.clear();
    await Promise.allSettled(ends);
  }

  #ipHost(): ConstructorParameters<typeof Ip>[0]['host'] {
    return {
      deliver: (datagram) => this.#deliver(datagram),
      deliverRaw: (datagram) => this.raw.arrives(datagram),
      echoReply: (datagram) => this.raw.echoReply(datagram),
      icmpError: (error) => this.#icmpError(error),
      transmitted: (network) => {
        const iface = this.#interfaces.get(network.index);
        if (iface !== undefined) this.#transmitted(iface);
      },
      losesAddress: (address, { name, index }) => this.#lose({ address, interface: { name, index } }),
      routesChanged: () => this.#followRoutes(),
      drain: (network) => void this.#interfaces.get(network.index)?.flush(),
      addressConflict: (network, { address, mac, kept }) => {
        const iface = this.#interfaces.get(network.index);
        if (iface === undefined) return;
        iface.conflict(address);
        const event = { interface: iface, address: address.toString(), mac: mac.toString(), kept };
        this.events.emit('address-conflict', event);
      },
      tentativeChanged: (network) => this.#interfaces.get(network.index)?.tentativeChanged(),
      addressChanged: (network, own, removed) => {
        const iface = this.#interfaces.get(network.index);
        if (iface === undefined || !this.events.has('address')) return;
        const { address, origin, state } = describeOwnAddress(own, this.clock.now());
        this.events.emit('address', { interface: iface, address, origin, state: removed ? 'removed' : state });
      },
      dnsChanged: (network, dns) => {
        const iface = this.#interfaces.get(network.index);
        if (iface !== undefined) this.events.emit('dns', { interface: iface, ...dns });
      },
    };
  }

  #tcpHost(): ConstructorParameters<typeof StackTcp>[0] {
    const { clock, random, wheel, budget, counters } = this;
    return {
      clock,
      random,
      wheel,
      budget,
      counters,
      receiveMemory: new ReceiveMemory(),
      chunks: new ChunkPool(),
      assertOpen: () => this.assertOpen(),
      ownsFlow: (index, ...flow) => this.#ownsFlow(index, ...flow),
      touch: (tcb) => this.turn.touch(tcb.connection),
      blocked: (tcb) => this.#waitForRoom(tcb),
      broken: (_tcb, error) => this.#broken(error),
      keepAlive: (change) => this.#keepAlive(change),
      stateChanged: (tcb, from, event) => this.#stateChanged(tcb, from, event),
      observed: () => this.events.has('tcp-recovery'),
      observe: ({ connection }, event) => this.events.emit('tcp-recovery', { connection, ...event }),
    };
  }

  /** By an interface, or by any. */
  #ownsFlow(index: number | undefined, ...flow: Parameters<OwnsFlow>): boolean {
    for (const iface of this.#interfaces.values()) {
      if (index !== undefined && iface.network.index !== index) continue;
      if (iface.link.ownsFlow?.(...flow) === false) return false;
    }
    return true;
  }

  #udpHost(): ConstructorParameters<typeof StackUdp>[0] {
    const { random, counters, budget, ip, turn } = this;
    return {
      random,
      counters,
      budget,
      ip,
      turn,
      assertOpen: () => this.assertOpen(),
      ownsFlow: (index, port) => this.#ownsFlow(index, port),
      blocked: (socket) => void this.#blocked.add(socket),
      keepAlive: (change) => this.#keepAlive(change),
    };
  }

  #rawHost(): ConstructorParameters<typeof StackRaw>[0] {
    const { clock, random, counters, budget, ip, turn } = this;
    return {
      clock,
      random,
      counters,
      budget,
      ip,
      turn,
      assertOpen: () => this.assertOpen(),
      groups: this.udp.groups,
      blocked: (socket) => void this.#blocked.add(socket),
      keepAlive: (change) => this.#keepAlive(change),
    };
  }

  #interfaceHost(): ConstructorParameters<typeof Interface>[0] {
    const { clock, random, ip } = this;
    return {
      clock,
      random,
      ip,
      receive: (iface, batch) => this.#receive(iface, batch),
      keepAlive: (change) => this.#keepAlive(change),
      writable: () => this.turn.wantFlush(),
      staleDropped: (count) => {
        this.counters.add('ethernet-stale-dropped', count);
        for (const iface of this.#shared) this.#offered(iface, count);
        this.#unblock();
      },
      linkChanged: (iface) => {
        this.events.emit('link', { interface: iface, up: iface.up });
        if (iface.up) this.tcp.linkUp(iface.network.index, this.clock.now());
      },
      detached: (iface, error) => {
        this.#interfaces.delete(iface.network.index);
        this.#pending.delete(iface);
        this.#lose({ device: iface.network.index });
        iface.senders.release();
        this.#shared.delete(iface);
        this.#unblock();
        this.events.emit('link', { interface: iface, up: false, error });
      },
    };
  }

  /** One batch: every packet through IP, then the turn. One reading of the clock serves all that came in. */
  #receive(iface: Interface, batch: Batch): void {
    const now = this.clock.now();
    const { ip, turn } = this;
    const { network, counters } = iface;
    const { count, retained } = batch;
    turn.begin();
    try {
      for (let row = 0; row < count; row++) {
        const length = batch.length[row]!;
        counters.packetsReceived++;
        counters.bytesReceived += length;
        const checksum = batch.checksum[row] as ChecksumMark;
        const segmentSize = batch.segmentSize[row]!;
        ip.input(network, batch.memory[row]!, batch.offset[row]!, length, checksum, segmentSize, retained, now);
      }
    } finally {
      turn.finish();
    }
  }

  /** An exception may have left a packet under construction behind: it is given up, and the program is told. */
  #broken(error: unknown): void {
    for (const { network } of this.#interfaces.values()) network.queue.cancel();
    raise(this.clock, error);
  }

  #lose(lost: Loss): void {
    this.tcp.lose(lost);
    this.udp.lose(lost);
    this.raw.lose(lost);
  }

  /** Once for all changes that are made together. */
  #followRoutes(): void {
    if (this.#routesChanged || this.tcp.connectionCount === 0) return;
    this.#routesChanged = true;
    this.clock.defer(() => {
      this.#routesChanged = false;
      this.tcp.routesChanged();
    });
  }

  #deliver(datagram: Datagram): boolean {
    switch (datagram.protocol) {
      case Protocol.TCP:
        this.tcp.arrives(datagram);
        return true;
      case Protocol.UDP:
        if (this.udp.arrives(datagram) === 'no-listener') this.ip.sendPortUnreachable(datagram);
        return true;
      default:
        return false;
    }
  }

  #icmpError(error: IcmpError): void {
    const known = this.raw.icmpError(error);
    if (error.protocol === Protocol.TCP) this.tcp.icmpError(error);
    else if (error.protocol === Protocol.UDP) this.udp.icmpError(error);
    else if (!known) this.counters.add('icmp-error-other-protocol');
  }

  /** Packets wait on this interface. */
  #transmitted(iface: Interface): void {
    this.#pending.add(iface);
    this.turn.wantFlush();
  }

  #flush(): void {
    this.#taken = 0;
    this.#pending.forEach(this.#offer);
    if (this.#taken > 0 && this.#blocked.size > 0) this.#unblock();
  }

  readonly #offer = (iface: Interface): void => {
    const took = iface.flush();
    this.#taken += took;
    if (iface.network.queue.empty) this.#pending.delete(iface);
    if (this.#shared.has(iface)) this.#offered(iface, took);
  };

  /** Links have taken packets: whoever waited for room tries again, and waits again if need be. */
  #unblock(): void {
    const blocked = [...this.#blocked];
    this.#blocked.clear();
    for (const socket of blocked) {
      socket.writable();
    }
  }

  #waitForRoom(tcb: ControlBlock): void {
    const iface = this.#interfaces.get(tcb.path.interfaceIndex);
    if (iface === undefined) return;
    iface.senders.add(tcb);
    this.#shared.add(iface);
    this.#transmitted(iface);
  }

  #offered(iface: Interface, taken: number): void {
    const { senders } = iface;
    senders.offered(taken);
    if (senders.idle) this.#shared.delete(iface);
  }

  #nextSender(): void {
    if (this.#shared.size === 0) return;
    for (const iface of this.#shared) iface.senders.nextSender();
  }

  #stateChanged(tcb: ControlBlock, from: State, event: StateEvent): void {
    if (!this.events.has('tcp-state')) return;
    this.events.emit('tcp-state', { connection: tcb.connection, from, to: tcb.state, event });
  }

  /** One armed timer keeps the process alive while there are sockets that should. */
  #keepAlive(change: -1 | 0 | 1): void {
    this.#living += change;
    if (this.#living > 0) {
      this.#alive.ref();
      this.#alive.at(this.clock.now() + ALIVE_INTERVAL_US);
    } else {
      this.#alive.unref();
      this.#alive.cancel();
    }
  }
}

/** @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE */
function toForwarding(value: ForwardingOption): Forwarding {
  if (typeof value === 'boolean') return { ipv4: value, ipv6: value };
  requireOptions('forwarding', value, ['ipv4', 'ipv6']);
  const { ipv4 = false, ipv6 = false } = value;
  requireType('forwarding.ipv4', ipv4, 'boolean');
  requireType('forwarding.ipv6', ipv6, 'boolean');
  return { ipv4, ipv6 };
}

/** @throws ERR_INVALID_ARG_VALUE */
function requireHostModel(value: HostModel): void {
  if (value === 'weak' || value === 'strong') return;
  throw usageError('ERR_INVALID_ARG_VALUE', `hostModel must be 'weak' or 'strong', not ${described(value)}`);
}

/** Addresses with prefix length. */
function requireAddresses(addresses: unknown): void {
  if (!Array.isArray(addresses) || !addresses.every((address) => typeof address === 'string')) {
    const message = "addresses must be an array of strings, like ['10.0.0.2/24']";
    throw usageError('ERR_INVALID_ARG_TYPE', message);
  }
  for (const address of addresses) Cidr.parse(address);
}

/** The name that a link has itself, as a TUN device does. */
function linkName(link: Link): string | undefined {
  return 'name' in link && typeof link.name === 'string' && link.name !== '' ? link.name : undefined;
}

/** @throws ERR_INVALID_ARG_VALUE for what an option asks of a link that carries IP packets */
function requireNoNeighbours(asked: Readonly<Record<string, boolean>>): void {
  for (const [name, wanted] of Object.entries(asked)) if (wanted) throw forEthernet(name);
}

function forEthernet(option: string): UsageError {
  const message = `${option} is for Ethernet links: one that carries IP packets has no frames and no neighbours`;
  return usageError('ERR_INVALID_ARG_VALUE', message);
}

import { Binding } from '../buffer/binding.ts';
import type { Counters } from '../buffer/counters.ts';
import type { Datagram } from '../buffer/datagram.ts';
import type { IcmpError } from '../buffer/icmp-error.ts';
import type { Path } from '../buffer/path.ts';
import type { ErrorCode } from '../errors.ts';
import {
  requireCallbacks,
  requireInteger,
  requireOptions,
  requirePort,
  requireType,
  systemError,
  usageError,
} from '../errors.ts';
import type { Ip } from '../ip/ip.ts';
import { refuse } from '../tcp/closed.ts';
import { Connection } from '../tcp/connection.ts';
import { ControlBlock } from '../tcp/control-block.ts';
import { CONNECTION_CALLBACKS } from '../tcp/handler.ts';
import type { ConnectionHandler } from '../tcp/handler.ts';
import { FastOpenCache, FastOpenCookies } from '../tcp/fast-open.ts';
import type { TcpHost } from '../tcp/host.ts';
import { IsnGenerator } from '../tcp/isn.ts';
import { Listener } from '../tcp/listener.ts';
import type { ListenerHost, SynCookiesOption } from '../tcp/listener.ts';
import type { ConnectionOptions, ResolvedConnectionOptions } from '../tcp/options.ts';
import { DEFAULT_CONNECTION_OPTIONS, resolveOptions } from '../tcp/options.ts';
import { Segment } from '../tcp/segment.ts';
import { Address, isMulticast, isUnspecified, needsZone } from '../wire/address.ts';
import { TcpFlag, tcpDestinationPort, tcpSourcePort } from '../wire/tcp.ts';
import { ConnectionTable } from './connection-table.ts';
import { Lingering } from './lingering.ts';
import type { LingeringLimits } from './lingering.ts';
import { concerns, lossError } from './loss.ts';
import type { Loss } from './loss.ts';
import { EphemeralPorts } from './ports.ts';

/** Where to connect, and how. */
export interface ConnectOptions extends ConnectionOptions {
  /** A link-local IPv6 address takes its zone, the name of an interface: `fe80::1%tun0`. `::ffff:a.b.c.d` is IPv4. */
  remoteAddress: string | Address;
  /** 1 to 65,535. */
  remotePort: number;
  /** One of the stack's addresses. Default chosen by the route. */
  localAddress?: string | Address | undefined;
  /** Default an ephemeral port. */
  localPort?: number | undefined;
}

/** Where to listen, and how; the connection options apply to every connection taken. */
export interface ListenOptions extends Omit<ConnectionOptions, 'fastOpen'> {
  /**
   * One of the stack's addresses; default all of IPv4 (0.0.0.0). `::` is all of IPv6 and, as in Linux, of IPv4 too. A
   * link-local one takes its zone, the name of an interface: `fe80::1%tun0`.
   */
  address?: string | Address | undefined;
  /** `::` takes IPv6 alone, and leaves IPv4 to others. Default false. Linux: IPV6_V6ONLY. */
  ipv6Only?: boolean | undefined;
  /** 0 or absent: an ephemeral port. */
  port?: number | undefined;
  /** Handshakes that may be under way at once. Default 511. Linux: net.ipv4.tcp_max_syn_backlog. */
  backlog?: number | undefined;
  /** Whether SYNs beyond the backlog are answered with cookies. Default 'overflow'. Linux: net.ipv4.tcp_syncookies. */
  synCookies?: SynCookiesOption | undefined;
  /**
   * TCP Fast Open as a server (RFC 7413): a client that has got a cookie before may send data in its SYN, and
   * `onConnection` comes with it, before the handshake is over (state SYN_RECV). Only for protocols to which it makes no
   * difference when a request comes twice. So many such handshakes may be under way; beyond, and for clients without a
   * cookie, all is as ever. `true`: as many as `backlog`. Default false. Linux: TCP_FASTOPEN.
   */
  fastOpen?: number | boolean | undefined;
}

/** What TCP needs of the stack. */
export interface StackTcpHost extends Omit<
  TcpHost,
  'released' | 'keepsUnread' | 'lingers' | 'timestampOffset' | 'fastOpenCache'
> {
  /** @throws ERR_INVALID_STATE when the stack is closing */
  readonly assertOpen: () => void;
  /** Do packets to this port come to this stack, and not to another with its addresses? By this interface, or by any. */
  ownsFlow(interfaceIndex: number | undefined, localPort: number, remote?: Address, remotePort?: number): boolean;
}

/** The names of the options of a connection, of `connect` and of `listen`. */
const CONNECTION_OPTIONS: readonly string[] = Object.keys(DEFAULT_CONNECTION_OPTIONS);
const CONNECT_OPTIONS = ['remoteAddress', 'remotePort', 'localAddress', 'localPort', ...CONNECTION_OPTIONS];
const LISTEN_OPTIONS = ['address', 'port', 'ipv6Only', 'backlog', 'synCookies', ...CONNECTION_OPTIONS];

const ANY = Address.parse('0.0.0.0');
const DEFAULT_BACKLOG = 511;
const SYN_COOKIES: readonly SynCookiesOption[] = ['overflow', 'always', 'never'];

/** TCP of one stack: `stack.tcp`. Finds the connection or listener that a segment is for. */
export class StackTcp {
  /** @internal Connections that have ended, of which the owners still read. */
  readonly unread: Set<Connection> = new Set();
  readonly #ip: Ip;
  readonly #host: ListenerHost;
  readonly #assertOpen: () => void;
  readonly #ownsFlow: StackTcpHost['ownsFlow'];
  readonly #counters: Counters;
  readonly #defaults: Readonly<ResolvedConnectionOptions>;
  readonly #table: ConnectionTable<Connection>;
  readonly #listeners = new Map<number, Listener[]>();
  readonly #ports: EphemeralPorts;
  readonly #isn: IsnGenerator;
  readonly #lingering: Lingering;
  /** Made with the first cookie. */
  #fastOpenCookies: FastOpenCookies | undefined = undefined;
  /** The segment at hand; one object for all. */
  readonly #segment: Segment = new Segment();

  /** @internal Made by `Stack`. */
  constructor(host: StackTcpHost, ip: Ip, defaults: ConnectionOptions, limits: Readonly<Required<LingeringLimits>>) {
    this.#ip = ip;
    this.#assertOpen = host.assertOpen;
    this.#ownsFlow = (...flow) => host.ownsFlow(...flow);
    this.#counters = host.counters;
    this.#defaults = resolveOptions(defaults);
    this.#table = new ConnectionTable(host.random);
    this.#ports = new EphemeralPorts(host.random);
    this.#isn = new IsnGenerator(host.random);
    this.#lingering = new Lingering(limits, host.counters);
    this.#host = {
      ...host,
      fastOpenCache: new FastOpenCache(),
      fastOpenCookies: () => (this.#fastOpenCookies ??= new FastOpenCookies(host.random, host.clock.now())),
      released: (tcb) => this.#released(tcb),
      keepsUnread: ({ connection }, keeps) => {
        if (keeps) this.unread.add(connection);
        else this.unread.delete(connection);
      },
      lingers: (tcb) => this.#lingering.add(tcb),
      pathBack: (segment, device) => this.#pathBack(segment, device),
      initialSequence: (path, localPort, remotePort) => this.#initialSequence(path, localPort, remotePort),
      timestampOffset: (path, localPort, remotePort) =>
        this.#isn.timestampOffset(path.local, localPort, path.remote, remotePort),
      enlist: (tcb) => this.#enlist(tcb),
      unlisten: (listener) => this.#unlisten(listener),
    };
  }

  /** Open connections, TIME-WAIT included: a new array. */
  get connections(): Connection[] {
    return [...this.#table];
  }

  /** How many of them there are. */
  get connectionCount(): number {
    return this.#table.size;
  }

  /** How many of them are in TIME-WAIT. */
  get timeWaitCount(): number {
    return this.#lingering.timeWaits;
  }

  /** How many of them are orphans: closed, with bytes or a FIN on their way. */
  get orphanCount(): number {
    return this.#lingering.orphans;
  }

  get listeners(): Listener[] {
    return [...this.#listeners.values()].flat();
  }

  /**
   * Opens a connection; `onConnect` or `onError` tells how it went.
   *
   * @throws ENETUNREACH, EADDRNOTAVAIL, EADDRINUSE, EAFNOSUPPORT (two families), EINVAL, ENODEV (no such `device`; syscall
   * `connect`); ERR_SOCKET_BAD_PORT, ERR_INVALID_ARG_VALUE and the like for a misuse
   */
  connect(options: ConnectOptions, handler: ConnectionHandler): Connection {
    this.#assertOpen();
    requireOptions('stack.tcp.connect', options, CONNECT_OPTIONS);
    const { remotePort, localPort = 0 } = options;
    requirePort('remotePort', remotePort, 1);
    requirePort('localPort', localPort, 0);
    requireCallbacks('stack.tcp.connect', handler, CONNECTION_CALLBACKS);
    const remote = toAddress(options.remoteAddress);
    const local = options.localAddress === undefined ? undefined : toAddress(options.localAddress);
    const resolved = resolveOptions(options, this.#defaults);
    const path = this.#way(local, remote, remotePort, this.#deviceIndex(resolved, 'connect'));
    const { family } = remote;
    const port = this.#portFor(path, remotePort, localPort);
    const iss = this.#initialSequence(path, port, remotePort);
    const tcb = new ControlBlock(this.#host, { path, localPort: port, remotePort, family }, resolved, false, iss);
    const connection = new Connection(tcb, handler);
    this.#enlist(tcb);
    connection.open();
    return connection;
  }

  /**
   * Listens. `onConnection` gets every connection when its handshake is complete (with `fastOpen` perhaps before), and
   * sets its `handler`.
   *
   * @throws EADDRINUSE, EADDRNOTAVAIL, EINVAL (a zone is missing or unknown), ENODEV (no such `device`; syscall `listen`); ERR_SOCKET_BAD_PORT and the
   * like for a misuse
   */
  listen(options: ListenOptions, onConnection: (connection: Connection) => void): Listener {
    this.#assertOpen();
    requireOptions('stack.tcp.listen', options, LISTEN_OPTIONS);
    const { fastOpen = false, ...others } = options;
    const { port = 0, backlog = DEFAULT_BACKLOG, synCookies = 'overflow', ipv6Only = false } = options;
    requirePort('port', port, 0);
    requireType('ipv6Only', ipv6Only, 'boolean');
    requireType('onConnection', onConnection, 'function');
    requireInteger('backlog', backlog, 0, 0x7fff_ffff);
    requireSynCookies(synCookies);
    const fastOpenLimit = toFastOpenLimit(fastOpen, backlog);
    const resolved = resolveOptions(others, this.#defaults);
    const address = options.address === undefined ? ANY : toAddress(options.address);
    const binding = new Binding(address, ipv6Only, this.#deviceIndex(resolved, 'listen'), this.#ip.zoneIndex(address));
    const place = { address: binding.given.toString(), port };
    const problem = this.#listeningProblem(binding);
    if (problem !== undefined) throw systemError(problem, 'listen', place);
    const isFree = (free: number): boolean => !this.#listening(binding, free) && this.#ownsFlow(binding.device, free);
    const chosen = port === 0 ? this.#ports.any(isFree) : port;
    if (chosen === undefined || this.#listening(binding, chosen)) throw systemError('EADDRINUSE', 'listen', place);
    // Node's backlog of 0 still takes connections, one at a time.
    const at = { binding, port: chosen, backlog: Math.max(1, backlog), synCookies, fastOpen: fastOpenLimit };
    const listener = new Listener(this.#host, at, resolved, onConnection);
    const neighbours = this.#listeners.get(chosen);
    if (neighbours === undefined) this.#listeners.set(chosen, [listener]);
    else neighbours.push(listener);
    return listener;
  }

  /** Linux: groups and broadcast addresses of IPv4 may be bound, where no SYN is taken [MUST-57]; groups of IPv6 may not. */
  #listeningProblem(binding: Binding): ErrorCode | undefined {
    const { address } = binding;
    if (address.family === 6 && isMulticast(address)) return 'EINVAL';
    return this.#ip.bindingProblem(binding, (own) => this.#ip.classify(own) !== 'other');
  }

  /** @internal A datagram of protocol 6. */
  arrives(datagram: Datagram): void {
    const segment = this.#segment;
    const flaw = segment.load(datagram);
    if (flaw !== undefined) return this.#counters.add(flaw);
    // [MUST-57] RFC 9293 §3.9.2.3: to a broadcast or multicast address: silently dropped. What comes from an invalid
    // source IP has dropped already [MUST-63], and Source Quench [MUST-55].
    if (datagram.group) return this.#counters.add('tcp-to-group');
    // [S-106] RFC 6335 §6: port 0 is never used on the wire.
    if (segment.sourcePort === 0 || segment.destinationPort === 0) return this.#counters.add('tcp-port-zero');
    const { destination, source } = datagram;
    const connection = this.#table.find(destination, segment.destinationPort, source, segment.sourcePort);
    // RFC 4007 §6: the same link-local address on another link is another host.
    if (needsZone(source) && connection !== undefined && connection.interfaceIndex !== datagram.interfaceIndex) {
      return this.#counters.add('tcp-other-zone');
    }
    // Linux: SO_BINDTODEVICE.
    const device = connection?.deviceIndex;
    if (device !== undefined && device !== datagram.interfaceIndex) return this.#counters.add('tcp-other-device');
    const least = connection === undefined ? undefined : this.#reopens(connection, segment);
    if (connection !== undefined && least === undefined) return connection.input(segment);
    const listener = this.#listenerFor(datagram, segment.destinationPort);
    if (listener !== undefined) return listener.input(segment, least);
    this.#counters.add('tcp-no-socket');
    const path = this.#pathBack(segment);
    if (path !== undefined) refuse(path, segment);
  }

  /** @internal An ICMP error that quotes a segment. */
  icmpError(error: IcmpError): void {
    const { view } = error.memory;
    const localPort = tcpSourcePort(view, error.start);
    const remotePort = tcpDestinationPort(view, error.start);
    const connection = this.#table.find(error.source, localPort, error.destination, remotePort);
    if (connection === undefined) this.#counters.add('tcp-icmp-no-socket');
    else connection.icmpError(error);
  }

  /** @internal A way to peers is there again. */
  linkUp(interfaceIndex: number, now: number): void {
    for (const connection of this.#table) connection.linkUp(interfaceIndex, now);
  }

  /** @internal Routes, addresses or interfaces have changed. */
  routesChanged(): void {
    for (const connection of this.#table) connection.routesChanged();
  }

  /**
   * @internal Something of the stack's goes away: connections that depend on it end with ECONNABORTED (as Android does where
   * an address goes, by Linux's SOCK_DESTROY), listeners are told.
   */
  lose(lost: Loss): void {
    for (const connection of this.#table) {
      if (concerns(lost, connection.localAddress, connection.deviceIndex)) connection.cut('ECONNABORTED');
    }
    for (const listener of this.listeners) {
      const { binding, port } = listener;
      if (listener.onError === undefined || !concerns(lost, binding.address, binding.device)) continue;
      const error = lossError(lost, 'listen', { address: binding.given.toString(), port });
      this.#host.clock.defer(() => listener.onError?.(error));
    }
  }

  /**
   * [MUST-43] [MUST-44] [MUST-46] RFC 9293 §3.9.1.1: the user or IP chooses the source, which the path keeps [MUST-45];
   * groups and broadcast are no peers.
   */
  #way(local: Address | undefined, remote: Address, remotePort: number, device: number | undefined): Path {
    const place = { address: remote.toString(), port: remotePort };
    if (local !== undefined && local.family !== remote.family) {
      throw systemError('EAFNOSUPPORT', 'connect', { ...place, hint: `${local} is of another family` });
    }
    // RFC 3493 §3.7: a mapped address is IPv4, from a mapped one or any.
    const peer = remote.unmapped();
    const kind = this.#ip.classify(peer);
    if (kind === 'broadcast' || kind === 'multicast') {
      throw systemError('ENETUNREACH', 'connect', { ...place, hint: `a ${kind} address is no TCP peer` });
    }
    const bound = local === undefined || isUnspecified(local) ? undefined : local.unmapped();
    const path = this.#ip.connectionPath(bound, peer, device);
    if (typeof path !== 'string') return path;
    if (path === 'EADDRNOTAVAIL' && local !== undefined) {
      throw systemError(path, 'connect', { ...place, hint: `${local} is not an address of this stack` });
    }
    throw systemError(path, 'connect', { ...place, hint: this.#ip.wayHint(path, peer) });
  }

  #deviceIndex({ device }: Readonly<ResolvedConnectionOptions>, syscall: string): number | undefined {
    return device === undefined ? undefined : this.#ip.deviceIndex(device, syscall);
  }

  #portFor(path: Path, remotePort: number, wanted: number): number {
    const isFree = (port: number): boolean =>
      this.#table.find(path.local, port, path.remote, remotePort) === undefined &&
      (port === wanted ||
        !this.#listening(new Binding(path.local, true, path.deviceIndex, this.#ip.zoneIndex(path.local)), port));
    const isOwn = (port: number): boolean => this.#ownsFlow(path.interfaceIndex, port, path.remote, remotePort);
    const place = { address: path.remote.toString(), port: remotePort };
    if (wanted !== 0) {
      if (!isOwn(wanted)) {
        const hint = `what comes to port ${wanted} goes to another queue of the device, and to its stack`;
        throw systemError('EADDRNOTAVAIL', 'connect', { ...place, hint });
      }
      if (isFree(wanted)) return wanted;
      throw systemError('EADDRINUSE', 'connect', place);
    }
    const port = this.#ports.forPeer(path.local, path.remote, remotePort, (free) => isOwn(free) && isFree(free));
    if (port !== undefined) return port;
    throw systemError('EADDRNOTAVAIL', 'connect', { ...place, hint: 'all ephemeral ports to this peer are in use' });
  }

  /**
   * [MAY-2] RFC 9293 §3.6.1, RFC 6191 §2: a SYN that is surely a new one reopens from TIME-WAIT. Returns the least
   * initial sequence number for the new connection.
   */
  #reopens(connection: Connection, segment: Segment): number | undefined {
    if (connection.state !== 'TIME_WAIT' || !segment.has(TcpFlag.SYN)) return undefined;
    if (segment.has(TcpFlag.ACK | TcpFlag.RST)) return undefined;
    const listener = this.#listenerFor(segment.datagram, segment.destinationPort);
    if (listener === undefined) return undefined;
    return connection.giveWay(segment, segment.options.timestamps && listener.timestamps);
  }

  #listenerFor({ destination, interfaceIndex }: Datagram, port: number): Listener | undefined {
    const listeners = this.#listeners.get(port);
    if (listeners === undefined) return undefined;
    let best: Listener | undefined;
    let bestFit = 0;
    for (const listener of listeners) {
      const fit = listener.binding.fit(destination, interfaceIndex);
      if (fit <= bestFit) continue;
      best = listener;
      bestFit = fit;
    }
    return best;
  }

  /** Does a listener hold this port, at this address or at all? */
  #listening(binding: Binding, port: number): boolean {
    return this.#listeners.get(port)?.some((other) => other.binding.overlaps(binding)) ?? false;
  }

  #pathBack(segment: Segment, device?: number): Path | undefined {
    const path = this.#ip.pathBack(segment.datagram, device);
    if (typeof path !== 'string') return path;
    this.#counters.add('tcp-no-way-back');
    return undefined;
  }

  #initialSequence(path: Path, localPort: number, remotePort: number): number {
    return this.#isn.generate(path.local, localPort, path.remote, remotePort, this.#host.clock.now());
  }

  #enlist(tcb: ControlBlock): void {
    this.#table.add(tcb.connection);
  }

  #released(tcb: ControlBlock): void {
    this.#lingering.delete(tcb);
    this.#table.delete(tcb.connection);
    this.#ports.release(tcb.path.local, tcb.localPort, tcb.path.remote, tcb.remotePort);
  }

  #unlisten(listener: Listener): void {
    const listeners = this.#listeners.get(listener.port) ?? [];
    const rest = listeners.filter((other) => other !== listener);
    if (rest.length > 0) this.#listeners.set(listener.port, rest);
    else this.#listeners.delete(listener.port);
    this.#ports.releaseAll();
  }
}

/**
 * Throws unless these may be given to a connection: names and values.
 *
 * @param where the call, for the message: `new Stack, tcp`
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE
 */
export function checkConnectionOptions(where: string, options: ConnectionOptions): void {
  requireOptions(where, options, CONNECTION_OPTIONS);
  resolveOptions(options);
}

/** The same for the connections of a listener, whose `fastOpen` is an option of its own. */
export function checkAcceptedOptions(where: string, options: Omit<ListenOptions, 'address' | 'port'>): void {
  requireOptions(where, options, CONNECTION_OPTIONS);
  const { fastOpen = false, ...others } = options;
  toFastOpenLimit(fastOpen, DEFAULT_BACKLOG);
  resolveOptions(others);
}

function requireSynCookies(value: SynCookiesOption): void {
  if (SYN_COOKIES.includes(value)) return;
  throw usageError('ERR_INVALID_ARG_VALUE', `synCookies must be one of ${SYN_COOKIES.join(', ')}, not ${value}`);
}

/** Linux: inet_listen takes the backlog where nothing else is said. */
function toFastOpenLimit(value: number | boolean, backlog: number): number {
  if (typeof value === 'boolean') return value ? Math.max(1, backlog) : 0;
  requireInteger('fastOpen', value, 0, 0x7fff_ffff);
  return value;
}

function toAddress(address: string | Address): Address {
  return address instanceof Address ? address : Address.parse(address);
}

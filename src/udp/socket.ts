import { AddressKeeper, AddressReader, toAddress } from '../buffer/address-memo.ts';
import { Binding } from '../buffer/binding.ts';
import { copyBytes, lengthOf } from '../buffer/copy.ts';
import type { Datagram } from '../buffer/datagram.ts';
import { Mailbox } from '../buffer/mailbox.ts';
import { PathCache } from '../buffer/path-cache.ts';
import type { Path, SendOptions } from '../buffer/path.ts';
import type { ErrorCode, SystemError } from '../errors.ts';
import { requireBytes, requirePort, systemError } from '../errors.ts';
import { isInterfaceLocal, isMulticast, isUnspecified } from '../wire/address.ts';
import type { Address, AddressRegister } from '../wire/address.ts';
import { paddedLength } from '../wire/ipv4-options.ts';
import { IPV4_HEADER_LENGTH } from '../wire/ipv4.ts';
import { UDP_HEADER_LENGTH } from '../wire/udp.ts';
import type { UdpHandler, UdpMessageInfo } from './handler.ts';
import type { UdpHost } from './host.ts';
import type { ResolvedUdpOptions, UdpTunables } from './options.ts';
import { checkTunable, kept, requireUdpOptionName } from './options.ts';
import { sendMessage } from './output.ts';
import { DatagramRun } from './datagram-run.ts';
import { deliverOwnCopy } from './own-copy.ts';

/** What a socket is made of; the stack has chosen the port and checked the address. */
export interface UdpSocketInit {
  host: UdpHost;
  /** One of the stack's addresses; 0.0.0.0 or :: for all of them. */
  localAddress: Address;
  /** 1 to 65,535. */
  localPort: number;
  options: ResolvedUdpOptions;
  handler: UdpHandler;
  /** Index of the interface that `options.device` names. */
  deviceIndex?: number | undefined;
  /** Index of the interface that the zone of `localAddress` names. */
  zoneIndex?: number | undefined;
}

/** What to do about an error, for its message. */
const HINTS: { readonly [Code in ErrorCode]?: string } = {
  EAFNOSUPPORT: 'the socket is of the other family: bind one to :: for both',
};

/** Messages counted by a socket. */
export interface UdpSocketCounters {
  received: number;
  sent: number;
  /** Arrived when the receive buffer was full. */
  dropped: number;
  /** Given up by the owner before `send` had room for them: told by `giveUp`. */
  unsent: number;
  /** ICMP errors that were about this socket's messages. */
  errors: number;
}

/**
 * A UDP socket: messages in and out, no promises, any JavaScript runtime. Made by `stack.udp.bind`.
 *
 * @example
 * const socket = stack.udp.bind({ port: 7 }, {
 *   onMessage: (bytes, { remotePort, remoteAddress }) => socket.send(bytes, remotePort, remoteAddress),
 * });
 */
export class UdpSocket {
  readonly counters: UdpSocketCounters = { received: 0, sent: 0, dropped: 0, unsent: 0, errors: 0 };
  readonly options: Readonly<ResolvedUdpOptions>;
  #localPort: number;
  readonly #options: ResolvedUdpOptions;
  readonly #host: UdpHost;
  readonly #handler: UdpHandler;
  /** The address given to `bind`: 0.0.0.0 or :: for all. */
  readonly boundAddress: Address;
  /** @internal What it stands for. */
  readonly binding: Binding;
  readonly #paths: PathCache = new PathCache();
  readonly #mailbox: Mailbox<UdpMessageInfo>;
  readonly #sendOptions: SendOptions = { ttl: 64, trafficClass: 0 };
  /** Made with the first message. */
  #run: DatagramRun | undefined;
  /** The path to the peer of a connected socket. */
  #path: Path | undefined;
  #remoteAddress: Address | undefined;
  #remotePort: number = 0;
  /** The interface that multicast goes out by, and its address given: chosen by `multicastFrom`, else by the routes. */
  #groupInterface: number | undefined;
  #groupSource: Address | undefined;
  /** The addresses of the last message received. */
  readonly #source: AddressKeeper = new AddressKeeper();
  readonly #localAddress: AddressKeeper = new AddressKeeper();
  /** The text addresses that `send` is given. */
  readonly #reader: AddressReader = new AddressReader();
  /** @internal Makes the memory of a received message, of so many bytes and its alone. */
  allocate: (length: number) => Uint8Array = newBytes;

  constructor(init: UdpSocketInit) {
    this.#host = init.host;
    this.#handler = init.handler;
    this.boundAddress = init.localAddress;
    this.binding = new Binding(init.localAddress, init.options.ipv6Only, init.deviceIndex, init.zoneIndex);
    this.#localPort = init.localPort;
    this.#options = { ...init.options };
    this.options = this.#options;
    this.#mailbox = this.#makeMailbox();
  }

  /**
   * The address it is bound to: 0.0.0.0 or :: for all, the source address in use while connected. An IPv6 socket may have
   * IPv4 peers; then this and theirs are IPv4, `address.mapped()` has them as IPv6 (RFC 3493 §3.7).
   */
  get localAddress(): Address {
    return this.#path?.local ?? this.boundAddress;
  }

  /** The port it is bound to; 0 between `releasePort` and the next `send` or `connect`. */
  get localPort(): number {
    return this.#localPort;
  }

  /** The peer of a connected socket. */
  get remoteAddress(): Address | undefined {
    return this.#remoteAddress;
  }

  /** The peer's port; 0 while not connected. */
  get remotePort(): number {
    return this.#remotePort;
  }

  /** @internal Of a connected socket: where its peer is. */
  get interfaceIndex(): number | undefined {
    return this.#path?.interfaceIndex;
  }

  get connected(): boolean {
    return this.#path !== undefined;
  }

  get closed(): boolean {
    return this.#mailbox.closed;
  }

  /** Received messages that wait for their turn. */
  get pending(): number {
    return this.#mailbox.length;
  }

  /**
   * Sends one message: the bytes are copied, the caller may reuse them at once.
   *
   * @param bytes the message, whole or in pieces; it may be empty
   * @param remotePort where to, 1 to 65,535; left out on a connected socket
   * @returns true when it is queued; false when the interface's queue is full: the message was *not* taken, and
   * `onWritable` tells when to try again
   * @throws `EMSGSIZE` (longer than 65,507 bytes over IPv4, 65,527 over IPv6; with `dontFragment` than the path's MTU allows),
   * `EDESTADDRREQ` (no destination and not connected), `EISCONN` (a destination and connected), `ENETUNREACH`,
   * `EADDRNOTAVAIL`, `ENETDOWN` (no way there at present), `EAFNOSUPPORT`, `EACCES` (broadcast without the option),
   * `EBADF` (closed), `EAGAIN` (after `releasePort`: no port is free); `ERR_SOCKET_BAD_PORT`, `ERR_INVALID_ARG_VALUE`, `ERR_INVALID_ARG_TYPE` for a misuse
   */
  send(bytes: Uint8Array | readonly Uint8Array[], remotePort?: number, remoteAddress?: Address | string): boolean {
    requireBytes('bytes', bytes);
    if (this.closed) throw systemError('EBADF', 'send', { hint: 'the socket is closed' });
    const path = this.#destination(remotePort, remoteAddress);
    const port = this.#path === undefined ? remotePort! : this.#remotePort;
    const kind = this.#host.classify(path.remote);
    if (kind === 'broadcast' && !this.#options.broadcast) {
      throw this.#refused('EACCES', path.remote, port, 'set the option broadcast to send to a broadcast address');
    }
    const problem = path.refresh();
    if (problem !== undefined) throw this.#refused(problem, path.remote, port);
    const length = lengthOf(bytes);
    const longest = this.#options.dontFragment ? Math.min(path.longest, path.mtu - path.headerLength) : path.longest;
    const most = longest - UDP_HEADER_LENGTH;
    if (length > most) throw this.#refused('EMSGSIZE', path.remote, port, `at most ${most} bytes on this path`);
    const options = this.#sendOptions;
    options.ttl = kind === 'multicast' ? this.#options.multicastTtl : this.#options.ttl;
    options.trafficClass = this.#options.dscp << 2;
    options.options = this.#ipOptionsFor(path, port, length);
    // RFC 1112 §6.1, RFC 4291 §2.7: a TTL of 0 and interface-local scope restrict it to this host.
    const confined = options.ttl === 0 || isInterfaceLocal(path.remote);
    const leaves = !this.#host.staysInside(path.interfaceIndex);
    if (this.#localPort === 0) this.#takePort('send');
    if (!(confined && leaves) && !this.#sends(path, port, bytes, length)) {
      this.#host.blocked(this);
      return false;
    }
    // What goes over the loopback comes back by itself.
    const comesBack = kind === 'broadcast' || (kind === 'multicast' && this.#options.multicastLoopback);
    if (comesBack && leaves) deliverOwnCopy(this.#host, path, this.#localPort, port, bytes, options);
    this.counters.sent++;
    return true;
  }

  #sends(path: Path, port: number, bytes: Uint8Array | readonly Uint8Array[], length: number): boolean {
    const run = (this.#run ??= new DatagramRun());
    return sendMessage(path, this.#localPort, port, bytes, length, this.#sendOptions, run);
  }

  /** [S-032] RFC 1122 §4.1.3.2. What has options must fit in one packet with them. */
  #ipOptionsFor(path: Path, port: number, length: number): Uint8Array | undefined {
    const { ipOptions } = this.#options;
    if (ipOptions === undefined || path.remote.family === 6) return undefined;
    const most = path.mtu - path.headerLength - paddedLength(ipOptions) - UDP_HEADER_LENGTH;
    if (length > most) throw this.#refused('EMSGSIZE', path.remote, port, `at most ${most} bytes with these ipOptions`);
    return ipOptions;
  }

  /** The owner drops a message that `send` had no room for: it is counted. */
  giveUp(): void {
    this.counters.unsent++;
    this.#host.counters.add('udp-send-buffer-full');
  }

  /**
   * Fixes the peer: messages from others are no longer received, `send` needs no destination, ICMP errors are reported.
   *
   * @throws `EISCONN`, `EBADF`, `EACCES`, `EAFNOSUPPORT`, `ENETUNREACH`, `EADDRNOTAVAIL`, `EINVAL`;
   * `ERR_SOCKET_BAD_PORT`, `ERR_INVALID_ARG_VALUE` for a misuse
   */
  connect(remoteAddress: Address | string, remotePort: number): void {
    const address = this.#reader.read(remoteAddress);
    requirePort('remotePort', remotePort, 1);
    const place = { address: address.toString(), port: remotePort };
    if (this.closed) throw systemError('EBADF', 'connect', { ...place, hint: 'the socket is closed' });
    if (this.#path !== undefined) throw systemError('EISCONN', 'connect', place);
    if (!this.#options.broadcast && this.#host.classify(address.unmapped()) === 'broadcast') {
      throw systemError('EACCES', 'connect', place);
    }
    const path = this.#findPath(address);
    if (typeof path === 'string') throw systemError(path, 'connect', { ...place, hint: this.#hint(path, address) });
    if (this.#localPort === 0) this.#takePort('connect');
    this.#path = path;
    this.#remoteAddress = path.remote;
    this.#remotePort = remotePort;
  }

  /**
   * Undoes `connect`.
   *
   * @throws `ENOTCONN`, `EBADF`
   */
  disconnect(): void {
    if (this.closed) throw systemError('EBADF', 'disconnect', { hint: 'the socket is closed' });
    if (this.#path === undefined) throw systemError('ENOTCONN', 'disconnect');
    this.#path = undefined;
    this.#remoteAddress = undefined;
    this.#remotePort = 0;
    this.#mailbox.forgetError();
  }

  /**
   * Gives the port back, while the rest stays: nothing is received until the next `send` or `connect` takes an ephemeral
   * one. So Linux does with an ephemeral port when a socket is disconnected.
   *
   * @throws `EISCONN`, `EBADF`
   */
  releasePort(): void {
    if (this.closed) throw systemError('EBADF', 'releasePort', { hint: 'the socket is closed' });
    if (this.#path !== undefined) throw systemError('EISCONN', 'releasePort');
    this.#host.releasePort(this);
    this.#localPort = 0;
  }

  /**
   * Joins a multicast group on the interface with the address given, or of its zone (`::%tun0`, or that of the group:
   * `ff02::fb%tun0`), else on that of the route to it. With a source the socket hears that one,
   * and others named so, only (RFC 3376).
   *
   * @throws `EBADF`, `EINVAL` (no group, or sources of it are blocked), `ENODEV` (no such interface), `EADDRINUSE` and with a
   * source `EADDRNOTAVAIL` (joined already), `ENOBUFS` (in 20 groups of IPv4 or 256 of IPv6 already, or for 10 or 64 sources of
   * this one); `ERR_INVALID_ARG_VALUE` for a misuse
   */
  join(group: Address | string, own?: Address | string, source?: Address | string): void {
    this.#changeGroup('join', source === undefined ? 'join' : 'joinSource', group, own, source);
  }

  /**
   * Undoes `join`.
   *
   * @throws `EADDRNOTAVAIL` (not joined), `EBADF`, `EINVAL` (of IPv6: no group), `ENODEV` (no way to the group, or of IPv6 and with a
   * source no such interface); `ERR_INVALID_ARG_VALUE` for a misuse
   */
  leave(group: Address | string, own?: Address | string, source?: Address | string): void {
    this.#changeGroup('leave', source === undefined ? 'leave' : 'leaveSource', group, own, source);
  }

  /**
   * Hears this source of a group no longer that was joined whatever the source (RFC 3376: EXCLUDE).
   *
   * @throws `EINVAL` (not joined so), `EADDRNOTAVAIL` (blocked already), `ENOBUFS` (10 or 64 sources are), `EBADF`, `ENODEV`;
   * `ERR_INVALID_ARG_VALUE` for a misuse
   */
  block(group: Address | string, source: Address | string, own?: Address | string): void {
    this.#changeGroup('block', 'blockSource', group, own, source);
  }

  /**
   * Undoes `block`.
   *
   * @throws `EINVAL` (not joined so), `EADDRNOTAVAIL` (not blocked), `EBADF`, `ENODEV`; `ERR_INVALID_ARG_VALUE` for a misuse
   */
  unblock(group: Address | string, source: Address | string, own?: Address | string): void {
    this.#changeGroup('unblock', 'unblockSource', group, own, source);
  }

  /**
   * Chooses the interface that multicast goes out by, by its address, which is the source unless the socket is bound to
   * one, or by its zone: `::%tun0`. 0.0.0.0 and `::` leave it to the routes again.
   *
   * @throws `EADDRNOTAVAIL`, `EBADF`; `ERR_INVALID_ARG_VALUE` for a misuse
   */
  multicastFrom(own: Address | string): void {
    const address = toAddress(own);
    if (this.closed) throw systemError('EBADF', 'multicastFrom', { hint: 'the socket is closed' });
    const unset = isUnspecified(address);
    const unchosen = unset && address.zone === undefined;
    const index = unchosen ? undefined : this.#host.groupInterface(address, address);
    if (!unchosen && index === undefined) {
      throw systemError('EADDRNOTAVAIL', 'multicastFrom', { address: address.toString() });
    }
    this.#groupInterface = index;
    this.#groupSource = this.#host.classify(address) === 'local' ? address : undefined;
    this.#paths.clear();
  }

  /** Ends the socket: no callback comes any more, messages not yet delivered are dropped. Idempotent. */
  close(): void {
    if (!this.#mailbox.close()) return;
    this.#host.groups.forget(this);
    this.#paths.clear();
    this.#host.closed(this);
  }

  /** The open socket keeps the process alive (the default). */
  ref(): void {
    this.#mailbox.ref();
  }

  unref(): void {
    this.#mailbox.unref();
  }

  /** Something waits for `deliver`. For the stack. */
  get due(): boolean {
    return this.#mailbox.due;
  }

  /** Changes an option. @throws `ERR_INVALID_ARG_VALUE`, `ERR_INVALID_ARG_TYPE`, `ERR_OUT_OF_RANGE` */
  set<K extends keyof UdpTunables>(option: K, value: UdpTunables[K]): void {
    checkTunable(option, value);
    Object.assign(this.#options, { [option]: kept(value) });
    this.#mailbox.limit = this.#options.receiveBuffer;
  }

  get<K extends keyof ResolvedUdpOptions>(option: K): ResolvedUdpOptions[K] {
    requireUdpOptionName(option);
    return this.#options[option];
  }

  /** Takes one message of an arrived datagram: `length` bytes from `offset` on. For the UDP layer. */
  receive(datagram: Datagram, remotePort: number, offset: number, length: number): void {
    if (this.closed) return;
    if (!this.#mailbox.reserve(length)) {
      this.counters.dropped++;
      this.#host.counters.add('udp-receive-buffer-full');
      return;
    }
    // The one copy, from lent memory into memory of the message's own: what is kept keeps nothing else alive.
    const bytes = this.allocate(length);
    copyBytes(bytes, 0, datagram.memory.bytes, offset, length);
    const { source, destination } = datagram;
    const info = {
      remoteAddress: this.#source.keep(source, this.#zoneOf(source, datagram)),
      remotePort,
      localAddress: this.#localAddress.keep(destination, this.#zoneOf(destination, datagram)),
      size: length,
      ttl: datagram.ttl,
      trafficClass: datagram.trafficClass,
      ipOptions: optionsOf(datagram),
    };
    this.#mailbox.push(bytes, info);
    this.counters.received++;
  }

  /** Takes an ICMP error about one of this connected socket's messages, or the loss of its address. For UDP and the stack. */
  fail(code: ErrorCode): void {
    this.counters.errors++;
    if (this.#handler.onError === undefined) return;
    const place = { address: this.#remoteAddress?.toString(), port: this.#remotePort };
    this.#mailbox.fail(systemError(code, 'recvmsg', place));
  }

  /** Hands the owner what has come. For the stack, at a batch's end. What a callback throws passes through. */
  deliver(): void {
    this.#mailbox.deliver();
  }

  /** The owner learns that the stack has closed the socket, with an error where it was destroyed. For the stack. */
  tellClosed(error?: SystemError): void {
    this.#handler.onClose?.(this, error);
  }

  /** There is room in an interface's queue again. For the stack. */
  writable(): void {
    this.#mailbox.writable();
  }

  /** The path to where a message is to go. */
  #destination(remotePort: number | undefined, remoteAddress: Address | string | undefined): Path {
    if (this.#path !== undefined) {
      if (remotePort === undefined && remoteAddress === undefined) return this.#path;
      throw systemError('EISCONN', 'send', { hint: 'a connected socket takes no destination' });
    }
    if (remotePort === undefined || remoteAddress === undefined) {
      throw systemError('EDESTADDRREQ', 'send', { hint: 'give a port and an address, or connect first' });
    }
    requirePort('remotePort', remotePort, 1);
    const address = this.#target(this.#reader.read(remoteAddress));
    const cached = this.#paths.get(address);
    if (cached !== undefined) return cached;
    const path = this.#findPath(address);
    if (typeof path === 'string') throw this.#refused(path, address, remotePort);
    this.#paths.set(address, path);
    return path;
  }

  /** As Linux binds by itself: EAGAIN when every ephemeral port is in use. */
  #takePort(syscall: string): void {
    const port = this.#host.takePort(this);
    if (port === undefined) throw systemError('EAGAIN', syscall, { hint: 'every ephemeral port is in use' });
    this.#localPort = port;
  }

  /** RFC 3493 §3.7: to an IPv6 socket a mapped address is IPv4. */
  #target(remote: Address): Address {
    return this.boundAddress.family === 6 ? remote.unmapped() : remote;
  }

  #findPath(given: Address): Path | ErrorCode {
    const { address: bound, dual, device } = this.binding;
    const remote = this.#target(given);
    if (remote.family !== bound.family && !(dual && remote.family === 4)) {
      // Linux: an IPv6 socket knows IPv4 addresses, but has no way there; one of a mapped address is of IPv4 for good.
      return remote.family === 4 ? 'ENETUNREACH' : 'EAFNOSUPPORT';
    }
    // A socket may be bound to a group or broadcast address to receive; it sends from an address of the route's choice.
    const kind = this.#host.classify(bound);
    const local = kind === 'broadcast' || kind === 'multicast' || isUnspecified(bound) ? undefined : bound;
    if (this.#groupInterface === undefined || !isMulticast(remote)) {
      return this.#host.path(local, remote, undefined, device);
    }
    const chosen = this.#groupSource?.family === remote.family ? this.#groupSource : undefined;
    return this.#host.path(local ?? chosen, remote, this.#groupInterface, device);
  }

  #changeGroup(
    syscall: string,
    change: 'join' | 'leave' | 'joinSource' | 'leaveSource' | 'blockSource' | 'unblockSource',
    group: Address | string,
    own: Address | string | undefined,
    source: Address | string | undefined,
  ): void {
    const [address, index] = this.#group(syscall, group, own, change === 'leave');
    const { groups } = this.#host;
    const problem =
      change === 'join' || change === 'leave'
        ? groups[change](this, address, index)
        : groups[change](this, address, index, toAddress(source!));
    if (problem !== undefined) throw systemError(problem, syscall, { address: address.toString() });
  }

  /** A group and the interface to join it on, or to leave it on. */
  #group(
    syscall: string,
    group: Address | string,
    own: Address | string | undefined,
    leaving: boolean,
  ): [Address, number] {
    const address = toAddress(group);
    const by = own === undefined ? undefined : toAddress(own);
    // As Linux (ip_mc_leave_group): whatever an IPv4 address is, the socket is no member.
    const asMember = leaving && address.family === 4;
    const place = { address: address.toString() };
    if (this.closed) throw systemError('EBADF', syscall, { ...place, hint: 'the socket is closed' });
    if (!isMulticast(address) && !asMember)
      throw systemError('EINVAL', syscall, { ...place, hint: 'it is no multicast group' });
    if (address.family === 6 && this.boundAddress.family === 4) {
      throw systemError('EINVAL', syscall, { ...place, hint: 'the socket is of IPv4' });
    }
    const index = this.#host.groupInterface(address, by);
    const named = isUnspecified(address) || (by !== undefined && !isUnspecified(by));
    const unknown = asMember && named ? 'EADDRNOTAVAIL' : 'ENODEV';
    if (index === undefined) throw systemError(unknown, syscall, place);
    return [address, index];
  }

  #zoneOf(register: AddressRegister, { version, interfaceIndex }: Datagram): string | undefined {
    return version === 4 ? undefined : this.#host.zoneOf(register, interfaceIndex);
  }

  #makeMailbox(): Mailbox<UdpMessageInfo> {
    const host = this.#host;
    const handler = this.#handler;
    const ways = { touch: () => host.touch(this), keepAlive: (change: 1 | -1) => host.keepAlive(change) };
    return new Mailbox(this.#options.receiveBuffer, host.budget, ways, {
      message: (bytes, info) => handler.onMessage(bytes, info, this),
      error: (error) => handler.onError?.(error, this),
      writable: () => handler.onWritable?.(this),
    });
  }

  #hint(code: ErrorCode, address: Address): string | undefined {
    return HINTS[code] ?? this.#host.wayHint(code, address);
  }

  #refused(
    code: ErrorCode,
    address: Address,
    port: number,
    hint: string | undefined = this.#hint(code, address),
  ): SystemError {
    return systemError(code, 'send', { address: address.toString(), port, hint });
  }
}

function newBytes(length: number): Uint8Array {
  return new Uint8Array(length);
}

/** [S-011] [S-032] RFC 1122 §3.2.1.8, §4.1.3.2: passed up as they came. */
function optionsOf({ version, memory, packetStart, start }: Datagram): Uint8Array | undefined {
  const first = packetStart + IPV4_HEADER_LENGTH;
  return version === 6 || start === first ? undefined : memory.bytes.slice(first, start);
}

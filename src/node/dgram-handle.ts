import { Buffer } from 'node:buffer';
import { systemError } from '../errors.ts';
import type { SystemError } from '../errors.ts';
import type { Stack } from '../stack/stack.ts';
import type { UdpMessageInfo } from '../udp/handler.ts';
import type { UdpSocket } from '../udp/socket.ts';
import type { Address } from '../wire/address.ts';
import type { SendRequest } from './dgram-arguments.ts';
import { asCall, familyOf, isOf, splitZone } from './dgram-addresses.ts';
import { bufferSizeError, occupied } from './dgram-buffer-size.ts';
import type { Lookup, SocketType } from './dgram-lookup.ts';
import type { DgramUdpOptions } from './dgram-options.ts';
import { DgramSendQueue } from './dgram-send-queue.ts';
import { asDgramError, isSystemError } from './net-errors.ts';

/** What a handle tells its socket. */
export interface HandleListener {
  onMessage(bytes: Uint8Array, info: UdpMessageInfo): void;
  /** An ICMP error about a message to the peer. */
  onError(error: SystemError): void;
  /** The stack has closed it. */
  onClose(error: Error | undefined): void;
}

/** How a port is taken. */
export interface HandleBindOptions {
  readonly reuseAddr?: boolean | undefined;
  readonly reusePort?: boolean | undefined;
  readonly ipv6Only?: boolean | undefined;
}

/** An address and port of an end. */
export interface Endpoint {
  readonly address: Address;
  readonly port: number;
}

/** Options that a socket keeps which is bound after a bind has failed. */
const KEPT = ['broadcast', 'ttl', 'multicastTtl', 'multicastLoopback', 'receiveBuffer'] as const;

/**
 * What a system's socket is to Node's `dgram.Socket`: it has a port or none yet, and knows nothing of events. Its methods
 * throw system errors that bear the names of Node's calls.
 */
export class DgramHandle {
  readonly lookup: Lookup;
  readonly #stack: Stack;
  readonly #type: SocketType;
  readonly #listener: HandleListener;
  readonly #udp: DgramUdpOptions;
  readonly #outgoing: DgramSendQueue = new DgramSendQueue();
  #core: UdpSocket | undefined;
  /** In place of it a socket without a port, once a bind has failed: as from the system's, options can be had from it. */
  #portless: UdpSocket | undefined;
  /** Where `setMulticastInterface` has led to. */
  #groupsBy: string | undefined;
  /** The port was not asked for by its number. */
  #ephemeral: boolean = false;
  #receiving: boolean = false;
  #referenced: boolean = true;
  #closed: boolean = false;
  /** The address that was sent to last: it needs no second look. */
  #target: string | undefined;
  /** While a name is looked up for the bind. */
  #leaveStack: (() => boolean) | undefined;

  constructor(stack: Stack, type: SocketType, lookup: Lookup, listener: HandleListener, udp: DgramUdpOptions = {}) {
    this.#stack = stack;
    this.#type = type;
    this.lookup = lookup;
    this.#listener = listener;
    this.#udp = udp;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** @throws EINVAL (bound already, an address of the other family), EADDRINUSE, EADDRNOTAVAIL, ENODEV */
  bind(address: string, port: number, { reuseAddr, reusePort, ipv6Only }: HandleBindOptions): void {
    if (this.#core !== undefined) throw systemError('EINVAL', 'bind');
    const own = this.#toAddress(address, 'bind');
    // libuv: a socket of IPv4 could have nothing.
    if (ipv6Only && this.#type === 'udp4') throw systemError('EINVAL', 'bind');
    const options = {
      ...this.#udp,
      address: own,
      port,
      reuseAddress: Boolean(reuseAddr),
      reusePort: Boolean(reusePort),
      ipv6Only: Boolean(ipv6Only),
    };
    try {
      this.#core = this.#stack.udp.bind(options, {
        onMessage: (bytes, info) => {
          if (this.#receiving) this.#listener.onMessage(bytes, info);
        },
        onWritable: (socket) => this.#outgoing.flush(socket),
        onError: (error) => this.#listener.onError(error),
        onClose: (_socket, error) => this.#listener.onClose(error),
      });
    } catch (error) {
      if (isSystemError(error)) this.#portless ??= this.#withoutPort();
      throw error;
    }
    this.#ephemeral = port === 0;
    // A view for another class makes V8 move small messages out of its heap: half a microsecond each.
    this.#core.allocate = (length) => Buffer.allocUnsafeSlow(length);
    this.#core.unref();
    this.#inherit(this.#core);
  }

  /**
   * Until the function returned is called, the end of the stack is that of the socket, which has no port yet.
   *
   * @returns false when the stack has ended it
   */
  endWithStack(): () => boolean {
    const cut = (inOrder: boolean): void => {
      this.#listener.onClose(inOrder ? undefined : systemError('ECONNABORTED', 'bind'));
    };
    this.#leaveStack = this.#stack.dependents.add({ cut });
    return this.#leaveStack;
  }

  /** From here on messages go to the listener, and the handle keeps the process alive unless told otherwise. */
  receive(): void {
    this.#receiving = true;
    if (this.#referenced) this.#core?.ref();
  }

  /** @throws EINVAL (an address of the other family), ENETUNREACH, EACCES */
  connect(address: string, port: number): void {
    this.#bound('connect').connect(this.#toAddress(address, 'connect'), port);
  }

  /** As Linux: a port that was not asked for goes back, and the next message takes another. */
  disconnect(): void {
    const core = this.#bound('connect');
    core.disconnect();
    if (this.#ephemeral) core.releasePort();
  }

  /** Sends to `ip`, or to the peer of a connected socket; the request's callback learns what became of it. */
  send(request: SendRequest, ip: string | undefined): void {
    const { port, callback } = request;
    try {
      this.#outgoing.send(this.#core, request, port === undefined ? undefined : this.#toAddress(ip, 'send'));
    } catch (error) {
      if (callback) process.nextTick(callback, asDgramError(error, request));
    }
  }

  /** Messages not yet sent fail with ECANCELED. */
  close(): void {
    this.#closed = true;
    this.#leaveStack?.();
    this.#outgoing.cancel();
    this.#core?.close();
    this.#portless?.close();
    this.#core = this.#portless = undefined;
  }

  get local(): Endpoint {
    const { localAddress, localPort } = this.#bound('getsockname');
    return { address: localAddress, port: localPort };
  }

  get peer(): Endpoint {
    const { remoteAddress, remotePort } = this.#bound('getpeername');
    if (remoteAddress === undefined) throw systemError('ENOTCONN', 'getpeername');
    return { address: remoteAddress, port: remotePort };
  }

  setBroadcast(flag: boolean): void {
    this.#bound('setBroadcast').set('broadcast', flag);
  }

  setTTL(ttl: number): void {
    const value = toTtl(ttl, 1, 'setTTL');
    this.#bound('setTTL').set('ttl', value);
  }

  setMulticastTTL(ttl: number): void {
    const value = toTtl(ttl, 0, 'setMulticastTTL');
    this.#bound('setMulticastTTL').set('multicastTtl', value);
  }

  /** What goes out by the loopback interface comes back in any case, as in Linux. */
  setMulticastLoopback(flag: unknown): void {
    this.#bound('setMulticastLoopback').set('multicastLoopback', Boolean(flag));
  }

  /** IPv4 has the address of the interface, IPv6 its name as a zone: `::%tun0`; none leaves it to the routes. */
  setMulticastInterface(address: string): void {
    asCall('setMulticastInterface', () => {
      const family = familyOf(address);
      const core = this.#bound('setMulticastInterface');
      this.#checkLevel(family);
      this.#groupsBy = family === 4 ? address : (this.#interface(address, 6) ?? '::');
      core.multicastFrom(this.#groupsBy);
    });
  }

  addMembership(group: string, own: string | undefined): void {
    this.#member('addMembership', 'join', group, own);
  }

  dropMembership(group: string, own: string | undefined): void {
    this.#member('dropMembership', 'leave', group, own);
  }

  addSourceSpecificMembership(source: string, group: string, own: string | undefined): void {
    this.#member('addSourceSpecificMembership', 'join', group, own, source);
  }

  dropSourceSpecificMembership(source: string, group: string, own: string | undefined): void {
    this.#member('dropSourceSpecificMembership', 'leave', group, own, source);
  }

  /**
   * Changes a buffer's size, or reads it when `size` is 0: bytes that received messages, or those that wait for the
   * interface, may occupy.
   *
   * @throws ERR_SOCKET_BUFFER_SIZE
   */
  bufferSize(size: number, kind: 'receive' | 'send'): number {
    const syscall = kind === 'receive' ? 'uv_recv_buffer_size' : 'uv_send_buffer_size';
    if (size > 0x7fff_ffff) throw bufferSizeError('EINVAL', syscall);
    const core = this.#core ?? this.#portless;
    if (core === undefined) throw bufferSizeError('EBADF', syscall);
    if (size > 0) {
      if (kind === 'receive') core.set('receiveBuffer', occupied(size, kind));
      else this.#outgoing.limit = occupied(size, kind);
    }
    return kind === 'receive' ? core.get('receiveBuffer') : this.#outgoing.limit;
  }

  /** Bytes that wait for the interface. */
  getSendQueueSize(): number {
    return this.#outgoing.bytes;
  }

  /** Messages that wait for the interface. */
  getSendQueueCount(): number {
    return this.#outgoing.length;
  }

  ref(): void {
    this.#referenced = true;
    if (this.#receiving) this.#core?.ref();
  }

  unref(): void {
    this.#referenced = false;
    this.#core?.unref();
  }

  #bound(syscall: string): UdpSocket {
    const core = this.#core ?? this.#portless;
    if (core === undefined) throw systemError('EBADF', syscall);
    return core;
  }

  /** libuv makes the socket before it binds it, and keeps it when that fails. */
  #withoutPort(): UdpSocket {
    const address = this.#type === 'udp4' ? '0.0.0.0' : '::';
    const socket = this.#stack.udp.bind(
      { address, port: 0 },
      { onMessage: () => {}, onClose: (_socket, error) => this.#listener.onClose(error) },
    );
    socket.unref();
    socket.releasePort();
    return socket;
  }

  /** The socket that is bound now is the one whose bind had failed: what was chosen and joined since then stays. */
  #inherit(core: UdpSocket): void {
    const portless = this.#portless;
    if (portless === undefined) return;
    for (const key of KEPT) core.set(key, portless.get(key));
    if (this.#groupsBy !== undefined) core.multicastFrom(this.#groupsBy);
    this.#stack.udp.groups.handOver(portless, core);
    this.#portless = undefined;
    portless.close();
  }

  /** As libuv binds for the sake of a group: to an ephemeral port of all addresses, at once and to share it. */
  #joining(): UdpSocket {
    if (this.#core === undefined && this.#portless === undefined) {
      this.bind(this.#type === 'udp4' ? '0.0.0.0' : '::', 0, { reuseAddr: true });
    }
    return this.#bound('bind');
  }

  /** The steps are libuv's: the addresses, a port, the interface, the call. */
  #member(call: string, what: 'join' | 'leave', group: string, own: string | undefined, source?: string): void {
    asCall(call, () => {
      const family = familyOf(group);
      if (source !== undefined && familyOf(source) !== family) throw systemError('EINVAL', call);
      const core = this.#joining();
      const by = own === undefined || own === null ? undefined : this.#interface(own, family);
      this.#checkLevel(family);
      core[what](splitZone(group)[0], by, source);
    });
  }

  /** The interface of a group in the core's words. @throws EINVAL for what is no address of the family */
  #interface(own: string, family: 4 | 6): string | undefined {
    if (familyOf(own) !== family) throw systemError('EINVAL', 'inet_pton');
    if (family === 4) return own;
    const zone = this.#zoneOf(own);
    return zone === undefined ? undefined : `::%${zone}`;
  }

  /** A socket of IPv4 has no options of IPv6, one of IPv6 has both. */
  #checkLevel(family: 4 | 6): void {
    if (family === 6 && this.#type === 'udp4') throw systemError('ENOPROTOOPT', 'setsockopt');
  }

  /** The name of an interface that stands behind an address; as libuv does, none is seen in what names no interface. */
  #zoneOf(address: string): string | undefined {
    const [, zone] = splitZone(address);
    return this.#stack.interfaces.find(({ name }) => name === zone)?.name;
  }

  /** @throws EINVAL for an address of the other family, or none */
  #toAddress(address: string | undefined, syscall: string): string {
    if (address !== undefined && address === this.#target) return address;
    if (!isOf(this.#type, address)) throw systemError('EINVAL', syscall);
    if (!address.includes('%')) return (this.#target = address);
    // What interfaces there are may change.
    if (this.#zoneOf(address) !== undefined) return address;
    return splitZone(address)[0];
  }
}

/** As libuv takes it: a number of 32 bits without a fraction. */
function toTtl(value: number, least: 0 | 1, syscall: string): number {
  const ttl = value | 0;
  if (ttl < least || ttl > 255) throw systemError('EINVAL', syscall);
  return ttl;
}

import { isIPv4 } from 'node:net';
import { systemError } from '../errors.ts';
import type { SystemError } from '../errors.ts';
import type { Stack } from '../stack/stack.ts';
import type { UdpMessageInfo } from '../udp/handler.ts';
import type { UdpSocket } from '../udp/socket.ts';
import type { Address } from '../wire/address.ts';
import type { SendRequest } from './dgram-arguments.ts';
import { bufferSizeError, occupied } from './dgram-buffer-size.ts';
import { asCall, toInterface, toIpv4 } from './dgram-group-arguments.ts';
import type { Lookup, SocketType } from './dgram-lookup.ts';
import { DgramSendQueue } from './dgram-send-queue.ts';

/** What a handle tells its socket. */
export interface HandleListener {
  onMessage(bytes: Uint8Array, info: UdpMessageInfo): void;
  /** An ICMP error about a message to the peer. */
  onError(error: SystemError): void;
  /** The stack has closed it. */
  onClose(): void;
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

/**
 * What a system's socket is to Node's `dgram.Socket`: it has a port or none yet, and knows nothing of events. Its methods
 * throw system errors that bear the names of Node's calls.
 */
export class DgramHandle {
  readonly lookup: Lookup;
  readonly #stack: Stack;
  readonly #type: SocketType;
  readonly #listener: HandleListener;
  readonly #outgoing: DgramSendQueue = new DgramSendQueue();
  #core: UdpSocket | undefined;
  /** The port was not asked for by its number. */
  #ephemeral: boolean = false;
  #receiving: boolean = false;
  #referenced: boolean = true;
  #closed: boolean = false;

  constructor(stack: Stack, type: SocketType, lookup: Lookup, listener: HandleListener) {
    this.#stack = stack;
    this.#type = type;
    this.lookup = lookup;
    this.#listener = listener;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** @throws EINVAL (bound already, an address of the other family), EADDRINUSE, EADDRNOTAVAIL */
  bind(address: string, port: number, { reuseAddr, reusePort, ipv6Only }: HandleBindOptions): void {
    if (this.#core !== undefined || !isIPv4(address)) throw systemError('EINVAL', 'bind');
    // libuv: there is nothing else that such a socket could have.
    if (ipv6Only && this.#type === 'udp4') throw systemError('EINVAL', 'bind');
    const options = { address, port, reuseAddress: Boolean(reuseAddr), reusePort: Boolean(reusePort) };
    this.#core = this.#stack.udp.bind(options, {
      onMessage: (bytes, info) => {
        if (this.#receiving) this.#listener.onMessage(bytes, info);
      },
      onWritable: (socket) => this.#outgoing.flush(socket),
      onError: (error) => this.#listener.onError(error),
      onClose: () => this.#listener.onClose(),
    });
    this.#ephemeral = port === 0;
    this.#core.unref();
  }

  /** From here on messages go to the listener, and the handle keeps the process alive unless told otherwise. */
  receive(): void {
    this.#receiving = true;
    if (this.#referenced) this.#core?.ref();
  }

  /** @throws EINVAL (an address of the other family), ENETUNREACH, EACCES */
  connect(address: string, port: number): void {
    if (!isIPv4(address)) throw systemError('EINVAL', 'connect');
    this.#bound('connect').connect(address, port);
  }

  /** As Linux: a port that was not asked for goes back, and the next message takes another. */
  disconnect(): void {
    const core = this.#bound('connect');
    core.disconnect();
    if (this.#ephemeral) core.releasePort();
  }

  /** Sends to `ip`, or to the peer without; the request's callback learns what became of it. */
  send(request: SendRequest, ip: string | undefined): void {
    this.#outgoing.send(this.#core, request, ip);
  }

  /** Messages not yet sent fail with ECANCELED. */
  close(): void {
    this.#closed = true;
    this.#outgoing.cancel();
    this.#core?.close();
    this.#core = undefined;
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

  /** What goes out by the loopback interface comes back in any case, as in Linux; other links bring none back yet. */
  setMulticastLoopback(): void {
    this.#bound('setMulticastLoopback');
  }

  setMulticastInterface(address: string): void {
    const own = asCall('setMulticastInterface', () => toIpv4(address));
    const core = this.#bound('setMulticastInterface');
    asCall('setMulticastInterface', () => core.multicastFrom(own));
  }

  addMembership(group: string, own: string | undefined): void {
    asCall('addMembership', () => {
      const address = toIpv4(group);
      this.#joining().join(address, toInterface(own));
    });
  }

  dropMembership(group: string, own: string | undefined): void {
    asCall('dropMembership', () => {
      const address = toIpv4(group);
      this.#joining().leave(address, toInterface(own));
    });
  }

  addSourceSpecificMembership(source: string, group: string, own: string | undefined): void {
    asCall('addSourceSpecificMembership', () => {
      const [address, from] = [toIpv4(group), toIpv4(source)];
      this.#joining().join(address, toInterface(own), from);
    });
  }

  dropSourceSpecificMembership(source: string, group: string, own: string | undefined): void {
    asCall('dropSourceSpecificMembership', () => {
      const [address, from] = [toIpv4(group), toIpv4(source)];
      this.#joining().leave(address, toInterface(own), from);
    });
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
    const core = this.#core;
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
    if (this.#core === undefined) throw systemError('EBADF', syscall);
    return this.#core;
  }

  /** As libuv binds for the sake of a group: to an ephemeral port of all addresses, at once and to share it. */
  #joining(): UdpSocket {
    if (this.#core === undefined) this.bind('0.0.0.0', 0, { reuseAddr: true });
    return this.#bound('bind');
  }
}

/** As libuv takes it: a number of 32 bits without a fraction. */
function toTtl(value: number, least: 0 | 1, syscall: string): number {
  const ttl = value | 0;
  if (ttl < least || ttl > 255) throw systemError('EINVAL', syscall);
  return ttl;
}

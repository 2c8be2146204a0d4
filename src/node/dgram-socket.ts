import { Buffer } from 'node:buffer';
import { channel } from 'node:diagnostics_channel';
import dns from 'node:dns';
import { EventEmitter } from 'node:events';
import { isIP, isIPv4 } from 'node:net';
import type { AddressInfo } from 'node:net';
import { systemError, usageError } from '../errors.ts';
import type { Stack } from '../stack/stack.ts';
import type { UdpMessageInfo } from '../udp/handler.ts';
import type { UdpSocket } from '../udp/socket.ts';
import { addressInfo, familyName } from './address-info.ts';
import { checkFunction, checkNumber, checkSignal, checkString, checkUint32, toPort } from './arguments.ts';
import { parseSend } from './dgram-arguments.ts';
import type { SendCallback } from './dgram-arguments.ts';
import { asCall, toInterface, toIpv4 } from './dgram-group-arguments.ts';
import { checkBufferSize, occupied } from './dgram-buffer-size.ts';
import type { BindOptions, DgramOptions, Message, RemoteInfo } from './dgram-options.ts';
import { DgramSendQueue } from './dgram-send-queue.ts';
import { asDgramError } from './net-errors.ts';

/** Where a `connect` is to go, in the user's words. */
interface Destination {
  readonly address: string;
  readonly port: number;
}

/** What was asked for while a bind is under way. */
interface Waiting {
  run(): void;
  /** The bind has failed; absent where nobody but the event 'error' can be told. */
  failed: ((error: Error) => void) | undefined;
}

/** Where Node tells of each datagram socket that is made. */
const created = channel('udp.socket');

/** A UDP socket in the shape of Node's `dgram.Socket`. */
export class Socket extends EventEmitter {
  readonly type: 'udp4' | 'udp6';
  readonly #stack: Stack;
  readonly #options: DgramOptions;
  readonly #outgoing: DgramSendQueue = new DgramSendQueue();
  #binding: boolean = false;
  #core: UdpSocket | undefined;
  #closed: boolean = false;
  #referenced: boolean = true;
  #connection: 'none' | 'connecting' | 'connected' = 'none';
  /** What was asked for while the bind was under way. */
  #waiting: Waiting[] = [];
  /** The bind under way was not asked for: a `send` or `connect` needs it. */
  #implicit: boolean = false;

  /** @internal Users make sockets with `createSocket` of `createDgram`. */
  constructor(
    stack: Stack,
    type: DgramOptions | 'udp4' | 'udp6',
    listener?: (message: Buffer, info: RemoteInfo) => void,
  ) {
    super();
    const options = typeof type === 'object' && type !== null ? type : { type };
    const { sendBufferSize, recvBufferSize, lookup, signal } = options;
    if (recvBufferSize) checkUint32(recvBufferSize, 'options.recvBufferSize');
    if (sendBufferSize) checkUint32(sendBufferSize, 'options.sendBufferSize');
    if (options.type !== 'udp4' && options.type !== 'udp6') {
      const message = 'Bad socket type specified. Valid types are: udp4, udp6';
      throw usageError('ERR_SOCKET_BAD_TYPE', message);
    }
    if (options.type === 'udp6')
      throw systemError('EAFNOSUPPORT', 'socket', { hint: 'UDP over IPv6 is not there yet' });
    this.#stack = stack;
    this.type = options.type;
    this.#options = options;
    if (lookup !== undefined) checkFunction(lookup, 'lookup');
    if (typeof listener === 'function') this.on('message', listener);
    if (signal !== undefined) this.#closeOnAbort(signal);
    if (created.hasSubscribers) created.publish({ socket: this });
  }

  /**
   * Binds to a port and begins to receive: 'listening' or 'error' (EADDRINUSE, EADDRNOTAVAIL) follows.
   *
   * @throws ERR_SOCKET_ALREADY_BOUND, ERR_SOCKET_DGRAM_NOT_RUNNING
   */
  bind(port?: number, address?: string, callback?: () => void): this;
  bind(port?: number, callback?: () => void): this;
  bind(callback?: () => void): this;
  bind(options: BindOptions, callback?: () => void): this;
  bind(...args: unknown[]): this {
    this.#checkRunning();
    if (this.#binding || this.#core !== undefined) {
      throw usageError('ERR_SOCKET_ALREADY_BOUND', 'Socket is already bound', Error);
    }
    const [first, second] = args;
    const options = typeof first === 'object' && first !== null ? (first as BindOptions) : {};
    const port = options === first ? options.port : first;
    const address = options === first ? options.address : second;
    const number = typeof port === 'function' || port === undefined || port === null ? 0 : toPort(port);
    this.#binding = true;
    this.#implicit = false;
    const callback = args.at(-1);
    if (typeof callback === 'function') this.#callWhenBound(callback as () => void);
    const name = typeof address === 'string' && address !== '' ? address : '0.0.0.0';
    this.#lookup(name, (error, ip) => {
      if (this.#closed) return;
      if (error) this.#bindFailed(error);
      else this.#bind(ip, number);
    });
    return this;
  }

  /**
   * Fixes the peer: 'connect' follows, or an error (by the callback, else 'error').
   *
   * @throws ERR_SOCKET_DGRAM_IS_CONNECTED, ERR_SOCKET_BAD_PORT
   */
  connect(port: number, address?: string, callback?: (error?: Error) => void): void;
  connect(port: number, callback: (error?: Error) => void): void;
  connect(port: number, second?: string | ((error?: Error) => void), third?: (error?: Error) => void): void {
    const number = toPort(port, 'Port', 1);
    const callback = typeof second === 'function' ? second : third;
    const address = typeof second === 'function' || second === undefined ? '' : second;
    checkString(address, 'address');
    if (this.#connection !== 'none') throw alreadyConnected();
    this.#connection = 'connecting';
    this.#whenBound(() => {
      if (callback) this.once('connect', callback);
      this.#lookup(address || '127.0.0.1', (error, ip) => {
        this.#connect(error, ip, { address, port: number }, callback);
      });
    }, callback);
  }

  /** @throws ERR_SOCKET_DGRAM_NOT_CONNECTED */
  disconnect(): void {
    if (this.#connection !== 'connected') throw notConnected();
    this.#checkRunning();
    this.#core?.disconnect();
    this.#connection = 'none';
  }

  /**
   * Sends a message; binds to an ephemeral port if need be. The callback hears of errors (EMSGSIZE, ENETUNREACH, …) or
   * of the bytes taken; without one errors are silent, as in Node, but for a name that is not found.
   *
   * @throws ERR_INVALID_ARG_TYPE, ERR_SOCKET_BAD_PORT, ERR_SOCKET_DGRAM_IS_CONNECTED, ERR_SOCKET_DGRAM_NOT_RUNNING,
   * ERR_BUFFER_OUT_OF_BOUNDS
   */
  send(message: Message | readonly Message[], port?: number, address?: string, callback?: SendCallback): void;
  send(message: Message | readonly Message[], port?: number, callback?: SendCallback): void;
  send(message: Message | readonly Message[], callback?: SendCallback): void;
  send(
    message: Message,
    offset: number,
    length: number,
    port?: number,
    address?: string,
    callback?: SendCallback,
  ): void;
  send(message: Message, offset: number, length: number, port?: number, callback?: SendCallback): void;
  send(message: Message, offset: number, length: number, callback?: SendCallback): void;
  send(...args: unknown[]): void {
    const connected = this.#connection === 'connected';
    const request = parseSend(args, connected);
    this.#checkRunning();
    const { address, callback } = request;
    if (connected) return this.#outgoing.send(this.#core, request, undefined);
    this.#whenBound(() => {
      this.#lookup(
        address ?? '127.0.0.1',
        (error, ip) => {
          if (error && callback) process.nextTick(callback, error);
          else if (error) process.nextTick(() => this.emit('error', error));
          else this.#outgoing.send(this.#core, request, ip);
        },
        true,
      );
    }, callback);
  }

  /** Closes the socket: 'close' follows. @throws ERR_SOCKET_DGRAM_NOT_RUNNING */
  close(callback?: () => void): this {
    if (typeof callback === 'function') this.on('close', callback);
    // What was sent before must go first.
    if (this.#binding && this.#waiting.length > 0) {
      const close = (): void => void this.close();
      this.#waiting.push({ run: close, failed: close });
      return this;
    }
    this.#checkRunning();
    this.#closed = true;
    this.#outgoing.clear();
    this.#core?.close();
    this.#core = undefined;
    process.nextTick(() => this.emit('close'));
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    await new Promise<void>((resolve) => {
      this.close(resolve);
    });
  }

  /** The address bound. @throws EBADF before that, ERR_SOCKET_DGRAM_NOT_RUNNING */
  address(): AddressInfo {
    const { localAddress, localPort } = this.#bound('getsockname');
    return addressInfo(localAddress, localPort);
  }

  /** The peer. @throws ERR_SOCKET_DGRAM_NOT_CONNECTED, ERR_SOCKET_DGRAM_NOT_RUNNING */
  remoteAddress(): AddressInfo {
    this.#checkRunning();
    const core = this.#core;
    if (this.#connection !== 'connected' || core?.remoteAddress === undefined) throw notConnected();
    return addressInfo(core.remoteAddress, core.remotePort);
  }

  /** Allows sending to broadcast addresses. @throws EBADF before the socket is bound */
  setBroadcast(flag: boolean): void {
    this.#bound('setBroadcast').set('broadcast', Boolean(flag as unknown));
  }

  /** Time to live, 1 to 255. @throws EBADF before the socket is bound, EINVAL */
  setTTL(ttl: number): number {
    checkNumber(ttl, 'ttl');
    this.#bound('setTTL').set('ttl', toTtl(ttl, 1, 'setTTL'));
    return ttl;
  }

  /** The same for multicast; 0 keeps a message inside the host. */
  setMulticastTTL(ttl: number): number {
    checkNumber(ttl, 'ttl');
    this.#bound('setMulticastTTL').set('multicastTtl', toTtl(ttl, 0, 'setMulticastTTL'));
    return ttl;
  }

  /**
   * What is multicast over the loopback interface comes back to it in any case, as in Linux; other links bring none back
   * yet. @throws EBADF before the socket is bound
   */
  setMulticastLoopback(flag: boolean): boolean {
    this.#bound('setMulticastLoopback');
    return flag;
  }

  /** The interface that multicast goes out by, by its address. @throws EBADF, EINVAL, EADDRNOTAVAIL */
  setMulticastInterface(interfaceAddress: string): void {
    this.#checkRunning();
    checkString(interfaceAddress, 'interfaceAddress');
    const core = this.#bound('setMulticastInterface');
    asCall('setMulticastInterface', () => core.multicastFrom(toIpv4(interfaceAddress)));
  }

  /**
   * Joins a multicast group on the interface with this address, else on that of the route to it; a socket that is not
   * bound is bound to an ephemeral port.
   *
   * @throws ERR_MISSING_ARGS, EINVAL, ENODEV, EADDRINUSE, EBADF while a bind is under way
   */
  addMembership(multicastAddress: string, interfaceAddress?: string): void {
    const core = this.#member('addMembership', multicastAddress);
    asCall('addMembership', () => core.join(toIpv4(multicastAddress), toInterface(interfaceAddress)));
  }

  /** @throws ERR_MISSING_ARGS, EINVAL, ENODEV, EADDRNOTAVAIL, EBADF while a bind is under way */
  dropMembership(multicastAddress: string, interfaceAddress?: string): void {
    const core = this.#member('dropMembership', multicastAddress);
    asCall('dropMembership', () => core.leave(toIpv4(multicastAddress), toInterface(interfaceAddress)));
  }

  /** Joins a group to hear one source; it may be called for several. @throws as `addMembership` */
  addSourceSpecificMembership(sourceAddress: string, groupAddress: string, interfaceAddress?: string): void {
    const core = this.#sourceMember('addSourceSpecificMembership', sourceAddress, groupAddress);
    asCall('addSourceSpecificMembership', () => {
      core.join(toIpv4(groupAddress), toInterface(interfaceAddress), toIpv4(sourceAddress));
    });
  }

  /** @throws as `dropMembership` */
  dropSourceSpecificMembership(sourceAddress: string, groupAddress: string, interfaceAddress?: string): void {
    const core = this.#sourceMember('dropSourceSpecificMembership', sourceAddress, groupAddress);
    asCall('dropSourceSpecificMembership', () => {
      core.leave(toIpv4(groupAddress), toInterface(interfaceAddress), toIpv4(sourceAddress));
    });
  }

  /** Bytes that received messages may occupy, their overhead included. @throws ERR_SOCKET_BUFFER_SIZE unless bound */
  getRecvBufferSize(): number {
    return this.#bufferSize(0, 'uv_recv_buffer_size').get('receiveBuffer');
  }

  /** @throws ERR_SOCKET_BAD_BUFFER_SIZE, ERR_SOCKET_BUFFER_SIZE */
  setRecvBufferSize(size: number): void {
    const core = this.#bufferSize(size, 'uv_recv_buffer_size');
    if (size > 0) core.set('receiveBuffer', occupied(size, 'receive'));
  }

  /** Bytes of messages that may wait for the interface. @throws ERR_SOCKET_BUFFER_SIZE unless bound */
  getSendBufferSize(): number {
    this.#bufferSize(0, 'uv_send_buffer_size');
    return this.#outgoing.limit;
  }

  /** @throws ERR_SOCKET_BAD_BUFFER_SIZE, ERR_SOCKET_BUFFER_SIZE */
  setSendBufferSize(size: number): void {
    this.#bufferSize(size, 'uv_send_buffer_size');
    if (size > 0) this.#outgoing.limit = occupied(size, 'send');
  }

  /** Bytes that wait for the interface. */
  getSendQueueSize(): number {
    this.#checkRunning();
    return this.#outgoing.bytes;
  }

  /** Messages that wait for the interface. */
  getSendQueueCount(): number {
    this.#checkRunning();
    return this.#outgoing.length;
  }

  /** The bound socket keeps the process alive (the default). */
  ref(): this {
    this.#referenced = true;
    this.#core?.ref();
    return this;
  }

  unref(): this {
    this.#referenced = false;
    this.#core?.unref();
    return this;
  }

  #bind(address: string, port: number): void {
    const { recvBufferSize, sendBufferSize } = this.#options;
    try {
      this.#open(address, port);
    } catch (error) {
      return this.#bindFailed(asDgramError(error, { address, port }));
    }
    this.#binding = false;
    if (recvBufferSize) this.setRecvBufferSize(recvBufferSize);
    if (sendBufferSize) this.setSendBufferSize(sendBufferSize);
    try {
      this.emit('listening');
    } finally {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const action of waiting) action.run();
    }
  }

  #open(address: string, port: number): UdpSocket {
    if (!isIPv4(address)) throw systemError('EINVAL', 'bind');
    const { reuseAddr, reusePort } = this.#options;
    const options = { address, port, reuseAddress: Boolean(reuseAddr), reusePort: Boolean(reusePort) };
    this.#core = this.#stack.udp.bind(options, {
      onMessage: (bytes, info) => this.#received(bytes, info),
      onWritable: (socket) => this.#outgoing.flush(socket),
      onError: (error) => this.emit('error', asDgramError(error)),
      onClose: () => {
        if (!this.#closed) this.close();
      },
    });
    if (!this.#referenced) this.#core.unref();
    return this.#core;
  }

  #bindFailed(error: Error): void {
    const waiting = this.#waiting;
    this.#binding = false;
    this.#waiting = [];
    if (this.#connection === 'connecting') this.#connection = 'none';
    for (const { failed } of waiting) failed?.(error);
    // A socket that was bound for the sake of a call with a callback has told it there.
    if (!this.#implicit || waiting.some(({ failed }) => failed === undefined)) this.emit('error', error);
  }

  #received(bytes: Uint8Array, { remoteAddress, remotePort, size }: UdpMessageInfo): void {
    const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const address = remoteAddress.toString();
    this.emit('message', message, { address, family: familyName(remoteAddress), port: remotePort, size });
  }

  #connect(error: Error | null, ip: string, place: Destination, callback?: (error?: Error) => void): void {
    if (this.#closed) return;
    try {
      if (error) throw error;
      if (!isIPv4(ip)) throw systemError('EINVAL', 'connect');
      this.#core?.connect(ip, place.port);
    } catch (thrown) {
      this.#connection = 'none';
      const failure = asDgramError(thrown, place);
      process.nextTick(() => {
        if (callback === undefined) return void this.emit('error', failure);
        this.off('connect', callback);
        callback(failure);
      });
      return;
    }
    this.#connection = 'connected';
    process.nextTick(() => this.emit('connect'));
  }

  /** Addresses need no lookup: with `now` the callback runs from inside the call, else soon. */
  #lookup(name: string, callback: (error: Error | null, ip: string) => void, now: boolean = false): void {
    if (this.#options.lookup === undefined && isIP(name) !== 0) {
      if (now) callback(null, name);
      else process.nextTick(callback, null, name);
      return;
    }
    // As Node the family goes as a number, whatever the typings say.
    Reflect.apply(this.#options.lookup ?? dns.lookup, undefined, [name, 4, callback]);
  }

  /** Runs the action when the socket is bound, binding it first if nobody has; the callback learns that this failed. */
  #whenBound(run: () => void, callback: ((error: Error) => void) | undefined): void {
    if (this.#core !== undefined) return run();
    if (!this.#binding) {
      this.bind({ port: 0 });
      this.#implicit = true;
    }
    const failed = callback && ((error: Error) => process.nextTick(callback, error));
    this.#waiting.push({ run, failed });
  }

  #callWhenBound(callback: () => void): void {
    const stop = (): void => {
      this.off('error', stop);
      this.off('listening', bound);
    };
    const bound = (): void => {
      stop();
      callback.call(this);
    };
    this.on('error', stop);
    this.on('listening', bound);
  }

  #bound(syscall: string): UdpSocket {
    this.#checkRunning();
    if (this.#core === undefined) throw systemError('EBADF', syscall);
    return this.#core;
  }

  #checkRunning(): void {
    if (this.#closed) throw usageError('ERR_SOCKET_DGRAM_NOT_RUNNING', 'Not running', Error);
  }

  #member(call: string, group: unknown): UdpSocket {
    this.#checkRunning();
    if (!group) throw usageError('ERR_MISSING_ARGS', 'The "multicastAddress" argument must be specified');
    return this.#joining(call);
  }

  #sourceMember(call: string, source: unknown, group: unknown): UdpSocket {
    this.#checkRunning();
    checkString(source, 'sourceAddress');
    checkString(group, 'groupAddress');
    return this.#joining(call);
  }

  /** As Node binds for the sake of a group: to an ephemeral port of all addresses, at once and without an event. */
  #joining(call: string): UdpSocket {
    if (this.#core === undefined && !this.#binding) return this.#open('0.0.0.0', 0);
    return this.#bound(call);
  }

  /** The core socket, of which a buffer's size is read or changed. */
  #bufferSize(size: number, syscall: 'uv_recv_buffer_size' | 'uv_send_buffer_size'): UdpSocket {
    const core = this.#core;
    this.#checkRunning();
    checkBufferSize(size, syscall, core !== undefined);
    return core!;
  }

  #closeOnAbort(signal: AbortSignal): void {
    checkSignal(signal, 'options.signal');
    const close = (): void => {
      if (!this.#closed) this.close();
    };
    if (signal.aborted) return close();
    signal.addEventListener('abort', close, { once: true });
    this.once('close', () => signal.removeEventListener('abort', close));
  }
}

/** As setsockopt takes it: the fraction is cut off. */
function toTtl(value: number, least: 0 | 1, syscall: string): number {
  const ttl = Math.trunc(value) || 0;
  if (ttl < least || ttl > 255) throw systemError('EINVAL', syscall);
  return ttl;
}

function alreadyConnected(): Error {
  return usageError('ERR_SOCKET_DGRAM_IS_CONNECTED', 'Already connected', Error);
}

function notConnected(): Error {
  return usageError('ERR_SOCKET_DGRAM_NOT_CONNECTED', 'Not connected', Error);
}

import type { AsyncResource } from 'node:async_hooks';
import { Buffer } from 'node:buffer';
import type { NonSharedBuffer } from 'node:buffer';
import nodeDgram from 'node:dgram';
import { channel } from 'node:diagnostics_channel';
import { addAbortListener } from 'node:events';
import type { AddressInfo } from 'node:net';
import { requireOptions, usageError } from '../errors.ts';
import type { Stack } from '../stack/stack.ts';
import type { UdpMessageInfo } from '../udp/handler.ts';
import { resolveUdpOptions } from '../udp/options.ts';
import { checkFunction, checkNumber, checkSignal, checkString, checkUint32, toPort } from './arguments.ts';
import { currentContext } from './async-context.ts';
import { endpointInfo } from './dgram-addresses.ts';
import { parseSend, toUint32 } from './dgram-arguments.ts';
import type { SendCallback, SendRequest } from './dgram-arguments.ts';
import { DgramBinding, alreadyBound, literal } from './dgram-binding.ts';
import { checkBlockList, ipBlocked, isBlocked } from './block-lists.ts';
import { DgramHandle } from './dgram-handle.ts';
import type { HandleListener } from './dgram-handle.ts';
import { lookupOf } from './dgram-lookup.ts';
import type { SocketType } from './dgram-lookup.ts';
import type { BindOptions, DgramOptions, DgramUdpOptions, Message, RemoteInfo } from './dgram-options.ts';
import { asDgramError } from './net-errors.ts';
import { showLike } from './node-internals.ts';
import { EmitterBase } from './old-classes.ts';

/** Where a `connect` is to go, in the user's words. */
interface Destination {
  readonly address: string;
  readonly port: number;
}

const UDP_OPTIONS: readonly string[] = Object.keys({
  device: true,
  dscp: true,
  dontFragment: true,
  ipOptions: true,
} satisfies Record<keyof DgramUdpOptions, true>);

/** Where Node tells of each datagram socket that is made. */
const created = channel('udp.socket');

/**
 * A UDP socket in the shape of Node's `dgram.Socket`. Its bind, and what waits for that, is in `dgram-binding.ts`; what a
 * system's socket would do, in `dgram-handle.ts`.
 */
export class Socket extends EmitterBase {
  readonly type: SocketType;
  readonly #options: DgramOptions;
  readonly #binding: DgramBinding;
  /** Events belong to whoever has made the socket, not to whose turn it is when they come. */
  readonly #context: AsyncResource = currentContext('UDPWRAP');
  /** Messages that wait for their macrotask; that of the first is over when another may be told at once. */
  #untold: number = 0;
  readonly #tell = (bytes: Uint8Array, { remoteAddress, remotePort, size }: UdpMessageInfo): void => {
    // What the core makes for the handle is one already.
    const message = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { address, family, port } = endpointInfo(this.type, remoteAddress, remotePort);
    if (isBlocked(this.#options.receiveBlockList, address)) return;
    this.emit('message', message, { address, family, port, size });
  };
  /** A macrotask has come: a message's own, or the one behind that of the first. */
  readonly #tellNext = (bytes?: Uint8Array, info?: UdpMessageInfo): void => {
    this.#untold--;
    if (bytes === undefined || info === undefined || this.#handle === null) return;
    this.#context.runInAsyncScope(this.#tell, undefined, bytes, info);
  };
  /** Null when it is closed: then some methods fail with the TypeError that Node's fail with. */
  #handle: DgramHandle | null;
  #connection: 'none' | 'connecting' | 'connected' = 'none';

  /** @internal Users make sockets with `createSocket` of `createDgram`; `onto` is what is to become one. */
  constructor(
    stack: Stack,
    type: DgramOptions | SocketType,
    listener?: (message: NonSharedBuffer, info: RemoteInfo) => void,
    onto?: Socket,
  ) {
    super(onto);
    const options = typeof type === 'object' && type !== null ? type : { type };
    checkOptions(options);
    this.type = options.type;
    this.#options = copied(options);
    const within = (fn: () => void): void => this.#context.runInAsyncScope(fn);
    const lookup = lookupOf(options.type, options.lookup);
    const told: HandleListener = {
      onMessage: (bytes, info) => this.#received(bytes, info),
      onError: (error) => within(() => this.emit('error', asDgramError(error))),
      onClose: (error) => {
        if (this.#handle !== null) within(() => this.#aborted(error));
      },
    };
    const handle = new DgramHandle(stack, options.type, lookup, told, this.#options.udp);
    this.#handle = handle;
    this.#binding = new DgramBinding(this, handle, this.#options);
    if (typeof listener === 'function') this.on('message', listener);
    if (options.signal !== undefined) this.#closeOnAbort(options.signal);
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
    this.#running();
    this.#binding.bind(args);
    return this;
  }

  /**
   * Binds at once, to an address that needs no lookup; 'listening' follows. Node has it since v24.19.
   *
   * @returns the address bound, as `address()`
   * @throws EADDRINUSE, EADDRNOTAVAIL, EINVAL; ERR_SOCKET_ALREADY_BOUND, ERR_SOCKET_DGRAM_NOT_RUNNING,
   * ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_SOCKET_BAD_PORT
   */
  bindSync(options: BindOptions = {}): AddressInfo {
    this.#running();
    this.#binding.bindSync(options);
    return this.address();
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
      this.#handle!.lookup(address, (error, ip) => this.#connect(error, ip, { address, port: number }, callback));
    });
  }

  /**
   * Fixes the peer at once, whose address needs no lookup; 'connect' follows. Node has it since v24.19.
   *
   * @throws EINVAL, ENETUNREACH, EACCES; ERR_SOCKET_DGRAM_IS_CONNECTED, ERR_SOCKET_BAD_PORT, ERR_SOCKET_ALREADY_BOUND
   * while a bind is under way, ERR_SOCKET_DGRAM_NOT_RUNNING, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_IP_BLOCKED
   */
  connectSync(port: number, address?: string): void {
    const handle = this.#running();
    const number = toPort(port, 'Port', 1);
    if (this.#connection !== 'none') throw alreadyConnected();
    const ip = literal(address, 'address', 'connectSync') ?? (this.type === 'udp4' ? '127.0.0.1' : '::1');
    if (this.#binding.state === 'unbound') this.bindSync();
    else if (this.#binding.state === 'binding') throw alreadyBound();
    if (isBlocked(this.#options.sendBlockList, ip)) throw ipBlocked(ip);
    try {
      handle.connect(ip, number);
    } catch (thrown) {
      throw asDgramError(thrown, { address: ip, port: number });
    }
    this.#connection = 'connected';
    process.nextTick(() => {
      if (this.#handle !== null) this.emit('connect');
    });
  }

  /** @throws ERR_SOCKET_DGRAM_NOT_CONNECTED */
  disconnect(): void {
    if (this.#connection !== 'connected') throw notConnected();
    this.#handle!.disconnect();
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
    const handle = this.#running();
    if (connected) return handle.send(request, undefined);
    if (this.#binding.state === 'bound') return this.#findAndSend(handle, request);
    this.#whenBound(() => this.#findAndSend(this.#running(), request));
  }

  /** `send` in its longest form, for programs of old. @throws as `send`, and ERR_INVALID_ARG_TYPE */
  sendto(
    message: Message,
    offset: number,
    length: number,
    port: number,
    address: string,
    callback?: SendCallback,
  ): void {
    checkNumber(offset, 'offset');
    checkNumber(length, 'length');
    checkNumber(port, 'port');
    checkString(address, 'address');
    this.send(message, offset, length, port, address, callback);
  }

  /** Closes the socket: 'close' follows. @throws ERR_SOCKET_DGRAM_NOT_RUNNING */
  close(callback?: () => void): this {
    if (typeof callback === 'function') this.on('close', callback);
    // What was sent before must go first.
    if (this.#binding.awaited) {
      this.#binding.wait(() => void this.close());
      return this;
    }
    const handle = this.#running();
    this.#handle = null;
    process.nextTick(() => this.emit('close'));
    handle.close();
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#handle === null) return;
    await new Promise<void>((resolve) => {
      this.close(resolve);
    });
  }

  /** The address bound. @throws EBADF before that, ERR_SOCKET_DGRAM_NOT_RUNNING */
  address(): AddressInfo {
    const { address, port } = this.#running().local;
    return endpointInfo(this.type, address, port);
  }

  /** The peer. @throws ERR_SOCKET_DGRAM_NOT_CONNECTED, ERR_SOCKET_DGRAM_NOT_RUNNING */
  remoteAddress(): AddressInfo {
    const handle = this.#running();
    if (this.#connection !== 'connected') throw notConnected();
    const { address, port } = handle.peer;
    return endpointInfo(this.type, address, port);
  }

  /** Allows sending to broadcast addresses. @throws EBADF before the socket is bound */
  setBroadcast(flag: boolean): void {
    this.#handle!.setBroadcast(Boolean(flag as unknown));
  }

  /** Time to live, 1 to 255. @throws EBADF before the socket is bound, EINVAL */
  setTTL(ttl: number): number {
    checkNumber(ttl, 'ttl');
    this.#handle!.setTTL(ttl);
    return ttl;
  }

  /** The same for multicast; 0 keeps a message inside the host. */
  setMulticastTTL(ttl: number): number {
    checkNumber(ttl, 'ttl');
    this.#handle!.setMulticastTTL(ttl);
    return ttl;
  }

  /** Does multicast come back to this host? @throws EBADF before the socket is bound */
  setMulticastLoopback(flag: boolean): boolean {
    this.#handle!.setMulticastLoopback(flag);
    return flag;
  }

  /** The interface that multicast goes out by, by its address. @throws EBADF, EINVAL, EADDRNOTAVAIL */
  setMulticastInterface(interfaceAddress: string): void {
    const handle = this.#running();
    checkString(interfaceAddress, 'interfaceAddress');
    handle.setMulticastInterface(interfaceAddress);
  }

  /**
   * Joins a multicast group on the interface with this address, else on that of the route to it. A socket without a
   * port gets an ephemeral one, after which it can't be bound any more: bind first.
   *
   * @throws ERR_MISSING_ARGS, EINVAL, ENODEV, EADDRINUSE
   */
  addMembership(multicastAddress: string, interfaceAddress?: string): void {
    this.#member(multicastAddress).addMembership(multicastAddress, interfaceAddress);
  }

  /** @throws ERR_MISSING_ARGS, EINVAL, ENODEV, EADDRNOTAVAIL */
  dropMembership(multicastAddress: string, interfaceAddress?: string): void {
    this.#member(multicastAddress).dropMembership(multicastAddress, interfaceAddress);
  }

  /** Joins a group to hear one source; it may be called for several. @throws as `addMembership` */
  addSourceSpecificMembership(sourceAddress: string, groupAddress: string, interfaceAddress?: string): void {
    const handle = this.#sourceMember(sourceAddress, groupAddress);
    handle.addSourceSpecificMembership(sourceAddress, groupAddress, interfaceAddress);
  }

  /** @throws as `dropMembership` */
  dropSourceSpecificMembership(sourceAddress: string, groupAddress: string, interfaceAddress?: string): void {
    const handle = this.#sourceMember(sourceAddress, groupAddress);
    handle.dropSourceSpecificMembership(sourceAddress, groupAddress, interfaceAddress);
  }

  /** Bytes that received messages may occupy, their overhead included. @throws ERR_SOCKET_BUFFER_SIZE unless bound */
  getRecvBufferSize(): number {
    return this.#handle!.bufferSize(0, 'receive');
  }

  /** @throws ERR_SOCKET_BAD_BUFFER_SIZE, ERR_SOCKET_BUFFER_SIZE */
  setRecvBufferSize(size: number): void {
    checkBufferSize(size);
    this.#handle!.bufferSize(size, 'receive');
  }

  /** Bytes of messages that may wait for the interface. @throws ERR_SOCKET_BUFFER_SIZE unless bound */
  getSendBufferSize(): number {
    return this.#handle!.bufferSize(0, 'send');
  }

  /** @throws ERR_SOCKET_BAD_BUFFER_SIZE, ERR_SOCKET_BUFFER_SIZE */
  setSendBufferSize(size: number): void {
    checkBufferSize(size);
    this.#handle!.bufferSize(size, 'send');
  }

  /** Bytes that wait for the interface. */
  getSendQueueSize(): number {
    return this.#handle!.getSendQueueSize();
  }

  /** Messages that wait for the interface. */
  getSendQueueCount(): number {
    return this.#handle!.getSendQueueCount();
  }

  /** The bound socket keeps the process alive (the default). */
  ref(): this {
    this.#handle?.ref();
    return this;
  }

  unref(): this {
    this.#handle?.unref();
    return this;
  }

  /** Runs the action when the socket is bound, binding it first if nobody has. */
  #whenBound(action: () => void): void {
    if (this.#binding.state === 'unbound') this.bind({ port: 0, exclusive: true });
    if (this.#binding.state === 'bound') action();
    else this.#binding.wait(action);
  }

  #connect(error: Error | null, ip: string, place: Destination, callback?: (error?: Error) => void): void {
    const handle = this.#handle;
    if (handle === null) return;
    try {
      if (error) return this.#connectFailed(error, callback);
      if (isBlocked(this.#options.sendBlockList, ip)) throw ipBlocked(ip);
      handle.connect(ip, place.port);
    } catch (thrown) {
      return this.#connectFailed(asDgramError(thrown, place), callback);
    }
    this.#connection = 'connected';
    process.nextTick(() => this.emit('connect'));
  }

  #connectFailed(error: Error, callback?: (error?: Error) => void): void {
    this.#connection = 'none';
    process.nextTick(() => {
      if (callback === undefined) return void this.emit('error', error);
      this.off('connect', callback);
      callback(error);
    });
  }

  #findAndSend(handle: DgramHandle, request: SendRequest): void {
    handle.lookup(request.address, (error, ip) => this.#send(error, ip, request));
  }

  #send(error: Error | null, ip: string, request: SendRequest): void {
    const { callback } = request;
    const handle = this.#handle;
    const refusal = error ?? (handle !== null && isBlocked(this.#options.sendBlockList, ip) ? ipBlocked(ip) : null);
    if (refusal === null) handle?.send(request, ip);
    else if (callback) process.nextTick(callback, refusal);
    // Without a callback only a failed lookup is told.
    else if (error) process.nextTick(() => this.emit('error', error));
  }

  /** The stack has ended. Nothing is lost by that, so who listens for no errors is not thrown at. */
  #aborted(error: Error | undefined): void {
    if (error !== undefined && this.listenerCount('error') > 0) this.emit('error', error);
    if (this.#handle === null) return;
    this.#binding.abandon();
    this.close();
  }

  /**
   * The first of a batch is told at once, each further one in a macrotask of its own, as from the kernel: what the
   * program does in ticks and promises about one message comes before the next.
   */
  #received(bytes: Uint8Array, info: UdpMessageInfo): void {
    if (this.#untold++ > 0) {
      setImmediate(this.#tellNext, bytes, info);
      return;
    }
    setImmediate(this.#tellNext);
    this.#context.runInAsyncScope(this.#tell, undefined, bytes, info);
  }

  /** @throws ERR_SOCKET_DGRAM_NOT_RUNNING */
  #running(): DgramHandle {
    if (this.#handle !== null) return this.#handle;
    throw usageError('ERR_SOCKET_DGRAM_NOT_RUNNING', 'Not running', Error);
  }

  #member(group: unknown): DgramHandle {
    const handle = this.#running();
    if (group) return handle;
    throw usageError('ERR_MISSING_ARGS', 'The "multicastAddress" argument must be specified');
  }

  #sourceMember(source: unknown, group: unknown): DgramHandle {
    const handle = this.#running();
    checkString(source, 'sourceAddress');
    checkString(group, 'groupAddress');
    return handle;
  }

  #closeOnAbort(signal: AbortSignal): void {
    checkSignal(signal, 'options.signal');
    const close = (): void => {
      if (this.#handle !== null) this.close();
    };
    if (signal.aborted) return close();
    this.once('close', addAbortListener(signal, close)[Symbol.dispose]);
  }
}

showLike(Socket.prototype, nodeDgram.Socket.prototype);

/** What is chosen when the socket is made: later changes of the object change nothing. */
function copied(options: DgramOptions): DgramOptions {
  const { type, reuseAddr, reusePort, ipv6Only, recvBufferSize, sendBufferSize } = options;
  const { receiveBlockList, sendBlockList, udp } = options;
  const own = { ...udp, ipOptions: udp?.ipOptions?.slice() };
  return {
    type,
    reuseAddr,
    reusePort,
    ipv6Only,
    recvBufferSize,
    sendBufferSize,
    receiveBlockList,
    sendBlockList,
    udp: own,
  };
}

function checkOptions(options: DgramOptions): void {
  const { type, recvBufferSize, sendBufferSize, receiveBlockList, sendBlockList, lookup, udp } = options;
  if (recvBufferSize) checkUint32(recvBufferSize, 'options.recvBufferSize');
  if (sendBufferSize) checkUint32(sendBufferSize, 'options.sendBufferSize');
  checkBlockList(receiveBlockList, 'options.receiveBlockList');
  checkBlockList(sendBlockList, 'options.sendBlockList');
  if (lookup !== undefined) checkFunction(lookup, 'lookup');
  if (udp !== undefined) {
    requireOptions('options.udp', udp, UDP_OPTIONS);
    resolveUdpOptions(udp);
    if (type === 'udp6' && udp.ipOptions !== undefined) {
      throw usageError('ERR_INVALID_ARG_VALUE', "options.udp.ipOptions are of IPv4: a socket of type 'udp6' has none");
    }
  }
  if (type === 'udp4' || type === 'udp6') return;
  throw usageError('ERR_SOCKET_BAD_TYPE', 'Bad socket type specified. Valid types are: udp4, udp6');
}

function checkBufferSize(size: unknown): void {
  if (toUint32(size) === size) return;
  throw usageError('ERR_SOCKET_BAD_BUFFER_SIZE', 'Buffer size must be a positive integer');
}

function alreadyConnected(): Error {
  return usageError('ERR_SOCKET_DGRAM_IS_CONNECTED', 'Already connected', Error);
}

function notConnected(): Error {
  return usageError('ERR_SOCKET_DGRAM_NOT_CONNECTED', 'Not connected', Error);
}

import type { AsyncResource } from 'node:async_hooks';
import type { Buffer } from 'node:buffer';
import diagnostics from 'node:diagnostics_channel';
import { isIP } from 'node:net';
import type { AddressInfo, BlockList } from 'node:net';
import { addAbortSignal } from 'node:stream';
import type { Duplex } from 'node:stream';
import { usageError } from '../errors.ts';
import type { Connection } from '../tcp/connection.ts';
import { localInfo, remoteInfo } from './address-info.ts';
import { checkBlockList, isBlocked } from './block-lists.ts';
import { checkFunction, normalizeArguments, refuseObjectMode, toDelay, toTypeOfService } from './arguments.ts';
import { Dial } from './dial.ts';
import type { Dialling } from './dial.ts';
import { HeldWrite } from './held-write.ts';
import { IdleTimer } from './idle-timer.ts';
import { applyKeepAlive, toInitialDelay, toKeepAlive } from './keep-alive.ts';
import type { KeepAlive, KeepAliveOptions } from './keep-alive.ts';
import { inCallback } from './macrotask.ts';
import { hasMissedHandle, missHandle } from './missed-handle.ts';
import { endedByPeer, invalidArgType, socketClosed } from './net-errors.ts';
import { FINISHES_UNCONNECTED, HAS_BLOCK_LISTS, HAS_TYPE_OF_SERVICE, IS_22_OR_NEWER } from './node-features.ts';
import { extendNodeSocket, undestroy } from './node-internals.ts';
import { DuplexBase } from './old-classes.ts';
import { PathDial } from './path-dial.ts';
import type { Server } from './server.ts';
import type { Accepted, NetConnectOptions, NetHost, SocketOptions } from './socket-options.ts';
import { toSocketOptions } from './socket-options.ts';
import { SocketPump } from './socket-pump.ts';
import type { PumpOwner } from './socket-pump.ts';
import { toBytes, waitingBytes } from './stream-writes.ts';
import type { StreamWrite, WriteCallback } from './stream-writes.ts';
import { UserBuffer } from './user-buffer.ts';
import { WIDE } from '../buffer/wide.ts';

type Listener = Parameters<Duplex['once']>[1];

const dialled = diagnostics.channel('net.client.socket');
/** One listener for all sockets. */
let onStreamEnd: (this: Socket) => void;

/**
 * A TCP socket in the shape of Node's `net.Socket`: a `Duplex` over a connection of the stack. There is no `_handle`:
 * what would go down a native path (http, tls) takes the one for streams.
 *
 * It is made by the constructor of Duplex, and an instance of `node:net`'s Socket by its prototype, which is set below
 * the class: that constructor would only make room for a handle. What a prototype of Node's has, this one has, too.
 *
 * A write is called back when its bytes are in the send buffer, 'finish' comes when the FIN is behind them, as the
 * kernel's sockets do; that the peer has them is what `stack.close()` waits for.
 */
export class Socket extends DuplexBase {
  connecting: boolean = false;
  /** The server that took the connection. */
  server: Server | null = null;
  /** Milliseconds, as set by `setTimeout`; undefined before. */
  declare timeout?: number;
  /** `address:port` of each attempt, where a name has several addresses. */
  declare autoSelectFamilyAttemptedAddresses: string[];
  /** What `connect` refuses to connect to, where the running Node has it. */
  declare blockList?: BlockList;
  /** The local end, as in `address()`. */
  declare readonly localAddress?: string;
  declare readonly localPort?: number;
  declare readonly localFamily?: string;
  readonly #host: NetHost;
  #name: string | null = null;
  /** Made with the first time-out that is asked for. */
  #idle: IdleTimer | undefined;
  #gone: (() => void) | undefined;
  #dial: Dialling | undefined;
  /** `connect` was called while one was under way, or open: it will fail. */
  #second: Dialling | undefined;
  #userBuffer: UserBuffer | undefined;
  #pump: SocketPump<Socket> | undefined;
  /** In which events come, while there is something to come from. */
  #context: AsyncResource | undefined;
  /** What the socket stood on when it was destroyed. */
  #last: Connection | undefined;
  /** The stream asked for bytes before there was a connection. */
  #wantsBytes: boolean = false;
  #held: HeldWrite | undefined;
  #resetting: boolean = false;
  #referenced: boolean = true;
  /** It leads to a Unix-domain socket, and has no addresses. */
  #hasPath: boolean = false;
  #noDelay: boolean;
  #keepAlive: KeepAlive | undefined;
  #typeOfService: number | undefined;
  /** These outlive the connection. */
  #bytesRead: number = WIDE;
  #bytesWritten: number = WIDE;
  /** As in Node it outlives the connection where somebody has asked for it before. */
  #peer: AddressInfo | undefined;

  /** @internal Users make sockets with the `Socket` of `createNet`; `onto` is what is to become one. */
  constructor(host: NetHost, given?: SocketOptions | null, accepted?: Accepted, onto?: Socket) {
    const options = toSocketOptions(given);
    refuseObjectMode(options);
    const delay = toInitialDelay(options.keepAliveInitialDelay);
    // 'close' has an argument here: it is emitted below.
    const halfOpen = Boolean(options.allowHalfOpen);
    const fixed = {
      emitClose: false,
      autoDestroy: true,
      decodeStrings: false,
      signal: undefined,
      allowHalfOpen: halfOpen,
    };
    // Not a literal: where properties follow a spread V8 (11.3) makes a shape of its own for each object, which costs whoever
    // reads it 12 µs a socket.
    super(Object.assign({}, options, fixed), onto);
    this.#host = host;
    this.#noDelay = Boolean(options.noDelay);
    if (options.keepAlive) this.#keepAlive = { delay, interval: undefined, count: undefined };
    if (HAS_TYPE_OF_SERVICE && options.typeOfService !== undefined) {
      this.#typeOfService = toTypeOfService(options.typeOfService, 'options.typeOfService');
    }
    this.#userBuffer = UserBuffer.from(this, options.onread);
    this.on('end', onStreamEnd);
    // Not the constructor of Duplex: a signal that is aborted already destroys at once what has no fields yet.
    if (options.signal) addAbortSignal(options.signal, this);
    if (HAS_BLOCK_LISTS && options.blockList) {
      checkBlockList(options.blockList, 'options.blockList');
      this.blockList = options.blockList;
    }
    if (accepted === undefined) return;
    this.server = accepted.server;
    this.#gone = accepted.gone;
    this.#take(accepted.connection, accepted.context);
    if (accepted.paused) this.pause();
    else this.read(0);
  }

  /**
   * The core connection beneath; while connecting, that of the attempt under way. When the socket is closed it is the
   * last one, for a last `info()`, until the socket connects again.
   */
  get tcp(): Connection | undefined {
    return this.#live ?? this.#last;
  }

  get #live(): Connection | undefined {
    return this.#pump?.connection ?? this.#dial?.connection;
  }

  get pending(): boolean {
    return this.#pump === undefined;
  }

  /** Node's own name for the host that was looked up last: what tls holds a certificate against. */
  get _host(): string | null {
    return this.#name;
  }

  /** There is none, ever. */
  get _handle(): undefined {
    if (this.#pump !== undefined) missHandle(this);
    return undefined;
  }

  /** Who has just looked for the handle of an open socket, and then waits for 'connect', is told in the next tick. */
  override once(event: string | symbol, listener: Listener): this {
    super.once(event, listener);
    if (event === 'connect' && hasMissedHandle(this)) process.nextTick(() => this.#tellConnected(listener));
    return this;
  }

  #tellConnected(listener: Listener): void {
    if (this.#pump === undefined || !this.listeners('connect').includes(listener)) return;
    this.off('connect', listener);
    Reflect.apply(listener, this, []);
  }

  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.connecting) return 'opening';
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  get bytesRead(): number {
    return this.#pump?.bytesRead ?? this.#bytesRead;
  }

  /** Bytes written so far, those that wait in the stream included. */
  get bytesWritten(): number {
    return this.#dispatched + (this.#held?.length ?? 0) + waitingBytes(this);
  }

  /** Node's own name for those that do not wait. */
  get _bytesDispatched(): number {
    return this.#dispatched;
  }

  get #dispatched(): number {
    return this.#pump?.bytesWritten ?? this.#bytesWritten;
  }

  /** Node's old name for `writableLength`; where nothing is open it is undefined, whatever Node's types say. */
  get bufferSize(): number {
    const size: number | undefined = this.#pump !== undefined || this.connecting ? this.writableLength : undefined;
    return size as number;
  }

  get remoteAddress(): string | undefined {
    return this.#peerName()?.address;
  }

  get remotePort(): number | undefined {
    return this.#peerName()?.port;
  }

  get remoteFamily(): string | undefined {
    return this.#peerName()?.family;
  }

  #peerName(): AddressInfo | undefined {
    const connection = this.#pump?.connection;
    if (connection !== undefined && !this.#hasPath) this.#peer ??= remoteInfo(connection);
    return this.#peer;
  }

  /** The local end; an empty object while there is none. */
  address(): AddressInfo | {} {
    const live = this.#live;
    return live === undefined || this.#hasPath ? {} : localInfo(live);
  }

  /**
   * Connects: 'lookup' for a name, then 'connect' and 'ready', or 'error' and 'close'. A destroyed socket may connect
   * again.
   *
   * @throws ERR_MISSING_ARGS, ERR_SOCKET_BAD_PORT, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_INVALID_IP_ADDRESS
   */
  connect(options: NetConnectOptions, connectionListener?: () => void): this;
  connect(port: number | string, host: string, connectionListener?: () => void): this;
  connect(port: number | string, connectionListener?: () => void): this;
  connect(path: string, connectionListener?: () => void): this;
  connect(...args: unknown[]): this {
    const [options, listener] = normalizeArguments<NetConnectOptions>(args);
    if (IS_22_OR_NEWER && dialled.hasSubscribers) dialled.publish({ socket: this });
    // As in Node the listener stays where what follows throws.
    if (listener !== undefined) this.once('connect', listener);
    if (options.port === undefined && (options.path === undefined || options.path === null)) {
      const message = 'The "options" or "port" or "path" argument must be specified';
      throw usageError('ERR_MISSING_ARGS', message);
    }
    const busy = this.#pump !== undefined || this.#dial !== undefined;
    if (!busy) this.#renew();
    this.#idle?.touch();
    // As in Node it stays so where what follows throws.
    this.connecting = true;
    const owner = this.#dialOwner();
    const dial = options.path
      ? new PathDial(owner, this.#host.stack, options.path)
      : new Dial(owner, this.#host, options);
    this.#hasPath = dial instanceof PathDial;
    if (!this.#hasPath && isIP(options.host || 'localhost') === 0) this.#name = options.host || 'localhost';
    if (busy) this.#second = dial;
    else this.#dial = dial;
    dial.start();
    return this;
  }

  /** Emits 'timeout' after so many milliseconds without traffic; 0 turns it off. The socket stays open. */
  setTimeout(milliseconds: number, callback?: () => void): this {
    if (this.destroyed) return this;
    this.timeout = milliseconds;
    const delay = toDelay(milliseconds, 'msecs');
    if (delay > 0) this.#idle ??= this.#makeIdleTimer();
    this.#idle?.set(delay);
    if (callback !== undefined) checkFunction(callback, 'callback');
    if (callback === undefined) return this;
    return delay === 0 ? this.off('timeout', callback) : this.once('timeout', callback);
  }

  /** Node's own name for: something has happened. A tls socket above tells of its own traffic. */
  _unrefTimer(): void {
    this.#idle?.touch();
  }

  /** Turns Nagle's algorithm off (or on again). */
  setNoDelay(noDelay: unknown = true): this {
    this.#noDelay = Boolean(noDelay);
    this.#pump?.connection.set('noDelay', this.#noDelay);
    return this;
  }

  /**
   * Probes an idle peer. The delay of the first probe and the interval are in milliseconds, rounded down to seconds; 0
   * leaves what is set. Interval, count, and all four as an object: where the running Node has them.
   */
  setKeepAlive(enable?: boolean | KeepAliveOptions, initialDelay?: number, interval?: number, count?: number): this {
    this.#keepAlive = toKeepAlive(enable, initialDelay, interval, count);
    if (this.#pump !== undefined) applyKeepAlive(this.#pump.connection, this.#keepAlive);
    return this;
  }

  /** The type of service of packets, 0 to 255, of which TCP sets the last two bits. Where the running Node has it. */
  setTypeOfService(tos: number): this {
    if (Number.isNaN(tos)) throw invalidArgType('tos', 'of type number', tos);
    this.#typeOfService = toTypeOfService(tos, 'tos');
    this.#pump?.connection.set('dscp', this.#typeOfService >> 2);
    return this;
  }

  getTypeOfService(): number {
    const connection = this.#pump?.connection;
    return connection === undefined ? (this.#typeOfService ?? 0) : connection.get('dscp') << 2;
  }

  /** Keeps the process alive while it reads (the default). While it connects or writes it does so in any case. */
  ref(): this {
    return this.#setReferenced(true);
  }

  unref(): this {
    return this.#setReferenced(false);
  }

  /** Ends the socket when everything written is on its way. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  /**
   * Closes with RST; while connecting, when connected.
   *
   * @throws ERR_INVALID_HANDLE_TYPE where it leads to a path
   */
  resetAndDestroy(): this {
    if (this.connecting) {
      this.once('connect', () => this.resetAndDestroy());
      return this;
    }
    if (this.#pump === undefined) return this.destroy(socketClosed());
    // Node's words: a pipe can't be reset.
    if (this.#hasPath) throw usageError('ERR_INVALID_HANDLE_TYPE', 'This handle type cannot be sent');
    this.#resetting = true;
    return this.destroy();
  }

  // As Node's types have them.
  override end(callback?: () => void): this;
  override end(chunk: Uint8Array | string, callback?: () => void): this;
  override end(chunk: Uint8Array | string, encoding?: BufferEncoding, callback?: () => void): this;
  override end(chunk?: unknown, encoding?: BufferEncoding | (() => void), callback?: () => void): this {
    return super.end(chunk, encoding as BufferEncoding, callback);
  }

  override setEncoding(encoding?: BufferEncoding): this {
    return super.setEncoding(encoding as BufferEncoding);
  }

  override pause(): this {
    if (this.#userBuffer !== undefined) this.#pump?.stop();
    return super.pause();
  }

  override resume(): this {
    if (this.#userBuffer !== undefined) this.#pump?.start();
    return super.resume();
  }

  override read(size?: number): unknown {
    if (this.#userBuffer !== undefined) this.#pump?.start();
    return super.read(size);
  }

  override _read(): void {
    if (this.#pump === undefined) this.#wantsBytes = true;
    else this.#pump.start();
  }

  override _write(chunk: Buffer | string, encoding: BufferEncoding, callback: WriteCallback): void {
    const bytes = toBytes(chunk, encoding);
    this.#write(bytes, bytes.byteLength, callback);
  }

  override _writev(writes: StreamWrite[], callback: WriteCallback): void {
    const chunks = writes.map(({ chunk, encoding }) => toBytes(chunk, encoding));
    const length = chunks.reduce((total, { byteLength }) => total + byteLength, 0);
    this.#write(chunks, length, callback);
  }

  /** Half-close. All writes have been accepted by now, so the FIN is in its place at once. */
  override _final(callback: WriteCallback): void {
    if (this.#pump !== undefined) return this.#finish(callback);
    if (!this.connecting && FINISHES_UNCONNECTED) return callback();
    this.once('connect', () => this.#finish(callback));
  }

  override _destroy(error: Error | null, callback: WriteCallback): void {
    const wasOpen = this.#pump !== undefined || this.connecting;
    this.connecting = false;
    this.#idle?.set(0);
    this.#last = this.#pump?.connection ?? this.#dial?.last;
    this.#context = this.#dial?.context ?? this.#context;
    this.#dial?.cancel();
    this.#second?.cancel();
    this.#dial = undefined;
    this.#second = undefined;
    this.#releasePump();
    callback(error);
    this.#emitCloseSoon(wasOpen, error !== null && error !== undefined);
    const gone = this.#gone;
    this.#gone = undefined;
    gone?.();
  }

  #finish(callback: WriteCallback): void {
    this.#pump?.connection.shutdown();
    // Node's comes a turn later, too: the listeners of 'end' may find the socket still open.
    setImmediate(callback);
  }

  #write(chunks: Uint8Array | Uint8Array[], length: number, callback: WriteCallback): void {
    if (this.#pump !== undefined) this.#pump.write(chunks, length, callback);
    else if (this.connecting) this.#hold(chunks, length, callback);
    else callback(socketClosed());
  }

  /** The stream gives one write at a time. */
  #hold(chunks: Uint8Array | Uint8Array[], length: number, callback: WriteCallback): void {
    const send = (taken: number): void => {
      this.#held = undefined;
      if (this.#pump === undefined) this.#write(chunks, length, callback);
      else this.#pump.write(chunks, length, callback, taken);
    };
    this.#held = new HeldWrite(this, chunks, length, send, callback);
    const attempt = this.#dial?.connection;
    if (attempt?.get('fastOpen')) this.#held.writeEarly(attempt);
  }

  #dialOwner(): ConstructorParameters<typeof Dial>[0] {
    return {
      emit: (event, ...args) => {
        if (event === 'lookup') this.#idle?.touch();
        return this.emit(event, ...args);
      },
      busy: () => {
        if (this.#pump !== undefined) return { code: 'EISCONN', connection: this.#pump.connection };
        const connection = this.#live ?? this.#second?.connection;
        return connection && { code: 'EALREADY', connection };
      },
      isBlocked: (address) => isBlocked(this.blockList, address),
      attempted: (addresses) => {
        this.autoSelectFamilyAttemptedAddresses = addresses;
      },
      early: (connection) => this.#held?.writeEarly(connection),
      opened: (connection, context) => this.#opened(connection, context),
      finish: () => void this.end(),
      destroy: (error) => void this.destroy(error),
    };
  }

  #opened(connection: Connection, context: AsyncResource): void {
    this.#dial = undefined;
    this.connecting = false;
    this.#take(connection, context);
    this.#idle?.touch();
    try {
      this.emit('connect');
      this.emit('ready');
    } finally {
      this.#startReading();
    }
  }

  /** As Node: without a reader, too, bytes are taken up to the high-water mark. */
  #startReading(): void {
    if (this.#pump === undefined) return;
    if (this.#wantsBytes) this.#pump.start();
    else if (!this.isPaused()) this.read(0);
    this.#wantsBytes = false;
  }

  static readonly #PUMPED: PumpOwner<Socket> = {
    later: (socket, one) => inCallback(socket.#host.stack.clock, one),
    push: (socket, chunk) => (socket.#userBuffer === undefined ? socket.push(chunk) : socket.#userBuffer.take(chunk)),
    room: (socket) => socket.#userBuffer?.size ?? socket.#roomLeft(),
    active: (socket) => socket.#idle?.touch(),
    ended: (socket) => {
      socket.push(null);
      socket.read(0);
    },
    destroy: (socket, error) => void socket.destroy(error),
    finish: (socket) => void socket.end(),
  };

  /** Where nobody reads, no more than up to the mark: a whole piece may be as long as that. */
  #roomLeft(): number | undefined {
    const { readableLength } = this;
    const left = this.readableHighWaterMark - readableLength;
    return readableLength > 0 && left > 0 ? left : undefined;
  }

  #take(connection: Connection, context: AsyncResource): void {
    this.#context = context;
    this.#pump = new SocketPump<Socket>(connection, this, Socket.#PUMPED, context);
    this.#pump.setReferenced(this.#referenced);
    if (this.#noDelay) connection.set('noDelay', true);
    if (this.#keepAlive !== undefined) applyKeepAlive(connection, this.#keepAlive);
    if (this.#typeOfService !== undefined) connection.set('dscp', this.#typeOfService >> 2);
  }

  #setReferenced(referenced: boolean): this {
    this.#referenced = referenced;
    this.#pump?.setReferenced(referenced);
    return this;
  }

  #releasePump(): void {
    const pump = this.#pump;
    if (pump === undefined) return;
    pump.release(this.#resetting);
    this.#bytesRead = pump.bytesRead;
    this.#bytesWritten = pump.bytesWritten;
    this.#pump = undefined;
    this.#resetting = false;
  }

  /** After 'error', and where there was a connection after all that other sockets have to tell in this round. */
  #emitCloseSoon(wasOpen: boolean, hadError: boolean): void {
    // It still counts in `bytesWritten`.
    this.#held?.cancel();
    const close = (): void => {
      if (wasOpen) this.emit('close', hadError);
      else this.emit('close');
    };
    const context = this.#context;
    this.#context = undefined;
    if (!wasOpen) process.nextTick(close);
    else if (context === undefined) setImmediate(close);
    else context.runInAsyncScope(() => setImmediate(close));
  }

  /** A socket that was used before becomes a new one. */
  #renew(): void {
    if (this.destroyed) {
      undestroy(this);
      this.#wantsBytes = false;
    }
    // An own `write` is the one below, which refuses.
    Reflect.deleteProperty(this, 'write');
    this.#dial?.cancel();
    this.#releasePump();
    this.#last = undefined;
    this.#peer = undefined;
    this.#bytesRead = 0;
    this.#bytesWritten = 0;
    this.#held = undefined;
  }

  /** Where half-open sockets are not allowed, writing after the peer's FIN says why it fails. */
  static {
    onStreamEnd = function () {
      if (!this.allowHalfOpen) this.#refuseWrites();
    };
  }

  #makeIdleTimer(): IdleTimer {
    return new IdleTimer(this.#host.stack.clock, () => this.emit('timeout'));
  }

  #refuseWrites(): void {
    const write = (chunk: unknown, encoding?: BufferEncoding | WriteCallback, callback?: WriteCallback): boolean => {
      const done = typeof encoding === 'function' ? encoding : callback;
      if (!this.writableEnded) {
        return typeof encoding === 'string' ? super.write(chunk, encoding, done) : super.write(chunk, done);
      }
      const error = endedByPeer();
      if (typeof done === 'function') process.nextTick(done, error);
      this.destroy(error);
      return false;
    };
    this.write = write;
  }
}

extendNodeSocket(Socket.prototype);
if (!HAS_TYPE_OF_SERVICE) {
  for (const name of ['setTypeOfService', 'getTypeOfService']) Reflect.deleteProperty(Socket.prototype, name);
}

import { EventEmitter } from 'node:events';
import { isIP } from 'node:net';
import { usageError } from '../errors.ts';
import { checkObject, checkString, toPort } from './arguments.ts';
import type { DgramHandle } from './dgram-handle.ts';
import type { BindOptions, DgramOptions } from './dgram-options.ts';
import { asDgramError, invalidArgValue } from './net-errors.ts';
import { MONITORS_BIND } from './node-features.ts';

/** The event at which the callback of a `bind` is forgotten. */
const FAILURE: string | symbol = MONITORS_BIND ? EventEmitter.errorMonitor : 'error';

/** Whether a datagram socket is bound, and what waits until it is. The steps are those of Node's `lib/dgram.js`. */
export class DgramBinding {
  readonly #socket: EventEmitter;
  readonly #handle: DgramHandle;
  readonly #options: DgramOptions;
  #forget: (() => void) | undefined;
  #state: 'unbound' | 'binding' | 'bound' = 'unbound';
  /** What was asked for while the bind was under way. */
  #waiting: (() => void)[] | undefined;

  constructor(socket: EventEmitter, handle: DgramHandle, options: DgramOptions) {
    this.#socket = socket;
    this.#handle = handle;
    this.#options = options;
  }

  get state(): 'unbound' | 'binding' | 'bound' {
    return this.#state;
  }

  /** Does anything wait for the bind? */
  get awaited(): boolean {
    return this.#waiting !== undefined;
  }

  /** `socket.bind` in all its forms: 'listening' or 'error' follows. */
  bind(args: readonly unknown[]): void {
    if (this.#state !== 'unbound') throw alreadyBound();
    const { port, address } = placeOf(args);
    this.#state = 'binding';
    const callback = args.at(-1);
    if (typeof callback === 'function') callWhenBound(this.#socket, callback as () => void);
    const leaveStack = this.#handle.endWithStack();
    const found = (error: Error | null, ip: string): void => {
      if (!leaveStack() || this.#handle.closed) return;
      if (error) return this.#failed(error);
      try {
        this.#take(ip, port);
      } catch (thrown) {
        return this.#failed(asDgramError(thrown, { address: ip, port }));
      }
      this.#receive();
      this.#socket.emit('listening');
    };
    let looked = false;
    try {
      this.#handle.lookup(address || this.#everyAddress, found);
      looked = true;
    } finally {
      // As in Node what it throws leaves the socket neither bound nor free to be.
      if (!looked) leaveStack();
    }
  }

  /** `socket.bindSync`: to a literal address, at once; 'listening' follows all the same. */
  bindSync(options: BindOptions): void {
    checkObject(options, 'options');
    if (this.#state !== 'unbound') throw alreadyBound();
    const port = toPort(options.port ?? 0, 'options.port');
    const address = literal(options.address, 'options.address', 'bindSync') ?? this.#everyAddress;
    try {
      this.#take(address, port);
    } catch (thrown) {
      throw asDgramError(thrown, { address, port });
    }
    this.#receive();
    process.nextTick(() => {
      if (!this.#handle.closed) this.#socket.emit('listening');
    });
  }

  /** Runs the action at the bind's end; an error of the socket before that drops whatever waits. */
  wait(action: () => void): void {
    this.#waiting ??= this.#queue();
    this.#waiting.push(action);
  }

  /** There will be no bind: what waits for it is dropped. */
  abandon(): void {
    this.#forget?.();
  }

  get #everyAddress(): string {
    return this.#options.type === 'udp4' ? '0.0.0.0' : '::';
  }

  #take(ip: string, port: unknown): void {
    // A port is whatever number it can be read as, its lower 16 bits.
    this.#handle.bind(ip, (Number(port || 0) >>> 0) & 0xffff, this.#options);
  }

  #failed(error: Error): void {
    this.#state = 'unbound';
    this.#socket.emit('error', error);
  }

  #receive(): void {
    const { recvBufferSize, sendBufferSize } = this.#options;
    this.#handle.receive();
    this.#state = 'bound';
    if (recvBufferSize) this.#handle.bufferSize(recvBufferSize, 'receive');
    if (sendBufferSize) this.#handle.bufferSize(sendBufferSize, 'send');
  }

  #queue(): (() => void)[] {
    const socket = this.#socket;
    const waiting: (() => void)[] = [];
    const failed = (): void => {
      socket.removeListener('listening', bound);
      socket.removeListener(EventEmitter.errorMonitor, failed);
      this.#waiting = undefined;
      this.#forget = undefined;
    };
    const bound = (): void => {
      socket.removeListener(EventEmitter.errorMonitor, failed);
      this.#waiting = undefined;
      this.#forget = undefined;
      for (const action of waiting) action();
    };
    socket.once(EventEmitter.errorMonitor, failed);
    socket.once('listening', bound);
    this.#forget = failed;
    return waiting;
  }
}

/** The port and address of a `bind`, in the user's words. */
function placeOf([first, second]: readonly unknown[]): { port: unknown; address: string | undefined } {
  if (typeof first !== 'object' || first === null) {
    return { port: first, address: typeof second === 'function' ? undefined : (second as string | undefined) };
  }
  const { port, address, fd } = first as BindOptions & { fd?: unknown };
  if (Number.isInteger(fd) && Number(fd) > 0) {
    throw invalidArgValue('options.fd', fd, 'has no meaning: the sockets of a stack have no file descriptors');
  }
  return { port, address };
}

/**
 * An address that needs no lookup; none is undefined.
 *
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
 */
export function literal(address: string | null | undefined, name: string, call: string): string | undefined {
  if (address === undefined || address === null || address === '') return undefined;
  checkString(address, name);
  if (isIP(address) !== 0) return address;
  throw invalidArgValue(name, address, `must be a numeric IP address; ${call} does not perform DNS resolution`);
}

/** The callback hears of this bind only: an error of it takes it away again. */
function callWhenBound(socket: EventEmitter, callback: () => void): void {
  const clear = (): void => {
    socket.removeListener(FAILURE, clear);
    socket.removeListener('listening', bound);
  };
  const bound = (): void => {
    clear();
    callback.call(socket);
  };
  socket.on(FAILURE, clear);
  socket.on('listening', bound);
}

export function alreadyBound(): Error {
  return usageError('ERR_SOCKET_ALREADY_BOUND', 'Socket is already bound', Error);
}

import type { Batch } from '../buffer/batch.ts';
import { memoryOf } from '../buffer/memory.ts';
import { requireInteger, requireMethods, requireOptions, systemError } from '../errors.ts';
import type { Timer } from '../time/clock.ts';
import type { CarrierLink } from './carrier-link.ts';
import { AbstractCarrierLink } from './carrier-link.ts';
import type { CheckedCarrier, CarrierOptions } from './carrier-options.ts';
import { checkCarrier, CARRIER_OPTIONS } from './carrier-options.ts';
import type { LinkHost } from './link.ts';

/** What `webSocketLink` needs of a WebSocket: browsers', `ws`, undici's and Node's have it. */
export interface WebSocketLike {
  binaryType: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  // In these words for TypeScript before 5.7, too, which does not know `Uint8Array<ArrayBuffer>`.
  send(data: Uint8Array & { readonly buffer: ArrayBuffer }): void;
  close(code?: number): void;
  addEventListener(type: 'open' | 'message' | 'close' | 'error', listener: (event: WebSocketEvent) => void): void;
  removeEventListener(type: 'open' | 'message' | 'close' | 'error', listener: (event: WebSocketEvent) => void): void;
}

/** What is read of a WebSocket's events, where it is there. */
export interface WebSocketEvent {
  readonly type: string;
  readonly data?: unknown;
  readonly code?: number;
  readonly error?: unknown;
  readonly message?: string;
}

export interface WebSocketLinkOptions extends CarrierOptions {
  /** Bytes that may wait in the WebSocket (`bufferedAmount`) before `send` takes less. Default 1 MiB. */
  queueBytes?: number;
}

const CONNECTING = 0;
const OPEN = 1;
const NORMAL_CLOSURE = 1000;
/** RFC 6455 §7.4.1: the end of an endpoint that goes away, and a close without a code. */
const IN_ORDER: ReadonlySet<number> = new Set([NORMAL_CLOSURE, 1001, 1005]);
/** A WebSocket does not tell when it has room again: it is asked, so often, in microseconds. */
const ASK_EVERY = 1000;
/** What may come in one turn of the event loop before the rest is dropped: a WebSocket can't be told to wait. */
const INBOX = { queue: 65_536, queueBytes: 16 << 20 };
/** Packets that are sent before the WebSocket is asked whether it has room. */
const BURST = 64;

/**
 * A link over a WebSocket: each binary message is a packet. A WebSocket that is still connecting is waited for (`ready` of
 * the interface). The link ends with the WebSocket, with an error unless it was closed in order, and closes it.
 *
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE
 * @example
 * const link = webSocketLink(new WebSocket('wss://relay.example/vm7'));
 * await stack.attach(link, { addresses: ['10.0.0.2/24'] }).ready;
 */
export function webSocketLink(socket: WebSocketLike, options: WebSocketLinkOptions = {}): CarrierLink {
  requireMethods('socket', socket, ['send', 'close', 'addEventListener', 'removeEventListener'], 'a WebSocket');
  requireOptions('webSocketLink', options, [...CARRIER_OPTIONS, 'queueBytes']);
  const { queueBytes = 0x10_0000 } = options;
  requireInteger('queueBytes', queueBytes, 1, 0x7fff_ffff);
  return new WebSocketLink(socket, checkCarrier(options), queueBytes);
}

class WebSocketLink extends AbstractCarrierLink {
  readonly #socket: WebSocketLike;
  readonly #queueBytes: number;
  /** Armed while `transmit` has left packets. */
  #asking: Timer | undefined;
  #host: LinkHost | undefined;
  /** Ends the wait for the connection. */
  #settle: { resolve(): void; reject(error: Error): void } | undefined;

  constructor(socket: WebSocketLike, carrier: CheckedCarrier, queueBytes: number) {
    super(carrier, INBOX);
    this.#socket = socket;
    this.#queueBytes = queueBytes;
  }

  protected override start(host: LinkHost): void | Promise<void> {
    const socket = this.#socket;
    const { readyState } = socket;
    if (readyState !== CONNECTING && readyState !== OPEN) {
      throw systemError('ENOTCONN', 'open', { hint: 'the WebSocket was closed before the link was opened' });
    }
    this.#host = host;
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('message', this.#onMessage);
    socket.addEventListener('close', this.#onClose);
    // This one stays for good: what happens to a WebSocket that was let go ends no program.
    socket.addEventListener('error', this.#onError);
    if (readyState === OPEN) return this.connected();
    socket.addEventListener('open', this.#onOpen);
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  protected override transmit(batch: Batch): number {
    const socket = this.#socket;
    const { count } = batch;
    for (let row = 0; row < count; row++) {
      if (row % BURST === 0 && socket.bufferedAmount >= this.#queueBytes) {
        this.#ask();
        return row;
      }
      if (!this.mayPass(batch, row)) continue;
      const offset = batch.offset[row]!;
      // A copy of its own: nobody says when the WebSocket has read it.
      const packet = new Uint8Array(batch.length[row]!);
      packet.set(batch.memory[row]!.bytes.subarray(offset, offset + packet.length));
      try {
        socket.send(packet);
      } catch (error) {
        this.ended(asError(error));
        return row;
      }
    }
    return count;
  }

  protected override stop(): void {
    const socket = this.#socket;
    this.#asking?.cancel();
    socket.removeEventListener('message', this.#onMessage);
    socket.removeEventListener('close', this.#onClose);
    socket.removeEventListener('open', this.#onOpen);
    if (this.#host === undefined) socket.addEventListener('error', this.#onError);
    const hint = 'the link was closed before the WebSocket was open';
    this.#settle?.reject(systemError('ECONNABORTED', 'connect', { hint }));
    this.#settle = undefined;
    // Closing flushes: what was sent still goes out.
    socket.close(NORMAL_CLOSURE);
  }

  readonly #onOpen = (): void => {
    this.connected();
    this.#settle?.resolve();
    this.#settle = undefined;
  };

  readonly #onMessage = ({ data }: WebSocketEvent): void => {
    if (!(data instanceof ArrayBuffer)) this.drop('received-not-bytes');
    else if (!this.inboxHasRoom) this.drop('received-full');
    else this.arrived(memoryOf(new Uint8Array(data)), 0, data.byteLength);
  };

  readonly #onError = (event: WebSocketEvent): void => this.#gone(asError(event.error, event.message));

  readonly #onClose = ({ code = 1005 }: WebSocketEvent): void => {
    const error = systemError('ECONNRESET', 'read', { hint: `the WebSocket was closed with code ${code}` });
    this.#gone(error, IN_ORDER.has(code));
  };

  /** The WebSocket has ended, or does not come about. */
  #gone(error: Error, inOrder: boolean = false): void {
    const settle = this.#settle;
    if (settle === undefined) return this.ended(inOrder ? undefined : error);
    this.#settle = undefined;
    this.close();
    settle.reject(error);
  }

  #ask(): void {
    const host = this.#host!;
    this.#asking ??= host.clock.timer(() => {
      if (this.#socket.bufferedAmount >= this.#queueBytes) this.#ask();
      else this.writable();
    });
    this.#asking.at(host.clock.now() + ASK_EVERY);
  }
}

function asError(error: unknown, hint: string = 'the WebSocket failed'): Error {
  return error instanceof Error ? error : systemError('EIO', 'read', { hint });
}

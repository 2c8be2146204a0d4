import { Batch } from '../buffer/batch.ts';
import { copyBytes } from '../buffer/copy.ts';
import type { Memory } from '../buffer/memory.ts';
import { memoryOf } from '../buffer/memory.ts';
import { requireInteger, requireMethods, requireOptions } from '../errors.ts';
import type { CarrierLink } from './carrier-link.ts';
import { AbstractCarrierLink } from './carrier-link.ts';
import type { CheckedCarrier, CarrierOptions } from './carrier-options.ts';
import { checkCarrier, CARRIER_OPTIONS } from './carrier-options.ts';

/** What `messagePortLink` needs of a port: `MessagePort` and `Worker` of browsers and of `node:worker_threads` have it. */
export interface MessagePortLike {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  addEventListener?(type: string, listener: (event: object) => void): void;
  removeEventListener?(type: string, listener: (event: object) => void): void;
  on?(type: string, listener: (message?: unknown) => void): unknown;
  off?(type: string, listener: (message?: unknown) => void): unknown;
  start?(): void;
  unref?(): void;
  close?(): void;
}

export interface MessagePortLinkOptions extends CarrierOptions {
  /** Bytes that the other side may send before this one has read them, 131,072 to 1 GiB. Default 1 MiB. */
  queueBytes?: number;
}

/** Room for the longest packet, and again as much until the other side learns that it was read. */
const LEAST_QUEUE = 131_072;
const MOST_QUEUE = 1 << 30;
/** The longest message, unless one packet needs more. */
const LONGEST_MESSAGE = 0x4_0000;
/** What the other side may send altogether: beyond it the numbers make no sense. */
const MOST_CREDIT = 2 ** 40;
const WORD = 4;

/**
 * A link over a message port, to another `messagePortLink` at its other end: between workers, frames of a page, or within
 * one thread. The packets of a batch travel as one message, whose memory is moved and not copied. Each end says how many
 * bytes it is ready to read, so that no more than that waits. The link is up when both ends are open; it ends when the
 * other end is closed, or its worker ends where the runtime tells of that. To close it closes the port. A `MessagePort` of
 * Node's no longer keeps its thread alive; a `Worker` still does.
 *
 * What is posted: a number of bytes that may be sent, in addition; an ArrayBuffer with the number of packets, their
 * lengths (32 bits each, little-endian) and the packets; `null` at the end.
 *
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE
 * @example
 * const { port1, port2 } = new MessageChannel();
 * worker.postMessage({ port: port2 }, [port2]); // there: messagePortLink(port)
 * stack.attach(messagePortLink(port1), { addresses: ['10.0.0.1/24'] });
 */
export function messagePortLink(port: MessagePortLike, options: MessagePortLinkOptions = {}): CarrierLink {
  const known = (port ?? {}) as Partial<MessagePortLike>;
  const listen = known.on === undefined ? 'addEventListener' : 'on';
  requireMethods('port', port, ['postMessage', listen], 'a MessagePort or a Worker');
  requireOptions('messagePortLink', options, [...CARRIER_OPTIONS, 'queueBytes']);
  const { queueBytes = 0x10_0000 } = options;
  requireInteger('queueBytes', queueBytes, LEAST_QUEUE, MOST_QUEUE);
  return new MessagePortLink(port, checkCarrier(options), queueBytes);
}

class MessagePortLink extends AbstractCarrierLink {
  readonly #port: MessagePortLike;
  readonly #queueBytes: number;
  readonly #batch: Batch = new Batch();
  /** Bytes that may be sent; `transmit` has left packets. */
  #credit: number = 0;
  #refused: boolean = false;
  /** Bytes that were read and that the other side has not been told of. */
  #owed: number = 0;
  #begun: boolean = false;
  #stopped: boolean = false;
  readonly #onEvent = (event: { readonly data?: unknown }): void => this.#onMessage(event.data);
  readonly #onMessage = (message: unknown): void => {
    if (message instanceof ArrayBuffer) this.#read(message);
    else if (message === null) this.ended();
    else if (typeof message === 'number') this.#grant(message);
    else this.drop('received-malformed');
  };
  readonly #onClose = (): void => this.ended();

  constructor(port: MessagePortLike, carrier: CheckedCarrier, queueBytes: number) {
    super(carrier, {});
    this.#port = port;
    this.#queueBytes = queueBytes;
    this.#batch.retained = true;
  }

  protected override start(): void {
    const port = this.#port;
    this.#begun = true;
    if (port.on === undefined) {
      port.addEventListener?.('message', this.#onEvent);
      port.addEventListener?.('close', this.#onClose);
    } else {
      port.on('message', this.#onMessage);
      port.on('close', this.#onClose);
      // A worker of Node's has an exit instead.
      port.on('exit', this.#onClose);
    }
    if (port.start !== undefined) {
      port.start();
      port.unref?.();
    }
    port.postMessage(this.#queueBytes, []);
  }

  protected override transmit(batch: Batch): number {
    const { count } = batch;
    let row = 0;
    while (row < count) {
      if (!this.mayPass(batch, row)) {
        row++;
        continue;
      }
      const end = this.#fitting(batch, row);
      if (end === row) {
        this.#refused = true;
        return row;
      }
      this.#post(batch, row, end);
      row = end;
    }
    return count;
  }

  protected override stop(): void {
    this.#stopped = true;
    const port = this.#port;
    port.removeEventListener?.('message', this.#onEvent);
    port.removeEventListener?.('close', this.#onClose);
    port.off?.('message', this.#onMessage);
    port.off?.('close', this.#onClose);
    port.off?.('exit', this.#onClose);
    if (this.#begun) port.postMessage(null, []);
    // A worker and a worker's global scope are more than a port, and not this link's to close.
    if (port.start !== undefined) port.close?.();
  }

  /** The row behind the last that the credit and one message take; `first` when there is no room for it. */
  #fitting(batch: Batch, first: number): number {
    const { count, length } = batch;
    const most = Math.min(this.#credit, Math.max(LONGEST_MESSAGE, 2 * WORD + length[first]!));
    let size = WORD;
    let row = first;
    // The first has been looked at.
    while (row < count && (row === first || this.refusal(batch, row) === undefined)) {
      size += WORD + length[row]!;
      if (size > most) break;
      row++;
    }
    return row;
  }

  /** Posts packets that may all pass. */
  #post(batch: Batch, first: number, end: number): void {
    const count = end - first;
    let at = WORD * (1 + count);
    let size = at;
    for (let row = first; row < end; row++) size += batch.length[row]!;
    const buffer = new ArrayBuffer(size);
    const { bytes, view } = memoryOf(new Uint8Array(buffer));
    view.setUint32(0, count, true);
    for (let i = 0; i < count; i++) {
      const row = first + i;
      const length = batch.length[row]!;
      view.setUint32(WORD * (1 + i), length, true);
      copyBytes(bytes, at, batch.memory[row]!.bytes, batch.offset[row]!, length);
      at += length;
    }
    this.#credit -= size;
    this.#port.postMessage(buffer, [buffer]);
  }

  #grant(bytes: number): void {
    if (!Number.isInteger(bytes) || bytes <= 0 || this.#credit + bytes > MOST_CREDIT) {
      this.drop('received-malformed');
      return;
    }
    this.#credit += bytes;
    if (!this.up) this.connectedLate();
    if (!this.#refused) return;
    this.#refused = false;
    this.writable();
  }

  #read(buffer: ArrayBuffer): void {
    const memory = memoryOf(new Uint8Array(buffer));
    const batch = this.#batch;
    if (!this.#parse(memory, batch)) this.drop('received-malformed');
    try {
      if (batch.count > 0) this.deliver(batch);
    } finally {
      batch.clear();
      this.#pay(buffer.byteLength);
    }
  }

  /** Makes a batch of a message; false when there is less, or more, than it says. */
  #parse(memory: Memory, batch: Batch): boolean {
    const { view } = memory;
    const size = view.byteLength;
    if (size < WORD) return false;
    const count = view.getUint32(0, true);
    let at = WORD * (1 + count);
    if (at > size) return false;
    for (let i = 1; i <= count; i++) {
      const length = view.getUint32(WORD * i, true);
      if (length > size - at) break;
      if (this.isPacket(length)) batch.push(memory, at, length);
      at += length;
    }
    if (at === size) return true;
    batch.clear();
    return false;
  }

  /** Tells the other side from time to time how much was read: long before it has to wait. */
  #pay(bytes: number): void {
    this.#owed += bytes;
    if (this.#stopped || this.#owed < this.#queueBytes / 4) return;
    this.#port.postMessage(this.#owed, []);
    this.#owed = 0;
  }
}

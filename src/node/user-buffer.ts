/** The option `onread`: bytes come in memory of the program's own, to a function, and there is no 'data'. */
export interface OnRead {
  /** Memory that every read uses, or a function that gives it, asked anew for each. */
  buffer: Uint8Array | (() => Uint8Array);
  /** Told how many bytes stand at the front of the buffer; false pauses. */
  callback(bytes: number, buffer: Uint8Array): boolean | void;
}

/** What `onread` makes of a socket: a place for bytes instead of the stream's. */
export class UserBuffer {
  readonly #onRead: OnRead;
  #buffer: Uint8Array | undefined;

  /** A function that gives memory is asked at once for the first. */
  constructor(socket: object, onRead: OnRead) {
    // `this` of the callback is the socket, as in Node.
    this.#onRead = { buffer: onRead.buffer, callback: onRead.callback.bind(socket) };
    this.#renew();
  }

  /** As in Node an `onread` that is none is ignored. */
  static from(socket: object, onRead: OnRead | null | undefined): UserBuffer | undefined {
    if (typeof onRead !== 'object' || onRead === null || typeof onRead.callback !== 'function') return undefined;
    const { buffer } = onRead;
    return buffer instanceof Uint8Array || typeof buffer === 'function' ? new UserBuffer(socket, onRead) : undefined;
  }

  /** Bytes that it takes at once. */
  get size(): number {
    return this.#memory().byteLength;
  }

  /** False: no more for now. */
  take(bytes: Uint8Array): boolean {
    const buffer = this.#memory();
    buffer.set(bytes);
    const more = this.#onRead.callback(bytes.byteLength, buffer) !== false;
    this.#renew();
    return more;
  }

  #memory(): Uint8Array {
    return this.#buffer ?? new Uint8Array(0);
  }

  /** What a function gives that is no memory leaves the old one in place. */
  #renew(): Uint8Array | undefined {
    const { buffer } = this.#onRead;
    const next: unknown = typeof buffer === 'function' ? buffer() : buffer;
    if (next instanceof Uint8Array) this.#buffer = next;
    return this.#buffer;
  }
}

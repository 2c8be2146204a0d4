import type { Duplex } from 'node:stream';
import type { Connection } from '../tcp/connection.ts';
import { closedBeforeConnected } from './net-errors.ts';
import type { WriteCallback } from './stream-writes.ts';

/**
 * A write that waits for 'connect'. As in Node it takes its turn among the listeners of 'connect', and where that never
 * comes it hears of the end among those of 'close'.
 */
export class HeldWrite {
  readonly length: number;
  readonly #stream: Duplex;
  readonly #chunks: Uint8Array | Uint8Array[];
  readonly #send: () => void;
  readonly #fail: () => void;
  /** Bytes that the attempt under way has taken already, for its SYN. */
  #taken: number = 0;

  /** @param send writes what is left of it: so many bytes have been taken */
  constructor(
    stream: Duplex,
    chunks: Uint8Array | Uint8Array[],
    length: number,
    send: (taken: number) => void,
    callback: WriteCallback,
  ) {
    this.#stream = stream;
    this.#chunks = chunks;
    this.length = length;
    this.#send = () => {
      stream.off('close', this.#fail);
      send(this.#taken);
    };
    this.#fail = () => callback(closedBeforeConnected());
    stream.once('close', this.#fail);
    stream.once('connect', this.#send);
  }

  /** An attempt takes bytes for its SYN (Fast Open). Each gets them anew: what the one before took is lost with it. */
  writeEarly(connection: Connection): void {
    this.#taken = connection.write(this.#chunks);
  }

  /** There will be no 'connect'. */
  cancel(): void {
    this.#stream.off('connect', this.#send);
  }
}

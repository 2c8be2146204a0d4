import { Buffer } from 'node:buffer';
import { systemError } from '../errors.ts';
import type { SystemError } from '../errors.ts';
import type { Connection } from '../tcp/connection.ts';
import type { ConnectionHandler } from '../tcp/handler.ts';

/** What pumps ask of the streams that they serve: one object for all streams of a kind. */
export interface PumpOwner<Stream> {
  /** Takes bytes; false: no more for now. */
  push(stream: Stream, chunk: Buffer): boolean;
  /** Bytes that one `push` may have; undefined: any number. */
  room(stream: Stream): number | undefined;
  /** Bytes have moved. */
  active(stream: Stream): void;
  /** The peer has sent all. */
  ended(stream: Stream): void;
  destroy(stream: Stream, error?: Error): void;
  /** Writes no more than what it has: the stack is closing. */
  finish(stream: Stream): void;
}

/** All of a write was accepted: never written to. */
const NOTHING: Uint8Array[] = [];

/** The owner is gone: what still comes is not its business. */
const NOBODY: ConnectionHandler = {};

/**
 * Moves bytes between a core connection and a stream. Reading is push from the connection's own callback: no timer, no
 * promise and no tick lies between a packet and the stream's 'data'. When the stream has enough, nothing is read, and
 * the connection's window closes.
 */
export class SocketPump<Stream> implements ConnectionHandler {
  readonly connection: Connection;
  bytesRead: number = 0;
  /** Bytes of all writes, that under way included. */
  bytesWritten: number = 0;
  readonly #stream: Stream;
  readonly #owner: PumpOwner<Stream>;
  #flowing: boolean = false;
  #draining: boolean = false;
  #peerEnded: boolean = false;
  /** The part of a write that the connection had no room for, and whom to tell when it has gone. */
  #rest: Uint8Array[] = NOTHING;
  #written: ((error?: Error) => void) | undefined;

  constructor(connection: Connection, stream: Stream, owner: PumpOwner<Stream>) {
    this.connection = connection;
    this.#stream = stream;
    this.#owner = owner;
    connection.handler = this;
  }

  /** The stream wants bytes: those that wait come from inside this call, later ones when they arrive. */
  start(): void {
    this.#flowing = true;
    this.#drain();
  }

  /**
   * Writes all; `done` is called when the connection has accepted (copied) the last byte, perhaps from inside the call.
   *
   * @param before bytes that the connection has accepted already.
   */
  write(chunks: Uint8Array | Uint8Array[], length: number, done: (error?: Error) => void, before: number = 0): void {
    this.#owner.active(this.#stream);
    this.bytesWritten += length;
    const waiting = before === 0 ? chunks : without(chunks instanceof Uint8Array ? [chunks] : chunks, before);
    const taken = before + this.connection.write(waiting);
    if (taken === length) return done();
    this.#rest = without(chunks instanceof Uint8Array ? [chunks] : chunks, taken);
    this.#written = done;
  }

  /**
   * Parts with the connection: what it has accepted goes out, or with `reset` the peer is told that all is lost. A write
   * that was accepted in part fails with the error, or ECANCELED.
   */
  release(reset: boolean, error: Error | null): void {
    this.#flowing = false;
    this.connection.handler = NOBODY;
    if (reset) this.connection.abort();
    else this.connection.close();
    this.#rest = NOTHING;
    const written = this.#written;
    this.#written = undefined;
    // The stream fails the writes behind it with the same error, as Node does from version 22 on.
    if (written !== undefined) process.nextTick(written, error ?? systemError('ECANCELED', 'write'));
  }

  /** Nothing is read before the next `start()`. */
  stop(): void {
    this.#flowing = false;
  }

  onReadable(): void {
    if (this.#flowing) this.#drain();
  }

  onWritable(): void {
    const written = this.#written;
    if (written === undefined) return;
    this.#owner.active(this.#stream);
    this.#rest = without(this.#rest, this.connection.write(this.#rest));
    if (this.#rest.length > 0) return;
    this.#rest = NOTHING;
    this.#written = undefined;
    written();
  }

  onEnd(): void {
    this.#peerEnded = true;
    this.#owner.ended(this.#stream);
  }

  onClosing(): void {
    this.#owner.finish(this.#stream);
  }

  onError(error: SystemError): void {
    if (error.syscall === 'read') {
      // Node names no address here.
      error.message = `read ${error.code}`;
      delete error.address;
      delete error.port;
    }
    this.#owner.destroy(this.#stream, error);
  }

  onClose(): void {
    // After the peer's FIN the stream ends itself, once its reader has come to the end.
    if (!this.#peerEnded) this.#owner.destroy(this.#stream);
  }

  #drain(): void {
    // A listener that reads on from inside 'data' only sets #flowing: the loop below goes on.
    if (this.#draining) return;
    this.#draining = true;
    let completed = false;
    try {
      this.#readOn();
      completed = true;
    } finally {
      this.#draining = false;
      // A 'data' listener threw. Its bytes are spent; the connection does not announce those behind them again.
      if (!completed && this.#flowing && this.connection.readableLength > 0) setImmediate(() => this.onReadable());
    }
  }

  #readOn(): void {
    const { connection } = this;
    while (this.#flowing) {
      const bytes = connection.read(this.#owner.room(this.#stream));
      if (bytes === undefined) return;
      this.bytesRead += bytes.byteLength;
      this.#owner.active(this.#stream);
      if (!this.#owner.push(this.#stream, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)))
        this.#flowing = false;
    }
  }
}

/** What is left of the chunks behind their first `taken` bytes. */
function without(chunks: readonly Uint8Array[], taken: number): Uint8Array[] {
  let i = 0;
  let skip = taken;
  while (i < chunks.length && skip >= chunks[i]!.byteLength) skip -= chunks[i++]!.byteLength;
  const rest = chunks.slice(i);
  if (skip > 0) rest[0] = rest[0]!.subarray(skip);
  return rest;
}

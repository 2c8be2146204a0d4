import type { AsyncResource } from 'node:async_hooks';
import { Buffer } from 'node:buffer';
import { systemError } from '../errors.ts';
import type { SystemError } from '../errors.ts';
import type { Connection } from '../tcp/connection.ts';
import type { ConnectionHandler } from '../tcp/handler.ts';
import { currentContext } from './async-context.ts';
import type { Waiting } from './macrotask.ts';
import { IS_22_OR_NEWER, RESET_IS_END } from './node-features.ts';
import { WIDE } from '../buffer/wide.ts';

/** What pumps ask of the streams that they serve: one object for all streams of a kind. */
export interface PumpOwner<Stream> {
  /** Runs it behind the ticks and promises of what is called now, before virtual time moves on. */
  later(stream: Stream, one: Waiting): void;
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
export class SocketPump<Stream> implements ConnectionHandler, Waiting {
  readonly connection: Connection;
  /** Events belong to whoever has made the socket, not to whose turn it is when they come. */
  readonly #context: AsyncResource;
  bytesRead: number = WIDE;
  /** Bytes of all writes, that under way included. */
  bytesWritten: number = WIDE;
  readonly #stream: Stream;
  readonly #owner: PumpOwner<Stream>;
  #flowing: boolean = false;
  /** `run` will be called; until then nothing is told. */
  #waiting: boolean = false;
  #peerEnded: boolean = false;
  /** Nobody reads at present: the peer's end keeps. */
  #endWaits: boolean = false;
  #errorWaits: SystemError | undefined;
  #closeWaits: boolean = false;
  #released: boolean = false;
  #referenced: boolean = true;
  /** What writing fails with: the peer has reset the connection behind what was read as its end. */
  #broken: 'EPIPE' | 'ECONNRESET' | undefined;
  /** The connection is reset, and keeps what had come before: whoever does not read hears of it later. */
  #kept: boolean = false;
  /** Bytes were read when the connection had ended already. */
  #hungUp: boolean = false;
  /** The part of a write that the connection had no room for, and whom to tell when it has gone. */
  #rest: Uint8Array[] = NOTHING;
  #written: ((error?: Error) => void) | undefined;
  #writeContext: AsyncResource | undefined;

  constructor(connection: Connection, stream: Stream, owner: PumpOwner<Stream>, context: AsyncResource) {
    this.connection = connection;
    this.#stream = stream;
    this.#context = context;
    this.#owner = owner;
    connection.handler = this;
    this.#hold();
    this.#beginSoon();
  }

  /**
   * The stream wants bytes: those that wait come soon, later ones when they arrive. Never from inside this call: as from
   * the kernel they come in the socket's own context, and `read()` does not wait for them.
   */
  start(): void {
    this.#setFlowing(true);
    if (this.connection.readableLength > 0 || this.#endWaits || this.#errorWaits !== undefined) this.#beginSoon();
  }

  /**
   * Writes all; `done` is called when the connection has accepted (copied) the last byte, perhaps from inside the call.
   *
   * @param before bytes that the connection has accepted already.
   */
  write(chunks: Uint8Array | Uint8Array[], length: number, done: (error?: Error) => void, before: number = 0): void {
    if (this.#broken !== undefined) return done(systemError(this.#broken, 'write'));
    this.#owner.active(this.#stream);
    this.bytesWritten += length;
    const waiting = before === 0 ? chunks : without(chunks instanceof Uint8Array ? [chunks] : chunks, before);
    const taken = before + this.connection.write(waiting);
    if (taken === length) return done();
    this.#rest = without(chunks instanceof Uint8Array ? [chunks] : chunks, taken);
    this.#written = done;
    this.#writeContext = currentContext('WRITEWRAP');
    this.#hold();
  }

  /**
   * Parts with the connection: what it has accepted goes out, or with `reset` the peer is told that all is lost. A write
   * that was accepted in part is cancelled, which Node before version 22 keeps to itself.
   */
  release(reset: boolean): void {
    this.#released = true;
    this.#flowing = false;
    this.connection.handler = NOBODY;
    // What is written is with the kernel when `write` returns: where a reset follows, it goes before that.
    if (reset || this.connection.readableLength > 0) this.connection.sendNow();
    if (reset) this.connection.abort();
    else this.connection.close();
    // Nor would bytes that come before this turn's end, which are answered with a reset, take it back.
    if (this.connection.unacknowledged > 0) this.connection.sendNow();
    this.#rest = NOTHING;
    const written = this.#written;
    if (written === undefined) return;
    this.#written = undefined;
    // As libuv cancels it when the handle is closed: behind 'error', before 'close' (`onWriteComplete` of
    // lib/internal/stream_base_commons.js).
    const failure = IS_22_OR_NEWER ? systemError('ECANCELED', 'write') : undefined;
    this.#writeContext?.runInAsyncScope(() => setImmediate(written, failure));
  }

  /** Nothing is read before the next `start()`. */
  stop(): void {
    this.#setFlowing(false);
  }

  /** Reading keeps the process alive. */
  setReferenced(referenced: boolean): void {
    this.#referenced = referenced;
    this.#hold();
  }

  #setFlowing(flowing: boolean): void {
    if (flowing === this.#flowing) return;
    this.#flowing = flowing;
    this.#hold();
  }

  /**
   * As libuv counts: a socket keeps the process alive while it reads, unless it is unref'd, and while a write is under
   * way in any case. One that is paused, or at the peer's end, does not.
   */
  #hold(): void {
    const reads = this.#referenced && this.#flowing && !this.#peerEnded;
    if (reads || this.#written !== undefined) this.connection.ref();
    else this.connection.unref();
  }

  onReadable(): void {
    if (this.#flowing && !this.#waiting) this.#readOn();
  }

  onWritable(): void {
    const written = this.#written;
    if (written === undefined) return;
    this.#owner.active(this.#stream);
    this.#rest = without(this.#rest, this.connection.write(this.#rest));
    if (this.#rest.length > 0) return;
    this.#rest = NOTHING;
    this.#written = undefined;
    this.#hold();
    this.#writeContext?.runInAsyncScope(() => written());
  }

  onEnd(): void {
    this.#peerEnded = true;
    // Whoever reads the stream may be behind for ever: the connection goes with the stream.
    this.connection.keepUnread();
    this.#hold();
    this.#endWaits = !this.#flowing || this.#waiting;
    if (!this.#endWaits) this.#context.runInAsyncScope(() => this.#owner.ended(this.#stream));
  }

  onClosing(): void {
    this.#context.runInAsyncScope(() => this.#owner.finish(this.#stream));
  }

  onError(error: SystemError): void {
    this.#errorWaits = error;
    // A kernel tells of a reset who reads on, behind the bytes. The rest is told at once.
    if (error.code === 'ECONNRESET' && (this.#waiting || !this.#flowing)) this.#keepUnread();
    if (!this.#waiting) this.#tellError(error);
  }

  /** Not of a connection of Node's own, which does so itself. */
  #keepUnread(): void {
    if (this.connection.state !== 'CLOSED') return;
    this.#kept = true;
    this.connection.keepUnread();
  }

  #tellError(error: SystemError): void {
    const ended = this.#peerEnded && !this.#endWaits;
    // Node reads no more behind the peer's FIN: of a reset it hears when it writes (Linux: EPIPE in CLOSE-WAIT).
    if (ended && error.code === 'ECONNRESET') return this.#break('EPIPE');
    const isEnd = this.#peerEnded || (RESET_IS_END && this.#hungUp);
    if (!this.#kept || (this.#flowing && !isEnd)) return this.#fail(error);
    this.#break(this.#peerEnded ? 'EPIPE' : 'ECONNRESET');
    if (!this.#flowing) return;
    this.#errorWaits = undefined;
    this.onEnd();
  }

  #fail(error: SystemError): void {
    this.#errorWaits = undefined;
    if (error.syscall === 'read') {
      // Node names no address here.
      error.message = `read ${error.code}`;
      delete error.address;
      delete error.port;
    }
    this.#context.runInAsyncScope(() => this.#owner.destroy(this.#stream, error));
  }

  /** Writing fails from now on, and a write that is under way. */
  #break(code: 'EPIPE' | 'ECONNRESET'): void {
    this.#broken = code;
    const written = this.#written;
    this.#rest = NOTHING;
    this.#written = undefined;
    if (written !== undefined) this.#writeContext?.runInAsyncScope(() => written(systemError(code, 'write')));
  }

  onClose(): void {
    // The stack is closing, and nobody has read on, or the error was none for one that has read to the end.
    if (this.#kept || (this.#broken !== undefined && this.connection.state === 'CLOSED')) {
      return this.#context.runInAsyncScope(() => this.#owner.destroy(this.#stream, this.#errorWaits));
    }
    this.#closeWaits = this.#waiting;
    // After the peer's FIN the stream ends itself, once its reader has come to the end.
    if (!this.#closeWaits && !this.#peerEnded) this.#context.runInAsyncScope(() => this.#owner.destroy(this.#stream));
  }

  /**
   * In a macrotask of its own, so that what the program does with news (of a connection, of bytes) in ticks and promises
   * comes before the news that follow, as it does between two callbacks of the kernel's sockets.
   */
  #beginSoon(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#owner.later(this.#stream, this);
  }

  get due(): boolean {
    // Whoever has just got the socket begins to read in a tick or promise.
    if (this.connection.readableLength > 0) return true;
    return this.#errorWaits !== undefined || this.#endWaits || this.#closeWaits;
  }

  readonly run = (): void => {
    this.#waiting = false;
    if (this.#released) return;
    // What comes behind the bytes waits for its own turn.
    if (this.#flowing && this.#readOn()) return;
    if (this.#errorWaits !== undefined) return this.#tellError(this.#errorWaits);
    if (this.#endWaits) this.onEnd();
    if (this.#closeWaits) this.onClose();
  };

  /** One 'data', and nothing further in this macrotask; false when there are no bytes. */
  #readOn(): boolean {
    const bytes = this.connection.read(this.#owner.room(this.#stream));
    if (bytes === undefined) return false;
    this.#beginSoon();
    this.#hungUp = this.connection.state === 'CLOSED';
    this.bytesRead += bytes.byteLength;
    this.#owner.active(this.#stream);
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#context.runInAsyncScope(() => {
      if (!this.#owner.push(this.#stream, chunk)) this.#setFlowing(false);
    });
    return true;
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

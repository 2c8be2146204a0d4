import { requireMethods, systemError } from '../errors.ts';

/** What `streamLink` needs of a stream of Node's: any Duplex has it. */
export interface DuplexLike {
  readonly destroyed?: boolean;
  readonly writableNeedDrain?: boolean;
  /** False when it is full: `drain` follows. */
  write(chunk: Uint8Array): boolean;
  end(): unknown;
  destroy(): unknown;
  pause(): unknown;
  resume(): unknown;
  on(event: string, listener: (argument?: unknown) => void): unknown;
  removeListener(event: string, listener: (argument?: unknown) => void): unknown;
}

/** What `streamLink` needs of a pair of web streams, such as a `WebSocketStream` or a `TransformStream` has it. */
export interface WebStreamPair {
  readonly readable: { getReader(): WebReader };
  readonly writable: { getWriter(): WebWriter };
}

export interface WebReader {
  read(): Promise<{ readonly done: boolean; readonly value?: unknown }>;
  cancel(reason?: unknown): Promise<unknown>;
}

export interface WebWriter {
  readonly desiredSize: number | null;
  readonly ready: Promise<unknown>;
  readonly closed: Promise<unknown>;
  write(chunk: Uint8Array): Promise<unknown>;
  close(): Promise<unknown>;
  abort(reason?: unknown): Promise<unknown>;
}

/** What a stream tells its link. */
export interface StreamEvents {
  onChunk(chunk: unknown): void;
  /** It has room again, after it had none. */
  onRoom(): void;
  /** The other side has ended it in order: nothing comes any more. */
  onEnd(): void;
  /** It is gone; with an error, or before its end. */
  onGone(error: unknown): void;
}

/** A stream of either kind, as a link sees it. */
export interface StreamEnd {
  /** It may be written to. When it is false, `onRoom` follows. */
  readonly hasRoom: boolean;
  start(events: StreamEvents): void;
  /** The chunk is given away. */
  write(chunk: Uint8Array): void;
  pause(): void;
  resume(): void;
  /** Ends it in order: what was written still goes out. Then, or when it fails, it is let go and `done` is called. */
  finish(done: () => void): void;
  /** Lets it go at once. Idempotent. */
  destroy(): void;
}

/**
 * Wraps a stream.
 *
 * @throws ERR_INVALID_ARG_TYPE
 */
export function streamEnd(stream: DuplexLike | WebStreamPair): StreamEnd {
  if (isWebPair(stream)) return new WebEnd(stream);
  const hint = 'a Duplex of Node, or web streams { readable, writable }';
  requireMethods('stream', stream, ['write', 'end', 'destroy', 'pause', 'resume', 'on', 'removeListener'], hint);
  return new NodeEnd(stream);
}

function isWebPair(stream: DuplexLike | WebStreamPair | undefined): stream is WebStreamPair {
  const { readable, writable } = (stream ?? {}) as Partial<WebStreamPair>;
  return typeof readable?.getReader === 'function' && typeof writable?.getWriter === 'function';
}

const nothing = (): void => {};

class NodeEnd implements StreamEnd {
  hasRoom: boolean;
  readonly #stream: DuplexLike;
  #events: StreamEvents | undefined;
  readonly #onData = (chunk: unknown): void => this.#events?.onChunk(chunk);
  readonly #onEnd = (): void => this.#events?.onEnd();
  readonly #onClose = (): void => this.#events?.onGone(undefined);
  /** What went wrong before the link was opened. */
  #failure: unknown;
  readonly #onError = (error: unknown): void => {
    this.#failure ??= error;
    this.#events?.onGone(error);
  };
  readonly #onDrain = (): void => {
    this.hasRoom = true;
    this.#events?.onRoom();
  };

  constructor(stream: DuplexLike) {
    this.#stream = stream;
    this.hasRoom = stream.writableNeedDrain !== true;
    // For good: what happens to a stream before its link is opened, or after it was let go, ends no program.
    stream.on('error', this.#onError);
  }

  start(events: StreamEvents): void {
    const stream = this.#stream;
    if (this.#failure !== undefined) throw this.#failure;
    if (stream.destroyed === true) {
      const hint = 'the stream was destroyed before the link was opened';
      throw systemError('ENOTCONN', 'open', { hint });
    }
    this.#events = events;
    stream.on('drain', this.#onDrain);
    stream.on('end', this.#onEnd);
    stream.on('close', this.#onClose);
    stream.on('data', this.#onData);
    // It may have been paused by whoever had it before.
    stream.resume();
  }

  write(chunk: Uint8Array): void {
    this.hasRoom = this.#stream.write(chunk);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  finish(done: () => void): void {
    const stream = this.#stream;
    this.#events = undefined;
    this.#forget();
    const onFinish = (): void => this.destroy();
    const onClose = (): void => {
      stream.removeListener('finish', onFinish);
      stream.removeListener('close', onClose);
      done();
    };
    if (stream.destroyed === true) return done();
    stream.on('finish', onFinish);
    stream.on('close', onClose);
    // What still comes is read and thrown away: a kernel answers unread bytes with a reset.
    stream.resume();
    stream.end();
  }

  destroy(): void {
    this.#events = undefined;
    this.#forget();
    this.#stream.destroy();
  }

  #forget(): void {
    const stream = this.#stream;
    stream.removeListener('drain', this.#onDrain);
    stream.removeListener('end', this.#onEnd);
    stream.removeListener('close', this.#onClose);
    stream.removeListener('data', this.#onData);
  }
}

/** Web streams know only promises: one for each chunk that is read, one when there was no room. */
class WebEnd implements StreamEnd {
  readonly #reader: WebReader;
  readonly #writer: WebWriter;
  #events: StreamEvents | undefined;
  #reading: boolean = false;
  #paused: boolean = false;
  #waiting: boolean = false;
  #ended: boolean = false;
  readonly #onRead = ({ done, value }: { readonly done: boolean; readonly value?: unknown }): void => {
    this.#reading = false;
    const events = this.#events;
    if (events === undefined) return;
    if (done) {
      this.#ended = true;
      events.onEnd();
      return;
    }
    try {
      events.onChunk(value);
    } finally {
      this.#read();
    }
  };
  readonly #onFailed = (error: unknown): void => this.#events?.onGone(error);
  readonly #onReady = (): void => {
    this.#waiting = false;
    this.#events?.onRoom();
  };

  constructor({ readable, writable }: WebStreamPair) {
    // A stream with a reader or writer is locked: these throw, and say so.
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
  }

  get hasRoom(): boolean {
    const { desiredSize } = this.#writer;
    // None at all: it has failed, and takes what comes.
    if (desiredSize === null || desiredSize > 0) return true;
    if (!this.#waiting) {
      this.#waiting = true;
      this.#writer.ready.then(this.#onReady, nothing);
    }
    return false;
  }

  start(events: StreamEvents): void {
    this.#events = events;
    this.#writer.closed.then(() => this.#onFailed(undefined), this.#onFailed);
    this.#read();
  }

  write(chunk: Uint8Array): void {
    this.#writer.write(chunk).then(undefined, nothing);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#read();
  }

  finish(done: () => void): void {
    this.#events = undefined;
    const letGo = (): void => {
      this.#cancel();
      done();
    };
    this.#writer.close().then(letGo, letGo);
  }

  destroy(): void {
    this.#events = undefined;
    this.#cancel();
    this.#writer.abort().then(nothing, nothing);
  }

  #cancel(): void {
    if (!this.#ended) this.#reader.cancel().then(nothing, nothing);
    this.#ended = true;
  }

  #read(): void {
    if (this.#reading || this.#paused || this.#ended || this.#events === undefined) return;
    this.#reading = true;
    this.#reader.read().then(this.#onRead, this.#onFailed);
  }
}

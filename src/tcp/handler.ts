import type { SystemError } from '../errors.ts';
import type { Connection } from './connection.ts';

/**
 * What a connection tells its owner. Callbacks come from the stack's own turn, never from inside a call that the owner
 * makes on the connection; any call on the connection is allowed inside them. All are optional.
 *
 * Order: `onConnect`, then any of the others, then at most one `onError`, then exactly one `onClose`.
 */
export interface ConnectionHandler {
  /** The handshake is complete (never called for a connection that a listener hands over: that one is open already). */
  onConnect?(connection: Connection): void;
  /**
   * The peer has sent urgent data, or says that there is more of it: `urgentLength` tells how many bytes are to be read
   * up to its end, of which some may not have arrived yet.
   */
  onUrgent?(connection: Connection): void;
  /** Bytes have arrived: `read()` gives them. Comes again only for further bytes. */
  onReadable?(connection: Connection): void;
  /** After a `write` that accepted less than all: there is room again. */
  onWritable?(connection: Connection): void;
  /** The peer has sent FIN and all bytes before it have been read. */
  onEnd?(connection: Connection): void;
  /** Everything written has been acknowledged, and so has the FIN after `shutdown()`. */
  onFinished?(connection: Connection): void;
  /**
   * `stack.close()` was called and waits: whoever has more to write does so, and calls `shutdown()` at the end. Without
   * this callback the stack calls `shutdown()`: what `write` has accepted goes out, and nothing behind it.
   */
  onClosing?(connection: Connection): void;
  /**
   * Something is wrong that may pass, the connection goes on: `ETIMEDOUT` when data was retransmitted three times and not
   * acknowledged (R1), else what a router said or the stack itself knows: `EHOSTUNREACH`, `ENETUNREACH`, `ENETDOWN`, …
   * Leave it out where nobody wants to know.
   */
  onSoftError?(error: SystemError, connection: Connection): void;
  /** The connection has failed: `ECONNREFUSED`, `ECONNRESET`, `ETIMEDOUT`, `EHOSTUNREACH`, `ENETUNREACH`, `ECONNABORTED`. */
  onError?(error: SystemError, connection: Connection): void;
  /** The last callback. The connection is CLOSED or in TIME-WAIT, nothing more will be received or sent for its owner. */
  onClose?(connection: Connection): void;
}

/** The names of the callbacks. */
export const CONNECTION_CALLBACKS: readonly string[] = Object.keys({
  onConnect: true,
  onUrgent: true,
  onReadable: true,
  onWritable: true,
  onEnd: true,
  onFinished: true,
  onClosing: true,
  onSoftError: true,
  onError: true,
  onClose: true,
} satisfies Record<keyof ConnectionHandler, true>);

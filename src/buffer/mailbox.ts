import type { SystemError } from '../errors.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { MessageQueue } from './message-queue.ts';

/** What a mailbox asks of the stack. */
export interface MailboxHost {
  /** Something waits: `deliver` is to be called once at the batch's end. */
  touch(): void;
  /** A socket that keeps the process alive came (+1) or went (−1). */
  keepAlive(change: 1 | -1): void;
}

/** How the owner of a socket is told. */
export interface MailboxOwner<Info> {
  message(bytes: Uint8Array, info: Info): void;
  error(error: SystemError): void;
  writable(): void;
}

/**
 * What a socket of messages has for its owner until the stack's turn gives it to him: messages, bounded in bytes, an error,
 * and that there is room again. It also holds the socket's life: whether it is closed, and whether it keeps the process alive.
 */
export class Mailbox<Info> {
  readonly #messages: MessageQueue<Info>;
  readonly #host: MailboxHost;
  readonly #owner: MailboxOwner<Info>;
  /** A later error replaces one that waits, as SO_ERROR does. */
  #error: SystemError | undefined;
  /** There is room again after a `send` that found none. */
  #roomAgain: boolean = false;
  #closed: boolean = false;
  #referenced: boolean = false;

  /** @param limit bytes that messages may occupy, overhead included */
  constructor(limit: number, budget: MemoryBudget, host: MailboxHost, owner: MailboxOwner<Info>) {
    this.#messages = new MessageQueue(limit, budget);
    this.#host = host;
    this.#owner = owner;
    this.ref();
  }

  /** Messages that wait. */
  get length(): number {
    return this.#messages.length;
  }

  /** Bytes that messages may occupy from now on. */
  set limit(bytes: number) {
    this.#messages.limit = bytes;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Something waits for `deliver`. */
  get due(): boolean {
    return this.#messages.length > 0 || this.#error !== undefined || this.#roomAgain;
  }

  /** Makes room for a message of `size` bytes, all or nothing; `push` must follow when it returns true. */
  reserve(size: number): boolean {
    return this.#messages.reserve(size);
  }

  push(bytes: Uint8Array, info: Info): void {
    this.#messages.push({ bytes, info });
    this.#host.touch();
  }

  fail(error: SystemError): void {
    this.#error = error;
    this.#host.touch();
  }

  /** The error that waits is no longer of interest. */
  forgetError(): void {
    this.#error = undefined;
  }

  /** There is room in an interface's queue again. */
  writable(): void {
    if (this.#closed) return;
    this.#roomAgain = true;
    this.#host.touch();
  }

  /** Hands the owner what has come. What a callback throws passes through. */
  deliver(): void {
    try {
      const error = this.#error;
      if (error !== undefined) {
        this.#error = undefined;
        this.#owner.error(error);
      }
      for (let message = this.#messages.shift(); message !== undefined; message = this.#messages.shift()) {
        this.#owner.message(message.bytes, message.info);
      }
      if (this.#roomAgain) {
        this.#roomAgain = false;
        this.#owner.writable();
      }
    } finally {
      // Something is left only when a callback threw: it keeps its turn.
      if (this.due) this.#host.touch();
    }
  }

  ref(): void {
    if (this.#referenced || this.#closed) return;
    this.#referenced = true;
    this.#host.keepAlive(1);
  }

  unref(): void {
    if (!this.#referenced) return;
    this.#referenced = false;
    this.#host.keepAlive(-1);
  }

  /** Drops all that waits. @returns false when it was closed already */
  close(): boolean {
    if (this.#closed) return false;
    this.#closed = true;
    this.#messages.clear();
    this.#error = undefined;
    this.#roomAgain = false;
    this.unref();
    return true;
  }
}

import type { AsyncResource } from 'node:async_hooks';
import type { Stack } from '../stack/stack.ts';
import type { Connection } from '../tcp/connection.ts';
import type { ConnectionHandler } from '../tcp/handler.ts';
import { checkString } from './arguments.ts';
import { currentContext } from './async-context.ts';
import type { DialOwner, Dialling } from './dial.ts';
import { asError } from './net-errors.ts';
import { connectToPath } from './node-connection.ts';

/** A `socket.connect()` to a Unix-domain socket or a pipe: a stack has no paths, so a socket of Node's own stands beneath. */
export class PathDial implements Dialling {
  readonly context: AsyncResource = currentContext('PIPEWRAP');
  readonly #owner: DialOwner;
  readonly #path: string;
  readonly #stack: Stack;
  #connection: Connection | undefined;

  /** @throws ERR_INVALID_ARG_TYPE */
  constructor(owner: DialOwner, stack: Stack, path: unknown) {
    checkString(path, 'options.path');
    this.#owner = owner;
    this.#stack = stack;
    this.#path = path as string;
  }

  get connection(): Connection | undefined {
    return this.#connection;
  }

  get last(): undefined {
    return undefined;
  }

  start(): void {
    const attempt = currentContext('PIPECONNECTWRAP');
    this.#owner.emit('connectionAttempt', this.#path, undefined, undefined);
    const handler: ConnectionHandler = {
      onConnect: (connection) => attempt.runInAsyncScope(() => this.#opened(connection)),
      onClosing: () => attempt.runInAsyncScope(() => this.#owner.finish()),
      onError: (error) => attempt.runInAsyncScope(() => this.#failed(error)),
    };
    try {
      this.#stack.assertOpen();
      this.#connection = connectToPath(this.#path, handler, this.#stack);
    } catch (error) {
      process.nextTick(() => attempt.runInAsyncScope(() => this.#failed(asError(error))));
    }
  }

  cancel(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    connection.handler = {};
    connection.close();
  }

  #failed(error: Error): void {
    this.#owner.emit('connectionAttemptFailed', this.#path, undefined, undefined, error);
    this.#owner.destroy(error);
  }

  #opened(connection: Connection): void {
    this.#connection = undefined;
    this.#owner.opened(connection, this.context);
  }
}

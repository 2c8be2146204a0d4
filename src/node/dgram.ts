import type { NonSharedBuffer } from 'node:buffer';
import nodeDgram from 'node:dgram';
import type { EventEmitter } from 'node:events';
import type { Stack } from '../stack/stack.ts';
import { checkStack } from './arguments.ts';
import { Socket } from './dgram-socket.ts';
import type { DgramOptions, RemoteInfo } from './dgram-options.ts';
import { ownLike } from './node-internals.ts';
import { callable } from './old-classes.ts';

/** Called for every message. */
export type MessageListener = (message: NonSharedBuffer, info: RemoteInfo) => void;

/** The class of a module's sockets. */
export interface DgramSocketConstructor extends Omit<typeof EventEmitter, 'prototype'> {
  new (type: DgramOptions | 'udp4' | 'udp6', listener?: MessageListener): Socket;
  /** In Node's types, which name no arguments. Without a type it throws. */
  new (options?: object): Socket;
  readonly prototype: Socket;
}

/** A module in the shape of `node:dgram` whose sockets are those of a stack. */
export interface Dgram {
  readonly Socket: DgramSocketConstructor;
  createSocket(type: DgramOptions | 'udp4' | 'udp6', listener?: MessageListener): Socket;
}

/**
 * Makes a module shaped like `node:dgram` out of a stack.
 *
 * @throws ERR_INVALID_ARG_TYPE for what is no stack
 * @example
 * const echo = createDgram(stack).createSocket('udp4');
 * echo.on('message', (message, { port, address }) => echo.send(message, port, address)).bind(7);
 */
export function createDgram(stack: Stack): Dgram {
  checkStack(stack);
  class BoundSocket extends Socket {
    constructor(type: DgramOptions | 'udp4' | 'udp6', listener?: MessageListener) {
      super(stack, type, listener);
    }
  }
  Object.defineProperty(BoundSocket, 'name', { value: 'Socket' });
  ownLike(BoundSocket.prototype, Socket.prototype, nodeDgram.Socket.prototype);
  const DgramSocket = callable<DgramSocketConstructor, Socket>(
    BoundSocket,
    (self, [type, listener]) => void new Socket(stack, type as DgramOptions, listener as MessageListener, self),
    // Node's makes nothing, and spoils what it is called on: this throws.
    (args, self) => Reflect.apply(BoundSocket as never, self, args),
  );
  return { Socket: DgramSocket, createSocket: (type, listener) => new BoundSocket(type, listener) };
}

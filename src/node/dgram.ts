import type { Buffer } from 'node:buffer';
import type { Stack } from '../stack/stack.ts';
import { checkStack } from './arguments.ts';
import { Socket } from './dgram-socket.ts';
import type { DgramOptions, RemoteInfo } from './dgram-options.ts';

/** Called for every message. */
export type MessageListener = (message: Buffer, info: RemoteInfo) => void;

/** A module in the shape of `node:dgram` whose sockets are those of a stack. */
export interface Dgram {
  readonly Socket: new (type: DgramOptions | 'udp4' | 'udp6', listener?: MessageListener) => Socket;
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
  return { Socket: BoundSocket, createSocket: (type, listener) => new BoundSocket(type, listener) };
}

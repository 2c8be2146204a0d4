import type { AsyncResource } from 'node:async_hooks';
import { systemError } from '../errors.ts';
import type { UdpSocket } from '../udp/socket.ts';
import { currentContext } from './async-context.ts';
import type { SendRequest } from './dgram-arguments.ts';
import { asDgramError } from './net-errors.ts';

/** Bytes that may wait, messages that are longer than the room left included. Linux: net.core.wmem_default. */
const DEFAULT_LIMIT = 212_992;

interface Waiting {
  request: SendRequest;
  ip: string | undefined;
  /** The callback's. */
  context: AsyncResource;
}

/** The way out of a datagram socket: messages that the interface had no room for wait here, in order and bounded. */
export class DgramSendQueue {
  limit: number = DEFAULT_LIMIT;
  /** Bytes that wait. */
  bytes: number = 0;
  #waiting: Waiting[] = [];

  get length(): number {
    return this.#waiting.length;
  }

  /** Sends now, or when the messages before it have gone; the callback comes later than this call in any case. */
  send(core: UdpSocket | undefined, request: SendRequest, ip: string | undefined): void {
    if (core === undefined) return;
    if (this.#waiting.length === 0 && tried(core, request, ip)) return;
    if (this.bytes + request.size > this.limit) {
      core.giveUp();
      if (request.callback) process.nextTick(request.callback, asDgramError(systemError('ENOBUFS', 'send'), request));
      return;
    }
    // The caller may reuse its memory: what waits is a copy (which `slice` of a Buffer is not).
    const list = request.list.map((piece) => new Uint8Array(piece));
    this.#waiting.push({ request: { ...request, list }, ip, context: currentContext('UDPSENDWRAP') });
    this.bytes += request.size;
  }

  /** The interface has room again. */
  flush(core: UdpSocket): void {
    let sent = 0;
    for (const { request, ip, context } of this.#waiting) {
      if (!context.runInAsyncScope(() => tried(core, request, ip))) break;
      this.bytes -= request.size;
      sent++;
    }
    if (sent > 0) this.#waiting = this.#waiting.slice(sent);
  }

  /** What waits is not sent any more, and its callbacks learn it. */
  cancel(): void {
    for (const { request, context } of this.#waiting) {
      const { callback } = request;
      if (callback === undefined) continue;
      const failure = asDgramError(systemError('ECANCELED', 'send'), request);
      context.runInAsyncScope(() => process.nextTick(callback, failure));
    }
    this.#waiting = [];
    this.bytes = 0;
  }
}

/** Sends a message and reports to its callback; false when there was no room. */
function tried(core: UdpSocket, request: SendRequest, ip: string | undefined): boolean {
  const { list, size, port, callback } = request;
  try {
    if (!core.send(list, port, ip)) return false;
    if (callback) process.nextTick(callback, null, size);
  } catch (error) {
    if (callback) process.nextTick(callback, asDgramError(error, request));
  }
  return true;
}

import { AsyncResource } from 'node:async_hooks';

/** What Node's native objects are called in `async_hooks`; a context is named after the one whose place it takes. */
export type ContextName =
  | 'PIPEWRAP'
  | 'PIPECONNECTWRAP'
  | 'TCPWRAP'
  | 'TCPSERVERWRAP'
  | 'TCPCONNECTWRAP'
  | 'WRITEWRAP'
  | 'UDPWRAP'
  | 'UDPSENDWRAP'
  | 'Timeout';

/** Where the module was loaded: what a packet brings about that nobody has asked for belongs to no one's context. */
const root = new AsyncResource('USERNET');

/**
 * The asynchronous context (`AsyncLocalStorage`) that is current now, for what is called back later: the stack runs the
 * callbacks of many sockets in one turn, whose own context means nothing.
 */
export function currentContext(name: ContextName): AsyncResource {
  return new AsyncResource(name, { requireManualDestroy: true });
}

/** The context of an accepted connection: as in Node not that of the server, but none. */
export function acceptedContext(server: AsyncResource): AsyncResource {
  const options = { triggerAsyncId: server.asyncId(), requireManualDestroy: true };
  return root.runInAsyncScope(() => new AsyncResource('TCPWRAP' satisfies ContextName, options));
}

/*
 * Node's tls takes a socket without a handle for one that is not connected, and waits for 'connect' (`_init` of
 * lib/_tls_wrap.js). Where it is open that has passed: who has just looked for the handle and then waits is to be told.
 * http looks for it, too, but in another tick than programs are told of the socket.
 */

/** The open socket whose handle was looked for in this tick; there is none. */
let missedBy: object | undefined;

/** The handle of an open socket was looked for. */
export function missHandle(socket: object): void {
  if (missedBy === undefined) process.nextTick(forget);
  missedBy = socket;
}

/** Was that in this tick? */
export function hasMissedHandle(socket: object): boolean {
  return missedBy === socket;
}

function forget(): void {
  missedBy = undefined;
}

/** Whether connections to addresses outside the stack's routes may go to the real network. */
export type RealNetwork = 'never' | 'outside-routes';

export const REAL_NETWORK: readonly RealNetwork[] = ['never', 'outside-routes'];

let permissions = 0;

/**
 * Runs `fn` with Node's own functions in place of the redirected ones: what it connects, binds or lets listen *inside
 * the call* is on the real network, whatever `realNetwork` says. For what carries the stack's own packets, such as the
 * socket of a tunnel, which can't go through itself.
 *
 * @returns what `fn` returns
 * @throws what `fn` throws
 * @example
 * const tunnel = onRealNetwork(() => net.connect(443, 'vpn.example.org'));
 */
export function onRealNetwork<T>(fn: () => T): T {
  permissions++;
  try {
    return fn();
  } finally {
    permissions--;
  }
}

/** Are we inside `onRealNetwork`? */
export function isPermitted(): boolean {
  return permissions > 0;
}

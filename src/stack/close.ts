import { systemError } from '../errors.ts';
import type { Stack } from './stack.ts';

/**
 * Stops listeners and sockets of messages, sends FINs, and resolves when all connections have theirs acknowledged and their
 * owners have read to the end; at the time-out, and with 0 at once, the rest is reset.
 */
export function shutDown(stack: Stack, timeoutUs: number): Promise<void> {
  for (const listener of stack.tcp.listeners) {
    listener.close();
    stack.clock.defer(() => listener.onClose?.());
  }
  for (const socket of [...stack.udp.sockets, ...stack.raw.sockets]) {
    socket.close();
    const error = timeoutUs > 0 ? undefined : systemError('ECONNABORTED', 'recvmsg');
    stack.clock.defer(() => socket.tellClosed(error));
  }
  if (timeoutUs > 0) stack.dependents.finish();
  const connections = stack.tcp.connections;
  const unfinished = new Set([...connections, ...stack.tcp.unread]);
  for (const connection of connections) {
    if (timeoutUs <= 0 || connection.handler.onClosing === undefined) connection.shutdown();
    else stack.clock.defer(() => connection.handler.onClosing?.(connection));
  }
  return new Promise((resolve) => {
    const done = (): void => {
      stopWatching();
      timer.cancel();
      // TIME-WAIT is not waited for, and connections whose handshake never ended have nothing to say.
      for (const connection of [...stack.tcp.connections, ...stack.tcp.unread]) connection.cut('ECONNABORTED');
      stack.dependents.cut();
      // The RSTs go out, the last callbacks are made, then the links may close.
      stack.turn.settle();
      resolve();
    };
    const check = (): void => {
      for (const connection of unfinished) if (connection.finished) unfinished.delete(connection);
      if (unfinished.size > 0 || stack.dependents.size > 0) return;
      stopWatching();
      stack.clock.defer(done);
    };
    const stopTurns = stack.turn.afterwards(check);
    stack.dependents.onLeave = check;
    const stopWatching = (): void => {
      stopTurns();
      stack.dependents.onLeave = undefined;
    };
    const timer = stack.clock.timer(done);
    if (timeoutUs <= 0) return done();
    timer.ref();
    timer.at(stack.clock.now() + timeoutUs);
    check();
  });
}

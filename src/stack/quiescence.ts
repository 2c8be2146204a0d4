import type { Stack } from './stack.ts';

/** What is not at rest in a stack, one phrase each: for `assertQuiescent`. */
export function findUnrest(stack: Stack, timeWaitAllowed: boolean): string[] {
  const unrest: string[] = [];
  const connections = stack.tcp.connections;
  const open = connections.filter(({ state }) => !(timeWaitAllowed && state === 'TIME_WAIT'));
  for (const connection of open) {
    const { localAddress, localPort, remoteAddress, remotePort, state } = connection;
    unrest.push(`connection ${localAddress}:${localPort} → ${remoteAddress}:${remotePort} is in ${state}`);
  }
  for (const { localAddress, localPort, remoteAddress, remotePort } of stack.tcp.unread) {
    unrest.push(`connection ${localAddress}:${localPort} → ${remoteAddress}:${remotePort} has ended unread`);
  }
  for (const { address, port } of stack.tcp.listeners) unrest.push(`a listener is open on ${address}:${port}`);
  for (const socket of stack.udp.sockets)
    unrest.push(`a UDP socket is open on ${socket.localAddress}:${socket.localPort}`);
  for (const { localAddress, remoteAddress } of stack.raw.sockets) {
    unrest.push(`a raw socket is open, ${localAddress} → ${remoteAddress ?? 'anywhere'}`);
  }
  for (const { name, network } of stack.interfaces) {
    if (!network.queue.empty) unrest.push(`${network.queue.batch.count} packets wait on ${name}`);
  }
  if (stack.dependents.size > 0) unrest.push(`${stack.dependents.size} sockets outside the stack depend on it`);
  if (stack.turn.waiting > 0) unrest.push(`${stack.turn.waiting} sockets wait for a turn`);
  const timers = stack.wheel.count - (connections.length - open.length);
  if (timers > 0) unrest.push(`${timers} timers are armed`);
  if (stack.budget.used > 0) unrest.push(`${stack.budget.used} bytes of queues are held`);
  return unrest;
}

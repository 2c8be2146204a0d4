import type { InterfaceCounters } from './interface.ts';
import type { Stack } from './stack.ts';

/** A stack's numbers; sizes in bytes. */
export interface StackStatistics {
  interfaces: ({ name: string; up: boolean } & InterfaceCounters)[];
  /** Passed on from one interface to another. */
  forwarded: { packets: number; bytes: number };
  /** Of the connections, those in TIME-WAIT, and orphans: closed by their owner, with bytes or a FIN on their way. */
  tcp: { connections: number; timeWait: number; orphans: number; listeners: number };
  udp: { sockets: number };
  /** Raw and ping sockets. */
  raw: { sockets: number };
  /** Queue memory: in use, the limit, and how often the limit said no. */
  memory: { used: number; limit: number; refused: number };
  /** What was dropped or refused, by reason. */
  drops: Record<string, number>;
}

export function takeStatistics(stack: Stack): StackStatistics {
  const { used, limit, refused } = stack.budget;
  return {
    interfaces: stack.interfaces.map(({ name, up, counters }) => ({ name, up, ...counters })),
    forwarded: stack.ip.forwarded,
    tcp: {
      connections: stack.tcp.connectionCount,
      timeWait: stack.tcp.timeWaitCount,
      orphans: stack.tcp.orphanCount,
      listeners: stack.tcp.listeners.length,
    },
    udp: { sockets: stack.udp.sockets.length },
    raw: { sockets: stack.raw.sockets.length },
    memory: { used, limit, refused },
    drops: stack.counters.snapshot(),
  };
}

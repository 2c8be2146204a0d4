import type { ChunkPool } from '../buffer/chunk-pool.ts';
import type { Counters } from '../buffer/counters.ts';
import type { MemoryBudget } from '../buffer/memory-budget.ts';
import type { Path } from '../buffer/path.ts';
import type { ReceiveMemory } from '../buffer/receive-queue.ts';
import type { Clock, Random } from '../time/clock.ts';
import type { TimerWheel } from '../time/timer-wheel.ts';
import type { ControlBlock } from './control-block.ts';
import type { FastOpenCache } from './fast-open.ts';
import type { RecoveryEvent } from './observer.ts';
import type { State, StateEvent } from './states.ts';

/**
 * What TCP is given by whoever puts it together (the stack, or a test). TCP knows nothing of IP, links and tables:
 * packets leave by a `Path`, segments come in by `ControlBlock.input`.
 */
export interface TcpHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly wheel: TimerWheel;
  readonly receiveMemory: ReceiveMemory;
  readonly chunks: ChunkPool;
  readonly budget: MemoryBudget;
  readonly counters: Counters;
  /** Fast Open's cookies of servers. */
  readonly fastOpenCache: FastOpenCache;
  /** Where the timestamps of a connection begin: see `Timestamps`. */
  timestampOffset(path: Path, localPort: number, remotePort: number): number;
  /**
   * The connection has something to tell its owner or to send: `deliver()` and then `output(now)` are to be called
   * once, at the end of the batch at hand or soon.
   */
  touch(tcb: ControlBlock): void;
  /** `Path.reserve` gave nothing: touch the connection when the interface has room again. */
  blocked(tcb: ControlBlock): void;
  /** Something of the connection's own has thrown, as a part that the user supplied may: the program is told. */
  broken(tcb: ControlBlock, error: unknown): void;
  /** The connection has become an orphan, or entered TIME-WAIT: there may be too many, and others end for it. */
  lingers(tcb: ControlBlock): void;
  /** The connection is CLOSED: its ports are free. */
  released(tcb: ControlBlock): void;
  /** The connection is CLOSED, and its owner still reads what had come before; or it does so no more. */
  keepsUnread(tcb: ControlBlock, keeps: boolean): void;
  /** A socket that keeps the process alive came (+1) or went (−1). */
  keepAlive(change: 1 | -1): void;
  /** The state changed. For traces; must not call back. */
  stateChanged(tcb: ControlBlock, from: State, event: StateEvent): void;
  /** Somebody wants to know what loss recovery does. */
  observed(): boolean;
  /** Loss recovery has found or done something; told only while `observed`. Must not call back. */
  observe(tcb: ControlBlock, event: RecoveryEvent): void;
}

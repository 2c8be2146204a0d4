import type { Counters } from '../buffer/counters.ts';
import type { ControlBlock } from '../tcp/control-block.ts';
import { release } from '../tcp/ending.ts';

/** How many connections may be kept for nobody's sake but the network's. */
export interface LingeringLimits {
  /**
   * Connections in TIME-WAIT, about 3 KB each. Default 8192; beyond, the oldest ends early. Fewer than there are
   * ephemeral ports, so that they alone never keep a client from its peer. Linux: net.ipv4.tcp_max_tw_buckets.
   */
  maxTimeWait?: number;
  /**
   * Orphans: closed by their owner, with bytes or a FIN on their way. Default 8192; beyond, the oldest is reset. Linux:
   * net.ipv4.tcp_max_orphans.
   */
  maxOrphans?: number;
}

export const DEFAULT_LIMITS: Readonly<Required<LingeringLimits>> = { maxTimeWait: 8192, maxOrphans: 8192 };

/** Connections that have no owner any more, or need none: as many as there is room for. */
export class Lingering {
  readonly #limits: Readonly<Required<LingeringLimits>>;
  readonly #counters: Counters;
  /** Oldest first. */
  readonly #timeWait = new Set<ControlBlock>();
  /** Goes through those in TIME-WAIT: to begin anew would pass by all that have left since the set was last tidied. */
  #oldest: Iterator<ControlBlock> = this.#timeWait.values();
  readonly #orphans = new Set<ControlBlock>();

  constructor(limits: Readonly<Required<LingeringLimits>>, counters: Counters) {
    this.#limits = limits;
    this.#counters = counters;
  }

  get timeWaits(): number {
    return this.#timeWait.size;
  }

  get orphans(): number {
    return this.#orphans.size;
  }

  /** The connection has just become an orphan, or entered TIME-WAIT. */
  add(tcb: ControlBlock): void {
    if (tcb.state !== 'TIME_WAIT') {
      this.#orphans.add(tcb);
      if (this.#orphans.size > this.#limits.maxOrphans) this.#resetOldest();
      return;
    }
    this.#orphans.delete(tcb);
    this.#timeWait.add(tcb);
    if (this.#timeWait.size > this.#limits.maxTimeWait) this.#releaseOldest();
  }

  /** The connection is CLOSED. */
  delete(tcb: ControlBlock): void {
    this.#orphans.delete(tcb);
    this.#timeWait.delete(tcb);
  }

  #releaseOldest(): void {
    let next = this.#oldest.next();
    if (next.done) {
      this.#oldest = this.#timeWait.values();
      next = this.#oldest.next();
    }
    this.#counters.add('tcp-time-wait-overflow');
    release(next.value as ControlBlock, '2msl');
  }

  #resetOldest(): void {
    for (const tcb of this.#orphans) {
      this.#counters.add('tcp-orphan-overflow');
      return tcb.connection.abort();
    }
  }
}

import type { Batch } from '../buffer/batch.ts';
import { Counters } from '../buffer/counters.ts';
import { usageError } from '../errors.ts';
import { MEMORY_OFFLOAD } from './cable.ts';
import type { MemoryDrop, MemoryLink } from './lane.ts';
import { Lane } from './lane.ts';
import type { LinkHost, LinkOffload } from './link.ts';

/**
 * The link of a host to itself: what is sent comes back as it was, marks included (a checksum that never leaves the
 * memory need never be computed), deferred like any arrival. MTU 65,535, the longest IP packet.
 *
 * @example
 * const lo = loopback();
 */
export function loopback(): MemoryLink {
  return new Loopback();
}

class Loopback implements MemoryLink {
  readonly medium = 'ip';
  readonly mtu: number = 65_535;
  readonly offload: LinkOffload = MEMORY_OFFLOAD;
  readonly dropped: Counters = new Counters();
  readonly #lane: Lane = new Lane({});
  #opened: boolean = false;

  get up(): boolean {
    return this.#lane.receiver !== undefined;
  }

  open(host: LinkHost): void {
    if (this.#opened) throw usageError('ERR_INVALID_STATE', 'a link is opened at most once', Error);
    this.#opened = true;
    this.#lane.receiver = host;
    this.#lane.sender = host;
  }

  send(batch: Batch): number {
    const { count } = batch;
    if (!this.up) {
      if (count > 0) this.dropped.add('down' satisfies MemoryDrop, count);
      return count;
    }
    for (let row = 0; row < count; row++) {
      if (batch.length[row]! > this.mtu) this.dropped.add('too-big' satisfies MemoryDrop);
      else if (!this.#lane.put(batch, row, batch.checksum[row]!)) return row;
    }
    return count;
  }

  close(): void {
    this.#opened = true;
    this.#lane.sender = undefined;
    this.#lane.cut();
  }
}

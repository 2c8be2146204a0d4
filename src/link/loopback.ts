import type { Batch, ChecksumMark } from '../buffer/batch.ts';
import { usageError } from '../errors.ts';
import { MEMORY_OFFLOAD } from './cable.ts';
import { Lane } from './lane.ts';
import type { Link, LinkHost, LinkOffload } from './link.ts';

/**
 * The link of a host to itself: what is sent comes back as it was, marks included (a checksum that never leaves the
 * memory need never be computed), deferred like any arrival. MTU 65,535, the longest IP packet.
 *
 * @example
 * const lo = loopback();
 */
export function loopback(): Link {
  return new Loopback();
}

class Loopback implements Link {
  readonly medium = 'ip';
  readonly mtu: number = 65_535;
  readonly offload: LinkOffload = MEMORY_OFFLOAD;
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
    if (!this.up) return batch.count;
    for (let row = 0; row < batch.count; row++) {
      if (batch.length[row]! > this.mtu) continue;
      if (!this.#lane.put(batch, row, batch.checksum[row] as ChecksumMark)) return row;
    }
    return batch.count;
  }

  close(): void {
    this.#opened = true;
    this.#lane.sender = undefined;
    this.#lane.cut();
  }
}

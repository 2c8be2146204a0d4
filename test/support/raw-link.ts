import { batchOf } from '../../src/buffer/batch.ts';
import type { Batch } from '../../src/buffer/batch.ts';
import { NO_OFFLOAD } from '../../src/link/link.ts';
import type { Link, LinkHost, LinkOffload } from '../../src/link/link.ts';

/** A link whose other side is the test: it reads what was sent and injects whatever bytes it likes. */
export class RawLink implements Link {
  readonly medium: 'ip' | 'ethernet' = 'ip';
  readonly mtu: number;
  readonly offload: LinkOffload = NO_OFFLOAD;
  up: boolean = false;
  /** Copies of the packets sent since `take()` was last called. */
  sent: Uint8Array[] = [];
  /** Packets that `send` still takes; then it is full until `unblock()`. */
  room: number = Infinity;
  host: LinkHost | undefined;

  constructor(mtu: number = 1500) {
    this.mtu = mtu;
  }

  open(host: LinkHost): void {
    this.host = host;
    this.up = true;
  }

  send(batch: Batch): number {
    if (!this.up) return batch.count;
    const count = Math.min(batch.count, this.room);
    this.room -= count;
    for (let row = 0; row < count; row++) this.sent.push(batch.packet(row).slice());
    return count;
  }

  close(): void {
    this.up = false;
    this.host = undefined;
  }

  /** The packets sent since the last call. */
  take(): Uint8Array[] {
    const { sent } = this;
    this.sent = [];
    return sent;
  }

  /** These packets arrive, as one batch. */
  inject(...packets: Uint8Array[]): void {
    this.host?.receive(batchOf(packets));
  }

  setUp(up: boolean): void {
    this.up = up;
    this.host?.changed();
  }

  unblock(): void {
    this.room = Infinity;
    this.host?.writable();
  }
}

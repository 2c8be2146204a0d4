import type { Batch } from '../buffer/batch.ts';
import { batchOf } from '../buffer/batch.ts';
import type { Clock, Random } from '../time/clock.ts';
import type { Link, LinkHost } from './link.ts';

/** A packet as a station received it. */
export interface Received {
  /** A copy made at once. */
  readonly bytes: Uint8Array;
  /** The bytes where they lay, when the batch was retained: they must never change. */
  readonly kept: Uint8Array | undefined;
  readonly checksum: number;
  readonly segmentSize: number;
}

/** What the stations of one test share: broken rules, and the call that is under way. */
export class Trial {
  readonly violations: string[] = [];
  /** The method of a link that is being called. */
  inside: 'open' | 'send' | undefined;

  violated(rule: string): void {
    if (!this.violations.includes(rule)) this.violations.push(rule);
  }
}

/** A host for one end of a link, which records everything and watches the rules that hold at all times. */
export class Station implements LinkHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly received: Received[] = [];
  writables: number = 0;
  changes: number = 0;
  closings: number = 0;
  /** Called for each batch, inside of `receive`. */
  answer: ((batch: Batch) => void) | undefined;
  readonly #link: Link;
  readonly #trial: Trial;
  readonly #ignore: (packet: Uint8Array) => boolean;
  #closed: boolean = false;

  constructor(link: Link, trial: Trial, world: { clock: Clock; random: Random; ignore?(packet: Uint8Array): boolean }) {
    this.#link = link;
    this.#trial = trial;
    this.clock = world.clock;
    this.random = world.random;
    this.#ignore = (packet) => world.ignore?.(packet) ?? false;
  }

  async open(): Promise<void> {
    const outer = this.#trial.inside;
    this.#trial.inside = 'open';
    let opening: void | Promise<void>;
    try {
      opening = this.#link.open(this);
    } finally {
      this.#trial.inside = outer;
    }
    await opening;
  }

  /** Sends once and returns how many packets were taken. */
  send(batch: Batch): number {
    const outer = this.#trial.inside;
    this.#trial.inside = 'send';
    try {
      const taken = this.#link.send(batch);
      if (Number.isInteger(taken) && taken >= 0 && taken <= batch.count) return taken;
      this.#trial.violated(`send returned ${taken} for a batch of ${batch.count}`);
    } catch (error) {
      this.#trial.violated(`send threw ${String(error)}`);
    } finally {
      this.#trial.inside = outer;
    }
    return batch.count;
  }

  /** Sends packets, waiting for room as often as needed. */
  async sendAll(packets: Uint8Array[], settle: () => void | Promise<void>): Promise<void> {
    const batch = batchOf(packets);
    for (;;) {
      const before = this.writables;
      batch.drop(this.send(batch));
      if (batch.count === 0) return;
      await settle();
      if (this.writables > before) continue;
      throw new Error(`send left ${batch.count} packets, and writable() was not called when there was room`);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#link.close();
  }

  /** Retained memory holds what it held when it was received. */
  checkKept(): void {
    for (const { bytes, kept } of this.received) {
      if (kept !== undefined && !sameBytes(bytes, kept))
        this.#trial.violated('memory of a retained batch was rewritten');
    }
  }

  receive(batch: Batch): void {
    this.#called('receive');
    if (this.#trial.inside !== undefined) this.#trial.violated(`receive was called inside of ${this.#trial.inside}`);
    const before = this.received.length;
    for (let i = 0; i < batch.count; i++) {
      const there = batch.packet(i);
      if (this.#ignore(there)) continue;
      this.received.push({
        bytes: there.slice(),
        kept: batch.retained ? there : undefined,
        checksum: batch.checksum[i]!,
        segmentSize: batch.segmentSize[i]!,
      });
    }
    if (this.received.length > before) this.answer?.(batch);
  }

  writable(): void {
    this.#called('writable');
    this.writables++;
  }

  changed(): void {
    this.#called('changed');
    this.changes++;
  }

  closed(): void {
    this.#called('closed');
    if (++this.closings > 1) this.#trial.violated('closed was called twice');
  }

  #called(callback: string): void {
    if (this.#closed) this.#trial.violated(`${callback} was called after close()`);
  }
}

export function sameBytes(x: Uint8Array, y: Uint8Array): boolean {
  if (x.length !== y.length) return false;
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false;
  return true;
}

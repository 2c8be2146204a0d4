import { batchOf } from '../../src/buffer/batch.ts';
import type { Batch } from '../../src/buffer/batch.ts';
import { NO_OFFLOAD } from '../../src/link/link.ts';
import type { Link, LinkHost, LinkOffload } from '../../src/link/link.ts';
import type { Random, Timer } from '../../src/time/clock.ts';
import { chance, uniform } from '../../src/time/seeded-random.ts';

/** What happens to packets on their way; probabilities from 0 to 1, times in microseconds. */
export interface Faults {
  loss: number;
  /** A second copy, with a delay of its own. */
  duplicate: number;
  /** One bit flipped, or the end cut off: always damage that a checksum or a length field shows. */
  corrupt: number;
  delay: number;
  /** Up to so much more delay, for each packet by itself: later ones overtake. */
  jitter: number;
}

export const NO_FAULTS: Readonly<Faults> = { loss: 0, duplicate: 0, corrupt: 0, delay: 0, jitter: 0 };

/**
 * Wraps a link so that what is sent into it suffers, by chance and from a seed; what arrives by it is left alone. Both
 * directions suffer when both ends are wrapped. It carries single packets and presents no offload.
 */
export class UnreliableLink implements Link {
  readonly medium = 'ip';
  readonly offload: LinkOffload = NO_OFFLOAD;
  /** May be changed while packets pass. */
  faults: Faults;
  /** Packets under way in it. */
  readonly #waiting = new Set<Timer>();
  readonly #inner: Link;
  readonly #random: Random;
  #host: LinkHost | undefined;

  constructor(inner: Link, random: Random, faults: Faults) {
    this.#inner = inner;
    this.#random = random;
    this.faults = { ...faults };
  }

  get mtu(): number {
    return this.#inner.mtu;
  }

  get up(): boolean {
    return this.#inner.up;
  }

  open(host: LinkHost): void | Promise<void> {
    this.#host = host;
    return this.#inner.open(host);
  }

  send(batch: Batch): number {
    for (const packet of batch) this.#pass(packet);
    return batch.count;
  }

  close(): void | Promise<void> {
    for (const timer of this.#waiting) timer.cancel();
    this.#waiting.clear();
    return this.#inner.close();
  }

  #pass(packet: Uint8Array): void {
    const { loss, duplicate } = this.faults;
    const copies = chance(this.#random, duplicate) ? 2 : 1;
    for (let i = 0; i < copies; i++) if (!chance(this.#random, loss)) this.#delayed(this.#damaged(packet));
  }

  #damaged(packet: Uint8Array): Uint8Array {
    const bytes = packet.slice();
    if (!chance(this.#random, this.faults.corrupt)) return bytes;
    const at = uniform(this.#random, bytes.length);
    if (chance(this.#random, 0.2)) return bytes.subarray(0, at);
    bytes[at]! ^= 1 << uniform(this.#random, 8);
    return bytes;
  }

  #delayed(bytes: Uint8Array): void {
    const host = this.#host;
    if (host === undefined) return;
    const { delay, jitter } = this.faults;
    const wait = delay + (jitter > 0 ? uniform(this.#random, jitter) : 0);
    const timer = host.clock.timer(() => {
      this.#waiting.delete(timer);
      this.#inner.send(batchOf([bytes]));
    });
    this.#waiting.add(timer);
    timer.at(host.clock.now() + wait);
  }
}

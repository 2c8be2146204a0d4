import type { NetworkInterface } from '../ip/interface.ts';
import type { ControlBlock } from '../tcp/control-block.ts';

/** Bytes that a connection may queue at a time while others wait, if not more is a fair share: about a super-segment. */
const LEAST_SHARE = 0x1_0000;

/**
 * The connections that wait for room in the queue of one interface. They come to it one after the other, as many as there
 * is room for, and each puts in a share: whoever may send much would else fill the queue by itself, and be first again when
 * the link has taken that. Linux: fq, and TCP Small Queues (net.ipv4.tcp_limit_output_bytes).
 */
export class SenderQueue {
  readonly #network: NetworkInterface;
  readonly #waiting = new Set<ControlBlock>();
  /** One of them found no room, and the link has taken nothing since. */
  #full: boolean = false;
  #share: number = Infinity;

  constructor(network: NetworkInterface) {
    this.#network = network;
  }

  /** Nobody waits, and whoever sends may send all. */
  get idle(): boolean {
    return this.#waiting.size === 0 && this.#share === Infinity;
  }

  /** It found no room, or has had its share. */
  add(tcb: ControlBlock): void {
    this.#waiting.add(tcb);
    if (this.#network.share > 0) this.#full = true;
  }

  /** The queue has been offered to the link, which took so many packets: those touch whose turn it is. */
  offered(taken: number): void {
    const { queue } = this.#network;
    if (taken > 0 || queue.empty) this.#full = false;
    if (this.#full) return;
    const { size } = this.#waiting;
    this.#share = size <= 1 ? Infinity : Math.max(LEAST_SHARE, Math.floor(queue.limit / size));
    let turns = Math.max(1, Math.ceil((queue.limit - queue.bytes) / this.#share));
    for (const tcb of this.#waiting) {
      if (turns-- === 0) break;
      this.#waiting.delete(tcb);
      tcb.touch();
    }
    this.nextSender();
  }

  /** Whoever queues packets now is another one than before. */
  nextSender(): void {
    this.#network.share = this.#share;
  }

  /** The interface goes: all find out. */
  release(): void {
    for (const tcb of this.#waiting) tcb.touch();
    this.clear();
  }

  clear(): void {
    this.#waiting.clear();
    this.#full = false;
    this.#share = Infinity;
    this.nextSender();
  }
}

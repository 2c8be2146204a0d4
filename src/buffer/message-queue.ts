import type { MemoryBudget } from './memory-budget.ts';

/** What a waiting message is taken to occupy beside its bytes: the bound must hold for empty messages too. */
const MESSAGE_OVERHEAD = 256;

/** A received message in user memory. */
export interface Message<Info> {
  readonly bytes: Uint8Array;
  readonly info: Info;
}

/** The messages that wait for a socket's owner: first in, first out, bounded in bytes. */
export class MessageQueue<Info> {
  /** Bytes the messages may occupy, overhead included. An empty queue takes one message of any size. */
  limit: number;
  /** Bytes they occupy. */
  bytes: number = 0;
  readonly #budget: MemoryBudget;
  #messages: Message<Info>[] = [];
  /** Messages before this one have been taken. */
  #head: number = 0;

  constructor(limit: number, budget: MemoryBudget) {
    this.limit = limit;
    this.#budget = budget;
  }

  get length(): number {
    return this.#messages.length - this.#head;
  }

  /** Makes room for a message of `size` bytes, all or nothing; `push` must follow when it returns true. */
  reserve(size: number): boolean {
    const cost = size + MESSAGE_OVERHEAD;
    if (this.bytes > 0 && this.bytes + cost > this.limit) return false;
    if (!this.#budget.take(cost)) return false;
    this.bytes += cost;
    return true;
  }

  push(message: Message<Info>): void {
    this.#messages.push(message);
  }

  /** Takes the oldest message. */
  shift(): Message<Info> | undefined {
    const message = this.#messages[this.#head];
    if (message === undefined) return undefined;
    this.#head++;
    this.#release(message.bytes.byteLength + MESSAGE_OVERHEAD);
    if (this.#head === this.#messages.length) {
      this.#messages = [];
      this.#head = 0;
    }
    return message;
  }

  clear(): void {
    this.#messages = [];
    this.#head = 0;
    this.#release(this.bytes);
  }

  #release(cost: number): void {
    this.bytes -= cost;
    this.#budget.give(cost);
  }
}

/**
 * The bound on what a stack's queues may occupy together: simple counters. Each queue takes what it is about to hold
 * and gives it back when it no longer does.
 */
export class MemoryBudget {
  /** Bytes. */
  readonly limit: number;
  /** Bytes taken and not given back. */
  used: number = 0;
  /** Sockets that hold some of it, as far as they say so. */
  holders: number = 0;
  /** How often `take` said no. */
  refused: number = 0;

  /** @param limit bytes, 64 MiB unless told. */
  constructor(limit: number = 0x400_0000) {
    this.limit = limit;
  }

  /** Takes `bytes`, all or nothing; false, and counted, when that would exceed the limit. */
  take(bytes: number): boolean {
    if (this.used + bytes > this.limit) {
      this.refused++;
      return false;
    }
    this.used += bytes;
    return true;
  }

  /** Gives back what was taken. */
  give(bytes: number): void {
    if (bytes > this.used) throw new Error(`${bytes} bytes given back to a budget of which ${this.used} are taken`);
    this.used -= bytes;
  }

  /** Whether `bytes` more would stay inside the limit; a no is counted. */
  fits(bytes: number): boolean {
    if (this.used + bytes <= this.limit) return true;
    this.refused++;
    return false;
  }

  /** Brings the account up to date with what a queue now holds more, or less: what is held is counted, limit or not. */
  adjust(bytes: number): void {
    if (bytes < 0) this.give(-bytes);
    else this.used += bytes;
  }

  /** Bytes that are left. */
  get room(): number {
    return Math.max(0, this.limit - this.used);
  }

  /**
   * Bytes that one of the holders may have while there are others: an equal part of half (queues hold whole pieces of
   * memory, and others come). While more than half is free it may be more, since most may hold next to nothing. So whoever
   * was first gives way as others come, and nobody is left out.
   */
  get share(): number {
    const half = this.limit / 2;
    return Math.floor(Math.max(half / Math.max(1, this.holders), (this.room - half) / 2));
  }

  /** How full it is, from 0 to 1. */
  get pressure(): number {
    return this.used / this.limit;
  }
}

/** The lifetime that never ends (RFC 4861 §4.6.2). */
const INFINITE = 0xffff_ffff;

/** When a lifetime that begins at `now` (microseconds) ends. */
export function lifetimeEnd(seconds: number, now: number): number {
  return seconds === INFINITE ? Infinity : now + seconds * 1_000_000;
}

/** Something that was learnt for a time. */
export interface Learnt<Value> {
  value: Value;
  /** When it ends, in microseconds; Infinity: never. */
  until: number;
}

/** What became of something learnt. */
export type LearntChange = 'added' | 'kept' | 'removed' | 'full';

/**
 * Values that each live until a time, at most so many: routers, prefixes, servers. When there is no room for a new one it is
 * left out: whoever floods the link with made-up ones does not drive out those that are in use.
 */
export class LearntTable<Value> {
  readonly #limit: number;
  readonly #entries = new Map<string, Learnt<Value>>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** When the first ends; Infinity when none does. */
  get deadline(): number {
    let first = Infinity;
    for (const { until } of this.#entries.values()) if (until < first) first = until;
    return first;
  }

  /** It lives until then, with this value; what ends now or earlier is removed. */
  put(key: string, value: Value, until: number, now: number): LearntChange {
    const known = this.#entries.get(key);
    if (until <= now) {
      this.#entries.delete(key);
      return known === undefined ? 'kept' : 'removed';
    }
    if (known === undefined) {
      if (this.#entries.size >= this.#limit) return 'full';
      this.#entries.set(key, { value, until });
      return 'added';
    }
    known.value = value;
    known.until = until;
    return 'kept';
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  /** Removes what has ended; tells whether that was anything. */
  expire(now: number): boolean {
    const { size } = this.#entries;
    for (const [key, { until }] of this.#entries) if (until <= now) this.#entries.delete(key);
    return this.#entries.size < size;
  }

  clear(): void {
    this.#entries.clear();
  }

  /** The values in the order in which they were learnt, with their ends: a new array. */
  list(): Readonly<Learnt<Value>>[] {
    return [...this.#entries.values()];
  }
}

import { givesWay } from './known-routers.ts';
import type { Source } from './known-routers.ts';

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
  /** Who said so: of several the one of whom most is known. */
  source: Source;
}

/** What became of something learnt; `displaced`: it was added, and something else had to go. */
export type LearntChange = 'added' | 'displaced' | 'changed' | 'kept' | 'removed' | 'full';

/**
 * Values that each live until a time, at most so many: routers, prefixes, servers. A few dozen at most, in the order in which
 * they were learnt. When there is no room for a new one `givesWay` says what goes, or the new one is left out.
 */
export class LearntTable<Value> {
  readonly #limit: number;
  readonly #isSame: (one: Value, other: Value) => boolean;
  readonly #equals: (one: Value, other: Value) => boolean;
  #entries: Learnt<Value>[] = [];

  /**
   * @param isSame one takes the place of the other
   * @param equals nothing in it differs. Default: always so
   */
  constructor(
    limit: number,
    isSame: (one: Value, other: Value) => boolean,
    equals: (one: Value, other: Value) => boolean = () => true,
  ) {
    this.#limit = limit;
    this.#isSame = isSame;
    this.#equals = equals;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** When the first ends; Infinity when none does. */
  get deadline(): number {
    let first = Infinity;
    for (const { until } of this.#entries) if (until < first) first = until;
    return first;
  }

  /** It lives until then, with this value; what ends now or earlier is removed. */
  put(value: Value, until: number, now: number, source: Source): LearntChange {
    const known = this.#find(value);
    if (until <= now) {
      if (known === undefined) return 'kept';
      this.#entries.splice(this.#entries.indexOf(known), 1);
      return 'removed';
    }
    if (known === undefined) return this.#add({ value, until, source });
    const same = this.#equals(known.value, value);
    known.value = value;
    known.until = until;
    if (source.standing >= known.source.standing) known.source = source;
    return same ? 'kept' : 'changed';
  }

  /** Removes values; tells whether there were any. */
  remove(isMeant: (value: Value) => boolean): boolean {
    return this.#keep(({ value }) => !isMeant(value));
  }

  /** Removes what has ended; tells whether that was anything. */
  expire(now: number): boolean {
    return this.deadline <= now && this.#keep(({ until }) => until > now);
  }

  clear(): void {
    this.#entries = [];
  }

  /** The values in the order in which they were learnt, with their ends. */
  list(): readonly Readonly<Learnt<Value>>[] {
    return this.#entries;
  }

  #find(value: Value): Learnt<Value> | undefined {
    for (const entry of this.#entries) if (this.#isSame(entry.value, value)) return entry;
    return undefined;
  }

  #add(entry: Learnt<Value>): LearntChange {
    const entries = this.#entries;
    const isFull = entries.length >= this.#limit;
    const least = isFull ? givesWay(entries, entry.source) : undefined;
    if (isFull && least === undefined) return 'full';
    if (least !== undefined) entries.splice(entries.indexOf(least), 1);
    entries.push(entry);
    return least === undefined ? 'added' : 'displaced';
  }

  #keep(isMeant: (entry: Learnt<Value>) => boolean): boolean {
    const { length } = this.#entries;
    this.#entries = this.#entries.filter(isMeant);
    return this.#entries.length < length;
  }
}

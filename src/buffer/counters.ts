/**
 * Named counters: whatever the stack drops or refuses is counted here under its reason, never thrown and never logged.
 *
 * @example
 * counters.add('ipv4-bad-checksum');
 * counters.snapshot(); // { 'ipv4-bad-checksum': 1 }
 */
export class Counters {
  readonly #counts = new Map<string, number>();

  add(name: string, n: number = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + n);
  }

  /** The count under `name`; 0 when it never happened. */
  get(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** All counts as a plain object, sorted by name. */
  snapshot(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([x], [y]) => (x < y ? -1 : 1)));
  }
}

import type { Clock } from '../time/clock.ts';

/** What ends with a stack though it has no socket there: a name is being looked up for it, or it leads elsewhere. */
export interface Dependent {
  /** Begins an end in order, which takes time; absent where there is nothing to finish. */
  readonly finish?: () => void;
  /** Ends at once, with ECONNABORTED. `inOrder`: the stack has just begun to close. */
  readonly cut: (inOrder: boolean) => void;
}

/** All dependents of a stack. They are called in tasks of their own, never from inside `close()` or `destroy()`. */
export class Dependents {
  readonly #clock: Clock;
  readonly #members = new Set<Dependent>();
  /** One has ended. */
  onLeave: (() => void) | undefined = undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#members.size;
  }

  /**
   * @returns takes it out again, where it has ended or has a socket of the stack from now on; false: that has happened
   * before, or `cut` is about to be called
   */
  add(member: Dependent): () => boolean {
    this.#members.add(member);
    return () => {
      const was = this.#members.delete(member);
      if (was) this.onLeave?.();
      return was;
    };
  }

  /** Those with something to finish stay until they have. */
  finish(): void {
    for (const member of this.#members) {
      if (member.finish !== undefined) this.#clock.defer(member.finish);
      else this.#cut(member, true);
    }
  }

  cut(): void {
    for (const member of this.#members) this.#cut(member, false);
  }

  #cut(member: Dependent, inOrder: boolean): void {
    this.#members.delete(member);
    this.#clock.defer(() => member.cut(inOrder));
  }
}

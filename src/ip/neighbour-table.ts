import { finishHash, mix4 } from '../buffer/tuple-hash.ts';
import type { Random } from '../time/clock.ts';
import type { AddressWords } from '../wire/address.ts';
import { sameAddress } from '../wire/address.ts';
import type { Neighbour, NeighbourState } from './neighbour.ts';

/** Buckets: a power of two. */
const BUCKETS = 1024;

/** What can be given up for a new neighbour, from the least valuable on; PERMANENT ones never are. */
type Value = 'failed' | 'stale' | 'incomplete' | 'doubtful' | 'reachable' | 'permanent';

const VALUE_OF: Readonly<Record<NeighbourState, Value>> = {
  FAILED: 'failed',
  STALE: 'stale',
  INCOMPLETE: 'incomplete',
  DELAY: 'doubtful',
  PROBE: 'doubtful',
  REACHABLE: 'reachable',
  PERMANENT: 'permanent',
};

/**
 * The neighbours of one interface by address: a keyed hash table over the words, so that looking one up allocates
 * nothing and nobody outside can fill one bucket. Each stands in one of a few sets, in the order in which their present
 * state began.
 */
export class NeighbourTable {
  readonly #buckets: (Neighbour | undefined)[] = new Array<Neighbour | undefined>(BUCKETS).fill(undefined);
  readonly #sets: Readonly<Record<Value, Set<Neighbour>>> = {
    failed: new Set(),
    stale: new Set(),
    incomplete: new Set(),
    doubtful: new Set(),
    reachable: new Set(),
    permanent: new Set(),
  };
  readonly #key0: number;
  readonly #key1: number;
  #size: number = 0;

  constructor(random: Random) {
    this.#key0 = random.uint32() | 0;
    this.#key1 = random.uint32() | 0;
  }

  /** Neighbours that were learnt: PERMANENT ones are the program's own and don't count. */
  get learnt(): number {
    return this.#size - this.#sets.permanent.size;
  }

  /** Neighbours that are being asked for. */
  get incomplete(): number {
    return this.#sets.incomplete.size;
  }

  find(words: AddressWords): Neighbour | undefined {
    let neighbour = this.#buckets[this.#bucket(words)];
    while (neighbour !== undefined && !sameAddress(neighbour.address, words)) neighbour = neighbour.next;
    return neighbour;
  }

  /** Puts in one that is not there yet. */
  add(neighbour: Neighbour): void {
    const bucket = this.#bucket(neighbour.address);
    neighbour.next = this.#buckets[bucket];
    this.#buckets[bucket] = neighbour;
    this.#sets[VALUE_OF[neighbour.state]].add(neighbour);
    this.#size++;
  }

  remove(neighbour: Neighbour): void {
    const bucket = this.#bucket(neighbour.address);
    let at = this.#buckets[bucket];
    if (at === neighbour) this.#buckets[bucket] = neighbour.next;
    else {
      while (at !== undefined && at.next !== neighbour) at = at.next;
      if (at === undefined) return;
      at.next = neighbour.next;
    }
    neighbour.next = undefined;
    this.#sets[VALUE_OF[neighbour.state]].delete(neighbour);
    this.#size--;
  }

  /** Gives a neighbour another state: it becomes the youngest of its kind. */
  move(neighbour: Neighbour, state: NeighbourState): void {
    this.#sets[VALUE_OF[neighbour.state]].delete(neighbour);
    neighbour.state = state;
    this.#sets[VALUE_OF[state]].add(neighbour);
  }

  /** The neighbour whose state of this kind began first. */
  oldest(value: Value): Neighbour | undefined {
    for (const neighbour of this.#sets[value]) return neighbour;
    return undefined;
  }

  /** All of them; a new array. */
  list(): Neighbour[] {
    return Object.values(this.#sets).flatMap((set) => [...set]);
  }

  #bucket({ a, b, c, d }: AddressWords): number {
    return finishHash(mix4(this.#key0, this.#key1, a, b, c, d)) & (BUCKETS - 1);
  }
}

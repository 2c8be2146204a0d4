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

/** Neighbours of one value, oldest first: linked through themselves, so that a flood costs the same for each. */
class Line {
  count: number = 0;
  first: Neighbour | undefined;
  #last: Neighbour | undefined;

  append(neighbour: Neighbour): void {
    neighbour.older = this.#last;
    if (this.#last === undefined) this.first = neighbour;
    else this.#last.younger = neighbour;
    this.#last = neighbour;
    this.count++;
  }

  remove(neighbour: Neighbour): void {
    const { older, younger } = neighbour;
    if (older === undefined) this.first = younger;
    else older.younger = younger;
    if (younger === undefined) this.#last = older;
    else younger.older = older;
    neighbour.older = undefined;
    neighbour.younger = undefined;
    this.count--;
  }
}

/**
 * The neighbours of one interface by address: a keyed hash table over the words, so that looking one up allocates
 * nothing and nobody outside can fill one bucket. Each stands in one of a few lines, in the order in which their present
 * state began.
 */
export class NeighbourTable {
  readonly #buckets: (Neighbour | undefined)[] = new Array<Neighbour | undefined>(BUCKETS).fill(undefined);
  readonly #lines: Readonly<Record<Value, Line>> = {
    failed: new Line(),
    stale: new Line(),
    incomplete: new Line(),
    doubtful: new Line(),
    reachable: new Line(),
    permanent: new Line(),
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
    return this.#size - this.#lines.permanent.count;
  }

  /** Neighbours that are being asked for. */
  get incomplete(): number {
    return this.#lines.incomplete.count;
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
    this.#lines[VALUE_OF[neighbour.state]].append(neighbour);
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
    this.#lines[VALUE_OF[neighbour.state]].remove(neighbour);
    this.#size--;
  }

  /** Gives a neighbour another state: it becomes the youngest of its kind. */
  move(neighbour: Neighbour, state: NeighbourState): void {
    this.#lines[VALUE_OF[neighbour.state]].remove(neighbour);
    neighbour.state = state;
    this.#lines[VALUE_OF[state]].append(neighbour);
  }

  /** The neighbour whose state of this kind began first. */
  oldest(value: Value): Neighbour | undefined {
    return this.#lines[value].first;
  }

  /** All of them; a new array. */
  list(): Neighbour[] {
    const all: Neighbour[] = [];
    for (const { first } of Object.values(this.#lines)) {
      for (let neighbour = first; neighbour !== undefined; neighbour = neighbour.younger) all.push(neighbour);
    }
    return all;
  }

  #bucket({ a, b, c, d }: AddressWords): number {
    return finishHash(mix4(this.#key0, this.#key1, a, b, c, d)) & (BUCKETS - 1);
  }
}

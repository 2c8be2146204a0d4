import type { Counters } from '../buffer/counters.ts';
import type { Clock } from '../time/clock.ts';
import type { Address, AddressRegister } from '../wire/address.ts';

/** Destinations remembered at once; the one that was learnt longest ago goes first. */
const CAPACITY = 1024;
/** What was learnt is forgotten after so long, RFC 1191 §6.3, RFC 8201 §5.3. Linux: net.ipv4.route.mtu_expires. */
const AGE_US = 600_000_000;
/** No router's word brings a path below this, in bytes. Linux: net.ipv4.route.min_pmtu; [S-053] RFC 8201 §4. */
const SMALLEST = { 4: 552, 6: 1280 } as const;

/** What is known of the path to one destination. */
export interface LearntMtu {
  /** Bytes. */
  mtu: number;
  /** When it is forgotten, in microseconds. */
  until: number;
}

/**
 * The path MTUs learnt from routers, by destination: so a new connection begins with what an old one has learnt (RFC 1191
 * §6.2, RFC 8201 §5.2). There is one for each kind of packet whose errors are checked alike, and what one learns those
 * learn too that ask for less proof: anybody can forge an error about an echo reply, but nobody off the path one about a
 * segment that is under way (RFC 5927 §4.1, §7.2).
 */
export class PathMtuCache {
  /** Counts what was learnt and forgotten for room: whoever has looked something up looks again when it changes. */
  generation: number = 0;
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #follower: PathMtuCache | undefined;
  /** By the address's text, in the order in which they were learnt. */
  readonly #entries = new Map<string, LearntMtu>();

  /** @param follower learns what this one does */
  constructor(clock: Clock, counters: Counters, follower?: PathMtuCache) {
    this.#clock = clock;
    this.#counters = counters;
    this.#follower = follower;
  }

  /** How many destinations are remembered. */
  get size(): number {
    return this.#entries.size;
  }

  /** No packet above `mtu` bytes gets to `remote`. A larger value than is known says nothing: it never raises. */
  limit(remote: Address | AddressRegister, mtu: number): void {
    this.#follower?.limit(remote, mtu);
    const known = this.find(remote);
    const believed = Math.max(mtu, SMALLEST[remote.family]);
    if (known !== undefined && believed >= known.mtu) return;
    const key = remote.toString();
    // Put in anew, so that the order is the age.
    this.#entries.delete(key);
    if (this.#entries.size === CAPACITY) this.#evict();
    // [S-052] RFC 1191 §6.3: the time runs from the last decrease.
    this.#entries.set(key, { mtu: believed, until: this.#clock.now() + AGE_US });
    this.generation++;
  }

  /** What is known of the path to `remote`, if it is not too old. Valid while `generation` stays and `holds` is true. */
  find(remote: Address | AddressRegister): LearntMtu | undefined {
    if (this.#entries.size === 0) return undefined;
    const key = remote.toString();
    const entry = this.#entries.get(key);
    if (entry === undefined || this.holds(entry)) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  /** The largest packet that is known to get to `remote` by a link, in bytes. */
  mtuTo(remote: Address | AddressRegister, linkMtu: number): number {
    return Math.min(linkMtu, this.find(remote)?.mtu ?? linkMtu);
  }

  /** Is this not too old yet? */
  holds(entry: LearntMtu): boolean {
    return this.#clock.now() < entry.until;
  }

  #evict(): void {
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return this.#counters.add('ip-path-mtu-evicted');
    }
  }
}

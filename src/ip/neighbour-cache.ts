import type { Counters } from '../buffer/counters.ts';
import type { MemoryBudget } from '../buffer/memory-budget.ts';
import type { Packet } from '../buffer/packet.ts';
import type { Clock, Random } from '../time/clock.ts';
import type { TimerWheel } from '../time/timer-wheel.ts';
import type { AddressWords } from '../wire/address.ts';
import { sameAddress } from '../wire/address.ts';
import type { MacWords } from '../wire/mac.ts';
import { sameMac } from '../wire/mac.ts';
import type { NeighbourInfo, NeighbourKeeper, NeighbourState } from './neighbour.ts';
import { Neighbour } from './neighbour.ts';
import { NeighbourTable } from './neighbour-table.ts';
import type { WaitingPacket } from './neighbour-waiting.ts';
import { WaitingPackets } from './neighbour-waiting.ts';

/** Neighbours remembered, without those that the program has set. Linux: net.ipv4.neigh.default.gc_thresh3. */
const CAPACITY = 1024;
/** So many of them may be asked for at once: a scan, or a flood of made-up sources, leaves room for those that are there. */
const INCOMPLETE_CAPACITY = CAPACITY / 2;
/** Questions to all, and to a neighbour alone. RFC 4861 §10; Linux: mcast_solicit, ucast_solicit. */
const MAX_MULTICAST_SOLICIT = 3;
const MAX_UNICAST_SOLICIT = 3;
/** How long upper layers have to confirm. RFC 4861 §10; Linux: delay_first_probe_time. */
const DELAY_FIRST_PROBE_TIME = 5_000_000;
/** RFC 4861 §10: MIN_RANDOM_FACTOR, and how far MAX_RANDOM_FACTOR is above it. */
const MIN_RANDOM_FACTOR = 0.5;
const RANDOM_RANGE = 1;
const UINT32_RANGE = 0x1_0000_0000;

/** Times of one protocol, in microseconds. */
export interface NeighbourTimes {
  /** How long a neighbour counts as reachable, times 0.5 to 1.5. Linux: base_reachable_time. */
  baseReachableTime: number;
  /** Between questions. Linux: retrans_time. */
  retransTimer: number;
}

/** RFC 4861 §10: REACHABLE_TIME, RETRANS_TIMER; Linux has the same for ARP. */
const DEFAULT_TIMES: NeighbourTimes = { baseReachableTime: 30_000_000, retransTimer: 1_000_000 };

/** How neighbours of one family are asked: ARP or NDP. */
export interface NeighbourProtocol {
  /**
   * Sends one question. Another packet may not be under construction on the interface's queue.
   *
   * @param source of the packet that waits: to be named as the asker where it is an address of the interface
   * @param unicastTo the station to ask; undefined: all
   */
  solicit(target: AddressWords, source: AddressWords | undefined, unicastTo: MacWords | undefined): void;
}

/** What ARP or NDP has heard of a neighbour. */
export interface NeighbourNews {
  /** Its hardware address, if it was named. */
  mac: MacWords | undefined;
  /** It answers a question of this host, so it can be reached (NDP: the S flag). */
  solicited: boolean;
  /** Another address than the known one takes its place (NDP: the O flag). */
  override: boolean;
  /** A neighbour that is not known yet is put in, as STALE: it has asked for this host, and an answer will follow. */
  create: boolean;
  /** It is a router, or is none (NDP: the R flag). Default: nothing is known of that. */
  router?: boolean;
}

export interface NeighbourCacheParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: TimerWheel;
  readonly counters: Counters;
  /** What waits counts here. */
  readonly budget: MemoryBudget;
  /** And here, with what waits on the other interfaces of the stack. */
  readonly waitingShare: MemoryBudget;
  /** How neighbours of a family are asked; without one they can only be set. */
  readonly protocols: Readonly<Partial<Record<4 | 6, NeighbourProtocol>>>;
  /** Sends a packet that waited: `neighbour.usable` is true. */
  send(packet: WaitingPacket, neighbour: Neighbour): void;
  /** A packet waited in vain: nobody has answered. */
  unreachable(packet: WaitingPacket): void;
  /** A neighbour has another state; or is new, or said something else of being a router (then `from` is its state). */
  changed?(neighbour: Neighbour, from: NeighbourState): void;
}

/**
 * [S-051] The neighbours of one interface with their hardware addresses: the one cache for ARP and NDP, with the states of
 * RFC 4861 §7.3.2 and unreachability detection for both (RFC 1122 §2.3.2.1 asks ARP for no less: unicast polls).
 *
 * - Way out: `resolve(nextHop)` gives a usable neighbour, at the cost of one lookup; where it gives nothing `wait(nextHop, …)`
 *   keeps a copy of the packet and asks. When an answer comes `send` is called for each packet that waits, when none comes
 *   `unreachable` is.
 * - Way in: ARP and NDP call `learn`. Only news with `create` puts in a new neighbour; answers nobody asked for don't.
 * - `confirm(words, now)` is the upper layers' hint that the neighbour was reached (RFC 4861 §7.3.1).
 * - `find(words)` reads without changing anything: `state`, `isRouter`, `mac`; `changed` of the parts tells of changes.
 * - `times[6]` may be changed at any time, as router advertisements do; `set`, `delete`, `list` are the program's;
 *   `flush` is for a link that went down.
 *
 * Bounded: 1024 learnt neighbours, half of which may be INCOMPLETE; of the others the failed go first, then the
 * stale, then those that are not known to be reachable. Counted as `neighbour-evicted`, `neighbour-table-full`, `neighbour-queue-full`, `neighbour-memory-budget`, `neighbour-unreachable`.
 */
export class NeighbourCache implements NeighbourKeeper {
  /** By family; may be changed. */
  readonly times: Readonly<Record<4 | 6, NeighbourTimes>> = { 4: { ...DEFAULT_TIMES }, 6: { ...DEFAULT_TIMES } };
  readonly #parts: NeighbourCacheParts;
  readonly #table: NeighbourTable;
  readonly #waiting: WaitingPackets;
  /** The last one that was sent to: as a rule the next packet goes there, too. */
  #last: Neighbour | undefined;

  constructor(parts: NeighbourCacheParts) {
    this.#parts = parts;
    this.#table = new NeighbourTable(parts.random);
    this.#waiting = new WaitingPackets(parts.counters, parts.budget, parts.waitingShare);
  }

  /** Neighbours that were learnt and are remembered. */
  get size(): number {
    return this.#table.learnt;
  }

  /** Bytes of memory that waiting packets take. */
  get waitingBytes(): number {
    return this.#waiting.bytes;
  }

  /** What is known of a neighbour. */
  find(words: AddressWords): Neighbour | undefined {
    return this.#table.find(words);
  }

  /** The neighbour to send to now; undefined: let the packet `wait`. */
  resolve(words: AddressWords): Neighbour | undefined {
    const last = this.#last;
    if (last !== undefined && last.usable && sameAddress(last.address, words)) return last;
    const neighbour = this.#table.find(words);
    if (neighbour === undefined) return undefined;
    // RFC 4861 §7.3.3: the first packet goes at once, and begins the delay.
    if (neighbour.state === 'STALE') this.#enter(neighbour, 'DELAY', this.#parts.clock.now());
    if (!neighbour.usable) return undefined;
    this.#last = neighbour;
    return neighbour;
  }

  /**
   * Keeps a copy of a packet until its neighbour is known, and asks for it. The packet itself must be given up before,
   * as the question may need its place.
   *
   * @param source of the packet
   */
  wait(words: AddressWords, packet: Packet, source: AddressWords): void {
    const now = this.#parts.clock.now();
    const neighbour = this.#table.find(words) ?? this.#create(words, 'INCOMPLETE', now);
    if (neighbour === undefined) return;
    this.#waiting.add(neighbour, packet);
    neighbour.source.set(source);
    neighbour.hasSource = true;
    // RFC 1122 §2.3.2.1: never more than one question a second, since what fails has waited as long after the last.
    if (neighbour.state === 'FAILED') this.#enter(neighbour, 'INCOMPLETE', now);
    if (neighbour.state === 'INCOMPLETE' && neighbour.probes === 0) this.#ask(neighbour, now);
  }

  /**
   * ARP or NDP has heard of a neighbour: RFC 4861 §7.2.3, §7.2.5. Returns it, or nothing when it is not known and
   * stays so.
   */
  learn(words: AddressWords, news: NeighbourNews): Neighbour | undefined {
    const now = this.#parts.clock.now();
    const neighbour = this.#table.find(words);
    if (neighbour === undefined) return this.#meet(words, news, now);
    const { mac, solicited, override, router } = news;
    if (!neighbour.known) {
      // RFC 4861 §7.2.5: an answer without an address is none.
      if (mac === undefined) return neighbour;
      this.#answered(neighbour, mac, solicited, now);
    } else if (neighbour.state !== 'PERMANENT') {
      const differs = mac !== undefined && !sameMac(mac, neighbour.mac);
      if (differs && !override) {
        // RFC 4861 §7.2.5, I: one of the two is wrong. The known one stays, and is asked when it is next used.
        if (neighbour.state === 'REACHABLE') this.#enter(neighbour, 'STALE', now);
        return neighbour;
      }
      if (differs) this.#moved(neighbour, mac, now);
      if (solicited) this.#reached(neighbour, neighbour.probes > 0, now);
      else if (differs) this.#enter(neighbour, 'STALE', now);
    }
    this.#noteRouter(neighbour, router);
    return neighbour;
  }

  /**
   * RFC 4861 §7.3.1: something that only the neighbour can have passed on was acknowledged by the peer. Costs a comparison as
   * a rule.
   *
   * @param now in microseconds
   */
  confirm(words: AddressWords, now: number = this.#parts.clock.now()): void {
    const last = this.#last;
    const neighbour = last !== undefined && sameAddress(last.address, words) ? last : this.#table.find(words);
    if (neighbour === undefined || !neighbour.known || neighbour.state === 'PERMANENT') return;
    this.#reached(neighbour, neighbour.state !== 'STALE', now);
  }

  /** Puts in a neighbour for good, or gives one another address. */
  set(words: AddressWords, mac: MacWords): void {
    const now = this.#parts.clock.now();
    const neighbour = this.#table.find(words) ?? this.#put(words, 'PERMANENT', now);
    neighbour.mac.set(mac);
    this.#enter(neighbour, 'PERMANENT', now);
    this.#release(neighbour);
  }

  /** Forgets a neighbour, with the packets that wait for it; false when it is not known. */
  delete(words: AddressWords): boolean {
    const neighbour = this.#table.find(words);
    if (neighbour !== undefined) this.#remove(neighbour);
    return neighbour !== undefined;
  }

  /** Forgets all that was learnt, as when the link has gone down: somebody else may be there when it comes back. */
  flush(): void {
    for (const neighbour of this.#table.list()) if (neighbour.state !== 'PERMANENT') this.#remove(neighbour);
  }

  /** All neighbours, for people; a new array. */
  list(): NeighbourInfo[] {
    return this.#table.list().map((neighbour) => neighbour.describe());
  }

  /** @internal A neighbour's timer. */
  due(neighbour: Neighbour, now: number): void {
    switch (neighbour.state) {
      case 'REACHABLE': {
        const until = neighbour.confirmed + neighbour.reachableTime;
        if (until > now) neighbour.timer?.arm(until);
        else this.#enter(neighbour, 'STALE', now);
        return;
      }
      case 'DELAY':
        this.#enter(neighbour, 'PROBE', now);
        return this.#ask(neighbour, now);
      case 'PROBE':
        return neighbour.probes < MAX_UNICAST_SOLICIT ? this.#ask(neighbour, now) : this.#fail(neighbour, now);
      case 'INCOMPLETE':
        return neighbour.probes < MAX_MULTICAST_SOLICIT ? this.#ask(neighbour, now) : this.#fail(neighbour, now);
      default:
    }
  }

  // RFC 4861 §7.2.3: whoever asks for this host is worth remembering; what it says of itself is not confirmed.
  #meet(words: AddressWords, { mac, create, router }: NeighbourNews, now: number): Neighbour | undefined {
    if (!create || mac === undefined) return undefined;
    const neighbour = this.#create(words, 'STALE', now);
    if (neighbour === undefined) return undefined;
    neighbour.mac.set(mac);
    this.#noteRouter(neighbour, router);
    return neighbour;
  }

  /** The address that packets wait for. */
  #answered(neighbour: Neighbour, mac: MacWords, solicited: boolean, now: number): void {
    neighbour.mac.set(mac);
    if (solicited) this.#reached(neighbour, neighbour.probes > 0, now);
    else this.#enter(neighbour, 'STALE', now);
    this.#release(neighbour);
  }

  #moved(neighbour: Neighbour, mac: MacWords, now: number): void {
    neighbour.mac.set(mac);
    neighbour.since = now;
  }

  /** @param proven false: an answer to nothing that was asked, which anybody can send blindly */
  #reached(neighbour: Neighbour, proven: boolean, now: number): void {
    neighbour.confirmed = now;
    // The timer looks at `confirmed` when it is due.
    if (neighbour.state === 'REACHABLE') return;
    neighbour.proven = proven;
    const { baseReachableTime } = this.times[neighbour.address.family];
    // RFC 4861 §6.3.2: hosts that began together are not to ask together.
    const factor = MIN_RANDOM_FACTOR + (RANDOM_RANGE * this.#parts.random.uint32()) / UINT32_RANGE;
    neighbour.reachableTime = baseReachableTime * factor;
    this.#enter(neighbour, 'REACHABLE', now);
  }

  #noteRouter(neighbour: Neighbour, router: boolean | undefined): void {
    if (router === undefined || router === neighbour.isRouter) return;
    neighbour.isRouter = router;
    this.#parts.changed?.(neighbour, neighbour.state);
  }

  #ask(neighbour: Neighbour, now: number): void {
    const { address, source, hasSource, state } = neighbour;
    neighbour.probes++;
    this.#timerOf(neighbour).arm(now + this.times[address.family].retransTimer);
    const unicastTo = state === 'PROBE' ? neighbour.mac : undefined;
    this.#parts.protocols[address.family]?.solicit(address, hasSource ? source : undefined, unicastTo);
  }

  // RFC 4861 §7.2.2: each packet's sender is told.
  #fail(neighbour: Neighbour, now: number): void {
    this.#enter(neighbour, 'FAILED', now);
    for (const packet of this.#waiting.take(neighbour)) {
      this.#parts.counters.add('neighbour-unreachable');
      this.#parts.unreachable(packet);
    }
  }

  /** What waited goes. */
  #release(neighbour: Neighbour): void {
    const packets = this.#waiting.take(neighbour);
    if (packets.length === 0) return;
    if (neighbour.state === 'STALE') this.#enter(neighbour, 'DELAY', this.#parts.clock.now());
    for (const packet of packets) this.#parts.send(packet, neighbour);
  }

  #enter(neighbour: Neighbour, state: NeighbourState, now: number): void {
    const from = neighbour.state;
    this.#table.move(neighbour, state);
    neighbour.since = now;
    neighbour.probes = 0;
    neighbour.usable = state === 'REACHABLE' || state === 'DELAY' || state === 'PROBE' || state === 'PERMANENT';
    if (state === 'REACHABLE') this.#timerOf(neighbour).arm(now + neighbour.reachableTime);
    else if (state === 'DELAY') this.#timerOf(neighbour).arm(now + DELAY_FIRST_PROBE_TIME);
    else this.#stopTimer(neighbour);
    if (state !== from) this.#parts.changed?.(neighbour, from);
  }

  /** A new neighbour, if there is room for one or can be made. */
  #create(words: AddressWords, state: 'INCOMPLETE' | 'STALE', now: number): Neighbour | undefined {
    // Those that are being asked for are not given up: forgotten and met again they would be asked more often than once a
    // second (RFC 1122 §2.3.2.1). So the rate of questions is bounded, too.
    const isRefused = state === 'INCOMPLETE' && this.#table.incomplete >= INCOMPLETE_CAPACITY;
    if (isRefused || (this.#table.learnt >= CAPACITY && !this.#evict())) {
      this.#parts.counters.add('neighbour-table-full');
      return undefined;
    }
    const neighbour = this.#put(words, state, now);
    this.#parts.changed?.(neighbour, state);
    return neighbour;
  }

  #put(words: AddressWords, state: NeighbourState, now: number): Neighbour {
    const neighbour = new Neighbour(words, this);
    neighbour.state = state;
    neighbour.since = now;
    this.#table.add(neighbour);
    return neighbour;
  }

  /** Gives up the one that is worth least, and of these the one that has been so for longest. */
  #evict(): boolean {
    const table = this.#table;
    const idle = table.oldest('failed') ?? table.oldest('stale');
    const least = idle ?? table.oldest('doubtful') ?? table.oldest('reachable');
    if (least === undefined) return false;
    this.#parts.counters.add('neighbour-evicted');
    this.#remove(least);
    return true;
  }

  #remove(neighbour: Neighbour): void {
    this.#stopTimer(neighbour);
    if (this.#last === neighbour) this.#last = undefined;
    neighbour.usable = false;
    const lost = this.#waiting.take(neighbour).length;
    if (lost > 0) this.#parts.counters.add('neighbour-queue-dropped', lost);
    this.#table.remove(neighbour);
  }

  #timerOf(neighbour: Neighbour): NonNullable<Neighbour['timer']> {
    return (neighbour.timer ??= this.#parts.timers.timerOf(neighbour));
  }

  /** What is idle needs no timer. */
  #stopTimer(neighbour: Neighbour): void {
    if (neighbour.timer === undefined) return;
    this.#parts.timers.giveBack(neighbour.timer);
    neighbour.timer = undefined;
  }
}

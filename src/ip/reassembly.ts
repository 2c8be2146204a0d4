import type { Counters } from '../buffer/counters.ts';
import { Datagram } from '../buffer/datagram.ts';
import type { MemoryBudget } from '../buffer/memory-budget.ts';
import { allocateMemory } from '../buffer/memory.ts';
import { finishHash, mix4 } from '../buffer/tuple-hash.ts';
import type { Random } from '../time/clock.ts';
import type { TimerWheel, WheelTimer } from '../time/timer-wheel.ts';
import { needsZone, sameAddress } from '../wire/address.ts';
import { PartialDatagram } from './reassembly-datagram.ts';
import type { Fragment, FragmentFit, FragmentFlaw, FragmentSource } from './reassembly-datagram.ts';
import { describeFirst, describeWhole, ecnOf } from './reassembly-header.ts';

/** How long fragments wait for the others, in microseconds: [S-024] RFC 1122 §3.3.2 (60 to 120 s), RFC 8200 §4.5. */
const TIMEOUT_US = 60_000_000;
/** Bytes that all fragments together may occupy, overhead included. Linux: net.ipv4.ipfrag_high_thresh. */
const MOST_BYTES = 0x40_0000;
/** Of a stack with little memory no more than this part of it, and of that one source no more than this part. */
const SHARE = 1 / 4;
/** Datagrams of one source: nobody takes the room of all others. */
const MOST_OF_SOURCE = 256;
/** Datagrams under way, those that were given up included. */
const MOST_DATAGRAMS = 1024;
/** What a datagram, and a fragment of it, are taken to occupy beside their bytes. */
const DATAGRAM_OVERHEAD = 512;
const FRAGMENT_OVERHEAD = 128;

/** Why a fragment, or with it its datagram, went no further. */
export type ReassemblyReason =
  | FragmentFlaw
  | Exclude<FragmentFit, 'new'>
  | 'discarded'
  | 'ecn-mixed'
  | 'memory'
  | 'evicted'
  | 'timeout';

/** The names that is counted under. */
export type ReassemblyDrop = `ipv${4 | 6}-reassembly-${ReassemblyReason}`;

export interface ReassemblerParts {
  random: Random;
  counters: Counters;
  /** What waits counts here too. */
  budget: MemoryBudget;
  timers: TimerWheel;
  /** The time is over, and the fragment with offset 0 has come: its sender is told. Lent for the call. */
  expired(first: Datagram): void;
}

/**
 * Puts fragments of both versions of IP together ([S-003] [S-007] [S-044]). Fragments come in any order; exact duplicates
 * are dropped, and a datagram whose fragments overlap is given up as a whole (RFC 5722 §4; for IPv4 too, where RFC 791 §3.2
 * would let the later one win: that only serves attacks, RFC 1858 §4). It holds no more than its bounds allow: the oldest
 * datagram gives way, of the same source first.
 */
export class Reassembler {
  /** Bytes that waiting fragments occupy, overhead included. */
  bytes: number = 0;
  readonly #parts: ReassemblerParts;
  readonly #mostBytes: number;
  /** Chains of datagrams by the hash of what they are known by. */
  readonly #slots = new Map<number, PartialDatagram>();
  /** All of them, the oldest first; all have the same time. */
  readonly #datagrams = new Set<PartialDatagram>();
  readonly #sources = new Map<string, FragmentSource>();
  readonly #timer: WheelTimer;
  /** Of the hash; drawn with the first fragment of all that wait. */
  #key0: number = 0;
  #key1: number = 0;
  /** The one description of what is handed on, rewritten for each. */
  readonly #datagram: Datagram = new Datagram(allocateMemory(0));

  constructor(parts: ReassemblerParts) {
    this.#parts = parts;
    this.#mostBytes = Math.min(MOST_BYTES, parts.budget.limit * SHARE);
    this.#timer = parts.timers.timer((now) => this.#expire(now));
  }

  /** Datagrams under way, those that were given up and not yet forgotten included. */
  get count(): number {
    return this.#datagrams.size;
  }

  /**
   * Takes a fragment whose header has been checked: its length is not 0, and a multiple of 8 unless it is the last, and it
   * does not reach beyond 65,535 bytes.
   *
   * @param datagram the packet that carries it
   * @returns the whole datagram when this was what it lacked, in memory of its own: valid until the next call
   */
  add(datagram: Datagram, fragment: Fragment): Datagram | undefined {
    const zone = isOfLink(datagram) ? datagram.interfaceIndex : 0;
    const slot = this.#hash(datagram, fragment, zone);
    const partial = this.#find(slot, datagram, fragment, zone) ?? this.#begin(slot, datagram, fragment, zone);
    const drop = partial === undefined ? 'memory' : this.#put(partial, datagram, fragment);
    if (drop !== undefined) this.#count(datagram, drop);
    if (drop !== undefined || partial?.complete !== true) return undefined;
    this.#remove(partial);
    return this.#whole(partial, datagram);
  }

  /** Forgets all, as when the stack ends. */
  clear(): void {
    for (const partial of this.#datagrams) this.#remove(partial);
  }

  #put(partial: PartialDatagram, datagram: Datagram, fragment: Fragment): ReassemblyReason | undefined {
    if (partial.discarded) return 'discarded';
    const { bytes } = datagram.memory;
    const fit = partial.fit(fragment, bytes);
    if (fit === 'duplicate') return fit;
    if (fit !== 'new') {
      this.#discard(partial);
      return fit;
    }
    const header = fragment.offset === 0 ? fragment.start - datagram.packetStart : 0;
    if (!this.#makeRoom(partial, header + fragment.length + FRAGMENT_OVERHEAD)) return 'memory';
    partial.add(fragment, bytes);
    partial.ecn |= 1 << (datagram.trafficClass & 3);
    if (fragment.offset > 0) return undefined;
    partial.header = bytes.slice(datagram.packetStart, fragment.start);
    partial.nextHeaderAt = fragment.nextHeaderAt;
    partial.ttl = datagram.ttl;
    partial.trafficClass = datagram.trafficClass;
    return undefined;
  }

  #whole(partial: PartialDatagram, last: Datagram): Datagram | undefined {
    const whole = this.#datagram;
    whole.interfaceIndex = last.interfaceIndex;
    whole.now = last.now;
    const ecn = ecnOf(partial.ecn, partial.trafficClass);
    if (ecn === undefined) this.#count(partial, 'ecn-mixed');
    else if (describeWhole(whole, partial, (partial.trafficClass & 0xfc) | ecn)) return whole;
    else this.#count(partial, 'too-long');
    return undefined;
  }

  #count({ version }: Pick<Datagram, 'version'>, reason: ReassemblyReason): void {
    this.#parts.counters.add(`ipv${version}-reassembly-${reason}` satisfies ReassemblyDrop);
  }

  #find(slot: number, datagram: Datagram, fragment: Fragment, zone: number): PartialDatagram | undefined {
    let partial = this.#slots.get(slot);
    while (partial !== undefined && !isOf(partial, datagram, fragment, zone)) partial = partial.next;
    return partial;
  }

  /** Nothing when there is no memory for it. */
  #begin(slot: number, datagram: Datagram, { identification }: Fragment, zone: number): PartialDatagram | undefined {
    const known = this.#sources.get(datagram.source.toString());
    if (known !== undefined && known.datagrams.size >= MOST_OF_SOURCE) this.#evict(known.datagrams, undefined);
    if (this.#datagrams.size >= MOST_DATAGRAMS) this.#evict(this.#datagrams, undefined);
    if (!this.#leavesRoom(DATAGRAM_OVERHEAD, undefined)) return undefined;
    // What was evicted may have been the source's last.
    const from = this.#sourceOf(datagram);
    const deadline = datagram.now + TIMEOUT_US;
    const partial = new PartialDatagram(datagram, identification, zone, deadline, slot, from);
    partial.next = this.#slots.get(slot);
    this.#slots.set(slot, partial);
    this.#datagrams.add(partial);
    from.datagrams.add(partial);
    this.#charge(partial, DATAGRAM_OVERHEAD);
    if (!this.#timer.armed) this.#timer.arm(partial.deadline);
    return partial;
  }

  /** Takes the bytes from all bounds; the oldest others give way. */
  #makeRoom(partial: PartialDatagram, cost: number): boolean {
    const { from } = partial;
    const most = this.#mostBytes * SHARE;
    while (from.bytes + cost > most) if (!this.#evict(from.datagrams, partial)) return false;
    if (!this.#leavesRoom(cost, partial)) return false;
    this.#charge(partial, cost);
    return true;
  }

  /** The same for the bounds of all together. */
  #leavesRoom(cost: number, dear: PartialDatagram | undefined): boolean {
    const { budget } = this.#parts;
    while (this.bytes + cost > this.#mostBytes) if (!this.#evict(this.#datagrams, dear)) return false;
    while (!budget.fits(cost)) if (!this.#evict(this.#datagrams, dear)) return false;
    return true;
  }

  #charge(partial: PartialDatagram, cost: number): void {
    partial.cost += cost;
    this.bytes += cost;
    partial.from.bytes += cost;
    this.#parts.budget.adjust(cost);
  }

  /** Gives up the oldest of these, `dear` excepted; false when there is none. */
  #evict(datagrams: ReadonlySet<PartialDatagram>, dear: PartialDatagram | undefined): boolean {
    for (const oldest of datagrams) {
      if (oldest === dear) continue;
      this.#count(oldest, 'evicted');
      this.#remove(oldest);
      return true;
    }
    return false;
  }

  /** Keeps the name only. */
  #discard(partial: PartialDatagram): void {
    partial.discarded = true;
    partial.empty();
    this.#charge(partial, DATAGRAM_OVERHEAD - partial.cost);
  }

  #remove(partial: PartialDatagram): void {
    this.#charge(partial, -partial.cost);
    this.#datagrams.delete(partial);
    partial.from.datagrams.delete(partial);
    if (partial.from.datagrams.size === 0) this.#sources.delete(partial.source.toString());
    this.#unlink(partial);
    if (this.#datagrams.size === 0) this.#timer.cancel();
  }

  #unlink(partial: PartialDatagram): void {
    const { slot, next } = partial;
    let before = this.#slots.get(slot);
    if (before === partial) {
      if (next === undefined) this.#slots.delete(slot);
      else this.#slots.set(slot, next);
      return;
    }
    while (before?.next !== partial) before = before!.next;
    before.next = next;
  }

  #expire(now: number): void {
    for (const partial of this.#datagrams) {
      if (partial.deadline > now) return this.#timer.arm(partial.deadline);
      this.#remove(partial);
      if (partial.discarded) continue;
      this.#count(partial, 'timeout');
      // [S-024] RFC 1122 §3.3.2, RFC 8200 §4.5: only if the fragment with offset 0 is there to be quoted.
      const first = this.#datagram;
      first.now = now;
      if (describeFirst(first, partial)) this.#parts.expired(first);
    }
  }

  #sourceOf({ source }: Datagram): FragmentSource {
    const key = source.toString();
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    const made = { datagrams: new Set<PartialDatagram>(), bytes: 0 };
    this.#sources.set(key, made);
    return made;
  }

  #hash({ source, destination, version, protocol }: Datagram, { identification }: Fragment, zone: number): number {
    // Nothing is in its place by the old ones.
    if (this.#datagrams.size === 0) {
      this.#key0 = this.#parts.random.uint32();
      this.#key1 = this.#parts.random.uint32();
    }
    const key = this.#key1;
    const from = mix4(this.#key0, key, source.a, source.b, source.c, source.d);
    const both = mix4(from, key, destination.a, destination.b, destination.c, destination.d);
    return finishHash(mix4(both, key, identification, version === 4 ? protocol : 0, zone, version));
  }
}

/** Addresses of one link: fragments from another belong to another datagram. */
function isOfLink({ source, destination, group }: Datagram): boolean {
  return group || needsZone(source) || needsZone(destination);
}

/** [S-003] RFC 791 §3.2, RFC 8200 §4.5: what fragments of one datagram have in common. IPv6 has no protocol there. */
function isOf(partial: PartialDatagram, datagram: Datagram, { identification }: Fragment, zone: number): boolean {
  return (
    partial.identification === identification &&
    partial.zone === zone &&
    sameAddress(partial.source, datagram.source) &&
    sameAddress(partial.destination, datagram.destination) &&
    (datagram.version === 6 || partial.protocol === datagram.protocol)
  );
}

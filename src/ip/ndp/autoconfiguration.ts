import type { Random } from '../../time/clock.ts';
import type { Address, AddressWords } from '../../wire/address.ts';
import { isLinkLocal, sameAddress } from '../../wire/address.ts';
import { Cidr } from '../../wire/cidr.ts';
import type { PrefixInformation, SixBytes } from '../../wire/ndp-options.ts';
import { isNobodysNetwork } from '../special-addresses.ts';
import { TokenBucket } from '../rate-limit.ts';
import { AddressLifetimes } from './address-lifetimes.ts';
import { DuplicateDetection } from './duplicate-detection.ts';
import type { StableIdentifiers } from './interface-identifier.ts';
import { eui64Address, IDENTIFIER_BITS, isReservedIdentifier, randomAddress } from './interface-identifier.ts';
import { givesWay, Standing } from './known-routers.ts';
import type { Source } from './known-routers.ts';
import { OwnAddress } from './own-address.ts';
import type { AddressOrigin, AddressState } from './own-address.ts';
import { regenAdvance, TEMP_IDGEN_RETRIES, temporaryLifetimes } from './temporary.ts';
import type { TemporaryLifetimes } from './temporary.ts';

const LINK_LOCAL = Cidr.parse('fe80::/64');
/** Addresses of an interface that nobody gave it by hand. Linux: net.ipv6.conf.*.max_addresses. */
const MOST_ADDRESSES = 16;
/** One address a second may give way to another, and all of them at once. */
const CHURN_INTERVAL = 1_000_000;
/** RFC 7217 §7: how often another identifier is tried, and how long is waited before. */
const IDGEN_RETRIES = 3;
const IDGEN_DELAY = 1_000_000;
/** MAX_RTR_SOLICITATION_DELAY (RFC 4862 §5.4.2). */
const PROBE_DELAY = 1_000_000;

/** Why a prefix has not become an address. */
export type PrefixDrop =
  | 'ndp-prefix-lifetimes'
  | 'ndp-prefix-length'
  | 'ndp-address-table-full'
  | 'ndp-address-elsewhere'
  | 'ndp-address-displaced';

export interface AutoconfigurationParts {
  readonly random: Random;
  /** The interface's hardware address at this moment. */
  readonly mac: () => SixBytes;
  /** Undefined: identifiers are made of the hardware address (EUI-64). */
  readonly identifiers: StableIdentifiers | undefined;
  /** Undefined: no temporary addresses are made. */
  readonly temporary: TemporaryLifetimes | undefined;
  /** DupAddrDetectTransmits. */
  readonly transmits: number;
  /** What is in use is given up, too, when it is tried again and somebody else turns out to have it. */
  readonly strict: boolean;
  /** Another interface of the stack has this address, or tries it. */
  taken(address: Address): boolean;
  /** A probe for the address is to be sent (RFC 4862 §5.4.2). */
  probe(own: OwnAddress, nonce: SixBytes): void;
  /** It has another state; one that was not there before is told with `undefined`. */
  changed(own: OwnAddress, from: AddressState | undefined): void;
  /** It is gone: its time is over. */
  removed(own: OwnAddress): void;
  /** Tried again after an outage it is still nobody else's. */
  returned(own: OwnAddress): void;
}

/**
 * The IPv6 addresses of one interface ([S-049] RFC 4862): the link-local one, those made of advertised prefixes, temporary ones,
 * and those of the program, which are tried for duplicates too. It sends nothing and knows no interface; `advance` is to be
 * called when `deadline` has come.
 */
export class Autoconfiguration {
  /** RetransTimer, in microseconds. */
  retransTimer: number = 1_000_000;
  readonly #parts: AutoconfigurationParts;
  readonly #somebody: Source = { standing: Standing.HEARD, held: 0 };
  /** How often an address may give way to another: each time a probe, and reports of groups, are sent. */
  readonly #churn: TokenBucket = new TokenBucket(CHURN_INTERVAL, MOST_ADDRESSES, 0);
  #own: OwnAddress[] = [];
  /** Prefixes of which no temporary address could be made: RFC 8981 §3.4, 7. */
  readonly #hopeless = new Set<string>();

  constructor(parts: AutoconfigurationParts) {
    this.#parts = parts;
  }

  /** When `advance` wants to be called, in microseconds. */
  get deadline(): number {
    let first = Infinity;
    for (const own of this.#own) if (own.deadline < first) first = own.deadline;
    return first;
  }

  /** When `expire` wants to be called, in microseconds. */
  get expiry(): number {
    let first = Infinity;
    for (const own of this.#own) if (own.expiry < first) first = own.expiry;
    return first;
  }

  /** All addresses, used or not: a new array. */
  list(): OwnAddress[] {
    return [...this.#own];
  }

  /** The routers that have advertised the prefixes of addresses. */
  sources(): Source[] {
    return this.#own.flatMap(({ source }) => source ?? []);
  }

  find(words: AddressWords): OwnAddress | undefined {
    return this.#own.find(({ cidr }) => sameAddress(cidr.address, words));
  }

  /** Makes the link-local address (RFC 4862 §5.3), unless there is one. */
  makeLinkLocal(now: number): void {
    if (this.#own.some(({ cidr }) => isLinkLocal(cidr.address))) return;
    this.#make(LINK_LOCAL, 'link-local', new AddressLifetimes(), 0, PROBE_DELAY, now);
  }

  /**
   * The link is there again, and perhaps another (RFC 4862 §5.3, §5.4): all addresses are tried, as if they were new. What is in
   * use stays so meanwhile, as connections would else wait for nothing; what was made here and was somebody else's may be free,
   * and is made again. An address of the program's that was somebody else's is given up: the program may give it again.
   */
  tryAgain(now: number): void {
    this.#hopeless.clear();
    for (const own of this.list()) {
      if (own.state === 'duplicate') {
        if (own.origin !== 'manual') this.#drop(own);
        continue;
      }
      own.detection = this.#detection(PROBE_DELAY, now);
      own.returning = own.usable;
    }
  }

  /** The program gave this address. @param inUse it is used already, while it is tried */
  adopt(cidr: Cidr, inUse: boolean, now: number): void {
    const known = this.find(cidr.address);
    if (known !== undefined) this.#drop(known);
    const own = new OwnAddress(cidr, 'manual', new AddressLifetimes(), this.#detection(PROBE_DELAY, now), 0);
    if (inUse) own.state = 'preferred';
    this.#own.push(own);
  }

  /** The program took it away. */
  release(words: AddressWords): void {
    const known = this.find(words);
    if (known !== undefined) this.#drop(known);
  }

  /** A router advertises a prefix: RFC 4862 §5.5.3. @param by the router; default always the same, of which nothing is known */
  prefix(option: PrefixInformation, now: number, by: Source = this.#somebody): PrefixDrop | undefined {
    const { autonomous, prefixLength, validLifetime, preferredLifetime } = option;
    // (a), (b); a network that is nobody's is refused, and counted, where routes are learnt.
    if (!autonomous || isLinkLocal(option.prefix) || isNobodysNetwork(option)) return undefined;
    // (c)
    if (preferredLifetime > validLifetime) return 'ndp-prefix-lifetimes';
    // (d): with the identifiers that Ethernet has.
    if (prefixLength !== 128 - IDENTIFIER_BITS) return 'ndp-prefix-length';
    let isKnown = false;
    for (const own of this.#own) {
      if (!isOf(own, option.prefix)) continue;
      isKnown = true;
      own.lifetimes.refresh(validLifetime, preferredLifetime, now);
      if (own.source === undefined || by.standing >= own.source.standing) own.source = by;
      if (own.successorAt !== Infinity) own.successorAt = own.lifetimes.preferredUntil - this.#regenAdvance;
      this.#age(own, now);
    }
    const network = new Cidr(option.prefix, prefixLength);
    if (isKnown) this.#makeTemporary(network, 0, now);
    else if (validLifetime > 0) {
      const isFull = this.#isFull;
      if (isFull && !this.#makeRoom(by, now)) return 'ndp-address-table-full';
      const lifetimes = new AddressLifetimes();
      lifetimes.begin(validLifetime, preferredLifetime, now);
      const own = this.#make(network, 'stable', lifetimes, 0, PROBE_DELAY, now);
      if (own === undefined) return 'ndp-address-elsewhere';
      own.source = by;
      this.#makeTemporary(network, 0, now);
      if (isFull) return 'ndp-address-displaced';
    }
    return undefined;
  }

  get #isFull(): boolean {
    let count = 0;
    for (const { origin } of this.#own) if (origin !== 'manual') count++;
    return count >= MOST_ADDRESSES;
  }

  /** Gives up an address of a router of whom less is known, with those that change from time to time of its prefix. */
  #makeRoom(newcomer: Source, now: number): boolean {
    if (this.#own.every(({ source = newcomer }) => source === newcomer)) return false;
    const displaced = givesWay(this.#own.filter(isAdvertised), newcomer);
    if (displaced === undefined || !this.#churn.ready(now)) return false;
    this.#churn.take();
    const { network } = displaced.cidr;
    for (const own of this.#own.filter((other) => isOf(other, network))) this.#remove(own);
    return true;
  }

  /**
   * Somebody without an address asks for this one (RFC 4862 §5.4.3).
   *
   * @returns `ours` when it is in use here beyond doubt, so that the asker must be told
   */
  onProbe(target: AddressWords, nonce: SixBytes | undefined, now: number): 'ours' | 'looped' | 'tentative' | undefined {
    const own = this.find(target);
    if (own === undefined || own.state === 'duplicate') return undefined;
    const { detection } = own;
    if (detection === undefined || (own.usable && !detection.isOwn(nonce))) return 'ours';
    const looped = detection.onProbe(nonce);
    this.#judge(own, now);
    return looped ? 'looped' : 'tentative';
  }

  /**
   * Somebody says that this address is his (RFC 4862 §5.4.4). What is in use here is not lost to that, which anybody can say,
   * unless the program wants it so.
   *
   * @returns whether it was being tried here, and is given up
   */
  onAdvertisement(target: AddressWords, now: number): boolean {
    const own = this.find(target);
    if (own?.detection === undefined || (own.usable && !this.#parts.strict)) return false;
    own.detection.onAdvertisement();
    this.#judge(own, now);
    return true;
  }

  /** Does what is due. */
  advance(now: number): void {
    for (const own of this.list()) {
      if (own.detection?.advance(now) === true) this.#parts.probe(own, own.detection.nonce);
      this.#judge(own, now);
      this.#age(own, now);
      if (now < own.successorAt) continue;
      own.successorAt = Infinity;
      this.#makeTemporary(new Cidr(own.cidr.network, own.cidr.prefixLength), 0, now, own);
    }
  }

  /** Does of what is due that for which nothing is sent: lifetimes end also while the link is down. */
  expire(now: number): void {
    for (const own of this.list()) this.#age(own, now);
  }

  #make(
    network: Cidr,
    origin: AddressOrigin,
    lifetimes: AddressLifetimes,
    attempt: number,
    delay: number,
    now: number,
  ): OwnAddress | undefined {
    const made = this.#address(network, origin, attempt);
    if (made === undefined) return undefined;
    const own = new OwnAddress(
      new Cidr(made.address, network.prefixLength),
      origin,
      lifetimes,
      this.#detection(delay, now),
      made.attempt,
    );
    this.#own.push(own);
    this.#parts.changed(own, undefined);
    return own;
  }

  /** The next address that may be used, and how many attempts it took. */
  #address(network: Cidr, origin: AddressOrigin, first: number): { address: Address; attempt: number } | undefined {
    const { identifiers, mac, random } = this.#parts;
    const last = origin === 'temporary' ? TEMP_IDGEN_RETRIES : IDGEN_RETRIES;
    for (let attempt = first; attempt <= last; attempt++) {
      let address: Address;
      if (origin === 'temporary') address = randomAddress(network, random);
      else address = identifiers?.address(network, mac(), attempt) ?? eui64Address(network, mac());
      // RFC 7217 §5, RFC 8981 §3.3.1: reserved identifiers and those of the interface's other addresses count as duplicates.
      if (isReservedIdentifier(address) || this.find(address) !== undefined) continue;
      if (this.#isFree(address, origin)) return { address, attempt };
    }
    return undefined;
  }

  /**
   * RFC 7217 §5: two interfaces never have the same identifier, also where they have the same hardware address. Of identifiers that
   * are made of that there is no other: link-local addresses may be the same, on each link, global ones not.
   */
  #isFree(address: Address, origin: AddressOrigin): boolean {
    const parts = this.#parts;
    return (parts.identifiers === undefined && origin === 'link-local') || !parts.taken(address);
  }

  #detection(delay: number, now: number): DuplicateDetection {
    const { random, transmits } = this.#parts;
    return new DuplicateDetection({ random, transmits, interval: this.retransTimer, delay }, now);
  }

  get #regenAdvance(): number {
    return regenAdvance(this.#parts.transmits, this.retransTimer);
  }

  /** A temporary address for a prefix that has none, or whose last one, `before`, is soon deprecated: RFC 8981 §3.4. */
  #makeTemporary(network: Cidr, attempt: number, now: number, before?: OwnAddress): void {
    const { temporary, random } = this.#parts;
    if (temporary === undefined || this.#hopeless.has(network.toString())) return;
    const ofPrefix = this.#own.filter((own) => isOf(own, network.network));
    const stable = ofPrefix.find(({ origin }) => origin === 'stable');
    const current = ofPrefix.some((own) => own.origin === 'temporary' && own !== before && own.state !== 'deprecated');
    if (stable === undefined || current) return;
    if (this.#isFull) return;
    const advance = this.#regenAdvance;
    const fraction = random.uint32() / 2 ** 32;
    const lifetimes = temporaryLifetimes(stable.lifetimes, temporary, advance, fraction, now);
    if (lifetimes === undefined) return;
    const own = this.#make(network, 'temporary', lifetimes, attempt, PROBE_DELAY, now);
    if (own !== undefined) own.source = stable.source;
    if (own !== undefined) own.successorAt = lifetimes.preferredUntil - advance;
  }

  /** What duplicate address detection has found out, if it has. */
  #judge(own: OwnAddress, now: number): void {
    const verdict = own.detection?.verdict;
    if (verdict === undefined) return;
    own.detection = undefined;
    const { returning } = own;
    own.returning = false;
    if (verdict === 'unique') {
      if (returning) this.#parts.returned(own);
      if (own.state === 'tentative') this.#enter(own, own.lifetimes.preferredUntil > now ? 'preferred' : 'deprecated');
      return;
    }
    own.successorAt = Infinity;
    this.#enter(own, 'duplicate');
    if (own.origin !== 'manual') this.#tryAnother(own, now);
  }

  /** RFC 7217 §6, RFC 8981 §3.4, 7.: another identifier. */
  #tryAnother(own: OwnAddress, now: number): void {
    const { origin, attempt, lifetimes, cidr } = own;
    const network = new Cidr(cidr.network, cidr.prefixLength);
    if (origin === 'temporary') {
      this.#drop(own);
      if (attempt < TEMP_IDGEN_RETRIES) this.#makeTemporary(network, attempt + 1, now);
      else this.#hopeless.add(network.toString());
      return;
    }
    // RFC 4862 §5.4.5: with identifiers made of the hardware address the next would be the same.
    if (this.#parts.identifiers === undefined || attempt >= IDGEN_RETRIES) return;
    this.#drop(own);
    const next = this.#make(network, origin, lifetimes, attempt + 1, IDGEN_DELAY, now);
    if (next !== undefined) next.source = own.source;
  }

  /** RFC 4862 §5.5.4 */
  #age(own: OwnAddress, now: number): void {
    const { validUntil, preferredUntil } = own.lifetimes;
    if (validUntil <= now) return this.#remove(own);
    if (own.usable) this.#enter(own, preferredUntil > now ? 'preferred' : 'deprecated');
  }

  #enter(own: OwnAddress, state: AddressState): void {
    const from = own.state;
    if (from === state) return;
    own.state = state;
    this.#parts.changed(own, from);
  }

  #remove(own: OwnAddress): void {
    if (own.origin === 'stable') this.#hopeless.delete(`${own.cidr.network}/${own.cidr.prefixLength}`);
    this.#drop(own);
    this.#parts.removed(own);
  }

  #drop(own: OwnAddress): void {
    this.#own = this.#own.filter((other) => other !== own);
  }
}

function isAdvertised(own: OwnAddress): own is OwnAddress & { source: Source } {
  return own.origin === 'stable' && own.source !== undefined;
}

/** An address that was made of this prefix. */
function isOf({ cidr, origin }: OwnAddress, { a, b }: AddressWords): boolean {
  // All of these have 64 bits: see `prefix`.
  return (origin === 'stable' || origin === 'temporary') && cidr.address.a === a && cidr.address.b === b;
}

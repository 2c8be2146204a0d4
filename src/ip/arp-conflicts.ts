import type { Counters } from '../buffer/counters.ts';
import type { Clock, Random } from '../time/clock.ts';
import type { TimerWheel, WheelTimer } from '../time/timer-wheel.ts';
import type { Address, AddressWords } from '../wire/address.ts';
import { isUnspecified } from '../wire/address.ts';
import { ArpOperation } from '../wire/arp.ts';
import type { ArpRegister } from '../wire/arp.ts';
import { MacAddress } from '../wire/mac.ts';

/** RFC 5227 §1.1, in microseconds. */
const PROBE_WAIT = 1_000_000;
const PROBE_NUM = 3;
const PROBE_MIN = 1_000_000;
const PROBE_MAX = 2_000_000;
const ANNOUNCE_WAIT = 2_000_000;
const ANNOUNCE_NUM = 2;
const ANNOUNCE_INTERVAL = 2_000_000;
const DEFEND_INTERVAL = 10_000_000;
const UINT32_RANGE = 0x1_0000_0000;

/** Another station uses an address of ours, or wants to. */
export interface AddressConflict {
  address: Address;
  /** Who it is. */
  mac: MacAddress;
  /** The address stays in use here; false: it was not taken, as it is in use there. */
  kept: boolean;
}

export interface ArpConflictsParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: TimerWheel;
  readonly counters: Counters;
  /** Sends one question, or one announcement. */
  probe(address: AddressWords): void;
  announce(address: AddressWords): void;
  conflict(conflict: AddressConflict): void;
}

/** An address that this interface has or wants. */
interface Claim {
  readonly address: Address;
  /** Of an address that is not used yet: whom to tell that it may be. */
  free: (() => void) | undefined;
  /** It is asked for whenever the link has come up (§2.1), before it is announced. */
  readonly strict: boolean;
  /** It is being asked for. */
  probing: boolean;
  /** Probes or announcements sent. */
  sent: number;
  /** When it was last defended. */
  defended: number;
  readonly timer: WheelTimer;
}

/**
 * RFC 5227 on one interface: addresses are announced when they come into use (§2.3), asked for before where that is wanted
 * (§2.1), and defended (§2.4 (c): kept, and announced once in ten seconds at most). What is in use when the link comes up again
 * stays so while it is asked for, so that connections need not wait.
 */
export class ArpConflicts {
  readonly #parts: ArpConflictsParts;
  /** By the address as an int32. */
  readonly #claims = new Map<number, Claim>();
  #running: boolean = false;

  constructor(parts: ArpConflictsParts) {
    this.#parts = parts;
  }

  /**
   * The interface has an address now, or wants it.
   *
   * @param free is called when nobody else has it; without it it is in use at once
   */
  claim(address: Address, free?: () => void): void {
    this.release(address);
    const timer = this.#parts.timers.timer(() => this.#next(claim));
    const strict = free !== undefined;
    const claim: Claim = { address, free, strict, probing: strict, sent: 0, defended: -Infinity, timer };
    this.#claims.set(address.d, claim);
    if (this.#running) this.#begin(claim);
  }

  /** The address is no longer wanted. */
  release({ d }: AddressWords): void {
    this.#claims.get(d)?.timer.cancel();
    this.#claims.delete(d);
  }

  /** The link came up: who else is there may have changed. */
  start(): void {
    this.#running = true;
    for (const claim of this.#claims.values()) {
      claim.probing = claim.strict;
      this.#begin(claim);
    }
  }

  /** The hardware address is another: all are told. */
  announce(): void {
    if (!this.#running) return;
    for (const claim of this.#claims.values()) if (!claim.probing) this.#begin(claim);
  }

  /** The link went down. */
  stop(): void {
    this.#running = false;
    for (const { timer } of this.#claims.values()) timer.cancel();
  }

  /** Takes notice of a message by another station; true when it claims an address of ours: nothing else is to be learnt of it. */
  heard({ operation, senderMac, senderAddress, targetAddress }: ArpRegister): boolean {
    const isProbe = operation === ArpOperation.REQUEST && isUnspecified(senderAddress);
    const claim = this.#claims.get(isProbe ? targetAddress.d : senderAddress.d);
    if (claim === undefined) return false;
    // §2.1.1: whoever asks at the same time wants it, too; but what is in use is.
    if (claim.free !== undefined || (claim.probing && !isProbe)) this.#lost(claim, MacAddress.fromWords(senderMac));
    else if (isProbe) return false;
    else this.#defend(claim, MacAddress.fromWords(senderMac));
    return true;
  }

  #begin(claim: Claim): void {
    claim.sent = 0;
    if (!claim.probing) return this.#next(claim);
    // §2.1.1: hosts that are switched on together are not to ask together.
    claim.timer.arm(this.#parts.clock.now() + this.#between(0, PROBE_WAIT));
  }

  /** The next probe or announcement. */
  #next(claim: Claim): void {
    const now = this.#parts.clock.now();
    const { address, timer } = claim;
    if (!claim.probing) {
      this.#parts.announce(address);
      if (++claim.sent < ANNOUNCE_NUM) timer.arm(now + ANNOUNCE_INTERVAL);
      return;
    }
    if (claim.sent === PROBE_NUM) {
      const { free } = claim;
      claim.free = undefined;
      claim.probing = false;
      claim.sent = 0;
      free?.();
      // Who was told may have given it up.
      return this.#claims.get(address.d) === claim ? this.#next(claim) : undefined;
    }
    this.#parts.probe(address);
    claim.sent++;
    timer.arm(now + (claim.sent < PROBE_NUM ? this.#between(PROBE_MIN, PROBE_MAX) : ANNOUNCE_WAIT));
  }

  #lost(claim: Claim, mac: MacAddress): void {
    this.release(claim.address);
    this.#parts.conflict({ address: claim.address, mac, kept: false });
  }

  #defend(claim: Claim, mac: MacAddress): void {
    const now = this.#parts.clock.now();
    if (now - claim.defended < DEFEND_INTERVAL) return;
    claim.defended = now;
    this.#parts.announce(claim.address);
    this.#parts.conflict({ address: claim.address, mac, kept: true });
  }

  #between(least: number, most: number): number {
    return least + ((most - least) * this.#parts.random.uint32()) / UINT32_RANGE;
  }
}

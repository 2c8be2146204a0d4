import type { Address } from '../../wire/address.ts';

/** MAX_NEIGHBOR_ADVERTISEMENT (RFC 4861 §10). */
const ANNOUNCEMENTS = 3;

/** An address that is announced. */
interface Announced {
  readonly address: Address;
  left: number;
  at: number;
}

/**
 * Unsolicited advertisements (RFC 4861 §7.2.6): three of each address, RetransTimer apart, when the hardware address is another
 * or the link is there again, as ARP announces IPv4's (RFC 5227 §2.3). It sends nothing: `advance` says what is due.
 */
export class Announcements {
  /** By the address's text: never more than the interface has addresses. */
  readonly #announced = new Map<string, Announced>();

  /** When `advance` wants to be called, in microseconds; Infinity when nothing is announced. */
  get deadline(): number {
    let first = Infinity;
    for (const { at } of this.#announced.values()) if (at < first) first = at;
    return first;
  }

  /** Announces an address, from its beginning again where that is under way. */
  start(address: Address, now: number): void {
    this.#announced.set(address.toString(), { address, left: ANNOUNCEMENTS, at: now });
  }

  /** The link has gone. */
  clear(): void {
    this.#announced.clear();
  }

  /** To be called when `deadline` has come: calls `send` for each address that is due, and has not gone meanwhile. */
  advance(now: number, interval: number, send: (address: Address) => boolean): void {
    for (const [key, announced] of this.#announced) {
      if (announced.at > now) continue;
      announced.left--;
      announced.at = now + interval;
      if (!send(announced.address) || announced.left === 0) this.#announced.delete(key);
    }
  }
}

import { Address, isLoopback, isMulticast, isUnspecified, needsZone } from '../../wire/address.ts';
import type { NdpOption } from '../../wire/ndp-options.ts';
import { LearntTable, lifetimeEnd } from './lifetimes.ts';
import type { LearntChange } from './lifetimes.ts';
import type { Source } from './known-routers.ts';

/** Servers and domains that are remembered, each. RFC 8106 §5.3.1: three at least. */
const MOST = 16;

/** What routers say of name resolution (RFC 8106): nothing in the stack uses it, the program may. */
export interface DnsConfiguration {
  /** Recursive name servers, those heard of first in front; link-local ones with their zone. */
  readonly servers: readonly Address[];
  /** Domains to search for names without a dot. */
  readonly searchDomains: readonly string[];
}

interface Domain {
  readonly name: string;
  /** Names are the same in upper and lower case (RFC 4343 §3). */
  readonly lower: string;
}

/** The name servers and search domains that the routers of one link advertise, while they live. */
export class AdvertisedDns {
  readonly #zone: string;
  readonly #servers = new LearntTable<Address>(MOST, (one, other) => one.equals(other));
  readonly #domains = new LearntTable<Domain>(MOST, (one, other) => one.lower === other.lower);
  /** Something is not as it was when this was last set to false. */
  changed: boolean = false;

  /** @param zone the interface's name */
  constructor(zone: string) {
    this.#zone = zone;
  }

  get deadline(): number {
    return Math.min(this.#servers.deadline, this.#domains.deadline);
  }

  /** @returns how many were left out: for want of room, or since they are no server's address */
  update(options: readonly NdpOption[], by: Source, now: number): number {
    // An advertisement of 64 KB has room for thousands: what could not all be kept need not all be looked at.
    const taken = { rdnss: 0, dnssl: 0 };
    let ignored = 0;
    for (const option of options) {
      if (option.name === 'rdnss') {
        const until = lifetimeEnd(option.lifetime, now);
        for (const server of option.servers) {
          if (taken.rdnss++ >= MOST || !this.#server(server, until, now, by)) ignored++;
        }
      } else if (option.name === 'dnssl') {
        const until = lifetimeEnd(option.lifetime, now);
        for (const name of option.domains) {
          if (taken.dnssl++ >= MOST || !this.#domain(name, until, now, by)) ignored++;
        }
      }
    }
    return ignored;
  }

  expire(now: number): void {
    if (this.#servers.expire(now)) this.changed = true;
    if (this.#domains.expire(now)) this.changed = true;
  }

  clear(): void {
    if (this.#servers.size + this.#domains.size > 0) this.changed = true;
    this.#servers.clear();
    this.#domains.clear();
  }

  get configuration(): DnsConfiguration {
    return {
      servers: this.#servers.list().map(({ value }) => value),
      searchDomains: this.#domains.list().map(({ value }) => value.name),
    };
  }

  /** Those who have advertised something of this. */
  sources(): Source[] {
    return [...this.#servers.list(), ...this.#domains.list()].map(({ source }) => source);
  }

  #server(address: Address, until: number, now: number, by: Source): boolean {
    // RFC 8106 §5.3.1: unicast addresses.
    if (isMulticast(address) || isUnspecified(address) || isLoopback(address)) return false;
    const server = needsZone(address) ? Address.fromWords(address, this.#zone) : address;
    return this.#note(this.#servers.put(server, until, now, by));
  }

  #domain(name: string, until: number, now: number, by: Source): boolean {
    return this.#note(this.#domains.put({ name, lower: name.toLowerCase() }, until, now, by));
  }

  #note(change: LearntChange): boolean {
    if (change !== 'kept' && change !== 'full') this.changed = true;
    return change !== 'full';
  }
}

import type { Address, AddressWords } from '../../wire/address.ts';
import { isLinkLocal } from '../../wire/address.ts';
import { Cidr } from '../../wire/cidr.ts';
import type { PrefixInformation, RouteInformation, RouterPreference } from '../../wire/ndp-options.ts';
import { isNobodysNetwork } from '../special-addresses.ts';
import { LearntTable, lifetimeEnd } from './lifetimes.ts';

/** Default routers that are remembered. RFC 4861 §6.3.4: two at least. */
const MOST_ROUTERS = 8;
/** Networks on the link, and networks behind routers. Linux bounds neither. */
const MOST_PREFIXES = 32;
const MOST_ROUTES = 32;
const DEFAULT = Cidr.parse('::/0');

/** A route that routers advertise. */
export interface AdvertisedRoute {
  readonly prefix: Cidr;
  /** The router; undefined: on the link itself. */
  readonly via: Address | undefined;
  readonly preference: RouterPreference;
  /** When it ends, in microseconds; Infinity: never. */
  readonly until: number;
}

/** Why something a router advertised was left out. */
export type AdvertisedDrop =
  | 'ndp-router-table-full'
  | 'ndp-prefix-table-full'
  | 'ndp-prefix-martian'
  | 'ndp-route-table-full';

type Target = Omit<AdvertisedRoute, 'until'>;

/**
 * The routes that the routers of one link advertise: default routers (RFC 4861 §6.3.4), prefixes that are on the link
 * ([S-049] §6.3.4, RFC 5942), and networks behind a router (RFC 4191 §3.1, host of type C). All of them end.
 */
export class AdvertisedRoutes {
  readonly #routers = new LearntTable<Target>(MOST_ROUTERS);
  readonly #prefixes = new LearntTable<Target>(MOST_PREFIXES);
  readonly #routes = new LearntTable<Target>(MOST_ROUTES);

  /** When the first ends, in microseconds. */
  get deadline(): number {
    return Math.min(this.#routers.deadline, this.#prefixes.deadline, this.#routes.deadline);
  }

  /** The header of an advertisement. @param lifetime seconds, 0 for "not a default router" */
  router(via: Address, preference: RouterPreference, lifetime: number, now: number): AdvertisedDrop | undefined {
    const until = now + lifetime * 1_000_000;
    return put(this.#routers, { prefix: DEFAULT, via, preference }, until, now) ? undefined : 'ndp-router-table-full';
  }

  /** A prefix: on the link where the L flag says so; without it nothing is said (RFC 4861 §6.3.4). */
  prefix(option: PrefixInformation, now: number): AdvertisedDrop | undefined {
    const { prefix, prefixLength, onLink, validLifetime } = option;
    if (isNobodysNetwork(option)) return 'ndp-prefix-martian';
    if (!onLink || isLinkLocal(prefix)) return undefined;
    const target: Target = { prefix: new Cidr(prefix, prefixLength), via: undefined, preference: 'medium' };
    const until = lifetimeEnd(validLifetime, now);
    return put(this.#prefixes, target, until, now) ? undefined : 'ndp-prefix-table-full';
  }

  /** A network behind the router. */
  route(option: RouteInformation, via: Address, now: number): AdvertisedDrop | undefined {
    const { prefix, prefixLength, preference, lifetime } = option;
    if (isNobodysNetwork(option)) return 'ndp-prefix-martian';
    const until = lifetimeEnd(lifetime, now);
    const target: Target = { prefix: new Cidr(prefix, prefixLength), via, preference };
    // [S-049] RFC 4191 §3.1: a route to everywhere says more of the default router than the header.
    if (prefixLength === 0) return put(this.#routers, target, until, now) ? undefined : 'ndp-router-table-full';
    return put(this.#routes, target, until, now) ? undefined : 'ndp-route-table-full';
  }

  /** It has said that it is a host now: no route leads through it any more (RFC 4861 §7.2.5). */
  forget(router: AddressWords): void {
    for (const table of [this.#routers, this.#routes]) {
      for (const { value } of table.list()) {
        if (value.via?.equals(router) !== true) continue;
        table.delete(keyOf(value));
      }
    }
  }

  /** There is a default router. */
  get hasRouter(): boolean {
    return this.#routers.size > 0;
  }

  /** One of the default routers. */
  isRouter(words: AddressWords): boolean {
    return this.#routers.list().some(({ value }) => value.via?.equals(words) === true);
  }

  /** What ends now is gone. */
  expire(now: number): void {
    for (const table of [this.#routers, this.#prefixes, this.#routes]) table.expire(now);
  }

  /** Everything is forgotten: the link is another. */
  clear(): void {
    for (const table of [this.#routers, this.#prefixes, this.#routes]) table.clear();
  }

  list(): AdvertisedRoute[] {
    const all = [...this.#prefixes.list(), ...this.#routes.list(), ...this.#routers.list()];
    return all.map(({ value, until }) => ({ ...value, until }));
  }
}

/** False when there is no room. */
function put(table: LearntTable<Target>, target: Target, until: number, now: number): boolean {
  return table.put(keyOf(target), target, until, now) !== 'full';
}

function keyOf({ prefix, via }: Target): string {
  return via === undefined ? prefix.toString() : `${prefix} via ${via}`;
}

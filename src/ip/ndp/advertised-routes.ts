import type { AddressWords } from '../../wire/address.ts';
import { isLinkLocal } from '../../wire/address.ts';
import { Cidr } from '../../wire/cidr.ts';
import type { PrefixInformation, RouteInformation, RouterPreference } from '../../wire/ndp-options.ts';
import { isNobodysNetwork } from '../special-addresses.ts';
import type { KnownRouter, Source } from './known-routers.ts';
import { LearntTable, lifetimeEnd } from './lifetimes.ts';
import type { LearntChange } from './lifetimes.ts';

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
  readonly router: KnownRouter | undefined;
  readonly preference: RouterPreference;
  /** When it ends, in microseconds; Infinity: never. */
  readonly until: number;
}

/** Why something a router advertised was left out, or that something else was for it. */
export type AdvertisedDrop =
  | 'ndp-router-table-full'
  | 'ndp-router-displaced'
  | 'ndp-prefix-table-full'
  | 'ndp-prefix-displaced'
  | 'ndp-prefix-martian'
  | 'ndp-route-table-full'
  | 'ndp-route-displaced';

type Target = Omit<AdvertisedRoute, 'until'>;

/**
 * The routes that the routers of one link advertise: default routers (RFC 4861 §6.3.4), prefixes that are on the link
 * ([S-049] §6.3.4, RFC 5942), and networks behind a router (RFC 4191 §3.1, host of type C). All of them end.
 */
export class AdvertisedRoutes {
  /** Something is not as it was when this was last set to false. */
  changed: boolean = false;
  readonly #routers = new LearntTable<Target>(MOST_ROUTERS, isSameRoute, isAsGood);
  readonly #prefixes = new LearntTable<Target>(MOST_PREFIXES, isSameRoute, isAsGood);
  readonly #routes = new LearntTable<Target>(MOST_ROUTES, isSameRoute, isAsGood);

  /** When the first ends, in microseconds. */
  get deadline(): number {
    return Math.min(this.#routers.deadline, this.#prefixes.deadline, this.#routes.deadline);
  }

  /** The header of an advertisement. @param lifetime seconds, 0 for "not a default router" */
  router(router: KnownRouter, preference: RouterPreference, lifetime: number, now: number): AdvertisedDrop | undefined {
    return this.#default({ prefix: DEFAULT, router, preference }, now + lifetime * 1_000_000, now);
  }

  /** A prefix: on the link where the L flag says so; without it nothing is said (RFC 4861 §6.3.4). */
  prefix(option: PrefixInformation, by: KnownRouter, now: number): AdvertisedDrop | undefined {
    const { prefix, prefixLength, onLink, validLifetime } = option;
    if (isNobodysNetwork(option)) return 'ndp-prefix-martian';
    if (!onLink || isLinkLocal(prefix)) return undefined;
    const target: Target = { prefix: new Cidr(prefix, prefixLength), router: undefined, preference: 'medium' };
    const change = this.#note(this.#prefixes.put(target, lifetimeEnd(validLifetime, now), now, by));
    if (change === 'full') return 'ndp-prefix-table-full';
    return change === 'displaced' ? 'ndp-prefix-displaced' : undefined;
  }

  /** A network behind the router. */
  route(option: RouteInformation, router: KnownRouter, now: number): AdvertisedDrop | undefined {
    const { prefix, prefixLength, preference, lifetime } = option;
    if (isNobodysNetwork(option)) return 'ndp-prefix-martian';
    const until = lifetimeEnd(lifetime, now);
    // [S-049] RFC 4191 §3.1: a route to everywhere says more of the default router than the header.
    if (prefixLength === 0) return this.#default({ prefix: DEFAULT, router, preference }, until, now);
    const target: Target = { prefix: new Cidr(prefix, prefixLength), router, preference };
    const change = this.#note(this.#routes.put(target, until, now, router));
    if (change === 'full') return 'ndp-route-table-full';
    return change === 'displaced' ? 'ndp-route-displaced' : undefined;
  }

  /** It has said that it is a host now: no route leads through it any more (RFC 4861 §7.2.5). */
  forget(router: AddressWords): void {
    const isMeant = (target: Target): boolean => target.router?.address.equals(router) === true;
    for (const table of [this.#routers, this.#routes]) if (table.remove(isMeant)) this.changed = true;
  }

  /** No route leads through any router any more; prefixes on the link stay, as addresses do. */
  forgetRouters(): void {
    for (const table of [this.#routers, this.#routes]) if (table.remove(() => true)) this.changed = true;
  }

  /** There is a default router. */
  get hasRouter(): boolean {
    return this.#routers.size > 0;
  }

  /** What ends now is gone. */
  expire(now: number): void {
    for (const table of [this.#routers, this.#prefixes, this.#routes]) if (table.expire(now)) this.changed = true;
  }

  /** Everything is forgotten: the link is another. */
  clear(): void {
    this.changed = true;
    for (const table of [this.#routers, this.#prefixes, this.#routes]) table.clear();
  }

  list(): AdvertisedRoute[] {
    const all = [...this.#prefixes.list(), ...this.#routes.list(), ...this.#routers.list()];
    return all.map(({ value, until }) => ({ ...value, until }));
  }

  /** Those who have advertised something of this. */
  sources(): Source[] {
    const all = [...this.#prefixes.list(), ...this.#routes.list(), ...this.#routers.list()];
    return all.map(({ source }) => source);
  }

  #default(target: Target & { router: KnownRouter }, until: number, now: number): AdvertisedDrop | undefined {
    const change = this.#note(this.#routers.put(target, until, now, target.router));
    if (change === 'full') return 'ndp-router-table-full';
    return change === 'displaced' ? 'ndp-router-displaced' : undefined;
  }

  #note(change: LearntChange): LearntChange {
    if (change !== 'kept' && change !== 'full') this.changed = true;
    return change;
  }
}

/** By the words: to format addresses would cost more than all the rest. */
function isSameRoute(one: Target, other: Target): boolean {
  return (
    one.router === other.router &&
    one.prefix.prefixLength === other.prefix.prefixLength &&
    one.prefix.network.equals(other.prefix.network)
  );
}

function isAsGood(one: Target, other: Target): boolean {
  return one.preference === other.preference;
}

import type { Counters } from '../../buffer/counters.ts';
import type { Address, AddressWords } from '../../wire/address.ts';
import type { RouterAdvertisement } from '../../wire/ndp.ts';
import type { RouterPreference } from '../../wire/ndp-options.ts';
import type { NetworkInterface } from '../interface.ts';
import type { NeighbourCache } from '../neighbour-cache.ts';
import type { RoutingTable } from '../routes.ts';
import { AdvertisedRoutes } from './advertised-routes.ts';
import type { AdvertisedRoute } from './advertised-routes.ts';
import { AdvertisedDns } from './dns.ts';
import type { DnsConfiguration } from './dns.ts';
import { RouterParameters } from './router-parameters.ts';

/** Behind routes that were added by hand. Linux: 1024 for all; here preferences stand beside each other as metrics. */
const METRIC: Readonly<Record<RouterPreference, number>> = { high: 1023, medium: 1024, low: 1025 };
/** A router that does not answer comes behind all that may (RFC 4861 §6.3.6, RFC 4191 §3.2). */
const UNREACHABLE = 1024;

export interface AdvertisedParts {
  readonly iface: NetworkInterface;
  readonly neighbours: NeighbourCache;
  readonly counters: Counters;
  readonly routes: RoutingTable;
  readonly dnsChanged: (dns: DnsConfiguration) => void;
}

/** What the routers of one link say, while it lives, and what follows from it for the interface ([S-049] RFC 4861 §6.3.4). */
export class Advertised {
  readonly parameters: RouterParameters = new RouterParameters();
  readonly dns: AdvertisedDns;
  readonly #parts: AdvertisedParts;
  readonly #routes: AdvertisedRoutes = new AdvertisedRoutes();

  constructor(parts: AdvertisedParts) {
    this.#parts = parts;
    this.dns = new AdvertisedDns(parts.iface.name);
  }

  /** When something ends next, in microseconds. */
  get deadline(): number {
    return Math.min(this.#routes.deadline, this.dns.deadline);
  }

  /** There is a default router, whether it answers or not. */
  get hasRouter(): boolean {
    return this.#routes.hasRouter;
  }

  /** A router has advertised itself. Addresses are not made here. */
  apply(advertisement: RouterAdvertisement, router: Address, now: number): void {
    const { counters } = this.#parts;
    const { preference, routerLifetime, options } = advertisement;
    this.#applyParameters(advertisement);
    const drops = [this.#routes.router(router, preference, routerLifetime, now)];
    for (const option of options) {
      if (option.name === 'prefixInformation') drops.push(this.#routes.prefix(option, now));
      else if (option.name === 'routeInformation') drops.push(this.#routes.route(option, router, now));
    }
    for (const drop of drops) if (drop !== undefined) counters.add(drop);
    const ignored = this.dns.update(options, now);
    if (ignored > 0) counters.add('ndp-dns-ignored', ignored);
    this.publish();
  }

  /** It is no router any more. */
  forget(router: AddressWords): void {
    this.#routes.forget(router);
    this.publish();
  }

  expire(now: number): void {
    this.#routes.expire(now);
    this.dns.expire(now);
    this.publish();
  }

  /** Tells the routing table and the program, if anything is not as it was. */
  publish(): void {
    const { iface, routes, dnsChanged } = this.#parts;
    routes.setAdvertised(
      iface,
      this.#routes.list().map((route) => ({
        prefix: route.prefix,
        via: route.via,
        interface: iface,
        metric: this.#metricOf(route),
        source: undefined,
        origin: 'advertised',
      })),
    );
    if (!this.dns.changed) return;
    this.dns.changed = false;
    dnsChanged(this.dns.configuration);
  }

  #metricOf({ preference, via }: AdvertisedRoute): number {
    const dead = via !== undefined && this.#parts.neighbours.find(via)?.state === 'FAILED';
    return METRIC[preference] + (dead ? UNREACHABLE : 0);
  }

  #applyParameters(advertisement: RouterAdvertisement): void {
    const { iface, neighbours, counters } = this.#parts;
    for (const ignored of this.parameters.update(advertisement, iface.mtu)) counters.add(ignored);
    const { hopLimit, mtu, reachableTime, retransTimer } = this.parameters;
    if (hopLimit !== undefined) iface.hopLimit6 = hopLimit;
    if (mtu !== undefined) iface.limitMtu6(mtu);
    if (reachableTime !== undefined) neighbours.times[6].baseReachableTime = reachableTime * 1000;
    if (retransTimer !== undefined) neighbours.times[6].retransTimer = retransTimer * 1000;
  }
}

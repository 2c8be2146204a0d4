import type { Counters } from '../../buffer/counters.ts';
import type { Address, AddressWords } from '../../wire/address.ts';
import type { RouterAdvertisement } from '../../wire/ndp.ts';
import type { RouterPreference } from '../../wire/ndp-options.ts';
import type { NetworkInterface } from '../interface.ts';
import type { Neighbour } from '../neighbour.ts';
import type { NeighbourCache } from '../neighbour-cache.ts';
import type { RoutingTable } from '../routes.ts';
import { AdvertisedRoutes } from './advertised-routes.ts';
import { AdvertisedDns } from './dns.ts';
import type { DnsConfiguration } from './dns.ts';
import { KnownRouters, Standing } from './known-routers.ts';
import type { KnownRouter, Source } from './known-routers.ts';
import { RouterParameters } from './router-parameters.ts';

/** Behind routes that were added by hand. Linux: 1024 for all; here preferences stand beside each other as metrics. */
const METRIC: Readonly<Record<RouterPreference, number>> = { high: 1023, medium: 1024, low: 1025 };
/** RFC 4191 §3.5: a router that does not answer is asked for its own sake once a minute at most. */
const PROBE_INTERVAL = 60_000_000;
/** RFC 4861 §6.2.6, MIN_DELAY_BETWEEN_RAS: no honest router says something else more often. */
const DNS_INTERVAL = 3_000_000;
/** Routers of whom nothing is left are forgotten when there are more than so many. */
const TIDY_ABOVE = 16;

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
  readonly #known: KnownRouters = new KnownRouters();
  /** When the program may be told of name servers again. */
  #dnsFrom: number = -Infinity;
  /** When a router that was asked for its own sake may be asked again. */
  #lookAgainAt: number = Infinity;

  constructor(parts: AdvertisedParts) {
    this.#parts = parts;
    this.dns = new AdvertisedDns(parts.iface.name);
  }

  /** When something ends next, or the program is to be told of it, in microseconds. */
  get expiry(): number {
    return Math.min(this.#routes.deadline, this.dns.deadline, this.dns.changed ? this.#dnsFrom : Infinity);
  }

  /** When a router is to be asked, or may be again, in microseconds. */
  get wantedAt(): number {
    return this.#known.list().some((router) => router.wanted) ? 0 : this.#lookAgainAt;
  }

  /** There is a default router, whether it answers or not. */
  get hasRouter(): boolean {
    return this.#routes.hasRouter;
  }

  /**
   * A router has advertised itself. Addresses are not made here.
   *
   * @param used those of whom the interface has addresses
   * @returns the router, as the source of these
   */
  apply(advertisement: RouterAdvertisement, address: Address, used: () => readonly Source[], now: number): KnownRouter {
    const { counters } = this.#parts;
    const { preference, routerLifetime, options } = advertisement;
    const router = this.#known.find(address) ?? this.#meet(address, used);
    this.#applyParameters(advertisement);
    this.#count(this.#routes.router(router, preference, routerLifetime, now));
    for (const option of options) {
      if (option.name === 'prefixInformation') this.#count(this.#routes.prefix(option, router, now));
      else if (option.name === 'routeInformation') this.#count(this.#routes.route(option, router, now));
    }
    const pending = this.dns.changed;
    const ignored = this.dns.update(options, router, now);
    if (!pending && this.dns.changed && now < this.#dnsFrom) counters.add('ndp-dns-event-delayed');
    if (ignored > 0) counters.add('ndp-dns-ignored', ignored);
    if (this.#routes.changed) this.#publish();
    this.#tellDns(now);
    return router;
  }

  /** It is no router any more. */
  forget(router: AddressWords): void {
    this.#routes.forget(router);
    if (this.#routes.changed) this.#publish();
  }

  /** The stack is a router itself from now on, and can't be told any more that they have gone. Linux: rt6_purge_dflt_routers. */
  forgetRouters(): void {
    this.#routes.forgetRouters();
    if (this.#routes.changed) this.#publish();
  }

  expire(now: number): void {
    this.#routes.expire(now);
    this.dns.expire(now);
    if (this.#routes.changed) this.#publish();
    this.#tellDns(now);
  }

  /**
   * A neighbour has another state, or is new. Of a router it is noted here, too, since its entry may be given up: [S-049] RFC 4861
   * §6.3.6: dead ones come last, and each time that one of these is tried the next time is another's turn.
   */
  neighbourChanged({ address, state, proven }: Neighbour): void {
    const router = this.#known.find(address);
    if (router === undefined) return;
    const wasDead = router.standing === Standing.DEAD;
    if (state === 'FAILED' || (wasDead && state === 'INCOMPLETE')) {
      router.standing = Standing.DEAD;
      router.turn = this.#parts.routes.nextTurn();
      return this.#publish();
    }
    if (state === 'REACHABLE' && proven) router.standing = Standing.REACHABLE;
    else if (wasDead && state !== 'INCOMPLETE') router.standing = Standing.HEARD;
    if (wasDead) this.#publish();
  }

  /** The link is new: who is there is not known. */
  linkUp(): void {
    for (const router of this.#known.list()) router.standing = Standing.HEARD;
    this.#publish();
  }

  /** A packet goes another way since this router is dead: [S-049] RFC 4191 §3.5: it is to be asked whether it is back. */
  avoided(address: AddressWords, now: number): void {
    const router = this.#known.find(address);
    if (router === undefined || router.standing !== Standing.DEAD || now < router.probed + PROBE_INTERVAL) return;
    router.wanted = true;
  }

  /**
   * The routers that are to be asked now. A path remembers its route: a minute after one was asked all look again, and whatever
   * is still sent has it asked again. So nothing is done for each packet, and nothing when none is sent.
   */
  takeWanted(now: number): readonly Address[] {
    if (now >= this.#lookAgainAt) {
      this.#lookAgainAt = Infinity;
      this.#parts.routes.lookAgain();
    }
    const wanted = this.#known.list().filter((router) => router.wanted);
    if (wanted.length > 0) this.#lookAgainAt = Math.min(this.#lookAgainAt, now + PROBE_INTERVAL);
    for (const router of wanted) {
      router.wanted = false;
      router.probed = now;
    }
    return wanted.map(({ address }) => address);
  }

  /** A router that does not answer: when it does it is to be known again, though its neighbour entry was given up. */
  isDead(address: AddressWords): boolean {
    return this.#known.find(address)?.standing === Standing.DEAD;
  }

  #meet(address: Address, used: () => readonly Source[]): KnownRouter {
    if (this.#known.list().length >= TIDY_ABOVE) {
      this.#known.keep(new Set([...this.#routes.sources(), ...this.dns.sources(), ...used()]));
    }
    const neighbour = this.#parts.neighbours.find(address);
    const { state, proven } = neighbour ?? {};
    const answered = state === 'PERMANENT' || (state === 'REACHABLE' && proven);
    return this.#known.add(address, answered ? Standing.REACHABLE : Standing.HEARD);
  }

  #count(drop: string | undefined): void {
    if (drop !== undefined) this.#parts.counters.add(drop);
  }

  /** Tells the routing table. */
  #publish(): void {
    const { iface, routes } = this.#parts;
    this.#routes.changed = false;
    routes.setAdvertised(
      iface,
      this.#routes.list().map(({ prefix, router, preference }) => ({
        prefix,
        via: router?.address,
        interface: iface,
        metric: METRIC[preference],
        source: undefined,
        origin: 'advertised',
        turn: router?.standing === Standing.DEAD ? router.turn : undefined,
      })),
    );
  }

  /** Tells the program, in the end all of it, but not each time that somebody makes something up. */
  #tellDns(now: number): void {
    if (!this.dns.changed || now < this.#dnsFrom) return;
    this.#dnsFrom = now + DNS_INTERVAL;
    this.dns.changed = false;
    this.#parts.dnsChanged(this.dns.configuration);
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

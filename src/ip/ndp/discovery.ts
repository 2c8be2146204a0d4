import type { Counters } from '../../buffer/counters.ts';
import type { Datagram } from '../../buffer/datagram.ts';
import type { Clock, Random } from '../../time/clock.ts';
import type { TimerWheel, WheelTimer } from '../../time/timer-wheel.ts';
import { Address, AddressRegister, isUnspecified, needsZone, solicitedNode } from '../../wire/address.ts';
import type { AddressWords } from '../../wire/address.ts';
import { icmpType } from '../../wire/icmp.ts';
import { Icmpv6Type } from '../../wire/icmpv6.ts';
import type { MacWords } from '../../wire/mac.ts';
import { isStationMac, MacRegister, sameMac } from '../../wire/mac.ts';
import {
  checkNdp,
  ndpDestinationAt,
  ndpFlags,
  ndpOptionsAt,
  ndpTargetAt,
  NeighbourFlag,
  readRouterAdvertisement,
} from '../../wire/ndp.ts';
import type { NdpFlaw } from '../../wire/ndp.ts';
import { findNdpOption, NDP_SHORT_OPTION, NdpOptionType } from '../../wire/ndp-options.ts';
import type { NetworkInterface } from '../interface.ts';
import type { LocalAddresses } from '../local-addresses.ts';
import type { NeighbourCache, NeighbourProtocol } from '../neighbour-cache.ts';
import type { Neighbour } from '../neighbour.ts';
import type { IpOutput } from '../output.ts';
import type { RoutingTable } from '../routes.ts';
import { Advertised } from './advertised.ts';
import { Announcements } from './announcements.ts';
import { AnycastAnswers } from './anycast-answers.ts';
import type { Autoconfiguration } from './autoconfiguration.ts';
import type { DnsConfiguration } from './dns.ts';
import { InterfaceAddresses } from './interface-addresses.ts';
import { StableIdentifiers } from './interface-identifier.ts';
import { NdpMessages } from './messages.ts';
import type { DiscoveryOptions } from './options.ts';
import type { Source } from './known-routers.ts';
import type { OwnAddress } from './own-address.ts';
import { RouterSolicitation } from './router-solicitation.ts';

/** As RFC 5227 §1.1 has it for IPv4, in microseconds. */
const DEFEND_INTERVAL = 10_000_000;
/** Options of an advertisement that are looked at: more than a packet of 1500 bytes has room for that say anything. */
const MOST_OPTIONS = 64;

/** Why a message of neighbour discovery had no effect: the names it is counted under. */
export type NdpDrop =
  | NdpFlaw
  | 'ndp-fragment'
  | 'ndp-not-our-target'
  | 'ndp-tentative-target'
  | 'ndp-anycast-queue-full'
  | 'ndp-looped'
  | 'ndp-conflict'
  | 'ndp-router-solicitation-ignored'
  | 'ndp-router-advertisement-ignored'
  | 'ndp-redirect-ignored'
  | 'ndp-redirect-refused';

export interface DiscoveryParts {
  readonly iface: NetworkInterface;
  /** The interface's hardware address at this moment. */
  readonly mac: () => MacWords;
  readonly neighbours: NeighbourCache;
  readonly options: DiscoveryOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: TimerWheel;
  readonly counters: Counters;
  readonly routes: RoutingTable;
  readonly local: Pick<LocalAddresses, 'isLocal'>;
  readonly output: IpOutput;
  /** The stack passes packets on: it is a router, which learns nothing from other routers. */
  readonly forwarding: () => boolean;
  /** An address that the interface, being a router's, has in common with other routers (RFC 4291 §2.6.1). */
  readonly isAnycast: (words: AddressWords) => boolean;
  /** An address has another state; `removed`: its time is over. */
  readonly addressChanged: (own: OwnAddress, removed: boolean) => void;
  /** Somebody else has an address of this interface. @param kept it stays in use here */
  readonly conflict: (address: Address, kept: boolean) => void;
  /** Another interface of the stack has an address, or tries it. */
  readonly taken: (address: Address) => boolean;
  readonly dnsChanged: (dns: DnsConfiguration) => void;
  /** The solicited-node group of an address is needed, or no more (RFC 4861 §7.2.1). */
  readonly join?: (group: Address) => void;
  readonly leave?: (group: Address) => void;
}

/**
 * [S-049] Neighbour discovery and autoconfiguration on one Ethernet interface (RFC 4861, 4862): the messages, and what follows
 * from them for neighbours, addresses and routes. The parts are plain objects; this ties them together.
 */
export class NeighbourDiscovery implements NeighbourProtocol {
  readonly #parts: DiscoveryParts;
  readonly #interfaceAddresses: InterfaceAddresses;
  readonly #addresses: Autoconfiguration;
  readonly #advertised: Advertised;
  readonly #solicitation: RouterSolicitation;
  readonly #messages: NdpMessages;
  readonly #announcements: Announcements = new Announcements();
  readonly #anycast: AnycastAnswers;
  readonly #timer: WheelTimer;
  readonly #target: AddressRegister = new AddressRegister();
  readonly #mac: MacRegister = new MacRegister();
  #up: boolean = false;
  #wasUp: boolean = false;
  #hadRouter: boolean = false;

  constructor(parts: DiscoveryParts) {
    const { options, random, timers } = parts;
    this.#parts = parts;
    this.#messages = new NdpMessages(parts);
    this.#advertised = new Advertised(parts);
    this.#solicitation = new RouterSolicitation(random);
    this.#anycast = new AnycastAnswers(random);
    this.#timer = timers.timer((now) => this.#due(now));
    this.#interfaceAddresses = new InterfaceAddresses({
      ...parts,
      identifiers: options.identifiers === 'stable' ? new StableIdentifiers(options.secret) : undefined,
      temporary: options.temporary,
      transmits: options.transmits,
      strict: parts.iface.conflictDetection,
      returned: ({ cidr }) => this.#announcements.start(cidr.address, parts.clock.now()),
      probe: ({ cidr }, nonce) => this.#messages.probe(cidr.address, nonce),
    });
    this.#addresses = this.#interfaceAddresses.autoconfiguration;
    this.changed();
  }

  /** What routers say of name resolution. */
  get dns(): DnsConfiguration {
    return this.#advertised.dns.configuration;
  }

  /** All IPv6 addresses of the interface, those too that are not used: a new array. */
  get addresses(): OwnAddress[] {
    return this.#addresses.list();
  }

  /** Others are being asked whether they have this address. */
  tries(address: Address): boolean {
    return this.#addresses.find(address)?.state === 'tentative';
  }

  /** The link came up or went down, or the interface has other addresses. */
  changed(): void {
    const { iface, clock, options } = this.#parts;
    const now = clock.now();
    this.#interfaceAddresses.follow(now);
    const up = iface.up && iface.carries(6);
    if (up && !this.#up) {
      this.#up = true;
      if (this.#wasUp) this.#addresses.tryAgain(now);
      this.#wasUp = true;
      this.#advertised.linkUp();
      if (options.linkLocal) this.#addresses.makeLinkLocal(now);
      if (options.routers && !this.#parts.forwarding()) this.#solicitation.start(now);
    }
    this.#up = up;
    if (!up) this.#announcements.clear();
    this.#arm();
  }

  /** The stack has become a router, or a host again. */
  forwardingChanged(): void {
    const { options, forwarding, clock } = this.#parts;
    if (forwarding()) {
      this.#solicitation.stop();
      this.#hadRouter = false;
      this.#advertised.forgetRouters();
    } else if (this.#up && options.routers) {
      // [S-049] RFC 4861 §6.3.7: as when the link comes up.
      this.#solicitation.start(clock.now());
    }
    this.#arm();
  }

  /** [S-049] RFC 4861 §7.2.6: the hardware address is another, so neighbours are told. */
  hardwareChanged(): void {
    if (!this.#up) return;
    const now = this.#parts.clock.now();
    for (const { cidr, usable } of this.addresses) if (usable) this.#announcements.start(cidr.address, now);
    this.#due(now);
  }

  /** The interface is gone. */
  close(): void {
    this.#timer.cancel();
  }

  /** A neighbour has another state, or is new (then `from` is that state too). */
  neighbourChanged(neighbour: Neighbour): void {
    const { routes, iface } = this.#parts;
    const { address, state } = neighbour;
    if (address.family !== 6) return;
    if (state === 'FAILED') routes.forgetRedirects(iface, address);
    this.#advertised.neighbourChanged(neighbour);
  }

  /** A packet would have gone by this router, if it were not dead. It is asked later: a packet may be under construction. */
  avoided(router: AddressWords): void {
    this.#advertised.avoided(router, this.#parts.clock.now());
    this.#arm();
  }

  // RFC 4861 §7.2.2: from the address that has something to send, so that the neighbour can answer at once.
  solicit(target: AddressWords, source: AddressWords | undefined, unicastTo: MacWords | undefined): void {
    const { iface, counters } = this.#parts;
    const own = source !== undefined && iface.has(source) ? source : iface.sourceFor(target);
    if (own === undefined) return counters.add('ndp-no-source');
    this.#messages.solicitation(own, target, unicastTo === undefined ? solicitedNode(target) : target);
  }

  /** Takes a message of one of the five types whose checksum is right. */
  input(datagram: Datagram): NdpDrop | undefined {
    const { memory, start, length, ttl, source, destination } = datagram;
    // [S-049] RFC 6980 §5: in fragments anything may be hidden from those who guard the link.
    if (datagram.fragmented) return 'ndp-fragment';
    const flaw = checkNdp(memory.view, start, length, ttl, source, destination);
    if (flaw !== undefined) return flaw;
    const drop = this.#process(datagram);
    this.#followRouters(datagram.now);
    this.#arm();
    return drop;
  }

  #process(datagram: Datagram): NdpDrop | undefined {
    const { forwarding, options } = this.#parts;
    switch (icmpType(datagram.memory.view, datagram.start)) {
      case Icmpv6Type.NEIGHBOR_SOLICITATION:
        return this.#solicited(datagram);
      case Icmpv6Type.NEIGHBOR_ADVERTISEMENT:
        return this.#advertisedTo(datagram);
      case Icmpv6Type.ROUTER_SOLICITATION:
        // RFC 4861 §6.2.6: that is for routers which advertise.
        return 'ndp-router-solicitation-ignored';
      case Icmpv6Type.ROUTER_ADVERTISEMENT:
        if (!options.routers || forwarding()) return 'ndp-router-advertisement-ignored';
        this.#routerAdvertised(datagram);
        return undefined;
      default:
        // RFC 4861 §8.2: a router believes none.
        return !options.redirects || forwarding() ? 'ndp-redirect-ignored' : this.#redirected(datagram);
    }
  }

  /** [S-049] RFC 4861 §7.2.3, §7.2.4; RFC 4862 §5.4.3 */
  #solicited(datagram: Datagram): NdpDrop | undefined {
    const { source } = datagram;
    const { iface, neighbours, forwarding } = this.#parts;
    const target = this.#readTarget(datagram);
    if (isUnspecified(source)) return this.#probed(datagram, target);
    const own = this.#addresses.find(target);
    if (own !== undefined && !own.usable) return 'ndp-tentative-target';
    const anycast = own === undefined && this.#parts.isAnycast(target);
    if (!iface.has(target) && !anycast) return 'ndp-not-our-target';
    const mac = this.#findMac(datagram, NdpOptionType.SOURCE_LINK_ADDRESS);
    if (mac !== undefined) neighbours.learn(source, { mac, solicited: false, override: true, create: true });
    if (anycast) return this.#anycast.add(target, source, datagram.now) ? undefined : 'ndp-anycast-queue-full';
    this.#messages.advertisement(target, source, forwarding());
    return undefined;
  }

  /** Somebody tries an address of his own. */
  #probed(datagram: Datagram, target: AddressWords): NdpDrop | undefined {
    const { memory, start, packetEnd, now } = datagram;
    const { view } = memory;
    const at = findNdpOption(view, ndpOptionsAt(view, start), packetEnd, NdpOptionType.NONCE, NDP_SHORT_OPTION);
    const nonce = at < 0 ? undefined : { high: view.getUint16(at + 2), low: view.getInt32(at + 4) };
    switch (this.#addresses.onProbe(target, nonce, now)) {
      case 'ours':
        this.#messages.advertisement(target, undefined, this.#parts.forwarding());
        return undefined;
      case 'looped':
        return 'ndp-looped';
      case 'tentative':
        return undefined;
      default:
        return 'ndp-not-our-target';
    }
  }

  /** [S-049] RFC 4861 §7.2.5; RFC 4862 §5.4.4 */
  #advertisedTo(datagram: Datagram): NdpDrop | undefined {
    const { memory, start, now } = datagram;
    const { iface, neighbours } = this.#parts;
    const target = this.#readTarget(datagram);
    const mac = this.#findMac(datagram, NdpOptionType.TARGET_LINK_ADDRESS);
    // RFC 4862 §5.4.3: some links bring back what was sent.
    if (mac !== undefined && sameMac(mac, this.#parts.mac())) return 'ndp-looped';
    if (this.#addresses.onAdvertisement(target, now)) return undefined;
    if (iface.has(target)) return this.#defend(target, now);
    const flags = ndpFlags(memory.view, start);
    const wasRouter = neighbours.find(target)?.isRouter === true;
    const router = (flags & NeighbourFlag.ROUTER) !== 0;
    const solicited = (flags & NeighbourFlag.SOLICITED) !== 0;
    const override = (flags & NeighbourFlag.OVERRIDE) !== 0;
    const neighbour = neighbours.learn(target, {
      mac,
      solicited,
      override,
      create: this.#advertised.isDead(target),
      router,
    });
    // RFC 4861 §7.2.5: it has become a host.
    if (wasRouter && neighbour?.isRouter === false) this.#advertised.forget(target);
    return undefined;
  }

  /**
   * Somebody says that an address in use here is his. RFC 4862 §5.4.4 leaves open what follows: as with IPv4 (RFC 5227 §2.4 (c)) it
   * is kept, and the link and the program are told, once in ten seconds at most.
   */
  #defend(target: AddressWords, now: number): NdpDrop {
    const own = this.#addresses.find(target);
    if (own === undefined || now - own.defendedAt < DEFEND_INTERVAL) return 'ndp-conflict';
    own.defendedAt = now;
    this.#messages.advertisement(target, undefined, this.#parts.forwarding());
    this.#parts.conflict(own.cidr.address, true);
    return 'ndp-conflict';
  }

  /** [S-049] RFC 4861 §6.3.4 */
  #routerAdvertised(datagram: Datagram): void {
    const { memory, start, length, source, now } = datagram;
    const { neighbours, counters } = this.#parts;
    const mac = this.#findMac(datagram, NdpOptionType.SOURCE_LINK_ADDRESS);
    neighbours.learn(source, { mac, solicited: false, override: true, create: true, router: true });
    const advertisement = readRouterAdvertisement(memory.view, start, length, MOST_OPTIONS + 1);
    if (advertisement.options.length > MOST_OPTIONS) {
      advertisement.options.length = MOST_OPTIONS;
      counters.add('ndp-options-ignored');
    }
    const used = (): Source[] => this.#addresses.sources();
    const router = this.#advertised.apply(advertisement, Address.fromWords(source), used, now);
    const { retransTimer } = this.#advertised.parameters;
    if (retransTimer !== undefined) this.#addresses.retransTimer = retransTimer * 1000;
    for (const option of advertisement.options) {
      if (option.name !== 'prefixInformation') continue;
      const drop = this.#addresses.prefix(option, now, router);
      if (drop !== undefined) counters.add(drop);
    }
    if (advertisement.routerLifetime > 0) this.#solicitation.stop();
  }

  /** [S-049] RFC 4861 §8.1, §8.3 */
  #redirected(datagram: Datagram): NdpDrop | undefined {
    const { memory, start, source } = datagram;
    const { routes, local, iface, neighbours } = this.#parts;
    const target = Address.fromWords(this.#readTarget(datagram));
    const destination = new AddressRegister();
    destination.setIpv6(memory.view, ndpDestinationAt(start));
    // Nobody else is the better way to an address, or the host, that this one is itself.
    const isOurs = this.#addresses.find(target) !== undefined || (!needsZone(target) && local.isLocal(target));
    if (isOurs) return 'ndp-redirect-refused';
    const onLink = target.equals(destination);
    if (!routes.redirect(destination, iface, source, onLink ? undefined : target)) return 'ndp-redirect-refused';
    const mac = this.#findMac(datagram, NdpOptionType.TARGET_LINK_ADDRESS);
    const news = { mac, solicited: false, override: true, create: true };
    neighbours.learn(target, onLink ? news : { ...news, router: true });
    return undefined;
  }

  #readTarget({ memory, start }: Datagram): AddressRegister {
    this.#target.setIpv6(memory.view, ndpTargetAt(start));
    return this.#target;
  }

  /** The hardware address that an option names, if it can be one station's. */
  #findMac({ memory, start, packetEnd }: Datagram, type: number): MacRegister | undefined {
    const { view } = memory;
    const at = findNdpOption(view, ndpOptionsAt(view, start), packetEnd, type, NDP_SHORT_OPTION);
    if (at < 0) return undefined;
    this.#mac.read(view, at + 2);
    return isStationMac(this.#mac) ? this.#mac : undefined;
  }

  /** Nothing is asked while the link is down; what was learnt ends all the same (RFC 4861 §6.3.5, RFC 4862 §5.5.4). */
  #arm(): void {
    const expiry = Math.min(this.#addresses.expiry, this.#advertised.expiry);
    if (!this.#up) return this.#timer.arm(expiry);
    const news = Math.min(this.#addresses.deadline, this.#advertised.wantedAt, this.#announcements.deadline);
    this.#timer.arm(Math.min(expiry, news, this.#solicitation.deadline, this.#anycast.deadline));
  }

  #due(now: number): void {
    this.#advertised.expire(now);
    if (this.#up) this.#act(now);
    else this.#addresses.expire(now);
    this.#arm();
  }

  /** What the link must be up for. */
  #act(now: number): void {
    this.#addresses.advance(now);
    this.#announcements.advance(now, this.#addresses.retransTimer, (address) => this.#announce(address));
    this.#followRouters(now);
    for (const router of this.#advertised.takeWanted(now)) this.solicit(router, undefined, undefined);
    for (const { target, solicitor } of this.#anycast.take(now)) this.#answerAnycast(target, solicitor);
    // RFC 4861 §6.2.2: what has become a router asks none.
    if (this.#parts.forwarding()) this.#solicitation.stop();
    if (this.#solicitation.advance(now)) this.#solicitRouters();
  }

  /** False: it is not in use any more. */
  #announce(address: Address): boolean {
    const { iface, forwarding } = this.#parts;
    if (!iface.has(address)) return false;
    this.#messages.advertisement(address, undefined, forwarding());
    return true;
  }

  /** RFC 7559 §2: when the last default router has gone others are asked for, as when the link came up. */
  #followRouters(now: number): void {
    const { options, forwarding } = this.#parts;
    const has = this.#advertised.hasRouter;
    const lost = this.#hadRouter && !has;
    this.#hadRouter = has;
    if (lost && options.routers && !forwarding()) this.#solicitation.resume(now);
  }

  /** From an address of the interface: the one that was asked for is several's. */
  #answerAnycast(target: Address, solicitor: Address): void {
    const source = this.#parts.iface.sourceFor(solicitor);
    if (source !== undefined && this.#parts.isAnycast(target)) {
      this.#messages.anycastAdvertisement(source, target, solicitor);
    }
  }

  #solicitRouters(): void {
    const own = this.addresses.find(({ cidr, state }) => state === 'preferred' && needsZone(cidr.address));
    this.#messages.routerSolicitation(own?.cidr.address);
  }
}

import { DEFAULT_HOP_LIMIT } from '../buffer/path.ts';
import type { Packet } from '../buffer/packet.ts';
import type { TransmitQueue } from '../buffer/transmit-queue.ts';
import { usageError } from '../errors.ts';
import type { Link, LinkOffload } from '../link/link.ts';
import type { Address, AddressWords } from '../wire/address.ts';
import {
  isIpv4Mapped,
  isLimitedBroadcast,
  isLoopback,
  isMulticast,
  isUnspecified,
  sameAddress,
} from '../wire/address.ts';
import { Cidr } from '../wire/cidr.ts';
import { IPV6_MINIMUM_MTU } from '../wire/ipv6.ts';
import type { EthernetPort } from './ethernet-port.ts';
import type { AddressTraits } from './address-traits.ts';
import { setTraits, traitsOf } from './address-traits.ts';
import type { DiscoveryOptions } from './ndp/options.ts';
import { selectSource } from './source-address.ts';

/** The smallest MTU IPv4 works with, in bytes (RFC 791 §3.2: every link carries a datagram of 68). */
const SMALLEST_MTU = 68;
/** The largest IP packet, in bytes. */
const LARGEST_MTU = 65_535;

const NO_OFFLOAD: LinkOffload = { checksum: false, tso: 0, uso: 0 };

/** What a new interface is made of. */
export interface InterfaceOptions {
  /** Unique name: `tun0`, `lo`. */
  name: string;
  /** Where its packets wait for the link. */
  queue: TransmitQueue;
  /** Default 'ip'. */
  medium?: Link['medium'];
  /** Largest IP packet in bytes, 68 to 65,535; more is cut to 65,535. Default 1500. */
  mtu?: number;
  /** Packets can pass. Default true. */
  up?: boolean;
  /** Default none. */
  offload?: LinkOffload;
  /** Packets sent here come back in: the stack's `lo`. Default false. */
  loopback?: boolean;
  /** Addresses with prefix length: `10.0.0.2/24`. Default none. */
  addresses?: readonly (string | Cidr)[];
  /** On Ethernet the card's address, 6 bytes. Default one that is made up. */
  address?: Uint8Array | undefined;
  /** On Ethernet the VLAN the interface is in, 1 to 4094; 0 for frames without a tag. Default 0. */
  vlan?: number;
  /** On Ethernet an address is used once nobody else has answered for it (RFC 5227 §2.1, RFC 4862 §5.4). Default false. */
  conflictDetection?: boolean;
  /** On Ethernet how IPv6 finds neighbours, routers and addresses. Default: neighbours alone. */
  discovery?: DiscoveryOptions | undefined;
}

/** What an interface tells the rest of IP. */
export interface NetworkInterfaceHost {
  /** @throws ERR_INVALID_ARG_VALUE when another interface has this address */
  claim(address: Address): void;
  /** An address is about to be removed. */
  losesAddress(address: Address): void;
  /** Its addresses or its state have changed. */
  changed(): void;
  /** A packet was put into its queue: it waits for a flush. */
  transmitted(iface: NetworkInterface): void;
  /** It has another tentative address; or one is so no more. */
  tentativeChanged(iface: NetworkInterface): void;
}

/** What a link may change while it is attached. */
export interface LinkState {
  up?: boolean;
  /** Bytes. */
  mtu?: number;
  offload?: LinkOffload;
  /** The card's address. */
  address?: Uint8Array | undefined;
}

/**
 * One of the stack's interfaces as IP sees it: addresses, MTU and a queue of outgoing packets. It knows no link: the
 * stack carries packets between the queue and the link. Made by `Ip.addInterface`.
 */
export class NetworkInterface {
  /** Number of the interface, from 1, never used twice. */
  readonly index: number;
  readonly name: string;
  readonly medium: Link['medium'];
  readonly loopback: boolean;
  /** Packets on their way to the link. */
  readonly queue: TransmitQueue;
  /** Bytes of payload that the connection at hand may still queue: where others wait for room they take turns. */
  share: number = Infinity;
  /** Of an interface on Ethernet: its hardware address, neighbours and frames. Set by `Ip.addInterface`. */
  ethernet: EthernetPort | undefined;
  /** What routers say of IPv6's hop limit; 64 while they don't. */
  hopLimit6: number = DEFAULT_HOP_LIMIT;
  readonly #host: NetworkInterfaceHost;
  readonly #conflictDetection: boolean;
  #addresses: readonly Cidr[] = [];
  #tentative: readonly Cidr[] = [];
  #mtu: number;
  #mtu6: number = LARGEST_MTU;
  #up: boolean;
  #offload: LinkOffload;

  constructor(index: number, options: InterfaceOptions, host: NetworkInterfaceHost) {
    const { name, queue, medium = 'ip', mtu = 1500, up = true, offload = NO_OFFLOAD, loopback = false } = options;
    if (typeof name !== 'string' || name === '') {
      throw usageError('ERR_INVALID_ARG_VALUE', 'an interface needs a name, like tun0');
    }
    this.index = index;
    this.name = name;
    this.queue = queue;
    this.medium = medium;
    this.loopback = loopback;
    this.#mtu = checkMtu(mtu);
    this.#up = up;
    this.#offload = offload;
    this.#host = host;
    this.#conflictDetection = medium === 'ethernet' && options.conflictDetection === true;
    for (const address of options.addresses ?? []) {
      const cidr = this.#checked(address);
      if (this.#conflictDetection) this.addTentative(cidr);
      else this.#addresses = [...this.#addresses, cidr];
    }
  }

  /** Largest IP packet in bytes. */
  get mtu(): number {
    return this.#mtu;
  }

  /** Packets can pass now. */
  get up(): boolean {
    return this.#up;
  }

  /** What the link does for the stack. */
  get offload(): LinkOffload {
    return this.#offload;
  }

  /** The interface's own addresses, in the order they were added: the first of a family is its default source. */
  get addresses(): readonly Cidr[] {
    return this.#addresses;
  }

  /** Addresses that are still asked for, and must not be used yet (RFC 5227 §2.1, RFC 4862 §5.4). */
  get tentative(): readonly Cidr[] {
    return this.#tentative;
  }

  /** Addresses are used once nobody else has answered for them. */
  get conflictDetection(): boolean {
    return this.#conflictDetection;
  }

  /** Largest packet of a version of IP, in bytes: of IPv6 it may be less than `mtu`, as routers say (RFC 4861 §6.3.4). */
  mtuOf(family: 4 | 6): number {
    return family === 4 ? this.#mtu : Math.min(this.#mtu, this.#mtu6);
  }

  /** Routers say that IPv6 packets may have `mtu` bytes at most. */
  limitMtu6(mtu: number): void {
    if (mtu === this.#mtu6) return;
    this.#mtu6 = mtu;
    this.#host.changed();
  }

  /** Hop limit of packets that leave it to the interface: of IPv6 what routers say (RFC 4861 §6.3.4). */
  hopLimitOf(family: 4 | 6): number {
    return family === 4 ? DEFAULT_HOP_LIMIT : this.hopLimit6;
  }

  /** The broadcast addresses of its IPv4 networks (255.255.255.255 not among them). */
  get broadcasts(): readonly Address[] {
    return this.#addresses.flatMap((cidr) => cidr.broadcast ?? []);
  }

  /** [S-046] RFC 8200 §5: IPv6 needs an MTU of 1280; a link with less carries none. */
  carries(family: 4 | 6): boolean {
    return family === 4 || this.#mtu >= IPV6_MINIMUM_MTU;
  }

  /** One of the interface's own addresses. */
  has(words: AddressWords): boolean {
    for (const { address } of this.#addresses) if (sameAddress(address, words)) return true;
    return false;
  }

  /** The broadcast address of one of its networks. */
  hasBroadcast(words: AddressWords): boolean {
    for (const { broadcast } of this.#addresses) {
      if (broadcast !== undefined && sameAddress(broadcast, words)) return true;
    }
    return false;
  }

  /**
   * Adds an address; its network becomes a connected route. Where conflicts are looked for it is `tentative` first.
   *
   * @throws ERR_INVALID_ARG_VALUE when it is not `address/prefixLength`, not unicast, there already, or of IPv6 and the
   * MTU is below 1280
   */
  addAddress(address: string | Cidr): void {
    const cidr = this.#checked(address);
    this.#host.claim(cidr.address);
    if (this.#conflictDetection) this.addTentative(cidr);
    else this.#addresses = [...this.#addresses, cidr];
    this.#host.changed();
    if (!this.#conflictDetection) this.ethernet?.claim(cidr.address);
  }

  /** @internal An address that was checked, and is not to be used before `settle`. */
  addTentative(cidr: Cidr): void {
    this.#tentative = [...this.#tentative, cidr];
    this.ethernet?.claim(cidr.address, () => this.settle(cidr.address, true));
    this.#host.tentativeChanged(this);
  }

  /** @internal A tentative address is free and in use from now on, or it is not. */
  settle(address: Address, usable: boolean): void {
    const cidr = this.#tentative.find((other) => other.address.equals(address));
    if (cidr === undefined) return;
    this.#tentative = this.#tentative.filter((other) => other !== cidr);
    if (usable) this.#addresses = [...this.#addresses, cidr];
    this.#host.changed();
    this.#host.tentativeChanged(this);
  }

  /** Adds an address that routers have advertised, with what is known of it; false when the interface can't have it (now). */
  assign(cidr: Cidr, traits: AddressTraits): boolean {
    if (this.#flawOf(cidr) !== undefined) return false;
    setTraits(cidr, traits);
    this.#addresses = [...this.#addresses, cidr];
    this.#host.changed();
    return true;
  }

  /** Something else is known of an address of the interface. */
  describeAddress(cidr: Cidr, changes: Partial<AddressTraits>): void {
    setTraits(cidr, { ...traitsOf(cidr), ...changes });
    this.#host.changed();
  }

  /**
   * Removes an address, given with or without its prefix length.
   *
   * @throws ERR_INVALID_ARG_VALUE when the interface has no such address
   */
  removeAddress(address: string | Cidr | Address): void {
    const text = String(address);
    const isMeant = (cidr: Cidr): boolean => cidr.toString() === text || cidr.address.toString() === text;
    const gone = this.#addresses.find(isMeant) ?? this.#tentative.find(isMeant);
    if (gone === undefined) throw usageError('ERR_INVALID_ARG_VALUE', `${this.name} has no address ${text}`);
    if (gone.address.family === 4) this.ethernet?.conflicts.release(gone.address);
    if (this.#tentative.includes(gone)) return this.settle(gone.address, false);
    this.#host.losesAddress(gone.address);
    this.#addresses = this.#addresses.filter((cidr) => cidr !== gone);
    this.#host.changed();
  }

  /**
   * Sends the packet that `queue.reserve` gave, its IP header written, to a neighbour on this link.
   *
   * @param nextHop the neighbour; a link that has only one other end needs no address of it
   */
  transmit(packet: Packet, nextHop: AddressWords): void {
    if (this.ethernet === undefined) this.commit();
    else this.ethernet.transmit(packet, nextHop);
  }

  /** @internal The packet under construction is whole, all headers in front: it goes to the link. */
  commit(): void {
    this.queue.commit();
    this.#host.transmitted(this);
  }

  /** Takes over what the link says of itself. */
  update(state: LinkState): void {
    const { up = this.#up, mtu = this.#mtu, offload = this.#offload } = state;
    const checked = checkMtu(mtu);
    this.ethernet?.setAddress(state.address);
    const was = this.#up;
    if (up === was && checked === this.#mtu && offload === this.#offload) return;
    this.#up = up;
    this.#mtu = checked;
    this.#offload = offload;
    this.#host.changed();
    if (up !== was) this.ethernet?.linkChanged(up);
  }

  /**
   * The address to send from towards `target` (a destination or gateway on this link): the one whose network holds it,
   * else the first of its family. Of IPv6 addresses see `selectSource`.
   */
  sourceFor(target: AddressWords): Address | undefined {
    if (target.family === 6) return selectSource(this.#addresses, target);
    let first: Address | undefined;
    for (const cidr of this.#addresses) {
      if (cidr.contains(target)) return cidr.address;
      if (first === undefined && cidr.address.family === target.family) first = cidr.address;
    }
    return first;
  }

  /** An address that the interface may be given. */
  #checked(text: string | Cidr): Cidr {
    const cidr = typeof text === 'string' ? Cidr.parse(text) : text;
    const flaw = this.#flawOf(cidr);
    if (flaw !== undefined) throw usageError('ERR_INVALID_ARG_VALUE', flaw);
    return cidr;
  }

  /** Why the interface can't have this address. */
  #flawOf(cidr: Cidr): string | undefined {
    const { address } = cidr;
    if (isMulticast(address) || isUnspecified(address) || isLimitedBroadcast(address) || isIpv4Mapped(address)) {
      return `${address} cannot be the address of an interface: it is not unicast`;
    }
    // RFC 1122 §3.2.1.3 (g): 127.0.0.0/8 never appears outside a host.
    if (isLoopback(address) && !this.loopback) {
      return `${address} is a loopback address, which the interface lo has already`;
    }
    if (address.zone !== undefined) {
      return `${cidr}: leave the zone out, it is the interface that the address is given to`;
    }
    if (!this.carries(address.family)) {
      return `${cidr}: IPv6 needs an MTU of ${IPV6_MINIMUM_MTU} at least, ${this.name} has ${this.#mtu}`;
    }
    // RFC 1122 §3.2.1.3: a host number is never all zeros. A network of two (RFC 3021) or one address has no such.
    if (address.family === 4 && cidr.prefixLength < 31 && cidr.network.equals(address)) {
      return `${cidr} is the network's own address: choose another host number`;
    }
    if (cidr.broadcast?.equals(address) === true) {
      return `${cidr} is the broadcast address of its network: choose another host number`;
    }
    if (this.has(address) || this.#tentative.some((other) => other.address.equals(address))) {
      return `${this.name} has the address ${address} already`;
    }
    return undefined;
  }
}

function checkMtu(mtu: number): number {
  if (!Number.isInteger(mtu) || mtu < SMALLEST_MTU) {
    const message = `mtu must be a whole number of bytes from ${SMALLEST_MTU} to ${LARGEST_MTU}, not ${mtu}`;
    throw usageError('ERR_OUT_OF_RANGE', message, RangeError);
  }
  return Math.min(mtu, LARGEST_MTU);
}

import type { Batch } from '../buffer/batch.ts';
import { TransmitQueue } from '../buffer/transmit-queue.ts';
import { requireType, systemError, usageError } from '../errors.ts';
import type { Ip } from '../ip/ip.ts';
import type { NetworkInterface } from '../ip/interface.ts';
import type { DnsConfiguration } from '../ip/ndp/dns.ts';
import type { DiscoveryOptions } from '../ip/ndp/options.ts';
import type { Link, LinkHost } from '../link/link.ts';
import type { Clock, Random } from '../time/clock.ts';
import type { Address } from '../wire/address.ts';
import type { Cidr } from '../wire/cidr.ts';
import { describeOwnAddress } from './autoconfiguration.ts';
import type { AutoconfigurationOptions, Ipv6AddressInfo } from './autoconfiguration.ts';
import { Neighbours } from './neighbours.ts';
import { SenderQueue } from './sender-queue.ts';
import { WIDE } from '../buffer/wide.ts';

/** What an interface needs of its stack. */
export interface InterfaceHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly ip: Ip;
  /** Packets have come; lent for the call. */
  receive(iface: Interface, batch: Batch): void;
  /** Something waits for an answer, or no more: it keeps the process alive. */
  keepAlive(change: -1 | 1): void;
  /** The interface's queue has room again. */
  writable(): void;
  /** The link came up or went down. */
  linkChanged(iface: Interface): void;
  /** The link has gone, and with it so many packets that waited for it: whoever waited for room tries again. */
  staleDropped(count: number): void;
  /** The interface is gone: it was detached, or the link has ended by itself. */
  detached(iface: Interface, error: Error | undefined): void;
}

/** How a link is attached. */
export interface AttachOptions {
  /**
   * The stack's addresses on this link, with prefix length: `10.0.0.2/24`, `fd00::2/64`. Default none. IPv6 needs an MTU
   * of 1280.
   */
  addresses?: readonly string[];
  /** Name of the interface. Default the link's own name, else `eth0`, `eth1`, … */
  name?: string;
  /**
   * On Ethernet the VLAN that the interface is in, 1 to 4094: frames are sent with a tag of IEEE 802.1Q, and only those with
   * it are taken. Default 0: frames without a tag, or with one for the priority alone.
   */
  vlan?: number;
  /**
   * On Ethernet addresses are used after others were asked for them: of IPv4 RFC 5227 §2.1, which takes 4 to 7 seconds from when
   * the link is up, of IPv6 RFC 4862 §5.4, 1 to 2 seconds; `ready` waits for it. When the link comes up again they are asked again,
   * and what another station has is given up. Default false: an address that is given is used at once, defended, and kept.
   */
  conflictDetection?: boolean;
  /**
   * On Ethernet how the interface gets IPv6 addresses and routes by itself: a link-local address, and what routers advertise.
   * Default true. `false`: its addresses are those that are given here. Links that carry IP packets have none of it.
   */
  autoconfiguration?: boolean | AutoconfigurationOptions;
}

/** Packets and bytes that passed an interface since it was attached. */
export interface InterfaceCounters {
  packetsReceived: number;
  bytesReceived: number;
  packetsSent: number;
  bytesSent: number;
}

const NO_DNS: DnsConfiguration = { servers: [], searchDomains: [] };

/** Links that some stack has opened: a link is opened at most once. */
const attachedLinks = new WeakSet<Link>();

/** A link attached to a stack: what `stack.attach` returns. */
export class Interface {
  readonly link: Link;
  /**
   * The link is open and the addresses are usable; rejects with the link's error, or with EADDRINUSE when
   * `conflictDetection` has found another station with one of them (the others are usable then). It does not wait for addresses
   * that the stack makes itself: the link-local one is tried for a second first (`ipv6Addresses`, the event `address`).
   */
  readonly ready: Promise<void>;
  /** On Ethernet the neighbours with their hardware addresses. */
  readonly neighbours: Neighbours;
  readonly counters: InterfaceCounters = {
    packetsReceived: 0,
    bytesReceived: WIDE,
    packetsSent: 0,
    bytesSent: WIDE,
  };
  /** @internal IP's side of the interface. */
  readonly network: NetworkInterface;
  readonly #host: InterfaceHost;
  /** @internal Connections that found the queue full. */
  readonly senders: SenderQueue;
  /** @internal Among those whose queue holds packets. Kept by `PendingInterfaces`. */
  pending: boolean = false;
  /** The link took less than all: nothing is offered until it says so. */
  #waiting: boolean = false;
  /** The link is being offered the queue. */
  #flushing: boolean = false;
  #closed: boolean = false;
  /** The address that was last found to be another station's. */
  #conflict: Address | undefined;
  #asking: boolean = false;
  /** Looks whether `ready` is so now. */
  #settle: (() => void) | undefined;

  /** @internal Made by `stack.attach`. */
  constructor(
    host: InterfaceHost,
    link: Link,
    options: {
      name: string;
      addresses: readonly string[];
      loopback: boolean;
      vlan?: number;
      conflictDetection?: boolean;
      discovery?: DiscoveryOptions | undefined;
    },
  ) {
    if (attachedLinks.has(link)) {
      const message = 'the link has been attached before, and a link is opened at most once: make a new one';
      throw usageError('ERR_INVALID_STATE', message, Error);
    }
    this.#host = host;
    this.link = link;
    const { medium, mtu, offload, address } = link;
    const queue = new TransmitQueue();
    this.network = host.ip.addInterface({ ...options, medium, mtu, offload, address, up: false, queue });
    this.senders = new SenderQueue(this.network);
    this.neighbours = new Neighbours(this.network, (words) => host.ip.classify(words) === 'other');
    attachedLinks.add(link);
    const opened = this.#open();
    // Whoever does not wait for it learns of a failure by the event `link`.
    opened.catch((error: Error) => this.#fail(error));
    this.ready = opened.then(() => this.#whenSettled());
    this.ready.catch(() => {});
  }

  get name(): string {
    return this.network.name;
  }

  /** On Ethernet its hardware address: the link's, or one that was made up. */
  get mac(): string | undefined {
    return this.network.ethernet?.mac.toString();
  }

  /** Packets can pass now. */
  get up(): boolean {
    return this.network.up;
  }

  /** Largest IP packet in bytes. */
  get mtu(): number {
    return this.network.mtu;
  }

  /** The stack's addresses here. */
  get addresses(): readonly Cidr[] {
    return this.network.addresses;
  }

  /**
   * Gives the stack one more address here, usable at once unless there is `conflictDetection`; its network becomes a route.
   *
   * @throws ERR_INVALID_ARG_VALUE when it is not `address/prefixLength`, not unicast, in use, or of IPv6 and the MTU is below
   * 1280; ERR_INVALID_STATE when the interface is detached
   * @example
   * iface.addAddress('10.0.0.3/24');
   */
  addAddress(address: string): void {
    if (this.#closed) throw usageError('ERR_INVALID_STATE', `${this.name} is detached`, Error);
    requireType('address', address, 'string');
    this.network.addAddress(address);
  }

  /**
   * Takes an address away from the stack, given with or without its prefix length, and its network's route with it. Its TCP
   * connections end at once with ECONNABORTED (the peers get a RST); listeners and UDP sockets that are bound to it learn of it by
   * `onError` (EADDRNOTAVAIL), and work again when it comes back.
   *
   * @throws ERR_INVALID_ARG_VALUE when the interface has no such address
   */
  removeAddress(address: string): void {
    this.network.removeAddress(address);
  }

  /** On Ethernet all IPv6 addresses with what is known of them, those too that are not used (yet): a new array. */
  get ipv6Addresses(): Ipv6AddressInfo[] {
    const { ip, clock } = this.#host;
    return ip.discovery(this.network.index)?.addresses.map((own) => describeOwnAddress(own, clock.now())) ?? [];
  }

  /** What routers on this link say of name resolution (RFC 8106); the stack itself makes no use of it. */
  get dns(): DnsConfiguration {
    return this.#host.ip.discovery(this.network.index)?.dns ?? NO_DNS;
  }

  /**
   * Closes the link and forgets the interface with its addresses and routes, as `removeAddress` does: connections that used
   * them end. Idempotent.
   */
  async detach(): Promise<void> {
    if (this.#closed) return;
    this.#end(undefined);
    await this.link.close();
  }

  /** @internal Offers the queued packets to the link; returns how many it took. */
  flush(): number {
    const { queue } = this.network;
    if (this.#waiting || this.#closed || queue.empty) return 0;
    const { batch } = queue;
    this.#flushing = true;
    const taken = this.link.send(batch);
    this.#flushing = false;
    // The device may have turned out to be gone.
    if (this.#closed) return taken;
    this.counters.packetsSent += taken;
    for (let row = 0; row < taken; row++) this.counters.bytesSent += batch.length[row]!;
    queue.taken(taken);
    this.#waiting = this.up && !queue.empty;
    if (!this.up) this.#dropStale();
    return taken;
  }

  /** @internal One of its addresses was found to be another station's. */
  conflict(address: Address): void {
    this.#conflict = address;
  }

  /** @internal It has another tentative address, or one less. */
  tentativeChanged(): void {
    this.#noteAsking();
    this.#settle?.();
  }

  /** While others are asked for addresses the process lives on: somebody waits for `ready`. */
  #noteAsking(): void {
    const asking = this.up && !this.#closed && this.network.tentative.length > 0;
    if (asking === this.#asking) return;
    this.#asking = asking;
    this.#host.keepAlive(asking ? 1 : -1);
  }

  /** All addresses are usable, or were given up. */
  #whenSettled(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settle = () => {
        const address = this.#conflict?.toString();
        if (address !== undefined && !this.addresses.some((cidr) => cidr.address.toString() === address)) {
          const hint = 'another station on the link has this address';
          reject(systemError('EADDRINUSE', 'attach', { address, hint }));
        } else if (this.network.tentative.length === 0) resolve();
        else if (this.#closed) {
          reject(systemError('ECANCELED', 'attach', { hint: `${this.name} was detached` }));
        }
      };
      this.#settle();
    });
  }

  async #open(): Promise<void> {
    const opened = this.link.open(this.#linkHost());
    // A link that opens at once is usable at once: its packets need not wait for a promise.
    if (opened === undefined) return this.#changed();
    await opened;
    this.#changed();
  }

  #changed(): void {
    if (this.#closed) return;
    const { up, mtu, offload, address } = this.link;
    const was = this.network.up;
    this.network.update({ up, mtu, offload, address });
    this.#noteAsking();
    if (up === was) return;
    // A link that went down took all: none of it is waited for.
    this.#waiting = false;
    if (!up && !this.#flushing) this.#dropStale();
    this.#host.linkChanged(this);
  }

  /**
   * Frames that wait when the link has gone would leave with hardware addresses of before, to whoever is there when it comes back:
   * they are dropped, as Linux does on loss of carrier. Packets of a link without neighbours wait.
   */
  #dropStale(): void {
    const { queue, ethernet } = this.network;
    const { count } = queue.batch;
    if (ethernet === undefined || count === 0) return;
    queue.taken(count);
    this.#host.staleDropped(count);
  }

  #end(error: Error | undefined): void {
    this.#closed = true;
    this.network.update({ up: false });
    this.#host.ip.removeInterface(this.network);
    this.network.queue.clear();
    this.#host.detached(this, error);
    this.tentativeChanged();
  }

  #fail(error: Error): void {
    if (!this.#closed) this.#end(error);
  }

  #linkHost(): LinkHost {
    const { clock, random } = this.#host;
    return {
      clock,
      random,
      receive: (batch) => {
        if (!this.#closed) this.#host.receive(this, batch);
      },
      writable: () => {
        this.#waiting = false;
        this.#host.writable();
      },
      changed: () => this.#changed(),
      closed: (error) => {
        if (!this.#closed) this.#end(error);
      },
    };
  }
}

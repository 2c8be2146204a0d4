import { Stack } from '../../src/stack/stack.ts';
import type { StackOptions } from '../../src/stack/stack.ts';
import type { AttachOptions, Interface } from '../../src/stack/interface.ts';
import { seededRandom } from '../../src/time/seeded-random.ts';
import { VirtualClock } from '../../src/time/virtual-clock.ts';
import { Address } from '../../src/wire/address.ts';
import { formatNdp, NDP_HOP_LIMIT, parseNdp } from '../../src/wire/ndp.ts';
import type { NdpMessage, RouterAdvertisement } from '../../src/wire/ndp.ts';
import type { NdpOption } from '../../src/wire/ndp-options.ts';
import { formatIpv6, parseIpv6 } from '../../src/wire/ipv6.ts';
import type { Ipv6Packet } from '../../src/wire/ipv6.ts';
import { RawEthernet } from './ethernet-world.ts';
import { hex } from './wire.ts';

const HOST_MAC = '020000000001';
export const ROUTER_MAC = '0200000000aa';
export const PEER_MAC = '0200000000bb';
export const ROUTER = 'fe80::aa';
export const ALL_NODES = 'ff02::1';

/** What stands around a message. */
export interface Envelope {
  source?: string;
  destination?: string;
  hopLimit?: number;
  /** Hardware address of the sender, in hexadecimal. */
  mac?: string;
  /** What the fixed header names, and the extension headers. */
  nextHeader?: number;
  extensions?: Uint8Array;
}

/** A frame that the stack sent. */
export interface SentFrame {
  /** In hexadecimal. */
  destinationMac: string;
  ip: Ipv6Packet;
  source: string;
  destination: string;
  ndp: NdpMessage | undefined;
}

/** A stack on Ethernet whose only neighbour is the test: it says and hears messages of neighbour discovery. */
export class EthernetHost {
  readonly clock: VirtualClock = new VirtualClock();
  readonly stack: Stack;
  readonly link: RawEthernet;
  readonly eth: Interface;
  /** Events `address`, `address-conflict` and `dns`, each a line. */
  readonly events: string[] = [];

  constructor(options: AttachOptions = {}, stackOptions: StackOptions = {}) {
    const { clock } = this;
    this.stack = new Stack({ clock, random: seededRandom(1), ...stackOptions });
    this.stack.on('address', ({ address, origin, state }) => this.events.push(`${state} ${origin} ${address}`));
    this.stack.on('address-conflict', ({ address, kept }) => this.events.push(`conflict ${address} ${kept}`));
    this.stack.on('dns', ({ servers, searchDomains }) =>
      this.events.push(['dns', ...servers.map(String), ...searchDomains].join(' ')),
    );
    this.link = new RawEthernet();
    this.eth = this.stack.attach(this.link, { name: 'eth0', ...options });
  }

  /** Lets seconds pass. */
  pass(seconds: number): void {
    this.clock.advance(seconds * 1_000_000);
  }

  /** The stack hears a message. */
  hear(message: NdpMessage, envelope: Envelope = {}): void {
    const { source = ROUTER, destination = ALL_NODES, hopLimit = NDP_HOP_LIMIT } = envelope;
    const { mac = ROUTER_MAC, nextHeader = 58, extensions = new Uint8Array(0) } = envelope;
    const [from, to] = [Address.parse(source), Address.parse(destination)];
    const payload = formatNdp(message, from, to);
    const packet = formatIpv6({
      trafficClass: 0,
      flowLabel: 0,
      nextHeader,
      hopLimit,
      source: from,
      destination: to,
      extensions,
      protocol: 58,
      payload,
    });
    this.frame(packet, mac);
  }

  /** A packet of IPv6 comes in. */
  frame(packet: Uint8Array, mac: string = ROUTER_MAC): void {
    this.link.inject(Uint8Array.of(...hex(HOST_MAC), ...hex(mac), 0x86, 0xdd, ...packet));
    this.clock.advance(0);
  }

  /** A router advertises itself. */
  advertise(options: NdpOption[] = [], fields: Partial<RouterAdvertisement> = {}, envelope: Envelope = {}): void {
    const mac: NdpOption = { name: 'sourceLinkAddress', bytes: hex(envelope.mac ?? ROUTER_MAC) };
    this.hear(
      {
        name: 'routerAdvertisement',
        hopLimit: 0,
        managed: false,
        otherConfiguration: false,
        preference: 'medium',
        routerLifetime: 1800,
        reachableTime: 0,
        retransTimer: 0,
        options: [mac, ...options],
        ...fields,
      },
      envelope,
    );
  }

  /** The IPv6 packets that were sent since the last call. */
  sent(): SentFrame[] {
    this.clock.advance(0);
    return this.link.take().flatMap((frame) => {
      if (frame[12] !== 0x86 || frame[13] !== 0xdd) return [];
      const ip = parseIpv6(frame.subarray(14));
      if (typeof ip === 'string') return [];
      const ndp = ip.protocol === 58 ? parseNdp(ip.payload, ip.source, ip.destination, ip.hopLimit) : undefined;
      return {
        destinationMac: Buffer.from(frame.subarray(0, 6)).toString('hex'),
        ip,
        source: ip.source.toString(),
        destination: ip.destination.toString(),
        ndp: typeof ndp === 'object' ? ndp : undefined,
      };
    });
  }

  /** Of those the messages of one kind. */
  said<Name extends NdpMessage['name']>(name: Name): (SentFrame & { ndp: NdpMessage & { name: Name } })[] {
    return this.sent().filter(
      (frame): frame is SentFrame & { ndp: NdpMessage & { name: Name } } => frame.ndp?.name === name,
    );
  }

  /** The stack's routes, as text. */
  get routes(): string[] {
    return this.stack.routes
      .list()
      .filter((route) => route.prefix.address.family === 6 && !route.interface.loopback)
      .map(({ prefix, via, origin }) => `${prefix} ${via ?? 'on link'} ${origin}`);
  }

  get drops(): Record<string, number> {
    return this.stack.statistics().drops;
  }

  /** The interface's addresses in use. */
  get addresses(): string[] {
    return this.eth.addresses.map(String);
  }
}

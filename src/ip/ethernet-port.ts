import type { Counters } from '../buffer/counters.ts';
import type { MemoryBudget } from '../buffer/memory-budget.ts';
import type { Memory } from '../buffer/memory.ts';
import type { Packet } from '../buffer/packet.ts';
import { copyBytes } from '../buffer/copy.ts';
import { usageError } from '../errors.ts';
import type { Clock, Random } from '../time/clock.ts';
import type { TimerWheel } from '../time/timer-wheel.ts';
import type { Address, AddressWords } from '../wire/address.ts';
import { AddressRegister, isLimitedBroadcast, isMulticast } from '../wire/address.ts';
import {
  ETHERNET_HEADER_LENGTH,
  EtherType,
  FrameHeader,
  readEthernet,
  setMulticastMac,
  VLAN_TAG_LENGTH,
  writeEthernetHeader,
  writeTaggedHeader,
} from '../wire/ethernet.ts';
import type { EthernetFlaw } from '../wire/ethernet.ts';
import { ipv4Source } from '../wire/ipv4.ts';
import { ipv6SourceAt } from '../wire/ipv6.ts';
import { BROADCAST_MAC, isGroupMac, isStationMac, MAC_LENGTH, MacAddress, MacRegister, sameMac } from '../wire/mac.ts';
import type { MacWords } from '../wire/mac.ts';
import { Arp } from './arp.ts';
import type { ArpPort } from './arp.ts';
import { ArpConflicts } from './arp-conflicts.ts';
import type { AddressConflict } from './arp-conflicts.ts';
import type { NetworkInterface } from './interface.ts';
import type { AddressKind } from './local-addresses.ts';
import { NeighbourCache } from './neighbour-cache.ts';
import type { NeighbourProtocol } from './neighbour-cache.ts';
import type { Neighbour, NeighbourState } from './neighbour.ts';
import type { WaitingPacket } from './neighbour-waiting.ts';

/** Why a frame went no further: the names it is counted under. */
export type EthernetDrop =
  | EthernetFlaw
  | 'ethernet-bad-source'
  | 'ethernet-other-host'
  | 'ethernet-other-vlan'
  | 'ethernet-llc'
  | 'ethernet-unknown-type';

export interface EthernetPortParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: TimerWheel;
  readonly counters: Counters;
  readonly budget: MemoryBudget;
  /** What waits for neighbours on any interface of the stack counts here. */
  readonly waitingShare: MemoryBudget;
  /** What an address is to the stack. */
  classify(words: AddressWords): AddressKind;
  /** A packet of this host waited in vain for its neighbour. */
  unreachable(packet: WaitingPacket): void;
  conflict(iface: NetworkInterface, conflict: AddressConflict): void;
}

export interface EthernetOptions {
  /** The card's address; undefined: one is made up. */
  address: Uint8Array | undefined;
  /** The VLAN that this interface is in: its frames have a tag of 802.1Q, and only those are taken. 0: no tag. */
  vlan: number;
}

/** What an interface on Ethernet has besides: a hardware address, neighbours, frames. */
export class EthernetPort implements ArpPort {
  readonly neighbours: NeighbourCache;
  readonly arp: Arp;
  readonly conflicts: ArpConflicts;
  /** How IPv6 neighbours are asked; set by neighbour discovery. */
  neighbourDiscovery: NeighbourProtocol | undefined;
  /** Told of each change of a neighbour, for neighbour discovery: default routers must answer. */
  neighbourChanged: ((neighbour: Neighbour, from: NeighbourState) => void) | undefined;
  /** Told when the interface in use has another hardware address, for neighbour discovery. */
  hardwareChanged: (() => void) | undefined;
  /** The frame that arrived last, as `input` has read it. */
  readonly header: FrameHeader = new FrameHeader();
  readonly #iface: NetworkInterface;
  readonly #parts: EthernetPortParts;
  readonly #vlan: number;
  #mac: MacAddress;
  /** The destination of a frame to a group, and the source of a packet that waits: rewritten for each. */
  readonly #group: MacRegister = new MacRegister();
  readonly #source: AddressRegister = new AddressRegister();

  constructor(iface: NetworkInterface, options: EthernetOptions, parts: EthernetPortParts) {
    const { clock, random, timers, counters, budget, waitingShare } = parts;
    this.#iface = iface;
    this.#parts = parts;
    this.#vlan = options.vlan;
    this.#mac = options.address === undefined ? madeUpMac(random) : stationMac(options.address);
    const neighbourDiscovery: NeighbourProtocol = {
      solicit: (target, source, unicastTo) => this.neighbourDiscovery?.solicit(target, source, unicastTo),
    };
    const arp: NeighbourProtocol = {
      solicit: (target, source, unicastTo) => this.arp.solicit(target, source, unicastTo),
    };
    this.neighbours = new NeighbourCache({
      clock,
      random,
      timers,
      counters,
      budget,
      waitingShare,
      protocols: { 4: arp, 6: neighbourDiscovery },
      send: (packet, neighbour) => this.#sendWaiting(packet, neighbour),
      unreachable: (packet) => parts.unreachable(packet),
      changed: (neighbour, from) => this.neighbourChanged?.(neighbour, from),
    });
    this.conflicts = new ArpConflicts({
      clock,
      random,
      timers,
      counters,
      probe: (address) => this.arp.probe(address),
      announce: (address) => this.arp.announce(address),
      conflict: (conflict) => parts.conflict(iface, conflict),
    });
    this.arp = new Arp({
      port: this,
      clock,
      counters,
      neighbours: this.neighbours,
      conflicts: this.conflicts,
      classify: (words) => parts.classify(words),
    });
  }

  /** The interface's own hardware address. */
  get mac(): MacAddress {
    return this.#mac;
  }

  /** Takes over the address that the link says it has, if it says so. */
  setAddress(address: Uint8Array | undefined): void {
    if (address?.byteLength !== MAC_LENGTH) return;
    const mac = MacAddress.fromBytes(address);
    if (!isStationMac(mac) || sameMac(mac, this.#mac)) return;
    this.#mac = mac;
    // While the link is down nobody hears it: that it is up again is told then.
    if (!this.#iface.up) return;
    this.conflicts.announce();
    this.hardwareChanged?.();
  }

  /** The interface has got the addresses that it begins with. */
  claimAll(): void {
    const { addresses, tentative } = this.#iface;
    for (const { address } of addresses) this.claim(address);
    for (const { address } of tentative) this.claim(address, () => this.#iface.settle(address, true));
  }

  /** The interface has an IPv4 address now; or wants it, and is to be told when it is free. */
  claim(address: Address, free?: () => void): void {
    if (address.family === 4) this.conflicts.claim(address, free);
  }

  /** The link came up or went down. */
  linkChanged(up: boolean): void {
    if (up) return this.conflicts.start();
    this.conflicts.stop();
    // As Linux on loss of carrier: who is there when it comes back is found out anew.
    this.neighbours.flush();
  }

  reserve(length: number): Packet | undefined {
    return this.#iface.queue.reserve(length);
  }

  sourceFor(target: AddressWords): Address | undefined {
    return this.#iface.sourceFor(target);
  }

  /** Sends an IP packet to a neighbour, or keeps it until that is known. Returns whether it was the former. */
  transmit(packet: Packet, nextHop: AddressWords): boolean {
    const neighbour = this.neighbours.resolve(nextHop);
    if (neighbour !== undefined) this.sendFrame(packet, neighbour.mac, typeOf(nextHop));
    else this.#transmitOtherwise(packet, nextHop);
    return neighbour !== undefined;
  }

  /** Puts a header in front and hands the packet to the interface's queue. */
  sendFrame(packet: Packet, destination: MacWords, type: number): void {
    const { view } = packet.memory;
    if (this.#vlan === 0) {
      writeEthernetHeader(view, packet.prepend(ETHERNET_HEADER_LENGTH), destination, this.#mac, type);
    } else {
      const at = packet.prepend(ETHERNET_HEADER_LENGTH + VLAN_TAG_LENGTH);
      writeTaggedHeader(view, at, destination, this.#mac, this.#vlan, type);
    }
    this.#iface.commit();
  }

  /**
   * A frame has arrived; `header` says where its IP packet begins and of which type it is. False when there is none for
   * this host: ARP has been dealt with, anything else is counted.
   */
  input(memory: Memory, offset: number, length: number): boolean {
    const { header } = this;
    const { view } = memory;
    const drop = readEthernet(view, offset, length, header) ?? this.#problem();
    if (drop === undefined && header.type !== EtherType.ARP) return true;
    if (drop !== undefined) this.#parts.counters.add(drop);
    else this.arp.input(view, header.start, offset + length - header.start, isGroupMac(header.destination));
    return false;
  }

  #problem(): EthernetDrop | undefined {
    const { source, destination, type, tags, outerVlan, innerVlan } = this.header;
    if (!isStationMac(source)) return 'ethernet-bad-source';
    // All groups are taken: IP looks at the address once more.
    if (!isGroupMac(destination) && !sameMac(destination, this.#mac)) return 'ethernet-other-host';
    // IEEE 802.1Q: VLAN 0 is none, such a tag is there for the priority.
    if (innerVlan !== 0 || outerVlan !== this.#vlan || (this.#vlan !== 0 && tags === 0)) return 'ethernet-other-vlan';
    if (type === EtherType.IPV4 || type === EtherType.IPV6 || type === EtherType.ARP) return undefined;
    // RFC 1122 §2.3.3: frames of 802.3 may be received; nobody sends IP so any more.
    return this.header.isLlc ? 'ethernet-llc' : 'ethernet-unknown-type';
  }

  #transmitOtherwise(packet: Packet, nextHop: AddressWords): void {
    if (isMulticast(nextHop)) {
      setMulticastMac(this.#group, nextHop);
      return this.sendFrame(packet, this.#group, typeOf(nextHop));
    }
    if (this.#isBroadcast(nextHop)) return this.sendFrame(packet, BROADCAST_MAC, typeOf(nextHop));
    const { view } = packet.memory;
    if (nextHop.family === 4) this.#source.setIpv4(ipv4Source(view, packet.start));
    else this.#source.setIpv6(view, ipv6SourceAt(packet.start));
    // The question may need the packet's place.
    this.#iface.queue.cancel();
    this.neighbours.wait(nextHop, packet, this.#source);
  }

  #isBroadcast(words: AddressWords): boolean {
    if (words.family !== 4) return false;
    if (isLimitedBroadcast(words)) return true;
    for (const { broadcast } of this.#iface.addresses) if (broadcast?.d === words.d) return true;
    return false;
  }

  #sendWaiting({ memory, checksum, segmentSize }: WaitingPacket, neighbour: Neighbour): void {
    const { length } = memory.bytes;
    const packet = this.#iface.queue.reserve(length);
    if (packet === undefined) return this.#parts.counters.add('neighbour-queue-dropped');
    copyBytes(packet.memory.bytes, packet.start, memory.bytes, 0, length);
    packet.checksum = checksum;
    packet.segmentSize = segmentSize;
    this.sendFrame(packet, neighbour.mac, typeOf(neighbour.address));
  }
}

function typeOf({ family }: AddressWords): number {
  return family === 4 ? EtherType.IPV4 : EtherType.IPV6;
}

/** @throws ERR_INVALID_ARG_VALUE */
function stationMac(bytes: Uint8Array): MacAddress {
  const mac = MacAddress.fromBytes(bytes);
  if (isStationMac(mac)) return mac;
  throw usageError('ERR_INVALID_ARG_VALUE', `the link's address ${mac} is not that of one station`);
}

/** An address of one station that no vendor has given away (IEEE 802: the second-lowest bit of the first byte). */
function madeUpMac(random: Random): MacAddress {
  const high = (random.uint32() & 0xfcff) | 0x0200;
  return new MacAddress(high, random.uint32());
}

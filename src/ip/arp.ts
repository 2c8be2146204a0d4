import type { Counters } from '../buffer/counters.ts';
import type { Packet } from '../buffer/packet.ts';
import type { Clock } from '../time/clock.ts';
import type { Address, AddressWords } from '../wire/address.ts';
import { AddressRegister, isLinkLocal, isLoopback, isMulticast, isUnspecified, sameAddress } from '../wire/address.ts';
import { ARP_LENGTH, ArpOperation, ArpRegister, readArp, writeArp } from '../wire/arp.ts';
import type { ArpFlaw } from '../wire/arp.ts';
import { EtherType } from '../wire/ethernet.ts';
import { BROADCAST_MAC, isStationMac, NO_MAC, sameMac } from '../wire/mac.ts';
import type { MacWords } from '../wire/mac.ts';
import type { ArpConflicts } from './arp-conflicts.ts';
import type { AddressKind } from './local-addresses.ts';
import type { NeighbourCache, NeighbourNews, NeighbourProtocol } from './neighbour-cache.ts';

/** Of two answers within this time the first counts, in microseconds. Linux: net.ipv4.neigh.default.locktime. */
const LOCKTIME = 1_000_000;

const UNSPECIFIED = new AddressRegister();

/** Why an ARP message had no effect: the names it is counted under. */
export type ArpDrop =
  | ArpFlaw
  | 'arp-bad-sender'
  | 'arp-bad-target'
  | 'arp-own-frame'
  | 'arp-own-address'
  | 'arp-conflict';

/** The interface as ARP sees it. */
export interface ArpPort {
  /** The interface's own hardware address. */
  readonly mac: MacWords;
  /** Room for a frame of so many bytes behind the header; nothing when the queue is full. */
  reserve(length: number): Packet | undefined;
  /** Sends what `reserve` gave. */
  sendFrame(packet: Packet, destination: MacWords, type: number): void;
  /** The interface's address for a peer. */
  sourceFor(target: AddressWords): Address | undefined;
}

export interface ArpParts {
  readonly port: ArpPort;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly neighbours: NeighbourCache;
  readonly conflicts: ArpConflicts;
  /** What an address is to the stack. */
  classify(words: AddressWords): AddressKind;
}

/**
 * [S-051] ARP (RFC 826) on one interface: it asks for neighbours, answers for the stack's own addresses, and tells the cache
 * what it hears. As Linux by default it answers for any address of the stack, whatever interface that belongs to
 * (arp_ignore 0), and answers nobody has asked for create no neighbours (arp_accept 0).
 */
export class Arp implements NeighbourProtocol {
  readonly #parts: ArpParts;
  readonly #message: ArpRegister = new ArpRegister();
  /** What the cache is told, rewritten for each message. */
  readonly #news: { -readonly [Key in keyof NeighbourNews]: NeighbourNews[Key] } = {
    mac: undefined,
    solicited: false,
    override: false,
    create: false,
  };

  constructor(parts: ArpParts) {
    this.#parts = parts;
  }

  solicit(target: AddressWords, source: AddressWords | undefined, unicastTo: MacWords | undefined): void {
    const { port } = this.#parts;
    const given = source !== undefined && this.#isOurs(source) ? source : undefined;
    const sender = given ?? port.sourceFor(target) ?? UNSPECIFIED;
    this.#send(ArpOperation.REQUEST, unicastTo ?? BROADCAST_MAC, sender, NO_MAC, target);
  }

  /** RFC 5227 §2.1.1: asks all whether somebody has an address, without saying that it is ours. */
  probe(address: AddressWords): void {
    this.#send(ArpOperation.REQUEST, BROADCAST_MAC, UNSPECIFIED, NO_MAC, address);
  }

  /** RFC 5227 §2.3: tells all that an address is here, so that they forget what they knew. */
  announce(address: AddressWords): void {
    this.#send(ArpOperation.REQUEST, BROADCAST_MAC, address, NO_MAC, address);
  }

  /**
   * A message has arrived.
   *
   * @param length bytes from `offset` on, padding included
   * @param toGroup the frame was sent to all, or to a group
   */
  input(view: DataView, offset: number, length: number, toGroup: boolean): void {
    const drop = readArp(view, offset, length, this.#message) ?? this.#process(toGroup);
    if (drop !== undefined) this.#parts.counters.add(drop);
  }

  #process(toGroup: boolean): ArpDrop | undefined {
    const { port, conflicts } = this.#parts;
    const { operation, senderMac, senderAddress, targetAddress } = this.#message;
    if (!isStationMac(senderMac) || !this.#isHostOrNobody(senderAddress)) return 'arp-bad-sender';
    if (isMulticast(targetAddress) || isLoopback(targetAddress)) return 'arp-bad-target';
    // What this interface has sent comes back on some networks.
    if (sameMac(senderMac, port.mac)) return 'arp-own-frame';
    if (conflicts.heard(this.#message)) return 'arp-conflict';
    // An address of another interface, which may be on the same network.
    if (this.#isOurs(senderAddress)) return 'arp-own-address';
    const asksForUs = operation === ArpOperation.REQUEST && this.#isOurs(targetAddress);
    // RFC 5227 §2.1.1: a probe says nothing of its sender.
    if (!isUnspecified(senderAddress)) this.#learn(asksForUs, toGroup);
    if (asksForUs) this.#answer();
    return undefined;
  }

  // RFC 826, "Packet Reception"; what counts as an answer and when it takes another's place: Linux, arp_process.
  #learn(asksForUs: boolean, toGroup: boolean): void {
    const { clock, neighbours } = this.#parts;
    const { operation, senderMac, senderAddress, targetAddress } = this.#message;
    const known = neighbours.find(senderAddress);
    const isAsked = known !== undefined && (known.state === 'INCOMPLETE' || known.state === 'PROBE');
    const isGratuitous = sameAddress(senderAddress, targetAddress);
    const isRecent = known !== undefined && known.known && clock.now() - known.since < LOCKTIME;
    const news = this.#news;
    news.mac = senderMac;
    news.solicited = operation === ArpOperation.REPLY && !toGroup && isAsked && this.#isOurs(targetAddress);
    news.override = asksForUs || isGratuitous || !isRecent;
    news.create = asksForUs;
    neighbours.learn(senderAddress, news);
  }

  #answer(): void {
    const { senderMac, senderAddress, targetAddress } = this.#message;
    // RFC 3927 §2.5: so that two that use the same link-local address hear of each other.
    const destination = isLinkLocal(targetAddress) ? BROADCAST_MAC : senderMac;
    this.#send(ArpOperation.REPLY, destination, targetAddress, senderMac, senderAddress);
  }

  #send(
    operation: number,
    destination: MacWords,
    senderAddress: AddressWords,
    targetMac: MacWords,
    targetAddress: AddressWords,
  ): void {
    const { port, counters } = this.#parts;
    const packet = port.reserve(ARP_LENGTH);
    if (packet === undefined) return counters.add('arp-queue-full');
    writeArp(packet.memory.view, packet.start, operation, port.mac, senderAddress, targetMac, targetAddress);
    port.sendFrame(packet, destination, EtherType.ARP);
  }

  /** One of the stack's addresses, whichever interface it belongs to; but 127/8 never appears outside. */
  #isOurs(words: AddressWords): boolean {
    return this.#parts.classify(words) === 'local' && !isLoopback(words);
  }

  /** The address of one host, or 0.0.0.0 of one that has none yet. */
  #isHostOrNobody(words: AddressWords): boolean {
    if (isUnspecified(words)) return true;
    const kind = this.#parts.classify(words);
    return words.d >>> 24 !== 0 && kind !== 'broadcast' && kind !== 'multicast' && !isLoopback(words);
  }
}

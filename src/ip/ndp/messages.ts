import type { Counters } from '../../buffer/counters.ts';
import type { SendOptions } from '../../buffer/path.ts';
import { Address, solicitedNode } from '../../wire/address.ts';
import type { AddressWords } from '../../wire/address.ts';
import { ICMP_HEADER_LENGTH, writeIcmpHeader } from '../../wire/icmp.ts';
import { Icmpv6Type, writeIcmpv6Checksum } from '../../wire/icmpv6.ts';
import type { MacWords } from '../../wire/mac.ts';
import { NDP_HOP_LIMIT, NDP_NEIGHBOUR_LENGTH, NeighbourFlag, writeNeighbourMessage } from '../../wire/ndp.ts';
import { NDP_SHORT_OPTION, NdpOptionType, writeNdpShortOption } from '../../wire/ndp-options.ts';
import type { SixBytes } from '../../wire/ndp-options.ts';
import { Protocol } from '../../wire/protocol.ts';
import type { NetworkInterface } from '../interface.ts';
import type { IpOutput } from '../output.ts';

const NOBODY = Address.parse('::');
const ALL_NODES = Address.parse('ff02::1');
const ALL_ROUTERS = Address.parse('ff02::2');
const OPTIONS: SendOptions = { ttl: NDP_HOP_LIMIT, trafficClass: 0 };

export interface NdpMessagesParts {
  readonly iface: NetworkInterface;
  /** The interface's hardware address at this moment. */
  readonly mac: () => MacWords;
  readonly output: IpOutput;
  readonly counters: Counters;
}

/** Writes the messages of neighbour discovery that a host sends, and sends them by one interface. */
export class NdpMessages {
  readonly #parts: NdpMessagesParts;

  constructor(parts: NdpMessagesParts) {
    this.#parts = parts;
  }

  /** Asks for routers. @param source undefined while there is no address: then no hardware address is told either */
  routerSolicitation(source: AddressWords | undefined): void {
    const length = ICMP_HEADER_LENGTH + (source === undefined ? 0 : NDP_SHORT_OPTION);
    this.#send(source ?? NOBODY, ALL_ROUTERS, length, (view, at) => {
      writeIcmpHeader(view, at, Icmpv6Type.ROUTER_SOLICITATION, 0, 0);
      if (source !== undefined) this.#writeMac(view, at + ICMP_HEADER_LENGTH, NdpOptionType.SOURCE_LINK_ADDRESS);
    });
  }

  /** Asks for a neighbour's hardware address, or whether it is still there. */
  solicitation(source: AddressWords, target: AddressWords, destination: AddressWords): void {
    this.#neighbour(source, destination, Icmpv6Type.NEIGHBOR_SOLICITATION, 0, target, (view, at) =>
      this.#writeMac(view, at, NdpOptionType.SOURCE_LINK_ADDRESS),
    );
  }

  /** Asks whether an address is somebody's (RFC 4862 §5.4.2, RFC 7527 §4.1). */
  probe(target: AddressWords, nonce: SixBytes): void {
    const type = Icmpv6Type.NEIGHBOR_SOLICITATION;
    this.#neighbour(NOBODY, solicitedNode(target), type, 0, target, (view, at) =>
      writeNdpShortOption(view, at, NdpOptionType.NONCE, nonce),
    );
  }

  /** Tells a solicitor, or all where it has no address, that the target is here (RFC 4861 §7.2.4). */
  advertisement(target: AddressWords, solicitor: AddressWords | undefined, router: boolean): void {
    const { OVERRIDE, ROUTER, SOLICITED } = NeighbourFlag;
    const flags = OVERRIDE | (router ? ROUTER : 0) | (solicitor === undefined ? 0 : SOLICITED);
    const type = Icmpv6Type.NEIGHBOR_ADVERTISEMENT;
    this.#neighbour(target, solicitor ?? ALL_NODES, type, flags, target, (view, at) =>
      this.#writeMac(view, at, NdpOptionType.TARGET_LINK_ADDRESS),
    );
  }

  /** Tells a solicitor that one of the routers with this anycast address is here: another may be nearer (RFC 4861 §7.2.7). */
  anycastAdvertisement(source: AddressWords, target: AddressWords, solicitor: AddressWords): void {
    const flags = NeighbourFlag.ROUTER | NeighbourFlag.SOLICITED;
    this.#neighbour(source, solicitor, Icmpv6Type.NEIGHBOR_ADVERTISEMENT, flags, target, (view, at) =>
      this.#writeMac(view, at, NdpOptionType.TARGET_LINK_ADDRESS),
    );
  }

  #neighbour(
    source: AddressWords,
    destination: AddressWords,
    type: number,
    flags: number,
    target: AddressWords,
    writeOption: (view: DataView, at: number) => void,
  ): void {
    this.#send(source, destination, NDP_NEIGHBOUR_LENGTH + NDP_SHORT_OPTION, (view, at) => {
      writeNeighbourMessage(view, at, type, flags, target);
      writeOption(view, at + NDP_NEIGHBOUR_LENGTH);
    });
  }

  #writeMac(view: DataView, at: number, type: number): void {
    writeNdpShortOption(view, at, type, this.#parts.mac());
  }

  #send(
    source: AddressWords,
    destination: AddressWords,
    length: number,
    write: (view: DataView, at: number) => void,
  ): void {
    const { iface, output, counters } = this.#parts;
    const packet = iface.queue.reserve(length);
    if (packet === undefined) return counters.add('ndp-queue-full');
    const { view } = packet.memory;
    write(view, packet.start);
    writeIcmpv6Checksum(view, packet.start, length, source, destination);
    output.send(iface, packet, source, destination, destination, Protocol.ICMPV6, OPTIONS);
  }
}

import type { Packet } from '../buffer/packet.ts';
import type { SendOptions } from '../buffer/path.ts';
import type { AddressWords } from '../wire/address.ts';
import type { NetworkInterface } from './interface.ts';

/** One IP version's way out: what paths and ICMP use of it. */
export interface IpOutput {
  /**
   * Room for a message of `length` bytes: for one packet, or a place to build it in that is then sent in fragments.
   *
   * @param mtu largest packet, in bytes
   */
  reserve(iface: NetworkInterface, length: number, mtu: number): Packet | undefined;
  /** A packet without options has become longer: its header, at `start`, says `length`. */
  lengthen(view: DataView, start: number, length: number): void;
  /**
   * Sends the packet that `reserve` or `iface.queue.reserve` gave: header in front, and on to the neighbour.
   *
   * @param nextHop the gateway, or `destination` itself when that is on the link
   * @param flowLabel of IPv6, 20 bits; 0, the default, is none
   * @returns it is the last in the interface's queue, whole
   */
  send(
    iface: NetworkInterface,
    packet: Packet,
    source: AddressWords,
    destination: AddressWords,
    nextHop: AddressWords,
    protocol: number,
    options: SendOptions,
    flowLabel?: number,
  ): boolean;
}

import type { Datagram } from '../buffer/datagram.ts';
import type { IcmpError } from '../buffer/icmp-error.ts';
import type { Address } from '../wire/address.ts';
import type { AddressConflict } from './arp-conflicts.ts';
import type { NetworkInterface } from './interface.ts';
import type { DnsConfiguration } from './ndp/dns.ts';
import type { OwnAddress } from './ndp/own-address.ts';

/** What IP asks of the stack around it. */
export interface IpHost {
  /**
   * A datagram for the stack whose protocol is not ICMP. The object and its bytes are lent for the call.
   *
   * @returns false when the stack has no such protocol: the sender is told (RFC 1122 §3.2.2.1)
   */
  deliver(datagram: Datagram): boolean;
  /**
   * The same of any protocol, before the stack itself does anything with it: raw sockets get their copy.
   *
   * @returns whether there was such a socket: its protocol is then not unknown
   */
  deliverRaw(datagram: Datagram): boolean;
  /** A valid ICMP or ICMPv6 echo reply for one of the stack's addresses. @returns false when nobody has asked */
  echoReply(datagram: Datagram): boolean;
  /** A valid ICMP error about a packet that one of the stack's addresses sent. Lent for the call. */
  icmpError(error: IcmpError): void;
  /** Another station uses an address of this stack, or wants to (RFC 5227). */
  addressConflict(iface: NetworkInterface, conflict: AddressConflict): void;
  /** The interface has another tentative address; or one is so no more, but in use or given up. */
  tentativeChanged(iface: NetworkInterface): void;
  /** An IPv6 address of the interface has another state; `removed`: its time is over. */
  addressChanged(iface: NetworkInterface, own: OwnAddress, removed: boolean): void;
  /** Routers say something else of name resolution. */
  dnsChanged(iface: NetworkInterface, dns: DnsConfiguration): void;
  /** A packet was put into the interface's queue: it waits for a flush. */
  transmitted(iface: NetworkInterface): void;
  /**
   * One of the stack's addresses is about to be taken away: it can still be sent from. Of a link-local one the interface says
   * which it is (RFC 4007 §6).
   */
  losesAddress(address: Address, iface: NetworkInterface): void;
  /** Routes, addresses or interfaces have changed. */
  routesChanged(): void;
  /** The interface's queue is full while a batch is under way: offers it to the link now. */
  drain(iface: NetworkInterface): void;
}

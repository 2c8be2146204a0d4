import type { ErrorCode } from '../errors.ts';
import type { Address } from '../wire/address.ts';
import type { Packet } from './packet.ts';

/** Linux: net.ipv4.ip_default_ttl, net.ipv6.conf.*.hop_limit. */
export const DEFAULT_HOP_LIMIT = 64;

/** How a packet is to be sent: what a transport may choose of the IP header. */
export interface SendOptions {
  /** Time to live or hop limit, 1 to 255; `auto`: 64, of IPv6 what routers advertise on the interface. */
  ttl: number | 'auto';
  /** The whole traffic-class byte: DSCP in the upper six bits, ECN in the lower two. */
  trafficClass: number;
  /** IPv4 options, at most 40 bytes; padded here to a multiple of four. Left out of IPv6. */
  options?: Uint8Array | undefined;
  /** Routers may cut it up (IPv4 without DF): for what follows no path MTU. Default false. */
  fragmentable?: boolean;
}

/**
 * The way from one of the stack's addresses to a peer, as IP gives it to the transports (which know nothing of routes,
 * interfaces and links). It follows the routing table: `refresh` looks again when something changed.
 */
export interface Path {
  readonly local: Address;
  readonly remote: Address;
  /** The interface that packets leave by. */
  readonly interfaceIndex: number;
  /** The interface that the socket is bound to: it receives what comes by this one only. */
  readonly deviceIndex: number | undefined;
  /** Largest IP packet that is known to fit the whole path, in bytes: `linkMtu`, or less when that was learnt. */
  readonly mtu: number;
  /** Largest IP packet that the interface takes, in bytes. */
  readonly linkMtu: number;
  /** Longest message with its transport header, sent in fragments if need be, in bytes. */
  readonly longest: number;
  /** Bytes of IP header in front of the transport header: 20 or 40. */
  readonly headerLength: number;
  /** The link completes `partial` checksums. */
  readonly checksumOffload: boolean;
  /** Largest TCP super-segment the link takes, IP header included, in bytes; 0 for none. */
  readonly tso: number;
  /** The same for UDP: datagrams of one length, the last of which may be shorter, in one packet. */
  readonly uso: number;
  /** The number of the packet that was reserved last, for `extend`. */
  readonly reservation: number;
  /** Follows changed routes and addresses; returns why the peer can't be reached now, or nothing. Cheap when nothing changed. */
  refresh(): ErrorCode | undefined;
  /**
   * The path carries no packet above `mtu` bytes, as the transport has made sure as well as it can: all paths of its kind to
   * this peer keep to it for ten minutes; those of messages also to what a connection says (RFC 5927 §7.2).
   */
  limitMtu(mtu: number): void;
  /**
   * Negative advice (RFC 1122 §3.3.1.4): nothing seems to get through, the gateway may be dead. Where there is another way
   * as good it is taken from now on.
   */
  adviseNegative(): void;
  /**
   * Positive advice (RFC 1122 §3.3.1.4, RFC 4861 §7.3.1): the peer has acknowledged something new, so the neighbour that
   * leads to it is there. Cheap.
   *
   * @param now in microseconds
   */
  confirm(now: number): void;
  /**
   * Room for one packet with `length` bytes of transport payload (all headers go into the headroom in front of it).
   * Nothing when the interface's queue is full: `onWritable` of the transport's host tells when there is room again.
   * The packet is the queue's one shared object: fill it, `prepend` the transport header and `send` it before the next `reserve`.
   */
  reserve(length: number): Packet | undefined;
  /**
   * The same for a message of up to `longest` bytes with its transport header: where it is longer than the path's MTU it is
   * sent in fragments. All have room, or none is queued.
   *
   * @param header bytes of the transport header in front of the message. Where `headerLength`, it and the message are more
   * than `mtu`, the checksum must be complete.
   */
  reserveMessage(length: number, header: number): Packet | undefined;
  /**
   * Makes a queued packet without IP options a super-segment, or a longer one: room for `length` bytes at its end, and its IP header
   * says so. Nothing when it is not the last in its queue (any more), or when there is no room.
   *
   * @param reservation its number
   * @param transport where its transport header begins in its memory
   * @param segmentSize bytes of payload of each segment
   */
  extend(reservation: number, transport: number, length: number, segmentSize: number): Packet | undefined;
  /**
   * Writes the IP header in front and queues the packet for the next flush. Returns whether `again` may make the next one
   * of it.
   */
  send(packet: Packet, protocol: number, options: SendOptions): boolean;
  /**
   * The same as `reserve` for one more packet right behind the last, with as much payload: all headers are in front already,
   * the transport's too, as they were sent. What is to differ in the transport's is the caller's to change, its checksum
   * included; `sendAgain` follows, before anything else is sent.
   */
  again(length: number): Packet | undefined;
  /** Queues the packet that `again` has given. */
  sendAgain(): void;
  /** Queues a packet that has its IP header already. */
  sendWhole(packet: Packet): void;
}

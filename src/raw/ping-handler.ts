import type { SystemError } from '../errors.ts';
import type { Address } from '../wire/address.ts';
import type { PingSocket } from './ping-socket.ts';

/** What is known of an echo reply beside its data. */
export interface PingReplyInfo {
  /** Who answers: the remote address, or of a group any host. */
  readonly remoteAddress: Address;
  readonly localAddress: Address;
  /** Number of the request that it answers. */
  readonly sequence: number;
  /** Bytes of data. */
  readonly size: number;
  /** Time to live or hop limit as it arrived. */
  readonly ttl: number;
  /** The whole traffic-class byte: DSCP in the upper six bits, ECN in the lower two. */
  readonly trafficClass: number;
  /** From request to reply, in milliseconds, with fractions. */
  readonly time: number;
  /** The request had been answered before: by the same host, or of a group by another one. */
  readonly duplicate: boolean;
}

/**
 * What an ICMP error says of an echo request: `error.code` is EHOSTUNREACH, ENETUNREACH, EMSGSIZE, … Or what the stack itself says of
 * it, with the request's source as the reporter: EHOSTUNREACH where the neighbour does not answer, EADDRNOTAVAIL or ENODEV where
 * the source or the device that the socket is bound to was taken away.
 */
export interface PingError extends SystemError {
  /** Number of the request that it is about. */
  sequence: number;
  /** Who reports: of an exceeded time to live the router where that was. */
  reporter: Address;
  /** ICMP's type and code: 11 and 0 are an exceeded time to live; of ICMPv6 3 and 0. */
  icmpType: number;
  icmpCode: number;
  /** The time to live was exceeded, or a fragment did not come: what traceroute looks for. */
  timeExceeded: boolean;
  /** Of EMSGSIZE: the largest packet that passes, in bytes, as far as the reporter says; else 0. */
  mtu: number;
  /** From request to error, in milliseconds, with fractions. */
  time: number;
}

/**
 * What a socket tells its owner. Callbacks come from the stack's own turn, never from inside a call that the owner
 * makes on the socket; any call on the socket is allowed inside them.
 */
export interface PingHandler {
  /** A request was answered. The data is the owner's to keep. */
  onReply(data: Uint8Array, info: PingReplyInfo, socket: PingSocket): void;
  /** An ICMP error about a request, or what the stack says in its place. The socket stays usable. */
  onError?(error: PingError, socket: PingSocket): void;
  /** After a `send` that found no room: there is room again. */
  onWritable?(socket: PingSocket): void;
  /** The stack, not the owner, has closed the socket: ECONNABORTED where it was destroyed. The last callback. */
  onClose?(socket: PingSocket, error?: SystemError): void;
}

/** The names of the callbacks. */
export const PING_CALLBACKS: readonly string[] = Object.keys({
  onReply: true,
  onError: true,
  onWritable: true,
  onClose: true,
} satisfies Record<keyof PingHandler, true>);

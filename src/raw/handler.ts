import type { SystemError } from '../errors.ts';
import type { Address } from '../wire/address.ts';
import type { RawSocket } from './socket.ts';

/** What is known of a received packet beside its bytes. */
export interface RawPacketInfo {
  readonly remoteAddress: Address;
  /** Where it was sent to: one of the stack's addresses, a broadcast or a group. */
  readonly localAddress: Address;
  readonly protocol: number;
  /**
   * Where the payload begins in the bytes. Over IPv4 they begin with the IP header, over IPv6 with the payload: 0. So it is
   * in Linux (raw(7), RFC 3542 §3).
   */
  readonly offset: number;
  /** Bytes of payload. */
  readonly size: number;
  /** Time to live or hop limit as it arrived. */
  readonly ttl: number;
  /** The whole traffic-class byte: DSCP in the upper six bits, ECN in the lower two. */
  readonly trafficClass: number;
  /** Name of the interface it came in by. */
  readonly interface: string;
}

/**
 * What a socket tells its owner. Callbacks come from the stack's own turn, never from inside a call that the owner
 * makes on the socket; any call on the socket is allowed inside them.
 */
export interface RawHandler {
  /** A packet has arrived. The bytes are the owner's to keep. */
  onPacket(bytes: Uint8Array, info: RawPacketInfo, socket: RawSocket): void;
  /** After a `send` that returned false: there is room again. */
  onWritable?(socket: RawSocket): void;
  /** An ICMP error about a packet to the `remoteAddress` of this socket. The socket stays usable. */
  onError?(error: SystemError, socket: RawSocket): void;
  /** The stack, not the owner, has closed the socket: ECONNABORTED where it was destroyed. The last callback. */
  onClose?(socket: RawSocket, error?: SystemError): void;
}

/** The names of the callbacks. */
export const RAW_CALLBACKS: readonly string[] = Object.keys({
  onPacket: true,
  onWritable: true,
  onError: true,
  onClose: true,
} satisfies Record<keyof RawHandler, true>);

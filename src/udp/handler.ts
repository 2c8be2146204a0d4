import type { SystemError } from '../errors.ts';
import type { Address } from '../wire/address.ts';
import type { UdpSocket } from './socket.ts';

/** What is known of a received message beside its bytes. */
export interface UdpMessageInfo {
  readonly remoteAddress: Address;
  readonly remotePort: number;
  /** Where the message was sent to: one of the stack's addresses, a broadcast or a group ([S-035]). */
  readonly localAddress: Address;
  /** Length of the message, in bytes. */
  readonly size: number;
  /** Time to live or hop limit as it arrived. */
  readonly ttl: number;
  /** The whole traffic-class byte: DSCP in the upper six bits, ECN in the lower two. */
  readonly trafficClass: number;
  /** IPv4 options as they stood in the header, padding included; undefined where there were none ([S-011] [S-032]). */
  readonly ipOptions?: Uint8Array | undefined;
}

/**
 * What a socket tells its owner. Callbacks come from the stack's own turn, never from inside a call that the owner
 * makes on the socket; any call on the socket is allowed inside them.
 */
export interface UdpHandler {
  /** A message has arrived. The bytes are the owner's to keep. */
  onMessage(bytes: Uint8Array, info: UdpMessageInfo, socket: UdpSocket): void;
  /** After a `send` that returned false: there is room again. */
  onWritable?(socket: UdpSocket): void;
  /**
   * An ICMP error about a message of this *connected* socket: `ECONNREFUSED` and the like. Or its local address was taken away
   * from the stack (`EADDRNOTAVAIL`), or the interface that it is bound to (`ENODEV`). The socket stays usable.
   */
  onError?(error: SystemError, socket: UdpSocket): void;
  /** The stack, not the owner, has closed the socket: ECONNABORTED where it was destroyed. The last callback. */
  onClose?(socket: UdpSocket, error?: SystemError): void;
}

/** The names of the callbacks. */
export const UDP_CALLBACKS: readonly string[] = Object.keys({
  onMessage: true,
  onWritable: true,
  onError: true,
  onClose: true,
} satisfies Record<keyof UdpHandler, true>);

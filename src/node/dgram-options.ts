import type { SocketOptions } from 'node:dgram';
import type { BlockList } from 'node:net';
import type { UdpOptions } from '../udp/options.ts';

/** Of the stack's own options those that no method and no option of Node's stands for. */
export type DgramUdpOptions = Pick<UdpOptions, 'device' | 'dscp' | 'dontFragment' | 'ipOptions'>;

/** Options of `dgram.createSocket()`. */
export interface DgramOptions {
  type: 'udp4' | 'udp6';
  /** Share the port with other sockets that say so. Default false. */
  reuseAddr?: boolean | undefined;
  reusePort?: boolean | undefined;
  /** Only IPv6: what comes over IPv4 does not reach a socket of type `udp6`. Default false. */
  ipv6Only?: boolean | undefined;
  /** Bytes that received messages may occupy until the program has them; as Linux the socket doubles it. */
  recvBufferSize?: number | undefined;
  /** Bytes of messages that may wait for the interface; as Linux the socket doubles it. */
  sendBufferSize?: number | undefined;
  /** How names and addresses become addresses: called with the name, 4 or 6, and a callback. Default `dns.lookup`. */
  lookup?: SocketOptions['lookup'];
  /** Messages from these addresses are dropped. */
  receiveBlockList?: BlockList | undefined;
  /** Messages and connections to these addresses fail with ERR_IP_BLOCKED. */
  sendBlockList?: BlockList | undefined;
  /** What the stack's sockets have besides: `device`, the interface to be bound to, and others. Node has no such option. */
  udp?: DgramUdpOptions | undefined;
  /** Closes the socket when it is aborted. */
  signal?: AbortSignal | undefined;
}

/** Options of `socket.bind()`. */
export interface BindOptions {
  port?: number | undefined;
  address?: string | undefined;
  exclusive?: boolean | undefined;
}

/** Who sent a message. */
export interface RemoteInfo {
  address: string;
  family: 'IPv4' | 'IPv6';
  port: number;
  /** Length of the message, in bytes. */
  size: number;
}

/** A message in text or bytes. */
export type Message = string | NodeJS.ArrayBufferView;

import type { ConnectionOptions } from '../tcp/options.ts';

export interface WorldOptions {
  /** Of the stack's randomness. Default 1. */
  seed?: number;
  /** Of the cable. Default 1500. */
  mtu?: number;
  /** The version of IP: the stack is 10.0.0.1 or fd00::1, the peer 10.0.0.2 or fd00::2. Default 4. */
  family?: 4 | 6;
  /** Of the stack on the cable. Default 10.0.0.1/24, or fd00::1/64. */
  addresses?: readonly string[];
  /** Of all connections of the stack. */
  tcp?: ConnectionOptions;
  /** The stack's memory budget in bytes. */
  memory?: number;
}

export interface HandshakeOptions {
  /** Who opens: `passive` (the default), the peer; `active`, the stack. */
  open?: 'passive' | 'active';
  /** Time from the stack's SYN or SYN-ACK to its answer, in microseconds. Default 0. */
  rtt?: number;
  /** Of the peer's SYN. Default 1460; `undefined` for none. */
  mss?: number | undefined;
  /** Of the peer's SYN. Default none. */
  windowScale?: number | undefined;
  /** The peer's SYN permits SACK. Default false. */
  sack?: boolean;
  /** The peer's SYN has timestamps; if the stack's has them too, so has every segment of the peer. Default false. */
  timestamps?: boolean;
  /** Window field of the peer, from its SYN on. */
  wnd?: number;
  /** The peer's initial sequence number. */
  iss?: number;
}

export interface EstablishedOptions extends WorldOptions, HandshakeOptions {}

/** The names of all of them: one object may serve the world and the handshake in it. */
export const STAGE_OPTIONS: readonly string[] = Object.keys({
  seed: true,
  mtu: true,
  family: true,
  addresses: true,
  tcp: true,
  memory: true,
  open: true,
  rtt: true,
  mss: true,
  windowScale: true,
  sack: true,
  timestamps: true,
  wnd: true,
  iss: true,
} satisfies Record<keyof EstablishedOptions, true>);

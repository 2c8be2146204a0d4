import type { ScriptPeer } from './script-peer.ts';
import type { SegmentSpec } from './script-segment.ts';
import { ScriptWorld } from './script-world.ts';
import type { Told, WorldOptions } from './script-world.ts';

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

/** A connection after the three-way handshake, between a world's stack and a peer. */
export interface Established<W extends ScriptWorld = ScriptWorld> extends Told {
  world: W;
  peer: ScriptPeer;
}

/**
 * Makes a world and goes through the handshake.
 *
 * @example
 * const { world, peer, connection } = established({ sack: true, timestamps: true, windowScale: 7, rtt: 100_000 });
 * world.write(connection, 100);
 * peer.expect({ flags: 'PA', seq: 1, length: 100 });
 */
export function established(options: EstablishedOptions = {}): Established {
  return handshake(new ScriptWorld(options), options);
}

/** Goes through the handshake in a new world: its stack listens on port 7, or connects to the peer's. */
export function handshake<W extends ScriptWorld>(world: W, options: HandshakeOptions = {}): Established<W> {
  const { open = 'passive', rtt = 0, wnd, iss } = options;
  const syn = synOptions(options);
  if (open === 'passive') {
    const accepted = world.listen();
    const peer = world.client(40_000, iss);
    if (wnd !== undefined) peer.wnd = wnd;
    peer.send({ flags: 'S', ...syn });
    peer.expect({ flags: 'SA', seq: 0, ack: 1 });
    world.advance(rtt);
    peer.send({ flags: 'A' });
    const [told] = accepted;
    if (told === undefined) throw world.failure('The handshake was not completed.');
    return { ...told, world, peer };
  }
  const peer = world.peer(iss === undefined ? {} : { iss });
  if (wnd !== undefined) peer.wnd = wnd;
  const told = world.connect();
  peer.expect({ flags: 'S', seq: 0 });
  world.advance(rtt);
  peer.send({ flags: 'SA', ...syn });
  peer.expect({ flags: 'A', seq: 1, ack: 1, length: 0 });
  return { ...told, world, peer };
}

/** What the peer's SYN says. */
function synOptions(options: HandshakeOptions): Omit<SegmentSpec, 'flags'> {
  const { windowScale, sack = false, timestamps = false } = options;
  const mss = 'mss' in options ? options.mss : 1460;
  return {
    ...(mss === undefined ? {} : { mss }),
    ...(windowScale === undefined ? {} : { windowScale }),
    ...(sack ? { sackPermitted: true } : {}),
    ...(timestamps ? { timestamps: true } : {}),
  };
}

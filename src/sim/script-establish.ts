import { requireOptions, usageError } from '../errors.ts';
import { STAGE_OPTIONS } from './script-options.ts';
import type { EstablishedOptions, HandshakeOptions } from './script-options.ts';
import type { ScriptPeer } from './script-peer.ts';
import type { SegmentSpec } from './script-segment.ts';
import { ScriptWorld } from './script-world.ts';
import type { Told } from './script-world.ts';

const OPENERS: readonly string[] = ['passive', 'active'];

/** A connection after the three-way handshake, between a world's stack and a peer. */
export interface Established<W extends ScriptWorld = ScriptWorld> extends Told {
  world: W;
  peer: ScriptPeer;
}

/**
 * Makes a world and goes through the handshake.
 *
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE
 * @example
 * const { world, peer, connection } = established({ sack: true, timestamps: true, windowScale: 7, rtt: 100_000 });
 * world.write(connection, 100);
 * peer.expect({ flags: 'PA', seq: 1, length: 100 });
 */
export function established(options: EstablishedOptions = {}): Established {
  requireOptions('established', options, STAGE_OPTIONS);
  return handshake(new ScriptWorld(options), options);
}

/**
 * Goes through the handshake in a new world: its stack listens on port 7, or connects to the peer's.
 *
 * @param options those that the world was made with may be among them.
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
 */
export function handshake<W extends ScriptWorld>(world: W, options: HandshakeOptions = {}): Established<W> {
  requireOptions('handshake', options, STAGE_OPTIONS);
  const { open = 'passive', rtt = 0, wnd, iss } = options;
  if (!OPENERS.includes(open)) {
    throw usageError('ERR_INVALID_ARG_VALUE', `handshake: open is one of ${OPENERS.join(', ')}, not ${open}`);
  }
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

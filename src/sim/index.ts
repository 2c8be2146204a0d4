/** `usernet/sim`: time that stands still until it is told to move, and randomness that repeats itself; packet scripts. */

export { Ladder } from './ladder.ts';
export type { LadderOptions } from './ladder.ts';
export { Scene, runScript } from './script.ts';
export type { ScriptOptions } from './script.ts';
export { ScriptWorld } from './script-world.ts';
export type { Told } from './script-world.ts';
export type { EstablishedOptions, HandshakeOptions, WorldOptions } from './script-options.ts';
export { ScriptPeer } from './script-peer.ts';
export type { PeerHost, PeerOptions } from './script-peer.ts';
export type { Ect, Expected, Heard, SackBlock, SegmentSpec } from './script-segment.ts';
export { established, handshake } from './script-establish.ts';
export type { Established } from './script-establish.ts';
export { stream } from './script-stream.ts';
export { chance, seededRandom, uniform } from '../time/seeded-random.ts';
export { VirtualClock } from '../time/virtual-clock.ts';
export type { RunFor, RunUntil, VirtualClockOptions } from '../time/virtual-clock.ts';

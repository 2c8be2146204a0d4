/** The scripted peer of `usernet/sim` under the names that the tests use. */
export { ScriptPeer as TcpPeer, stream } from '../../src/sim/index.ts';
export type { Expected, Heard, SegmentSpec } from '../../src/sim/index.ts';

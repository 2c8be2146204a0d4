import type { TcpOption } from '../../src/wire/tcp-option-list.ts';
import type { Heard, SegmentSpec, TcpPeer } from './tcp-peer.ts';
import type { Told, WorldOptions } from '../../src/sim/index.ts';
import { World } from './tcp-world.ts';

/** A timestamps option, laid out as RFC 7323 Appendix A has it. */
export function stamp(value: number, echo: number = 0): TcpOption[] {
  return [{ name: 'nop' }, { name: 'nop' }, { name: 'timestamps', value: value >>> 0, echo: echo >>> 0 }];
}

/** TSval and TSecr of what came; undefined when it had none. */
export function stampOf(heard: Heard): { value: number; echo: number } | undefined {
  const option = heard.options.find(({ name }) => name === 'timestamps');
  return option?.name === 'timestamps' ? { value: option.value, echo: option.echo } : undefined;
}

/** The SACK blocks of what came, relative to the peer's stream as its sequence numbers are; empty when it had none. */
export function sackOf(heard: Heard, peer: TcpPeer): [left: number, right: number][] {
  const option = heard.options.find(({ name }) => name === 'sack');
  if (option?.name !== 'sack') return [];
  return option.blocks.map(({ left, right }) => [(left - peer.iss) | 0, (right - peer.iss) | 0]);
}

export interface ExtendedOptions extends WorldOptions {
  open?: 'passive' | 'active';
  /** The peer's SYN permits SACK. Default true. */
  sack?: boolean;
  /** TSval of the peer's SYN; `undefined`, the default, for none. */
  tsValue?: number | undefined;
  windowScale?: number;
  mss?: number;
  wnd?: number;
  iss?: number;
  /** The round-trip time of a passive handshake, in microseconds. Default 0. */
  rtt?: number;
}

/** A connection after the handshake, with a peer that knows of SACK and timestamps. */
export interface Extended extends Told {
  world: World;
  peer: TcpPeer;
  /** The stack's SYN or SYN-ACK. */
  syn: Heard;
  /** Sends a segment with a timestamp. */
  stamped(tsValue: number, spec: SegmentSpec): void;
}

/** Makes a world and goes through the handshake. */
export function extended(options: ExtendedOptions = {}): Extended {
  const { open = 'passive', sack = true, tsValue, windowScale, mss = 1460, wnd, iss, rtt = 0, ...ofWorld } = options;
  const world = new World(ofWorld);
  const offer: SegmentSpec = {
    flags: 'S',
    mss,
    options: [...(sack ? [{ name: 'sackPermitted' } as const] : []), ...(tsValue === undefined ? [] : stamp(tsValue))],
    ...(windowScale === undefined ? {} : { windowScale }),
  };
  const plain = tsValue === undefined ? {} : { options: stamp(tsValue) };
  if (open === 'passive') {
    const accepted = world.listen();
    const peer = world.client(40_000, iss);
    if (wnd !== undefined) peer.wnd = wnd;
    peer.send(offer);
    const syn = peer.expect({ flags: 'SA', seq: 0, ack: 1 });
    world.advance(rtt);
    peer.send({ flags: 'A', ...plain });
    return { ...accepted[0]!, world, peer, syn, stamped: stampedBy(peer) };
  }
  const peer = world.peer(iss === undefined ? {} : { iss });
  if (wnd !== undefined) peer.wnd = wnd;
  const told = world.connect();
  const syn = peer.expect({ flags: 'S', seq: 0 });
  peer.send({ ...offer, flags: 'SA' });
  peer.expect({ flags: 'A', seq: 1, ack: 1, length: 0 });
  return { ...told, world, peer, syn, stamped: stampedBy(peer) };
}

function stampedBy(peer: TcpPeer): (tsValue: number, spec: SegmentSpec) => void {
  return (tsValue, spec) => peer.send({ ...spec, options: [...(spec.options ?? []), ...stamp(tsValue)] });
}

import { expect, onTestFinished } from 'vitest';
import type { State } from '../../src/index.ts';
import { ScriptWorld, handshake } from '../../src/sim/index.ts';
import type { EstablishedOptions, Established as ScriptEstablished, WorldOptions } from '../../src/sim/index.ts';
import { FAMILY, MORE_HEADER } from './family.ts';

export type { EstablishedOptions, WorldOptions };

/** The stage of a packet script, which when the test ends must be left empty, its stack at rest. */
export class World extends ScriptWorld {
  constructor(options: WorldOptions = {}) {
    super(inFamily(options));
    onTestFinished(({ task }) => this.finish(task.result?.state !== 'fail'));
  }
}

function inFamily(options: WorldOptions): WorldOptions {
  const { addresses, family, mtu = 1500 } = options;
  return family === undefined && addresses === undefined
    ? { ...options, family: FAMILY, mtu: mtu + MORE_HEADER }
    : options;
}

/** A connection after the three-way handshake, between a new world's stack and a peer. */
export type Established = ScriptEstablished<World>;

/** Makes a world and goes through the handshake. */
export function established(options: EstablishedOptions = {}): Established {
  return handshake(new World(options), options);
}

/** The synchronized states, and SYN_RECV: those that §3.10.7.4 treats together. */
export type OtherState = Exclude<State, 'CLOSED' | 'LISTEN' | 'SYN_SENT'>;

/** Leads a new connection into a state. The stack's FIN is not acknowledged unless the state says so. */
export function inState(state: OtherState, options: EstablishedOptions = {}): Established {
  if (state === 'SYN_RECV') return halfOpen(options);
  const made = established(options);
  const { world, peer, connection, events } = made;
  const fin = (from: number): void => {
    world.act(() => connection.shutdown());
    peer.expect({ flags: 'FA', seq: from, length: 0 });
  };
  const peerFin = (ack: number): void => {
    peer.send({ flags: 'FA', ack });
    peer.expect({ flags: 'A', ack: peer.next });
  };
  if (state === 'CLOSE_WAIT' || state === 'LAST_ACK') peerFin(1);
  if (state !== 'ESTABLISHED' && state !== 'CLOSE_WAIT') fin(1);
  if (state === 'CLOSING') peerFin(1);
  if (state === 'FIN_WAIT_2' || state === 'TIME_WAIT') peer.send({ flags: 'A', ack: 2 });
  if (state === 'TIME_WAIT') peerFin(2);
  expect(connection.state).toBe(state);
  events.length = 0;
  return made;
}

/** SYN_RECV: by a listener, or by a simultaneous open. */
function halfOpen(options: EstablishedOptions): Established {
  const { open = 'passive', wnd } = options;
  const world = new World(options);
  if (open === 'active') {
    const peer = world.peer();
    if (wnd !== undefined) peer.wnd = wnd;
    const told = world.connect();
    peer.expect({ flags: 'S', seq: 0 });
    peer.send({ flags: 'S', mss: 1460 });
    peer.expect({ flags: 'SA', seq: 0, ack: 1 });
    expect(told.connection.state).toBe('SYN_RECV');
    return { ...told, world, peer };
  }
  const accepted = world.listen();
  const peer = world.client();
  if (wnd !== undefined) peer.wnd = wnd;
  peer.send({ flags: 'S', mss: 1460 });
  peer.expect({ flags: 'SA', seq: 0, ack: 1 });
  const connection = world.stack.tcp.connections[0]!;
  expect(connection.state).toBe('SYN_RECV');
  expect(accepted).toEqual([]);
  return { world, peer, connection, events: [] };
}

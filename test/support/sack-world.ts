import type { SackBlock } from '../../src/sim/index.ts';
import type { Established, EstablishedOptions } from './tcp-world.ts';
import { established } from './tcp-world.ts';

/** Payload of a full segment, the round-trip time in microseconds, and RFC 6928's window in segments. */
export const MSS = 1000;
export const RTT = 100_000;
export const INITIAL_WINDOW = 10;
/** SRTT + 4 RTTVAR after the first measurement (RFC 6298 §2.2), RTTVAR being half of it. */
export const FIRST_RTO = 3 * RTT;

/** A connection with SACK, Reno, segments of `MSS` bytes and a round-trip time of `RTT`. */
export function connected(options: EstablishedOptions = {}): Established {
  const { tcp, ...rest } = options;
  const mss = options.timestamps === true ? MSS + 12 : MSS;
  return established({
    sack: true,
    rtt: RTT,
    mss,
    ...rest,
    tcp: { congestion: 'reno', pathMtuDiscovery: 'icmp', ...tcp },
  });
}

/** Segments `[from, to)`. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

/** The numbers of the data segments that came, the first of the connection being 0. */
export function segments({ peer }: Established): number[] {
  return peer.take().map(({ seq }) => (seq - 1) / MSS);
}

/** Acknowledges the first `n` segments; blocks are segments `[from, to)`. */
export function ack({ peer }: Established, n: number, ...blocks: SackBlock[]): void {
  const sack = blocks.map(([from, to]): SackBlock => [1 + from * MSS, 1 + to * MSS]);
  peer.send({ flags: 'A', ack: 1 + n * MSS, ...(sack.length > 0 ? { sack } : {}) });
}

export interface FlightOptions extends EstablishedOptions {
  /** Segments in flight. Default 10. */
  flight?: number;
  /** Segments that are written beyond, and wait for the window. Default 0. */
  more?: number;
}

/**
 * A connection that has just sent segments `[0, flight)` at once, and a round-trip time has passed. What goes before,
 * to open the window, is of no interest: numbers begin behind it.
 */
export function flying(options: FlightOptions = {}): Established {
  const { flight = INITIAL_WINDOW, more = 0, ...rest } = options;
  const made = connected(rest);
  const { world, connection } = made;
  if (flight > INITIAL_WINDOW) throw new Error(`At first ${INITIAL_WINDOW} segments may go.`);
  world.write(connection, (flight + more) * MSS);
  const sent = segments(made);
  if (sent.length !== flight) throw new Error(`There are ${sent.length} segments on their way.`);
  world.advance(RTT);
  return made;
}

/**
 * The same with twenty segments, `[10, 30)`, after ten that were acknowledged, one ACK a segment: cwnd is twenty
 * segments. `more` segments wait for the window.
 */
export function twenty(options: EstablishedOptions = {}, more: number = 0): Established {
  const made = connected(options);
  const { world, connection } = made;
  world.write(connection, (30 + more) * MSS);
  world.advance(RTT);
  for (const n of range(1, 11)) ack(made, n);
  const sent = segments(made);
  if (sent.length !== 30) throw new Error(`${sent.length} segments were sent.`);
  world.advance(RTT);
  return made;
}

/** Segments that have left the network unknown to the sender or not: what `info()` says of retransmission. */
export function repairs({ connection }: Established): { retransmits: number; timeouts: number } {
  const { retransmits, timeouts } = connection.info();
  return { retransmits, timeouts };
}

/** The count of refused SACK blocks. */
export function lies({ world }: Established): number {
  return world.stack.statistics().drops['tcp-sack-invalid'] ?? 0;
}

import type { ConnectionOptions } from '../../src/index.ts';
import type { FlowOptions, FlowResult, PathOptions, PathResult } from '../support/path-world.ts';
import { PathWorld, runPath } from '../support/path-world.ts';

/** Milliseconds. */
export interface Times {
  warmup: number;
  duration: number;
}

export const MBIT = 1e6;

/** What reordering leaves of the goodput that the same path has without it, from 0 to 1. */
export function leftByReordering(path: PathOptions & Times, reorder: number): number {
  // A window of twice what the path holds, and a queue for the half that it does not: kept full, it drops nothing.
  const bdp = Math.round(((path.rate ?? 0) * path.rtt) / 8000);
  const full = { receiver: { receiveBuffer: 2 * bdp }, queue: 2 * bdp, ...path };
  return runPath({ ...full, reorder }).goodput / runPath(full).goodput;
}

/** Loss of the data, not of the ACKs, as the formula has it. */
const RANDOM_LOSS = { rtt: 20, rate: 100 * MBIT, forth: { loss: 0.01 } };
/** √(3/2p)·MSS/RTT in bits per second: Mathis et al., 1997; RFC 9438 §5.1.1 for Reno's friends. */
const MATHIS = (Math.sqrt(3 / (2 * 0.01)) * 1448 * 8) / 0.02;

/** The median of many seeds, as a multiple of √(3/2p)·MSS/RTT. */
export function medianByFormula(congestion: string, seeds: number, times: Times): number {
  const all = Array.from({ length: seeds }, (_, i) => {
    const { goodput } = runPath({ ...RANDOM_LOSS, ...times, sender: { congestion }, seed: i + 1 });
    return goodput / MATHIS;
  });
  all.sort((a, b) => a - b);
  return (all[(seeds - 1) >> 1]! + all[seeds >> 1]!) / 2;
}

/** Flows that share a bottleneck of 10 Mbit/s with 100 ms of queue, the second starts while the first is at full speed. */
export function sharing(first: ConnectionOptions, second: ConnectionOptions, times: Times): PathResult {
  const flows: FlowOptions[] = [{ tcp: first }, { start: 1000, tcp: second }];
  return runPath({ rtt: 20, rate: 10 * MBIT, flows, ...times });
}

/** Bits per second of each flow. */
export function shares({ flows }: PathResult): number[] {
  return flows.map(({ goodput }: FlowResult) => goodput);
}

/** What a connection did before and after all packets to the receiver took `spike` milliseconds longer. */
export interface Spiked {
  cwndBefore: number;
  cwndAfter: number;
  /** In the second before the spike, and in one that begins two round trips after it. */
  before: number;
  after: number;
  undos: number;
  timeouts: number;
  causes: string[];
}

export function delaySpike(receiver: ConnectionOptions, spike: number): Spiked {
  const world = new PathWorld({ rtt: 40, rate: 20 * MBIT, receiver: { receiveBuffer: 150_000, ...receiver } });
  const causes: string[] = [];
  world.sender.on('tcp-recovery', (event) => {
    if (event.type === 'undo') causes.push(event.cause);
  });
  world.advance(3000);
  const [before] = world.measure(1000).flows;
  world.link.set({ receive: { delay: 20 + spike } });
  world.advance(spike);
  // It goes by slowly enough that no packet overtakes another.
  for (let left = spike; left > 0; left--) {
    world.link.set({ receive: { delay: 20 + left } });
    world.advance(2);
  }
  world.link.set({ receive: { delay: 20 } });
  world.advance(80);
  const [after] = world.measure(1000).flows;
  world.end();
  return {
    cwndBefore: before!.info.cwnd,
    cwndAfter: after!.info.cwnd,
    before: before!.goodput,
    after: after!.goodput,
    undos: after!.info.undos,
    timeouts: after!.info.timeouts,
    causes,
  };
}

import { beforeEach, describe, expect, it, vi } from 'vitest';
import { congestionControls } from '../../../src/index.ts';
import type { ConnectionInfo, StackEvents } from '../../../src/index.ts';
import { Events } from '../../../src/stack/events.ts';
import { Reno } from '../../../src/tcp/congestion/reno.ts';
import { PathWorld } from '../../support/path-world.ts';
import { FIRST_RTO, INITIAL_WINDOW, MSS, RTT, ack, connected, flying, segments } from '../../support/sack-world.ts';
import type { Established } from '../../support/tcp-world.ts';
import { World } from '../../support/tcp-world.ts';
import { FAMILY, MORE_HEADER } from '../../support/family.ts';
import { tooBig } from '../../support/icmp-error.ts';

type RecoveryEvent = StackEvents['tcp-recovery'];
type Told = Omit<RecoveryEvent, 'connection'>;

/** All that the stack tells of loss recovery, of its only connection. */
function observed({ stack }: World): Told[] {
  const told: Told[] = [];
  stack.on('tcp-recovery', ({ connection, ...event }) => {
    expect(stack.tcp.connections).toEqual([connection]);
    told.push(event);
  });
  return told;
}

/** Segments 1, 2 and 3 are SACKed one by one, the first is missing. */
function threeSacked(made: Established): void {
  for (const end of [2, 3, 4]) ack(made, 0, [1, end]);
}

/** RFC 5681 §3.1, equation 4, of the ten segments that are on their way. */
const HALF = (INITIAL_WINDOW * MSS) / 2;

/** The first segment goes again. */
const FIRST_AGAIN = { type: 'retransmit', sequence: 1, length: MSS };

describe('loss, retransmission and the end of a recovery', () => {
  it('sack: what three SACKed segments have overtaken', () => {
    const made = flying();
    const told = observed(made.world);
    ack(made, 0, [1, 2]);
    ack(made, 0, [1, 3]);
    expect(told).toEqual([]);
    ack(made, 0, [1, 4]);
    const loss = { type: 'loss', cause: 'sack', lost: MSS, cwnd: HALF, ssthresh: HALF };
    expect(told).toEqual([loss, { ...FIRST_AGAIN, cause: 'loss' }]);
    expect(segments(made)).toEqual([0]);
    made.world.advance(RTT);
    ack(made, 10);
    expect(told.slice(2)).toEqual([{ type: 'recovered' }]);
  });

  it('duplicate-acks: without SACK', () => {
    const made = flying({ sack: false });
    const told = observed(made.world);
    for (let i = 0; i < 3; i++) ack(made, 0);
    const loss = { type: 'loss', cause: 'duplicate-acks', lost: MSS, cwnd: HALF, ssthresh: HALF };
    expect(told).toEqual([loss, { ...FIRST_AGAIN, cause: 'loss' }]);
    expect(segments(made)).toEqual([0]);
    made.world.advance(RTT);
    ack(made, 10);
    expect(told.slice(2)).toEqual([{ type: 'recovered' }]);
  });

  it('reordering-timer: two SACKed wait a quarter of a round trip for what they overtook', () => {
    const made = flying();
    const told = observed(made.world);
    ack(made, 0, [1, 3]);
    made.world.advance(RTT / 4 - 1);
    expect(told).toEqual([]);
    made.world.advance(1);
    const loss = { type: 'loss', cause: 'reordering-timer', lost: MSS, cwnd: HALF, ssthresh: HALF };
    expect(told).toEqual([loss, { ...FIRST_AGAIN, cause: 'loss' }]);
    expect(segments(made)).toEqual([0]);
    made.world.advance(RTT);
    ack(made, 10);
    expect(told.slice(2)).toEqual([{ type: 'recovered' }]);
  });

  it('timeout: without SACK all that was outstanding is deemed lost; cwnd is one segment', () => {
    const made = flying({ sack: false });
    const told = observed(made.world);
    made.world.advance(FIRST_RTO - RTT - 1);
    expect(told).toEqual([]);
    made.world.advance(1);
    const loss = { type: 'loss', cause: 'timeout', lost: INITIAL_WINDOW * MSS, cwnd: MSS, ssthresh: HALF };
    expect(told).toEqual([loss, { ...FIRST_AGAIN, cause: 'timeout' }]);
    expect(segments(made)).toEqual([0]);
    // Again nothing is acknowledged: the window has been reduced for this data (RFC 5681 §3.1).
    made.world.advance(2 * FIRST_RTO);
    expect(told.slice(2)).toEqual([{ ...FIRST_AGAIN, cause: 'timeout' }]);
    expect(segments(made)).toEqual([0]);
    made.world.advance(RTT);
    ack(made, 10);
    expect(told.slice(3)).toEqual([{ type: 'recovered' }]);
  });

  it('tail-loss-probe: the last segment goes again, and proves to be what was missing', () => {
    const made = flying({ flight: 3 });
    const { world, connection } = made;
    const told = observed(world);
    ack(made, 2);
    // RFC 8985 §7.2: a lone segment gives the peer time to delay its ACK, but no longer than the retransmission timer.
    world.advance(FIRST_RTO - 1);
    expect(told).toEqual([]);
    world.advance(1);
    expect(told).toEqual([{ type: 'retransmit', cause: 'tail-loss-probe', sequence: 1 + 2 * MSS, length: MSS }]);
    world.write(connection, MSS);
    world.advance(RTT);
    segments(made);
    const before = connection.info().cwnd;
    ack(made, 4);
    // §7.4.2: an ACK beyond the probe, without a D-SACK. Less than two segments are never the threshold.
    const loss = { type: 'loss', cause: 'tail-loss-probe', lost: MSS, cwnd: 2 * MSS, ssthresh: 2 * MSS };
    expect(before).toBeGreaterThan(2 * MSS);
    expect(told.slice(1)).toEqual([loss, { type: 'recovered' }]);
  });

  it('ecn: a mark is answered, nothing is lost or sent again', () => {
    const world = new World({ tcp: { congestion: 'reno', pathMtuDiscovery: 'icmp' } });
    const accepted = world.listen();
    const peer = world.client();
    peer.send({ flags: 'SEC', mss: MSS });
    peer.expect({ flags: 'SAE' });
    peer.send({ flags: 'A' });
    const told = observed(world);
    world.write(accepted[0]!.connection, INITIAL_WINDOW * MSS);
    expect(peer.take()).toHaveLength(INITIAL_WINDOW);
    peer.send({ flags: 'AE', ack: 1 + MSS });
    expect(told).toEqual([{ type: 'loss', cause: 'ecn', lost: 0, cwnd: HALF, ssthresh: HALF }]);
    // RFC 3168 §6.1.2: once in a window of data.
    peer.send({ flags: 'AE', ack: 1 + 2 * MSS });
    expect(told).toHaveLength(1);
    peer.send({ flags: 'A', ack: 1 + 9 * MSS });
    expect(told).toHaveLength(1);
    peer.send({ flags: 'A', ack: 1 + 10 * MSS });
    expect(told.slice(1)).toEqual([{ type: 'recovered' }]);
  });

  it.each(['SYN', 'SYN-ACK'])('handshake: a %s goes again, of a connection that can be asked', (which) => {
    const world = new World();
    const seen: RecoveryEvent[] = [];
    world.stack.on('tcp-recovery', (event) => seen.push(event));
    const peer = which === 'SYN' ? world.peer() : world.client();
    if (which === 'SYN') world.connect();
    else {
      world.listen();
      peer.send({ flags: 'S', mss: MSS });
    }
    // RFC 6298 §2.1: a second, before anything was measured.
    world.advance(999_999);
    expect(seen).toEqual([]);
    world.advance(1);
    const [connection] = world.stack.tcp.connections;
    expect(seen).toEqual([{ connection, type: 'retransmit', cause: 'handshake', sequence: 0, length: 1 }]);
    expect(peer.take()).toHaveLength(2);
  });
});

describe('what congestion control is told', () => {
  const calls: string[] = [];
  congestionControls.register('told', (start) => {
    const inner = new Reno(start);
    const [congestion, recovered] = [inner.onCongestion.bind(inner), inner.onRecovered.bind(inner)];
    inner.onCongestion = (kind, sample) => {
      calls.push(kind);
      congestion(kind, sample);
    };
    inner.onRecovered = (sample) => {
      calls.push('recovered');
      recovered(sample);
    };
    return inner;
  });
  beforeEach(() => {
    calls.length = 0;
  });
  const TOLD = { tcp: { congestion: 'told' } };

  // Packets with segments of `MSS` bytes fit every link of IPv6.
  it.skipIf(FAMILY === 6).each([true, false])(
    'the end of a fast recovery in which the path takes smaller packets; SACK: %s',
    (sack) => {
      const made = flying({ sack, ...TOLD });
      const { world, peer, connection } = made;
      const told = observed(world);
      if (sack) ack(made, 0, [1, 4]);
      else for (let i = 0; i < 3; i++) ack(made, 0);
      const [first] = peer.take();
      expect(calls).toEqual(['loss']);
      // What is on its way was dropped for its size.
      tooBig(peer, first!, 560);
      expect(connection.info().mss).toBe(560);
      expect(told.slice(2).map((event) => ('cause' in event ? event.cause : event.type))).toContain('path');
      for (let i = 0; i < 20 && connection.info().flight > 0; i++) {
        world.advance(RTT);
        peer.take();
        peer.send({ flags: 'A', ack: peer.heardUpTo });
      }
      expect(calls).toEqual(['loss', 'recovered']);
      expect(told.at(-1)).toEqual({ type: 'recovered' });
    },
  );

  it.skipIf(FAMILY === 6)('nothing when the path alone is why something goes again', () => {
    const made = connected(TOLD);
    const { world, peer, connection } = made;
    const told = observed(world);
    world.write(connection, 10 * MSS);
    tooBig(peer, peer.take()[0]!, 560);
    for (let i = 0; i < 20 && connection.info().flight > 0; i++) {
      world.advance(RTT);
      peer.take();
      peer.send({ flags: 'A', ack: peer.heardUpTo });
    }
    expect(new Set(told.map((event) => ('cause' in event ? event.cause : event.type)))).toEqual(new Set(['path']));
    expect(calls).toEqual([]);
  });

  it('a timeout after a D-SACK that took another back, though nothing was acknowledged between them', () => {
    const made = flying({ ...TOLD, flight: 3 });
    const { world, connection } = made;
    const told = observed(world);
    // A tail loss probe, then the timer.
    world.advance(RTT + 2 * world.clock.resolution + FIRST_RTO);
    expect(segments(made)).toEqual([2, 0]);
    expect(calls).toEqual(['timeout']);
    // The block lies within the next (RFC 2883 §4), from a peer that will not have had it.
    ack(made, 0, [0, 1], [0, 1]);
    expect(told.at(-1)).toEqual({ type: 'undo', cause: 'dsack' });
    world.advance(3 * FIRST_RTO);
    segments(made);
    expect(calls).toEqual(['timeout', 'timeout']);
    expect(connection.info().cwnd).toBe(MSS);
    ack(made, 3);
    expect(calls).toEqual(['timeout', 'timeout', 'recovered']);
    expect(told.at(-1)).toEqual({ type: 'recovered' });
  });
});

describe('undo: it had been no loss', () => {
  const before = ({ cwnd, ssthresh }: ConnectionInfo): number[] => [cwnd, ssthresh];

  it('dsack: the peer reports what was sent again as come twice', () => {
    const made = flying();
    const told = observed(made.world);
    const windows = before(made.connection.info());
    threeSacked(made);
    expect(segments(made)).toEqual([0]);
    ack(made, 4, [0, 1]);
    expect(told.map(({ type }) => type)).toEqual(['loss', 'retransmit', 'undo']);
    expect(told[2]).toEqual({ type: 'undo', cause: 'dsack' });
    const info = made.connection.info();
    expect(info.ssthresh).toBe(windows[1]);
    expect(info.cwnd).toBeGreaterThanOrEqual(windows[0]!);
    // The recovery that was taken back has no end of its own.
    ack(made, 10);
    expect(told).toHaveLength(3);
  });

  it('eifel: the ACK echoes a timestamp older than the retransmission', () => {
    const made = flying({ timestamps: true });
    const told = observed(made.world);
    const original = made.peer.tsRecent;
    threeSacked(made);
    expect(segments(made)).toEqual([0]);
    made.world.advance(RTT / 10);
    made.peer.ack(1 + 5 * MSS, { tsecr: original });
    expect(told.map(({ type }) => type)).toEqual(['loss', 'retransmit', 'undo']);
    expect(told[2]).toEqual({ type: 'undo', cause: 'eifel' });
  });

  it('frto: after a timeout the ACKs go on for what was sent once', () => {
    const made = flying({ sack: false, more: 5 });
    const told = observed(made.world);
    made.world.advance(FIRST_RTO - RTT);
    expect(segments(made)).toEqual([0]);
    ack(made, 2);
    // RFC 5682 §2.1 step 2b: two new segments.
    expect(segments(made)).toEqual([10, 11]);
    expect(told.map(({ type }) => type)).toEqual(['loss', 'retransmit']);
    ack(made, 3);
    expect(told[2]).toEqual({ type: 'undo', cause: 'frto' });
    segments(made);
    expect(told).toHaveLength(3);
  });
});

describe('observers', () => {
  it('what one throws goes to the clock; the others are told, and the segment goes again', () => {
    const made = flying();
    const { world } = made;
    world.stack.on('tcp-recovery', ({ type }) => {
      throw new Error(`observer of ${type}`);
    });
    const told = observed(world);
    ack(made, 0, [1, 3]);
    expect(() => ack(made, 0, [1, 4])).toThrow('observer of loss');
    expect(() => world.advance(0)).toThrow('observer of retransmit');
    expect(told.map(({ type }) => type)).toEqual(['loss', 'retransmit']);
    world.advance(0);
    expect(segments(made)).toEqual([0]);
    world.advance(RTT);
    expect(() => ack(made, 10)).toThrow('observer of recovered');
    const { recovery, flight, retransmits } = made.connection.info();
    expect({ recovery, flight, retransmits }).toEqual({ recovery: 'open', flight: 0, retransmits: 1 });
  });

  it('each event is an object of its own, which may be kept', () => {
    const recovered: RecoveryEvent[] = [];
    for (let i = 0; i < 2; i++) {
      const made = flying();
      made.world.stack.on('tcp-recovery', (event) => {
        if (event.type === 'recovered') recovered.push(event);
      });
      threeSacked(made);
      made.world.advance(RTT);
      ack(made, 10);
      expect(segments(made)).toEqual([0]);
    }
    expect(recovered).toHaveLength(2);
    expect(recovered[0]).not.toBe(recovered[1]);
  });

  it('nothing is made up while nobody listens, nor once nobody does any more', () => {
    const emit = vi.spyOn(Events.prototype, 'emit');
    const count = (): number => emit.mock.calls.filter(([name]) => name === 'tcp-recovery').length;
    try {
      const made = flying();
      threeSacked(made);
      expect(segments(made)).toEqual([0]);
      expect(count()).toBe(0);
      const stop = made.world.stack.on('tcp-recovery', () => {});
      made.world.advance(RTT);
      ack(made, 10);
      expect(count()).toBe(1);
      stop();
      made.world.write(made.connection, MSS);
      made.world.advance(20 * RTT);
      expect(made.connection.info().retransmits).toBeGreaterThan(1);
      expect(count()).toBe(1);
      segments(made);
    } finally {
      emit.mockRestore();
    }
  });
});

describe('over a path that drops one packet', () => {
  it('the sender tells of the loss, the retransmission and the end, in this order; the receiver of nothing', () => {
    let full = 0;
    const world = new PathWorld({
      rtt: 40,
      rate: 10_000_000,
      forth: { drop: (packet) => packet.length === 1500 + MORE_HEADER && ++full === 30 },
      sender: { congestion: 'reno', pathMtuDiscovery: 'icmp' },
    });
    const told: RecoveryEvent[] = [];
    world.sender.on('tcp-recovery', (event) => told.push(event));
    world.receiver.on('tcp-recovery', (event) => told.push(event));
    world.advance(500);
    const { connection } = world.flows[0]!;
    const { mss, retransmits } = connection!.info();
    expect(told.map(({ type }) => type)).toEqual(['loss', 'retransmit', 'recovered']);
    expect(told.every((event) => event.connection === connection)).toBe(true);
    expect(told[0]).toMatchObject({ cause: 'sack', lost: mss });
    expect(told[1]).toMatchObject({ cause: 'loss', sequence: 1 + 29 * mss, length: mss });
    expect(retransmits).toBe(1);
    world.end();
  });
});

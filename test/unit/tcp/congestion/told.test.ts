import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CongestionFactory, CongestionSample } from '../../../../src/tcp/congestion/controller.ts';
import { congestionControls } from '../../../../src/tcp/congestion/registry.ts';
import { FIRST_RTO, MSS, RTT, ack, connected, flying, range, segments } from '../../../support/sack-world.ts';
import type { FlightOptions } from '../../../support/sack-world.ts';
import { World } from '../../../support/tcp-world.ts';
import type { Established } from '../../../support/tcp-world.ts';
import { FAMILY } from '../../../support/family.ts';
import { tooBig } from '../../../support/icmp-error.ts';

/** RACK.reo_wnd with a multiplier of 1. */
const REO_WND = RTT / 4;

/** What a controller was told, in order. */
interface Told {
  what: string;
  sample: CongestionSample;
}

let told: Told[] = [];

/** Keeps its window and writes down what it is told. */
const recorder: CongestionFactory = ({ initialWindow }) => {
  const note = (what: string, sample: CongestionSample): void => void told.push({ what, sample: { ...sample } });
  return {
    name: 'recorder',
    cwnd: 2 * initialWindow,
    ssthresh: initialWindow,
    onAck: (sample) => note('ack', sample),
    onCongestion: (kind, sample) => note(kind, sample),
    onRecovered: (sample) => note('recovered', sample),
    onIdle() {},
    onDelivery: (sample) => note('delivery', sample),
  };
};

congestionControls.register('recorder', recorder);

/** Names of what was told since the last call. */
function news(): string[] {
  return told.splice(0).map(({ what }) => what);
}

function flight(options: FlightOptions = {}): Established {
  const made = flying({ ...options, tcp: { congestion: 'recorder', ...options.tcp } });
  // The handshake is of no interest.
  told = [];
  return made;
}

/** Of ten segments the first is missing: SACK, or duplicate ACKs, have begun its repair. */
function repairing(sack: boolean): Established {
  const made = flight({ sack });
  if (sack) for (const n of [2, 3, 4]) ack(made, 0, [1, n]);
  else for (let i = 0; i < 3; i++) ack(made, 0);
  expect(segments(made)).toEqual([0]);
  return made;
}

beforeEach(() => {
  told = [];
});

describe.each([true, false])('a congestion controller with onDelivery; SACK: %s', (sack) => {
  it('hears of every ACK that delivers, and not of one that does not', () => {
    const made = flight({ sack });
    ack(made, 1);
    expect(news()).toEqual(['ack', 'delivery']);
    // A new window and nothing else.
    made.peer.send({ flags: 'A', ack: 1 + MSS, wnd: 30_000 });
    // A duplicate ACK without a block.
    ack(made, 1);
    expect(news()).toEqual([]);
    ack(made, 10);
    expect(news()).toEqual(['ack', 'delivery']);
  });

  it('hears of a loss once, of partial ACKs of its repair as deliveries, of its end instead of an ACK', () => {
    const made = repairing(sack);
    const begun = told.findIndex(({ what }) => what === 'loss');
    expect(told[begun]!.sample.recovering).toBe(true);
    expect(told.slice(begun + 1).every(({ sample }) => sample.recovering)).toBe(true);
    expect(told.slice(0, begun).every(({ sample }) => !sample.recovering)).toBe(true);
    expect(told.filter(({ what }) => what !== 'delivery')).toHaveLength(1);
    news();
    made.world.advance(RTT);
    ack(made, 4);
    expect(told.every(({ sample }) => sample.recovering)).toBe(true);
    expect(news()).toEqual(['delivery']);
    segments(made);
    ack(made, 10);
    expect(told.every(({ sample }) => !sample.recovering)).toBe(true);
    expect(news()).toEqual(['recovered', 'delivery']);
    made.world.write(made.connection, MSS);
    expect(segments(made)).toEqual([10]);
    ack(made, 11);
    expect(news()).toEqual(['ack', 'delivery']);
  });

  it('hears of a timeout once, of ACKs while that is repaired, and of the end of that', () => {
    const made = flight({ sack });
    made.world.advance(2 * RTT + FIRST_RTO);
    expect(made.connection.info().recovery).toBe('loss');
    expect(told.every(({ sample }) => sample.recovering)).toBe(true);
    expect(news()).toEqual(['timeout']);
    segments(made);
    // Of what was sent again first.
    made.world.advance(RTT);
    ack(made, 1);
    expect(told.every(({ sample }) => sample.recovering)).toBe(true);
    expect(news()).toEqual(['ack', 'delivery']);
    segments(made);
    made.world.advance(RTT);
    ack(made, 10);
    expect(told.every(({ sample }) => !sample.recovering)).toBe(true);
    expect(news()).toEqual(['recovered', 'delivery']);
    segments(made);
  });

  it('RFC 5681 §3.1: hears of another timeout when something was acknowledged since the last', () => {
    const made = flight({ sack });
    const timeouts = () => news().filter((what) => what === 'timeout');
    made.world.advance(2 * RTT + FIRST_RTO);
    expect(timeouts()).toHaveLength(1);
    // The same data is lost again: nothing new.
    made.world.advance(2 * FIRST_RTO);
    expect(timeouts()).toHaveLength(0);
    ack(made, 1);
    segments(made);
    expect(made.connection.info().recovery).toBe('loss');
    made.world.advance(20 * FIRST_RTO);
    expect(timeouts()).toHaveLength(1);
    segments(made);
  });

  it('RFC 7413 §4.2.2 step 6: the octet of a SYN is no data that was delivered', () => {
    connected({ sack, tcp: { congestion: 'recorder' } });
    expect(told.map(({ what, sample }) => [what, sample.delivered])).toEqual([['delivery', 0]]);
    news();
    // A SYN cookie: nobody remembers that it was sent.
    const world = new World({ tcp: { congestion: 'recorder' } });
    world.listen({ synCookies: 'always' });
    const peer = world.client();
    peer.send({ flags: 'S', mss: MSS, sackPermitted: sack });
    peer.expect({ flags: 'SA' });
    peer.send({ flags: 'A' });
    expect(told.map(({ what, sample }) => [what, sample.delivered])).toEqual([['delivery', 0]]);
  });

  // Packets with segments of `MSS` bytes fit every link of IPv6.
  it.skipIf(FAMILY === 6)(
    'hears of no congestion, and of no end of it, where packets were too big for the path',
    () => {
      const made = connected({ sack, tcp: { congestion: 'recorder' } });
      made.world.write(made.connection, 3 * MSS);
      const [first] = made.peer.take();
      told = [];
      tooBig(made.peer, first!, 560);
      expect(made.peer.take()[0]).toMatchObject({ seq: 1, length: 560 });
      expect(made.connection.info().recovery).toBe('loss');
      made.world.advance(RTT);
      ack(made, 3);
      expect(made.connection.info().recovery).toBe('open');
      expect(news()).toEqual(['ack', 'delivery']);
    },
  );

  it('hears of data only: the FIN is none', () => {
    const made = flight({ sack, flight: 2 });
    made.world.act(() => made.connection.shutdown());
    made.peer.expect({ flags: 'FA', seq: 1 + 2 * MSS });
    ack(made, 2);
    expect(news()).toEqual(['ack', 'delivery']);
    made.peer.send({ flags: 'A', ack: 2 + 2 * MSS });
    expect(told.filter(({ what }) => what === 'ack')).toEqual([]);
    made.peer.send({ flags: 'FA', ack: 2 + 2 * MSS });
    made.peer.take();
    made.world.advance(4 * 60_000_000);
  });
});

describe('a congestion controller with onDelivery', () => {
  it('hears of what SACK alone reports', () => {
    const made = flight();
    ack(made, 0, [1, 2]);
    expect(told.map(({ what, sample }) => [what, sample.acked, sample.delivered])).toEqual([['delivery', 0, MSS]]);
    ack(made, 0, [1, 2]);
    expect(told).toHaveLength(1);
  });
});

describe('what the samples say', () => {
  it('whether the application, or the network, was the limit when the newest data was sent', () => {
    const made = flight({ flight: 3 });
    ack(made, 3);
    expect(told.filter(({ what }) => what === 'ack').map(({ sample }) => sample.appLimited)).toEqual([true]);
    news();
    // More than the window holds.
    made.world.write(made.connection, 60 * MSS);
    for (const n of [13, 23, 33]) {
      made.world.advance(RTT);
      segments(made);
      ack(made, n);
    }
    expect(told.filter(({ what }) => what === 'ack').at(-1)!.sample.appLimited).toBe(false);
    segments(made);
  });

  it('a receiver whose window is full is no application that has nothing to send', () => {
    const made = flight({ flight: 3, wnd: 3 * MSS });
    ack(made, 3);
    news();
    made.world.write(made.connection, 12 * MSS);
    for (const n of [6, 9, 12]) {
      made.world.advance(RTT);
      expect(segments(made)).toHaveLength(3);
      ack(made, n);
    }
    const acks = told.filter(({ what }) => what === 'ack');
    // What was sent while the first three were the newest is the application's, by the bubble in front of it.
    expect(acks.map(({ sample }) => sample.appLimited)).toEqual([true, false, false]);
    segments(made);
  });

  it('the reordering timer tells of the loss it has found', () => {
    const made = flight({ flight: 3 });
    ack(made, 0, [1, 3]);
    news();
    made.world.advance(REO_WND);
    expect(segments(made)).toEqual([0]);
    expect(told.map(({ what, sample }) => [what, sample.lost, sample.delivered, sample.recovering])).toEqual([
      ['loss', MSS, 0, true],
      ['delivery', MSS, 0, true],
    ]);
  });
});

describe('RFC 8985 §6.2: the reordering timer while losses are repaired', () => {
  /** The path has reordered two segments; behind them ten are on their way, and `more` wait. */
  function reordered(more: number): Established {
    const made = flight({ flight: 2 });
    ack(made, 0, [1, 2]);
    ack(made, 2);
    made.world.write(made.connection, (10 + more) * MSS);
    expect(segments(made)).toEqual(range(2, 12));
    made.world.advance(RTT);
    return made;
  }

  it('[S-080] after a timeout: what is lost is sent again, and nothing is said of it twice', () => {
    const made = reordered(0);
    made.world.advance(2 * RTT + FIRST_RTO);
    expect(segments(made)).toEqual([11, 2]);
    expect(news().filter((what) => what === 'timeout' || what === 'loss')).toEqual(['timeout']);
    made.world.advance(RTT);
    ack(made, 3);
    const [third, fourth] = segments(made);
    expect([third, fourth]).toEqual([3, 4]);
    made.world.advance(RTT);
    // 4 has overtaken 3, or 3 was lost: the timer decides.
    ack(made, 3, [4, 5]);
    const rest = segments(made);
    expect(rest).not.toContain(3);
    made.world.advance(REO_WND);
    expect(segments(made)).toContain(3);
    expect(made.connection.info()).toMatchObject({ timeouts: 1, recovery: 'loss' });
    expect(news().filter((what) => what === 'timeout' || what === 'loss')).toEqual([]);
  });
});

describe('RFC 4821 §7.6.2: a probe of the path MTU that is lost alone', () => {
  /** A bulk transfer up to its first probe: `left` and `right` of what has come behind the probe. */
  function probing() {
    const made = connected({ mss: 1460, wnd: 65_535, tcp: { pathMtuDiscovery: 'probe', congestion: 'recorder' } });
    made.world.write(made.connection, 60_000);
    let sent = made.peer.take();
    for (let i = 0; i < 3 && !sent.some(({ length }) => length > 1024); i++) {
      made.world.advance(RTT);
      made.peer.send({ flags: 'A' });
      sent = made.peer.take();
    }
    const at = sent.findIndex(({ length }) => length > 1024);
    const probe = sent[at]!;
    const behind = sent.slice(at + 1);
    expect(behind.length).toBeGreaterThanOrEqual(3);
    const sack = (n: number): void => {
      const last = behind[n - 1]!;
      made.peer.send({ flags: 'A', ack: probe.seq, sack: [[probe.seq + probe.length, last.seq + last.length]] });
    };
    made.world.advance(RTT);
    told = [];
    return { ...made, probe, sack };
  }

  it('[S-054] is no loss to congestion control; the probe is sent again at once', () => {
    const { world, peer, probe, sack } = probing();
    sack(3);
    expect(told.map(({ sample }) => sample.lost).every((lost) => lost === 0)).toBe(true);
    expect(news()).not.toContain('loss');
    expect(peer.take().filter(({ seq }) => seq === probe.seq)).toHaveLength(1);
    world.advance(RTT);
    peer.send({ flags: 'A' });
    expect(news()).toEqual(['ack', 'delivery']);
    peer.take();
  });

  it('[S-054] nor when it is the reordering timer that finds it', () => {
    const { world, peer, probe, sack } = probing();
    sack(1);
    expect(peer.take().filter(({ seq }) => seq === probe.seq)).toHaveLength(0);
    news();
    world.advance(RTT);
    expect(peer.take().filter(({ seq }) => seq === probe.seq)).toHaveLength(1);
    expect(news()).toEqual([]);
  });
});

afterEach(() => {
  told = [];
});

import { describe, expect, it } from 'vitest';
import { AckAggregation } from '../../../../src/tcp/congestion/bbr/aggregation.ts';
import { Bbr } from '../../../../src/tcp/congestion/bbr/bbr.ts';
import { GAIN_CYCLE } from '../../../../src/tcp/congestion/bbr/parameters.ts';
import { MaxFilter } from '../../../../src/tcp/congestion/bbr/max-filter.ts';
import type { CongestionSample, CongestionStart } from '../../../../src/tcp/congestion/controller.ts';
import { makeCongestion } from '../../../../src/tcp/congestion/registry.ts';
import { seededRandom } from '../../../../src/time/seeded-random.ts';
import { congestionSample } from '../../../support/congestion.ts';

const MSS = 1000;
const RTT = 100_000;
/** Bytes a second; the bandwidth-delay product is 100 segments. */
const RATE = 1_000_000;
const BDP = 100_000;
/** What the ends hold: three bursts of two segments. */
const BUDGET = 3 * 2 * MSS;

/** Feeds a controller one ACK after the other, each a round trip of its own unless told otherwise. */
class Feeder {
  readonly bbr: Bbr;
  now: number = 0;
  total: number = 0;

  constructor(start: Partial<CongestionStart> = {}) {
    this.bbr = new Bbr({ mss: MSS, initialWindow: 10 * MSS, now: 0, srtt: RTT, ...start });
  }

  sample(values: Partial<CongestionSample> = {}): CongestionSample {
    const { delivered = MSS } = values;
    const priorDelivered = this.total;
    this.total += delivered;
    return congestionSample({
      now: this.now,
      acked: delivered,
      priorDelivered,
      totalDelivered: this.total,
      deliveryRate: RATE,
      rtt: RTT,
      srtt: RTT,
      pipe: BDP,
      ...values,
    });
  }

  ack(values: Partial<CongestionSample> = {}, after: number = RTT): void {
    this.now += after;
    this.bbr.onDelivery(this.sample(values));
  }

  /** To PROBE_BW, at the beginning of its cycle's third phase. */
  fill(): this {
    for (let i = 0; i < 4; i++) this.ack({ pipe: 3 * BDP });
    this.ack({ pipe: BDP });
    // Slow start to the target.
    this.ack({ delivered: 3 * BDP, rtt: RTT }, 1000);
    return this;
  }
}

describe('BBR at the beginning', () => {
  it('is known by its name', () => {
    expect(makeCongestion('bbr', { mss: MSS, initialWindow: 10 * MSS, now: 0 }).name).toBe('bbr');
  });

  it('paces the initial window over the handshake’s round trip, times 2/ln 2', () => {
    const { bbr } = new Feeder();
    expect(bbr.pacingRate).toBeCloseTo(2.885 * 0.99 * 100_000, 0);
    expect(bbr.cwnd).toBe(10 * MSS);
    expect(bbr.state).toBe('STARTUP');
  });

  it('takes a millisecond for the round trip until there is one', () => {
    const feeder = new Feeder({ srtt: 0 });
    expect(feeder.bbr.pacingRate).toBeCloseTo(2.885 * 0.99 * 10_000_000, 0);
    feeder.ack({ deliveryRate: 1000, rtt: -1, srtt: 0 });
    expect(feeder.bbr.pacingRate).toBeCloseTo(2.885 * 0.99 * 10_000_000, 0);
    feeder.ack({ deliveryRate: 1000 });
    expect(feeder.bbr.pacingRate).toBeCloseTo(2.885 * 0.99 * 100_000, 0);
  });

  it('paces at 2.885 times the bandwidth in STARTUP, and never slower than before', () => {
    const feeder = new Feeder();
    feeder.ack({ deliveryRate: RATE });
    expect(feeder.bbr.pacingRate).toBeCloseTo(2.885 * 0.99 * RATE, 0);
    for (let i = 0; i < 2; i++) feeder.ack({ deliveryRate: RATE / 10 });
    expect(feeder.bbr.state).toBe('STARTUP');
    expect(feeder.bbr.pacingRate).toBeCloseTo(2.885 * 0.99 * RATE, 0);
  });

  it('grows the window by what is delivered', () => {
    const feeder = new Feeder();
    feeder.ack({ delivered: 7 * MSS });
    expect(feeder.bbr.cwnd).toBe(17 * MSS);
  });

  it('leaves STARTUP when three rounds bring less than a quarter more', () => {
    const feeder = new Feeder();
    let rate = RATE / 8;
    for (let i = 0; i < 6; i++) {
      feeder.ack({ deliveryRate: rate, pipe: 3 * BDP });
      rate *= 1.25;
    }
    for (let i = 0; i < 2; i++) feeder.ack({ deliveryRate: rate * 0.9, pipe: 3 * BDP });
    expect(feeder.bbr.state).toBe('STARTUP');
    feeder.ack({ deliveryRate: rate * 0.9, pipe: 3 * BDP });
    expect(feeder.bbr.state).toBe('DRAIN');
    expect(feeder.bbr.pacingRate).toBeLessThan(feeder.bbr.bandwidth.max / 2.8);
  });

  it('does not take an application’s pause, or ACKs of one round, for a full pipe', () => {
    const feeder = new Feeder();
    feeder.ack();
    for (let i = 0; i < 5; i++) feeder.ack({ appLimited: true });
    for (let i = 0; i < 5; i++) feeder.ack({ priorDelivered: 0 });
    expect(feeder.bbr.state).toBe('STARTUP');
    expect(feeder.bbr.bandwidth.rounds).toBe(6);
  });

  it('drains until no more is in flight than the path holds', () => {
    const feeder = new Feeder();
    for (let i = 0; i < 4; i++) feeder.ack({ pipe: 3 * BDP });
    feeder.ack({ pipe: BDP + BUDGET + MSS });
    expect(feeder.bbr.state).toBe('DRAIN');
    feeder.ack({ pipe: BDP + BUDGET });
    expect(feeder.bbr.state).toBe('PROBE_BW');
  });
});

describe('BBR in PROBE_BW', () => {
  it('keeps twice the bandwidth-delay product in its window', () => {
    const { bbr } = new Feeder().fill();
    expect(bbr.cwnd).toBeGreaterThanOrEqual(2 * BDP);
    // What the flood of the preparation makes of ACK aggregation is bounded by 100 ms of the bandwidth.
    expect(bbr.cwnd).toBeLessThanOrEqual(3 * BDP + BUDGET + 2 * MSS);
  });

  it('goes through the gains, one round trip each', () => {
    const feeder = new Feeder().fill();
    const { bbr } = feeder;
    const gains: number[] = [];
    for (let i = 0; i < 24; i++) {
      gains.push(bbr.pacingGain);
      expect(bbr.pacingRate).toBeCloseTo(bbr.pacingGain * 0.99 * RATE, 0);
      feeder.ack({ pipe: 1.5 * BDP }, RTT + 1);
    }
    const start = GAIN_CYCLE.indexOf(1);
    expect(gains).toEqual(gains.map((_, i) => GAIN_CYCLE[(start + i) % GAIN_CYCLE.length]));
  });

  it('probes until a quarter more is in flight or something is lost; yields until the queue is gone', () => {
    const feeder = new Feeder().fill();
    const { bbr } = feeder;
    while (bbr.cycle !== 0) feeder.ack({}, RTT + 1);
    feeder.ack({ pipe: BDP }, RTT + 1);
    feeder.ack({ pipe: BDP }, RTT + 1);
    expect(bbr.pacingGain).toBe(1.25);
    feeder.ack({ pipe: BDP, lost: MSS }, RTT + 1);
    expect(bbr.pacingGain).toBe(0.75);
    feeder.ack({ pipe: 1.2 * BDP }, RTT / 10);
    expect(bbr.pacingGain).toBe(0.75);
    feeder.ack({ pipe: BDP }, RTT / 10);
    expect(bbr.pacingGain).toBe(1);
  });

  it('begins with any phase but the yielding one', () => {
    const random = seededRandom(3);
    const begun = new Set<number>();
    for (let i = 0; i < 100; i++) {
      const feeder = new Feeder({ random });
      for (let j = 0; j < 5; j++) feeder.ack();
      expect(feeder.bbr.state).toBe('PROBE_BW');
      begun.add(feeder.bbr.cycle);
    }
    expect([...begun].sort((a, b) => a - b)).toEqual([0, 2, 3, 4, 5, 6, 7]);
  });

  it('takes a rate limited by the application only when it is higher', () => {
    const feeder = new Feeder().fill();
    for (let i = 0; i < 30; i++) feeder.ack({ deliveryRate: RATE / 10, appLimited: true });
    expect(feeder.bbr.bandwidth.max).toBe(RATE);
    feeder.ack({ deliveryRate: 2 * RATE, appLimited: true });
    expect(feeder.bbr.bandwidth.max).toBe(2 * RATE);
  });

  it('forgets a bandwidth after ten rounds', () => {
    const feeder = new Feeder().fill();
    for (let i = 0; i < 9; i++) feeder.ack({ deliveryRate: RATE / 2 });
    expect(feeder.bbr.bandwidth.max).toBe(RATE);
    feeder.ack({ deliveryRate: RATE / 2 });
    expect(feeder.bbr.bandwidth.max).toBe(RATE / 2);
  });

  it('begins at the known rate after idleness', () => {
    const feeder = new Feeder().fill();
    const { bbr } = feeder;
    while (bbr.cycle !== 0) feeder.ack({}, RTT + 1);
    expect(bbr.pacingRate).toBeCloseTo(1.25 * 0.99 * RATE, 0);
    bbr.onSend(feeder.now, 5000, false);
    expect(bbr.pacingRate).toBeCloseTo(1.25 * 0.99 * RATE, 0);
    bbr.onSend(feeder.now, 0, true);
    expect(bbr.pacingRate).toBeCloseTo(0.99 * RATE, 0);
  });

  it('has room for four segments on the shortest path, of the new size when it changes', () => {
    const feeder = new Feeder();
    for (let i = 0; i < 8; i++) feeder.ack({ deliveryRate: 1000, rtt: 10, pipe: 0 });
    expect(feeder.bbr.state).toBe('PROBE_BW');
    expect(feeder.bbr.cwnd).toBeGreaterThanOrEqual(4 * MSS);
    feeder.bbr.onMssChange(9000);
    expect(feeder.bbr.cwnd).toBe(36_000);
  });
});

describe('BBR in PROBE_RTT', () => {
  /** Without a lower round-trip time for ten seconds. */
  function expired(): Feeder {
    const feeder = new Feeder().fill();
    while (feeder.bbr.state === 'PROBE_BW') feeder.ack({ rtt: RTT + 1 });
    return feeder;
  }

  it('is entered when the least round-trip time is ten seconds old', () => {
    const feeder = expired();
    expect(feeder.bbr.state).toBe('PROBE_RTT');
    expect(feeder.now).toBeGreaterThan(10_000_000);
    expect(feeder.now).toBeLessThan(11_000_000);
    expect(feeder.bbr.cwnd).toBe(4 * MSS);
    expect(feeder.bbr.minRtt).toBe(RTT + 1);
  });

  it('is not entered while lower times come, nor with the first ACK after idleness', () => {
    const feeder = new Feeder().fill();
    for (let i = 0; i < 200; i++) {
      feeder.ack({ rtt: RTT - i });
      expect(feeder.bbr.state).toBe('PROBE_BW');
    }
    feeder.now += 60_000_000;
    feeder.bbr.onSend(feeder.now, 0, true);
    feeder.ack({ rtt: RTT });
    expect(feeder.bbr.state).toBe('PROBE_BW');
    expect(feeder.bbr.minRtt).toBe(RTT);
  });

  it('lasts 200 ms and a round trip from when four segments are in flight; then the window is restored', () => {
    const feeder = expired();
    const { bbr } = feeder;
    feeder.ack({ pipe: 5 * MSS });
    feeder.ack({ pipe: 4 * MSS, priorDelivered: 0 });
    const { now, total } = feeder;
    feeder.ack({ pipe: 4 * MSS, priorDelivered: total - 1 });
    feeder.ack({ pipe: 4 * MSS, priorDelivered: total - 1 });
    feeder.ack({ pipe: 4 * MSS, priorDelivered: total - 1 });
    expect(feeder.now - now).toBeGreaterThan(200_000);
    expect(bbr.state).toBe('PROBE_RTT');
    expect(bbr.cwnd).toBe(4 * MSS);
    feeder.ack({ pipe: 4 * MSS });
    expect(bbr.state).toBe('PROBE_BW');
    expect(bbr.cwnd).toBeGreaterThanOrEqual(2 * BDP);
  });

  it('does not believe the rates of its small window', () => {
    const feeder = expired();
    const { bbr } = feeder;
    for (let i = 0; i < 15; i++) feeder.ack({ pipe: 5 * MSS, deliveryRate: RATE / 25 });
    expect(bbr.state).toBe('PROBE_RTT');
    expect(bbr.bandwidth.max).toBe(RATE);
  });
});

describe('BBR at a loss', () => {
  it('sends for a round trip as much as arrives, then grows, and restores the window at the end', () => {
    const feeder = new Feeder().fill();
    const { bbr } = feeder;
    const before = bbr.cwnd;
    const begin = feeder.sample({ pipe: 50 * MSS, lost: MSS, recovering: true });
    bbr.onCongestion('loss', begin);
    bbr.onDelivery(begin);
    expect(bbr.cwnd).toBe(51 * MSS);
    const { total } = feeder;
    feeder.ack({ pipe: 50 * MSS, priorDelivered: total - 1, recovering: true }, 1);
    expect(bbr.cwnd).toBe(51 * MSS);
    feeder.ack({ pipe: 48 * MSS, lost: 2 * MSS, priorDelivered: total - 1, recovering: true }, 1);
    expect(bbr.cwnd).toBe(49 * MSS);
    // More was found in the network than the window says: one for each that arrives, still.
    feeder.ack({ pipe: 60 * MSS, delivered: 3 * MSS, priorDelivered: total - 1, recovering: true }, 1);
    expect(bbr.cwnd).toBe(63 * MSS);
    // The round is over: two for one.
    feeder.ack({ pipe: 60 * MSS, recovering: true }, 1);
    expect(bbr.cwnd).toBe(64 * MSS);
    bbr.onRecovered();
    feeder.ack({ pipe: 48 * MSS }, 1);
    expect(bbr.cwnd).toBeGreaterThanOrEqual(before);
    expect(bbr.cwnd).toBeLessThanOrEqual(before + MSS);
  });

  it('keeps its rate', () => {
    const feeder = new Feeder().fill();
    const { pacingRate } = feeder.bbr;
    const begin = feeder.sample({ lost: MSS, recovering: true });
    feeder.bbr.onCongestion('loss', begin);
    feeder.bbr.onDelivery(begin);
    expect(feeder.bbr.pacingRate).toBe(pacingRate);
  });

  it('sends one segment after a timeout, and has its window back when that is repaired', () => {
    const feeder = new Feeder().fill();
    const { bbr } = feeder;
    const before = bbr.cwnd;
    bbr.onCongestion('timeout', feeder.sample({ delivered: 0, pipe: 0, lost: BDP, recovering: true }));
    expect(bbr.cwnd).toBe(MSS);
    feeder.ack({ pipe: 0, recovering: true });
    expect(bbr.cwnd).toBe(4 * MSS);
    feeder.ack({ pipe: 0, delivered: 4 * MSS, recovering: true });
    expect(bbr.cwnd).toBe(8 * MSS);
    feeder.ack({ pipe: 0 });
    expect(bbr.cwnd).toBe(before);
  });

  it('has its window back when the timeout proves spurious', () => {
    const feeder = new Feeder().fill();
    const { bbr } = feeder;
    const before = bbr.cwnd;
    bbr.onCongestion('timeout', feeder.sample({ delivered: 0, pipe: 0, lost: BDP, recovering: true }));
    bbr.onSpurious();
    feeder.ack();
    expect(bbr.cwnd).toBe(before);
  });

  it('does not react to an ECN mark', () => {
    const feeder = new Feeder().fill();
    const { cwnd, pacingRate } = feeder.bbr;
    feeder.bbr.onCongestion('ecn', feeder.sample());
    expect(feeder.bbr.cwnd).toBe(cwnd);
    expect(feeder.bbr.pacingRate).toBe(pacingRate);
  });
});

describe('MaxFilter', () => {
  it('gives the largest value of the last rounds', () => {
    const random = seededRandom(9);
    const filter = new MaxFilter(10);
    const given: [number, number][] = [];
    let round = 0;
    for (let i = 0; i < 2000; i++) {
      round += random.uint32() % 4 === 0 ? random.uint32() % 5 : 0;
      const value = random.uint32() % 1000;
      given.push([round, value]);
      filter.update(round, value);
      expect(filter.max).toBe(Math.max(...given.filter(([at]) => at > round - 10).map(([, v]) => v)));
    }
  });
});

describe('AckAggregation', () => {
  it('is what comes beyond the bandwidth, for five to ten rounds', () => {
    const aggregation = new AckAggregation(0);
    // 20 segments at once every 20 ms: 1 MB/s.
    for (let i = 1; i <= 5; i++) aggregation.update(i * 20_000, 20 * MSS, RATE, BDP, false);
    expect(aggregation.max).toBe(20 * MSS);
    let now = 200_000;
    const smooth = (): void => aggregation.update((now += 1000), MSS, RATE, BDP, true);
    for (let i = 0; i < 9; i++) smooth();
    expect(aggregation.max).toBe(20 * MSS);
    smooth();
    expect(aggregation.max).toBe(MSS);
  });

  it('is never more than the window', () => {
    const aggregation = new AckAggregation(0);
    aggregation.update(1, BDP, RATE, 10 * MSS, false);
    expect(aggregation.max).toBe(10 * MSS);
  });
});

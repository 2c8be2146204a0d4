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

  it('takes the handshake’s round trip for the least one, and learns the rate from it once', () => {
    const feeder = new Feeder();
    expect(feeder.bbr.minRtt).toBe(RTT);
    const { pacingRate } = feeder.bbr;
    feeder.ack({ deliveryRate: 1000, srtt: 2 * RTT });
    expect(feeder.bbr.pacingRate).toBe(pacingRate);
    // What gives no round-trip time says nothing of it.
    feeder.ack({ deliveryRate: 1000, rtt: -1 });
    expect(feeder.bbr.minRtt).toBe(RTT);
  });

  it('draft §4.2.3.6: does not cut the window for a low first estimate, and grows until the initial window has arrived', () => {
    const feeder = new Feeder();
    feeder.ack({ deliveryRate: 1000 });
    expect(feeder.bbr.cwnd).toBe(11 * MSS);
    feeder.ack({ deliveryRate: 1000, delivered: 9 * MSS });
    expect(feeder.bbr.cwnd).toBe(11 * MSS);
  });

  it('keeps 2.885 bandwidth-delay products in its window, and no more for what comes at once', () => {
    const feeder = new Feeder();
    feeder.ack();
    // ACKs of one round, all together.
    for (let i = 0; i < 500; i++) feeder.ack({ priorDelivered: 0 }, 1);
    expect(feeder.bbr.state).toBe('STARTUP');
    expect(feeder.bbr.cwnd).toBeGreaterThanOrEqual(2.885 * BDP);
    expect(feeder.bbr.cwnd).toBeLessThanOrEqual(2.885 * BDP + 3 * 3 * MSS + 3 * MSS);
  });

  it('does not grow without end where no round-trip time is known', () => {
    const feeder = new Feeder({ srtt: 0 });
    for (let i = 0; i < 100; i++) {
      feeder.ack({ deliveryRate: 1000, delivered: 10 * MSS, priorDelivered: 0, rtt: -1, srtt: 0 });
    }
    expect(feeder.bbr.cwnd).toBeLessThan(500 * MSS);
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

describe('BBR in DRAIN', () => {
  it('goes on draining when the application pauses', () => {
    const feeder = new Feeder();
    for (let i = 0; i < 4; i++) feeder.ack({ pipe: 3 * BDP });
    const { bbr } = feeder;
    expect(bbr.state).toBe('DRAIN');
    const { pacingRate } = bbr;
    bbr.onSend(feeder.now, 0, true);
    expect(bbr.state).toBe('DRAIN');
    expect(bbr.pacingRate).toBe(pacingRate);
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

  it('has room for two segments more while it probes: bbr_quantization_budget', () => {
    const feeder = new Feeder().fill();
    const { bbr } = feeder;
    // Long enough for what the preparation has made of ACK aggregation to be forgotten.
    for (let i = 0; i < 30 || bbr.cycle !== 7; i++) feeder.ack({ pipe: 1.5 * BDP }, RTT + 1);
    const { cwnd } = bbr;
    for (let i = 0; i < 5; i++) feeder.ack({}, RTT + 1);
    expect(bbr.cycle).toBe(0);
    expect(bbr.cwnd).toBe(cwnd + 2 * MSS);
    feeder.ack({ lost: MSS }, RTT + 1);
    expect(bbr.cycle).toBe(1);
    expect(bbr.cwnd).toBe(cwnd);
  });

  it('forgets nothing for ACKs that give no rate, and takes none of them for aggregation', () => {
    const feeder = new Feeder().fill();
    const { bbr } = feeder;
    const { max } = bbr.aggregation;
    for (let i = 0; i < 20; i++) feeder.ack({ deliveryRate: -1, priorDelivered: 0, delivered: 90 * MSS }, 1);
    expect(bbr.aggregation.max).toBe(max);
    for (let i = 0; i < 20; i++) feeder.ack({ deliveryRate: -1 });
    expect(bbr.bandwidth.max).toBe(RATE);
  });

  it('knows the pipe for full whatever was found to be spurious', () => {
    const feeder = new Feeder().fill();
    feeder.bbr.onSpurious();
    for (let i = 0; i < 5; i++) {
      feeder.ack();
      expect(feeder.bbr.bandwidth.full).toBe(true);
    }
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

  it('sends as fast as the path delivers', () => {
    const { bbr } = expired();
    expect(bbr.pacingGain).toBe(1);
    expect(bbr.pacingRate).toBeCloseTo(0.99 * RATE, 0);
  });

  it('is over, its time being up, when sending begins anew after idleness', () => {
    const feeder = expired();
    const { bbr } = feeder;
    feeder.ack({ pipe: 4 * MSS });
    bbr.onSend(feeder.now, 0, true);
    expect(bbr.state).toBe('PROBE_RTT');
    feeder.now += 1_000_000;
    bbr.onSend(feeder.now, 0, true);
    expect(bbr.state).toBe('PROBE_BW');
    expect(bbr.cwnd).toBeGreaterThanOrEqual(2 * BDP);
  });

  it('gives the window back though the flight took more than ten seconds to come down', () => {
    const feeder = expired();
    const { bbr } = feeder;
    for (let i = 0; i < 120; i++) feeder.ack({ pipe: 50 * MSS, rtt: RTT + 2 });
    expect(bbr.state).toBe('PROBE_RTT');
    for (let i = 0; i < 6; i++) feeder.ack({ pipe: 4 * MSS });
    expect(bbr.state).toBe('PROBE_BW');
    expect(bbr.cwnd).toBeGreaterThanOrEqual(2 * BDP);
  });

  it('gives the window back that was before it, also when something is lost meanwhile', () => {
    const feeder = expired();
    const { bbr } = feeder;
    const begin = feeder.sample({ pipe: 4 * MSS, lost: MSS, recovering: true });
    bbr.onCongestion('loss', begin);
    bbr.onDelivery(begin);
    for (let i = 0; i < 6; i++) feeder.ack({ pipe: 4 * MSS });
    expect(bbr.state).toBe('PROBE_BW');
    expect(bbr.cwnd).toBeGreaterThanOrEqual(2 * BDP);
  });

  it('leads back to STARTUP when the pipe was never full, and DRAIN does not end with the next pause', () => {
    const feeder = new Feeder();
    const { bbr } = feeder;
    for (let i = 0; i < 110 && bbr.state === 'STARTUP'; i++) feeder.ack({ rtt: RTT + 1, appLimited: true });
    expect(bbr.state).toBe('PROBE_RTT');
    for (let i = 0; i < 6; i++) feeder.ack({ pipe: 4 * MSS, appLimited: true });
    expect(bbr.state).toBe('STARTUP');
    for (let i = 0; i < 10 && bbr.state === 'STARTUP'; i++) feeder.ack({ pipe: 3 * BDP });
    expect(bbr.state).toBe('DRAIN');
    bbr.onSend(feeder.now, 0, true);
    expect(bbr.state).toBe('DRAIN');
  });

  it('is entered again once sending has gone on after idleness, and not by a loss that a timer finds', () => {
    const feeder = new Feeder().fill();
    const { bbr } = feeder;
    feeder.now += 60_000_000;
    bbr.onSend(feeder.now, 0, true);
    feeder.ack({ delivered: 0, lost: MSS, deliveryRate: -1, rtt: -1 }, 1);
    feeder.ack({ rtt: RTT });
    expect(bbr.state).toBe('PROBE_BW');
    for (let i = 0; i < 105; i++) feeder.ack({ rtt: RTT + 1 });
    expect(bbr.state).toBe('PROBE_RTT');
  });

  it('is forgotten when it is over: rates are believed again', () => {
    const feeder = expired();
    for (let i = 0; i < 6; i++) feeder.ack({ pipe: 4 * MSS, deliveryRate: RATE / 25 });
    expect(feeder.bbr.state).toBe('PROBE_BW');
    for (let i = 0; i < 15; i++) feeder.ack({ deliveryRate: RATE / 2 });
    expect(feeder.bbr.bandwidth.max).toBe(RATE / 2);
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

  it('restores the window of this loss, not a larger one of an earlier', () => {
    const feeder = new Feeder().fill();
    const { bbr } = feeder;
    const lose = (): void => {
      const begin = feeder.sample({ pipe: 10 * MSS, lost: MSS, recovering: true, deliveryRate: bbr.bandwidth.max });
      bbr.onCongestion('loss', begin);
      bbr.onDelivery(begin);
      feeder.ack({ pipe: 10 * MSS, deliveryRate: bbr.bandwidth.max }, 1);
    };
    const large = bbr.cwnd;
    lose();
    expect(bbr.cwnd).toBeGreaterThanOrEqual(large - MSS);
    for (let i = 0; i < 30; i++) feeder.ack({ deliveryRate: RATE / 10, pipe: BDP / 10 });
    const small = bbr.cwnd;
    expect(small).toBeLessThan(large / 2);
    // The path has become ten times as fast again: nothing but the window that is restored holds it back.
    const begin = feeder.sample({ pipe: 10 * MSS, lost: MSS, recovering: true, deliveryRate: RATE });
    bbr.onCongestion('loss', begin);
    bbr.onDelivery(begin);
    feeder.ack({ pipe: 10 * MSS, deliveryRate: RATE }, 1);
    expect(bbr.cwnd).toBeLessThanOrEqual(small + 2 * MSS);
  });

  it('restores the window of before the loss when a timeout follows', () => {
    const feeder = new Feeder().fill();
    const { bbr } = feeder;
    const { cwnd } = bbr;
    const begin = feeder.sample({ pipe: 10 * MSS, lost: MSS, recovering: true });
    bbr.onCongestion('loss', begin);
    bbr.onDelivery(begin);
    expect(bbr.cwnd).toBe(11 * MSS);
    bbr.onCongestion('timeout', feeder.sample({ delivered: 0, pipe: 0, lost: 10 * MSS, recovering: true }));
    feeder.ack({ pipe: 0 });
    expect(bbr.cwnd).toBeGreaterThanOrEqual(cwnd);
  });

  it('what a timer finds does not change the window before something is delivered', () => {
    const feeder = new Feeder().fill();
    const { bbr } = feeder;
    const { cwnd } = bbr;
    const begin = feeder.sample({ delivered: 0, pipe: 50 * MSS, lost: 2 * MSS, deliveryRate: -1, recovering: true });
    bbr.onCongestion('loss', begin);
    bbr.onDelivery(begin);
    expect(bbr.cwnd).toBe(cwnd);
    feeder.ack({ pipe: 50 * MSS, recovering: true }, 1);
    expect(bbr.cwnd).toBe(51 * MSS);
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

  it('adds up what comes in several ACKs, and is not forgotten within a round', () => {
    const aggregation = new AckAggregation(0);
    aggregation.update(20_000, 10 * MSS, RATE, BDP, false);
    aggregation.update(20_001, 10 * MSS, RATE, BDP, false);
    expect(aggregation.max).toBe(20 * MSS - 1);
    for (let i = 1; i <= 30; i++) aggregation.update(100_000 + i * 1000, MSS, RATE, BDP, false);
    expect(aggregation.max).toBe(20 * MSS - 1);
  });

  it('adds up no more than a gigabyte', () => {
    const aggregation = new AckAggregation(0);
    const much = 0.6 * 2 ** 30;
    aggregation.update(1, much, 1, 2 ** 31, false);
    aggregation.update(2, much, 1, 2 ** 31, false);
    expect(aggregation.max).toBeLessThanOrEqual(much);
  });

  it('is never more than the window', () => {
    const aggregation = new AckAggregation(0);
    aggregation.update(1, BDP, RATE, 10 * MSS, false);
    expect(aggregation.max).toBe(10 * MSS);
  });
});

import { describe, expect, it } from 'vitest';
import { Cubic } from '../../src/tcp/congestion/cubic.ts';
import { HYSTART_LIMIT, HyStart } from '../../src/tcp/congestion/hystart.ts';
import { SlowStart } from '../../src/tcp/congestion/slow-start.ts';
import { congestionSample } from '../support/congestion.ts';

const SMSS = 1000;
const MS = 1000;

/** HyStart++ with a sender whose flight is always ten segments. */
class Flow {
  readonly hystart: HyStart = new HyStart();
  #delivered: number = 0;
  #prior: number = 0;

  /** One round of `acks` ACKs with these round-trip times; true when slow start ended in it. */
  round(rtt: number | number[], acks: number = 10): boolean {
    let over = false;
    const prior = this.#prior;
    this.#prior = this.#delivered + SMSS;
    for (let i = 0; i < acks; i++) {
      this.#delivered += SMSS;
      const sample = congestionSample({
        rtt: typeof rtt === 'number' ? rtt : (rtt[i] ?? -1),
        totalDelivered: this.#delivered,
        priorDelivered: prior,
      });
      if (this.hystart.onAck(sample)) over = true;
    }
    return over;
  }

  get conservative(): boolean {
    return this.hystart.growthDivisor !== 1;
  }
}

/** In CSS since the first round with `high`. */
function inConservative(low: number = 100 * MS, high: number = 120 * MS): Flow {
  const flow = new Flow();
  flow.round(low);
  flow.round(high);
  expect(flow.conservative).toBe(true);
  return flow;
}

describe('RFC 9406 §4.2: the algorithm', () => {
  it('[S-085] the first round has none to be compared with', () => {
    const flow = new Flow();
    flow.round([1, 1, 1, 1, 1, 1, 1, 1, 900 * MS, 900 * MS]);
    expect(flow.conservative).toBe(false);
  });

  it('[S-085] currentRoundMinRTT >= lastRoundMinRTT + RttThresh enters conservative slow start', () => {
    // RttThresh = max(MIN_RTT_THRESH, min(lastRoundMinRTT / MIN_RTT_DIVISOR, MAX_RTT_THRESH))
    for (const [last, threshold] of [
      [1 * MS, 4 * MS],
      [32 * MS, 4 * MS],
      [80 * MS, 10 * MS],
      [128 * MS, 16 * MS],
      [900 * MS, 16 * MS],
    ] as const) {
      const below = new Flow();
      below.round(last);
      below.round(last + threshold - 1);
      expect(below.conservative).toBe(false);
      const at = new Flow();
      at.round(last);
      at.round(last + threshold);
      expect(at.conservative).toBe(true);
    }
  });

  it('[S-085] as long as the delay does not rise slow start goes on', () => {
    const flow = new Flow();
    for (let i = 0; i < 20; i++) expect(flow.round(100 * MS)).toBe(false);
    expect(flow.conservative).toBe(false);
  });

  it('[S-085] an ACK without a round-trip time hides no rise', () => {
    const flow = new Flow();
    flow.round(100 * MS);
    flow.round([-1, ...Array.from({ length: 9 }, () => 120 * MS)]);
    expect(flow.conservative).toBe(true);
  });

  it('[S-085] the minimum of a round counts, not single samples', () => {
    const flow = new Flow();
    flow.round(100 * MS);
    flow.round([101 * MS, 200 * MS, 200 * MS, 200 * MS, 200 * MS, 200 * MS, 200 * MS, 200 * MS, 200 * MS]);
    expect(flow.conservative).toBe(false);
  });

  it('[S-085] fewer than N_RTT_SAMPLE samples in a round decide nothing; ACKs without one are none', () => {
    const flow = new Flow();
    flow.round(100 * MS);
    flow.round(200 * MS, 7);
    expect(flow.conservative).toBe(false);
    const without = new Flow();
    without.round(100 * MS);
    without.round([200, 200, 200, 200, 200, 200, 200, -1, -1, -1].map((ms) => ms * MS));
    expect(without.conservative).toBe(false);
  });

  it('[S-085] rounds are compared with the round before, not with the smallest', () => {
    const flow = new Flow();
    for (let rtt = 100; rtt < 200; rtt += 10) flow.round(rtt * MS);
    expect(flow.conservative).toBe(false);
  });

  it('[S-085] in CSS the window grows by a quarter: CSS_GROWTH_DIVISOR', () => {
    expect(inConservative().hystart.growthDivisor).toBe(4);
    expect(new HyStart().growthDivisor).toBe(1);
  });

  it('[S-085] in CSS a round-trip time below the baseline resumes slow start', () => {
    const flow = inConservative(100 * MS, 120 * MS);
    flow.round(120 * MS);
    expect(flow.conservative).toBe(true);
    flow.round(120 * MS - 1, 7);
    expect(flow.conservative).toBe(true);
    flow.round(120 * MS - 1, 8);
    expect(flow.conservative).toBe(false);
    // "resume slow start including HyStart++"
    flow.round(140 * MS);
    expect(flow.conservative).toBe(true);
  });

  it('[S-085] CSS lasts CSS_ROUNDS, the partial one in which it began included', () => {
    const flow = inConservative();
    expect([1, 2, 3, 4].map(() => flow.round(120 * MS))).toEqual([false, false, false, false]);
    expect(flow.round(120 * MS)).toBe(true);
  });

  it('[S-085] a CSS that was resumed counts its rounds anew', () => {
    const flow = inConservative(100 * MS, 120 * MS);
    flow.round(120 * MS);
    flow.round(120 * MS);
    flow.round(110 * MS);
    flow.round(130 * MS);
    expect(flow.conservative).toBe(true);
    expect([1, 2, 3, 4].map(() => flow.round(130 * MS))).toEqual([false, false, false, false]);
    expect(flow.round(130 * MS)).toBe(true);
  });

  it('[S-085] without ACKs that end a round there is no end to slow start', () => {
    const hystart = new HyStart();
    for (let i = 0; i < 1000; i++) {
      expect(hystart.onAck(congestionSample({ rtt: i * MS, totalDelivered: i, priorDelivered: -1 }))).toBe(false);
    }
    expect(hystart.growthDivisor).toBe(1);
  });

  it('[S-085] idleness makes the rounds before it incomparable', () => {
    const flow = inConservative();
    flow.hystart.restart();
    expect(flow.conservative).toBe(false);
    flow.round(500 * MS);
    expect(flow.conservative).toBe(false);
  });
});

describe('RFC 9406 §4.3: tuning', () => {
  it('[S-085] L = 8 for a sender that does not pace, infinity for one that does', () => {
    const ack = congestionSample({ acked: 40 * SMSS });
    expect(new SlowStart(HYSTART_LIMIT).onAck(ack, 100 * SMSS, false)).toBe(8 * SMSS);
    expect(new SlowStart(Infinity).onAck(ack, 100 * SMSS, false)).toBe(40 * SMSS);
  });
});

describe('RFC 9406: HyStart++ in CUBIC', () => {
  /** Sends rounds of `rtt` to a controller, each of a full window. */
  class Sender {
    readonly cubic: Cubic = new Cubic({ mss: SMSS, initialWindow: 10 * SMSS, now: 0 });
    #delivered: number = 0;
    #prior: number = 0;
    #now: number = 0;

    /** `held`: so many segments are reported by SACK, with that round-trip time, before the late one fills the hole. */
    round(rtt: number, held?: { segments: number; rtt: number }): void {
      const prior = this.#prior;
      this.#prior = this.#delivered + SMSS;
      this.#now += rtt;
      for (let i = 0; i < (held?.segments ?? 0); i++) {
        this.#delivered += SMSS;
        this.cubic.onSelectiveAck(
          congestionSample({
            now: this.#now,
            acked: 0,
            delivered: SMSS,
            flight: this.cubic.cwnd,
            rtt: held!.rtt,
            totalDelivered: this.#delivered,
            priorDelivered: prior,
          }),
        );
      }
      for (let left = this.cubic.cwnd; left >= SMSS; left -= SMSS) {
        this.#delivered += SMSS;
        const { cwnd } = this.cubic;
        this.cubic.onAck(
          congestionSample({
            now: this.#now,
            flight: cwnd,
            rtt,
            srtt: rtt,
            totalDelivered: this.#delivered,
            priorDelivered: prior,
          }),
        );
      }
    }
  }

  it('[S-085] [S-084] doubles, then grows by a quarter, then enters congestion avoidance with ssthresh = cwnd', () => {
    const sender = new Sender();
    sender.round(50 * MS);
    expect(sender.cubic.cwnd).toBe(20 * SMSS);
    sender.round(70 * MS);
    // Eight segments, then a quarter of twelve.
    expect(sender.cubic.cwnd).toBe(31 * SMSS);
    for (let i = 0; i < 4; i++) {
      const { cwnd } = sender.cubic;
      sender.round(70 * MS);
      expect(sender.cubic.cwnd).toBe(cwnd + Math.floor(cwnd / SMSS) * (SMSS / 4));
    }
    expect(sender.cubic.ssthresh).toBe(2 ** 30);
    const { cwnd } = sender.cubic;
    sender.round(70 * MS);
    expect(sender.cubic.ssthresh).toBe(cwnd + SMSS / 4);
    expect(sender.cubic.cwnd).toBeLessThan(cwnd + 2 * SMSS);
  });

  it('[S-085] §4.2: "for each arriving ACK in slow start": what SACK reports has a round-trip time, too', () => {
    // A path that reorders: SND.UNA moves when something late fills a hole, so onAck hears of late segments only.
    const reordering = new Sender();
    reordering.round(100 * MS);
    for (let i = 0; i < 8; i++) {
      const { cwnd } = reordering.cubic;
      reordering.round(125 * MS, { segments: 8, rtt: 100 * MS });
      expect(reordering.cubic.cwnd).toBe(2 * cwnd);
    }
    expect(reordering.cubic.ssthresh).toBe(2 ** 30);
  });

  it('[S-085] §4.2: a rise that only ACKs with SACK blocks show ends slow start, too', () => {
    const sender = new Sender();
    sender.round(100 * MS);
    for (let i = 0; i < 6; i++) sender.round(100 * MS + 25 * MS, { segments: 8, rtt: 125 * MS });
    expect(sender.cubic.ssthresh).toBeLessThan(2 ** 30);
  });

  it('[S-085] [S-067] RFC 5681 §3.1: the window itself waits for SND.UNA', () => {
    const { cubic } = new Sender();
    const { cwnd } = cubic;
    cubic.onSelectiveAck(congestionSample({ acked: 0, delivered: SMSS, rtt: 100 * MS }));
    expect(cubic.cwnd).toBe(cwnd);
  });

  it('[S-085] §4.3: only in the first slow start', () => {
    const sender = new Sender();
    sender.cubic.onCongestion('timeout', congestionSample({ flight: 2000 * SMSS }));
    sender.cubic.onRecovered(congestionSample({ flight: 10 * SMSS }));
    sender.round(50 * MS);
    for (let i = 0; i < 8; i++) {
      const { cwnd } = sender.cubic;
      sender.round((100 + 50 * i) * MS);
      expect(sender.cubic.cwnd).toBe(2 * cwnd);
    }
  });

  it('[S-085] §4.3: a conservative slow start that a timeout has ended does not slow down the next', () => {
    const sender = new Sender();
    sender.round(50 * MS);
    sender.round(70 * MS);
    sender.round(70 * MS);
    expect(sender.cubic.cwnd).toBeLessThan(2 * 31 * SMSS);
    sender.cubic.onCongestion('timeout', congestionSample({ flight: 1000 * SMSS }));
    sender.cubic.onRecovered(congestionSample({ flight: 10 * SMSS }));
    for (let i = 0; i < 3; i++) {
      const { cwnd } = sender.cubic;
      sender.round(70 * MS);
      expect(sender.cubic.cwnd).toBe(2 * cwnd);
    }
  });
});

import { describe, expect, it } from 'vitest';
import type { CongestionSample } from '../../src/tcp/congestion/controller.ts';
import { Cubic } from '../../src/tcp/congestion/cubic.ts';
import type { Reno } from '../../src/tcp/congestion/reno.ts';
import { congestionSample } from '../support/congestion.ts';

const MSS = 1000;
const SECOND = 1_000_000;
const BETA = 0.7;
const C = 0.4;

function controller(window: number = 100): Cubic {
  return new Cubic({ mss: MSS, initialWindow: window * MSS, now: 0 });
}

function sample(values: Partial<CongestionSample> = {}): CongestionSample {
  return congestionSample(values);
}

/** RFC 9438 §4.2 in segments and seconds, with the engine's own functions. */
function wCubic(t: number, wMax: number, cwndEpoch: number): number {
  return C * Math.pow(t - Math.cbrt((wMax - cwndEpoch) / C), 3) + wMax;
}

/** Loses one packet of a full window; the flight after recovery is ssthresh. */
function lose(cubic: Cubic, kind: 'loss' | 'ecn' = 'loss'): void {
  cubic.onCongestion(kind, sample({ flight: cubic.cwnd }));
  cubic.onRecovered(sample({ flight: 2 * cubic.cwnd, pipe: cubic.cwnd }));
}

interface Run {
  /** Times in microseconds. */
  from: number;
  to: number;
  rtt: number;
  /** Bytes that each ACK acknowledges; one segment unless told. */
  stretch?: number;
}

/** The window acknowledged round after round by ACKs at even distances. */
function run(cubic: Cubic | Reno, { from, to, rtt, stretch = MSS }: Run, see?: (now: number) => void): void {
  let now = from;
  while (now < to) {
    cubic.onAck(sample({ now, acked: stretch, flight: cubic.cwnd, srtt: rtt }));
    see?.(now);
    now += (rtt * stretch) / cubic.cwnd;
  }
}

describe('RFC 9438 §4.2: the window increase function', () => {
  it('[S-084] [MAY-18] cwnd follows W_cubic(t) = C (t − K)³ + W_max, concave to W_max and convex beyond', () => {
    const rtt = 0.1 * SECOND;
    const cubic = controller(1000);
    lose(cubic);
    expect(cubic.cwnd).toBe(700 * MSS);
    let compared = 0;
    let next = 1;
    // K = ∛(300 / 0.4) ≈ 9.1 s.
    run(cubic, { from: 0, to: 14 * SECOND, rtt }, (now) => {
      if (now < next * SECOND) return;
      next++;
      compared++;
      const t = now / SECOND;
      const [low, high] = [wCubic(t, 1000, 700), wCubic(t + 0.1, 1000, 700)];
      expect(cubic.cwnd / MSS).toBeGreaterThan(low * 0.99);
      expect(cubic.cwnd / MSS).toBeLessThan(high * 1.01);
    });
    expect(compared).toBeGreaterThan(12);
  });

  it('[S-084] each ACK of a segment adds (target − cwnd) / cwnd, target = W_cubic(t + RTT)', () => {
    const cubic = controller(1000);
    lose(cubic);
    const rtt = 0.1;
    cubic.onAck(sample({ now: 0, flight: 700 * MSS, srtt: rtt * SECOND }));
    // W_cubic(0) is cwnd_epoch, which W_est exceeds with the first ACK.
    expect(cubic.cwnd).toBe(700 * MSS);
    const { cwnd } = cubic;
    cubic.onAck(sample({ now: 3 * SECOND, flight: 700 * MSS, srtt: rtt * SECOND }));
    const grown = ((wCubic(3 + rtt, 1000, 700) - cwnd / MSS) / (cwnd / MSS)) * MSS;
    expect(Math.abs(cubic.cwnd - cwnd - grown)).toBeLessThanOrEqual(1);
  });

  it('[S-084] the target is 1.5 cwnd at most', () => {
    const cubic = controller(1000);
    lose(cubic);
    cubic.onAck(sample({ now: 0, flight: 700 * MSS, srtt: 0.1 * SECOND }));
    const { cwnd } = cubic;
    cubic.onAck(sample({ now: 100 * SECOND, flight: 700 * MSS, srtt: 0.1 * SECOND }));
    expect(Math.abs(cubic.cwnd - cwnd - MSS / 2)).toBeLessThanOrEqual(1);
  });

  it('[S-084] the window never shrinks by an ACK', () => {
    const cubic = controller(50);
    lose(cubic);
    let last = cubic.cwnd;
    let shrunk = 0;
    run(cubic, { from: 0, to: 6 * SECOND, rtt: 0.03 * SECOND }, () => {
      if (cubic.cwnd < last) shrunk++;
      last = cubic.cwnd;
    });
    expect(shrunk).toBe(0);
    expect(last).toBeGreaterThan(50 * MSS);
  });

  it('[S-084] ACKs of many segments lead to the same window', () => {
    const windows = [1, 44].map((stretch) => {
      const cubic = controller(1000);
      lose(cubic);
      run(cubic, { from: 0, to: 12 * SECOND, rtt: 0.1 * SECOND, stretch: stretch * MSS });
      return cubic.cwnd;
    });
    expect((windows[1] ?? 0) / (windows[0] ?? 0)).toBeCloseTo(1, 1);
  });

  it('[S-084] the elapsed time does not include periods in which cwnd was not updated, being application-limited', () => {
    const idle = controller(1000);
    const busy = controller(1000);
    const rtt = 0.1 * SECOND;
    for (const cubic of [idle, busy]) {
      lose(cubic);
      run(cubic, { from: 0, to: 2 * SECOND, rtt });
    }
    const { cwnd } = idle;
    for (let now = 2.2 * SECOND; now < 12 * SECOND; now += rtt) {
      idle.onAck(sample({ now, flight: MSS * 10, srtt: rtt, limited: false }));
    }
    expect(idle.cwnd).toBe(cwnd);
    run(idle, { from: 12.1 * SECOND, to: 14.1 * SECOND, rtt });
    run(busy, { from: 2 * SECOND, to: 4 * SECOND, rtt });
    expect(idle.cwnd / busy.cwnd).toBeCloseTo(1, 1);
  });

  it('[S-084] nor silence after everything was acknowledged', () => {
    const cubic = controller(1000);
    const rtt = 0.1 * SECOND;
    lose(cubic);
    run(cubic, { from: 0, to: 2 * SECOND, rtt });
    cubic.onAck(sample({ now: 2 * SECOND, acked: 2 * MSS, flight: 2 * MSS, srtt: rtt }));
    const { cwnd } = cubic;
    cubic.onAck(sample({ now: 12 * SECOND, flight: cwnd, srtt: rtt }));
    // Ten seconds later on the curve it would be MSS / 5; a round trip later it is a hundredth of a segment.
    expect(cubic.cwnd - cwnd).toBeLessThan(MSS / 50);
  });
});

describe('RFC 9438 §4.3: the Reno-friendly region', () => {
  const ALPHA = (3 * (1 - BETA)) / (1 + BETA);

  it('[S-084] on a short path W_est grows by α_cubic = 3 (1 − β) / (1 + β) a round trip', () => {
    const cubic = controller(100);
    lose(cubic);
    const rtt = 1000;
    run(cubic, { from: 0, to: 20 * rtt, rtt });
    expect(cubic.cwnd / MSS - 70).toBeGreaterThan(20 * ALPHA * 0.97);
    expect(cubic.cwnd / MSS - 70).toBeLessThan(20 * ALPHA * 1.05);
  });

  it('[S-084] and by 1 once it has reached cwnd_prior, as Reno does', () => {
    const cubic = controller(100);
    lose(cubic);
    const rtt = 1000;
    run(cubic, { from: 0, to: 70 * rtt, rtt });
    const { cwnd } = cubic;
    expect(cwnd).toBeGreaterThan(100 * MSS);
    run(cubic, { from: 70 * rtt, to: 90 * rtt, rtt });
    expect((cubic.cwnd - cwnd) / MSS).toBeGreaterThan(19);
    expect((cubic.cwnd - cwnd) / MSS).toBeLessThan(21);
  });

  it('[S-084] its window is at least that of an AIMD(α, β), on any path', () => {
    for (const rtt of [0.001, 0.01, 0.05, 0.2]) {
      const cubic = controller(40);
      lose(cubic);
      let est = 28;
      let last = cubic.cwnd;
      let short = 0;
      run(cubic, { from: 0, to: 60 * rtt * SECOND, rtt: rtt * SECOND }, () => {
        est += (est < 40 ? ALPHA : 1) / (last / MSS);
        last = cubic.cwnd;
        short = Math.max(short, est - cubic.cwnd / MSS);
      });
      expect(short).toBeLessThan(0.01);
    }
  });
});

describe('RFC 9438 §4.6: multiplicative decrease', () => {
  it('[S-084] ssthresh = flight_size · β, cwnd = ssthresh, for losses and for marks', () => {
    for (const kind of ['loss', 'ecn'] as const) {
      const cubic = controller(100);
      cubic.onCongestion(kind, sample({ flight: 90 * MSS }));
      expect([cubic.cwnd, cubic.ssthresh]).toEqual([63 * MSS, 63 * MSS]);
    }
  });

  it('[S-084] cwnd is at least 2 MSS after a loss, 1 MSS after a mark; ssthresh at least 2 MSS', () => {
    const cubic = controller(4);
    cubic.onCongestion('loss', sample({ flight: MSS }));
    expect([cubic.cwnd, cubic.ssthresh]).toEqual([2 * MSS, 2 * MSS]);
    cubic.onCongestion('ecn', sample({ flight: 2 * MSS }));
    expect([cubic.cwnd, cubic.ssthresh]).toEqual([1400, 2 * MSS]);
    cubic.onCongestion('ecn', sample({ flight: MSS }));
    expect([cubic.cwnd, cubic.ssthresh]).toEqual([MSS, 2 * MSS]);
    // Also when the window of data that was marked is acknowledged.
    cubic.onRecovered(sample({ flight: MSS }));
    expect([cubic.cwnd, cubic.ssthresh]).toEqual([MSS, 2 * MSS]);
  });

  it.each([0, 3, 69])('[S-084] [S-079] after recovery cwnd is ssthresh, with %d segments in the network', (pipe) => {
    const cubic = controller(100);
    cubic.onCongestion('loss', sample({ flight: 100 * MSS }));
    cubic.onRecovered(sample({ pipe: pipe * MSS }));
    expect(cubic.cwnd).toBe(70 * MSS);
  });
});

describe('RFC 9438 §4.7: fast convergence', () => {
  /** When the window is again what it was before the last loss, in seconds. */
  function plateau(cubic: Cubic, wMax: number): number {
    let reached = 0;
    run(cubic, { from: 0, to: 12 * SECOND, rtt: 0.2 * SECOND }, (now) => {
      if (reached === 0 && cubic.cwnd >= wMax * MSS) reached = now / SECOND;
    });
    return reached;
  }

  it('[S-084] if cwnd < W_max at the event, W_max = cwnd (1 + β) / 2', () => {
    const cubic = controller(1000);
    lose(cubic);
    lose(cubic);
    // W_max is 700 · 0.85 = 595, the window begins at 490.
    expect(cubic.cwnd).toBe(490 * MSS);
    expect(plateau(cubic, 594)).toBeGreaterThan(Math.cbrt(105 / C) * 0.7);
    expect(cubic.cwnd / MSS).toBeGreaterThan(wCubic(12, 595, 490) * 0.98);
    expect(cubic.cwnd / MSS).toBeLessThan(wCubic(12.2, 595, 490) * 1.02);
  });

  it('[S-084] otherwise W_max = cwnd', () => {
    const cubic = controller(700);
    lose(cubic);
    plateau(cubic, 699);
    expect(cubic.cwnd / MSS).toBeGreaterThan(wCubic(12, 700, 490) * 0.98);
    expect(cubic.cwnd / MSS).toBeLessThan(wCubic(12.2, 700, 490) * 1.02);
  });
});

describe('RFC 9438 §4.8: timeout', () => {
  it('[S-084] cwnd is reduced as Reno does, ssthresh by β', () => {
    const cubic = controller(100);
    cubic.onCongestion('timeout', sample({ flight: 100 * MSS }));
    expect([cubic.cwnd, cubic.ssthresh]).toEqual([MSS, 70 * MSS]);
    // RFC 5681 §3.1: held constant when the same segment is lost again.
    cubic.onCongestion('timeout', sample({ flight: 10 * MSS }));
    expect([cubic.cwnd, cubic.ssthresh]).toEqual([MSS, 70 * MSS]);
    cubic.onAck(sample({ flight: 10 * MSS, limited: false }));
    cubic.onCongestion('timeout', sample({ flight: 10 * MSS }));
    expect(cubic.ssthresh).toBe(7 * MSS);
  });

  it('[S-084] in the congestion avoidance that follows K is 0 and W_max the window at its beginning', () => {
    const cubic = controller(1000);
    cubic.onCongestion('timeout', sample({ flight: 1000 * MSS }));
    cubic.onRecovered(sample({ flight: 1000 * MSS, acked: 1000 * MSS }));
    const rtt = 0.2 * SECOND;
    let begun = -1;
    run(cubic, { from: 0, to: 12 * SECOND, rtt }, (now) => {
      if (begun < 0 && cubic.cwnd >= 700 * MSS) begun = now;
    });
    const t = 12 - begun / SECOND;
    expect(begun).toBeGreaterThan(0);
    expect(cubic.cwnd / MSS).toBeGreaterThan((C * t * t * t + 700) * 0.98);
    const later = t + 0.2;
    expect(cubic.cwnd / MSS).toBeLessThan((C * later * later * later + 700) * 1.02);
  });
});

describe('RFC 9438 §4.9: spurious congestion events', () => {
  it('[S-084] cwnd, ssthresh, W_max, K, t_epoch and W_est are restored', () => {
    for (const kind of ['loss', 'timeout'] as const) {
      const [tested, untouched] = [controller(500), controller(500)];
      const rtt = 0.1 * SECOND;
      for (const cubic of [tested, untouched]) {
        lose(cubic);
        run(cubic, { from: 0, to: 3 * SECOND, rtt });
      }
      const before = [tested.cwnd, tested.ssthresh];
      tested.onCongestion(kind, sample({ flight: tested.cwnd }));
      tested.onAck(sample({ now: 3 * SECOND, srtt: rtt }));
      tested.onSpurious();
      expect([tested.cwnd, tested.ssthresh]).toEqual(before);
      for (const cubic of [tested, untouched]) run(cubic, { from: 3.1 * SECOND, to: 9 * SECOND, rtt });
      // What was restored does not remember the fraction of a byte.
      expect(Math.abs(tested.cwnd - untouched.cwnd)).toBeLessThanOrEqual(2);
    }
  });

  it('[S-084] a window that has grown beyond cwnd_prior since is kept', () => {
    const cubic = controller(20);
    lose(cubic);
    run(cubic, { from: 0, to: 20 * SECOND, rtt: 0.1 * SECOND });
    const { cwnd, ssthresh } = cubic;
    expect(cwnd).toBeGreaterThan(20 * MSS);
    cubic.onSpurious();
    expect([cubic.cwnd, cubic.ssthresh]).toEqual([cwnd, ssthresh]);
  });

  it('[S-084] the same event is taken back once', () => {
    const cubic = controller(20);
    lose(cubic);
    cubic.onSpurious();
    expect(cubic.cwnd).toBe(20 * MSS);
    cubic.onMssChange(MSS / 2);
    cubic.onSpurious();
    expect(cubic.cwnd).toBe(10 * MSS);
  });
});

describe('RFC 9438 §4.10, §5.8: slow start and rate-limited senders', () => {
  it('[S-084] slow start while cwnd is less than ssthresh, exactly up to it', () => {
    const cubic = controller(10);
    cubic.onCongestion('timeout', sample({ flight: 5 * MSS }));
    cubic.onRecovered(sample({ acked: MSS }));
    for (let i = 0; i < 2; i++) cubic.onAck(sample());
    expect(cubic.cwnd).toBe(3500);
    expect(cubic.ssthresh).toBe(3500);
  });

  it('[S-084] [S-083] §5.8: cwnd does not increase while the sender is limited by the application', () => {
    const cubic = controller(100);
    lose(cubic);
    for (let i = 0; i < 100; i++) {
      cubic.onAck(sample({ now: i * SECOND, flight: 50 * MSS, srtt: 1000, limited: false }));
    }
    expect(cubic.cwnd).toBe(70 * MSS);
  });

  it('[S-069] restarts from the initial window after idleness, and returns quickly', () => {
    const cubic = new Cubic({ mss: MSS, initialWindow: 10 * MSS, now: 0 });
    while (cubic.cwnd < 100 * MSS) cubic.onAck(sample({ flight: cubic.cwnd }));
    lose(cubic);
    cubic.onIdle(300_000, 300_000);
    expect(cubic.cwnd).toBe(70 * MSS);
    cubic.onIdle(300_001, 300_000);
    expect([cubic.cwnd, cubic.ssthresh]).toEqual([10 * MSS, 70 * MSS]);
    for (let i = 0; i < 60; i++) cubic.onAck(sample({ flight: cubic.cwnd }));
    expect(cubic.cwnd).toBe(70 * MSS);
  });
});

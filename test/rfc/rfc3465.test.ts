import { describe, expect, it } from 'vitest';
import { Cubic } from '../../src/tcp/congestion/cubic.ts';
import { Reno } from '../../src/tcp/congestion/reno.ts';
import { congestionSample } from '../support/congestion.ts';

const SMSS = 1000;
const START = { mss: SMSS, initialWindow: 10 * SMSS, now: 0 };
const MAKERS = { reno: () => new Reno(START), cubic: () => new Cubic(START) };

/** One round trip of a sender that fills its window; the receiver acknowledges `stretch` segments at once. */
function round(tested: Reno | Cubic, stretch: number): void {
  let left = tested.cwnd;
  while (left > 0) {
    const acked = Math.min(left, stretch * SMSS);
    tested.onAck(congestionSample({ acked, flight: tested.cwnd }));
    left -= acked;
  }
}

for (const [name, make] of Object.entries(MAKERS)) {
  describe(`RFC 3465: appropriate byte counting (${name})`, () => {
    it('[S-074] §2.1: what SACK had told of before counts when it is acknowledged', () => {
      const tested = make();
      tested.onAck(congestionSample({ acked: 2 * SMSS, delivered: SMSS }));
      expect(tested.cwnd).toBe(12 * SMSS);
    });

    it('[S-074] a loss that was none leaves what ACKs are usual as it was', () => {
      const tested = make();
      for (let i = 0; i < 3; i++) round(tested, 20);
      tested.onCongestion('loss', congestionSample({ flight: tested.cwnd }));
      tested.onSpurious();
      const { cwnd } = tested;
      tested.onAck(congestionSample({ acked: 20 * SMSS, flight: cwnd }));
      expect(tested.cwnd).toBe(cwnd + 20 * SMSS);
    });

    it('[S-067] RFC 5681 §3.1: a timeout after a loss reduces by what is in flight then, one of the same data does not', () => {
      const tested = make();
      tested.onCongestion('loss', congestionSample({ flight: 100 * SMSS }));
      tested.onCongestion('timeout', congestionSample({ flight: 20 * SMSS }));
      const { ssthresh } = tested;
      expect(ssthresh).toBeLessThan(20 * SMSS);
      tested.onCongestion('timeout', congestionSample({ flight: 10 * SMSS }));
      expect(tested.ssthresh).toBe(ssthresh);
      // A loss is no repetition of the timeout.
      tested.onCongestion('loss', congestionSample({ flight: 10 * SMSS }));
      expect(tested.ssthresh).toBeLessThan(ssthresh);
    });

    it('[S-069] RFC 5681 §4.1: RW = min(IW, cwnd), idleness makes no window larger', () => {
      const tested = make();
      tested.onCongestion('loss', congestionSample({ flight: 8 * SMSS }));
      const { cwnd, ssthresh } = tested;
      expect(cwnd).toBeLessThan(10 * SMSS);
      tested.onIdle(60_000_000, 1_000_000);
      expect([tested.cwnd, tested.ssthresh]).toEqual([cwnd, ssthresh]);
    });

    it('[S-074] §2.2: slow start grows by the bytes that are acknowledged, not by the number of ACKs', () => {
      const delayed = make();
      const each = make();
      for (let i = 0; i < 5; i++) delayed.onAck(congestionSample({ acked: 2 * SMSS }));
      for (let i = 0; i < 10; i++) each.onAck(congestionSample({ acked: SMSS }));
      expect([delayed.cwnd, each.cwnd]).toEqual([20 * SMSS, 20 * SMSS]);
    });

    it('[S-074] [S-067] §4.1: dividing an ACK gains nothing, in slow start', () => {
      const divided = make();
      for (let i = 0; i < SMSS; i++) divided.onAck(congestionSample({ acked: 1 }));
      expect(divided.cwnd).toBe(11 * SMSS);
    });

    it('[S-074] [S-067] §4.1: nor in congestion avoidance', () => {
      const windows = [1, 100].map((parts) => {
        const tested = make();
        tested.onCongestion('loss', congestionSample({ flight: 10 * SMSS }));
        for (let i = 0; i < 40 * parts; i++) {
          tested.onAck(congestionSample({ now: i / parts, acked: SMSS / parts, srtt: 1000 }));
        }
        return tested.cwnd;
      });
      expect(windows[1]).toBeLessThan((windows[0] ?? 0) + SMSS / 10);
    });

    it('[S-074] §2.3: one stretch ACK among ordinary ones is limited to L', () => {
      const tested = make();
      for (let i = 0; i < 5; i++) tested.onAck(congestionSample({ acked: 2 * SMSS }));
      const { cwnd } = tested;
      tested.onAck(congestionSample({ acked: 40 * SMSS }));
      expect(tested.cwnd).toBe(cwnd + (name === 'reno' ? 2 : 8) * SMSS);
    });

    it('[S-074] but a receiver that always stretches sees the window double each round trip', () => {
      for (const stretch of [4, 10, 20, 44]) {
        const tested = make();
        round(tested, stretch);
        for (let i = 0; i < 6; i++) {
          const { cwnd } = tested;
          round(tested, stretch);
          expect(tested.cwnd).toBe(2 * cwnd);
        }
      }
    });

    it('[S-074] what was usual is forgotten when ACKs are ordinary again', () => {
      const tested = make();
      for (let i = 0; i < 3; i++) round(tested, 44);
      for (let i = 0; i < 60; i++) tested.onAck(congestionSample({ acked: 2 * SMSS, flight: tested.cwnd }));
      const { cwnd } = tested;
      tested.onAck(congestionSample({ acked: 40 * SMSS, flight: cwnd }));
      expect(tested.cwnd - cwnd).toBeLessThanOrEqual(8 * SMSS);
    });

    it('[S-074] §2.3: L = 1 after a timeout, when an ACK may cover what had long arrived', () => {
      const tested = make();
      for (let i = 0; i < 4; i++) round(tested, 10);
      tested.onCongestion('timeout', congestionSample({ flight: 100 * SMSS }));
      tested.onAck(congestionSample({ acked: 50 * SMSS, flight: 100 * SMSS }));
      expect(tested.cwnd).toBe(2 * SMSS);
      tested.onAck(congestionSample({ acked: 2 * SMSS, flight: 50 * SMSS }));
      expect(tested.cwnd).toBe(3 * SMSS);
    });

    it('[S-074] §2.3: and what SACK had told of before does not count', () => {
      const tested = make();
      tested.onCongestion('timeout', congestionSample({ flight: 100 * SMSS }));
      tested.onAck(congestionSample({ acked: 50 * SMSS, delivered: SMSS / 2, flight: 100 * SMSS }));
      expect(tested.cwnd).toBe(1.5 * SMSS);
    });

    it('[S-074] yet repairing a large window behind stretch ACKs is not linear', () => {
      const tested = make();
      tested.onCongestion('timeout', congestionSample({ flight: 1000 * SMSS }));
      const seen: number[] = [];
      for (let i = 0; i < 9; i++) {
        tested.onAck(congestionSample({ acked: tested.cwnd, flight: 1000 * SMSS }));
        seen.push(tested.cwnd / SMSS);
      }
      expect(seen).toEqual([2, 3, 4, 8, 16, 32, 64, 128, 256]);
    });
  });
}

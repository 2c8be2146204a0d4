import { describe, expect, it } from 'vitest';
import { Cubic } from '../../src/tcp/congestion/cubic.ts';
import { Reno } from '../../src/tcp/congestion/reno.ts';
import { congestionSample } from '../support/congestion.ts';

const MSS = 1000;
const RTT = 100_000;
const START = { mss: MSS, initialWindow: 10 * MSS, now: 0 };

for (const make of [() => new Reno(START), () => new Cubic(START)]) {
  describe(`RFC 7661: congestion window validation (${make().name})`, () => {
    /** Ten ACKs of one segment each, in one batch or not, by a sender that uses `flight` of its window. */
    function acks(tested: Reno | Cubic, flight: number, now: number): void {
      for (let i = 0; i < 10; i++) {
        tested.onAck(congestionSample({ now, flight, srtt: RTT, limited: flight + MSS > tested.cwnd }));
      }
    }

    it('[S-083] §4.4: a sender that is not cwnd-limited must not increase cwnd in the non-validated phase', () => {
      const tested = make();
      for (let i = 0; i < 20; i++) acks(tested, 4 * MSS, i * RTT);
      expect(tested.cwnd).toBe(10 * MSS);
    });

    it('[S-083] §4.3: it may in the validated phase, when half of cwnd is used: in slow start, up to twice that', () => {
      const tested = make();
      for (let i = 0; i < 20; i++) acks(tested, 8 * MSS, i * RTT);
      expect(tested.cwnd).toBe(16 * MSS);
    });

    it('[S-083] in congestion avoidance only a sender that is limited increases it', () => {
      const tested = make();
      tested.onCongestion('loss', congestionSample({ flight: 10 * MSS }));
      const { cwnd } = tested;
      for (let i = 0; i < 50; i++) acks(tested, cwnd - MSS, i * RTT);
      expect(tested.cwnd).toBe(cwnd);
      for (let i = 0; i < 50; i++) acks(tested, tested.cwnd, 10_000_000 + i * RTT);
      expect(tested.cwnd).toBeGreaterThan(cwnd);
    });

    it('[S-083] §4.5.3: of ACKs in one batch only the first finds the window full, and all of them count', () => {
      const tested = make();
      for (let i = 0; i < 10; i++) {
        const flight = (10 - i) * MSS;
        tested.onAck(congestionSample({ now: RTT, flight, srtt: RTT, limited: flight + MSS > tested.cwnd }));
      }
      expect(tested.cwnd).toBe(20 * MSS);
    });

    it('[S-083] having been limited once does not count for longer than a round trip', () => {
      const tested = make();
      tested.onCongestion('loss', congestionSample({ flight: 10 * MSS }));
      tested.onAck(congestionSample({ now: 0, flight: tested.cwnd, srtt: RTT }));
      const { cwnd } = tested;
      for (let i = 1; i < 50; i++) acks(tested, 2 * MSS, i * (RTT + 1));
      expect(tested.cwnd).toBe(cwnd);
    });
  });
}

import { describe, expect, it } from 'vitest';
import type { CongestionSample } from '../../src/tcp/congestion/controller.ts';
import { Cubic } from '../../src/tcp/congestion/cubic.ts';
import { Reno } from '../../src/tcp/congestion/reno.ts';
import { WindowValidation } from '../../src/tcp/congestion/window-validation.ts';
import { congestionSample } from '../support/congestion.ts';
import * as sack from '../support/sack-world.ts';

const MSS = 1000;
const RTT = 100_000;
const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const START = { mss: MSS, initialWindow: 10 * MSS, now: 0 };

/** A sender whose flights are acknowledged segment by segment, all of them a round trip after they were sent. */
class Sender {
  now: number = 0;
  delivered: number = 0;
  resent: number = 0;
  readonly #see: (sample: CongestionSample) => void;

  constructor(see: (sample: CongestionSample) => void) {
    this.#see = see;
  }

  /** Sends `segments` at once, with a window of `cwnd`, and gets their ACKs after a round trip. */
  round(segments: number, cwnd: number = Infinity): void {
    const prior = this.delivered;
    this.now += RTT;
    for (let i = 0; i < segments; i++) {
      this.delivered += MSS;
      const flight = (segments - i) * MSS;
      this.#see(this.sample({ flight, limited: flight + MSS > cwnd, priorDelivered: prior }));
    }
  }

  sample(values: Partial<CongestionSample>): CongestionSample {
    const { now, delivered, resent } = this;
    return congestionSample({ now, srtt: RTT, totalDelivered: delivered, resent, ...values });
  }
}

function validation(cwnd: number): { tested: WindowValidation; sender: Sender } {
  const tested = new WindowValidation();
  const sender = new Sender((sample) => tested.mayGrow({ ...sample, limited: false }, cwnd, Infinity));
  return { tested, sender };
}

describe('RFC 7661 §4.1, §4.2: pipeACK', () => {
  it('[S-083] §4.1: a sender starts in the validated phase, pipeACK is undefined', () => {
    const { tested } = validation(100 * MSS);
    expect([tested.pipeAck, tested.unproven]).toEqual([-1, false]);
  });

  it('[S-083] §4.2: undefined until the first round trip that can be measured, then what was acknowledged in it', () => {
    const { tested, sender } = validation(100 * MSS);
    sender.round(10);
    expect([tested.pipeAck, tested.unproven]).toEqual([-1, false]);
    sender.round(7);
    expect([tested.pipeAck, tested.unproven]).toEqual([7 * MSS, true]);
  });

  it('[S-083] §4.2: an ACK of what SACK had told of before says nothing, and begins no round trip', () => {
    const { tested, sender } = validation(100 * MSS);
    sender.delivered = 10 * MSS;
    tested.mayGrow(sender.sample({ priorDelivered: -1 }), 100 * MSS, Infinity);
    sender.round(2);
    expect(tested.pipeAck).toBe(-1);
    sender.round(3);
    expect(tested.pipeAck).toBe(3 * MSS);
  });

  it('[S-083] §4.2: SHOULD take a sample once in a round trip; the largest of the sampling period counts', () => {
    const { tested, sender } = validation(100 * MSS);
    sender.round(1);
    for (const segments of [30, 8, 12, 3]) sender.round(segments);
    expect(tested.pipeAck).toBe(30 * MSS);
  });

  it('[S-083] §4.2: MUST NOT exceed the maximum within the sampling period, max(3 RTT, 1 second)', () => {
    const { tested, sender } = validation(100 * MSS);
    sender.round(1);
    sender.round(30);
    const measured = sender.now;
    while (sender.now < measured + SECOND - RTT) sender.round(4);
    expect(tested.pipeAck).toBe(30 * MSS);
    sender.round(4);
    expect(tested.pipeAck).toBe(4 * MSS);
  });

  it('[S-083] §4.2: three round trips where these are longer than a second', () => {
    const tested = new WindowValidation();
    let delivered = 0;
    const ack = (now: number, segments: number): void => {
      const priorDelivered = delivered;
      delivered += segments * MSS;
      tested.mayGrow(congestionSample({ now, srtt: SECOND, priorDelivered, totalDelivered: delivered }), 1e6, Infinity);
    };
    ack(0, 1);
    ack(SECOND, 30);
    ack(2 * SECOND, 5);
    ack(4 * SECOND - 1, 4);
    expect(tested.pipeAck).toBe(30 * MSS);
    ack(4 * SECOND, 4);
    expect(tested.pipeAck).toBe(5 * MSS);
  });

  it('[S-083] §4.5.1: what is older than the sampling period is discarded, silence counts as zero', () => {
    const { tested, sender } = validation(100 * MSS);
    sender.round(1);
    sender.round(30);
    sender.now += 5 * SECOND;
    sender.round(2);
    expect(tested.pipeAck).toBe(2 * MSS);
  });

  it('[S-083] §4.2: MUST NOT be updated during fast recovery, and counts only what was sent after it', () => {
    const { tested, sender } = validation(100 * MSS);
    sender.round(1);
    sender.round(60);
    tested.onCongestion('loss', sender.sample({ flight: 60 * MSS }), 30 * MSS);
    sender.round(60);
    expect(tested.pipeAck).toBe(-1);
    const prior = sender.delivered - MSS;
    tested.onRecovered(sender.sample({}));
    sender.delivered += 20 * MSS;
    tested.mayGrow(sender.sample({ priorDelivered: prior }), 100 * MSS, Infinity);
    expect(tested.pipeAck).toBe(-1);
    sender.round(3);
    expect(tested.pipeAck).toBe(3 * MSS);
  });
});

describe('RFC 7661 §4.3: the phases', () => {
  it('[S-083] validated when pipeACK >= (1/2)*cwnd, non-validated when it is less', () => {
    for (const [segments, unproven] of [
      [49, true],
      [50, false],
    ] as const) {
      const { tested, sender } = validation(100 * MSS);
      sender.round(1);
      sender.round(segments);
      expect(tested.unproven).toBe(unproven);
    }
  });

  it('[S-083] §4.4: a sender that comes to use half of cwnd SHOULD enter the validated phase', () => {
    const { tested, sender } = validation(100 * MSS);
    sender.round(1);
    sender.round(10);
    expect(tested.unproven).toBe(true);
    sender.round(51);
    expect(tested.unproven).toBe(false);
  });

  it('[S-083] a sender that uses all of its window never leaves the validated phase, also in slow start', () => {
    const tested = new WindowValidation();
    let cwnd = 10 * MSS;
    const phases = new Set<boolean>();
    const sender = new Sender((sample) => {
      if (tested.mayGrow(sample, cwnd, Infinity)) cwnd += MSS;
      phases.add(tested.unproven);
    });
    for (let i = 0; i < 7; i++) sender.round(cwnd / MSS, cwnd);
    expect(cwnd).toBe(1280 * MSS);
    expect([...phases]).toEqual([false]);
  });
});

for (const make of [() => new Reno(START), () => new Cubic(START)]) {
  const { name } = make();
  const senderOf = (tested: Reno | Cubic): Sender => new Sender((sample) => tested.onAck(sample));

  /** With a window of 161 segments, just beyond the double of what was once used, of which now 20 are. */
  function preserved(): { tested: Reno | Cubic; sender: Sender } {
    const tested = make();
    const sender = senderOf(tested);
    for (let i = 0; i < 4; i++) sender.round(tested.cwnd / MSS, tested.cwnd);
    expect(tested.cwnd).toBe(160 * MSS);
    sender.now += RTT / 2;
    for (let i = 0; i < 12; i++) sender.round(20, tested.cwnd);
    expect(tested.cwnd).toBe(161 * MSS);
    return { tested, sender };
  }

  /** A loss is noticed when `flight` is on its way, `again` of it is sent again, and recovery ends. */
  function lose(tested: Reno | Cubic, sender: Sender, flight: number, again: number): void {
    tested.onCongestion('loss', sender.sample({ flight: flight * MSS }));
    sender.resent += again * MSS;
    sender.now += RTT;
    sender.delivered += flight * MSS;
    tested.onRecovered(sender.sample({ flight: flight * MSS, pipe: 1000 * MSS }));
  }

  describe(`RFC 7661 §4.4: the non-validated phase (${name})`, () => {
    it('[S-083] preserves cwnd: a sender that is not cwnd-limited must not increase it', () => {
      const { tested, sender } = preserved();
      for (let i = 0; i < 100; i++) sender.round(20, tested.cwnd);
      expect(tested.cwnd).toBe(161 * MSS);
    });

    it('[S-083] a sender that is cwnd-limited MAY use the standard method to increase cwnd', () => {
      const { tested, sender } = preserved();
      sender.round(161, tested.cwnd);
      expect(tested.cwnd).toBe(322 * MSS);
    });

    it.each([
      [5, 10],
      [6, 12],
    ])(
      '[S-083] before anything is measured, too, only a sender that uses half of cwnd increases it: %i',
      (used, cwnd) => {
        const tested = make();
        for (let i = 0; i < 20; i++) {
          for (let k = 0; k < 10; k++) {
            tested.onAck(congestionSample({ now: i * RTT, flight: used * MSS, srtt: RTT, limited: false, acked: 100 }));
          }
        }
        expect(Math.floor(tested.cwnd / MSS)).toBe(cwnd);
      },
    );

    it('[S-083] §4.3: in slow start half of the window is enough: it grows up to twice what is used', () => {
      const tested = make();
      const sender = senderOf(tested);
      for (let i = 0; i < 20; i++) sender.round(8, tested.cwnd);
      expect(tested.cwnd).toBeGreaterThanOrEqual(16 * MSS);
      expect(tested.cwnd).toBeLessThanOrEqual(18 * MSS);
    });

    it('[S-083] in congestion avoidance only a sender that is limited increases it (RFC 9438 §5.8)', () => {
      const tested = make();
      const sender = senderOf(tested);
      lose(tested, sender, 10, 1);
      const { cwnd } = tested;
      for (let i = 0; i < 50; i++) sender.round(cwnd / MSS - 1, Infinity);
      expect(tested.cwnd).toBe(cwnd);
      for (let i = 0; i < 50; i++) sender.round(Math.floor(tested.cwnd / MSS), tested.cwnd);
      expect(tested.cwnd).toBeGreaterThan(cwnd);
    });

    it('[S-083] §4.5.3: of ACKs in one batch only the first finds the window full, and all of them count', () => {
      const tested = make();
      senderOf(tested).round(10, 10 * MSS);
      expect(tested.cwnd).toBe(20 * MSS);
    });

    it('[S-083] having been limited once does not count for longer than a round trip', () => {
      const tested = make();
      tested.onCongestion('loss', congestionSample({ flight: 10 * MSS }));
      tested.onAck(congestionSample({ now: 0, flight: tested.cwnd, srtt: RTT }));
      const { cwnd } = tested;
      for (let i = 1; i < 50; i++) {
        tested.onAck(congestionSample({ now: i * (RTT + 1), flight: 2 * MSS, srtt: RTT, limited: false }));
      }
      expect(tested.cwnd).toBe(cwnd);
    });
  });

  describe(`RFC 7661 §4.4.1: response to congestion (${name})`, () => {
    it('[S-083] cwnd = max(pipeACK, LossFlightSize) / 2 for loss recovery', () => {
      const { tested, sender } = preserved();
      tested.onCongestion('loss', sender.sample({ flight: 4 * MSS }));
      expect([tested.cwnd, tested.ssthresh]).toEqual([10 * MSS, 10 * MSS]);
      const other = preserved();
      other.tested.onCongestion('loss', other.sender.sample({ flight: 60 * MSS }));
      expect([other.tested.cwnd, other.tested.ssthresh]).toEqual([30 * MSS, 30 * MSS]);
    });

    it('[S-083] at its end cwnd = (max(pipeACK, LossFlightSize) − R) / 2, ssthresh the same', () => {
      const { tested, sender } = preserved();
      lose(tested, sender, 60, 24);
      expect([tested.cwnd, tested.ssthresh]).toEqual([18 * MSS, 18 * MSS]);
    });

    it('[S-083] never below one segment', () => {
      const { tested, sender } = preserved();
      lose(tested, sender, 20, 20);
      expect([tested.cwnd, tested.ssthresh]).toEqual([MSS, 2 * MSS]);
    });

    it('[S-083] pipeACK is undefined after recovery: the next loss is answered as in the validated phase', () => {
      const { tested, sender } = preserved();
      lose(tested, sender, 60, 0);
      expect(tested.cwnd).toBe(30 * MSS);
      const kept = name === 'reno' ? 5 * MSS : 7 * MSS;
      lose(tested, sender, 10, 10);
      expect([tested.cwnd, tested.ssthresh]).toEqual([kept, kept]);
    });

    it('[S-083] in the validated phase R makes no difference', () => {
      const tested = make();
      const sender = senderOf(tested);
      for (let i = 0; i < 4; i++) sender.round(tested.cwnd / MSS, tested.cwnd);
      lose(tested, sender, 160, 80);
      expect(tested.cwnd).toBe(name === 'reno' ? 80 * MSS : 112 * MSS);
    });

    it('[S-083] a mark ends the phase with the first reduction', () => {
      const { tested, sender } = preserved();
      tested.onCongestion('ecn', sender.sample({ flight: 4 * MSS }));
      expect([tested.cwnd, tested.ssthresh]).toEqual([10 * MSS, 10 * MSS]);
      // R is what "loss recovery" has to send again.
      sender.resent += 6 * MSS;
      tested.onRecovered(sender.sample({}));
      expect([tested.cwnd, tested.ssthresh]).toEqual([10 * MSS, 10 * MSS]);
      sender.round(10, tested.cwnd);
      tested.onCongestion('ecn', sender.sample({ flight: 10 * MSS }));
      expect(tested.cwnd).toBe(name === 'reno' ? 5 * MSS : 7 * MSS);
    });

    it('[S-083] §4.4: after a timeout the standard mechanism resumes', () => {
      const { tested, sender } = preserved();
      tested.onCongestion('timeout', sender.sample({ flight: 10 * MSS }));
      expect([tested.cwnd, tested.ssthresh]).toEqual([MSS, name === 'reno' ? 5 * MSS : 7 * MSS]);
      sender.resent += 10 * MSS;
      sender.delivered += 10 * MSS;
      tested.onRecovered(sender.sample({ flight: 10 * MSS, acked: MSS }));
      expect([tested.cwnd, tested.ssthresh]).toEqual([2 * MSS, name === 'reno' ? 5 * MSS : 7 * MSS]);
    });

    it('[S-083] a loss that was none leaves the preserved window', () => {
      const { tested, sender } = preserved();
      tested.onCongestion('loss', sender.sample({ flight: 4 * MSS }));
      tested.onSpurious();
      expect(tested.cwnd).toBe(161 * MSS);
    });
  });

  describe(`RFC 7661 §4.4.3: the end of the non-validated period (${name})`, () => {
    /** Sends 20 segments a round trip for so long. */
    function keepOn(sender: Sender, tested: Reno | Cubic, us: number): void {
      const end = sender.now + us;
      while (sender.now < end) sender.round(20, tested.cwnd);
    }

    it('[S-083] after five minutes ssthresh = max(ssthresh, 3*cwnd/4), cwnd = max(cwnd/2, IW)', () => {
      const { tested, sender } = preserved();
      lose(tested, sender, 320, 0);
      for (let i = 0; i < 12; i++) sender.round(tested.cwnd / MSS, tested.cwnd);
      keepOn(sender, tested, 2 * SECOND);
      const { cwnd, ssthresh } = tested;
      expect(cwnd).toBeGreaterThan(100 * MSS);
      keepOn(sender, tested, 5 * MINUTE - 3 * SECOND);
      expect([tested.cwnd, tested.ssthresh]).toEqual([cwnd, ssthresh]);
      keepOn(sender, tested, 2 * SECOND);
      expect(tested.cwnd).toBe(Math.floor(cwnd / 2));
      expect(tested.ssthresh).toBe(Math.max(ssthresh, Math.floor((3 * cwnd) / 4)));
      expect(tested.ssthresh).toBeGreaterThan(tested.cwnd);
    });

    it('[S-083] §4.5.2: once for each period; slow start goes on from there to twice what is used', () => {
      const { tested, sender } = preserved();
      keepOn(sender, tested, 16 * MINUTE);
      expect(tested.cwnd).toBe(Math.floor((161 * MSS) / 8) + 20 * MSS);
    });

    it('[S-083] not below the initial window, which a smaller one is not raised to', () => {
      const { tested, sender } = preserved();
      const end = sender.now + 60 * MINUTE;
      while (sender.now < end) sender.round(1, tested.cwnd);
      expect(tested.cwnd).toBe(10 * MSS);
    });

    it('[S-083] a window no larger than the initial one is left alone, and ssthresh with it', () => {
      const tested = make();
      const sender = senderOf(tested);
      lose(tested, sender, 10, 1);
      for (let i = 0; i < 100 && tested.cwnd < 9.4 * MSS; i++) sender.round(Math.floor(tested.cwnd / MSS), tested.cwnd);
      for (let i = 0; i < 3; i++) sender.round(1, tested.cwnd);
      const { cwnd, ssthresh } = tested;
      expect(cwnd).toBeLessThanOrEqual(10 * MSS);
      expect(ssthresh).toBeLessThan((3 * cwnd) / 4);
      const end = sender.now + 6 * MINUTE;
      while (sender.now < end) sender.round(1, tested.cwnd);
      expect([tested.cwnd, tested.ssthresh]).toEqual([cwnd, ssthresh]);
    });

    it('[S-083] §4.3: nothing is taken from who uses half of the window, however long that lasts', () => {
      const { tested, sender } = preserved();
      const end = sender.now + 6 * MINUTE;
      while (sender.now < end) sender.round(81, Infinity);
      expect(tested.cwnd).toBeGreaterThanOrEqual(161 * MSS);
    });

    it('[S-083] the period begins anew when the window was validated', () => {
      const { tested, sender } = preserved();
      keepOn(sender, tested, 4 * MINUTE);
      sender.round(81, tested.cwnd);
      keepOn(sender, tested, 4 * MINUTE);
      expect(tested.cwnd).toBeGreaterThanOrEqual(161 * MSS);
    });

    it('[S-083] [S-069] idleness is not preserved: RFC 5681 §4.1 starts over, §4.1 of this one too', () => {
      const { tested, sender } = preserved();
      sender.now += SECOND;
      tested.onIdle(SECOND, 300_000);
      expect([tested.cwnd, tested.ssthresh]).toEqual([10 * MSS, make().ssthresh]);
      sender.round(10, tested.cwnd);
      expect(tested.cwnd).toBe(20 * MSS);
    });
  });
}

describe('RFC 7661: on a connection', () => {
  it('[S-083] what was used of a preserved window answers a loss: (pipeACK − R) / 2', () => {
    const made = sack.twenty();
    const { world, connection } = made;
    for (let n = 11; n <= 30; n++) sack.ack(made, n);
    expect(connection.info().cwnd).toBe(40 * sack.MSS);
    world.advance(sack.RTT);
    // From now on six segments a round trip, for more than a second.
    let acked = 30;
    const turn = (): void => {
      world.write(connection, 6 * sack.MSS);
      sack.segments(made);
      world.advance(sack.RTT);
    };
    for (let i = 0; i < 14; i++) {
      turn();
      acked += 6;
      sack.ack(made, acked);
    }
    // Twice the twenty that were used, and what the ACK that got there has added.
    expect(connection.info().cwnd).toBe(42 * sack.MSS);
    turn();
    // The first two are lost.
    for (let i = 2; i < 6; i++) sack.ack(made, acked, [acked + 2, acked + i + 1]);
    expect(connection.info()).toMatchObject({ recovery: 'recovery', ssthresh: 3 * sack.MSS });
    world.advance(sack.RTT);
    sack.segments(made);
    sack.ack(made, acked + 6);
    expect(connection.info()).toMatchObject({ recovery: 'open', ssthresh: 2 * sack.MSS, cwnd: 2 * sack.MSS });
  });
});

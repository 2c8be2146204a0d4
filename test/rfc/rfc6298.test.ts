import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AckReport } from '../../src/tcp/ack-report.ts';
import { DeliveryRate } from '../../src/tcp/delivery-rate.ts';
import { Rack } from '../../src/tcp/rack.ts';
import { RtoEstimator } from '../../src/tcp/rto.ts';
import { Scoreboard } from '../../src/tcp/scoreboard.ts';
import { established } from '../support/tcp-world.ts';

const SECOND = 1_000_000;
/** What is on its way, and the round-trip time that an acknowledgement of it gives. */
class Outstanding {
  readonly #board = new Scoreboard();
  readonly #rate = new DeliveryRate();
  readonly #report = new AckReport(new Rack(0), this.#rate);

  push(seq: number, end: number, now: number): void {
    this.#board.push(seq, end, 1000, now, this.#rate);
  }

  markRetransmitted(seq: number, end: number, now: number): void {
    this.#board.markRetransmitted(seq, end, now, this.#rate);
  }

  acknowledge(una: number, now: number): number {
    this.#report.begin(now, 0, -1);
    this.#board.acknowledge(una, this.#report);
    return this.#report.rtt;
  }
}

/** The RFC's plain formula, without the floor of the variance term. */
const plain = { minimum: 0, granularity: 1000 };

describe('RFC 6298 §2: the basic algorithm', () => {
  it('[S-061] §2.1: until a measurement has been made, RTO is 1 second, and backing off still applies', () => {
    const rto = new RtoEstimator();
    expect(rto.rto).toBe(SECOND);
    rto.backOff();
    expect(rto.rto).toBe(2 * SECOND);
  });

  it('[S-061] §2.2: the first measurement gives SRTT = R, RTTVAR = R/2, RTO = SRTT + max(G, 4 RTTVAR)', () => {
    const rto = new RtoEstimator(plain);
    rto.sample(100_000);
    expect([rto.srtt, rto.rttvar, rto.rto]).toEqual([100_000, 50_000, 300_000]);
  });

  it('[S-061] §2.3: later ones update RTTVAR with beta = 1/4 from the old SRTT, then SRTT with alpha = 1/8', () => {
    const rto = new RtoEstimator(plain);
    rto.sample(100_000);
    rto.sample(180_000);
    // RTTVAR = 3/4 × 50 + 1/4 × |100 − 180| = 57.5 ms; SRTT = 7/8 × 100 + 1/8 × 180 = 110 ms.
    expect([rto.srtt, rto.rttvar, rto.rto]).toEqual([110_000, 57_500, 340_000]);
    rto.sample(30_000);
    // RTTVAR = 3/4 × 57.5 + 1/4 × 80 = 63.125 ms; SRTT = 7/8 × 110 + 1/8 × 30 = 100 ms.
    expect([rto.srtt, rto.rttvar, rto.rto]).toEqual([100_000, 63_125, 352_500]);
  });

  it('[S-061] §2.3: follows the formula for any sequence of measurements', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 10_000_000 }), { minLength: 1, maxLength: 40 }), (samples) => {
        const rto = new RtoEstimator(plain);
        let srtt = samples[0]!;
        let rttvar = srtt / 2;
        samples.forEach((sample, i) => {
          rto.sample(sample);
          if (i > 0) {
            rttvar = 0.75 * rttvar + 0.25 * Math.abs(srtt - sample);
            srtt = 0.875 * srtt + 0.125 * sample;
          }
        });
        expect(rto.srtt).toBeCloseTo(srtt, 3);
        expect(rto.rttvar).toBeCloseTo(rttvar, 3);
        expect(rto.rto).toBeCloseTo(Math.min(srtt + Math.max(1000, 4 * rttvar), 120 * SECOND), 3);
      }),
    );
  });

  it('[S-061] §2.4, deliberately not met: no minimum of 1 s; the variance term is at least 200 ms (Linux)', () => {
    const rto = new RtoEstimator();
    rto.sample(1000);
    expect(rto.rto).toBe(201_000);
    for (let i = 0; i < 50; i++) rto.sample(1000);
    expect(rto.rto).toBe(201_000);
  });

  it('[S-061] §2.5: the maximum is at least 60 seconds', () => {
    const rto = new RtoEstimator();
    for (let i = 0; i < 20; i++) rto.backOff();
    expect(rto.rto).toBeGreaterThanOrEqual(60 * SECOND);
    expect(rto.rto).toBe(120 * SECOND);
  });
});

describe('RFC 6298 §3: taking RTT samples', () => {
  it('[MUST-18] a segment that was retransmitted gives no sample', () => {
    const queue = new Outstanding();
    queue.push(1000, 2000, 10);
    queue.markRetransmitted(1000, 2000, 500);
    expect(queue.acknowledge(2000, 600)).toBe(-1);
  });

  it('[MUST-18] new data that is acknowledged alone gives samples again', () => {
    const queue = new Outstanding();
    queue.push(1000, 2000, 10);
    queue.markRetransmitted(1000, 2000, 500);
    queue.push(2000, 3000, 550);
    queue.acknowledge(2000, 600);
    expect(queue.acknowledge(3000, 700)).toBe(150);
  });

  it('[MUST-18] data acknowledged together with a retransmission has waited for it and gives none', () => {
    const queue = new Outstanding();
    queue.push(1000, 2000, 10);
    queue.push(2000, 3000, 20);
    queue.markRetransmitted(1000, 2000, 500);
    expect(queue.acknowledge(3000, 600)).toBe(-1);
  });

  it('at least one measurement is made in each round trip that loses nothing', () => {
    const queue = new Outstanding();
    let samples = 0;
    for (let trip = 0; trip < 10; trip++) {
      queue.push(trip * 100, trip * 100 + 100, trip * 1000);
      if (queue.acknowledge(trip * 100 + 100, trip * 1000 + 40) === 40) samples++;
    }
    expect(samples).toBe(10);
  });
});

describe('RFC 6298 §4: clock granularity', () => {
  it('[S-061] when 4 RTTVAR is below G, the variance term is G', () => {
    const rto = new RtoEstimator({ minimum: 0, granularity: 10_000 });
    for (let i = 0; i < 100; i++) rto.sample(500_000);
    expect(4 * rto.rttvar).toBeLessThan(10_000);
    expect(rto.rto).toBe(510_000);
  });
});

describe('RFC 6298 §5: managing the RTO timer', () => {
  it('[S-062] [MUST-19] §5.5: each expiry doubles RTO', () => {
    const rto = new RtoEstimator(plain);
    rto.sample(100_000);
    const seen = [rto.rto];
    for (let i = 0; i < 4; i++) {
      rto.backOff();
      seen.push(rto.rto);
    }
    expect(seen).toEqual([300_000, 600_000, 1_200_000, 2_400_000, 4_800_000]);
  });

  it('[S-062] §5.7: after a lost SYN, RTO is 3 seconds when data transmission begins', () => {
    const rto = new RtoEstimator();
    rto.backOff();
    rto.synLost();
    expect([rto.rto, rto.backoffs]).toEqual([3 * SECOND, 0]);
    rto.backOff();
    rto.resetBackOff();
    expect(rto.rto).toBe(3 * SECOND);
  });

  it('[S-062] §5.7: that holds with a time measured in the handshake, too', () => {
    const rto = new RtoEstimator();
    rto.sample(50_000);
    rto.synLost();
    expect(rto.rto).toBe(3 * SECOND);
  });

  it('[S-062] §5: a new measurement collapses RTO after back-off', () => {
    const rto = new RtoEstimator(plain);
    rto.synLost();
    for (let i = 0; i < 3; i++) rto.backOff();
    rto.sample(200_000);
    expect(rto.rto).toBe(600_000);
  });
});

describe('RFC 7323 §4.2: many samples in a round trip', () => {
  /** Samples of segments of 10 bytes, as a connection that always keeps a round's worth in flight takes them. */
  function feed(rto: RtoEstimator, rounds: readonly (readonly number[])[], from: number): void {
    let una = from;
    for (const round of rounds) {
      for (const rtt of round) {
        una = (una + 10) >>> 0;
        rto.sample(rtt, una, (una + 10 * (round.length - 1)) >>> 0);
      }
    }
  }

  function steady(rtt: number, count: number): number[] {
    return Array.from({ length: count }, () => rtt);
  }

  it('[S-061] RTTVAR forgets as slowly as with one sample in each', () => {
    const [one, many] = [new RtoEstimator(plain), new RtoEstimator(plain)];
    const spike = 300_000;
    const rounds = [100_000, spike, 100_000, 100_000, 100_000];
    feed(
      one,
      rounds.map((rtt) => [rtt]),
      0,
    );
    feed(
      many,
      rounds.map((rtt, i) => (i === 1 ? [...steady(100_000, 99), spike] : steady(rtt, 100))),
      0,
    );
    expect(many.rttvar).toBeGreaterThan(0.6 * one.rttvar);
    // As RFC 6298 alone would have it, with a sample for every ACK.
    const forgetful = new RtoEstimator(plain);
    for (let i = 0; i < 300; i++) forgetful.sample(i === 0 ? spike : 100_000);
    expect(forgetful.rttvar).toBeLessThan(0.01 * many.rttvar);
  });

  it('a deviation counts at once, not at the end of the round trip', () => {
    const rto = new RtoEstimator(plain);
    feed(rto, [steady(100_000, 50), steady(100_000, 50)], 0);
    const before = rto.rttvar;
    rto.sample(500_000, 1010, 1500);
    expect(rto.rttvar).toBeGreaterThan(before + 80_000);
  });

  it('RTTVAR does not shrink within a round trip, and shrinks by a quarter in each that is steady', () => {
    const rto = new RtoEstimator(plain);
    rto.sample(100_000, 0, 1000);
    for (let una = 10; una < 1000; una += 10) {
      rto.sample(100_000, una, una + 1000);
      expect(rto.rttvar).toBe(50_000);
    }
    rto.sample(100_000, 1000, 2000);
    expect(rto.rttvar).toBe(37_500);
  });

  it('is the same wherever sequence numbers begin', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 20 }), { maxLength: 20 }),
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        (rounds, from) => {
          const [a, b] = [new RtoEstimator(), new RtoEstimator()];
          feed(a, rounds, 0);
          feed(b, rounds, from);
          expect([b.srtt, b.rttvar, b.rto]).toEqual([a.srtt, a.rttvar, a.rto]);
        },
      ),
    );
  });

  it('RTO never lies below SRTT by any sequence of samples', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5_000_000 }), { minLength: 1, maxLength: 60 }), (samples) => {
        const rto = new RtoEstimator();
        feed(rto, [samples], 0);
        expect(rto.rto).toBeGreaterThanOrEqual(rto.srtt + 200_000);
      }),
    );
  });

  it('a round trip whose end is long past, as after gigabytes without a sample, is over', () => {
    const rto = new RtoEstimator(plain);
    rto.sample(100_000, 0, 1000);
    rto.sample(100_000, 2 ** 31 + 1500, 2 ** 31 + 2500);
    expect(rto.rttvar).toBe(37_500);
  });
});

describe('RFC 6298 §5, in a connection without timestamps', () => {
  /** Two segments were sent, and the path was silent for two minutes. */
  function outage(): ReturnType<typeof established> {
    const made = established({ rtt: 100_000, tcp: { noDelay: true } });
    made.world.write(made.connection, 2 * 1460);
    made.world.advance(120 * SECOND);
    made.peer.take();
    expect(made.connection.info().rto).toBeGreaterThan(20_000);
    return made;
  }

  it('[MUST-18] an ACK of what was sent twice gives no sample, but what was an outage does not outlast it (§5.7)', () => {
    const { peer, connection } = outage();
    const { rtt } = connection.info();
    peer.ack(1 + 1460);
    expect(connection.info()).toMatchObject({ rtt, rto: 3000 });
    peer.take();
  });

  it('[S-062] §5.5: an ACK of nothing new leaves the back-off', () => {
    const { peer, connection } = outage();
    const { rto } = connection.info();
    peer.ack(1);
    expect(connection.info().rto).toBe(rto);
    peer.take();
  });
});

import { describe, expect, it } from 'vitest';
import { RtoEstimator } from '../../src/tcp/rto.ts';

const plain = { minimum: 0, granularity: 1000 };

/** SRTT 100 ms, RTTVAR 50 ms, and the timer has expired. */
function timedOut(): RtoEstimator {
  const rto = new RtoEstimator(plain);
  rto.sample(100_000);
  rto.backOff();
  return rto;
}

describe('RFC 4015 §3.1 step 11: adapting the retransmission timer after a spurious timeout', () => {
  it('[S-082] a longer round-trip time counts as a first measurement: SRTT = RTT, RTTVAR = RTT/2', () => {
    const rto = timedOut();
    rto.onSpurious(500_000);
    expect([rto.srtt, rto.rttvar, rto.rto, rto.backoffs]).toEqual([500_000, 250_000, 1_500_000, 0]);
  });

  it('[S-082] a passing spike leaves RTO at least 2 G greater than before the timeout', () => {
    const rto = timedOut();
    rto.onSpurious(20_000);
    expect([rto.srtt, rto.rttvar, rto.rto]).toEqual([102_000, 50_000, 302_000]);
  });

  it('[S-082] step 0: what counts is what was known before the timeout, not samples of the spike itself', () => {
    const rto = timedOut();
    rto.sample(3_000_000);
    expect(rto.srtt).toBeGreaterThan(400_000);
    rto.onSpurious(120_000);
    expect([rto.srtt, rto.rttvar]).toEqual([120_000, 60_000]);
  });

  it('[S-082] the bounds of RTO hold', () => {
    const rto = new RtoEstimator({ ...plain, maximum: 60_000_000 });
    rto.sample(100_000);
    rto.backOff();
    rto.onSpurious(50_000_000);
    expect(rto.rto).toBe(60_000_000);
  });
});

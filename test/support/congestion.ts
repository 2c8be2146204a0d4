import type { CongestionSample } from '../../src/tcp/congestion/controller.ts';

/** A sample of an ACK of one segment of 1000 bytes by a sender that uses its window; what a test names differs. */
export function congestionSample(values: Partial<CongestionSample> = {}): CongestionSample {
  const { acked = 1000, flight = 10_000 } = values;
  return {
    now: 0,
    acked,
    delivered: acked,
    lost: 0,
    flight,
    pipe: Math.max(flight - acked, 0),
    mss: 1000,
    rtt: -1,
    srtt: 0,
    limited: true,
    totalDelivered: 0,
    priorDelivered: -1,
    resent: 0,
    deliveryRate: -1,
    appLimited: false,
    recovering: false,
    ...values,
  };
}

import { congestionControls } from '../../src/tcp/congestion/registry.ts';
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

/** Registers a controller of ten segments that throws, with `my controller`, while its switch is on. */
export function failingController(name: string): { failing: boolean } {
  const controller = { failing: false };
  congestionControls.register(name, ({ mss }) => ({
    name,
    get cwnd() {
      if (controller.failing) throw new Error('my controller');
      return 10 * mss;
    },
    ssthresh: 10 * mss,
    onAck: () => {},
    onCongestion: () => {},
    onRecovered: () => {},
    onIdle: () => {},
  }));
  return controller;
}
